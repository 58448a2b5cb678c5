//! Extractors: what a handler asks for by the types of its arguments. Everything was validated before they run.

use super::arguments::{self, Selection};
use super::describe::Describe;
use crate::auth::Principal;
use crate::{Problem, Request, Trailers, Upgrade};
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde_json::Value;
use spikard_contract::{Place, Source, Violation, Violations, json};
use std::ops::Deref;
use std::rc::Rc;

/// Something that a handler may take as an argument.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no argument of a handler",
    label = "not something that can be taken from a request",
    note = "a handler takes `Path<T>`, `Query<T>`, `HeaderParams<T>`, `Cookies<T>`, `Json<T>`, `State<S>`, `Caller`, `Claims<T>`, `Kept<T>`, `RequestId`, `Fields`, `Trailers`, `Upgrade`, `Text` or `Bytes`",
    note = "T needs `#[derive(serde::Deserialize, schemars::JsonSchema)]`; S needs `Clone`"
)]
pub trait Extract: Sized + 'static {
    /// What is known at freeze and needed while serving.
    type Plan: 'static;

    /// Says what the route needs.
    fn describe(describe: &mut Describe<'_>) -> Self::Plan;

    /// Takes it from a request.
    fn extract(plan: &Self::Plan, request: &Request<'_>) -> Result<Self, Problem>;
}

macro_rules! newtypes {
    ($($(#[$doc:meta])* $name:ident<$of:ident>;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
        pub struct $name<$of>(pub $of);

        impl<$of> Deref for $name<$of> {
            type Target = $of;

            fn deref(&self) -> &$of {
                &self.0
            }
        }
    )*};
}

newtypes! {
    /// Path parameters: a single value or a tuple in the order of the path, or a struct by name.
    Path<T>;
    /// Query parameters: a struct, one parameter per field. `Option` and `#[serde(default)]` make a field optional.
    Query<T>;
    /// Header fields: a struct, one parameter per field; `if_match` reads `if-match`.
    HeaderParams<T>;
    /// Cookies: a struct, one parameter per field.
    Cookies<T>;
    /// As an argument: the body, validated against the schema of `T`. As a result: JSON.
    Json<T>;
    /// A clone of the value given to [`App::state`](super::App::state).
    State<S>;
}

macro_rules! parameters {
    ($($name:ident $place:ident $source:ident $select:expr;)*) => {$(
        impl<T: DeserializeOwned + JsonSchema + 'static> Extract for $name<T> {
            type Plan = Selection;

            fn describe(describe: &mut Describe<'_>) -> Selection {
                let select: fn(&mut Describe<'_>) -> Selection = $select;
                select(describe)
            }

            fn extract(plan: &Selection, request: &Request<'_>) -> Result<Self, Problem> {
                arguments::read(plan, request.arguments).map($name).map_err(|name| misfit(Source::$source, name))
            }
        }
    )*};
}

parameters! {
    Path Path Path |describe| describe.captures::<T>();
    Query Query Query |describe| describe.properties::<T>(Place::Query);
    Cookies Cookie Cookie |describe| describe.properties::<T>(Place::Cookie);
    HeaderParams Header Header |describe| describe.properties::<T>(Place::Header);
}

/// A parameter that keeps its schema and still does not fit the Rust type, for example a number beyond 64 bits.
#[cold]
fn misfit(source: Source, name: &str) -> Problem {
    let pointer = if name.is_empty() {
        String::new()
    } else {
        format!("/{name}")
    };
    invalid(source, pointer)
}

fn invalid(source: Source, pointer: String) -> Problem {
    let violation = Violation {
        source,
        pointer,
        keyword: "type".to_owned(),
        message: "does not fit the type that the handler expects".to_owned(),
        params: serde_json::Map::new(),
        value: None,
    };
    let mut problem = Problem::invalid_request("1 value is not valid");
    problem.violations = Violations {
        list: vec![violation],
        truncated: false,
    };
    problem
}

impl<T: DeserializeOwned + JsonSchema + 'static> Extract for Json<T> {
    type Plan = ();

    fn describe(describe: &mut Describe<'_>) {
        describe.body::<T>("application/json");
    }

    fn extract(&(): &(), request: &Request<'_>) -> Result<Self, Problem> {
        match serde_json::from_slice(request.body) {
            Ok(value) => Ok(Json(value)),
            Err(_) => recover(request.body).map(Json),
        }
    }
}

impl<T: DeserializeOwned + JsonSchema + 'static> Extract for Option<Json<T>> {
    type Plan = ();

    fn describe(describe: &mut Describe<'_>) {
        describe.body::<T>("application/json");
        describe.optional_body();
    }

    fn extract(plan: &(), request: &Request<'_>) -> Result<Self, Problem> {
        if request.body.is_empty() {
            Ok(None)
        } else {
            Json::extract(plan, request).map(Some)
        }
    }
}

/// JSON that is valid and that serde refuses: a repeated key (the last wins), `1.0` for an integer.
#[cold]
fn recover<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    let refuse = || invalid(Source::Body, String::new());
    let mut value = json::parse(body).map_err(|_| refuse())?;
    whole(&mut value);
    serde_json::from_value(value).map_err(|_| refuse())
}

