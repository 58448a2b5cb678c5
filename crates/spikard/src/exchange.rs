//! What is known of one request on its way, owned: the codec keeps it while bytes of the body are awaited. Decides nothing.

use crate::auth::Coming;
use crate::gate::Passed;
use crate::hooks::Verdict;
use crate::observe::Observed;
use crate::proxies::Seen;
use crate::request_id::RequestId;
use crate::status::Counted;
use crate::{Passage, Reply, Trailers};
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;

/// A request whose head was accepted: it waits for its body. Owns nothing borrowed.
pub(crate) struct Exchange {
    /// What to do with the body.
    pub(crate) body: BodyPlan,
    /// The handler must answer within this many milliseconds from now on (504).
    pub(crate) timeout_ms: Option<u64>,
    /// Identity of the exchange. The codec writes it as `x-request-id`: it is not among the response's fields, so that
    /// it costs no allocation.
    pub(crate) request_id: RequestId,
    /// The plan; `None` when nothing matched.
    pub(crate) route: Option<usize>,
    /// The declared media type that the body's is.
    pub(crate) media: Option<usize>,
    /// `None` for most requests: behind one pointer, as each request moves its exchange about.
    pub(crate) extra: Option<Box<Extra>>,
    /// Open as long as this exists.
    pub(crate) _counted: Counted,
}

/// What only some requests have.
#[derive(Default)]
pub(crate) struct Extra {
    /// What a proxy says of it.
    pub(crate) seen: Option<Rc<Seen>>,
    /// Fields that came behind its body.
    pub(crate) trailers: Option<Rc<Trailers>>,
    /// What is noted of it for operators.
    pub(crate) observed: Observed,
    /// What the gate of its route found out; `None` where there is none.
    pub(crate) passed: Option<Rc<Passed>>,
    /// What hooks see of it; `None` where no hook looks.
    pub(crate) passage: Option<Rc<Passage>>,
    /// Its reply has passed the hooks.
    pub(crate) concluded: bool,
}

impl Exchange {
    pub(crate) fn extra(&mut self) -> &mut Extra {
        self.extra.get_or_insert_default()
    }

    pub(crate) fn passage(&self) -> Option<&Rc<Passage>> {
        self.extra.as_ref()?.passage.as_ref()
    }

    /// Fields came behind its body, or none did.
    pub(crate) fn take_trailers(&mut self, trailers: Option<Rc<Trailers>>) {
        if trailers.is_some() {
            self.extra().trailers = trailers;
        }
    }
}

/// How the codec treats a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BodyPlan {
    /// Bytes accepted; more is 413 (before reading when Content-Length says so).
    pub(crate) limit: u64,
}

/// What the head comes to, before any hook.
pub(crate) enum Found {
    /// The exchange has its route.
    Route,
    Answered(Reply),
    /// The route's guard waits for keys.
    Waits(Coming),
}

/// After the head.
pub(crate) enum Opened {
    /// Answered without the body (404, 405, 415, draining ...): not yet passed through `finish`.
    Refused(Exchange, Reply),
    /// Go on with the body.
    Accepted(Exchange),
    /// Hooks decide: with their verdict, `Frozen::go_on` says one of the other two.
    Held(Exchange, Pin<Box<dyn Future<Output = Verdict>>>),
}
