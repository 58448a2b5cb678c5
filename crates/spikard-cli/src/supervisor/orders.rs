//! What the supervisor's machine hears and what it orders, as data. Decides nothing.

use std::time::Duration;

/// One process; never used twice.
pub(crate) type Id = u64;

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Event {
    /// It says that it serves.
    Ready(Id),
    /// It is gone; how, in words.
    Ended(Id, String),
    /// It has answered enough requests, or holds more memory than it should; how much, in words.
    Worn(Id, String),
    /// Its loop does not turn; since when, in words.
    Stuck(Id, String),
    /// SIGHUP.
    Reload,
    /// SIGINT or SIGTERM, by number.
    Stop(i32),
    /// SIGTTIN.
    More,
    /// SIGTTOU.
    Fewer,
}

/// What to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Order {
    /// Send new connections to the sockets of these slots only; to any when there are none.
    Spread(Vec<usize>),
    /// Start a process on the socket of this slot; slots count from 0.
    Start(Id, usize),
    /// Ask it to finish its requests and end.
    Drain(Id),
    /// End it at once.
    Kill(Id),
    /// Let it show where its code is.
    Trace(Id),
    /// Let go of the sockets from this slot on.
    Close(usize),
    /// All workers serve for the first time.
    Announce,
    /// Tell the service manager.
    Tell(State),
    /// Tell the person who watches.
    Say(String),
    /// End with this code, and with every process that is left.
    Finish(i32),
}

/// What a service manager wants to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// All workers serve; also at the end of a reload, however it went.
    Ready,
    /// A reload was asked for.
    Reloading,
    /// The end was asked for.
    Stopping,
}

/// How long a worker may take, and last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Limits {
    /// From its start to being ready.
    pub(crate) start: Duration,
    /// From being asked to end to its end.
    pub(crate) stop: Duration,
    /// From being ready to being replaced, give or take a tenth.
    pub(crate) life: Option<Duration>,
}
