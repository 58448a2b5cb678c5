//! Shows on standard error where the JavaScript of this process is, when a signal asks for it, also while a handler holds
//! the loop. Asks nothing of JavaScript, which could not answer; where V8 lacks what is needed, there is no answer.

use crate::interpreter::Env;
use crate::v8::{self, Isolate, Shown};
use napi::sys;
use std::ffi::{c_int, c_void};
use std::io::Write as _;
use std::ptr::null_mut;
use std::sync::atomic::{AtomicI32, AtomicPtr, Ordering};

/// What asks; Python's processes heed the same one.
const SIGNAL: c_int = libc::SIGQUIT;

/// The isolate, until its interpreter ends.
static ISOLATE: AtomicPtr<c_void> = AtomicPtr::new(null_mut());
/// Where the signal handler writes.
static ASKED: AtomicI32 = AtomicI32::new(-1);
static PRINT_STACK: AtomicPtr<c_void> = AtomicPtr::new(null_mut());

/// From now on the signal that is returned shows where JavaScript is. None where it cannot be shown.
pub(crate) fn shown_by(env: Env) -> Option<i32> {
    // SAFETY: they take nothing.
    let is_main = unsafe { libc::gettid() == libc::getpid() };
    let (functions, isolate) = Shown::load().zip(v8::isolate()).filter(|_| is_main)?;
    let (asked, ask) = std::io::pipe().ok()?;
    ISOLATE.store(isolate, Ordering::Release);
    PRINT_STACK.store(functions.print_stack as *mut c_void, Ordering::Release);
    // SAFETY: on the interpreter's thread; the hook takes nothing.
    unsafe { sys::napi_add_env_cleanup_hook(env.0, Some(on_end), null_mut()) };
    let listen = move || {
        let mut asked = asked;
        while std::io::Read::read_exact(&mut asked, &mut [0]).is_ok() {
            let isolate = ISOLATE.load(Ordering::Acquire);
            if !isolate.is_null() {
                // SAFETY: the isolate lives until `on_end`; the function may be called on any thread.
                unsafe { (functions.request_interrupt)(isolate, on_interrupt, null_mut()) };
            }
        }
    };
    let named = std::thread::Builder::new().name("spikard-stack".to_owned());
    named.spawn(listen).ok()?;
    ASKED.store(std::os::fd::IntoRawFd::into_raw_fd(ask), Ordering::Release);
    // SAFETY: the handler calls only what signal-safety(7) allows.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = on_signal as *const () as usize;
        action.sa_flags = libc::SA_RESTART;
        (libc::sigaction(SIGNAL, &raw const action, null_mut()) == 0).then_some(SIGNAL)
    }
}

unsafe extern "C" fn on_signal(_: c_int) {
    let fd = ASKED.load(Ordering::Acquire);
    // SAFETY: one byte into a pipe that is never closed; what a full one refuses has been asked already. `errno` is what
    // the interrupted code may be about to read.
    unsafe {
        let errno = libc::__errno_location();
        let before = *errno;
        libc::write(fd, [0_u8].as_ptr().cast(), 1);
        *errno = before;
    }
}

/// On the interpreter's thread, between two steps of its code.
unsafe extern "C" fn on_interrupt(isolate: Isolate, _: *mut c_void) {
    let _ = writeln!(
        std::io::stderr(),
        "spikard: JavaScript is here (innermost call first):"
    );
    let print = PRINT_STACK.load(Ordering::Acquire);
    // SAFETY: stored by `shown_by` from a function of this type; V8 opens a handle scope around an interrupt.
    unsafe {
        let print = std::mem::transmute::<*mut c_void, unsafe extern "C" fn(Isolate, c_int)>(print);
        print(isolate, 0);
    }
}

unsafe extern "C" fn on_end(_: *mut c_void) {
    ISOLATE.store(null_mut(), Ordering::Release);
}
