//! Values across the border: a parameter's value to Ruby, a handler's result to a response. Calls no handler.

use crate::error::{internal, problem};
use crate::guest::{Host, RubyGuest};
use crate::interpreter::{
    NIL, Raised, content, element, is_array, is_string, is_utf8, length, protect, send, string,
    text,
};
use rb_sys::{
    FIXNUM_P, FLONUM_P, Qfalse, Qtrue, RB_BUILTIN_TYPE, SPECIAL_CONST_P, STATIC_SYM_P, VALUE,
    rb_ary_entry, rb_ary_new_capa, rb_ary_push, rb_big2str, rb_float_new, rb_float_value,
    rb_hash_foreach, rb_ivar_get, rb_ll2inum, rb_obj_as_string, rb_obj_class, rb_obj_is_kind_of,
    rb_raise, rb_str_to_inum, rb_sym2str, ruby_value_type,
};
use spikard::Reply;
use spikard::contract::Argument;
use spikard_bridge::{Content, Facts};
use std::borrow::Cow;
use std::ffi::{c_int, c_long};

/// A value of the core in Ruby; `None` when it was not sent. May raise.
pub(crate) fn of_argument(argument: &Argument<'_>) -> Option<VALUE> {
    // SAFETY: inside `protect`, with Ruby's lock.
    Some(unsafe {
        match argument {
            Argument::Absent => return None,
            Argument::Null => NIL,
            Argument::Bool(true) => Qtrue as VALUE,
            Argument::Bool(false) => Qfalse as VALUE,
            Argument::Integer(value) => rb_ll2inum(*value),
            Argument::BigInteger(digits) => rb_str_to_inum(string(digits.as_bytes()), 10, 0),
            Argument::Number(value) => rb_float_new(*value),
            Argument::String(text) => string(text.as_bytes()),
            Argument::List(items) => {
                let list = rb_ary_new_capa(items.len() as c_long);
                for item in items {
                    rb_ary_push(list, of_argument(item).unwrap_or(NIL));
                }
                list
            }
        }
    })
}

/// What becomes of a value that a handler returned.
pub(crate) fn reply(guest: &RubyGuest, facts: &Facts, result: VALUE) -> Reply {
    let host = &guest.host;
    if result == NIL {
        return Ok(facts.returns.nothing());
    }
    if is_string(result) {
        return Ok(match said(result)? {
            Content::Text(text) => match String::from_utf8(text) {
                Ok(text) => facts.returns.text(text),
                Err(_) => return Err(internal(NOT_UTF8.to_owned())),
            },
            Content::Bytes(bytes) => facts.returns.bytes(bytes),
            _ => facts.returns.nothing(),
        });
    }
    if is_stream(result) {
        let stream = guest.stream(facts, result);
        let stream = stream.map_err(|raised| host.told(raised))?;
        return Ok(facts.returns.stream(Box::new(stream)));
    }
    // SAFETY: with Ruby's lock; both are what they are said to be.
    if unsafe { rb_obj_is_kind_of(result, host.reply_class.get()) } == Qtrue as VALUE {
        return described(guest, facts, parts(host, result)?);
    }
    json(host, result).map(|text| facts.returns.json(text))
}

const NOT_UTF8: &str = "the handler returned a String that is not UTF-8; for bytes call force_encoding(Encoding::BINARY)";

/// A String by its encoding: bytes when it is ASCII-8BIT, else text.
fn said(string: VALUE) -> Result<Content, spikard::Problem> {
    // SAFETY: a String.
    if unsafe { rb_sys::rb_enc_get_index(string) == rb_sys::rb_ascii8bit_encindex() } {
        return Ok(Content::Bytes(content(string).to_vec()));
    }
    let text = match is_utf8(string) || content(string).is_ascii() {
        true => string,
        false => {
            // SAFETY: a String; protected, because not every text has a place in UTF-8.
            protect(|| unsafe { rb_sys::rb_str_export_to_enc(string, rb_sys::rb_utf8_encoding()) })
                .map_err(|_| internal(NOT_UTF8.to_owned()))?
        }
    };
    match std::str::from_utf8(content(text)) {
        Ok(text) => Ok(Content::Text(text.as_bytes().to_vec())),
        Err(_) => Err(internal(NOT_UTF8.to_owned())),
    }
}

/// Of a `Spikard::Reply`: `[status, names and values of the fields, media type or nil, content]`.
pub(crate) fn parts(host: &Host, reply: VALUE) -> Result<VALUE, spikard::Problem> {
    protect(|| send(reply, host.names.parts, &[])).map_err(|raised| host.told(raised))
}

