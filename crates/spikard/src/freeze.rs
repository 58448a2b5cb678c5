//! Checks an app and compiles it: groups flattened, paths to a router, parameters and schemas to plans. Every mistake is
//! reported, not the first.

use crate::auth::{Guard, Schemes};
use crate::canonical::{canonical, hoist};
use crate::config::{AdditionalQuery, Egress};
use crate::flatten::{self, Limits};
use crate::head::is_token;
use crate::hooks::Hooks;
use crate::media;
use crate::mistake::{did_you_mean, source};
use crate::plan::{Declared, Found, Media, ParameterPlan, Plan, RequestBody, StatusKey};
use crate::router::Router;
use crate::spec::{AppSpec, HookSpec, Moment, RouteSpec};
use crate::template::{Segment, Template};
use crate::{Mistake, document};
use serde_json::{Map, Value, json};
use spikard_contract::{Parameter, ParameterSpec, Place, Schema, SchemaError};
use std::collections::HashMap;
use std::ops::Range;

/// An app after the freeze, without its endpoints.
pub(crate) struct Compiled {
    pub(crate) spec: AppSpec,
    /// Flattened, in the order declared: one per plan.
    pub(crate) routes: Vec<RouteSpec>,
    pub(crate) plans: Vec<Plan>,
    pub(crate) router: Router,
    pub(crate) openapi: Vec<u8>,
    /// The routes of files, in the order of [`files`].
    pub(crate) of_files: Range<usize>,
}

/// Checks `spec` and compiles it: `handlers` callables came with it; the top routes of `built_in` have their own.
pub(crate) fn compile(
    mut spec: AppSpec,
    handlers: usize,
    built_in: Range<usize>,
    files_from: usize,
) -> Result<Compiled, Vec<Mistake>> {
    let mut mistakes = Vec::new();
    let (mut routes, limits, of_files) = flatten::flatten(&spec, files_from, &mut mistakes);
    let root = share_schemas(&mut spec.schemas, &mut routes, &mut mistakes);
    let templates = read_templates(&mut routes, &mut mistakes);
    let router = build_router(&spec, &routes, &templates, &mut mistakes);
    let mut schemes = Schemes::default();
    let plans = routes.iter().zip(&templates).zip(limits).enumerate().map(
        |(index, ((route, template), limits))| {
            if !built_in.contains(&index) && !of_files.contains(&index) && route.handler >= handlers
            {
                let message = format!(
                    "handler {} does not exist; {handlers} callables came with the app",
                    route.handler
                );
                mistakes.push(at(route, message));
            }
            for hook in route.hooks.iter().filter(|hook| hook.handler >= handlers) {
                let mistake = no_hook(hook, handlers);
                if !mistakes.contains(&mistake) {
                    mistakes.push(mistake);
                }
            }
            let mut compiler = Compiler {
                route,
                root: &root,
                mistakes: &mut mistakes,
                schemes: &mut schemes,
            };
            compiler.plan(&spec, template.as_ref(), limits)
        },
    );
    let plans: Vec<_> = plans.collect();
    name_operations(&mut routes, &mut mistakes);
    if !mistakes.is_empty() {
        return Err(mistakes);
    }
    let openapi = document::make(&spec, &routes, &templates, &schemes);
    Ok(Compiled {
        spec,
        routes,
        plans,
        router,
        openapi,
        of_files,
    })
}

fn no_hook(hook: &HookSpec, handlers: usize) -> Mistake {
    Mistake {
        place: source(&hook.declared)
            .trim_end_matches([':', ' '])
            .to_owned(),
        message: format!(
            "hook {} does not exist; {handlers} callables came with the app",
            hook.handler
        ),
    }
}

pub(crate) fn at(route: &RouteSpec, message: impl Into<String>) -> Mistake {
    Mistake::at(&route.declared, &route.method, &route.path, message)
}

