//! A guest in pure Rust: its callables are data, so every way in which a call can go is one line of a test. Proves that
//! the bridge needs no interpreter.

#![allow(dead_code, reason = "each test file uses its part")]
#![allow(clippy::panic, reason = "a test double that panics on demand")]

use spikard::{Cancel, Problem, Response};
use spikard_bridge::{Call, Completion, Guest, Outcome, Token};
use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;

/// What a callable does.
#[derive(Debug, Clone)]
pub(crate) enum Does {
    /// Answers at once with the request's arguments, body and id as text.
    Echo,
    /// Answers at once with a status.
    Status(u16),
    /// Suspends; the test completes it.
    Later,
    /// Completes its own token before it says that it suspended.
    LaterAlready(u16),
    /// Takes a token and answers at once all the same.
    Hesitant(u16),
    /// Says that it suspended and took no token.
    Forgetful,
    /// Refuses the body; the second time, when the core has found nothing, echoes it.
    Refuse,
    /// Raises a problem.
    Raise,
    /// Panics.
    Panic,
    /// Gives these as chunks, one a call, then the end; `None` raises a problem.
    Produce(Rc<RefCell<VecDeque<Option<&'static str>>>>),
}

impl Does {
    pub(crate) fn produce(chunks: &[Option<&'static str>]) -> Self {
        Self::Produce(Rc::new(RefCell::new(chunks.iter().copied().collect())))
    }
}

/// The guest, with what happened to it.
#[derive(Default)]
pub(crate) struct Echo {
    pub(crate) completion: Completion,
    pub(crate) waiting: RefCell<Vec<Token>>,
    pub(crate) cancelled: RefCell<Vec<(Token, Cancel)>>,
    /// Producers that were closed before their end.
    pub(crate) closed: Cell<usize>,
}

impl Echo {
    pub(crate) fn new() -> Rc<Self> {
        Rc::default()
    }

    /// Completes the call that suspended last.
    pub(crate) fn complete(&self, status: u16) -> bool {
        let token = *self.waiting.borrow().last().expect("a call that suspended");
        self.completion.complete(token, Ok(Response::empty(status)))
    }
}

impl Guest for Echo {
    type Callable = Does;

    fn call(&self, does: &Does, call: &Call<'_>) -> Outcome {
        match does {
            Does::Produce(chunks) => Outcome::Done(match chunks.borrow_mut().pop_front() {
                Some(Some(chunk)) => Ok(Response::text(200, chunk)),
                Some(None) => Err(Problem::conflict("broken")),
                None => Ok(Response::empty(204)),
            }),
            Does::Echo => Outcome::Done(Ok(echo(call))),
            &Does::Status(status) => Outcome::Done(Ok(Response::empty(status))),
            Does::Later => {
                self.waiting.borrow_mut().push(call.suspend());
                Outcome::Pending
            }
            &Does::LaterAlready(status) => {
                assert!(
                    self.completion
                        .complete(call.suspend(), Ok(Response::empty(status)))
                );
                Outcome::Pending
            }
            &Does::Hesitant(status) => {
                assert_eq!(call.suspend(), call.suspend());
                Outcome::Done(Ok(Response::empty(status)))
            }
            Does::Forgetful => Outcome::Pending,
            Does::Refuse if call.unvalidated().is_some() => Outcome::Refused,
            Does::Refuse => Outcome::Done(Ok(echo(call))),
            Does::Raise => Outcome::Done(Err(Problem::conflict("taken"))),
            Does::Panic => panic!("the handler is broken"),
        }
    }

    fn cancel(&self, token: Token, why: Cancel) {
        self.cancelled.borrow_mut().push((token, why));
    }

    fn close(&self, _producer: Does) {
        self.closed.set(self.closed.get() + 1);
    }
}

fn echo(call: &Call<'_>) -> Response {
    let body = String::from_utf8_lossy(call.request().body);
    let text = format!("{:?} {body}", call.arguments());
    Response {
        content_type: Some(Cow::Borrowed("text/plain; charset=utf-8")),
        body: spikard::Body::Full(text.into_bytes()),
        ..Response::empty(200)
    }
}
