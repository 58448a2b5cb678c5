//! What a host language must be able to do, and what it is given for one call. Holds no flow: that is `endpoint`.

use crate::{Completion, Token};
use spikard::contract::{Argument, Schema};
use spikard::{Cancel, Moment, Passage, Reply, Request};
use std::cell::Cell;
use std::rc::Rc;

/// One host interpreter on this thread. Everything else about serving is written once, in this crate.
pub trait Guest: 'static {
    /// A handler with whatever the language wants to remember about it.
    type Callable: 'static;

    /// Runs the callable now, on this thread. `Pending` when it suspended: it took a token with [`Call::suspend`] and
    /// completes it later with [`Completion::complete`], from this thread, inside or outside the runtime.
    fn call(&self, callable: &Self::Callable, call: &Call<'_>) -> Outcome;

    /// The client left or the deadline passed; a completion that still comes is dropped. Called at most once per
    /// token, and never after its completion was fetched.
    fn cancel(&self, token: Token, why: Cancel);

    /// The producer of a [`GuestStream`](crate::GuestStream) that has not come to its end will not be called again: what its
    /// code does at the end (`finally`, `ensure`) runs now or soon. A call of it that was pending has been cancelled.
    fn close(&self, producer: Self::Callable) {
        drop(producer);
    }

    /// Makes this process answer a signal, from now on, by showing on standard error where the language's code is, and
    /// gives that signal. It must work while a handler holds the loop: the supervisor asks a worker whose loop does not
    /// turn. None where the language cannot. Called once, and only under a supervisor.
    fn shows_where(&self) -> Option<i32> {
        None
    }
}

/// How a call went.
#[derive(Debug)]
pub enum Outcome {
    /// Answered, with a response or a problem.
    Done(Reply),
    /// The language's decoder refused the body of a route with `decoder_validates`: the core validates and answers, or
    /// finds nothing wrong and calls again with [`Call::unvalidated`] as `None`.
    Refused,
    /// A hook has no answer: its request goes on.
    Passed,
    /// Suspended under the token taken from [`Call::suspend`].
    Pending,
}

/// What the plan asked for and nothing more.
#[derive(Debug)]
pub struct Call<'r> {
    request: Request<'r>,
    completion: &'r Completion,
    reserved: Cell<Option<Token>>,
}

impl<'r> Call<'r> {
    pub(crate) fn new(request: Request<'r>, completion: &'r Completion) -> Self {
        Self {
            request,
            completion,
            reserved: Cell::new(None),
        }
    }

    /// The callable is called as a hook: at this moment of this passage. It has no arguments but these, and passes or
    /// answers.
    pub fn hook(&self) -> Option<(Moment, &'r Rc<Passage>)> {
        let passage = self.request.passage?;
        Some((passage.moment()?, passage))
    }

    /// Values of the route's parameters, in the order of its spec.
    pub fn arguments(&self) -> &'r [Argument<'r>] {
        self.request.arguments
    }

    /// The request itself: head, body, request id, peer.
    pub fn request(&self) -> &Request<'r> {
        &self.request
    }

    /// The schema that the guest checks the body against while it decodes it, on a route with `decoder_validates`. `None`:
    /// the core has validated it, if only after this guest had refused it; take it as it is.
    pub fn unvalidated(&self) -> Option<&'r Schema> {
        self.request.unvalidated
    }

    /// The handler suspends, or may: reserves a place for its answer. A second call gives the same token; a place that
    /// was not needed is free again when the call returns.
    pub fn suspend(&self) -> Token {
        let token = self
            .reserved
            .get()
            .unwrap_or_else(|| self.completion.reserve());
        self.reserved.set(Some(token));
        token
    }

    /// Takes the reserved place away from the call, which then leaves it reserved.
    pub(crate) fn keep(&self) -> Option<Token> {
        self.reserved.take()
    }
}

impl Drop for Call<'_> {
    fn drop(&mut self) {
        if let Some(token) = self.reserved.take() {
            self.completion.release(token);
        }
    }
}
