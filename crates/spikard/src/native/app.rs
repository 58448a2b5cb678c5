//! The builder: an app with its options and its state. It collects; checking is the freeze's business.

use super::describe::States;
use super::parts::Parts;
use super::schemas::Schemas;
use super::scope::Scope;
use crate::config::{AdditionalQuery, Config, Egress, LogFormat, TrailingSlash};
use crate::spec::AppSpec;
use crate::{DefinitionError, Endpoint, Frozen, Mistake};
use serde_json::{Map, Value};
use std::any::{Any, TypeId};

/// An app: routes, groups, state, options. Built once, frozen, served.
///
/// ```
/// use spikard::{App, Path, TestClient};
///
/// async fn hello(Path(name): Path<String>) -> String {
///     format!("Hello, {name}")
/// }
///
/// let app = App::new("Greeter", "1.0.0").get("/hello/{name}", hello).summary("Greet somebody.");
/// let client = TestClient::new(app)?;
/// assert_eq!(client.get("/hello/Ada").wait().text(), "Hello, Ada");
/// # Ok::<(), spikard::DefinitionError>(())
/// ```
pub struct App {
    title: String,
    version: String,
    description: Option<String>,
    pub(super) config: Config,
    pub(super) workers: Option<usize>,
    states: States,
    schemas: Map<String, Value>,
    pub(super) scope: Scope,
}

