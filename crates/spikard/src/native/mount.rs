//! Services of others below a path: a request of the pipeline as `http::Request`, the service's response as one of ours.
//! Routes nothing; limits, hooks and problems are the pipeline's.

use super::raw::RequestId;
use crate::head::find;
use crate::response::ChunkSource;
use crate::trailers::{self, Trailer, Trailers};
use crate::{Body, Endpoint, Flow, Head, Problem, Reply, Request, Response};
use bytes::{Buf, Bytes};
use http::header::{CONTENT_LENGTH, HeaderMap, HeaderName, HeaderValue, TE};
use http::uri::PathAndQuery;
use http::{Method, Uri};
use http_body::{Frame, SizeHint};
use std::error::Error;
use std::future::{Future, poll_fn};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use tower_service::Service;

type BoxError = Box<dyn Error + Send + Sync>;

/// The body of a request to a mounted service, whole: the pipeline has read it, and kept it within the route's limit.
///
/// ```
/// use http_body::Body;
/// use spikard::RequestBody;
///
/// let body = RequestBody::from("text".as_bytes().to_vec());
/// assert_eq!(body.size_hint().exact(), Some(4));
/// ```
#[derive(Debug, Clone, Default)]
pub struct RequestBody {
    content: Bytes,
    trailers: Option<HeaderMap>,
}

impl From<Vec<u8>> for RequestBody {
    fn from(content: Vec<u8>) -> Self {
        Self {
            content: content.into(),
            trailers: None,
        }
    }
}

impl http_body::Body for RequestBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let content = std::mem::take(&mut self.content);
        Poll::Ready(match content.is_empty() {
            false => Some(Ok(Frame::data(content))),
            true => self
                .trailers
                .take()
                .map(|fields| Ok(Frame::trailers(fields))),
        })
    }

    fn is_end_stream(&self) -> bool {
        self.content.is_empty() && self.trailers.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.content.len() as u64)
    }
}

/// Among the extensions of a request to a mounted service: the part of its path, as sent, below which the service is.
/// `Principal`, `RequestId` and the peer's `SocketAddr` are there as well, where they are known.
///
/// ```
/// use axum::{Extension, Router, routing::get};
/// use spikard::{App, Prefix, TestClient};
///
/// let old = Router::new().route("/me", get(|Extension(Prefix(prefix)): Extension<Prefix>| async { prefix }));
/// let client = TestClient::new(App::new("Shops", "1.0.0").mount("/{shop}/old", old))?;
/// assert_eq!(client.get("/a%20b/old/me").wait().text(), "/a%20b/old");
/// # Ok::<(), spikard::DefinitionError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prefix(pub String);

/// What can be mounted: each `tower::Service` of `http::Request<RequestBody>` that can be cloned, an axum `Router` among them.
/// It need not be `Send`: it runs on the thread of its worker.
///
/// ```
/// use spikard::{Answering, App, Mountable, RequestBody, Response, TestClient};
///
/// /// Without a framework.
/// #[derive(Clone)]
/// struct Path;
///
/// impl Mountable for Path {
///     fn answer(&self, request: http::Request<RequestBody>) -> Answering {
///         Box::pin(async move { Ok(Response::text(200, request.uri().path())) })
///     }
/// }
///
/// assert_eq!(TestClient::new(App::new("Paths", "1.0.0").mount("/old", Path))?.get("/old/a").wait().text(), "/a");
/// # Ok::<(), spikard::DefinitionError>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be mounted",
    label = "not a `tower::Service` of HTTP requests that can be cloned",
    note = "an axum `Router` can, once its state was given: `router.with_state(state)`",
    note = "others: `impl tower::Service<http::Request<spikard::RequestBody>, Response = http::Response<B>> + Clone`, where `B: http_body::Body`"
)]
pub trait Mountable: Clone + 'static {
    /// Answers one request.
    fn answer(&self, request: http::Request<RequestBody>) -> Answering;
}

/// A response that is under way.
pub type Answering = Pin<Box<dyn Future<Output = Reply>>>;

impl<S, B> Mountable for S
where
    S: Service<http::Request<RequestBody>, Response = http::Response<B>> + Clone + 'static,
    S::Error: Into<BoxError>,
    B: http_body::Body + 'static,
    B::Error: Into<BoxError>,
{
    fn answer(&self, request: http::Request<RequestBody>) -> Answering {
        let mut service = self.clone();
        Box::pin(async move {
            let is_head = request.method() == Method::HEAD;
            let ready = poll_fn(|context| service.poll_ready(context)).await;
            ready.map_err(|error| failed(error.into(), "the mounted service"))?;
            let answered = service.call(request).await;
            let response = answered.map_err(|error| failed(error.into(), "the mounted service"))?;
            take(response, is_head).await
        })
    }
}

