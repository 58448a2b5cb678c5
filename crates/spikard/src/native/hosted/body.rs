//! The bodies of replies that leave by somebody else's server. Pulled as that server pulls them; nothing is read ahead.

use crate::Body;
use crate::exchange::Exchange;
use crate::response::ChunkSource;
use crate::server::trailers;
use bytes::Bytes;
use http_body::{Frame, SizeHint};
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::sync::mpsc::Receiver;

type Polled = Poll<Option<io::Result<Frame<Bytes>>>>;
/// What a producer gave, and itself.
type Pulled = (Option<io::Result<Bytes>>, Box<dyn ChunkSource>);

/// The body of a reply of a [`LocalService`](super::LocalService), an `http_body::Body`. An error in it means that the reply is
/// not whole; the server around has to abort it. Dropped before its end, it ends its producer.
///
/// ```
/// use http_body::Body as _;
/// use spikard::{App, LocalBody};
/// use tower::ServiceExt as _;
///
/// # tokio::runtime::Builder::new_current_thread().build().expect("a runtime").block_on(async {
/// let service = App::new("Ping", "1.0.0").get("/", || async { "pong" }).into_service().expect("no mistakes");
/// let body: LocalBody = service.oneshot(http::Request::new(String::new())).await.expect("an answer").into_body();
/// assert_eq!(body.size_hint().exact(), Some(4));
/// # });
/// ```
pub struct LocalBody {
    state: State,
    /// The client keeps trailers.
    trailed: bool,
    /// Open, and counted as such, until the body has gone.
    _exchange: Option<Exchange>,
}

enum State {
    Whole(Bytes),
    Source(Box<dyn ChunkSource>),
    Pulling(Pin<Box<dyn Future<Output = Pulled>>>),
    End,
}

impl LocalBody {
    pub(super) fn new(body: Body, trailed: bool, exchange: Exchange) -> Self {
        Self {
            state: match body {
                // Fields of the connection stay outside, so that nobody has offered another protocol.
                Body::Empty | Body::Upgrade(_) => State::End,
                Body::Static(bytes) => State::Whole(Bytes::from_static(bytes)),
                Body::Full(bytes) => State::Whole(bytes.into()),
                Body::Stream(source) => State::Source(source),
            },
            trailed,
            _exchange: Some(exchange),
        }
    }

    /// All of it, when it is here.
    pub(super) fn whole(&mut self) -> Option<Bytes> {
        match &mut self.state {
            State::Whole(bytes) => Some(std::mem::take(bytes)),
            State::End => Some(Bytes::new()),
            _ => None,
        }
    }
}

impl http_body::Body for LocalBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Polled {
        loop {
            match std::mem::replace(&mut self.state, State::End) {
                State::End => return Poll::Ready(None),
                State::Whole(bytes) if bytes.is_empty() => return Poll::Ready(None),
                State::Whole(bytes) => return Poll::Ready(Some(Ok(Frame::data(bytes)))),
                State::Source(mut source) => {
                    self.state = State::Pulling(Box::pin(async move {
                        let chunk = source.next().await;
                        (chunk, source)
                    }));
                }
                State::Pulling(mut pulling) => match pulling.as_mut().poll(context) {
                    Poll::Pending => {
                        self.state = State::Pulling(pulling);
                        return Poll::Pending;
                    }
                    Poll::Ready((Some(Ok(chunk)), source)) => {
                        self.state = State::Source(source);
                        if !chunk.is_empty() {
                            return Poll::Ready(Some(Ok(Frame::data(chunk))));
                        }
                    }
                    Poll::Ready((Some(Err(error)), _)) => return Poll::Ready(Some(Err(error))),
                    Poll::Ready((None, mut source)) if self.trailed => {
                        let fields = trailers(&source.trailers());
                        let frame = (!fields.is_empty()).then(|| Ok(Frame::trailers(fields)));
                        return Poll::Ready(frame);
                    }
                    Poll::Ready((None, _)) => return Poll::Ready(None),
                },
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.state {
            State::End => true,
            State::Whole(bytes) => bytes.is_empty(),
            State::Source(_) | State::Pulling(_) => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.state {
            State::End => SizeHint::with_exact(0),
            State::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            State::Source(_) | State::Pulling(_) => SizeHint::default(),
        }
    }
}

/// The body of a reply of a [`SharedService`](super::SharedService), an `http_body::Body`. As [`LocalBody`], of another thread.
///
/// ```
/// use http_body::Body as _;
/// use spikard::{App, SharedBody, SharedService};
/// use tower::ServiceExt as _;
///
/// # tokio::runtime::Builder::new_current_thread().build().expect("a runtime").block_on(async {
/// let service = SharedService::start(|| App::new("Ping", "1.0.0").get("/", || async { "pong" })).expect("no mistakes");
/// let body: SharedBody = service.oneshot(http::Request::new(String::new())).await.expect("an answer").into_body();
/// assert_eq!(body.size_hint().exact(), Some(4));
/// # });
/// ```
#[derive(Debug)]
pub struct SharedBody(Shared);

#[derive(Debug)]
enum Shared {
    Whole(Bytes),
    Chunks(Receiver<io::Result<Frame<Bytes>>>),
}

impl SharedBody {
    pub(super) fn whole(bytes: Bytes) -> Self {
        Self(Shared::Whole(bytes))
    }

    pub(super) fn of(chunks: Receiver<io::Result<Frame<Bytes>>>) -> Self {
        Self(Shared::Chunks(chunks))
    }
}

impl http_body::Body for SharedBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Polled {
        match &mut self.0 {
            Shared::Whole(bytes) if bytes.is_empty() => Poll::Ready(None),
            Shared::Whole(bytes) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes))))),
            Shared::Chunks(chunks) => chunks.poll_recv(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(&self.0, Shared::Whole(bytes) if bytes.is_empty())
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Shared::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Shared::Chunks(_) => SizeHint::default(),
        }
    }
}

impl std::fmt::Debug for LocalBody {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("LocalBody")
    }
}
