//! What a handler's call needs to know of its route, looked up once in the app's spec. Checks nothing: the core does.

use spikard::contract::{ParameterSpec, Place, Source};
use spikard::spec::{AppSpec, GroupSpec, RouteSpec};
use spikard_bridge::Returns;

/// The facts of one handler.
pub(crate) struct Facts {
    /// `GET /items/{id}`, for messages.
    pub(crate) name: String,
    /// What becomes of a plain return value.
    pub(crate) returns: Returns,
    /// The body's own decoder stands in for the core's validation.
    pub(crate) decoder_validates: bool,
    /// Source and name of each parameter, for violations.
    pub(crate) parameters: Vec<(Source, String)>,
    /// The first concrete media type declared for each status.
    media_types: Vec<(u16, String)>,
}

impl Facts {
    /// What the route declares for a status that a response names itself.
    pub(crate) fn media_type(&self, status: u16) -> Option<&str> {
        let declared = self
            .media_types
            .iter()
            .find(|(declared, _)| *declared == status);
        declared.map(|(_, media)| media.as_str())
    }

    fn of(prefix: &str, route: &RouteSpec) -> Self {
        let media_types = route.responses.iter().filter_map(|(status, response)| {
            let media = response.content.keys().find(|media| !media.contains('*'))?;
            Some((status.parse().ok()?, media.clone()))
        });
        Self {
            name: format!("{} {prefix}{}", route.method, route.path),
            returns: Returns::of(route),
            decoder_validates: route.decoder_validates,
            parameters: route.parameters.iter().map(parameter).collect(),
            media_types: media_types.collect(),
        }
    }
}

fn parameter(spec: &ParameterSpec) -> (Source, String) {
    let source = match spec.place {
        Place::Path => Source::Path,
        Place::Query => Source::Query,
        Place::Header => Source::Header,
        Place::Cookie => Source::Cookie,
    };
    (source, spec.name.clone())
}

/// The facts of each of `count` handlers; none for a handler that no route names.
pub(crate) fn facts(spec: &AppSpec, count: usize) -> Vec<Option<Facts>> {
    let mut found = Vec::new();
    found.resize_with(count, || None);
    walk("", &spec.routes, &spec.groups, &mut found);
    found
}

fn walk(prefix: &str, routes: &[RouteSpec], groups: &[GroupSpec], found: &mut [Option<Facts>]) {
    for route in routes {
        if let Some(facts) = found.get_mut(route.handler) {
            *facts = Some(Facts::of(prefix, route));
        }
    }
    for group in groups {
        let prefix = format!("{prefix}{}", group.prefix);
        walk(&prefix, &group.routes, &group.groups, found);
    }
}
