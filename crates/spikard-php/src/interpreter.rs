//! PHP in the shape that we use, as `shim/shim.h` declares it: jobs, which are calls on stacks of their own, and signals. Knows nothing of HTTP.
//!
//! Everything here relies on one invariant: it is used on the thread that runs PHP, which is the only one that has a job.

use crate::brought::{Brought, Handler, RawHandler};
use crate::zval::{Bytes, Zval, lossy};
use std::ffi::c_int;
use std::ptr::{NonNull, null_mut};
use std::time::Duration;

/// How a step ended, as in `shim.h`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Step {
    /// The function returned.
    Returned,
    /// It threw what the package did not catch.
    Threw,
    /// `exit()`.
    Exit,
    /// A fatal error: PHP must not be entered again.
    Lost,
    /// It waits.
    Waits,
}

impl Step {
    fn of(status: c_int) -> Self {
        match status {
            1 => Self::Returned,
            3 => Self::Exit,
            4 => Self::Lost,
            5 => Self::Waits,
            _ => Self::Threw,
        }
    }
}

/// A wait of a call.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wait {
    pub(crate) what: What,
    pub(crate) at_most: Option<Duration>,
    /// By which it is ended from elsewhere; 0 for none.
    pub(crate) ticket: i64,
}

/// What it is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum What {
    Time,
    Readable(c_int),
    Writable(c_int),
}

/// How a wait ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Waited {
    TimedOut,
    /// A descriptor is ready; or a wait for time alone was ended from elsewhere.
    Ready,
    /// Nobody wants what the call would give: it unwinds, and its `finally` blocks run, which may wait.
    GivenUp,
}

#[repr(C)]
struct RawJob {
    _private: [u8; 0],
}

unsafe extern "C" {
    fn sp_job_new() -> *mut RawJob;
    fn sp_job_free(job: *mut RawJob);
    fn sp_job_call(job: *mut RawJob, handler: *mut RawHandler, call: *const Brought);
    fn sp_job_step(job: *mut RawJob) -> c_int;
    fn sp_job_done(job: *mut RawJob, spent: *mut RawHandler) -> bool;
    fn sp_job_wait(job: *const RawJob) -> RawWait;
    fn sp_job_waited(job: *mut RawJob, how: c_int);
    fn sp_job_result(job: *const RawJob) -> *const Zval;
    fn sp_job_printed(job: *const RawJob) -> Bytes;
    fn sp_job_error(job: *const RawJob) -> Bytes;
    fn sp_exit_status() -> c_int;
    fn sp_serves();
    fn sp_interrupted() -> bool;
    fn sp_interrupt() -> c_int;
    fn sp_shows_where() -> c_int;
}

/// `sp_waiting`.
#[repr(C)]
struct RawWait {
    kind: c_int,
    fd: c_int,
    microseconds: u64,
    ticket: i64,
}

/// This process serves now; what it starts later was not asked to.
pub(crate) fn serves() {
    // SAFETY: sets a flag and changes the environment of a process with one thread.
    unsafe { sp_serves() }
}

/// The code of the `exit()` that a step ended with.
pub(crate) fn exit_status() -> i32 {
    // SAFETY: reads a global of the engine.
    unsafe { sp_exit_status() }
}

/// A signal came for which PHP code has a handler.
pub(crate) fn is_interrupted() -> bool {
    // SAFETY: reads globals of the engine.
    unsafe { sp_interrupted() }
}

/// Runs such handlers.
pub(crate) fn interrupt() -> Step {
    // SAFETY: on PHP's thread, in no step.
    Step::of(unsafe { sp_interrupt() })
}

/// The signal that shows from now on where PHP's code is.
pub(crate) fn shows_where() -> Option<c_int> {
    // SAFETY: on PHP's thread; takes a signal that nobody else here has.
    Some(unsafe { sp_shows_where() }).filter(|signal| *signal != 0)
}

/// A stack for one call at a time, and that call.
pub(crate) struct Job(NonNull<RawJob>);

impl Job {
    pub(crate) fn new() -> Self {
        // SAFETY: takes nothing. Memory of this kind ends the process when there is none.
        let made = unsafe { sp_job_new() };
        Self(NonNull::new(made).expect("invariant: pecalloc does not come back without memory"))
    }

    /// What the next [`Job::step`] begins.
    pub(crate) fn call(&mut self, handler: Handler, brought: &Brought) {
        // SAFETY: pointers and lengths belong together; the caller keeps what they point to.
        unsafe { sp_job_call(self.0.as_ptr(), handler.as_ptr(), brought) };
    }

    /// Begins the call, or goes on with it.
    pub(crate) fn step(&mut self) -> Step {
        // SAFETY: a job that has a call.
        Step::of(unsafe { sp_job_step(self.0.as_ptr()) })
    }

    /// Lets go of what the call has left, and of a task that has run; `false` when PHP was lost by that.
    pub(crate) fn done(&mut self, spent: Option<Handler>) -> bool {
        let spent = spent.map_or(null_mut(), Handler::as_ptr);
        // SAFETY: the call is over, and the task is not called again.
        unsafe { sp_job_done(self.0.as_ptr(), spent) }
    }

    /// What it waits for.
    pub(crate) fn wait(&self) -> Wait {
        // SAFETY: a job that waits.
        let raw = unsafe { sp_job_wait(self.0.as_ptr()) };
        Wait {
            what: match raw.kind {
                2 => What::Readable(raw.fd),
                3 => What::Writable(raw.fd),
                _ => What::Time,
            },
            at_most: (raw.microseconds != u64::MAX)
                .then(|| Duration::from_micros(raw.microseconds)),
            ticket: raw.ticket,
        }
    }

    /// How the wait ended.
    pub(crate) fn waited(&mut self, how: Waited) {
        // SAFETY: a job that waits.
        unsafe { sp_job_waited(self.0.as_ptr(), how as c_int) };
    }

    pub(crate) fn result(&self) -> &Zval {
        // SAFETY: lies in the job.
        unsafe { &*sp_job_result(self.0.as_ptr()) }
    }

    /// What the handler printed.
    pub(crate) fn printed(&self) -> &[u8] {
        // SAFETY: the job keeps the text until `done`.
        unsafe { sp_job_printed(self.0.as_ptr()).get() }
    }

    /// What was thrown, as text.
    pub(crate) fn error(&self) -> String {
        // SAFETY: likewise.
        lossy(unsafe { sp_job_error(self.0.as_ptr()).get() })
    }
}

impl Drop for Job {
    fn drop(&mut self) {
        // SAFETY: made by `new`; the shim leaves it alone when PHP is lost.
        unsafe { sp_job_free(self.0.as_ptr()) };
    }
}
