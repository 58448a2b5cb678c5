//! The story of one request that somebody else's server has read: its head checked, opened, its body read, called, answered.
//! Knows no socket; what framing is, the server around decides.

use super::body::LocalBody;
use crate::endpoint::{Cancel, give_up};
use crate::exchange::{Exchange, Opened};
use crate::hooks::{Concluded, Verdict};
use crate::server::{Incoming, split, too_large};
use crate::stream::Answer;
use crate::timer::within;
use crate::trailers::are_taken;
use crate::{App, DefinitionError, Flow, Frozen, Problem, Reply, Trailers};
use bytes::Buf;
use http::header::{CONNECTION, UPGRADE};
use std::convert::Infallible;
use std::error::Error;
use std::future::{Future, poll_fn};
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::runtime::Handle;
use tower_service::Service;

/// An app as a `tower::Service` of `http::Request`, for the thread that it was made on: layers go around it, hyper serves it by
/// `hyper_util::service::TowerToHyperService`, another app mounts it. For servers of several threads there is
/// [`SharedService`](super::SharedService).
///
/// Requests take the way of all others, with the app's limits; the time limits need a Tokio runtime. Framing, keep-alive and
/// the limits of connections are those of the server around. A `SocketAddr` among the request's extensions is its peer.
///
/// ```
/// use http_body_util::BodyExt;
/// use spikard::App;
/// use std::time::Duration;
/// use tower::{ServiceBuilder, ServiceExt, timeout::TimeoutLayer};
///
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// let app = App::new("Ping", "1.0.0").get("/ping", || async { "pong" });
/// let layered = ServiceBuilder::new().layer(TimeoutLayer::new(Duration::from_secs(1))).service(app.into_service()?);
/// let request = http::Request::get("/ping").body(String::new())?;
/// let response = layered.oneshot(request).await?;
/// assert_eq!(response.into_body().collect().await?.to_bytes(), "pong");
/// # Ok(())
/// # })
/// # .map_err(|error: Box<dyn std::error::Error + Send + Sync>| error)?;
/// # Ok::<(), Box<dyn std::error::Error + Send + Sync>>(())
/// ```
#[derive(Debug, Clone)]
pub struct LocalService {
    app: Rc<Frozen>,
}

impl App {
    /// Freezes the app for a server of somebody else's; see [`LocalService`].
    ///
    /// ```
    /// use spikard::App;
    ///
    /// let inner = App::new("Inner", "1.0.0").get("/", || async { "inner" });
    /// let outer = App::new("Outer", "1.0.0").mount("/inner", inner.into_service()?);
    /// assert_eq!(spikard::TestClient::new(outer)?.get("/inner").wait().text(), "inner");
    /// # Ok::<(), spikard::DefinitionError>(())
    /// ```
    ///
    /// # Errors
    /// The app has mistakes.
    pub fn into_service(self) -> Result<LocalService, DefinitionError> {
        let app = Rc::new(self.freeze()?);
        Ok(LocalService { app })
    }
}

type Response = http::Response<LocalBody>;

impl<B> Service<http::Request<B>> for LocalService
where
    B: http_body::Body + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    type Response = Response;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response, Infallible>>>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<B>) -> Self::Future {
        let app = Rc::clone(&self.app);
        Box::pin(async move { Ok(Guest::new(app, request).answer().await) })
    }
}

/// One request.
struct Guest<B> {
    app: Rc<Frozen>,
    incoming: Incoming,
    body: Pin<Box<B>>,
    peer: Option<SocketAddr>,
}

