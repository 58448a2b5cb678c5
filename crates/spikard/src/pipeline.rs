//! The order of one request, as one list. Serves any codec: head in, response out.

use crate::request_id::RequestId;
use crate::spec::AppSpec;
use crate::{DefinitionError, Endpoint, Flow, Head, Reply, Response};
use std::cell::Cell;
use std::task::Context;

/// An app after everything was checked: routes compiled to plans, documents made. Immutable; one per worker.
pub struct Frozen {
    pub(crate) spec: AppSpec,
    pub(crate) endpoints: Vec<Box<dyn Endpoint>>,
    ready: Cell<bool>,
}

/// A request whose head was accepted: it waits for its body. Owns nothing borrowed.
pub(crate) struct Exchange {
    /// What to do with the body.
    pub(crate) body: BodyPlan,
    /// The handler must answer within this many milliseconds from now on (504).
    pub(crate) timeout_ms: Option<u64>,
    /// Identity of the exchange.
    pub(crate) request_id: RequestId,
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

/// What the codec writes.
pub(crate) struct Finished {
    /// Checked and complete but for the codec's own fields.
    pub(crate) response: Response,
    /// The codec writes it as `x-request-id`: kept apart from the headers, so that it costs no allocation.
    pub(crate) request_id: RequestId,
}

impl Frozen {
    /// Checks `spec` and compiles it; `endpoints` are found by the routes' `handler`.
    pub fn new(spec: AppSpec, endpoints: Vec<Box<dyn Endpoint>>) -> Result<Self, DefinitionError> {
        Ok(Self {
            spec,
            endpoints,
            ready: Cell::new(true),
        })
    }

    /// The OpenAPI document, compact JSON.
    pub fn openapi(&self) -> &[u8] {
        todo!()
    }

    /// Options of the app.
    pub fn config(&self) -> &crate::Config {
        &self.spec.config
    }

    /// What `/health/ready` says; the server's drain sets it to `false`.
    pub(crate) fn set_ready(&self, ready: bool) {
        self.ready.set(ready);
    }

    /// Head complete, before any byte of the body is looked at: request id, route, media type, limits.
    pub(crate) fn open(&self, _head: &Head<'_>, _has_body: bool) -> Opened {
        todo!()
    }

    /// A head that cannot be used (400, 408, 414, 431 ... by the codec): an exchange to pass to `finish` with a problem.
    pub(crate) fn unusable(&self) -> Exchange {
        Exchange {
            body: BodyPlan { limit: 0 },
            timeout_ms: None,
            request_id: RequestId::generate(),
        }
    }

    /// Body complete: decode, validate, call. The flow's response is not yet passed through `finish`.
    pub(crate) fn call(
        &self,
        _exchange: &Exchange,
        _head: &Head<'_>,
        _body: &[u8],
        _peer: Option<std::net::SocketAddr>,
        _context: &mut Context<'_>,
    ) -> Flow {
        todo!()
    }

    /// Handler done or exchange refused: problem rendered, egress check, access log. `head` is `None` when it could not
    /// be read.
    pub(crate) fn finish(
        &self,
        _exchange: Exchange,
        _head: Option<&Head<'_>>,
        _reply: Reply,
    ) -> Finished {
        todo!()
    }
}
