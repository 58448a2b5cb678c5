//! What is wrong with a value: where, which rule, and how to say it. Knows nothing of HTTP.

use serde::Serialize;
use serde_json::{Map, Value};

/// Part of an exchange that a violation is found in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// Request body.
    Body,
    /// Query string of the target.
    Query,
    /// Path of the target.
    Path,
    /// Request header field.
    Header,
    /// Cookie of the request.
    Cookie,
    /// Body of the response (egress check).
    Response,
}

/// One rule of a schema that a value breaks; serialises as an entry of `errors` in a problem (RFC 9457 extension member).
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Violation {
    /// Where the value came from.
    #[serde(rename = "in")]
    pub source: Source,
    /// JSON Pointer (RFC 6901) to the value; for a parameter its first token is the parameter's name.
    pub pointer: String,
    /// The JSON Schema keyword that refused, for example `minimum`.
    pub keyword: String,
    /// One line for a person, for example `must be at least 0`. Never holds the offending value.
    pub message: String,
    /// The keyword's own value, for example `{"minimum": 0}`.
    pub params: Map<String, Value>,
    /// The offending value; shown to clients only with `debug`.
    #[serde(skip)]
    pub value: Option<Value>,
}

/// Violations of one exchange, at most [`Violations::MAX`].
#[derive(Debug, Default, Clone, PartialEq)]
pub struct Violations {
    /// In the order found.
    pub list: Vec<Violation>,
    /// More were found than are listed.
    pub truncated: bool,
}

impl Violations {
    /// How many are listed at most.
    pub const MAX: usize = 100;

    /// Adds one, or notes that the list is full.
    pub fn push(&mut self, violation: Violation) {
        if self.list.len() < Self::MAX {
            self.list.push(violation);
        } else {
            self.truncated = true;
        }
    }

    /// No rule is broken.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }
}
