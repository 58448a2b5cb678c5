//! What leaves a handler: status, fields, body. The codec writes it; the pipeline may look at it before.

use crate::trailers::Trailer;
use crate::upgrade::Switch;
use bytes::Bytes;
use std::borrow::Cow;
use std::future::Future;
use std::pin::Pin;

/// A reply. `Date`, `Content-Length`, `Connection` and `x-request-id` are the server's business, not its own.
///
/// ```
/// use spikard::{App, Body, Response, TestClient};
///
/// async fn raw() -> Response {
///     Response::of(203, "text/csv", "a,b\n").header("x-rows", "1").header("x-rows", "more")
/// }
///
/// let mut empty = Response::empty(204);
/// assert!(matches!(empty.body, Body::Empty));
/// empty = Response::json(200, b"[]".to_vec());
/// assert_eq!(empty.content_type.as_deref(), Some("application/json"));
/// assert_eq!(Response::text(200, "hello").status, 200);
/// let answer = TestClient::new(App::new("Rows", "1.0.0").get("/", raw))?.get("/").wait();
/// assert_eq!((answer.status, answer.header("content-type"), answer.text()), (203, Some("text/csv"), "a,b\n"));
/// # Ok::<(), spikard::DefinitionError>(())
/// ```
#[derive(Debug)]
pub struct Response {
    /// 200 to 599; 101 by [`Upgrade`](crate::Upgrade).
    pub status: u16,
    /// Media type of the body; `None` only without a body.
    pub content_type: Option<Cow<'static, str>>,
    /// Further fields in order; `set-cookie` may repeat. Control characters in them (but tabs) make a 500 before anything
    /// is written; a `content-type` among them replaces the one above.
    pub headers: Vec<(Cow<'static, str>, Cow<'static, str>)>,
    /// Content.
    pub body: Body,
}

/// Content of a reply.
#[derive(Default)]
pub enum Body {
    /// None.
    #[default]
    Empty,
    /// Known at build time.
    Static(&'static [u8]),
    /// All there.
    Full(Vec<u8>),
    /// Pulled chunk by chunk when the socket can take more; chunked on HTTP/1.1 unless its length is known.
    Stream(Box<dyn ChunkSource>),
    /// None, and what follows is another protocol: of status 101, by [`Upgrade`](crate::Upgrade).
    Upgrade(Box<Switch>),
}

/// A producer of chunks; dropped when the client leaves.
///
/// The head goes out with the first chunk: an error before it is answered, by the [`Problem`](crate::Problem) that it holds
/// (`std::io::Error::other(problem)`), else with 500. A later one is logged and aborts the connection, so that a short body
/// is never taken for a whole one.
///
/// ```
/// use bytes::Bytes;
/// use spikard::response::ChunkSource;
/// use spikard::{App, Response, TestClient};
/// use std::{future::Future, io, pin::Pin};
///
/// struct Countdown(u8);
///
/// impl ChunkSource for Countdown {
///     fn next(&mut self) -> Pin<Box<dyn Future<Output = Option<io::Result<Bytes>>> + '_>> {
///         Box::pin(async {
///             self.0 = self.0.checked_sub(1)?;
///             Some(Ok(format!("{}\n", self.0).into()))
///         })
///     }
/// }
///
/// let app = App::new("Rocket", "1.0.0").get("/", || async { Response::stream(200, "text/plain", Countdown(3)) });
/// assert_eq!(TestClient::new(app)?.get("/").wait().text(), "2\n1\n0\n");
/// # Ok::<(), spikard::DefinitionError>(())
/// ```
pub trait ChunkSource {
    /// The next chunk, or the end, after which nothing is asked.
    fn next(&mut self) -> Pin<Box<dyn Future<Output = Option<std::io::Result<Bytes>>> + '_>>;

    /// Bytes of all chunks together, where they are known before the first: sent as `content-length`, and kept to.
    fn length(&self) -> Option<u64> {
        None
    }

    /// Fields behind the last chunk, asked for at the end and only where the client keeps them (`TE: trailers`, RFC 9110
    /// section 6.5.1): on HTTP/2, and on HTTP/1.1 unless the length was told. One that cannot stand there is logged and not
    /// sent.
    fn trailers(&mut self) -> Vec<Trailer> {
        Vec::new()
    }
}

impl std::fmt::Debug for Body {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Body::Empty => f.write_str("Empty"),
            Body::Static(bytes) => write!(f, "Static({} bytes)", bytes.len()),
            Body::Full(bytes) => write!(f, "Full({} bytes)", bytes.len()),
            Body::Stream(_) => f.write_str("Stream"),
            Body::Upgrade(switch) => switch.fmt(f),
        }
    }
}

