//! The loop of the thread that runs Ruby: turns of our tasks with Ruby's lock (GVL), sleep without it, and the fibers that
//! wait for the reactor. Knows nothing of apps.
//!
//! Rules that keep it right:
//! 1. A task is only polled, and a fiber only resumed, with the lock. `sleep` gives it up and polls none of our tasks.
//! 2. Every call of Ruby is made under `protect`, so no jump passes a frame of Tokio's.
//! 3. What must leave the loop (`exit`, a signal, `Thread#kill`) is noted, and raised again by `run`, outside of all tasks.
//! 4. Without the lock nothing of Ruby's heap is touched, not even read.
//! 5. One turn at a time. Handlers run inside it, or in fibers resumed between two turns, and never start one.

use crate::error::failure;
use crate::guest::forget_workers;
use crate::interpreter::{Raised, id, protect, send};
use crate::passed::Passed;
use crate::roots::Kept;
use crate::waits::{Over, Waits};
use magnus::Error;
use rb_sys::{
    RB_NOGVL_INTR_FAIL, RB_NOGVL_UBF_ASYNC_SAFE, VALUE, rb_fiber_resume, rb_nogvl,
    rb_thread_check_ints, rb_thread_current, rb_thread_interrupted,
};
use spikard_bridge::{Kick, Nested};
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::ffi::{c_int, c_void};
use std::future::Future;
use std::mem::ManuallyDrop;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::null_mut;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tokio::task::AbortHandle;

/// Another Ruby thread that computes keeps the lock for its whole slice (100 ms). A wait for the lock of more than this
/// becomes credit: for as long again we keep it, so that such a thread gets half of the time and not nearly all of it.
const LONG_WAIT: Duration = Duration::from_millis(2);

/// How long we wait for events with the lock in our hands while credit lasts: this part of what gave the credit, and no less
/// than a millisecond. A client of a busy machine takes some to send its next request.
const LINGER: u32 = 20;

/// What an object takes of Ruby's heap: `struct RTypedData` of a thread.
type Slot = [VALUE; 5];

/// A fiber was unblocked by another thread, or by a fiber.
pub(crate) static UNBLOCKED: AtomicBool = AtomicBool::new(false);

thread_local! {
    /// Never dropped by the end of its thread: its tasks hold Ruby values, and Ruby may be gone by then.
    static REACTOR: RefCell<ManuallyDrop<Option<Rc<Reactor>>>> = const { RefCell::new(ManuallyDrop::new(None)) };
}

pub(crate) struct Reactor {
    /// Ruby's object of the thread.
    thread: usize,
    nested: Nested,
    pub(crate) waits: Waits,
    ready: RefCell<VecDeque<Ready>>,
    leaving: RefCell<Option<(c_int, Kept)>>,
    scheduler: RefCell<Option<Kept>>,
    running: Cell<bool>,
    /// Signals since the loop last turned.
    unheard: Cell<u32>,
    /// For how long the lock is kept.
    credit: Cell<Option<Credit>>,
    /// When the turn began, or a handler in it that took long ended; nothing without other threads.
    begun: Cell<Option<Passed>>,
}

#[derive(Clone, Copy)]
struct Credit {
    until: Instant,
    linger: Duration,
}

impl Credit {
    fn of(waited: Duration) -> Option<Self> {
        (waited > LONG_WAIT).then(|| Self {
            until: Instant::now() + waited,
            linger: (waited / LINGER).max(Duration::from_millis(1)),
        })
    }
}

/// What has to be done between two turns.
enum Ready {
    /// The wait is over, with this result: none that the collector would have to know of.
    Resume(u64, VALUE),
    /// A call of Ruby, which is given up when it raises.
    Call(Box<dyn FnOnce()>),
}

