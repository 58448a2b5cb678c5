//! Which socket a worker serves: the one it inherited, or a new one; and telling who started it that it serves. The one
//! place that reads `SPIKARD_FD`, `SPIKARD_HOST`, `SPIKARD_PORT`, `SPIKARD_UDS`, `SPIKARD_READY_FD` and its line. Accepts nothing.

use super::holder::{Holder, holder_of};
use super::listener::{self, Listener};
use socket2::{Domain, Protocol, SockRef, Socket, Type};
use std::fmt;
use std::io::{self, Write as _};
use std::net::{SocketAddr, TcpListener, ToSocketAddrs as _};
use std::os::fd::{FromRawFd as _, OwnedFd, RawFd};
use std::path::PathBuf;

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
    /// An inherited listening socket (`SPIKARD_FD`, or the first of systemd's, sd_listen_fds(3)); goes before the others,
    /// and becomes ours.
    pub fd: Option<RawFd>,
    /// Path of a Unix socket (`SPIKARD_UDS`); goes before host and port. Its file is removed at the end; with `fd`, it is
    /// the file of that socket.
    pub uds: Option<PathBuf>,
    /// Who may connect to it, as of chmod(1) (`SPIKARD_UDS_MODE`, octal). `None`: the umask decides.
    pub uds_mode: Option<u32>,
    /// Name or address (`SPIKARD_HOST`). Default `127.0.0.1`.
    pub host: String,
    /// Port (`SPIKARD_PORT`); 0 for a free one. Default 8000.
    pub port: u16,
}

