//! OpenAPI 3.1 document from operations. Deterministic: the same app gives the same bytes in every language.

use crate::{ParameterSpec, Place, Style};
use serde_json::{Map, Value, json};

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
    pub responses: Vec<Answer>,
    /// Security requirements, of which any will do; empty for none.
    pub security: Vec<Value>,
}

/// Status, description, and content by media type.
pub type Answer = (String, String, Vec<(String, Value)>);

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

impl Info<'_> {
    /// As both kinds of documents have it.
    pub(crate) fn object(&self) -> Value {
        let mut object = Map::new();
        object.insert("title".to_owned(), self.title.into());
        put(&mut object, "description", self.description);
        object.insert("version".to_owned(), self.version.into());
        Value::Object(object)
    }
}

/// The methods that a path item of OpenAPI 3.1 has members for.
const METHODS: &[&str] = &[
    "get", "put", "post", "delete", "options", "head", "patch", "trace",
];

/// Where the others stand, in the form that OpenAPI 3.2 gives `additionalOperations`: by the method as it is sent.
const ADDITIONAL: &str = "x-additionalOperations";

/// The document. `schemas` becomes `components.schemas`, `security_schemes` `components.securitySchemes`; the problem schema (RFC 9457) is added there as `Problem`.
///
/// Operations keep their order; those of one path stand together where the path was first seen. What they do not declare is
/// a problem: each gets the response `default` unless it has one. Methods that OpenAPI 3.1 does not know, such as QUERY, stand
/// in the path's `x-additionalOperations`.
pub fn document(
    info: &Info<'_>,
    operations: &[Operation<'_>],
    schemas: &Map<String, Value>,
    security_schemes: Map<String, Value>,
) -> Value {
    let mut paths = Map::new();
    for operation in operations {
        let path = paths
            .entry(operation.path)
            .or_insert_with(|| Value::Object(Map::new()));
        let key = operation.method.to_ascii_lowercase();
        let (path, key) = if METHODS.contains(&key.as_str()) {
            (path, key)
        } else {
            (&mut path[ADDITIONAL], operation.method.to_owned())
        };
        path[key.as_str()] = operation_object(operation);
    }
    let mut schemas = schemas.clone();
    schemas.insert("Problem".to_owned(), problem_schema());
    let mut document = json!({
        "openapi": "3.1.0",
        "info": info.object(),
        "paths": paths,
        "components": {"schemas": schemas, "responses": {"Problem": problem_response()}},
    });
    if !security_schemes.is_empty() {
        document["components"]["securitySchemes"] = Value::Object(security_schemes);
    }
    document
}

fn put(object: &mut Map<String, Value>, key: &str, text: Option<&str>) {
    if let Some(text) = text {
        object.insert(key.to_owned(), text.into());
    }
}

fn operation_object(operation: &Operation<'_>) -> Value {
    let mut object = Map::new();
    if !operation.tags.is_empty() {
        object.insert("tags".to_owned(), json!(operation.tags));
    }
    put(&mut object, "summary", operation.summary);
    put(&mut object, "description", operation.description);
    object.insert("operationId".to_owned(), operation.operation_id.into());
    if !operation.parameters.is_empty() {
        let parameters = operation.parameters.iter().map(parameter_object).collect();
        object.insert("parameters".to_owned(), Value::Array(parameters));
    }
    if !operation.request_content.is_empty() {
        let content = content_object(
            operation
                .request_content
                .iter()
                .map(|&(media, schema)| (media, schema)),
        );
        object.insert(
            "requestBody".to_owned(),
            json!({"required": operation.request_required, "content": content}),
        );
    }
    object.insert("responses".to_owned(), responses_object(operation));
    if !operation.security.is_empty() {
        object.insert("security".to_owned(), json!(operation.security));
    }
    if operation.deprecated {
        object.insert("deprecated".to_owned(), true.into());
    }
    Value::Object(object)
}

fn parameter_object(spec: &ParameterSpec) -> Value {
    let mut object = Map::new();
    object.insert("name".to_owned(), spec.name.as_str().into());
    object.insert("in".to_owned(), json!(spec.place));
    put(&mut object, "description", spec.description.as_deref());
    if spec.required || spec.place == Place::Path {
        object.insert("required".to_owned(), true.into());
    }
    if spec.deprecated {
        object.insert("deprecated".to_owned(), true.into());
    }
    // The defaults of OpenAPI are left out.
    if spec
        .style
        .is_some_and(|style| style != Style::default_at(spec.place))
    {
        object.insert("style".to_owned(), json!(spec.style));
    }
    let style = spec.style.unwrap_or_else(|| Style::default_at(spec.place));
    if let Some(explode) = spec
        .explode
        .filter(|&explode| explode != (style == Style::Form))
    {
        object.insert("explode".to_owned(), explode.into());
    }
    object.insert("schema".to_owned(), spec.schema.clone());
    Value::Object(object)
}

fn content_object<'v>(content: impl Iterator<Item = (&'v str, &'v Value)>) -> Value {
    let media = |schema: &Value| match schema {
        Value::Bool(true) => json!({}),
        schema => json!({"schema": schema}),
    };
    Value::Object(
        content
            .map(|(name, schema)| (name.to_owned(), media(schema)))
            .collect(),
    )
}

