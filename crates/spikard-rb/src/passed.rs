//! How time has passed on this thread beside others of its process. Asks the system each time.

use rb_sys::rb_thread_alone;
use std::time::{Duration, Instant};

/// A moment: by the clock, and by the processor time that this thread and its whole process have had.
#[derive(Clone, Copy)]
pub(crate) struct Passed {
    clock: Instant,
    own: Duration,
    all: Duration,
}

impl Passed {
    /// Now, unless no other thread of Ruby lives: then nobody takes its lock away. Called with that lock.
    pub(crate) fn beside_others() -> Option<Self> {
        // SAFETY: with Ruby's lock; counts its threads.
        (unsafe { rb_thread_alone() } == 0).then(Self::now)
    }

    fn now() -> Self {
        Self {
            clock: Instant::now(),
            own: spent(libc::CLOCK_THREAD_CPUTIME_ID),
            all: spent(libc::CLOCK_PROCESS_CPUTIME_ID),
        }
    }

    /// Since then, without what this thread has computed.
    pub(crate) fn idle(self) -> Duration {
        let now = Self::now();
        (now.clock - self.clock).saturating_sub(now.own - self.own)
    }

    /// How much of that other threads have had Ruby's lock, as far as can be told: for as long as they have computed, and for
    /// all of it when that was at least a quarter: on a busy machine they wait for a processor with the lock in their hands.
    pub(crate) fn lent(self) -> Duration {
        let now = Self::now();
        let own = now.own - self.own;
        let others = (now.all - self.all).saturating_sub(own);
        let idle = (now.clock - self.clock).saturating_sub(own);
        match others * 4 >= idle {
            true => idle,
            false => others,
        }
    }
}

fn spent(clock: libc::clockid_t) -> Duration {
    // SAFETY: all-zero is a time.
    let mut time: libc::timespec = unsafe { std::mem::zeroed() };
    // SAFETY: writes one time.
    unsafe { libc::clock_gettime(clock, &raw mut time) };
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}
