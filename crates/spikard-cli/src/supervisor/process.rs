//! One worker process: its start on a socket, its word that it serves, its counters, its signals, its end. Decides
//! nothing.

use super::journal::Format;
use super::notify;
use super::streams::Streams;
use rustix::io::{FdFlags, fcntl_setfd};
use rustix::process::{Pid, Signal, kill_process};
use spikard::server::Listener;
use spikard::status::{self, Status};
use std::fs::File;
use std::io::{self, PipeReader, Read as _};
use std::os::fd::{AsRawFd as _, BorrowedFd};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// A running worker. Dropping it ends it at once.
#[derive(Debug)]
pub(super) struct Process {
    child: Child,
    /// Where it says that it is ready; none once it has, or has closed it.
    ready: Option<PipeReader>,
    /// What it writes its counters into; none where the system has no such files.
    page: Option<File>,
    streams: Streams,
}

impl Process {
    /// Starts `command` with `socket` as `SPIKARD_FD`. `number` is the worker's name in what it prints.
    pub(super) fn start(
        mut command: Command,
        socket: &Listener,
        number: usize,
        format: Format,
        labelled: &Arc<AtomicBool>,
    ) -> io::Result<Self> {
        let (ready, teller) = io::pipe()?;
        command
            .env("SPIKARD_FD", socket.as_raw_fd().to_string())
            .env("SPIKARD_READY_FD", teller.as_raw_fd().to_string())
            .env_remove("SPIKARD_READY_LINE")
            // Its file is removed by who holds it.
            .env_remove("SPIKARD_UDS")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // Ctrl-C of a terminal is the supervisor's to pass on: a worker that hears it twice ends at once.
            .process_group(0);
        for variable in notify::VARIABLES {
            command.env_remove(variable);
        }
        let page = page();
        let mut descriptors = vec![socket.as_raw_fd(), teller.as_raw_fd()];
        match &page {
            Some(page) => {
                descriptors.push(page.as_raw_fd());
                command.env(status::VARIABLE, page.as_raw_fd().to_string());
            }
            None => _ = command.env_remove(status::VARIABLE),
        }
        inherit(&mut command, descriptors);
        let mut child = command.spawn()?;
        let streams = Streams::pass_on(&mut child, number, format, labelled);
        Ok(Self {
            child,
            ready: Some(ready),
            page,
            streams,
        })
    }

    /// What it tells of itself; none before it serves.
    pub(super) fn status(&self) -> Option<Status> {
        Status::read(self.page.as_ref()?)
    }

    /// Asks it to show where its code is, if it can; whether it can.
    pub(super) fn trace(&self) -> bool {
        let signal = self.status().and_then(|status| status.trace_signal);
        match signal.and_then(Signal::from_named_raw) {
            Some(signal) => self.send(signal),
            None => false,
        }
    }

    /// Its number.
    pub(super) fn id(&self) -> u32 {
        self.child.id()
    }

    /// What to poll for its word, while that is awaited.
    pub(super) fn teller(&self) -> Option<&PipeReader> {
        self.ready.as_ref()
    }

    /// Reads what came on [`Process::teller`]: true once it serves.
    pub(super) fn hears_ready(&mut self) -> bool {
        let mut word = [0; 16];
        let read = self.ready.take().map(|mut pipe| pipe.read(&mut word));
        matches!(read, Some(Ok(length)) if word[..length].starts_with(b"ready"))
    }

    /// How it ended, if it has; then everything it printed is out.
    pub(super) fn end(&mut self) -> Option<ExitStatus> {
        let status = self.child.try_wait().ok().flatten()?;
        self.streams.finish();
        Some(status)
    }

    /// Asks it to finish its requests.
    pub(super) fn drain(&self) {
        self.send(Signal::TERM);
    }

    fn send(&self, signal: Signal) -> bool {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        // Not reaped yet (`end` does that), so the number is still its own.
        pid.is_some_and(|pid| kill_process(pid, signal).is_ok())
    }

    /// Ends it.
    pub(super) fn kill(&mut self) {
        let _ = self.child.kill();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
        let _ = self.child.wait();
    }
}

/// A file without a name in any folder, all zeros.
#[cfg(target_os = "linux")]
fn page() -> Option<File> {
    use rustix::fs::{MemfdFlags, memfd_create};
    let page = File::from(memfd_create(status::NAME, MemfdFlags::CLOEXEC).ok()?);
    page.set_len(status::SIZE).ok()?;
    Some(page)
}

#[cfg(not(target_os = "linux"))]
fn page() -> Option<File> {
    None
}

/// The child keeps these descriptors, under their numbers, and is told to end when the supervisor is gone, so that no
/// worker serves old code on the port of the next one.
#[allow(
    unsafe_code,
    reason = "the only place between fork and exec, where neither other children nor other threads of this process see it"
)]
pub(crate) fn inherit(command: &mut Command, descriptors: Vec<i32>) {
    let prepare = move || {
        for &descriptor in &descriptors {
            // SAFETY: all are open in the parent while it spawns: `Process::start` borrows the one and owns the others.
            let descriptor = unsafe { BorrowedFd::borrow_raw(descriptor) };
            fcntl_setfd(descriptor, FdFlags::empty())?;
        }
        #[cfg(target_os = "linux")]
        rustix::process::set_parent_process_death_signal(Some(Signal::TERM))?;
        Ok(())
    };
    // SAFETY: `prepare` makes system calls only, which is what may be done here (signal-safety(7)); it allocates nothing.
    unsafe { command.pre_exec(prepare) };
}
