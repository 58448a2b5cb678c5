//! What extractors and results say about their route at freeze: parameters, body, responses, shared state. Not used
//! while serving.

use super::schemas::Schemas;
use crate::spec::{BodySpec, ResponseSpec, RouteSpec};
use crate::template::Template;
use schemars::JsonSchema;
use serde_json::{Map, Value};
use spikard_contract::{ParameterSpec, Place};
use std::any::{Any, TypeId};
use std::collections::HashMap;

/// Values given to [`App::state`](super::App::state), by type.
pub(crate) type States = HashMap<TypeId, (&'static str, Box<dyn Any>)>;

/// A route under description: extractors and results of its handler add what they need.
///
/// ```
/// use serde_json::json;
/// use spikard::contract::{Argument, ParameterSpec};
/// use spikard::{App, Describe, Extract, IntoReply, Problem, Reply, Request, Response, TestClient};
///
/// /// `?page=`, from 1.
/// struct Page(i64);
///
/// impl Extract for Page {
///     type Plan = usize;
///
///     fn describe(describe: &mut Describe<'_>) -> usize {
///         let parameter = json!({"in": "query", "name": "page", "required": false, "schema": {"type": "integer", "minimum": 1, "default": 1}});
///         match serde_json::from_value::<ParameterSpec>(parameter) {
///             Ok(parameter) => describe.parameter(parameter),
///             Err(error) => {
///                 describe.wrong(error.to_string());
///                 0
///             }
///         }
///     }
///
///     fn extract(index: &usize, request: &Request<'_>) -> Result<Self, Problem> {
///         match request.arguments.get(*index) {
///             Some(Argument::Integer(page)) => Ok(Self(*page)),
///             _ => Err(Problem::invalid_request("page is no number")),
///         }
///     }
/// }
///
/// /// Rows as CSV.
/// struct Rows(String);
///
/// impl IntoReply for Rows {
///     fn describe(describe: &mut Describe<'_>) {
///         let status = describe.status();
///         describe.response_schema(status, Some(("text/csv", json!({"type": "string"}))));
///     }
///
///     fn into_reply(self, status: Option<u16>) -> Reply {
///         Ok(Response::of(status.unwrap_or(200), "text/csv", self.0))
///     }
/// }
///
/// let app = App::new("Rows", "1.0.0").get("/rows", |Page(page): Page| async move { Rows(format!("row,{page}\n")) });
/// let client = TestClient::new(app)?;
/// assert_eq!(client.get("/rows").wait().text(), "row,1\n");
/// assert_eq!(client.get("/rows?page=0").wait().status, 422);
/// # Ok::<(), spikard::DefinitionError>(())
/// ```
pub struct Describe<'a> {
    route: &'a mut RouteSpec,
    /// Of the groups around it.
    prefix: String,
    schemas: &'a mut Schemas,
    states: &'a States,
    /// Captures of the whole path that no extractor has taken yet.
    captures: Vec<String>,
    mistakes: Vec<String>,
}

impl<'a> Describe<'a> {
    pub(crate) fn new(
        route: &'a mut RouteSpec,
        prefix: &str,
        schemas: &'a mut Schemas,
        states: &'a States,
    ) -> Self {
        // A path that cannot be read is reported at freeze.
        let template = Template::read(&format!("{prefix}{}", route.path));
        let captures = template
            .map(|template| template.captures)
            .unwrap_or_default();
        let captures = captures.into_iter().map(|(name, _)| name).collect();
        Self {
            route,
            prefix: prefix.to_owned(),
            schemas,
            states,
            captures,
            mistakes: Vec::new(),
        }
    }

    pub(crate) fn mistakes(self) -> Vec<String> {
        self.mistakes
    }

    /// How many segments `path` has, those of the groups around it included.
    pub(crate) fn depth(&self, path: &str) -> usize {
        let whole = self.prefix.split('/').chain(path.split('/'));
        whole.filter(|segment| !segment.is_empty()).count()
    }

    /// Reports what is wrong with the handler, with what to write instead.
    pub fn wrong(&mut self, message: impl Into<String>) {
        self.mistakes.push(message.into());
    }

    /// Adds a parameter; its index among the request's arguments.
    pub fn parameter(&mut self, parameter: ParameterSpec) -> usize {
        let known = self
            .route
            .parameters
            .iter()
            .position(|other| other.place == parameter.place && other.name == parameter.name);
        known.unwrap_or_else(|| {
            self.route.parameters.push(parameter);
            self.route.parameters.len() - 1
        })
    }

