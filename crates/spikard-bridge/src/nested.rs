//! Tokio nested in the loop of a host that sleeps with a call of its own: tasks run when told to and only then, and the
//! thread sleeps where the host allows it. Calls no host.
//!
//! A host that holds a lock on its interpreter gives that up for [`Nested::sleep`] alone: no task is polled there, so no
//! handler runs without the lock.

use spikard::server::EVENT_INTERVAL;
use std::cell::{Cell, RefCell};
use std::future::{Future, pending, poll_fn};
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};
use tokio::task::{AbortHandle, LocalSet};

/// Rounds of the task set in one turn, each of up to 61 tasks: bounds the time until the host has its turn.
const SHARE: usize = 2;

/// Tasks of one thread, and the reactor that wakes them.
///
/// ```
/// use spikard_bridge::Nested;
/// use std::{cell::Cell, rc::Rc, time::Duration};
///
/// let nested = Nested::new(|| false)?;
/// let done = Rc::new(Cell::new(false));
/// let told = Rc::clone(&done);
/// nested.spawn(async move {
///     tokio::time::sleep(Duration::from_millis(1)).await;
///     told.set(true);
/// });
/// while !done.get() {
///     nested.sleep(None);
///     nested.turn();
/// }
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct Nested {
    // Dropped first: tasks go while their runtime is there.
    tasks: RefCell<LocalSet>,
    runtime: Runtime,
    woken: Arc<Woken>,
    waker: Waker,
    /// The reactor was polled since the last turn.
    looked: Cell<bool>,
}

/// Ends a [`Nested::sleep`] from anywhere: another thread, a signal handler. It allocates nothing and takes no lock.
#[derive(Debug, Clone)]
pub struct Kick(Arc<Woken>);

/// The waker of the task set: notes that a task is ready, and ends the sleep.
#[derive(Debug)]
struct Woken {
    /// A task is ready.
    ready: AtomicBool,
    /// Somebody wants the host to look.
    kicked: AtomicBool,
    /// The thread sleeps, or is about to: only then does waking it cost a system call.
    sleeping: AtomicBool,
    /// Wakes the runtime; inside it a flag, from outside one write.
    runtime: Waker,
}

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if !self.ready.swap(true, Ordering::SeqCst) && self.sleeping.load(Ordering::SeqCst) {
            self.runtime.wake_by_ref();
        }
    }
}

impl Kick {
    /// Ends the sleep that is under way, or the next one.
    pub fn kick(&self) {
        self.0.kicked.store(true, Ordering::SeqCst);
        if self.0.sleeping.load(Ordering::SeqCst) {
            self.0.runtime.wake_by_ref();
        }
    }
}

impl Nested {
    /// `interrupted` is asked whenever the system has ended a sleep, a signal included, and says whether the host must look.
    pub fn new(interrupted: impl Fn() -> bool + Send + Sync + 'static) -> io::Result<Self> {
        let cell: Arc<std::sync::OnceLock<Arc<Woken>>> = Arc::default();
        let told = Arc::clone(&cell);
        let unparked = move || {
            if let Some(woken) = told.get().filter(|_| interrupted()) {
                Kick(Arc::clone(woken)).kick();
            }
        };
        let runtime = Builder::new_current_thread()
            .enable_all()
            .event_interval(EVENT_INTERVAL)
            .on_thread_unpark(unparked)
            .build()?;
        let waker = runtime.block_on(poll_fn(|context| Poll::Ready(context.waker().clone())));
        let woken = Arc::new(Woken {
            ready: AtomicBool::new(false),
            kicked: AtomicBool::new(false),
            sleeping: AtomicBool::new(false),
            runtime: waker,
        });
        let _ = cell.set(Arc::clone(&woken));
        Ok(Self {
            tasks: RefCell::new(LocalSet::new()),
            runtime,
            waker: Waker::from(Arc::clone(&woken)),
            woken,
            looked: Cell::new(false),
        })
    }

    /// What ends a sleep.
    pub fn kick(&self) -> Kick {
        Kick(Arc::clone(&self.woken))
    }

    /// A task of this thread, and what ends it early.
    pub fn spawn(&self, task: impl Future<Output = ()> + 'static) -> AbortHandle {
        let task = self.tasks.borrow().spawn_local(task);
        // Nobody has polled the set yet when this is its first task, so it could not wake us.
        self.waker.wake_by_ref();
        task.abort_handle()
    }

    /// A task is ready, or [`Kick::kick`] was called since the last sleep.
    pub fn is_woken(&self) -> bool {
        self.woken.ready.load(Ordering::Acquire) || self.woken.kicked.load(Ordering::Acquire)
    }

    /// Polls what is ready; waits for nothing. Must not be called by a task.
    pub fn turn(&self) {
        let tasks = self.tasks.borrow();
        // A sleep has just taken what there is.
        if !self.looked.replace(false) {
            self.runtime.block_on(look());
        }
        self.run(&tasks);
        // Tasks that a library gave to `tokio::spawn` live in Tokio's own queue: run it, then ours again.
        if self.runtime.metrics().num_alive_tasks() > 0 {
            self.runtime.block_on(look());
            self.run(&tasks);
        }
    }

    /// Sleeps until a task is ready, the sleep is ended by [`Kick::kick`], or `limit` is over. Polls none of our tasks.
    pub fn sleep(&self, limit: Option<Duration>) {
        self.woken.sleeping.store(true, Ordering::SeqCst);
        let woken = poll_fn(|_| {
            let kicked = self.woken.kicked.swap(false, Ordering::SeqCst);
            match kicked || self.woken.ready.load(Ordering::SeqCst) {
                true => Poll::Ready(()),
                false => Poll::Pending,
            }
        });
        self.runtime.block_on(async {
            match limit {
                None => woken.await,
                Some(limit) => drop(tokio::time::timeout(limit, woken).await),
            }
        });
        self.woken.sleeping.store(false, Ordering::SeqCst);
        self.looked.set(true);
    }

    /// Outside of `block_on`: a task that has used up its cooperative budget (128 reads, say) is then woken at once. Inside
    /// its waker would be put by for when the runtime next waits, and forgotten with the end of `block_on`.
    fn run(&self, tasks: &LocalSet) {
        let _entered = self.runtime.enter();
        let mut context = Context::from_waker(&self.waker);
        let mut until = pin!(tasks.run_until(pending::<()>()));
        for _ in 0..SHARE {
            self.woken.ready.store(false, Ordering::Release);
            let _ = until.as_mut().poll(&mut context);
            if !self.woken.ready.load(Ordering::Acquire) {
                break;
            }
        }
    }
}

/// Inside `block_on`: lets Tokio run its own queue and poll its reactor once, without waiting.
async fn look() {
    let mut first = true;
    poll_fn(|context| {
        if std::mem::take(&mut first) {
            context.waker().wake_by_ref();
            Poll::Pending
        } else {
            Poll::Ready(())
        }
    })
    .await;
}
