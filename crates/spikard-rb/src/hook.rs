//! What Ruby sees of a passage and does to it, and what comes of what a hook returned. Calls no hook.

use crate::error::failure;
use crate::guest::RubyGuest;
use crate::interpreter::{NIL, Raised, bytes, fixnum, length, protect, send, string};
use crate::roots::Kept;
use crate::value;
use magnus::rb_sys::{AsRawValue as _, FromRawValue as _};
use magnus::{Error, RString, Ruby, Value};
use rb_sys::{Qtrue, VALUE, rb_ary_new, rb_ary_push};
use spikard::{Body, Passage, Verdict};
use spikard_bridge::{Facts, Kept as KeptRequest};
use std::borrow::Cow;
use std::rc::{Rc, Weak};

/// The passage of one request, for as long as it lasts: Ruby may keep the object, and the passage keeps what Ruby shares.
#[magnus::wrap(class = "Spikard::Native::Passage", free_immediately)]
pub(crate) struct Looked(Weak<Passage>);

// SAFETY: made, looked at and freed with Ruby's lock, which is held wherever the passage itself is touched.
unsafe impl Send for Looked {}

/// What hooks and the handler of one request share: a `Spikard::Passing`.
struct Shared(Kept);

/// The shared object, made when it is first asked for.
pub(crate) fn shared(guest: &RubyGuest, passage: &Rc<Passage>) -> Result<VALUE, Raised> {
    if let Some(shared) = passage.kept::<Shared>() {
        return Ok(shared.0.get());
    }
    // SAFETY: called with Ruby's lock.
    let ruby = unsafe { Ruby::get_unchecked() };
    let looked = ruby.obj_wrap(Looked(Rc::downgrade(passage))).as_raw();
    let (object, name) = (guest.host.object.get(), guest.host.names.passing);
    let made = protect(|| send(object, name, &[looked]))?;
    passage.keep(Shared(Kept::new(made)));
    Ok(made)
}

/// What a hook says by what it returned; `hooks.rb` lets nil and replies through. Of the response that it was shown the reply
/// has a fifth part: whether its content is another one. Its edits are made, and it passes.
pub(crate) fn verdict(
    guest: &RubyGuest,
    facts: &Facts,
    passage: &Passage,
    result: VALUE,
) -> Verdict {
    if result == NIL {
        return None;
    }
    let parts = match value::parts(&guest.host, result) {
        Ok(parts) => parts,
        Err(problem) => return Some(Err(problem)),
    };
    let part = |index| crate::interpreter::element(parts, index);
    if length(parts) == 5 && part(4) != Qtrue as VALUE {
        passage.set_response_head(
            value::status(part(0)),
            value::headers(part(1)),
            value::media(part(2)),
        );
        return None;
    }
    let said = value::described(guest, facts, parts);
    match said {
        Ok(other) if length(parts) == 5 => {
            let before = passage.response(|response| std::mem::replace(response, other));
            drop(before); // it may run code of Ruby
            None
        }
        said => Some(said),
    }
}

/// Names and values, one after the other; may raise.
fn fields(headers: &[(Cow<'static, str>, Cow<'static, str>)]) -> VALUE {
    // SAFETY: inside `protect`, with Ruby's lock.
    unsafe {
        let list = rb_ary_new();
        for (name, value) in headers {
            rb_ary_push(list, string(name.as_bytes()));
            rb_ary_push(list, string(value.as_bytes()));
        }
        list
    }
}

/// What was made under `protect`; nil where there is nothing, or no memory.
fn made(value: Option<Result<VALUE, Raised>>) -> Value {
    let value = value.and_then(Result::ok).unwrap_or(NIL);
    // SAFETY: a value that was just made.
    unsafe { Value::from_raw(value) }
}

impl Looked {
    /// As `Kept::head` of the bridge has it, edits among it; nil when the request is over.
    pub(crate) fn head(&self) -> Value {
        let head = self
            .0
            .upgrade()
            .map(|passage| KeptRequest::head_of_passage(&passage));
        made(head.as_ref().map(|head| protect(|| bytes(head))))
    }

    pub(crate) fn body(&self) -> Value {
        let body = self.0.upgrade().map(|passage| passage.body());
        made(body.as_ref().map(|body| protect(|| bytes(body))))
    }

    /// `[status, names and values of the fields, media type or nil, content]`: a String of bytes, nil, or true for a stream.
    pub(crate) fn response(&self) -> Value {
        let passage = self.0.upgrade();
        let parts = passage.as_ref().and_then(|passage| {
            passage.response(|response| {
                let response = &*response;
                // SAFETY: with Ruby's lock, under protect.
                protect(|| unsafe {
                    let parts = rb_ary_new();
                    rb_ary_push(parts, fixnum(response.status.into()));
                    rb_ary_push(parts, fields(&response.headers));
                    let media = response.content_type.as_ref();
                    rb_ary_push(parts, media.map_or(NIL, |media| string(media.as_bytes())));
                    let content = match &response.body {
                        Body::Empty => NIL,
                        Body::Static(content) => bytes(content),
                        Body::Full(content) => bytes(content),
                        Body::Stream(_) | Body::Upgrade(_) => Qtrue as VALUE,
                    };
                    rb_ary_push(parts, content);
                    parts
                })
            })
        });
        made(parts)
    }

    /// `[code, status, title, detail, names and values of the fields, extensions as JSON text]`.
    pub(crate) fn problem(&self) -> Value {
        let passage = self.0.upgrade();
        let parts = passage.as_ref().and_then(|passage| {
            passage.problem(|problem| {
                let extensions = serde_json::to_vec(&problem.extensions).unwrap_or_default();
                let extensions = &extensions[..];
                // SAFETY: as above.
                protect(|| unsafe {
                    let parts = rb_ary_new();
                    rb_ary_push(parts, string(problem.code.as_bytes()));
                    rb_ary_push(parts, fixnum(problem.status.into()));
                    rb_ary_push(parts, string(problem.title.as_bytes()));
                    rb_ary_push(parts, string(problem.detail.as_bytes()));
                    rb_ary_push(parts, fields(&problem.headers));
                    rb_ary_push(parts, string(extensions));
                    parts
                })
            })
        });
        made(parts)
    }
}

/// An edit of a request (see `spikard_bridge::edit`); `passage` is nil where no hook looks. Raises ArgumentError.
pub(crate) fn edit(
    passage: Option<&Looked>,
    what: String,
    name: String,
    value: RString,
) -> Result<(), Error> {
    let passage = passage.and_then(|looked| looked.0.upgrade());
    // SAFETY: copied by the passage before Ruby runs again.
    let value = unsafe { value.as_slice() };
    let edited = spikard_bridge::edit(passage.as_deref(), &what, &name, value);
    edited.map_err(|wrong| argument_error(&wrong))
}

fn argument_error(message: &str) -> Error {
    match Ruby::get() {
        Ok(ruby) => Error::new(ruby.exception_arg_error(), message.to_owned()),
        Err(_) => failure(message),
    }
}
