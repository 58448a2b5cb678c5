//! An OpenAPI contract of the fixtures to an AppSpec whose handlers and hooks are numbered in the order of the document.

use serde_json::{Map, Value, json};

/// The AppSpec as data.
pub(crate) fn app_spec(contract: &Value, config: &Value) -> Value {
    let mut handler = 0;
    json!({
        "title": contract["info"]["title"],
        "version": contract["info"]["version"],
        "config": config,
        "schemas": object(&contract["components"]["schemas"]),
        "policy": contract.get("x-spikard-policy").cloned().unwrap_or_else(|| json!({})),
        "hooks": hooks(&contract["x-spikard-hooks"], &mut handler),
        "routes": routes(&contract["paths"], &mut handler),
        "groups": groups(&contract["x-spikard-groups"], &mut handler),
        "files": files(&contract["x-spikard-files"]),
    })
}

/// A hook of each moment for each name, in order.
fn hooks(names: &Value, handler: &mut usize) -> Vec<Value> {
    const MOMENTS: [&str; 5] = [
        "on_request",
        "pre_validation",
        "pre_handler",
        "on_response",
        "on_error",
    ];
    let mut specs = Vec::new();
    for name in names
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
    {
        for moment in MOMENTS {
            let declared = json!({"name": format!("{name}.{moment}")});
            specs.push(json!({"at": moment, "handler": *handler, "declared": declared}));
            *handler += 1;
        }
    }
    specs
}

fn groups(list: &Value, handler: &mut usize) -> Vec<Value> {
    let group = |group: &Value| {
        let mut spec = json!({
            "prefix": group["prefix"],
            "hooks": hooks(&group["hooks"], handler),
            "routes": routes(&group["paths"], handler),
            "groups": groups(&group["groups"], handler),
        });
        copy(group, &mut spec, &[("tags", "tags"), ("policy", "policy")]);
        spec["files"] = files(&group["files"]);
        spec
    };
    list.as_array().into_iter().flatten().map(group).collect()
}

/// Directories and files: the contract says them in the AppSpec's words.
fn files(list: &Value) -> Value {
    let mut list = list.as_array().cloned().unwrap_or_default();
    for files in &mut list {
        files["declared"] = json!({"name": "files"});
    }
    list.into()
}

fn routes(paths: &Value, handler: &mut usize) -> Vec<Value> {
    let mut routes = Vec::new();
    for (path, operations) in object(paths) {
        for (method, operation) in object(&operations) {
            let own = hooks(&operation["x-spikard-hooks"], handler);
            let mut route = route(&path, &method, &operation, *handler);
            route["hooks"] = own.into();
            routes.push(route);
            *handler += 1;
        }
    }
    routes
}

fn route(path: &str, method: &str, operation: &Value, handler: usize) -> Value {
    let responses = object(&operation["responses"])
        .into_iter()
        .map(|(status, response)| {
            let mut spec = json!({"content": content(&response)});
            copy(&response, &mut spec, &[("description", "description")]);
            (status, spec)
        });
    let mut spec = json!({
        "method": method.to_uppercase(),
        "path": path,
        "handler": handler,
        "responses": responses.collect::<Map<_, _>>(),
        "declared": {"name": operation["operationId"]},
    });
    if let Some(body) = operation.get("requestBody") {
        let required = body["required"].as_bool().unwrap_or(false);
        spec["body"] = json!({"content": content(body), "required": required});
    }
    let same =
        ["parameters", "summary", "description", "tags", "deprecated"].map(|name| (name, name));
    copy(operation, &mut spec, &same);
    let renamed = [
        ("operationId", "operation_id"),
        ("x-spikard-policy", "policy"),
        ("x-spikard-status", "status"),
    ];
    copy(operation, &mut spec, &renamed);
    spec
}

fn content(holder: &Value) -> Map<String, Value> {
    let schema = |media: Value| media.get("schema").cloned().unwrap_or(Value::Bool(true));
    object(&holder["content"])
        .into_iter()
        .map(|(name, media)| (name, schema(media)))
        .collect()
}

fn copy(from: &Value, to: &mut Value, names: &[(&str, &str)]) {
    for (name, new_name) in names {
        if let Some(value) = from.get(name) {
            to[*new_name] = value.clone();
        }
    }
}

fn object(value: &Value) -> Map<String, Value> {
    value.as_object().cloned().unwrap_or_default()
}
