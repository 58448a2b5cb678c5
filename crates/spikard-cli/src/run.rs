//! `spikard run`: opens the socket, starts one worker on it, passes signals on, ends with the worker's code. Serves
//! nothing itself.

use crate::app::App;
use crate::launch;
use crate::output::{self, Failure};
use rustix::process::{Pid, Signal, kill_process};
use socket2::SockRef;
use spikard::server::{Listen, ListenError};
use std::io::{self, BufRead as _};
use std::net::{SocketAddr, TcpListener};
use std::os::fd::AsRawFd as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::PathBuf;
use std::process::ExitStatus;
use tokio::process::{Child, Command};
use tokio::signal::unix::{SignalKind, signal};

/// Serves `app` until it ends; gives its exit code (128 + n when signal n ended it).
pub(crate) fn run(
    app: &App,
    listen: &Listen,
    interpreter: Option<PathBuf>,
) -> Result<i32, Failure> {
    let listener = listen
        .open()
        .map_err(|error| no_socket(&error, app, listen))?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let runtime = runtime.map_err(|error| Failure::app(format!("cannot start: {error}")))?;
    runtime.block_on(serve(app, listener, interpreter))
}

async fn serve(
    app: &App,
    listener: TcpListener,
    interpreter: Option<PathBuf>,
) -> Result<i32, Failure> {
    let broken = |error: io::Error| Failure::app(format!("cannot start: {error}"));
    // Before the worker exists, so that no signal is lost between.
    let mut interrupts = signal(SignalKind::interrupt()).map_err(broken)?;
    let mut terminations = signal(SignalKind::terminate()).map_err(broken)?;
    let address = listener.local_addr().map_err(broken)?;
    let mut worker = start(app, listener, address, interpreter)?;
    let mut stopping = false;
    loop {
        let signal = tokio::select! {
            status = worker.wait() => return status.map(exit_code).map_err(broken),
            _ = interrupts.recv() => Signal::INT,
            _ = terminations.recv() => Signal::TERM,
        };
        if stopping {
            // The second signal ends at once, whatever the worker is doing.
            let _ = worker.start_kill();
        } else if signal != Signal::INT || !terminal_tells_the_worker() {
            send(&worker, signal);
        }
        stopping = true;
    }
}

fn start(
    app: &App,
    listener: TcpListener,
    address: SocketAddr,
    interpreter: Option<PathBuf>,
) -> Result<Child, Failure> {
    let broken = |error: io::Error| Failure::app(format!("cannot start: {error}"));
    let (told, teller) = io::pipe().map_err(broken)?;
    // The worker inherits both by number; ours are closed when this function ends, so the port is free once it is gone.
    SockRef::from(&listener)
        .set_cloexec(false)
        .map_err(broken)?;
    rustix::io::fcntl_setfd(&teller, rustix::io::FdFlags::empty())
        .map_err(|error| broken(error.into()))?;
    let mut command = launch::command(app, interpreter);
    command.env("SPIKARD_FD", listener.as_raw_fd().to_string());
    command.env("SPIKARD_READY_FD", teller.as_raw_fd().to_string());
    let mut command = Command::from(command);
    let worker = command
        .spawn()
        .map_err(|error| launch::not_started(command.as_std(), &error))?;
    announce(told, address);
    Ok(worker)
}

/// Prints the address once the worker serves; nothing when it never does.
fn announce(told: io::PipeReader, address: SocketAddr) {
    std::thread::spawn(move || {
        let mut word = String::new();
        if io::BufReader::new(told).read_line(&mut word).is_ok() && word == "ready\n" {
            output::note(&format!("{} (Ctrl-C stops it)", url(address)));
        }
    });
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

/// Ctrl-C goes to every process of the terminal's foreground group: a worker beside us has it already, and a second one
/// would end it at once.
fn terminal_tells_the_worker() -> bool {
    let Ok(terminal) = std::fs::File::open("/dev/tty") else {
        return false;
    };
    rustix::termios::tcgetpgrp(terminal)
        .is_ok_and(|foreground| foreground == rustix::process::getpgrp())
}

fn send(worker: &Child, signal: Signal) {
    let pid = worker
        .id()
        .and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
    if let Some(pid) = pid {
        // It may have ended meanwhile; then `wait` tells.
        let _ = kill_process(pid, signal);
    }
}

fn exit_code(status: ExitStatus) -> i32 {
    status
        .code()
        .unwrap_or_else(|| 128 + status.signal().unwrap_or_default())
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
