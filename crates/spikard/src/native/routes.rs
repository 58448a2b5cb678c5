//! The words for routes, and for what is said of them: one table for apps and groups.

use super::App;
use super::files::Files;
use super::handler::Handler;
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
pub struct Group {
    pub(super) scope: Scope,
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
