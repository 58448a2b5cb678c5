//! The accept loop of one worker and its end. Reads and writes no HTTP.

use super::connection::converse;
use super::life::Life;
use super::link::Remote;
use super::service::Serve;
use super::tls::{Tls, greet};
use crate::{Frozen, status};
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};

/// How long a draining worker of a supervisor waits for requests on idle connections. A client under load sends its next
/// one at once, and learns from the answer that it is the connection's last.
const IDLE_MS: u64 = 500;

/// Pause after an error that says the process or the machine is out of something (descriptors, memory).
const EXHAUSTED: Duration = Duration::from_millis(100);

/// Serves `app` on `listener` until `life` drains and its connections have ended, or were cut. To be polled inside a
/// Tokio `LocalRuntime` or `LocalSet`; every connection is a local task of its own, so a panic ends one connection.
///
/// An error means that the socket cannot be served at all.
pub async fn serve(
    app: Rc<Frozen>,
    listener: std::net::TcpListener,
    life: Rc<Life>,
) -> io::Result<()> {
    serve_with(app, listener, life).await
}

pub(crate) async fn serve_with<S: Serve>(
    app: Rc<S>,
    listener: std::net::TcpListener,
    life: Rc<Life>,
) -> io::Result<()> {
    if status::attach() {
        life.wait_for_idle(IDLE_MS);
    }
    tokio::select! {
        served = to_the_end(app, listener, Rc::clone(&life)) => served,
        never = status::beat(|| life.connections()) => match never {},
    }
}

async fn to_the_end<S: Serve>(
    app: Rc<S>,
    listener: std::net::TcpListener,
    life: Rc<Life>,
) -> io::Result<()> {
    let tls = Tls::of(app.config())?;
    let tls = tls.as_ref();
    listener.set_nonblocking(true)?;
    let listener = TcpListener::from_std(listener)?;
    tokio::select! {
        () = accept(&app, tls, &listener, &life) => {}
        () = life.until_draining() => {}
    }
    app.set_ready(false);
    accept_queued(&app, tls, listener, &life)?;
    let limit = Duration::from_millis(app.config().drain_timeout_ms);
    if tokio::time::timeout(limit, life.until_empty())
        .await
        .is_err()
    {
        life.end();
        life.until_empty().await;
    }
    Ok(())
}

async fn accept<S: Serve>(app: &Rc<S>, tls: Option<&Tls>, listener: &TcpListener, life: &Rc<Life>) {
    loop {
        match listener.accept().await {
            Ok(accepted) => welcome(app, tls, accepted, life),
            // The client left before it was accepted: its business (accept(2)).
            Err(error) if is_of_client(&error) => {}
            Err(_) => tokio::time::sleep(EXHAUSTED).await,
        }
    }
}

/// Clients whom the kernel has already let in are served: closing the socket would reset them. Asks the socket itself,
/// because Tokio knows only of those of its last turn.
fn accept_queued<S: Serve>(
    app: &Rc<S>,
    tls: Option<&Tls>,
    listener: TcpListener,
    life: &Rc<Life>,
) -> io::Result<()> {
    let listener = listener.into_std()?;
    while let Ok((stream, peer)) = listener.accept() {
        stream.set_nonblocking(true)?;
        welcome(app, tls, (TcpStream::from_std(stream)?, peer), life);
    }
    Ok(())
}

fn welcome<S: Serve>(
    app: &Rc<S>,
    tls: Option<&Tls>,
    (stream, peer): (TcpStream, SocketAddr),
    life: &Rc<Life>,
) {
    // Replies are written whole; waiting for an acknowledgement only delays them. Without it they are slow, not wrong.
    let _ = stream.set_nodelay(true);
    let remote = Remote {
        peer: Some(peer),
        watch: Some(life.watch()),
        end_is_gone: true,
    };
    let app = Rc::clone(app);
    match tls {
        None => tokio::task::spawn_local(converse(app, stream, remote)),
        Some(tls) => tokio::task::spawn_local(greet(app, tls.acceptor(), stream, remote)),
    };
}

fn is_of_client(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::Interrupted
    )
}