/// Every schema in its one spelling, local `$defs` among the shared ones; gives the root for `#/...` references.
fn share_schemas(
    shared: &mut Map<String, Value>,
    routes: &mut [RouteSpec],
    mistakes: &mut Vec<Mistake>,
) -> Value {
    for (name, mut schema) in std::mem::take(shared) {
        if let Err(message) = hoist(&mut schema, shared) {
            mistakes.push(Mistake::of_app(message));
        }
        shared.insert(name.clone(), canonical(&schema, Some(&name)));
    }
    for route in routes {
        let mut wrong = Vec::new();
        let mut normalise = |schema: &mut Value, name: Option<&str>| {
            wrong.extend(hoist(schema, shared).err());
            *schema = canonical(schema, name);
        };
        for parameter in &mut route.parameters {
            normalise(&mut parameter.schema, Some(&parameter.name));
        }
        for (_, schema) in route.body.iter_mut().flat_map(|body| &mut body.content) {
            normalise(schema, None);
        }
        for (_, schema) in route
            .responses
            .values_mut()
            .flat_map(|response| &mut response.content)
        {
            normalise(schema, None);
        }
        mistakes.extend(wrong.into_iter().map(|message| at(route, message)));
    }
    shared.sort_keys();
    json!({"components": {"schemas": shared}})
}

/// Reads each path; captures without a parameter of their own become one.
fn read_templates(routes: &mut [RouteSpec], mistakes: &mut Vec<Mistake>) -> Vec<Option<Template>> {
    let mut templates = Vec::new();
    for route in routes {
        let template = match Template::read(&route.path) {
            Ok(template) => template,
            Err(message) => {
                mistakes.push(at(route, message));
                templates.push(None);
                continue;
            }
        };
        complete_parameters(route, &template, mistakes);
        templates.push(Some(template));
    }
    templates
}

fn complete_parameters(route: &mut RouteSpec, template: &Template, mistakes: &mut Vec<Mistake>) {
    let string = json!({"type": "string"});
    let mut found = Vec::new();
    for parameter in route
        .parameters
        .iter()
        .filter(|parameter| parameter.place == Place::Path)
    {
        if !template
            .captures
            .iter()
            .any(|(name, _)| *name == parameter.name)
        {
            let near = did_you_mean(
                &parameter.name,
                template.captures.iter().map(|(name, _)| name.as_str()),
            );
            found.push(at(
                route,
                format!("parameter \"{}\" is not in the path{near}", parameter.name),
            ));
        }
    }
    mistakes.extend(found);
    for (name, shorthand) in &template.captures {
        let declared = route
            .parameters
            .iter_mut()
            .find(|parameter| parameter.place == Place::Path && parameter.name == *name);
        match declared {
            Some(parameter) => {
                parameter.required = true;
                if let Some(schema) = shorthand
                    && (parameter.schema == string || parameter.schema == Value::Bool(true))
                {
                    parameter.schema = schema.clone();
                }
            }
            None => route.parameters.push(ParameterSpec {
                name: name.clone(),
                place: Place::Path,
                required: true,
                schema: shorthand.clone().unwrap_or_else(|| string.clone()),
                style: None,
                explode: None,
                description: None,
                deprecated: false,
            }),
        }
    }
}

fn build_router(
    spec: &AppSpec,
    routes: &[RouteSpec],
    templates: &[Option<Template>],
    mistakes: &mut Vec<Mistake>,
) -> Router {
    let mut router = Router::new(spec.config.trailing_slash);
    for (index, (route, template)) in routes.iter().zip(templates).enumerate() {
        if !is_token(&route.method) {
            mistakes.push(at(
                route,
                "the method is not a token (RFC 9110 section 9.1); write one such as \"GET\"",
            ));
            continue;
        }
        if route.method.bytes().any(|byte| byte.is_ascii_lowercase()) {
            let upper = route.method.to_ascii_uppercase();
            mistakes.push(at(
                route,
                format!("methods are upper case; write \"{upper}\""),
            ));
            continue;
        }
        let Some(template) = template else { continue };
        if let Err(other) = router.add(&route.method, &template.segments, index) {
            let other = &routes[other];
            let place = format!("{}{} {}", source(&other.declared), other.method, other.path);
            mistakes.push(at(
                route,
                format!("cannot be told apart from the route at {place}; change the path or the method of one"),
            ));
        }
    }
    router
}

