//! What the codec asks of an app. It reads and writes messages and knows no route; two things answer it: `Frozen` and
//! the stand-in of the codec's own tests.

use crate::exchange::{Exchange, Opened};
use crate::hooks::{Concluded, Verdict};
use crate::{Config, Flow, Frozen, Head, Reply, Response};
use std::net::SocketAddr;
use std::rc::Rc;
use std::task::Context;

/// An app as the codec sees it; see `Frozen`'s methods of the same names.
pub(crate) trait Serve: 'static {
    fn config(&self) -> &Config;
    fn set_ready(&self, ready: bool);
    /// The worker ends.
    fn flush(&self) {}
    fn open(self: &Rc<Self>, head: &Head<'_>, has_body: bool, peer: Option<SocketAddr>) -> Opened;
    fn go_on(&self, exchange: Exchange, verdict: Verdict, has_body: bool) -> Opened;
    fn unusable(&self) -> Exchange;
    fn call(
        self: &Rc<Self>,
        exchange: &Exchange,
        head: &Head<'_>,
        body: &[u8],
        peer: Option<SocketAddr>,
        context: &mut Context<'_>,
    ) -> Flow;
    fn conclude(self: &Rc<Self>, exchange: &mut Exchange, reply: Reply) -> Concluded;
    fn finish(&self, exchange: &Exchange, head: Option<&Head<'_>>, reply: Reply) -> Response;
}

impl Serve for Frozen {
    fn config(&self) -> &Config {
        self.config()
    }

    fn set_ready(&self, ready: bool) {
        self.set_ready(ready);
    }

    fn flush(&self) {
        self.flush();
    }

    fn open(self: &Rc<Self>, head: &Head<'_>, has_body: bool, peer: Option<SocketAddr>) -> Opened {
        self.open(head, has_body, peer)
    }

    fn go_on(&self, exchange: Exchange, verdict: Verdict, has_body: bool) -> Opened {
        self.go_on(exchange, verdict, has_body)
    }

    fn unusable(&self) -> Exchange {
        self.unusable()
    }

    fn call(
        self: &Rc<Self>,
        exchange: &Exchange,
        head: &Head<'_>,
        body: &[u8],
        peer: Option<SocketAddr>,
        context: &mut Context<'_>,
    ) -> Flow {
        self.call(exchange, head, body, peer, context)
    }

    #[inline]
    fn conclude(self: &Rc<Self>, exchange: &mut Exchange, reply: Reply) -> Concluded {
        self.conclude(exchange, reply)
    }

    fn finish(&self, exchange: &Exchange, head: Option<&Head<'_>>, reply: Reply) -> Response {
        self.finish(exchange, head, reply)
    }
}
