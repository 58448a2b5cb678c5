//! N-API in the shape that we use: values, calls, scopes, references. Knows nothing of HTTP.
//!
//! Every function of [`Env`] relies on one invariant: an `Env` is used on the thread of its interpreter, inside a handle
//! scope. `Reactor` and napi-rs, which make them, see to that.

use napi::sys;
use std::cell::{Cell, RefCell};
use std::ffi::{CStr, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::{null, null_mut};

pub(crate) type Value = sys::napi_value;

/// One interpreter; valid on its own thread.
#[derive(Clone, Copy)]
pub(crate) struct Env(pub(crate) sys::napi_env);

/// The largest integer that a JavaScript number tells from its neighbours (ECMA-262 `Number.MAX_SAFE_INTEGER`).
const SAFE: u64 = (1 << 53) - 1;

thread_local! {
    /// Strings are first read into this, with one call of N-API.
    static SCRATCH: RefCell<Vec<u8>> = RefCell::new(vec![0; 16 << 10]);
    /// Of this thread's interpreter, once it was entered.
    static CONTEXT: Cell<sys::napi_async_context> = const { Cell::new(null_mut()) };
}

/// Calls a function of N-API that gives a value; null when it fails, which every other function takes for `undefined`.
macro_rules! made {
    ($name:ident($($argument:expr),*)) => {{
        let mut value = null_mut();
        // SAFETY: see the module; pointers and lengths belong together.
        unsafe { sys::$name($($argument,)* &raw mut value) };
        value
    }};
}

impl Env {
    pub(crate) fn undefined(self) -> Value {
        made!(napi_get_undefined(self.0))
    }

    pub(crate) fn null(self) -> Value {
        made!(napi_get_null(self.0))
    }

    pub(crate) fn boolean(self, value: bool) -> Value {
        made!(napi_get_boolean(self.0, value))
    }

    pub(crate) fn number(self, value: f64) -> Value {
        made!(napi_create_double(self.0, value))
    }

    /// A number where that keeps every digit, else a bigint.
    pub(crate) fn integer(self, value: i64) -> Value {
        match i32::try_from(value) {
            Ok(small) => made!(napi_create_int32(self.0, small)),
            Err(_) if value.unsigned_abs() <= SAFE => made!(napi_create_int64(self.0, value)),
            Err(_) => made!(napi_create_bigint_int64(self.0, value)),
        }
    }

    /// A bigint from decimal digits with an optional minus.
    pub(crate) fn big_integer(self, digits: &str) -> Value {
        let (negative, digits) = match digits.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, digits),
        };
        let mut words: Vec<u64> = Vec::new();
        for digit in digits.bytes() {
            let mut carry = u128::from(digit - b'0');
            for word in &mut words {
                let wide = u128::from(*word) * 10 + carry;
                // The low half stays, the high half is carried.
                (*word, carry) = (wide as u64, wide >> 64);
            }
            if carry > 0 {
                words.push(carry as u64);
            }
        }
        made!(napi_create_bigint_words(
            self.0,
            negative.into(),
            words.len(),
            words.as_ptr()
        ))
    }

    /// UTF-8 as a string; ASCII the faster way.
    pub(crate) fn string(self, text: &[u8]) -> Value {
        if text.is_ascii() {
            return self.latin1(text);
        }
        made!(napi_create_string_utf8(
            self.0,
            text.as_ptr().cast(),
            length(text)
        ))
    }

    /// Each byte as the character of its number: what every field value can be read as (RFC 9110 section 5.5).
    pub(crate) fn latin1(self, bytes: &[u8]) -> Value {
        made!(napi_create_string_latin1(
            self.0,
            bytes.as_ptr().cast(),
            length(bytes)
        ))
    }

    pub(crate) fn array(self, items: impl ExactSizeIterator<Item = Value>) -> Value {
        let array = made!(napi_create_array_with_length(self.0, items.len()));
        for (index, item) in (0..).zip(items) {
            // SAFETY: see the module.
            unsafe { sys::napi_set_element(self.0, array, index, item) };
        }
        array
    }

    /// A copy of the bytes as a `Buffer`, which is a `Uint8Array`.
    pub(crate) fn buffer(self, bytes: &[u8]) -> Value {
        let mut place = null_mut();
        made!(napi_create_buffer_copy(
            self.0,
            bytes.len(),
            bytes.as_ptr().cast(),
            &raw mut place
        ))
    }

    pub(crate) fn type_of(self, value: Value) -> sys::napi_valuetype {
        let mut kind = sys::ValueType::napi_undefined;
        // SAFETY: see the module; of a null value the kind stays `undefined`.
        unsafe { sys::napi_typeof(self.0, value, &raw mut kind) };
        kind
    }

    pub(crate) fn global(self) -> Value {
        made!(napi_get_global(self.0))
    }

    /// `object.name`; `undefined` of what has no properties.
    pub(crate) fn named(self, object: Value, name: &CStr) -> Value {
        made!(napi_get_named_property(self.0, object, name.as_ptr()))
    }

    /// `value[index]`.
    pub(crate) fn element(self, value: Value, index: u32) -> Value {
        made!(napi_get_element(self.0, value, index))
    }

    /// Items of an array; none of another value.
    pub(crate) fn length(self, array: Value) -> u32 {
        let mut length = 0;
        // SAFETY: see the module; of another value the length stays 0.
        unsafe { sys::napi_get_array_length(self.0, array, &raw mut length) };
        length
    }

    /// The number that `value` is; 0 when it is none.
    pub(crate) fn to_number(self, value: Value) -> f64 {
        let mut number = 0.0;
        // SAFETY: see the module.
        unsafe { sys::napi_get_value_double(self.0, value, &raw mut number) };
        number
    }

    /// A string as UTF-8; `None` when the value is no string. A lone surrogate becomes U+FFFD.
    pub(crate) fn text(self, value: Value) -> Option<Vec<u8>> {
        SCRATCH.with_borrow_mut(|scratch| {
            let mut length = 0;
            let (start, room) = (scratch.as_mut_ptr().cast(), scratch.len());
            // SAFETY: see the module; N-API writes at most `room` bytes.
            let status = unsafe {
                sys::napi_get_value_string_utf8(self.0, value, start, room, &raw mut length)
            };
            if status != sys::Status::napi_ok {
                return None;
            }
            // A character takes up to 4 bytes, and one that does not fit is left out.
            if length + 4 < room {
                return Some(scratch[..length].to_vec());
            }
            // SAFETY: without a buffer N-API counts.
            unsafe {
                sys::napi_get_value_string_utf8(self.0, value, null_mut(), 0, &raw mut length);
            }
            let mut long = vec![0; length + 1];
            let (start, room) = (long.as_mut_ptr().cast(), long.len());
            // SAFETY: as above.
            unsafe { sys::napi_get_value_string_utf8(self.0, value, start, room, &raw mut length) };
            long.truncate(length);
            Some(long)
        })
    }

    /// A string as text; empty when the value is none.
    pub(crate) fn to_string(self, value: Value) -> String {
        let bytes = self.text(value).unwrap_or_default();
        String::from_utf8(bytes).expect("invariant: N-API writes UTF-8")
    }

    /// A copy of a `Uint8Array`'s bytes; `None` of another value.
    pub(crate) fn bytes(self, value: Value) -> Option<Vec<u8>> {
        let (mut kind, mut count, mut start) = (0, 0, null_mut());
        // SAFETY: see the module.
        let status = unsafe {
            sys::napi_get_typedarray_info(
                self.0,
                value,
                &raw mut kind,
                &raw mut count,
                &raw mut start,
                null_mut(),
                null_mut(),
            )
        };
        if status != sys::Status::napi_ok || kind != sys::TypedarrayType::uint8_array {
            return None;
        }
        if start.is_null() || count == 0 {
            return Some(Vec::new());
        }
        // SAFETY: the array has `count` bytes there, and no JavaScript runs before they are copied.
        Some(unsafe { std::slice::from_raw_parts(start.cast::<u8>(), count) }.to_vec())
    }

    /// Calls a function; `Err` is what it threw.
    pub(crate) fn call(self, function: &Reference, arguments: &[Value]) -> Result<Value, Value> {
        let callee = self.value(function);
        let mut result = null_mut();
        // SAFETY: see the module.
        let status = unsafe {
            sys::napi_call_function(
                self.0,
                self.undefined(),
                callee,
                arguments.len(),
                arguments.as_ptr(),
                &raw mut result,
            )
        };
        match status {
            sys::Status::napi_ok => Ok(result),
            _ => Err(made!(napi_get_and_clear_last_exception(self.0))),
        }
    }

    /// What a reference keeps.
    pub(crate) fn value(self, reference: &Reference) -> Value {
        made!(napi_get_reference_value(self.0, reference.0))
    }

    pub(crate) fn reference(self, value: Value) -> Reference {
        Reference(made!(napi_create_reference(self.0, value, 1)), self)
    }

    /// A function that calls `inner` with its first two arguments; a fraction of what napi-rs spends on a method. `inner`
    /// is dropped with the function.
    pub(crate) fn function<F: Fn(Value, Value) + 'static>(self, inner: F) -> Value {
        let data = Box::into_raw(Box::new(inner)).cast::<c_void>();
        let function = made!(napi_create_function(
            self.0,
            null(),
            0,
            Some(called::<F>),
            data
        ));
        // SAFETY: see the module; `data` belongs to the function from here on.
        unsafe {
            let finalize = Some(dropped::<F> as _);
            sys::napi_add_finalizer(self.0, function, data, finalize, null_mut(), null_mut());
        }
        function
    }

    /// Runs `inner` with a handle scope of its own.
    pub(crate) fn scoped<R>(self, inner: impl FnOnce() -> R) -> R {
        let _scope = Scope(self, made!(napi_open_handle_scope(self.0)));
        inner()
    }

    /// Runs `inner` as an entry from the event loop: when it ends, Node runs `process.nextTick` and the microtasks, unless
    /// it has called us itself and will do so later.
    pub(crate) fn entered<R>(self, inner: impl FnOnce() -> R) -> R {
        self.scoped(|| {
            if CONTEXT.get().is_null() {
                CONTEXT.set(self.async_context());
            }
            let resource = self.undefined(); // N-API takes none from here
            let scope = made!(napi_open_callback_scope(self.0, resource, CONTEXT.get()));
            let _scope = CallbackScope(self, scope);
            inner()
        })
    }

    /// The name under which Node's async hooks know our entries.
    fn async_context(self) -> sys::napi_async_context {
        let name = self.latin1(b"spikard");
        made!(napi_async_init(self.0, null_mut(), name))
    }

    /// A promise and what settles it.
    pub(crate) fn promise(self) -> (Deferred, Value) {
        let mut deferred = null_mut();
        let promise = made!(napi_create_promise(self.0, &raw mut deferred));
        (Deferred(deferred, self), promise)
    }
}

