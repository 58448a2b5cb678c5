//! The few calls into CPython that PyO3's safe API does not offer, or not at this price. Holds no policy.

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyTuple, PyType};
use std::ptr::null_mut;
use tokio::io::{Interest, unix::AsyncFd};

/// Any Python object.
pub(crate) type Obj = Py<PyAny>;

/// State of Rust behind a Python object. The cycle collector may drop such an object on *any* thread, so `unsendable`
/// classes are wrong for what user code can hold.
#[derive(Debug, Default)]
pub(crate) struct Gil<T>(T);

// SAFETY: the module declares `gil_used = true`, so every thread that reaches a Python object, to use or to drop it, holds
// the interpreter lock, and only one does at a time.
unsafe impl<T> Send for Gil<T> {}
// SAFETY: as above.
unsafe impl<T> Sync for Gil<T> {}

impl<T> Gil<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(value)
    }
}

impl<T> std::ops::Deref for Gil<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.0
    }
}

/// The token of this thread, inside the poll of a Tokio task or of the reactor's main future.
pub(crate) fn attached<'py>() -> Python<'py> {
    // SAFETY: the lock is held whenever such a poll runs: `park` gives it up when Tokio sleeps, `unpark` takes it back before
    // anything else runs (see `reactor`), and outside the reactor polls come from Python itself. Callers do not keep the
    // token across an await.
    unsafe { Python::assume_attached() }
}

/// Takes over a new reference, or the error that is set.
///
/// # Safety
/// `pointer` is what a C function returned as a new reference.
unsafe fn own(py: Python<'_>, pointer: *mut ffi::PyObject) -> PyResult<Obj> {
    // SAFETY: the caller's promise.
    Ok(unsafe { Bound::from_owned_ptr_or_err(py, pointer)? }.unbind())
}

/// One positional argument, without a tuple.
pub(crate) fn call1(py: Python<'_>, function: &Obj, argument: &Obj) -> PyResult<Obj> {
    let mut slots = [null_mut(), argument.as_ptr()];
    let count = 1 | ffi::PY_VECTORCALL_ARGUMENTS_OFFSET;
    // SAFETY: one live argument follows the free slot that the flag promises.
    unsafe {
        let slots = slots.as_mut_ptr().add(1);
        own(
            py,
            ffi::PyObject_Vectorcall(function.as_ptr(), slots, count, null_mut()),
        )
    }
}

/// Two positional arguments.
pub(crate) fn call2(py: Python<'_>, function: &Obj, first: &Obj, second: &Obj) -> PyResult<Obj> {
    let slots = [first.as_ptr(), second.as_ptr()];
    // SAFETY: two live arguments, none of them named.
    unsafe {
        own(
            py,
            ffi::PyObject_Vectorcall(function.as_ptr(), slots.as_ptr(), slots.len(), null_mut()),
        )
    }
}

/// No arguments.
pub(crate) fn call0(py: Python<'_>, function: &Obj) -> PyResult<Obj> {
    // SAFETY: a live callable.
    unsafe { own(py, ffi::PyObject_CallNoArgs(function.as_ptr())) }
}

/// A str of ASCII, which needs no look at its characters. `text` is ASCII.
pub(crate) fn ascii(py: Python<'_>, text: &[u8]) -> PyResult<Obj> {
    debug_assert!(text.is_ascii());
    let length = text.len().cast_signed();
    // SAFETY: a new str for this many characters up to 127 has as many bytes behind its header, which nobody else reads
    // yet; the empty one is shared, and nothing is written to it.
    unsafe {
        let new = own(py, ffi::PyUnicode_New(length, 127))?;
        let characters = ffi::PyUnicode_DATA(new.as_ptr()).cast::<u8>();
        characters.copy_from_nonoverlapping(text.as_ptr(), text.len());
        Ok(new)
    }
}

/// Arguments of one call, owned, on the stack as long as they are few.
pub(crate) struct Arguments {
    /// Slot 0 stays free: a bound method then needs no copy of the arguments.
    inline: [*mut ffi::PyObject; Self::INLINE + 1],
    spilled: Vec<*mut ffi::PyObject>,
    length: usize,
}

impl Arguments {
    const INLINE: usize = 8;

    pub(crate) fn new() -> Self {
        Self {
            inline: [null_mut(); Self::INLINE + 1],
            spilled: Vec::new(),
            length: 0,
        }
    }

    /// `count` arguments that [`Self::set`] gives.
    pub(crate) fn unset(count: usize) -> Self {
        let mut arguments = Self::new();
        if count > Self::INLINE {
            arguments.spilled.resize(count + 1, null_mut());
        }
        arguments.length = count;
        arguments
    }

