//! Whole exchanges in process, from an AppSpec's text to the bytes of the answer, polled by hand: no Tokio, no socket, no
//! interpreter.

mod echo_guest;

use echo_guest::{Does, Echo};
use serde_json::{Value, json};
use spikard::Cancel;
use spikard_bridge::{build, exchange};
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Waker};

type Answer = Pin<Box<dyn Future<Output = Vec<u8>>>>;

/// Sends one request to an app whose only route does `does`.
fn send(guest: &Rc<Echo>, does: Does, request: &str) -> Answer {
    let route = json!({
        "method": "POST", "path": "/items/{id}", "handler": 0, "decoder_validates": true,
        "parameters": [{"name": "id", "in": "path", "required": true, "schema": {"type": "integer"}}],
        "body": {"content": {"application/json": {"type": "object"}}, "required": false},
        "declared": {"name": "item"},
    });
    let spec = json!({"title": "Echo", "version": "1", "routes": [route]});
    let app = build(&spec.to_string(), vec![does], guest, &guest.completion).expect("a right app");
    Box::pin(exchange(app, request.as_bytes().to_vec()))
}

#[test]
fn what_is_wrong_in_the_text_and_in_the_app_is_told_at_once() {
    let route = |path: &str, status: Value| {
        json!({"method": "GET", "path": path, "handler": 0, "status": status,
               "declared": {"name": "item", "file": "app.py", "line": 3}})
    };
    let spec = json!({
        "title": "Echo", "version": "1", "config": {"body_limit": "1 MB"},
        "routes": [route("/a", json!("200")), route("b", json!(200))],
        "groups": [{"prefix": "/g", "routes": [route("/c", json!([])), route("/:d", json!(200))]}],
    });
    let guest = Echo::new();
    let told = build(
        &spec.to_string(),
        vec![Does::Raise],
        &guest,
        &guest.completion,
    );
    let told = told.expect_err("mistakes").to_string();
    for part in [
        "/config/body_limit",
        "GET /a: ",
        "GET /g/c: ",
        "GET b: a path starts with `/`",
        "GET /g/:d: path segments must not start with `:`",
    ] {
        assert!(told.contains(part), "{part} is not in:\n{told}");
    }
    assert_eq!(told.lines().count(), 5, "{told}");
}

fn poll(answer: &mut Answer) -> Option<String> {
    match answer
        .as_mut()
        .poll(&mut Context::from_waker(Waker::noop()))
    {
        std::task::Poll::Ready(bytes) => Some(String::from_utf8(bytes).expect("text")),
        std::task::Poll::Pending => None,
    }
}

fn now(does: Does, request: &str) -> String {
    poll(&mut send(&Echo::new(), does, request)).expect("an answer at once")
}

fn post(body: &str) -> String {
    format!(
        "POST /items/7 HTTP/1.1\r\nhost: app\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}

fn problem(answer: &str) -> Value {
    let (_, body) = answer.split_once("\r\n\r\n").expect("a body");
    serde_json::from_str(body).expect("a problem")
}

#[test]
fn arguments_and_body_reach_the_callable() {
    let answer = now(Does::Echo, &post(r#"{"a":1}"#));
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert!(answer.ends_with(r#"[Integer(7)] {"a":1}"#), "{answer}");
}

#[test]
fn a_suspended_callable_is_answered_when_it_completes() {
    let guest = Echo::new();
    let mut answer = send(&guest, Does::Later, &post("{}"));
    assert_eq!(poll(&mut answer), None);
    assert!(guest.complete(202));
    let answer = poll(&mut answer).expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 202 Accepted\r\n"), "{answer}");
}

#[test]
fn a_client_that_leaves_cancels_the_callable() {
    let guest = Echo::new();
    let mut answer = send(&guest, Does::Later, &post("{}"));
    assert_eq!(poll(&mut answer), None);
    drop(answer);
    let token = guest.waiting.borrow()[0];
    assert_eq!(*guest.cancelled.borrow(), [(token, Cancel::ClientGone)]);
    assert!(!guest.complete(200), "late");
}

#[test]
fn a_callable_that_never_answers_holds_only_itself() {
    let guest = Echo::new();
    let mut never = send(&guest, Does::Later, &post("{}"));
    assert_eq!(poll(&mut never), None);
    let answer = poll(&mut send(&guest, Does::Status(204), &post("{}"))).expect("an answer");
    assert!(
        answer.starts_with("HTTP/1.1 204 No Content\r\n"),
        "{answer}"
    );
    assert_eq!(poll(&mut never), None);
}

#[test]
fn problems_panics_and_broken_promises_are_answered() {
    for (does, status, code) in [
        (Does::Raise, 409, "conflict"),
        (Does::Panic, 500, "internal"),
        (Does::Forgetful, 500, "internal"),
    ] {
        let problem = problem(&now(does, &post("{}")));
        assert_eq!(
            (&problem["status"], &problem["code"]),
            (&json!(status), &json!(code))
        );
    }
}

#[test]
fn a_refused_body_is_validated_by_the_core() {
    let wrong = problem(&now(Does::Refuse, &post("[]")));
    assert_eq!(
        (&wrong["status"], &wrong["errors"][0]["keyword"]),
        (&json!(422), &json!("type"))
    );
    let right = now(Does::Refuse, &post("{}"));
    assert!(
        right.starts_with("HTTP/1.1 200 OK\r\n"),
        "called again, because nothing was wrong: {right}"
    );
}
