//! A client for tests: the app's own HTTP/1.1 code over memory, without a socket or a runtime. Follows no redirects and
//! keeps no cookies.

use super::App;
use crate::server::{Answer, exchange, request_bytes};
use crate::{DefinitionError, Frozen};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::future::{Future, IntoFuture};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{Thread, current, park};

/// Calls an app in process.
///
/// ```
/// use spikard::{App, TestClient};
///
/// async fn ping() -> &'static str {
///     "pong"
/// }
///
/// let client = TestClient::new(App::new("Ping", "1.0.0").get("/ping", ping))?;
/// let answer = client.get("/ping").header("x-request-id", "t-1").wait();
/// assert_eq!((answer.status, answer.text()), (200, "pong"));
/// assert_eq!(answer.header("x-request-id"), Some("t-1"));
/// # Ok::<(), spikard::DefinitionError>(())
/// ```
#[derive(Debug, Clone)]
pub struct TestClient {
    app: Rc<Frozen>,
}

/// One request; an answer that was cut short has status 0. `.await` it, or [`wait`](TestRequest::wait) for it where nothing else runs.
///
/// ```
/// use serde_json::{Value, json};
/// use spikard::{App, Bytes, Json, TestClient};
///
/// let app = App::new("Echo", "1.0.0")
///     .post("/json", |Json(value): Json<Value>| async { Json(value) })
///     .post("/bytes", |Bytes(bytes): Bytes| async { bytes });
/// let client = TestClient::new(app)?;
/// let answer = client.request("POST", "/json").json(&json!({"a": 1})).wait();
/// assert_eq!((answer.text(), answer.json::<Value>()), (r#"{"a":1}"#, json!({"a": 1})));
/// let answer = client.post("/bytes").header("x-a", "1").body("image/png", [0, 1]).wait();
/// assert_eq!(answer.body, [0, 1]);
/// # Ok::<(), spikard::DefinitionError>(())
/// ```
#[derive(Debug, Clone)]
#[must_use = "a request is sent by `.await` or `.wait()`"]
pub struct TestRequest {
    app: Rc<Frozen>,
    method: String,
    target: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

macro_rules! verbs {
    ($($verb:ident $method:literal;)*) => {$(
        #[doc = concat!($method, " of a target: path and query.")]
        ///
        /// ```
        /// use spikard::{App, TestClient};
        ///
        /// let client = TestClient::new(App::new("Nothing", "1.0.0"))?;
        #[doc = concat!("assert_eq!(client.", stringify!($verb), "(\"/?a=1\").wait().status, 404);")]
        /// # Ok::<(), spikard::DefinitionError>(())
        /// ```
        pub fn $verb(&self, target: &str) -> TestRequest {
            self.request($method, target)
        }
    )*};
}

impl TestClient {
    /// Freezes `app`; its mistakes are reported.
    pub fn new(app: App) -> Result<Self, DefinitionError> {
        Ok(Self {
            app: Rc::new(app.freeze()?),
        })
    }

    /// A request of any method.
    pub fn request(&self, method: &str, target: &str) -> TestRequest {
        TestRequest {
            app: Rc::clone(&self.app),
            method: method.to_owned(),
            target: target.to_owned(),
            headers: Vec::new(),
            body: Vec::new(),
        }
    }

    verbs! {
        get "GET";
        head "HEAD";
        post "POST";
        put "PUT";
        patch "PATCH";
        delete "DELETE";
        query "QUERY";
        options "OPTIONS";
    }

    /// The app's OpenAPI document.
    ///
    /// ```
    /// use spikard::{App, TestClient};
    ///
    /// let client = TestClient::new(App::new("Shop", "1.0.0"))?;
    /// assert!(client.openapi().starts_with(b"{\"openapi\":\"3.1"));
    /// # Ok::<(), spikard::DefinitionError>(())
    /// ```
    pub fn openapi(&self) -> &[u8] {
        self.app.openapi()
    }
}

impl TestRequest {
    /// Adds a header field.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// A JSON body.
    ///
    /// # Panics
    /// When `value` has no JSON (a map whose keys are no text).
    pub fn json(self, value: &impl Serialize) -> Self {
        let text = serde_json::to_vec(value).expect("invariant: a test's value serialises");
        self.body("application/json", text)
    }

    /// A body of any media type.
    pub fn body(self, media_type: &str, content: impl Into<Vec<u8>>) -> Self {
        let mut request = self.header("content-type", media_type);
        request.body = content.into();
        request
    }

    /// Sends it and blocks until the answer is there. A handler that waits for Tokio's timers or sockets needs `.await`
    /// in a Tokio test instead.
    pub fn wait(self) -> Answer {
        block_on(self.into_future())
    }

    fn message(&self) -> Vec<u8> {
        let mut headers: Vec<(&str, &str)> = vec![("connection", "close")];
        headers.extend(
            self.headers
                .iter()
                .map(|(name, value)| (name.as_str(), value.as_str())),
        );
        request_bytes(&self.method, &self.target, &headers, &self.body)
    }
}

impl IntoFuture for TestRequest {
    type Output = Answer;
    type IntoFuture = Pin<Box<dyn Future<Output = Answer>>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let bytes = exchange(Rc::clone(&self.app), self.message()).await;
            let cut = Answer {
                status: 0,
                headers: Vec::new(),
                body: bytes.clone(),
            };
            Answer::parse(&bytes, self.method == "HEAD").unwrap_or(cut)
        })
    }
}

impl Answer {
    /// The body as text.
    ///
    /// # Panics
    /// When it is not UTF-8.
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("invariant: the test expects text")
    }

    /// The body as a value.
    ///
    /// # Panics
    /// When it is no JSON of that shape; the message shows it.
    #[track_caller]
    pub fn json<T: DeserializeOwned>(&self) -> T {
        match serde_json::from_slice(&self.body) {
            Ok(value) => value,
            #[expect(clippy::panic, reason = "a test's expectation failed")]
            Err(error) => panic!(
                "{} {}: {error}",
                self.status,
                String::from_utf8_lossy(&self.body)
            ),
        }
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    let waker = Waker::from(Arc::new(Unpark(current())));
    let mut context = Context::from_waker(&waker);
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(value) => return value,
            Poll::Pending => park(),
        }
    }
}
