//! Fibers that wait: for a time, a descriptor, or both. Resumes none; the reactor does, between two turns.

use crate::interpreter::{FALSE, TRUE};
use crate::numbers::Numbers;
use crate::reactor::Reactor;
use crate::roots::Kept;
use magnus::Error;
use magnus::rb_sys::AsRawValue as _;
use rb_sys::VALUE;
use spikard::{Deadlines, Place};
use std::cell::RefCell;
use std::ffi::c_int;
use std::rc::Rc;
use std::time::{Duration, Instant};
use tokio::task::AbortHandle;

/// What waits, by the numbers that Ruby knows.
#[derive(Default)]
pub(crate) struct Waits {
    all: RefCell<Numbers<Wait>>,
    /// One timer for all.
    pub(crate) deadlines: Deadlines<Over>,
}

/// A wait whose time has come, and what its fiber is told.
pub(crate) struct Over {
    pub(crate) wait: u64,
    pub(crate) result: VALUE,
}

struct Wait {
    fiber: Kept,
    deadline: Option<Place>,
    /// Watches the descriptor.
    watch: Option<AbortHandle>,
}

impl Waits {
    fn add(&self, fiber: magnus::Value) -> u64 {
        let fiber = Kept::new(fiber.as_raw());
        self.all.borrow_mut().add(Wait {
            fiber,
            deadline: None,
            watch: None,
        })
    }

    /// Nothing else than the end of the wait brings it away from there.
    fn ends_after(&self, wait: u64, seconds: f64, result: VALUE) {
        // Beyond a year times are not told apart.
        let time = Duration::from_secs_f64(seconds.clamp(0.0, 31_536_000.0));
        let over = Over { wait, result };
        let deadline = self.deadlines.insert(Instant::now() + time, over);
        if let Some(wait) = self.all.borrow_mut().get(wait) {
            wait.deadline = Some(deadline);
        }
    }

    /// The fiber of a wait that is over, which nothing ends a second time; nothing when it was over already.
    pub(crate) fn take(&self, wait: u64) -> Option<Kept> {
        let taken = self.all.borrow_mut().take(wait)?;
        if let Some(deadline) = taken.deadline {
            let _ = self.deadlines.remove(deadline);
        }
        if let Some(watch) = taken.watch {
            watch.abort();
        }
        Some(taken.fiber)
    }
}

/// The fiber is resumed, with true, after so many seconds.
pub(crate) fn sleep(fiber: magnus::Value, seconds: f64) -> Result<u64, Error> {
    let reactor = Reactor::here()?;
    let wait = reactor.waits.add(fiber);
    reactor.waits.ends_after(wait, seconds, TRUE);
    Ok(wait)
}

/// The fiber is resumed when the descriptor can be read (1) or written (4), with what it can be, or false after so many
/// seconds.
pub(crate) fn wait_io(
    fiber: magnus::Value,
    fd: c_int,
    events: c_int,
    seconds: Option<f64>,
) -> Result<u64, Error> {
    let reactor = Reactor::here()?;
    let wait = reactor.waits.add(fiber);
    if let Some(seconds) = seconds {
        reactor.waits.ends_after(wait, seconds, FALSE);
    }
    let told = Rc::clone(&reactor);
    let watch = reactor.spawn(async move {
        let events = crate::descriptor::ready(fd, events).await;
        // A small Integer, by Ruby's own layout; no object.
        told.end_wait(wait, (events as VALUE) << 1 | 1);
    });
    if let Some(wait) = reactor.waits.all.borrow_mut().get(wait) {
        wait.watch = Some(watch);
    }
    Ok(wait)
}

/// The wait of a fiber that was resumed by something else.
pub(crate) fn forget(wait: u64) {
    let fiber = Reactor::current().and_then(|reactor| reactor.waits.take(wait));
    drop(fiber);
}
