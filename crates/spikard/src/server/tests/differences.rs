//! Whole connections beside hyper: the same bytes, whole and cut at every place, by one and by two requests at a time. Where the two
//! differ, `DIFFERENCES` says why; a line of it that no longer shows is a failure too.

use super::messages::{block_on, in_pieces_to};
use super::scene::double;
use crate::Config;
use crate::server::Answer;
use crate::server::exchange::exchange_with;
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use std::convert::Infallible;
use std::rc::Rc;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

/// What follows each stream, so that what is left of it shows.
const NEXT: &str = "GET /next HTTP/1.1\r\nHost: h\r\n\r\n";

/// Both read these alike.
const ALIKE: &[&str] = &[
    "GET / HTTP/1.1\r\nHost: h\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nhi",
    "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 002\r\n\r\nhi",
    "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: Chunked\r\n\r\n1;a=b\r\nh\r\n01\r\ni\r\n000\r\nx: y\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: h\r\nConnection: keep-alive, close\r\n\r\n",
    "GET / HTTP/1.0\r\n\r\n",
    "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
    "GET /\u{e9} HTTP/1.1\r\nHost: h\r\n\r\n",
    "\r\n\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n",
    // Refused by both; nothing behind it is answered.
    "GET / HTTP/1.1\r\nHost: h\r\nX : y\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: h\r\nX: y\0z\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: h\r\nX: y\rz\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: h\r\n\rX: y\r\n\r\n",
    "GET / HTTP/3.0\r\nHost: h\r\n\r\n",
    "GET  / HTTP/1.1\r\nHost: h\r\n\r\n",
    "G(T / HTTP/1.1\r\nHost: h\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: +2\r\n\r\nhi",
    "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: x\r\n\r\nhi",
    "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nhi",
    "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
    "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n",
    "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhix\r\n0\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n2\nhi\r\n0\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n10000000000000000\r\n",
    "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nx y\r\n\r\n",
];

/// Bytes, and why we read them otherwise. In each we refuse what hyper takes, or hyper refuses what is no danger.
const DIFFERENCES: &[(&str, &str)] = &[
    (
        "GET / HTTP/1.1\r\n\r\n",
        "Host is missing: RFC 9112 section 3.2 wants 400; hyper leaves it to the service",
    ),
    (
        "GET / HTTP/1.1\r\nHost: h\r\nHost: h\r\n\r\n",
        "Host twice: the same",
    ),
    ("GET / HTTP/1.1\r\nHost: u@h\r\n\r\n", "no host: the same"),
    (
        "GET / HTTP/1.1\nHost: h\n\n",
        "LF alone ends a line in RFC 9112 section 2.2 as a MAY; readers differ, so we do not",
    ),
    (
        "GET / HTTP/1.1\r\nHost: h\nX: y\r\n\r\n",
        "the same within the fields",
    ),
    (
        "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nhi",
        "the same length twice may be one to the next reader or none; RFC 9110 section 8.6 lets us refuse",
    ),
    (
        "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "both framings: RFC 9112 section 6.1 lets us refuse, hyper drops the length",
    ),
    (
        "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        "a coding that nobody undoes: 501 (RFC 9112 section 6.1), hyper hands the coded body on",
    ),
    (
        "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "chunked twice: never applied twice (RFC 9112 section 6.1)",
    ),
    (
        "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n2 \r\nhi\r\n0\r\n\r\n",
        "space behind a chunk size is not of its grammar (RFC 9112 section 7.1)",
    ),
    (
        "GET / HTTP/1.1\r\nHost: h\r\nContent_Length: 2\r\n\r\n",
        "a framing field with an underscore: some gateways take it for one",
    ),
    (
        "GET /#f HTTP/1.1\r\nHost: h\r\n\r\n",
        "a fragment is not sent (RFC 9112 section 3.2)",
    ),
    (
        "GET * HTTP/1.1\r\nHost: h\r\n\r\n",
        "an asterisk is for OPTIONS (RFC 9112 section 3.2.4)",
    ),
    (
        "GET /?\" HTTP/1.1\r\nHost: h\r\n\r\n",
        "hyper knows no `\"` in a query; it frames nothing",
    ),
];

/// What a server made of a connection: `METHOD target body` of each request that was answered with 200, and whether a refusal ended it.
#[derive(Debug, PartialEq, Clone)]
struct Taken(Vec<String>, bool);

fn taken(mut answer: &[u8], said: Vec<String>) -> Taken {
    let mut statuses = Vec::new();
    while let Some(one) = Answer::parse(answer, false) {
        statuses.push(one.status);
        let end = answer
            .windows(4)
            .position(|four| four == b"\r\n\r\n")
            .expect("a head")
            + 4;
        answer = &answer[(end + one.body.len()).min(answer.len())..];
    }
    Taken(said, statuses.iter().any(|status| *status != 200))
}

fn ours(bytes: &[u8]) -> Taken {
    ours_by(Config::default(), bytes)
}

fn ours_by(config: Config, bytes: &[u8]) -> Taken {
    let app = double(config);
    let answer = block_on(exchange_with(Rc::clone(&app), bytes.to_vec()));
    taken(&answer, app.calls.take())
}

