//! `spikard run`: opens the socket and becomes the worker that serves it, so that signals, exit code and memory are the
//! worker's own. Serves nothing itself.

use crate::app::App;
use crate::launch;
use crate::output::{self, Failure};
use socket2::SockRef;
use spikard::server::{Listen, ListenError};
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsRawFd as _, IntoRawFd as _};
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;

/// Serves `app`: returns only when its worker cannot be started.
pub(crate) fn run(
    app: &App,
    listen: &Listen,
    interpreter: Option<PathBuf>,
) -> Result<i32, Failure> {
    let broken = |error: io::Error| Failure::app(format!("cannot start: {error}"));
    let listener = listen
        .open()
        .map_err(|error| no_socket(&error, app, listen))?;
    let address = listener.local_addr().map_err(broken)?;
    SockRef::from(&listener)
        .set_cloexec(false)
        .map_err(broken)?;
    // A copy, because who says that it is ready closes what it said it to.
    let stderr = rustix::io::dup(io::stderr()).map_err(|error| broken(error.into()))?;
    let mut command = launch::command(app, interpreter);
    command.env("SPIKARD_FD", listener.as_raw_fd().to_string());
    command.env("SPIKARD_READY_FD", stderr.into_raw_fd().to_string());
    let line = output::noted(&format!("{} (Ctrl-C stops it)", url(address)));
    command.env("SPIKARD_READY_LINE", line);
    let error = command.exec();
    Err(launch::not_started(&command, &error))
}

/// What to open in a browser; `0.0.0.0` and `::` are no address to call.
fn url(address: SocketAddr) -> String {
    match address.ip().is_unspecified() {
        true => format!(
            "http://localhost:{} and every address of this machine",
            address.port()
        ),
        false => format!("http://{address}"),
    }
}

fn no_socket(error: &ListenError, app: &App, listen: &Listen) -> Failure {
    let failure = Failure::app(error.to_string());
    match error {
        ListenError::Busy { .. } => {
            let free = listen.port.checked_add(1).unwrap_or(0);
            failure.advice(format!(
                "stop it, or choose another port: spikard run {} --port {free}",
                app.name()
            ))
        }
        ListenError::Descriptor(_) => {
            failure.advice("--fd and SPIKARD_FD take the number of an inherited listening socket")
        }
        _ => failure,
    }
}

#[cfg(test)]
mod tests {
    use super::url;

    #[test]
    fn the_address_shown_can_be_opened() {
        for (address, shown) in [
            ("127.0.0.1:8000", "http://127.0.0.1:8000"),
            ("[::1]:8000", "http://[::1]:8000"),
            (
                "0.0.0.0:8000",
                "http://localhost:8000 and every address of this machine",
            ),
            (
                "[::]:8000",
                "http://localhost:8000 and every address of this machine",
            ),
        ] {
            assert_eq!(url(address.parse().unwrap()), shown);
        }
    }
}
