//! One connection of HTTP/2: accepts its requests, keeps its time limits, ends it in good order. Answers none itself.

use super::gauge::{Gauge, Gauged};
use super::stream::Stream;
use crate::Config;
use crate::server::life::Watch;
use crate::server::link::Remote;
use crate::server::service::Serve;
use crate::server::transport::Transport;
use bytes::Bytes;
use h2::Reason;
use h2::server::{Builder, Handshake, SendResponse};
use http::Request;
use std::future::{Future as _, poll_fn};
use std::net::SocketAddr;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

/// Bytes of a body that may be under way before they are read; of all bodies of a connection.
const STREAM_WINDOW: u32 = 256 << 10;
const CONNECTION_WINDOW: u32 = 1 << 20;
/// Bytes of a reply that wait for the client.
const SEND_BUFFER: usize = 64 << 10;
/// Requests that the client took back before they were begun, and streams that we had to reset, before the connection
/// ends.
const TAKEN_BACK: usize = 20;
const OUR_RESETS: usize = 64;
/// A stream that we reset is remembered for what was under way to it.
const REMEMBERED: usize = 16;
const REMEMBER: Duration = Duration::from_secs(1);
/// HTTP/2 counts this much more for each field than HTTP/1.1 (RFC 9113 section 6.5.2).
const FIELD_OVERHEAD: usize = 32;
/// The last word may take this long.
const ENDING_MS: u64 = 1_000;

/// What HTTP/1.1 gives up at may be the preface, or its beginning (RFC 9113 section 3.4); the crate below reads it again,
/// and whole.
#[cold]
pub(crate) fn is_spoken(bytes: &[u8], config: &Config, remote: &Remote) -> bool {
    let line = b"PRI * HTTP/2.0\r\n";
    let here = bytes.len().min(line.len());
    // In process nobody watches, and there is no runtime for streams.
    bytes[..here] == line[..here] && config.http2_streams > 0 && remote.watch.is_some()
}

/// Serves a connection to its end; `first` was read of it before.
pub(crate) async fn converse<S: Serve, T: Transport>(
    app: Rc<S>,
    io: T,
    first: Vec<u8>,
    remote: Remote,
) {
    let Some(watch) = remote.watch else {
        return;
    };
    let (io, gauge) = Gauged::new(io, first);
    let handshake = builder(app.config()).handshake(io);
    let mut connection = Connection {
        app,
        gauge,
        watch,
        peer: remote.peer,
        open: Rc::new(()),
        told: false,
        armed: None,
    };
    if let Some(accepting) = connection.shake_hands(handshake).await {
        connection.serve(accepting).await;
    }
}

fn builder(config: &Config) -> Builder {
    let fields = config.header_limit + config.target_limit + config.header_count * FIELD_OVERHEAD;
    let mut builder = Builder::new();
    builder
        .max_concurrent_streams(config.http2_streams)
        .initial_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_send_buffer_size(SEND_BUFFER)
        .max_header_list_size(u32::try_from(fields).unwrap_or(u32::MAX))
        .max_pending_accept_reset_streams(TAKEN_BACK)
        .max_local_error_reset_streams(Some(OUR_RESETS))
        .max_concurrent_reset_streams(REMEMBERED)
        .reset_stream_duration(REMEMBER);
    builder
}

type Accepting<T> = h2::server::Connection<Gauged<T>, Bytes>;
type Asked = (Request<h2::RecvStream>, SendResponse<Bytes>);

struct Connection<S> {
    app: Rc<S>,
    gauge: Rc<Gauge>,
    watch: Watch,
    peer: Option<SocketAddr>,
    /// Held by each request that is not answered yet.
    open: Rc<()>,
    /// The client knows that the connection ends.
    told: bool,
    /// The phase whose deadline is set, and how far it had come.
    armed: Option<(Phase, u64)>,
}

/// What a connection waits for; decides its time limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Its first request.
    Fresh,
    /// The fields of a request to be complete.
    Head,
    /// Handlers, and clients that take long replies: they have limits of their own.
    Busy,
    /// The client to take what is ready for it.
    Sending,
    /// Its next request.
    Idle,
    Ending,
}

