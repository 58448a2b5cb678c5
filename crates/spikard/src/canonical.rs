//! One spelling for every schema, so that the same contract gives the same document in every language. Changes how a
//! schema is written, never what it means.

use serde_json::{Map, Value};

/// Keywords in the order in which they are written; others follow as they came.
const ORDER: &[&str] = &[
    "$ref",
    "type",
    "enum",
    "const",
    "format",
    "pattern",
    "minLength",
    "maxLength",
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
    "items",
    "prefixItems",
    "minItems",
    "maxItems",
    "uniqueItems",
    "properties",
    "required",
    "additionalProperties",
    "anyOf",
    "oneOf",
    "allOf",
    "not",
    "title",
    "description",
    "default",
    "examples",
    "deprecated",
];

/// Keywords whose value is a schema.
const ONE: &[&str] = &[
    "items",
    "not",
    "additionalProperties",
    "contains",
    "if",
    "then",
    "else",
    "propertyNames",
    "unevaluatedItems",
    "unevaluatedProperties",
];
/// Keywords whose value is a list of schemas.
const LIST: &[&str] = &["anyOf", "oneOf", "allOf", "prefixItems"];
/// Keywords whose value maps names to schemas.
const NAMED: &[&str] = &[
    "properties",
    "$defs",
    "patternProperties",
    "dependentSchemas",
];
/// Keywords whose value is a number: `5.0` is written `5`.
const NUMBER: &[&str] = &[
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
];

/// `schema` in its one spelling. `name` is the component's or property's own: a title that only repeats it is dropped.
pub(crate) fn canonical(schema: &Value, name: Option<&str>) -> Value {
    let Value::Object(given) = schema else {
        return schema.clone();
    };
    let mut written = Map::new();
    for keyword in ORDER {
        if let Some(value) = given.get(*keyword) {
            keep(&mut written, keyword, value, given, name);
        }
    }
    for (keyword, value) in given {
        if !ORDER.contains(&keyword.as_str()) {
            keep(&mut written, keyword, value, given, name);
        }
    }
    Value::Object(written)
}

fn keep(
    written: &mut Map<String, Value>,
    keyword: &str,
    value: &Value,
    given: &Map<String, Value>,
    name: Option<&str>,
) {
    let value = match keyword {
        "$schema" => return,
        "title" if repeats(value, name) => return,
        "required" if value.as_array().is_some_and(Vec::is_empty) => return,
        "required" => in_declared_order(value, given),
        _ if ONE.contains(&keyword) => canonical(value, None),
        _ if LIST.contains(&keyword) => each(value),
        _ if NAMED.contains(&keyword) => named(value),
        _ if NUMBER.contains(&keyword) => whole(value),
        _ => value.clone(),
    };
    written.insert(keyword.to_owned(), value);
}

fn repeats(title: &Value, name: Option<&str>) -> bool {
    let (Some(title), Some(name)) = (title.as_str(), name) else {
        return false;
    };
    let plain = |text: &str| text.replace(['_', ' ', '-'], "").to_lowercase();
    plain(title) == plain(name)
}

fn in_declared_order(required: &Value, given: &Map<String, Value>) -> Value {
    let (Value::Array(names), Some(Value::Object(properties))) =
        (required, given.get("properties"))
    else {
        return required.clone();
    };
    let mut names = names.clone();
    let place = |name: &Value| {
        let wanted = name.as_str().unwrap_or_default();
        properties
            .keys()
            .position(|key| key == wanted)
            .unwrap_or(usize::MAX)
    };
    names.sort_by_key(place);
    Value::Array(names)
}

fn each(list: &Value) -> Value {
    match list {
        Value::Array(schemas) => schemas
            .iter()
            .map(|schema| canonical(schema, None))
            .collect(),
        other => other.clone(),
    }
}

fn named(map: &Value) -> Value {
    match map {
        Value::Object(schemas) => Value::Object(
            schemas
                .iter()
                .map(|(name, schema)| (name.clone(), canonical(schema, Some(name))))
                .collect(),
        ),
        other => other.clone(),
    }
}

fn whole(number: &Value) -> Value {
    match number.as_f64() {
        Some(value) if number.is_f64() && value.fract() == 0.0 && value.abs() < 9e15 => {
            Value::from(value as i64)
        }
        _ => number.clone(),
    }
}

/// Moves `$defs` of `schema` to the shared schemas and points its references there, so that `#/$defs/X` of a generator
/// works everywhere. A name that is taken by another schema stays where it is and is reported.
pub(crate) fn hoist(schema: &mut Value, shared: &mut Map<String, Value>) -> Result<(), String> {
    let definitions = match schema {
        Value::Object(object) => object.remove("$defs"),
        _ => None,
    };
    let Some(Value::Object(definitions)) = definitions else {
        return Ok(());
    };
    point_at_components(schema);
    for (name, mut definition) in definitions {
        point_at_components(&mut definition);
        let definition = canonical(&definition, Some(&name));
        match shared.get(&name) {
            Some(other) if canonical(other, Some(&name)) != definition => {
                return Err(format!(
                    "two different schemas are named \"{name}\"; rename one of them"
                ));
            }
            Some(_) => {}
            None => {
                shared.insert(name, definition);
            }
        }
    }
    Ok(())
}

fn point_at_components(schema: &mut Value) {
    match schema {
        Value::Object(object) => {
            for (keyword, value) in object.iter_mut() {
                match value {
                    Value::String(target) if keyword == "$ref" => {
                        if let Some(name) = target.strip_prefix("#/$defs/") {
                            *target = format!("#/components/schemas/{name}");
                        }
                    }
                    other => point_at_components(other),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(point_at_components),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::{canonical, hoist};
    use serde_json::{Map, json};

    #[test]
    fn spellings_of_two_generators_meet() {
        let schemars = json!({"$schema": "x", "title": "Item", "description": "d", "type": "object",
            "properties": {"price": {"type": "number", "minimum": 0.0}}, "required": ["price"]});
        let msgspec = json!({"type": "object", "title": "Item", "properties":
            {"price": {"minimum": 0, "title": "Price", "type": "number"}}, "required": ["price"], "description": "d"});
        let one = canonical(&schemars, Some("Item")).to_string();
        assert_eq!(one, canonical(&msgspec, Some("Item")).to_string());
        assert_eq!(
            one,
            r#"{"type":"object","properties":{"price":{"type":"number","minimum":0}},"required":["price"],"description":"d"}"#
        );
    }

    #[test]
    fn definitions_move_to_the_components() {
        let mut schema =
            json!({"$ref": "#/$defs/A", "$defs": {"A": {"items": {"$ref": "#/$defs/A"}}}});
        let mut shared = Map::new();
        hoist(&mut schema, &mut shared).unwrap();
        assert_eq!(schema, json!({"$ref": "#/components/schemas/A"}));
        assert_eq!(
            shared["A"],
            json!({"items": {"$ref": "#/components/schemas/A"}})
        );
    }
}
