//! What is to happen at a time, in its order. Does nothing itself but wait.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::fmt;
use std::time::Instant;
use tokio::sync::Notify;
use tokio::task::yield_now;
use tokio::time::timeout_at;

/// Items in one go, before other tasks have their turn.
const SHARE: usize = 64;

/// Items of one thread, each with its deadline.
///
/// ```
/// use spikard::Deadlines;
/// use std::time::{Duration, Instant};
///
/// let (now, deadlines) = (Instant::now(), Deadlines::default());
/// deadlines.insert(now + Duration::from_secs(2), "late");
/// let early = deadlines.insert(now + Duration::from_secs(1), "early");
/// assert_eq!(deadlines.pop(now), None);
/// assert_eq!(deadlines.remove(early), Some("early"));
/// assert_eq!(deadlines.pop(now + Duration::from_secs(3)), Some("late"));
/// ```
pub struct Deadlines<T> {
    items: RefCell<BTreeMap<Place, T>>,
    last: Cell<u64>,
    /// The first deadline has become an earlier one.
    earlier: Notify,
}

/// Where an item is: its deadline, and what tells it from others of the same time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place(Instant, u64);

impl<T> Deadlines<T> {
    /// Puts an item in.
    pub fn insert(&self, deadline: Instant, item: T) -> Place {
        let number = self.last.get() + 1;
        self.last.set(number);
        let place = Place(deadline, number);
        let is_first = self.next().is_none_or(|first| deadline < first);
        self.items.borrow_mut().insert(place, item);
        if is_first {
            self.earlier.notify_one();
        }
        place
    }

    /// Takes an item out again; `None` when its time has come.
    pub fn remove(&self, place: Place) -> Option<T> {
        self.items.borrow_mut().remove(&place)
    }

    /// The first deadline.
    pub fn next(&self) -> Option<Instant> {
        let items = self.items.borrow();
        items.first_key_value().map(|(place, _)| place.0)
    }

    /// Takes out the first item when its deadline is no later than `now`.
    pub fn pop(&self, now: Instant) -> Option<T> {
        let mut items = self.items.borrow_mut();
        let first = items.first_entry()?;
        (first.key().0 <= now).then(|| first.remove())
    }

    /// Gives each item to `when_over` once its time has come, by one timer of Tokio's, which may come a millisecond late;
    /// never ends. A timer that comes before all that Tokio knows costs a system call, and that is nearly each one where
    /// handlers sleep for the same time.
    pub async fn drive(&self, mut when_over: impl FnMut(T)) {
        loop {
            let now = Instant::now();
            for _ in 0..SHARE {
                let Some(item) = self.pop(now) else { break };
                when_over(item);
            }
            match self.next() {
                Some(first) if first <= Instant::now() => yield_now().await,
                Some(first) => drop(timeout_at(first.into(), self.earlier.notified()).await),
                None => self.earlier.notified().await,
            }
        }
    }
}

impl<T> Default for Deadlines<T> {
    fn default() -> Self {
        Self {
            items: RefCell::default(),
            last: Cell::default(),
            earlier: Notify::default(),
        }
    }
}

impl<T> fmt::Debug for Deadlines<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Deadlines")
            .field("items", &self.items.borrow().len())
            .field("next", &self.next())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    /// What `deadlines` gives, with how long that took, until `inner` has ended.
    fn driven(deadlines: &Deadlines<u64>, inner: impl Future<Output = ()>) -> Vec<(u64, Duration)> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        let (begin, mut over) = (Instant::now(), Vec::new());
        runtime.block_on(async {
            tokio::select! {
                biased;
                () = deadlines.drive(|item| over.push((item, begin.elapsed()))) => {}
                () = inner => {}
            }
        });
        over
    }

    #[test]
    fn each_comes_at_its_time_also_when_a_shorter_one_began_later() {
        let deadlines = Deadlines::default();
        let after = |milliseconds: u64| {
            let deadline = Instant::now() + Duration::from_millis(milliseconds);
            deadlines.insert(deadline, milliseconds)
        };
        let over = driven(&deadlines, async {
            after(20_000);
            after(40);
            let never = after(30);
            tokio::time::sleep(Duration::from_millis(5)).await;
            after(1);
            deadlines.remove(never);
            tokio::time::sleep(Duration::from_millis(60)).await;
        });
        let items: Vec<_> = over.iter().map(|(item, _)| *item).collect();
        assert_eq!(items, [1, 40]);
        let early = |(item, took): &(u64, Duration)| *took < Duration::from_millis(*item);
        assert!(!over.iter().any(early), "{over:?}");
    }

    #[test]
    fn others_have_their_turn_between_many() {
        let deadlines = Deadlines::default();
        for item in 0..SHARE as u64 * 3 {
            deadlines.insert(Instant::now(), item);
        }
        let over = driven(&deadlines, async {});
        assert_eq!(over.len(), SHARE, "then the other one ended");
    }
}
