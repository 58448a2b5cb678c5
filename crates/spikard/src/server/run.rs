//! A native program's worker from start to exit: runtime, socket, signals, one line for whoever started it. Programs in
//! other languages bring their own loop and use `serve`.

use super::accept::serve;
use super::life::Life;
use super::listen::{Listen, ListenError, announce_ready};
use super::listener::Listener;
use super::tls::check_tls;
use crate::Frozen;
use std::fmt;
use std::io;
use std::rc::Rc;
use tokio::runtime::{Builder, LocalOptions};
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Why a program does not serve.
#[derive(Debug)]
#[non_exhaustive]
pub enum RunError {
    /// There is no socket.
    Listen(ListenError),
    /// The system gave no event loop, no signals or no use of the socket.
    System(io::Error),
}

impl fmt::Display for RunError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Listen(error) => error.fmt(f),
            Self::System(error) => write!(f, "cannot serve: {error}"),
        }
    }
}

impl std::error::Error for RunError {}

impl From<ListenError> for RunError {
    fn from(error: ListenError) -> Self {
        Self::Listen(error)
    }
}

impl From<io::Error> for RunError {
    fn from(error: io::Error) -> Self {
        Self::System(error)
    }
}

/// Tasks that a worker's runtime polls before it looks for events again, for `Builder::event_interval`: enough for every
/// step of some 80 connections.
pub const EVENT_INTERVAL: u32 = 256;

/// Serves `app` on this thread until SIGTERM or SIGINT, then drains. A second signal ends the process at once, with
/// 128 + its number. Must not be called inside a Tokio runtime.
///
/// ```no_run
/// use spikard::Frozen;
/// use spikard::server::{Listen, RunError, run};
///
/// fn serve(app: Frozen) -> Result<(), RunError> {
///     run(app, &Listen::from_env()?)
/// }
/// ```
pub fn run(app: impl Into<Rc<Frozen>>, listen: &Listen) -> Result<(), RunError> {
    let app = app.into();
    check_tls(app.config())?;
    let listener = listen.open()?;
    let runtime = Builder::new_current_thread()
        .enable_all()
        .event_interval(EVENT_INTERVAL)
        .build_local(LocalOptions::default())?;
    runtime.block_on(async {
        let life = Life::new();
        // Before anybody is told that we serve: a signal from then on must find its handler.
        heed_signals(&life)?;
        if listen.fd.is_none() {
            announce(&app, &listener)?;
        }
        announce_ready();
        serve(app, listener, life).await
    })?;
    Ok(())
}

/// From now on SIGTERM and SIGINT drain `life`, and a second one ends the process at once, with 128 + its number. For hosts
/// whose language leaves signals to us; needs a Tokio `LocalRuntime` around it.
pub fn heed_signals(life: &Rc<Life>) -> io::Result<()> {
    for kind in [SignalKind::terminate(), SignalKind::interrupt()] {
        tokio::task::spawn_local(obey(signal(kind)?, kind, Rc::clone(life)));
    }
    Ok(())
}

async fn obey(mut signals: Signal, kind: SignalKind, life: Rc<Life>) {
    while signals.recv().await.is_some() {
        if life.is_draining() {
            std::process::exit(128 + kind.as_raw_value());
        }
        life.drain();
    }
}

/// Where to look. Whoever hands over a socket says it himself.
fn announce(app: &Frozen, listener: &Listener) -> io::Result<()> {
    let scheme = match app.config().tls_cert.as_str() {
        "" => "http",
        _ => "https",
    };
    let url = listener.url(scheme)?;
    let docs = app.config().docs_path.as_str();
    match listener.link(scheme, docs)?.filter(|_| !docs.is_empty()) {
        None => eprintln!("serving {url}"),
        Some(link) => eprintln!("serving {url}, documents at {link}"),
    }
    Ok(())
}
