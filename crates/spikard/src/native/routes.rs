//! The words for routes, and for what is said of them: one table for apps and groups.

use super::App;
use super::files::Files;
use super::handler::{AsyncFunction, ExtractAll, Handler};
use super::hook::IntoVerdict;
use super::mount::Mountable;
use super::operation::OwnedRequest;
use super::reply::IntoReply;
use super::scope::{Scope, hook};
use crate::Passage;
use crate::auth::AuthSpec;
use crate::flatten::inherit;
use crate::limits::RateSpec;
use crate::spec::{Moment, Policy, RouteSpec};
use schemars::JsonSchema;
use std::future::Future;
use std::panic::Location;
use std::rc::Rc;

/// Routes under one prefix, with tags and a policy of their own; groups nest.
///
/// ```
/// use spikard::{App, Group, TestClient};
///
/// fn items(group: Group) -> Group {
///     group.tag("items").get("/", || async { "all" }).get("/{id}", || async { "one" })
/// }
///
/// let client = TestClient::new(App::new("Shop", "1.0.0").group("/items", items))?;
/// assert_eq!(client.get("/items").wait().text(), "all");
/// assert_eq!(client.get("/items/7").wait().text(), "one");
/// # Ok::<(), spikard::DefinitionError>(())
/// ```
pub struct Group {
    pub(super) scope: Scope,
}

