//! One request as far as the bytes that are here go: opened, called, answered, or what it waits for. Touches no socket;
//! what it gives borrows nothing from the buffers.

use super::chunked::{self, Chunked};
use super::encode::{self, Coding, Rest};
use super::framing::{Content, Framing, Parsed};
use super::link::{Gone, Remote};
use super::service::Serve;
use crate::endpoint::Cancel;
use crate::exchange::{Exchange, Opened};
use crate::hooks::{Concluded, Verdict};
use crate::trailers;
use crate::{Body, Flow, Head, Problem, Reply, Response};
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::Context;

/// An unread body up to this size is read past; for a larger one the connection closes.
const SKIP: u64 = 64 << 10;

/// A request whose body is under way. Offsets count from the start of its head.
pub(super) struct Message {
    pub(super) exchange: Exchange,
    pub(super) framing: Framing,
    /// Bytes of the head.
    pub(super) head: usize,
    pub(super) body: Awaited,
}

pub(super) enum Awaited {
    Length(usize),
    Chunked(Chunked),
}

/// A request whose handler has not answered yet.
pub(super) struct Waiting {
    pub(super) exchange: Exchange,
    pub(super) framing: Framing,
    pub(super) answer: Pin<Box<dyn Future<Output = Reply>>>,
    pub(super) after: After,
}

/// A request that hooks look at before its body is read.
pub(super) struct Held {
    pub(super) exchange: Exchange,
    pub(super) framing: Framing,
    pub(super) verdict: Pin<Box<dyn Future<Output = Verdict>>>,
    /// Bytes of the head.
    pub(super) head: usize,
}

/// How far the bytes that are here have brought a request. Borrows nothing from the buffer.
pub(super) enum Turn {
    Partial,
    Body(Box<Message>),
    Wait(Box<Waiting>),
    Hold(Box<Held>),
    /// The client speaks HTTP/2 (RFC 9113 section 3.4).
    Http2,
    Answered(Answered),
}

/// A reply that is in the output buffer, but for `rest`.
pub(super) struct Answered {
    pub(super) rest: Rest,
    pub(super) after: After,
    /// It is the connection's last one.
    pub(super) close: bool,
}

impl After {
    /// Bytes of the message that are in the buffer.
    pub(super) fn length(self) -> usize {
        match self {
            Self::Next(length) | Self::Skip(length, _) => length,
            Self::Close => 0,
        }
    }
}

/// What follows a reply.
#[derive(Clone, Copy)]
pub(super) enum After {
    /// The next message, behind this many bytes.
    Next(usize),
    /// The same, but this many bytes of this one have not arrived yet.
    Skip(usize, u64),
    /// Nothing; the client may still be sending.
    Close,
}

/// Where the replies of a connection go.
pub(super) struct Replies<'l> {
    pub(super) out: &'l mut Vec<u8>,
    pub(super) remote: &'l Remote,
}

impl Replies<'_> {
    /// Gives a reply, unless hooks look at it first.
    #[inline(always)]
    pub(super) fn answer<S: Serve>(
        self,
        app: &Rc<S>,
        exchange: Exchange,
        head: Option<&Head<'_>>,
        reply: Reply,
        framing: Framing,
        after: After,
    ) -> Turn {
        if exchange.passage().is_none() {
            return Turn::Answered(self.give(&**app, &exchange, head, reply, &framing, after));
        }
        self.answer_past_hooks(app, exchange, head, reply, framing, after)
    }

    #[cold]
    #[inline(never)]
    fn answer_past_hooks<S: Serve>(
        self,
        app: &Rc<S>,
        mut exchange: Exchange,
        head: Option<&Head<'_>>,
        reply: Reply,
        framing: Framing,
        after: After,
    ) -> Turn {
        match app.conclude(&mut exchange, reply) {
            Concluded::Now(reply) => {
                Turn::Answered(self.give(&**app, &exchange, head, reply, &framing, after))
            }
            Concluded::Later(answer) => Turn::Wait(Box::new(Waiting {
                exchange,
                framing,
                answer,
                after,
            })),
        }
    }

    /// Finishes an exchange and appends its reply.
    fn give<S: Serve>(
        self,
        app: &S,
        exchange: &Exchange,
        head: Option<&Head<'_>>,
        reply: Reply,
        framing: &Framing,
        after: After,
    ) -> Answered {
        let mut response = app.finish(exchange, head, reply);
        let changes = response.status == 101;
        if changes {
            check_change(&mut response, framing, after);
        }
        let close = !changes
            && (matches!(after, After::Close)
                || !framing.keep_alive
                || encode::must_close(&response, framing)
                || self.remote.is_draining());
        let mut rest = encode::reply(self.out, response, &exchange.request_id, framing, close);
        if let Rest::Stream(_, coding @ Coding::Chunked) = &mut rest
            && head.is_some_and(trailers::are_taken)
        {
            *coding = Coding::ChunkedWithTrailers;
        }
        Answered { rest, after, close }
    }
}

