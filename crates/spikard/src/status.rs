//! What a worker tells its supervisor while it serves: one page of counters in shared memory, named by
//! `SPIKARD_STATUS_FD` and written without a system call. The only place that writes the page, for every language, and
//! the only definition of its layout. Decides nothing; without that variable nothing is counted.

use crate::timer::Ticks;
use std::convert::Infallible;
use std::fs::File;
use std::future::pending;
use std::os::unix::fs::FileExt as _;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// The variable whose value is the number of an inherited descriptor: a file of [`SIZE`] bytes that the supervisor reads.
pub const VARIABLE: &str = "SPIKARD_STATUS_FD";

/// Bytes of the file.
pub const SIZE: u64 = 4096;

/// What the file is called (memfd_create(2)): a descriptor of another name is none of ours.
pub const NAME: &str = "spikard-status";

/// Between two heartbeats of a loop that turns.
pub const HEARTBEAT: Duration = Duration::from_millis(250);

/// Written first: a supervisor of another version does not misread the rest.
const MAGIC: u64 = 0x5350_4b44_5354_0001;

const WORDS: usize = 13;
const LAYOUT: usize = 0;
const BEATS: usize = 1;
const CONNECTIONS: usize = 2;
// Read before `OPENED`, so that no request seems to have ended before it was opened.
const ENDED: usize = 3;
const OPENED: usize = 4;
/// Responses by the first digit of their status; 0 for none of these.
const RESPONSES: usize = 5;
const CLASSES: usize = 6;
const NANOSECONDS: usize = RESPONSES + CLASSES;
const TRACE_SIGNAL: usize = NANOSECONDS + 1;

/// Words of the page, each written by the worker's thread alone: a load and a store, no locked instruction.
#[repr(C)]
struct Page([AtomicU64; WORDS]);

static PAGE: OnceLock<Option<&'static Page>> = OnceLock::new();

impl Page {
    fn add(&self, word: usize, count: u64) {
        let word = &self.0[word];
        word.store(
            word.load(Ordering::Relaxed).wrapping_add(count),
            Ordering::Relaxed,
        );
    }

    fn set(&self, word: usize, value: u64) {
        self.0[word].store(value, Ordering::Relaxed);
    }
}

fn page() -> Option<&'static Page> {
    PAGE.get().copied().flatten()
}

/// Takes the page that the environment names, at the first call; whether there is one.
pub fn attach() -> bool {
    PAGE.get_or_init(|| {
        let page = std::env::var(VARIABLE)
            .ok()
            .and_then(|number| adopt(number.parse().ok()?))?;
        page.set(LAYOUT, MAGIC);
        Some(page)
    })
    .is_some()
}

/// Tells the supervisor which signal makes this process show on standard error where its code is, even while its loop
/// does not turn.
pub fn traced_by(signal: i32) {
    if let Some(page) = page() {
        page.set(TRACE_SIGNAL, u64::try_from(signal).unwrap_or_default());
    }
}

/// A response with this status is given.
pub(crate) fn answered(status: u16) {
    if let Some(page) = page() {
        let class = usize::from(status / 100);
        page.add(RESPONSES + if class < CLASSES { class } else { 0 }, 1);
    }
}

/// Shows from time to time that the loop turns, and how many connections there are; never ends.
pub(crate) async fn beat(connections: impl Fn() -> usize) -> Infallible {
    let Some(page) = page() else {
        return pending().await;
    };
    let mut ticks = Ticks::new(HEARTBEAT);
    loop {
        page.set(CONNECTIONS, connections() as u64);
        page.add(BEATS, 1);
        ticks.next().await;
    }
}

/// A request, which is open until this is dropped.
#[derive(Debug)]
pub(crate) struct Counted {
    /// None when nobody counts.
    since: Option<Instant>,
}

