//! The story of one connection: read a head, open it, read its body, call, answer, again. Knows no socket and no route,
//! and needs no runtime unless it is watched.

use super::chunked::Decoded;
use super::crew::keep_step;
use super::encode::{self, COPY_LIMIT, Coding, Rest};
use super::framing::{self, Framing, Reading};
use super::http2;
use super::lines::Fields;
use super::link::{Filled, Gone, Link, Remote};
use super::service::Serve;
use super::transport::Transport;
use super::turn::{After, Answered, Awaited, Message, Replies, Turn, Waiting, Whole, call, open};
use crate::endpoint::{Cancel, give_up};
use crate::pipeline::Exchange;
use crate::response::ChunkSource;
use crate::stream::Answer;
use crate::{Config, Head, Problem, Reply};
use bytes::Bytes;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Context, Poll};

/// Replies to pipelined requests gather up to here before they are written.
const GATHER: usize = 64 << 10;

/// For how long, and for how many bytes, a closing connection listens on, so that a reset does not overtake its last
/// reply (RFC 9112 section 9.6).
const LINGER_MS: u64 = 1_000;
const LINGER_BYTES: usize = 1 << 20;

/// A connection that has sent nothing when draining begins may have its request under way.
const FRESH_MS: u64 = 1_000;

/// Serves one connection to its end.
pub(crate) async fn converse<S: Serve, T: Transport>(app: Rc<S>, transport: T, remote: Remote) {
    let mut connection = Connection {
        app,
        link: Link::new(transport, remote),
        message: None,
        skip: 0,
        tried: 0,
        phase: Phase::Fresh,
        armed: None,
        closing: false,
        unread: false,
        answered: false,
    };
    match connection.talk().await {
        // Failing to say goodbye changes nothing: the connection is dropped either way.
        Ok(End::Closed) => _ = connection.close().await,
        Ok(End::Http2) => {
            let (io, first, remote) = connection.link.into_parts();
            // Boxed: it is larger than all that a connection of HTTP/1.1 needs.
            Box::pin(http2::converse(connection.app, io, first, remote)).await;
        }
        Err(Gone) => {}
    }
}

struct Connection<S, T> {
    app: Rc<S>,
    link: Link<T>,
    /// Opened; its body has not wholly arrived.
    message: Option<Box<Message>>,
    /// Bytes still to come of a body that nobody wants.
    skip: u64,
    /// Bytes of an incomplete head that were parsed.
    tried: usize,
    phase: Phase,
    /// The phase whose deadline is set.
    armed: Option<Phase>,
    /// The last reply was given.
    closing: bool,
    /// The client may still be sending what was refused.
    unread: bool,
    /// A request was answered on it.
    answered: bool,
}

/// How a connection of HTTP/1.1 ends.
enum End {
    Closed,
    /// It never was one.
    Http2,
}

/// What a connection waits for; decides its time limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Phase {
    /// Its first byte.
    Fresh,
    /// Its next request.
    Idle,
    Head,
    Body,
}

enum Step {
    Read,
    Wait(Box<Waiting>),
    Http2,
    Deliver(Rest),
}

impl<S: Serve, T: Transport> Connection<S, T> {
    async fn talk(&mut self) -> Result<End, Gone> {
        while !self.closing {
            let rest = match poll_fn(|context| Poll::Ready(self.step(context))).await {
                Step::Deliver(rest) => rest,
                Step::Wait(waiting) => self.wait(waiting).await?,
                Step::Http2 => return Ok(End::Http2),
                Step::Read => match self.read().await? {
                    Filled::Data if self.link.is_in_step() => {
                        keep_step().await;
                        continue;
                    }
                    Filled::Data => continue,
                    Filled::Late if self.phase >= Phase::Head => self.time_out(),
                    Filled::End | Filled::Late | Filled::Draining => return Ok(End::Closed),
                },
            };
            self.deliver(rest).await?;
        }
        Ok(End::Closed)
    }

