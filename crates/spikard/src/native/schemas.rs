//! Types to JSON Schema by schemars, as plain as the other languages write them. Compiles nothing.

use schemars::JsonSchema;
use schemars::generate::{SchemaGenerator, SchemaSettings};
use serde_json::{Map, Value, json};

/// Schemas of an app's types; shared ones are collected for `components.schemas`.
pub(crate) struct Schemas(SchemaGenerator);

impl Schemas {
    pub(crate) fn new() -> Self {
        let settings = SchemaSettings::draft2020_12().with(|settings| {
            settings.definitions_path = "/components/schemas".into();
            settings.meta_schema = None;
        });
        Self(settings.into_generator())
    }

    /// The schema of `T`, a reference for a named type.
    pub(crate) fn reference<T: JsonSchema>(&mut self) -> Value {
        plain(self.0.subschema_for::<T>().to_value())
    }

    /// The schema of `T` itself, without its title.
    pub(crate) fn inline<T: JsonSchema>(&mut self) -> Value {
        plain(T::json_schema(&mut self.0).to_value())
    }

    /// A document with the named types met so far.
    pub(crate) fn root(&self) -> Value {
        let known = self.0.definitions().iter();
        let schemas: Map<String, Value> = known
            .map(|(name, schema)| (name.clone(), plain(schema.clone())))
            .collect();
        json!({"components": {"schemas": schemas}})
    }

    /// Named types met so far.
    pub(crate) fn shared(&mut self) -> Map<String, Value> {
        self.0
            .take_definitions(false)
            .into_iter()
            .map(|(name, schema)| (name, plain(schema)))
            .collect()
    }
}

/// Rust's number types are no part of a contract: `format: int64` and its kin go; their bounds stay.
fn plain(mut schema: Value) -> Value {
    strip(&mut schema);
    schema
}

fn strip(schema: &mut Value) {
    match schema {
        Value::Object(object) => {
            let number = ["int", "uint", "float", "double"].iter().any(|kind| {
                object
                    .get("format")
                    .and_then(Value::as_str)
                    .is_some_and(|format| format.starts_with(kind))
            });
            if number && object.contains_key("type") {
                object.shift_remove("format");
            }
            object.values_mut().for_each(strip);
        }
        Value::Array(items) => items.iter_mut().for_each(strip),
        _ => {}
    }
}
