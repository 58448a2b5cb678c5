//! Streamed bodies through the whole pipeline, by the test client.
#![allow(missing_docs, clippy::panic, reason = "tests, and what they call")]

use bytes::Bytes;
use spikard::response::{ChunkSource, Chunks};
use spikard::{App, Problem, Response, TestClient};
use std::collections::VecDeque;
use std::future::Future;
use std::io;
use std::pin::Pin;

type Next<'s> = Pin<Box<dyn Future<Output = Option<io::Result<Bytes>>> + 's>>;

/// `Err` panics when it is pulled.
struct Script(VecDeque<Result<io::Result<&'static str>, &'static str>>);

impl ChunkSource for Script {
    fn next(&mut self) -> Next<'_> {
        let pulled = self.0.pop_front();
        Box::pin(async move {
            tokio::task::yield_now().await;
            let chunk = pulled?.unwrap_or_else(|text| panic!("{text}"));
            Some(chunk.map(|text| Bytes::from_static(text.as_bytes())))
        })
    }
}

fn script(
    steps: impl IntoIterator<Item = Result<io::Result<&'static str>, &'static str>>,
) -> Response {
    let source = Script(steps.into_iter().collect());
    Response::stream(200, "text/plain; charset=utf-8", source).header("x-lines", "many")
}

async fn lines() -> Response {
    let lines = (1..=3).map(|number| format!("{number}\n"));
    Response::stream(200, "text/plain; charset=utf-8", Chunks(lines))
}

async fn slowly() -> Response {
    tokio::task::yield_now().await;
    script([Ok(Ok("a")), Ok(Ok("")), Ok(Ok("b"))])
}

async fn nothing() -> Response {
    script([])
}

async fn gone() -> Response {
    script([Ok(Err(io::Error::other(Problem::not_found(
        "no such report",
    ))))])
}

async fn broken() -> Response {
    script([Ok(Err(io::Error::other("a secret")))])
}

async fn panics() -> Response {
    script([Err("a secret")])
}

fn client() -> TestClient {
    let app = App::new("Reports", "1")
        .get("/lines", lines)
        .get("/slowly", slowly)
        .get("/nothing", nothing)
        .get("/gone", gone)
        .get("/broken", broken)
        .get("/panics", panics);
    TestClient::new(app).expect("a right definition")
}

#[test]
fn chunks_come_in_order_with_the_fields_of_the_response() {
    let client = client();
    assert_eq!(client.get("/lines").wait().text(), "1\n2\n3\n");
    let slowly = client.get("/slowly").wait();
    assert_eq!(
        (slowly.text(), slowly.header("x-lines")),
        ("ab", Some("many"))
    );
    assert_eq!(slowly.header("content-length"), None);
    assert_eq!(client.get("/nothing").wait().text(), "");
}

#[test]
fn what_fails_before_the_first_chunk_is_answered() {
    let client = client();
    let gone = client.get("/gone").wait();
    assert_eq!((gone.status, gone.header("x-lines")), (404, None));
    assert!(gone.text().contains("no such report"), "{}", gone.text());
    for path in ["/broken", "/panics"] {
        let failed = client.get(path).wait();
        assert_eq!(failed.status, 500, "{path}");
        assert!(!failed.text().contains("secret"), "{}", failed.text());
    }
}