fn whole(value: &mut Value) {
    match value {
        Value::Number(number) if number.is_f64() => {
            let float = number.as_f64().unwrap_or_default();
            // 2^53: every whole number below is exact.
            if float.fract() == 0.0 && float.abs() < 9_007_199_254_740_992.0 {
                *value = Value::from(float as i64);
            }
        }
        Value::Array(items) => items.iter_mut().for_each(whole),
        Value::Object(members) => members.values_mut().for_each(whole),
        _ => {}
    }
}

impl<S: Clone + 'static> Extract for State<S> {
    /// `None` only in an app that does not freeze.
    type Plan = Option<S>;

    fn describe(describe: &mut Describe<'_>) -> Option<S> {
        describe.state()
    }

    fn extract(plan: &Option<S>, _: &Request<'_>) -> Result<Self, Problem> {
        plan.clone()
            .map(State)
            .ok_or_else(|| Problem::internal("").because("the state is missing"))
    }
}

/// A clone of what a hook kept with [`Passage::keep`](crate::Passage::keep); 500 where none did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kept<T>(pub T);

impl<T> Deref for Kept<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: Clone + 'static> Extract for Kept<T> {
    type Plan = ();

    fn describe(_: &mut Describe<'_>) {}

    fn extract(&(): &(), request: &Request<'_>) -> Result<Self, Problem> {
        let kept = request.passage.and_then(|passage| passage.kept::<T>());
        kept.map(|kept| Self((*kept).clone())).ok_or_else(|| {
            let name = std::any::type_name::<T>();
            Problem::internal("").because(format!("no hook before kept a {name}"))
        })
    }
}

/// Who sent the request. 401 where that is not known: the route lets everybody in, or anybody did; `Option<Caller>` is
/// for both.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller(pub Rc<Principal>);

impl Deref for Caller {
    type Target = Principal;

    fn deref(&self) -> &Principal {
        &self.0
    }
}

impl Extract for Caller {
    type Plan = ();

    fn describe(_: &mut Describe<'_>) {}

    fn extract(&(): &(), request: &Request<'_>) -> Result<Self, Problem> {
        let principal = request.principal.map(Rc::clone).map(Self);
        principal.ok_or_else(|| Problem::unauthenticated("send credentials"))
    }
}

impl Extract for Option<Caller> {
    type Plan = ();

    fn describe(_: &mut Describe<'_>) {}

    fn extract(&(): &(), request: &Request<'_>) -> Result<Self, Problem> {
        Ok(request.principal.map(Rc::clone).map(Caller))
    }
}

impl Extract for Trailers {
    type Plan = ();

    fn describe(_: &mut Describe<'_>) {}

    fn extract(&(): &(), request: &Request<'_>) -> Result<Self, Problem> {
        Ok(request.trailers.cloned().unwrap_or_default())
    }
}

impl Extract for Upgrade {
    type Plan = ();

    fn describe(_: &mut Describe<'_>) {}

    fn extract(&(): &(), request: &Request<'_>) -> Result<Self, Problem> {
        Upgrade::offered(request.head)
    }
}

impl Extract for Option<Upgrade> {
    type Plan = ();

    fn describe(_: &mut Describe<'_>) {}

    fn extract(&(): &(), request: &Request<'_>) -> Result<Self, Problem> {
        Ok(Upgrade::offered(request.head).ok())
    }
}

/// The claims of the caller's token as a type of the app. 401 where they do not fit, and where there is no token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Claims<T>(pub T);

impl<T> Deref for Claims<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: DeserializeOwned + 'static> Extract for Claims<T> {
    type Plan = ();

    fn describe(_: &mut Describe<'_>) {}

    fn extract(&(): &(), request: &Request<'_>) -> Result<Self, Problem> {
        let caller = Caller::extract(&(), request)?;
        caller.claims_as().map(Self).map_err(|error| {
            Problem::unauthenticated("the token's claims are not those that are needed")
                .because(error.to_string())
        })
    }
}

macro_rules! owned {
    ($($(#[$doc:meta])* $name:ident($of:ty) |$describe:ident| $body:expr, |$request:ident| $take:expr;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Default, PartialEq, Eq)]
        pub struct $name(pub $of);

        impl Deref for $name {
            type Target = $of;

            fn deref(&self) -> &$of {
                &self.0
            }
        }

        impl Extract for $name {
            type Plan = ();

            fn describe($describe: &mut Describe<'_>) {
                $body
            }

            fn extract(&(): &(), $request: &Request<'_>) -> Result<Self, Problem> {
                $take.map($name)
            }
        }
    )*};
}

owned! {
    /// Identity of the exchange, also sent as `x-request-id`.
    RequestId(String) |_describe| {}, |request| Ok(request.request_id.to_owned());

    /// Header fields as sent, in order; names in lower case.
    Fields(Vec<(String, Vec<u8>)>) |_describe| {}, |request| {
        let fields = request.head.headers.iter();
        Ok(fields.map(|(name, value)| (name.to_ascii_lowercase(), value.to_vec())).collect())
    };

    /// The body as text; a `text/*` media type, UTF-8 only.
    Text(String) |describe| describe.body_schema("text/*", Value::Bool(true)), |request| {
        let text = std::str::from_utf8(request.body).map(str::to_owned);
        text.map_err(|_| Problem::malformed_request("the body is not UTF-8"))
    };

    /// The body as it came, of any media type.
    Bytes(Vec<u8>) |describe| describe.body_schema("*/*", Value::Bool(true)), |request| Ok(request.body.to_vec());
}