impl<B> Guest<B>
where
    B: http_body::Body,
{
    fn new(app: Rc<Frozen>, request: http::Request<B>) -> Self {
        let (mut parts, body) = request.into_parts();
        // The connection is not ours: what a client offers on it nobody here can take up.
        for name in [CONNECTION, UPGRADE] {
            parts.headers.remove(name);
        }
        let peer = parts.extensions.get().copied();
        Self {
            app,
            incoming: Incoming::of(parts),
            body: Box::pin(body),
            peer,
        }
    }

    async fn answer(mut self) -> Response {
        let app = Rc::clone(&self.app);
        if let Err(problem) = self.incoming.fits(app.config()) {
            return self.finish(app.unusable(), Err(problem)).await;
        }
        let length = self.incoming.length().or(self.body.size_hint().exact());
        let has_body = length.map_or(!self.body.is_end_stream(), |length| length > 0);
        let opened = self
            .incoming
            .with_head(|head| app.open(head, has_body, self.peer));
        let opened = match opened {
            Opened::Held(exchange, verdict) => {
                let verdict = hear(verdict, &exchange).await;
                app.go_on(exchange, verdict, has_body)
            }
            opened => opened,
        };
        let mut exchange = match opened {
            Opened::Accepted(exchange) => exchange,
            Opened::Refused(exchange, reply) => return self.finish(exchange, reply).await,
            Opened::Held(..) => unreachable!("invariant: hooks hold a request once"),
        };
        let content = match self.read(exchange.body.limit, length).await {
            Ok((content, trailers)) => {
                exchange.take_trailers(trailers.map(Rc::new));
                content
            }
            Err(problem) => return self.finish(exchange, Err(problem)).await,
        };
        let flow = poll_fn(|context| {
            let flow = self
                .incoming
                .with_head(|head| app.call(&exchange, head, &content, self.peer, context));
            Poll::Ready(flow)
        });
        let reply = match flow.await {
            Flow::Done(reply) => reply,
            Flow::Pending(answer) => wait(answer, &exchange).await,
            // The pipeline answers refusals of an endpoint itself.
            Flow::Refused => {
                let cause = "the pipeline let a refusal through";
                Err(Problem::internal("").because(cause))
            }
        };
        self.finish(exchange, reply).await
    }

    /// The whole body, and the fields behind it.
    async fn read(
        &mut self,
        limit: u64,
        length: Option<u64>,
    ) -> Result<(Vec<u8>, Option<Trailers>), Problem> {
        if length.is_some_and(|length| length > limit) {
            return Err(too_large(limit));
        }
        let patience = self.app.config().body_timeout_ms;
        let (mut content, mut trailers) = (Vec::new(), None);
        loop {
            let frame = poll_fn(|context| self.body.as_mut().poll_frame(context));
            let Some(frame) = in_time(patience, pin!(frame)).await else {
                return Err(Problem::request_timeout("the body stopped arriving"));
            };
            match frame.map(|frame| frame.map(http_body::Frame::into_data)) {
                None => return Ok((content, trailers)),
                Some(Ok(Ok(mut data))) => {
                    if (content.len() + data.remaining()) as u64 > limit {
                        return Err(too_large(limit));
                    }
                    while data.has_remaining() {
                        let chunk = data.chunk();
                        content.extend_from_slice(chunk);
                        data.advance(chunk.len());
                    }
                }
                Some(Ok(Err(frame))) => {
                    let fields = frame.into_trailers().ok();
                    trailers = fields.as_ref().map(Trailers::of_map).or(trailers);
                }
                Some(Err(_)) => return Err(Problem::malformed_request("the body is not whole")),
            }
        }
    }

    async fn finish(&self, mut exchange: Exchange, reply: Reply) -> Response {
        let reply = match self.app.conclude(&mut exchange, reply) {
            Concluded::Now(reply) => reply,
            Concluded::Later(answer) => wait(answer, &exchange).await,
        };
        let response = self
            .incoming
            .with_head(|head| self.app.finish(&exchange, Some(head), reply));
        let (head, body) = split(response, &exchange.request_id);
        let body = match self.incoming.is_head() {
            true => crate::Body::Empty,
            false => body,
        };
        let trailed = self.incoming.with_head(are_taken);
        head.map(|()| LocalBody::new(body, trailed, exchange))
    }
}

/// Waits for the handler, unless its time is over.
async fn wait(answer: Pin<Box<dyn Future<Output = Reply>>>, exchange: &Exchange) -> Reply {
    let mut answer = Answer::new(answer);
    let polled = poll_fn(|context| answer.poll(context));
    match in_time(exchange.timeout_ms.unwrap_or(0), pin!(polled)).await {
        Some(reply) => reply,
        None => {
            give_up(Cancel::Deadline, answer.pending);
            Err(late())
        }
    }
}

/// Waits until the hooks have spoken.
async fn hear(mut verdict: Pin<Box<dyn Future<Output = Verdict>>>, exchange: &Exchange) -> Verdict {
    let limit = exchange.timeout_ms.unwrap_or(0);
    match in_time(limit, verdict.as_mut()).await {
        Some(spoken) => spoken,
        None => {
            give_up(Cancel::Deadline, verdict);
            Some(Err(late()))
        }
    }
}

fn late() -> Problem {
    Problem::handler_timeout("the handler did not answer in time")
}

/// What `inner` comes to, if it does so within `limit` milliseconds; 0 for any time. What is ready at once needs no timer.
async fn in_time<F: Future + ?Sized>(limit: u64, mut inner: Pin<&mut F>) -> Option<F::Output> {
    let first = poll_fn(|context| Poll::Ready(inner.as_mut().poll(context))).await;
    match first {
        Poll::Ready(value) => Some(value),
        Poll::Pending if limit == 0 || Handle::try_current().is_err() => Some(inner.await),
        Poll::Pending => within(Duration::from_millis(limit), inner).await,
    }
}
