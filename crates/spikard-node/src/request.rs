//! A request for handlers that ask for it while its call runs; the bridge keeps a copy for those that ask later.
//! Parses nothing; `request.ts` does.

use crate::interpreter::{Env, Value};
use spikard::{Passage, Verdict};
use spikard_bridge::{Call, Facts, Kept, Token};
use std::cell::Cell;
use std::ptr::NonNull;
use std::rc::Rc;

thread_local! {
    static RUNNING: Cell<Option<(Token, NonNull<()>)>> = const { Cell::new(None) };
}

/// The call that runs now, the microtasks that follow its handler included.
pub(crate) struct Running<'c, 'r> {
    pub(crate) call: &'c Call<'r>,
    pub(crate) facts: &'c Facts,
    /// What its promise was settled with while it ran.
    pub(crate) answer: Cell<Option<Verdict>>,
}

impl<'c, 'r> Running<'c, 'r> {
    /// While `inner` runs, the call can be asked for by its token; then what its promise was settled with.
    pub(crate) fn enter<R>(
        token: Token,
        call: &'c Call<'r>,
        facts: &'c Facts,
        inner: impl FnOnce() -> R,
    ) -> (R, Option<Verdict>) {
        let running = Self {
            call,
            facts,
            answer: Cell::new(None),
        };
        let _outer = Outer(RUNNING.replace(Some((token, NonNull::from(&running).cast()))));
        let result = inner();
        (result, running.answer.take())
    }

    /// It is answered: nobody can ask it any more, and a second answer finds nothing.
    pub(crate) fn over() {
        RUNNING.set(None);
    }
}

/// Puts back the call that ran before, also when a panic passes.
struct Outer(Option<(Token, NonNull<()>)>);

impl Drop for Outer {
    fn drop(&mut self) {
        RUNNING.set(self.0);
    }
}

/// Asks the call that runs now, when it is the one of this token.
pub(crate) fn of_running<R>(token: Token, ask: impl FnOnce(&Running<'_, '_>) -> R) -> Option<R> {
    let (running, place) = RUNNING.get()?;
    // SAFETY: `Outer` is dropped before the `Running` that it names, and `ask` cannot keep what it is given.
    (running == token).then(|| ask(unsafe { place.cast::<Running<'_, '_>>().as_ref() }))
}

/// As it is now, where hooks look at the request.
pub(crate) fn head_of_running(env: Env, token: Token) -> Option<Value> {
    of_running(token, |running| env.latin1(&Kept::head_now(running.call)))
}

pub(crate) fn body_of_running(env: Env, token: Token) -> Option<Value> {
    of_running(token, |running| {
        Kept::body_now(running.call, |body| env.buffer(body))
    })
}

pub(crate) fn passage_of_running(token: Token) -> Option<Rc<Passage>> {
    of_running(token, |running| running.call.request().passage.cloned()).flatten()
}
