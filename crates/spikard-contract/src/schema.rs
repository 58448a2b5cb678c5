//! A JSON Schema 2020-12 compiled once, checked many times.

use crate::{Source, Violations};
use serde_json::Value;

/// Why a schema is refused at start.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SchemaError {
    /// JSON Pointer (RFC 6901) into the schema.
    pub pointer: String,
    /// What was expected and what came, and what to write instead.
    pub message: String,
}

/// A compiled schema. Cheap to share (`Rc` inside is allowed; it never crosses threads).
#[derive(Debug)]
pub struct Schema {}

impl Schema {
    /// Compiles `schema`; `#/...` references resolve against `root` (usually `{"components": {"schemas": ...}}` or a
    /// document with `$defs`). All mistakes are reported, not the first.
    pub fn compile(_schema: &Value, _root: &Value) -> Result<Self, Vec<SchemaError>> {
        todo!()
    }

    /// The hot path: is `text` JSON by RFC 8259 and valid? One pass, no tree, no allocation for ordinary schemas.
    /// `false` means "look closer": parse it and call [`Schema::validate`] for the reasons.
    pub fn accepts(&self, _text: &[u8]) -> bool {
        todo!()
    }

    /// Reports every rule that `value` breaks; pointers start with `prefix` (`""` for a body, `/name` for a parameter).
    pub fn validate(
        &self,
        _value: &Value,
        _source: Source,
        _prefix: &str,
        _violations: &mut Violations,
    ) {
        todo!()
    }
}
