//! The two ends of a streamed body: its first chunk is pulled before the head goes out, so that what fails until then is
//! answered; what fails later is told, and nobody takes the body for whole. Writes nothing.

use crate::pipeline::shield;
use crate::request_id::RequestId;
use crate::response::ChunkSource;
use crate::{Body, Flow, Problem, Reply, Response, log};
use bytes::Bytes;
use std::future::{Future, poll_fn};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

type Answer = Pin<Box<dyn Future<Output = Reply>>>;
type Next<'s> = Pin<Box<dyn Future<Output = Option<io::Result<Bytes>>> + 's>>;

/// An answer that is a stream waits for its first chunk.
pub(crate) fn begin(flow: Flow) -> Flow {
    match flow {
        Flow::Done(reply) => match first(reply) {
            Ok(reply) => Flow::Done(reply),
            Err(answer) => Flow::Pending(answer),
        },
        flow => flow,
    }
}

/// Polls an answer, and the first chunk of one that is a stream. A panic is a problem.
pub(crate) fn poll_answer(answer: &mut Answer, context: &mut Context<'_>) -> Poll<Reply> {
    loop {
        let polled = shield(|| answer.as_mut().poll(context));
        let reply = ready!(polled.unwrap_or_else(|problem| Poll::Ready(Err(problem))));
        match first(reply) {
            Ok(reply) => return Poll::Ready(reply),
            Err(begun) => *answer = begun,
        }
    }
}

/// What has to be awaited, if anything.
fn first(reply: Reply) -> Result<Reply, Answer> {
    match reply {
        Ok(Response {
            body: Body::Stream(source),
            status,
            content_type,
            headers,
        }) if !source.is_begun() => Err(Box::pin(async move {
            let mut source = Shielded(source);
            let first = source.next().await.transpose().map_err(problem)?;
            Ok(Response {
                status,
                content_type,
                headers,
                body: Body::Stream(Box::new(Begun {
                    source: first.is_some().then_some(source),
                    first,
                })),
            })
        })),
        reply => Ok(reply),
    }
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
    source: Option<Shielded>,
}

impl ChunkSource for Begun {
    fn next(&mut self) -> Next<'_> {
        match (self.first.take(), &mut self.source) {
            (None, Some(source)) => source.next(),
            (first, _) => Box::pin(std::future::ready(first.map(Ok))),
        }
    }

    fn is_begun(&self) -> bool {
        true
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
}

/// A producer whose failure is told with the exchange that it belongs to.
pub(crate) struct Told {
    pub(crate) source: Box<dyn ChunkSource>,
    pub(crate) operation: Option<String>,
    pub(crate) request_id: RequestId,
}

impl ChunkSource for Told {
    fn next(&mut self) -> Next<'_> {
        Box::pin(async {
            let next = self.source.next().await;
            if let Some(Err(error)) = &next {
                let problem = error
                    .get_ref()
                    .and_then(|error| error.downcast_ref::<Problem>());
                let cause = problem.and_then(|problem| problem.cause.clone());
                let cause = cause.unwrap_or_else(|| error.to_string());
                let (operation, id) = (self.operation.as_deref(), self.request_id.as_str());
                log::failure("error", "aborted", operation, id, &cause);
            }
            next
        })
    }

    fn is_begun(&self) -> bool {
        true
    }
}