impl Counted {
    pub(crate) fn open() -> Self {
        let since = page().map(|page| {
            page.add(OPENED, 1);
            Instant::now()
        });
        Self { since }
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        if let Some(since) = self.since
            && let Some(page) = page()
        {
            let nanoseconds = u64::try_from(since.elapsed().as_nanos());
            page.add(NANOSECONDS, nanoseconds.unwrap_or(u64::MAX));
            page.add(ENDED, 1);
        }
    }
}

/// A worker as its supervisor sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Status {
    /// How often the loop has shown that it turns, every [`HEARTBEAT`]; 0 before it serves.
    pub beats: u64,
    /// Open connections, as of the last heartbeat.
    pub connections: u64,
    /// Requests whose head has been read and that are not answered.
    pub open: u64,
    /// Responses by the first digit of their status; 0 for none of these.
    pub responses: [u64; CLASSES],
    /// From a request's head to its answer, of all that have ended together.
    pub duration: Duration,
    /// Ended requests that `duration` is the sum of; also those whose client left.
    pub ended: u64,
    /// See [`traced_by`].
    pub trace_signal: Option<i32>,
}

impl Status {
    /// Reads a worker's page; none when it has not taken it, or is of another version.
    pub fn read(file: &File) -> Option<Self> {
        let mut bytes = [0; WORDS * 8];
        file.read_exact_at(&mut bytes, 0).ok()?;
        let word = |index: usize| {
            let bytes = bytes[index * 8..][..8].try_into();
            u64::from_ne_bytes(bytes.expect("invariant: eight bytes are eight bytes"))
        };
        if word(LAYOUT) != MAGIC {
            return None;
        }
        let signal = i32::try_from(word(TRACE_SIGNAL)).ok();
        Some(Self {
            beats: word(BEATS),
            connections: word(CONNECTIONS),
            open: word(OPENED).saturating_sub(word(ENDED)),
            responses: std::array::from_fn(|class| word(RESPONSES + class)),
            duration: Duration::from_nanos(word(NANOSECONDS)),
            ended: word(ENDED),
            trace_signal: signal.filter(|signal| *signal > 0),
        })
    }

    /// Responses given.
    pub fn requests(&self) -> u64 {
        self.responses.iter().sum()
    }
}

/// Nanoseconds, some milliseconds late at most, for a few of them: the sum of many differences is right on average.
#[cfg(target_os = "linux")]
#[allow(
    unsafe_code,
    reason = "the standard library reads no coarse clock, and an exact one costs as much as routing a request"
)]
pub(crate) fn coarse() -> u64 {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: writes the one timespec it is given; the clock exists on every Linux (clock_gettime(2)).
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC_COARSE, &mut time) };
    time.tv_sec.unsigned_abs() * 1_000_000_000 + time.tv_nsec.unsigned_abs()
}

#[cfg(target_os = "linux")]
#[allow(
    unsafe_code,
    reason = "the only way in which a descriptor becomes memory that is shared with another process"
)]
fn adopt(fd: i32) -> Option<&'static Page> {
    let link = std::fs::read_link(format!("/proc/self/fd/{fd}")).ok()?;
    let is_ours = link
        .to_str()
        .is_some_and(|name| name.starts_with(&format!("/memfd:{NAME}")));
    if !is_ours {
        return None;
    }
    // SAFETY: the descriptor is open and has our name, so it was handed to this process for this use alone, and the file
    // has `SIZE` bytes, which is more than a `Page`. A mapping is aligned to pages, is never unmapped, and any bytes are
    // a valid `Page`, whose words are atomic because another process reads them.
    unsafe {
        let memory = libc::mmap(
            std::ptr::null_mut(),
            size_of::<Page>(),
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_SHARED,
            fd,
            0,
        );
        // The mapping stays; programs that the worker starts do not get the descriptor.
        libc::close(fd);
        (memory != libc::MAP_FAILED).then(|| &*memory.cast::<Page>())
    }
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn coarse() -> u64 {
    0
}

#[cfg(not(target_os = "linux"))]
fn adopt(_: i32) -> Option<&'static Page> {
    None
}
