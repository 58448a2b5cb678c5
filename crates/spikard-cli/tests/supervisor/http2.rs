//! Clients of HTTP/2: what is lost when workers are reloaded or ended.

use crate::supervised::Supervised;
use bytes::Bytes;
use h2::client::{ResponseFuture, SendRequest};
use http::Request;
use rustix::process::Signal;
use std::collections::BTreeSet;
use std::future::Future;
use std::time::{Duration, Instant};
use tokio::net::TcpStream;

const LIMIT: Duration = Duration::from_secs(30);
const CONNECTIONS: usize = 20;
const STREAMS: usize = 100;

fn run<F: Future>(test: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime")
        .block_on(async { tokio::time::timeout(LIMIT, test).await.expect("in time") })
}

async fn connect(address: &str) -> SendRequest<Bytes> {
    let stream = TcpStream::connect(address).await.expect("not refused");
    let (client, connection) = h2::client::handshake(stream).await.expect("HTTP/2");
    tokio::spawn(connection);
    client
}

fn ask(client: &mut SendRequest<Bytes>, path: &str) -> Result<ResponseFuture, h2::Error> {
    let request = Request::get(format!("http://test{path}")).body(());
    let sent = client.send_request(request.expect("a request"), true);
    sent.map(|(answer, _)| answer)
}

/// The body of a whole answer with status 200.
async fn answer(asked: ResponseFuture) -> Result<String, h2::Error> {
    let response = asked.await?;
    assert_eq!(response.status(), 200);
    let mut body = response.into_body();
    let mut text = Vec::new();
    while let Some(chunk) = body.data().await {
        text.extend_from_slice(&chunk?);
    }
    Ok(String::from_utf8(text).expect("text"))
}

async fn worker(address: &str) -> String {
    let mut client = connect(address).await.ready().await.expect("settings");
    answer(ask(&mut client, "/pid").expect("sent"))
        .await
        .expect("an answer")
}

/// Requests that wait in handlers, all of which have arrived there, with the connections they are on.
async fn held(address: &str) -> (Vec<SendRequest<Bytes>>, Vec<ResponseFuture>) {
    let (mut clients, mut asked) = (Vec::new(), Vec::new());
    for _ in 0..CONNECTIONS {
        let mut client = connect(address).await.ready().await.expect("settings");
        for _ in 0..STREAMS {
            asked.push(ask(&mut client, "/held").expect("sent"));
        }
        // Requests are begun in order.
        let last = ask(&mut client, "/pid").expect("sent");
        answer(last).await.expect("an answer");
        clients.push(client);
    }
    (clients, asked)
}

#[test]
fn a_signal_loses_none_of_two_thousand_open_requests() {
    let supervised = Supervised::start(2);
    run(async {
        let (_clients, asked) = held(&supervised.address).await;
        supervised.send(Signal::TERM);
        // Nobody new is let in once it is heard.
        while TcpStream::connect(&supervised.address).await.is_ok() {
            tokio::task::yield_now().await;
        }
        supervised.open_gate();
        for asked in asked {
            answer(asked).await.expect("an answer");
        }
    });
    assert!(supervised.end().success());
}

#[test]
fn a_reload_loses_none_of_two_thousand_open_requests_and_no_new_one() {
    let supervised = Supervised::start(2);
    run(async {
        let address = supervised.address.clone();
        let (_clients, asked) = held(&address).await;
        let mut old = BTreeSet::new();
        while old.len() < 2 {
            old.insert(worker(&address).await);
        }
        let load = tokio::spawn(ask_until_new(address.clone(), old));
        supervised.send(Signal::HUP);
        let (answered, lost) = load.await.expect("no panic");
        assert_eq!((lost, answered > 0), (Vec::<String>::new(), true));
        supervised.open_gate();
        for asked in asked {
            answer(asked).await.expect("an answer");
        }
    });
    supervised.send(Signal::TERM);
    assert!(supervised.end().success());
}

#[test]
fn a_reload_loses_no_request_on_connections_that_were_idle() {
    let supervised = Supervised::start(2);
    run(async {
        let mut clients = Vec::new();
        for _ in 0..10 * CONNECTIONS {
            let mut client = connect(&supervised.address)
                .await
                .ready()
                .await
                .expect("settings");
            let asked = ask(&mut client, "/pid").expect("sent");
            answer(asked).await.expect("an answer");
            clients.push(client);
        }
        supervised.send(Signal::HUP);
        let (mut answered, mut told) = (0, 0);
        // One after the other, round after round: each has been idle when the end reaches it.
        while let Some(client) = clients.pop() {
            // Neither fails but by what was told: nothing was sent.
            let ready = client.ready().await.ok();
            let asked = ready.and_then(|mut ready| Some((ask(&mut ready, "/pid").ok()?, ready)));
            let Some((asked, ready)) = asked else {
                told += 1;
                continue;
            };
            match answer(asked).await {
                Ok(_) => {
                    answered += 1;
                    clients.insert(0, ready);
                }
                Err(error) if is_not_begun(&error) => told += 1,
                Err(error) => panic!("lost after {answered} answers: {error}"),
            }
        }
        assert_eq!((told, answered > 0), (10 * CONNECTIONS, true));
    });
    supervised.send(Signal::TERM);
    assert!(supervised.end().success());
}

/// The server said that it did not begin the request, which may be sent again (RFC 9113 section 8.7).
fn is_not_begun(error: &h2::Error) -> bool {
    error.is_go_away() || error.reason() == Some(h2::Reason::REFUSED_STREAM)
}

/// Asks without pause, on one connection as long as the server lets, until two new workers have answered. What the server
/// says it has not begun is asked again on a new connection; anything else is lost.
async fn ask_until_new(address: String, old: BTreeSet<String>) -> (usize, Vec<String>) {
    let (mut answered, mut lost) = (0, Vec::new());
    let mut new = BTreeSet::new();
    let until = Instant::now() + LIMIT;
    while new.len() < 2 && Instant::now() < until {
        let mut client = connect(&address).await;
        // A connection stays with its worker: a few requests, then the next.
        for _ in 0..20 {
            client = match client.ready().await {
                Ok(client) => client,
                Err(_) => break,
            };
            let outcome = match ask(&mut client, "/pid") {
                Ok(asked) => answer(asked).await,
                Err(error) => Err(error),
            };
            match outcome {
                Ok(pid) => {
                    answered += 1;
                    if !old.contains(&pid) {
                        new.insert(pid);
                    }
                }
                Err(error) if is_not_begun(&error) => break,
                Err(error) => lost.push(error.to_string()),
            }
        }
    }
    (answered, lost)
}
