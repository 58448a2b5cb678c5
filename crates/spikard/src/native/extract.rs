//! Extractors: what a handler asks for by the types of its arguments. Everything was validated before they run.

use super::arguments::{self, Selection};
use super::describe::Describe;
use crate::{Problem, Request};
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde_json::Value;
use spikard_contract::{Place, Source, Violation, Violations, json};
use std::ops::Deref;

/// Something that a handler may take as an argument.
///
/// ```
/// use spikard::{App, Describe, Extract, Problem, Request, TestClient};
///
/// /// The language that the client likes best.
/// struct Language(String);
///
/// impl Extract for Language {
///     type Plan = ();
///
///     fn describe(_: &mut Describe<'_>) {}
///
///     fn extract(&(): &(), request: &Request<'_>) -> Result<Self, Problem> {
///         let accepted = request.head.headers.get("accept-language").unwrap_or(b"en");
///         let first = accepted.split(|byte| matches!(byte, b',' | b';')).next().unwrap_or_default();
///         Ok(Self(String::from_utf8_lossy(first).into_owned()))
///     }
/// }
///
/// let app = App::new("Greeter", "1.0.0").get("/", |Language(language): Language| async { language });
/// let answer = TestClient::new(app)?.get("/").header("accept-language", "de, en;q=0.5").wait();
/// assert_eq!(answer.text(), "de");
/// # Ok::<(), spikard::DefinitionError>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no argument of a handler",
    label = "not something that can be taken from a request",
    note = "a handler takes `Path<T>`, `Query<T>`, `HeaderParams<T>`, `Cookies<T>`, `Json<T>`, `Form<T>`, `State<S>`, `Caller`, `Claims<T>`, `Kept<T>`, `RequestId`, `Conditions`, `Fields`, `Trailers`, `Upgrade`, `Text` or `Bytes`",
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
    ///
    /// ```
    /// use spikard::{App, Path, TestClient};
    ///
    /// async fn show(Path((shop, id)): Path<(String, u64)>) -> String {
    ///     format!("{id} in {shop}")
    /// }
    ///
    /// let client = TestClient::new(App::new("Shops", "1.0.0").get("/{shop}/items/{id}", show))?;
    /// assert_eq!(client.get("/a%2Fb/items/7").wait().text(), "7 in a/b");
    /// assert_eq!(client.get("/a/items/seven").wait().status, 422);
    /// # Ok::<(), spikard::DefinitionError>(())
    /// ```
    Path<T>;
    /// Query parameters: a struct, one parameter per field. `Option` and `#[serde(default)]` make a field optional.
    ///
    /// ```
    /// use schemars::JsonSchema;
    /// use serde::Deserialize;
    /// use spikard::{App, Query, TestClient};
    ///
    /// #[derive(Deserialize, JsonSchema)]
    /// struct Wanted {
    ///     limit: Option<u8>,
    /// }
    ///
    /// async fn list(Query(wanted): Query<Wanted>) -> String {
    ///     format!("{:?}", wanted.limit)
    /// }
    ///
    /// let client = TestClient::new(App::new("Shop", "1.0.0").get("/", list))?;
    /// assert_eq!(client.get("/?limit=7").wait().text(), "Some(7)");
    /// assert_eq!(client.get("/").wait().text(), "None");
    /// # Ok::<(), spikard::DefinitionError>(())
    /// ```
    Query<T>;
    /// Header fields: a struct, one parameter per field; `if_match` reads `if-match`.
    ///
    /// ```
    /// use schemars::JsonSchema;
    /// use serde::Deserialize;
    /// use spikard::{App, HeaderParams, TestClient};
    ///
    /// #[derive(Deserialize, JsonSchema)]
    /// struct Wanted {
    ///     x_limit: Option<u8>,
    /// }
    ///
    /// async fn list(HeaderParams(wanted): HeaderParams<Wanted>) -> String {
    ///     format!("{:?}", wanted.x_limit)
    /// }
    ///
    /// let client = TestClient::new(App::new("Shop", "1.0.0").get("/", list))?;
    /// assert_eq!(client.get("/").header("x-limit", "7").wait().text(), "Some(7)");
    /// assert_eq!(client.get("/").wait().text(), "None");
    /// # Ok::<(), spikard::DefinitionError>(())
    /// ```
    HeaderParams<T>;
    /// Cookies: a struct, one parameter per field.
    ///
    /// ```
    /// use schemars::JsonSchema;
    /// use serde::Deserialize;
    /// use spikard::{App, Cookies, TestClient};
    ///
    /// #[derive(Deserialize, JsonSchema)]
    /// struct Wanted {
    ///     limit: Option<u8>,
    /// }
    ///
    /// async fn list(Cookies(wanted): Cookies<Wanted>) -> String {
    ///     format!("{:?}", wanted.limit)
    /// }
    ///
    /// let client = TestClient::new(App::new("Shop", "1.0.0").get("/", list))?;
    /// assert_eq!(client.get("/").header("cookie", "limit=7").wait().text(), "Some(7)");
    /// assert_eq!(client.get("/").wait().text(), "None");
    /// # Ok::<(), spikard::DefinitionError>(())
    /// ```
    Cookies<T>;
    /// As an argument: the body, validated against the schema of `T`. As a result: JSON.
    ///
    /// ```
    /// use schemars::JsonSchema;
    /// use serde::{Deserialize, Serialize};
    /// use serde_json::json;
    /// use spikard::{App, Json, TestClient};
    ///
    /// #[derive(Serialize, Deserialize, JsonSchema)]
    /// struct Item {
    ///     #[schemars(range(min = 0))]
    ///     price: i64,
    /// }
    ///
    /// let app = App::new("Shop", "1.0.0").post("/double", |Json(item): Json<Item>| async move { Json(Item { price: item.price * 2 }) });
    /// let client = TestClient::new(app)?;
    /// assert_eq!(client.post("/double").json(&json!({"price": 4})).wait().text(), r#"{"price":8}"#);
    /// assert_eq!(client.post("/double").json(&json!({"price": -4})).wait().status, 422);
    /// # Ok::<(), spikard::DefinitionError>(())
    /// ```
    Json<T>;
    /// A clone of the value given to [`App::state`](super::App::state).
    ///
    /// ```
    /// use spikard::{App, State, TestClient};
    /// use std::cell::Cell;
    /// use std::rc::Rc;
    ///
    /// async fn count(State(visits): State<Rc<Cell<u32>>>) -> String {
    ///     visits.set(visits.get() + 1);
    ///     visits.get().to_string()
    /// }
    ///
    /// let client = TestClient::new(App::new("Visits", "1.0.0").state(Rc::new(Cell::new(6_u32))).get("/", count))?;
    /// assert_eq!(client.get("/").wait().text(), "7");
    /// # Ok::<(), spikard::DefinitionError>(())
    /// ```
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
pub(super) fn misfit(source: Source, name: &str) -> Problem {
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
