//! One request as far as the bytes that are here go: opened, called, answered, or what it waits for. Touches no socket;
//! what it gives borrows nothing from the buffers.

use super::chunked::{self, Chunked};
use super::encode::{self, Rest};
use super::framing::{Content, Framing, Parsed};
use super::link::Remote;
use super::service::Serve;
use crate::pipeline::{Exchange, Opened};
use crate::{Flow, Head, Problem, Reply};
use std::future::Future;
use std::pin::Pin;
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
    /// Bytes of the message, its body included.
    pub(super) length: usize,
}

/// How far the bytes that are here have brought a request. Borrows nothing from the buffer.
pub(super) enum Turn {
    Partial,
    Body(Box<Message>),
    Wait(Box<Waiting>),
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
    /// Finishes an exchange and appends its reply.
    pub(super) fn give<S: Serve>(
        self,
        app: &S,
        exchange: &Exchange,
        head: Option<&Head<'_>>,
        reply: Reply,
        framing: &Framing,
        after: After,
    ) -> Answered {
        let response = app.finish(exchange, head, reply);
        let close = matches!(after, After::Close)
            || !framing.keep_alive
            || encode::must_close(&response, framing)
            || self.remote.is_draining();
        let rest = encode::reply(self.out, response, &exchange.request_id, framing, close);
        Answered { rest, after, close }
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
    app: &S,
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
    let exchange = match app.open(head, framing.content != Content::None) {
        Opened::Accepted(exchange) => exchange,
        Opened::Refused(exchange, reply) => {
            let after = leave(length, here, &framing);
            let answered = replies.give(app, &exchange, Some(head), reply, &framing, after);
            return Turn::Answered(answered);
        }
    };
    let limit = exchange.body.limit;
    let body = match framing.content {
        Content::Length(count) if count > limit => {
            let reply = Err(chunked::too_large(limit));
            let after = After::Close;
            let answered = replies.give(app, &exchange, Some(head), reply, &framing, after);
            return Turn::Answered(answered);
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

pub(super) fn call<S: Serve>(
    app: &S,
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
    let reply = match app.call(&exchange, head, body, peer, context) {
        Flow::Done(reply) => reply,
        Flow::Pending(answer) => {
            return Turn::Wait(Box::new(Waiting {
                exchange,
                framing,
                answer,
                length,
            }));
        }
        // The pipeline answers refusals of an endpoint itself.
        Flow::Refused => {
            let cause = "the pipeline let a refusal through";
            Err(Problem::internal("").because(cause))
        }
    };
    let after = After::Next(length);
    Turn::Answered(replies.give(app, &exchange, Some(head), reply, &framing, after))
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
