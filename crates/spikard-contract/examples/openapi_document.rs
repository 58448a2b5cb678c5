//! Prints an OpenAPI document made of every shape that Spikard writes, to be checked by a validator of OpenAPI.
#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a program that prints, run by hand"
)]

use serde_json::{Map, Value, json};
use spikard_contract::ParameterSpec;
use spikard_contract::openapi::{Info, Operation, document};

fn main() {
    let parameters: Vec<ParameterSpec> = serde_json::from_value(json!([
        {"name": "id", "in": "path", "schema": {"type": "integer"}},
        {"name": "tags", "in": "query", "schema": {"type": "array", "items": {"type": "string"}}, "style": "pipeDelimited"},
        {"name": "ids", "in": "query", "schema": {"type": "array"}, "explode": false, "deprecated": true},
        {"name": "if-match", "in": "header", "required": true, "description": "ETag of the item"},
        {"name": "theme", "in": "cookie", "schema": {"enum": ["dark", "light"], "default": "light"}},
    ]))
    .unwrap();
    let item = json!({"$ref": "#/components/schemas/Item"});
    let tags = ["items".to_owned()];
    let mut replace = Operation {
        method: "PUT",
        path: "/items/{id}",
        operation_id: "replace",
        summary: Some("Replace an item"),
        description: Some("Only when nobody changed it *meanwhile*."),
        tags: &tags,
        deprecated: true,
        parameters: &parameters,
        request_content: vec![
            ("application/json", &item),
            ("text/plain", &Value::Bool(true)),
        ],
        request_required: true,
        responses: vec![(
            "200".to_owned(),
            "OK".to_owned(),
            vec![("application/json".to_owned(), item.clone())],
        )],
        security: vec![json!({"bearer": ["items"]}), json!({"key": []}), json!({})],
    };
    let operations = [
        replace.clone(),
        {
            replace.method = "DELETE";
            replace.operation_id = "remove";
            replace.request_content = Vec::new();
            replace.responses = vec![("204".to_owned(), "No Content".to_owned(), Vec::new())];
            replace
        },
        Operation {
            method: "GET",
            path: "/",
            operation_id: "home",
            summary: None,
            description: None,
            tags: &[],
            deprecated: false,
            parameters: &[],
            request_content: Vec::new(),
            request_required: false,
            responses: Vec::new(),
            security: Vec::new(),
        },
    ];
    let mut schemas = Map::new();
    schemas.insert(
        "Item".to_owned(),
        json!({"type": "object", "properties": {"sku": {"type": "string"}}}),
    );
    let info = Info {
        title: "Everything",
        version: "1.0.0",
        description: Some("For a validator"),
    };
    let Value::Object(schemes) = json!({
        "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT", "description": "Of the shop."},
        "key": {"type": "apiKey", "in": "query", "name": "key"},
    }) else {
        unreachable!("an object")
    };
    println!("{}", document(&info, &operations, &schemas, schemes));
}
