//! One request as far as the bytes that are here go: opened, called, answered, or what it waits for. Reads and writes
//! nothing; what it gives borrows nothing from the buffer.

use super::chunked::{self, Chunked};
use super::framing::{Content, Framing, Parsed};
use super::service::Serve;
use crate::pipeline::{Exchange, Finished, Opened};
use crate::{Flow, Head, Problem, Reply};
use std::future::Future;
use std::net::SocketAddr;
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
    Body(Message),
    Wait(Waiting),
    Finished(Finished, Framing, After),
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
    peer: Option<SocketAddr>,
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
            let finished = app.finish(exchange, Some(head), reply);
            return Turn::Finished(finished, framing, leave(length, here, &framing));
        }
    };
    let limit = exchange.body.limit;
    let body = match framing.content {
        Content::Length(count) if count > limit => {
            let reply = Err(chunked::too_large(limit));
            let finished = app.finish(exchange, Some(head), reply);
            return Turn::Finished(finished, framing, After::Close);
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
            call(app, exchange, whole, peer, context)
        }
        body => Turn::Body(Message {
            exchange,
            framing,
            head: length,
            body,
        }),
    }
}

pub(super) fn call<S: Serve>(
    app: &S,
    exchange: Exchange,
    whole: Whole<'_>,
    peer: Option<SocketAddr>,
    context: &mut Context<'_>,
) -> Turn {
    let Whole {
        head,
        body,
        framing,
        length,
    } = whole;
    let reply = match app.call(&exchange, head, body, peer, context) {
        Flow::Done(reply) => reply,
        Flow::Pending(answer) => {
            return Turn::Wait(Waiting {
                exchange,
                framing,
                answer,
                length,
            });
        }
        // The pipeline answers refusals of an endpoint itself.
        Flow::Refused => {
            let cause = "the pipeline let a refusal through";
            Err(Problem::internal("").because(cause))
        }
    };
    let finished = app.finish(exchange, Some(head), reply);
    Turn::Finished(finished, framing, After::Next(length))
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
