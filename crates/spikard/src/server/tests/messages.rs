//! What is answered to which bytes, however they are cut, without a socket.

use super::double::Double;
use crate::Config;
use crate::server::connection::converse;
use crate::server::exchange::exchange_with;
use crate::server::link::Remote;
use crate::server::{Answer, request_bytes};
use std::future::Future;
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

/// Polls without a runtime: what the codec does in process must need none.
pub(in crate::server) fn block_on<F: Future>(future: F) -> F::Output {
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
    plain(&in_pieces_to(app(), pieces))
}

/// What comes back, as it is.
pub(super) fn in_pieces_to(app: Rc<Double>, pieces: &[&[u8]]) -> Vec<u8> {
    let (ours, theirs) = tokio::io::duplex(1 << 20);
    let remote = Remote {
        peer: None,
        watch: None,
        end_is_gone: false,
    };
    let mut server = Box::pin(converse(app, theirs, remote));
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
    answer
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
            "HTTP/1.1 500 Internal Server Error\r\ncontent-length: 40\r\n\r\ninternal: panicked: a panic of a handler".to_owned()
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

/// Request, status and detail of the refusal. Nothing behind it is answered.
const REFUSED: &[(&str, u16, &str)] = &[
    (
        "GET / HTTP/1.1\r\n\r\n",
        400,
        "malformed-request: the Host field is missing",
    ),
    (
        "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n",
        400,
        "malformed-request: the Host field is given twice",
    ),
    (
        "GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n",
        400,
        "malformed-request: the Host field is given twice",
    ),
    (
        "GET / HTTP/1.1\r\nHost: u@h\r\n\r\n",
        400,
        "malformed-request: the Host field is not a host and port",
    ),
    (
        "GET / HTTP/1.1\r\nHost: h/p\r\n\r\n",
        400,
        "malformed-request: the Host field is not a host and port",
    ),
    (
        "GET / HTTP/2.0\r\nHost: h\r\n\r\n",
        400,
        "malformed-request: the version is not HTTP/1.1 or HTTP/1.0",
    ),
    (
        "GET  / HTTP/1.1\r\nHost: h\r\n\r\n",
        400,
        "malformed-request: the request line is not `METHOD target HTTP/1.1`",
    ),
    (
        "GET /a b HTTP/1.1\r\nHost: h\r\n\r\n",
        400,
        "malformed-request: the version is not HTTP/1.1 or HTTP/1.0",
    ),
    (
        "GET /#a HTTP/1.1\r\nHost: h\r\n\r\n",
        400,
        "malformed-request: the target holds a fragment (`#`)",
    ),
    (
        "GET a HTTP/1.1\r\nHost: h\r\n\r\n",
        400,
        "malformed-request: the target does not start with `/`",
    ),
    (
        "GET * HTTP/1.1\r\nHost: h\r\n\r\n",
        400,
        "malformed-request: the target does not start with `/`",
    ),
    (
        "GET http:///a HTTP/1.1\r\nHost: h\r\n\r\n",
        400,
        "malformed-request: the target does not start with `/`",
    ),
    (
        "CONNECT h:1 HTTP/1.1\r\nHost: h\r\n\r\n",
        501,
        "not-implemented: this server is not a proxy",
    ),
    (
        "GET / HTTP/1.1\r\nHost : h\r\n\r\n",
        400,
        "malformed-request: a header name holds a byte that is not allowed there",
    ),
    (
        "GET / HTTP/1.1\r\nHost: h\r\na: b\r\n c\r\n\r\n",
        400,
        "malformed-request: a header name holds a byte that is not allowed there",
    ),
    (
        "GET / HTTP/1.1\r\n a: b\r\nHost: h\r\n\r\n",
        400,
        "malformed-request: a header name holds a byte that is not allowed there",
    ),
    (
        "GET / HTTP/1.1\r\nHost: h\r\na: b\rc\r\n\r\n",
        400,
        "malformed-request: a header value holds a control character",
    ),
    (
        "GET / HTTP/1.1\r\nHost: h\r\na: b\0c\r\n\r\n",
        400,
        "malformed-request: a header value holds a control character",
    ),
    (
        "GET / HTTP/1.1\nHost: h\n\n",
        400,
        "malformed-request: a line of the head ends without CR",
    ),
    (
        "GET / HTTP/1.1\r\nHost: h\n\r\n",
        400,
        "malformed-request: a line of the head ends without CR",
    ),
    (
        "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\na",
        400,
        "malformed-request: Content-Length is given twice",
    ),
    (
        "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1, 1\r\n\r\na",
        400,
        "malformed-request: Content-Length is not a decimal number of at most 18 digits",
    ),
    (
        "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: +1\r\n\r\na",
        400,
        "malformed-request: Content-Length is not a decimal number of at most 18 digits",
    ),
    (
        "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: \r\n\r\na",
        400,
        "malformed-request: Content-Length is not a decimal number of at most 18 digits",
    ),
    (
        "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        400,
        "malformed-request: Content-Length and Transfer-Encoding are both given",
    ),
    (
        "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        400,
        "malformed-request: HTTP/1.0 has no Transfer-Encoding",
    ),
    (
        "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip\r\n\r\n",
        400,
        "malformed-request: the last transfer coding is not chunked",
    ),
    (
        "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: xchunked\r\n\r\n",
        400,
        "malformed-request: the last transfer coding is not chunked",
    ),
    (
        "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked, identity\r\n\r\n",
        400,
        "malformed-request: the last transfer coding is not chunked",
    ),
    (
        "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked, chunked\r\n\r\n",
        400,
        "malformed-request: chunked is applied twice",
    ),
    (
        "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
        501,
        "not-implemented: the only transfer coding understood is chunked",
    ),
    (
        "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        400,
        "malformed-request: Transfer-Encoding is given twice",
    ),
    (
        "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 101\r\n\r\n",
        413,
        "content-too-large: the body is larger than 100 bytes",
    ),
    (
        "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n65\r\n",
        413,
        "content-too-large: the body is larger than 100 bytes",
    ),
    (
        "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n63\r\n",
        413,
        "content-too-large: the body is larger than 100 bytes",
    ),
    (
        "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nabc\r\n",
        400,
        "malformed-request: the chunked body is malformed",
    ),
    (
        "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n2\nab\r\n",
        400,
        "malformed-request: the chunked body is malformed",
    ),
    (
        "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0x2\r\nab\r\n",
        400,
        "malformed-request: the chunked body is malformed",
    ),
    (
        "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n2 \r\nab\r\n",
        400,
        "malformed-request: the chunked body is malformed",
    ),
    (
        "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n\r\n",
        400,
        "malformed-request: the chunked body is malformed",
    ),
    (
        "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n2;a\nb\r\nab\r\n",
        400,
        "malformed-request: the chunked body is malformed",
    ),
    (
        "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n111111111111111111\r\n",
        400,
        "malformed-request: a chunk size is out of range",
    ),
    (
        "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\na: b\n\r\n",
        400,
        "malformed-request: the chunked body is malformed",
    ),
    (
        "GET /012345678901234567890123456789012345678901234567890 HTTP/1.1\r\nHost: h\r\n\r\n",
        414,
        "uri-too-long: the target is longer than 50 bytes",
    ),
    (
        "GET / HTTP/1.1\r\nHost: h\r\na: b\r\na: b\r\na: b\r\na: b\r\na: b\r\n\r\n",
        431,
        "headers-too-large: there are too many header fields",
    ),
    (
        "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n a: b\r\n\r\n",
        400,
        "malformed-request: the chunked body is malformed",
    ),
    (
        "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\na\r\n\r\n",
        400,
        "malformed-request: the chunked body is malformed",
    ),
];

#[test]
fn what_is_ambiguous_or_too_large_is_refused_and_the_connection_closed() {
    for (request, status, said) in REFUSED {
        let request = format!("{request}GET /n HTTP/1.1\r\nHost: h\r\n\r\n");
        let expected = format!(
            "HTTP/1.1 {status} {}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{said}",
            crate::server::encode::reason(*status),
            said.len()
        );
        assert_eq!(answer(&request), expected, "{request}");
        let single: Vec<&[u8]> = request.as_bytes().chunks(1).collect();
        assert_eq!(in_pieces(&single), expected, "byte by byte: {request}");
    }
}

#[test]
fn a_refusal_of_head_has_no_body() {
    let refused = answer("HEAD / HTTP/1.1\r\n\r\n");
    assert!(refused.ends_with("connection: close\r\n\r\n"), "{refused}");
}

#[test]
fn endless_heads_end_at_their_limits() {
    let start = "GET / HTTP/1.1\r\nHost: h\r\n";
    for (request, status) in [
        (format!("GET /{}", "a".repeat(200)), "414"),
        // Its end does not make it shorter.
        (format!("GET /{} HTTP/1.1\r\nHost", "a".repeat(200)), "414"),
        (format!("{start}a: {}", "b".repeat(1000)), "431"),
        (format!("{start}a: {}\r\n\r\n", "b".repeat(1000)), "431"),
    ] {
        for answer in [
            answer(&request),
            in_pieces(&request.as_bytes().chunks(7).collect::<Vec<_>>()),
        ] {
            assert_eq!(answer.get(9..12), Some(status), "{request}: {answer}");
        }
    }
}

#[test]
fn a_method_is_too_long_or_right_however_it_arrives() {
    let target = format!("/{}", "t".repeat(small().target_limit - 1));
    for (length, status) in [(53, "200"), (54, "501"), (80, "501")] {
        let request = format!(
            "{} {target} HTTP/1.1\r\nHost: h\r\n\r\n",
            "M".repeat(length)
        );
        let whole = answer(&request);
        assert_eq!(whole.get(9..12), Some(status), "{length}: {whole}");
        for most in 1..request.len() {
            let cut = in_pieces(&request.as_bytes().chunks(most).collect::<Vec<_>>());
            // A line that is too long before its end is there is a target's to us.
            let refused = status != "200" && cut.starts_with("HTTP/1.1 414");
            assert!(cut == whole || refused, "{length} by {most}: {cut}");
        }
    }
}

#[test]
fn a_broken_line_without_an_end_is_told_when_nothing_more_comes() {
    for line in ["\r-", "G(T", "GET / HTTP/1.1\r\nX :"] {
        let whole = answer(line);
        assert!(whole.starts_with("HTTP/1.1 400"), "{line:?}: {whole}");
        let single: Vec<&[u8]> = line.as_bytes().chunks(1).collect();
        assert_eq!(in_pieces(&single), whole, "byte by byte: {line:?}");
    }
    // Right so far, and never a request: nothing is said, at once or byte by byte.
    for line in ["G", "GET / HTTP/1.1\r\nX"] {
        let single: Vec<&[u8]> = line.as_bytes().chunks(1).collect();
        assert_eq!((answer(line), in_pieces(&single)), Default::default());
    }
}

#[test]
fn endless_asides_of_chunks_end_at_their_limits() {
    let start = "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n";
    for aside in [
        format!("1;{}", "x".repeat(5000)),
        "0".repeat(5000),
        format!("0\r\n{}", "a: b\r\n".repeat(2000)),
    ] {
        let answer = answer(&format!("{start}{aside}"));
        assert_eq!(answer.get(9..12), Some("400"), "{answer}");
    }
}

#[test]
fn who_expects_100_is_told_to_continue_unless_the_body_is_refused() {
    let head =
        |rest: &str| format!("POST /x HTTP/1.1\r\nHost: h\r\nExpect: 100-Continue\r\n{rest}\r\n");
    let length = head("Content-Length: 2\r\n");
    let go = "HTTP/1.1 100 Continue\r\n\r\n";
    assert_eq!(
        in_pieces(&[length.as_bytes(), b"hi"]),
        go.to_owned() + &ok("POST /x hi")
    );
    // The body came unasked: nothing to say.
    assert_eq!(answer(&format!("{length}hi")), ok("POST /x hi"));
    assert!(answer(&head("Content-Length: 200\r\n")).starts_with("HTTP/1.1 413"));
    assert_eq!(answer(&head("")), ok("POST /x "));
    let unknown = length.replace("/x", "/unknown");
    let answer = answer(&unknown);
    assert!(
        answer.starts_with("HTTP/1.1 404") && answer.contains("connection: close"),
        "its body may or may not follow: {answer}"
    );
}

#[test]
fn large_bodies_arrive_and_leave_whole() {
    let app = Rc::new(Double::default());
    let body = "b".repeat(1_000_000);
    let chunks: String = (0..1000)
        .map(|_| format!("3e8\r\n{}\r\n", "b".repeat(1000)))
        .collect();
    for request in [
        format!("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000\r\n\r\n{body}"),
        format!(
            "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n{chunks}0\r\n\r\n"
        ),
    ] {
        let answer = block_on(exchange_with(Rc::clone(&app), request.into_bytes()));
        let answer = Answer::parse(&answer, false).expect("an answer");
        assert_eq!(answer.body, format!("POST / {body}").into_bytes());
    }
    for (path, length) in [("/large", 300_000), ("/static", 40_000)] {
        let request = request_bytes("GET", path, &[], b"").repeat(2);
        let answer = block_on(exchange_with(Rc::clone(&app), request));
        let answer = Answer::parse(&answer, false).expect("an answer");
        assert_eq!(answer.body.len(), length);
    }
}

#[test]
fn streams_are_chunked_for_http_1_1_and_end_with_the_connection_for_1_0() {
    let whole = format!("one{}three", "z".repeat(20_000));
    let modern =
        answer("GET /stream HTTP/1.1\r\nHost: h\r\n\r\nGET /n HTTP/1.1\r\nHost: h\r\n\r\n");
    let framed = format!(
        "3\r\none\r\n4e20\r\n{}\r\n5\r\nthree\r\n0\r\n\r\n",
        "z".repeat(20_000)
    );
    assert_eq!(
        modern,
        format!("{OK}transfer-encoding: chunked\r\n\r\n{framed}") + &ok("GET /n ")
    );
    let old =
        answer("GET /stream HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET /n HTTP/1.0\r\n\r\n");
    assert_eq!(old, format!("{OK}connection: close\r\n\r\n{whole}"));
    let head = answer("HEAD /stream HTTP/1.1\r\nHost: h\r\n\r\nGET /n HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_eq!(
        head,
        format!("{OK}transfer-encoding: chunked\r\n\r\n") + &ok("GET /n ")
    );
}

#[test]
fn a_stream_that_fails_is_not_taken_for_a_whole_one() {
    let broken =
        answer("GET /broken HTTP/1.1\r\nHost: h\r\n\r\nGET /n HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_eq!(
        broken,
        format!("{OK}transfer-encoding: chunked\r\n\r\n3\r\none\r\n")
    );
}
