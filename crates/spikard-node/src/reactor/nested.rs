//! One way in which the two loops meet: libuv watches the descriptor of Tokio's reactor and sleeps for both. Polls no task.

use super::{Driver, Woken, look};
use crate::interpreter::Env;
use crate::reactor::Reactor;
use crate::uv::{self, Handles, Uv};
use napi::sys;
use spikard::Timers;
use std::cell::Cell;
use std::future::poll_fn;
use std::os::fd::RawFd;
use std::ptr::null_mut;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Poll, Waker};
use std::time::Instant;
use tokio::runtime::{Builder, Runtime};

pub(super) struct Nested {
    uv: Uv,
    handles: Handles,
    timers: Timers,
    /// For when libuv's timer is set.
    armed: Cell<Option<Instant>>,
}

thread_local! {
    /// Handles that libuv has not given back.
    static OPEN: Cell<usize> = const { Cell::new(0) };
}

impl Nested {
    /// With the runtime, and with what ends libuv's sleep from another thread.
    pub(super) fn new(env: Env) -> Result<(Self, Runtime, Waker), String> {
        let uv = uv::load().ok_or("this runtime has no libuv")?;
        let mut uv_loop = null_mut();
        // SAFETY: called on the interpreter's thread.
        let status = unsafe { sys::napi_get_uv_event_loop(env.0, &raw mut uv_loop) };
        if status != sys::Status::napi_ok || uv_loop.is_null() {
            return Err("this interpreter has no event loop".to_owned());
        }
        let (runtime, fd, kick) =
            build_runtime().map_err(|error| format!("no event loop: {error}"))?;
        // SAFETY: the loop is this thread's; the runtime, which owns `fd`, goes after the handles (see `Reactor::close`).
        let handles = unsafe { Handles::new(&uv, uv_loop.cast(), fd) }
            .ok_or("libuv refuses the descriptor of Tokio's reactor")?;
        let nested = Self {
            uv,
            handles,
            timers: Timers::take_over(),
            armed: Cell::new(None),
        };
        Ok((nested, runtime, kick))
    }
}

impl Driver for Nested {
    fn start(&self) {
        OPEN.set(self.handles.all().len());
        // SAFETY: initialised; the callbacks find the reactor by thread.
        unsafe {
            (self.uv.uv_poll_start)(self.handles.poll, uv::READABLE, on_poll);
            (self.uv.uv_prepare_start)(self.handles.prepare, on_prepare);
            (self.uv.uv_unref)(self.handles.poll);
        }
    }

    fn polls_io(&self) -> bool {
        true
    }

    fn hold(&self, is_alive: bool) {
        let change = match is_alive {
            true => self.uv.uv_ref,
            false => self.uv.uv_unref,
        };
        // SAFETY: the handle is open.
        unsafe { change(self.handles.poll) };
    }

    fn settle(&self, woken: &Woken) {
        // SAFETY: the handles are open.
        unsafe {
            if woken.is_set() {
                (self.uv.uv_idle_start)(self.handles.idle, on_idle);
            } else {
                (self.uv.uv_idle_stop)(self.handles.idle);
            }
        }
        let next = self.timers.next();
        if self.armed.replace(next) == next {
            return;
        }
        // SAFETY: as above.
        unsafe {
            match next {
                None => (self.uv.uv_timer_stop)(self.handles.timer),
                Some(at) => {
                    // Never early by the rounding; by libuv's clock, which stands still during a turn, it may be: then it is
                    // set again.
                    let rest = at.saturating_duration_since(Instant::now());
                    let milliseconds = u64::try_from(rest.as_millis()).unwrap_or(u64::MAX - 1) + 1;
                    (self.uv.uv_timer_start)(self.handles.timer, on_timer, milliseconds, 0)
                }
            };
        }
    }

    fn time_is_over(&self) {
        self.armed.set(None);
        self.timers.wake(Instant::now());
    }

    fn start_over(&self) {
        self.armed.set(None);
        // SAFETY: the handle is open. Prepare comes in the same or the next round of libuv, which cannot sleep now.
        unsafe { (self.uv.uv_idle_start)(self.handles.idle, on_idle) };
    }

    fn close(&self) {
        Timers::give_back();
        for handle in self.handles.all() {
            // SAFETY: open until now; `on_closed` frees each.
            unsafe { (self.uv.uv_close)(handle, on_closed) };
        }
    }

    fn closes_later(&self) -> bool {
        true
    }

    fn end(&self, runtime: Arc<Runtime>) {
        if let Some(runtime) = Arc::into_inner(runtime) {
            runtime.shutdown_background();
        }
    }
}

/// A current-thread runtime, its epoll descriptor and the waker of its `block_on`. Tokio has no function that tells the
/// descriptor, so it is looked up in `/proc` and proved: it turns readable by a wake and quiet by a turn.
fn build_runtime() -> std::io::Result<(Runtime, RawFd, Waker)> {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _one = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let before = epolls();
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let kick = runtime.block_on(poll_fn(|context| Poll::Ready(context.waker().clone())));
    // Another thread may have made one meanwhile (the loop of a Worker), so each is asked, twice.
    let is_ours = |fd: &RawFd| {
        (0..2).all(|_| {
            runtime.block_on(look());
            let quiet = !is_readable(*fd);
            kick.wake_by_ref();
            let woken = is_readable(*fd);
            runtime.block_on(look());
            quiet && woken && !is_readable(*fd)
        })
    };
    let mut new = epolls().into_iter().filter(|fd| !before.contains(fd));
    match new.find(is_ours) {
        Some(fd) => Ok((runtime, fd, kick)),
        None => Err(std::io::Error::other(
            "the descriptor of Tokio's reactor was not found in /proc/self/fd",
        )),
    }
}

/// Epoll descriptors of this process.
fn epolls() -> Vec<RawFd> {
    let Ok(folder) = std::fs::read_dir("/proc/self/fd") else {
        return Vec::new();
    };
    let is_epoll = |path: &std::path::Path| {
        std::fs::read_link(path).is_ok_and(|to| to.as_os_str() == "anon_inode:[eventpoll]")
    };
    let entries = folder.flatten().filter(|entry| is_epoll(&entry.path()));
    entries
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .collect()
}

fn is_readable(fd: RawFd) -> bool {
    let mut poll = libc::pollfd {
        fd,
        events: libc::POLLIN,
        revents: 0,
    };
    // SAFETY: one entry, no waiting.
    unsafe { libc::poll(&raw mut poll, 1, 0) == 1 && poll.revents & libc::POLLIN != 0 }
}

unsafe extern "C" fn on_poll(_: uv::Handle, _status: i32, _events: i32) {
    Reactor::guarded("poll", |reactor| reactor.pump(true));
}

unsafe extern "C" fn on_timer(_: uv::Handle) {
    Reactor::guarded("timer", |reactor| {
        reactor.driver.time_is_over();
        reactor.pump(false);
    });
}

unsafe extern "C" fn on_prepare(_: uv::Handle) {
    Reactor::guarded("prepare", |reactor| reactor.pump(false));
}

/// Prepare, which follows, does the work.
unsafe extern "C" fn on_idle(_: uv::Handle) {}

unsafe extern "C" fn on_closed(handle: uv::Handle) {
    // SAFETY: allocated by `Handles::new`, closed, called back once.
    unsafe { libc::free(handle) };
    OPEN.set(OPEN.get() - 1);
    if OPEN.get() == 0 {
        Reactor::guarded("closed", Reactor::gone);
    }
}
