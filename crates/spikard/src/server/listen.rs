//! Which socket a worker serves: the one it inherited, or a new one; and telling who started it that it serves. The one
//! place that reads `SPIKARD_FD`, `SPIKARD_HOST`, `SPIKARD_PORT`, `SPIKARD_READY_FD` and its line. Accepts nothing.

use super::holder::{Holder, holder_of};
use socket2::{Domain, Protocol, SockRef, Socket, Type};
use std::fmt;
use std::io::{self, Write as _};
use std::net::{SocketAddr, TcpListener, ToSocketAddrs as _};
use std::os::fd::{FromRawFd as _, OwnedFd, RawFd};

/// Connections that wait to be accepted; more are refused by the kernel (which caps it at `net.core.somaxconn`).
pub(super) const BACKLOG: i32 = 4096;

/// Where to listen.
///
/// ```
/// use spikard::server::Listen;
///
/// let listener = Listen { port: 0, ..Listen::default() }.open()?;
/// assert_ne!(listener.local_addr()?.port(), 0, "port 0 lets the kernel choose");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listen {
    /// An inherited listening socket (`SPIKARD_FD`); goes before host and port, and becomes ours.
    pub fd: Option<RawFd>,
    /// Name or address (`SPIKARD_HOST`). Default `127.0.0.1`.
    pub host: String,
    /// Port (`SPIKARD_PORT`); 0 for a free one. Default 8000.
    pub port: u16,
}

impl Default for Listen {
    fn default() -> Self {
        Self {
            fd: None,
            host: "127.0.0.1".to_owned(),
            port: 8000,
        }
    }
}

/// Why there is no socket to serve.
#[derive(Debug)]
#[non_exhaustive]
pub enum ListenError {
    /// Somebody else listens there.
    Busy {
        /// The address wanted.
        address: SocketAddr,
        /// Who has it, where `/proc` tells.
        holder: Option<Holder>,
    },
    /// The system refused the address.
    Refused {
        /// Host and port wanted.
        address: String,
        /// What it said.
        source: io::Error,
    },
    /// The descriptor is not a listening socket.
    Descriptor(RawFd),
    /// A variable of the environment is not what it should be.
    Variable {
        /// Its name.
        name: &'static str,
        /// What it holds.
        value: String,
        /// What it should hold.
        wanted: &'static str,
    },
}

impl fmt::Display for ListenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Busy {
                address,
                holder: Some(holder),
            } => write!(f, "{address} is in use by {holder}"),
            Self::Busy {
                address,
                holder: None,
            } => write!(f, "{address} is in use"),
            Self::Refused { address, source } => write!(f, "cannot listen on {address}: {source}"),
            Self::Descriptor(fd) => write!(
                f,
                "descriptor {fd} is not a listening socket of this process"
            ),
            Self::Variable {
                name,
                value,
                wanted,
            } => write!(f, "{name}={value:?} is not {wanted}"),
        }
    }
}

impl std::error::Error for ListenError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Refused { source, .. } => Some(source),
            _ => None,
        }
    }
}

impl Listen {
    /// What the environment says, defaults for the rest.
    pub fn from_env() -> Result<Self, ListenError> {
        let default = Self::default();
        Ok(Self {
            fd: variable("SPIKARD_FD", "a descriptor number")?,
            host: std::env::var("SPIKARD_HOST").unwrap_or(default.host),
            port: variable("SPIKARD_PORT", "a port from 0 to 65535")?.unwrap_or(default.port),
        })
    }

    /// The listening socket, non-blocking and closed on exec.
    pub fn open(&self) -> Result<TcpListener, ListenError> {
        match self.fd {
            Some(fd) => adopt(fd),
            None => self.bind_with(listener),
        }
    }

    pub(super) fn bind_with(
        &self,
        listener: impl Fn(SocketAddr) -> io::Result<TcpListener>,
    ) -> Result<TcpListener, ListenError> {
        let refused = |source| ListenError::Refused {
            address: format!("{}:{}", self.host, self.port),
            source,
        };
        let nothing = || {
            refused(io::Error::new(
                io::ErrorKind::NotFound,
                "the name has no address",
            ))
        };
        let addresses = (self.host.as_str(), self.port)
            .to_socket_addrs()
            .map_err(refused)?;
        let address = addresses.into_iter().next().ok_or_else(nothing)?;
        listener(address).map_err(|error| match error.kind() {
            io::ErrorKind::AddrInUse => ListenError::Busy {
                address,
                holder: holder_of(address.port()),
            },
            _ => refused(error),
        })
    }
}

