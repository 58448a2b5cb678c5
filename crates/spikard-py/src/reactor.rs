//! The native half of the event loop. `asyncio.SelectorEventLoop` keeps what it is good at (transports, signals,
//! subprocesses, executors); queue, timers and turn are here. `_run_once` is one long `LocalRuntime::block_on`: Tokio's
//! epoll is the only place where the thread sleeps, asyncio's own epoll is nested in it as an `AsyncFd`, and asyncio's
//! callbacks run inside the poll of the `block_on` future. Knows nothing of HTTP.
//!
//! Invariants
//!  1. The interpreter lock is held whenever Tokio runs a task or the main future; it is given up when Tokio parks and
//!     taken back when it wakes: once per batch of events.
//!  2. Only the main future runs asyncio callbacks; whatever queues one from elsewhere wakes it (`Core::kick`).
//!  3. No `RefCell` borrow is held across a call into Python, because Python can call back into any method.

use crate::clock::now;
use crate::handle::{Handle, Timer};
use crate::interpreter::{self, Gil, Obj, length};
use crate::spare::Spares;
use pyo3::exceptions::{PyKeyboardInterrupt, PyRuntimeError, PySystemExit};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};
use spikard::server::EVENT_INTERVAL;
use std::cell::{Cell, RefCell};
use std::collections::{BinaryHeap, VecDeque};
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use tokio::io::unix::AsyncFd;
use tokio::runtime::{Builder, LocalRuntime};
use tokio::time::{Instant, Sleep};

enum Ready {
    Native(Py<Handle>),
    /// Made by the base class for descriptors and signals.
    Asyncio(Obj),
}

/// What of a loop is reachable while it runs.
pub(crate) struct Core {
    pub(crate) event_loop: Obj,
    /// The base class's own queue.
    theirs: Obj,
    ready: RefCell<VecDeque<Ready>>,
    timers: RefCell<BinaryHeap<Timer>>,
    timer_count: Cell<u64>,
    timer_limit: Cell<usize>,
    main: RefCell<Option<Waker>>,
    /// The main future is being polled, so it need not be woken: it looks at the queue before it returns.
    in_main: Cell<bool>,
    running: Cell<bool>,
    fatal: RefCell<Option<PyErr>>,
    pub(crate) spares: Spares,
}

thread_local! {
    static CURRENT: RefCell<Option<Rc<Core>>> = const { RefCell::new(None) };
}

/// KeyboardInterrupt and SystemExit end a loop; nothing else does.
pub(crate) fn is_fatal(py: Python<'_>, error: &PyErr) -> bool {
    error.is_instance_of::<PyKeyboardInterrupt>(py) || error.is_instance_of::<PySystemExit>(py)
}

impl Core {
    /// Cancelled timers are not looked for while there are fewer timers than this.
    const TIMERS: usize = 512;

    /// The core whose loop runs on this thread.
    pub(crate) fn current() -> Option<Rc<Self>> {
        CURRENT.with_borrow(Option::clone)
    }

    /// Python code ran that may have cancelled or kept the spare Task of this thread's loop.
    pub(crate) fn suspect_spare() {
        CURRENT.with_borrow(|current| {
            if let Some(core) = current {
                core.spares.suspect();
            }
        });
    }

    fn kick(&self) {
        if !self.in_main.get() {
            self.wake();
        }
    }

    fn wake(&self) {
        if let Some(main) = &*self.main.borrow() {
            main.wake_by_ref();
        }
    }

    /// Leaves `run_forever` with this error.
    pub(crate) fn leave(&self, error: PyErr) {
        *self.fatal.borrow_mut() = Some(error);
        self.kick();
    }

    fn push(&self, ready: Ready) {
        self.ready.borrow_mut().push_back(ready);
        self.kick();
    }

    /// One asyncio turn: only the callbacks that were ready when it began, so that Tokio gets its share.
    fn run_ready(&self, py: Python<'_>) -> PyResult<()> {
        let count = self.ready.borrow().len();
        if count > 0 {
            self.spares.suspect();
        }
        for _ in 0..count {
            let Some(next) = self.ready.borrow_mut().pop_front() else {
                break;
            };
            match next {
                Ready::Native(handle) => match handle.get().run(py) {
                    Err(error) if is_fatal(py, &error) => return Err(error),
                    Err(error) => self.report(py, &error)?,
                    Ok(()) => {}
                },
                Ready::Asyncio(handle) => {
                    if !handle
                        .getattr(py, intern!(py, "_cancelled"))?
                        .is_truthy(py)?
                    {
                        handle.call_method0(py, intern!(py, "_run"))?;
                    }
                }
            }
        }
        Ok(())
    }