/// Serves all that is below a path.
pub(super) struct Mounted<S> {
    service: S,
    /// Segments of the path that are not the service's.
    depth: usize,
}

impl<S> Mounted<S> {
    pub(super) fn new(service: S, depth: usize) -> Self {
        Self { service, depth }
    }
}

impl<S: Mountable> Endpoint for Mounted<S> {
    fn call(&self, request: Request<'_>, context: &mut Context<'_>) -> Flow {
        let request = match give(&request, self.depth) {
            Ok(request) => request,
            Err(problem) => return Flow::Done(Err(problem)),
        };
        let mut answering = self.service.answer(request);
        match answering.as_mut().poll(context) {
            Poll::Ready(reply) => Flow::Done(reply),
            Poll::Pending => Flow::Pending(answering),
        }
    }
}

/// A problem stays one; what else a service fails by is told in the log alone.
fn failed(error: BoxError, what: &str) -> Problem {
    match error.downcast::<Problem>() {
        Ok(problem) => *problem,
        Err(error) => Problem::internal("").because(format!("{what} failed: {error}")),
    }
}

fn give(request: &Request<'_>, depth: usize) -> Result<http::Request<RequestBody>, Problem> {
    let Head {
        method,
        target,
        headers,
    } = request.head;
    let wrong = |what: &str| Problem::malformed_request(format!("the {what} cannot be passed on"));
    let (prefix, below) = split(target, depth);
    let path = PathAndQuery::try_from(below).map_err(|_| wrong("target"))?;
    let mut fields = HeaderMap::with_capacity(headers.0.len() + 2);
    let mut is_framed = false;
    for (name, value) in headers.iter() {
        is_framed |= is_framing(name);
        if is_of_connection(name, request.head) || is_framing(name) {
            continue;
        }
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| wrong("header"))?;
        let value = HeaderValue::from_bytes(value).map_err(|_| wrong("header"))?;
        fields.append(name, value);
    }
    if is_framed || !request.body.is_empty() {
        fields.insert(CONTENT_LENGTH, request.body.len().into());
    }
    let id = HeaderValue::from_str(request.request_id).map_err(|_| wrong("request id"))?;
    fields.insert(HeaderName::from_static("x-request-id"), id);
    if trailers::are_taken(request.head) {
        fields.insert(TE, HeaderValue::from_static("trailers"));
    }
    let mut given = http::Request::new(RequestBody {
        content: Bytes::copy_from_slice(request.body),
        trailers: request.trailers.map(Trailers::to_map),
    });
    *given.method_mut() = Method::from_bytes(method.as_bytes()).map_err(|_| wrong("method"))?;
    *given.uri_mut() = Uri::from(path);
    *given.headers_mut() = fields;
    let kept = given.extensions_mut();
    kept.insert(Prefix(prefix.to_owned()));
    kept.insert(RequestId(request.request_id.to_owned()));
    if let Some(peer) = request.peer {
        kept.insert(peer);
    }
    if let Some(principal) = request.principal {
        kept.insert(principal.as_ref().clone());
    }
    Ok(given)
}

/// The first `depth` segments of the target's path, and what is below them.
fn split(target: &str, depth: usize) -> (&str, String) {
    let path = find(b'?', target).map_or(target, |end| &target[..end]);
    let mut at = 0;
    for _ in 0..depth {
        let from = (at + 1).min(path.len());
        at = path[from..]
            .find('/')
            .map_or(path.len(), |next| from + next);
    }
    let (prefix, below) = target.split_at(at);
    match below.starts_with('/') {
        true => (prefix, below.to_owned()),
        false => (prefix, format!("/{below}")),
    }
}

fn is_framing(name: &str) -> bool {
    ["content-length", "transfer-encoding"]
        .iter()
        .any(|own| name.eq_ignore_ascii_case(own))
}

/// Fields that are said to the next server alone (RFC 9110 section 7.6.1), and those of a body that is here.
fn is_of_connection(name: &str, head: &Head<'_>) -> bool {
    const OWN: [&str; 7] = [
        "connection",
        "expect",
        "keep-alive",
        "proxy-connection",
        "te",
        "trailer",
        "upgrade",
    ];
    let is_named = |options: &[u8]| {
        let mut options = options.split(|byte| *byte == b',');
        options.any(|option| option.trim_ascii().eq_ignore_ascii_case(name.as_bytes()))
    };
    OWN.iter().any(|own| name.eq_ignore_ascii_case(own))
        || head.headers.all("connection").any(is_named)
}