/// Operation ids: the app's own must be unique; the others come from the handlers' names.
fn name_operations(routes: &mut [RouteSpec], mistakes: &mut Vec<Mistake>) {
    let mut taken: HashMap<String, usize> = HashMap::new();
    for (index, route) in routes.iter().enumerate() {
        let Some(id) = &route.operation_id else {
            continue;
        };
        if let Some(&first) = taken.get(id) {
            let first = &routes[first];
            let place = format!("{}{} {}", source(&first.declared), first.method, first.path);
            mistakes.push(at(
                route,
                format!("operation id \"{id}\" is taken by the route at {place}; rename one"),
            ));
        } else {
            taken.insert(id.clone(), index);
        }
    }
    for (index, route) in routes.iter_mut().enumerate() {
        if route.operation_id.is_some() {
            continue;
        }
        let base = identifier(route);
        let mut id = base.clone();
        for number in 2.. {
            if !taken.contains_key(&id) {
                break;
            }
            id = format!("{base}_{number}");
        }
        taken.insert(id.clone(), index);
        route.operation_id = Some(id);
    }
}

/// The handler's name without its module; for a nameless one, method and path.
fn identifier(route: &RouteSpec) -> String {
    let name = route.declared.name.rsplit("::").next().unwrap_or_default();
    let name = name.rsplit('.').next().unwrap_or_default();
    let usable = !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || c == '_');
    if usable {
        return name.to_owned();
    }
    let words: Vec<&str> = route
        .path
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .collect();
    [route.method.to_lowercase().as_str(), &words.join("_")]
        .join("_")
        .trim_end_matches('_')
        .to_owned()
}

/// Compiles one route.
struct Compiler<'a> {
    route: &'a RouteSpec,
    root: &'a Value,
    mistakes: &'a mut Vec<Mistake>,
    schemes: &'a mut Schemes,
}

