//! The story of one connection: read a head, open it, read its body, call, answer, again. Knows no socket and no route,
//! and needs no runtime unless it is watched.

use super::chunked::Decoded;
use super::crew::keep_step;
use super::encode::Rest;
use super::framing::{self, Content, Framing, Parsed, Reading};
use super::http2;
use super::lines::Fields;
use super::link::{Filled, Gone, Link, Remote};
use super::service::Serve;
use super::transport::Transport;
use super::turn::{
    After, Answered, Awaited, Held, Message, Replies, Turn, Waiting, Whole, call, excuse, open,
    proceed,
};
use crate::endpoint::{Cancel, give_up};
use crate::exchange::Exchange;
use crate::stream::Answer;
use crate::upgrade::{self, Switch};
use crate::{Config, Problem, Reply, Trailers};
use std::future::poll_fn;
use std::mem;
use std::rc::Rc;
use std::task::{Context, Poll};

/// Replies to pipelined requests gather up to here before they are written.
pub(super) const GATHER: usize = 64 << 10;

/// A connection that has sent nothing when draining begins may have its request under way.
const FRESH_MS: u64 = 1_000;

/// Serves one connection to its end. The loop stands here, not in a function of its own, because each poll of a connection
/// would pass through one future more.
pub(crate) async fn converse<S: Serve, T: Transport>(app: Rc<S>, transport: T, remote: Remote) {
    let mut connection = Connection::new(app, transport, remote);
    let end = loop {
        if connection.closing {
            break End::Closed;
        }
        let mut step = poll_fn(|context| Poll::Ready(connection.step(context))).await;
        if let Step::Hold(held) = step {
            step = match connection.hold(held).await {
                Ok(step) => step,
                Err(Gone) => return,
            };
        }
        if let Step::Read = step {
            step = match connection.read().await {
                Ok(Filled::Data) if connection.link.is_in_step() => {
                    keep_step().await;
                    continue;
                }
                Ok(Filled::Data) => continue,
                Ok(Filled::Late) if connection.phase >= Phase::Head => connection.time_out(),
                // A line that has no end was not judged again with each piece of it.
                Ok(Filled::End) if mem::take(&mut connection.tried) > 0 => {
                    match poll_fn(|context| Poll::Ready(connection.step(context))).await {
                        Step::Read => break End::Closed,
                        refused => refused,
                    }
                }
                Ok(Filled::End | Filled::Late | Filled::Draining) => break End::Closed,
                Err(Gone) => return,
            };
        }
        let rest = match step {
            Step::Deliver(rest) => rest,
            Step::Wait(waiting) => match connection.wait(waiting).await {
                Ok(rest) => rest,
                Err(Gone) => return,
            },
            Step::Http2 => break End::Http2,
            // A held request was asked about; one that waits for bytes has read.
            Step::Read | Step::Hold(_) => continue,
        };
        if let Rest::Upgrade(switch) = rest {
            match connection.flush(&[]).await {
                Ok(()) => break End::Upgraded(switch),
                Err(Gone) => return,
            }
        }
        if let Err(Gone) = connection.deliver(rest).await {
            return;
        }
    };
    match end {
        // Failing to say goodbye changes nothing: the connection is dropped either way.
        End::Closed => _ = connection.close().await,
        End::Http2 => {
            let (io, first, remote) = connection.link.into_parts();
            // Boxed: it is larger than all that a connection of HTTP/1.1 needs.
            Box::pin(http2::converse(connection.app, io, first, remote)).await;
        }
        End::Upgraded(switch) => {
            let (io, first, remote) = connection.link.into_parts();
            Box::pin(upgrade::converse(switch, io, first, remote.watch)).await;
        }
    }
}

pub(super) struct Connection<S, T> {
    pub(super) app: Rc<S>,
    pub(super) link: Link<T>,
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
    pub(super) closing: bool,
    /// The client may still be sending what was refused.
    pub(super) unread: bool,
    /// A request was answered on it.
    answered: bool,
}

/// How a connection of HTTP/1.1 ends.
enum End {
    Closed,
    /// It never was one.
    Http2,
    /// It speaks another protocol from here on.
    Upgraded(Box<Switch>),
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
    Hold(Box<Held>),
    Http2,
    Deliver(Rest),
}

impl<S: Serve, T: Transport> Connection<S, T> {
    fn new(app: Rc<S>, transport: T, remote: Remote) -> Self {
        Self {
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
        }
    }

    /// Goes as far as the bytes that are here allow: past replies that have room in the output buffer.
    fn step(&mut self, context: &mut Context<'_>) -> Step {
        loop {
            let turn = match self.message.take() {
                Some(message) => self.resume(message, context),
                None => self.begin(context),
            };
            match self.follow(turn) {
                Step::Deliver(Rest::None) if !self.closing && self.link.out.len() < GATHER => {}
                step => return step,
            }
        }
    }

