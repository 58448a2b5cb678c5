//! AsyncAPI 3.0 document from channels. Deterministic, as the OpenAPI document is; knows no transport.

use crate::openapi::Info;
use crate::{ParameterSpec, Place};
use serde::Serialize;
use serde_json::{Map, Value, json};

/// Where the app is served.
#[derive(Debug, Clone)]
pub struct Server<'a> {
    /// Unique in the document.
    pub id: &'a str,
    /// `api.example.com:8000`.
    pub host: &'a str,
    /// `wss`, `https`.
    pub protocol: &'a str,
}

/// One address on which messages go.
#[derive(Debug, Clone)]
pub struct Channel<'a> {
    /// Unique in the document.
    pub id: &'a str,
    /// Path template: `/prices/{symbol}`.
    pub address: &'a str,
    /// CommonMark.
    pub description: Option<&'a str>,
    /// Those of the path are documented.
    pub parameters: &'a [ParameterSpec],
    /// Everything that may be sent here, in either direction, in order.
    pub messages: Vec<Message<'a>>,
    /// In order.
    pub operations: Vec<Operation<'a>>,
}

/// One kind of message.
#[derive(Debug, Clone)]
pub struct Message<'a> {
    /// Unique in its channel.
    pub id: &'a str,
    /// CommonMark.
    pub description: Option<&'a str>,
    /// `application/json` unless it says otherwise.
    pub content_type: Option<&'a str>,
    /// What it holds.
    pub payload: &'a Value,
}

/// What the app does on a channel.
#[derive(Debug, Clone)]
pub struct Operation<'a> {
    /// Unique in the document.
    pub id: &'a str,
    /// Which way its messages go.
    pub action: Action,
    /// One line.
    pub summary: Option<&'a str>,
    /// CommonMark.
    pub description: Option<&'a str>,
    /// In order.
    pub tags: &'a [String],
    /// Messages of the channel, by their ids.
    pub messages: Vec<&'a str>,
}

/// As the app sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// From the app to its clients.
    Send,
    /// From a client to the app.
    Receive,
}