unsafe extern "C" fn called<F: Fn(Value, Value)>(
    env: sys::napi_env,
    info: sys::napi_callback_info,
) -> Value {
    let (mut count, mut arguments, mut data) = (2, [null_mut(); 2], null_mut());
    // SAFETY: called by N-API with an environment and an info that belong together; what was not given is `undefined`.
    unsafe {
        let first = arguments.as_mut_ptr();
        sys::napi_get_cb_info(env, info, &raw mut count, first, null_mut(), &raw mut data);
    }
    // SAFETY: `Env::function` made it, and the function that is being called keeps it.
    let inner = unsafe { &*data.cast::<F>() };
    // A panic must not cross into C: it would end the process. Its message is on standard error.
    let _ = catch_unwind(AssertUnwindSafe(|| inner(arguments[0], arguments[1])));
    null_mut()
}

unsafe extern "C" fn dropped<F>(_: sys::napi_env, data: *mut c_void, _: *mut c_void) {
    // SAFETY: made by `Env::function`; the function is gone.
    drop(unsafe { Box::from_raw(data.cast::<F>()) });
}

/// Closed in order, because calls return in order; also when a panic passes: Node counts the scopes that its callbacks leave
/// open, and ends the process.
struct Scope(Env, sys::napi_handle_scope);

