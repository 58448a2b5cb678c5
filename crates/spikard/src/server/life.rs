//! The life of one worker: its open connections, their deadlines, and the way to its end. One coarse sweep looks at all
//! deadlines, so that no request pays for a timer; it runs only while there are connections.

use crate::timer::Ticks;
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::task::{Context, Waker};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::Instant;

/// Between two sweeps. A time limit is kept to within two of these, never early.
pub(crate) const TICK: Duration = Duration::from_millis(100);

const NEVER: u64 = u64::MAX;

/// Requests in one tick from which on they are served in step: 16 in a millisecond. A worker whose handlers take long never
/// comes there, so that no reply waits behind them.
const IN_STEP: u32 = 16 * TICK.as_millis() as u32;

/// One worker's way from serving to its end; shared by its accept loop, its connections and whoever ends it.
///
/// ```
/// let life = spikard::server::Life::new();
/// life.drain();
/// assert!(life.is_draining());
/// ```
#[derive(Debug, Default)]
pub struct Life {
    draining: Cell<bool>,
    cut: Cell<bool>,
    /// For how many milliseconds of draining an idle connection may still send its next request.
    patience: Cell<u64>,
    /// Connections, and those streams of HTTP/2 that wait.
    entries: RefCell<Vec<Rc<Entry>>>,
    streams: Cell<usize>,
    /// Milliseconds since `start`, as of the last sweep.
    now: Cell<u64>,
    start: Cell<Option<Instant>>,
    sweeping: Cell<bool>,
    /// Requests of HTTP/1.1 since the last sweep.
    answered: Cell<u32>,
    /// There were so many of them between the last two sweeps that the connections go in step.
    in_step: Cell<bool>,
    /// Draining began, or the last connection ended.
    changed: Notify,
}

#[derive(Debug)]
struct Entry {
    /// In milliseconds since `start`.
    deadline: Cell<u64>,
    /// Of the connection's task, while it waits.
    waker: RefCell<Option<Waker>>,
    /// Where it stands in the list.
    index: Cell<usize>,
    /// One of the requests of a connection, not a connection.
    is_stream: bool,
}

impl Life {
    /// A worker that serves.
    pub fn new() -> Rc<Self> {
        Rc::new(Self::default())
    }

    /// Ends the worker in good order: readiness goes, nothing new is accepted, idle connections close, open requests
    /// are answered with `connection: close`, and after `drain_timeout_ms` the rest is cut. To be called on the worker's
    /// thread; a second call changes nothing.
    pub fn drain(&self) {
        if !self.draining.replace(true) {
            self.wake_all();
            self.changed.notify_one();
        }
    }

    /// From now on draining keeps idle connections open this long for a request that is under way: a client that
    /// sends one just when its connection closes cannot tell whether it was served. Where someone else serves meanwhile,
    /// a worker need not be in a hurry.
    pub(crate) fn wait_for_idle(&self, milliseconds: u64) {
        self.patience.set(milliseconds);
    }

    /// `drain` was called.
    pub fn is_draining(&self) -> bool {
        self.draining.get()
    }

    /// Open connections.
    pub fn connections(&self) -> usize {
        self.entries.borrow().len() - self.streams.get()
    }

    /// Ends the worker now: as `drain`, but every connection is cut, whatever it is doing. Handlers that still wait are
    /// cancelled with [`Cancel::Shutdown`](crate::Cancel::Shutdown).
    pub fn end(&self) {
        self.cut.set(true);
        self.drain();
        self.wake_all();
    }

    /// That many requests were answered.
    pub(crate) fn count(&self, requests: u32) {
        self.answered
            .set(self.answered.get().saturating_add(requests));
    }

    /// The worker is so busy that its connections should [`keep_step`](super::crew::keep_step).
    pub(crate) fn is_in_step(&self) -> bool {
        self.in_step.get()
    }

    pub(crate) async fn until_draining(&self) {
        while !self.is_draining() {
            self.changed.notified().await;
        }
    }

    pub(crate) async fn until_empty(&self) {
        while !self.entries.borrow().is_empty() {
            self.changed.notified().await;
        }
    }