impl Reactor {
    /// The reactor of this thread, made on first use.
    pub(crate) fn here() -> Result<Rc<Self>, Error> {
        // SAFETY: with Ruby's lock. The thread object is that of this very thread, which is alive while it sleeps.
        let thread = unsafe { rb_thread_current() } as usize;
        if let Some(found) = Self::current().filter(|found| found.thread == thread) {
            return Ok(found);
        }
        // Ruby gives the thread of one that has ended to a new one, which cannot resume the other's fibers.
        forget_workers();
        // What is read of the thread's object while we sleep without the lock, as a copy. The collector of another thread may
        // have closed the page of the object itself (`GC.auto_compact`), and Ruby opens it for whoever touches it by moving
        // objects back, there and then, in the midst of that collection.
        // SAFETY: with Ruby's lock, and a thread's object is typed data; never freed.
        let copy = Box::into_raw(Box::new(unsafe { *(thread as *const Slot) })) as usize;
        // SAFETY: reads flags of the thread. Ruby (3.1) does not call `wake` for a signal while another thread runs.
        let nested = Nested::new(move || unsafe { rb_thread_interrupted(copy as VALUE) != 0 });
        // SAFETY: a value; from now on the collector leaves it where it is.
        unsafe { rb_sys::rb_gc_register_mark_object(thread as VALUE) };
        let reactor = Rc::new(Self {
            thread,
            nested: nested.map_err(|error| failure(format!("no event loop: {error}")))?,
            waits: Waits::default(),
            ready: RefCell::default(),
            leaving: RefCell::default(),
            scheduler: RefCell::default(),
            running: Cell::new(false),
            unheard: Cell::new(0),
            credit: Cell::new(None),
            begun: Cell::new(None),
        });
        let told = Rc::clone(&reactor);
        reactor.spawn(async move {
            let over = |over: Over| told.end_wait(over.wait, over.result);
            told.waits.deadlines.drive(over).await;
        });
        REACTOR.set(ManuallyDrop::new(Some(Rc::clone(&reactor))));
        Ok(reactor)
    }

    pub(crate) fn current() -> Option<Rc<Self>> {
        REACTOR.with_borrow(|reactor| Option::clone(reactor))
    }

