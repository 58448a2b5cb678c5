//! An app that is ready to serve: its definition checked and compiled. Serves nothing; that is `pipeline`.

use crate::compression::Compression;
use crate::cors::Cors;
use crate::freeze::{self, Compiled};
use crate::hooks::Hooks;
use crate::hosts::Hosts;
use crate::listing::RouteLine;
use crate::observe::{Observer, Target};
use crate::plan::Plan;
use crate::proxies::Proxies;
use crate::router::Router;
use crate::spec::AppSpec;
use crate::{Config, DefinitionError, Endpoint, Flow, Mistake, Problem, Request};
use crate::{builtin, document, flatten, settings, template};
use std::cell::Cell;
use std::rc::Rc;
use std::task::Context;

/// An app after everything was checked: routes compiled to plans, documents made. Immutable; one per worker.
///
/// ```
/// use spikard::{App, Frozen};
///
/// let app: Frozen = App::new("Shop", "1.0.0").get("/items", || async { "bolts" }).freeze()?;
/// assert_eq!((app.routes().len(), app.config().body_limit), (1, 10 << 20));
/// for document in [app.openapi(), &app.asyncapi()] {
///     assert!(document.starts_with(b"{"));
/// }
/// let (spec, ..) = App::new("Shop", "1.0.0").get("/items", || async { "bolts" }).into_parts();
/// assert_eq!(Frozen::without_handlers(spec)?.openapi(), app.openapi());
/// # Ok::<(), spikard::DefinitionError>(())
/// ```
pub struct Frozen {
    pub(crate) spec: AppSpec,
    pub(crate) plans: Vec<Plan>,
    pub(crate) router: Router,
    pub(crate) endpoints: Vec<Box<dyn Endpoint>>,
    pub(crate) openapi: Vec<u8>,
    pub(crate) listing: Vec<RouteLine>,
    pub(crate) proxies: Option<Proxies>,
    pub(crate) hosts: Option<Hosts>,
    pub(crate) cors: Option<Cors>,
    pub(crate) compression: Option<Compression>,
    /// `None` where nobody looks.
    pub(crate) observer: Option<Rc<Observer>>,
    pub(crate) ready: Rc<Cell<bool>>,
    /// Of requests that no route takes.
    pub(crate) app_hooks: Hooks,
    /// There are hooks anywhere.
    pub(crate) has_hooks: bool,
}

impl Frozen {
    /// Checks `spec` and compiles it; `endpoints` are found by the routes' `handler`. Every mistake is reported.
    /// What the operator sets in the environment wins over `spec.config` ([`crate::settings`]).
    pub fn new(
        mut spec: AppSpec,
        mut endpoints: Vec<Box<dyn Endpoint>>,
    ) -> Result<Self, DefinitionError> {
        let handlers = endpoints.len();
        let mut mistakes = settings::obey(&mut spec.config, |name| std::env::var(name).ok());
        let mut right =
            |wrong: Vec<String>| mistakes.extend(wrong.into_iter().map(Mistake::of_app));
        let proxies = Proxies::new(&spec.config).unwrap_or_else(|wrong| {
            right(wrong);
            None
        });
        let hosts = Hosts::new(&spec.config).unwrap_or_else(|wrong| {
            right(wrong);
            None
        });
        let cors = Cors::new(&spec.config).unwrap_or_else(|wrong| {
            right(wrong);
            None
        });
        let target = Target::of(&spec.config, &spec.title, &spec.version, |name| {
            std::env::var(name).ok()
        });
        let target = target.unwrap_or_else(|wrong| {
            right(vec![wrong]);
            None
        });
        // An app's own route takes the place of a built-in one, in whichever group it stands.
        let own = flatten::operations(&spec);
        let files = flatten::files(&spec);
        let files_from = handlers;
        for mounted in &files {
            match mounted.endpoint(&spec.config) {
                Ok(endpoint) => endpoints.push(endpoint),
                Err(mistake) => mistakes.push(mistake),
            }
        }
        let built_in = builtin::routes(&spec.config, handlers + files.len());
        let first = spec.routes.len();
        spec.routes.extend(
            built_in
                .into_iter()
                .filter(|route| !own.contains(&(route.method.clone(), route.path.clone()))),
        );
        let built_in = first..spec.routes.len();
        let compiled = match freeze::compile(spec, handlers, built_in, files_from) {
            Ok(compiled) if mistakes.is_empty() => compiled,
            compiled => {
                mistakes.extend(compiled.err().unwrap_or_default());
                return Err(DefinitionError { mistakes });
            }
        };
        let Compiled {
            spec,
            routes,
            plans,
            router,
            openapi,
            of_files,
        } = compiled;
        let compression = Compression::new(&spec.config);
        let app_hooks = Hooks::of(&spec.hooks);
        let has_hooks = !plans.iter().all(|plan| plan.hooks.is_empty()) || !app_hooks.is_empty();
        let ready = Rc::new(Cell::new(true));
        let templates = routes.iter().map(|route| template::shown(&route.path));
        let observer = Observer::new(&spec.config, templates.collect(), target);
        let metrics = observer.as_ref().and_then(|observer| observer.metrics());
        endpoints.extend(builtin::endpoints(&spec.config, &openapi, &ready, metrics));
        let listing = routes
            .into_iter()
            .enumerate()
            .filter(|(at, route)| route.handler < handlers || of_files.contains(at))
            .map(|(_, route)| RouteLine::new(route, &spec.config))
            .collect();
        Ok(Self {
            spec,
            plans,
            router,
            endpoints,
            openapi,
            listing,
            proxies,
            hosts,
            cors,
            compression,
            observer,
            ready,
            app_hooks,
            has_hooks,
        })
    }

    /// Checks an app whose callables live elsewhere: for its document and its routes, not for serving.
    pub fn without_handlers(spec: AppSpec) -> Result<Self, DefinitionError> {
        let handlers = spec.handlers();
        Self::new(
            spec,
            (0..handlers)
                .map(|_| Box::new(Elsewhere) as Box<dyn Endpoint>)
                .collect(),
        )
    }

    /// The OpenAPI document, compact JSON.
    pub fn openapi(&self) -> &[u8] {
        &self.openapi
    }

    /// The AsyncAPI document, compact JSON, made when it is asked for.
    pub fn asyncapi(&self) -> Vec<u8> {
        document::make_asyncapi(&self.spec)
    }

    /// The app's routes, flattened, in the order declared.
    pub fn routes(&self) -> &[RouteLine] {
        &self.listing
    }

    /// Options of the app.
    pub fn config(&self) -> &Config {
        &self.spec.config
    }

    /// What `/health/ready` says; the server's drain sets it to `false`.
    pub(crate) fn set_ready(&self, ready: bool) {
        self.ready.set(ready);
    }

    /// The worker ends: what was seen is handed to whoever collects it.
    pub(crate) fn flush(&self) {
        if let Some(observer) = &self.observer {
            observer.flush();
        }
    }
}

impl std::fmt::Debug for Frozen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Frozen")
            .field("routes", &self.listing)
            .finish_non_exhaustive()
    }
}

/// Stands for a callable of another process.
struct Elsewhere;

impl Endpoint for Elsewhere {
    fn call(&self, _: Request<'_>, _: &mut Context<'_>) -> Flow {
        let problem = Problem::unavailable("this process only describes the app");
        Flow::Done(Err(problem))
    }
}
