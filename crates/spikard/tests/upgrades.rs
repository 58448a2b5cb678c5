//! Another protocol on a connection, by bytes in process and over loopback.

mod common;

use common::{Worker, on_a_loop, worker};
use spikard::{App, Problem, Response, Upgrade};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// What it is sent in capitals, and a last word when the worker ends.
async fn shout(upgrade: Upgrade) -> Result<Response, Problem> {
    upgrade.to("shout", async |mut client| {
        let mut bytes = [0; 64];
        loop {
            let read = client.read(&mut bytes);
            match tokio::time::timeout(Duration::from_secs(5), read).await {
                Ok(Ok(count @ 1..)) => {
                    bytes[..count].make_ascii_uppercase();
                    client.write_all(&bytes[..count]).await.expect("written");
                }
                _ => return,
            }
        }
    })
}

async fn both(upgrade: Option<Upgrade>) -> Result<Response, Problem> {
    match upgrade {
        Some(upgrade) => {
            let said = upgrade.offers().join(" then ");
            upgrade.to("b", async move |mut client| {
                client.write_all(said.as_bytes()).await.expect("written");
            })
        }
        None => Ok(Response::text(200, "plain")),
    }
}

async fn leaves(upgrade: Upgrade) -> Result<Response, Problem> {
    upgrade.to("leave", async |mut client| {
        client.draining().await;
        client.write_all(b"bye").await.expect("written");
    })
}

async fn stays(upgrade: Upgrade) -> Result<Response, Problem> {
    upgrade.to("stay", async |_client| std::future::pending().await)
}

fn app() -> App {
    App::new("Shouting", "1")
        .get("/shout", shout)
        .get("/both", both)
        .get("/leaves", leaves)
        .get("/stays", stays)
}

fn ask(path: &str, version: &str, fields: &str) -> String {
    format!("GET {path} HTTP/{version}\r\nHost: a.test\r\n{fields}\r\n")
}

/// Every byte of the answer to `bytes`, in process.
fn answer(bytes: String) -> String {
    common::answer(app(), &bytes, usize::MAX)
}

const SHOUT: &str = "Connection: keep-alive, Upgrade\r\nUpgrade: whisper, SHOUT\r\n";

#[test]
fn what_follows_the_switch_is_the_other_protocols() {
    let said = answer(format!(
        "{}GET / HTTP/1.1\r\n\r\n",
        ask("/shout", "1.1", SHOUT)
    ));
    let (head, rest) = said.split_once("\r\n\r\n").expect("a head");
    assert!(
        head.starts_with("HTTP/1.1 101 Switching Protocols\r\n"),
        "{said}"
    );
    assert!(
        head.contains("\r\nconnection: upgrade\r\nupgrade: shout\r\n"),
        "{said}"
    );
    assert!(head.contains("\r\nx-request-id: "), "{said}");
    for field in ["content-length", "transfer-encoding", "connection: close"] {
        assert!(!head.contains(field), "{said}");
    }
    assert_eq!(rest, "GET / HTTP/1.1\r\n\r\n");
    let said = answer(ask("/shout", "1.1", SHOUT) + "quiet");
    assert!(said.ends_with("\r\n\r\nQUIET"), "{said}");
}

#[test]
fn replies_before_the_switch_go_first() {
    let before = ask("/both", "1.1", "");
    let said = answer(format!("{before}{}abc", ask("/shout", "1.1", SHOUT)));
    let plain = said.find("plain").expect("an answer");
    let switch = said.find("HTTP/1.1 101").expect("a switch");
    assert!(plain < switch && said.ends_with("\r\n\r\nABC"), "{said}");
}

#[test]
fn who_offers_nothing_of_use_is_told_what_is_spoken() {
    let refused = [
        ("1.1", "", "offer another protocol"),
        ("1.1", "Upgrade: shout\r\n", "offer another protocol"),
        ("1.1", "Connection: upgrade\r\n", "offer another protocol"),
        (
            "1.1",
            "Connection: upgrade\r\nUpgrade: whisper, shouts\r\n",
            "this address speaks shout",
        ),
    ];
    for (version, fields, detail) in refused {
        let said = answer(ask("/shout", version, fields) + &ask("/both", "1.1", ""));
        assert!(
            said.starts_with("HTTP/1.1 426 Upgrade Required\r\n"),
            "{said}"
        );
        assert!(said.contains("\"code\":\"upgrade-required\""), "{said}");
        assert!(said.contains(detail), "{said}");
        let told = said.contains("connection: upgrade\r\nupgrade: shout\r\n");
        assert_eq!(told, detail.starts_with("this"), "{said}");
        // The connection speaks HTTP on.
        assert!(said.ends_with("plain"), "{said}");
    }
}

#[test]
fn http_1_0_and_head_have_no_other_protocol() {
    let said = answer(ask("/shout", "1.0", SHOUT) + "quiet");
    assert!(said.starts_with("HTTP/1.1 426 "), "{said}");
    assert!(
        said.contains("connection: upgrade\r\nupgrade: shout\r\n"),
        "{said}"
    );
    let head = ask("/shout", "1.1", SHOUT).replacen("GET", "HEAD", 1);
    let said = answer(head + &ask("/both", "1.1", ""));
    assert!(
        said.starts_with("HTTP/1.1 426 ") && said.ends_with("plain"),
        "{said}"
    );
}

#[test]
fn a_handler_may_answer_both() {
    assert!(answer(ask("/both", "1.1", "")).ends_with("\r\n\r\nplain"));
    let offers = "Connection: upgrade\r\nUpgrade: a\r\nUpgrade: b, ,c\r\n";
    let said = answer(ask("/both", "1.1", offers));
    assert!(said.ends_with("\r\n\r\na then b then c"), "{said}");
}

/// A worker on loopback that drains once all of `paths` speak their protocols; what each client got behind its head.
fn drained(drain_timeout_ms: u64, paths: &[&str]) -> Vec<String> {
    on_a_loop(async {
        let config = spikard::Config {
            drain_timeout_ms,
            ..spikard::Config::default()
        };
        let Worker {
            address,
            life,
            serving,
        } = worker(app().config(config));
        let mut clients = Vec::new();
        for path in paths {
            let mut client = TcpStream::connect(address).await.expect("a connection");
            let protocol = path.trim_start_matches('/').trim_end_matches('s');
            let fields = format!("Connection: upgrade\r\nUpgrade: {protocol}\r\n");
            let request = ask(path, "1.1", &fields);
            client.write_all(request.as_bytes()).await.expect("sent");
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(client.read_u8().await.expect("a head"));
            }
            assert!(head.starts_with(b"HTTP/1.1 101 "), "{head:?}");
            clients.push(client);
        }
        life.drain();
        let mut said = Vec::new();
        for mut client in clients {
            let mut text = String::new();
            // A cut connection may be reset.
            let _ = client.read_to_string(&mut text).await;
            said.push(text);
        }
        let ended = tokio::time::timeout(Duration::from_secs(10), serving).await;
        ended
            .expect("it ends")
            .expect("no panic")
            .expect("no error");
        said
    })
}

#[test]
fn the_end_of_the_worker_is_told_and_cuts_who_stays() {
    assert_eq!(drained(5_000, &["/leaves"]), ["bye"]);
    assert_eq!(drained(300, &["/leaves", "/stays"]), ["bye", ""]);
}