/// A service's response as one of ours; one that is whole at once is a whole one here.
async fn take<B>(response: http::Response<B>, is_head: bool) -> Reply
where
    B: http_body::Body + 'static,
    B::Error: Into<BoxError>,
{
    let (parts, body) = response.into_parts();
    let mut taken = Response::empty(parts.status.as_u16());
    for (name, value) in &parts.headers {
        let value = std::str::from_utf8(value.as_bytes()).map_err(|_| {
            Problem::internal("").because(format!("the mounted service's {name} is not UTF-8"))
        })?;
        let name = name.as_str().to_owned();
        taken.headers.push((name.into(), value.to_owned().into()));
    }
    let announced = parts.headers.get(CONTENT_LENGTH);
    let announced = announced.and_then(|length| length.to_str().ok()?.parse().ok());
    let mut chunks = Chunks {
        length: body.size_hint().exact().or(announced),
        body: Box::pin(body),
        first: None,
        trailers: HeaderMap::new(),
    };
    if is_head {
        // What GET would send is told, and nothing sent.
        taken.body = match announced.or(chunks.length) {
            Some(length) => Body::Stream(Box::new(Told(length))),
            None => Body::Stream(Box::new(chunks)),
        };
        return Ok(taken);
    }
    taken.body = match chunks.pull().await {
        None if chunks.trailers.is_empty() => Body::Empty,
        None => Body::Stream(Box::new(chunks)),
        Some(Err(error)) => return Err(failed(error, "the body of the mounted service")),
        Some(Ok(whole)) if chunks.body.is_end_stream() => Body::Full(whole.into()),
        Some(Ok(first)) => {
            chunks.first = Some(first);
            Body::Stream(Box::new(chunks))
        }
    };
    Ok(taken)
}

type Next<'s> = Pin<Box<dyn Future<Output = Option<io::Result<Bytes>>> + 's>>;

/// A service's body.
struct Chunks<B> {
    trailers: HeaderMap,
    first: Option<Bytes>,
    body: Pin<Box<B>>,
    length: Option<u64>,
}

impl<B> Chunks<B>
where
    B: http_body::Body,
    B::Error: Into<BoxError>,
{
    async fn pull(&mut self) -> Option<Result<Bytes, BoxError>> {
        loop {
            let frame = poll_fn(|context| self.body.as_mut().poll_frame(context)).await?;
            match frame.map(Frame::into_data) {
                Ok(Ok(mut data)) if data.has_remaining() => {
                    return Some(Ok(data.copy_to_bytes(data.remaining())));
                }
                Ok(Ok(_)) => {}
                Ok(Err(frame)) => self
                    .trailers
                    .extend(frame.into_trailers().unwrap_or_default()),
                Err(error) => return Some(Err(error.into())),
            }
        }
    }
}

impl<B> ChunkSource for Chunks<B>
where
    B: http_body::Body,
    B::Error: Into<BoxError>,
{
    fn next(&mut self) -> Next<'_> {
        Box::pin(async {
            match self.first.take() {
                Some(first) => Some(Ok(first)),
                None => Some(self.pull().await?.map_err(io::Error::other)),
            }
        })
    }

    fn length(&self) -> Option<u64> {
        self.length
    }

    fn trailers(&mut self) -> Vec<Trailer> {
        Trailers::of_map(&self.trailers).into_text()
    }
}

/// Only the length of what is not sent.
struct Told(u64);

impl ChunkSource for Told {
    fn next(&mut self) -> Next<'_> {
        Box::pin(std::future::ready(None))
    }

    fn length(&self) -> Option<u64> {
        Some(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::split;

    #[test]
    fn the_path_below_starts_with_a_slash() {
        for (target, depth, prefix, below) in [
            ("/old", 1, "/old", "/"),
            ("/old?a=/b", 1, "/old", "/?a=/b"),
            ("/old/", 1, "/old", "/"),
            ("/old//x", 1, "/old", "//x"),
            ("/a/old/x/y?q", 2, "/a/old", "/x/y?q"),
            ("/x?y", 0, "", "/x?y"),
            ("/", 0, "", "/"),
        ] {
            let found = split(target, depth);
            assert_eq!(found, (prefix, below.to_owned()), "{target} {depth}");
        }
    }
}
