//! Mistakes in an AppSpec: the text in, every mistake out, each with its place and what is allowed.

use serde_json::{Value, json};
use spikard_bridge::parse;

fn app(route: &Value) -> Value {
    json!({"title": "Inventory", "version": "1", "routes": [route]})
}

fn route() -> Value {
    json!({
        "method": "GET", "path": "/items/{id}", "handler": 0,
        "declared": {"name": "show", "file": "app.py", "line": 31},
    })
}

/// `spec` with `value` at `pointer`, whose last token may be new.
fn with(mut spec: Value, pointer: &str, value: Value) -> Value {
    let (parent, last) = pointer.rsplit_once('/').expect("a pointer");
    match spec.pointer_mut(parent).expect("a parent") {
        Value::Object(object) => drop(object.insert(last.to_owned(), value)),
        other => other[last.parse::<usize>().expect("an index")] = value,
    }
    spec
}

fn refusal(spec: &Value) -> String {
    parse(&spec.to_string()).expect_err("a mistake").to_string()
}

#[test]
fn the_schema_of_the_app_spec_compiles() {
    let schema = spikard_bridge::schema();
    spikard::contract::Schema::compile(&schema, &schema).expect("a valid schema");
}

#[test]
fn one_mistake_is_named_with_its_place_and_what_is_allowed() {
    let place = "app.py:31: GET /items/{id}: ";
    for (pointer, value, message) in [
        (
            "/routes/0/sumary",
            json!("x"),
            "unknown field \"sumary\"; did you mean \"summary\"? allowed: method, path, ",
        ),
        (
            "/routes/0/declared/name",
            json!(7),
            "must be a string, not 7",
        ),
        ("/routes/0/handler", json!(-1), "must be at least 0, not -1"),
        (
            "/routes/0/policy",
            json!({"egress": "enforced"}),
            "must be one of enforce, warn, off, not \"enforced\"; did you mean",
        ),
        (
            "/routes/0/body",
            json!({"content": {}, "requird": true}),
            "unknown field \"requird\"; did you mean \"required\"? allowed: content, required",
        ),
        (
            "/routes/0/parameters",
            json!([{"name": "id", "in": "query", "style": "forms"}]),
            "must be one of simple, form, spaceDelimited, pipeDelimited, not \"forms\"; did you mean \"form\"?",
        ),
        (
            "/routes/0/responses",
            json!({"200": {"text": ""}}),
            "unknown field \"text\"",
        ),
    ] {
        let refusal = refusal(&with(app(&route()), pointer, value));
        let expected = format!("{place}at {pointer}");
        assert!(
            refusal.starts_with(&expected) && refusal.contains(message),
            "{pointer}: {refusal}"
        );
        assert_eq!(refusal.lines().count(), 1, "{refusal}");
    }
}

#[test]
fn a_mistake_of_the_app_has_no_route() {
    let wrong = with(app(&route()), "/config", json!({"body_limt": 1}));
    let refusal = refusal(&wrong);
    assert!(
        refusal.starts_with(
            "at /config/body_limt: unknown field \"body_limt\"; did you mean \"body_limit\"?"
        ),
        "{refusal}"
    );
}

#[test]
fn inside_groups_the_whole_path_is_named() {
    let inner = json!({"prefix": "/{shop}", "routes": [with(json!({"route": route()}), "/route/path", json!(""))["route"]]});
    let inner = with(inner, "/routes/0/hiden", json!(true));
    let spec = json!({"title": "Inventory", "version": "1", "groups": [{"prefix": "/shops", "groups": [inner]}]});
    let refusal = refusal(&spec);
    assert!(
        refusal.starts_with("app.py:31: GET /shops/{shop}: at /groups/0/groups/0/routes/0/hiden: "),
        "{refusal}"
    );
}

#[test]
fn all_mistakes_are_reported_at_once() {
    let spec = with(
        app(&with(json!({"r": route()}), "/r/status", json!("ok"))["r"]),
        "/colour",
        json!(1),
    );
    let refusal = refusal(&spec);
    assert!(
        refusal.contains("at /colour: unknown field") && refusal.contains("at /routes/0/status: "),
        "{refusal}"
    );
    assert_eq!(refusal.lines().count(), 2, "{refusal}");
}

#[test]
fn what_the_schema_cannot_say_is_refused_too() {
    let refusal = refusal(&with(
        app(&route()),
        "/routes/0/declared/line",
        json!(5_000_000_000_u64),
    ));
    assert!(refusal.contains("5000000000"), "{refusal}");
}

#[test]
fn text_that_is_not_json_names_line_and_column() {
    let refusal = parse("{\n  \"title\": }").expect_err("no JSON").to_string();
    assert!(
        refusal.starts_with("the AppSpec is not JSON: line 2 column "),
        "{refusal}"
    );
}

#[test]
fn null_is_the_same_as_left_out() {
    let spec = with(app(&route()), "/routes/0/body", Value::Null);
    let spec = with(spec, "/routes/0/status", Value::Null);
    assert_eq!(parse(&spec.to_string()), parse(&app(&route()).to_string()));
}
