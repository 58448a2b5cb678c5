//! Results: what a handler may return, and what that says about the route's responses.

use super::describe::Describe;
use super::extract::Json;
use crate::{Body, Problem, Reply, Response, buffers};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};
use std::borrow::Cow;

/// Something that a handler may return.
///
/// ```
/// use spikard::{App, Describe, IntoReply, Reply, Response, TestClient};
///
/// struct SeeOther(String);
///
/// impl IntoReply for SeeOther {
///     fn describe(describe: &mut Describe<'_>) {
///         describe.response_schema(Some(303), None);
///     }
///
///     fn into_reply(self, _: Option<u16>) -> Reply {
///         Ok(Response::empty(303).header("location", self.0))
///     }
/// }
///
/// let app = App::new("Shop", "1.0.0").post("/orders", || async { SeeOther("/orders/7".to_owned()) });
/// assert_eq!(TestClient::new(app)?.post("/orders").wait().header("location"), Some("/orders/7"));
/// # Ok::<(), spikard::DefinitionError>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no result of a handler",
    label = "does not become a response",
    note = "a handler returns `Json<T>`, text, bytes, `()`, `Response`, `Created<T>`, `(Status, ...)`, `(ETag, ...)` or `Result<_, Problem>`",
    note = "T needs `#[derive(serde::Serialize, schemars::JsonSchema)]`"
)]
pub trait IntoReply {
    /// Declares the response.
    fn describe(describe: &mut Describe<'_>);

    /// The response; `status` is the route's own, if it has one.
    fn into_reply(self, status: Option<u16>) -> Reply;
}

impl<T: Serialize + JsonSchema> IntoReply for Json<T> {
    fn describe(describe: &mut Describe<'_>) {
        describe.response::<T>(None, "application/json");
    }

    fn into_reply(self, status: Option<u16>) -> Reply {
        encode(&self.0, status.unwrap_or(200))
    }
}

fn encode<T: Serialize>(value: &T, status: u16) -> Reply {
    let mut text = buffers::lend();
    match serde_json::to_writer(&mut text, value) {
        Ok(()) => Ok(Response::json(status, text)),
        Err(error) => Err(Problem::internal("").because(format!("the result is no JSON: {error}"))),
    }
}

/// 201 with JSON and, when known, where the new thing is.
///
/// ```
/// use spikard::{App, Created, TestClient};
///
/// let app = App::new("Shop", "1.0.0").post("/items", || async { Created::at("/items/7", "bolt".to_owned()) });
/// let answer = TestClient::new(app)?.post("/items").wait();
/// assert_eq!((answer.status, answer.header("location"), answer.text()), (201, Some("/items/7"), "\"bolt\""));
/// # Ok::<(), spikard::DefinitionError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Created<T> {
    /// The new thing.
    pub value: T,
    /// Value of `location`.
    pub location: Option<String>,
}

impl<T> Created<T> {
    /// A new thing and where it is.
    pub fn at(location: impl Into<String>, value: T) -> Self {
        Self {
            value,
            location: Some(location.into()),
        }
    }
}

impl<T: Serialize + JsonSchema> IntoReply for Created<T> {
    fn describe(describe: &mut Describe<'_>) {
        describe.response::<T>(Some(describe.status().unwrap_or(201)), "application/json");
    }

    fn into_reply(self, status: Option<u16>) -> Reply {
        let mut response = encode(&self.value, status.unwrap_or(201))?;
        if let Some(location) = self.location {
            response.headers.push(("location".into(), location.into()));
        }
        Ok(response)
    }
}

impl IntoReply for () {
    fn describe(describe: &mut Describe<'_>) {
        describe.response_schema(Some(describe.status().unwrap_or(204)), None);
    }

    fn into_reply(self, status: Option<u16>) -> Reply {
        Ok(Response::empty(status.unwrap_or(204)))
    }
}

macro_rules! content {
    ($($of:ty, $media_type:literal, $schema:expr, |$value:ident| $body:expr;)*) => {$(
        impl IntoReply for $of {
            fn describe(describe: &mut Describe<'_>) {
                describe.response_schema(None, Some(($media_type, $schema)));
            }

            fn into_reply(self, status: Option<u16>) -> Reply {
                let $value = self;
                Ok(Response {
                    status: status.unwrap_or(200),
                    content_type: Some(Cow::Borrowed($media_type)),
                    headers: Vec::new(),
                    body: $body,
                })
            }
        }
    )*};
}

