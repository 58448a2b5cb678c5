//! Tokio nested in libuv on the thread that runs JavaScript: when tasks are polled, and how libuv may sleep. Knows nothing
//! of apps.
//!
//! Rules that keep it right:
//! 1. A turn polls Tokio's reactor first and our tasks after, then returns: an event taken from epoll never waits in a
//!    queue that nobody looks at. `Woken` tells exactly whether a task is ready, because all tasks are in one `LocalSet`.
//! 2. One turn at a time. JavaScript runs inside it and never starts one.
//! 3. Microtasks run when the callback scope closes; replies made there are written in the same pump. Tasks run outside of
//!    `block_on`, which only looks at the reactor.
//! 4. Replies made elsewhere (timers, files, sockets of libuv) are flushed by `uv_prepare`, before libuv can sleep.
//! 5. What is left after a turn's share keeps an idle handle active, so that libuv does not sleep.
//! 6. libuv forgets the descriptor before the runtime closes it.

use crate::interpreter::Env;
use crate::uv::{self, Handles, Uv};
use napi::sys;
use spikard::server::Life;
use std::cell::{Cell, RefCell};
use std::future::{Future, pending, poll_fn};
use std::mem::ManuallyDrop;
use std::os::fd::RawFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::ptr::null_mut;
use std::rc::{Rc, Weak};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::ThreadId;
use tokio::runtime::{Builder, Runtime};
use tokio::task::LocalSet;

/// Rounds of a `LocalSet` in one turn, each of up to 61 tasks: bounds the time between two looks at libuv's other handles.
const SHARE: usize = 2;

/// Times that replies of microtasks are written before libuv has its turn.
const ROUNDS: usize = 4;

/// Milliseconds between two looks at Tokio's timers while a server has connections or drains; Tokio does not tell its next
/// deadline. The core's own time limits are kept to a coarser grain than this.
const TICK: u64 = 20;

/// The same while a server has none, but a supervisor that waits for its heartbeats.
const IDLE_TICK: u64 = 100;

thread_local! {
    /// Never dropped by the end of its thread: `process.exit()` runs the destructors of thread-locals, and those that the
    /// tasks need may have gone before this one.
    static REACTOR: RefCell<ManuallyDrop<Option<Rc<Reactor>>>> =
        const { RefCell::new(ManuallyDrop::new(None)) };
}

/// The event loop's native half; one per interpreter.
pub(crate) struct Reactor {
    env: Env,
    context: sys::napi_async_context,
    runtime: RefCell<Option<Runtime>>,
    tasks: RefCell<Option<Rc<LocalSet>>>,
    woken: Arc<Woken>,
    waker: Waker,
    uv: Uv,
    handles: Handles,
    /// Tasks of `spawn` that have not ended: while there are some, the process lives.
    live: Cell<usize>,
    lives: RefCell<Vec<Weak<Life>>>,
    in_turn: Cell<bool>,
    ticking: Cell<u64>,
    closing: Cell<bool>,
    open_handles: Cell<usize>,
    cleanup: Cell<sys::napi_async_cleanup_hook_handle>,
}

/// The waker of the `LocalSet`: notes that a task is ready; from another thread it also ends libuv's sleep.
struct Woken {
    ready: AtomicBool,
    owner: ThreadId,
    /// Wakes `Runtime::block_on`, which writes Tokio's eventfd.
    kick: Waker,
}

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.ready.store(true, Ordering::Release);
        if std::thread::current().id() != self.owner {
            self.kick.wake_by_ref();
        }
    }
}

impl Woken {
    fn take(&self) -> bool {
        self.ready.swap(false, Ordering::AcqRel)
    }

    fn is_set(&self) -> bool {
        self.ready.load(Ordering::Acquire)
    }
}

