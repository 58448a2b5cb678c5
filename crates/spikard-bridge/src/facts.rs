//! What a handler's call needs to know of its route, looked up once in the app's spec. Checks nothing: the core does.

use crate::Returns;
use crate::returns::is_json;
use spikard::contract::{ParameterSpec, Place, Source};
use spikard::response::ChunkSource;
use spikard::spec::{AppSpec, GroupSpec, HookSpec, RouteSpec};
use spikard::{Body, Response};
use std::borrow::Cow;

/// The facts of one handler.
#[derive(Debug)]
#[non_exhaustive]
pub struct Facts {
    /// `GET /items/{id}`, for messages.
    pub name: String,
    /// What becomes of a plain return value.
    pub returns: Returns,
    /// The body's own decoder stands in for the core's validation.
    pub decoder_validates: bool,
    /// Source and name of each parameter, for violations.
    pub parameters: Vec<(Source, String)>,
    /// The first concrete media type declared for each status.
    media_types: Vec<(u16, String)>,
}

impl Facts {
    /// The facts of each of `count` handlers and hooks; none for one that nothing names.
    ///
    /// ```
    /// let app = spikard_bridge::parse(r#"{
    ///     "title": "Inventory", "version": "1",
    ///     "routes": [{"method": "GET", "path": "/items", "handler": 1, "declared": {"name": "list"}}]
    /// }"#)?;
    /// let facts = spikard_bridge::Facts::all(&app, 2);
    /// assert!(facts[0].is_none());
    /// assert_eq!(facts[1].as_ref().map(|facts| facts.name.as_str()), Some("GET /items"));
    /// # Ok::<(), spikard::DefinitionError>(())
    /// ```
    pub fn all(spec: &AppSpec, count: usize) -> Vec<Option<Self>> {
        let mut found = Vec::new();
        found.resize_with(count, || None);
        of_hooks(&spec.hooks, &mut found);
        walk("", &spec.routes, &spec.groups, &mut found);
        found
    }

    /// A response that a handler makes itself. Its content goes out as it is; its media type is `own`, else what the
    /// route declares for the status and that kind of content, else the kind's own.
    pub fn respond(
        &self,
        status: u16,
        headers: Vec<(Cow<'static, str>, Cow<'static, str>)>,
        own: Option<String>,
        content: Content,
    ) -> Response {
        let declared = || self.media_type(status).map(str::to_owned);
        let (otherwise, declared, body) = match content {
            Content::Nothing if own.is_none() => {
                return Response {
                    headers,
                    ..Response::empty(status)
                };
            }
            Content::Nothing => ("application/json", None, Body::Static(b"null")),
            Content::Text(text) => ("text/plain; charset=utf-8", declared(), Body::Full(text)),
            Content::Bytes(bytes) => (BYTES, declared(), Body::Full(bytes)),
            Content::Stream(source) => (BYTES, declared(), Body::Stream(source)),
            Content::Json(text) => {
                let declared = declared().filter(|media| is_json(media));
                ("application/json", declared, Body::Full(text))
            }
        };
        let content_type = own
            .or(declared)
            .map_or(Cow::Borrowed(otherwise), Cow::Owned);
        Response {
            status,
            content_type: Some(content_type),
            headers,
            body,
        }
    }

    /// The facts of the producer of a stream that this handler gave: its chunks are text or bytes.
    pub fn of_stream(&self) -> Self {
        Self::named(self.name.clone())
    }

    /// What declares nothing.
    fn named(name: String) -> Self {
        Self {
            name,
            returns: Returns::default(),
            decoder_validates: false,
            parameters: Vec::new(),
            media_types: Vec::new(),
        }
    }

    /// What the route declares for a status that a response names itself.
    fn media_type(&self, status: u16) -> Option<&str> {
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

/// What a handler's own response holds.
pub enum Content {
    /// No body; JSON `null` where the response names a media type.
    Nothing,
    /// UTF-8.
    Text(Vec<u8>),
    /// Anything.
    Bytes(Vec<u8>),
    /// A value that the host has encoded.
    Json(Vec<u8>),
    /// Chunks, pulled when the client can take them; usually a [`GuestStream`](crate::GuestStream).
    Stream(Box<dyn ChunkSource>),
}

const BYTES: &str = "application/octet-stream";

fn of_hooks(hooks: &[HookSpec], found: &mut [Option<Facts>]) {
    for hook in hooks {
        if let Some(facts) = found.get_mut(hook.handler) {
            *facts = Some(Facts::named(format!("hook {}", hook.declared.name)));
        }
    }
}

fn walk(prefix: &str, routes: &[RouteSpec], groups: &[GroupSpec], found: &mut [Option<Facts>]) {
    for route in routes {
        of_hooks(&route.hooks, found);
        if let Some(facts) = found.get_mut(route.handler) {
            *facts = Some(Facts::of(prefix, route));
        }
    }
    for group in groups {
        of_hooks(&group.hooks, found);
        let prefix = format!("{prefix}{}", group.prefix);
        walk(&prefix, &group.routes, &group.groups, found);
    }
}
