//! Tasks on the thread that runs JavaScript: when they are polled, and for how long the process lives. Knows nothing of
//! apps. How its turns meet the interpreter's own event loop is a [`Driver`]'s to say: nested in libuv (`nested`), or with
//! Tokio's reactor on a thread of its own where there is none (`threaded`).
//!
//! Rules that keep it right:
//! 1. A turn polls Tokio's reactor first (nested) and our tasks after, then returns: an event taken from epoll never waits
//!    in a queue that nobody looks at. `Woken` tells exactly whether a task is ready, because all tasks are in one
//!    `LocalSet`.
//! 2. One turn at a time. JavaScript runs inside it and never starts one.
//! 3. Microtasks run (`Env::entered`) when a handler has returned a promise, which they may settle, and after a turn;
//!    replies made there are written in the same pump. Tasks run outside of `block_on`, which only looks at the reactor.
//! 4. Replies made elsewhere (timers, files, sockets of libuv) are flushed by `uv_prepare`, before libuv can sleep.
//! 5. What is left after a turn's share keeps an idle handle active, so that libuv does not sleep.
//! 6. libuv forgets the descriptor before the runtime closes it.

mod nested;
mod threaded;

use crate::interpreter::Env;
use crate::{door, ending};
use napi::sys;
use nested::Nested;
use std::cell::{Cell, RefCell};
use std::future::{Future, pending, poll_fn};
use std::mem::ManuallyDrop;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::ptr::null_mut;
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::ThreadId;
use threaded::{Bell, Threaded};
use tokio::runtime::Runtime;
use tokio::task::LocalSet;

/// `threaded` or `nested`: how Tokio meets the interpreter's event loop, where the choice is not to be ours.
const VARIABLE: &str = "SPIKARD_NODE_LOOP";

/// Rounds of a `LocalSet` in one turn, each of up to 61 tasks: bounds the time between two looks at libuv's other handles.
const SHARE: usize = 2;

/// Times that replies of microtasks are written before libuv has its turn.
const ROUNDS: usize = 4;

thread_local! {
    /// Never dropped by the end of its thread: `process.exit()` runs the destructors of thread-locals, and those that the
    /// tasks need may have gone before this one.
    static REACTOR: RefCell<ManuallyDrop<Option<Rc<Reactor>>>> =
        const { RefCell::new(ManuallyDrop::new(None)) };
}

/// The event loop's native half; one per interpreter.
pub(crate) struct Reactor {
    env: Env,
    runtime: RefCell<Option<Arc<Runtime>>>,
    tasks: RefCell<Option<Rc<LocalSet>>>,
    woken: Arc<Woken>,
    waker: Waker,
    driver: Box<dyn Driver>,
    /// Tasks of `spawn` that have not ended: while there are some, the process lives.
    live: Cell<usize>,
    in_turn: Cell<bool>,
    closing: Cell<bool>,
    /// None where the driver closes at once.
    cleanup: Cell<sys::napi_async_cleanup_hook_handle>,
    /// What is done before the process ends from within, as long as somebody else keeps it.
    at_end: RefCell<Vec<Weak<dyn Fn()>>>,
}

/// How turns meet the interpreter's own event loop. All of it is called on the interpreter's thread, outside of a turn.
trait Driver {
    /// Turns may come from here on; nothing keeps the process alive yet.
    fn start(&self);
    /// A turn is to poll Tokio's reactor.
    fn polls_io(&self) -> bool;
    /// Keeps the process alive, or no longer.
    fn hold(&self, is_alive: bool);
    /// After a turn: whether the event loop may sleep, and until when.
    fn settle(&self, woken: &Woken);
    /// The timer that `settle` has set is over.
    fn time_is_over(&self) {}
    /// A callback has panicked, perhaps before `settle`: another turn comes, and what was set is set again.
    fn start_over(&self);
    /// No turn comes any more; ends with [`Reactor::gone`].
    fn close(&self);
    /// What `close` begins ends after it.
    fn closes_later(&self) -> bool;
    /// The last use of the runtime. Not called when the process ends inside a turn.
    fn end(&self, runtime: Arc<Runtime>);
}

/// The waker of the `LocalSet`: notes that a task is ready, and ends the event loop's sleep.
struct Woken {
    ready: AtomicBool,
    owner: ThreadId,
    alarm: Alarm,
}

enum Alarm {
    /// Wakes `Runtime::block_on`, which writes Tokio's eventfd. On the interpreter's own thread nobody sleeps.
    Kick(Waker),
    Bell(Arc<Bell>),
}

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.ready.store(true, Ordering::SeqCst);
        match &self.alarm {
            Alarm::Kick(_) if std::thread::current().id() == self.owner => (),
            Alarm::Kick(kick) => kick.wake_by_ref(),
            Alarm::Bell(bell) => bell.ring(),
        }
    }
}

