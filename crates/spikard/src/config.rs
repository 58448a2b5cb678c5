//! Options of an app: one table. Languages generate their typed config from it and never re-state a default.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Options of an app. Every field has a default; unknown fields are refused.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Largest request body in bytes (413). Default 10 MiB.
    #[schemars(extend("x-unit" = "bytes"))]
    pub body_limit: u64,
    /// Largest header block in bytes (431). Default 64 KiB.
    #[schemars(extend("x-unit" = "bytes"))]
    pub header_limit: usize,
    /// Most header fields (431). Default 100.
    pub header_count: usize,
    /// Longest request target in bytes (414). Default 8 KiB.
    #[schemars(extend("x-unit" = "bytes"))]
    pub target_limit: usize,
    /// Time for a complete head in ms (408). Default 15,000.
    #[schemars(extend("x-unit" = "ms"))]
    pub header_timeout_ms: u64,
    /// Longest pause between two pieces of a body in ms (408). Default 30,000.
    #[schemars(extend("x-unit" = "ms"))]
    pub body_timeout_ms: u64,
    /// How long an idle kept-alive connection stays open in ms. Default 75,000.
    #[schemars(extend("x-unit" = "ms"))]
    pub keep_alive_ms: u64,
    /// Time for a handler in ms (504); 0 for none. Default 0.
    #[schemars(extend("x-unit" = "ms"))]
    pub handler_timeout_ms: u64,
    /// Most requests under way at once on one connection of HTTP/2; 0 for HTTP/1.1 only. Default 128.
    pub http2_streams: u32,
    /// Certificate files (PEM, the chain included), separated by commas; the first is for clients that ask for no name
    /// that one of them is for. Read again when they change. Empty for no TLS.
    #[schemars(extend("x-unit" = "files"))]
    pub tls_cert: String,
    /// Files of their private keys (PEM, not encrypted), in the same order.
    #[schemars(extend("x-unit" = "files"))]
    pub tls_key: String,
    /// File of the authorities (PEM) one of which must have signed the certificate of each client. Empty for clients
    /// without certificates.
    #[schemars(extend("x-unit" = "files"))]
    pub tls_client_ca: String,
    /// Time for open requests after SIGTERM in ms. Default 30,000.
    #[schemars(extend("x-unit" = "ms"))]
    pub drain_timeout_ms: u64,
    /// What happens to a response that breaks its schema.
    pub egress: Egress,
    /// What happens to query parameters that the route does not declare.
    pub additional_query: AdditionalQuery,
    /// How `/x/` relates to `/x`.
    pub trailing_slash: TrailingSlash,
    /// Problems carry the offending values and the text of exceptions. Never in production. Default false.
    pub debug: bool,
    /// One JSON line per request on standard error. Default false.
    pub access_log: bool,
    /// Path of the OpenAPI document; empty for none. Default `/openapi.json`.
    pub openapi_path: String,
    /// Path of the page that shows the document; empty for none. Default `/docs`.
    pub docs_path: String,
    /// Serve `/health/live` and `/health/ready`. Default true.
    pub health: bool,
    /// Prefix of a problem's `type`. Default `urn:spikard:problem:`.
    pub problem_base: String,
}

/// What happens to a response that breaks its schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Egress {
    /// 500 `response-invalid`; details go to the log.
    Enforce,
    /// Sent, and logged.
    Warn,
    /// Not looked at.
    Off,
}

/// What happens to query parameters that the route does not declare.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum AdditionalQuery {
    /// Left alone.
    Ignore,
    /// 422.
    Reject,
}

/// How `/x/` relates to `/x`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum TrailingSlash {
    /// Two paths.
    Strict,
    /// 308 to the declared one.
    Redirect,
    /// Both are served.
    Ignore,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            body_limit: 10 << 20,
            header_limit: 64 << 10,
            header_count: 100,
            target_limit: 8 << 10,
            header_timeout_ms: 15_000,
            body_timeout_ms: 30_000,
            keep_alive_ms: 75_000,
            handler_timeout_ms: 0,
            http2_streams: 128,
            tls_cert: String::new(),
            tls_key: String::new(),
            tls_client_ca: String::new(),
            drain_timeout_ms: 30_000,
            egress: Egress::Enforce,
            additional_query: AdditionalQuery::Ignore,
            trailing_slash: TrailingSlash::Strict,
            debug: false,
            access_log: false,
            openapi_path: "/openapi.json".to_owned(),
            docs_path: "/docs".to_owned(),
            health: true,
            problem_base: "urn:spikard:problem:".to_owned(),
        }
    }
}