fn ours_in(pieces: &[&[u8]]) -> Taken {
    ours_in_by(Config::default(), pieces)
}

fn ours_in_by(config: Config, pieces: &[&[u8]]) -> Taken {
    let app = double(config);
    let answer = in_pieces_to(Rc::clone(&app), pieces);
    taken(&answer, app.calls.take())
}

fn assert_ours_cut(bytes: &[u8], at: usize, whole: &Taken) {
    let (left, right) = bytes.split_at(at);
    let shown = String::from_utf8_lossy(bytes);
    assert_eq!(
        &ours_in(&[left, right]),
        whole,
        "ours, cut at {at}: {shown}"
    );
}

async fn hypers(pieces: &[&[u8]]) -> Taken {
    let (mut client, server) = tokio::io::duplex(1 << 16);
    let said = Rc::new(std::cell::RefCell::new(Vec::new()));
    let echo = service_fn(|request: Request<Incoming>| {
        let said = Rc::clone(&said);
        async move {
            let (head, body) = request.into_parts();
            let status = match body.collect().await {
                Ok(body) => {
                    let body = body.to_bytes();
                    let body = String::from_utf8_lossy(&body);
                    said.borrow_mut()
                        .push(format!("{} {} {body}", head.method, head.uri));
                    200
                }
                Err(_) => 400,
            };
            let mut reply = Response::new(Full::new(Bytes::from_static(b"-")));
            *reply.status_mut() = status.try_into().expect("a status");
            Ok::<_, Infallible>(reply)
        }
    });
    let connection = hyper::server::conn::http1::Builder::new()
        .half_close(true)
        .serve_connection(TokioIo::new(server), echo);
    let send = async {
        for piece in pieces {
            // A server that has refused takes no more.
            let _ = client.write_all(piece).await;
            tokio::task::yield_now().await;
        }
        let _ = client.shutdown().await;
        let mut answer = Vec::new();
        let _ = client.read_to_end(&mut answer).await;
        answer
    };
    let (served, answer) = tokio::join!(connection, send);
    let taken = taken(&answer, said.take());
    Taken(taken.0, taken.1 || served.is_err())
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime")
}

#[test]
fn a_connection_is_what_it_is_to_hyper_however_it_is_cut() {
    let runtime = runtime();
    for stream in ALIKE {
        // Alone, twice (pipelined), and with another behind.
        for bytes in [format!("{stream}{NEXT}"), format!("{stream}{stream}{NEXT}")] {
            let bytes = bytes.as_bytes();
            let whole = ours(bytes);
            assert_eq!(
                whole,
                runtime.block_on(hypers(&[bytes])),
                "ours and hyper's: {stream:?}"
            );
            for at in 1..bytes.len() {
                assert_ours_cut(bytes, at, &whole);
                let (left, right) = bytes.split_at(at);
                let theirs = runtime.block_on(hypers(&[left, right]));
                assert_eq!(theirs, whole, "hyper's, cut at {at}: {stream:?}");
            }
        }
    }
}

#[test]
fn where_hyper_differs_the_table_says_why() {
    let runtime = runtime();
    let mut wrong = Vec::new();
    for (stream, why) in DIFFERENCES {
        let bytes = format!("{stream}{NEXT}");
        let bytes = bytes.as_bytes();
        let whole = ours(bytes);
        let theirs = runtime.block_on(hypers(&[bytes]));
        let is_lax = whole.1 && whole.0.is_empty();
        if whole == theirs || !(is_lax || theirs.1) {
            wrong.push(format!(
                "{stream:?} ({why}): ours {whole:?}, hyper's {theirs:?}"
            ));
        }
        for at in 1..bytes.len() {
            assert_ours_cut(bytes, at, &whole);
        }
    }
    assert!(
        wrong.is_empty(),
        "no differences of that kind:\n{}",
        wrong.join("\n")
    );
}

/// The limits of tests/fuzz.
fn of_fuzz() -> Config {
    Config {
        body_limit: 2_000,
        header_limit: 2_000,
        header_count: 20,
        target_limit: 200,
        ..Config::default()
    }
}

#[test]
fn what_fuzzing_found_is_the_same_however_it_is_cut() {
    let found = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fuzz/found");
    let mut seen = 0;
    for entry in std::fs::read_dir(found).expect("tests/fuzz/found") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().expect("a name").to_string_lossy();
        let (before, after): (&[u8], &[u8]) = match name.split('-').next() {
            Some("chunked") => (
                b"POST /a HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\n",
                b"",
            ),
            Some("head") => (b"", b"\r\n\r\n"),
            Some("connection") => (b"", b""),
            _ => continue,
        };
        let bytes = [before, &std::fs::read(&path).expect("an input"), after].concat();
        let whole = ours_by(of_fuzz(), &bytes);
        for most in 1..bytes.len().min(100) {
            let pieces: Vec<&[u8]> = bytes.chunks(most).collect();
            assert_eq!(
                ours_in_by(of_fuzz(), &pieces),
                whole,
                "{name} by {most} bytes"
            );
        }
        seen += 1;
    }
    assert!(seen > 0, "nothing is kept in tests/fuzz/found");
}
