//! What a handler sees, with type tags: `{"int": "3"}`, `{"str": "3"}`. Judges nothing.

use crate::edits::Kept;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};
use spikard::contract::{Argument, Place};
use spikard::spec::{AppSpec, GroupSpec, HookSpec, RouteSpec};
use spikard_bridge::{Call, Returns};

/// One operation: what the guest remembers about its handler.
pub(crate) struct Operation {
    pub(crate) id: String,
    /// Place and name of each argument.
    arguments: Vec<(Place, String)>,
    /// How its plain values become responses.
    pub(crate) returns: Returns,
}

impl Operation {
    /// Every operation and hook, in the order of their handlers.
    pub(crate) fn all(app: &AppSpec) -> Vec<Self> {
        let mut operations = Vec::new();
        operations.extend(app.hooks.iter().map(Self::of_hook));
        collect("", &app.routes, &app.groups, &mut operations);
        operations
    }

    fn of_hook(hook: &HookSpec) -> Self {
        Self {
            id: hook.declared.name.clone(),
            arguments: Vec::new(),
            returns: Returns::default(),
        }
    }

    fn of(prefix: &str, route: &RouteSpec) -> Self {
        let declared = route
            .parameters
            .iter()
            .map(|parameter| (parameter.place, parameter.name.clone()));
        let mut arguments: Vec<(Place, String)> = declared.collect();
        // What the template captures and nobody declared comes after, in the order of the template.
        for name in captures(&format!("{prefix}{}", route.path)) {
            if !arguments.contains(&(Place::Path, name.clone())) {
                arguments.push((Place::Path, name));
            }
        }
        Self {
            id: route.declared.name.clone(),
            arguments,
            returns: Returns::of(route),
        }
    }

    /// What this call shows.
    pub(crate) fn seen(&self, call: &Call<'_>) -> Map<String, Value> {
        let mut seen = Map::from_iter([("operation".to_owned(), json!(self.id))]);
        for (key, place) in [
            ("query", Place::Query),
            ("path", Place::Path),
            ("headers", Place::Header),
            ("cookies", Place::Cookie),
        ] {
            let pairs = self
                .arguments
                .iter()
                .zip(call.arguments())
                .filter(|((at, _), _)| *at == place);
            let tagged = pairs.filter_map(|((_, name), value)| {
                let name = if place == Place::Header {
                    name.to_lowercase()
                } else {
                    name.clone()
                };
                Some((name, argument(value)?))
            });
            seen.insert(key.to_owned(), Value::Object(tagged.collect()));
        }
        if let Some(body) = body(call) {
            seen.insert("body".to_owned(), body);
        }
        if let Some(principal) = call.request().principal {
            let claims: Value = principal.claims_as().expect("an object");
            let principal = json!({
                "scheme": principal.scheme(), "subject": principal.subject(), "scopes": principal.scopes(), "claims": claims,
            });
            seen.insert("principal".to_owned(), principal);
        }
        let passage = call.request().passage;
        if let Some(kept) = passage.and_then(|passage| passage.kept::<Kept>()) {
            seen.insert("kept".to_owned(), kept.0.clone().into());
        }
        seen
    }
}

fn collect(
    prefix: &str,
    routes: &[RouteSpec],
    groups: &[GroupSpec],
    operations: &mut Vec<Operation>,
) {
    for route in routes {
        operations.extend(route.hooks.iter().map(Operation::of_hook));
        operations.push(Operation::of(prefix, route));
    }
    for group in groups {
        operations.extend(group.hooks.iter().map(Operation::of_hook));
        collect(
            &format!("{prefix}{}", group.prefix),
            &group.routes,
            &group.groups,
            operations,
        );
    }
}

fn captures(template: &str) -> Vec<String> {
    let inside = template
        .split('{')
        .skip(1)
        .filter_map(|rest| rest.split('}').next());
    inside
        .map(|name| {
            name.trim_start_matches('*')
                .split(':')
                .next()
                .unwrap_or_default()
                .to_owned()
        })
        .collect()
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

fn body(call: &Call<'_>) -> Option<Value> {
    let bytes = call.request().body;
    if bytes.is_empty() {
        return None;
    }
    let content_type = call
        .request()
        .head
        .headers
        .get("content-type")
        .unwrap_or_default();
    let content_type = String::from_utf8_lossy(content_type).to_lowercase();
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    if essence == "application/json" || essence.ends_with("+json") {
        return spikard::contract::json::parse(bytes)
            .ok()
            .map(|value| tagged(&value));
    }
    match std::str::from_utf8(bytes) {
        Ok(text) if essence.starts_with("text/") => Some(json!({"str": text})),
        _ => Some(json!({"bytes": STANDARD.encode(bytes)})),
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
        Value::Object(object) => {
            let members: Map<String, Value> = object
                .iter()
                .map(|(name, value)| (name.clone(), tagged(value)))
                .collect();
            json!({"object": members})
        }
    }
}
