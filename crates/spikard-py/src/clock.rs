//! The clocks of the loop: exact for timers, coarse for the watch on handlers that hold it.

use std::time::Duration;

fn read(clock: libc::clockid_t) -> Duration {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: writes one timespec; both clocks exist on Linux, and no other failure is defined for a valid pointer.
    unsafe { libc::clock_gettime(clock, &mut time) };
    Duration::new(
        time.tv_sec.unsigned_abs(),
        u32::try_from(time.tv_nsec).unwrap_or(0),
    )
}

/// Seconds; what `loop.time()` says, the same clock as `time.monotonic()`.
pub(crate) fn now() -> f64 {
    read(libc::CLOCK_MONOTONIC).as_secs_f64()
}

/// The same, up to 4 ms late, for a few ns.
pub(crate) fn coarse() -> Duration {
    read(libc::CLOCK_MONOTONIC_COARSE)
}
