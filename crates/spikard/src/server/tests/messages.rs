//! What is answered to which bytes, however they are cut, without a socket.

use super::double::Double;
use crate::Config;
use crate::server::connection::converse;
use crate::server::exchange::exchange_with;
use crate::server::link::Remote;
use std::future::Future;
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

/// Polls without a runtime: what the codec does in process must need none.
fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    for _ in 0..100_000 {
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return output;
        }
    }
    panic!("the future makes no progress")
}

fn small() -> Config {
    Config {
        body_limit: 100,
        header_limit: 1000,
        header_count: 5,
        target_limit: 50,
        ..Config::default()
    }
}

fn app() -> Rc<Double> {
    Rc::new(Double {
        config: small(),
        ..Double::default()
    })
}

/// The answer without what is the same in all: `date`, `x-request-id`, `content-type`.
fn plain(answer: &[u8]) -> String {
    let text = String::from_utf8_lossy(answer);
    let lines = text.split_inclusive("\r\n").filter(|line| {
        !["date: ", "x-request-id: id\r\n", "content-type: "]
            .iter()
            .any(|name| line.starts_with(name))
    });
    lines.collect()
}

fn answer(request: &str) -> String {
    plain(&block_on(exchange_with(app(), request.as_bytes().to_vec())))
}

/// Sends the pieces one by one, each after the one before was read.
fn in_pieces(pieces: &[&[u8]]) -> String {
    let (ours, theirs) = tokio::io::duplex(1 << 20);
    let remote = Remote {
        peer: None,
        watch: None,
        end_is_gone: false,
    };
    let mut server = pin!(converse(app(), theirs, remote));
    let mut context = Context::from_waker(Waker::noop());
    let (mut read, mut write) = tokio::io::split(ours);
    let mut ended = false;
    for piece in pieces {
        // A server that has closed takes no more.
        let _ = block_on(write.write_all(piece));
        for _ in 0..4 {
            ended = ended || server.as_mut().poll(&mut context).is_ready();
        }
    }
    let _ = block_on(write.shutdown());
    while !ended {
        ended = server.as_mut().poll(&mut context).is_ready();
    }
    drop(server);
    let mut answer = Vec::new();
    let _ = block_on(read.read_to_end(&mut answer));
    plain(&answer)
}

const OK: &str = "HTTP/1.1 200 OK\r\n";

fn ok(said: &str) -> String {
    format!("{OK}content-length: {}\r\n\r\n{said}", said.len())
}

fn last(said: &str) -> String {
    format!(
        "{OK}content-length: {}\r\nconnection: close\r\n\r\n{said}",
        said.len()
    )
}

/// Request, answer.
fn served() -> Vec<(&'static str, String)> {
    let get = "GET /a?b=c HTTP/1.1\r\nHost: h\r\n\r\n";
    vec![
        (get, ok("GET /a?b=c ")),
        (
            "\r\n\r\nGET / HTTP/1.1\r\nhost:h\r\n\r\nGET /2 HTTP/1.1\r\nHOST: \t h:80 \r\n\r\n",
            ok("GET / ") + &ok("GET /2 "),
        ),
        (
            "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhelloGET /n HTTP/1.1\r\nHost: h\r\n\r\n",
            ok("POST / hello") + &ok("GET /n "),
        ),
        (
            "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: Chunked\r\n\r\n3\r\nabc\r\n00A;x=\"y\"\r\n0123456789\r\n0\r\nx: y\r\n\r\nGET /n HTTP/1.1\r\nHost: h\r\n\r\n",
            ok("POST / abc0123456789") + &ok("GET /n "),
        ),
        (
            "POST /later HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nhiGET /n HTTP/1.1\r\nHost: h\r\n\r\n",
            ok("POST /later hi") + &ok("GET /n "),
        ),
        (
            "HEAD /a HTTP/1.1\r\nHost: h\r\n\r\nGET /n HTTP/1.1\r\nHost: h\r\n\r\n",
            format!("{OK}content-length: 8\r\n\r\n") + &ok("GET /n "),
        ),
        (
            "GET /empty HTTP/1.1\r\nHost: h\r\n\r\nGET /not-modified HTTP/1.1\r\nHost: h\r\n\r\nGET /n HTTP/1.1\r\nHost: h\r\n\r\n",
            "HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 304 Not Modified\r\n\r\n".to_owned() + &ok("GET /n "),
        ),
        ("GET / HTTP/1.1\r\nHost: h\r\nConnection: x, Close\r\n\r\nGET /n HTTP/1.1\r\nHost: h\r\n\r\n", last("GET / ")),
        ("GET / HTTP/1.0\r\n\r\nGET /n HTTP/1.0\r\n\r\n", last("GET / ")),
        (
            "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET /n HTTP/1.0\r\n\r\n",
            format!("{OK}content-length: 6\r\nconnection: keep-alive\r\n\r\nGET / ") + &last("GET /n "),
        ),
        ("GET http://Host:80/a?b HTTP/1.1\r\nHost: h\r\n\r\n", ok("GET /a?b ")),
        ("GET HTTPS://host HTTP/1.1\r\nHost: h\r\n\r\n", ok("GET / ")),
        ("OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n", ok("OPTIONS * ")),
        ("GET / HTTP/1.1\r\nHost:\r\n\r\n", ok("GET / ")),
        (
            "GET /odd HTTP/1.1\r\nHost: h\r\n\r\n",
            "HTTP/1.1 299 \r\ncontent-length: 3\r\nset-cookie: a=1\r\nset-cookie: b=2\r\n\r\nodd".to_owned(),
        ),
        (
            "POST /unknown HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhelloGET /n HTTP/1.1\r\nHost: h\r\n\r\n",
            "HTTP/1.1 404 Not Found\r\ncontent-length: 11\r\n\r\nnot-found: ".to_owned() + &ok("GET /n "),
        ),
        (
            "GET /panics HTTP/1.1\r\nHost: h\r\n\r\nGET /n HTTP/1.1\r\nHost: h\r\n\r\n",
            "HTTP/1.1 500 Internal Server Error\r\ncontent-length: 37\r\n\r\ninternal: panic: a panic of a handler".to_owned()
                + &ok("GET /n "),
        ),
        ("", String::new()),
    ]
}

#[test]
fn messages_are_answered() {
    for (request, expected) in served() {
        assert_eq!(answer(request), expected, "{request}");
    }
}

#[test]
fn cuts_change_nothing() {
    for (request, expected) in served() {
        let bytes = request.as_bytes();
        for at in 0..bytes.len() {
            let (left, right) = bytes.split_at(at);
            assert_eq!(
                in_pieces(&[left, right]),
                expected,
                "cut at {at}: {request}"
            );
        }
        let single: Vec<&[u8]> = bytes.chunks(1).collect();
        assert_eq!(in_pieces(&single), expected, "byte by byte: {request}");
    }
}