    /// The route's parameters with every capture of its path among them, as the freeze will see them.
    pub(crate) fn complete_parameters(&mut self) -> Vec<ParameterSpec> {
        for name in std::mem::take(&mut self.captures) {
            let declared = self
                .route
                .parameters
                .iter()
                .any(|other| other.place == Place::Path && other.name == name);
            if !declared {
                let schema = serde_json::json!({"type": "string"});
                self.route
                    .parameters
                    .push(parameter(&name, Place::Path, true, schema));
            }
        }
        self.route.parameters.clone()
    }

    /// One parameter per property of `T`; their names and indexes in order.
    pub(crate) fn properties<T: JsonSchema>(&mut self, place: Place) -> Vec<(String, usize)> {
        self.fields::<T>(place, word(place))
            .into_iter()
            .map(|(field, spec)| (field, self.parameter(spec)))
            .collect()
    }

    /// What `#/components/schemas/` refers to, as far as it is known.
    pub(crate) fn known_schemas(&self) -> Value {
        self.schemas.root()
    }

    /// One parameter for each property of `T`, which are read from `what`.
    pub(crate) fn fields<T: JsonSchema>(
        &mut self,
        place: Place,
        what: &str,
    ) -> Vec<(String, ParameterSpec)> {
        let schema = self.schemas.inline::<T>();
        let Some(Value::Object(properties)) = schema.get("properties") else {
            let name = std::any::type_name::<T>();
            self.wrong(format!(
                "{name} has no fields to read from the {what}; give it a struct"
            ));
            return Vec::new();
        };
        let required: Vec<&str> = schema
            .get("required")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        properties
            .iter()
            .map(|(name, schema)| {
                let required = required.contains(&name.as_str());
                (
                    name.clone(),
                    parameter(name, place, required, schema.clone()),
                )
            })
            .collect()
    }

    /// The path parameters of `T`: a struct by name, a tuple or a single value by the order in the path.
    pub(crate) fn captures<T: JsonSchema>(&mut self) -> Vec<(String, usize)> {
        let schema = self.schemas.inline::<T>();
        if schema.get("properties").is_some() {
            let named = self.properties::<T>(Place::Path);
            self.captures
                .retain(|capture| !named.iter().any(|(name, _)| name == capture));
            return named;
        }
        let items = match schema.get("prefixItems") {
            Some(Value::Array(items)) => items.clone(),
            _ => vec![self.schemas.reference::<T>()],
        };
        let mut taken = Vec::new();
        for item in items {
            if self.captures.is_empty() {
                self.wrong(format!(
                    "the handler asks for a path parameter that \"{}\" does not have; add one such as \"{{id}}\"",
                    self.route.path
                ));
                break;
            }
            let name = self.captures.remove(0);
            let index = self.parameter(parameter(&name, Place::Path, true, item));
            taken.push((name, index));
        }
        taken
    }

    /// Declares a body of `media_type` with the schema of `T`.
    ///
    /// ```
    /// use schemars::JsonSchema;
    /// use serde::Deserialize;
    /// use spikard::{App, Describe, Extract, Problem, Request, TestClient};
    ///
    /// #[derive(Deserialize, JsonSchema)]
    /// struct Merge {
    ///     name: Option<String>,
    /// }
    ///
    /// /// RFC 7396; nothing at all changes nothing.
    /// struct Patch(Option<Merge>);
    ///
    /// impl Extract for Patch {
    ///     type Plan = ();
    ///
    ///     fn describe(describe: &mut Describe<'_>) {
    ///         describe.body::<Merge>("application/merge-patch+json");
    ///         describe.body_schema("text/csv", true.into());
    ///         describe.optional_body();
    ///         describe.response::<String>(Some(409), "application/json");
    ///     }
    ///
    ///     fn extract(&(): &(), request: &Request<'_>) -> Result<Self, Problem> {
    ///         Ok(Self(serde_json::from_slice(request.body).ok()))
    ///     }
    /// }
    ///
    /// let name = |Patch(patch): Patch| async { patch.and_then(|merge| merge.name).unwrap_or_default() };
    /// let client = TestClient::new(App::new("Names", "1.0.0").patch("/name", name))?;
    /// let patched = client.patch("/name").body("application/merge-patch+json", r#"{"name": "Ada"}"#).wait();
    /// assert_eq!((patched.text(), client.patch("/name").wait().text()), ("Ada", ""));
    /// # Ok::<(), spikard::DefinitionError>(())
    /// ```
    pub fn body<T: JsonSchema>(&mut self, media_type: &str) {
        let schema = self.schemas.reference::<T>();
        self.body_schema(media_type, schema);
    }

