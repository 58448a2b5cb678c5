#![allow(clippy::panic, reason = "a failed test")]

use super::machine::Machine;
use super::orders::{Event, Limits, Order, State};
use Order::{Announce, Close, Drain, Finish, Kill, Start};
use std::time::{Duration, Instant};

const SECOND: Duration = Duration::from_secs(1);
const LIMITS: Limits = Limits {
    start: Duration::from_secs(60),
    stop: Duration::from_secs(30),
    life: None,
};

/// A machine with its clock; what it says is kept apart from what it orders.
struct Played {
    machine: Machine,
    now: Instant,
    said: String,
    /// What the service manager was told.
    told: Vec<State>,
    /// Where new connections are sent, when that was ordered.
    places: Vec<usize>,
}

impl Played {
    fn new(workers: usize) -> Self {
        Self::within(workers, LIMITS)
    }

    fn within(workers: usize, limits: Limits) -> Self {
        let mut played = Self {
            machine: Machine::new(workers, limits),
            now: Instant::now(),
            said: String::new(),
            told: Vec::new(),
            places: Vec::new(),
        };
        let orders = played.machine.begin(played.now);
        assert_eq!(played.sort(orders), [Start(1, 0)]);
        played
    }

    /// All workers ready; worker n is process n.
    fn serving(workers: usize) -> Self {
        let mut played = Self::new(workers);
        for id in 1..=workers {
            played.hear(Event::Ready(id.try_into().unwrap()));
        }
        played
    }

    fn hear(&mut self, event: Event) -> Vec<Order> {
        let orders = self.machine.hear(event, self.now);
        self.sort(orders)
    }

    fn ended(&mut self, id: u64) -> Vec<Order> {
        self.hear(Event::Ended(id, "exit status: 3".to_owned()))
    }

    fn later(&mut self, by: Duration) -> Vec<Order> {
        self.now += by;
        let orders = self.machine.look(self.now);
        self.sort(orders)
    }

    fn sort(&mut self, orders: Vec<Order>) -> Vec<Order> {
        self.said.clear();
        let mut rest = Vec::new();
        for order in orders {
            match order {
                Order::Tell(state) => self.told.push(state),
                Order::Spread(places) => self.places = places,
                Order::Say(text) => self.said.push_str(&text),
                other => rest.push(other),
            }
        }
        rest
    }
}

#[test]
fn the_first_worker_goes_first() {
    let mut played = Played::new(3);
    assert_eq!(played.hear(Event::Ready(1)), [Start(2, 1), Start(3, 2)]);
    assert_eq!(played.hear(Event::Ready(3)), []);
    assert_eq!(played.hear(Event::Ready(2)), [Announce]);
}

#[test]
fn an_app_that_never_starts_ends_everything_at_once() {
    let mut played = Played::new(3);
    assert_eq!(played.ended(1), [Finish(1)]);
    assert_eq!(played.said, "the app did not start (exit status: 3)");
}

#[test]
fn a_worker_is_started_again_at_once_and_ever_later_when_it_does_not_last() {
    let mut played = Played::serving(2);
    assert_eq!(played.ended(2), [Start(3, 1)]);
    for (id, pause) in [(3, 100), (4, 200), (5, 400), (6, 800)] {
        let pause = Duration::from_millis(pause);
        assert_eq!(played.hear(Event::Ready(id)), []);
        assert_eq!(played.ended(id), []);
        assert!(
            played.said.contains(&format!("{pause:?}")),
            "{}",
            played.said
        );
        assert_eq!(played.machine.next(), Some(played.now + pause));
        assert_eq!(played.later(pause - Duration::from_millis(1)), []);
        assert_eq!(played.later(Duration::from_millis(1)), [Start(id + 1, 1)]);
    }
    assert_eq!(played.hear(Event::Ready(7)), []);
    assert_eq!(played.later(10 * SECOND), []);
    assert_eq!(played.ended(7), [Start(8, 1)], "it had lasted");
}

