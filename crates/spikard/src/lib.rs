//! One HTTP runtime for five languages, and its native Rust API.
// Forbidden but for one line: a descriptor number from the environment (`server::listen`).
#![deny(unsafe_code)]

pub mod config;
pub mod endpoint;
pub mod head;
mod pipeline;
pub mod problem;
pub mod response;
pub mod server;
pub mod spec;

pub use config::Config;
pub use endpoint::{Cancel, Endpoint, Flow, Reply, Request};
pub use head::{Head, Headers};
pub use pipeline::Frozen;
pub use problem::Problem;
pub use response::{Body, Response};
pub use spikard_contract as contract;
