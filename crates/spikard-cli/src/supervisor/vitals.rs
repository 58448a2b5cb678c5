//! How the workers are, looked at from time to time: who holds too much memory, has answered enough requests, or does
//! not turn its loop. Replaces none.

use super::orders::{Event, Id};
use super::process::Process;
use super::spread_out;
use spikard::status::{HEARTBEAT, Status};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

const PERIOD: Duration = Duration::from_secs(1);
/// The period when requests are counted: a fast worker answers thousands between two looks.
const CLOSE: Duration = Duration::from_millis(100);
/// A worker that was to be replaced, and is still there, is reported again after this long.
const AGAIN: Duration = Duration::from_secs(30);

/// What a worker may have before it is replaced; none for anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Bounds {
    /// Resident bytes.
    pub(crate) memory: Option<u64>,
    /// Responses, give or take a tenth.
    pub(crate) requests: Option<u64>,
    /// Time in which its loop does not turn.
    pub(crate) stuck: Option<Duration>,
}

impl Bounds {
    /// Less could not be told from a loop that turns.
    pub(crate) const LEAST_STUCK: Duration = HEARTBEAT.saturating_mul(4);

    fn period(&self) -> Option<Duration> {
        let stuck = self.stuck.map(|limit| (limit / 5).clamp(CLOSE, PERIOD));
        let memory = self.memory.map(|_| PERIOD);
        let requests = self.requests.map(|_| CLOSE);
        stuck.into_iter().chain(memory).chain(requests).min()
    }
}

/// Looks at the workers once a period.
#[derive(Debug)]
pub(super) struct Vitals {
    bounds: Bounds,
    /// None when there is nothing to look for.
    period: Option<Duration>,
    next: Instant,
    looked: Instant,
    seen: BTreeMap<Id, Seen>,
}

/// One worker, as of the last look.
#[derive(Debug, Clone, Copy)]
struct Seen {
    beats: u64,
    /// When they were first that many.
    turned: Instant,
    /// When it was last reported.
    reported: Option<Instant>,
}

impl Vitals {
    /// `always` also when nobody is to be replaced, for who asks how the workers are.
    pub(super) fn watch(bounds: Bounds, always: bool, now: Instant) -> Self {
        let period = bounds.period();
        Self {
            bounds,
            period: period.or(always.then_some(PERIOD)),
            next: now,
            looked: now,
            seen: BTreeMap::new(),
        }
    }

    /// When to look again.
    pub(super) fn next(&self) -> Option<Instant> {
        self.period.map(|_| self.next)
    }

    /// Since the loop of a worker was last seen turning; none before it serves.
    pub(super) fn heartbeat(&self, id: Id, now: Instant) -> Option<Duration> {
        let seen = self.seen.get(&id).filter(|seen| seen.beats > 0)?;
        Some(now.saturating_duration_since(seen.turned))
    }

    /// What there is to say of the workers that serve, when it is time to look. Others are not replaced, and what was said
    /// of them would not be said again for a while.
    pub(super) fn look(
        &mut self,
        now: Instant,
        workers: &BTreeMap<Id, Process>,
        serves: impl Fn(Id) -> bool,
    ) -> Vec<Event> {
        let Some(period) = self.period.filter(|_| self.next <= now) else {
            return Vec::new();
        };
        self.next = now + period;
        self.forgive(now, period);
        self.seen.retain(|id, _| workers.contains_key(id));
        let told = |(&id, process): (&Id, &Process)| {
            let status = process.status();
            let memory = self.bounds.memory.and_then(|_| resident(process.id()));
            self.judge(id, status, memory, now)
        };
        let serving = workers.iter().filter(|(id, _)| serves(**id));
        serving.filter_map(told).collect()
    }

    /// When the supervisor itself was stopped, so were its workers: no time has passed for them.
    fn forgive(&mut self, now: Instant, period: Duration) {
        if now.duration_since(self.looked) > period * 3 {
            for seen in self.seen.values_mut() {
                seen.turned = now;
            }
        }
        self.looked = now;
    }

