//! Values of PHP: those that Rust reads, and those that it keeps. Decides nothing about what they mean.
//!
//! As everything that touches the interpreter, used on the thread that runs PHP only.

use std::cell::RefCell;
use std::ptr::{NonNull, null};

/// A `zval` that PHP owns.
#[repr(C)]
pub(crate) struct Zval {
    _private: [u8; 0],
}

/// `sp_bytes`: a text that somebody else keeps, or none.
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct Bytes {
    text: *const u8,
    length: usize,
}

impl Bytes {
    pub(crate) const NONE: Self = Self {
        text: null(),
        length: 0,
    };

    pub(crate) fn of(text: &[u8]) -> Self {
        Self {
            text: text.as_ptr(),
            length: text.len(),
        }
    }

    /// # Safety
    /// Pointer and length belong together, and live as long as the caller says.
    pub(crate) unsafe fn get<'t>(self) -> &'t [u8] {
        if self.text.is_null() {
            return &[];
        }
        // SAFETY: as the caller says.
        unsafe { std::slice::from_raw_parts(self.text, self.length) }
    }

    /// # Safety
    /// As for [`Bytes::get`].
    pub(crate) unsafe fn string(self) -> String {
        // SAFETY: as the caller says.
        lossy(unsafe { self.get() })
    }

    /// # Safety
    /// As for [`Bytes::get`].
    pub(crate) unsafe fn maybe(self) -> Option<String> {
        // SAFETY: as the caller says.
        (!self.text.is_null()).then(|| unsafe { self.string() })
    }
}

/// PHP's strings may hold anything.
pub(crate) fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

unsafe extern "C" {
    fn sp_hold(value: *const Zval) -> *mut Zval;
    fn sp_let_go(held: *mut Zval) -> bool;
    fn sp_zval_type(value: *const Zval) -> u32;
    fn sp_zval_integer(value: *const Zval) -> i64;
    fn sp_zval_text(value: *const Zval) -> Bytes;
    fn sp_zval_count(value: *const Zval) -> u32;
    fn sp_zval_item(value: *const Zval, index: u32) -> *const Zval;
}

/// IS_NULL, IS_TRUE and IS_STRING of PHP.
const NULL: u32 = 1;
const TRUE: u32 = 3;
const STRING: u32 = 6;

impl Zval {
    pub(crate) fn is_string(&self) -> bool {
        // SAFETY: a live zval.
        unsafe { sp_zval_type(self) == STRING }
    }

    pub(crate) fn is_null(&self) -> bool {
        // SAFETY: a live zval.
        unsafe { sp_zval_type(self) == NULL }
    }

    /// PHP's idea of yes.
    pub(crate) fn is_true(&self) -> bool {
        // SAFETY: a live zval.
        unsafe { sp_zval_type(self) == TRUE }
    }

    pub(crate) fn integer(&self) -> i64 {
        // SAFETY: a live zval.
        unsafe { sp_zval_integer(self) }
    }

    /// The bytes of a string; of anything else, none.
    pub(crate) fn bytes(&self) -> &[u8] {
        // SAFETY: a live zval, which keeps its bytes.
        unsafe { sp_zval_text(self).get() }
    }

    /// The same as text.
    pub(crate) fn text(&self) -> String {
        lossy(self.bytes())
    }

    /// How many members an array has.
    pub(crate) fn count(&self) -> u32 {
        // SAFETY: a live zval.
        unsafe { sp_zval_count(self) }
    }

    /// A member of a list.
    pub(crate) fn item(&self, index: u32) -> Option<&Self> {
        // SAFETY: a live zval, which keeps its members.
        unsafe { sp_zval_item(self, index).as_ref() }
    }
}

/// A value that the app keeps for as long as it lives.
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
        // SAFETY: a live zval. Memory of this kind ends the process when there is none.
        let held = NonNull::new(unsafe { sp_hold(value) });
        Self(held.expect("invariant: pemalloc does not come back without memory"))
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
        if !unsafe { sp_let_go(held.as_ptr()) } {
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

impl From<Vec<u8>> for Text {
    fn from(bytes: Vec<u8>) -> Self {
        let mut bytes = std::mem::ManuallyDrop::new(bytes);
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
