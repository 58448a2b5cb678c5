//! What the supervisor does next: hears what happened, gives orders. Starts, signals and reads nothing itself, and takes
//! the time from its caller.

mod reload;

use super::orders::{Event, Id, Limits, Order, State};
use super::spread_out;
use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

/// A worker that served this long before it ended is started again at once.
const STEADY: Duration = Duration::from_secs(10);
/// The pause before the second quick restart in a row; it doubles from one to the next.
const PAUSE: Duration = Duration::from_millis(100);
/// The longest pause: connections in the worker's queue wait that long.
const LONGEST: Duration = Duration::from_secs(5);
/// From the last new connection of a socket that goes to its closing: what the clients began meanwhile is complete.
const HANDSHAKE: Duration = Duration::from_secs(1);
/// Ends in a row before being ready, of every worker, after which there is no use in going on.
const BRAKE: u32 = 5;

/// The place of one worker: a socket, and the process that serves it.
#[derive(Debug, Default)]
struct Slot {
    worker: Option<Id>,
    /// Takes over once it is ready (reload).
    successor: Option<Id>,
    /// When to start a worker, after a pause.
    again: Option<Instant>,
    /// When to give it up (fewer workers); no new connections are sent to it until then.
    going: Option<Instant>,
    /// Ends in a row soon after the start.
    quick: u32,
    /// Ends in a row before being ready.
    unready: u32,
}

#[derive(Debug)]
struct Worker {
    slot: usize,
    phase: Phase,
    /// Since when it is in this phase.
    since: Instant,
    /// When to replace it.
    until: Option<Instant>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Starting,
    Serving,
    Leaving,
    /// Killed for taking too long.
    Late,
}

/// The supervisor's mind.
#[derive(Debug)]
pub(crate) struct Machine {
    limits: Limits,
    slots: Vec<Slot>,
    workers: BTreeMap<Id, Worker>,
    last: Id,
    /// A worker has been ready: the app can serve.
    proven: bool,
    announced: bool,
    /// The slot whose new process the reload waits for, and those still to come.
    reloading: Option<usize>,
    to_reload: VecDeque<usize>,
    /// The reload was asked for, so its end is told.
    reload_asked: bool,
    stopping: bool,
    code: i32,
    /// Where new connections are sent.
    places: Vec<usize>,
    orders: Vec<Order>,
}

impl Machine {
    /// For this many workers, at least one.
    pub(crate) fn new(count: usize, limits: Limits) -> Self {
        Self {
            limits,
            slots: (0..count.max(1)).map(|_| Slot::default()).collect(),
            workers: BTreeMap::new(),
            last: 0,
            proven: false,
            announced: false,
            reloading: None,
            to_reload: VecDeque::new(),
            reload_asked: false,
            stopping: false,
            code: 0,
            places: Vec::new(),
            orders: Vec::new(),
        }
    }

    /// The first worker goes first: an app that cannot start says so once, not once per worker.
    pub(crate) fn begin(&mut self, now: Instant) -> Vec<Order> {
        self.start_in(0, now);
        std::mem::take(&mut self.orders)
    }

    /// Gives the orders that follow from `event`.
    pub(crate) fn hear(&mut self, event: Event, now: Instant) -> Vec<Order> {
        match event {
            Event::Ready(id) => self.ready(id, now),
            Event::Ended(id, how) => self.ended(id, &how, now),
            Event::Stop(signal) => self.stop(signal, now),
            _ if self.stopping || !self.proven => {}
            Event::Worn(id, how) => self.worn(id, &how, now),
            Event::Stuck(id, how) => self.stuck(id, &how, now),
            Event::Reload => self.reload(now),
            Event::More => self.more(now),
            Event::Fewer => self.fewer(now),
        }
        self.ordered()
    }

    /// Gives the orders that are due by now.
    pub(crate) fn look(&mut self, now: Instant) -> Vec<Order> {
        self.let_go(now);
        self.replace_old(now);
        for slot in 0..self.slots.len() {
            if self.slots[slot].again.is_some_and(|again| again <= now) {
                self.start_in(slot, now);
            }
        }
        for (&id, worker) in &mut self.workers {
            let number = worker.slot + 1;
            let said = match worker.phase {
                Phase::Starting if worker.since + self.limits.start <= now => {
                    format!(
                        "worker {number} was not ready within {:?}",
                        self.limits.start
                    )
                }
                Phase::Leaving if worker.since + self.limits.stop <= now => {
                    self.code = 1;
                    format!(
                        "worker {number} did not end within {:?}: its open requests are cut",
                        self.limits.stop
                    )
                }
                _ => continue,
            };
            worker.phase = Phase::Late;
            self.orders.extend([Order::Say(said), Order::Kill(id)]);
        }
        self.ordered()
    }

