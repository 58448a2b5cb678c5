//! What a violation says to a person: one line per keyword, made from the schema alone, never from the value.

use super::format::Format;
use super::node::Types;
use serde_json::Value;

/// The line for `keyword` whose own value is `operand`.
pub(crate) fn message(keyword: &str, operand: &Value) -> String {
    let one = || brief(operand);
    match keyword {
        "type" => format!("must be {}", types(operand)),
        "enum" => format!("must be one of {}", list(operand, " or ")),
        "const" => format!("must be {}", one()),
        "minimum" => format!("must be at least {}", one()),
        "exclusiveMinimum" => format!("must be greater than {}", one()),
        "maximum" => format!("must be at most {}", one()),
        "exclusiveMaximum" => format!("must be less than {}", one()),
        "multipleOf" => format!("must be a multiple of {}", one()),
        "minLength" => format!(
            "must have at least {}",
            count(operand, "character", "characters")
        ),
        "maxLength" => format!(
            "must have at most {}",
            count(operand, "character", "characters")
        ),
        "pattern" => format!(
            "must match the pattern {}",
            operand.as_str().unwrap_or_default()
        ),
        "format" => {
            let name = operand.as_str().unwrap_or_default();
            let example = Format::named(name).map_or("", |format| format.example);
            format!("must be {} {name}, for example {example}", article(name))
        }
        "minItems" => format!("must have at least {}", count(operand, "item", "items")),
        "maxItems" => format!("must have at most {}", count(operand, "item", "items")),
        "uniqueItems" => "must not hold the same item twice".to_owned(),
        "contains" => "must hold an item that fits the schema of contains".to_owned(),
        "minContains" => format!(
            "must hold at least {} that fit the schema of contains",
            count(operand, "item", "items")
        ),
        "maxContains" => format!(
            "must hold at most {} that fit the schema of contains",
            count(operand, "item", "items")
        ),
        "required" => "is required".to_owned(),
        "minProperties" => format!(
            "must have at least {}",
            count(operand, "property", "properties")
        ),
        "maxProperties" => format!(
            "must have at most {}",
            count(operand, "property", "properties")
        ),
        "propertyNames" => "is not a name that is allowed here".to_owned(),
        "anyOf" => "must fit one of the schemas of anyOf".to_owned(),
        "oneOf" => "must fit exactly one of the schemas of oneOf".to_owned(),
        "not" => "must not fit the schema of not".to_owned(),
        "additionalProperties" | "unevaluatedProperties" => "is not a known property".to_owned(),
        "items" | "unevaluatedItems" => "is an item too many".to_owned(),
        _ => "is not allowed here".to_owned(),
    }
}

fn article(word: &str) -> &'static str {
    // `uuid`, `uri` are spoken with a consonant.
    if word.starts_with(['a', 'e', 'i', 'o', 'h']) && !word.starts_with("host") {
        "an"
    } else {
        "a"
    }
}

fn count(operand: &Value, one: &str, many: &str) -> String {
    format!(
        "{operand} {}",
        if operand.as_u64() == Some(1) {
            one
        } else {
            many
        }
    )
}

/// `an integer or null`.
fn types(operand: &Value) -> String {
    let names = match operand {
        Value::Array(list) => list.iter().filter_map(Value::as_str).collect(),
        one => vec![one.as_str().unwrap_or_default()],
    };
    spoken(&names)
}

/// The types of a set, spoken.
pub(crate) fn spoken_types(types: Types) -> String {
    spoken(&types.names().collect::<Vec<_>>())
}

fn spoken(names: &[&str]) -> String {
    let named: Vec<String> = names
        .iter()
        .map(|name| {
            if *name == "null" {
                "null".to_owned()
            } else {
                format!("{} {name}", article(name))
            }
        })
        .collect();
    joined(&named, " or ")
}

/// Values of the schema, at most ten, for `enum` and for known names.
pub(crate) fn list(operand: &Value, last: &str) -> String {
    let values = operand.as_array().map_or(&[] as &[Value], Vec::as_slice);
    let mut shown: Vec<String> = values.iter().take(10).map(brief).collect();
    if values.len() > 10 {
        shown.push(format!("{} more", values.len() - 10));
    }
    joined(&shown, last)
}

fn joined(words: &[String], last: &str) -> String {
    match words {
        [] => "nothing".to_owned(),
        [only] => only.clone(),
        [head @ .., tail] => format!("{}{last}{tail}", head.join(", ")),
    }
}

fn brief(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(80) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}