    /// Goes as far as the bytes that are here allow.
    fn step(&mut self, context: &mut Context<'_>) -> Step {
        let turn = match self.message.take() {
            Some(message) => self.resume(message, context),
            None => self.begin(context),
        };
        match turn {
            Turn::Partial => Step::Read,
            Turn::Body(message) => {
                self.phase = Phase::Body;
                self.message = Some(message);
                Step::Read
            }
            Turn::Wait(waiting) => Step::Wait(waiting),
            Turn::Http2 => Step::Http2,
            Turn::Answered(answered) => Step::Deliver(self.leave_behind(answered)),
        }
    }

    fn begin(&mut self, context: &mut Context<'_>) -> Turn {
        self.pass_over();
        let config = self.app.config();
        let bytes = self.link.input.bytes();
        if bytes.is_empty() {
            self.phase = self.phase.min(Phase::Idle);
            return Turn::Partial;
        }
        self.phase = Phase::Head;
        // A head is parsed again only when a further line is there: one that comes byte by byte costs linear time.
        let is_old = self.tried > 0 && memchr::memchr(b'\n', &bytes[self.tried..]).is_none();
        if is_old && framing::fits(bytes, config) {
            self.tried = bytes.len();
            return Turn::Partial;
        }
        let tried = bytes.len();
        let app = &*self.app;
        let answered = self.answered;
        let replies = Replies {
            out: &mut self.link.out,
            remote: &self.link.remote,
        };
        let turn = match framing::read(bytes, &mut Fields::new(), config) {
            Reading::Complete(parsed) => open(app, &parsed, bytes, replies, context),
            Reading::Partial => Turn::Partial,
            // Looked for where HTTP/1.1 ends, so that it costs nothing before.
            Reading::Refused(..)
                if !answered && http2::is_spoken(bytes, config, replies.remote) =>
            {
                Turn::Http2
            }
            Reading::Refused(problem, head) => {
                let framing = Framing {
                    is_head: head.as_ref().is_some_and(|head| head.method == "HEAD"),
                    ..Framing::UNKNOWN
                };
                let (exchange, reply) = (app.unusable(), Err(problem));
                let (head, after) = (head.as_ref(), After::Close);
                Turn::Answered(replies.give(app, &exchange, head, reply, &framing, after))
            }
        };
        self.tried = tried;
        match turn {
            Turn::Body(message) => {
                if message.framing.expects_continue && tried == message.head {
                    self.link
                        .out
                        .extend_from_slice(b"HTTP/1.1 100 Continue\r\n\r\n");
                }
                self.resume(message, context)
            }
            turn => turn,
        }
    }

    /// Before a head: the rest of an unwanted body, and empty lines (RFC 9112 section 2.2).
    fn pass_over(&mut self) {
        let input = &mut self.link.input;
        let here = input.bytes().len();
        let unwanted = usize::try_from(self.skip).map_or(here, |skip| skip.min(here));
        input.consume(unwanted);
        self.skip -= unwanted as u64;
        while self.skip == 0 && input.bytes().starts_with(b"\r\n") {
            input.consume(2);
            self.tried = 0;
        }
    }

    fn resume(&mut self, mut message: Box<Message>, context: &mut Context<'_>) -> Turn {
        let (body, length) = match &mut message.body {
            Awaited::Length(count) => {
                let end = message.head + *count;
                if self.link.input.bytes().len() < end {
                    return Turn::Body(message);
                }
                (end, end)
            }
            Awaited::Chunked(decoder) => {
                let limit = message.exchange.body.limit;
                let bytes = self.link.input.bytes_mut();
                match decoder.advance(bytes, message.head, limit) {
                    Decoded::Whole => (decoder.body_end, decoder.raw),
                    Decoded::Refused(problem) => return self.refuse(*message, problem),
                    Decoded::More => {
                        let (from, to) = (decoder.body_end, decoder.raw);
                        decoder.raw = from;
                        self.link.input.cut(from, to);
                        return Turn::Body(message);
                    }
                }
            }
        };
        let app = &*self.app;
        let bytes = self.link.input.bytes();
        let replies = Replies {
            out: &mut self.link.out,
            remote: &self.link.remote,
        };
        with_head(bytes, app.config(), |head| {
            let body = &bytes[message.head..body];
            let Message {
                exchange, framing, ..
            } = *message;
            let whole = Whole {
                head,
                body,
                framing,
                length,
            };
            call(app, exchange, whole, replies, context)
        })
    }

