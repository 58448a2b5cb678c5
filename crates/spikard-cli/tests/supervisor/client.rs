//! Clients of HTTP/1.1: one that asks, and eight that ask without pause and keep what failed.

use crate::supervised::{LIMIT, Supervised};
use std::io::{BufRead as _, BufReader, ErrorKind, Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::Instant;

/// A connection, and whether the server said that it closes it.
pub(crate) struct Client(BufReader<TcpStream>, pub(crate) bool);

impl Client {
    pub(crate) fn connect(address: &str) -> std::io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(LIMIT))?;
        Ok(Self(BufReader::new(stream), false))
    }

    pub(crate) fn ask(&mut self, path: &str, connection: &str) -> std::io::Result<()> {
        let request =
            format!("GET {path} HTTP/1.1\r\nhost: test\r\nconnection: {connection}\r\n\r\n");
        self.0.get_mut().write_all(request.as_bytes())
    }

    /// The body of a whole answer with status 200.
    pub(crate) fn answer(&mut self) -> std::io::Result<String> {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if self.0.read_line(&mut head)? == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
        }
        assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
        self.1 = head.contains("\r\nconnection: close\r\n");
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "));
        let mut body = vec![0; length.expect("a length").parse().expect("a number")];
        self.0.read_exact(&mut body)?;
        Ok(String::from_utf8(body).expect("text"))
    }

    /// Sends nothing until the server has closed the connection, or had to cut it.
    pub(crate) fn until_closed(mut self) {
        let read = self.0.read(&mut [0]);
        let error = read.as_ref().err().map(std::io::Error::kind);
        let is_closed = matches!(read, Ok(0)) || error == Some(ErrorKind::ConnectionReset);
        assert!(is_closed, "the connection stays: {read:?}");
    }
}

/// Clients that ask without pause until they are told to stop.
pub(crate) struct Load {
    stop: Arc<AtomicBool>,
    answered: Arc<AtomicUsize>,
    clients: Vec<JoinHandle<Vec<String>>>,
}

impl Load {
    /// Four clients with a connection per request, four that keep theirs.
    pub(crate) fn on(supervised: &Supervised) -> Self {
        let (stop, answered) = (Arc::<AtomicBool>::default(), Arc::<AtomicUsize>::default());
        let clients = (0..8).map(|client| {
            let (stop, answered) = (Arc::clone(&stop), Arc::clone(&answered));
            let address = supervised.address.clone();
            let work = if client < 4 { ask_anew } else { ask_on };
            std::thread::spawn(move || work(&address, &stop, &answered))
        });
        let clients = clients.collect();
        Self {
            stop,
            answered,
            clients,
        }
    }

    /// Waits until this many more requests were answered.
    pub(crate) fn go_on(&self, requests: usize) {
        let until = Instant::now() + LIMIT;
        let goal = self.answered.load(Ordering::Relaxed) + requests;
        while self.answered.load(Ordering::Relaxed) < goal {
            assert!(Instant::now() < until, "the load came to a halt");
            std::thread::yield_now();
        }
    }

    /// What failed, a list per client.
    pub(crate) fn failures(self) -> Vec<Vec<String>> {
        self.stop.store(true, Ordering::Relaxed);
        self.clients
            .into_iter()
            .map(|client| client.join().expect("a client"))
            .collect()
    }
}

/// A new connection for each request: neither may fail.
fn ask_anew(address: &str, stop: &AtomicBool, answered: &AtomicUsize) -> Vec<String> {
    let mut failures = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        let outcome = Client::connect(address)
            .map_err(|error| format!("connect: {error}"))
            .and_then(|mut client| {
                client
                    .ask("/pid", "close")
                    .and_then(|()| client.answer())
                    .map_err(|error| format!("request: {error}"))
            });
        match outcome {
            Ok(_) => _ = answered.fetch_add(1, Ordering::Relaxed),
            Err(failure) => failures.push(failure),
        }
    }
    failures
}

/// One connection until the server says in an answer that it closes it. Sends nothing again: anything else is a failure.
fn ask_on(address: &str, stop: &AtomicBool, answered: &AtomicUsize) -> Vec<String> {
    let mut failures = Vec::new();
    let mut kept: Option<Client> = None;
    while !stop.load(Ordering::Relaxed) {
        let connected = kept.take().map_or_else(|| Client::connect(address), Ok);
        let outcome = connected.and_then(|mut client| {
            client.ask("/pid", "keep-alive")?;
            client.answer().map(|_| client)
        });
        match outcome {
            Ok(client) => {
                answered.fetch_add(1, Ordering::Relaxed);
                kept = Some(client).filter(|client| !client.1);
            }
            Err(error) => failures.push(error.to_string()),
        }
    }
    failures
}
