//! The accept loop and its end, over loopback.

use super::double::Double;
use super::scene::{double, listening, on_a_loop};
use crate::Config;
use crate::server::Life;
use crate::server::accept::serve_with;
use std::future::Future;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::{JoinHandle, spawn_local};

type Serving = JoinHandle<std::io::Result<()>>;

fn serving<F: Future>(
    run: impl FnOnce(Rc<Double>, SocketAddr, Rc<Life>, Serving) -> F,
) -> F::Output {
    serving_by(Config::default(), run)
}

fn serving_by<F: Future>(
    config: Config,
    run: impl FnOnce(Rc<Double>, SocketAddr, Rc<Life>, Serving) -> F,
) -> F::Output {
    on_a_loop(async {
        let (listener, address) = listening();
        let (app, life) = (double(config), Life::new());
        app.ready.set(true);
        let serving = spawn_local(serve_with(Rc::clone(&app), listener, Rc::clone(&life)));
        let test = run(app, address, life, serving);
        tokio::time::timeout(Duration::from_secs(10), test)
            .await
            .expect("the test ends in time")
    })
}

async fn get(address: SocketAddr, request: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    Ok(answer)
}

const LAST: &str = "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";

#[test]
fn a_panic_ends_its_connection_and_nothing_else() {
    serving(|_, address, life, _| async move {
        let panics = "GET /panics-at-once HTTP/1.1\r\nHost: h\r\n\r\n";
        let lost = get(address, panics).await;
        assert!(lost.as_deref().unwrap_or("").is_empty(), "{lost:?}");
        assert_eq!(life.connections(), 0);
        let answer = get(address, LAST).await.expect("an answer");
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    });
}

#[test]
fn a_half_closed_client_gets_what_is_answered_at_once() {
    serving(|_, address, _, _| async move {
        let mut stream = TcpStream::connect(address).await.expect("a connection");
        stream
            .write_all(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
            .await
            .expect("sent");
        stream.shutdown().await.expect("half closed");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.expect("an answer");
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    });
}

#[test]
fn an_http_1_0_stream_that_fails_ends_in_a_reset() {
    serving(|_, address, _, _| async move {
        let broken = get(address, "GET /broken HTTP/1.0\r\n\r\n").await;
        let error = broken.expect_err("its end would look like that of a whole one");
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    });
}

#[test]
fn after_drain_nothing_is_accepted_and_serving_ends() {
    serving(|app, address, life, serving| async move {
        let mut idle = TcpStream::connect(address).await.expect("a connection");
        idle.write_all(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
            .await
            .expect("sent");
        let mut bytes = [0; 1024];
        assert!(idle.read(&mut bytes).await.expect("an answer") > 0);
        life.drain();
        assert_eq!(idle.read(&mut bytes).await.expect("an orderly end"), 0);
        serving.await.expect("no panic").expect("no error");
        assert!(!app.ready.get());
        let refused = TcpStream::connect(address).await.expect_err("closed");
        assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
    });
}

#[test]
fn a_client_in_the_queue_when_draining_begins_is_served() {
    serving(|_, address, life, serving| async move {
        // Connected and sent from a thread of its own while nothing here is polled: it can only be in the queue.
        let client = std::thread::spawn(move || {
            use std::io::Write as _;
            let mut stream = std::net::TcpStream::connect(address).expect("a connection");
            stream.write_all(LAST.as_bytes()).expect("sent");
            stream
        });
        let stream = client.join().expect("connected");
        life.drain();
        serving.await.expect("no panic").expect("no error");
        let answer = std::io::read_to_string(stream).expect("an answer");
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    });
}

#[test]
fn a_busy_worker_goes_in_step_until_it_is_quiet() {
    serving(|_, address, life, _| async move {
        let mut streams = Vec::new();
        for _ in 0..8 {
            streams.push(TcpStream::connect(address).await.expect("a connection"));
        }
        while !life.is_in_step() {
            life.count(10_000);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        for stream in &mut streams {
            let two = format!("GET /first HTTP/1.1\r\nHost: h\r\n\r\n{LAST}");
            stream.write_all(two.as_bytes()).await.expect("sent");
        }
        for mut stream in streams {
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await.expect("an answer");
            assert_eq!(answer.matches("HTTP/1.1 200 OK\r\n").count(), 2, "{answer}");
        }
        // The sweep that says so runs while there are connections.
        let _open = TcpStream::connect(address).await.expect("a connection");
        while life.is_in_step() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
}

fn introduced(trusted: &str) -> Config {
    Config {
        trusted_proxies: trusted.to_owned(),
        proxy_protocol: true,
        header_timeout_ms: 300,
        ..Config::default()
    }
}

const WHO: &str = "GET /peer HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";

#[test]
fn a_proxy_of_ours_introduces_the_client() {
    serving_by(introduced("127.0.0.1"), |_, address, _, _| async move {
        let line = "PROXY TCP4 203.0.113.9 10.0.0.1 56324 443\r\n";
        let answer = get(address, &format!("{line}{WHO}")).await;
        let answer = answer.expect("an answer");
        assert!(answer.ends_with("\r\n\r\n203.0.113.9:56324"), "{answer}");
        let own = get(address, &format!("PROXY UNKNOWN\r\n{WHO}")).await;
        assert!(own.expect("an answer").contains("\r\n\r\n127.0.0.1:"));
        // Who comes without one, with a wrong one, or with none in time, is let go.
        for wrong in [WHO, "PROXY TCP4 x\r\n", "PROXY "] {
            let gone = get(address, wrong).await.unwrap_or_default();
            assert_eq!(gone, "", "{wrong}");
        }
    });
}

#[test]
fn a_stranger_introduces_nobody() {
    serving_by(introduced("192.0.2.1"), |_, address, _, _| async move {
        let line = "PROXY TCP4 203.0.113.9 10.0.0.1 56324 443\r\n";
        let refused = get(address, &format!("{line}{WHO}")).await;
        let refused = refused.expect("an answer");
        assert!(refused.starts_with("HTTP/1.1 400 "), "{refused}");
        let plain = get(address, WHO).await.expect("an answer");
        assert!(plain.contains("\r\n\r\n127.0.0.1:"), "{plain}");
    });
}
