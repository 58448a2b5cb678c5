//! The timers of a worker. They are Tokio's, unless a host's own loop sleeps for Tokio, which does not tell when it would
//! wake: then they are on a heap of ours, whose next deadline the host asks for. What comes again and again is the
//! kernel's. Measures nothing.

use crate::deadlines::{Deadlines, Place};
use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::io;
use std::os::fd::OwnedFd;
use std::pin::pin;
use std::rc::Rc;
use std::task::{Poll, Waker};
use std::time::{Duration, Instant};
use tokio::io::unix::AsyncFd;

thread_local! {
    static OWN: RefCell<Option<Timers>> = const { RefCell::new(None) };
}

/// The timers of one thread, for a host whose loop sleeps for Tokio.
///
/// ```
/// use spikard::Timers;
/// use std::time::Instant;
///
/// let timers = Timers::take_over();
/// assert!(timers.next().is_none(), "nobody sleeps");
/// assert_eq!(timers.wake(Instant::now()), 0);
/// Timers::give_back();
/// ```
#[derive(Debug, Clone, Default)]
pub struct Timers(Rc<Deadlines<Waker>>);

impl Timers {
    /// From now on, what this thread begins to sleep is woken by [`Timers::wake`] alone.
    pub fn take_over() -> Self {
        OWN.with_borrow_mut(|own| own.get_or_insert_default().clone())
    }

    /// Later sleeps of this thread are Tokio's again.
    pub fn give_back() {
        drop(OWN.take());
    }

    /// When the first sleeper is to be woken.
    pub fn next(&self) -> Option<Instant> {
        self.0.next()
    }

    /// Wakes those whose time has come; how many.
    pub fn wake(&self, now: Instant) -> usize {
        let mut woken = 0;
        while let Some(waker) = self.0.pop(now) {
            waker.wake();
            woken += 1;
        }
        woken
    }

    async fn sleep(self, duration: Duration) {
        let deadline = Instant::now() + duration;
        let sleeper = Sleeper(self, Cell::new(None));
        poll_fn(|context| {
            if sleeper.1.get().is_some() && Instant::now() >= deadline {
                return Poll::Ready(());
            }
            sleeper.leave();
            let place = sleeper.0.0.insert(deadline, context.waker().clone());
            sleeper.1.set(Some(place));
            Poll::Pending
        })
        .await;
    }
}

/// Leaves the heap when it is dropped.
struct Sleeper(Timers, Cell<Option<Place>>);

impl Sleeper {
    fn leave(&self) {
        if let Some(place) = self.1.take() {
            drop(self.0.0.remove(place));
        }
    }
}

impl Drop for Sleeper {
    fn drop(&mut self) {
        self.leave();
    }
}

/// Waits, for no less than `duration`.
pub(crate) async fn sleep(duration: Duration) {
    let own = OWN.with_borrow(Option::clone);
    match own {
        Some(timers) => timers.sleep(duration).await,
        None => tokio::time::sleep(duration).await,
    }
}

/// What comes again and again. While a timer of Tokio is pending the kernel has to set and take back one of its own whenever
/// the worker waits for events, thousands of times a second; one that repeats is set once.
pub(crate) struct Ticks {
    period: Duration,
    /// A timerfd(2), where there is one.
    metronome: Option<AsyncFd<OwnedFd>>,
}

impl Ticks {
    /// Needs a Tokio runtime with input, output and time around it.
    pub(crate) fn new(period: Duration) -> Self {
        let is_own = OWN.with_borrow(Option::is_some);
        Self {
            period,
            metronome: (!is_own).then(|| metronome(period).ok()).flatten(),
        }
    }

    /// Waits for the next one: `period` after the last, or soon where that is over.
    pub(crate) async fn next(&mut self) {
        if let Some(metronome) = &self.metronome
            && let Ok(mut beat) = metronome.readable().await
        {
            // How many were missed is of no interest, but the kernel goes on counting only when it was asked.
            _ = rustix::io::read(metronome, &mut [0; 8]);
            beat.clear_ready();
            return;
        }
        sleep(self.period).await;
    }
}

#[cfg(test)]
thread_local! {
    /// Time is Tokio's own on this thread: the test moves it.
    pub(crate) static MOVED: Cell<bool> = const { Cell::new(false) };
}

