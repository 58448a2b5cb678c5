//! The signals that a supervisor heeds, as events. Decides nothing.

use super::orders::Event;
use signal_hook::consts::{SIGCHLD, SIGHUP, SIGINT, SIGTERM, SIGTTIN, SIGTTOU};
use signal_hook::iterator::backend::SignalDelivery;
use signal_hook::iterator::exfiltrator::SignalOnly;
use std::fs::File;
use std::io;
use std::os::unix::net::UnixStream;

/// Heard from its making on.
pub(crate) struct Signals {
    delivery: SignalDelivery<UnixStream, SignalOnly>,
    /// We were started on a terminal and not told to outlive it (`nohup`).
    of_terminal: bool,
}

impl Signals {
    pub(crate) fn hear() -> io::Result<Self> {
        let (read, write) = UnixStream::pair()?;
        let heeded = [SIGCHLD, SIGHUP, SIGINT, SIGTERM, SIGTTIN, SIGTTOU];
        // Asked before the handler of SIGHUP is there.
        let of_terminal = has_terminal() && !ignores_hangup();
        Ok(Self {
            delivery: SignalDelivery::with_pipe(read, write, SignalOnly, heeded)?,
            of_terminal,
        })
    }

    /// What to poll for the next one.
    pub(crate) fn pipe(&self) -> &UnixStream {
        self.delivery.get_read()
    }

    /// Those that came since the last time.
    pub(crate) fn events(&mut self) -> impl Iterator<Item = Event> {
        let of_terminal = self.of_terminal;
        self.delivery
            .pending()
            .filter_map(move |signal| match signal {
                // Nobody asked for a reload: the terminal was closed.
                SIGHUP if of_terminal && !has_terminal() => Some(Event::Stop(signal)),
                SIGHUP => Some(Event::Reload),
                SIGINT | SIGTERM => Some(Event::Stop(signal)),
                SIGTTIN => Some(Event::More),
                SIGTTOU => Some(Event::Fewer),
                _ => None,
            })
    }
}

/// Whether this process has a controlling terminal, still (tty(4)).
fn has_terminal() -> bool {
    File::open("/dev/tty").is_ok()
}

/// Whether SIGHUP is ignored (proc(5): the lowest bit of `SigIgn`).
fn ignores_hangup() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .is_some_and(|mask| mask & 1 == 1)
}