    fn report(&self, py: Python<'_>, error: &PyErr) -> PyResult<()> {
        let context = PyDict::new(py);
        context.set_item("message", "Exception in callback")?;
        context.set_item("exception", error.clone_ref(py).into_value(py))?;
        self.event_loop
            .call_method1(py, "call_exception_handler", (context,))?;
        Ok(())
    }

    /// Takes over the callbacks that the base class queued itself.
    fn take_theirs(&self, py: Python<'_>) -> PyResult<()> {
        while length(&self.theirs) > 0 {
            let handle = self.theirs.call_method0(py, intern!(py, "popleft"))?;
            self.ready.borrow_mut().push_back(Ready::Asyncio(handle));
        }
        Ok(())
    }

    fn add_timer(&self, when: f64, handle: Py<Handle>) {
        let number = self.timer_count.get() + 1;
        self.timer_count.set(number);
        if self.timers.borrow().len() >= self.timer_limit.get() {
            self.drop_cancelled_timers();
        }
        self.timers.borrow_mut().push(Timer {
            when,
            number,
            handle,
        });
        self.kick(); // the main future may sleep for a later moment
    }

    /// Timeouts are mostly cancelled long before they are due: without this they would pile up until then.
    fn drop_cancelled_timers(&self) {
        // Outside the borrow: dropping a handle may run Python code.
        let (cancelled, live): (Vec<_>, Vec<_>) = self
            .timers
            .take()
            .into_iter()
            .partition(|timer| timer.handle.get().is_cancelled());
        drop(cancelled);
        self.timers.borrow_mut().extend(live);
        self.timer_limit
            .set(self.timers.borrow().len().max(Self::TIMERS) * 2);
    }

    fn take_due(&self) {
        let due = now() + 1e-6;
        loop {
            let mut timers = self.timers.borrow_mut();
            let is_due = |timer: &Timer| timer.when <= due || timer.handle.get().is_cancelled();
            if !timers.peek().is_some_and(is_due) {
                return;
            }
            let timer = timers
                .pop()
                .expect("invariant: the heap was just seen to have one");
            drop(timers);
            self.ready
                .borrow_mut()
                .push_back(Ready::Native(timer.handle));
        }
    }
}

/// How a turn ended.
enum Turn {
    Stop,
    Again,
    Until(Option<f64>),
}

/// See `_native.pyi`.
#[pyclass(frozen, module = "spikard._native")]
pub(crate) struct Reactor {
    /// `None` once closed. Dropped on its own thread only (see `Drop`).
    inside: Gil<RefCell<Option<Rc<Inside>>>>,
    thread: std::thread::ThreadId,
}

struct Inside {
    core: Rc<Core>,
    selector: Obj,
    // Before the runtime: a registration must go before its driver.
    descriptors: AsyncFd<i32>,
    runtime: LocalRuntime,
}

fn closed() -> PyErr {
    PyRuntimeError::new_err("Event loop is closed")
}

impl Reactor {
    fn inside(&self) -> PyResult<Rc<Inside>> {
        self.inside.borrow().clone().ok_or_else(closed)
    }

    fn with_core<R>(&self, work: impl FnOnce(&Core) -> R) -> PyResult<R> {
        // Cloned, because `work` may drop objects whose finalisers close this loop.
        Ok(work(&self.inside()?.core))
    }

    /// Starts a task on the loop's runtime; `make` runs inside the runtime, so it may register sockets.
    pub(crate) fn spawn<F: Future<Output = ()> + 'static>(
        &self,
        make: impl FnOnce() -> PyResult<F>,
    ) -> PyResult<()> {
        let inside = self.inside()?;
        let _entered = inside.runtime.enter();
        let future = make()?;
        drop(inside.runtime.spawn_local(future));
        Ok(())
    }
}

