//! The AppSpec's text to a frozen app: read, checked against its own schema, frozen. Every mistake names its place and
//! what is allowed. What the fields mean is `spikard::spec`'s business.

use crate::{Completion, Guest, GuestEndpoint};
use serde_json::{Map, Value, json};
use spikard::contract::{Schema, Source, Violation, Violations, json as text_json};
use spikard::spec::{AppSpec, Declared};
use spikard::{DefinitionError, Endpoint, Frozen, Mistake, did_you_mean, status};
use std::rc::Rc;

/// Checks the whole app and freezes it. `callables` are found by the routes' `handler`; `completion` is the one that
/// `guest` completes suspended calls with.
///
/// # Errors
/// All mistakes at once: of the text, of its fields, and of the app as a whole.
pub fn build<G: Guest>(
    text: &str,
    callables: Vec<G::Callable>,
    guest: &Rc<G>,
    completion: &Completion,
) -> Result<Rc<Frozen>, DefinitionError> {
    let endpoint = |callable| -> Box<dyn Endpoint> {
        Box::new(GuestEndpoint::new(
            Rc::clone(guest),
            callable,
            completion.clone(),
        ))
    };
    let endpoints = callables.into_iter().map(endpoint).collect();
    if status::attach()
        && let Some(signal) = guest.shows_where()
    {
        status::traced_by(signal);
    }
    Frozen::new(parse(text)?, endpoints).map(Rc::new)
}

/// Reads an AppSpec.
///
/// ```
/// let error = spikard_bridge::parse(r#"{"title": "Inventory", "version": "1", "rotes": []}"#).unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     "at /rotes: unknown field \"rotes\"; did you mean \"routes\"? \
///      allowed: title, version, description, config, schemas, policy, hooks, routes, groups, files"
/// );
/// ```
///
/// # Errors
/// Every field that is unknown or has a bad value, with its JSON Pointer (RFC 6901) and, inside a route, the place where
/// its handler was declared. With them come the mistakes that a freeze finds in the rest of the app.
pub fn parse(text: &str) -> Result<AppSpec, DefinitionError> {
    let mut value = text_json::parse(text.as_bytes()).map_err(|error| {
        let place = format!("line {} column {}", error.line, error.column);
        only(format!(
            "the AppSpec is not JSON: {place}: {}",
            error.message
        ))
    })?;
    let schema = schema();
    let compiled = Schema::compile(&schema, &schema).expect(
        "invariant: the schema made from AppSpec's own types is valid, and a test compiles it",
    );
    let mut violations = Violations::default();
    compiled.validate(&value, Source::Body, "", &mut violations);
    let mut mistakes = mistakes(&schema, &value, &violations.list);
    if mistakes.is_empty() {
        // What the schema cannot say (a number too large for its type) is found here.
        return serde_json::from_value(value)
            .map_err(|error| only(format!("the AppSpec is wrong: {error}")));
    }
    // What is left is looked at as an app, so that nobody mends one half and then hears of the other.
    for violation in &violations.list {
        leave_out(&mut value, &violation.pointer);
    }
    drop_nulls(&mut value);
    if let Ok(sound) = serde_json::from_value(value)
        && let Err(more) = Frozen::without_handlers(sound)
    {
        mistakes.extend(more.mistakes);
    }
    Err(DefinitionError { mistakes })
}

fn only(message: String) -> DefinitionError {
    DefinitionError {
        mistakes: vec![Mistake::of_app(message)],
    }
}

/// Takes the member at `pointer` away; what is wrong in a route or in files takes the whole of it away.
fn leave_out(value: &mut Value, pointer: &str) {
    let parts: Vec<&str> = pointer.split('/').collect();
    // Before the index of a route or of files stand only groups and their indices.
    let route = parts
        .iter()
        .position(|part| matches!(*part, "routes" | "files"))
        .map(|at| parts[..parts.len().min(at + 2)].join("/"));
    let place = route.as_deref().unwrap_or(pointer);
    let Some((parent, name)) = place.rsplit_once('/') else {
        return;
    };
    match value.pointer_mut(parent) {
        Some(Value::Array(list)) => {
            if let Some(item) = name
                .parse()
                .ok()
                .and_then(|index: usize| list.get_mut(index))
            {
                *item = Value::Null; // the others keep their places, which further pointers name
            }
        }
        Some(Value::Object(object)) => {
            object.shift_remove(&name.replace("~1", "/").replace("~0", "~"));
        }
        _ => {}
    }
}