fn listener(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    // A restart must not wait for connections of the previous run in TIME_WAIT (RFC 9293 section 3.6.1).
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

fn adopt(fd: RawFd) -> Result<TcpListener, ListenError> {
    let wrong = |_| ListenError::Descriptor(fd);
    // A number that names no socket must not become an owned descriptor: dropping it would close somebody's file.
    let link = std::fs::read_link(format!("/proc/self/fd/{fd}")).map_err(wrong)?;
    if !link.to_string_lossy().starts_with("socket:") {
        return Err(ListenError::Descriptor(fd));
    }
    let listener = TcpListener::from(inherit(fd));
    let socket = SockRef::from(&listener);
    if !socket.is_listener().map_err(wrong)? {
        return Err(ListenError::Descriptor(fd));
    }
    socket.set_cloexec(true).map_err(wrong)?;
    listener.set_nonblocking(true).map_err(wrong)?;
    Ok(listener)
}

/// Writes `SPIKARD_READY_LINE` (`ready` when there is none) and a newline to `SPIKARD_READY_FD`, where whoever started
/// this process reads it, and closes that.
/// Without that variable, or when nobody reads any more, nothing happens. Call it once, when connections are accepted.
pub fn announce_ready() {
    let Ok(Some(fd)) = variable::<RawFd>("SPIKARD_READY_FD", "a descriptor number") else {
        return;
    };
    if std::fs::exists(format!("/proc/self/fd/{fd}")).unwrap_or(false) {
        let line = std::env::var("SPIKARD_READY_LINE").unwrap_or_else(|_| "ready".to_owned());
        let _ = std::fs::File::from(inherit(fd)).write_all(format!("{line}\n").as_bytes());
    }
}

#[allow(
    unsafe_code,
    reason = "the only way in which a number from the environment becomes a descriptor"
)]
fn inherit(fd: RawFd) -> OwnedFd {
    // SAFETY: the descriptor is open (both callers looked), and by the contract of `SPIKARD_FD` and `SPIKARD_READY_FD`
    // it was handed to this process for this use alone: nothing else here owns it.
    unsafe { OwnedFd::from_raw_fd(fd) }
}

fn variable<T: std::str::FromStr>(
    name: &'static str,
    wanted: &'static str,
) -> Result<Option<T>, ListenError> {
    match std::env::var(name) {
        Ok(value) => value.parse().map(Some).map_err(|_| ListenError::Variable {
            name,
            value,
            wanted,
        }),
        Err(_) => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::IntoRawFd as _;

    fn on(port: u16) -> Listen {
        Listen {
            port,
            ..Listen::default()
        }
    }

    #[test]
    fn a_busy_port_names_its_holder() {
        let first = on(0).open().expect("a free port");
        let port = first.local_addr().expect("an address").port();
        let error = on(port).open().expect_err("busy");
        let ListenError::Busy {
            address,
            holder: Some(holder),
        } = &error
        else {
            panic!("{error:?}")
        };
        assert_eq!((address.port(), holder.pid), (port, std::process::id()));
        assert!(
            error
                .to_string()
                .starts_with(&format!("127.0.0.1:{port} is in use by ")),
            "{error}"
        );
    }

    #[test]
    fn an_inherited_socket_is_served_and_anything_else_refused() {
        let bound = on(0).open().expect("a free port");
        let address = bound.local_addr().expect("an address");
        let inherited = Listen {
            fd: Some(bound.into_raw_fd()),
            ..on(0)
        }
        .open()
        .expect("a listening socket");
        assert_eq!(inherited.local_addr().expect("an address"), address);
        let file = std::fs::File::open("/dev/null").expect("a file");
        let fd = std::os::fd::AsRawFd::as_raw_fd(&file);
        for fd in [fd, 9_999] {
            let error = Listen {
                fd: Some(fd),
                ..on(0)
            }
            .open()
            .expect_err("no socket");
            assert_eq!(
                error.to_string(),
                format!("descriptor {fd} is not a listening socket of this process")
            );
        }
    }

    #[test]
    fn an_unknown_host_is_refused_by_name() {
        let error = Listen {
            host: "no host".to_owned(),
            ..on(1)
        }
        .open()
        .expect_err("no such name");
        assert!(
            error
                .to_string()
                .starts_with("cannot listen on no host:1: "),
            "{error}"
        );
    }
}
