//! Options of an app: one table. Languages generate their typed config from it and never re-state a default.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Options of an app. Every field has a default; unknown fields are refused.
///
/// ```
/// use spikard::config::{AdditionalQuery, Config, Egress, ForwardedFields, TrailingSlash};
/// use spikard::{App, TestClient};
///
/// let config = Config {
///     additional_query: AdditionalQuery::Reject,
///     egress: Egress::Warn,
///     forwarded_fields: ForwardedFields::default(),
///     trailing_slash: TrailingSlash::Redirect,
///     ..Config::default()
/// };
/// let client = TestClient::new(App::new("Shop", "1.0.0").config(config).get("/items", || async { "bolts" }))?;
/// assert_eq!(client.get("/items?colour=red").wait().status, 422);
/// assert_eq!(client.get("/items/").wait().header("location"), Some("/items"));
/// # Ok::<(), spikard::DefinitionError>(())
/// ```
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
    /// One line per request on standard error. Default false.
    pub access_log: bool,
    /// How lines on standard error look.
    pub log_format: LogFormat,
    /// Time in ms from which on a handler that took it is told in the log (`slow-handler`); 0 for never. Default 0.
    #[schemars(extend("x-unit" = "ms"))]
    pub slow_handler_ms: u64,
    /// Requests stand in traces (W3C Trace Context): each is a span, whose ids are in the access log and whose
    /// `traceparent` handlers find among the header fields. Default false.
    pub trace: bool,
    /// Address of the collector that spans are sent to (OTLP over HTTP, as JSON): `http://127.0.0.1:4318`. Needs `trace`.
    /// Empty for what `OTEL_EXPORTER_OTLP_ENDPOINT` says.
    pub otlp_endpoint: String,
    /// What the collector calls the app. Empty for what `OTEL_SERVICE_NAME` says, or the app's title.
    pub otlp_service: String,
    /// Path of the counters of requests, durations, sizes and errors, in Prometheus' text format; `/metrics` is usual. It
    /// asks for no credentials. Empty for none.
    pub metrics_path: String,
    /// Path of the OpenAPI document; empty for none. Default `/openapi.json`.
    pub openapi_path: String,
    /// Path of the page that shows the document; empty for none. Default `/docs`.
    pub docs_path: String,
    /// Serve `/health/live` and `/health/ready`. Default true.
    pub health: bool,
    /// Hosts that the app is served as, separated by commas, without ports: `app.example.com`, `*.example.com` for all
    /// below it. A request for another is refused (400). Empty for any.
    pub allowed_hosts: String,
    /// Peers that are proxies of ours, separated by commas: addresses and networks (`127.0.0.1`, `10.0.0.0/8`, `fd00::/8`),
    /// `unix` for those of a Unix socket. What they say about the client is believed; `Forwarded` and `X-Forwarded-*`
    /// of others are taken away. Empty for none, and then such fields are like any other.
    pub trusted_proxies: String,
    /// Which fields those proxies write.
    pub forwarded_fields: ForwardedFields,
    /// Those proxies begin each connection with the PROXY protocol (version 1 or 2). Default false.
    pub proxy_protocol: bool,
    /// Origins whose pages may call the app and read its answers (CORS), separated by commas:
    /// `https://app.example.com`, `https://*.example.com` for all below it, `*` for any. Pages of others are refused
    /// (403). Empty for no CORS.
    pub cors_origins: String,
    /// Methods that those pages may use, separated by commas. Empty for those of each path.
    pub cors_methods: String,
    /// Header fields that those pages may send beside the ones that every page may, separated by commas; `*` for any.
    /// Default `authorization, content-type`.
    pub cors_headers: String,
    /// Header fields of answers that those pages may read beside the ones that every page may, separated by commas.
    pub cors_exposed: String,
    /// Those pages may send cookies and other credentials. Default false.
    pub cors_credentials: bool,
    /// How long a browser remembers what it was told, in ms, whole seconds of which count. Default 600,000.
    #[schemars(extend("x-unit" = "ms"))]
    pub cors_max_age_ms: u64,
    /// Those pages may come from a more public network than the server's (Private Network Access). Default false.
    pub cors_private_network: bool,
    /// Answers say what browsers should not do with them: `x-content-type-options`, `x-frame-options`,
    /// `referrer-policy`, over TLS also `strict-transport-security`, unless the handler says it itself. Default false.
    pub security_headers: bool,
    /// Bodies of answers are compressed for clients that take it (zstd, br, gzip): JSON, text, XML, SVG, JavaScript, of
    /// `compression_min` and more, without a strong ETag. Default false.
    pub compression: bool,
    /// Shortest body in bytes that is compressed. Default 1 KiB.
    #[schemars(extend("x-unit" = "bytes"))]
    pub compression_min: u64,
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

/// How proxies tell who the client is. They hand on the other kind as the client sent it, so it is never read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ForwardedFields {
    /// `X-Forwarded-For`, `X-Forwarded-Proto`, `X-Forwarded-Host`.
    #[default]
    #[serde(rename = "x-forwarded")]
    XForwarded,
    /// `Forwarded` (RFC 7239).
    #[serde(rename = "forwarded")]
    Forwarded,
}

/// How lines on standard error look.
///
/// ```
/// use spikard::App;
/// use spikard::config::LogFormat;
///
/// let app = App::new("Shop", "1.0.0").access_log(true).log_format(LogFormat::Json);
/// assert!(app.freeze().is_ok_and(|app| app.config().log_format == LogFormat::Json));
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For a person where it is a terminal, else JSON.
    #[default]
    Auto,
    /// One JSON object per line.
    Json,
    /// For a person, in colours where it is a terminal and `NO_COLOR` is not set.
    Pretty,
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
            log_format: LogFormat::Auto,
            slow_handler_ms: 0,
            trace: false,
            otlp_endpoint: String::new(),
            otlp_service: String::new(),
            metrics_path: String::new(),
            openapi_path: "/openapi.json".to_owned(),
            docs_path: "/docs".to_owned(),
            health: true,
            allowed_hosts: String::new(),
            trusted_proxies: String::new(),
            forwarded_fields: ForwardedFields::XForwarded,
            proxy_protocol: false,
            cors_origins: String::new(),
            cors_methods: String::new(),
            cors_headers: "authorization, content-type".to_owned(),
            cors_exposed: String::new(),
            cors_credentials: false,
            cors_max_age_ms: 600_000,
            cors_private_network: false,
            security_headers: false,
            compression: false,
            compression_min: 1 << 10,
            problem_base: "urn:spikard:problem:".to_owned(),
        }
    }
}