/// What [`parts`] gave as a response.
pub(crate) fn described(guest: &RubyGuest, facts: &Facts, parts: VALUE) -> Reply {
    let host = &guest.host;
    let body = element(parts, 3);
    let content = match body {
        NIL => Content::Nothing,
        _ if is_string(body) => said(body)?,
        _ if is_stream(body) => {
            let stream = guest.stream(facts, body);
            Content::Stream(Box::new(stream.map_err(|raised| host.told(raised))?))
        }
        _ => Content::Json(json(host, body)?),
    };
    Ok(facts.respond(
        status(element(parts, 0)),
        headers(element(parts, 1)),
        media(element(parts, 2)),
        content,
    ))
}

pub(crate) fn status(status: VALUE) -> u16 {
    // SAFETY: the package has made it an Integer of three digits.
    unsafe { rb_sys::FIX2LONG(status) as u16 }
}

/// A media type, or nil.
pub(crate) fn media(media: VALUE) -> Option<String> {
    (media != NIL).then(|| text(media))
}

/// A value that is a stream: an Enumerator, lazy ones among them.
fn is_stream(value: VALUE) -> bool {
    // SAFETY: looks at the value's class.
    unsafe { rb_obj_is_kind_of(value, rb_sys::rb_cEnumerator) == Qtrue as VALUE }
}

/// Names and values of fields, one after the other in an Array.
pub(crate) fn headers(list: VALUE) -> Vec<(Cow<'static, str>, Cow<'static, str>)> {
    if !is_array(list) {
        return Vec::new();
    }
    let field = |index| Cow::Owned(text(element(list, index)));
    let pairs = (0..length(list)).step_by(2);
    pairs
        .map(|index| (field(index), field(index + 1)))
        .collect()
}

fn json(host: &Host, value: VALUE) -> Result<Vec<u8>, spikard::Problem> {
    let mut out = Vec::with_capacity(128);
    let writer = Writer {
        out: &raw mut out,
        host: host.object.get(),
        plain: host.names.plain,
        written: host.names.written,
    };
    let written = protect(|| writer.value(value, 0));
    written.map_err(|raised: Raised| host.told(raised))?;
    Ok(out)
}

/// Objects deeper than this are most likely part of themselves.
const DEPTH: u32 = 128;

/// Writes a Ruby value as JSON text. Raises from frames that own nothing; what is written belongs to `json`.
#[derive(Clone, Copy)]
struct Writer {
    out: *mut Vec<u8>,
    /// Its method `plain` gives what stands for an object that is no JSON value.
    host: VALUE,
    plain: rb_sys::ID,
    /// Of a model's class: how its instances are written; see `Model.note_written`.
    written: rb_sys::ID,
}

impl Writer {
    fn out<'a>(self) -> &'a mut Vec<u8> {
        // SAFETY: `json` owns it, and looks at it again only after the writer has ended.
        unsafe { &mut *self.out }
    }

    fn value(self, value: VALUE, depth: u32) {
        // SAFETY: inside `protect`, with Ruby's lock; kinds are looked at before values are read.
        unsafe {
            if depth > DEPTH {
                rb_raise(rb_sys::rb_eArgError, c"nested too deep for JSON".as_ptr());
            }
            if SPECIAL_CONST_P(value) {
                return self.special(value, depth);
            }
            match RB_BUILTIN_TYPE(value) {
                ruby_value_type::RUBY_T_STRING => self.string(value),
                ruby_value_type::RUBY_T_HASH => {
                    self.out().push(b'{');
                    let place = (self, depth + 1);
                    rb_hash_foreach(value, Some(member), &raw const place as VALUE);
                    self.out().push(b'}');
                }
                ruby_value_type::RUBY_T_ARRAY => {
                    self.out().push(b'[');
                    let mut index = 0;
                    while index < length(value) {
                        if index > 0 {
                            self.out().push(b',');
                        }
                        self.value(rb_ary_entry(value, index as c_long), depth + 1);
                        index += 1;
                    }
                    self.out().push(b']');
                }
                ruby_value_type::RUBY_T_FLOAT => self.float(value),
                ruby_value_type::RUBY_T_BIGNUM => {
                    let digits = rb_big2str(value, 10);
                    self.out().extend_from_slice(content(digits));
                }
                ruby_value_type::RUBY_T_SYMBOL => self.string(rb_sym2str(value)),
                ruby_value_type::RUBY_T_OBJECT
                    if let fields = rb_ivar_get(rb_obj_class(value), self.written)
                        && is_array(fields) =>
                {
                    self.model(value, fields, depth + 1);
                }
                _ => {
                    let plain = send(self.host, self.plain, &[value]);
                    self.value(plain, depth + 1);
                }
            }
        }
    }