impl Default for Listen {
    fn default() -> Self {
        Self {
            fd: None,
            uds: None,
            uds_mode: None,
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
    /// Somebody else listens at the path.
    Served(PathBuf),
    /// At the path is something else.
    NoSocket(PathBuf),
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
            Self::Served(path) => write!(f, "{} is in use", path.display()),
            Self::NoSocket(path) => write!(
                f,
                "{} is there and is no socket; it is left alone",
                path.display()
            ),
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
            fd: variable("SPIKARD_FD", "a descriptor number")?.or_else(of_systemd),
            uds: std::env::var_os("SPIKARD_UDS").map(PathBuf::from),
            uds_mode: match std::env::var("SPIKARD_UDS_MODE") {
                Ok(text) => Some(mode(&text).ok_or(ListenError::Variable {
                    name: "SPIKARD_UDS_MODE",
                    value: text,
                    wanted: "a mode in octal digits, for example 0660",
                })?),
                Err(_) => None,
            },
            host: std::env::var("SPIKARD_HOST").unwrap_or(default.host),
            port: variable("SPIKARD_PORT", "a port from 0 to 65535")?.unwrap_or(default.port),
        })
    }

    /// What a program asks for, over the environment: one that names a host or a port wants no socket that others chose.
    pub fn asked(host: Option<String>, port: Option<u16>) -> Result<Self, ListenError> {
        let mut listen = Self::from_env()?;
        if host.is_some() || port.is_some() {
            (listen.fd, listen.uds) = (None, None);
        }
        listen.host = host.unwrap_or(listen.host);
        listen.port = port.unwrap_or(listen.port);
        Ok(listen)
    }

    /// The listening socket, non-blocking and closed on exec.
    pub fn open(&self) -> Result<Listener, ListenError> {
        match (self.fd, &self.uds) {
            (Some(fd), None) => adopt(fd).map(Listener::from),
            (Some(fd), Some(path)) => Ok(Listener::at(adopt(fd)?, path)),
            (None, Some(path)) => listener::open_unix(path, self.uds_mode),
            (None, None) => self.bind_with(listener),
        }
    }

    pub(super) fn bind_with(
        &self,
        listener: impl Fn(SocketAddr) -> io::Result<TcpListener>,
    ) -> Result<Listener, ListenError> {
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
        listener(address)
            .map(Listener::from)
            .map_err(|error| match error.kind() {
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

fn adopt(fd: RawFd) -> Result<OwnedFd, ListenError> {
    let wrong = |_| ListenError::Descriptor(fd);
    // A number that names no socket must not become an owned descriptor: dropping it would close somebody's file.
    let link = std::fs::read_link(format!("/proc/self/fd/{fd}")).map_err(wrong)?;
    if !link.to_string_lossy().starts_with("socket:") {
        return Err(ListenError::Descriptor(fd));
    }
    let descriptor = inherit(fd);
    let socket = SockRef::from(&descriptor);
    if !socket.is_listener().map_err(wrong)? {
        return Err(ListenError::Descriptor(fd));
    }
    socket.set_cloexec(true).map_err(wrong)?;
    socket.set_nonblocking(true).map_err(wrong)?;
    Ok(descriptor)
}

/// The first socket that the service manager opened for this very process (sd_listen_fds(3)).
fn of_systemd() -> Option<RawFd> {
    let number = |name| std::env::var(name).ok()?.parse::<u32>().ok();
    let ours = number("LISTEN_PID") == Some(std::process::id());
    (ours && number("LISTEN_FDS").is_some_and(|count| count > 0)).then_some(3)
}

/// A file mode in octal digits: `660`, `0660`.
///
/// ```
/// use spikard::server::mode;
///
/// assert_eq!(mode("0660"), Some(0o660));
/// assert_eq!(mode("rw-rw----"), None);
/// ```
pub fn mode(text: &str) -> Option<u32> {
    let mode = u32::from_str_radix(text, 8).ok()?;
    (mode <= 0o777).then_some(mode)
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
    use std::os::unix::fs::PermissionsExt as _;
    use std::os::unix::net::{UnixListener, UnixStream};
    use std::path::Path;

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
            holder: Some(Holder::Process { pid, .. }),
        } = &error
        else {
            panic!("{error:?}")
        };
        assert_eq!((address.port(), *pid), (port, std::process::id()));
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

    fn at(path: &Path, mode: Option<u32>) -> Listen {
        Listen {
            uds: Some(path.to_owned()),
            uds_mode: mode,
            ..on(0)
        }
    }

    #[test]
    fn a_path_is_served_by_one_and_left_by_the_last() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("app.sock");
        let first = at(&path, Some(0o660)).open().expect("a free path");
        let data = std::fs::metadata(&path).expect("a file");
        assert_eq!(data.permissions().mode() & 0o777, 0o660);
        assert_eq!(
            first.url("http").expect("a url"),
            format!("unix:{}", path.display())
        );
        let busy = at(&path, None).open().expect_err("served");
        assert_eq!(busy.to_string(), format!("{} is in use", path.display()));
        let copy = first.try_clone().expect("a copy");
        drop(copy);
        UnixStream::connect(&path).expect("still served");
        drop(first);
        assert!(!path.exists());
    }

    #[test]
    fn a_stale_socket_is_replaced_and_nothing_else() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("app.sock");
        // What a killed server leaves.
        drop(UnixListener::bind(&path).expect("a free path"));
        assert!(path.exists());
        let second = at(&path, None).open().expect("nobody listens");
        // Whoever takes the place keeps it.
        std::fs::remove_file(&path).expect("removed");
        let third = UnixListener::bind(&path).expect("a free path");
        drop(second);
        assert!(path.exists());
        drop(third);
        std::fs::remove_file(&path).expect("removed");
        std::fs::write(&path, "text").expect("written");
        let error = at(&path, None).open().expect_err("a file");
        assert!(
            error
                .to_string()
                .ends_with("is no socket; it is left alone"),
            "{error}"
        );
    }

    #[test]
    fn an_inherited_path_is_removed_by_who_got_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("app.sock");
        let opened = at(&path, None).open().expect("a free path");
        let inherited = Listen {
            fd: Some(opened.into_raw_fd()),
            ..at(&path, None)
        };
        assert!(path.exists());
        drop(inherited.open().expect("a listening socket"));
        assert!(!path.exists());
    }
}
