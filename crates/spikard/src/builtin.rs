//! Routes that every app has: health, metrics, OpenAPI document, page that shows it. They go through the pipeline like any other.

use crate::observe::{self, Metrics};
use crate::spec::{Declared, Policy, ResponseSpec, RouteSpec};
use crate::{Body, Config, Endpoint, Flow, Problem, Request, Response};
use indexmap::IndexMap;
use serde_json::{Map, Value};
use std::borrow::Cow;
use std::cell::Cell;
use std::rc::Rc;
use std::task::Context;

/// The page; it loads the document whose path stands in its `data-document`.
const PAGE: &str = include_str!("docs.html");

/// What a built-in route serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Live,
    Ready,
    Metrics,
    Document,
    Page,
}

/// The built-in routes that `config` asks for, `first` being the index of the first endpoint.
pub(crate) fn routes(config: &Config, first: usize) -> Vec<RouteSpec> {
    list(config)
        .into_iter()
        .enumerate()
        .map(|(index, (kind, path))| route(kind, path, first + index))
        .collect()
}

/// Their endpoints, in the same order.
pub(crate) fn endpoints(
    config: &Config,
    openapi: &[u8],
    ready: &Rc<Cell<bool>>,
    metrics: Option<&Rc<Metrics>>,
) -> Vec<Box<dyn Endpoint>> {
    let endpoint = |(kind, _)| -> Box<dyn Endpoint> {
        match kind {
            Kind::Live => Box::new(Health(None)),
            Kind::Ready => Box::new(Health(Some(Rc::clone(ready)))),
            Kind::Metrics => Box::new(Counters(metrics.cloned())),
            Kind::Document => Box::new(Fixed("application/json", openapi.to_vec())),
            Kind::Page => {
                let page = PAGE.replace("%DOCUMENT%", &escaped(&config.openapi_path));
                Box::new(Fixed("text/html; charset=utf-8", page.into_bytes()))
            }
        }
    };
    list(config).into_iter().map(endpoint).collect()
}

fn list(config: &Config) -> Vec<(Kind, &str)> {
    let mut list = Vec::new();
    if config.health {
        list.extend([(Kind::Live, "/health/live"), (Kind::Ready, "/health/ready")]);
    }
    if !config.metrics_path.is_empty() {
        list.push((Kind::Metrics, config.metrics_path.as_str()));
    }
    if !config.openapi_path.is_empty() {
        list.push((Kind::Document, config.openapi_path.as_str()));
        if !config.docs_path.is_empty() {
            list.push((Kind::Page, config.docs_path.as_str()));
        }
    }
    list
}

fn route(kind: Kind, path: &str, handler: usize) -> RouteSpec {
    // Who watches over the server has no credentials; documents are for those whom the app lets in.
    let watched = matches!(kind, Kind::Live | Kind::Ready | Kind::Metrics);
    RouteSpec {
        method: "GET".to_owned(),
        path: path.to_owned(),
        handler,
        responses: IndexMap::from_iter([(
            "200".to_owned(),
            ResponseSpec {
                description: None,
                content: Map::<String, Value>::new(),
            },
        )]),
        hidden: true,
        policy: Policy {
            auth: watched.then(Vec::new),
            rate_limit: watched.then(Vec::new),
            concurrency: watched.then_some(0),
            ..Policy::default()
        },
        declared: Declared {
            name: "spikard".to_owned(),
            ..Declared::default()
        },
        ..RouteSpec::default()
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('"', "&quot;")
        .replace('<', "&lt;")
}

/// `/health/live` (`None`) and `/health/ready`.
struct Health(Option<Rc<Cell<bool>>>);

impl Endpoint for Health {
    fn call(&self, _: Request<'_>, _: &mut Context<'_>) -> Flow {
        let ready = self.0.as_ref().is_none_or(|ready| ready.get());
        Flow::Done(if ready {
            let mut response = Response::json(200, Vec::new());
            response.body = Body::Static(br#"{"status":"ok"}"#);
            Ok(response)
        } else {
            Err(Problem::unavailable("the server is stopping").header("retry-after", "1"))
        })
    }
}

/// What the worker has counted so far.
struct Counters(Option<Rc<Metrics>>);

impl Endpoint for Counters {
    fn call(&self, _: Request<'_>, _: &mut Context<'_>) -> Flow {
        let text = self.0.as_ref().map(|metrics| metrics.render());
        Flow::Done(Ok(Response {
            status: 200,
            content_type: Some(Cow::Borrowed(observe::CONTENT_TYPE)),
            headers: vec![("cache-control".into(), "no-store".into())],
            body: Body::Full(text.unwrap_or_default().into_bytes()),
        }))
    }
}

/// The same bytes always.
struct Fixed(&'static str, Vec<u8>);

impl Endpoint for Fixed {
    fn call(&self, _: Request<'_>, _: &mut Context<'_>) -> Flow {
        Flow::Done(Ok(Response {
            status: 200,
            content_type: Some(Cow::Borrowed(self.0)),
            headers: Vec::new(),
            body: Body::Full(self.1.clone()),
        }))
    }
}
