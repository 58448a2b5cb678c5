//! What differs between two OpenAPI documents, by operation first. Order of keys does not count. Reads no file.

use serde_json::{Map, Value};
use std::fmt;

/// Fields of a path item that are operations; the rest of it is compared as it is (OpenAPI 3.1, section 4.8.9).
const METHODS: [&str; 8] = [
    "get", "put", "post", "delete", "options", "head", "patch", "trace",
];
/// Longer values are cut.
const MOST_LETTERS: usize = 60;

/// One place where the file is not as the app says.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Difference {
    /// The app has it, the file does not.
    Missing(String),
    /// The file has it, the app does not.
    Extra(String),
    /// Both have it: place, in the file, in the app.
    Changed(String, String, String),
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(place) => write!(f, "+ {place}: only in the app"),
            Self::Extra(place) => write!(f, "- {place}: only in the file"),
            Self::Changed(place, file, app) => {
                write!(f, "~ {place}: {file} in the file, {app} in the app")
            }
        }
    }
}

/// All of them: operations in the order of the file, those that only the app has last; then the rest of the document.
pub(crate) fn differences(file: &Value, app: &Value) -> Vec<Difference> {
    let mut found = Vec::new();
    let (Value::Object(file), Value::Object(app)) = (file, app) else {
        collect("document", "/", file, app, &mut found);
        return found;
    };
    let empty = Map::new();
    let paths = |document: &Map<String, Value>| match document.get("paths") {
        Some(Value::Object(paths)) => operations(paths),
        _ => operations(&empty),
    };
    members("", ": ", &paths(file), &paths(app), &mut found);
    let rest = |document: &Map<String, Value>| {
        let mut rest = document.clone();
        if rest.get("paths").is_some_and(Value::is_object) {
            rest.shift_remove("paths");
        }
        rest
    };
    members("", "/", &rest(file), &rest(app), &mut found);
    found
}

/// `GET /items` and its operation; what else a path item holds, as `/items` and that.
fn operations(paths: &Map<String, Value>) -> Map<String, Value> {
    let mut operations = Map::new();
    for (path, item) in paths {
        let Value::Object(item) = item else {
            operations.insert(path.clone(), item.clone());
            continue;
        };
        let mut rest = Map::new();
        for (key, value) in item {
            if METHODS.contains(&key.as_str()) {
                operations.insert(format!("{} {path}", key.to_uppercase()), value.clone());
            } else {
                rest.insert(key.clone(), value.clone());
            }
        }
        if !rest.is_empty() {
            operations.insert(path.clone(), Value::Object(rest));
        }
    }
    operations
}

/// `before` stands before each key, `after` between a key and what is below it.
fn members(
    before: &str,
    after: &str,
    file: &Map<String, Value>,
    app: &Map<String, Value>,
    found: &mut Vec<Difference>,
) {
    let at = |key: &str| format!("{before}{key}");
    for (key, value) in file {
        match app.get(key) {
            Some(wanted) => collect(&at(key), after, value, wanted, found),
            None => found.push(Difference::Extra(at(key))),
        }
    }
    let missing = app.keys().filter(|key| !file.contains_key(*key));
    found.extend(missing.map(|key| Difference::Missing(at(key))));
}

fn collect(place: &str, after: &str, file: &Value, app: &Value, found: &mut Vec<Difference>) {
    match (file, app) {
        (Value::Object(file), Value::Object(app)) => {
            members(&format!("{place}{after}"), "/", file, app, found);
        }
        (Value::Array(file), Value::Array(app)) if file.len() == app.len() => {
            for (index, (file, app)) in file.iter().zip(app).enumerate() {
                collect(&format!("{place}{after}{index}"), "/", file, app, found);
            }
        }
        _ if same(file, app) => {}
        _ => found.push(Difference::Changed(
            place.to_owned(),
            short(file),
            short(app),
        )),
    }
}

/// `1` and `1.0` are the same number to JSON Schema (2020-12, section 4.2.2), and YAML writers choose either.
fn same(file: &Value, app: &Value) -> bool {
    match (file.as_f64(), app.as_f64()) {
        (Some(file_number), Some(app_number)) if file.is_f64() || app.is_f64() => {
            file_number == app_number
        }
        _ => file == app,
    }
}

fn short(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(MOST_LETTERS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn document() -> Value {
        json!({
            "openapi": "3.1.0",
            "info": {"title": "Shop", "version": "1"},
            "paths": {"/items": {
                "get": {"parameters": [{"name": "limit", "schema": {"maximum": 10}}]},
                "post": {"requestBody": {"required": true}},
            }},
        })
    }

    #[test]
    fn the_order_of_keys_and_the_spelling_of_numbers_do_not_count() {
        let mut other: Value = serde_json::from_str(
            r#"{"paths": {"/items": {"post": {"requestBody": {"required": true}}, "get": {}}}, "info": {"version": "1", "title": "Shop"}, "openapi": "3.1.0"}"#,
        )
        .unwrap();
        other["paths"]["/items"]["get"] =
            json!({"parameters": [{"schema": {"maximum": 10.0}, "name": "limit"}]});
        assert_eq!(differences(&other, &document()), []);
    }

    #[test]
    fn each_difference_names_its_operation() {
        let mut file = document();
        file["info"]["version"] = json!("0");
        file["paths"]["/items"]["get"]["parameters"][0]["schema"]["maximum"] = json!(9);
        file["paths"]["/items"]["get"]["deprecated"] = json!(true);
        file["paths"]["/old"] = json!({"get": {}, "summary": "gone"});
        let item = file["paths"]["/items"].as_object_mut().unwrap();
        item.remove("post");
        let lines: Vec<String> = differences(&file, &document())
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(
            lines,
            [
                "~ GET /items: parameters/0/schema/maximum: 9 in the file, 10 in the app",
                "- GET /items: deprecated: only in the file",
                "- GET /old: only in the file",
                "- /old: only in the file",
                "+ POST /items: only in the app",
                "~ info/version: \"0\" in the file, \"1\" in the app",
            ]
        );
    }

    #[test]
    fn what_is_no_document_differs_as_a_whole() {
        assert_eq!(differences(&json!([1]), &document()).len(), 1);
        assert_eq!(
            differences(&json!({}), &json!({"paths": {"/": {"get": {}}}})).len(),
            1
        );
    }
}
