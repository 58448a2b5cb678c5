//! Prints what the streaming check costs per item: `cargo run --release -p spikard-contract --example accept_cost`.
#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a program that prints, run by hand"
)]

use serde_json::{Value, json};
use spikard_contract::{Argument, Parameter, Schema, Violations};
use std::borrow::Cow;
use std::hint::black_box;
use std::time::Instant;

fn time(what: &str, mut once: impl FnMut()) {
    const TIMES: u32 = 200_000;
    let best = (0..7)
        .map(|_| {
            let start = Instant::now();
            (0..TIMES).for_each(|_| once());
            start.elapsed() / TIMES
        })
        .min();
    println!("{what}: {best:?}");
}

fn main() {
    let item = json!({
        "type": "object",
        "properties": {
            "sku": {"type": "string", "pattern": "^[A-Z]{3}-\\d{4}$"},
            "name": {"type": "string", "minLength": 1, "maxLength": 200},
            "price": {"type": "number", "minimum": 0},
            "quantity": {"type": "integer", "minimum": 0},
            "description": {"anyOf": [{"type": "string"}, {"type": "null"}], "default": null},
            "tags": {"type": "array", "items": {"type": "string"}, "maxItems": 10}
        },
        "required": ["sku", "name", "price"]
    });
    let root = json!({"components": {"schemas": {"Item": item}}});
    let schema = Schema::compile(&json!({"$ref": "#/components/schemas/Item"}), &root).unwrap();
    let text = br#"{"sku":"ABC-1234","name":"A rather ordinary item","price":19.99,"quantity":12,"description":"It has some words, so that it is about as long as most items are.","tags":["red","small","new"]}"#;
    assert!(schema.accepts(text));
    time(&format!("accepts, {} bytes", text.len()), || {
        assert!(schema.accepts(black_box(text)))
    });
    time("json::parse", || {
        drop(black_box(
            spikard_contract::json::parse(black_box(text)).unwrap(),
        ))
    });
    time("serde_json to Value", || {
        drop(black_box(
            serde_json::from_slice::<Value>(black_box(text)).unwrap(),
        ))
    });

    let spec = json!({"name": "limit", "in": "query", "schema": {"type": "integer", "minimum": 1, "maximum": 100}});
    let limit = Parameter::compile(&serde_json::from_value(spec).unwrap(), &Value::Null).unwrap();
    let mut violations = Violations::default();
    let found = [Cow::Borrowed("20")];
    time("integer parameter", || {
        assert_eq!(
            limit.read(black_box(&found), &mut violations),
            Argument::Integer(20)
        );
    });
}