/// A page.
///
/// ```
/// use spikard::{App, Html, TestClient};
///
/// let app = App::new("Shop", "1.0.0").get("/", || async { Html("<h1>Shop</h1>".to_owned()) });
/// assert_eq!(TestClient::new(app)?.get("/").wait().header("content-type"), Some("text/html; charset=utf-8"));
/// # Ok::<(), spikard::DefinitionError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Html(pub String);

content! {
    &'static str, "text/plain; charset=utf-8", json!({"type": "string"}), |text| Body::Static(text.as_bytes());
    String, "text/plain; charset=utf-8", json!({"type": "string"}), |text| Body::Full(text.into_bytes());
    Html, "text/html; charset=utf-8", json!({"type": "string"}), |page| Body::Full(page.0.into_bytes());
    &'static [u8], "application/octet-stream", Value::Bool(true), |bytes| Body::Static(bytes);
    Vec<u8>, "application/octet-stream", Value::Bool(true), |bytes| Body::Full(bytes);
    bytes::Bytes, "application/octet-stream", Value::Bool(true), |bytes| Body::Full(bytes.into());
}

/// Declares nothing: say what it is with `.response(...)` on the route.
impl IntoReply for Response {
    fn describe(_: &mut Describe<'_>) {}

    fn into_reply(self, _: Option<u16>) -> Reply {
        Ok(self)
    }
}

impl<T: IntoReply, E: Into<Problem>> IntoReply for Result<T, E> {
    fn describe(describe: &mut Describe<'_>) {
        T::describe(describe);
    }

    fn into_reply(self, status: Option<u16>) -> Reply {
        match self {
            Ok(value) => value.into_reply(status),
            Err(error) => Err(error.into()),
        }
    }
}

/// A status that is chosen at run time; the documents show the route's own.
///
/// ```
/// use spikard::{App, Status, TestClient};
///
/// let app = App::new("Shop", "1.0.0").post("/orders", || async { (Status(202), "later") });
/// assert_eq!(TestClient::new(app)?.post("/orders").wait().status, 202);
/// # Ok::<(), spikard::DefinitionError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Status(pub u16);

impl<T: IntoReply> IntoReply for (Status, T) {
    fn describe(describe: &mut Describe<'_>) {
        T::describe(describe);
    }

    fn into_reply(self, _: Option<u16>) -> Reply {
        let (Status(status), value) = self;
        value.into_reply(Some(status))
    }
}

impl<T: IntoReply> IntoReply for (u16, T) {
    fn describe(describe: &mut Describe<'_>) {
        T::describe(describe);
    }

    fn into_reply(self, _: Option<u16>) -> Reply {
        let (status, value) = self;
        value.into_reply(Some(status))
    }
}

/// An entity tag (RFC 9110 section 8.8.3), with its quotes: `"7"` or `W/"7"`.
///
/// ```
/// use spikard::{App, ETag, TestClient};
///
/// let app = App::new("Shop", "1.0.0").get("/", || async { (ETag::strong(7), "bolts") });
/// assert_eq!(TestClient::new(app)?.get("/").wait().header("etag"), Some("\"7\""));
/// # Ok::<(), spikard::DefinitionError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ETag(pub String);

impl ETag {
    /// A strong tag of `value`, which holds no quotes.
    pub fn strong(value: impl std::fmt::Display) -> Self {
        Self(format!("\"{value}\""))
    }
}

impl<T: IntoReply> IntoReply for (ETag, T) {
    fn describe(describe: &mut Describe<'_>) {
        T::describe(describe);
    }

    fn into_reply(self, status: Option<u16>) -> Reply {
        let (ETag(tag), value) = self;
        let mut response = value.into_reply(status)?;
        response.headers.push(("etag".into(), tag.into()));
        Ok(response)
    }
}

/// Header fields and a result.
impl<T: IntoReply, const N: usize> IntoReply for ([(&'static str, String); N], T) {
    fn describe(describe: &mut Describe<'_>) {
        T::describe(describe);
    }

    fn into_reply(self, status: Option<u16>) -> Reply {
        let (fields, value) = self;
        let mut response = value.into_reply(status)?;
        response
            .headers
            .extend(fields.map(|(name, value)| (name.into(), value.into())));
        Ok(response)
    }
}
