//! An app's builder taken apart: its description as data, and what serves it.

use super::describe::{Describe, States};
use super::schemas::Schemas;
use super::scope::{HookOf, Route, Scope};
use crate::flatten::joined_path;
use crate::spec::{GroupSpec, HookSpec, ResponseSpec, RouteSpec};
use crate::{Endpoint, Mistake};
use serde_json::Map;

pub(super) struct Parts {
    pub(super) schemas: Schemas,
    pub(super) states: States,
    pub(super) endpoints: Vec<Box<dyn Endpoint>>,
    pub(super) mistakes: Vec<Mistake>,
}

impl Parts {
    pub(super) fn group(&mut self, scope: Scope, outer: &str) -> GroupSpec {
        let prefix = format!("{outer}{}", scope.prefix);
        self.mistakes.extend(scope.mistakes);
        let hooks = self.hooks(scope.hooks);
        let routes = scope
            .routes
            .into_iter()
            .flat_map(|route| self.route(route, &prefix))
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

    fn route(&mut self, route: Route, prefix: &str) -> Vec<RouteSpec> {
        let Route {
            mut spec,
            hooks,
            responses,
            build,
            more,
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
        let path = joined_path(prefix, &spec.path);
        self.mistakes.extend(
            wrong
                .into_iter()
                .map(|message| Mistake::at(&spec.declared, &spec.method, &path, message)),
        );
        let at = |path| RouteSpec {
            path,
            operation_id: None,
            ..spec.clone()
        };
        let mut specs: Vec<RouteSpec> = more.into_iter().map(at).collect();
        specs.push(spec);
        specs
    }
}