    /// Registers a connection. Needs a Tokio `LocalRuntime` or `LocalSet` around it.
    pub(crate) fn watch(self: &Rc<Self>) -> Watch {
        self.enter(false)
    }

    fn enter(self: &Rc<Self>, is_stream: bool) -> Watch {
        let start = self.start.get().unwrap_or_else(Instant::now);
        self.start.set(Some(start));
        let mut entries = self.entries.borrow_mut();
        let entry = Rc::new(Entry {
            deadline: Cell::new(NEVER),
            waker: RefCell::new(None),
            index: Cell::new(entries.len()),
            is_stream,
        });
        entries.push(Rc::clone(&entry));
        self.streams
            .set(self.streams.get() + usize::from(is_stream));
        if !self.sweeping.replace(true) {
            self.now.set(milliseconds(start.elapsed()));
            tokio::task::spawn_local(sweep(Rc::clone(self)));
        }
        Watch {
            life: Rc::clone(self),
            entry,
        }
    }

    fn wake_all(&self) {
        for entry in self.entries.borrow().iter() {
            entry.wake();
        }
    }

    fn wake_late(&self) {
        let now = self.now.get();
        for entry in self.entries.borrow().iter() {
            if entry.deadline.get() <= now {
                entry.wake();
            }
        }
    }
}

async fn sweep(life: Rc<Life>) {
    let mut ticks = Ticks::new(TICK);
    while !life.entries.borrow().is_empty() {
        ticks.next().await;
        let start = life.start.get().unwrap_or_else(Instant::now);
        life.now.set(milliseconds(start.elapsed()));
        life.in_step.set(life.answered.replace(0) >= IN_STEP);
        life.wake_late();
    }
    life.sweeping.set(false);
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(NEVER - 1)
}

impl Entry {
    fn wake(&self) {
        if let Some(waker) = self.waker.borrow().as_ref() {
            waker.wake_by_ref();
        }
    }
}

/// One connection's or stream's place in its worker's life; leaves it when dropped.
pub(crate) struct Watch {
    life: Rc<Life>,
    entry: Rc<Entry>,
}

impl Watch {
    /// A place for one request of this connection, with a deadline of its own.
    pub(crate) fn stream(&self) -> Self {
        self.life.enter(true)
    }

    /// Milliseconds since the worker's first connection, as of the last sweep.
    pub(crate) fn now(&self) -> u64 {
        self.life.now.get()
    }

    /// From now on, [`Watch::is_late`] after `limit` milliseconds; 0 for never.
    pub(crate) fn arm(&self, limit: u64) {
        // `now` is up to one tick old: without that tick a short limit would end early.
        let deadline = match limit {
            0 => NEVER,
            _ => (self.life.now.get() + milliseconds(TICK)).saturating_add(limit),
        };
        self.entry.deadline.set(deadline);
    }

    /// The deadline has passed.
    pub(crate) fn is_late(&self) -> bool {
        self.entry.deadline.get() <= self.life.now.get()
    }

    /// The task of `context` is woken when it is late, when draining begins and when everything is cut.
    pub(crate) fn register(&self, context: &Context<'_>) {
        let mut waker = self.entry.waker.borrow_mut();
        match &mut *waker {
            Some(known) => known.clone_from(context.waker()),
            none => *none = Some(context.waker().clone()),
        }
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.life.draining.get()
    }

    pub(crate) fn is_cut(&self) -> bool {
        self.life.cut.get()
    }

    /// See [`Life::wait_for_idle`].
    pub(crate) fn patience(&self) -> u64 {
        self.life.patience.get()
    }

    /// A request was answered.
    pub(crate) fn count(&self) {
        self.life.count(1);
    }

    pub(crate) fn is_in_step(&self) -> bool {
        self.life.is_in_step()
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let mut entries = self.life.entries.borrow_mut();
        let index = self.entry.index.get();
        entries.swap_remove(index);
        if let Some(moved) = entries.get(index) {
            moved.index.set(index);
        }
        let streams = &self.life.streams;
        streams.set(streams.get() - usize::from(self.entry.is_stream));
        if entries.is_empty() {
            self.life.changed.notify_one();
        }
    }
}