    /// When to look again.
    pub(crate) fn next(&self) -> Option<Instant> {
        let limits = self
            .workers
            .values()
            .filter_map(|worker| match worker.phase {
                Phase::Starting => Some(worker.since + self.limits.start),
                Phase::Leaving => Some(worker.since + self.limits.stop),
                Phase::Serving => worker.until,
                Phase::Late => None,
            });
        let pauses = self.slots.iter().filter_map(|slot| slot.again);
        let goings = self.slots.iter().filter_map(|slot| slot.going);
        limits.chain(pauses).chain(goings).min()
    }

    /// Each process, and each slot that waits for one: slot, process, state in a word, since when.
    pub(crate) fn census(
        &self,
        now: Instant,
    ) -> impl Iterator<Item = (usize, Option<Id>, &'static str, Instant)> {
        let there = self.workers.iter().map(|(&id, worker)| {
            let state = match worker.phase {
                Phase::Starting => "starting",
                Phase::Serving => "serving",
                Phase::Leaving => "leaving",
                Phase::Late => "killed",
            };
            (worker.slot, Some(id), state, worker.since)
        });
        let empty = |slot: &Slot| slot.worker.is_none() && slot.successor.is_none();
        let slots = self.slots.iter().enumerate();
        let waiting = slots.filter(move |(_, slot)| empty(slot));
        there.chain(waiting.map(move |(slot, _)| (slot, None, "waiting", now)))
    }

    /// Where a process is.
    pub(crate) fn slot(&self, id: Id) -> Option<usize> {
        self.workers.get(&id).map(|worker| worker.slot)
    }

