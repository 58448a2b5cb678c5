//! The error table: every failure of every kind of route is one of these rows, sent as RFC 9457 problem details.

use spikard_contract::Violations;
use std::borrow::Cow;
use std::ops::{Deref, DerefMut};

/// Prefix of `type` by default.
pub(crate) const BASE: &str = "urn:spikard:problem:";

/// One row: stable code, status, title.
///
/// ```
/// use spikard::Problem;
/// use spikard::problem::{Row, TABLE};
///
/// let teapot = Problem::of(Row { code: "teapot", status: 418, title: "I am a teapot" }, "no coffee here");
/// assert_eq!((teapot.status, &*teapot.code), (418, "teapot"));
/// assert!(TABLE.iter().any(|row| row.code == "not-found"));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row {
    /// Stable name, last part of `type`.
    pub code: &'static str,
    /// HTTP status.
    pub status: u16,
    /// One line for a person.
    pub title: &'static str,
}

macro_rules! table {
    ($($name:ident $code:literal $status:literal $title:literal;)*) => {
        /// Every row, in order of status.
        pub const TABLE: &[Row] = &[$(Row { code: $code, status: $status, title: $title },)*];

        impl Problem {
            $(
                #[doc = concat!("`", $code, "`, status ", stringify!($status), ": ", $title, ".")]
                ///
                /// ```
                #[doc = concat!("let problem = spikard::Problem::", stringify!($name), "(\"why\").header(\"x-a\", \"1\").because(\"for the log\");")]
                #[doc = concat!("assert_eq!((problem.status, &*problem.code), (", stringify!($status), ", \"", $code, "\"));")]
                /// ```
                pub fn $name(detail: impl Into<Cow<'static, str>>) -> Self {
                    Self::of(Row { code: $code, status: $status, title: $title }, detail)
                }
            )*
        }
    };
}

table! {
    malformed_request "malformed-request" 400 "The request is malformed";
    malformed_json "malformed-json" 400 "The body is not JSON";
    unauthenticated "unauthenticated" 401 "Credentials are missing or wrong";
    forbidden "forbidden" 403 "Not allowed";
    not_found "not-found" 404 "Not found";
    method_not_allowed "method-not-allowed" 405 "Method not allowed";
    not_acceptable "not-acceptable" 406 "Not acceptable";
    request_timeout "request-timeout" 408 "The request took too long to arrive";
    conflict "conflict" 409 "Conflict";
    precondition_failed "precondition-failed" 412 "A precondition failed";
    content_too_large "content-too-large" 413 "The body is too large";
    uri_too_long "uri-too-long" 414 "The target is too long";
    unsupported_media_type "unsupported-media-type" 415 "The media type is not supported";
    range_not_satisfiable "range-not-satisfiable" 416 "The range cannot be satisfied";
    invalid_request "invalid-request" 422 "The request is not valid";
    too_many_requests "too-many-requests" 429 "Too many requests";
    headers_too_large "headers-too-large" 431 "The header fields are too large";
    internal "internal" 500 "Internal error";
    response_invalid "response-invalid" 500 "The response is not valid";
    not_implemented "not-implemented" 501 "The method is not implemented";
    unavailable "unavailable" 503 "Not available now";
    handler_timeout "handler-timeout" 504 "The handler took too long";
}

/// A failure on its way to the client.
///
/// One pointer wide, because it is the `Err` of every handler and of every step of the pipeline; its members are those of
/// [`Members`], read and written in place.
///
/// ```
/// use spikard::Problem;
///
/// let mut problem = Problem::conflict("the sku is taken");
/// problem.extensions.insert("sku".into(), "ABC-0001".into());
/// assert_eq!((problem.status, &*problem.code), (409, "conflict"));
/// ```
#[derive(Debug, Clone)]
pub struct Problem(Box<Members>);

/// What a [`Problem`] says.
///
/// ```
/// use spikard::Problem;
///
/// let mut problem = Problem::unavailable("the stock is being counted");
/// problem.title = "Closed".into();
/// problem.headers.push(("retry-after".into(), "60".into()));
/// assert_eq!((&*problem.title, problem.headers.len(), problem.cause.is_none()), ("Closed", 1, true));
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Members {
    /// Stable name; the app's own codes are allowed.
    pub code: Cow<'static, str>,
    /// 400 to 599.
    pub status: u16,
    /// One line for a person.
    pub title: Cow<'static, str>,
    /// What happened this time; empty is left out.
    pub detail: Cow<'static, str>,
    /// Entries of `errors`.
    pub violations: Violations,
    /// Fields that go with it, for example `allow` or `retry-after`.
    pub headers: Vec<(Cow<'static, str>, Cow<'static, str>)>,
    /// What went wrong inside (traceback, panic text): logged; shown to clients only with `debug`.
    pub cause: Option<String>,
    /// Further members of the JSON object.
    pub extensions: serde_json::Map<String, serde_json::Value>,
}

impl Problem {
    /// A problem of a row.
    pub fn of(row: Row, detail: impl Into<Cow<'static, str>>) -> Self {
        Self(Box::new(Members {
            code: Cow::Borrowed(row.code),
            status: row.status,
            title: Cow::Borrowed(row.title),
            detail: detail.into(),
            violations: Violations::default(),
            headers: Vec::new(),
            cause: None,
            extensions: serde_json::Map::new(),
        }))
    }

    /// Adds a header field.
    pub fn header(
        mut self,
        name: impl Into<Cow<'static, str>>,
        value: impl Into<Cow<'static, str>>,
    ) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Says what went wrong inside: for the log, and for the client only with `debug`.
    pub fn because(mut self, cause: impl Into<String>) -> Self {
        self.cause = Some(cause.into());
        self
    }
}

impl std::fmt::Display for Problem {
    /// Title and detail: what the client may know.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &*self.detail {
            "" => f.write_str(&self.title),
            detail => write!(f, "{}: {detail}", self.title),
        }
    }
}

impl std::error::Error for Problem {}

impl Deref for Problem {
    type Target = Members;

    fn deref(&self) -> &Members {
        &self.0
    }
}

impl DerefMut for Problem {
    fn deref_mut(&mut self) -> &mut Members {
        &mut self.0
    }
}
