//! New processes in the place of old ones that serve on until then: all of them (reload), or one that is old, worn or
//! stuck. One at a time; starts none itself.

use super::{Machine, Phase, workers};
use crate::supervisor::orders::{Id, Order, State};
use std::time::Instant;

impl Machine {
    pub(super) fn reload(&mut self, now: Instant) {
        self.reload_asked = true;
        self.orders.push(Order::Tell(State::Reloading));
        self.to_reload = (0..self.staying()).collect();
        if self.reloading.is_none() {
            self.say("reloading, one worker after the other".to_owned());
            self.reload_next(now);
        }
    }

    pub(super) fn worn(&mut self, id: Id, how: &str, now: Instant) {
        if let Some(slot) = self.serves_in(id) {
            self.replace(slot, how, now);
        }
    }

    pub(super) fn stuck(&mut self, id: Id, how: &str, now: Instant) {
        if let Some(slot) = self.serves_in(id) {
            self.replace(slot, how, now);
            // Now: when its successor is there it is asked to end, and may be elsewhere.
            self.orders.push(Order::Trace(id));
        }
    }

    /// The place in which a worker serves.
    pub(crate) fn serves_in(&self, id: Id) -> Option<usize> {
        let worker = self.workers.get(&id)?;
        (worker.phase == Phase::Serving).then_some(worker.slot)
    }

    pub(super) fn replace_old(&mut self, now: Instant) {
        let Some(life) = self.limits.life else { return };
        let mut old = Vec::new();
        for worker in self.workers.values_mut() {
            let due = worker.until.is_some_and(|until| until <= now);
            if due && worker.phase == Phase::Serving {
                // Should its successor fail, another life.
                worker.until = Some(now + life);
                old.push(worker.slot);
            }
        }
        for slot in old {
            self.replace(slot, &format!("has served for about {life:?}"), now);
        }
    }

    /// As in a reload, whose turn it waits for.
    fn replace(&mut self, slot: usize, why: &str, now: Instant) {
        let stays = self
            .slots
            .get(slot)
            .is_some_and(|slot| slot.going.is_none());
        if !stays || self.reloading == Some(slot) || self.to_reload.contains(&slot) {
            return;
        }
        self.say(format!("worker {} {why}: replaced", slot + 1));
        self.to_reload.push_back(slot);
        if self.reloading.is_none() {
            self.reload_next(now);
        }
    }

    pub(super) fn reload_next(&mut self, now: Instant) {
        self.reloading = self.to_reload.pop_front();
        let Some(index) = self.reloading else {
            if std::mem::take(&mut self.reload_asked) {
                self.orders.push(Order::Tell(State::Ready));
                self.say(format!("reloaded: {}", workers(self.staying())));
            }
            return;
        };
        if self.slots[index].worker.is_none() {
            return self.start_in(index, now);
        }
        // While the old one serves on, whatever happens to the new one.
        let id = self.start(index, now);
        self.slots[index].successor = Some(id);
    }

    pub(super) fn give_up_reload(&mut self, slot: usize, how: &str) {
        self.reloading = None;
        self.to_reload.clear();
        if std::mem::take(&mut self.reload_asked) {
            self.orders.push(Order::Tell(State::Ready));
        }
        self.say(format!(
            "the new worker {} ended before it was ready ({how}): reload given up, the old workers serve on",
            slot + 1
        ));
    }
}
