//! Files as answers of handlers, by the test client.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    reason = "tests, and what they call"
)]

use spikard::{App, Conditions, Reply, State, TestClient};
use std::fs;
use std::path::PathBuf;

async fn show(State(path): State<PathBuf>, asked: Conditions) -> Reply {
    asked.file(path)
}

fn client(path: PathBuf) -> TestClient {
    TestClient::new(
        App::new("Test", "1")
            .state(path)
            .get("/", show)
            .post("/", show),
    )
    .unwrap()
}

#[test]
fn conditions_and_ranges_are_those_of_the_request() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("page.html");
    fs::write(&path, "0123456789").unwrap();
    let client = client(path);
    let whole = client.get("/").wait();
    assert_eq!((whole.status, whole.text()), (200, "0123456789"));
    assert_eq!(
        whole.header("content-type"),
        Some("text/html; charset=utf-8")
    );
    assert_eq!(whole.header("accept-ranges"), Some("bytes"));
    let (tag, date) = (
        whole.header("etag").unwrap(),
        whole.header("last-modified").unwrap(),
    );
    for (name, value, status, body) in [
        ("if-none-match", tag, 304, ""),
        ("if-none-match", "\"other\"", 200, "0123456789"),
        ("if-modified-since", date, 304, ""),
        ("if-unmodified-since", date, 200, "0123456789"),
        ("if-match", tag, 200, "0123456789"),
        ("range", "bytes=2-4", 206, "234"),
        ("range", "bytes=-3", 206, "789"),
        ("range", "nonsense", 200, "0123456789"),
    ] {
        let answer = client.get("/").header(name, value).wait();
        assert_eq!(
            (answer.status, answer.text()),
            (status, body),
            "{name}: {value}"
        );
    }
    for (name, value, status) in [("if-match", "\"other\"", 412), ("range", "bytes=10-", 416)] {
        let answer = client.get("/").header(name, value).wait();
        assert_eq!(answer.status, status, "{name}: {value}");
        assert_eq!(
            answer.header("content-type"),
            Some("application/problem+json")
        );
    }
    let stale = client
        .get("/")
        .header("range", "bytes=0-1")
        .header("if-range", "\"other\"");
    assert_eq!(stale.wait().status, 200);
    let head = client.head("/").header("range", "bytes=0-1").wait();
    assert_eq!(
        (head.status, head.header("content-length")),
        (200, Some("10"))
    );
    let several = client.get("/").header("range", "bytes=0-0,9-9").wait();
    assert_eq!(several.status, 206);
    assert!(
        several
            .header("content-type")
            .unwrap()
            .starts_with("multipart/byteranges")
    );
    // Not said of what a POST answers with.
    let posted = client
        .post("/")
        .header("if-none-match", tag)
        .header("range", "bytes=2-4")
        .wait();
    assert_eq!((posted.status, posted.text()), (200, "0123456789"));
}

#[test]
fn a_large_file_is_sent_whole() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("large.bin");
    let content: Vec<u8> = (0..1_000_000_u32).map(|number| number as u8).collect();
    fs::write(&path, &content).unwrap();
    let answer = client(path).get("/").wait();
    assert_eq!(answer.header("content-length"), Some("1000000"));
    assert_eq!(
        answer.header("content-type"),
        Some("application/octet-stream")
    );
    assert!(answer.body == content);
}

#[test]
fn what_is_no_file_is_not_found() {
    let folder = tempfile::tempdir().unwrap();
    for path in [
        folder.path().to_owned(),
        folder.path().join("none"),
        "/dev/null".into(),
    ] {
        assert_eq!(client(path.clone()).get("/").wait().status, 404, "{path:?}");
    }
}
