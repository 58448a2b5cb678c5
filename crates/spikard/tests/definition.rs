//! What a wrong app is told: every mistake at once, its place, what to write instead.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    reason = "tests, and what they call"
)]

use serde_json::{Value, json};
use spikard::spec::AppSpec;
use spikard::{App, Frozen, Json, Path, Problem, State};

fn told(spec: Value) -> Vec<String> {
    let mut spec = spec;
    for (name, value) in [("title", "t"), ("version", "1")] {
        spec[name] = value.into();
    }
    let spec: AppSpec = serde_json::from_value(spec).unwrap();
    match Frozen::without_handlers(spec) {
        Ok(_) => Vec::new(),
        Err(error) => error.to_string().lines().map(str::to_owned).collect(),
    }
}

fn route(method: &str, path: &str, more: Value) -> Value {
    let mut route = json!({"method": method, "path": path, "handler": 0, "declared": {"name": "h", "file": "app.py", "line": 31}});
    for (name, value) in more.as_object().unwrap() {
        route[name] = value.clone();
    }
    route
}

#[test]
fn each_mistake_is_told_with_its_place() {
    let string = json!({"type": "string"});
    for (routes, said) in [
        (
            vec![route(
                "GET",
                "/items/{id}",
                json!({"parameters": [{"name": "idd", "in": "path", "schema": string}]}),
            )],
            "app.py:31: GET /items/{id}: parameter \"idd\" is not in the path; did you mean \"id\"?",
        ),
        (
            vec![route("GET", "/{id:imt}", json!({}))],
            "app.py:31: GET /{id:imt}: \"{id:imt}\" has an unknown shorthand \"imt\"; did you mean \"int\"?",
        ),
        (
            vec![
                route("GET", "/{a}", json!({})),
                route("GET", "/{b}", json!({})),
            ],
            "app.py:31: GET /{b}: cannot be told apart from the route at app.py:31: GET /{a}; change the path or the method of one",
        ),
        (
            vec![route("get", "/", json!({}))],
            "app.py:31: get /: methods are upper case; write \"GET\"",
        ),
        (
            vec![route("GET", "/", json!({"responses": {"20": {}}}))],
            "app.py:31: GET /: \"20\" is no status of a response; write \"200\", \"4XX\" or \"default\"",
        ),
        (
            vec![
                route("GET", "/", json!({"operation_id": "x"})),
                route("PUT", "/", json!({"operation_id": "x"})),
            ],
            "app.py:31: PUT /: operation id \"x\" is taken by the route at app.py:31: GET /; rename one",
        ),
    ] {
        assert_eq!(told(json!({ "routes": routes })), [said]);
    }
}

#[test]
fn a_default_keeps_its_own_schema() {
    let schema = json!({"type": "integer", "minimum": 1, "default": 0});
    let said = told(
        json!({"routes": [route("GET", "/", json!({"parameters": [{"name": "n", "in": "query", "schema": schema}]}))]}),
    );
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(
        said[0]
            .starts_with("app.py:31: GET /: schema of parameter \"n\" at /default: the default does not fit its own schema"),
        "{said:?}"
    );
}

#[test]
fn a_wrong_schema_names_its_pointer() {
    let body = json!({"content": {"application/json": {"type": "objekt"}}});
    let said = told(json!({"routes": [route("POST", "/", json!({"body": body}))]}));
    assert!(
        said[0].starts_with("app.py:31: POST /: schema of the body (application/json) at /type: "),
        "{said:?}"
    );
}

#[test]
fn a_wrong_prefix_is_told_with_the_right_one() {
    for (prefix, right) in [
        ("items", "write \"/items\""),
        ("/items/", "write \"/items\""),
    ] {
        let said = told(json!({"groups": [{"prefix": prefix}]}));
        assert!(said[0].contains(right), "{said:?}");
    }
}

#[test]
fn a_handler_that_is_not_there_is_told() {
    let spec =
        json!({"title": "t", "version": "1", "routes": [route("GET", "/", json!({"handler": 3}))]});
    let error = Frozen::new(serde_json::from_value(spec).unwrap(), Vec::new()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "app.py:31: GET /: handler 3 does not exist; 0 callables came with the app"
    );
}

async fn nothing() {}

async fn needs(_: State<String>, _: Path<i64>) -> Result<(), Problem> {
    Ok(())
}

#[test]
fn a_body_is_taken_once_and_where_there_is_one() {
    async fn twice(_: Json<Value>, _: Json<Value>) {}
    async fn once(_: Json<Value>) {}
    let error = App::new("t", "1")
        .post("/twice", twice)
        .get("/none", once)
        .freeze()
        .unwrap_err();
    let lines: Vec<_> = error
        .mistakes
        .iter()
        .map(|one| one.message.as_str())
        .collect();
    assert_eq!(lines.len(), 2, "{error}");
    assert!(lines[0].contains("takes the body twice"), "{error}");
    assert!(
        lines[1].contains("use post, put, patch or query"),
        "{error}"
    );
}

#[test]
fn rust_apps_are_told_all_at_once() {
    let error = App::new("t", "1")
        .summary("too early")
        .get("/a", needs)
        .get("/b/:id", nothing)
        .freeze()
        .unwrap_err();
    let said = error.to_string();
    let lines: Vec<_> = said.lines().collect();
    assert_eq!(lines.len(), 4, "{said}");
    assert!(
        lines[0].contains("definition.rs")
            && lines[0].contains(".summary(...) describes the route before it"),
        "{said}"
    );
    assert!(
        lines[1].ends_with(
            "asks for State<alloc::string::String>, and the app has no state; write .state(...)"
        ),
        "{said}"
    );
    assert!(
        lines[2].ends_with(
            "asks for a path parameter that \"/a\" does not have; add one such as \"{id}\""
        ),
        "{said}"
    );
    assert!(lines[3].ends_with("for a capture write \"{id}\""), "{said}");
    // What a `main` that returns it prints, and `unwrap`.
    assert_eq!(
        format!("{error:?}"),
        format!("the app has mistakes\n{said}")
    );
}
