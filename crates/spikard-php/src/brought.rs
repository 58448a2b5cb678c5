//! What a call brings to PHP, and to which of its functions. Calls none.

use crate::zval::{Bytes, Told, Zval};
use std::ptr::{NonNull, null};

/// `sp_value`: one value for a call, in prefix order; of a body in postfix order.
#[repr(C)]
pub(crate) struct Value {
    kind: u16,
    /// Which member of the object that takes it.
    slot: u16,
    count: u32,
    /// An integer, the bits of a number, or a pointer to text.
    payload: u64,
    length: usize,
}

impl Value {
    pub(crate) const ABSENT: Self = Self::plain(0);
    pub(crate) const NULL: Self = Self::plain(1);

    const fn plain(kind: u16) -> Self {
        Self {
            kind,
            slot: 0,
            count: 0,
            payload: 0,
            length: 0,
        }
    }

    pub(crate) fn boolean(value: bool) -> Self {
        Self::plain(if value { 3 } else { 2 })
    }

    pub(crate) fn integer(value: i64) -> Self {
        Self {
            payload: value.cast_unsigned(),
            ..Self::plain(4)
        }
    }

    pub(crate) fn number(value: f64) -> Self {
        Self {
            payload: value.to_bits(),
            ..Self::plain(5)
        }
    }

    /// The text must live until the step that reads it.
    pub(crate) fn text(value: &[u8]) -> Self {
        Self {
            payload: value.as_ptr() as u64,
            length: value.len(),
            ..Self::plain(6)
        }
    }

    /// Likewise, of a whole number that fits no integer of PHP.
    pub(crate) fn big(digits: &str) -> Self {
        Self {
            kind: 7,
            ..Self::text(digits.as_bytes())
        }
    }

    /// Its items follow; in a body they come before it.
    pub(crate) fn list(count: usize) -> Self {
        Self::holding(8, count)
    }

    /// Of a body: as many keys and values come before it.
    pub(crate) fn map(count: usize) -> Self {
        Self::holding(9, count)
    }

    /// Of a body: as many members come before it.
    pub(crate) fn object(class: &Class, count: usize) -> Self {
        Self {
            payload: class.0.as_ptr() as u64,
            ..Self::holding(10, count)
        }
    }

    /// Of a body: one of an array's values. Its key follows.
    pub(crate) fn choice(choices: Told) -> Self {
        Self {
            payload: choices.as_ptr() as u64,
            ..Self::plain(11)
        }
    }

    pub(crate) fn set_slot(&mut self, slot: u16) {
        self.slot = slot;
    }

    fn holding(kind: u16, count: usize) -> Self {
        Self {
            count: few(count),
            ..Self::plain(kind)
        }
    }
}

/// `sp_call`: what a call brings. What it points to must live until the step that begins the call returns.
#[repr(C)]
pub(crate) struct Brought<'c> {
    token: i64,
    body: Bytes<'c>,
    values: *const Value,
    built: *const Value,
    count: u32,
    built_count: u32,
}

impl<'c> Brought<'c> {
    pub(crate) const NOTHING: Self = Self {
        token: 0,
        body: Bytes::NONE,
        values: null(),
        built: null(),
        count: 0,
        built_count: 0,
    };

    /// The values of `count` parameters, in prefix order: lists counted once.
    pub(crate) fn of(token: i64, values: &'c [Value], count: usize) -> Self {
        Self {
            token,
            values: start(values),
            count: few(count),
            ..Self::NOTHING
        }
    }

    pub(crate) fn body(self, text: &'c [u8]) -> Self {
        let body = Bytes::of(text);
        Self { body, ..self }
    }

    /// The body, when Rust has read it: in postfix order.
    pub(crate) fn built(self, values: &'c [Value]) -> Self {
        Self {
            built: start(values),
            built_count: few(values.len()),
            ..self
        }
    }
}

fn start(values: &[Value]) -> *const Value {
    match values {
        [] => null(),
        values => values.as_ptr(),
    }
}

fn few(count: usize) -> u32 {
    u32::try_from(count).expect("invariant: fewer than 2^32 values")
}

/// `sp_handler_told`: what is known of a handler.
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct Known {
    shape: *const Zval,
    /// It takes the body of a request.
    pub(crate) wants_body: bool,
    /// It, or what stands around it, can ask for the request.
    pub(crate) asks: bool,
}

impl Known {
    /// What Rust makes of a body, as the package tells it.
    pub(crate) fn shape(self) -> Option<Told> {
        Told::of(self.shape)
    }
}

#[repr(C)]
struct RawHandler {
    _private: [u8; 0],
}

/// `sp_handler`: lives as long as the app, or as the producer that it belongs to.
#[repr(transparent)]
#[derive(Clone, Copy)]
pub(crate) struct Handler(NonNull<RawHandler>);

impl Handler {
    pub(crate) fn known(self) -> Known {
        sp_handler_tells(self)
    }

    /// One that keeps its function, and runs and fails as another does; [`Handler::free`] lets go of it.
    pub(crate) fn kept(function: &Zval, like: Option<Self>) -> Option<Self> {
        sp_handler_kept(function, like)
    }

    /// # Safety
    /// Made by [`Handler::kept`], and not used again.
    pub(crate) unsafe fn free(self) {
        // SAFETY: as the caller says.
        unsafe { sp_handler_free(self) };
    }
}

#[repr(C)]
struct RawClass {
    _private: [u8; 0],
}

/// A class whose objects are made without a call.
pub(crate) struct Class(NonNull<RawClass>);

impl Class {
    /// As the package tells it; none when there is no such class.
    pub(crate) fn of(told: Told) -> Option<Self> {
        sp_class_new(told).map(Self)
    }
}

impl Drop for Class {
    fn drop(&mut self) {
        // SAFETY: made by `of`.
        unsafe { sp_class_free(self.0) };
    }
}

// SAFETY: what is marked as safe reads what its types keep alive.
unsafe extern "C" {
    safe fn sp_handler_tells(handler: Handler) -> Known;
    safe fn sp_handler_kept(function: &Zval, like: Option<Handler>) -> Option<Handler>;
    fn sp_handler_free(handler: Handler);
    safe fn sp_class_new(told: Told) -> Option<NonNull<RawClass>>;
    fn sp_class_free(class: NonNull<RawClass>);
}