    /// Answers the current message, whose head has been read.
    fn reply(
        &mut self,
        exchange: &Exchange,
        reply: Reply,
        framing: &Framing,
        after: After,
    ) -> Answered {
        let app = &*self.app;
        let replies = Replies {
            out: &mut self.link.out,
            remote: &self.link.remote,
        };
        with_head(self.link.input.bytes(), app.config(), |head| {
            replies.give(app, exchange, Some(head), reply, framing, after)
        })
    }

    fn refuse(&mut self, message: Message, problem: Problem) -> Turn {
        let Message {
            exchange, framing, ..
        } = message;
        Turn::Answered(self.reply(&exchange, Err(problem), &framing, After::Close))
    }

    /// The client was too slow with a head or a body.
    fn time_out(&mut self) -> Rest {
        let after = After::Close;
        let answered = match self.message.take() {
            Some(message) => {
                let problem = Problem::request_timeout("the body stopped arriving");
                self.reply(&message.exchange, Err(problem), &message.framing, after)
            }
            None => {
                let problem = Problem::request_timeout("the head did not arrive in time");
                let replies = Replies {
                    out: &mut self.link.out,
                    remote: &self.link.remote,
                };
                let app = &*self.app;
                let exchange = app.unusable();
                replies.give(app, &exchange, None, Err(problem), &Framing::UNKNOWN, after)
            }
        };
        self.leave_behind(answered)
    }

    /// Goes on after a reply.
    fn leave_behind(&mut self, answered: Answered) -> Rest {
        let Answered { rest, after, close } = answered;
        self.link.count();
        self.unread = !matches!(after, After::Next(_));
        self.closing = close;
        match after {
            After::Next(length) => self.link.input.consume(length),
            After::Skip(length, missing) => {
                self.link.input.consume(length);
                self.skip = missing;
            }
            After::Close => {}
        }
        self.tried = 0;
        self.answered = true;
        self.phase = Phase::Idle;
        self.armed = None;
        rest
    }

    async fn read(&mut self) -> Result<Filled, Gone> {
        if !self.link.out.is_empty() && self.link.is_in_step() {
            keep_step().await;
        }
        self.flush(&[]).await?;
        let config = self.app.config();
        if self.armed != Some(self.phase) || self.phase == Phase::Body {
            self.armed = Some(self.phase);
            self.link.arm(match self.phase {
                Phase::Fresh | Phase::Head => config.header_timeout_ms,
                Phase::Idle => config.keep_alive_ms,
                Phase::Body => config.body_timeout_ms,
            });
        }
        let wanted = match &self.message {
            Some(message) if let Awaited::Length(count) = message.body => {
                (message.head + count).saturating_sub(self.link.input.bytes().len())
            }
            _ => 0,
        };
        let filled = self.link.fill(wanted, self.phase < Phase::Head).await?;
        let patience = match (&filled, self.phase, &self.link.remote.watch) {
            (Filled::Draining, Phase::Fresh, _) => FRESH_MS,
            (Filled::Draining, _, Some(watch)) => watch.patience(),
            _ => 0,
        };
        if patience == 0 {
            return Ok(filled);
        }
        self.link.arm(patience);
        self.link.fill(wanted, false).await
    }

    async fn wait(&mut self, waiting: Box<Waiting>) -> Result<Rest, Gone> {
        let Waiting {
            exchange,
            framing,
            answer,
            length,
        } = *waiting;
        let mut answer = Answer::new(answer);
        self.link.arm(exchange.timeout_ms.unwrap_or(0));
        let link = &mut self.link;
        let ended = poll_fn(|context| {
            if let Poll::Ready(reply) = answer.poll(context) {
                return Poll::Ready(Ok(reply));
            }
            link.register(context);
            if let Poll::Ready(Err(Gone)) = link.poll_flush(context) {
                return Poll::Ready(Err(Cancel::ClientGone));
            }
            match () {
                () if link.is_cut() => Poll::Ready(Err(Cancel::Shutdown)),
                () if link.is_late() => Poll::Ready(Err(Cancel::Deadline)),
                () => link
                    .poll_gone(length, context)
                    .map(|Gone| Err(Cancel::ClientGone)),
            }
        })
        .await;
        let (reply, framing) = match ended {
            Ok(reply) => (reply, framing),
            Err(why) => {
                give_up(why, answer.pending);
                if why != Cancel::Deadline {
                    return Err(Gone);
                }
                let problem = Problem::handler_timeout("the handler did not answer in time");
                let framing = Framing {
                    keep_alive: false,
                    ..framing
                };
                (Err(problem), framing)
            }
        };
        let answered = self.reply(&exchange, reply, &framing, After::Next(length));
        Ok(self.leave_behind(answered))
    }

