//! The other way in which the two loops meet, for interpreters without libuv: Tokio waits on a thread of its own and rings
//! for a turn, once for everything that is ready. Tasks and handlers stay on the interpreter's thread. Polls no task.
//!
//! `Bell::rung` says that a turn is on its way or under way, and whoever finds it set rings no more. A turn takes it back
//! first and looks for what is ready after, so that nothing falls between the two.

use super::{Driver, Woken};
use crate::interpreter::{Env, Reference};
use crate::reactor::Reactor;
use napi::sys;
use std::cell::RefCell;
use std::ffi::c_void;
use std::ptr::null_mut;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::Notify;

pub(super) struct Threaded {
    env: Env,
    bell: Arc<Bell>,
    set_immediate: Reference,
    /// What it is given: a turn.
    turn: Reference,
    stop: Arc<Notify>,
    thread: RefCell<Option<JoinHandle<()>>>,
}

/// Asks the interpreter's thread for a turn, from any thread.
pub(super) struct Bell {
    rung: AtomicBool,
    function: Mutex<Option<Function>>,
}

struct Function(sys::napi_threadsafe_function);

// SAFETY: N-API says of it that any thread may call it; `Bell` calls it only until it is released.
unsafe impl Send for Function {}

impl Bell {
    pub(super) fn ring(&self) {
        if self.rung.swap(true, Ordering::SeqCst) {
            return;
        }
        let function = self.function.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(Function(function)) = &*function {
            let mode = sys::ThreadsafeFunctionCallMode::nonblocking;
            // SAFETY: not released: whoever does takes it away first.
            unsafe { sys::napi_call_threadsafe_function(*function, null_mut(), mode) };
        }
    }

    fn with(&self, call: impl FnOnce(sys::napi_threadsafe_function)) {
        let function = self.function.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(Function(function)) = &*function {
            call(*function);
        }
    }
}

impl Threaded {
    /// With the runtime, whose reactor and timers its thread drives from here on.
    pub(super) fn new(env: Env) -> Result<(Self, Arc<Runtime>, Arc<Bell>), String> {
        let failed = |error: std::io::Error| format!("no event loop: {error}");
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = Arc::new(runtime.map_err(failed)?);
        let set_immediate = env.named(env.global(), c"setImmediate");
        let turn = env.function(|_, _| Reactor::guarded("ring", |reactor| reactor.pump(true)));
        let function = function(env).ok_or("this interpreter gives no threadsafe function")?;
        let bell = Arc::new(Bell {
            rung: AtomicBool::new(false),
            function: Mutex::new(Some(function)),
        });
        let stop = Arc::new(Notify::new());
        let (driven, stopped) = (Arc::clone(&runtime), Arc::clone(&stop));
        let drive = move || {
            driven.block_on(stopped.notified());
            if let Some(runtime) = Arc::into_inner(driven) {
                runtime.shutdown_background();
            }
        };
        let named = std::thread::Builder::new().name("spikard-io".to_owned());
        let thread = named.spawn(drive).map_err(failed)?;
        let threaded = Self {
            env,
            bell: Arc::clone(&bell),
            set_immediate: env.reference(set_immediate),
            turn: env.reference(turn),
            stop,
            thread: RefCell::new(Some(thread)),
        };
        Ok((threaded, runtime, bell))
    }
}

impl Driver for Threaded {
    fn start(&self) {
        self.hold(false);
    }

    fn polls_io(&self) -> bool {
        false
    }

    fn hold(&self, is_alive: bool) {
        let change = match is_alive {
            true => sys::napi_ref_threadsafe_function,
            false => sys::napi_unref_threadsafe_function,
        };
        // SAFETY: on the interpreter's thread; the function is not released.
        self.bell.with(|function| unsafe {
            change(self.env.0, function);
        });
    }

    fn settle(&self, woken: &Woken) {
        self.bell.rung.store(false, Ordering::SeqCst);
        if woken.is_set() && !self.bell.rung.swap(true, Ordering::SeqCst) {
            // Not by ringing: Node answers a thousand rings before it looks at its timers and sockets.
            let env = self.env;
            env.scoped(|| {
                // It throws nothing.
                let _ = env.call(&self.set_immediate, &[env.value(&self.turn)]);
            });
        }
    }

    fn start_over(&self) {
        self.bell.rung.store(false, Ordering::SeqCst);
        self.bell.ring();
    }

    fn close(&self) {
        let function = self.bell.function.lock();
        if let Some(Function(function)) = function.unwrap_or_else(PoisonError::into_inner).take() {
            let mode = sys::ThreadsafeFunctionReleaseMode::abort;
            // SAFETY: taken away, so nobody calls it any more.
            unsafe { sys::napi_release_threadsafe_function(function, mode) };
        }
        Reactor::guarded("closed", Reactor::gone);
    }

    fn closes_later(&self) -> bool {
        false
    }

    fn end(&self, runtime: Arc<Runtime>) {
        drop(runtime); // the thread's is the last one now
        self.stop.notify_one();
        // Joined, because the end of a Worker may unload the code that the thread runs.
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn function(env: Env) -> Option<Function> {
    let mut function = null_mut();
    // SAFETY: on the interpreter's thread; without a function of JavaScript it calls `on_ring`.
    let status = unsafe {
        sys::napi_create_threadsafe_function(
            env.0,
            null_mut(),
            null_mut(),
            env.latin1(b"spikard"),
            0,
            1,
            null_mut(),
            None,
            null_mut(),
            Some(on_ring),
            &raw mut function,
        )
    };
    (status == sys::Status::napi_ok).then_some(Function(function))
}

unsafe extern "C" fn on_ring(
    env: sys::napi_env,
    _function: sys::napi_value,
    _context: *mut c_void,
    _data: *mut c_void,
) {
    // Without an environment it is being torn down.
    if !env.is_null() {
        Reactor::guarded("ring", |reactor| reactor.pump(true));
    }
}
