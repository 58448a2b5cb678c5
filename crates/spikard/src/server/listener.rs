//! A listening socket, of an address or of a path in the file system. Speaks nothing.

use super::listen::{BACKLOG, ListenError};
use socket2::{Domain, SockAddr, SockRef, Socket, Type};
use std::fs::{self, File, Permissions};
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, IntoRawFd, OwnedFd, RawFd};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

/// A listening socket. One that was opened at a path takes its file away when it is dropped.
///
/// ```
/// use spikard::server::Listen;
///
/// let folder = tempfile::tempdir()?;
/// let path = folder.path().join("app.sock");
/// let listener = Listen { uds: Some(path.clone()), ..Listen::default() }.open()?;
/// assert!(path.exists());
/// assert_eq!(listener.url("http")?, format!("unix:{}", path.display()));
/// drop(listener);
/// assert!(!path.exists());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Listener {
    socket: Listening,
    file: Option<SocketFile>,
}

#[derive(Debug)]
pub(super) enum Listening {
    Tcp(TcpListener),
    Unix(UnixListener),
}

impl Listener {
    /// Takes a socket over, and with it the file at `path` when it is bound there.
    pub(super) fn at(socket: OwnedFd, path: &Path) -> Self {
        let mut listener = Self::from(socket);
        if let Listening::Unix(socket) = &listener.socket {
            let address = socket.local_addr();
            let is_there = address.is_ok_and(|address| address.as_pathname() == Some(path));
            listener.file = is_there.then(|| SocketFile::of(path)).flatten();
        }
        listener
    }

    /// A socket that this process inherited. With `SPIKARD_UDS`, its file is that path, and ours.
    pub fn inherited(socket: OwnedFd) -> Self {
        match std::env::var_os("SPIKARD_UDS") {
            Some(path) => Self::at(socket, Path::new(&path)),
            None => Self::from(socket),
        }
    }

    pub(super) fn into_parts(self) -> (Listening, Option<SocketFile>) {
        (self.socket, self.file)
    }

    /// The address; an error for a path.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        match &self.socket {
            Listening::Tcp(socket) => socket.local_addr(),
            Listening::Unix(_) => Err(io::ErrorKind::Unsupported.into()),
        }
    }

    /// Where to find it, for people: `http://127.0.0.1:8000`, `unix:/run/app.sock`.
    pub fn url(&self, scheme: &str) -> io::Result<String> {
        match &self.socket {
            Listening::Tcp(socket) => {
                let everywhere = match socket.local_addr()?.ip().is_unspecified() {
                    true => " and every address of this machine",
                    false => "",
                };
                Ok(link(socket.local_addr()?, scheme, "") + everywhere)
            }
            Listening::Unix(socket) => {
                let address = socket.local_addr()?;
                let path = address.as_pathname().unwrap_or(Path::new(""));
                Ok(format!("unix:{}", path.display()))
            }
        }
    }

    /// What a browser on this machine opens: `http://localhost:8000/docs`. None of a Unix socket.
    pub fn link(&self, scheme: &str, path: &str) -> io::Result<Option<String>> {
        match &self.socket {
            Listening::Tcp(socket) => Ok(Some(link(socket.local_addr()?, scheme, path))),
            Listening::Unix(_) => Ok(None),
        }
    }

    /// Another descriptor of the same socket, without its file.
    pub fn try_clone(&self) -> io::Result<Self> {
        self.as_fd().try_clone_to_owned().map(Self::from)
    }

    pub(super) fn set_nonblocking(&self) -> io::Result<()> {
        match &self.socket {
            Listening::Tcp(socket) => socket.set_nonblocking(true),
            Listening::Unix(socket) => socket.set_nonblocking(true),
        }
    }

    /// The next connection that waits, as a descriptor; an error when there is none.
    pub fn accept(&self) -> io::Result<OwnedFd> {
        match &self.socket {
            Listening::Tcp(socket) => socket.accept().map(|(stream, _)| stream.into()),
            Listening::Unix(socket) => socket.accept().map(|(stream, _)| stream.into()),
        }
    }
}

impl From<TcpListener> for Listener {
    fn from(socket: TcpListener) -> Self {
        Self {
            socket: Listening::Tcp(socket),
            file: None,
        }
    }
}