    /// Declares a body of `media_type`.
    pub fn body_schema(&mut self, media_type: &str, schema: Value) {
        let method = self.route.method.as_str();
        if matches!(method, "GET" | "HEAD") {
            self.mistakes.push(format!(
                "the handler asks for a body, and {method} requests have none (RFC 9110 section 9.3.1); use post, put, patch or query"
            ));
        }
        let taken = |body: &BodySpec| body.content.contains_key(media_type);
        if self.route.body.as_ref().is_some_and(taken) {
            self.mistakes.push(
                "the handler takes the body twice; put both into one struct, or take one from the query".to_owned(),
            );
        }
        let body = self.route.body.get_or_insert_with(|| BodySpec {
            content: Map::new(),
            required: true,
        });
        body.content.insert(media_type.to_owned(), schema);
    }

    /// Lets a body be absent.
    pub fn optional_body(&mut self) {
        if let Some(body) = &mut self.route.body {
            body.required = false;
        }
    }

    /// Declares a response of `status` (default: the route's, else 200) with the schema of `T`.
    pub fn response<T: JsonSchema>(&mut self, status: Option<u16>, media_type: &str) {
        let schema = self.schemas.reference::<T>();
        self.response_schema(status, Some((media_type, schema)));
    }

    /// Declares a response of `status` (default: the route's, else 200); the user's own declaration stays.
    pub fn response_schema(&mut self, status: Option<u16>, content: Option<(&str, Value)>) {
        let status = status.or(self.route.status).unwrap_or(200);
        let content = content.map(|(media_type, schema)| (media_type.to_owned(), schema));
        self.route
            .responses
            .entry(status.to_string())
            .or_insert_with(|| ResponseSpec {
                description: None,
                content: content.into_iter().collect(),
            });
    }

    /// Status that the route was given.
    pub fn status(&self) -> Option<u16> {
        self.route.status
    }

    /// The value of type `S` given to the app.
    pub(crate) fn state<S: Clone + 'static>(&mut self) -> Option<S> {
        let state = self.states.get(&TypeId::of::<S>());
        let state = state.and_then(|(_, state)| state.downcast_ref::<S>());
        if state.is_none() {
            let mut known: Vec<_> = self.states.values().map(|(name, _)| *name).collect();
            known.sort_unstable();
            let known = match known.as_slice() {
                [] => "no state".to_owned(),
                names => format!("only {}", names.join(", ")),
            };
            self.wrong(format!(
                "the handler asks for State<{}>, and the app has {known}; write .state(...)",
                std::any::type_name::<S>()
            ));
        }
        state.cloned()
    }
}

fn word(place: Place) -> &'static str {
    match place {
        Place::Path => "path",
        Place::Query => "query",
        Place::Header => "header fields",
        Place::Cookie => "cookies",
    }
}

/// `description` belongs to the parameter, and "may be null" is said by its absence.
fn parameter(name: &str, place: Place, required: bool, mut schema: Value) -> ParameterSpec {
    let mut description = None;
    if let Value::Object(object) = &mut schema {
        if let Some(Value::String(text)) = object.remove("description") {
            description = Some(text);
        }
        if object.get("default") == Some(&Value::Null) {
            object.remove("default");
        }
        without_null(object);
    }
    let name = if place == Place::Header {
        name.replace('_', "-")
    } else {
        name.to_owned()
    };
    ParameterSpec {
        name,
        place,
        required,
        schema,
        style: None,
        explode: None,
        description,
        deprecated: false,
    }
}

fn without_null(schema: &mut Map<String, Value>) {
    let null = Value::from("null");
    if let Some(Value::Array(types)) = schema.get_mut("type") {
        types.retain(|kind| *kind != null);
        if let [only] = types.as_slice() {
            let only = only.clone();
            schema.insert("type".to_owned(), only);
        }
    }
    if let Some(Value::Array(members)) = schema.get_mut("anyOf") {
        members.retain(|member| member.get("type") != Some(&null));
        if let [Value::Object(only)] = members.as_slice() {
            let only = only.clone();
            schema.remove("anyOf");
            schema.extend(only);
        }
    }
    if let Some(Value::Array(values)) = schema.get_mut("enum") {
        values.retain(|value| !value.is_null());
    }
}