/// The verbs and what describes a route: the same table for apps and groups.
macro_rules! routes {
    ($of:ident: $($(#[$doc:meta])* $verb:ident $method:literal;)*) => {
        impl $of {
            $(
                $(#[$doc])*
                ///
                /// ```
                /// use spikard::{App, TestClient};
                ///
                #[doc = concat!("let app = App::new(\"Shop\", \"1.0.0\").", stringify!($verb), "(\"/\", || async { \"done\" });")]
                #[doc = concat!("assert_eq!(TestClient::new(app)?.", stringify!($verb), "(\"/\").wait().text(), \"done\");")]
                /// # Ok::<(), spikard::DefinitionError>(())
                /// ```
                #[track_caller]
                pub fn $verb<A: 'static, H>(self, path: &str, handler: H) -> Self
                where
                    H: AsyncFunction<A, Taken: ExtractAll, Result: IntoReply> + Handler<A>,
                {
                    self.route($method, path, handler)
                }
            )*

            /// A route of any method.
            ///
            /// ```
            /// use spikard::{App, TestClient};
            ///
            /// let app = App::new("Cache", "1.0.0").route("PURGE", "/cache", || async { "gone" });
            /// assert_eq!(TestClient::new(app)?.request("PURGE", "/cache").wait().text(), "gone");
            /// # Ok::<(), spikard::DefinitionError>(())
            /// ```
            #[track_caller]
            pub fn route<A: 'static, H>(mut self, method: &str, path: &str, handler: H) -> Self
            where
                H: AsyncFunction<A, Taken: ExtractAll, Result: IntoReply> + Handler<A>,
            {
                self.scope.handler(method, path, handler, Location::caller());
                self
            }

            /// A route that is already described, and a function that gets the whole request (contract first).
            ///
            /// ```
            /// use spikard::spec::RouteSpec;
            /// use spikard::{App, OwnedRequest, TestClient};
            ///
            /// let spec = RouteSpec { method: "GET".into(), path: "/where/{*path}".into(), ..RouteSpec::default() };
            /// let app = App::new("Paths", "1.0.0").operation(spec, |request: OwnedRequest| async move { request.target });
            /// assert_eq!(TestClient::new(app)?.get("/where/a/b?c").wait().text(), "/where/a/b?c");
            /// # Ok::<(), spikard::DefinitionError>(())
            /// ```
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
            ///
            /// ```
            /// use spikard::{App, TestClient};
            ///
            /// let app = App::new("Shop", "1.0.0").group("/v1", |v1| {
            ///     v1.group("/items", |items| items.get("/", || async { "bolts" }))
            /// });
            /// assert_eq!(TestClient::new(app)?.get("/v1/items").wait().text(), "bolts");
            /// # Ok::<(), spikard::DefinitionError>(())
            /// ```
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

            /// Hands all that is below `path` to another service, whatever the method: an axum `Router`, or any `tower::Service` of
            /// `http::Request`. It sees the path below `path`; routes of the app that stand there go before it. Limits, `auth`, hooks and
            /// the request id are those of every route; what the service answers is left as it is, and an error of it is a problem.
            ///
            /// ```
            /// use axum::{Router, routing::get};
            /// use spikard::{App, TestClient};
            ///
            /// let old = Router::new().route("/items", get(|| async { "from axum" }));
            /// let app = App::new("Shop", "1.0.0").mount("/old", old).get("/items", || async { "from here" });
            /// let client = TestClient::new(app)?;
            /// assert_eq!(client.get("/old/items").wait().text(), "from axum");
            /// assert_eq!(client.get("/items").wait().text(), "from here");
            /// # Ok::<(), spikard::DefinitionError>(())
            /// ```
            #[track_caller]
            pub fn mount(mut self, path: &str, service: impl Mountable) -> Self {
                self.scope.mount(path, service, Location::caller());
                self
            }

            /// One line about the route just added, for the documents.
            ///
            /// ```
            /// use schemars::JsonSchema;
            /// use serde_json::Value;
            /// use spikard::{App, TestClient};
            ///
            /// #[derive(JsonSchema)]
            /// #[allow(dead_code)]
            /// struct Busy { seconds: u32 }
            ///
            /// let app = App::new("Shop", "1.0.0")
            ///     .post("/orders", || async { "ordered" })
            ///     .summary("Order something.")
            ///     .details("What is *not* there is ordered, too.")
            ///     .operation_id("order")
            ///     .status(202)
            ///     .response::<Busy>(429)
            ///     .deprecated()
            ///     .get("/secret", || async { "psst" })
            ///     .hidden();
            /// let client = TestClient::new(app)?;
            /// assert_eq!(client.post("/orders").wait().status, 202);
            /// let document: Value = serde_json::from_slice(client.openapi()).expect("JSON");
            /// let order = &document["paths"]["/orders"]["post"];
            /// assert_eq!((&order["summary"], &order["operationId"]), (&"Order something.".into(), &"order".into()));
            /// assert_eq!((&order["deprecated"], &document["paths"]["/secret"]), (&true.into(), &Value::Null));
            /// assert_eq!(order["responses"]["429"]["content"]["application/json"]["schema"]["$ref"], "#/components/schemas/Busy");
            /// # Ok::<(), spikard::DefinitionError>(())
            /// ```
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
            ///
            /// ```
            /// use spikard::{App, Moment, Passage, Problem, TestClient};
            /// use std::rc::Rc;
            ///
            /// async fn closed(_: Rc<Passage>) -> Result<(), Problem> {
            ///     Err(Problem::forbidden("not today"))
            /// }
            ///
            /// let app = App::new("Shop", "1.0.0")
            ///     .get("/open", || async { "come in" })
            ///     .get("/closed", || async { "never said" })
            ///     .route_hook(Moment::PreHandler, closed);
            /// let client = TestClient::new(app)?;
            /// assert_eq!((client.get("/open").wait().status, client.get("/closed").wait().status), (200, 403));
            /// # Ok::<(), spikard::DefinitionError>(())
            /// ```
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
            ///
            /// ```
            /// use spikard::auth::{ApiKeySpec, AuthSpec, KeySpec};
            /// use spikard::{App, TestClient};
            ///
            /// let keys = vec![KeySpec { key: "3f1c9a7be2d84460".into(), subject: "till 7".into(), scopes: vec![] }];
            /// let app = App::new("Shop", "1.0.0")
            ///     .auth([AuthSpec::api_key(ApiKeySpec { keys, ..ApiKeySpec::default() })])
            ///     .get("/stock", || async { "seven" })
            ///     .get("/about", || async { "for everybody" })
            ///     .route_auth([]);
            /// let client = TestClient::new(app)?;
            /// assert_eq!((client.get("/stock").wait().status, client.get("/about").wait().status), (401, 200));
            /// # Ok::<(), spikard::DefinitionError>(())
            /// ```
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
            ///
            /// ```
            /// use spikard::limits::RateSpec;
            /// use spikard::{App, TestClient};
            ///
            /// let app = App::new("Shop", "1.0.0")
            ///     .rate_limit([RateSpec::new(1, 60_000)])
            ///     .concurrency(64)
            ///     .get("/items", || async { "bolts" })
            ///     .get("/ping", || async { "pong" })
            ///     .route_rate_limit([]);
            /// let client = TestClient::new(app)?;
            /// assert_eq!([(); 2].map(|()| client.get("/items").wait().status), [200, 429]);
            /// assert_eq!([(); 2].map(|()| client.get("/ping").wait().status), [200, 200]);
            /// # Ok::<(), spikard::DefinitionError>(())
            /// ```
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
            ///
            /// ```
            /// use spikard::spec::Policy;
            /// use spikard::{App, Text, TestClient};
            ///
            /// async fn echo(Text(text): Text) -> String {
            ///     text
            /// }
            ///
            /// let app = App::new("Echo", "1.0.0")
            ///     .post("/short", echo)
            ///     .route_policy(Policy { body_limit: Some(4), ..Policy::default() })
            ///     .post("/long", echo);
            /// let client = TestClient::new(app)?;
            /// assert_eq!(client.post("/short").body("text/plain", "hello").wait().status, 413);
            /// assert_eq!(client.post("/long").body("text/plain", "hello").wait().text(), "hello");
            /// # Ok::<(), spikard::DefinitionError>(())
            /// ```
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
    ///
    /// ```
    /// use spikard::spec::Policy;
    /// use spikard::{App, TestClient};
    ///
    /// let app = App::new("Slow", "1.0.0").group("/slow", |slow| {
    ///     slow.tag("slow").policy(Policy { body_limit: Some(0), ..Policy::default() }).post("/", || async { "done" })
    /// });
    /// let client = TestClient::new(app)?;
    /// assert_eq!(client.post("/slow").body("text/plain", "hello").wait().status, 413);
    /// # Ok::<(), spikard::DefinitionError>(())
    /// ```
    pub fn policy(mut self, policy: Policy) -> Self {
        self.scope.policy = inherit(&policy, &self.scope.policy);
        self
    }
}
