//! The builder: routes, groups, state and options of an app in Rust. It collects; checking is the freeze's business.

use super::describe::{Describe, States};
use super::files::Files;
use super::handler::Handler;
use super::hook::{Hook, IntoVerdict};
use super::operation::{Operation, OwnedRequest};
use super::reply::IntoReply;
use super::schemas::Schemas;
use crate::auth::AuthSpec;
use crate::config::{AdditionalQuery, Config, Egress, TrailingSlash};
use crate::flatten::inherit;
use crate::limits::RateSpec;
use crate::spec::{
    AppSpec, Declared, FilesSpec, GroupSpec, HookSpec, Moment, Policy, ResponseSpec, RouteSpec,
};
use crate::{DefinitionError, Endpoint, Frozen, Mistake, Passage};
use schemars::JsonSchema;
use serde_json::{Map, Value};
use std::any::{Any, TypeId};
use std::future::Future;
use std::panic::Location;
use std::rc::Rc;

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
    scope: Scope,
}

/// Routes under one prefix, with tags and a policy of their own; groups nest.
pub struct Group {
    scope: Scope,
}

/// What an app and a group have in common.
#[derive(Default)]
struct Scope {
    prefix: String,
    tags: Vec<String>,
    policy: Policy,
    hooks: Vec<HookOf>,
    routes: Vec<Route>,
    groups: Vec<Scope>,
    files: Vec<FilesSpec>,
    mistakes: Vec<Mistake>,
}

/// The schema of a type that is known where the route is declared.
type SchemaOf = fn(&mut Schemas) -> Value;

/// Gives what serves a route, and describes it meanwhile.
type Build = Box<dyn FnOnce(&mut Describe<'_>) -> Box<dyn Endpoint>>;

/// A hook and what is told of it.
type HookOf = (Moment, Declared, Box<dyn Endpoint>);

struct Route {
    spec: RouteSpec,
    hooks: Vec<HookOf>,
    /// Response types that the user declares; described at freeze.
    responses: Vec<(u16, SchemaOf)>,
    build: Build,
}

impl Scope {
    fn add(&mut self, mut spec: RouteSpec, place: &Location<'_>, build: Build) {
        if spec.declared.file.is_empty() {
            place.file().clone_into(&mut spec.declared.file);
            spec.declared.line = place.line();
        }
        self.routes.push(Route {
            spec,
            hooks: Vec::new(),
            responses: Vec::new(),
            build,
        });
    }

    fn handler<A: 'static, H: Handler<A>>(
        &mut self,
        method: &str,
        path: &str,
        handler: H,
        place: &Location<'_>,
    ) {
        let name = std::any::type_name::<H>()
            .rsplit("::")
            .next()
            .unwrap_or_default();
        self.add(
            blank(method, path, name),
            place,
            Box::new(|describe| handler.endpoint(describe)),
        );
    }

    fn operation<F, Fut, R>(&mut self, spec: RouteSpec, function: F, place: &Location<'_>)
    where
        F: Fn(OwnedRequest) -> Fut + 'static,
        Fut: Future<Output = R> + 'static,
        R: IntoReply + 'static,
    {
        let build = move |describe: &mut Describe<'_>| -> Box<dyn Endpoint> {
            let parameters = describe.complete_parameters();
            Box::new(Operation {
                function,
                parameters,
                status: describe.status(),
            })
        };
        self.add(spec, place, Box::new(build));
    }

    /// Changes the route added last.
    fn last(&mut self, what: &str, place: &Location<'_>, change: impl FnOnce(&mut Route)) {
        match self.routes.last_mut() {
            Some(route) => change(route),
            None => self.mistakes.push(Mistake {
                place: format!("{}:{}", place.file(), place.line()),
                message: format!(".{what}(...) describes the route before it, and there is none; write it after .get(...)"),
            }),
        }
    }
}

fn blank(method: &str, path: &str, name: &str) -> RouteSpec {
    RouteSpec {
        method: method.to_owned(),
        path: path.to_owned(),
        declared: Declared {
            name: name.to_owned(),
            file: String::new(),
            line: 0,
        },
        ..RouteSpec::default()
    }
}

