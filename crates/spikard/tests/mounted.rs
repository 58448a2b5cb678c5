//! Services of others below a path of an app, by the test client.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    reason = "tests, and what they call"
)]

mod common;

use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::IntoResponse;
use axum::routing::{any, get, post};
use axum::{Extension, Router};
use bytes::Bytes;
use common::{on_a_loop, worker};
use http_body::{Frame, SizeHint};
use http_body_util::BodyExt;
use serde_json::Value;
use spikard::auth::{ApiKeySpec, AuthSpec, KeySpec, Principal};
use spikard::config::Config;
use spikard::spec::Policy;
use spikard::{
    App, Moment, Prefix, Problem, RequestBody, RequestId, TestClient, server::exchange,
    server::request_bytes,
};
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tower::timeout::TimeoutLayer;
use tower::{Service, ServiceBuilder, service_fn};

/// What the service is told: method, target, header fields, body.
async fn told(method: Method, uri: Uri, headers: HeaderMap, body: String) -> String {
    let mut lines = vec![format!("{method} {uri}")];
    lines.extend(
        headers
            .iter()
            .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())),
    );
    lines.push(body);
    lines.join("\n")
}

async fn pieces() -> Body {
    script([Ok("one,"), Ok(""), Ok("two")])
}

async fn broken() -> Body {
    script([Err("a secret")])
}

fn old() -> Router {
    Router::new()
        .route("/", get(|| async { "root" }))
        .route("/told", any(told))
        .route("/pieces", get(pieces))
        .route("/broken", get(broken))
        .route("/whole", get(|| async { "whole" }))
        .route(
            "/post",
            post(|| async { (StatusCode::CREATED, [("x-old", "yes")], "made") }),
        )
        .route("/odd", get(|| async { StatusCode::SWITCHING_PROTOCOLS }))
}

fn script<const N: usize>(steps: [Result<&'static str, &'static str>; N]) -> Body {
    Body::new(Script(steps.into_iter().collect()))
}

struct Script(VecDeque<Result<&'static str, &'static str>>);

impl http_body::Body for Script {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let step = self.0.pop_front();
        Poll::Ready(step.map(|step| match step {
            Ok(text) => Ok(Frame::data(Bytes::from_static(text.as_bytes()))),
            Err(text) => Err(io::Error::other(text)),
        }))
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::default()
    }
}

fn client(app: App) -> TestClient {
    TestClient::new(app).unwrap()
}

#[test]
fn a_service_sees_what_is_below_its_path() {
    let client = client(App::new("Test", "1").group("/{shop}", |shop| shop.mount("/old", old())));
    for (target, seen) in [
        ("/a%2Fb/old/told?x=1&x=2", "/told?x=1&x=2"),
        ("/s/old/told", "/told"),
    ] {
        let text = client.get(target).wait();
        assert_eq!(text.text().lines().next(), Some(&*format!("GET {seen}")));
    }
    for root in ["/s/old", "/s/old/"] {
        assert_eq!(client.get(root).wait().text(), "root", "{root}");
    }
    assert_eq!(client.get("/s/older").wait().status, 404);
}

#[test]
fn fields_of_the_connection_stay_behind_and_the_body_is_whole() {
    let client = client(App::new("Test", "1").mount("/", old()));
    let answer = client
        .request("PROPFIND", "/told")
        .header("connection", "x-hop")
        .header("x-hop", "1")
        .header("te", "deflate")
        .header("transfer-encoding", "chunked")
        .header("x-request-id", "t-1")
        .header("x-kept", "2");
    let answer = answer.body("text/plain", "4\r\nbody\r\n0\r\n\r\n").wait();
    let lines = "PROPFIND /told\nx-kept: 2\ncontent-type: text/plain\nhost: test\ncontent-length: 4\nx-request-id: t-1\nbody";
    let mut expected: Vec<&str> = lines.lines().collect();
    let mut found: Vec<&str> = answer.text().lines().collect();
    expected.sort_unstable();
    found.sort_unstable();
    assert_eq!(found, expected);
    assert_eq!(answer.header("x-request-id"), Some("t-1"));
}