    pub(crate) fn kick(&self) -> Kick {
        self.nested.kick()
    }

    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + 'static) -> AbortHandle {
        self.nested.spawn(task)
    }

    /// For how many of the last so many milliseconds, in which a handler held the loop, other threads may have had the lock.
    pub(crate) fn lent(&self, held: u64) -> u64 {
        let lent = self.begun.get().map_or(Duration::ZERO, Passed::lent);
        self.begun.set(Passed::beside_others());
        held.min(lent.as_millis() as u64)
    }

    /// Runs Ruby between two turns.
    pub(crate) fn later(&self, call: impl FnOnce() + 'static) {
        self.ready
            .borrow_mut()
            .push_back(Ready::Call(Box::new(call)));
    }

    pub(crate) fn schedule(&self, scheduler: VALUE) {
        self.scheduler.replace(Some(Kept::new(scheduler)));
    }

    /// `run` must end with this; the first one counts.
    pub(crate) fn leave(&self, raised: Raised) {
        let mut leaving = self.leaving.borrow_mut();
        if leaving.is_none() {
            *leaving = Some((raised.state, Kept::new(raised.value)));
        }
    }

    /// The wait is over; nothing when it was already.
    pub(crate) fn end_wait(&self, wait: u64, result: VALUE) {
        self.ready
            .borrow_mut()
            .push_back(Ready::Resume(wait, result));
    }

    /// Runs the loop until `done`. Called outside of turns and of the loop's fibers.
    pub(crate) fn run(&self, done: impl Fn() -> bool) -> Result<(), Raised> {
        loop {
            self.unheard.set(0);
            let begun = Passed::beside_others();
            self.begun.set(begun);
            let before = begun.filter(|_| self.credit.get().is_some());
            self.turn();
            self.resume();
            if let Some((state, value)) = self.leaving.take() {
                self.turn(); // writes what is answered, among it the 500 of the handler that leaves
                return Err(Raised {
                    state,
                    value: value.get(),
                });
            }
            if done() {
                return Ok(());
            }
            // Runs what traps are due, and gives the lock to a thread that has waited for a slice.
            // SAFETY: with Ruby's lock.
            protect(|| unsafe { rb_thread_check_ints() })?;
            // A handler, or the check, has given the lock to the thread that computes.
            if let Some(credit) = before.and_then(|before| Credit::of(before.idle())) {
                self.credit.set(Some(credit));
            }
            if self.ready.borrow().is_empty() && !done() {
                self.sleep();
            }
        }
    }

    /// `run` may be called: no other one is under way on this thread.
    pub(crate) fn enter(&self) -> Result<(), Error> {
        match self.running.replace(true) {
            false => Ok(()),
            true => Err(failure(
                "this thread's loop runs already; call the app of another handler by its own method",
            )),
        }
    }

    /// A signal was told to the loop: how many were since it last turned.
    pub(crate) fn signalled(&self) -> u32 {
        self.unheard.set(self.unheard.get() + 1);
        self.unheard.get()
    }

    pub(crate) fn left(&self) {
        self.running.set(false);
    }

    fn turn(&self) {
        if catch_unwind(AssertUnwindSafe(|| self.nested.turn())).is_err() {
            // Tasks catch their own panics; the message of this one is on standard error already.
            eprintln!("spikard: a turn of the event loop panicked; serving goes on");
        }
    }

    /// Resumes the fibers whose wait is over. Those that become ready meanwhile have to wait for the next turn.
    fn resume(&self) {
        if UNBLOCKED.swap(false, Ordering::AcqRel) {
            let scheduler = self.scheduler.borrow().as_ref().map(Kept::get);
            if let Some(scheduler) = scheduler
                && let Err(raised) = protect(|| send(scheduler, id("run_ready"), &[]))
            {
                self.failed(raised);
            }
        }
        let count = self.ready.borrow().len();
        for _ in 0..count {
            let next = self.ready.borrow_mut().pop_front();
            match next {
                Some(Ready::Resume(wait, result)) => {
                    let fiber = self.waits.take(wait);
                    if let Some(fiber) = fiber {
                        self.resume_fiber(fiber, result);
                    }
                }
                Some(Ready::Call(call)) => call(),
                None => break,
            }
        }
    }

    pub(crate) fn resume_fiber(&self, fiber: Kept, result: VALUE) {
        let resumed = fiber.get();
        // SAFETY: a fiber that waits; under protect.
        let outcome = protect(|| unsafe { rb_fiber_resume(resumed, 1, &raw const result) });
        drop(fiber);
        if let Err(raised) = outcome {
            self.failed(raised);
        }
    }

    /// Nobody waits for a fiber that the user started himself: what it raised is told, as Ruby tells it of a thread.
    pub(crate) fn failed(&self, raised: Raised) {
        if raised.leaves() {
            return self.leave(raised);
        }
        let told = protect(|| send(raised.value, id("full_message"), &[]));
        if let Ok(message) = told {
            eprintln!("{}", crate::interpreter::text(message));
        }
    }

    fn sleep(&self) {
        let left = self.credit.get().and_then(|credit| {
            let left = credit.until.checked_duration_since(Instant::now())?;
            Some(left.min(credit.linger))
        });
        if let Some(linger) = left {
            self.nested.sleep(Some(linger));
            if !self.nested.is_woken() {
                self.credit.set(None);
            }
            return;
        }
        let mut frame = Frame {
            nested: &self.nested,
            ended: None,
        };
        let kick = self.nested.kick();
        // SAFETY: `asleep` touches no Ruby; `wake` is one atomic store and one write; both pointers outlive the call.
        // INTR_FAIL: interrupts are looked at by `run`, so that nothing is raised from here.
        unsafe {
            rb_nogvl(
                Some(asleep),
                (&raw mut frame).cast(),
                Some(wake),
                (&raw const kick).cast_mut().cast(),
                (RB_NOGVL_UBF_ASYNC_SAFE | RB_NOGVL_INTR_FAIL) as c_int,
            );
        }
        let waited = frame.ended.map(|ended| ended.elapsed());
        self.credit.set(waited.and_then(Credit::of));
    }
}

struct Frame<'n> {
    nested: &'n Nested,
    /// When the lock was wanted back.
    ended: Option<Instant>,
}

unsafe extern "C" fn asleep(frame: *mut c_void) -> *mut c_void {
    // SAFETY: the frame of `sleep`.
    let frame = unsafe { &mut *frame.cast::<Frame<'_>>() };
    // A panic must not cross into C.
    let _ = catch_unwind(AssertUnwindSafe(|| frame.nested.sleep(None)));
    frame.ended = Some(Instant::now());
    null_mut()
}

/// Called by Ruby, from another thread or a signal handler, when the sleep has to end.
unsafe extern "C" fn wake(kick: *mut c_void) {
    // SAFETY: the kick of `sleep`, which is not over.
    unsafe { &*kick.cast::<Kick>() }.kick();
}
