//! Ruby's C API in the shape that we use: calls that may raise, strings, arrays, symbols. Knows nothing of HTTP.
//!
//! Every function here relies on one invariant: it is called on a thread that holds Ruby's lock (GVL). Ruby raises by
//! `longjmp`, which runs no destructor: what may raise runs inside [`protect`], in frames that own nothing.

use rb_sys::{
    ID, Qnil, Qtrue, RARRAY_LEN, RSTRING_LEN, RSTRING_PTR, VALUE, rb_ary_entry, rb_enc_get_index,
    rb_errinfo, rb_funcallv, rb_intern2, rb_protect, rb_set_errinfo, rb_utf8_encindex,
    rb_utf8_str_new,
};
use std::ffi::{c_int, c_long};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

pub(crate) const NIL: VALUE = Qnil as VALUE;
pub(crate) const TRUE: VALUE = Qtrue as VALUE;
pub(crate) const FALSE: VALUE = rb_sys::Qfalse as VALUE;

/// What a protected call ended with instead of a result: an exception, or a jump that is none (`Thread#kill`).
#[derive(Debug, Clone, Copy)]
pub(crate) struct Raised {
    pub(crate) state: c_int,
    /// An exception when `is_exception`; on the stack only, where the collector sees it.
    pub(crate) value: VALUE,
}

/// Calls `inner`, which may raise. `Copy` keeps out whatever has a destructor: a jump would pass over it.
pub(crate) fn protect<R, F: FnOnce() -> R + Copy>(inner: F) -> Result<R, Raised> {
    struct Frame<F, R>(F, Option<std::thread::Result<R>>);
    unsafe extern "C" fn enter<R, F: FnOnce() -> R + Copy>(frame: VALUE) -> VALUE {
        // SAFETY: the address of the frame below, which outlives the call.
        let frame = unsafe { &mut *(frame as *mut Frame<F, R>) };
        let inner = frame.0;
        frame.1 = Some(catch_unwind(AssertUnwindSafe(inner)));
        NIL
    }
    let (mut frame, mut state) = (Frame(inner, None), 0);
    // SAFETY: see the module; `enter` gives the frame back its type.
    unsafe {
        rb_protect(Some(enter::<R, F>), &raw mut frame as VALUE, &raw mut state);
        if state != 0 {
            let value = rb_errinfo();
            rb_set_errinfo(NIL);
            return Err(Raised { state, value });
        }
    }
    match frame.1 {
        Some(Ok(result)) => Ok(result),
        Some(Err(panic)) => resume_unwind(panic),
        None => unreachable!("invariant: without a jump the frame was filled"),
    }
}

/// `receiver.name(*arguments)`; may raise.
pub(crate) fn send(receiver: VALUE, name: ID, arguments: &[VALUE]) -> VALUE {
    // SAFETY: see the module; the count is that of the slice.
    unsafe { rb_funcallv(receiver, name, arguments.len() as c_int, arguments.as_ptr()) }
}

/// The number that Ruby has for a name. Names are our own: it is kept for ever.
pub(crate) fn id(name: &str) -> ID {
    // SAFETY: see the module.
    unsafe { rb_intern2(name.as_ptr().cast(), name.len() as c_long) }
}

/// A new String of UTF-8; may raise (out of memory).
pub(crate) fn string(text: &[u8]) -> VALUE {
    // SAFETY: see the module; Ruby copies the bytes.
    unsafe { rb_utf8_str_new(text.as_ptr().cast(), text.len() as c_long) }
}

/// A new String of bytes, in the encoding that Ruby calls ASCII-8BIT.
pub(crate) fn bytes(content: &[u8]) -> VALUE {
    // SAFETY: as above.
    unsafe { rb_sys::rb_str_new(content.as_ptr().cast(), content.len() as c_long) }
}

/// The bytes of a String, for as long as no Ruby code runs and `string` is alive.
pub(crate) fn content<'a>(string: VALUE) -> &'a [u8] {
    // SAFETY: the caller has a String; see above for how long.
    unsafe { std::slice::from_raw_parts(RSTRING_PTR(string).cast(), RSTRING_LEN(string) as usize) }
}

/// A String that says of itself that it is UTF-8, or only holds ASCII.
pub(crate) fn is_utf8(string: VALUE) -> bool {
    // SAFETY: the caller has a String.
    unsafe { rb_enc_get_index(string) == rb_utf8_encindex() }
}

pub(crate) fn is_string(value: VALUE) -> bool {
    // SAFETY: looks at the value's header only.
    unsafe { rb_sys::RB_TYPE_P(value, rb_sys::ruby_value_type::RUBY_T_STRING) }
}

pub(crate) fn is_array(value: VALUE) -> bool {
    // SAFETY: as above.
    unsafe { rb_sys::RB_TYPE_P(value, rb_sys::ruby_value_type::RUBY_T_ARRAY) }
}

/// Items of an Array.
pub(crate) fn length(array: VALUE) -> usize {
    // SAFETY: the caller has an Array.
    unsafe { RARRAY_LEN(array) as usize }
}

/// `array[index]`; nil beyond its end.
pub(crate) fn element(array: VALUE, index: usize) -> VALUE {
    // SAFETY: the caller has an Array.
    unsafe { rb_ary_entry(array, index as c_long) }
}

/// A String's text, what is not UTF-8 in it replaced; empty when the value is none.
pub(crate) fn text(value: VALUE) -> String {
    match is_string(value) {
        true => String::from_utf8_lossy(content(value)).into_owned(),
        false => String::new(),
    }
}

/// A small Integer.
pub(crate) fn fixnum(number: usize) -> VALUE {
    (number as VALUE) << 1 | 1
}

/// What a jump that carries an exception is called (`TAG_RAISE` of Ruby's eval_intern.h).
pub(crate) const RAISE: c_int = 6;
