//! An app inside the servers of others: as a `tower::Service` of its thread, and of any thread.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    reason = "tests, and what they call"
)]

use axum::Router;
use axum::body::Body;
use axum::routing::get;
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body::Frame;
use http_body_util::{BodyExt, Full};
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use serde_json::Value;
use spikard::config::Config;
use spikard::response::{ChunkSource, Response as Reply};
use spikard::{
    App, Fields, LocalService, Moment, Problem, RunError, SharedService, Text, Trailers, Upgrade,
};
use std::collections::VecDeque;
use std::future::{Future, pending};
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tower::ServiceExt;

/// How many are alive.
type Alive = Arc<AtomicUsize>;

struct Guard(Alive);

impl Guard {
    fn of(alive: &Alive) -> Self {
        alive.fetch_add(1, Ordering::SeqCst);
        Self(Arc::clone(alive))
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Numbers without end.
struct Numbers(u64, #[expect(dead_code, reason = "it is dropped")] Guard);

impl ChunkSource for Numbers {
    fn next(&mut self) -> Pin<Box<dyn Future<Output = Option<io::Result<Bytes>>> + '_>> {
        self.0 += 1;
        let number = self.0;
        Box::pin(async move {
            tokio::task::yield_now().await;
            match number {
                1_000_000 => Some(Err(io::Error::other("enough"))),
                number => Some(Ok(format!("{number}\n").into())),
            }
        })
    }
}

struct Broken(u8);

impl ChunkSource for Broken {
    fn next(&mut self) -> Pin<Box<dyn Future<Output = Option<io::Result<Bytes>>> + '_>> {
        self.0 += 1;
        Box::pin(std::future::ready(Some(match self.0 {
            1 => Ok(Bytes::from_static(b"half")),
            _ => Err(io::Error::other("a secret")),
        })))
    }
}

fn app(alive: &Alive) -> App {
    let (hanging, numbering) = (Arc::clone(alive), Arc::clone(alive));
    let config = Config {
        body_limit: 8,
        handler_timeout_ms: 20,
        body_timeout_ms: 20,
        ..Config::default()
    };
    App::new("Test", "1")
        .config(config)
        .hook(Moment::OnResponse, |passage| async move {
            let peer = passage
                .peer()
                .map_or("nobody".to_owned(), |peer| peer.to_string());
            passage.response(|response| response.headers.push(("x-peer".into(), peer.into())));
        })
        .get("/text", || async { "text" })
        .post("/echo", |Text(text): Text| async { text })
        .get("/fields", |Fields(fields): Fields| async move {
            fields.len().to_string()
        })
        .get("/late", || async {
            pending::<()>().await;
        })
        .get("/crash", || async {
            if true {
                panic!("a secret");
            }
        })
        .get("/hang", move || {
            let guard = Guard::of(&hanging);
            async move {
                pending::<()>().await;
                drop(guard);
            }
        })
        .route_policy(spikard::spec::Policy {
            handler_timeout_ms: Some(0),
            ..Default::default()
        })
        .get("/numbers", move || {
            let source = Numbers(0, Guard::of(&numbering));
            async { Reply::stream(200, "text/plain", source) }
        })
        .get("/broken", || async {
            Reply::stream(200, "text/plain", Broken(0))
        })
}

fn local() -> LocalService {
    app(&Alive::default()).into_service().unwrap()
}

fn request(method: &str, target: &str, body: impl Into<Body>) -> Request<Body> {
    let request = Request::builder().method(method).uri(target);
    let request = request.header("content-type", "text/plain");
    request.body(body.into()).unwrap()
}

async fn ask<S, B>(service: S, request: Request<Body>) -> (Response<()>, Vec<u8>)
where
    S: tower::Service<Request<Body>, Response = Response<B>>,
    S::Error: std::fmt::Debug,
    B: http_body::Body<Data = Bytes>,
    B::Error: std::fmt::Debug,
{
    let response = service.oneshot(request).await.unwrap();
    let (head, body) = response.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    (Response::from_parts(head, ()), body.into())
}

fn code(body: &[u8]) -> String {
    let problem: Value = serde_json::from_slice(body).unwrap();
    problem["code"].as_str().unwrap().to_owned()
}

async fn until(mut is_so: impl FnMut() -> bool) {
    for _ in 0..2_000 {
        if is_so() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    panic!("it does not become so");
}

/// Frames, then nothing more comes.
struct Slow(VecDeque<&'static str>);

impl http_body::Body for Slow {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        match self.0.pop_front() {
            None => Poll::Pending,
            Some("") => Poll::Ready(None),
            Some("!") => Poll::Ready(Some(Err(io::Error::other("cut")))),
            Some(text) => Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(text.as_bytes()))))),
        }
    }
}

