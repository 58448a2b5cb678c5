//! A request for handlers that ask for it: read from the call while that runs, and from a copy once it has suspended.
//! Parses nothing; `request.ts` does.

use crate::interpreter::{Env, Value};
use spikard::Request;
use spikard_bridge::{Call, Token};
use std::cell::Cell;
use std::net::SocketAddr;
use std::ptr::NonNull;

/// Head and body of a call that suspended.
pub(crate) struct Kept {
    /// As [`head`] says, but for the peer.
    head: Vec<u8>,
    peer: Option<SocketAddr>,
    body: Vec<u8>,
}

impl Kept {
    pub(crate) fn of(call: &Call<'_>) -> Self {
        let request = call.request();
        Self {
            head: fields(request),
            peer: request.peer,
            body: request.body.to_vec(),
        }
    }

    pub(crate) fn head(&self, env: Env) -> Value {
        env.latin1(&head(self.peer, &self.head))
    }

    pub(crate) fn body(&self, env: Env) -> Value {
        env.buffer(&self.body)
    }
}

/// Peer, method, target, request id, then name and value of every field, each on a line of its own: none of them can hold a
/// line feed (RFC 9110 section 5.5).
fn head(peer: Option<SocketAddr>, fields: &[u8]) -> Vec<u8> {
    let mut text = peer
        .map(|peer| peer.to_string())
        .unwrap_or_default()
        .into_bytes();
    text.extend_from_slice(fields);
    text
}

/// Every line of [`head`] but the first. Of every call that suspends, and seldom asked for: one allocation.
fn fields(request: &Request<'_>) -> Vec<u8> {
    let (method, target) = (request.head.method, request.head.target);
    let headers = &request.head.headers;
    let size: usize = headers
        .iter()
        .map(|(name, value)| name.len() + value.len() + 2)
        .sum();
    let mut text =
        Vec::with_capacity(size + method.len() + target.len() + request.request_id.len() + 3);
    for line in [method, target, request.request_id] {
        text.push(b'\n');
        text.extend_from_slice(line.as_bytes());
    }
    for (name, value) in headers.iter() {
        text.push(b'\n');
        let start = text.len();
        text.extend_from_slice(name.as_bytes());
        text[start..].make_ascii_lowercase();
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
    of_running(token, |call| {
        let request = call.request();
        env.latin1(&head(request.peer, &fields(request)))
    })
}

pub(crate) fn body_of_running(env: Env, token: Token) -> Option<Value> {
    of_running(token, |call| env.buffer(call.request().body))
}