    /// Gives the argument at `index`, in place of what was given before.
    pub(crate) fn set(&mut self, index: usize, value: Obj) {
        let slots = match self.spilled.is_empty() {
            true => &mut self.inline[1..],
            false => &mut self.spilled[1..],
        };
        let before = std::mem::replace(&mut slots[index], value.into_ptr());
        // SAFETY: the slot owned its reference, if it was set; the thread is attached, as a value is given.
        unsafe { ffi::Py_XDECREF(before) }
    }

    /// Leaves out what was not given at the end; `false` when something before is missing.
    pub(crate) fn close_up(&mut self) -> bool {
        while self.length > 0 && self.slots()[self.length].is_null() {
            self.length -= 1;
        }
        !self.slots()[1..=self.length].contains(&null_mut())
    }

    pub(crate) fn len(&self) -> usize {
        self.length
    }

    pub(crate) fn push(&mut self, value: Obj) {
        let value = value.into_ptr();
        if self.length == Self::INLINE && self.spilled.is_empty() {
            self.spilled.extend_from_slice(&self.inline);
        }
        self.length += 1;
        if self.spilled.is_empty() {
            self.inline[self.length] = value;
        } else {
            self.spilled.push(value);
        }
    }

    fn slots(&self) -> &[*mut ffi::PyObject] {
        if self.spilled.is_empty() {
            &self.inline
        } else {
            &self.spilled
        }
    }

    /// Calls `function`; the last arguments go by the names in `keywords`.
    pub(crate) fn call(
        &self,
        py: Python<'_>,
        function: &Obj,
        keywords: Option<&Py<PyTuple>>,
    ) -> PyResult<Obj> {
        let (names, named) = match keywords {
            Some(names) => (names.as_ptr(), names.bind(py).len()),
            None => (null_mut(), 0),
        };
        let count = (self.length - named) | ffi::PY_VECTORCALL_ARGUMENTS_OFFSET;
        // SAFETY: `length` live arguments follow the free slot that the flag promises; `names` is a tuple of str or null, as
        // long as the arguments that it names.
        unsafe {
            let slots = self.slots().as_ptr().add(1);
            own(
                py,
                ffi::PyObject_Vectorcall(function.as_ptr(), slots, count, names),
            )
        }
    }

    /// The positional ones and, as a dict, the named ones.
    pub(crate) fn split<'py>(
        &self,
        py: Python<'py>,
        keywords: Option<&Py<PyTuple>>,
    ) -> PyResult<(Vec<Bound<'py, PyAny>>, Bound<'py, pyo3::types::PyDict>)> {
        let live = &self.slots()[1..=self.length];
        // SAFETY: the slots hold live references that this struct owns.
        let mut all: Vec<_> = live
            .iter()
            .map(|slot| unsafe { Bound::from_borrowed_ptr(py, *slot) })
            .collect();
        let named = pyo3::types::PyDict::new(py);
        if let Some(names) = keywords {
            let names = names.bind(py);
            for (name, value) in names.iter().zip(all.split_off(self.length - names.len())) {
                named.set_item(name, value)?;
            }
        }
        Ok((all, named))
    }
}

impl Drop for Arguments {
    fn drop(&mut self) {
        for slot in &self.slots()[1..=self.length] {
            // SAFETY: each slot that was set owns one reference; the thread is attached, as it was then.
            unsafe { ffi::Py_XDECREF(*slot) }
        }
    }
}

/// What one step of a coroutine came to.
pub(crate) enum Sent {
    Yielded(Obj),
    Finished(PyResult<Obj>),
}

/// One step of a coroutine, without a StopIteration object.
pub(crate) fn send(py: Python<'_>, coroutine: &Obj) -> Sent {
    let mut out = null_mut();
    // SAFETY: a live object that is a coroutine or an iterator (checked by whoever started it); `out` is set to a new
    // reference unless the result says error.
    unsafe {
        match ffi::PyIter_Send(coroutine.as_ptr(), ffi::Py_None(), &mut out) {
            ffi::PySendResult::PYGEN_NEXT => Sent::Yielded(Bound::from_owned_ptr(py, out).unbind()),
            ffi::PySendResult::PYGEN_RETURN => Sent::Finished(own(py, out)),
            ffi::PySendResult::PYGEN_ERROR => Sent::Finished(Err(PyErr::fetch(py))),
        }
    }
}

/// Is it of this class or one below? By its type alone: `isinstance` would ask every other object for `__class__`.
pub(crate) fn is_a(value: &Bound<'_, PyAny>, class: &Py<PyType>) -> bool {
    // SAFETY: reads a live object and a live type.
    unsafe { ffi::PyObject_TypeCheck(value.as_ptr(), class.as_ptr().cast()) != 0 }
}