#[pymethods]
impl Reactor {
    #[new]
    fn new(py: Python<'_>, r#loop: Obj, selector: Obj) -> PyResult<Self> {
        let theirs = r#loop.getattr(py, "_ready")?;
        let core = Rc::new(Core {
            spares: Spares::new(py)?,
            event_loop: r#loop,
            theirs,
            ready: RefCell::default(),
            timers: RefCell::default(),
            timer_count: Cell::new(0),
            timer_limit: Cell::new(Core::TIMERS),
            main: RefCell::new(None),
            in_main: Cell::new(false),
            running: Cell::new(false),
            fatal: RefCell::new(None),
        });
        let runtime = Builder::new_current_thread()
            .enable_all()
            .event_interval(EVENT_INTERVAL)
            .on_thread_park(interpreter::park)
            .on_thread_unpark(unpark)
            .build_local(Default::default())?;
        let descriptor: i32 = selector.call_method0(py, "fileno")?.extract(py)?;
        let descriptors = {
            let _entered = runtime.enter();
            interpreter::watch_descriptor(descriptor)?
        };
        let inside = Rc::new(Inside {
            core,
            selector,
            descriptors,
            runtime,
        });
        Ok(Self {
            inside: Gil::new(RefCell::new(Some(inside))),
            thread: std::thread::current().id(),
        })
    }

    #[pyo3(signature = (callback, *args, context=None))]
    fn call_soon(
        &self,
        py: Python<'_>,
        callback: Obj,
        args: &Bound<'_, PyTuple>,
        context: Option<Obj>,
    ) -> PyResult<Option<Py<Handle>>> {
        let inside = self.inside()?;
        let Some(callback) = inside.core.spares.capture(callback) else {
            return Ok(None);
        };
        let handle = Handle::new(py, callback, args, context, 0.0)?;
        inside.core.push(Ready::Native(handle.clone_ref(py)));
        Ok(Some(handle))
    }

    #[pyo3(signature = (callback, *args, context=None))]
    fn call_soon_threadsafe(
        &self,
        py: Python<'_>,
        callback: Obj,
        args: &Bound<'_, PyTuple>,
        context: Option<Obj>,
    ) -> PyResult<Py<Handle>> {
        let inside = self.inside()?;
        let handle = Handle::new(py, callback, args, context, 0.0)?;
        // Both happen under the interpreter lock; the waker of a `block_on` may be used from any thread.
        inside.core.push(Ready::Native(handle.clone_ref(py)));
        Ok(handle)
    }

    #[pyo3(signature = (when, callback, *args, context=None))]
    fn call_at(
        &self,
        py: Python<'_>,
        when: f64,
        callback: Obj,
        args: &Bound<'_, PyTuple>,
        context: Option<Obj>,
    ) -> PyResult<Py<Handle>> {
        let inside = self.inside()?;
        let core = &inside.core;
        let handle = Handle::new(py, callback, args, context, when)?;
        core.add_timer(when, handle.clone_ref(py));
        Ok(handle)
    }

    #[pyo3(signature = (delay, callback, *args, context=None))]
    fn call_later(
        &self,
        py: Python<'_>,
        delay: f64,
        callback: Obj,
        args: &Bound<'_, PyTuple>,
        context: Option<Obj>,
    ) -> PyResult<Py<Handle>> {
        self.call_at(py, now() + delay, callback, args, context)
    }

    fn time(&self) -> f64 {
        now()
    }

    /// Between the two ends of `run_once`, that is while anything of the loop runs. Every eager Task asks.
    fn is_running(&self) -> bool {
        let inside = self.inside.borrow();
        inside
            .as_ref()
            .is_some_and(|inside| inside.core.running.get())
    }

    /// Looks at the loop's state again, for example after `stop`.
    fn wake(&self) -> PyResult<()> {
        self.with_core(Core::wake)
    }

    /// Replaces `BaseEventLoop._run_once`: returns when the loop is told to stop, raises what must leave it.
    fn run_once(&self, py: Python<'_>) -> PyResult<()> {
        let inside = self.inside()?;
        let outer = CURRENT.replace(Some(Rc::clone(&inside.core)));
        inside.core.running.set(true);
        let result = inside.block(py);
        inside.core.running.set(false);
        inside.core.main.replace(None);
        CURRENT.set(outer);
        inside.core.spares.close(py);
        result
    }

    /// Ends every connection and gives back the runtime; the loop is not referred to any more.
    fn close(&self) {
        let inside = self.inside.take();
        drop(inside);
    }
}

impl Drop for Reactor {
    fn drop(&mut self) {
        if std::thread::current().id() != self.thread {
            // A loop that was never closed, collected on another thread: its tasks must not be dropped here.
            std::mem::forget(self.inside.take());
        }
    }
}

