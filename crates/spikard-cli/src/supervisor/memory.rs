//! Which workers hold more memory than they should. Replaces none.

use super::orders::{Event, Id};
use std::time::{Duration, Instant};

const PERIOD: Duration = Duration::from_secs(1);

/// Looks at the workers once a period.
#[derive(Debug)]
pub(super) struct Memory {
    /// In bytes.
    limit: u64,
    next: Instant,
}

impl Memory {
    pub(super) fn watch(limit: u64) -> Self {
        let next = Instant::now() + PERIOD;
        Self { limit, next }
    }

    /// When to look again.
    pub(super) fn next(&self) -> Instant {
        self.next
    }

    /// Those above the limit, when it is time to look.
    pub(super) fn look(
        &mut self,
        now: Instant,
        workers: impl Iterator<Item = (Id, u32)>,
    ) -> Vec<Event> {
        if now < self.next {
            return Vec::new();
        }
        self.next = now + PERIOD;
        let resident = workers.filter_map(|(id, pid)| Some((id, resident(pid)?)));
        let heavy = resident.filter(|(_, bytes)| *bytes > self.limit);
        let events = heavy.map(|(id, bytes)| {
            let held = format!("holds {} MB of memory", bytes / 1_000_000);
            Event::Heavy(id, held)
        });
        events.collect()
    }
}

/// Resident bytes of a process (proc(5): `VmRSS`, in units of 1024 bytes); none when it has gone.
fn resident(pid: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let value = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u64 = value.split_whitespace().next()?.parse().ok()?;
    Some(kibibytes * 1024)
}