#[cfg(target_os = "linux")]
#[allow(
    unsafe_code,
    reason = "Tokio does not see by the type whose the descriptor is"
)]
fn metronome(period: Duration) -> io::Result<AsyncFd<OwnedFd>> {
    #[cfg(test)]
    if MOVED.get() {
        return Err(io::ErrorKind::Unsupported.into());
    }
    use rustix::time::{
        Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
        timerfd_settime,
    };
    let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
    let timer = timerfd_create(TimerfdClockId::Monotonic, flags)?;
    let period = Timespec::try_from(period).map_err(io::Error::other)?;
    let periodic = Itimerspec {
        it_interval: period,
        it_value: period,
    };
    timerfd_settime(&timer, TimerfdTimerFlags::empty(), &periodic)?;
    // SAFETY: the descriptor is the value's own, and open as long as that is.
    unsafe { AsyncFd::register_with_interest(timer, tokio::io::Interest::READABLE) }
        .map_err(io::Error::from)
}

#[cfg(not(target_os = "linux"))]
fn metronome(_: Duration) -> io::Result<AsyncFd<OwnedFd>> {
    Err(io::ErrorKind::Unsupported.into())
}

/// What `inner` comes to, if it does so in time.
pub(crate) async fn within<T>(limit: Duration, inner: impl Future<Output = T>) -> Option<T> {
    let mut inner = pin!(inner);
    tokio::select! {
        biased;
        value = &mut inner => Some(value),
        () = sleep(limit) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::{Context, Wake};

    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn sleepers_are_woken_in_their_order_and_those_that_left_are_not() {
        let count = Arc::new(Count(AtomicUsize::new(0)));
        let waker = Waker::from(Arc::clone(&count));
        let mut context = Context::from_waker(&waker);
        let timers = Timers::default();
        let begin = Instant::now();
        let mut sleeps: Vec<_> = [30, 10, 20]
            .map(|seconds| Box::pin(timers.clone().sleep(Duration::from_secs(seconds))))
            .into();
        for sleep in &mut sleeps {
            assert!(sleep.as_mut().poll(&mut context).is_pending());
        }
        let next = |timers: &Timers| {
            let next = timers
                .next()
                .map(|at| at.duration_since(begin).as_secs_f64());
            next.map(|seconds| (seconds / 10.0).round() * 10.0)
        };
        assert_eq!(next(&timers), Some(10.0));
        drop(sleeps.remove(1));
        assert_eq!(next(&timers), Some(20.0), "the first one has left");
        assert_eq!(timers.wake(begin), 0);
        assert_eq!(timers.wake(begin + Duration::from_secs(25)), 1);
        assert_eq!(count.0.load(Ordering::Relaxed), 1);
        assert_eq!(next(&timers), Some(30.0));
        assert_eq!(timers.wake(begin + Duration::from_secs(60)), 1);
        assert_eq!(timers.next(), None);
    }

    #[test]
    fn ticks_come_without_a_timer_of_tokio() {
        // Which has none: a sleep would panic.
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = runtime.enable_io().build().expect("a runtime");
        runtime.block_on(async {
            let begin = Instant::now();
            let mut ticks = Ticks::new(Duration::from_millis(10));
            for count in 1..=3 {
                ticks.next().await;
                assert!(begin.elapsed() >= Duration::from_millis(10 * count));
            }
            // Those that nobody waited for are one.
            std::thread::sleep(Duration::from_millis(55));
            ticks.next().await;
            let begin = Instant::now();
            ticks.next().await;
            assert!(begin.elapsed() >= Duration::from_millis(1));
        });
    }

    #[test]
    fn ticks_of_a_host_that_sleeps_for_tokio_are_on_its_heap() {
        let mut context = Context::from_waker(Waker::noop());
        let timers = Timers::take_over();
        let mut ticks = Ticks::new(Duration::from_millis(5));
        let mut tick = pin!(ticks.next());
        assert!(tick.as_mut().poll(&mut context).is_pending());
        std::thread::sleep(Duration::from_millis(6));
        assert_eq!(timers.wake(Instant::now()), 1);
        assert!(tick.as_mut().poll(&mut context).is_ready());
        Timers::give_back();
    }

    #[test]
    fn a_sleep_ends_when_its_time_is_over_and_not_before() {
        let mut context = Context::from_waker(Waker::noop());
        let timers = Timers::take_over();
        let begin = Instant::now();
        let mut sleep = pin!(sleep(Duration::from_millis(5)));
        assert!(sleep.as_mut().poll(&mut context).is_pending());
        Timers::give_back();
        while sleep.as_mut().poll(&mut context).is_pending() {
            if let Some(at) = timers.next() {
                std::thread::sleep(at.saturating_duration_since(Instant::now()));
            }
            timers.wake(Instant::now());
        }
        assert!(begin.elapsed() >= Duration::from_millis(5));
    }
}