#[test]
fn what_it_answers_is_left_as_it_is() {
    let client = client(App::new("Test", "1").mount("/old", old()));
    let made = client.post("/old/post").wait();
    assert_eq!((made.status, made.text()), (201, "made"));
    assert_eq!(made.header("x-old"), Some("yes"));
    assert_eq!(
        made.header("content-type"),
        Some("text/plain; charset=utf-8")
    );
    let missing = client.get("/old/nowhere").wait();
    assert_eq!((missing.status, missing.text()), (404, ""));
    let wrong = client.put("/old/post").wait();
    assert_eq!((wrong.status, wrong.header("allow")), (405, Some("POST")));
    assert_eq!(client.options("/old/post").wait().status, 405);
    assert_eq!(client.request("BREW", "/old/post").wait().status, 405);
    let head = client.head("/old/whole").wait();
    assert_eq!(
        (head.status, head.header("content-length")),
        (200, Some("5"))
    );
    assert!(head.body.is_empty());
}

#[test]
fn own_routes_go_first() {
    let app = App::new("Test", "1")
        .mount("/", old())
        .get("/whole", || async { "own" })
        .post("/new", || async { "new" });
    let client = client(app);
    assert_eq!(client.get("/whole").wait().text(), "own");
    assert_eq!(
        client.head("/whole").wait().header("content-length"),
        Some("3")
    );
    assert_eq!(client.get("/").wait().text(), "root");
    assert_eq!(client.get("/health/live").wait().status, 200);
    // Its other methods are the service's.
    assert_eq!(client.put("/new").wait().status, 404);
    let document: Value = serde_json::from_slice(client.openapi()).unwrap();
    let paths: Vec<&String> = document["paths"].as_object().unwrap().keys().collect();
    assert_eq!(paths, ["/whole", "/new"]);
}

#[test]
fn bodies_are_streamed_and_their_failures_told() {
    let client = client(App::new("Test", "1").mount("/old", old()));
    let pieces = client.get("/old/pieces").wait();
    assert_eq!(
        (pieces.text(), pieces.header("transfer-encoding")),
        ("one,two", Some("chunked"))
    );
    let whole = client.get("/old/whole").wait();
    assert_eq!(
        (whole.text(), whole.header("content-length")),
        ("whole", Some("5"))
    );
    for target in ["/old/broken", "/old/odd"] {
        let problem = client.get(target).wait();
        assert_eq!(problem.json::<Value>()["code"], "internal", "{target}");
        assert!(!problem.text().contains("secret"));
    }
}

#[derive(Clone)]
struct Failing(Rc<dyn Fn() -> tower::BoxError>, bool);

impl Service<http::Request<RequestBody>> for Failing {
    type Response = http::Response<Body>;
    type Error = tower::BoxError;
    type Future = std::future::Ready<Result<Self::Response, tower::BoxError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), tower::BoxError>> {
        Poll::Ready(if self.1 { Err((self.0)()) } else { Ok(()) })
    }

    fn call(&mut self, _: http::Request<RequestBody>) -> Self::Future {
        std::future::ready(Err((self.0)()))
    }
}

#[test]
fn errors_of_a_service_are_problems() {
    let conflict = || -> tower::BoxError { Box::new(Problem::conflict("twice")) };
    let secret = || -> tower::BoxError { "a secret".into() };
    let app = App::new("Test", "1")
        .mount("/conflict", Failing(Rc::new(conflict), false))
        .mount("/unready", Failing(Rc::new(conflict), true))
        .mount("/secret", Failing(Rc::new(secret), false));
    let client = client(app);
    for (target, status, detail) in [
        ("/conflict", 409, Some("twice")),
        ("/unready/x", 409, Some("twice")),
        ("/secret", 500, None),
    ] {
        let answer = client.get(target).wait();
        assert_eq!(answer.status, status, "{target}");
        let problem: Value = answer.json();
        assert_eq!(problem["detail"].as_str(), detail, "{target}");
        assert_eq!(problem["instance"], target);
    }
}

