//! The end of a process that serves, when it comes from within: `process.exit()`, an error that nobody catches, a heap that is full.
//! Whoever waits for an answer has one before. Serves nothing; in a thread of the interpreter's own (`Worker`) it does nothing.

use crate::reactor::Reactor;
use crate::v8::{self, Ended, Isolate};
use std::cell::Cell;
use std::ffi::c_void;
use std::io::Write as _;
use std::ptr::null_mut;
use std::sync::atomic::{AtomicI32, Ordering};

/// Code of the exit that is under way; negative while there is none.
static CODE: AtomicI32 = AtomicI32::new(-1);

/// What a worker whose heap was full ends with: sysexits(3) `EX_SOFTWARE`, as that of a language that was lost to a fatal error.
const FULL: i32 = 70;

/// What V8 may use beyond its limit until JavaScript has returned; Node gives its `Worker`s as much.
const ALLOWANCE: usize = 16 << 20;

thread_local! {
    /// Of the main thread, once it serves.
    static JAVASCRIPT: Cell<Option<(Ended, Isolate)>> = const { Cell::new(None) };
}

/// The process ends: no code of the user runs any more.
pub(crate) fn is_near() -> bool {
    CODE.load(Ordering::Relaxed) >= 0
}

/// Watches the heap from now on, once.
pub(crate) fn watch() {
    // SAFETY: they take nothing.
    let is_main = unsafe { libc::gettid() == libc::getpid() };
    if !is_main || JAVASCRIPT.get().is_some() {
        return;
    }
    if let Some((functions, isolate)) = Ended::load().zip(v8::isolate()) {
        JAVASCRIPT.set(Some((functions, isolate)));
        // SAFETY: on the isolate's thread.
        unsafe { (functions.near_heap_limit)(isolate, on_full, null_mut()) };
    }
}

/// `process.exit(code)` comes inside of a handler that a turn has called: `true` when JavaScript now returns to that turn, which
/// answers and then ends the process. The caller only has to wait.
pub(crate) fn unwind(code: i32) -> bool {
    let in_turn = Reactor::current().is_some_and(|reactor| reactor.in_turn());
    let Some((functions, isolate)) = JAVASCRIPT.get().filter(|_| in_turn) else {
        return false;
    };
    CODE.store(code & 0xff, Ordering::Relaxed);
    // SAFETY: on the isolate's thread, which is alive.
    unsafe { (functions.terminate)(isolate) };
    true
}

/// The process exits by itself after this, and is outside of every turn.
pub(crate) fn begin(code: i32) {
    CODE.store(code & 0xff, Ordering::Relaxed);
}

/// JavaScript has returned; it can be called again, for the exit. The code of that.
pub(crate) fn returned() -> i32 {
    if let Some((functions, isolate)) = JAVASCRIPT.get() {
        // SAFETY: on the isolate's thread, which is alive.
        unsafe { (functions.cancel)(isolate) };
    }
    CODE.load(Ordering::Relaxed).max(0)
}

/// On the isolate's thread, inside of a collection that has freed too little.
unsafe extern "C" fn on_full(_: *mut c_void, limit: usize, _: usize) -> usize {
    let serves = Reactor::current().is_some_and(|reactor| reactor.is_busy());
    let Some((functions, isolate)) = JAVASCRIPT.get().filter(|_| serves && !is_near()) else {
        return limit; // V8 ends the process
    };
    CODE.store(FULL, Ordering::Relaxed);
    let _ = writeln!(
        std::io::stderr(),
        "spikard: the heap of JavaScript has reached its limit of {} MB (--max-old-space-size); the process ends",
        limit >> 20
    );
    // SAFETY: V8 allows it in this callback.
    unsafe { (functions.terminate)(isolate) };
    limit + ALLOWANCE
}