impl Reactor {
    /// The reactor of this thread's interpreter, made on first use.
    pub(crate) fn of(env: Env) -> Result<Rc<Self>, String> {
        if let Some(found) = Self::current() {
            return Ok(found);
        }
        let uv = uv::load().ok_or("this runtime has no libuv; Spikard runs on Node")?;
        let mut uv_loop = null_mut();
        // SAFETY: called on the interpreter's thread.
        let status = unsafe { sys::napi_get_uv_event_loop(env.0, &raw mut uv_loop) };
        if status != sys::Status::napi_ok || uv_loop.is_null() {
            return Err("this interpreter has no event loop".to_owned());
        }
        let (runtime, fd, kick) =
            build_runtime().map_err(|error| format!("no event loop: {error}"))?;
        // SAFETY: the loop is this thread's; the runtime, which owns `fd`, goes after the handles (see `close`).
        let handles = unsafe { Handles::new(&uv, uv_loop.cast(), fd) }
            .ok_or("libuv refuses the descriptor of Tokio's reactor")?;
        let woken = Arc::new(Woken {
            ready: AtomicBool::new(false),
            owner: std::thread::current().id(),
            kick,
        });
        let reactor = Rc::new(Self {
            env,
            context: env.async_context(),
            runtime: RefCell::new(Some(runtime)),
            tasks: RefCell::new(Some(Rc::new(LocalSet::new()))),
            waker: Waker::from(Arc::clone(&woken)),
            woken,
            uv,
            handles,
            live: Cell::new(0),
            lives: RefCell::default(),
            in_turn: Cell::new(false),
            ticking: Cell::new(0),
            closing: Cell::new(false),
            open_handles: Cell::new(4),
            cleanup: Cell::new(null_mut()),
        });
        // SAFETY: initialised above; the callbacks find the reactor by thread.
        unsafe {
            (uv.uv_poll_start)(reactor.handles.poll, uv::READABLE, on_poll);
            (uv.uv_prepare_start)(reactor.handles.prepare, on_prepare);
            (uv.uv_unref)(reactor.handles.poll);
        }
        let mut hook = null_mut();
        // SAFETY: on the interpreter's thread; removed by the last close callback.
        unsafe {
            sys::napi_add_async_cleanup_hook(env.0, Some(on_exit), null_mut(), &raw mut hook);
        }
        reactor.cleanup.set(hook);
        REACTOR.set(ManuallyDrop::new(Some(Rc::clone(&reactor))));
        Ok(reactor)
    }

    /// The reactor of this thread, when it has one.
    pub(crate) fn current() -> Option<Rc<Self>> {
        REACTOR.with_borrow(|reactor| Option::clone(reactor))
    }

    /// JavaScript may be called: the interpreter is not being torn down.
    pub(crate) fn is_open(&self) -> bool {
        !self.closing.get()
    }

    /// Runs a task in the turns of this thread; the process lives until it ends.
    pub(crate) fn spawn(self: &Rc<Self>, task: impl Future<Output = ()> + 'static) {
        let Some(tasks) = self.tasks.borrow().clone() else {
            return;
        };
        let alive = Alive::new(self);
        tasks.spawn_local(async move {
            task.await;
            drop(alive);
        });
        // Nobody has polled the set yet when this is its first task, so it could not wake us.
        self.waker.wake_by_ref();
    }

    /// A server whose connections have time limits.
    pub(crate) fn watch(&self, life: &Rc<Life>) {
        let mut lives = self.lives.borrow_mut();
        lives.retain(|life| life.strong_count() > 0);
        lives.push(Rc::downgrade(life));
    }

    /// Polls ready tasks; with `io` it polls the reactor first.
    fn turn(&self, io: bool) {
        let (runtime, tasks) = (self.runtime.borrow(), self.tasks.borrow().clone());
        let (Some(runtime), Some(tasks)) = (runtime.as_ref(), tasks) else {
            return;
        };
        self.in_turn.set(true);
        let turned = catch_unwind(AssertUnwindSafe(|| {
            if io {
                runtime.block_on(reactor());
            }
            self.run(runtime, &tasks);
            // Tasks that a library gave to `tokio::spawn` live in Tokio's own queue: run it, then ours again.
            for _ in 0..2 {
                if runtime.metrics().num_alive_tasks() == 0 {
                    break;
                }
                runtime.block_on(reactor());
                self.run(runtime, &tasks);
            }
        }));
        self.in_turn.set(false);
        if turned.is_err() {
            // Tasks catch their own panics; the message of this one is on standard error already.
            eprintln!("spikard: a turn of the event loop panicked; serving goes on");
        }
    }

    /// Outside of `block_on`: a task that has used up its cooperative budget (128 reads, say) is then woken at once. Inside
    /// its waker would be put by for when the runtime next waits, and forgotten with the end of `block_on`.
    fn run(&self, runtime: &Runtime, tasks: &LocalSet) {
        let _entered = runtime.enter();
        let mut context = Context::from_waker(&self.waker);
        let mut until = pin!(tasks.run_until(pending::<()>()));
        for _ in 0..SHARE {
            self.woken.take();
            let _ = until.as_mut().poll(&mut context);
            if !self.woken.is_set() {
                break;
            }
        }
    }

    /// One entry from libuv: turns until nothing is ready, then decides how libuv may sleep.
    fn pump(&self, io: bool) {
        if self.in_turn.get() || self.closing.get() {
            return; // a handler spins the event loop: the task that it runs in must not be polled
        }
        if io || self.woken.is_set() {
            self.env.entered(self.context, || self.turn(io));
            for _ in 0..ROUNDS {
                if !self.woken.is_set() || self.closing.get() {
                    break;
                }
                self.env.entered(self.context, || self.turn(false));
            }
        }
        if !self.closing.get() {
            self.settle();
        }
    }

