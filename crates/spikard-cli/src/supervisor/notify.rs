//! Telling the service manager how things are (sd_notify(3): `NOTIFY_SOCKET`, `WATCHDOG_USEC`). Without one, nothing.

use super::orders::State;
use rustix::time::{ClockId, clock_gettime};
use std::ffi::OsString;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::{Duration, Instant};

/// Variables that are meant for this process and not for its workers.
pub(super) const VARIABLES: [&str; 3] = ["NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"];

/// The way to the service manager, if there is one.
#[derive(Debug)]
pub(super) struct Notify {
    manager: Option<(UnixDatagram, SocketAddr)>,
    /// Half of the time after which it takes us for stuck.
    period: Option<Duration>,
    next: Instant,
}

impl Notify {
    pub(super) fn from_env() -> io::Result<Self> {
        let manager = std::env::var_os("NOTIFY_SOCKET").map(connect).transpose()?;
        let number = |name| std::env::var(name).ok()?.parse::<u64>().ok();
        let ours = number("WATCHDOG_PID").is_none_or(|pid| pid == u64::from(std::process::id()));
        let limit = number("WATCHDOG_USEC").filter(|limit| ours && *limit > 0);
        Ok(Self {
            period: limit
                .filter(|_| manager.is_some())
                .map(|limit| Duration::from_micros(limit) / 2),
            manager,
            next: Instant::now(),
        })
    }

    pub(super) fn tell(&self, state: State) {
        match state {
            State::Ready => self.send("READY=1"),
            State::Stopping => self.send("STOPPING=1"),
            State::Reloading => {
                let now = clock_gettime(ClockId::Monotonic);
                let microseconds = now.tv_sec * 1_000_000 + now.tv_nsec / 1_000;
                self.send(&format!("RELOADING=1\nMONOTONIC_USEC={microseconds}"));
            }
        }
    }

    /// When to show the next sign of life.
    pub(super) fn next(&self) -> Option<Instant> {
        self.period.map(|_| self.next)
    }

    /// Shows it, when it is time.
    pub(super) fn look(&mut self, now: Instant) {
        if let Some(period) = self.period
            && self.next <= now
        {
            self.next = now + period;
            self.send("WATCHDOG=1");
        }
    }

    fn send(&self, text: &str) {
        if let Some((socket, address)) = &self.manager {
            // A manager that does not listen does not want to know.
            let _ = socket.send_to_addr(text.as_bytes(), address);
        }
    }
}

/// A path, or a name in the abstract namespace, which begins with `@` (unix(7)).
fn connect(place: OsString) -> io::Result<(UnixDatagram, SocketAddr)> {
    let address = match place.as_bytes().strip_prefix(b"@") {
        Some(name) => abstract_name(name)?,
        None => SocketAddr::from_pathname(&place)?,
    };
    Ok((UnixDatagram::unbound()?, address))
}

#[cfg(target_os = "linux")]
fn abstract_name(name: &[u8]) -> io::Result<SocketAddr> {
    use std::os::linux::net::SocketAddrExt as _;
    SocketAddr::from_abstract_name(name)
}

#[cfg(not(target_os = "linux"))]
fn abstract_name(_: &[u8]) -> io::Result<SocketAddr> {
    Err(io::ErrorKind::Unsupported.into())
}
