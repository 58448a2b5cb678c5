//! The clock of the loop.

use std::time::Duration;

/// Seconds; what `loop.time()` says, the same clock as `time.monotonic()`.
pub(crate) fn now() -> f64 {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: writes one timespec; the clock exists on Linux, and no other failure is defined for a valid pointer.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &mut time) };
    let whole = Duration::from_secs(time.tv_sec.unsigned_abs());
    (whole + Duration::from_nanos(time.tv_nsec.unsigned_abs())).as_secs_f64()
}
