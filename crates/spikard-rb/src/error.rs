//! Failures of Ruby as problems. Decides what a client may see of them; the text of an unexpected one is a cause, for the
//! log only.

use crate::interpreter::{Raised, element, is_array, length, protect, send, text};
use crate::value::headers;
use magnus::rb_sys::FromRawValue as _;
use magnus::{Exception, Ruby, Value};
use rb_sys::{VALUE, rb_eSignal, rb_eSystemExit, rb_jump_tag, rb_obj_is_kind_of};
use serde_json::Map;
use spikard::Problem;
use spikard::contract::Source;
use spikard_bridge::refused;
use std::borrow::Cow;

impl Raised {
    pub(crate) fn is_exception(self) -> bool {
        // SAFETY: looks at the value's class.
        unsafe { rb_obj_is_kind_of(self.value, rb_sys::rb_eException) == crate::interpreter::TRUE }
    }

    /// It is no failure of a handler but leaves the loop: `exit`, a signal, `Thread#kill`.
    pub(crate) fn leaves(self) -> bool {
        // SAFETY: as above.
        let is =
            |class| unsafe { rb_obj_is_kind_of(self.value, class) == crate::interpreter::TRUE };
        // SAFETY: classes of Ruby itself.
        !self.is_exception() || unsafe { is(rb_eSystemExit) || is(rb_eSignal) }
    }

    /// Goes on where it was caught: an error for magnus to raise, or the jump itself. Only from frames that own nothing.
    pub(crate) fn go_on(self) -> magnus::Error {
        if !self.is_exception() {
            // SAFETY: the state is that of the jump that was caught.
            unsafe { rb_jump_tag(self.state) };
        }
        // SAFETY: `value` is an exception.
        let value = unsafe { Value::from_raw(self.value) };
        let exception = Exception::from_value(value);
        exception.map_or_else(|| failure("an exception that is none"), magnus::Error::from)
    }
}

/// A RuntimeError.
pub(crate) fn failure(message: impl ToString) -> magnus::Error {
    // SAFETY: called with Ruby's lock.
    let ruby = unsafe { Ruby::get_unchecked() };
    magnus::Error::new(ruby.exception_runtime_error(), message.to_string())
}

/// What a handler's exception means; `describe` is `Bridge.failure`, which gives the problem's parts or a cause.
pub(crate) fn problem(host: VALUE, describe: rb_sys::ID, exception: VALUE) -> Problem {
    match protect(|| send(host, describe, &[exception])) {
        Ok(parts) if is_array(parts) => match text(element(parts, 0)).as_str() {
            "refused" => refusals(parts),
            _ => described(parts),
        },
        Ok(cause) => internal(text(cause)),
        Err(_) => internal("an exception whose own methods raise".to_owned()),
    }
}

/// `["problem", code, status, title, detail, headers, extensions as JSON text or nil]`.
fn described(parts: VALUE) -> Problem {
    let part = |index| Cow::Owned(text(element(parts, index)));
    let mut problem = Problem::internal("");
    problem.code = part(1);
    problem.status = part(2).parse().unwrap_or(500);
    problem.title = part(3);
    problem.detail = part(4);
    problem.headers = headers(element(parts, 5));
    problem.extensions = serde_json::from_str(&part(6)).unwrap_or_else(|_| Map::new());
    problem
}

/// What a handler raised, or why its result is no response: for the log.
pub(crate) fn internal(cause: String) -> Problem {
    Problem::internal("").because(cause)
}

/// `["refused", [source, path, message]…]`: values that the contract accepts and the route's own schemas refuse.
fn refusals(parts: VALUE) -> Problem {
    let one = |index| {
        let refusal = element(parts, index);
        let path = element(refusal, 1);
        let path: Vec<String> = (0..length(path))
            .map(|index| text(element(path, index)))
            .collect();
        let source = match text(element(refusal, 0)).as_str() {
            "path" => Source::Path,
            "query" => Source::Query,
            "header" => Source::Header,
            "cookie" => Source::Cookie,
            _ => Source::Body,
        };
        (source, path, text(element(refusal, 2)))
    };
    refused((1..length(parts)).map(one))
}
