//! The one place of Ruby values that Rust keeps: a table that the collector marks and that it may move values in.
//! Everything else is on a stack, where the collector looks by itself.

use crate::interpreter::NIL;
use rb_sys::{
    VALUE, rb_cObject, rb_data_type_t, rb_data_typed_object_wrap, rb_gc_location,
    rb_gc_mark_movable, rb_gc_register_mark_object,
};
use std::cell::UnsafeCell;
use std::ffi::c_void;

struct Table {
    values: Vec<VALUE>,
    free: Vec<usize>,
}

/// Only touched by a thread that holds Ruby's lock.
struct Locked(UnsafeCell<Table>);

// SAFETY: Ruby's lock is the lock; see `table`.
unsafe impl Sync for Locked {}

static TABLE: Locked = Locked(UnsafeCell::new(Table {
    values: Vec::new(),
    free: Vec::new(),
}));

/// A short look at the table.
fn table<R>(look: impl FnOnce(&mut Table) -> R) -> R {
    // SAFETY: the caller holds Ruby's lock, and `look` calls no Ruby, so nothing else looks meanwhile.
    look(unsafe { &mut *TABLE.0.get() })
}

/// Keeps a value alive until it is dropped.
#[derive(Debug)]
pub(crate) struct Kept(usize);

impl Kept {
    pub(crate) fn new(value: VALUE) -> Self {
        table(|table| {
            let index = table.free.pop().unwrap_or_else(|| {
                table.values.push(NIL);
                table.values.len() - 1
            });
            table.values[index] = value;
            Self(index)
        })
    }

    /// Where the value is now.
    pub(crate) fn get(&self) -> VALUE {
        table(|table| table.values[self.0])
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        table(|table| {
            table.values[self.0] = NIL;
            table.free.push(self.0);
        });
    }
}

unsafe extern "C" fn mark(_: *mut c_void) {
    table(|table| {
        for value in &table.values {
            // SAFETY: called by the collector; the table holds values.
            unsafe { rb_gc_mark_movable(*value) };
        }
    });
}

unsafe extern "C" fn compact(_: *mut c_void) {
    table(|table| {
        for value in &mut table.values {
            // SAFETY: as above.
            *value = unsafe { rb_gc_location(*value) };
        }
    });
}

/// Shows the table to the collector; called once, when the extension is loaded.
pub(crate) fn init() {
    // SAFETY: all-zero is how C initialises the type; it is never freed. The object's data is the table, which Ruby does
    // not free either; null would keep Ruby from calling `mark`.
    unsafe {
        let mut kind: rb_data_type_t = std::mem::zeroed();
        kind.wrap_struct_name = c"spikard_roots".as_ptr();
        kind.function.dmark = Some(mark);
        kind.function.dcompact = Some(compact);
        let kind = Box::leak(Box::new(kind));
        let data = TABLE.0.get().cast();
        rb_gc_register_mark_object(rb_data_typed_object_wrap(rb_cObject, data, kind));
    }
}