    /// `fields` holds for each its name as JSON with a colon, its variable, and whether nil is left out.
    fn model(self, value: VALUE, fields: VALUE, depth: u32) {
        self.out().push(b'{');
        for index in (0..length(fields)).step_by(3) {
            // SAFETY: as in `value`; the package has made the list.
            let member =
                unsafe { rb_ivar_get(value, rb_sys::rb_sym2id(element(fields, index + 1))) };
            if member == NIL && element(fields, index + 2) == Qtrue as VALUE {
                continue;
            }
            if self.out().last() != Some(&b'{') {
                self.out().push(b',');
            }
            self.out()
                .extend_from_slice(content(element(fields, index)));
            self.value(member, depth);
        }
        self.out().push(b'}');
    }

    fn special(self, value: VALUE, depth: u32) {
        // SAFETY: as in `value`.
        unsafe {
            if FIXNUM_P(value) {
                // Writing into memory does not fail.
                let _ = serde_json::to_writer(self.out(), &((value as isize) >> 1));
            } else if FLONUM_P(value) {
                self.float(value);
            } else if STATIC_SYM_P(value) {
                self.string(rb_sym2str(value));
            } else if value == NIL {
                self.out().extend_from_slice(b"null");
            } else if value == Qtrue as VALUE {
                self.out().extend_from_slice(b"true");
            } else if value == Qfalse as VALUE {
                self.out().extend_from_slice(b"false");
            } else {
                let plain = send(self.host, self.plain, &[value]);
                self.value(plain, depth + 1);
            }
        }
    }

    fn float(self, value: VALUE) {
        // SAFETY: as in `value`.
        unsafe {
            let number = rb_float_value(value);
            if !number.is_finite() {
                rb_raise(
                    rb_sys::rb_eFloatDomainError,
                    c"JSON has no NaN and no Infinity".as_ptr(),
                );
            }
            // Shortest text that reads back as the same number; a whole one keeps its `.0`, as Ruby writes it.
            let _ = serde_json::to_writer(self.out(), &number);
        }
    }

    fn string(self, value: VALUE) {
        let (escaped, beyond_ascii) = looked_through(content(value));
        if !escaped && !beyond_ascii {
            self.out().push(b'"');
            self.out().extend_from_slice(content(value));
            return self.out().push(b'"');
        }
        let mut value = value;
        if std::str::from_utf8(content(value)).is_err()
            || !(is_utf8(value) || content(value).is_ascii())
        {
            // SAFETY: as in `value`.
            value = unsafe {
                if is_utf8(value)
                    || rb_sys::rb_enc_get_index(value) == rb_sys::rb_ascii8bit_encindex()
                {
                    rb_raise(
                        rb_sys::rb_eArgError,
                        c"a String that is not UTF-8 has no place in JSON".as_ptr(),
                    );
                }
                rb_sys::rb_str_export_to_enc(value, rb_sys::rb_utf8_encoding())
            };
        }
        match std::str::from_utf8(content(value)) {
            Ok(text) => drop(serde_json::to_writer(self.out(), text)),
            // SAFETY: as in `value`.
            Err(_) => unsafe {
                rb_raise(
                    rb_sys::rb_eArgError,
                    c"a String that is not UTF-8 has no place in JSON".as_ptr(),
                )
            },
        }
    }
}

/// Whether a text holds what JSON writes as an escape, and whether it holds more than ASCII.
fn looked_through(text: &[u8]) -> (bool, bool) {
    text.iter()
        .fold((false, false), |(escaped, beyond), &byte| {
            let escape = byte < 0x20 || byte == b'"' || byte == b'\\';
            (escaped | escape, beyond | (byte >= 0x80))
        })
}

unsafe extern "C" fn member(key: VALUE, value: VALUE, place: VALUE) -> c_int {
    // SAFETY: the address that `value` gave to `rb_hash_foreach`.
    let (writer, depth) = unsafe { *(place as *const (Writer, u32)) };
    if writer.out().last() != Some(&b'{') {
        writer.out().push(b',');
    }
    // SAFETY: inside `protect`, with Ruby's lock.
    unsafe {
        match () {
            () if is_string(key) => writer.string(key),
            () if STATIC_SYM_P(key) => writer.string(rb_sym2str(key)),
            () => writer.string(rb_obj_as_string(key)),
        }
    }
    writer.out().push(b':');
    writer.value(value, depth);
    0 // ST_CONTINUE
}

/// What a handler raised, as the client is told.
impl Host {
    pub(crate) fn told(&self, raised: Raised) -> spikard::Problem {
        if raised.leaves() {
            return internal("the handler left by exit, a signal or Thread#kill".to_owned());
        }
        problem(self.object.get(), self.names.failure, raised.value)
    }
}