fn hook<F, Fut, R>(at: Moment, function: F, place: &Location<'_>) -> HookOf
where
    F: Fn(Rc<Passage>) -> Fut + 'static,
    Fut: Future<Output = R> + 'static,
    R: IntoVerdict + 'static,
{
    let name = std::any::type_name::<F>();
    let declared = Declared {
        name: name.rsplit("::").next().unwrap_or_default().to_owned(),
        file: place.file().to_owned(),
        line: place.line(),
    };
    (at, declared, Box::new(Hook(function)))
}

/// The verbs and what describes a route: the same table for apps and groups.
macro_rules! routes {
    ($of:ident: $($(#[$doc:meta])* $verb:ident $method:literal;)*) => {
        impl $of {
            $(
                $(#[$doc])*
                #[track_caller]
                pub fn $verb<A: 'static>(self, path: &str, handler: impl Handler<A>) -> Self {
                    self.route($method, path, handler)
                }
            )*

            /// A route of any method.
            #[track_caller]
            pub fn route<A: 'static>(mut self, method: &str, path: &str, handler: impl Handler<A>) -> Self {
                self.scope.handler(method, path, handler, Location::caller());
                self
            }

            /// A route that is already described, and a function that gets the whole request (contract first).
            #[track_caller]
            pub fn operation<F, Fut, R>(mut self, spec: RouteSpec, function: F) -> Self
            where
                F: Fn(OwnedRequest) -> Fut + 'static,
                Fut: Future<Output = R> + 'static,
                R: IntoReply + 'static,
            {
                self.scope.operation(spec, function, Location::caller());
                self
            }

            /// Routes under `prefix` (`/items`); they inherit tags and policy. Their path `/` is the prefix itself.
            pub fn group(mut self, prefix: &str, build: impl FnOnce(Group) -> Group) -> Self {
                let scope = Scope { prefix: prefix.to_owned(), ..Scope::default() };
                self.scope.groups.push(build(Group { scope }).scope);
                self
            }

            /// The files of a directory below `path`, or one file at it: `.files("/assets", "public")`. A relative root is one
            /// of the working directory. See [`Files`] for what else can be said.
            ///
            /// ```
            /// use spikard::{App, Files, TestClient};
            ///
            /// let folder = tempfile::tempdir()?;
            /// std::fs::write(folder.path().join("app.css"), "a { color: red }")?;
            /// let app = App::new("Site", "1.0.0")
            ///     .files("/assets", Files::of(folder.path()).cache_control("max-age=3600"));
            /// let client = TestClient::new(app)?;
            /// let sheet = client.get("/assets/app.css").wait();
            /// assert_eq!(sheet.header("content-type"), Some("text/css; charset=utf-8"));
            /// let part = client.get("/assets/app.css").header("range", "bytes=4-8").wait();
            /// assert_eq!((part.status, part.text()), (206, "color"));
            /// assert_eq!(client.get("/assets/..%2fsecret").wait().status, 404);
            /// # Ok::<(), Box<dyn std::error::Error>>(())
            /// ```
            #[track_caller]
            pub fn files(mut self, path: &str, files: impl Into<Files>) -> Self {
                let spec = files.into().spec(path, Location::caller());
                self.scope.files.push(spec);
                self
            }

            /// One line about the route just added, for the documents.
            #[track_caller]
            pub fn summary(mut self, text: &str) -> Self {
                self.scope.last("summary", Location::caller(), |route| route.spec.summary = Some(text.to_owned()));
                self
            }

            /// CommonMark about the route just added, for the documents.
            #[track_caller]
            pub fn details(mut self, text: &str) -> Self {
                self.scope.last("details", Location::caller(), |route| route.spec.description = Some(text.to_owned()));
                self
            }

            /// Operation id of the route just added. Default: the handler's name.
            #[track_caller]
            pub fn operation_id(mut self, id: &str) -> Self {
                self.scope.last("operation_id", Location::caller(), |route| route.spec.operation_id = Some(id.to_owned()));
                self
            }

            /// Status of the plain results of the route just added. Default 200, or 204 for `()`.
            #[track_caller]
            pub fn status(mut self, status: u16) -> Self {
                self.scope.last("status", Location::caller(), |route| route.spec.status = Some(status));
                self
            }

            /// A further response of the route just added: JSON with the schema of `T`.
            #[track_caller]
            pub fn response<T: JsonSchema>(mut self, status: u16) -> Self {
                self.scope.last("response", Location::caller(), |route| {
                    route.responses.push((status, |schemas| schemas.reference::<T>()));
                });
                self
            }

            /// The route just added is still served and no longer advised.
            #[track_caller]
            pub fn deprecated(mut self) -> Self {
                self.scope.last("deprecated", Location::caller(), |route| route.spec.deprecated = true);
                self
            }

            /// The route just added is left out of the documents.
            #[track_caller]
            pub fn hidden(mut self) -> Self {
                self.scope.last("hidden", Location::caller(), |route| route.spec.hidden = true);
                self
            }

            /// A function that runs at one moment of every request of the routes here, whatever its place among them: after the
            /// hooks of what is around, in the order of their registration. An app's runs for requests that no route takes, too.
            ///
            /// ```
            /// use spikard::{App, Moment, Passage, Problem, TestClient};
            /// use std::rc::Rc;
            ///
            /// async fn guard(passage: Rc<Passage>) -> Result<(), Problem> {
            ///     match passage.header("x-key").as_deref() {
            ///         Some(b"secret") => Ok(()),
            ///         _ => Err(Problem::unauthenticated("send x-key")),
            ///     }
            /// }
            ///
            /// async fn mark(passage: Rc<Passage>) {
            ///     passage.response(|response| response.headers.push(("x-seen".into(), "yes".into())));
            /// }
            ///
            /// let app = App::new("Vault", "1.0.0")
            ///     .hook(Moment::OnRequest, guard)
            ///     .hook(Moment::OnResponse, mark)
            ///     .get("/", || async { "gold" });
            /// let client = TestClient::new(app)?;
            /// let refused = client.get("/").wait();
            /// assert_eq!((refused.status, refused.header("x-seen")), (401, Some("yes")));
            /// assert_eq!(client.get("/").header("x-key", "secret").wait().text(), "gold");
            /// # Ok::<(), spikard::DefinitionError>(())
            /// ```
            #[track_caller]
            pub fn hook<F, Fut, R>(mut self, at: Moment, function: F) -> Self
            where
                F: Fn(Rc<Passage>) -> Fut + 'static,
                Fut: Future<Output = R> + 'static,
                R: IntoVerdict + 'static,
            {
                self.scope.hooks.push(hook(at, function, Location::caller()));
                self
            }

            /// The same for the route just added alone, after the hooks of what is around.
            #[track_caller]
            pub fn route_hook<F, Fut, R>(mut self, at: Moment, function: F) -> Self
            where
                F: Fn(Rc<Passage>) -> Fut + 'static,
                Fut: Future<Output = R> + 'static,
                R: IntoVerdict + 'static,
            {
                let hook = hook(at, function, Location::caller());
                self.scope.last("route_hook", Location::caller(), |route| route.hooks.push(hook));
                self
            }

            /// Who is let in to the routes here: the ways of which any will do, tried in order; none lets everybody in. The
            /// nearest of route, group and app speaks.
            pub fn auth(mut self, ways: impl IntoIterator<Item = AuthSpec>) -> Self {
                self.scope.policy.auth = Some(ways.into_iter().collect());
                self
            }

            /// The same for the route just added alone.
            #[track_caller]
            pub fn route_auth(mut self, ways: impl IntoIterator<Item = AuthSpec>) -> Self {
                let ways = ways.into_iter().collect();
                self.scope.last("route_auth", Location::caller(), |route| route.spec.policy.auth = Some(ways));
                self
            }

            /// Most requests in a time to the routes here, all counted together (429); the nearest of route, group and app
            /// speaks. Each worker counts for itself.
            pub fn rate_limit(mut self, limits: impl IntoIterator<Item = RateSpec>) -> Self {
                self.scope.policy.rate_limit = Some(limits.into_iter().collect());
                self
            }

            /// The same for the route just added alone.
            #[track_caller]
            pub fn route_rate_limit(mut self, limits: impl IntoIterator<Item = RateSpec>) -> Self {
                let limits = limits.into_iter().collect();
                self.scope.last("route_rate_limit", Location::caller(), |route| {
                    route.spec.policy.rate_limit = Some(limits);
                });
                self
            }

            /// Most requests at once to the routes here, all counted together (503); 0 for any number.
            pub fn concurrency(mut self, most: u32) -> Self {
                self.scope.policy.concurrency = Some(most);
                self
            }

            /// Limits of the route just added; what is not set is inherited.
            #[track_caller]
            pub fn route_policy(mut self, policy: Policy) -> Self {
                self.scope.last("route_policy", Location::caller(), |route| {
                    route.spec.policy = inherit(&policy, &route.spec.policy);
                });
                self
            }
        }
    };
}

macro_rules! verbs {
    ($of:ident) => {
        routes! {
            $of:
            /// Reads; HEAD is answered from it.
            get "GET";
            /// Creates or acts.
            post "POST";
            /// Replaces.
            put "PUT";
            /// Changes a part.
            patch "PATCH";
            /// Removes.
            delete "DELETE";
            /// Reads with a body; safe and idempotent.
            query "QUERY";
        }
    };
}

verbs!(App);
verbs!(Group);

impl Group {
    /// A tag of every route inside, for the documents.
    pub fn tag(mut self, tag: &str) -> Self {
        self.scope.tags.push(tag.to_owned());
        self
    }

    /// Limits of every route inside; what is not set is inherited.
    pub fn policy(mut self, policy: Policy) -> Self {
        self.scope.policy = inherit(&policy, &self.scope.policy);
        self
    }
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

struct Parts {
    schemas: Schemas,
    states: States,
    endpoints: Vec<Box<dyn Endpoint>>,
    mistakes: Vec<Mistake>,
}

impl Parts {
    fn group(&mut self, scope: Scope, outer: &str) -> GroupSpec {
        let prefix = format!("{outer}{}", scope.prefix);
        self.mistakes.extend(scope.mistakes);
        let hooks = self.hooks(scope.hooks);
        let routes = scope
            .routes
            .into_iter()
            .map(|route| self.route(route, &prefix))
            .collect();
        let groups = scope
            .groups
            .into_iter()
            .map(|group| self.group(group, &prefix))
            .collect();
        GroupSpec {
            prefix: scope.prefix,
            tags: scope.tags,
            policy: scope.policy,
            hooks,
            routes,
            groups,
            files: scope.files,
        }
    }

    fn hooks(&mut self, hooks: Vec<HookOf>) -> Vec<HookSpec> {
        let mut specs = Vec::new();
        for (at, declared, endpoint) in hooks {
            specs.push(HookSpec {
                at,
                handler: self.endpoints.len(),
                declared,
            });
            self.endpoints.push(endpoint);
        }
        specs
    }

    fn route(&mut self, route: Route, prefix: &str) -> RouteSpec {
        let Route {
            mut spec,
            hooks,
            responses,
            build,
        } = route;
        spec.hooks = self.hooks(hooks);
        spec.handler = self.endpoints.len();
        let mut describe = Describe::new(&mut spec, prefix, &mut self.schemas, &self.states);
        self.endpoints.push(build(&mut describe));
        let wrong = describe.mistakes();
        for (status, schema) in responses {
            let content =
                Map::from_iter([("application/json".to_owned(), schema(&mut self.schemas))]);
            spec.responses.insert(
                status.to_string(),
                ResponseSpec {
                    description: None,
                    content,
                },
            );
        }
        let path = crate::flatten::joined_path(prefix, &spec.path);
        self.mistakes.extend(
            wrong
                .into_iter()
                .map(|message| Mistake::at(&spec.declared, &spec.method, &path, message)),
        );
        spec
    }
}
