//! Answers in the place of an app that does not start: 503 with the reason, on the app's own socket. Development only.

use serde_json::json;
use spikard::problem;
use spikard::server::Listener;
use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::time::Duration;

/// More connections than these wait until others are answered.
const MOST: usize = 64;
/// What a client may take to send its request, and to read the answer.
const PATIENCE: Duration = Duration::from_secs(1);
/// More than any head that a server takes.
const LONGEST_HEAD: usize = 64 << 10;

/// The reason, ready to be sent.
#[derive(Debug)]
pub(crate) struct StandIn(Arc<String>);

impl StandIn {
    pub(crate) fn new(reason: &str) -> Self {
        let row = problem::TABLE.iter().find(|row| row.code == "unavailable");
        let row = row.expect("invariant: the error table has the row");
        let body = json!({
            "type": format!("{}{}", spikard::Config::default().problem_base, row.code),
            "title": row.title,
            "status": row.status,
            "detail": format!("the app does not start; save a file of it to try again\n{reason}"),
            "code": row.code,
        });
        let body = format!("{body:#}\n");
        Self(Arc::new(format!(
            "HTTP/1.1 {} {}\r\ncontent-type: application/problem+json\r\ncontent-length: {}\r\n\
             retry-after: 1\r\nconnection: close\r\n\r\n{body}",
            row.status,
            row.title,
            body.len()
        )))
    }

    /// Answers those who wait on `listener`, which does not block, each in a thread of its own that ends soon.
    pub(crate) fn answer(&self, listener: &Listener) {
        while Arc::strong_count(&self.0) <= MOST {
            let Ok(stream) = listener.accept() else {
                return;
            };
            let text = Arc::clone(&self.0);
            std::thread::spawn(move || {
                // Of either kind; a client that went away needs no answer.
                let _ = reply(TcpStream::from(stream), &text);
            });
        }
    }
}

fn reply(mut stream: TcpStream, text: &str) -> io::Result<()> {
    stream.set_nonblocking(false)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let mut head = Vec::new();
    let mut piece = [0; 4096];
    while head.len() < LONGEST_HEAD && !head.windows(4).any(|end| end == b"\r\n\r\n") {
        match stream.read(&mut piece)? {
            0 => return Ok(()),
            length => head.extend_from_slice(&piece[..length]),
        }
    }
    let text = match head.starts_with(b"HEAD ") {
        true => &text[..text.find("\r\n\r\n").map_or(text.len(), |end| end + 4)],
        false => text,
    };
    stream.write_all(text.as_bytes())?;
    stream.shutdown(Shutdown::Write)?;
    // To close with something unread would reset the connection before the answer was read (RFC 9112 section 9.6).
    let rest = io::copy(&mut stream.take(1 << 20), &mut io::sink());
    rest.map(|_| ())
}