impl Drop for Scope {
    fn drop(&mut self) {
        // SAFETY: opened by `scoped`.
        unsafe { sys::napi_close_handle_scope(self.0.0, self.1) };
    }
}

/// The same of an entry.
struct CallbackScope(Env, sys::napi_callback_scope);

impl Drop for CallbackScope {
    fn drop(&mut self) {
        // SAFETY: opened by `entered`.
        unsafe { sys::napi_close_callback_scope(self.0.0, self.1) };
    }
}

/// Keeps a value alive until it is dropped, on the interpreter's thread.
pub(crate) struct Reference(sys::napi_ref, Env);

impl Drop for Reference {
    fn drop(&mut self) {
        // SAFETY: made by `Env::reference`, deleted once.
        unsafe { sys::napi_delete_reference(self.1.0, self.0) };
    }
}

/// Settles a promise.
pub(crate) struct Deferred(sys::napi_deferred, Env);

impl Deferred {
    pub(crate) fn resolve(self, value: Value) {
        // SAFETY: used up by this call.
        unsafe { sys::napi_resolve_deferred(self.1.0, self.0, value) };
    }

    pub(crate) fn reject(self, message: &str) {
        let text = self.1.string(message.as_bytes());
        let error = made!(napi_create_error(self.1.0, null_mut(), text));
        // SAFETY: used up by this call.
        unsafe { sys::napi_reject_deferred(self.1.0, self.0, error) };
    }
}

fn length(bytes: &[u8]) -> isize {
    isize::try_from(bytes.len()).expect("invariant: no slice is longer than isize::MAX")
}