impl Woken {
    fn take(&self) -> bool {
        self.ready.swap(false, Ordering::AcqRel)
    }

    fn is_set(&self) -> bool {
        self.ready.load(Ordering::SeqCst)
    }
}

impl Reactor {
    /// The reactor of this thread's interpreter, made on first use.
    pub(crate) fn of(env: Env) -> Result<Rc<Self>, String> {
        if let Some(found) = Self::current() {
            return Ok(found);
        }
        let (driver, runtime, alarm) = driver(env)?;
        let woken = Arc::new(Woken {
            ready: AtomicBool::new(false),
            owner: std::thread::current().id(),
            alarm,
        });
        let reactor = Rc::new(Self {
            env,
            runtime: RefCell::new(Some(runtime)),
            tasks: RefCell::new(Some(Rc::new(LocalSet::new()))),
            waker: Waker::from(Arc::clone(&woken)),
            woken,
            driver,
            live: Cell::new(0),
            in_turn: Cell::new(false),
            closing: Cell::new(false),
            cleanup: Cell::new(null_mut()),
            at_end: RefCell::default(),
        });
        reactor.driver.start();
        let mut hook = null_mut();
        // The first kind only where it is needed: Deno frees such a hook once more when it returns.
        // SAFETY: on the interpreter's thread; `gone` removes the first, the other is called once.
        unsafe {
            if reactor.driver.closes_later() {
                sys::napi_add_async_cleanup_hook(env.0, Some(on_exit), null_mut(), &raw mut hook);
            } else {
                sys::napi_add_env_cleanup_hook(env.0, Some(on_end), null_mut());
            }
        }
        reactor.cleanup.set(hook);
        REACTOR.set(ManuallyDrop::new(Some(Rc::clone(&reactor))));
        Ok(reactor)
    }

    /// The reactor of this thread, when it has one.
    pub(crate) fn current() -> Option<Rc<Self>> {
        REACTOR.with_borrow(|reactor| Option::clone(reactor))
    }

    /// JavaScript may be called: neither the interpreter nor the process is ending.
    pub(crate) fn is_open(&self) -> bool {
        !self.closing.get() && !ending::is_near()
    }

    /// A task runs, perhaps a handler inside of it.
    pub(crate) fn in_turn(&self) -> bool {
        self.in_turn.get()
    }

    /// Tasks have not ended.
    pub(crate) fn is_busy(&self) -> bool {
        self.live.get() > 0
    }

