//! HTTP/2 against the client of the crate below, in time that is made to pass.

use super::double::Double;
use super::scene;
use crate::Config;
use crate::endpoint::Cancel;
use crate::server::Life;
use crate::server::connection::converse;
use crate::server::link::Remote;
use bytes::Bytes;
use h2::client::{ResponseFuture, SendRequest};
use h2::{Reason, RecvStream, SendStream};
use http::{HeaderMap, Request, Response};
use std::future::{Future, poll_fn};
use std::rc::Rc;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};
use tokio::task::{JoinHandle, spawn_local};
use tokio::time::{Instant, sleep, timeout};

pub(super) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

pub(super) fn paused<F: Future>(future: F) -> F::Output {
    scene::paused(async {
        timeout(Duration::from_secs(600), future)
            .await
            .expect("the test ends in time")
    })
}

/// A server of one connection, and the client's end of that.
pub(super) fn served(config: Config) -> (Rc<Double>, Rc<Life>, DuplexStream, JoinHandle<()>) {
    let app = scene::double(config);
    let life = Life::new();
    let (client, theirs) = tokio::io::duplex(4096);
    let remote = Remote {
        peer: None,
        watch: Some(life.watch()),
        end_is_gone: true,
    };
    let server = spawn_local(converse(Rc::clone(&app), theirs, remote));
    (app, life, client, server)
}

struct Scene {
    app: Rc<Double>,
    life: Rc<Life>,
    client: SendRequest<Bytes>,
    /// Ends with how the connection ended.
    connection: JoinHandle<Result<(), h2::Error>>,
    server: JoinHandle<()>,
}

impl Scene {
    async fn new(config: Config) -> Self {
        let (app, life, io, server) = served(config);
        let (client, connection) = h2::client::handshake(io).await.expect("HTTP/2");
        Self {
            app,
            life,
            client: client.ready().await.expect("settings"),
            connection: spawn_local(connection),
            server,
        }
    }

    fn ask(&mut self, method: &str, path: &str, ends: bool) -> (ResponseFuture, SendStream<Bytes>) {
        let request = Request::builder()
            .method(method)
            .uri(format!("http://h{path}"))
            .body(())
            .expect("a request");
        self.client.send_request(request, ends).expect("sent")
    }

    async fn get(&mut self, path: &str) -> (u16, HeaderMap, String) {
        whole(self.ask("GET", path, true).0).await
    }

    async fn post(&mut self, path: &str, pieces: &[&str]) -> (u16, HeaderMap, String) {
        let (answer, mut body) = self.ask("POST", path, false);
        for (at, piece) in pieces.iter().enumerate() {
            let piece = Bytes::copy_from_slice(piece.as_bytes());
            body.send_data(piece, at + 1 == pieces.len()).expect("sent");
        }
        whole(answer).await
    }
}

async fn whole(answer: ResponseFuture) -> (u16, HeaderMap, String) {
    let response = answer.await.expect("an answer");
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let body = content(response).await.expect("a whole body");
    (status, headers, String::from_utf8(body).expect("text"))
}