/// The document. Of `schemas` it holds, as `components.schemas`, those that a message needs.
///
/// ```
/// use spikard_contract::{asyncapi, openapi::Info};
///
/// let info = Info { title: "Prices", version: "1.0.0", description: None };
/// let document = asyncapi::document(&info, &[], &[], &serde_json::Map::new());
/// assert_eq!(document["asyncapi"], "3.0.0");
/// ```
pub fn document(
    info: &Info<'_>,
    servers: &[Server<'_>],
    channels: &[Channel<'_>],
    schemas: &Map<String, Value>,
) -> Value {
    let mut document = Map::new();
    document.insert("asyncapi".to_owned(), "3.0.0".into());
    document.insert("info".to_owned(), info.object());
    if !servers.is_empty() {
        let servers = servers.iter().map(|server| {
            let object = json!({"host": server.host, "protocol": server.protocol});
            (server.id.to_owned(), object)
        });
        document.insert("servers".to_owned(), servers.collect());
    }
    document.insert("defaultContentType".to_owned(), "application/json".into());
    let objects = channels
        .iter()
        .map(|channel| (channel.id.to_owned(), channel_object(channel)));
    document.insert("channels".to_owned(), objects.collect());
    let operations = channels.iter().flat_map(|channel| {
        let operations = channel.operations.iter();
        operations.map(|operation| {
            (
                operation.id.to_owned(),
                operation_object(channel, operation),
            )
        })
    });
    document.insert("operations".to_owned(), operations.collect());
    let schemas = needed(channels, schemas);
    if !schemas.is_empty() {
        document.insert("components".to_owned(), json!({"schemas": schemas}));
    }
    Value::Object(document)
}

fn channel_object(channel: &Channel<'_>) -> Value {
    let mut object = Map::new();
    object.insert("address".to_owned(), channel.address.into());
    put(&mut object, "description", channel.description);
    let messages = channel.messages.iter().map(|message| {
        let mut object = Map::new();
        put(&mut object, "description", message.description);
        put(&mut object, "contentType", message.content_type);
        object.insert("payload".to_owned(), message.payload.clone());
        (message.id.to_owned(), Value::Object(object))
    });
    object.insert("messages".to_owned(), messages.collect());
    let in_path = |parameter: &&ParameterSpec| parameter.place == Place::Path;
    let parameters = channel.parameters.iter().filter(in_path).map(|parameter| {
        let mut object = Map::new();
        put(&mut object, "description", parameter.description.as_deref());
        (parameter.name.clone(), Value::Object(object))
    });
    let parameters: Map<String, Value> = parameters.collect();
    if !parameters.is_empty() {
        object.insert("parameters".to_owned(), parameters.into());
    }
    Value::Object(object)
}

fn operation_object(channel: &Channel<'_>, operation: &Operation<'_>) -> Value {
    let place = format!("#/channels/{}", escaped(channel.id));
    let mut object = Map::new();
    object.insert("action".to_owned(), json!(operation.action));
    object.insert("channel".to_owned(), json!({"$ref": place}));
    put(&mut object, "summary", operation.summary);
    put(&mut object, "description", operation.description);
    if !operation.tags.is_empty() {
        let tags = operation.tags.iter().map(|tag| json!({"name": tag}));
        object.insert("tags".to_owned(), tags.collect());
    }
    let messages = operation.messages.iter();
    let messages =
        messages.map(|message| json!({"$ref": format!("{place}/messages/{}", escaped(message))}));
    object.insert("messages".to_owned(), messages.collect());
    Value::Object(object)
}

fn put(object: &mut Map<String, Value>, key: &str, text: Option<&str>) {
    if let Some(text) = text {
        object.insert(key.to_owned(), text.into());
    }
}

/// As a part of a JSON Pointer (RFC 6901 section 3) in a reference.
fn escaped(id: &str) -> String {
    id.replace('~', "~0").replace('/', "~1")
}

/// Those that messages refer to, and those that these refer to, in the order of `schemas`.
fn needed(channels: &[Channel<'_>], schemas: &Map<String, Value>) -> Map<String, Value> {
    let mut names = Vec::new();
    for message in channels.iter().flat_map(|channel| &channel.messages) {
        refer(message.payload, &mut names);
    }
    let mut next = 0;
    while let Some(name) = names.get(next) {
        next += 1;
        if let Some(schema) = schemas.get(name) {
            refer(schema, &mut names);
        }
    }
    let wanted = schemas.iter().filter(|(name, _)| names.contains(name));
    wanted
        .map(|(name, schema)| (name.clone(), schema.clone()))
        .collect()
}

/// Adds the names of components that are referred to anywhere in `value`.
fn refer(value: &Value, names: &mut Vec<String>) {
    match value {
        Value::Object(object) => {
            let reference = object.get("$ref").and_then(Value::as_str);
            let rest = reference.and_then(|text| text.strip_prefix("#/components/schemas/"));
            let name = rest.map(|rest| rest.split('/').next().unwrap_or_default().to_owned());
            names.extend(name.filter(|name| !names.contains(name)));
            object.values().for_each(|value| refer(value, names));
        }
        Value::Array(items) => items.iter().for_each(|value| refer(value, names)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INFO: Info<'_> = Info {
        title: "Prices",
        version: "1.0",
        description: Some("D"),
    };

    #[test]
    fn an_app_without_channels_has_a_whole_document() {
        let mut schemas = Map::new();
        schemas.insert("Item".to_owned(), json!({"type": "object"}));
        let expected = json!({
            "asyncapi": "3.0.0",
            "info": {"title": "Prices", "description": "D", "version": "1.0"},
            "defaultContentType": "application/json",
            "channels": {},
            "operations": {},
        });
        assert_eq!(document(&INFO, &[], &[], &schemas), expected);
    }

    #[test]
    fn channels_hold_messages_and_operations_refer_to_them() {
        let parameters: Vec<ParameterSpec> = serde_json::from_value(json!([
            {"name": "symbol", "in": "path", "description": "Of the share"}, {"name": "since", "in": "query"},
        ]))
        .unwrap();
        let payload = json!({"type": "array", "items": {"$ref": "#/components/schemas/Price"}});
        let tags = ["market".to_owned()];
        let channel = Channel {
            id: "prices/all",
            address: "/prices/{symbol}",
            description: None,
            parameters: &parameters,
            messages: vec![Message {
                id: "price",
                description: Some("A new one"),
                content_type: Some("text/event-stream"),
                payload: &payload,
            }],
            operations: vec![Operation {
                id: "sendPrices",
                action: Action::Send,
                summary: Some("All prices"),
                description: None,
                tags: &tags,
                messages: vec!["price"],
            }],
        };
        let server = Server {
            id: "public",
            host: "example.com",
            protocol: "https",
        };
        let schemas = json!({
            "Money": {"type": "string"}, "Unused": {"type": "null"},
            "Price": {"properties": {"value": {"$ref": "#/components/schemas/Money"}}},
        });
        let document = document(&INFO, &[server], &[channel], schemas.as_object().unwrap());
        assert_eq!(
            document["servers"],
            json!({"public": {"host": "example.com", "protocol": "https"}})
        );
        assert_eq!(
            document["channels"],
            json!({"prices/all": {
                "address": "/prices/{symbol}",
                "messages": {"price": {"description": "A new one", "contentType": "text/event-stream", "payload": payload}},
                "parameters": {"symbol": {"description": "Of the share"}},
            }})
        );
        assert_eq!(
            document["operations"],
            json!({"sendPrices": {
                "action": "send",
                "channel": {"$ref": "#/channels/prices~1all"},
                "summary": "All prices",
                "tags": [{"name": "market"}],
                "messages": [{"$ref": "#/channels/prices~1all/messages/price"}],
            }})
        );
        let names: Vec<_> = document["components"]["schemas"]
            .as_object()
            .unwrap()
            .keys()
            .collect();
        assert_eq!(names, ["Money", "Price"]);
    }
}
