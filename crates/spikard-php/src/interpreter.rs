//! PHP in the shape that we use, as `shim/shim.h` declares it: jobs, which are calls on stacks of their own, and signals. Knows nothing of HTTP.
//!
//! Everything here relies on one invariant: it is used on the thread that runs PHP, which is the only one that has a job.

use crate::brought::{Brought, Handler};
use crate::zval::{Bytes, Zval};
use std::ffi::c_int;
use std::ptr::NonNull;
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

// SAFETY: on PHP's thread, see above; what is marked as safe takes jobs that live, and gives what they keep.
unsafe extern "C" {
    safe fn sp_job_new() -> NonNull<RawJob>;
    fn sp_job_free(job: NonNull<RawJob>);
    fn sp_job_call(job: &mut RawJob, handler: Handler, call: &Brought<'_>);
    fn sp_job_step(job: &mut RawJob) -> c_int;
    fn sp_job_done(job: &mut RawJob, spent: Option<Handler>) -> bool;
    safe fn sp_job_wait(job: &RawJob) -> RawWait;
    safe fn sp_job_waited(job: &mut RawJob, how: c_int);
    safe fn sp_job_result(job: &RawJob) -> &Zval;
    safe fn sp_job_printed(job: &RawJob) -> Bytes<'_>;
    safe fn sp_job_error(job: &RawJob) -> Bytes<'_>;
    safe fn sp_interrupt() -> c_int;
    safe fn sp_shows_where() -> c_int;

    /// The code of the `exit()` that a step ended with.
    #[link_name = "sp_exit_status"]
    pub(crate) safe fn exit_status() -> c_int;
    /// This process serves now; what it starts later was not asked to.
    #[link_name = "sp_serves"]
    pub(crate) safe fn serves();
    /// A signal came for which PHP code has a handler.
    #[link_name = "sp_interrupted"]
    pub(crate) safe fn is_interrupted() -> bool;
}

/// `sp_waiting`.
#[repr(C)]
struct RawWait {
    kind: c_int,
    fd: c_int,
    microseconds: u64,
    ticket: i64,
}

/// Runs such handlers; in no step.
pub(crate) fn interrupt() -> Step {
    Step::of(sp_interrupt())
}

/// The signal that shows from now on where PHP's code is.
pub(crate) fn shows_where() -> Option<c_int> {
    Some(sp_shows_where()).filter(|signal| *signal != 0)
}

/// A stack for one call at a time, and that call.
pub(crate) struct Job(NonNull<RawJob>);

impl Job {
    pub(crate) fn new() -> Self {
        Self(sp_job_new()) // memory of this kind ends the process when there is none
    }

    fn raw(&self) -> &RawJob {
        // SAFETY: made by `new`, and this is its only owner.
        unsafe { self.0.as_ref() }
    }

    fn raw_mut(&mut self) -> &mut RawJob {
        // SAFETY: likewise.
        unsafe { self.0.as_mut() }
    }

    /// What the next [`Job::step`] begins.
    pub(crate) fn call(&mut self, handler: Handler, brought: &Brought<'_>) {
        // SAFETY: the caller keeps what `brought` points to until then.
        unsafe { sp_job_call(self.raw_mut(), handler, brought) };
    }

    /// Begins the call, or goes on with it.
    pub(crate) fn step(&mut self) -> Step {
        // SAFETY: a job that has a call.
        Step::of(unsafe { sp_job_step(self.raw_mut()) })
    }

    /// Lets go of what the call has left, and of a task that has run; `false` when PHP was lost by that.
    pub(crate) fn done(&mut self, spent: Option<Handler>) -> bool {
        // SAFETY: the call is over, and the task is not called again.
        unsafe { sp_job_done(self.raw_mut(), spent) }
    }

    /// What it waits for.
    pub(crate) fn wait(&self) -> Wait {
        let raw = sp_job_wait(self.raw());
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
        sp_job_waited(self.raw_mut(), how as c_int);
    }

    pub(crate) fn result(&self) -> &Zval {
        sp_job_result(self.raw())
    }

    /// What the handler printed.
    pub(crate) fn printed(&self) -> &[u8] {
        sp_job_printed(self.raw()).get()
    }

    /// What was thrown, as text.
    pub(crate) fn error(&self) -> String {
        sp_job_error(self.raw()).string()
    }
}

impl Drop for Job {
    fn drop(&mut self) {
        // SAFETY: made by `new`; the shim leaves it alone when PHP is lost.
        unsafe { sp_job_free(self.0) };
    }
}
