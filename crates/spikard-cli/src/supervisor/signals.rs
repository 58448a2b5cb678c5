//! The signals that a supervisor heeds, as events. Decides nothing.

use super::machine::Event;
use signal_hook::consts::{SIGCHLD, SIGHUP, SIGINT, SIGTERM, SIGTTIN, SIGTTOU};
use signal_hook::iterator::backend::SignalDelivery;
use signal_hook::iterator::exfiltrator::SignalOnly;
use std::io;
use std::os::unix::net::UnixStream;

/// Heard from its making on.
pub(super) struct Signals(SignalDelivery<UnixStream, SignalOnly>);

impl Signals {
    pub(super) fn hear() -> io::Result<Self> {
        let (read, write) = UnixStream::pair()?;
        let heeded = [SIGCHLD, SIGHUP, SIGINT, SIGTERM, SIGTTIN, SIGTTOU];
        SignalDelivery::with_pipe(read, write, SignalOnly, heeded).map(Self)
    }

    /// What to poll for the next one.
    pub(super) fn pipe(&self) -> &UnixStream {
        self.0.get_read()
    }

    /// Those that came since the last time.
    pub(super) fn events(&mut self) -> impl Iterator<Item = Event> {
        self.0.pending().filter_map(|signal| match signal {
            SIGHUP => Some(Event::Reload),
            SIGINT | SIGTERM => Some(Event::Stop(signal)),
            SIGTTIN => Some(Event::More),
            SIGTTOU => Some(Event::Fewer),
            _ => None,
        })
    }
}