async fn content(response: Response<RecvStream>) -> Result<Vec<u8>, h2::Error> {
    let mut body = response.into_body();
    let mut bytes = Vec::new();
    while let Some(chunk) = body.data().await {
        let chunk = chunk?;
        body.flow_control().release_capacity(chunk.len())?;
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

fn reason(error: &h2::Error) -> Option<Reason> {
    error.reason()
}

#[test]
fn requests_are_answered_as_in_http_1() {
    paused(async {
        let mut scene = Scene::new(Config::default()).await;
        let (status, headers, body) = scene.get("/a?b=c").await;
        assert_eq!((status, body.as_str()), (200, "GET /a?b=c "));
        let names: Vec<_> = headers.keys().map(http::HeaderName::as_str).collect();
        let known = ["content-type", "content-length", "date", "x-request-id"];
        assert_eq!(names, known);
        assert_eq!(headers["content-length"], "11");
        let (status, _, body) = scene.post("/b", &["some ", "text"]).await;
        assert_eq!((status, body.as_str()), (200, "POST /b some text"));
        let (status, headers, body) = whole(scene.ask("HEAD", "/a", true).0).await;
        assert_eq!((status, body.as_str()), (200, ""));
        assert_eq!(headers["content-length"], "8");
        let (status, headers, body) = scene.get("/empty").await;
        assert_eq!((status, body.as_str()), (204, ""));
        assert!(!headers.contains_key("content-length"));
        let (status, _, body) = scene.get("/unknown").await;
        assert_eq!((status, body.as_str()), (404, "not-found: "));
        let (_, headers, body) = scene.get("/odd").await;
        assert_eq!(body, "odd");
        assert_eq!(headers["content-length"], "3");
        assert!(!headers.contains_key("connection"));
        let cookies: Vec<_> = headers.get_all("set-cookie").iter().collect();
        assert_eq!(cookies, ["a=1", "b=2"]);
    });
}

#[test]
fn long_bodies_go_both_ways() {
    paused(async {
        let mut scene = Scene::new(Config::default()).await;
        assert_eq!(scene.get("/large").await.2, "y".repeat(300_000));
        assert_eq!(scene.get("/static").await.2, "x".repeat(40_000));
        let stream = format!("one{}three", "z".repeat(20_000));
        let (_, headers, body) = scene.get("/stream").await;
        assert_eq!(body, stream);
        assert!(!headers.contains_key("transfer-encoding"));
        let long = "w".repeat(1_000_000);
        let (_, _, body) = scene.post("/b", &[&long, "end"]).await;
        assert_eq!(body, format!("POST /b {long}end"));
    });
}

#[test]
fn a_preface_is_known_in_every_split_and_only_at_the_start() {
    for piece in 1..PREFACE.len() + 20 {
        paused(async {
            let (_, life, mut client, _server) = served(Config::default());
            let settings = [0, 0, 0, 4, 0, 0, 0, 0, 0];
            for piece in [PREFACE, &settings].concat().chunks(piece) {
                client.write_all(piece).await.expect("sent");
                tokio::task::yield_now().await;
            }
            let mut head = [0; 9];
            client.read_exact(&mut head).await.expect("settings");
            assert_eq!(head[3..5], [4, 0], "{piece}");
            life.end();
        });
    }
    let get = b"GET / HTTP/1.1\r\nhost: h\r\n\r\n";
    let none = Config {
        http2_streams: 0,
        ..Config::default()
    };
    for (config, before) in [(Config::default(), &get[..]), (none, b"")] {
        paused(async {
            let (_, _, mut client, _server) = served(config);
            client.write_all(before).await.expect("sent");
            client.write_all(PREFACE).await.expect("sent");
            client.shutdown().await.expect("sent");
            let mut answer = String::new();
            let read = client.read_to_string(&mut answer).await;
            read.expect("an orderly end");
            assert!(answer.contains("HTTP/1.1 400 "), "{answer}");
        });
    }
}

#[test]
fn a_slow_handler_holds_up_nobody_else() {
    paused(async {
        let mut scene = Scene::new(Config::default()).await;
        let start = Instant::now();
        let slow: Vec<_> = (0..50).map(|_| scene.ask("GET", "/slow", true).0).collect();
        assert_eq!(scene.get("/quick").await.0, 200);
        assert_eq!(scene.get("/later").await.0, 200);
        assert_eq!(start.elapsed(), Duration::ZERO);
        for answer in slow {
            assert_eq!(whole(answer).await.2, "GET /slow ");
        }
        assert!(start.elapsed() < Duration::from_millis(1_100));
        assert_eq!(scene.life.connections(), 1);
    });
}

#[test]
fn bodies_have_a_limit_of_size_and_of_time() {
    paused(async {
        let config = Config {
            body_limit: 10,
            ..Config::default()
        };
        let mut scene = Scene::new(config).await;
        let (status, _, body) = scene.post("/b", &["12345", "678901"]).await;
        assert_eq!(status, 413, "{body}");
        let request = Request::post("http://h/b").header("content-length", 11);
        let request = request.body(()).expect("a request");
        let (answer, _body) = scene.client.send_request(request, false).expect("sent");
        assert_eq!(whole(answer).await.0, 413);
        let start = Instant::now();
        let (answer, _body) = scene.ask("POST", "/b", false);
        assert_eq!(whole(answer).await.0, 408);
        let limit = Duration::from_millis(Config::default().body_timeout_ms);
        assert!(start.elapsed() >= limit && start.elapsed() < limit * 2);
        assert_eq!(scene.get("/a").await.0, 200);
    });
}

#[test]
fn a_handler_learns_that_its_client_is_gone() {
    paused(async {
        let mut scene = Scene::new(Config::default()).await;
        let (_answer, mut request) = scene.ask("GET", "/never", true);
        assert_eq!(scene.get("/a").await.0, 200);
        request.send_reset(Reason::CANCEL);
        assert_eq!(scene.get("/a").await.0, 200);
        assert_eq!(scene.app.given_up.take(), Some(Cancel::ClientGone));
        let _answer = scene.ask("GET", "/never", true);
        assert_eq!(scene.get("/a").await.0, 200);
        scene.connection.abort();
        scene.server.await.expect("no panic");
        tokio::task::yield_now().await;
        assert_eq!(scene.app.given_up.take(), Some(Cancel::ClientGone));
    });
}

#[test]
fn a_handler_has_its_time_and_the_worker_its_end() {
    paused(async {
        let config = Config {
            handler_timeout_ms: 500,
            ..Config::default()
        };
        let mut scene = Scene::new(config).await;
        let (status, _, _) = scene.get("/never").await;
        assert_eq!(status, 504);
        assert_eq!(scene.app.given_up.take(), Some(Cancel::Deadline));
        assert_eq!(scene.get("/panics").await.0, 500);
        let _answer = scene.ask("GET", "/never", true);
        assert_eq!(scene.get("/a").await.0, 200);
        scene.life.end();
        scene.server.await.expect("no panic");
        assert_eq!(scene.app.given_up.take(), Some(Cancel::Shutdown));
        assert_eq!(scene.life.connections(), 0);
    });
}

#[test]
fn a_slow_client_holds_the_producer() {
    paused(async {
        let mut scene = Scene::new(Config::default()).await;
        let response = scene.ask("GET", "/endless", true).0.await;
        let mut body = response.expect("an answer").into_body();
        assert!(body.data().await.expect("a chunk").is_ok());
        sleep(Duration::from_secs(1)).await;
        // 64 KiB of the client's window and as much of our buffer, in chunks of 1,000 bytes.
        assert!(scene.app.pulled.get() < 200, "{}", scene.app.pulled.get());
        assert!(!scene.app.dropped.get());
        drop(body);
        assert_eq!(scene.get("/a").await.0, 200);
        assert!(scene.app.dropped.get());
    });
}

#[test]
fn a_client_that_takes_nothing_is_given_up() {
    let limit = Duration::from_millis(Config::default().body_timeout_ms);
    for path in ["/endless", "/large", "/static"] {
        paused(async {
            let mut scene = Scene::new(Config::default()).await;
            let start = Instant::now();
            let response = scene.ask("GET", path, true).0.await;
            let response = response.expect("an answer");
            scene.connection.abort();
            drop(response);
            scene.server.await.expect("no panic");
            assert!(start.elapsed() < limit, "{path}: the connection broke");
        });
        paused(async {
            let (app, _, io, server) = served(Config::default());
            let mut builder = h2::client::Builder::new();
            builder.initial_window_size(if path == "/static" { 10 } else { 65_535 });
            let shaken = builder.handshake::<_, Bytes>(io).await;
            let (client, connection) = shaken.expect("HTTP/2");
            let connection = spawn_local(connection);
            let mut client = client.ready().await.expect("settings");
            let start = Instant::now();
            let request = Request::get(format!("http://h{path}")).body(());
            let (answer, _) = client
                .send_request(request.expect("a request"), true)
                .expect("sent");
            let response = answer.await.expect("an answer");
            let error = content_unreleased(response).await.expect_err("given up");
            let took = start.elapsed();
            assert!(took >= limit && took < limit * 2, "{path} {took:?} {error}");
            drop(client);
            drop(app);
            let _ = connection.await;
            server.await.expect("no panic");
        });
    }
}

/// Reads what fits in the window, and waits for more.
async fn content_unreleased(response: Response<RecvStream>) -> Result<(), h2::Error> {
    let mut body = response.into_body();
    while let Some(chunk) = body.data().await {
        chunk?;
    }
    Ok(())
}

#[test]
fn a_stream_that_fails_is_seen_as_broken() {
    paused(async {
        let mut scene = Scene::new(Config::default()).await;
        let response = scene.ask("GET", "/broken", true).0.await;
        let error = content(response.expect("an answer")).await;
        let error = error.expect_err("not whole");
        assert_eq!(reason(&error), Some(Reason::INTERNAL_ERROR));
        assert_eq!(scene.get("/a").await.0, 200);
    });
}

#[test]
fn draining_finishes_what_is_open_and_then_ends() {
    paused(async {
        let mut scene = Scene::new(Config::default()).await;
        let slow: Vec<_> = (0..20).map(|_| scene.ask("GET", "/slow", true).0).collect();
        assert_eq!(scene.get("/a").await.0, 200);
        scene.life.drain();
        for answer in slow {
            assert_eq!(whole(answer).await.0, 200);
        }
        scene.connection.await.expect("no panic").expect("no error");
        scene.server.await.expect("no panic");
        assert_eq!(scene.life.connections(), 0);
    });
}

#[test]
fn an_idle_connection_is_closed_in_good_order() {
    paused(async {
        let mut scene = Scene::new(Config::default()).await;
        assert_eq!(scene.get("/a").await.0, 200);
        let start = Instant::now();
        scene.connection.await.expect("no panic").expect("no error");
        scene.server.await.expect("no panic");
        let limit = Duration::from_millis(Config::default().keep_alive_ms);
        assert!(start.elapsed() >= limit && start.elapsed() < limit + Duration::from_secs(2));
    });
}

#[test]
fn an_interim_reply_is_given_to_who_waits_for_it() {
    paused(async {
        let mut scene = Scene::new(Config::default()).await;
        let request = Request::post("http://h/b").header("expect", "100-continue");
        let request = request.body(()).expect("a request");
        let (mut answer, mut body) = scene.client.send_request(request, false).expect("sent");
        let interim = poll_fn(|context| answer.poll_informational(context)).await;
        let interim = interim.expect("one").expect("an interim reply");
        assert_eq!(interim.status(), 100);
        body.send_data(Bytes::from_static(b"text"), true)
            .expect("sent");
        assert_eq!(whole(answer).await.2, "POST /b text");
    });
}
