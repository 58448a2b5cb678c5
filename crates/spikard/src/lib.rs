//! One HTTP runtime for five languages, and its native Rust API.
// Forbidden but for one line: a descriptor number from the environment (`server::listen`).
#![deny(unsafe_code)]

pub mod config;
mod defects;
pub mod endpoint;
pub mod head;
mod mistake;
mod pipeline;
pub mod problem;
mod request_id;
pub mod response;
pub mod server;
pub mod spec;

pub use config::Config;
pub use endpoint::{Cancel, Endpoint, Flow, Reply, Request};
pub use head::{Head, Headers};
pub use mistake::{DefinitionError, Mistake, did_you_mean};
pub use pipeline::Frozen;
pub use problem::Problem;
pub use response::{Body, Response};
pub use spikard_contract as contract;
