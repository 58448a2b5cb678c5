//! A stand-in for an app: a few paths that make the codec do each thing it can do. Checks nothing.

use crate::endpoint::{Cancel, cancel_reason};
use crate::exchange::{BodyPlan, Exchange, Opened};
use crate::hooks::{Concluded, Verdict};
use crate::request_id::RequestId;
use crate::response::ChunkSource;
use crate::server::service::Serve;
use crate::status::Counted;
use crate::{Body, Config, Flow, Head, Problem, Reply, Response};
use bytes::Bytes;
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

#[derive(Default)]
pub(super) struct Double {
    pub(super) config: Config,
    pub(super) ready: Cell<bool>,
    /// `METHOD target body` of each call.
    pub(super) calls: RefCell<Vec<String>>,
    /// Why `/never` was given up.
    pub(super) given_up: Rc<Cell<Option<Cancel>>>,
    /// What `/gated` waits for: that it is open, and to be told.
    pub(super) gate: Rc<(Cell<bool>, tokio::sync::Notify)>,
    /// How many chunks `/endless` was asked for, and whether it was dropped.
    pub(super) pulled: Rc<Cell<usize>>,
    pub(super) dropped: Rc<Cell<bool>>,
}

impl Serve for Double {
    fn config(&self) -> &Config {
        &self.config
    }

    fn set_ready(&self, ready: bool) {
        self.ready.set(ready);
    }

    fn open(self: &Rc<Self>, head: &Head<'_>, _: bool, _: Option<SocketAddr>) -> Opened {
        let exchange = Exchange {
            body: BodyPlan {
                limit: self.config.body_limit,
            },
            timeout_ms: Some(self.config.handler_timeout_ms),
            ..self.unusable()
        };
        match head.path() {
            "/unknown" => Opened::Refused(exchange, Err(Problem::not_found(""))),
            _ => Opened::Accepted(exchange),
        }
    }

    fn go_on(&self, exchange: Exchange, _: Verdict, _: bool) -> Opened {
        Opened::Accepted(exchange)
    }

    fn conclude(self: &Rc<Self>, _: &mut Exchange, reply: Reply) -> Concluded {
        Concluded::Now(reply)
    }

    fn unusable(&self) -> Exchange {
        Exchange {
            body: BodyPlan { limit: 0 },
            timeout_ms: None,
            request_id: RequestId::of(Some(b"id")),
            route: None,
            media: None,
            extra: None,
            _counted: Counted::open(),
        }
    }

    fn call(
        self: &Rc<Self>,
        _exchange: &Exchange,
        head: &Head<'_>,
        body: &[u8],
        peer: Option<SocketAddr>,
        _context: &mut Context<'_>,
    ) -> Flow {
        let said = format!(
            "{} {} {}",
            head.method,
            head.target,
            String::from_utf8_lossy(body)
        );
        self.calls.borrow_mut().push(said.clone());
        Flow::Done(Ok(match head.path() {
            "/peer" => text(200, &peer.map_or_else(String::new, |peer| peer.to_string())),
            "/empty" => Response::empty(204),
            "/not-modified" => text(304, ""),
            "/odd" => Response {
                headers: vec![
                    ("Content-Length".into(), "7".into()),
                    ("set-cookie".into(), "a=1".into()),
                    ("Connection".into(), "upgrade".into()),
                    ("set-cookie".into(), "b=2".into()),
                ],
                ..text(299, "odd")
            },
            "/static" => Response {
                body: Body::Static(&[b'x'; 40_000]),
                ..text(200, "")
            },
            "/large" => text(200, &"y".repeat(300_000)),
            "/stream" => stream(Chunks(VecDeque::from([
                Ok(Bytes::from_static(b"one")),
                Ok(Bytes::new()),
                Ok(Bytes::from(vec![b'z'; 20_000])),
                Ok(Bytes::from_static(b"three")),
            ]))),
            "/broken" => stream(Chunks(VecDeque::from([
                Ok(Bytes::from_static(b"one")),
                Err(io::ErrorKind::Other.into()),
            ]))),
            "/endless" => stream(Endless {
                pulled: Rc::clone(&self.pulled),
                dropped: Rc::clone(&self.dropped),
            }),
            "/later" => {
                return Flow::Pending(Box::pin(async move {
                    yield_once().await;
                    Ok(text(200, &said))
                }));
            }
            "/gated" => {
                let gate = Rc::clone(&self.gate);
                return Flow::Pending(Box::pin(async move {
                    if !gate.0.get() {
                        gate.1.notified().await;
                    }
                    Ok(text(200, &said))
                }));
            }
            "/slow" => {
                return Flow::Pending(Box::pin(async move {
                    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
                    Ok(text(200, &said))
                }));
            }
            "/panics-at-once" => panic!("a panic that nobody shields"),
            "/panics" => {
                return Flow::Pending(Box::pin(async { panic!("a panic of a handler") }));
            }
            "/never" => {
                let never = Never(Rc::clone(&self.given_up));
                return Flow::Pending(Box::pin(never));
            }
            _ => text(200, &said),
        }))
    }

    fn finish(&self, _exchange: &Exchange, _head: Option<&Head<'_>>, reply: Reply) -> Response {
        reply.unwrap_or_else(|problem| {
            let cause = problem.cause.clone().unwrap_or_default();
            Response {
                content_type: Some("application/problem+json".into()),
                ..text(
                    problem.status,
                    &format!("{}: {}{cause}", problem.code, problem.detail),
                )
            }
        })
    }
}

fn text(status: u16, text: &str) -> Response {
    Response {
        status,
        content_type: Some("text/plain".into()),
        headers: Vec::new(),
        body: Body::Full(text.as_bytes().to_vec()),
    }
}

fn stream(source: impl ChunkSource + 'static) -> Response {
    Response {
        body: Body::Stream(Box::new(source)),
        ..text(200, "")
    }
}

async fn yield_once() {
    let mut yielded = false;
    std::future::poll_fn(|context| {
        if std::mem::replace(&mut yielded, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

type Next<'s> = Pin<Box<dyn Future<Output = Option<io::Result<Bytes>>> + 's>>;

struct Chunks(VecDeque<io::Result<Bytes>>);

impl ChunkSource for Chunks {
    fn next(&mut self) -> Next<'_> {
        Box::pin(async {
            yield_once().await;
            self.0.pop_front()
        })
    }
}

struct Endless {
    pulled: Rc<Cell<usize>>,
    dropped: Rc<Cell<bool>>,
}

impl ChunkSource for Endless {
    fn next(&mut self) -> Next<'_> {
        Box::pin(async {
            self.pulled.set(self.pulled.get() + 1);
            Some(Ok(Bytes::from_static(&[b'e'; 1000])))
        })
    }
}

impl Drop for Endless {
    fn drop(&mut self) {
        self.dropped.set(true);
    }
}

struct Never(Rc<Cell<Option<Cancel>>>);

impl Future for Never {
    type Output = Reply;

    fn poll(self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<Reply> {
        Poll::Pending
    }
}

impl Drop for Never {
    fn drop(&mut self) {
        self.0.set(Some(cancel_reason()));
    }
}
