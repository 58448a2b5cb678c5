//! What apps and groups have in common: the routes that they collect, each with what describes and serves it. Checks
//! nothing.

use super::describe::Describe;
use super::handler::Handler;
use super::hook::{Hook, IntoVerdict};
use super::mount::{Mountable, Mounted};
use super::operation::{Operation, OwnedRequest};
use super::reply::IntoReply;
use super::schemas::Schemas;
use crate::config::AdditionalQuery;
use crate::router::ANY;
use crate::spec::{Declared, FilesSpec, Moment, Policy, RouteSpec};
use crate::{Endpoint, Mistake, Passage};
use serde_json::Value;
use std::future::Future;
use std::panic::Location;
use std::rc::Rc;

/// What an app and a group have in common.
#[derive(Default)]
pub(super) struct Scope {
    pub(super) prefix: String,
    pub(super) tags: Vec<String>,
    pub(super) policy: Policy,
    pub(super) hooks: Vec<HookOf>,
    pub(super) routes: Vec<Route>,
    pub(super) groups: Vec<Scope>,
    pub(super) files: Vec<FilesSpec>,
    pub(super) mistakes: Vec<Mistake>,
}

/// The schema of a type that is known where the route is declared.
pub(super) type SchemaOf = fn(&mut Schemas) -> Value;

/// Gives what serves a route, and describes it meanwhile.
pub(super) type Build = Box<dyn FnOnce(&mut Describe<'_>) -> Box<dyn Endpoint>>;

/// A hook and what is told of it.
pub(super) type HookOf = (Moment, Declared, Box<dyn Endpoint>);

pub(super) struct Route {
    pub(super) spec: RouteSpec,
    pub(super) hooks: Vec<HookOf>,
    /// Response types that the user declares; described at freeze.
    pub(super) responses: Vec<(u16, SchemaOf)>,
    pub(super) build: Build,
    /// Further paths below the same prefix that it serves.
    pub(super) more: Vec<String>,
}

impl Scope {
    pub(super) fn add(&mut self, mut spec: RouteSpec, place: &Location<'_>, build: Build) {
        if spec.declared.file.is_empty() {
            place.file().clone_into(&mut spec.declared.file);
            spec.declared.line = place.line();
        }
        self.routes.push(Route {
            spec,
            hooks: Vec::new(),
            responses: Vec::new(),
            build,
            more: Vec::new(),
        });
    }

    pub(super) fn handler<A: 'static, H: Handler<A>>(
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

    pub(super) fn operation<F, Fut, R>(
        &mut self,
        spec: RouteSpec,
        function: F,
        place: &Location<'_>,
    ) where
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

    /// Hands what is below `path` to a service.
    pub(super) fn mount<S: Mountable>(&mut self, path: &str, service: S, place: &Location<'_>) {
        let base = path.trim_end_matches('/');
        if !path.starts_with('/') || (path.len() > 1 && base != path) || path.contains("{*") {
            self.mistakes.push(Mistake {
                place: format!("{}:{}", place.file(), place.line()),
                message: format!(
                    "\"{path}\" is no place for a service, which takes all that is below it; write one such as \"/old\""
                ),
            });
            return;
        }
        let name = std::any::type_name::<S>();
        let name = name
            .split('<')
            .next()
            .and_then(|name| name.rsplit("::").next());
        let mut spec = blank(ANY, &format!("{base}/{{*path}}"), name.unwrap_or_default());
        spec.hidden = true;
        // What a query may hold is the service's business.
        spec.policy.additional_query = Some(AdditionalQuery::Ignore);
        let base = base.to_owned();
        let more = match (base.is_empty(), self.prefix.is_empty()) {
            (false, _) => vec![base.clone()],
            (true, false) => vec!["/".to_owned()],
            (true, true) => Vec::new(),
        };
        let build = move |describe: &mut Describe<'_>| -> Box<dyn Endpoint> {
            Box::new(Mounted::new(service, describe.depth(&base)))
        };
        self.add(spec, place, Box::new(build));
        if let Some(route) = self.routes.last_mut() {
            route.more = more;
        }
    }

    /// Changes the route added last.
    pub(super) fn last(
        &mut self,
        what: &str,
        place: &Location<'_>,
        change: impl FnOnce(&mut Route),
    ) {
        match self.routes.last_mut() {
            Some(route) => change(route),
            None => self.mistakes.push(Mistake {
                place: format!("{}:{}", place.file(), place.line()),
                message: format!(".{what}(...) describes the route before it, and there is none; write it after .get(...)"),
            }),
        }
    }
}

pub(super) fn blank(method: &str, path: &str, name: &str) -> RouteSpec {
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

pub(super) fn hook<F, Fut, R>(at: Moment, function: F, place: &Location<'_>) -> HookOf
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