fn slowly<const N: usize>(pieces: [&'static str; N]) -> Body {
    Body::new(Slow(pieces.into()))
}

#[tokio::test]
async fn what_the_app_answers_is_complete() {
    let mut asked = request("GET", "/text", "");
    asked
        .headers_mut()
        .insert("x-request-id", "t-1".parse().unwrap());
    let peer: SocketAddr = "10.1.2.3:4".parse().unwrap();
    asked.extensions_mut().insert(peer);
    let (head, body) = ask(local(), asked).await;
    assert_eq!(
        (head.status(), body.as_slice()),
        (StatusCode::OK, &b"text"[..])
    );
    for (name, value) in [
        ("content-type", "text/plain; charset=utf-8"),
        ("content-length", "4"),
        ("x-request-id", "t-1"),
        ("x-peer", "10.1.2.3:4"),
    ] {
        assert_eq!(head.headers()[name], value);
    }
    let (head, body) = ask(local(), request("HEAD", "/text", "")).await;
    assert_eq!(head.headers()["content-length"], "4");
    assert!(body.is_empty());
}

#[tokio::test]
async fn refusals_are_the_apps_own() {
    for (method, target, status, allow) in [
        ("GET", "/nowhere", 404, None),
        ("POST", "/text", 405, Some("GET, HEAD, OPTIONS")),
        ("OPTIONS", "/text", 204, Some("GET, HEAD, OPTIONS")),
        ("BREW", "/text", 501, None),
        ("CONNECT", "host:80", 501, None),
        ("GET", "/%FF", 400, None),
        ("GET", "/crash", 500, None),
        ("GET", "/late", 504, None),
    ] {
        let (head, body) = ask(local(), request(method, target, "")).await;
        assert_eq!(head.status(), status, "{method} {target}");
        let found = head
            .headers()
            .get("allow")
            .map(|allow| allow.to_str().unwrap());
        assert_eq!(found, allow, "{method} {target}");
        assert!(
            head.headers().contains_key("x-request-id"),
            "{method} {target}"
        );
        if status >= 400 {
            assert_eq!(head.headers()["content-type"], "application/problem+json");
            assert!(!String::from_utf8(body).unwrap().contains("secret"));
        }
    }
}

#[tokio::test]
async fn the_connection_is_not_the_apps() {
    async fn speak(upgrade: Upgrade) -> Result<Reply, Problem> {
        upgrade.to("echo", async |_| {})
    }
    let service = App::new("Test", "1")
        .get("/", speak)
        .into_service()
        .unwrap();
    let mut offer = request("GET", "/", "");
    offer
        .headers_mut()
        .insert("connection", "upgrade".parse().unwrap());
    offer
        .headers_mut()
        .insert("upgrade", "echo".parse().unwrap());
    assert_eq!(ask(service, offer).await.0.status(), 426);
}

#[tokio::test]
async fn bodies_are_read_within_their_limits() {
    for (body, status, found) in [
        (slowly(["12", "34", ""]), 200, "1234"),
        (Body::from("12345678"), 200, "12345678"),
        (Body::from("123456789"), 413, "content-too-large"),
        (slowly(["12345", "6789", ""]), 413, "content-too-large"),
        (slowly(["12"]), 408, "request-timeout"),
        (slowly(["12", "!"]), 400, "malformed-request"),
    ] {
        let (head, body) = ask(local(), request("POST", "/echo", body)).await;
        assert_eq!(head.status(), status, "{found}");
        let said = match status {
            200 => String::from_utf8(body).unwrap(),
            _ => code(&body),
        };
        assert_eq!(said, found);
    }
    let mut announced = request("POST", "/echo", slowly([]));
    announced.headers_mut().insert("content-length", 9.into());
    assert_eq!(ask(local(), announced).await.0.status(), 413);
}

#[tokio::test]
async fn fields_behind_bodies_are_passed_both_ways() {
    async fn sum(Text(text): Text, trailers: Trailers) -> Reply {
        let sum = trailers.get("x-sum").unwrap_or_default();
        let sum = String::from_utf8(sum.to_vec()).unwrap();
        Reply::text(200, text).trailers(move || vec![("x-sum".into(), sum.into())])
    }
    let app = || App::new("Test", "1").post("/", sum);
    let asked = |te: bool| {
        let mut fields = http::HeaderMap::new();
        fields.insert("x-sum", "7".parse().unwrap());
        let body = Full::<Bytes>::from("hi").with_trailers(std::future::ready(Some(Ok(fields))));
        let mut request = request("POST", "/", Body::new(body));
        if te {
            request
                .headers_mut()
                .insert("te", "trailers".parse().unwrap());
        }
        request
    };
    for te in [true, false] {
        let local = app().into_service().unwrap().oneshot(asked(te)).await;
        let local = local.unwrap().into_body().collect().await.unwrap();
        let shared = SharedService::start(app).unwrap().oneshot(asked(te)).await;
        let shared = shared.unwrap().into_body().collect().await.unwrap();
        for body in [local, shared] {
            let found = body.trailers().and_then(|fields| fields.get("x-sum"));
            assert_eq!(found.map(|sum| sum.to_str().unwrap()), te.then_some("7"));
            assert_eq!(body.to_bytes(), "hi");
        }
    }
}

#[test]
fn without_a_runtime_nothing_is_timed_and_the_rest_is_the_same() {
    let mut context = Context::from_waker(std::task::Waker::noop());
    let mut asking = Box::pin(ask(local(), request("POST", "/echo", "1234")));
    let Poll::Ready((head, body)) = asking.as_mut().poll(&mut context) else {
        panic!("it waits for nothing");
    };
    assert_eq!(
        (head.status(), body.as_slice()),
        (StatusCode::OK, &b"1234"[..])
    );
    let mut waiting = Box::pin(ask(local(), request("GET", "/late", "")));
    assert!(waiting.as_mut().poll(&mut context).is_pending());
}

fn shared(alive: &Alive) -> SharedService {
    let alive = Arc::clone(alive);
    SharedService::start(move || app(&alive)).unwrap()
}

#[tokio::test]
async fn an_axum_router_nests_an_app_and_falls_back_to_it() {
    let service = shared(&Alive::default());
    let router = Router::new()
        .route("/text", get(|| async { "axum's" }))
        .nest_service("/api", service.clone())
        .fallback_service(service);
    for (method, target, status, body) in [
        ("GET", "/text", 200, "axum's"),
        ("GET", "/api/text", 200, "text"),
        ("POST", "/api/echo", 200, "sent"),
        ("POST", "/echo", 200, "sent"),
        ("DELETE", "/api/text", 405, ""),
        ("GET", "/api/nowhere", 404, ""),
        ("GET", "/nowhere", 404, ""),
    ] {
        let (head, found) = ask(router.clone(), request(method, target, "sent")).await;
        assert_eq!(head.status(), status, "{method} {target}");
        match status {
            200 => assert_eq!(found, body.as_bytes(), "{method} {target}"),
            _ => assert_eq!(head.headers()["content-type"], "application/problem+json"),
        }
    }
    let (_, body) = ask(router, request("GET", "/api/nowhere", "")).await;
    let problem: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(
        problem["instance"], "/nowhere",
        "the path that the app was given"
    );
}

#[tokio::test]
async fn who_leaves_ends_the_handler_and_the_producer() {
    let alive = Alive::default();
    let service = shared(&alive);
    let asking = tokio::spawn(service.clone().oneshot(request("GET", "/hang", "")));
    until(|| alive.load(Ordering::SeqCst) == 1).await;
    asking.abort();
    until(|| alive.load(Ordering::SeqCst) == 0).await;

    let response = service
        .oneshot(request("GET", "/numbers", ""))
        .await
        .unwrap();
    let mut body = response.into_body();
    for expected in ["1\n", "2\n", "3\n"] {
        let frame = body.frame().await.unwrap().unwrap();
        assert_eq!(frame.into_data().unwrap(), expected);
    }
    assert_eq!(alive.load(Ordering::SeqCst), 1);
    drop(body);
    until(|| alive.load(Ordering::SeqCst) == 0).await;
}

#[tokio::test]
async fn a_body_that_fails_is_not_taken_for_a_whole_one() {
    let service = shared(&Alive::default());
    let response = service
        .oneshot(request("GET", "/broken", ""))
        .await
        .unwrap();
    let mut body = response.into_body();
    let first = body.frame().await.unwrap().unwrap();
    assert_eq!(first.into_data().unwrap(), "half");
    assert!(body.frame().await.unwrap().is_err());
}

#[test]
fn mistakes_are_told_and_panics_passed_on() {
    let wrong = SharedService::start(|| App::new("Test", "1").get("x", || async {}));
    assert!(matches!(wrong, Err(RunError::Definition(_))));
    let panics = std::panic::catch_unwind(|| SharedService::start(|| panic!("while it is built")));
    let panic = panics.unwrap_err();
    assert_eq!(panic.downcast_ref::<&str>(), Some(&"while it is built"));
}

#[tokio::test]
async fn hyper_serves_an_app_of_its_thread() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let service = TowerToHyperService::new(local());
    let serving = async move {
        let (socket, _) = listener.accept().await.unwrap();
        let connection = hyper::server::conn::http1::Builder::new();
        // It ends by an error: the reply that fails aborts it.
        _ = connection
            .serve_connection(TokioIo::new(socket), service)
            .await;
    };
    let client = async move {
        let mut socket = TcpStream::connect(address).await.unwrap();
        let echo = "POST /echo HTTP/1.1\r\nhost: h\r\ncontent-type: text/plain\r\ntransfer-encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n";
        socket.write_all(echo.as_bytes()).await.unwrap();
        socket
            .write_all(b"HEAD /text HTTP/1.1\r\nhost: h\r\n\r\n")
            .await
            .unwrap();
        socket
            .write_all(b"GET /broken HTTP/1.1\r\nhost: h\r\n\r\n")
            .await
            .unwrap();
        let mut answers = String::new();
        _ = socket.read_to_string(&mut answers).await;
        answers
    };
    let ((), answers) = tokio::time::timeout(Duration::from_secs(10), async {
        tokio::join!(serving, client)
    })
    .await
    .unwrap();
    let answers: Vec<&str> = answers.split("HTTP/1.1 200 OK\r\n").collect();
    assert!(answers[1].ends_with("\r\n\r\nabc"), "{answers:?}");
    assert!(answers[2].contains("content-length: 4\r\n") && answers[2].ends_with("\r\n\r\n"));
    // hyper may have written the head of the third, and never its end.
    let third = answers.get(3).copied().unwrap_or_default();
    assert!(!third.ends_with("0\r\n\r\n"), "{answers:?}");
}

