//! A JSON Schema 2020-12 compiled once, checked many times.

mod accept;
mod build;
mod compile;
mod equal;
mod format;
pub(crate) mod message;
pub(crate) mod node;
mod pattern;
mod resolve;
mod scalar;
mod shape;
mod uri;
mod validate;

use crate::json::Reader;
use crate::{Source, Violations};
pub use build::Build;
use serde_json::Value;
use std::fmt;

/// Why a schema is refused at start.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SchemaError {
    /// JSON Pointer (RFC 6901) into the schema.
    pub pointer: String,
    /// What was expected and what came, and what to write instead.
    pub message: String,
}

impl fmt::Display for SchemaError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.pointer.as_str() {
            "" => out.write_str(&self.message),
            pointer => write!(out, "{pointer}: {}", self.message),
        }
    }
}

impl std::error::Error for SchemaError {}

/// A compiled schema. Cheap to share (`Rc` inside is allowed; it never crosses threads).
#[derive(Debug)]
pub struct Schema {
    pub(crate) nodes: Vec<node::Node>,
    pub(crate) start: node::Id,
    plan: shape::Plan,
}

impl Schema {
    /// Compiles `schema`; `#/...` references resolve in it, then against `root` (usually
    /// `{"components": {"schemas": ...}}` or a document with `$defs`). All mistakes are reported, not the first.
    ///
    /// ```
    /// use serde_json::json;
    /// use spikard_contract::Schema;
    /// let root = json!({"components": {"schemas": {"Sku": {"type": "string", "pattern": "^[A-Z]{3}$"}}}});
    /// let schema = Schema::compile(&json!({"$ref": "#/components/schemas/Sku"}), &root).unwrap();
    /// assert!(schema.accepts(b"\"ABC\""));
    /// assert!(!schema.accepts(b"\"abc\""));
    /// ```
    pub fn compile(schema: &Value, root: &Value) -> Result<Self, Vec<SchemaError>> {
        Self::compile_among(schema, root, &[], Dialect::Draft2020)
    }

    /// Like [`Schema::compile`], with further documents that `$ref` may name by absolute URI, and the dialect of those
    /// that do not say `$schema`.
    pub fn compile_among(
        schema: &Value,
        root: &Value,
        documents: &[(&str, &Value)],
        dialect: Dialect,
    ) -> Result<Self, Vec<SchemaError>> {
        let compile::Compiled { nodes, start } =
            compile::compile(schema, root, documents, dialect == Dialect::Draft7)?;
        let plan = shape::Plan::new(&nodes, start);
        Ok(Self { nodes, start, plan })
    }

    /// The hot path: is `text` JSON by RFC 8259 and valid? One pass, no tree, no allocation for ordinary schemas.
    /// `false` means "look closer": parse it and call [`Schema::validate`] for the reasons.
    pub fn accepts(&self, text: &[u8]) -> bool {
        self.build(text, &mut build::Nothing, ()).is_some() || self.accepts_whole(text)
    }

    /// Checks `text` as [`Schema::accepts`] does and makes its value in the same pass. `None` means "look closer": the
    /// text is not valid, or holds what `build` does not know, or only the whole of it tells whether it is valid.
    ///
    /// ```
    /// use serde_json::json;
    /// use spikard_contract::json::{Digits, Text};
    /// use spikard_contract::{Build, Schema};
    ///
    /// /// The sum of a list of whole numbers.
    /// struct Sum;
    ///
    /// impl Build for Sum {
    ///     type Place = ();
    ///     type Value = i64;
    ///     type Array = i64;
    ///     type Object = ();
    ///     fn null(&mut self, (): ()) -> Option<i64> { None }
    ///     fn boolean(&mut self, (): (), _: bool) -> Option<i64> { None }
    ///     fn number(&mut self, (): (), digits: Digits<'_>) -> Option<i64> { digits.small() }
    ///     fn string(&mut self, (): (), _: Text<'_>) -> Option<i64> { None }
    ///     fn skipped(&mut self, (): ()) -> Option<i64> { None }
    ///     fn array(&mut self, (): ()) -> Option<(i64, ())> { Some((0, ())) }
    ///     fn element(&mut self, sum: &mut i64, value: i64) -> Option<()> { *sum += value; Some(()) }
    ///     fn close_array(&mut self, sum: i64) -> Option<i64> { Some(sum) }
    ///     fn object(&mut self, (): ()) -> Option<()> { None }
    ///     fn name(&mut self, (): &mut (), _: Text<'_>) -> Option<()> { None }
    ///     fn member(&mut self, (): &mut (), _: i64) -> Option<()> { None }
    ///     fn close_object(&mut self, (): ()) -> Option<i64> { None }
    /// }
    ///
    /// let schema = json!({"type": "array", "items": {"type": "integer"}, "maxItems": 3});
    /// let schema = Schema::compile(&schema, &json!({})).unwrap();
    /// assert_eq!(schema.build(b"[1, 2, 3]", &mut Sum, ()), Some(6));
    /// assert_eq!(schema.build(b"[1, 2, 3, 4]", &mut Sum, ()), None);
    /// ```
    pub fn build<B: Build>(&self, text: &[u8], build: &mut B, place: B::Place) -> Option<B::Value> {
        // ASCII is UTF-8, most texts are ASCII, and that is seen in a tenth of the time.
        let reader = if is_ascii(text) {
            Reader::of_ascii(text)
        } else if std::str::from_utf8(text).is_ok() {
            Reader::new(text)
        } else {
            return None;
        };
        accept::accept(&self.nodes, &self.plan, reader, build, place)
    }

    #[cold]
    fn accepts_whole(&self, text: &[u8]) -> bool {
        crate::json::parse(text).is_ok_and(|value| self.fits(&value))
    }

    pub(crate) fn fits(&self, value: &Value) -> bool {
        self.fits_at(self.start, value)
    }

    pub(crate) fn fits_at(&self, id: node::Id, value: &Value) -> bool {
        validate::fits(&self.nodes, id, value)
    }

    /// Reports every rule that `value` breaks; pointers start with `prefix` (`""` for a body, `/name` for a parameter).
    pub fn validate(
        &self,
        value: &Value,
        source: Source,
        prefix: &str,
        violations: &mut Violations,
    ) {
        validate::report(&self.nodes, self.start, value, source, prefix, violations);
    }
}

/// By words, of which the last may overlap the one before: a fraction of the time that the standard library takes.
fn is_ascii(text: &[u8]) -> bool {
    let (words, _) = text.as_chunks();
    let Some(last) = text.last_chunk() else {
        return text.iter().all(u8::is_ascii);
    };
    let all = words.iter().fold(u64::from_ne_bytes(*last), |all, word| {
        all | u64::from_ne_bytes(*word)
    });
    all & 0x8080_8080_8080_8080 == 0
}

/// What a schema without `$schema` is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// JSON Schema 2020-12; shapes of draft 7 and OpenAPI 3.0 that mean nothing else are understood.
    Draft2020,
    /// Draft 7: `$ref` hides what stands beside it, keywords of later drafts mean nothing.
    Draft7,
}