/// Routes and files that were left out, in groups too.
fn drop_nulls(value: &mut Value) {
    for name in ["routes", "groups", "files"] {
        if let Some(Value::Array(list)) = value.get_mut(name) {
            list.retain(|item| !item.is_null());
            list.iter_mut().for_each(drop_nulls);
        }
    }
}

/// The schema of [`AppSpec`], written so that a refusal names the field and not a union: what may be `null` is checked
/// by its type unless it is `null`, and words are an `enum`.
pub fn schema() -> Value {
    let mut schema = schemars::schema_for!(AppSpec).to_value();
    narrow(&mut schema);
    schema
}

fn narrow(schema: &mut Value) {
    match schema {
        Value::Array(items) => items.iter_mut().for_each(narrow),
        Value::Object(object) => {
            object.values_mut().for_each(narrow);
            if let Some(Value::String(words)) = object.get_mut("description")
                && let Some(example) = words.find("```")
            {
                // Examples are for Rust's documentation; a page of every language is made of this.
                let length = words[..example].trim_end().len();
                words.truncate(length);
            }
            let nullable = object
                .get("anyOf")
                .and_then(Value::as_array)
                .and_then(|members| match members.as_slice() {
                    [inner, null] if *null == json!({"type": "null"}) => Some(inner.clone()),
                    _ => None,
                });
            if let Some(inner) = nullable {
                object.shift_remove("anyOf");
                object.insert("if".to_owned(), json!({"not": {"type": "null"}}));
                object.insert("then".to_owned(), inner);
            }
            let words: Option<Vec<Value>> =
                object
                    .get("oneOf")
                    .and_then(Value::as_array)
                    .and_then(|members| {
                        members
                            .iter()
                            .map(|member| member.get("const").cloned())
                            .collect()
                    });
            if let Some(words) = words {
                object.shift_remove("oneOf");
                object.insert("enum".to_owned(), Value::Array(words));
            }
        }
        _ => {}
    }
}

fn mistakes(schema: &Value, value: &Value, violations: &[Violation]) -> Vec<Mistake> {
    let mut found: Vec<Mistake> = Vec::new();
    for violation in violations {
        let wrong = match violation.keyword.as_str() {
            "additionalProperties" => unknown_fields(schema, value, &violation.pointer),
            _ => vec![(
                violation.pointer.clone(),
                bad_value(schema, value, violation),
            )],
        };
        for (pointer, message) in wrong {
            let mistake = mistake(value, &pointer, format!("at {pointer}: {message}"));
            if !found.contains(&mistake) {
                found.push(mistake);
            }
        }
    }
    found
}

/// Unknown members at `pointer`, which names the member or its object.
fn unknown_fields(schema: &Value, value: &Value, pointer: &str) -> Vec<(String, String)> {
    let (parent, last) = pointer.rsplit_once('/').unwrap_or(("", ""));
    let allowed =
        |at: &str| at_pointer(schema, at).and_then(|schema| schema.get("properties")?.as_object());
    if let Some(fields) = allowed(parent)
        .filter(|fields| !pointer.is_empty() && !fields.contains_key(&unescape(last)))
    {
        return vec![(pointer.to_owned(), unknown_field(&unescape(last), fields))];
    }
    let (Some(fields), Some(Value::Object(object))) = (allowed(pointer), value.pointer(pointer))
    else {
        return vec![(pointer.to_owned(), "unknown field".to_owned())];
    };
    let unknown = object.keys().filter(|name| !fields.contains_key(*name));
    unknown
        .map(|name| {
            (
                format!("{pointer}/{}", escape(name)),
                unknown_field(name, fields),
            )
        })
        .collect()
}

