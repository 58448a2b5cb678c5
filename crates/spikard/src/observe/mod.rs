//! What operators see of requests: access log, metrics, traces, slow handlers. An app that asks for none of them pays for one look
//! at a pointer. Changes no answer, and of requests what says where they stand in a trace.

mod metrics;
mod otlp;
mod sampler;
mod trace;

pub(crate) use metrics::{CONTENT_TYPE, Metrics};
pub(crate) use otlp::Target;
pub(crate) use trace::{Trace, hex};

use crate::defects::defect;
use crate::plan::Plan;
use crate::proxies::Seen;
use crate::request_id::RequestId;
use crate::{Body, Config, Head, Response, log};
use sampler::Sampler;
use std::cell::{Cell, RefCell};
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

/// Notes that are kept for requests to come; there are rarely more under way in one worker.
const SPARE: usize = 1024;

/// Looks at the requests of one worker's app.
#[derive(Debug)]
pub(crate) struct Observer {
    access_log: bool,
    /// From which time on a handler is told to be slow.
    slow: Option<Duration>,
    metrics: Option<Rc<Metrics>>,
    /// `None` where requests stand in no traces.
    traces: Option<Sampler>,
    /// Where spans go; `None` when nobody collects them.
    exporter: Option<otlp::Exporter>,
    /// The templates of the plans.
    routes: Vec<Arc<str>>,
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
    trace: Option<Arc<Trace>>,
}

/// A request that is observed, or one that nobody looks at.
#[derive(Debug, Default)]
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
    /// `None` when `config` asks for nothing; `routes` are the templates of the plans, `target` is where spans go.
    pub(crate) fn new(
        config: &Config,
        routes: Vec<String>,
        target: Option<Target>,
    ) -> Option<Rc<Self>> {
        let follows = target.as_ref().map_or(Sampler::FOLLOWS, Target::sampler);
        let traces = config.trace.then_some(follows);
        let slow = config.slow_handler_ms;
        let observer = Self {
            access_log: config.access_log,
            slow: (slow > 0).then(|| Duration::from_millis(slow)),
            metrics: (!config.metrics_path.is_empty()).then(|| Rc::new(Metrics::new(&routes))),
            traces,
            exporter: target.map(otlp::Exporter::new),
            routes: routes.into_iter().map(Arc::from).collect(),
            spare: RefCell::default(),
        };
        let asked = traces.is_some()
            || observer.access_log
            || observer.slow.is_some()
            || observer.metrics.is_some();
        asked.then(|| Rc::new(observer))
    }

    pub(crate) fn metrics(&self) -> Option<&Rc<Metrics>> {
        self.metrics.as_ref()
    }

    /// Waits, but not for long, until what was seen has reached whoever collects it.
    pub(crate) fn flush(&self) {
        if let Some(exporter) = &self.exporter {
            exporter.flush();
        }
    }

    /// A request has come; `head` is `None` when it could not be read.
    pub(crate) fn observe(self: &Rc<Self>, head: Option<&Head<'_>>) -> Observed {
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
            trace: self
                .traces
                .map(|sampler| Arc::new(Trace::of(head, sampler))),
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
                log::failure(
                    log::Level::Warning,
                    "slow-handler",
                    operation,
                    id.as_str(),
                    &cause,
                );
            }
        }
        if let (Some(exporter), Some(trace)) = (&self.exporter, &notes.trace)
            && trace.is_sampled()
        {
            exporter.take(otlp::Span {
                trace: Arc::clone(trace),
                method: metrics::registered(head.map_or("", |head| head.method)),
                route: notes
                    .route
                    .and_then(|route| self.routes.get(route))
                    .cloned(),
                path: head.map_or("", Head::path).to_owned(),
                status: response.status,
                ended: SystemTime::now(),
                taken,
            });
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
                trace: notes.trace.as_deref(),
            });
        }
    }

    fn ended(&self, mut notes: Box<Notes>) {
        notes.trace = None;
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

    /// Where it stands in a trace; `None` where nobody follows it.
    #[inline(always)]
    pub(crate) fn trace(&self) -> Option<Arc<Trace>> {
        self.0.as_ref()?.1.trace.clone()
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

/// Runs `run` with the head as the app sees it: without what nobody vouches for, and in its place in a trace.
#[inline(never)]
pub(crate) fn present<R>(
    seen: Option<&Seen>,
    trace: Option<&Trace>,
    head: &Head<'_>,
    run: impl FnOnce(&Head<'_>) -> R,
) -> R {
    let traced = |head: &Head<'_>| match trace {
        Some(trace) if !defect("trace-not-seen") => trace.present(head, run),
        _ => run(head),
    };
    match seen {
        Some(seen) => seen.present(head, traced),
        None => traced(head),
    }
}
