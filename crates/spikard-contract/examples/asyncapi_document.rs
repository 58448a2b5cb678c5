//! Prints an AsyncAPI document made of every shape that Spikard writes, to be checked by a validator of AsyncAPI.
#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a program that prints, run by hand"
)]

use serde_json::json;
use spikard_contract::ParameterSpec;
use spikard_contract::asyncapi::{Action, Channel, Message, Operation, Server, document};
use spikard_contract::openapi::Info;

fn main() {
    let parameters: Vec<ParameterSpec> = serde_json::from_value(json!([
        {"name": "symbol", "in": "path", "description": "Of the share"}
    ]))
    .unwrap();
    let price = json!({"$ref": "#/components/schemas/Price"});
    let wish = json!({"type": "string", "minLength": 1});
    let tags = ["market".to_owned()];
    let message = |id, content_type, payload| Message {
        id,
        description: Some("One *message*."),
        content_type,
        payload,
    };
    let operation = |id, action, message| Operation {
        id,
        action,
        summary: Some("One line"),
        description: Some("More lines."),
        tags: &tags,
        messages: vec![message],
    };
    let channels = [Channel {
        id: "prices",
        address: "/prices/{symbol}",
        description: Some("All that is sold."),
        parameters: &parameters,
        messages: vec![
            message("price", None, &price),
            message("wish", Some("text/plain"), &wish),
        ],
        operations: vec![
            operation("sendPrices", Action::Send, "price"),
            operation("hearWishes", Action::Receive, "wish"),
        ],
    }];
    let servers = [Server {
        id: "public",
        host: "example.com:8000",
        protocol: "wss",
    }];
    let schemas = json!({"Price": {"type": "object", "properties": {"value": {"type": "string"}}}});
    let info = Info {
        title: "Everything",
        version: "1.0.0",
        description: Some("For a validator"),
    };
    let schemas = schemas.as_object().unwrap();
    println!("{}", document(&info, &servers, &channels, schemas));
}