#[test]
fn a_crash_loop_is_braked_only_when_no_worker_can_start() {
    let mut played = Played::serving(2);
    let mut broken = 2;
    for _ in 0..20 {
        assert!(
            !played.ended(broken).contains(&Finish(1)),
            "the other serves"
        );
        let started = played.later(5 * SECOND);
        broken = match started[..] {
            [Start(id, 1)] => id,
            _ => broken + 1,
        };
    }
    let Start(mut other, 0) = played.ended(1)[0] else {
        panic!("at once")
    };
    for _ in 0..4 {
        assert_eq!(played.ended(other), []);
        let [Start(id, 0)] = played.later(5 * SECOND)[..] else {
            panic!("after a pause")
        };
        other = id;
    }
    assert_eq!(played.ended(other), [Finish(1)]);
    assert!(
        played.said.ends_with("exit status: 3: giving up"),
        "{}",
        played.said
    );
}

#[test]
fn a_reload_drains_the_old_one_when_the_new_one_is_ready() {
    let mut played = Played::serving(2);
    assert_eq!(played.hear(Event::Reload), [Start(3, 0)]);
    assert_eq!(played.hear(Event::Ready(3)), [Drain(1), Start(4, 1)]);
    assert_eq!(played.ended(1), []);
    assert_eq!(played.hear(Event::Ready(4)), [Drain(2)]);
    assert_eq!(played.said, "reloaded: 2 workers");
    assert_eq!(played.ended(2), []);
}

#[test]
fn a_reload_to_an_app_that_does_not_start_leaves_the_old_one() {
    let mut played = Played::serving(2);
    played.hear(Event::Reload);
    assert_eq!(played.ended(3), []);
    assert!(played.said.contains("reload given up"), "{}", played.said);
    assert_eq!(
        played.hear(Event::Reload),
        [Start(4, 0)],
        "and may be tried again"
    );
}

#[test]
fn a_reload_during_a_reload_begins_anew() {
    let mut played = Played::serving(2);
    played.hear(Event::Reload);
    assert_eq!(played.hear(Event::Reload), []);
    assert_eq!(played.hear(Event::Ready(3)), [Drain(1), Start(4, 0)]);
    assert_eq!(played.hear(Event::Ready(4)), [Drain(3), Start(5, 1)]);
}

#[test]
fn the_new_worker_takes_over_from_one_that_crashed_meanwhile() {
    let mut played = Played::serving(1);
    assert_eq!(played.hear(Event::Reload), [Start(2, 0)]);
    assert_eq!(played.ended(1), [], "the new one is on its way");
    assert_eq!(played.hear(Event::Ready(2)), []);
    assert_eq!(played.said, "reloaded: 1 worker");
}

#[test]
fn a_signal_drains_and_a_second_one_ends() {
    let mut played = Played::serving(2);
    assert_eq!(played.hear(Event::Stop(15)), [Close(0), Drain(1), Drain(2)]);
    assert_eq!(played.ended(1), []);
    assert_eq!(played.hear(Event::Reload), []);
    assert_eq!(played.ended(2), [Finish(0)]);
    let mut played = Played::serving(1);
    played.hear(Event::Stop(15));
    assert_eq!(played.hear(Event::Stop(2)), [Finish(130)]);
}

#[test]
fn who_takes_too_long_is_killed() {
    let mut played = Played::serving(1);
    played.hear(Event::Reload);
    assert_eq!(played.later(60 * SECOND), [Kill(2)]);
    assert!(
        played.said.contains("not ready within 60s"),
        "{}",
        played.said
    );
    assert_eq!(played.hear(Event::Ready(2)), [], "too late");
    assert_eq!(played.ended(2), []);
    assert!(played.said.contains("reload given up"), "{}", played.said);
    played.hear(Event::Stop(15));
    assert_eq!(played.later(30 * SECOND), [Kill(1)]);
    assert_eq!(played.ended(1), [Finish(1)], "requests were cut");
}

#[test]
fn workers_come_and_go() {
    let mut played = Played::serving(1);
    assert_eq!(played.hear(Event::More), [Start(2, 1)]);
    assert_eq!(played.hear(Event::Ready(2)), []);
    assert_eq!(played.hear(Event::Fewer), []);
    assert_eq!(played.said, "1 worker");
    assert_eq!(played.places, [0], "the other gets no more connections");
    assert_eq!(played.machine.next(), Some(played.now + SECOND));
    assert_eq!(played.later(SECOND), [Close(1), Drain(2)]);
    assert_eq!(played.ended(2), []);
    assert_eq!(played.hear(Event::Fewer), []);
    assert_eq!(played.said, "one worker is the least");
    assert_eq!(played.hear(Event::More), [Start(3, 1)]);
}