impl<S: Serve> Connection<S> {
    async fn shake_hands<T: Transport>(
        &self,
        mut handshake: Handshake<Gauged<T>, Bytes>,
    ) -> Option<Accepting<T>> {
        self.watch.arm(self.app.config().header_timeout_ms);
        poll_fn(|context| {
            if let Poll::Ready(done) = Pin::new(&mut handshake).poll(context) {
                return Poll::Ready(done.ok());
            }
            self.watch.register(context);
            match self.watch.is_cut() || self.watch.is_late() {
                true => Poll::Ready(None),
                false => Poll::Pending,
            }
        })
        .await
    }

    async fn serve<T: Transport>(&mut self, mut accepting: Accepting<T>) {
        while let Some(asked) = poll_fn(|context| self.poll_next(&mut accepting, context)).await {
            self.begin(asked).await;
        }
    }

    /// The next request; none at the end.
    fn poll_next<T: Transport>(
        &mut self,
        accepting: &mut Accepting<T>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Asked>> {
        if self.watch.is_draining() && !self.told {
            self.told = true;
            accepting.graceful_shutdown();
        }
        match accepting.poll_accept(context) {
            Poll::Ready(Some(Ok(asked))) => return Poll::Ready(Some(asked)),
            // The crate below has told the client what was wrong.
            Poll::Ready(Some(Err(_)) | None) => return Poll::Ready(None),
            Poll::Pending => {}
        }
        if !self.gauge.is_closed() && self.gauge.is_flooded(self.watch.now()) {
            self.end(accepting, Reason::ENHANCE_YOUR_CALM);
            context.waker().wake_by_ref();
        }
        self.watch.register(context);
        self.arm(self.phase(accepting.has_streams()));
        if self.watch.is_cut() {
            return Poll::Ready(None);
        }
        if self.watch.is_late() {
            match self.armed {
                Some((Phase::Idle, _)) => {
                    self.told = true;
                    accepting.graceful_shutdown();
                    context.waker().wake_by_ref();
                }
                Some((Phase::Fresh | Phase::Head | Phase::Sending, _)) => {
                    self.end(accepting, Reason::ENHANCE_YOUR_CALM);
                    context.waker().wake_by_ref();
                }
                _ => return Poll::Ready(None),
            }
        }
        Poll::Pending
    }

    /// Tells the client why nothing more is read.
    fn end<T: Transport>(&self, accepting: &mut Accepting<T>, why: Reason) {
        self.gauge.close();
        accepting.abrupt_shutdown(why);
    }

    fn phase(&self, has_streams: bool) -> Phase {
        let is_open = Rc::strong_count(&self.open) > 1;
        match () {
            () if self.gauge.is_closed() || self.gauge.is_shutting() => Phase::Ending,
            () if self.gauge.is_in_block() => Phase::Head,
            () if is_open => Phase::Busy,
            () if has_streams => Phase::Sending,
            () if self.told => Phase::Ending,
            () if self.gauge.is_in_frame() => Phase::Head,
            () if self.gauge.blocks() == 0 => Phase::Fresh,
            () => Phase::Idle,
        }
    }

    /// Sets the deadline when the phase has changed, or its work came forward.
    fn arm(&mut self, phase: Phase) {
        let config = self.app.config();
        let progress = match phase {
            Phase::Sending => self.gauge.written(),
            Phase::Head | Phase::Idle => self.gauge.blocks(),
            Phase::Fresh | Phase::Busy | Phase::Ending => 0,
        };
        if self.armed == Some((phase, progress)) {
            return;
        }
        self.armed = Some((phase, progress));
        self.watch.arm(match phase {
            Phase::Fresh | Phase::Head => config.header_timeout_ms,
            Phase::Busy => 0,
            Phase::Sending => config.body_timeout_ms,
            Phase::Idle => config.keep_alive_ms,
            Phase::Ending => ENDING_MS,
        });
    }

    /// Goes with a request as far as it comes at once; what waits becomes a task of its own.
    async fn begin(&self, (request, respond): Asked) {
        let watch = self.watch.stream();
        let stream = Stream::new(Rc::clone(&self.app), request, respond, self.peer, watch);
        let open = Rc::clone(&self.open);
        let mut serving = Box::pin(async move {
            stream.serve().await;
            drop(open);
        });
        let begun = poll_fn(|context| Poll::Ready(serving.as_mut().poll(context))).await;
        if begun.is_pending() {
            tokio::task::spawn_local(serving);
        }
    }
}
