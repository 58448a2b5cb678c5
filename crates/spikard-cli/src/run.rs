//! `spikard run`: opens the socket and becomes the worker that serves it, so that signals, exit code and memory are the
//! worker's own. Serves nothing itself.

use crate::app::App;
use crate::output::{self, Failure};
use crate::settings::Settings;
use crate::{Interpreter, Serve, Variable, launch};
use rustix::io::FdFlags;
use spikard::server::{Listen, ListenError, Listener};
use std::io;
use std::os::fd::{AsFd as _, AsRawFd as _, IntoRawFd as _, OwnedFd};
use std::os::unix::process::CommandExt as _;

/// Serves `app`, in the host's process where it can, else as another program that takes the place of this one.
pub(crate) fn run(
    app: &App,
    listen: &Listen,
    settings: &Settings,
    serve: Option<&Serve<'_>>,
    interpreter: Option<Interpreter>,
) -> Result<i32, Failure> {
    let opened = open(app, listen, settings)?;
    if let (App::Python(name), Some(serve)) = (app, serve) {
        return Ok(serve(name, &opened.handed_over()));
    }
    for descriptor in [opened.listener.as_fd(), opened.stderr.as_fd()] {
        rustix::io::fcntl_setfd(descriptor, FdFlags::empty())
            .map_err(|error| broken(error.into()))?;
    }
    let mut command = launch::command(app, interpreter);
    let error = command.envs(opened.variables.iter().cloned()).exec();
    Err(launch::not_started(command.get_program(), &error))
}

/// What a worker gets: its socket, where to say that it is ready, and the variables that name both.
pub(crate) struct Opened {
    listener: Listener,
    stderr: OwnedFd,
    variables: Vec<Variable>,
}

impl Opened {
    /// For a worker in this process, which closes both by their numbers.
    pub(crate) fn handed_over(self) -> Vec<Variable> {
        let _ = (self.listener.into_raw_fd(), self.stderr.into_raw_fd());
        self.variables
    }
}

/// Opens the socket of the one worker.
pub(crate) fn open(app: &App, listen: &Listen, settings: &Settings) -> Result<Opened, Failure> {
    let listener = listen
        .open()
        .map_err(|error| no_socket(&error, "run", app, listen))?;
    let url = listener.url(settings.scheme()).map_err(broken)?;
    // A copy, because who says that it is ready closes what it said it to.
    let stderr = io::stderr().as_fd().try_clone_to_owned().map_err(broken)?;
    let mut variables = settings.variables();
    variables.extend([
        ("SPIKARD_FD", listener.as_raw_fd().to_string()),
        ("SPIKARD_READY_FD", stderr.as_raw_fd().to_string()),
        (
            "SPIKARD_READY_LINE",
            output::noted(&format!("{url} (Ctrl-C stops it)")),
        ),
    ]);
    // The worker removes the file of the socket that it is handed.
    let path = listen.uds.as_ref().filter(|_| listen.fd.is_none());
    variables.extend(path.map(|path| ("SPIKARD_UDS", path.display().to_string())));
    Ok(Opened {
        listener,
        stderr,
        variables,
    })
}

fn broken(error: io::Error) -> Failure {
    Failure::app(format!("cannot start: {error}"))
}

/// The longest path of a Unix socket, in bytes (unix(7): 108 with the one that ends it).
const LONGEST: usize = 107;

/// What to do where the system refused an address; empty where it says enough itself.
fn refused(error: &io::Error, verb: &str, app: &App, listen: &Listen) -> String {
    let name = app.name();
    match (&listen.uds, error.kind()) {
        (Some(path), _) if path.as_os_str().len() > LONGEST => {
            format!(
                "its path has at most {LONGEST} bytes; --uds takes one from the current folder too"
            )
        }
        (Some(_), io::ErrorKind::NotFound) => "make its folder first".to_owned(),
        (None, io::ErrorKind::PermissionDenied) => format!(
            "low ports are for root, or for a program with CAP_NET_BIND_SERVICE: spikard {verb} {name} --port 8080"
        ),
        (None, io::ErrorKind::AddrNotAvailable) => format!(
            "it is no address of this machine: spikard {verb} {name} --host 0.0.0.0 for every one that is"
        ),
        _ => String::new(),
    }
}

/// Why there is no socket for `spikard verb app`.
pub(crate) fn no_socket(error: &ListenError, verb: &str, app: &App, listen: &Listen) -> Failure {
    let failure = Failure::app(error.to_string());
    match error {
        ListenError::Busy { .. } => {
            let (free, name) = (listen.port.checked_add(1).unwrap_or(0), app.name());
            failure.advice(match app {
                App::Program(_) => format!(
                    "stop it, or choose another port: run(port={free}) in its code, else SPIKARD_PORT={free} or --port {free}"
                ),
                _ => {
                    format!("stop it, or choose another port: spikard {verb} {name} --port {free}")
                }
            })
        }
        ListenError::Refused { source, .. } => failure.advice(refused(source, verb, app, listen)),
        ListenError::Served(_) => {
            failure.advice("stop what serves there, or choose another path by --uds")
        }
        ListenError::NoSocket(_) => failure.advice("choose another path by --uds"),
        ListenError::Descriptor(_) => {
            failure.advice("--fd and SPIKARD_FD take the number of an inherited listening socket")
        }
        _ => failure,
    }
}