#[test]
fn who_is_about_to_go_may_stay() {
    let mut played = Played::serving(3);
    played.hear(Event::Fewer);
    played.hear(Event::Fewer);
    assert_eq!(played.places, [0]);
    assert_eq!(played.hear(Event::More), []);
    assert_eq!(
        (played.said.as_str(), &played.places[..]),
        ("2 workers", &[0, 1][..])
    );
    assert_eq!(played.later(SECOND), [Close(2), Drain(3)]);
}

#[test]
fn connections_are_sent_where_somebody_serves() {
    let mut played = Played::new(3);
    for (id, places) in [(1, &[0][..]), (3, &[0, 2]), (2, &[0, 1, 2])] {
        let orders = played.machine.hear(Event::Ready(id), played.now);
        assert_eq!(orders[0], Order::Spread(places.to_vec()), "before all else");
    }
    played.ended(2);
    assert_eq!(played.places, [0, 2]);
    played.hear(Event::Ready(4));
    assert_eq!(played.places, [0, 1, 2]);
    played.hear(Event::Reload);
    played.hear(Event::Ready(5));
    assert_eq!(played.places, [0, 1, 2], "no gap in a reload");
}

#[test]
fn workers_are_replaced_when_they_are_old_at_different_times() {
    let life = Some(100 * SECOND);
    let mut played = Played::within(2, Limits { life, ..LIMITS });
    let start = played.now;
    played.hear(Event::Ready(1));
    played.hear(Event::Ready(2));
    let mut replaced = Vec::new();
    for next in [3, 4] {
        let due = played.machine.next().expect("the end of a life");
        let age = due - start;
        assert!((90 * SECOND..=110 * SECOND).contains(&age), "{age:?}");
        let [Start(id, slot)] = played.later(due - played.now)[..] else {
            panic!("a successor")
        };
        assert_eq!(id, next);
        assert!(
            played.said.contains("has served for about 100s: replaced"),
            "{}",
            played.said
        );
        assert!(matches!(played.hear(Event::Ready(id))[..], [Drain(_)]));
        assert_eq!(played.said, "", "nobody asked for a reload");
        replaced.push((slot, age));
        let old = if slot == 0 { 1 } else { 2 };
        assert_eq!(played.ended(old), []);
    }
    assert!(
        replaced[0].0 != replaced[1].0 && replaced[0].1 < replaced[1].1,
        "{replaced:?}"
    );
}

#[test]
fn a_heavy_worker_is_replaced_once() {
    let mut played = Played::serving(2);
    let heavy = |id| Event::Worn(id, "holds 9 MB of memory".to_owned());
    assert_eq!(played.hear(heavy(2)), [Start(3, 1)]);
    assert_eq!(played.said, "worker 2 holds 9 MB of memory: replaced");
    assert_eq!(played.hear(heavy(2)), []);
    assert_eq!(played.hear(heavy(1)), [], "one after the other");
    assert_eq!(played.hear(Event::Ready(3)), [Drain(2), Start(4, 0)]);
    assert_eq!(played.hear(heavy(2)), [], "it is leaving");
    assert_eq!(played.hear(Event::Ready(4)), [Drain(1)]);
}

#[test]
fn the_service_manager_hears_of_reloads_that_were_asked_for() {
    let mut played = Played::serving(1);
    assert_eq!(played.told, [State::Ready]);
    played.hear(Event::Reload);
    played.hear(Event::Ready(2));
    played.hear(Event::Reload);
    played.ended(3);
    assert_eq!(
        played.told[1..],
        [
            State::Reloading,
            State::Ready,
            State::Reloading,
            State::Ready
        ]
    );
    played.hear(Event::Worn(2, String::new()));
    played.hear(Event::Ready(4));
    assert_eq!(played.told.len(), 5);
    played.hear(Event::Stop(15));
    assert_eq!(played.told[5..], [State::Stopping]);
}
