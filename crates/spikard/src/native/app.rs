//! The builder: an app with its options and its state. It collects; checking is the freeze's business.

use super::describe::States;
use super::parts::Parts;
use super::schemas::Schemas;
use super::scope::Scope;
use crate::config::{AdditionalQuery, Config, Egress, TrailingSlash};
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
    /// One JSON line per request on standard error. Default false.
    access_log: bool;
    /// Path of the OpenAPI document; empty for none. Default `/openapi.json`.
    openapi_path: &str;
    /// Path of the page that shows the document; empty for none. Default `/docs`.
    docs_path: &str;
    /// Serve `/health/live` and `/health/ready`. Default true.
    health: bool;
}

impl App {
    /// An app without routes.
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
    pub fn workers(mut self, count: usize) -> Self {
        self.workers = Some(count);
        self
    }

    /// A value that handlers take as `State<S>`; one per type. Clones are given out: put shared data into an `Rc`.
    pub fn state<S: Clone + 'static>(mut self, state: S) -> Self {
        let name = std::any::type_name::<S>();
        self.states
            .insert(TypeId::of::<S>(), (name, Box::new(state) as Box<dyn Any>));
        self
    }

    /// Shared schemas for operations that refer to `#/components/schemas/<name>`.
    pub fn schemas(mut self, schemas: Map<String, Value>) -> Self {
        self.schemas.extend(schemas);
        self
    }

    /// The app as data and what serves it; mistakes that only Rust can see are reported here, the others at freeze.
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