/// One setter per option.
macro_rules! options {
    ($($(#[$doc:meta])* $name:ident: $of:ty;)*) => {
        impl App {
            $(
                $(#[$doc])*
                pub fn $name(mut self, $name: $of) -> Self {
                    self.config.$name = $name.into();
                    self
                }
            )*
        }
    };
}

options! {
    /// Largest request body in bytes (413). Default 10 MiB.
    ///
    /// ```
    /// use spikard::config::{AdditionalQuery, Egress, LogFormat, TrailingSlash};
    /// use spikard::{App, Text, TestClient};
    ///
    /// let app = App::new("Echo", "1.0.0")
    ///     .body_limit(4)
    ///     .handler_timeout_ms(1_000)
    ///     .egress(Egress::Warn)
    ///     .additional_query(AdditionalQuery::Reject)
    ///     .trailing_slash(TrailingSlash::Ignore)
    ///     .debug(true)
    ///     .access_log(false)
    ///     .log_format(LogFormat::Pretty)
    ///     .openapi_path("/api.json")
    ///     .docs_path("")
    ///     .health(false)
    ///     .post("/echo", |Text(text): Text| async { text });
    /// let client = TestClient::new(app)?;
    /// assert_eq!(client.post("/echo/").body("text/plain", "1234").wait().text(), "1234");
    /// assert_eq!(client.post("/echo").body("text/plain", "12345").wait().status, 413);
    /// assert_eq!(client.post("/echo?a").body("text/plain", "1").wait().status, 422);
    /// assert_eq!((client.get("/api.json").wait().status, client.get("/health/live").wait().status), (200, 404));
    /// # Ok::<(), spikard::DefinitionError>(())
    /// ```
    body_limit: u64;
    /// Time for a handler in ms (504); 0 for none. Default 0.
    handler_timeout_ms: u64;
    /// What happens to a response that breaks its schema. Default: a 500.
    egress: Egress;
    /// What happens to undeclared query parameters. Default: they are ignored.
    additional_query: AdditionalQuery;
    /// How `/x/` relates to `/x`. Default: two paths.
    trailing_slash: TrailingSlash;
    /// Problems carry offending values and causes. Never in production. Default false.
    debug: bool;
    /// One line per request on standard error, or one event of the program's `tracing` subscriber (target `spikard`, with
    /// `method`, `path`, `operation`, `status`, `ms`, `request_id`, `client`). Default false.
    access_log: bool;
    /// How lines on standard error look. Default: for a person where it is a terminal, else as JSON.
    log_format: LogFormat;
    /// Time in ms from which on a slow handler is told in the log; 0 for never. Default 0.
    slow_handler_ms: u64;
    /// Requests stand in traces (W3C Trace Context). Default false.
    ///
    /// ```
    /// use spikard::{App, Fields, TestClient};
    ///
    /// async fn asks_others(fields: Fields) -> String {
    ///     let mut parents = fields.0.iter().filter(|(name, _)| name == "traceparent");
    ///     let parent = parents.next().map(|(_, value)| String::from_utf8_lossy(value).into_owned());
    ///     parent.unwrap_or_default()
    /// }
    ///
    /// let app = App::new("Shop", "1.0.0").trace(true).otlp_endpoint("").otlp_service("shop");
    /// let client = TestClient::new(app.get("/", asks_others))?;
    /// let caller = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    /// let handed_on = client.get("/").header("traceparent", caller).wait();
    /// assert!(handed_on.text().contains("0af7651916cd43dd8448eb211c80319c"));
    /// assert!(!handed_on.text().contains("b7ad6b7169203331"));
    /// # Ok::<(), spikard::DefinitionError>(())
    /// ```
    trace: bool;
    /// Address of the collector of spans; needs `trace`. Default: what `OTEL_EXPORTER_OTLP_ENDPOINT` says.
    otlp_endpoint: &str;
    /// What the collector calls the app. Default: what `OTEL_SERVICE_NAME` says, or the title.
    otlp_service: &str;
    /// Path of the metrics in Prometheus' format; empty for none. Default none.
    ///
    /// ```
    /// use spikard::{App, TestClient};
    ///
    /// let app = App::new("Shop", "1.0.0")
    ///     .metrics_path("/metrics")
    ///     .slow_handler_ms(500)
    ///     .get("/items", || async { "bolts" });
    /// let client = TestClient::new(app)?;
    /// client.get("/items").wait();
    /// let metrics = client.get("/metrics").wait();
    /// assert!(metrics.text().contains(r#"http_requests_total{route="/items",method="GET",status="200""#));
    /// # Ok::<(), spikard::DefinitionError>(())
    /// ```
    metrics_path: &str;
    /// Path of the OpenAPI document; empty for none. Default `/openapi.json`.
    openapi_path: &str;
    /// Path of the page that shows the document; empty for none. Default `/docs`.
    docs_path: &str;
    /// Serve `/health/live` and `/health/ready`. Default true.
    health: bool;
}

impl App {
    /// An app without routes.
    ///
    /// ```
    /// use spikard::config::{Config, TrailingSlash};
    /// use spikard::{App, TestClient};
    ///
    /// let app = App::new("Shop", "1.0.0")
    ///     .description("What there is, and how many.")
    ///     .config(Config { trailing_slash: TrailingSlash::Ignore, ..Config::default() })
    ///     .debug(false)
    ///     .get("/items", || async { "bolts" });
    /// let client = TestClient::new(app)?;
    /// assert_eq!(client.get("/items/").wait().text(), "bolts");
    /// assert!(std::str::from_utf8(client.openapi()).is_ok_and(|text| text.contains("and how many")));
    /// # Ok::<(), spikard::DefinitionError>(())
    /// ```
    pub fn new(title: &str, version: &str) -> Self {
        Self {
            title: title.to_owned(),
            version: version.to_owned(),
            description: None,
            config: Config::default(),
            workers: None,
            states: States::new(),
            schemas: Map::new(),
            scope: Scope::default(),
        }
    }

    /// CommonMark about the app, for the documents.
    pub fn description(mut self, text: &str) -> Self {
        self.description = Some(text.to_owned());
        self
    }

    /// All options at once.
    pub fn config(mut self, config: Config) -> Self {
        self.config = config;
        self
    }

    /// How many processes [`App::run`] serves by; a supervisor keeps them running. Goes before `SPIKARD_WORKERS`. Default:
    /// this process alone. Needs the `spikard` program beside this one or on `PATH`.
    ///
    /// ```no_run
    /// use spikard::App;
    ///
    /// fn main() -> Result<(), spikard::RunError> {
    ///     App::new("Shop", "1.0.0").workers(4).run()
    /// }
    /// ```
    pub fn workers(mut self, count: usize) -> Self {
        self.workers = Some(count);
        self
    }

    /// A value that handlers take as `State<S>`; one per type. Clones are given out: put shared data into an `Rc`.
    ///
    /// ```
    /// use spikard::{App, State, TestClient};
    ///
    /// async fn name(State(name): State<&'static str>) -> String {
    ///     name.to_owned()
    /// }
    ///
    /// let client = TestClient::new(App::new("Shop", "1.0.0").state("the shop").get("/name", name))?;
    /// assert_eq!(client.get("/name").wait().text(), "the shop");
    /// # Ok::<(), spikard::DefinitionError>(())
    /// ```
    pub fn state<S: Clone + 'static>(mut self, state: S) -> Self {
        let name = std::any::type_name::<S>();
        self.states
            .insert(TypeId::of::<S>(), (name, Box::new(state) as Box<dyn Any>));
        self
    }

    /// Shared schemas for operations that refer to `#/components/schemas/<name>`.
    ///
    /// ```
    /// use serde_json::{Map, json};
    /// use spikard::spec::RouteSpec;
    /// use spikard::{App, OwnedRequest, TestClient};
    ///
    /// let spec: RouteSpec = serde_json::from_value(json!({
    ///     "method": "POST", "path": "/items", "handler": 0, "declared": {"name": "add"},
    ///     "body": {"content": {"application/json": {"$ref": "#/components/schemas/Item"}}},
    /// }))?;
    /// let item = json!({"type": "object", "required": ["sku"]});
    /// let app = App::new("Shop", "1.0.0")
    ///     .schemas(Map::from_iter([("Item".to_owned(), item)]))
    ///     .operation(spec, |_: OwnedRequest| async { "added" });
    /// assert_eq!(TestClient::new(app)?.post("/items").json(&json!({})).wait().status, 422);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn schemas(mut self, schemas: Map<String, Value>) -> Self {
        self.schemas.extend(schemas);
        self
    }

    /// The app as data and what serves it; mistakes that only Rust can see are reported here, the others at freeze.
    ///
    /// ```
    /// use spikard::{App, Frozen};
    ///
    /// let (spec, endpoints, mistakes) = App::new("Shop", "1.0.0").get("/items", || async { "bolts" }).into_parts();
    /// assert_eq!((spec.routes.len(), endpoints.len(), mistakes.len()), (1, 1, 0));
    /// assert!(Frozen::new(spec, endpoints).is_ok());
    /// ```
    pub fn into_parts(self) -> (AppSpec, Vec<Box<dyn Endpoint>>, Vec<Mistake>) {
        let mut parts = Parts {
            schemas: Schemas::new(),
            states: self.states,
            endpoints: Vec::new(),
            mistakes: Vec::new(),
        };
        let top = parts.group(self.scope, "");
        let mut schemas = self.schemas;
        schemas.extend(parts.schemas.shared());
        let spec = AppSpec {
            title: self.title,
            version: self.version,
            description: self.description,
            config: self.config,
            schemas,
            policy: top.policy,
            hooks: top.hooks,
            routes: top.routes,
            groups: top.groups,
            files: top.files,
        };
        (spec, parts.endpoints, parts.mistakes)
    }

    /// Checks the whole app and compiles it; every mistake is reported.
    ///
    /// ```
    /// use spikard::{App, Path};
    ///
    /// async fn show(Path(id): Path<i64>) -> String {
    ///     id.to_string()
    /// }
    ///
    /// let error = App::new("Shop", "1.0.0").get("/items/:id", show).freeze().unwrap_err();
    /// assert!(error.to_string().contains("for a capture write \"{id}\""));
    /// ```
    pub fn freeze(self) -> Result<Frozen, DefinitionError> {
        let (spec, endpoints, mut mistakes) = self.into_parts();
        match Frozen::new(spec, endpoints) {
            Ok(frozen) if mistakes.is_empty() => Ok(frozen),
            Ok(_) => Err(DefinitionError { mistakes }),
            Err(error) => {
                mistakes.extend(error.mistakes);
                Err(DefinitionError { mistakes })
            }
        }
    }
}
