//! The order of one request, as one list. Serves any codec: head in, response out.

use crate::{Flow, Head, Reply, Response};
use std::task::Context;

/// An app after everything was checked: routes compiled to plans, documents made. Immutable; one per worker.
pub struct Frozen {}

/// A request whose head was accepted: it waits for its body. Owns nothing borrowed.
pub(crate) struct Exchange {
    /// What to do with the body.
    pub(crate) body: BodyPlan,
    /// The handler must answer within this many milliseconds from now on (504).
    pub(crate) timeout_ms: Option<u64>,
}

/// How the codec treats a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BodyPlan {
    /// Bytes accepted; more is 413 (before reading when Content-Length says so).
    pub(crate) limit: u64,
}

/// After the head.
pub(crate) enum Opened {
    /// Answered without the body (404, 405, 415, draining ...): not yet passed through `finish`.
    Refused(Exchange, Reply),
    /// Go on with the body.
    Accepted(Exchange),
}

impl Frozen {
    /// Head complete, before any byte of the body is looked at: request id, route, media type, limits.
    pub(crate) fn open(&self, _head: &Head<'_>, _has_body: bool) -> Opened {
        todo!()
    }

    /// Body complete: decode, validate, call. The flow's response is not yet passed through `finish`.
    pub(crate) fn call(&self, _exchange: &Exchange, _head: &Head<'_>, _body: &[u8], _peer: Option<std::net::SocketAddr>, _context: &mut Context<'_>) -> Flow {
        todo!()
    }

    /// Handler done or exchange refused: problem rendered, egress check, response headers of the pipeline (`x-request-id`), access log.
    pub(crate) fn finish(&self, _exchange: Exchange, _head: &Head<'_>, _reply: Reply) -> Response {
        todo!()
    }
}