    /// The end was asked for.
    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping
    }

    /// The orders so far; first of all, that nobody is sent where nobody serves.
    fn ordered(&mut self) -> Vec<Order> {
        let serves = |id: Id| {
            self.workers
                .get(&id)
                .is_some_and(|worker| worker.phase == Phase::Serving)
        };
        let slots = self.slots.iter().enumerate();
        let places: Vec<usize> = slots
            .filter(|(_, slot)| slot.going.is_none() && slot.worker.is_some_and(serves))
            .map(|(index, _)| index)
            .collect();
        if !self.stopping && places != self.places {
            self.orders.insert(0, Order::Spread(places.clone()));
            self.places = places;
        }
        std::mem::take(&mut self.orders)
    }

    fn ready(&mut self, id: Id, now: Instant) {
        let Some(worker) = self.workers.get_mut(&id) else {
            return;
        };
        if worker.phase != Phase::Starting {
            return;
        }
        (worker.phase, worker.since) = (Phase::Serving, now);
        worker.until = self
            .limits
            .life
            .map(|life| now + spread_out::duration(life, id));
        let index = worker.slot;
        let slot = &mut self.slots[index];
        slot.unready = 0;
        if slot.successor == Some(id) {
            slot.successor = None;
            if let Some(old) = slot.worker.replace(id) {
                self.drain(old, now);
            }
        }
        if self.reloading == Some(index) {
            self.reload_next(now);
        }
        if !self.proven {
            self.proven = true;
            for other in 1..self.slots.len() {
                self.start_in(other, now);
            }
        }
        if !self.announced && self.serving() == self.slots.len() {
            self.announced = true;
            self.orders
                .extend([Order::Announce, Order::Tell(State::Ready)]);
        }
    }

    fn ended(&mut self, id: Id, how: &str, now: Instant) {
        let Some(worker) = self.workers.remove(&id) else {
            return;
        };
        if self.stopping {
            if self.workers.is_empty() {
                self.orders.push(Order::Finish(self.code));
            }
            return;
        }
        let slot = self.slots.get_mut(worker.slot);
        match slot {
            Some(slot) if slot.successor == Some(id) => {
                slot.successor = None;
                self.give_up_reload(worker.slot, how);
            }
            Some(slot) if slot.worker == Some(id) => {
                slot.worker = slot.successor.take();
                match slot.worker {
                    Some(_) => self.say(format!("worker {} ended ({how})", worker.slot + 1)),
                    None => self.lost(&worker, how, now),
                }
            }
            // It was asked to.
            _ => {}
        }
    }

    /// A slot has no process any more.
    fn lost(&mut self, worker: &Worker, how: &str, now: Instant) {
        if !self.proven {
            let forgotten = match how {
                "exit status: 0" => "; a program must end with its app's run()",
                _ => "",
            };
            self.say(format!("the app did not start ({how}){forgotten}"));
            return self.orders.push(Order::Finish(1));
        }
        let number = worker.slot + 1;
        if self.reloading == Some(worker.slot) {
            self.give_up_reload(worker.slot, how);
        }
        let slot = &mut self.slots[worker.slot];
        match worker.phase {
            Phase::Serving if worker.since + STEADY <= now => slot.quick = 0,
            Phase::Serving => {}
            _ => slot.unready += 1,
        }
        if self.slots.iter().all(|slot| slot.unready >= BRAKE) {
            self.say(format!(
                "every worker ended {BRAKE} times in a row before it was ready, the last one with {how}: giving up"
            ));
            return self.orders.push(Order::Finish(1));
        }
        let slot = &mut self.slots[worker.slot];
        let pause = pause(slot.quick);
        slot.quick += 1;
        if pause.is_zero() {
            self.say(format!("worker {number} ended ({how}): started again"));
            self.start_in(worker.slot, now);
        } else {
            let times = slot.quick;
            slot.again = Some(now + pause);
            self.say(format!(
                "worker {number} ended ({how}), {times} times in a row within {STEADY:?} of its start: started again in {pause:?}"
            ));
        }
    }

    fn stop(&mut self, signal: i32, now: Instant) {
        if self.stopping {
            return self.orders.push(Order::Finish(128 + signal));
        }
        self.stopping = true;
        self.orders.push(Order::Tell(State::Stopping));
        for slot in &mut self.slots {
            slot.again = None;
        }
        if self.workers.is_empty() {
            return self.orders.push(Order::Finish(self.code));
        }
        self.say("stopping: open requests are finished; a second signal ends at once".to_owned());
        // Before the workers end: who comes later is refused at once, and not left waiting for nobody.
        self.orders.push(Order::Close(0));
        let all: Vec<Id> = self.workers.keys().copied().collect();
        for id in all {
            self.drain(id, now);
        }
    }

    fn more(&mut self, now: Instant) {
        let staying = self.staying();
        self.say(workers(staying + 1));
        match self.slots.get_mut(staying) {
            Some(going) => going.going = None,
            None => {
                self.slots.push(Slot::default());
                self.start_in(staying, now);
            }
        }
    }

    fn fewer(&mut self, now: Instant) {
        match self.staying() {
            0 | 1 => self.say("one worker is the least".to_owned()),
            staying => {
                self.slots[staying - 1].going = Some(now + HANDSHAKE);
                self.say(workers(staying - 1));
            }
        }
    }

    /// The slots that go are the last ones, and the last one goes first.
    fn let_go(&mut self, now: Instant) {
        let due = |slot: &mut Slot| slot.going.is_some_and(|going| going <= now);
        while let Some(slot) = self.slots.pop_if(due) {
            let index = self.slots.len();
            // Before its worker ends: that one empties the queue of the socket and is then the last who has it.
            self.orders.push(Order::Close(index));
            for id in slot.worker.into_iter().chain(slot.successor) {
                self.drain(id, now);
            }
            self.to_reload.retain(|&slot| slot != index);
            if self.reloading == Some(index) {
                self.reload_next(now);
            }
        }
    }

    fn start_in(&mut self, index: usize, now: Instant) {
        let id = self.start(index, now);
        let slot = &mut self.slots[index];
        (slot.worker, slot.again) = (Some(id), None);
    }

    fn start(&mut self, slot: usize, now: Instant) -> Id {
        self.last += 1;
        let worker = Worker {
            slot,
            phase: Phase::Starting,
            since: now,
            until: None,
        };
        self.workers.insert(self.last, worker);
        self.orders.push(Order::Start(self.last, slot));
        self.last
    }

    /// Once: a worker that is asked twice ends at once.
    fn drain(&mut self, id: Id, now: Instant) {
        if let Some(worker) = self.workers.get_mut(&id)
            && matches!(worker.phase, Phase::Starting | Phase::Serving)
        {
            (worker.phase, worker.since) = (Phase::Leaving, now);
            self.orders.push(Order::Drain(id));
        }
    }

    /// Slots that are not about to go.
    fn staying(&self) -> usize {
        self.slots
            .iter()
            .filter(|slot| slot.going.is_none())
            .count()
    }

    fn serving(&self) -> usize {
        let serves = |worker: &&Worker| worker.phase == Phase::Serving;
        self.workers.values().filter(serves).count()
    }

    fn say(&mut self, text: String) {
        self.orders.push(Order::Say(text));
    }
}

fn pause(quick: u32) -> Duration {
    match quick {
        0 => Duration::ZERO,
        quick => (PAUSE * 2_u32.saturating_pow(quick - 1).min(1_000)).min(LONGEST),
    }
}

/// `1 worker`, `2 workers`.
pub(crate) fn workers(count: usize) -> String {
    let ending = if count == 1 { "" } else { "s" };
    format!("{count} worker{ending}")
}
