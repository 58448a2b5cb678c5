//! The two ends of a streamed body: its first chunk is pulled before the head goes out, so that what fails until then is
//! answered; what fails later is told, and nobody takes the body for whole. Writes nothing.

use crate::observe::Sent;
use crate::pipeline::shield;
use crate::request_id::RequestId;
use crate::response::ChunkSource;
use crate::trailers::{Trailer, misplaced};
use crate::{Body, Flow, Problem, Reply, Response, log};
use bytes::Bytes;
use std::future::{Future, poll_fn};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

type Next<'s> = Pin<Box<dyn Future<Output = Option<io::Result<Bytes>>> + 's>>;

/// An answer that is a stream is one to wait for.
pub(crate) fn begin(flow: Flow) -> Flow {
    match flow {
        Flow::Done(Ok(response)) if matches!(response.body, Body::Stream(_)) => {
            Flow::Pending(Box::pin(std::future::ready(Ok(response))))
        }
        flow => flow,
    }
}

/// An answer that is waited for, and after it the first chunk of one that is a stream.
pub(crate) struct Answer {
    /// What is given up when nobody waits any more.
    pub(crate) pending: Pin<Box<dyn Future<Output = Reply>>>,
    begun: bool,
}

impl Answer {
    pub(crate) fn new(pending: Pin<Box<dyn Future<Output = Reply>>>) -> Self {
        let begun = false;
        Self { pending, begun }
    }

    /// A panic is a problem.
    pub(crate) fn poll(&mut self, context: &mut Context<'_>) -> Poll<Reply> {
        loop {
            let polled = shield(|| self.pending.as_mut().poll(context));
            match ready!(polled.unwrap_or_else(|problem| Poll::Ready(Err(problem)))) {
                Ok(response) if !self.begun && matches!(response.body, Body::Stream(_)) => {
                    self.begun = true;
                    self.pending = Box::pin(first(response));
                }
                reply => return Poll::Ready(reply),
            }
        }
    }
}

/// A reply whose stream, if it is one, has begun.
pub(crate) async fn started(reply: Reply) -> Reply {
    match reply {
        Ok(response) if matches!(response.body, Body::Stream(_)) => first(response).await,
        reply => reply,
    }
}

/// The response with the first chunk of its stream.
async fn first(mut response: Response) -> Reply {
    if let Body::Stream(source) = response.body {
        let length = source.length();
        let mut source = Shielded(source);
        let first = source.next().await.transpose().map_err(problem)?;
        response.body = Body::Stream(Box::new(Begun {
            source,
            is_over: first.is_none(),
            first,
            length,
        }));
    }
    Ok(response)
}

/// What a producer that failed means before anything was sent.
fn problem(error: io::Error) -> Problem {
    match error.downcast::<Problem>() {
        Ok(problem) => problem,
        Err(error) => Problem::internal("").because(format!("the stream failed: {error}")),
    }
}

/// A producer whose first chunk is here.
struct Begun {
    first: Option<Bytes>,
    source: Shielded,
    /// It had no chunk at all.
    is_over: bool,
    length: Option<u64>,
}

impl ChunkSource for Begun {
    fn next(&mut self) -> Next<'_> {
        match (self.first.take(), self.is_over) {
            (None, false) => self.source.next(),
            (first, _) => Box::pin(std::future::ready(first.map(Ok))),
        }
    }

    fn length(&self) -> Option<u64> {
        self.length
    }

    fn trailers(&mut self) -> Vec<Trailer> {
        self.source.trailers()
    }
}

/// A producer whose panics are errors.
struct Shielded(Box<dyn ChunkSource>);

impl ChunkSource for Shielded {
    fn next(&mut self) -> Next<'_> {
        let failed = |problem| Some(Err(io::Error::other(problem)));
        match shield(|| self.0.next()) {
            Ok(mut next) => Box::pin(poll_fn(move |context| {
                let polled = shield(|| next.as_mut().poll(context));
                polled.unwrap_or_else(|problem| Poll::Ready(failed(problem)))
            })),
            Err(problem) => Box::pin(std::future::ready(failed(problem))),
        }
    }

    fn trailers(&mut self) -> Vec<Trailer> {
        shield(|| self.0.trailers()).unwrap_or_default()
    }
}

/// A producer whose failure is told with the exchange that it belongs to.
pub(crate) struct Told {
    pub(crate) source: Box<dyn ChunkSource>,
    pub(crate) operation: Option<String>,
    pub(crate) request_id: RequestId,
    /// Whoever counts its bytes.
    pub(crate) sent: Option<Sent>,
}

impl ChunkSource for Told {
    fn next(&mut self) -> Next<'_> {
        Box::pin(async {
            let next = self.source.next().await;
            if let (Some(Ok(chunk)), Some(sent)) = (&next, &self.sent) {
                sent.add(chunk.len());
            }
            if let Some(Err(error)) = &next {
                let problem = error
                    .get_ref()
                    .and_then(|error| error.downcast_ref::<Problem>());
                let cause = problem.and_then(|problem| problem.cause.clone());
                let cause = cause.unwrap_or_else(|| error.to_string());
                let (operation, id) = (self.operation.as_deref(), self.request_id.as_str());
                log::failure(log::Level::Error, "aborted", operation, id, &cause);
            }
            next
        })
    }

    fn length(&self) -> Option<u64> {
        self.source.length()
    }

    fn trailers(&mut self) -> Vec<Trailer> {
        let mut trailers = self.source.trailers();
        trailers.retain(|trailer| {
            let wrong = misplaced(trailer);
            if let Some(wrong) = &wrong {
                let (operation, id) = (self.operation.as_deref(), self.request_id.as_str());
                log::failure(log::Level::Error, "trailer-not-sent", operation, id, wrong);
            }
            wrong.is_none()
        });
        trailers
    }
}
