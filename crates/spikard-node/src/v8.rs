//! Functions of V8 and Node that N-API lacks, by their names in the Itanium C++ ABI; every release from 20 to 24 exports them, and an
//! interpreter without V8 has none. Decides nothing.

use std::ffi::{CStr, c_int, c_void};

/// A `v8::Isolate`.
pub(crate) type Isolate = *mut c_void;

/// Looks the functions of a table up, all or none.
macro_rules! exported {
    ($(#[$doc:meta])* $table:ident { $($(#[$about:meta])* $field:ident: $kind:ty = $name:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy)]
        pub(crate) struct $table { $($(#[$about])* pub(crate) $field: $kind,)* }

        impl $table {
            pub(crate) fn load() -> Option<Self> {
                Some(Self {
                    // SAFETY: a mangled name tells the types of its parameters; pointers and enumerations are passed alike.
                    $($field: unsafe { std::mem::transmute::<*mut c_void, $kind>(find($name)?) },)*
                })
            }
        }
    };
}

pub(crate) type Interrupt = unsafe extern "C" fn(Isolate, *mut c_void);
pub(crate) type NearHeapLimit = unsafe extern "C" fn(*mut c_void, usize, usize) -> usize;

exported! {
    /// To show where JavaScript is.
    Shown {
        /// `v8::Isolate::RequestInterrupt(callback, data)`: may be called on any thread.
        request_interrupt: unsafe extern "C" fn(Isolate, Interrupt, *mut c_void) =
            c"_ZN2v87Isolate16RequestInterruptEPFvPS0_PvES2_",
        /// `node::PrintCurrentStackTrace(isolate, prefix)`; the prefix 0 is `at`.
        print_stack: unsafe extern "C" fn(Isolate, c_int) =
            c"_ZN4node22PrintCurrentStackTraceEPN2v87IsolateENS_16StackTracePrefixE",
    }
}

exported! {
    /// To end the JavaScript that runs.
    Ended {
        /// `v8::Isolate::TerminateExecution()`: at its next call or loop JavaScript returns, past every `catch` and `finally`.
        terminate: unsafe extern "C" fn(Isolate) = c"_ZN2v87Isolate18TerminateExecutionEv",
        /// `v8::Isolate::CancelTerminateExecution()`: JavaScript may run again.
        cancel: unsafe extern "C" fn(Isolate) = c"_ZN2v87Isolate24CancelTerminateExecutionEv",
        /// `v8::Isolate::AddNearHeapLimitCallback(callback, data)`: it is asked for another limit before V8 ends the process.
        near_heap_limit: unsafe extern "C" fn(Isolate, NearHeapLimit, *mut c_void) =
            c"_ZN2v87Isolate24AddNearHeapLimitCallbackEPFmPvmmES1_",
    }
}

/// The isolate of this thread.
pub(crate) fn isolate() -> Option<Isolate> {
    let current = find(c"_ZN2v87Isolate13TryGetCurrentEv")?;
    // SAFETY: `v8::Isolate::TryGetCurrent()` takes nothing.
    let isolate = unsafe {
        let current =
            std::mem::transmute::<*mut c_void, unsafe extern "C" fn() -> Isolate>(current);
        current()
    };
    (!isolate.is_null()).then_some(isolate)
}

fn find(name: &CStr) -> Option<*mut c_void> {
    // SAFETY: looks a name up.
    let found = unsafe { libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr()) };
    (!found.is_null()).then_some(found)
}
