//! Values across the border: a parameter's value to JavaScript, a handler's answer to a response. Calls no handler.

use crate::error::{internal, problem, refusals};
use crate::guest::NodeGuest;
use crate::hook;
use crate::interpreter::{Env, Value};
use napi::sys::ValueType;
use spikard::contract::Argument;
use spikard::{Passage, Reply, Verdict};
use spikard_bridge::{Content, Facts, GuestStream};
use std::borrow::Cow;

/// A value of the core in JavaScript; `undefined` when it was not sent.
pub(crate) fn of_argument(env: Env, argument: &Argument<'_>) -> Value {
    match argument {
        Argument::Absent => env.undefined(),
        Argument::Null => env.null(),
        Argument::Bool(value) => env.boolean(*value),
        Argument::Integer(value) => env.integer(*value),
        Argument::BigInteger(digits) => env.big_integer(digits),
        Argument::Number(value) => env.number(*value),
        Argument::String(text) => env.string(text.as_bytes()),
        Argument::List(items) => env.array(items.iter().map(|item| of_argument(env, item))),
    }
}

/// Makes a body of what `stream.ts` made of an iterator.
pub(crate) type Streamed<'s> = &'s dyn Fn(Value) -> GuestStream<NodeGuest>;

/// What `answer.ts` made of the result of a handler or a hook: a string is JSON text, `undefined` means later (`None`), and an
/// array starts with its kind.
pub(crate) fn answer(
    env: Env,
    facts: &Facts,
    passage: Option<&Passage>,
    value: Value,
    stream: Streamed<'_>,
) -> Option<Verdict> {
    if let Some(text) = env.text(value) {
        return Some(Some(Ok(facts.returns.json(text))));
    }
    if env.type_of(value) == ValueType::napi_undefined {
        return None;
    }
    let kind = env.to_string(env.element(value, 0));
    Some(match (kind.as_str(), passage) {
        ("passed", _) => None,
        ("edited", Some(passage)) => {
            hook::edited(env, facts, passage, value, stream);
            None
        }
        (kind, _) => Some(described(env, facts, kind, value, stream)),
    })
}

fn described(env: Env, facts: &Facts, kind: &str, parts: Value, stream: Streamed<'_>) -> Reply {
    let part = |index| env.element(parts, index);
    match kind {
        "nothing" => Ok(facts.returns.nothing()),
        "text" => Ok(facts.returns.text(env.to_string(part(1)))),
        "bytes" => Ok(facts.returns.bytes(env.bytes(part(1)).unwrap_or_default())),
        "stream" => Ok(facts.returns.stream(Box::new(stream(part(1))))),
        "response" => Ok(facts.respond(
            env.to_number(part(1)) as u16,
            headers(env, part(2)),
            env.text(part(3)).map(|_| env.to_string(part(3))),
            content(env, part(4), part(5), stream),
        )),
        "problem" => Err(problem(env, parts)),
        "refused" => Err(refusals(env, parts)),
        "failed" => Err(internal(env.to_string(part(1)))),
        other => Err(internal(format!(
            "the package answered with a {other:?}; it and its extension module are of different versions"
        ))),
    }
}

/// The content of a response that says itself what it is.
pub(crate) fn content(env: Env, kind: Value, value: Value, stream: Streamed<'_>) -> Content {
    match env.to_string(kind).as_str() {
        "text" => Content::Text(env.text(value).unwrap_or_default()),
        "bytes" => Content::Bytes(env.bytes(value).unwrap_or_default()),
        "stream" => Content::Stream(Box::new(stream(value))),
        "json" => Content::Json(env.text(value).unwrap_or_default()),
        _ => Content::Nothing,
    }
}

/// Name and value of header fields as such an array.
pub(crate) fn of_headers(env: Env, headers: &[(Cow<'static, str>, Cow<'static, str>)]) -> Value {
    let texts = headers.iter().flat_map(|(name, value)| [name, value]);
    let texts: Vec<Value> = texts.map(|text| env.string(text.as_bytes())).collect();
    env.array(texts.into_iter())
}

/// Name and value of header fields, one after the other in one array.
pub(crate) fn headers(env: Env, list: Value) -> Vec<(Cow<'static, str>, Cow<'static, str>)> {
    let text = |index| Cow::Owned(env.to_string(env.element(list, index)));
    let pairs = (0..env.length(list)).step_by(2);
    pairs.map(|index| (text(index), text(index + 1))).collect()
}
