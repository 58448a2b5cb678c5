//! Key sets from a URL, by a listener that counts who asks.

use super::{app, send, text, vectors};
use crate::auth::spec::BearerSpec;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};

/// Reads a request's head and answers it.
fn answer(mut peer: TcpStream, status: &str, body: &str) {
    let mut asked = Vec::new();
    while !asked.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        peer.read_exact(&mut byte).expect("a head");
        asked.push(byte[0]);
    }
    let head = format!(
        "HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    peer.write_all((head + body).as_bytes()).expect("sent");
}

/// A listener, and keys that are to come from it.
fn listening() -> (TcpListener, BearerSpec) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}/keys", listener.local_addr().expect("an address"));
    let jwks = Some(url);
    let spec = BearerSpec {
        jwks,
        ..BearerSpec::default()
    };
    (listener, spec)
}

/// Answers the first who asks so; the listener then.
fn first(
    listener: TcpListener,
    status: &'static str,
    body: String,
) -> impl FnOnce() -> TcpListener {
    let server = std::thread::spawn(move || {
        let (peer, _) = listener.accept().expect("a client");
        answer(peer, status, &body);
        listener
    });
    move || server.join().expect("it answered")
}

fn nobody_asks(listener: &TcpListener) {
    listener.set_nonblocking(true).expect("a listener");
    assert!(listener.accept().is_err(), "it was fetched twice");
}

#[test]
fn a_key_set_of_a_url_is_waited_for_once() {
    let vectors = vectors();
    let (listener, spec) = listening();
    let served = first(listener, "200 OK", vectors["jwks"].to_string());
    let client = app(spec).expect("right");
    assert_eq!(
        send(&client, text(&vectors, "/named/r")),
        (200, "ada".to_owned())
    );
    let listener = served();
    // Unknown keys are not asked for again at once, and nobody waits.
    assert_eq!(send(&client, text(&vectors, "/named/unknown")).0, 401);
    assert_eq!(send(&client, text(&vectors, "/named/ed")).0, 200);
    nobody_asks(&listener);
}

#[test]
fn a_fetch_that_failed_is_not_repeated_for_who_asks_at_once() {
    let vectors = vectors();
    let (listener, spec) = listening();
    let served = first(listener, "500 Internal Server Error", String::new());
    let client = app(spec).expect("right");
    let token = text(&vectors, "/named/r");
    assert_eq!(send(&client, token).0, 503);
    let listener = served();
    for _ in 0..20 {
        assert_eq!(send(&client, token).0, 503);
    }
    nobody_asks(&listener);
}

#[test]
fn keys_that_do_not_come_are_no_fault_of_the_caller() {
    let (listener, spec) = listening();
    drop(listener);
    let client = app(spec).expect("right");
    assert_eq!(send(&client, text(&vectors(), "/named/r")).0, 503);
    assert_eq!(client.get("/").wait().status, 401);
}