fn responses_object(operation: &Operation<'_>) -> Value {
    let mut responses = Map::new();
    for (status, description, content) in &operation.responses {
        let mut response = Map::new();
        response.insert("description".to_owned(), description.as_str().into());
        if !content.is_empty() {
            let content = content
                .iter()
                .map(|(media, schema)| (media.as_str(), schema));
            response.insert("content".to_owned(), content_object(content));
        }
        responses.insert(status.clone(), Value::Object(response));
    }
    responses
        .entry("default")
        .or_insert_with(|| json!({"$ref": "#/components/responses/Problem"}));
    Value::Object(responses)
}

fn problem_response() -> Value {
    json!({
        "description": "What went wrong (RFC 9457)",
        "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
    })
}

/// Problem details (RFC 9457) as Spikard sends them.
pub fn problem_schema() -> Value {
    json!({
        "type": "object",
        "description": "Problem details (RFC 9457)",
        "properties": {
            "type": {"type": "string", "format": "uri-reference", "description": "Identifies the kind of problem"},
            "title": {"type": "string", "description": "The kind of problem in one line"},
            "status": {"type": "integer", "minimum": 400, "maximum": 599},
            "detail": {"type": "string", "description": "What happened this time"},
            "instance": {"type": "string", "format": "uri-reference"},
            "code": {"type": "string", "description": "Stable name of the kind of problem"},
            "request_id": {"type": "string"},
            "errors": {
                "type": "array",
                "description": "Every rule that the exchange breaks",
                "items": {
                    "type": "object",
                    "properties": {
                        "in": {"enum": ["body", "query", "path", "header", "cookie", "response"]},
                        "pointer": {"type": "string", "description": "JSON Pointer (RFC 6901) to the value"},
                        "keyword": {"type": "string", "description": "The JSON Schema keyword that refused"},
                        "message": {"type": "string"},
                        "params": {"type": "object", "description": "The keyword's own value"},
                    },
                    "required": ["in", "pointer", "keyword", "message", "params"],
                },
            },
            "truncated": {"type": "boolean", "description": "More rules are broken than errors lists"},
        },
        "required": ["type", "title", "status", "code"],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn operation<'a>(
        method: &'a str,
        path: &'a str,
        id: &'a str,
        parameters: &'a [ParameterSpec],
    ) -> Operation<'a> {
        Operation {
            method,
            path,
            operation_id: id,
            summary: Some("One line"),
            description: None,
            tags: &[],
            deprecated: false,
            parameters,
            request_content: Vec::new(),
            request_required: false,
            responses: vec![("200".to_owned(), "OK".to_owned(), Vec::new())],
            security: Vec::new(),
        }
    }

    #[test]
    fn groups_operations_by_path_in_first_seen_order() {
        let operations = [
            operation("GET", "/b", "listB", &[]),
            operation("GET", "/a", "listA", &[]),
            operation("POST", "/b", "makeB", &[]),
            operation("QUERY", "/a", "seekA", &[]),
        ];
        let info = Info {
            title: "T",
            version: "1",
            description: None,
        };
        let document = document(&info, &operations, &Map::new(), Map::new());
        let paths = document["paths"].as_object().unwrap();
        assert_eq!(paths.keys().collect::<Vec<_>>(), ["/b", "/a"]);
        assert_eq!(
            paths["/b"].as_object().unwrap().keys().collect::<Vec<_>>(),
            ["get", "post"]
        );
        assert_eq!(paths["/b"]["post"]["operationId"], "makeB");
        assert_eq!(
            paths["/a"]["x-additionalOperations"]["QUERY"]["operationId"],
            "seekA"
        );
        assert_eq!(
            paths["/a"]["get"]["responses"],
            json!({"200": {"description": "OK"}, "default": {"$ref": "#/components/responses/Problem"}})
        );
        assert_eq!(
            document["components"]["schemas"]["Problem"]["type"],
            "object"
        );
    }

    #[test]
    fn documents_parameters_body_and_refusals() {
        let list: ParameterSpec = serde_json::from_value(json!({
            "name": "tag", "in": "query", "schema": {"type": "array", "items": {"type": "string"}},
            "style": "form", "explode": false, "deprecated": true,
        }))
        .unwrap();
        let id: ParameterSpec =
            serde_json::from_value(json!({"name": "id", "in": "path"})).unwrap();
        let parameters = [id, list];
        let item = json!({"$ref": "#/components/schemas/Item"});
        let mut put = operation("PUT", "/items/{id}", "put", &parameters);
        put.request_content = vec![
            ("application/json", &item),
            ("text/plain", &Value::Bool(true)),
        ];
        put.request_required = true;
        put.responses.push((
            "default".to_owned(),
            "Own".to_owned(),
            vec![("text/plain".to_owned(), Value::Bool(true))],
        ));
        let mut schemas = Map::new();
        schemas.insert("Item".to_owned(), json!({"type": "object"}));
        let info = Info {
            title: "T",
            version: "1",
            description: Some("D"),
        };
        let document = document(&info, &[put], &schemas, Map::new());
        let put = &document["paths"]["/items/{id}"]["put"];
        assert_eq!(
            put["parameters"],
            json!([
                {"name": "id", "in": "path", "required": true, "schema": {"type": "string"}},
                {"name": "tag", "in": "query", "deprecated": true, "explode": false,
                 "schema": {"type": "array", "items": {"type": "string"}}},
            ])
        );
        assert_eq!(
            put["requestBody"]["content"],
            json!({"application/json": {"schema": item}, "text/plain": {}})
        );
        assert_eq!(put["requestBody"]["required"], true);
        assert_eq!(put["responses"]["default"]["description"], "Own");
        assert_eq!(
            document["components"]["schemas"]
                .as_object()
                .unwrap()
                .keys()
                .collect::<Vec<_>>(),
            ["Item", "Problem"]
        );
    }
}