fn unpark() {
    if let Some(error) = interpreter::unpark() {
        match Core::current() {
            Some(core) => core.leave(error),
            None => error.write_unraisable(interpreter::attached(), None),
        }
    }
}

impl Inside {
    fn block(&self, py: Python<'_>) -> PyResult<()> {
        let core = &self.core;
        let mut alarm = Alarm::default();
        self.runtime.block_on(poll_fn(|context| {
            if core
                .main
                .borrow()
                .as_ref()
                .is_none_or(|main| !main.will_wake(context.waker()))
            {
                core.main.replace(Some(context.waker().clone()));
            }
            core.in_main.set(true);
            let turn = self.turn(py, context);
            core.in_main.set(false);
            match turn {
                Err(error) => return Poll::Ready(Err(error)),
                Ok(Turn::Stop) => return Poll::Ready(Ok(())),
                Ok(Turn::Again) => context.waker().wake_by_ref(), // after Tokio has had its turn
                Ok(Turn::Until(None)) => {}
                Ok(Turn::Until(Some(when))) => alarm.set(when, context),
            }
            Poll::Pending
        }))
    }

    fn turn(&self, py: Python<'_>, context: &mut Context<'_>) -> PyResult<Turn> {
        let core = &self.core;
        let again = self.look_at_descriptors(py, context)?;
        core.take_theirs(py)?;
        core.take_due();
        core.run_ready(py)?;
        core.take_theirs(py)?;
        if let Some(error) = core.fatal.take() {
            return Err(error);
        }
        if core
            .event_loop
            .getattr(py, intern!(py, "_stopping"))?
            .is_truthy(py)?
        {
            return Ok(Turn::Stop);
        }
        if again || !core.ready.borrow().is_empty() {
            return Ok(Turn::Again);
        }
        Ok(Turn::Until(
            core.timers.borrow().peek().map(|timer| timer.when),
        ))
    }

    /// The nested epoll reports an edge, asyncio's descriptors are level-triggered. So the readiness is cleared only when
    /// `select(0)` found nothing, and then looked at once more (which also registers the waker).
    fn look_at_descriptors(&self, py: Python<'_>, context: &mut Context<'_>) -> PyResult<bool> {
        let Poll::Ready(guard) = self.descriptors.poll_read_ready(context) else {
            return Ok(false);
        };
        let events = self
            .selector
            .call_method1(py, intern!(py, "select"), (0,))?;
        if length(&events) == 0 {
            guard?.clear_ready();
            return Ok(self.descriptors.poll_read_ready(context).is_ready());
        }
        self.core
            .event_loop
            .call_method1(py, intern!(py, "_process_events"), (events,))?;
        Ok(true)
    }
}

/// The one Tokio timer of a loop: for its earliest `call_at`.
struct Alarm {
    sleep: Option<Pin<Box<Sleep>>>,
    set_for: f64,
}

impl Default for Alarm {
    fn default() -> Self {
        Self {
            sleep: None,
            set_for: f64::NAN,
        }
    }
}

impl Alarm {
    /// The longest sleep; a later moment is looked at again then.
    const DAY: f64 = 86_400.0;

    fn set(&mut self, when: f64, context: &mut Context<'_>) {
        if when != self.set_for {
            self.set_for = when;
            let at = Instant::now() + Duration::from_secs_f64((when - now()).clamp(0.0, Self::DAY));
            match &mut self.sleep {
                Some(sleep) => sleep.as_mut().reset(at),
                None => self.sleep = Some(Box::pin(tokio::time::sleep_until(at))),
            }
        }
        if self
            .sleep
            .as_mut()
            .is_some_and(|sleep| sleep.as_mut().poll(context).is_ready())
        {
            self.set_for = f64::NAN;
            context.waker().wake_by_ref();
        }
    }
}

/// The reactor of a loop made by `spikard._loop`.
pub(crate) fn of_loop<'py>(event_loop: &Bound<'py, PyAny>) -> PyResult<Bound<'py, Reactor>> {
    let found = event_loop.getattr(intern!(event_loop.py(), "_reactor"));
    found.ok().and_then(|reactor| reactor.cast_into::<Reactor>().ok()).ok_or_else(|| {
        let name = event_loop.get_type().to_string();
            PyRuntimeError::new_err(format!(
            "serving needs Spikard's own event loop, not {name}: make it with `spikard._loop.Loop()` or use `app.run()`"
        ))
    })
}