fn unknown_field(name: &str, fields: &Map<String, Value>) -> String {
    let names: Vec<&str> = fields.keys().map(String::as_str).collect();
    let hint = did_you_mean(name, names.iter().copied());
    let stop = if hint.is_empty() { ";" } else { "" };
    format!(
        "unknown field \"{name}\"{hint}{stop} allowed: {}",
        names.join(", ")
    )
}

fn bad_value(schema: &Value, value: &Value, violation: &Violation) -> String {
    let came = value.pointer(&violation.pointer);
    let words =
        at_pointer(schema, &violation.pointer).and_then(|schema| schema.get("enum")?.as_array());
    let (Some(words), Some(came)) = (words, came) else {
        return match came.filter(|_| violation.keyword != "required") {
            Some(came) => format!("{}, not {}", violation.message, shortened(came)),
            None => violation.message.clone(),
        };
    };
    let words: Vec<&str> = words.iter().filter_map(Value::as_str).collect();
    let hint = did_you_mean(came.as_str().unwrap_or_default(), words.iter().copied());
    format!(
        "must be one of {}, not {}{hint}",
        words.join(", "),
        shortened(came)
    )
}

fn shortened(value: &Value) -> String {
    const LONGEST: usize = 60;
    let text = value.to_string();
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

/// The part of `schema` that describes the value at `pointer`; follows the few keywords that schemars writes.
fn at_pointer<'s>(root: &'s Value, pointer: &str) -> Option<&'s Value> {
    let mut schema = root;
    for token in pointer.split('/').skip(1) {
        schema = resolved(root, schema)?;
        let member = schema
            .get("properties")
            .and_then(|fields| fields.get(unescape(token)));
        schema = member
            .or_else(|| schema.get("items"))
            .or_else(|| schema.get("additionalProperties"))?;
    }
    resolved(root, schema)
}

fn resolved<'s>(root: &'s Value, mut schema: &'s Value) -> Option<&'s Value> {
    loop {
        if let Some(then) = schema.get("then") {
            schema = then;
        } else if let Some(reference) = schema.get("$ref") {
            schema = root.pointer(reference.as_str()?.strip_prefix('#')?)?;
        } else {
            return Some(schema);
        }
    }
}

/// A mistake at `pointer`; inside a route it carries the route's method, whole path and the handler's place.
fn mistake(app: &Value, pointer: &str, message: String) -> Mistake {
    let mut path = String::new();
    let mut holder = app;
    let mut tokens = pointer.split('/').skip(1);
    while let (Some(list @ ("groups" | "routes" | "files")), Some(index)) =
        (tokens.next(), tokens.next())
    {
        let Some(entry) = index
            .parse()
            .ok()
            .and_then(|index: usize| holder.get(list)?.get(index))
        else {
            break;
        };
        let text = |name: &str| entry.get(name).and_then(Value::as_str).unwrap_or_default();
        if list != "groups" {
            // Member by member: the mistake may be one of them.
            let member = |name: &str| {
                entry
                    .get("declared")
                    .and_then(|declared| declared.get(name))
            };
            let declared = Declared {
                name: String::new(),
                file: member("file")
                    .and_then(Value::as_str)
                    .unwrap_or_default()
                    .to_owned(),
                line: member("line")
                    .and_then(Value::as_u64)
                    .and_then(|line| line.try_into().ok())
                    .unwrap_or(0),
            };
            return Mistake::at(
                &declared,
                if list == "files" {
                    "GET"
                } else {
                    text("method")
                },
                &format!("{path}{}", text("path")),
                message,
            );
        }
        path.push_str(text("prefix"));
        holder = entry;
    }
    Mistake::of_app(message)
}

/// RFC 6901 section 4.
fn unescape(token: &str) -> String {
    token.replace("~1", "/").replace("~0", "~")
}

fn escape(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}
