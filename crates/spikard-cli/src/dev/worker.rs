//! The one process that runs the app while it is written: its start, its word that it serves, its lines, its end. Decides
//! nothing.

use super::lines::readable;
use crate::output;
use crate::supervisor::inherit;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, Signal, kill_process};
use spikard::server::Listener;
use std::collections::VecDeque;
use std::io::{self, BufRead as _, BufReader, IsTerminal as _, PipeReader, Read as _, Write as _};
use std::os::fd::AsRawFd as _;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, ChildStderr, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

/// What is kept of what it said last.
const LINES_KEPT: usize = 100;
/// What a worker that ended may take to hand over its last lines; what it started may keep its standard error open.
const LAST_WORDS: Duration = Duration::from_millis(200);

/// A running worker. Dropping it ends it at once.
#[derive(Debug)]
pub(crate) struct Worker {
    child: Child,
    /// Where it says that it is ready; none once it has, or has closed it.
    ready: Option<PipeReader>,
    /// Its last lines, once it has closed its standard error.
    last_lines: Receiver<String>,
}

impl Worker {
    /// Starts `command` with `socket` as `SPIKARD_FD`.
    pub(crate) fn start(mut command: Command, socket: &Listener) -> io::Result<Self> {
        let (ready, teller) = io::pipe()?;
        command
            .env("SPIKARD_FD", socket.as_raw_fd().to_string())
            .env("SPIKARD_READY_FD", teller.as_raw_fd().to_string())
            .env_remove("SPIKARD_READY_LINE")
            // Its file is removed by who holds it.
            .env_remove("SPIKARD_UDS")
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            // Ctrl-C of a terminal is ours to pass on: a worker that hears it twice ends at once.
            .process_group(0);
        inherit(&mut command, vec![socket.as_raw_fd(), teller.as_raw_fd()]);
        let mut child = command.spawn()?;
        let (sender, last_lines) = channel();
        if let Some(stderr) = child.stderr.take() {
            std::thread::spawn(move || pass_on(stderr, &sender));
        }
        Ok(Self {
            child,
            ready: Some(ready),
            last_lines,
        })
    }

    /// What to poll for its word, while that is awaited.
    pub(crate) fn teller(&self) -> Option<&PipeReader> {
        self.ready.as_ref()
    }

    /// Reads what came on [`Worker::teller`], if anything did: true when it says that it serves.
    pub(crate) fn hears_ready(&mut self) -> bool {
        let Some(pipe) = &mut self.ready else {
            return false;
        };
        let mut polled = [PollFd::new(&*pipe, PollFlags::IN)];
        if !matches!(poll(&mut polled, Some(&Timespec::default())), Ok(1..)) {
            return false;
        }
        let mut word = [0; 16];
        let read = pipe.read(&mut word);
        self.ready = None;
        matches!(read, Ok(length) if word[..length].starts_with(b"ready"))
    }

    /// How it ended, if it has.
    pub(crate) fn end(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }

    /// What it said last, after its end.
    pub(crate) fn last_lines(&self) -> String {
        let lines = self.last_lines.recv_timeout(LAST_WORDS);
        lines.unwrap_or_default()
    }

    /// Asks it to finish its requests.
    pub(crate) fn drain(&self) {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        // Not reaped yet (`end` does that, and its owner then lets go of it), so the number is still its own.
        let _ = pid.map(|pid| kill_process(pid, Signal::TERM));
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Shows each line as it comes, until the last one who could write has closed.
fn pass_on(stderr: ChildStderr, last_lines: &Sender<String>) {
    let colours = output::colours(io::stderr().is_terminal());
    let mut kept = VecDeque::new();
    let mut lines = BufReader::new(stderr);
    let mut bytes = Vec::new();
    while lines
        .read_until(b'\n', &mut bytes)
        .is_ok_and(|length| length > 0)
    {
        let line = String::from_utf8_lossy(&bytes);
        let line = line.trim_end_matches('\n');
        if let Some(shown) = readable(line, colours) {
            let _ = io::stderr().write_all(format!("{shown}\n").as_bytes());
        }
        if kept.len() == LINES_KEPT {
            kept.pop_front();
        }
        kept.extend(readable(line, false));
        bytes.clear();
    }
    // Nobody waits for it when the worker was told to end.
    let _ = last_lines.send(Vec::from(kept).join("\n"));
}
