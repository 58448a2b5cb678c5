//! `docs/appspec.md` is what the schema of the AppSpec says. `UPDATE=1 cargo test -p spikard-bridge --test
//! appspec_reference` writes it anew.

use serde_json::{Map, Value, json};
use std::fmt::Write as _;
use std::path::Path;

const OPENING: &str = "\
# AppSpec: an app as data

<!-- Written by crates/spikard-bridge/tests/appspec_reference.rs from crates/spikard/src/spec.rs; do not edit. -->

An app crosses the border between a language and Rust once: as one JSON text, the AppSpec, beside a list of callables. A
route refers to its handler by the index in that list. Unknown fields and bad values are refused, all at once, each with
its JSON Pointer (RFC 6901) and the place where the route's handler was declared:

```text
app.py:31: GET /items/{id}: at /routes/0/parameters/0/naem: unknown field \"naem\"; did you mean \"name\"? allowed: name, in, …
```

The smallest app:

```json
{
  \"title\": \"Inventory\",
  \"version\": \"1.0.0\",
  \"routes\": [
    {
      \"method\": \"GET\",
      \"path\": \"/items/{id}\",
      \"handler\": 0,
      \"parameters\": [{\"name\": \"id\", \"in\": \"path\", \"required\": true, \"schema\": {\"type\": \"integer\"}}],
      \"declared\": {\"name\": \"show\", \"file\": \"app.py\", \"line\": 31}
    }
  ]
}
```

An optional field without a default may be left out or `null`. Defaults are the core's: languages leave a field out
rather than repeat its default. `spikard tables` prints the JSON Schema that this page is written from.
";

#[test]
fn the_page_is_what_the_schema_says() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/appspec.md");
    let page = page(&spikard_bridge::schema());
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, &page).expect("docs/appspec.md");
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        written == page,
        "docs/appspec.md is out of date: run `UPDATE=1 cargo test -p spikard-bridge --test appspec_reference`"
    );
}

#[test]
fn every_field_is_documented() {
    for (name, part) in parts(&spikard_bridge::schema()) {
        for (field, schema) in fields(&part) {
            assert!(
                schema.get("description").is_some(),
                "{name}.{field} has no doc comment"
            );
        }
    }
}

fn page(schema: &Value) -> String {
    let mut page = OPENING.to_owned();
    for (name, part) in parts(schema) {
        let _ = write!(page, "\n## {name}\n\n{}\n\n", words(&part));
        if part.get("enum").is_some() {
            page.push_str(&alternatives(&name));
            continue;
        }
        page.push_str("| field | type | default | meaning |\n|---|---|---|---|\n");
        let required = part["required"].as_array().cloned().unwrap_or_default();
        for (field, schema) in fields(&part) {
            let default = default_of(&schema, required.contains(&json!(field)));
            let _ = writeln!(
                page,
                "| `{field}` | {} | {default} | {} |",
                type_of(&schema),
                words(&schema).replace('|', "\\|")
            );
        }
    }
    page
}

/// The AppSpec and then each definition, in the order in which fields refer to them.
fn parts(schema: &Value) -> Vec<(String, Value)> {
    let mut names = vec!["AppSpec".to_owned()];
    let part = |name: &str| schema["$defs"].get(name).unwrap_or(schema).clone();
    let mut next = 0;
    while next < names.len() {
        for reference in references(
            &fields(&part(&names[next]))
                .into_iter()
                .map(|(_, field)| field)
                .collect(),
        ) {
            if !names.contains(&reference) {
                names.push(reference);
            }
        }
        next += 1;
    }
    names
        .into_iter()
        .map(|name| (name.clone(), part(&name)))
        .collect()
}

fn references(value: &Value) -> Vec<String> {
    match value {
        Value::Array(items) => items.iter().flat_map(references).collect(),
        Value::Object(object) => {
            let own = object
                .get("$ref")
                .and_then(Value::as_str)
                .and_then(|text| text.strip_prefix("#/$defs/"));
            own.map(str::to_owned)
                .into_iter()
                .chain(object.values().flat_map(references))
                .collect()
        }
        _ => Vec::new(),
    }
}

fn fields(part: &Value) -> Vec<(String, Value)> {
    let fields = part
        .get("properties")
        .and_then(Value::as_object)
        .cloned()
        .unwrap_or_else(Map::new);
    fields.into_iter().collect()
}

fn words(schema: &Value) -> String {
    schema["description"]
        .as_str()
        .unwrap_or_default()
        .replace('\n', " ")
}

fn type_of(schema: &Value) -> String {
    if let Some(name) = schema["$ref"]
        .as_str()
        .and_then(|text| text.strip_prefix("#/$defs/"))
    {
        return format!("[{name}](#{})", name.to_lowercase());
    }
    if let Some(then) = schema.get("then") {
        return type_of(then);
    }
    let names: Vec<&str> = match &schema["type"] {
        Value::String(name) => vec![name],
        Value::Array(names) => names
            .iter()
            .filter_map(Value::as_str)
            .filter(|name| *name != "null")
            .collect(),
        _ => return "JSON Schema".to_owned(),
    };
    match (
        names.join(", ").as_str(),
        schema.get("items"),
        schema.get("additionalProperties"),
    ) {
        ("array", Some(items), _) => format!("list of {}", type_of(items)),
        ("object", _, Some(Value::Bool(true))) => "object of JSON Schemas".to_owned(),
        ("object", _, Some(inner)) => format!("object of {}", type_of(inner)),
        ("integer", ..) => "integer".to_owned() + &range(schema),
        (name, ..) => name.to_owned(),
    }
}

fn range(schema: &Value) -> String {
    match (schema["minimum"].as_i64(), schema["maximum"].as_i64()) {
        (Some(minimum), Some(maximum)) => format!(" {minimum} to {maximum}"),
        (Some(minimum), None) => format!(" ≥ {minimum}"),
        _ => String::new(),
    }
}

fn default_of(schema: &Value, required: bool) -> String {
    match schema.get("default") {
        _ if required => "required".to_owned(),
        Some(Value::Object(object)) if object.values().len() > 3 => "all defaults".to_owned(),
        Some(default) => format!("`{default}`"),
        None => "none".to_owned(),
    }
}

/// Words of an enumeration with their meaning, which the narrowed schema of [`spikard_bridge::schema`] leaves out.
fn alternatives(name: &str) -> String {
    let full = schemars::schema_for!(spikard::spec::AppSpec).to_value();
    let Some(members) = full["$defs"][name]["oneOf"].as_array() else {
        return String::new();
    };
    members
        .iter()
        .map(|member| format!("- `{}`: {}\n", member["const"], words(member)))
        .collect()
}
