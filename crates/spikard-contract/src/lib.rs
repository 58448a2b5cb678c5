//! The contract: JSON, JSON Schema 2020-12, parameter styles, OpenAPI, AsyncAPI. Pure: no runtime, no sockets.
#![forbid(unsafe_code)]

pub mod asyncapi;
pub mod json;
mod number;
pub mod openapi;
pub mod parameter;
pub mod schema;
pub mod urlencoded;
mod violation;

pub use parameter::{Argument, Parameter, ParameterSpec, Place, Style};
pub use schema::{Build, Dialect, Schema, SchemaError};
pub use violation::{Source, Violation, Violations};
