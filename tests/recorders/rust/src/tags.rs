//! What a handler saw, with type tags: `{"int": "3"}`, `{"str": "3"}`. Judges nothing.

use crate::edits::Kept;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};
use spikard::OwnedRequest;
use spikard::contract::{Argument, Place};

/// One call.
pub(crate) fn seen(operation: &str, request: &OwnedRequest) -> Map<String, Value> {
    let mut seen = Map::from_iter([("operation".to_owned(), operation.into())]);
    let places = [
        ("query", Place::Query),
        ("path", Place::Path),
        ("headers", Place::Header),
        ("cookies", Place::Cookie),
    ];
    for (key, place) in places {
        let here = request.parameters.iter().filter(|(at, _, _)| *at == place);
        let tagged = here.filter_map(|(_, name, value)| {
            let name = if place == Place::Header {
                name.to_lowercase()
            } else {
                name.clone()
            };
            Some((name, argument(value)?))
        });
        seen.insert(key.to_owned(), Value::Object(tagged.collect()));
    }
    if !request.body.is_empty() {
        seen.insert("body".to_owned(), body(request));
    }
    if let Some(principal) = &request.principal {
        let claims: Value = principal.claims_as().expect("an object");
        let principal = json!({
            "scheme": principal.scheme(), "subject": principal.subject(), "scopes": principal.scopes(), "claims": claims,
        });
        seen.insert("principal".to_owned(), principal);
    }
    let passage = request.passage.as_ref();
    if let Some(kept) = passage.and_then(|passage| passage.kept::<Kept>()) {
        seen.insert("kept".to_owned(), kept.0.clone().into());
    }
    seen
}

fn argument(value: &Argument<'_>) -> Option<Value> {
    Some(match value {
        Argument::Absent => return None,
        Argument::Null => json!({"null": null}),
        Argument::Bool(value) => json!({"bool": value}),
        Argument::Integer(value) => json!({"int": value.to_string()}),
        Argument::BigInteger(digits) => json!({"int": digits}),
        Argument::Number(value) => json!({"float": format!("{value:?}")}),
        Argument::String(text) => json!({"str": text}),
        Argument::List(items) => {
            json!({"list": items.iter().filter_map(argument).collect::<Vec<_>>()})
        }
    })
}

fn body(request: &OwnedRequest) -> Value {
    let content_type =
        String::from_utf8_lossy(request.header("content-type").unwrap_or_default()).to_lowercase();
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    if essence == "application/json" || essence.ends_with("+json") {
        return match serde_json::from_slice(&request.body) {
            Ok(value) => tagged(&value),
            Err(error) => json!({"unreadable": error.to_string()}),
        };
    }
    match std::str::from_utf8(&request.body) {
        Ok(text) if essence.starts_with("text/") => json!({"str": text}),
        _ => json!({"bytes": STANDARD.encode(&request.body)}),
    }
}

fn tagged(value: &Value) -> Value {
    match value {
        Value::Null => json!({"null": null}),
        Value::Bool(value) => json!({"bool": value}),
        Value::Number(number) if number.is_f64() => json!({"float": number.to_string()}),
        Value::Number(number) => json!({"int": number.to_string()}),
        Value::String(text) => json!({"str": text}),
        Value::Array(items) => json!({"list": items.iter().map(tagged).collect::<Vec<_>>()}),
        Value::Object(members) => {
            let members = members
                .iter()
                .map(|(name, value)| (name.clone(), tagged(value)));
            json!({"object": members.collect::<Map<_, _>>()})
        }
    }
}
