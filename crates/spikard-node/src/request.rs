//! A request for handlers that ask for it: read from the call while that runs, and from a copy once it has suspended.
//! Parses nothing; `request.ts` does.

use crate::interpreter::{Env, Value};
use spikard_bridge::{Call, Token};
use std::cell::Cell;
use std::ptr::NonNull;

/// Head and body of a call that suspended.
pub(crate) struct Kept {
    head: Vec<u8>,
    body: Vec<u8>,
}

impl Kept {
    pub(crate) fn of(call: &Call<'_>) -> Self {
        Self {
            head: head(call),
            body: call.request().body.to_vec(),
        }
    }

    pub(crate) fn head(&self, env: Env) -> Value {
        env.latin1(&self.head)
    }

    pub(crate) fn body(&self, env: Env) -> Value {
        env.buffer(&self.body)
    }
}

/// Method, target, request id, peer, then name and value of every field, each on a line of its own: none of them can
/// hold a line feed (RFC 9110 section 5.5).
fn head(call: &Call<'_>) -> Vec<u8> {
    let request = call.request();
    let peer = request
        .peer
        .map(|peer| peer.to_string())
        .unwrap_or_default();
    let (method, target) = (request.head.method, request.head.target);
    let mut text = [method, target, request.request_id, &peer]
        .join("\n")
        .into_bytes();
    for (name, value) in request.head.headers.iter() {
        text.push(b'\n');
        text.extend(name.bytes().map(|byte| byte.to_ascii_lowercase()));
        text.push(b'\n');
        text.extend_from_slice(value);
    }
    text
}

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
    of_running(token, |call| env.latin1(&head(call)))
}

pub(crate) fn body_of_running(env: Env, token: Token) -> Option<Value> {
    of_running(token, |call| env.buffer(call.request().body))
}