/// The protocol changes behind a whole request of HTTP/1.1; HTTP/1.0 has no other (RFC 9110 section 7.8).
#[cold]
fn check_change(response: &mut Response, framing: &Framing, after: After) {
    let can = framing.modern && !framing.is_head && matches!(after, After::Next(_));
    if let (Body::Upgrade(switch), false) = (&response.body, can) {
        *response = Response::empty(426).header("upgrade", switch.protocol);
    }
}

/// A message that has wholly arrived.
pub(super) struct Whole<'b> {
    pub(super) head: &'b Head<'b>,
    pub(super) body: &'b [u8],
    pub(super) framing: Framing,
    /// Bytes of the message as sent.
    pub(super) length: usize,
}

pub(super) fn open<S: Serve>(
    app: &Rc<S>,
    parsed: &Parsed<'_>,
    bytes: &[u8],
    replies: Replies<'_>,
    context: &mut Context<'_>,
) -> Turn {
    let has_body = parsed.framing.content != Content::None;
    let opened = app.open(&parsed.head, has_body, replies.remote.peer);
    proceed(app, opened, parsed, bytes, replies, context)
}

/// Goes on with what was opened. Inlined, as are those that it calls: what each request moves is too large to be handed on.
#[inline(always)]
pub(super) fn proceed<S: Serve>(
    app: &Rc<S>,
    opened: Opened,
    parsed: &Parsed<'_>,
    bytes: &[u8],
    replies: Replies<'_>,
    context: &mut Context<'_>,
) -> Turn {
    let Parsed {
        head,
        length,
        framing,
    } = parsed;
    let (length, framing) = (*length, *framing);
    let here = bytes.len() - length;
    let exchange = match opened {
        Opened::Accepted(exchange) => exchange,
        Opened::Refused(exchange, reply) => {
            let after = leave(length, here, &framing);
            return replies.answer(app, exchange, Some(head), reply, framing, after);
        }
        Opened::Held(exchange, verdict) => {
            return Turn::Hold(Box::new(Held {
                exchange,
                framing,
                verdict,
                head: length,
            }));
        }
    };
    let limit = exchange.body.limit;
    let body = match framing.content {
        Content::Length(count) if count > limit => {
            let reply = Err(chunked::too_large(limit));
            return replies.answer(app, exchange, Some(head), reply, framing, After::Close);
        }
        Content::None => Awaited::Length(0),
        // The limit fits: what it lets through does as well.
        Content::Length(count) => Awaited::Length(usize::try_from(count).unwrap_or(usize::MAX)),
        Content::Chunked => Awaited::Chunked(Chunked::at(length)),
    };
    match body {
        Awaited::Length(count) if count <= here => {
            let whole = Whole {
                head,
                body: &bytes[length..length + count],
                framing,
                length: length + count,
            };
            call(app, exchange, whole, replies, context)
        }
        body => Turn::Body(Box::new(Message {
            exchange,
            framing,
            head: length,
            body,
        })),
    }
}

#[inline(always)]
pub(super) fn call<S: Serve>(
    app: &Rc<S>,
    exchange: Exchange,
    whole: Whole<'_>,
    replies: Replies<'_>,
    context: &mut Context<'_>,
) -> Turn {
    let Whole {
        head,
        body,
        framing,
        length,
    } = whole;
    let peer = replies.remote.peer;
    let after = After::Next(length);
    let reply = match app.call(&exchange, head, body, peer, context) {
        Flow::Done(reply) => reply,
        Flow::Pending(answer) => {
            return Turn::Wait(Box::new(Waiting {
                exchange,
                framing,
                answer,
                after,
            }));
        }
        // The pipeline answers refusals of an endpoint itself.
        Flow::Refused => {
            let cause = "the pipeline let a refusal through";
            Err(Problem::internal("").because(cause))
        }
    };
    replies.answer(app, exchange, Some(head), reply, framing, after)
}

/// What the client is told about an answer that was given up; nothing where nobody would hear it.
pub(super) fn excuse(why: Cancel) -> Result<Problem, Gone> {
    match why {
        Cancel::Deadline => Ok(Problem::handler_timeout(
            "the handler did not answer in time",
        )),
        Cancel::ClientGone | Cancel::Shutdown => Err(Gone),
    }
}

/// What follows a reply that was given without reading the body, of which `here` bytes or more have arrived.
fn leave(length: usize, here: usize, framing: &Framing) -> After {
    match framing.content {
        Content::None => After::Next(length),
        Content::Length(count) if count <= here as u64 => After::Next(length + count as usize),
        // Who waits for 100 Continue sends no body after a final reply.
        Content::Length(count) if count <= SKIP && !framing.expects_continue => {
            After::Skip(length + here, count - here as u64)
        }
        Content::Length(_) | Content::Chunked => After::Close,
    }
}