impl Compiler<'_> {
    fn plan(&mut self, spec: &AppSpec, template: Option<&Template>, limits: Limits) -> Plan {
        let route = self.route;
        if let Some(status) = route.status
            && !(200..=599).contains(&status)
        {
            self.wrong(format!(
                "{status} is no status of a response; write one from 200 to 599"
            ));
        }
        let parameters = self.parameters(template);
        let policy = &route.policy;
        let config = &spec.config;
        let timeout_ms = policy
            .handler_timeout_ms
            .unwrap_or(config.handler_timeout_ms);
        let rejects_query =
            policy.additional_query.unwrap_or(config.additional_query) == AdditionalQuery::Reject;
        let egress = policy.egress.unwrap_or(config.egress);
        let hooks = Hooks::of(&route.hooks);
        let guard = self.guard(&spec.title);
        let any = |found| {
            parameters
                .iter()
                .any(|plan: &ParameterPlan| plan.found == found)
        };
        Plan {
            operation: format!("{} {}", route.method, route.path),
            endpoint: route.handler,
            reads_query: any(Found::Query) || rejects_query,
            reads_cookies: any(Found::Cookie),
            rejects_query,
            parameters,
            body: self.body(),
            // What a hook is to see as valid is validated before it.
            decoder_validates: route.decoder_validates && hooks.at(Moment::PreHandler).is_empty(),
            hooks,
            responses: self.responses(),
            egress: if crate::defects::defect("egress-off") {
                Egress::Off
            } else {
                egress
            },
            body_limit: policy.body_limit.unwrap_or(config.body_limit),
            timeout_ms: (timeout_ms > 0).then_some(timeout_ms),
            gated: guard.is_some() || limits.rates.is_some() || limits.crowd.is_some(),
            guard,
            rates: limits.rates,
            crowd: limits.crowd,
        }
    }

    fn guard(&mut self, title: &str) -> Option<Guard> {
        let mut wrong = Vec::new();
        let ways = self.route.policy.auth.as_deref().unwrap_or_default();
        let guard = self.schemes.guard(ways, title, &mut wrong);
        wrong.into_iter().for_each(|message| self.wrong(message));
        guard
    }

    fn wrong(&mut self, message: impl Into<String>) {
        self.mistakes.push(at(self.route, message));
    }

    fn wrong_schema(&mut self, of: &str, errors: Vec<SchemaError>) {
        for error in errors {
            let place = if error.pointer.is_empty() {
                String::new()
            } else {
                format!(" at {}", error.pointer)
            };
            self.wrong(format!("schema of {of}{place}: {}", error.message));
        }
    }

    fn schema(&mut self, of: &str, schema: &Value) -> Option<Schema> {
        match Schema::compile(schema, self.root) {
            Ok(compiled) => Some(compiled),
            Err(errors) => {
                self.wrong_schema(of, errors);
                None
            }
        }
    }

    fn parameters(&mut self, template: Option<&Template>) -> Vec<ParameterPlan> {
        let mut plans = Vec::new();
        for (index, spec) in self.route.parameters.iter().enumerate() {
            let same = |other: &ParameterSpec| {
                other.place == spec.place
                    && if spec.place == Place::Header {
                        other.name.eq_ignore_ascii_case(&spec.name)
                    } else {
                        other.name == spec.name
                    }
            };
            let of = format!("parameter \"{}\"", spec.name);
            if self.route.parameters[..index].iter().any(same) {
                self.wrong(format!(
                    "{of} is declared twice in the same place; remove one"
                ));
            }
            let Some(found) = place(spec, template) else {
                continue;
            };
            match Parameter::compile(spec, self.root) {
                Ok(parameter) => plans.push(ParameterPlan { parameter, found }),
                Err(errors) => self.wrong_schema(&of, errors),
            }
        }
        plans
    }

    fn body(&mut self) -> Option<RequestBody> {
        let spec = self.route.body.as_ref()?;
        if spec.content.is_empty() {
            self.wrong("the body declares no media type; write one such as \"application/json\"");
        }
        let content = self.content("the body", &spec.content);
        let accept = spec
            .content
            .keys()
            .map(String::as_str)
            .collect::<Vec<_>>()
            .join(", ");
        Some(RequestBody {
            required: spec.required,
            content,
            accept,
        })
    }

    fn responses(&mut self) -> Vec<Declared> {
        let mut declared = Vec::new();
        for (key, response) in &self.route.responses {
            match StatusKey::read(key) {
                Ok(status) => {
                    let content = self.content(&format!("response {key}"), &response.content);
                    declared.push(Declared { status, content });
                }
                Err(message) => self.wrong(message),
            }
        }
        declared
    }

    fn content(&mut self, of: &str, content: &Map<String, Value>) -> Vec<Media> {
        let mut list = Vec::new();
        for (media_type, schema) in content {
            let essence = media::essence(media_type).to_ascii_lowercase();
            if essence.split('/').filter(|part| !part.is_empty()).count() != 2 {
                self.wrong(format!("{of}: \"{media_type}\" is no media type; write one such as \"application/json\""));
                continue;
            }
            let kind = media::kind(&essence);
            let free = *schema == Value::Bool(true) && kind != media::Kind::Json;
            let schema = if free {
                None
            } else {
                self.schema(&format!("{of} ({media_type})"), schema)
            };
            list.push(Media {
                essence,
                kind,
                schema,
            });
        }
        list
    }
}

fn place(spec: &ParameterSpec, template: Option<&Template>) -> Option<Found> {
    match spec.place {
        Place::Query => Some(Found::Query),
        Place::Header => Some(Found::Header),
        Place::Cookie => Some(Found::Cookie),
        Place::Path => template?
            .segments
            .iter()
            .enumerate()
            .find_map(|(index, segment)| match segment {
                Segment::Parameter(name) if *name == spec.name => Some(Found::Segment(index)),
                Segment::Rest(name) if *name == spec.name => Some(Found::Rest(index)),
                _ => None,
            }),
    }
}
