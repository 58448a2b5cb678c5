//! Parameters: text from path, query, header or cookie becomes a value by its JSON Schema, never by guessing.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::borrow::Cow;

/// Where a parameter is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Place {
    /// A segment of the path.
    Path,
    /// The query string.
    Query,
    /// A header field.
    Header,
    /// A cookie.
    Cookie,
}

/// OpenAPI 3.1 parameter style.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Style {
    /// `a,b` (path and header default).
    Simple,
    /// `k=a&k=b` or `k=a,b` (query and cookie default).
    Form,
    /// `k=a%20b`.
    SpaceDelimited,
    /// `k=a|b`.
    PipeDelimited,
}

impl Style {
    /// What OpenAPI 3.1 assumes when a parameter does not say.
    pub fn default_at(place: Place) -> Self {
        match place {
            Place::Path | Place::Header => Self::Simple,
            Place::Query | Place::Cookie => Self::Form,
        }
    }
}

/// One parameter as an app declares it (OpenAPI 3.1 Parameter Object, what Spikard uses of it).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ParameterSpec {
    /// Name on the wire; header names are compared without case.
    pub name: String,
    /// Where it is sent.
    #[serde(rename = "in")]
    pub place: Place,
    /// Must be sent; a path parameter always must.
    #[serde(default)]
    pub required: bool,
    /// JSON Schema 2020-12; `true` or absent means a string as is.
    #[serde(default = "string_schema")]
    pub schema: Value,
    /// How lists are written; the default depends on the place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub style: Option<Style>,
    /// One pair per list item; default `true` for `form`, else `false`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub explode: Option<bool>,
    /// For the documents.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// For the documents.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub deprecated: bool,
}

fn string_schema() -> Value {
    serde_json::json!({"type": "string"})
}

/// Schema of a shorthand in a path template: `{id:int}`. Names: `int uuid float bool date datetime str path`.
///
/// ```
/// use spikard_contract::parameter::shorthand;
/// assert_eq!(shorthand("uuid"), Some(serde_json::json!({"type": "string", "format": "uuid"})));
/// assert_eq!(shorthand("integer"), None);
/// ```
pub fn shorthand(name: &str) -> Option<Value> {
    let (kind, format) = match name {
        "int" => ("integer", None),
        "float" => ("number", None),
        "bool" => ("boolean", None),
        "uuid" => ("string", Some("uuid")),
        "date" => ("string", Some("date")),
        "datetime" => ("string", Some("date-time")),
        "str" | "path" => ("string", None),
        _ => return None,
    };
    Some(match format {
        Some(format) => serde_json::json!({"type": kind, "format": format}),
        None => serde_json::json!({"type": kind}),
    })
}

/// Names that [`shorthand`] knows, for messages.
pub const SHORTHANDS: &[&str] = &[
    "int", "uuid", "float", "bool", "date", "datetime", "str", "path",
];

/// A parameter's value. Borrows from the request or, for defaults, from the compiled parameter.
#[derive(Debug, Clone, PartialEq)]
pub enum Argument<'r> {
    /// Not sent, and the schema has no default.
    Absent,
    /// JSON null; only from a schema's default.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// Fits 64 bits.
    Integer(i64),
    /// A whole number of any size, as its canonical decimal text.
    BigInteger(Cow<'r, str>),
    /// A number that is not declared an integer.
    Number(f64),
    /// Text.
    String(Cow<'r, str>),
    /// Items in order.
    List(Vec<Argument<'r>>),
}

mod read;
mod scalar;
#[cfg(test)]
mod tests;

pub use read::Parameter;