/// A sender on another task, a bounded channel between: a slow client holds the sender, not the memory.
impl ChunkSource for tokio::sync::mpsc::Receiver<Bytes> {
    fn next(&mut self) -> Pin<Box<dyn Future<Output = Option<std::io::Result<Bytes>>> + '_>> {
        Box::pin(async { self.recv().await.map(Ok) })
    }
}

/// Chunks that are all known, for example lines of a report.
#[derive(Debug)]
pub struct Chunks<I>(pub I);

impl<I: Iterator<Item = T>, T: Into<Bytes>> ChunkSource for Chunks<I> {
    fn next(&mut self) -> Pin<Box<dyn Future<Output = Option<std::io::Result<Bytes>>> + '_>> {
        Box::pin(std::future::ready(
            self.0.next().map(|chunk| Ok(chunk.into())),
        ))
    }
}

/// Chunks with fields behind them.
struct Trailed {
    source: Box<dyn ChunkSource>,
    give: Option<Box<dyn FnOnce() -> Vec<Trailer>>>,
}

impl ChunkSource for Trailed {
    fn next(&mut self) -> Pin<Box<dyn Future<Output = Option<std::io::Result<Bytes>>> + '_>> {
        self.source.next()
    }

    fn trailers(&mut self) -> Vec<Trailer> {
        let mut trailers = self.source.trailers();
        trailers.extend(self.give.take().map(|give| give()).unwrap_or_default());
        trailers
    }
}

impl Response {
    /// A status and nothing else.
    pub fn empty(status: u16) -> Self {
        Self {
            status,
            content_type: None,
            headers: Vec::new(),
            body: Body::Empty,
        }
    }

    /// JSON text that is already encoded.
    pub fn json(status: u16, text: Vec<u8>) -> Self {
        Self {
            status,
            content_type: Some(Cow::Borrowed("application/json")),
            headers: Vec::new(),
            body: Body::Full(text),
        }
    }

    /// Text, `text/plain; charset=utf-8`.
    pub fn text(status: u16, text: impl Into<String>) -> Self {
        Self::of(status, "text/plain; charset=utf-8", text.into())
    }

    /// Content of a media type.
    pub fn of(
        status: u16,
        media_type: impl Into<Cow<'static, str>>,
        content: impl Into<Vec<u8>>,
    ) -> Self {
        let mut response = Self::empty(status);
        response.content_type = Some(media_type.into());
        response.body = Body::Full(content.into());
        response
    }

    /// Chunks of a media type, pulled when the client can take them.
    ///
    /// ```
    /// use spikard::response::{Chunks, Response};
    ///
    /// let lines = (1..=3).map(|number| format!("{number}\n"));
    /// let response = Response::stream(200, "text/plain; charset=utf-8", Chunks(lines));
    /// assert_eq!(response.status, 200);
    /// ```
    pub fn stream(
        status: u16,
        media_type: impl Into<Cow<'static, str>>,
        source: impl ChunkSource + 'static,
    ) -> Self {
        let mut response = Self::empty(status);
        response.content_type = Some(media_type.into());
        response.body = Body::Stream(Box::new(source));
        response
    }

    /// The same with fields behind the content, which `give` makes when all of it was taken; see [`ChunkSource::trailers`].
    ///
    /// ```
    /// use spikard::response::{Chunks, Response};
    ///
    /// let lines = (1..=3).map(|number| format!("{number}\n"));
    /// let response = Response::stream(200, "text/plain; charset=utf-8", Chunks(lines))
    ///     .trailers(|| vec![("lines".into(), "3".into())]);
    /// assert_eq!(response.status, 200);
    /// ```
    pub fn trailers(mut self, give: impl FnOnce() -> Vec<Trailer> + 'static) -> Self {
        let source: Box<dyn ChunkSource> = match self.body {
            Body::Stream(source) => source,
            Body::Full(bytes) => Box::new(Chunks(std::iter::once(bytes))),
            Body::Static(bytes) => Box::new(Chunks(std::iter::once(bytes))),
            Body::Empty | Body::Upgrade(_) => return self,
        };
        self.body = Body::Stream(Box::new(Trailed {
            source,
            give: Some(Box::new(give)),
        }));
        self
    }

    /// Adds a header field; a name may be added more than once.
    pub fn header(
        mut self,
        name: impl Into<Cow<'static, str>>,
        value: impl Into<Cow<'static, str>>,
    ) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }
}
