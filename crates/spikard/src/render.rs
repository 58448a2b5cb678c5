//! A problem as its response: RFC 9457, `application/problem+json`. Decides what a client may see, not what went wrong.

use crate::problem::{BASE, Problem};
use crate::{Body, Config, Response};
use serde::Serialize;
use serde_json::{Value, json};
use spikard_contract::Violation;
use std::borrow::Cow;

/// The response of `problem` for the request to `path` with `request_id`.
pub(crate) fn problem(
    mut problem: Problem,
    config: &Config,
    path: &str,
    request_id: &str,
) -> Response {
    let mut text = Vec::with_capacity(256);
    text.extend_from_slice(b"{\"type\":");
    put(&mut text, &kind(&problem, &config.problem_base));
    member(&mut text, "title", &problem.title);
    member(&mut text, "status", &problem.status);
    if !problem.detail.is_empty() {
        member(&mut text, "detail", &problem.detail);
    }
    if !path.is_empty() {
        member(&mut text, "instance", path);
    }
    member(&mut text, "code", &problem.code);
    member(&mut text, "request_id", request_id);
    if !problem.violations.is_empty() {
        let shown = |violation: &Violation| show(violation, config.debug);
        member(
            &mut text,
            "errors",
            &problem
                .violations
                .list
                .iter()
                .map(shown)
                .collect::<Vec<_>>(),
        );
        if problem.violations.truncated {
            member(&mut text, "truncated", &true);
        }
    }
    if let (true, Some(cause)) = (config.debug, &problem.cause) {
        member(&mut text, "cause", cause);
    }
    for (name, value) in &problem.extensions {
        let name = name.as_str();
        let said = REASONS.contains(&name) && !problem.violations.is_empty();
        if !said && !STANDARD.contains(&name) {
            member(&mut text, name, value);
        }
    }
    text.push(b'}');
    let mut headers = std::mem::take(&mut problem.headers);
    headers.retain(|(name, _)| !name.eq_ignore_ascii_case("content-type")); // a problem's is its own
    Response {
        status: problem.status,
        content_type: Some(Cow::Borrowed("application/problem+json")),
        headers,
        body: Body::Full(text),
    }
}

/// Members that extensions cannot replace.
const STANDARD: &[&str] = &[
    "type",
    "title",
    "status",
    "detail",
    "instance",
    "code",
    "request_id",
    "cause",
];

/// Members that extensions may give where the core has none to tell: a language's own decoder found what is wrong.
const REASONS: &[&str] = &["errors", "truncated"];

fn kind(problem: &Problem, base: &str) -> String {
    let base = if base.is_empty() { BASE } else { base };
    format!("{base}{}", problem.code)
}

fn show(violation: &Violation, debug: bool) -> Value {
    let mut entry = json!(violation);
    if let (true, Some(value), Value::Object(entry)) = (debug, &violation.value, &mut entry) {
        entry.insert("value".to_owned(), value.clone());
    }
    entry
}

fn member<T: Serialize + ?Sized>(text: &mut Vec<u8>, name: &str, value: &T) {
    text.push(b',');
    put(text, name);
    text.push(b':');
    put(text, value);
}

fn put<T: Serialize + ?Sized>(text: &mut Vec<u8>, value: &T) {
    serde_json::to_writer(text, value).expect("invariant: text, numbers and JSON values serialise");
}
