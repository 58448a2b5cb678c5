//! The story of one request of HTTP/2: check its head, open it, read its body, call, answer. Knows no other stream of the
//! connection.

use super::fields::Incoming;
use super::reply;
use crate::endpoint::{Cancel, give_up};
use crate::exchange::{Exchange, Opened};
use crate::hooks::{Concluded, Verdict};
use crate::response::ChunkSource;
use crate::server::chunked::too_large;
use crate::server::life::Watch;
use crate::server::link::Gone;
use crate::server::service::Serve;
use crate::server::turn::excuse;
use crate::stream::Answer;
use crate::trailers;
use crate::{Body, Flow, Problem, Reply, Response, Trailers};
use bytes::Bytes;
use h2::server::SendResponse;
use h2::{Reason, RecvStream, SendStream};
use http::{Request, StatusCode};
use std::future::{Future, poll_fn};
use std::net::SocketAddr;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

/// A body up to this size is left to the crate below, which sends it as the client takes it.
const QUEUE: usize = 64 << 10;

/// One request.
pub(super) struct Stream<S> {
    app: Rc<S>,
    incoming: Incoming,
    body: RecvStream,
    respond: SendResponse<Bytes>,
    peer: Option<SocketAddr>,
    watch: Watch,
}

/// A body, and the fields behind it.
#[derive(Default)]
struct Content {
    bytes: Vec<u8>,
    trailers: Option<Rc<Trailers>>,
}

/// Why a body is not read to its end.
enum Unread {
    Gone,
    Refused(Problem),
}

impl<S: Serve> Stream<S> {
    pub(super) fn new(
        app: Rc<S>,
        request: Request<RecvStream>,
        respond: SendResponse<Bytes>,
        peer: Option<SocketAddr>,
        watch: Watch,
    ) -> Self {
        let (parts, body) = request.into_parts();
        Self {
            app,
            incoming: Incoming::of(parts),
            body,
            respond,
            peer,
            watch,
        }
    }

    /// Answers it. Ends early when the client is gone; dropping the stream then tells nobody anything.
    pub(super) async fn serve(mut self) {
        if let Ok((exchange, response)) = self.answer().await {
            self.watch.count();
            let _ = self.deliver(&exchange, response).await;
        }
    }

    async fn answer(&mut self) -> Result<(Exchange, Response), Gone> {
        let app = Rc::clone(&self.app);
        if let Err(problem) = self.incoming.check(app.config()) {
            return self.finish(app.unusable(), Err(problem)).await;
        }
        let length = self.incoming.length();
        let has_body = length.map_or(!self.body.is_end_stream(), |length| length > 0);
        let peer = self.peer;
        let opened = self
            .incoming
            .with_head(|head| app.open(head, has_body, peer));
        let opened = match opened {
            Opened::Held(exchange, verdict) => {
                let verdict = self.hear(verdict, &exchange).await?;
                app.go_on(exchange, verdict, has_body)
            }
            opened => opened,
        };
        let mut exchange = match opened {
            Opened::Accepted(exchange) => exchange,
            Opened::Refused(exchange, reply) => return self.finish(exchange, reply).await,
            Opened::Held(..) => unreachable!("invariant: hooks hold a request once"),
        };
        let content = match self.read(exchange.body.limit, length).await {
            Ok(content) => content,
            Err(Unread::Refused(problem)) => return self.finish(exchange, Err(problem)).await,
            Err(Unread::Gone) => return Err(Gone),
        };
        exchange.take_trailers(content.trailers);
        let content = content.bytes;
        let reply = match self.call(&exchange, &content).await {
            Flow::Done(reply) => reply,
            Flow::Pending(answer) => {
                drop(content);
                self.wait(answer, &exchange).await?
            }
            // The pipeline answers refusals of an endpoint itself.
            Flow::Refused => {
                let cause = "the pipeline let a refusal through";
                Err(Problem::internal("").because(cause))
            }
        };
        self.finish(exchange, reply).await
    }

    async fn finish(
        &mut self,
        mut exchange: Exchange,
        reply: Reply,
    ) -> Result<(Exchange, Response), Gone> {
        let reply = match self.app.conclude(&mut exchange, reply) {
            Concluded::Now(reply) => reply,
            Concluded::Later(answer) => self.wait(answer, &exchange).await?,
        };
        let response = self
            .incoming
            .with_head(|head| self.app.finish(&exchange, Some(head), reply));
        Ok((exchange, response))
    }