    /// How libuv may sleep.
    fn settle(&self) {
        // SAFETY: the handles are open: `closing` is not set.
        unsafe {
            if self.woken.is_set() {
                (self.uv.uv_idle_start)(self.handles.idle, on_idle);
            } else {
                (self.uv.uv_idle_stop)(self.handles.idle);
            }
        }
        let tick = self.tick();
        if self.ticking.replace(tick) != tick {
            // SAFETY: as above.
            unsafe {
                match tick {
                    0 => (self.uv.uv_timer_stop)(self.handles.timer),
                    tick => (self.uv.uv_timer_start)(self.handles.timer, on_tick, tick, tick),
                };
            }
        }
    }

    /// Milliseconds until the next look at Tokio's timers; 0 when nothing waits for one.
    fn tick(&self) -> u64 {
        let has_limits = |life: &Weak<Life>| {
            life.upgrade()
                .is_some_and(|life| life.connections() > 0 || life.is_draining())
        };
        let lives = self.lives.borrow();
        match () {
            () if self.live.get() == 0 || lives.is_empty() => 0,
            () if lives.iter().any(has_limits) => TICK,
            () if spikard::status::attach() => IDLE_TICK,
            () => 0,
        }
    }

    /// The interpreter ends: stops watching, drops all tasks, closes the handles.
    fn close(&self) {
        if self.closing.replace(true) {
            return;
        }
        for handle in self.handles.all() {
            // SAFETY: open until now; `on_closed` frees each.
            unsafe { (self.uv.uv_close)(handle, on_closed) };
        }
        if self.in_turn.get() {
            return; // `process.exit()` in a handler: the task that runs cannot be dropped, and the process ends
        }
        drop(self.tasks.take());
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// Keeps the process alive for one task.
struct Alive(Weak<Reactor>);

impl Alive {
    fn new(reactor: &Rc<Reactor>) -> Self {
        if reactor.live.replace(reactor.live.get() + 1) == 0 {
            // SAFETY: the handle is open.
            unsafe { (reactor.uv.uv_ref)(reactor.handles.poll) };
        }
        Self(Rc::downgrade(reactor))
    }
}

impl Drop for Alive {
    fn drop(&mut self) {
        let Some(reactor) = self.0.upgrade().filter(|reactor| reactor.is_open()) else {
            return;
        };
        reactor.live.set(reactor.live.get() - 1);
        if reactor.live.get() == 0 {
            // SAFETY: the handle is open.
            unsafe { (reactor.uv.uv_unref)(reactor.handles.poll) };
        }
    }
}

/// Inside `block_on`: lets Tokio run its own queue and poll its reactor once, without waiting.
async fn reactor() {
    let mut first = true;
    poll_fn(|context| {
        if std::mem::take(&mut first) {
            context.waker().wake_by_ref(); // inside block_on: a flag, no system call
            Poll::Pending
        } else {
            Poll::Ready(())
        }
    })
    .await;
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
            runtime.block_on(reactor());
            let quiet = !is_readable(*fd);
            kick.wake_by_ref();
            let woken = is_readable(*fd);
            runtime.block_on(reactor());
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

/// A panic must not cross into C: it would end the process.
fn guarded(inner: impl FnOnce(&Reactor)) {
    if let Some(reactor) = Reactor::current() {
        let _ = catch_unwind(AssertUnwindSafe(|| inner(&reactor)));
    }
}

unsafe extern "C" fn on_poll(_: uv::Handle, _status: i32, _events: i32) {
    guarded(|reactor| reactor.pump(true));
}

unsafe extern "C" fn on_tick(_: uv::Handle) {
    guarded(|reactor| reactor.pump(true));
}

unsafe extern "C" fn on_prepare(_: uv::Handle) {
    guarded(|reactor| reactor.pump(false));
}

/// Prepare, which follows, does the work.
unsafe extern "C" fn on_idle(_: uv::Handle) {}

unsafe extern "C" fn on_closed(handle: uv::Handle) {
    // SAFETY: allocated by `Handles::new`, closed, called back once.
    unsafe { libc::free(handle) };
    guarded(|reactor| {
        reactor.open_handles.set(reactor.open_handles.get() - 1);
        if reactor.open_handles.get() == 0 {
            // SAFETY: made by `of`. An environment that ends waits for this.
            unsafe { sys::napi_remove_async_cleanup_hook(reactor.cleanup.get()) };
            drop(ManuallyDrop::into_inner(
                REACTOR.replace(ManuallyDrop::new(None)),
            ));
        }
    });
}

unsafe extern "C" fn on_exit(_: sys::napi_async_cleanup_hook_handle, _: *mut std::ffi::c_void) {
    guarded(Reactor::close);
}