    /// When the process ends from within, `answer` is called, which answers those who wait; until its last `Rc` is gone.
    pub(crate) fn at_end(&self, answer: &Rc<dyn Fn()>) {
        let mut at_end = self.at_end.borrow_mut();
        at_end.retain(|known| known.strong_count() > 0);
        at_end.push(Rc::downgrade(answer));
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

    /// Polls ready tasks; with `io` it polls the reactor first.
    fn turn(&self, io: bool) {
        let (runtime, tasks) = (self.runtime.borrow(), self.tasks.borrow().clone());
        let (Some(runtime), Some(tasks)) = (runtime.as_ref(), tasks) else {
            return;
        };
        self.in_turn.set(true);
        let turned = catch_unwind(AssertUnwindSafe(|| {
            let polls_io = self.driver.polls_io();
            if io && polls_io {
                runtime.block_on(look());
            }
            self.run(runtime, &tasks);
            // Tasks that a library gave to `tokio::spawn` live in Tokio's own queue: run it, then ours again.
            for _ in 0..2 {
                if !polls_io || runtime.metrics().num_alive_tasks() == 0 {
                    break;
                }
                runtime.block_on(look());
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

    /// One entry from the event loop: turns until nothing is ready, then decides how that may sleep.
    fn pump(&self, io: bool) {
        if self.in_turn.get() || self.closing.get() {
            return; // a handler spins the event loop: the task that it runs in must not be polled
        }
        if self.is_open() && (io || self.woken.is_set()) {
            self.round(io);
            for _ in 0..ROUNDS {
                if !self.woken.is_set() || !self.is_open() {
                    break;
                }
                self.round(false);
            }
        }
        if ending::is_near() {
            return self.exit();
        }
        if !self.closing.get() {
            self.driver.settle(&self.woken);
        }
    }

    /// A turn, and what JavaScript has put by for after it.
    fn round(&self, io: bool) {
        self.turn(io);
        if self.is_open() {
            self.env.entered(|| ());
        }
    }

    /// JavaScript has returned because the process is to end.
    fn exit(&self) {
        let code = ending::returned();
        self.env.entered(|| {
            let process = self.env.named(self.env.global(), c"process");
            let exit = self.env.named(process, c"reallyExit");
            // `ending.ts` has its own in this place, which asks for the last words.
            let code = self.env.integer(code.into());
            let _ = self.env.call(&self.env.reference(exit), &[code]);
        });
    }

    /// The process exits after this. Whoever waits is answered, and what is answered is written, unless a task is running.
    pub(crate) fn last_words(&self, code: i32) {
        ending::begin(code);
        if self.in_turn.get() || self.closing.get() {
            return;
        }
        let at_end: Vec<_> = self
            .at_end
            .borrow()
            .iter()
            .filter_map(Weak::upgrade)
            .collect();
        at_end.iter().for_each(|answer| answer());
        for _ in 0..ROUNDS {
            if !self.woken.is_set() {
                break;
            }
            self.turn(false);
        }
    }

    /// The interpreter ends: stops watching, drops all tasks, then the runtime.
    fn close(&self) {
        if self.closing.replace(true) {
            return;
        }
        self.driver.close();
        if self.in_turn.get() {
            return; // `process.exit()` in a handler: the task that runs cannot be dropped, and the process ends
        }
        drop(self.tasks.take());
        if let Some(runtime) = self.runtime.take() {
            self.driver.end(runtime);
        }
    }

    /// Its driver is closed; an environment that ends waits for this.
    fn gone(&self) {
        let hook = self.cleanup.replace(null_mut());
        if !hook.is_null() {
            // SAFETY: made by `of`, taken away.
            unsafe { sys::napi_remove_async_cleanup_hook(hook) };
        }
        drop(ManuallyDrop::into_inner(
            REACTOR.replace(ManuallyDrop::new(None)),
        ));
    }

    /// Runs `inner` with this thread's reactor, when there is one. A panic must not cross into C: it would end the process.
    /// `place` is where it may be asked for.
    fn guarded(place: &'static str, inner: impl FnOnce(&Self)) {
        let Some(reactor) = Self::current() else {
            return;
        };
        let entered = catch_unwind(AssertUnwindSafe(|| {
            door::pass(place);
            inner(&reactor);
        }));
        if entered.is_err() && reactor.is_open() {
            // It may have come between a task that is ready and the event loop's being told so.
            reactor.driver.start_over();
        }
    }
}

/// Two loops that have met.
type Met = (Box<dyn Driver>, Arc<Runtime>, Alarm);

/// What this interpreter can do, or what `SPIKARD_NODE_LOOP` says.
fn driver(env: Env) -> Result<Met, String> {
    let nested = || {
        let (nested, runtime, kick) = Nested::new(env)?;
        Ok((
            Box::new(nested) as Box<dyn Driver>,
            Arc::new(runtime),
            Alarm::Kick(kick),
        ))
    };
    let threaded = || {
        let (threaded, runtime, bell) = Threaded::new(env)?;
        Ok((
            Box::new(threaded) as Box<dyn Driver>,
            runtime,
            Alarm::Bell(bell),
        ))
    };
    match std::env::var(VARIABLE).as_deref() {
        Ok("nested") => nested(),
        Ok("threaded") => threaded(),
        Ok(other) if !other.is_empty() => Err(format!(
            "{VARIABLE}: {other:?} is wrong; write nested or threaded"
        )),
        _ if pretends_libuv(env) => threaded(),
        _ => nested().or_else(|_: String| threaded()),
    }
}

/// Bun and Deno have functions of libuv's names that end the process.
fn pretends_libuv(env: Env) -> bool {
    let process = env.named(env.global(), c"process");
    let versions = env.named(process, c"versions");
    [c"bun", c"deno"]
        .iter()
        .any(|name| env.text(env.named(versions, name)).is_some())
}

/// Keeps the process alive for one task.
struct Alive(Weak<Reactor>);

impl Alive {
    fn new(reactor: &Rc<Reactor>) -> Self {
        if reactor.live.replace(reactor.live.get() + 1) == 0 {
            reactor.driver.hold(true);
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
            reactor.driver.hold(false);
        }
    }
}

/// Inside `block_on`: lets Tokio run its own queue and poll its reactor once, without waiting.
async fn look() {
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

unsafe extern "C" fn on_end(_: *mut std::ffi::c_void) {
    Reactor::guarded("exit", Reactor::close);
}

unsafe extern "C" fn on_exit(_: sys::napi_async_cleanup_hook_handle, _: *mut std::ffi::c_void) {
    Reactor::guarded("exit", Reactor::close);
}
