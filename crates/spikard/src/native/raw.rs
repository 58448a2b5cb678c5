//! Extractors of parts of a request as they came: its identity, its fields, its body, its trailers, and its wish to go
//! on in another protocol.

use super::describe::Describe;
use super::extract::Extract;
use crate::{Problem, Request, Trailers, Upgrade};
use serde_json::Value;
use std::ops::Deref;

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
    ///
    /// ```
    /// use spikard::{App, RequestId, TestClient};
    ///
    /// let app = App::new("Ids", "1.0.0").get("/", |RequestId(id): RequestId| async { id });
    /// assert_eq!(TestClient::new(app)?.get("/").header("x-request-id", "t-1").wait().text(), "t-1");
    /// # Ok::<(), spikard::DefinitionError>(())
    /// ```
    RequestId(String) |_describe| {}, |request| Ok(request.request_id.to_owned());

    /// Header fields as sent, in order; names in lower case.
    ///
    /// ```
    /// use spikard::{App, Fields, TestClient};
    ///
    /// let app = App::new("Fields", "1.0.0").get("/", |Fields(fields): Fields| async {
    ///     fields.into_iter().map(|(name, _)| name).collect::<Vec<_>>().join(" ")
    /// });
    /// assert_eq!(TestClient::new(app)?.get("/").header("X-A", "1").wait().text(), "connection x-a host");
    /// # Ok::<(), spikard::DefinitionError>(())
    /// ```
    Fields(Vec<(String, Vec<u8>)>) |_describe| {}, |request| {
        let fields = request.head.headers.iter();
        Ok(fields.map(|(name, value)| (name.to_ascii_lowercase(), value.to_vec())).collect())
    };

    /// The body as text; a `text/*` media type, UTF-8 only.
    ///
    /// ```
    /// use spikard::{App, Text, TestClient};
    ///
    /// let app = App::new("Echo", "1.0.0").post("/", |Text(text): Text| async { text });
    /// let client = TestClient::new(app)?;
    /// assert_eq!(client.post("/").body("text/markdown", "# Shop").wait().text(), "# Shop");
    /// assert_eq!(client.post("/").body("image/png", "no text").wait().status, 415);
    /// # Ok::<(), spikard::DefinitionError>(())
    /// ```
    Text(String) |describe| describe.body_schema("text/*", Value::Bool(true)), |request| {
        let text = std::str::from_utf8(request.body).map(str::to_owned);
        text.map_err(|_| Problem::malformed_request("the body is not UTF-8"))
    };

    /// The body as it came, of any media type.
    ///
    /// ```
    /// use spikard::{App, Bytes, TestClient};
    ///
    /// let app = App::new("Sizes", "1.0.0").post("/", |Bytes(bytes): Bytes| async move { bytes.len().to_string() });
    /// assert_eq!(TestClient::new(app)?.post("/").body("image/png", [0, 1, 2]).wait().text(), "3");
    /// # Ok::<(), spikard::DefinitionError>(())
    /// ```
    Bytes(Vec<u8>) |describe| describe.body_schema("*/*", Value::Bool(true)), |request| Ok(request.body.to_vec());
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
