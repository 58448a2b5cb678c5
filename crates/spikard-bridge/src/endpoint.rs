//! A guest's callable as an endpoint of the pipeline: the flow of one call between Rust and a host language.

use crate::{Call, Completion, Guest, Outcome, Token};
use spikard::endpoint::cancel_reason;
use spikard::{Endpoint, Flow, Passage, Problem, Request, Verdict, Verdicting};
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

/// Serves a route by calling one callable of a guest. A handler that answers at once costs no allocation here.
pub struct GuestEndpoint<G: Guest> {
    guest: Rc<G>,
    callable: G::Callable,
    completion: Completion,
}

impl<G: Guest> GuestEndpoint<G> {
    /// `completion` is the one that `guest` completes suspended calls with.
    pub fn new(guest: Rc<G>, callable: G::Callable, completion: Completion) -> Self {
        Self {
            guest,
            callable,
            completion,
        }
    }
}

impl<G: Guest> GuestEndpoint<G> {
    /// For a producer: it will not be called again.
    pub(crate) fn close(self) {
        self.guest.close(self.callable);
    }
}

impl<G: Guest> Endpoint for GuestEndpoint<G> {
    fn call(&self, request: Request<'_>, _context: &mut Context<'_>) -> Flow {
        let call = Call::new(request, &self.completion);
        match self.guest.call(&self.callable, &call) {
            Outcome::Done(reply) => Flow::Done(reply),
            Outcome::Refused => Flow::Refused,
            Outcome::Passed => Flow::Done(Err(passed())),
            Outcome::Pending => match self.wait(&call) {
                Ok(waiting) => Flow::Pending(Box::pin(async {
                    waiting.await.unwrap_or_else(|| Err(passed()))
                })),
                Err(problem) => Flow::Done(Err(problem)),
            },
        }
    }

    fn hook<'h>(&'h self, passage: &Rc<Passage>) -> Verdicting<'h> {
        let passage = Rc::clone(passage);
        Box::pin(async move {
            let begun = passage.look(|head| {
                let body = passage.body();
                let principal = passage.principal();
                let request = Request {
                    head,
                    arguments: &[],
                    body: &body,
                    unvalidated: None,
                    trailers: None,
                    request_id: passage.request_id(),
                    peer: passage.peer(),
                    principal: principal.as_ref(),
                    passage: Some(&passage),
                };
                let call = Call::new(request, &self.completion);
                match self.guest.call(&self.callable, &call) {
                    Outcome::Done(reply) => Err(Some(reply)),
                    Outcome::Passed => Err(None),
                    Outcome::Refused => Err(Some(Err(
                        Problem::internal("").because("a hook refused a body")
                    ))),
                    Outcome::Pending => self.wait(&call).map_err(|problem| Some(Err(problem))),
                }
            });
            match begun {
                Ok(waiting) => waiting.await,
                Err(verdict) => verdict,
            }
        })
    }
}

fn passed() -> Problem {
    Problem::internal("").because("the guest let a request pass where only a hook may")
}

impl<G: Guest> GuestEndpoint<G> {
    fn wait(&self, call: &Call<'_>) -> Result<Waiting<G>, Problem> {
        let Some(token) = call.keep() else {
            let cause = "the guest said Pending without taking a token from Call::suspend";
            return Err(Problem::internal("").because(cause));
        };
        Ok(Waiting {
            guest: Rc::clone(&self.guest),
            completion: self.completion.clone(),
            token: Some(token),
        })
    }
}

/// The answer of a suspended call. Dropped before it came, it cancels the guest.
struct Waiting<G: Guest> {
    guest: Rc<G>,
    completion: Completion,
    /// `None` once the answer was fetched.
    token: Option<Token>,
}

impl<G: Guest> Future for Waiting<G> {
    type Output = Verdict;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Verdict> {
        let token = self
            .token
            .expect("invariant: a future is not polled after it was ready");
        let answer = self.completion.poll(token, context);
        if answer.is_ready() {
            self.token = None;
        }
        answer
    }
}

impl<G: Guest> Drop for Waiting<G> {
    fn drop(&mut self) {
        let Some(token) = self.token.take() else {
            return;
        };
        // First the slot, so that an answer given while the guest cancels is already late.
        self.completion.release(token);
        self.guest.cancel(token, cancel_reason());
    }
}
