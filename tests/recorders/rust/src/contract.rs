//! A contract of the fixtures to an app of the native API: every operation with a handler made for it.

use crate::Answer;
use serde_json::{Map, Value, json};
use spikard::spec::{Policy, RouteSpec};
use spikard::{App, Group, OwnedRequest, Problem};
use std::error::Error;

/// A function that the native API takes for an operation.
pub(crate) trait Handle: Fn(OwnedRequest) -> Self::Future + 'static {
    type Future: Future<Output = Result<Answer, Problem>> + 'static;
}

impl<F, Fut> Handle for F
where
    F: Fn(OwnedRequest) -> Fut + 'static,
    Fut: Future<Output = Result<Answer, Problem>> + 'static,
{
    type Future = Fut;
}

/// The app; mistakes of its routes are found when it is frozen.
pub(crate) fn app<H: Handle>(
    contract: &Value,
    config: &Value,
    handler: &impl Fn(&RouteSpec) -> H,
) -> Result<App, Box<dyn Error>> {
    let word = |name: &str| {
        contract["info"][name]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    };
    let mut app = App::new(&word("title"), &word("version"))
        .config(serde_json::from_value(config.clone())?)
        .schemas(object(&contract["components"]["schemas"]));
    for route in routes(&contract["paths"])? {
        let function = handler(&route);
        app = app.operation(route, function);
    }
    for group in list(&contract["x-spikard-groups"]) {
        let (prefix, parts) = parts(group)?;
        app = app.group(&prefix, |inside| fill(inside, parts, handler));
    }
    Ok(app)
}

/// What is inside a group, read before it is built.
struct Parts {
    tags: Vec<String>,
    policy: Policy,
    routes: Vec<RouteSpec>,
    groups: Vec<(String, Parts)>,
}

fn parts(group: &Value) -> Result<(String, Parts), Box<dyn Error>> {
    let tags = list(&group["tags"]).iter().filter_map(Value::as_str);
    let parts = Parts {
        tags: tags.map(str::to_owned).collect(),
        policy: serde_json::from_value(Value::Object(object(&group["policy"])))?,
        routes: routes(&group["paths"])?,
        groups: list(&group["groups"])
            .iter()
            .map(parts)
            .collect::<Result<_, _>>()?,
    };
    Ok((
        group["prefix"].as_str().unwrap_or_default().to_owned(),
        parts,
    ))
}

fn fill<H: Handle>(mut group: Group, parts: Parts, handler: &impl Fn(&RouteSpec) -> H) -> Group {
    group = group.policy(parts.policy);
    for tag in &parts.tags {
        group = group.tag(tag);
    }
    for route in parts.routes {
        let function = handler(&route);
        group = group.operation(route, function);
    }
    for (prefix, inner) in parts.groups {
        group = group.group(&prefix, |inside| fill(inside, inner, handler));
    }
    group
}

fn routes(paths: &Value) -> Result<Vec<RouteSpec>, Box<dyn Error>> {
    let mut routes = Vec::new();
    for (path, operations) in object(paths) {
        for (method, operation) in object(&operations) {
            routes.push(route(&path, &method, &operation)?);
        }
    }
    Ok(routes)
}

fn route(path: &str, method: &str, operation: &Value) -> Result<RouteSpec, Box<dyn Error>> {
    let body = operation.get("requestBody").map(|body| {
        json!({"content": content(body), "required": body["required"].as_bool().unwrap_or(false)})
    });
    let responses = object(&operation["responses"])
        .into_iter()
        .map(|(status, said)| {
            (
                status,
                json!({"description": said["description"], "content": content(&said)}),
            )
        });
    Ok(serde_json::from_value(json!({
        "method": method.to_uppercase(),
        "path": path,
        "handler": 0,
        "parameters": list(&operation["parameters"]),
        "body": body,
        "responses": responses.collect::<Map<_, _>>(),
        "status": operation.get("x-spikard-status"),
        "operation_id": operation["operationId"],
        "policy": object(&operation["x-spikard-policy"]),
        "declared": {"name": operation["operationId"]},
    }))?)
}

fn content(of: &Value) -> Map<String, Value> {
    let schema = |media: Value| media.get("schema").cloned().unwrap_or(Value::Bool(true));
    object(&of["content"])
        .into_iter()
        .map(|(name, media)| (name, schema(media)))
        .collect()
}

fn object(value: &Value) -> Map<String, Value> {
    value.as_object().cloned().unwrap_or_default()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}
