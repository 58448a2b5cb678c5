//! The guest: does what the runner has told for this case, whatever the operation.

use crate::Case;
use crate::edits::edit;
use crate::observe::Operation;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use spikard::problem::{Row, TABLE};
use spikard::{Body, Cancel, Passage, Problem, Reply, Response};
use spikard_bridge::{Call, Completion, Guest, Outcome, Returns, Token};
use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::task::AbortHandle;

/// A guest whose handlers are all the same.
pub(crate) struct Recorder {
    case: Arc<Mutex<Case>>,
    completion: Completion,
    /// Of the suspended calls.
    tasks: RefCell<HashMap<Token, AbortHandle>>,
}

impl Recorder {
    pub(crate) fn new(case: Arc<Mutex<Case>>) -> Self {
        Self {
            case,
            completion: Completion::default(),
            tasks: RefCell::default(),
        }
    }

    pub(crate) fn completion(&self) -> &Completion {
        &self.completion
    }
}

impl Guest for Recorder {
    type Callable = Operation;

    fn call(&self, operation: &Operation, call: &Call<'_>) -> Outcome {
        if let Some((_, passage)) = call.hook() {
            return self.hook(operation, passage, call);
        }
        let reply = {
            let mut case = self.case.lock().expect("invariant: no holder panics");
            case.called += 1;
            case.seen = operation.seen(call);
            case.reply.clone()
        };
        let Some(delay) = reply.get("delay_ms").and_then(Value::as_u64) else {
            return Outcome::Done(answer(&reply, &operation.returns));
        };
        let token = call.suspend();
        let (completion, returns) = (self.completion.clone(), operation.returns.clone());
        let task = tokio::task::spawn_local(async move {
            tokio::time::sleep(Duration::from_millis(delay)).await;
            // No pipeline stands around this task, so it shields itself from a panic that the fixture asks for.
            let answer = catch_unwind(AssertUnwindSafe(|| answer(&reply, &returns)));
            completion.complete(token, answer.unwrap_or_else(|_| Err(Problem::internal(""))));
        });
        self.tasks.borrow_mut().insert(token, task.abort_handle());
        Outcome::Pending
    }

    fn cancel(&self, token: Token, _why: Cancel) {
        if let Some(task) = self.tasks.borrow_mut().remove(&token) {
            task.abort();
        }
    }
}

impl Recorder {
    /// Suspends, so that what comes later is what counts.
    fn hook(&self, operation: &Operation, passage: &Rc<Passage>, call: &Call<'_>) -> Outcome {
        if passage.target() == "/health/live" {
            return Outcome::Passed;
        }
        let wanted = {
            let mut case = self.case.lock().expect("invariant: no holder panics");
            case.ran.push(operation.id.clone());
            case.hooks[&operation.id].clone()
        };
        edit(passage, &wanted);
        let token = call.suspend();
        let (completion, returns) = (self.completion.clone(), operation.returns.clone());
        let task = tokio::task::spawn_local(async move {
            tokio::task::yield_now().await;
            let Some(reply) = wanted.get("reply") else {
                completion.pass(token);
                return;
            };
            let answer = catch_unwind(AssertUnwindSafe(|| answer(reply, &returns)));
            completion.complete(token, answer.unwrap_or_else(|_| Err(Problem::internal(""))));
        });
        self.tasks.borrow_mut().insert(token, task.abort_handle());
        Outcome::Pending
    }
}

fn answer(reply: &Value, returns: &Returns) -> Reply {
    if let Some(wanted) = reply.get("problem") {
        return Err(problem(wanted));
    }
    if let Some(text) = reply.get("raise") {
        panic!("{}", text.as_str().unwrap_or_default());
    }
    if let Some(value) = reply.get("value") {
        return Ok(match value {
            Value::Null => returns.nothing(),
            Value::String(text) => returns.text(text.clone()),
            other => returns.json(other.to_string().into_bytes()),
        });
    }
    Ok(response(reply))
}

fn problem(wanted: &Value) -> Problem {
    let code = wanted["code"].as_str().unwrap_or_default();
    let detail = wanted["detail"].as_str().unwrap_or_default().to_owned();
    let row = TABLE.iter().find(|row| row.code == code);
    let status = wanted["status"]
        .as_u64()
        .and_then(|status| u16::try_from(status).ok());
    let mut problem = match row {
        Some(row) => Problem::of(*row, detail),
        None => {
            let own = Row {
                code: "",
                status: status.unwrap_or(500),
                title: "",
            };
            let mut problem = Problem::of(own, detail);
            problem.code = Cow::Owned(code.to_owned());
            problem.title = Cow::Owned(code.to_owned());
            problem
        }
    };
    problem.headers = headers(wanted);
    problem
}

fn response(reply: &Value) -> Response {
    let (content_type, body) = if let Some(value) = reply.get("json") {
        (Some("application/json"), value.to_string().into_bytes())
    } else if let Some(text) = reply.get("text").and_then(Value::as_str) {
        (
            Some("text/plain; charset=utf-8"),
            text.to_owned().into_bytes(),
        )
    } else if let Some(text) = reply.get("base64").and_then(Value::as_str) {
        (
            Some("application/octet-stream"),
            STANDARD.decode(text).unwrap_or_default(),
        )
    } else {
        (None, Vec::new())
    };
    let given = reply
        .get("content_type")
        .and_then(Value::as_str)
        .map(|text| Cow::Owned(text.to_owned()));
    let status = reply["status"]
        .as_u64()
        .and_then(|status| u16::try_from(status).ok())
        .unwrap_or(200);
    let body = if content_type.is_some() {
        Body::Full(body)
    } else {
        Body::Empty
    };
    Response {
        status,
        content_type: given.or(content_type.map(Cow::Borrowed)),
        headers: headers(reply),
        body,
    }
}

fn headers(holder: &Value) -> Vec<(Cow<'static, str>, Cow<'static, str>)> {
    let text = |value: &Value| Cow::Owned(value.as_str().unwrap_or_default().to_owned());
    holder["headers"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|pair| (text(&pair[0]), text(&pair[1])))
        .collect()
}
