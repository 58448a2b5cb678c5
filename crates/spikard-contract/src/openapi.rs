//! OpenAPI 3.1 document from operations. Deterministic: the same app gives the same bytes in every language.

use crate::ParameterSpec;
use serde_json::Value;

/// What the document says about one operation.
#[derive(Debug, Clone)]
pub struct Operation<'a> {
    /// Upper case.
    pub method: &'a str,
    /// OpenAPI path template: `/items/{id}`.
    pub path: &'a str,
    /// Unique in the document.
    pub operation_id: &'a str,
    /// One line.
    pub summary: Option<&'a str>,
    /// CommonMark.
    pub description: Option<&'a str>,
    /// In order.
    pub tags: &'a [String],
    /// Still served, no longer advised.
    pub deprecated: bool,
    /// In order.
    pub parameters: &'a [ParameterSpec],
    /// Media type and schema, in order; empty for no body.
    pub request_content: Vec<(&'a str, &'a Value)>,
    /// The body must be sent.
    pub request_required: bool,
    /// Status (`"200"`, `"4XX"`, `"default"`), description, content; in order.
    pub responses: Vec<(String, String, Vec<(String, Value)>)>,
}

/// Title, version and free text of the document.
#[derive(Debug, Clone)]
pub struct Info<'a> {
    /// Name of the API.
    pub title: &'a str,
    /// Version of the API.
    pub version: &'a str,
    /// CommonMark.
    pub description: Option<&'a str>,
}

/// The document. `schemas` becomes `components.schemas`; the problem schema (RFC 9457) is added there as `Problem`.
pub fn document(_info: &Info<'_>, _operations: &[Operation<'_>], _schemas: &serde_json::Map<String, Value>) -> Value {
    todo!()
}