#[tokio::test]
async fn one_app_mounts_another() {
    let outer = App::new("Outer", "1").mount("/inner", local());
    let client = spikard::TestClient::new(outer).unwrap();
    let answer = client
        .get("/inner/text")
        .header("x-request-id", "t-1")
        .await;
    assert_eq!(
        (answer.text(), answer.header("x-request-id")),
        ("text", Some("t-1"))
    );
    assert_eq!(
        answer
            .headers
            .iter()
            .filter(|(name, _)| name == "date")
            .count(),
        1
    );
    let missing = client.get("/inner/nowhere").await;
    assert_eq!(missing.json::<Value>()["code"], "not-found");
    let allowed = client.options("/inner/text").await;
    assert_eq!(
        (allowed.status, allowed.header("allow")),
        (204, Some("GET, HEAD, OPTIONS"))
    );
    // What a test of types alone would not see: problems of hooks inside, bodies of no kind of axum's.
    let inner = App::new("Inner", "1").hook(Moment::OnRequest, |_| async {
        Err::<(), _>(Problem::conflict("no"))
    });
    let inner = inner.post("/", || async {});
    let full = Request::post("/").body(Full::<Bytes>::from("x")).unwrap();
    let response = inner.into_service().unwrap().oneshot(full).await.unwrap();
    assert_eq!(response.status(), 409);
}
