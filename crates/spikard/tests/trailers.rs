//! Fields behind bodies, both ways, over both versions of HTTP.

mod common;

use common::{answer, on_a_loop, worker};
use h2::client::SendRequest;
use http::{HeaderMap, Request};
use spikard::response::Chunks;
use spikard::{App, Bytes, Moment, Passage, Response, Trailer, Trailers};
use std::rc::Rc;
use tokio::net::TcpStream;

/// The body, and the trailers as lines.
async fn show(content: Bytes, trailers: Trailers) -> String {
    let mut said = String::from_utf8_lossy(&content.0).into_owned();
    for (name, value) in trailers.iter() {
        said += &format!("\n{name}={}", String::from_utf8_lossy(value));
    }
    assert_eq!(trailers.get("X-SUM"), trailers.get("x-sum"));
    said
}

async fn count() -> Response {
    let chunks = Chunks(["one", "", "two"].into_iter());
    Response::stream(200, "text/plain", chunks).trailers(|| {
        let fields: [(&str, &str); 5] = [
            ("x-sum", "6"),
            ("Content-Length", "1"),
            ("x y", "1"),
            ("x-broken", "1\r\n2"),
            ("x-last", "é"),
        ];
        let owned = |(name, value): (&'static str, &'static str)| -> Trailer {
            (name.into(), value.into())
        };
        fields.map(owned).into()
    })
}

async fn whole() -> Response {
    Response::text(200, "whole").trailers(|| vec![("x-sum".into(), "5".into())])
}

async fn nothing() -> Response {
    let none: [&str; 0] = [];
    Response::stream(200, "text/plain", Chunks(none.into_iter()))
        .trailers(|| vec![("x-sum".into(), "0".into())])
}

fn app() -> App {
    App::new("Counting", "1")
        .put("/", show)
        .get("/count", count)
        .get("/whole", whole)
        .get("/nothing", nothing)
}

fn put(chunks: &str) -> String {
    format!(
        "PUT / HTTP/1.1\r\nHost: a.test\r\nContent-Type: a/b\r\nTransfer-Encoding: chunked\r\n\r\n{chunks}"
    )
}

#[test]
fn a_handler_sees_what_follows_a_chunked_body_however_it_is_cut() {
    let sent = put("3;a=b\r\nabc\r\n2\r\nde\r\n0\r\nX-Sum: \t5 \r\nx-empty:\r\nX-Sum: 6\r\n\r\n");
    let next = put("1\r\nz\r\n0\r\n\r\n");
    for most in [1, 2, 3, 7, 64, usize::MAX] {
        let said = answer(app(), &format!("{sent}{next}{sent}"), most);
        let bodies: Vec<_> = said.split("\r\n\r\n").collect();
        let seen = "abcde\nx-sum=5\nx-empty=\nx-sum=6";
        assert!(bodies[1].starts_with(seen), "{most}: {said}");
        // Those of one request are not the next one's.
        assert!(bodies[2].starts_with("zHTTP/1.1 200 OK"), "{most}: {said}");
        assert!(bodies[3].ends_with(seen), "{most}: {said}");
    }
}

#[test]
fn a_handler_behind_hooks_sees_them_too() {
    async fn look(_: Rc<Passage>) {}
    let app = app().hook(Moment::PreHandler, look);
    let said = answer(app, &put("1\r\na\r\n0\r\nx-sum: 1\r\n\r\n"), usize::MAX);
    assert!(said.ends_with("\r\n\r\na\nx-sum=1"), "{said}");
}

fn get(path: &str, version: &str, fields: &str) -> String {
    format!("GET {path} HTTP/{version}\r\nHost: a.test\r\n{fields}\r\n")
}

#[test]
fn a_stream_ends_with_its_trailers_where_the_client_keeps_them() {
    let te = "TE: gzip, Trailers\r\n";
    let said = answer(app(), &get("/count", "1.1", te), usize::MAX);
    let (head, body) = said.split_once("\r\n\r\n").expect("a head");
    assert!(head.contains("transfer-encoding: chunked"), "{said}");
    assert_eq!(
        body,
        "3\r\none\r\n3\r\ntwo\r\n0\r\nx-sum: 6\r\nx-last: é\r\n\r\n"
    );
    let said = answer(app(), &get("/whole", "1.1", te), usize::MAX);
    assert!(
        said.ends_with("5\r\nwhole\r\n0\r\nx-sum: 5\r\n\r\n"),
        "{said}"
    );
    let said = answer(app(), &get("/nothing", "1.1", te), usize::MAX);
    assert!(said.ends_with("\r\n\r\n0\r\nx-sum: 0\r\n\r\n"), "{said}");
    for (version, fields, end) in [
        ("1.1", "", "two\r\n0\r\n\r\n"),
        ("1.1", "TE: gzip\r\n", "two\r\n0\r\n\r\n"),
        ("1.0", te, "\r\n\r\nonetwo"),
    ] {
        let said = answer(app(), &get("/count", version, fields), usize::MAX);
        assert!(said.ends_with(end), "{said}");
    }
}

/// The body and the trailers of an answer over HTTP/2.
async fn asked(
    client: &mut SendRequest<bytes::Bytes>,
    request: Request<()>,
    behind: Option<HeaderMap>,
) -> (String, Option<HeaderMap>) {
    let is_all = behind.is_none();
    let (answer, mut sender) = client.send_request(request, is_all).expect("sent");
    if let Some(trailers) = behind {
        sender.send_data("abc".into(), false).expect("sent");
        sender.send_trailers(trailers).expect("sent");
    }
    let mut body = answer.await.expect("an answer").into_body();
    let mut content = Vec::new();
    while let Some(chunk) = body.data().await {
        content.extend_from_slice(&chunk.expect("a chunk"));
    }
    let trailers = body.trailers().await.expect("an end");
    (String::from_utf8(content).expect("text"), trailers)
}

#[test]
fn http_2_has_them_both_ways() {
    on_a_loop(async {
        let address = worker(app()).address;
        let stream = TcpStream::connect(address).await.expect("a connection");
        let (mut client, connection) = h2::client::handshake(stream).await.expect("HTTP/2");
        tokio::task::spawn_local(connection);
        let of = |method: &str, path: &str| {
            let uri = format!("http://a.test{path}");
            Request::builder().method(method).uri(uri)
        };
        let put = of("PUT", "/").header("content-type", "a/b");
        let mut behind = HeaderMap::new();
        behind.insert("x-sum", http::HeaderValue::from_static("3"));
        let (said, none) = asked(&mut client, put.body(()).expect("right"), Some(behind)).await;
        assert_eq!((said.as_str(), none), ("abc\nx-sum=3", None));
        let te = of("GET", "/count").header("te", "trailers");
        let (said, behind) = asked(&mut client, te.body(()).expect("right"), None).await;
        let behind = behind.expect("trailers");
        assert_eq!((said.as_str(), behind.len()), ("onetwo", 2));
        assert_eq!(behind["x-sum"], "6");
        let plain = of("GET", "/count").body(()).expect("right");
        let (said, none) = asked(&mut client, plain, None).await;
        assert_eq!((said.as_str(), none), ("onetwo", None));
    });
}
