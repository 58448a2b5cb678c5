//! A guest's producer as a streamed body: pulled as a handler is called, closed when nobody wants more. Encodes nothing.

use crate::{Completion, Guest, GuestEndpoint};
use bytes::Bytes;
use spikard::response::ChunkSource;
use spikard::{Body, Endpoint as _, Flow, Head, Headers, Reply, Request};
use std::future::{Future, poll_fn};
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::Poll;

/// Chunks that a callable of a guest gives, one a call: a response with a body is the next chunk, one without is the end,
/// a problem aborts the stream (or is the answer, while nothing was sent). Calls never overlap.
///
/// Dropped when it has ended and when the client leaves; a call that is pending then is cancelled first, and a producer that
/// has not come to its end is handed to [`Guest::close`].
pub struct GuestStream<G: Guest> {
    /// `None` once it has ended.
    producer: Option<GuestEndpoint<G>>,
}

impl<G: Guest> GuestStream<G> {
    /// As [`GuestEndpoint::new`].
    pub fn new(guest: Rc<G>, callable: G::Callable, completion: Completion) -> Self {
        Self {
            producer: Some(GuestEndpoint::new(guest, callable, completion)),
        }
    }
}

impl<G: Guest> ChunkSource for GuestStream<G> {
    fn next(&mut self) -> Pin<Box<dyn Future<Output = Option<io::Result<Bytes>>> + '_>> {
        Box::pin(async {
            let producer = self.producer.as_ref()?;
            // A producer looks at none of it.
            let nothing = Head {
                method: "GET",
                target: "/",
                headers: Headers::default(),
            };
            let request = Request {
                head: &nothing,
                arguments: &[],
                body: b"",
                unvalidated: None,
                trailers: None,
                request_id: "",
                peer: None,
                principal: None,
                passage: None,
            };
            let flow = poll_fn(|context| Poll::Ready(producer.call(request, context))).await;
            let reply = match flow {
                Flow::Done(reply) => reply,
                Flow::Pending(answer) => answer.await,
                Flow::Refused => return Some(Err(io::Error::other("the producer refused"))),
            };
            let chunk = chunk(reply);
            if chunk.is_none() {
                self.producer = None;
            }
            chunk
        })
    }
}

fn chunk(reply: Reply) -> Option<io::Result<Bytes>> {
    match reply.map(|response| response.body) {
        Ok(Body::Full(bytes)) => Some(Ok(bytes.into())),
        Ok(Body::Static(bytes)) => Some(Ok(Bytes::from_static(bytes))),
        Ok(Body::Empty) => None,
        Ok(Body::Stream(_) | Body::Upgrade(_)) => {
            Some(Err(io::Error::other("a chunk is no stream")))
        }
        Err(problem) => Some(Err(io::Error::other(problem))),
    }
}

impl<G: Guest> Drop for GuestStream<G> {
    fn drop(&mut self) {
        if let Some(producer) = self.producer.take() {
            producer.close();
        }
    }
}
