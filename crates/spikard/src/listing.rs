//! The app's routes as `spikard routes` lists them. Routes nothing.

use crate::Config;
use crate::config::{AdditionalQuery, Egress};
use crate::spec::RouteSpec;
use serde::Serialize;

/// One line of `spikard routes`.
///
/// ```
/// use spikard::{App, RouteLine};
///
/// let app = App::new("Shop", "1.0.0").group("/items", |items| items.tag("items").get("/{id}", || async {})).freeze()?;
/// let RouteLine { method, path, tags, .. } = &app.routes()[0];
/// assert_eq!((method.as_str(), path.as_str(), tags.len()), ("GET", "/items/{id}", 1));
/// # Ok::<(), spikard::DefinitionError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RouteLine {
    /// Upper case.
    pub method: String,
    /// Whole template, prefixes included.
    pub path: String,
    /// Unique in the document.
    pub operation_id: String,
    /// Name of the handler.
    pub handler: String,
    /// Source file; empty when unknown.
    pub file: String,
    /// Line, from 1; 0 when unknown.
    pub line: u32,
    /// For the documents.
    pub tags: Vec<String>,
    /// One line for the documents.
    pub summary: Option<String>,
    /// Largest request body in bytes: the nearest of route, groups and app, as the other policies.
    pub body_limit: u64,
    /// Time for the handler in ms; 0 for none.
    pub handler_timeout_ms: u64,
    /// What happens to a response that breaks its schema.
    pub egress: Egress,
    /// What happens to undeclared query parameters.
    pub additional_query: AdditionalQuery,
}

impl RouteLine {
    pub(crate) fn new(route: RouteSpec, config: &Config) -> Self {
        let policy = route.policy;
        Self {
            body_limit: policy.body_limit.unwrap_or(config.body_limit),
            handler_timeout_ms: policy
                .handler_timeout_ms
                .unwrap_or(config.handler_timeout_ms),
            egress: policy.egress.unwrap_or(config.egress),
            additional_query: policy.additional_query.unwrap_or(config.additional_query),
            method: route.method,
            path: route.path,
            operation_id: route.operation_id.unwrap_or_default(),
            handler: route.declared.name,
            file: route.declared.file,
            line: route.declared.line,
            tags: route.tags,
            summary: route.summary,
        }
    }
}
