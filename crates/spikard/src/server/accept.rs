//! The accept loop of one worker and its end. Reads and writes no HTTP.

use super::connection::converse;
use super::crew::Crew;
use super::life::Life;
use super::link::Remote;
use super::listener::{Listener, Listening};
use super::proxied::meet;
use super::service::Serve;
use super::tls::{Tls, greet};
use super::transport::Transport;
use crate::proxies::Proxies;
use crate::timer::{sleep, within};
use crate::{Frozen, log, status};
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};

/// How long a draining worker of a supervisor waits for requests on idle connections. A client under load sends its next
/// one at once, and learns from the answer that it is the connection's last.
const IDLE_MS: u64 = 500;

/// The same of a worker whose clients find nobody else meanwhile: a request that is under way just then is answered.
const BRIEF_MS: u64 = 50;

/// Pause after an error that says the process or the machine is out of something (descriptors, memory).
const EXHAUSTED: Duration = Duration::from_millis(100);

/// Serves `app` on `listener`, a [`Listener`] or a TCP socket, until `life` drains and its connections have ended, or were cut. To be polled inside a
/// Tokio `LocalRuntime` or `LocalSet`; all connections are one local task; a panic ends one of them.
///
/// An error means that the socket cannot be served at all.
pub async fn serve(
    app: Rc<Frozen>,
    listener: impl Into<Listener>,
    life: Rc<Life>,
) -> io::Result<()> {
    serve_with(app, listener.into(), life).await
}

pub(crate) async fn serve_with<S: Serve>(
    app: Rc<S>,
    listener: Listener,
    life: Rc<Life>,
) -> io::Result<()> {
    log::choose(app.config().log_format);
    life.wait_for_idle(match status::attach() {
        true => IDLE_MS,
        false => BRIEF_MS,
    });
    tokio::select! {
        served = to_the_end(app, listener, Rc::clone(&life)) => served,
        never = status::beat(|| life.connections()) => match never {},
    }
}

async fn to_the_end<S: Serve>(app: Rc<S>, listener: Listener, life: Rc<Life>) -> io::Result<()> {
    let desk = Desk {
        tls: Tls::of(app.config())?,
        // Wrong ones are mistakes of the app, found before.
        introduced: Proxies::new(app.config())
            .ok()
            .flatten()
            .filter(|_| app.config().proxy_protocol),
        app,
        life,
        crew: Crew::new(),
    };
    listener.set_nonblocking()?;
    let (socket, file) = listener.into_parts();
    let queue = Queue::new(socket)?;
    tokio::select! {
        () = desk.accept(&queue) => {}
        () = desk.life.until_draining() => {}
    }
    desk.app.set_ready(false);
    drop(file);
    desk.accept_queued(queue)?;
    let limit = Duration::from_millis(desk.app.config().drain_timeout_ms);
    if within(limit, desk.life.until_empty()).await.is_none() {
        desk.life.end();
        desk.life.until_empty().await;
    }
    desk.app.flush();
    Ok(())
}

/// Where clients wait.
enum Queue {
    Tcp(TcpListener),
    Unix(UnixListener),
}

impl Queue {
    fn new(socket: Listening) -> io::Result<Self> {
        Ok(match socket {
            Listening::Tcp(socket) => Self::Tcp(TcpListener::from_std(socket)?),
            Listening::Unix(socket) => Self::Unix(UnixListener::from_std(socket)?),
        })
    }
}

/// Lets clients in.
struct Desk<S> {
    app: Rc<S>,
    tls: Option<Tls>,
    /// Whose connections begin with the PROXY protocol.
    introduced: Option<Proxies>,
    life: Rc<Life>,
    crew: Crew,
}

impl<S: Serve> Desk<S> {
    async fn accept(&self, queue: &Queue) {
        loop {
            let welcomed = match queue {
                Queue::Tcp(queue) => queue
                    .accept()
                    .await
                    .map(|(stream, peer)| self.welcome_tcp(stream, peer)),
                Queue::Unix(queue) => queue
                    .accept()
                    .await
                    .map(|(stream, _)| self.welcome(stream, None)),
            };
            match welcomed {
                Ok(()) => {}
                // The client left before it was accepted: its business (accept(2)).
                Err(error) if is_of_client(&error) => {}
                Err(_) => sleep(EXHAUSTED).await,
            }
        }
    }

    /// Clients whom the kernel has already let in are served: closing the socket would reset them. Asks the socket
    /// itself, because Tokio knows only of those of its last turn.
    fn accept_queued(&self, queue: Queue) -> io::Result<()> {
        match queue {
            Queue::Tcp(queue) => {
                let queue = queue.into_std()?;
                while let Ok((stream, peer)) = queue.accept() {
                    stream.set_nonblocking(true)?;
                    self.welcome_tcp(TcpStream::from_std(stream)?, peer);
                }
            }
            Queue::Unix(queue) => {
                let queue = queue.into_std()?;
                while let Ok((stream, _)) = queue.accept() {
                    stream.set_nonblocking(true)?;
                    self.welcome(UnixStream::from_std(stream)?, None);
                }
            }
        }
        Ok(())
    }

    fn welcome_tcp(&self, stream: TcpStream, peer: SocketAddr) {
        // Replies are written whole; waiting for an acknowledgement only delays them. Without it they are slow, not
        // wrong.
        let _ = stream.set_nodelay(true);
        self.welcome(stream, Some(peer));
    }

    fn welcome(&self, stream: impl Transport + 'static, peer: Option<SocketAddr>) {
        let remote = Remote {
            peer,
            watch: Some(self.life.watch()),
            end_is_gone: true,
        };
        let app = Rc::clone(&self.app);
        let is_introduced = self
            .introduced
            .as_ref()
            .is_some_and(|proxies| proxies.trusts(peer.map(|peer| peer.ip())));
        if is_introduced {
            return self.introduce(stream, remote);
        }
        match &self.tls {
            None => self.crew.join(converse(app, stream, remote)),
            Some(tls) => self.crew.join(greet(app, tls.acceptor(), stream, remote)),
        }
    }

    /// Lets in whom a proxy has to introduce first.
    #[cold]
    fn introduce(&self, mut stream: impl Transport + 'static, mut remote: Remote) {
        let app = Rc::clone(&self.app);
        let acceptor = self.tls.as_ref().map(Tls::acceptor);
        self.crew.join(async move {
            let limit = app.config().header_timeout_ms;
            if meet(&mut stream, &mut remote, limit).await.is_none() {
                return;
            }
            match acceptor {
                None => converse(app, stream, remote).await,
                Some(acceptor) => greet(app, acceptor, stream, remote).await,
            }
        });
    }
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