    fn judge(
        &mut self,
        id: Id,
        status: Option<Status>,
        memory: Option<u64>,
        now: Instant,
    ) -> Option<Event> {
        let status = status.unwrap_or_default();
        let fresh = Seen {
            beats: status.beats,
            turned: now,
            reported: None,
        };
        let seen = self.seen.entry(id).or_insert(fresh);
        if seen.beats != status.beats {
            (seen.beats, seen.turned) = (status.beats, now);
        }
        if seen.reported.is_some_and(|reported| now < reported + AGAIN) {
            return None;
        }
        let still = now.duration_since(seen.turned);
        let event = match self.bounds {
            Bounds {
                stuck: Some(limit), ..
            } if seen.beats > 0 && still >= limit => Event::Stuck(id, stuck(still, status.open)),
            Bounds {
                memory: Some(limit),
                ..
            } if memory.is_some_and(|held| held > limit) => {
                let held = memory.unwrap_or_default() / 1_000_000;
                Event::Worn(id, format!("holds {held} MB of memory"))
            }
            Bounds {
                requests: Some(limit),
                ..
            } if status.requests() >= spread_out::count(limit, id) => {
                let answered = status.requests();
                Event::Worn(id, format!("has answered {answered} requests"))
            }
            _ => return None,
        };
        seen.reported = Some(now);
        Some(event)
    }
}

fn stuck(still: Duration, open: u64) -> String {
    let seconds = still.as_secs_f64();
    let ending = if open == 1 { "" } else { "s" };
    format!("has not turned its loop for {seconds:.0} s, with {open} request{ending} open")
}

/// Resident bytes of a process (proc(5): `VmRSS`, in units of 1024 bytes); none when it has gone.
pub(super) fn resident(pid: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let value = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u64 = value.split_whitespace().next()?.parse().ok()?;
    Some(kibibytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(vitals: &mut Vitals, beats: u64, now: Instant) -> Option<Event> {
        let status = Status {
            beats,
            open: 1,
            ..Status::default()
        };
        vitals.forgive(now, PERIOD);
        vitals.judge(7, Some(status), None, now)
    }

    #[test]
    fn a_loop_is_stuck_when_it_does_not_turn_while_we_look() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let bounds = Bounds {
            stuck: Some(Duration::from_secs(5)),
            ..Bounds::default()
        };
        let mut vitals = Vitals::watch(bounds, false, start);
        for second in 0..10 {
            assert_eq!(
                judged(&mut vitals, 0, at(second)),
                None,
                "it does not serve yet"
            );
        }
        for second in 10..15 {
            assert_eq!(judged(&mut vitals, 1, at(second)), None, "{second}");
        }
        let how = "has not turned its loop for 5 s, with 1 request open";
        let event = Some(Event::Stuck(7, how.to_owned()));
        assert_eq!(judged(&mut vitals, 1, at(15)), event);
        assert_eq!(judged(&mut vitals, 1, at(16)), None, "once");
        // We were stopped, and it with us.
        let mut vitals = Vitals::watch(bounds, false, start);
        assert_eq!(judged(&mut vitals, 1, at(0)), None);
        assert_eq!(judged(&mut vitals, 1, at(60)), None);
    }

    #[test]
    fn a_worker_is_worn_about_where_it_was_told() {
        let now = Instant::now();
        let bounds = Bounds {
            requests: Some(1_000),
            memory: Some(5_000_000),
            ..Bounds::default()
        };
        let mut vitals = Vitals::watch(bounds, false, now);
        let mut status = Status::default();
        status.responses[2] = 899;
        assert_eq!(vitals.judge(1, Some(status), Some(5_000_000), now), None);
        status.responses[4] = 201;
        let event = Event::Worn(1, "has answered 1100 requests".to_owned());
        assert_eq!(vitals.judge(1, Some(status), None, now), Some(event));
        let event = Event::Worn(2, "holds 6 MB of memory".to_owned());
        assert_eq!(vitals.judge(2, None, Some(6_000_000), now), Some(event));
    }
}
