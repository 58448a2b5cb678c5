//! The extractor of forms (`application/x-www-form-urlencoded`): fields are read as query parameters are, by the same code.

use super::arguments::{self, Selection};
use super::describe::Describe;
use super::extract::{Extract, misfit};
use crate::pipeline::invalid;
use crate::{Problem, Request};
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use spikard_contract::urlencoded::pairs;
use spikard_contract::{Argument, Parameter, Place, Source, Violations};
use std::borrow::Cow;
use std::ops::Deref;

/// The body as a form: a struct, one field of the form per field of it. `Option` and `#[serde(default)]` make a field optional, a list
/// takes repeats; fields that are not in the struct are ignored. Broken rules are told (422) before the handler runs; hooks see
/// the body as it came.
///
/// ```
/// use schemars::JsonSchema;
/// use serde::Deserialize;
/// use spikard::{App, Form, TestClient};
///
/// #[derive(Deserialize, JsonSchema)]
/// struct Order {
///     sku: String,
///     #[schemars(range(min = 1))]
///     count: u32,
///     #[serde(default)]
///     notes: Vec<String>,
/// }
///
/// async fn order(Form(order): Form<Order>) -> String {
///     format!("{} x {} {:?}", order.count, order.sku, order.notes)
/// }
///
/// let client = TestClient::new(App::new("Shop", "1.0.0").post("/orders", order))?;
/// let send = |form: &str| client.post("/orders").body("application/x-www-form-urlencoded", form).wait();
/// assert_eq!(send("sku=007&count=2&notes=a+b&notes=c%26d").text(), r#"2 x 007 ["a b", "c&d"]"#);
/// let refused: serde_json::Value = send("sku=007&count=0").json();
/// assert_eq!((&refused["errors"][0]["in"], &refused["errors"][0]["pointer"]), (&"body".into(), &"/count".into()));
/// # Ok::<(), spikard::DefinitionError>(())
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Form<T>(pub T);

impl<T> Deref for Form<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

/// How each field is read, and which field of the type it is.
type Plan = (Vec<Parameter>, Selection);

impl<T: DeserializeOwned + JsonSchema + 'static> Extract for Form<T> {
    type Plan = Plan;

    fn describe(describe: &mut Describe<'_>) -> Plan {
        describe.body::<T>("application/x-www-form-urlencoded");
        let fields = describe.fields::<T>(Place::Query, "form");
        let root = describe.known_schemas();
        let (mut parameters, mut selection) = Plan::default();
        for (name, spec) in fields {
            // What does not compile is told of the body's schema.
            if let Ok(parameter) = Parameter::compile(&spec, &root) {
                selection.push((name, parameters.len()));
                parameters.push(parameter);
            }
        }
        (parameters, selection)
    }

    fn extract((parameters, selection): &Plan, request: &Request<'_>) -> Result<Self, Problem> {
        let wrong = || Problem::malformed_request("the form is not UTF-8");
        let text = std::str::from_utf8(request.body).map_err(|_| wrong())?;
        let mut sent = Vec::new();
        for pair in pairs(text) {
            sent.push(pair.map_err(|_| wrong())?);
        }
        let mut violations = Violations::default();
        let mut found: Vec<Vec<Cow<'_, str>>> = vec![Vec::new(); parameters.len()];
        for (name, value) in sent {
            let own = |parameter: &Parameter| parameter.spec.name == name;
            if let Some(at) = parameters.iter().position(own) {
                found[at].push(value);
            }
        }
        let arguments: Vec<Argument<'_>> = parameters
            .iter()
            .zip(&found)
            .map(|(parameter, found)| parameter.read(found, &mut violations))
            .collect();
        if !violations.is_empty() {
            for violation in &mut violations.list {
                violation.source = Source::Body;
            }
            return Err(invalid(violations));
        }
        let read = arguments::read(selection, &arguments);
        read.map(Form).map_err(|name| misfit(Source::Body, name))
    }
}
