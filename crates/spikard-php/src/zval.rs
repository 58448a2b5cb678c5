//! Values of PHP: those that Rust reads, and those that it keeps. Decides nothing about what they mean.
//!
//! As everything that touches the interpreter, used on the thread that runs PHP only.

use std::cell::RefCell;
use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::ptr::{NonNull, null};

/// A `zval` that PHP owns.
#[repr(C)]
pub(crate) struct Zval {
    _private: [u8; 0],
}

/// `sp_bytes`: a text that somebody else keeps, or none. Made by [`Bytes::of`] or by C, which keeps it for `'t`.
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct Bytes<'t> {
    text: *const u8,
    length: usize,
    kept: PhantomData<&'t [u8]>,
}

impl<'t> Bytes<'t> {
    pub(crate) const NONE: Self = Self {
        text: null(),
        length: 0,
        kept: PhantomData,
    };

    pub(crate) fn of(text: &'t [u8]) -> Self {
        Self {
            text: text.as_ptr(),
            length: text.len(),
            kept: PhantomData,
        }
    }

    pub(crate) fn get(self) -> &'t [u8] {
        if self.text.is_null() {
            return &[];
        }
        // SAFETY: see the type: pointer and length belong together.
        unsafe { std::slice::from_raw_parts(self.text, self.length) }
    }

    pub(crate) fn string(self) -> String {
        lossy(self.get())
    }

    pub(crate) fn maybe(self) -> Option<String> {
        (!self.text.is_null()).then(|| self.string())
    }
}

/// PHP's strings may hold anything.
pub(crate) fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

// SAFETY: what is marked as safe reads a live zval, which keeps what it gives.
unsafe extern "C" {
    safe fn sp_hold(value: &Zval) -> NonNull<Zval>;
    fn sp_let_go(held: NonNull<Zval>) -> bool;
    safe fn sp_zval_type(value: &Zval) -> u32;
    safe fn sp_zval_integer(value: &Zval) -> i64;
    safe fn sp_zval_text(value: &Zval) -> Bytes<'_>;
    safe fn sp_zval_count(value: &Zval) -> u32;
    safe fn sp_zval_item(value: &Zval, index: u32) -> Option<&Zval>;
}

/// IS_NULL, IS_TRUE and IS_STRING of PHP.
const NULL: u32 = 1;
const TRUE: u32 = 3;
const STRING: u32 = 6;

impl Zval {
    pub(crate) fn is_string(&self) -> bool {
        sp_zval_type(self) == STRING
    }

    pub(crate) fn is_null(&self) -> bool {
        sp_zval_type(self) == NULL
    }

    /// PHP's idea of yes.
    pub(crate) fn is_true(&self) -> bool {
        sp_zval_type(self) == TRUE
    }

    pub(crate) fn integer(&self) -> i64 {
        sp_zval_integer(self)
    }

    /// The bytes of a string; of anything else, none.
    pub(crate) fn bytes(&self) -> &[u8] {
        sp_zval_text(self).get()
    }

    /// The same as text.
    pub(crate) fn text(&self) -> String {
        lossy(self.bytes())
    }

    /// How many members an array has.
    pub(crate) fn count(&self) -> u32 {
        sp_zval_count(self)
    }

    /// A member of a list.
    pub(crate) fn item(&self, index: u32) -> Option<&Self> {
        sp_zval_item(self, index)
    }
}

/// A value that the app keeps for as long as it lives.
#[repr(transparent)]
#[derive(Clone, Copy)]
pub(crate) struct Told(NonNull<Zval>);

impl std::ops::Deref for Told {
    type Target = Zval;

    fn deref(&self) -> &Zval {
        // SAFETY: see the type.
        unsafe { self.0.as_ref() }
    }
}

impl Told {
    pub(crate) fn of(value: *const Zval) -> Option<Self> {
        NonNull::new(value.cast_mut()).map(Self)
    }

    pub(crate) fn as_ptr(self) -> *const Zval {
        self.0.as_ptr()
    }

    /// A member of a list, which lives as long.
    pub(crate) fn inner(self, index: u32) -> Option<Self> {
        self.item(index).map(|item| Self(NonNull::from(item)))
    }
}

/// A value of PHP that outlives the call that gave it. Dropped, it waits for [`let_go`], as destructors run when it goes.
pub(crate) struct Held(NonNull<Zval>);

thread_local! {
    static DROPPED: RefCell<Vec<NonNull<Zval>>> = const { RefCell::new(Vec::new()) };
}

impl Held {
    pub(crate) fn of(value: &Zval) -> Self {
        Self(sp_hold(value)) // memory of this kind ends the process when there is none
    }

    pub(crate) fn as_ptr(&self) -> *const Zval {
        self.0.as_ptr()
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        DROPPED.with_borrow_mut(|dropped| dropped.push(self.0));
    }
}

/// Lets go of what was dropped; `false` when PHP was lost by that. In no step.
pub(crate) fn let_go() -> bool {
    while let Some(held) = DROPPED.with_borrow_mut(Vec::pop) {
        // SAFETY: of a `Held` that is gone; the borrow is over, so what a destructor drops is put there too.
        if !unsafe { sp_let_go(held) } {
            return false;
        }
    }
    true
}

/// `sp_text`: bytes that Rust made and takes back.
#[repr(C)]
pub(crate) struct Text {
    text: *mut u8,
    length: usize,
    capacity: usize,
}

impl<T: Into<Vec<u8>>> From<T> for Text {
    fn from(text: T) -> Self {
        let mut bytes = ManuallyDrop::new(text.into());
        Self {
            text: bytes.as_mut_ptr(),
            length: bytes.len(),
            capacity: bytes.capacity(),
        }
    }
}

impl Drop for Text {
    fn drop(&mut self) {
        if !self.text.is_null() {
            // SAFETY: the parts of a Vec, given once.
            drop(unsafe { Vec::from_raw_parts(self.text, self.length, self.capacity) });
        }
    }
}