/// The text, and behind it a field.
struct Trailed(VecDeque<Frame<Bytes>>);

impl http_body::Body for Trailed {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.0.pop_front().map(Ok))
    }
}

#[test]
fn fields_behind_bodies_are_passed_both_ways() {
    let service = service_fn(|request: http::Request<RequestBody>| async move {
        let te = request.headers().get("te").cloned();
        assert_eq!(te.unwrap(), "trailers");
        let collected = request.into_body().collect().await.unwrap();
        let fields = collected.trailers().cloned().unwrap_or_default();
        let content = Frame::data(collected.to_bytes());
        Ok::<_, Infallible>(http::Response::new(Trailed(
            [content, Frame::trailers(fields)].into(),
        )))
    });
    let app = App::new("Test", "1").mount("/", service);
    let app = Rc::new(app.freeze().unwrap());
    let request = b"POST / HTTP/1.1\r\nhost: h\r\nte: trailers\r\nconnection: te\r\ntransfer-encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\nx-sum: 7\r\n\r\n";
    let mut context = Context::from_waker(std::task::Waker::noop());
    let mut exchanged = Box::pin(exchange(app, request.to_vec()));
    let Poll::Ready(answer) = exchanged.as_mut().poll(&mut context) else {
        unreachable!("it waits for nothing")
    };
    let answer = String::from_utf8(answer).unwrap();
    assert!(
        answer.ends_with("2\r\nhi\r\n0\r\nx-sum: 7\r\n\r\n"),
        "{answer}"
    );
}

#[test]
fn policies_and_hooks_hold_for_what_is_mounted() {
    let key = AuthSpec::api_key(ApiKeySpec {
        keys: vec![KeySpec {
            key: "3f1c9a7be2d84460".into(),
            subject: "till 7".to_owned(),
            scopes: vec![],
        }],
        ..ApiKeySpec::default()
    });
    async fn who(
        Extension(principal): Extension<Principal>,
        Extension(RequestId(id)): Extension<RequestId>,
        Extension(Prefix(prefix)): Extension<Prefix>,
        request: Request,
    ) -> String {
        let mark = request.headers().get("x-mark").unwrap().to_str().unwrap();
        format!("{:?} {id} {prefix} {mark}", principal.subject())
    }
    let seen = Rc::new(RefCell::new(Vec::new()));
    let log = Rc::clone(&seen);
    let app = App::new("Test", "1")
        .hook(Moment::PreHandler, |passage| async move {
            passage
                .set_header("x-mark", b"7")
                .map_err(Problem::internal)
        })
        .hook(Moment::OnResponse, move |passage| {
            let status = passage.response(|response| response.status);
            log.borrow_mut().push((passage.target(), status));
            std::future::ready(())
        })
        .mount("/old", Router::new().route("/who", any(who)))
        .route_auth([key])
        .route_policy(Policy {
            body_limit: Some(8),
            ..Policy::default()
        });
    let client = client(app);
    for target in ["/old", "/old/", "/old/who"] {
        let refused = client.get(target).wait();
        assert_eq!(
            refused.json::<Value>()["code"],
            "unauthenticated",
            "{target}"
        );
    }
    let known = |target: &str| client.post(target).header("x-api-key", "3f1c9a7be2d84460");
    let answer = known("/old/who").header("x-request-id", "t-1").wait();
    assert_eq!(answer.text(), r#"Some("till 7") t-1 /old 7"#);
    let large = known("/old/who").body("text/plain", "123456789").wait();
    assert_eq!(large.json::<Value>()["code"], "content-too-large");
    assert_eq!(
        seen.borrow().last(),
        Some(&("/old/who".to_owned(), Some(413)))
    );
    assert_eq!(seen.borrow().len(), 5);
}

#[test]
fn preflights_are_the_apps() {
    let config = Config {
        cors_origins: "https://a.example".to_owned(),
        ..Config::default()
    };
    let client = client(App::new("Test", "1").config(config).mount("/old", old()));
    let answer = client
        .options("/old/post")
        .header("origin", "https://a.example")
        .header("access-control-request-method", "PATCH")
        .wait();
    assert_eq!(answer.status, 204);
    let methods = "GET, HEAD, POST, PUT, PATCH, DELETE, QUERY, OPTIONS";
    assert_eq!(answer.header("access-control-allow-methods"), Some(methods));
}

/// Says when it was dropped.
struct Guard(Rc<Cell<bool>>);

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.set(true);
    }
}