    async fn deliver(&mut self, rest: Rest) -> Result<(), Gone> {
        match rest {
            Rest::None if self.link.out.len() < GATHER => Ok(()),
            Rest::None => self.flush(&[]).await,
            Rest::Static(bytes) => self.flush(bytes).await,
            Rest::Full(bytes) => self.flush(&bytes).await,
            Rest::Stream(source, coding) => self.stream(source, coding).await,
        }
    }

    /// Pulls a chunk when the one before is written: a slow client holds the producer, not the memory.
    async fn stream(
        &mut self,
        mut source: Box<dyn ChunkSource>,
        coding: Coding,
    ) -> Result<(), Gone> {
        self.link.arm(0);
        while let Some(chunk) = self.pull(&mut *source).await? {
            if chunk.is_empty() {
                continue;
            }
            if coding == Coding::Chunked {
                encode::chunk_size(&mut self.link.out, chunk.len());
            }
            if chunk.len() > COPY_LIMIT {
                self.flush(&chunk).await?;
            } else {
                self.link.out.extend_from_slice(&chunk);
            }
            if coding == Coding::Chunked {
                self.link.out.extend_from_slice(b"\r\n");
            }
            self.flush(&[]).await?;
            self.link.arm(0);
        }
        if coding == Coding::Chunked {
            self.link.out.extend_from_slice(b"0\r\n\r\n");
        }
        Ok(())
    }

    /// The next chunk of a stream; gone when the client leaves meanwhile, or the producer fails.
    async fn pull(&mut self, source: &mut dyn ChunkSource) -> Result<Option<Bytes>, Gone> {
        let link = &mut self.link;
        let mut next = source.next();
        let pulled = poll_fn(|context| {
            if let Poll::Ready(pulled) = next.as_mut().poll(context) {
                return Poll::Ready(Ok(pulled));
            }
            link.register(context);
            if let Poll::Ready(Err(Gone)) = link.poll_flush(context) {
                return Poll::Ready(Err(Gone));
            }
            match link.is_cut() {
                true => Poll::Ready(Err(Gone)),
                false => link.poll_gone(0, context).map(Err),
            }
        })
        .await?;
        match pulled {
            Some(Ok(chunk)) => Ok(Some(chunk)),
            None => Ok(None),
            Some(Err(_)) => {
                self.link.abort();
                Err(Gone)
            }
        }
    }

    async fn flush(&mut self, tail: &[u8]) -> Result<(), Gone> {
        let stall = self.app.config().body_timeout_ms;
        self.link.flush(tail, stall).await
    }

    async fn close(&mut self) -> Result<(), Gone> {
        self.flush(&[]).await?;
        let is_done = !self.unread && self.link.input.bytes().is_empty();
        if is_done && !T::SAYS_GOODBYE {
            return Ok(());
        }
        self.link.arm(LINGER_MS);
        self.link.shut_down().await?;
        if is_done {
            return Ok(());
        }
        let mut left = LINGER_BYTES;
        while left > 0 {
            self.link.input.consume(usize::MAX);
            match self.link.fill(0, false).await? {
                Filled::Data => left = left.saturating_sub(self.link.input.bytes().len()),
                _ => break,
            }
        }
        Ok(())
    }
}

/// Reads the head of the current message again: it was read before, and has not changed.
fn with_head<R>(bytes: &[u8], config: &Config, run: impl FnOnce(&Head<'_>) -> R) -> R {
    let mut fields = Fields::new();
    let Reading::Complete(parsed) = framing::read(bytes, &mut fields, config) else {
        unreachable!("invariant: a head that was complete stays complete")
    };
    run(&parsed.head)
}
