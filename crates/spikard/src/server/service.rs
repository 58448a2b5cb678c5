//! What the codec asks of an app. It reads and writes messages and knows no route; two things answer it: `Frozen` and
//! the stand-in of the codec's own tests.

use crate::pipeline::{Exchange, Opened};
use crate::{Config, Flow, Frozen, Head, Reply, Response};
use std::net::SocketAddr;
use std::task::Context;

/// An app as the codec sees it; see `Frozen`'s methods of the same names.
pub(crate) trait Serve: 'static {
    fn config(&self) -> &Config;
    fn set_ready(&self, ready: bool);
    fn open(&self, head: &Head<'_>, has_body: bool) -> Opened;
    fn unusable(&self) -> Exchange;
    fn call(
        &self,
        exchange: &Exchange,
        head: &Head<'_>,
        body: &[u8],
        peer: Option<SocketAddr>,
        context: &mut Context<'_>,
    ) -> Flow;
    fn finish(&self, exchange: &Exchange, head: Option<&Head<'_>>, reply: Reply) -> Response;
}

impl Serve for Frozen {
    fn config(&self) -> &Config {
        self.config()
    }

    fn set_ready(&self, ready: bool) {
        self.set_ready(ready);
    }

    fn open(&self, head: &Head<'_>, has_body: bool) -> Opened {
        self.open(head, has_body)
    }

    fn unusable(&self) -> Exchange {
        self.unusable()
    }

    fn call(
        &self,
        exchange: &Exchange,
        head: &Head<'_>,
        body: &[u8],
        peer: Option<SocketAddr>,
        context: &mut Context<'_>,
    ) -> Flow {
        self.call(exchange, head, body, peer, context)
    }

    fn finish(&self, exchange: &Exchange, head: Option<&Head<'_>>, reply: Reply) -> Response {
        self.finish(exchange, head, reply)
    }
}