    #[inline(always)]
    fn follow(&mut self, turn: Turn) -> Step {
        match turn {
            Turn::Partial => Step::Read,
            Turn::Body(message) => {
                self.phase = Phase::Body;
                self.message = Some(message);
                Step::Read
            }
            Turn::Wait(waiting) => Step::Wait(waiting),
            Turn::Hold(held) => Step::Hold(held),
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
        let app = &self.app;
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
                replies.answer(app, exchange, head, reply, framing, after)
            }
        };
        self.tried = tried;
        self.ask_for_body(turn, context)
    }

    /// A client that waits for it is told to send its body.
    fn ask_for_body(&mut self, turn: Turn, context: &mut Context<'_>) -> Turn {
        match turn {
            Turn::Body(message) => {
                let here = self.link.input.bytes().len();
                if message.framing.expects_continue && here == message.head {
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
        let mut trailers = None;
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
                    Decoded::Whole => {
                        let fields = &bytes[decoder.body_end..decoder.end];
                        // At least the first half of the empty line that ends them.
                        trailers = (fields.len() > 1).then(|| Rc::new(Trailers::of_lines(fields)));
                        (decoder.body_end, decoder.raw)
                    }
                    Decoded::Refused(problem) => return self.refuse(*message, problem),
                    Decoded::More => {
                        let (from, to) = (decoder.end, decoder.raw);
                        decoder.raw = from;
                        self.link.input.cut(from, to);
                        return Turn::Body(message);
                    }
                }
            }
        };
        let app = &self.app;
        let bytes = self.link.input.bytes();
        let replies = Replies {
            out: &mut self.link.out,
            remote: &self.link.remote,
        };
        with_head(bytes, app.config(), |parsed| {
            let body = &bytes[message.head..body];
            let Message {
                mut exchange,
                framing,
                ..
            } = *message;
            exchange.take_trailers(trailers);
            let whole = Whole {
                head: &parsed.head,
                body,
                framing,
                length,
            };
            call(app, exchange, whole, replies, context)
        })
    }

    /// Answers the current message, whose head has been read.
    fn reply(&mut self, exchange: Exchange, reply: Reply, framing: Framing, after: After) -> Turn {
        let app = &self.app;
        let replies = Replies {
            out: &mut self.link.out,
            remote: &self.link.remote,
        };
        with_head(self.link.input.bytes(), app.config(), |parsed| {
            replies.answer(app, exchange, Some(&parsed.head), reply, framing, after)
        })
    }

    fn refuse(&mut self, message: Message, problem: Problem) -> Turn {
        let Message {
            exchange, framing, ..
        } = message;
        self.reply(exchange, Err(problem), framing, After::Close)
    }

    /// The client was too slow with a head or a body.
    fn time_out(&mut self) -> Step {
        let turn = match self.message.take() {
            Some(message) => {
                let problem = Problem::request_timeout("the body stopped arriving");
                self.refuse(*message, problem)
            }
            None => {
                let problem = Problem::request_timeout("the head did not arrive in time");
                let replies = Replies {
                    out: &mut self.link.out,
                    remote: &self.link.remote,
                };
                let exchange = self.app.unusable();
                let (framing, after) = (Framing::UNKNOWN, After::Close);
                replies.answer(&self.app, exchange, None, Err(problem), framing, after)
            }
        };
        self.follow(turn)
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

    /// Waits until the hooks have spoken, then goes on.
    async fn hold(&mut self, held: Box<Held>) -> Result<Step, Gone> {
        let Held {
            exchange,
            framing,
            mut verdict,
            head,
        } = *held;
        self.link.arm(exchange.timeout_ms.unwrap_or(0));
        let spoken = self.until(head, |context| verdict.as_mut().poll(context));
        let verdict = match spoken.await {
            Ok(spoken) => spoken,
            Err(why) => {
                give_up(why, verdict);
                Some(Err(excuse(why)?))
            }
        };
        let opened = self
            .app
            .go_on(exchange, verdict, framing.content != Content::None);
        let mut opened = Some(opened);
        let turn = poll_fn(|context| {
            let opened = opened.take().expect("invariant: it is ready at once");
            let app = &self.app;
            let bytes = self.link.input.bytes();
            let replies = Replies {
                out: &mut self.link.out,
                remote: &self.link.remote,
            };
            let turn = with_head(bytes, app.config(), |parsed| {
                proceed(app, opened, parsed, bytes, replies, context)
            });
            Poll::Ready(self.ask_for_body(turn, context))
        });
        let turn = turn.await;
        Ok(self.follow(turn))
    }

    async fn wait(&mut self, waiting: Box<Waiting>) -> Result<Rest, Gone> {
        let mut waiting = waiting;
        loop {
            let Waiting {
                exchange,
                mut framing,
                answer,
                after,
            } = *waiting;
            let mut answer = Answer::new(answer);
            self.link.arm(exchange.timeout_ms.unwrap_or(0));
            let answered = self.until(after.length(), |context| answer.poll(context));
            let reply = match answered.await {
                Ok(reply) => reply,
                Err(why) => {
                    give_up(why, answer.pending);
                    framing.keep_alive = false;
                    Err(excuse(why)?)
                }
            };
            match self.reply(exchange, reply, framing, after) {
                Turn::Wait(hooks) => waiting = hooks,
                Turn::Answered(answered) => return Ok(self.leave_behind(answered)),
                _ => unreachable!("invariant: a reply is given or waited for"),
            }
        }
    }

    /// Polls until it is ready, unless the client leaves, the time is over or the worker ends. `length` bytes of the buffer
    /// are the message's.
    async fn until<V>(
        &mut self,
        length: usize,
        mut poll: impl FnMut(&mut Context<'_>) -> Poll<V>,
    ) -> Result<V, Cancel> {
        let link = &mut self.link;
        poll_fn(|context| {
            if let Poll::Ready(value) = poll(context) {
                return Poll::Ready(Ok(value));
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
        .await
    }
}

/// Reads the head of the current message again: it was read before, and has not changed.
fn with_head<R>(bytes: &[u8], config: &Config, run: impl FnOnce(&Parsed<'_>) -> R) -> R {
    let mut fields = Fields::new();
    let Reading::Complete(parsed) = framing::read(bytes, &mut fields, config) else {
        unreachable!("invariant: a head that was complete stays complete")
    };
    run(&parsed)
}