    /// The whole body, and what follows it.
    async fn read(&mut self, limit: u64, length: Option<u64>) -> Result<Content, Unread> {
        if length.is_some_and(|length| length > limit) {
            return Err(Unread::Refused(too_large(limit)));
        }
        let mut content = Content::default();
        if self.body.is_end_stream() {
            return Ok(content);
        }
        if self.incoming.expects_continue() {
            let mut interim = http::Response::new(());
            *interim.status_mut() = StatusCode::CONTINUE;
            let told = self.respond.send_informational(interim);
            told.map_err(|_| Unread::Gone)?;
        }
        while let Some(chunk) = self.chunk().await? {
            if (content.bytes.len() + chunk.len()) as u64 > limit {
                return Err(Unread::Refused(too_large(limit)));
            }
            content.bytes.extend_from_slice(&chunk);
            let window = self.body.flow_control();
            let released = window.release_capacity(chunk.len());
            released.map_err(|_| Unread::Gone)?;
        }
        let trailers = self.arrive(RecvStream::poll_trailers).await?;
        content.trailers = trailers.map(|trailers| Rc::new(Trailers::of_map(&trailers)));
        Ok(content)
    }

    async fn chunk(&mut self) -> Result<Option<Bytes>, Unread> {
        let poll = |body: &mut RecvStream, context: &mut Context<'_>| {
            body.poll_data(context).map(Option::transpose)
        };
        self.arrive(poll).await
    }

    /// Waits for more of the body, as long as the client may take.
    async fn arrive<T>(
        &mut self,
        mut poll: impl FnMut(&mut RecvStream, &mut Context<'_>) -> Poll<Result<T, h2::Error>>,
    ) -> Result<T, Unread> {
        self.watch.arm(self.app.config().body_timeout_ms);
        poll_fn(|context| {
            if let Poll::Ready(arrived) = poll(&mut self.body, context) {
                return Poll::Ready(arrived.map_err(|_| Unread::Gone));
            }
            self.watch.register(context);
            match () {
                () if self.watch.is_cut() => Poll::Ready(Err(Unread::Gone)),
                () if self.watch.is_late() => {
                    let problem = Problem::request_timeout("the body stopped arriving");
                    Poll::Ready(Err(Unread::Refused(problem)))
                }
                () => Poll::Pending,
            }
        })
        .await
    }

    async fn call(&self, exchange: &Exchange, content: &[u8]) -> Flow {
        poll_fn(|context| {
            let flow = self
                .incoming
                .with_head(|head| self.app.call(exchange, head, content, self.peer, context));
            Poll::Ready(flow)
        })
        .await
    }

    async fn wait(
        &mut self,
        answer: Pin<Box<dyn Future<Output = Reply>>>,
        exchange: &Exchange,
    ) -> Result<Reply, Gone> {
        let mut answer = Answer::new(answer);
        let limit = exchange.timeout_ms.unwrap_or(0);
        match self.until(limit, |context| answer.poll(context)).await {
            Ok(reply) => Ok(reply),
            Err(why) => {
                give_up(why, answer.pending);
                excuse(why).map(Err)
            }
        }
    }

    /// Waits until the hooks have spoken.
    async fn hear(
        &mut self,
        mut verdict: Pin<Box<dyn Future<Output = Verdict>>>,
        exchange: &Exchange,
    ) -> Result<Verdict, Gone> {
        let limit = exchange.timeout_ms.unwrap_or(0);
        let spoken = self.until(limit, |context| verdict.as_mut().poll(context));
        match spoken.await {
            Ok(spoken) => Ok(spoken),
            Err(why) => {
                give_up(why, verdict);
                excuse(why).map(|problem| Some(Err(problem)))
            }
        }
    }

    /// Polls until it is ready, unless the client leaves, the time is over or the worker ends.
    async fn until<T>(
        &mut self,
        limit: u64,
        mut poll: impl FnMut(&mut Context<'_>) -> Poll<T>,
    ) -> Result<T, Cancel> {
        self.watch.arm(limit);
        poll_fn(|context| {
            if let Poll::Ready(value) = poll(context) {
                return Poll::Ready(Ok(value));
            }
            self.watch.register(context);
            match () {
                () if self.watch.is_cut() => Poll::Ready(Err(Cancel::Shutdown)),
                () if self.watch.is_late() => Poll::Ready(Err(Cancel::Deadline)),
                () => {
                    let reset = self.respond.poll_reset(context);
                    reset.map(|_| Err(Cancel::ClientGone))
                }
            }
        })
        .await
    }

    async fn deliver(&mut self, exchange: &Exchange, response: Response) -> Result<(), Gone> {
        let (head, body) = reply::split(response, &exchange.request_id);
        let bytes = match body {
            Body::Empty => Bytes::new(),
            Body::Static(bytes) => Bytes::from_static(bytes),
            Body::Full(bytes) => Bytes::from(bytes),
            Body::Stream(source) if !self.incoming.is_head() => {
                let sender = self.begin(head, false)?;
                return self.stream(source, sender).await;
            }
            // It has no upgrades: their fields are malformed (RFC 9113 section 8.2.2).
            Body::Stream(_) | Body::Upgrade(_) => Bytes::new(),
        };
        if bytes.is_empty() || self.incoming.is_head() {
            return self.begin(head, true).map(|_| ());
        }
        let mut sender = self.begin(head, false)?;
        if bytes.len() > QUEUE {
            return self.send(bytes, &mut sender, true).await;
        }
        sender.send_data(bytes, true).map_err(|_| Gone)
    }

    fn begin(&mut self, head: http::Response<()>, is_all: bool) -> Result<SendStream<Bytes>, Gone> {
        self.respond.send_response(head, is_all).map_err(|_| Gone)
    }

    /// Pulls a chunk when the one before is taken: a slow client holds the producer, not the memory.
    async fn stream(
        &mut self,
        mut source: Box<dyn ChunkSource>,
        mut sender: SendStream<Bytes>,
    ) -> Result<(), Gone> {
        loop {
            self.watch.arm(0);
            let mut next = source.next();
            let pulled = poll_fn(|context| {
                if let Poll::Ready(pulled) = next.as_mut().poll(context) {
                    return Poll::Ready(Ok(pulled));
                }
                self.watch.register(context);
                match self.watch.is_cut() || sender.poll_reset(context).is_ready() {
                    true => Poll::Ready(Err(Gone)),
                    false => Poll::Pending,
                }
            })
            .await?;
            drop(next);
            match pulled {
                Some(Ok(chunk)) if chunk.is_empty() => {}
                Some(Ok(chunk)) => self.send(chunk, &mut sender, false).await?,
                None => return self.end(&mut *source, &mut sender),
                Some(Err(_)) => {
                    sender.send_reset(Reason::INTERNAL_ERROR);
                    return Err(Gone);
                }
            }
        }
    }

    /// Ends a stream, with what follows its last chunk.
    fn end(
        &self,
        source: &mut dyn ChunkSource,
        sender: &mut SendStream<Bytes>,
    ) -> Result<(), Gone> {
        let trailers = match self.incoming.with_head(trailers::are_taken) {
            true => source.trailers(),
            false => Vec::new(),
        };
        let ended = match trailers.is_empty() {
            true => sender.send_data(Bytes::new(), true),
            false => sender.send_trailers(reply::trailers(&trailers)),
        };
        ended.map_err(|_| Gone)
    }

    /// Sends as much as the client takes at a time; gives up when it takes nothing for too long.
    async fn send(
        &mut self,
        mut bytes: Bytes,
        sender: &mut SendStream<Bytes>,
        is_last: bool,
    ) -> Result<(), Gone> {
        while !bytes.is_empty() {
            self.watch.arm(self.app.config().body_timeout_ms);
            sender.reserve_capacity(bytes.len());
            let room = poll_fn(|context| self.poll_room(sender, context)).await;
            if room.is_err() {
                sender.send_reset(Reason::CANCEL);
            }
            let piece = bytes.split_to(room?.min(bytes.len()));
            let ends = is_last && bytes.is_empty();
            sender.send_data(piece, ends).map_err(|_| Gone)?;
        }
        Ok(())
    }

    fn poll_room(
        &self,
        sender: &mut SendStream<Bytes>,
        context: &mut Context<'_>,
    ) -> Poll<Result<usize, Gone>> {
        self.watch.register(context);
        while sender.capacity() == 0 {
            if self.watch.is_cut() || self.watch.is_late() {
                return Poll::Ready(Err(Gone));
            }
            match ready!(sender.poll_capacity(context)) {
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return Poll::Ready(Err(Gone)),
            }
        }
        Poll::Ready(Ok(sender.capacity()))
    }
}