/// Of a listening socket of either kind.
impl From<OwnedFd> for Listener {
    fn from(socket: OwnedFd) -> Self {
        let address = SockRef::from(&socket).local_addr();
        let is_unix = address.is_ok_and(|address| address.is_unix());
        Self {
            socket: match is_unix {
                true => Listening::Unix(socket.into()),
                false => Listening::Tcp(socket.into()),
            },
            file: None,
        }
    }
}

impl AsFd for Listener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match &self.socket {
            Listening::Tcp(socket) => socket.as_fd(),
            Listening::Unix(socket) => socket.as_fd(),
        }
    }
}

impl AsRawFd for Listener {
    fn as_raw_fd(&self) -> RawFd {
        self.as_fd().as_raw_fd()
    }
}

/// Its file, if it has one, stays.
impl IntoRawFd for Listener {
    fn into_raw_fd(self) -> RawFd {
        let Self { socket, file } = self;
        if let Some(file) = file {
            file.leave();
        }
        match socket {
            Listening::Tcp(socket) => socket.into_raw_fd(),
            Listening::Unix(socket) => socket.into_raw_fd(),
        }
    }
}

/// The file of a socket of ours, as long as it is that one.
#[derive(Debug)]
pub(super) struct SocketFile {
    path: PathBuf,
    identity: (u64, u64),
}

impl SocketFile {
    fn of(path: &Path) -> Option<Self> {
        // The program may go elsewhere before it ends.
        let path = std::path::absolute(path).ok()?;
        let identity = identity(&path)?;
        Some(Self { path, identity })
    }

    fn leave(mut self) {
        self.identity = (0, 0);
    }
}

fn identity(path: &Path) -> Option<(u64, u64)> {
    let data = fs::symlink_metadata(path).ok()?;
    data.file_type()
        .is_socket()
        .then(|| (data.dev(), data.ino()))
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        // Another program may have put its own in the place.
        if identity(&self.path) == Some(self.identity) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Listens at `path`, where a file that nobody listens on any more is replaced. Who may connect, `mode` says (octal
/// digits as of chmod(1)); without it, the process's umask.
pub(super) fn open_unix(path: &Path, mode: Option<u32>) -> Result<Listener, ListenError> {
    let refused = |source| ListenError::Refused {
        address: path.display().to_string(),
        source,
    };
    match fs::symlink_metadata(path) {
        Ok(data) if !data.file_type().is_socket() => {
            return Err(ListenError::NoSocket(path.to_owned()));
        }
        Ok(_) => match UnixStream::connect(path) {
            Ok(_) => return Err(ListenError::Served(path.to_owned())),
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
                fs::remove_file(path).map_err(refused)?;
            }
            Err(error) => return Err(refused(error)),
        },
        Err(_) => {}
    }
    bind_unix(path, mode).map_err(refused)
}

fn bind_unix(path: &Path, mode: Option<u32>) -> io::Result<Listener> {
    let address = SockAddr::unix(path)?;
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    if let Some(mode) = mode {
        // Before the file exists: it is never open to more than it should be (unix(7)).
        let descriptor = File::from(OwnedFd::from(socket.try_clone()?));
        descriptor.set_permissions(Permissions::from_mode(mode))?;
    }
    socket.bind(&address)?;
    let listener = Listener::at(socket.into(), path);
    if let Some(mode) = mode {
        // The umask took from it what it was meant to have.
        fs::set_permissions(path, Permissions::from_mode(mode))?;
    }
    SockRef::from(&listener).listen(BACKLOG)?;
    listener.set_nonblocking()?;
    Ok(listener)
}

fn link(address: SocketAddr, scheme: &str, path: &str) -> String {
    match address.ip().is_unspecified() {
        true => format!("{scheme}://localhost:{}{path}", address.port()),
        false => format!("{scheme}://{address}{path}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_url_shown_can_be_opened() {
        for (address, shown) in [
            ("127.0.0.1:0", "https://127.0.0.1:"),
            ("0.0.0.0:0", "https://localhost:"),
        ] {
            let socket = TcpListener::bind(address).expect("a free port");
            let listener = Listener::from(socket);
            let link = listener.link("https", "/docs").expect("an address");
            assert!(link.is_some_and(|link| link.starts_with(shown) && link.ends_with("/docs")));
            let url = listener.url("https").expect("an address");
            assert!(url.starts_with(shown), "{url}");
            assert_eq!(
                url.ends_with("and every address of this machine"),
                url.contains("localhost")
            );
        }
    }
}
