//! Recording app: a user program that serves any contract with one handler and tells what the handler saw. Protocol (JSON
//! lines on standard input and output): tests/recorders/README.md.
#![allow(
    clippy::print_stdout,
    reason = "standard output is the control channel"
)]
#![allow(clippy::panic, reason = "a fixture may ask for a panic")]

mod contract;
mod edits;
mod hooks;
mod tags;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};
use spikard::problem::{Row, TABLE};
use spikard::spec::RouteSpec;
use spikard::{Body, Describe, IntoReply, Json, OwnedRequest, Problem, Reply, Response};
use std::borrow::Cow;
use std::error::Error;
use std::io::BufRead as _;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What to answer and what was seen; shared by the control thread and the handlers.
#[derive(Default)]
pub(crate) struct Recording {
    reply: Value,
    /// What hooks do, by name, and those that ran.
    hooks: Value,
    ran: Vec<String>,
    called: u64,
    seen: Map<String, Value>,
}

pub(crate) type Shared = Arc<Mutex<Recording>>;

fn main() -> Result<(), Box<dyn Error>> {
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line)?;
    let start: Value = serde_json::from_str(&line)?;
    let shared = Shared::default();
    let handler = |route: &RouteSpec| handler(route, Arc::clone(&shared));
    let hook = |name: String| hooks::hook(name, Arc::clone(&shared));
    let app = contract::app(
        &start["start"]["contract"],
        &start["start"]["config"],
        &handler,
        &hook,
    )?;
    println!("{}", json!({"ready": true}));
    std::thread::spawn(move || control(&shared));
    Ok(app.run()?)
}

/// Follows the runner until it says stop or goes away.
fn control(shared: &Shared) {
    for line in std::io::stdin().lock().lines().map_while(Result::ok) {
        let told: Value = serde_json::from_str(&line).unwrap_or_default();
        let mut recording = shared.lock().expect("invariant: no holder panics");
        if told.get("case").is_some() {
            *recording = Recording {
                reply: told["reply"].clone(),
                hooks: told["hooks"].clone(),
                ..Recording::default()
            };
            println!("{}", json!({"ok": true}));
        } else if told.get("observed").is_some() {
            let mut seen = recording.seen.clone();
            seen.insert("called".to_owned(), recording.called.into());
            seen.insert("hooks".to_owned(), json!(recording.ran));
            println!("{}", Value::Object(seen));
        } else {
            break;
        }
    }
    std::process::exit(0);
}

/// The one handler, for one operation.
fn handler(route: &RouteSpec, shared: Shared) -> impl contract::Handle + use<> {
    let operation = route.operation_id.clone().unwrap_or_default();
    let status = route.status.unwrap_or(200).to_string();
    // A Rust handler's type says what it returns, so here it follows what the contract declares.
    let declared = route
        .responses
        .get(&status)
        .and_then(|response| response.content.keys().next().cloned());
    move |request: OwnedRequest| {
        let reply = {
            let mut recording = shared.lock().expect("invariant: no holder panics");
            recording.called += 1;
            recording.seen = tags::seen(&operation, &request);
            recording.reply.clone()
        };
        let declared = declared.clone();
        async move {
            if let Some(delay) = reply["delay_ms"].as_u64() {
                tokio::time::sleep(Duration::from_millis(delay)).await;
            }
            answer(&reply, declared)
        }
    }
}

/// What a handler of the native API may return.
pub(crate) enum Answer {
    Nothing,
    Text(String),
    Json(Value),
    Response(Response),
}

impl IntoReply for Answer {
    fn describe(_: &mut Describe<'_>) {}

    fn into_reply(self, status: Option<u16>) -> Reply {
        match self {
            Self::Nothing => ().into_reply(status),
            Self::Text(text) => text.into_reply(status),
            Self::Json(value) => Json(value).into_reply(status),
            Self::Response(response) => response.into_reply(status),
        }
    }
}

pub(crate) fn answer(reply: &Value, declared: Option<String>) -> Result<Answer, Problem> {
    if let Some(wanted) = reply.get("problem") {
        return Err(problem(wanted));
    }
    if let Some(text) = reply.get("raise").and_then(Value::as_str) {
        panic!("{text}");
    }
    Ok(match reply.get("value") {
        Some(Value::Null) if declared.is_none() => Answer::Nothing,
        Some(Value::String(text)) => match declared {
            Some(media_type) => Answer::Response(Response {
                content_type: Some(Cow::Owned(media_type)),
                body: Body::Full(text.clone().into_bytes()),
                ..Response::empty(200)
            }),
            None => Answer::Text(text.clone()),
        },
        Some(value) => Answer::Json(value.clone()),
        None => Answer::Response(response(reply)),
    })
}

fn problem(wanted: &Value) -> Problem {
    let code = wanted["code"].as_str().unwrap_or_default().to_owned();
    let detail = wanted["detail"].as_str().unwrap_or_default().to_owned();
    let mut problem = match TABLE.iter().find(|row| row.code == code) {
        Some(row) => Problem::of(*row, detail),
        None => {
            let own = Row {
                code: "",
                status: status(wanted),
                title: "",
            };
            let mut problem = Problem::of(own, detail);
            problem.code = Cow::Owned(code.clone());
            problem.title = Cow::Owned(code);
            problem
        }
    };
    problem.headers = headers(wanted);
    problem
}

fn response(reply: &Value) -> Response {
    let text = |name| reply.get(name).and_then(Value::as_str).map(str::to_owned);
    let (content_type, body) = if let Some(value) = reply.get("json") {
        (
            Some("application/json"),
            Body::Full(value.to_string().into_bytes()),
        )
    } else if let Some(text) = text("text") {
        (
            Some("text/plain; charset=utf-8"),
            Body::Full(text.into_bytes()),
        )
    } else if let Some(text) = text("base64") {
        (
            Some("application/octet-stream"),
            Body::Full(STANDARD.decode(text).unwrap_or_default()),
        )
    } else {
        (None, Body::Empty)
    };
    Response {
        status: status(reply),
        content_type: text("content_type")
            .map(Cow::Owned)
            .or(content_type.map(Cow::Borrowed)),
        headers: headers(reply),
        body,
    }
}

fn status(of: &Value) -> u16 {
    of["status"]
        .as_u64()
        .and_then(|status| u16::try_from(status).ok())
        .unwrap_or(200)
}

fn headers(of: &Value) -> Vec<(Cow<'static, str>, Cow<'static, str>)> {
    let text = |value: &Value| Cow::Owned(value.as_str().unwrap_or_default().to_owned());
    let pairs = of["headers"].as_array().into_iter().flatten();
    pairs.map(|pair| (text(&pair[0]), text(&pair[1]))).collect()
}
