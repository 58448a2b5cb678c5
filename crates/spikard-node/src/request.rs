//! A request for handlers that ask for it while its call runs; the bridge keeps a copy for those that ask later.
//! Parses nothing; `request.ts` does.

use crate::interpreter::{Env, Value};
use spikard_bridge::{Call, Kept, Token};
use std::cell::Cell;
use std::ptr::NonNull;

thread_local! {
    static RUNNING: Cell<Option<(Token, NonNull<()>)>> = const { Cell::new(None) };
}

/// While it lives, a call can be asked for its request by token.
pub(crate) struct Running(Option<(Token, NonNull<()>)>);

impl Running {
    pub(crate) fn enter(token: Token, call: &Call<'_>) -> Self {
        Self(RUNNING.replace(Some((token, NonNull::from(call).cast()))))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        RUNNING.set(self.0);
    }
}

/// Asks the call that runs now, when it is the one of this token.
pub(crate) fn of_running<R>(token: Token, ask: impl FnOnce(&Call<'_>) -> R) -> Option<R> {
    let (running, call) = RUNNING.get()?;
    // SAFETY: `Running` is dropped before the call that it was made from, and `ask` cannot keep what it is given.
    (running == token).then(|| ask(unsafe { call.cast::<Call<'_>>().as_ref() }))
}

pub(crate) fn head_of_running(env: Env, token: Token) -> Option<Value> {
    of_running(token, |call| env.latin1(&Kept::head_of(call)))
}

pub(crate) fn body_of_running(env: Env, token: Token) -> Option<Value> {
    of_running(token, |call| env.buffer(call.request().body))
}