#[tokio::test]
async fn a_client_that_leaves_ends_the_call() {
    let dropped = Rc::new(Cell::new(false));
    let watch = Rc::clone(&dropped);
    let service = service_fn(move |_: http::Request<RequestBody>| {
        let guard = Guard(Rc::clone(&watch));
        async move {
            std::future::pending::<()>().await;
            drop(guard);
            Ok::<_, Infallible>(().into_response())
        }
    });
    let app = Rc::new(App::new("Test", "1").mount("/", service).freeze().unwrap());
    let request = request_bytes("GET", "/", &[], b"");
    let left = tokio::time::timeout(Duration::from_millis(20), exchange(app, request)).await;
    assert!(left.is_err() && dropped.get());
}

#[test]
fn a_service_that_is_late_is_answered_for() {
    let dropped = Rc::new(Cell::new(false));
    let watch = Rc::clone(&dropped);
    let service = service_fn(move |request: http::Request<RequestBody>| {
        let guard = Guard(Rc::clone(&watch));
        async move {
            if request.uri().path() == "/late" {
                std::future::pending::<()>().await;
            }
            drop(guard);
            Ok::<_, Infallible>(().into_response())
        }
    });
    // The app's own limit is none.
    let app = App::new("Test", "1")
        .mount("/old", service)
        .route_policy(Policy {
            handler_timeout_ms: Some(30),
            ..Policy::default()
        });
    let answers = on_a_loop(async {
        let worker = worker(app);
        let mut client = TcpStream::connect(worker.address).await.unwrap();
        let late = b"GET /old/late HTTP/1.1\r\nHost: a\r\n\r\n";
        client.write_all(late).await.unwrap();
        let mut answers = vec![0; 4096];
        let length = client.read(&mut answers).await.unwrap();
        answers.truncate(length);
        String::from_utf8(answers).unwrap()
    });
    assert!(answers.starts_with("HTTP/1.1 504 "), "{answers}");
    assert!(answers.contains(r#""code":"handler-timeout""#), "{answers}");
    assert!(dropped.get());
}

#[tokio::test]
async fn layers_stand_around_what_is_mounted() {
    let slow = service_fn(|_: http::Request<RequestBody>| async {
        tokio::time::sleep(Duration::from_secs(60)).await;
        Ok::<_, Infallible>(().into_response())
    });
    let layered = ServiceBuilder::new()
        .layer(TimeoutLayer::new(Duration::from_millis(5)))
        .service(slow);
    let client = client(App::new("Test", "1").mount("/slow", layered));
    let answer = client.get("/slow").await;
    assert_eq!(answer.json::<Value>()["code"], "internal");
}

#[test]
fn wrong_places_are_mistakes() {
    let app = App::new("Test", "1")
        .mount("old", old())
        .mount("/old/", old())
        .mount("/x/{*all}", old());
    let text = app.freeze().unwrap_err().to_string();
    for path in ["\"old\"", "\"/old/\"", "\"/x/{*all}\""] {
        assert!(
            text.contains(&format!("{path} is no place for a service")),
            "{text}"
        );
    }
    let twice = App::new("Test", "1")
        .mount("/old", old())
        .mount("/old", old());
    let text = twice.freeze().unwrap_err().to_string();
    assert!(text.contains("cannot be told apart"), "{text}");
}
