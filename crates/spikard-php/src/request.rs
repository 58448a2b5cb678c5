//! A request for handlers that ask for it: read from the call while that runs, and from a copy once it has suspended.
//! Parses nothing; `Request.php` does.

use spikard_bridge::{Call, Token};
use std::cell::Cell;
use std::ptr::NonNull;

thread_local! {
    static RUNNING: Cell<Option<(Token, NonNull<()>)>> = const { Cell::new(None) };
}

/// While `inner` runs, the call can be asked for its request by token.
pub(crate) fn running<R>(token: Token, call: &Call<'_>, inner: impl FnOnce() -> R) -> R {
    let _outer = Outer(RUNNING.replace(Some((token, NonNull::from(call).cast()))));
    inner()
}

/// Puts back the call that ran before, also when a panic passes.
struct Outer(Option<(Token, NonNull<()>)>);

impl Drop for Outer {
    fn drop(&mut self) {
        RUNNING.set(self.0);
    }
}

/// Asks the call that runs now, when it is the one of this token.
pub(crate) fn of_running<R>(token: Token, ask: impl FnOnce(&Call<'_>) -> R) -> Option<R> {
    let (running, call) = RUNNING.get()?;
    // SAFETY: `Outer` is dropped before `running` gives back the call that it borrows, and `ask` cannot keep what it is given.
    (running == token).then(|| ask(unsafe { call.cast::<Call<'_>>().as_ref() }))
}