/// An iterator or an async one, by its type alone.
pub(crate) fn is_iterator(value: &Bound<'_, PyAny>) -> bool {
    // SAFETY: reads a live object and its live type.
    unsafe {
        let kind = ffi::Py_TYPE(value.as_ptr());
        let methods = (*kind).tp_as_async;
        ffi::PyIter_Check(value.as_ptr()) != 0
            || (!methods.is_null() && (*methods).am_anext.is_some())
    }
}

pub(crate) fn is_coroutine(value: &Bound<'_, PyAny>) -> bool {
    // SAFETY: reads the type of a live object.
    unsafe { ffi::PyCoro_CheckExact(value.as_ptr()) != 0 }
}

/// An empty `contextvars.Context`.
pub(crate) fn new_context(py: Python<'_>) -> PyResult<Obj> {
    // SAFETY: returns a new reference or sets an error.
    unsafe { own(py, ffi::PyContext_New()) }
}

/// A copy of the current `contextvars.Context`.
pub(crate) fn copy_context(py: Python<'_>) -> PyResult<Obj> {
    // SAFETY: returns a new reference or sets an error.
    unsafe { own(py, ffi::PyContext_CopyCurrent()) }
}

/// Runs `work` inside a context.
pub(crate) fn in_context<R>(
    py: Python<'_>,
    context: &Obj,
    work: impl FnOnce() -> R,
) -> PyResult<R> {
    /// Leaves the context even when `work` panics: the thread goes on and must not keep it.
    struct Entered<'c>(&'c Obj);
    impl Drop for Entered<'_> {
        fn drop(&mut self) {
            // SAFETY: entered below, and left in order because `work` is over.
            unsafe { ffi::PyContext_Exit(self.0.as_ptr()) };
        }
    }
    // SAFETY: a live object; CPython checks its type, and refuses a context that is already entered.
    if unsafe { ffi::PyContext_Enter(context.as_ptr()) } != 0 {
        return Err(PyErr::fetch(py));
    }
    let _entered = Entered(context);
    Ok(work())
}

/// Nobody else knows this context, and nothing was set in it: the next call may use it.
pub(crate) fn is_pristine(context: &Obj) -> bool {
    // SAFETY: a live context object; its size is that of a mapping.
    unsafe { ffi::Py_REFCNT(context.as_ptr()) == 1 && ffi::PyObject_Size(context.as_ptr()) == 0 }
}

/// How many references an object has.
pub(crate) fn references(object: &Obj) -> isize {
    // SAFETY: reads a field of a live object.
    unsafe { ffi::Py_REFCNT(object.as_ptr()) }
}

/// Vectorcall with named arguments: the first `values` are positional, the rest go by `names`.
pub(crate) fn call_named<const N: usize>(
    py: Python<'_>,
    function: &Obj,
    values: [&Obj; N],
    positional: usize,
    names: &Py<PyTuple>,
) -> PyResult<Obj> {
    let values = values.map(Py::as_ptr);
    // SAFETY: N live arguments, of which the last N - positional are named by the tuple.
    unsafe {
        own(
            py,
            ffi::PyObject_Vectorcall(
                function.as_ptr(),
                values.as_ptr(),
                positional,
                names.as_ptr(),
            ),
        )
    }
}

/// Length of a sized object that is known to have one.
pub(crate) fn length(object: &Obj) -> isize {
    // SAFETY: a live object.
    unsafe { ffi::PyObject_Size(object.as_ptr()) }
}

thread_local! {
    static PARKED: std::cell::Cell<*mut ffi::PyThreadState> = const { std::cell::Cell::new(null_mut()) };
}

/// Tokio is about to sleep: other Python threads may run.
pub(crate) fn park() {
    // SAFETY: the reactor's thread holds the lock whenever Tokio runs; `unpark` on the same thread takes it back.
    PARKED.set(unsafe { ffi::PyEval_SaveThread() });
}

/// Tokio woke up: takes the lock back and lets Python's signal handlers run; what one of them raised is returned.
pub(crate) fn unpark() -> Option<PyErr> {
    let state = PARKED.replace(null_mut());
    // SAFETY: the state that `park` saved on this thread.
    unsafe { ffi::PyEval_RestoreThread(state) };
    // SAFETY: attached since the line above.
    (unsafe { ffi::PyErr_CheckSignals() } != 0).then(|| PyErr::fetch(attached()))
}

/// Readiness of a selector's own epoll descriptor, in the runtime that is entered.
pub(crate) fn watch_descriptor(descriptor: i32) -> std::io::Result<AsyncFd<i32>> {
    // SAFETY: the selector owns the descriptor; the reactor, which keeps what is returned, keeps the selector longer.
    let registered = unsafe { AsyncFd::register_with_interest(descriptor, Interest::READABLE) };
    registered.map_err(|refused| refused.into_parts().1)
}
