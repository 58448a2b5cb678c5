//! A contract of the fixtures to an app of the native API: every operation with a handler made for it.

use crate::Answer;
use serde_json::{Map, Value, json};
use spikard::auth::AuthSpec;
use spikard::spec::{Policy, RouteSpec};
use spikard::{App, Files, Group, Moment, OwnedRequest, Passage, Problem, Response};
use std::error::Error;
use std::rc::Rc;

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

/// A function that the native API takes for a hook.
pub(crate) trait Hook: Fn(Rc<Passage>) -> Self::Future + 'static {
    type Future: Future<Output = Verdict> + 'static;
}

impl<F, Fut> Hook for F
where
    F: Fn(Rc<Passage>) -> Fut + 'static,
    Fut: Future<Output = Verdict> + 'static,
{
    type Future = Fut;
}

/// What a hook of ours says.
pub(crate) type Verdict = Result<Option<Response>, Problem>;

/// The app; mistakes of its routes are found when it is frozen.
pub(crate) fn app<H: Handle, K: Hook>(
    contract: &Value,
    config: &Value,
    handler: &impl Fn(&RouteSpec) -> H,
    hook: &impl Fn(String) -> K,
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
    if let Some(ways) = contract["x-spikard-policy"].get("auth") {
        app = app.auth(serde_json::from_value::<Vec<AuthSpec>>(ways.clone())?);
    }
    for (moment, name) in hooks(&contract["x-spikard-hooks"]) {
        app = app.hook(moment, hook(name));
    }
    for (route, own) in routes(&contract["paths"])? {
        let function = handler(&route);
        app = app.operation(route, function);
        for (moment, name) in own {
            app = app.route_hook(moment, hook(name));
        }
    }
    for (path, files) in files(&contract["x-spikard-files"]) {
        app = app.files(&path, files);
    }
    for group in list(&contract["x-spikard-groups"]) {
        let (prefix, parts) = parts(group)?;
        app = app.group(&prefix, |inside| fill(inside, parts, handler, hook));
    }
    Ok(app)
}

/// A hook of each moment for each name, in order.
fn hooks(names: &Value) -> Vec<Named> {
    const MOMENTS: [(Moment, &str); 5] = [
        (Moment::OnRequest, "on_request"),
        (Moment::PreValidation, "pre_validation"),
        (Moment::PreHandler, "pre_handler"),
        (Moment::OnResponse, "on_response"),
        (Moment::OnError, "on_error"),
    ];
    let names = list(names).iter().filter_map(Value::as_str);
    let each = |name| MOMENTS.map(|(moment, text)| (moment, format!("{name}.{text}")));
    names.flat_map(each).collect()
}

/// A hook's moment and its name in the fixtures.
type Named = (Moment, String);

/// A route and its own hooks.
type Described = (RouteSpec, Vec<Named>);

/// What is inside a group, read before it is built.
struct Parts {
    tags: Vec<String>,
    policy: Policy,
    hooks: Vec<Named>,
    routes: Vec<Described>,
    groups: Vec<(String, Parts)>,
    files: Vec<(String, Files)>,
}

/// Directories and files, each with its path.
fn files(list: &Value) -> Vec<(String, Files)> {
    let one = |files: &Value| {
        let text = |name: &str| files.get(name).and_then(Value::as_str);
        let says = |name: &str| files[name] == true;
        let mut made = Files::of(text("root").unwrap_or_default());
        made = text("index").into_iter().fold(made, Files::index);
        made = text("fallback").into_iter().fold(made, Files::fallback);
        made = text("cache_control")
            .into_iter()
            .fold(made, Files::cache_control);
        if says("precompressed") {
            made = made.precompressed();
        }
        if says("dotfiles") {
            made = made.dotfiles();
        }
        (text("path").unwrap_or_default().to_owned(), made)
    };
    self::list(list).iter().map(one).collect()
}

fn parts(group: &Value) -> Result<(String, Parts), Box<dyn Error>> {
    let tags = list(&group["tags"]).iter().filter_map(Value::as_str);
    let parts = Parts {
        tags: tags.map(str::to_owned).collect(),
        policy: serde_json::from_value(Value::Object(object(&group["policy"])))?,
        hooks: hooks(&group["hooks"]),
        routes: routes(&group["paths"])?,
        groups: list(&group["groups"])
            .iter()
            .map(parts)
            .collect::<Result<_, _>>()?,
        files: files(&group["files"]),
    };
    Ok((
        group["prefix"].as_str().unwrap_or_default().to_owned(),
        parts,
    ))
}

fn fill<H: Handle, K: Hook>(
    mut group: Group,
    parts: Parts,
    handler: &impl Fn(&RouteSpec) -> H,
    hook: &impl Fn(String) -> K,
) -> Group {
    group = group.policy(parts.policy);
    for (moment, name) in parts.hooks {
        group = group.hook(moment, hook(name));
    }
    for tag in &parts.tags {
        group = group.tag(tag);
    }
    for (route, own) in parts.routes {
        let function = handler(&route);
        group = group.operation(route, function);
        for (moment, name) in own {
            group = group.route_hook(moment, hook(name));
        }
    }
    for (path, files) in parts.files {
        group = group.files(&path, files);
    }
    for (prefix, inner) in parts.groups {
        group = group.group(&prefix, |inside| fill(inside, inner, handler, hook));
    }
    group
}

fn routes(paths: &Value) -> Result<Vec<Described>, Box<dyn Error>> {
    let mut routes = Vec::new();
    for (path, operations) in object(paths) {
        for (method, operation) in object(&operations) {
            let own = hooks(&operation["x-spikard-hooks"]);
            routes.push((route(&path, &method, &operation)?, own));
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
