//! Failures of JavaScript as problems. Decides what a client may see of them; the text of an unexpected one is a cause, for
//! the log only.

use crate::interpreter::{Env, Value};
use crate::value::headers;
use serde_json::Map;
use spikard::Problem;
use spikard_bridge::{refused, source};
use std::borrow::Cow;

/// `[kind, code, status, title, detail, headers, extensions as JSON text or undefined]`.
pub(crate) fn problem(env: Env, parts: Value) -> Problem {
    let text = |index| Cow::Owned(env.to_string(env.element(parts, index)));
    let mut problem = Problem::internal("");
    problem.code = text(1);
    problem.status = env.to_number(env.element(parts, 2)) as u16;
    problem.title = text(3);
    problem.detail = text(4);
    problem.headers = headers(env, env.element(parts, 5));
    let extensions = env.text(env.element(parts, 6)).unwrap_or_default();
    problem.extensions = serde_json::from_slice(&extensions).unwrap_or_else(|_| Map::new());
    problem
}

/// What a handler threw, or why its result is no response: for the log.
pub(crate) fn internal(cause: String) -> Problem {
    Problem::internal("").because(cause)
}

/// `[kind, [source, path, message]…]`: values that the contract accepts and the route's own schemas refuse.
pub(crate) fn refusals(env: Env, parts: Value) -> Problem {
    let one = |index| {
        let refusal = env.element(parts, index);
        let path = env.element(refusal, 1);
        let path: Vec<String> = (0..env.length(path))
            .map(|index| env.to_string(env.element(path, index)))
            .collect();
        let source = source(&env.to_string(env.element(refusal, 0)));
        (source, path, env.to_string(env.element(refusal, 2)))
    };
    refused((1..env.length(parts)).map(one))
}
