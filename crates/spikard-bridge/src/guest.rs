//! What a host language must be able to do.

use crate::{Completion, Token};
use spikard::{Reply, Request};
use spikard::contract::Argument;


/// One host interpreter on this thread. Everything else about serving is written once, in this crate.
pub trait Guest: 'static {
    /// A handler with whatever the language wants to remember about it.
    type Callable: 'static;

    /// Runs the callable now, on this thread. `Pending` when it suspended: it took a token with [`Call::suspend`] and
    /// completes it later, from this thread, inside or outside the runtime.
    fn call(&self, callable: &Self::Callable, call: &Call<'_>) -> Outcome;

    /// The client left or the deadline passed; a completion that still comes is dropped.
    fn cancel(&self, token: Token, why: Cancel);
}

/// How a call went.
#[derive(Debug)]
pub enum Outcome {
    /// Answered, with a response or a problem.
    Done(Reply),
    /// The language's decoder refused the body of a route with `decoder_validates`: the core validates and answers.
    Refused,
    /// Suspended under the token taken from [`Call::suspend`].
    Pending,
}

/// Why a pending call is given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cancel {
    /// The client closed its connection.
    ClientGone,
    /// The handler's time is over.
    Deadline,
    /// The server is stopping and its drain time is over.
    Shutdown,
}

/// What the plan asked for and nothing more.
pub struct Call<'r> {
    pub(crate) request: Request<'r>,
    pub(crate) completion: &'r Completion,
}

impl<'r> Call<'r> {
    /// Values of the route's parameters, in the order of its spec.
    pub fn arguments(&self) -> &'r [Argument<'r>] {
        self.request.arguments
    }

    /// The request itself: head, body, request id, peer.
    pub fn request(&self) -> &Request<'r> {
        &self.request
    }

    /// The handler suspends: reserves a place for its answer.
    pub fn suspend(&self) -> Token {
        self.completion.reserve()
    }
}
