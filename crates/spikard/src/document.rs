//! The OpenAPI and AsyncAPI documents of an app, from its flattened routes. What they look like is `spikard-contract`'s.

use crate::auth::Schemes;
use crate::router::ANY;
use crate::spec::{AppSpec, RouteSpec};
use crate::template::Template;
use serde_json::Value;
use spikard_contract::asyncapi;
use spikard_contract::openapi::{Info, Operation, document};

/// Compact JSON. Every operation without a `default` response gets one: the problem (RFC 9457).
pub(crate) fn make(
    spec: &AppSpec,
    routes: &[RouteSpec],
    templates: &[Option<Template>],
    schemes: &Schemes,
) -> Vec<u8> {
    let shown: Vec<(&RouteSpec, String)> = routes
        .iter()
        .zip(templates)
        .filter(|(route, _)| !route.hidden && route.method != "CONNECT" && route.method != ANY)
        .filter_map(|(route, template)| Some((route, template.as_ref()?.document_path())))
        .collect();
    let operations: Vec<Operation<'_>> = shown
        .iter()
        .map(|(route, path)| operation(route, path, schemes))
        .collect();
    document(&info(spec), &operations, &spec.schemas, schemes.described())
        .to_string()
        .into_bytes()
}

/// Compact JSON. Routes of an app answer requests, one each: it has no channels.
pub(crate) fn make_asyncapi(spec: &AppSpec) -> Vec<u8> {
    asyncapi::document(&info(spec), &[], &[], &spec.schemas)
        .to_string()
        .into_bytes()
}

fn info(spec: &AppSpec) -> Info<'_> {
    Info {
        title: &spec.title,
        version: &spec.version,
        description: spec.description.as_deref(),
    }
}

fn operation<'a>(route: &'a RouteSpec, path: &'a str, schemes: &Schemes) -> Operation<'a> {
    Operation {
        method: &route.method,
        path,
        operation_id: route.operation_id.as_deref().unwrap_or_default(),
        summary: route.summary.as_deref(),
        description: route.description.as_deref(),
        tags: &route.tags,
        deprecated: route.deprecated,
        parameters: &route.parameters,
        request_content: route
            .body
            .iter()
            .flat_map(|body| &body.content)
            .map(|(media_type, schema)| (media_type.as_str(), schema))
            .collect(),
        request_required: route.body.as_ref().is_some_and(|body| body.required),
        responses: responses(route),
        security: schemes.requirements(route.policy.auth.as_deref().unwrap_or_default()),
    }
}

/// Status, description, content: as `Operation` wants it.
type Responses = Vec<(String, String, Vec<(String, Value)>)>;

fn responses(route: &RouteSpec) -> Responses {
    let mut list: Vec<_> = route
        .responses
        .iter()
        .map(|(status, response)| {
            let description = response
                .description
                .clone()
                .unwrap_or_else(|| reason(status).to_owned());
            let content = response
                .content
                .iter()
                .map(|(media_type, schema)| (media_type.clone(), schema.clone()));
            (status.clone(), description, content.collect())
        })
        .collect();
    if list.is_empty() {
        let status = route.status.unwrap_or(200).to_string();
        let description = reason(&status).to_owned();
        list.push((status, description, Vec::new()));
    }
    list
}

/// Reason phrase of a status (RFC 9110 section 15), for the documents.
fn reason(status: &str) -> &'static str {
    match status {
        "200" => "OK",
        "201" => "Created",
        "202" => "Accepted",
        "203" => "Non-Authoritative Information",
        "204" => "No Content",
        "205" => "Reset Content",
        "206" => "Partial Content",
        "301" => "Moved Permanently",
        "302" => "Found",
        "303" => "See Other",
        "304" => "Not Modified",
        "307" => "Temporary Redirect",
        "308" => "Permanent Redirect",
        "400" => "Bad Request",
        "401" => "Unauthorized",
        "403" => "Forbidden",
        "404" => "Not Found",
        "409" => "Conflict",
        "410" => "Gone",
        "412" => "Precondition Failed",
        "415" => "Unsupported Media Type",
        "422" => "Unprocessable Content",
        "428" => "Precondition Required",
        "429" => "Too Many Requests",
        "500" => "Internal Server Error",
        "503" => "Service Unavailable",
        "default" => "Any other answer",
        _ => "Response",
    }
}
