//! What operators see of requests: access log, metrics, slow handlers. An app that asks for none of them pays for one look
//! at a pointer; one that does allocates nothing per request. Changes no request and no answer.

mod metrics;

pub(crate) use metrics::{CONTENT_TYPE, Metrics};

use crate::defects::defect;
use crate::plan::Plan;
use crate::request_id::RequestId;
use crate::{Body, Config, Head, Response, log};
use std::cell::{Cell, RefCell};
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::time::{Duration, Instant};

/// Notes that are kept for requests to come; there are rarely more under way in one worker.
const SPARE: usize = 1024;

/// Looks at the requests of one worker's app.
#[derive(Debug)]
pub(crate) struct Observer {
    access_log: bool,
    /// From which time on a handler is told to be slow.
    slow: Option<Duration>,
    metrics: Option<Rc<Metrics>>,
    #[allow(clippy::vec_box, reason = "the boxes are what is kept")]
    spare: RefCell<Vec<Box<Notes>>>,
}

/// What is noted of one request.
#[derive(Debug)]
struct Notes {
    started: Instant,
    client: Option<IpAddr>,
    route: Option<usize>,
    /// When its handler was called.
    called: Cell<Option<Instant>>,
    /// Bytes of its body.
    received: Cell<u64>,
    answered: Cell<bool>,
}

/// A request that is observed, or one that nobody looks at.
#[derive(Debug)]
pub(crate) struct Observed(Option<(Rc<Observer>, Box<Notes>)>);

/// An answer, as it is about to leave.
pub(crate) struct Leaving<'a> {
    /// `None` when it could not be read.
    pub(crate) head: Option<&'a Head<'a>>,
    pub(crate) plan: Option<&'a Plan>,
    pub(crate) response: &'a Response,
    pub(crate) id: &'a RequestId,
}

/// Counts the bytes of a streamed body.
pub(crate) struct Sent {
    metrics: Rc<Metrics>,
    route: Option<usize>,
}

impl Sent {
    pub(crate) fn add(&self, bytes: usize) {
        self.metrics.sent(self.route, bytes as u64);
    }
}

impl Observer {
    /// `None` when `config` asks for nothing; `routes` are the templates of the plans.
    pub(crate) fn new(config: &Config, routes: Vec<String>) -> Option<Rc<Self>> {
        let slow = config.slow_handler_ms;
        let observer = Self {
            access_log: config.access_log,
            slow: (slow > 0).then(|| Duration::from_millis(slow)),
            metrics: (!config.metrics_path.is_empty()).then(|| Rc::new(Metrics::new(routes))),
            spare: RefCell::default(),
        };
        let asked = observer.access_log || observer.slow.is_some() || observer.metrics.is_some();
        asked.then(|| Rc::new(observer))
    }

    pub(crate) fn metrics(&self) -> Option<&Rc<Metrics>> {
        self.metrics.as_ref()
    }

    /// A request has come.
    pub(crate) fn observe(self: &Rc<Self>) -> Observed {
        if let Some(metrics) = &self.metrics {
            metrics.opened();
        }
        let notes = Notes {
            started: Instant::now(),
            client: None,
            route: None,
            called: Cell::new(None),
            received: Cell::new(0),
            answered: Cell::new(false),
        };
        let kept = self.spare.borrow_mut().pop();
        let notes = match kept {
            None => Box::new(notes),
            Some(mut kept) => {
                *kept = notes;
                kept
            }
        };
        Observed(Some((Rc::clone(self), notes)))
    }

    #[inline(never)]
    fn leaving(&self, notes: &Notes, leaving: &Leaving<'_>) {
        let Leaving {
            head,
            plan,
            response,
            id,
        } = leaving;
        notes.answered.set(true);
        let taken = notes.started.elapsed();
        let operation = plan.map(|plan| plan.operation.as_str());
        let lost = response.status >= 400 && defect("metrics-problems-lost");
        if let Some(metrics) = self.metrics.as_ref().filter(|_| !lost) {
            let method = head.map_or("", |head| head.method);
            metrics.answered(notes.route, method, response.status, taken);
            metrics.received(notes.route, notes.received.get());
            metrics.sent(
                notes.route,
                if method == "HEAD" { 0 } else { size(response) },
            );
        }
        if let (Some(limit), Some(called)) = (self.slow, notes.called.get()) {
            let taken = called.elapsed();
            if taken >= limit {
                let cause = format!("answered after {} ms", taken.as_millis());
                log::failure("warning", "slow-handler", operation, id.as_str(), &cause);
            }
        }
        if self.access_log {
            log::access(&log::Access {
                method: head.map_or("", |head| head.method),
                path: head.map_or("", Head::path),
                operation,
                status: response.status,
                milliseconds: taken.as_secs_f64() * 1000.0,
                request_id: id.as_str(),
                client: notes.client,
            });
        }
    }

    fn ended(&self, notes: Box<Notes>) {
        if let Some(metrics) = &self.metrics {
            metrics.closed();
            if !notes.answered.get() {
                metrics.unanswered(notes.route);
            }
        }
        let mut spare = self.spare.borrow_mut();
        if spare.len() < SPARE {
            spare.push(notes);
        }
    }
}

impl Observed {
    /// Nobody looks.
    pub(crate) const NOT: Self = Self(None);

    /// Who asks, and for which route.
    #[inline(always)]
    pub(crate) fn found(&mut self, peer: Option<SocketAddr>, route: Option<usize>) {
        if let Some((_, notes)) = &mut self.0 {
            notes.client = peer.map(|peer| peer.ip());
            notes.route = route;
        }
    }

    /// The handler is about to be called, with a body of `received` bytes.
    #[inline(always)]
    pub(crate) fn called(&self, received: usize) {
        if let Some((observer, notes)) = &self.0 {
            notes.received.set(received as u64);
            notes.called.set(observer.slow.map(|_| Instant::now()));
        }
    }

    #[inline(always)]
    pub(crate) fn leaving(&self, leaving: &Leaving<'_>) {
        if let Some((observer, notes)) = &self.0 {
            observer.leaving(notes, leaving);
        }
    }

    /// Who counts the bytes of its answer, where that is a stream.
    pub(crate) fn stream(&self, head: Option<&Head<'_>>) -> Option<Sent> {
        let (observer, notes) = self.0.as_ref()?;
        let metrics = Rc::clone(observer.metrics.as_ref()?);
        let route = notes.route;
        let has_body = head.is_none_or(|head| head.method != "HEAD");
        has_body.then_some(Sent { metrics, route })
    }
}

impl Drop for Observed {
    #[inline(always)]
    fn drop(&mut self) {
        if let Some((observer, notes)) = self.0.take() {
            observer.ended(notes);
        }
    }
}

/// Bytes of a body that is here; a stream counts itself.
fn size(response: &Response) -> u64 {
    let length = match &response.body {
        Body::Empty | Body::Stream(_) | Body::Upgrade(_) => 0,
        Body::Static(bytes) => bytes.len(),
        Body::Full(bytes) => bytes.len(),
    };
    length as u64
}
