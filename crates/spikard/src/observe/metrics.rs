//! Counters of one worker and their text (Prometheus exposition format 0.0.4). Labels come from the app's routes, the
//! registered methods and the statuses that were given: a client cannot make a new one.

use std::cell::{Cell, RefCell};
use std::fmt::Write as _;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// Of the text.
pub(crate) const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Upper bounds of the buckets of durations in seconds, as text and in nanoseconds.
const BOUNDS: [(&str, u64); 13] = [
    ("0.001", 1_000_000),
    ("0.0025", 2_500_000),
    ("0.005", 5_000_000),
    ("0.01", 10_000_000),
    ("0.025", 25_000_000),
    ("0.05", 50_000_000),
    ("0.1", 100_000_000),
    ("0.25", 250_000_000),
    ("0.5", 500_000_000),
    ("1", 1_000_000_000),
    ("2.5", 2_500_000_000),
    ("5", 5_000_000_000),
    ("10", 10_000_000_000),
];

/// Every other method is [`OTHER`] (RFC 9110 section 9.3, RFC 5789).
const METHODS: [&str; 9] = [
    "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT",
];
const OTHER: &str = "_OTHER";

/// The route of requests that no route takes.
const UNMATCHED: &str = "unmatched";

/// What one worker has counted since it began.
#[derive(Debug)]
pub(crate) struct Metrics {
    /// Process and app within it: several workers answer behind one address.
    worker: String,
    open: Cell<u64>,
    /// Where each plan counts.
    plans: Vec<usize>,
    /// The last one is of requests without a route.
    routes: Vec<Route>,
}

/// All methods of a template together.
#[derive(Debug, Default)]
struct Route {
    template: String,
    /// By method and status; few, the most frequent first to come.
    answers: RefCell<Vec<(&'static str, u16, u64)>>,
    answered: Cell<u64>,
    buckets: [Cell<u64>; BOUNDS.len()],
    nanoseconds: Cell<u64>,
    received: Cell<u64>,
    sent: Cell<u64>,
    failed: Cell<u64>,
    unanswered: Cell<u64>,
}

/// The method, or [`OTHER`].
pub(super) fn registered(method: &str) -> &'static str {
    let known = METHODS.iter().find(|known| **known == method);
    known.copied().unwrap_or(OTHER)
}

fn add(counter: &Cell<u64>, count: u64) {
    counter.set(counter.get().wrapping_add(count));
}

impl Metrics {
    /// `templates` of the plans, in their order.
    pub(super) fn new(templates: &[String]) -> Self {
        static APPS: AtomicUsize = AtomicUsize::new(0);
        let app = APPS.fetch_add(1, Ordering::Relaxed);
        let mut routes: Vec<Route> = Vec::new();
        let mut plans = Vec::new();
        for template in templates {
            let known = routes.iter().position(|route| route.template == *template);
            plans.push(known.unwrap_or(routes.len()));
            if known.is_none() {
                routes.push(Route {
                    template: template.clone(),
                    ..Route::default()
                });
            }
        }
        routes.push(Route {
            template: UNMATCHED.to_owned(),
            ..Route::default()
        });
        Self {
            worker: format!("{}.{app}", std::process::id()),
            open: Cell::new(0),
            plans,
            routes,
        }
    }

    pub(super) fn opened(&self) {
        add(&self.open, 1);
    }

    pub(super) fn closed(&self) {
        self.open.set(self.open.get().saturating_sub(1));
    }

    pub(super) fn answered(&self, plan: Option<usize>, method: &str, status: u16, taken: Duration) {
        let route = self.route(plan);
        let method = registered(method);
        let mut answers = route.answers.borrow_mut();
        match answers
            .iter_mut()
            .find(|answer| answer.1 == status && answer.0 == method)
        {
            Some((.., count)) => *count += 1,
            None => answers.push((method, status, 1)),
        }
        let taken = u64::try_from(taken.as_nanos()).unwrap_or(u64::MAX);
        if let Some(bucket) = BOUNDS.iter().position(|(_, bound)| taken <= *bound) {
            add(&route.buckets[bucket], 1);
        }
        add(&route.answered, 1);
        add(&route.nanoseconds, taken);
        add(&route.failed, u64::from(status >= 500));
    }

    pub(super) fn unanswered(&self, plan: Option<usize>) {
        add(&self.route(plan).unanswered, 1);
    }

    pub(super) fn received(&self, plan: Option<usize>, bytes: u64) {
        add(&self.route(plan).received, bytes);
    }

    pub(super) fn sent(&self, plan: Option<usize>, bytes: u64) {
        add(&self.route(plan).sent, bytes);
    }

    fn route(&self, plan: Option<usize>) -> &Route {
        let at = plan.and_then(|plan| self.plans.get(plan));
        &self.routes[at.copied().unwrap_or(self.routes.len() - 1)]
    }

    /// All of it as text. Routes that nobody asked for are left out.
    pub(crate) fn render(&self) -> String {
        let mut page = Page {
            text: String::new(),
            worker: &self.worker,
        };
        let asked = |route: &&Route| route.answered.get() + route.unanswered.get() > 0;
        let routes: Vec<_> = self.routes.iter().filter(asked).collect();

        page.begin(
            "http_requests_total",
            "counter",
            "Requests that were answered.",
        );
        for route in &routes {
            for (method, status, count) in route.answers.borrow().iter() {
                let labels = format!("{},method=\"{method}\",status=\"{status}\"", label(route));
                page.line("http_requests_total", &labels, *count);
            }
        }
        let name = "http_request_duration_seconds";
        page.begin(
            name,
            "histogram",
            "From a request's head to that of its answer.",
        );
        for route in &routes {
            page.durations(name, route);
        }
        page.begin(
            "http_requests_in_flight",
            "gauge",
            "Requests that are under way.",
        );
        page.line("http_requests_in_flight", "", self.open.get());
        let name = "http_request_body_bytes";
        page.begin(
            name,
            "summary",
            "Bodies of requests, without their framing.",
        );
        for route in &routes {
            page.sizes(name, route, &route.received);
        }
        let name = "http_response_body_bytes";
        page.begin(name, "summary", "Bodies of answers, without their framing.");
        for route in &routes {
            page.sizes(name, route, &route.sent);
        }
        let help = "Answers with a status of 5xx, and requests given up without an answer.";
        page.begin("http_errors_total", "counter", help);
        for route in &routes {
            for (kind, count) in [("status", &route.failed), ("unanswered", &route.unanswered)] {
                let labels = format!("{},kind=\"{kind}\"", label(route));
                page.line("http_errors_total", &labels, count.get());
            }
        }
        page.text
    }
}

/// The text as it grows.
struct Page<'m> {
    text: String,
    worker: &'m str,
}

impl Page<'_> {
    fn begin(&mut self, name: &str, kind: &str, help: &str) {
        self.put(format_args!("# HELP {name} {help}\n# TYPE {name} {kind}\n"));
    }

    fn line(&mut self, name: &str, labels: &str, value: impl std::fmt::Display) {
        let comma = if labels.is_empty() { "" } else { "," };
        let worker = self.worker;
        self.put(format_args!(
            "{name}{{{labels}{comma}worker=\"{worker}\"}} {value}\n"
        ));
    }

    fn durations(&mut self, name: &str, route: &Route) {
        let (bucket, labels) = (format!("{name}_bucket"), label(route));
        let mut below = 0;
        for ((bound, _), count) in BOUNDS.iter().zip(&route.buckets) {
            below += count.get();
            self.line(&bucket, &format!("{labels},le=\"{bound}\""), below);
        }
        let count = route.answered.get();
        self.line(&bucket, &format!("{labels},le=\"+Inf\""), count);
        let seconds = route.nanoseconds.get() as f64 / 1e9;
        self.line(&format!("{name}_sum"), &labels, seconds);
        self.line(&format!("{name}_count"), &labels, count);
    }

    fn sizes(&mut self, name: &str, route: &Route, bytes: &Cell<u64>) {
        let labels = label(route);
        self.line(&format!("{name}_sum"), &labels, bytes.get());
        self.line(&format!("{name}_count"), &labels, route.answered.get());
    }

    fn put(&mut self, text: std::fmt::Arguments<'_>) {
        self.text
            .write_fmt(text)
            .expect("invariant: a string takes every text");
    }
}

fn label(route: &Route) -> String {
    format!("route=\"{}\"", escaped(&route.template))
}

/// The value of a label.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metrics() -> Metrics {
        let templates = ["/items/{id}", "/items/{id}", "/a\"b\\"];
        Metrics::new(&templates.map(str::to_owned))
    }

    fn value(text: &str, name: &str, labels: &[&str]) -> Option<f64> {
        let has = |line: &&str| {
            line.strip_prefix(name).is_some_and(|rest| {
                rest.starts_with('{') && labels.iter().all(|label| rest.contains(label))
            })
        };
        text.lines().find(has)?.rsplit_once(' ')?.1.parse().ok()
    }

    #[test]
    fn methods_of_a_template_are_counted_apart_and_timed_together() {
        let metrics = metrics();
        let millisecond = Duration::from_millis(1);
        metrics.answered(Some(0), "GET", 200, millisecond);
        metrics.answered(Some(0), "GET", 200, millisecond * 3);
        metrics.answered(Some(1), "PUT", 503, millisecond * 20_000);
        let text = metrics.render();
        let item = "route=\"/items/{id}\"";
        let of = |name: &str, labels: &[&str]| value(&text, name, labels);
        let got = of(
            "http_requests_total",
            &[item, "method=\"GET\"", "status=\"200\""],
        );
        assert_eq!(got, Some(2.0));
        let put = of(
            "http_requests_total",
            &[item, "method=\"PUT\"", "status=\"503\""],
        );
        assert_eq!(put, Some(1.0));
        let below = |bound| of("http_request_duration_seconds_bucket", &[item, bound]);
        assert_eq!(below("le=\"0.001\""), Some(1.0));
        assert_eq!(below("le=\"0.005\""), Some(2.0));
        assert_eq!(below("le=\"10\""), Some(2.0));
        assert_eq!(below("le=\"+Inf\""), Some(3.0));
        assert_eq!(
            of("http_request_duration_seconds_sum", &[item]),
            Some(20.004)
        );
        assert_eq!(
            of("http_errors_total", &[item, "kind=\"status\""]),
            Some(1.0)
        );
    }

    #[test]
    fn clients_make_no_labels() {
        let metrics = metrics();
        for method in ["BREW", "STEEP", ""] {
            metrics.answered(None, method, 501, Duration::ZERO);
        }
        metrics.unanswered(Some(9));
        let text = metrics.render();
        let labels = ["route=\"unmatched\"", "method=\"_OTHER\"", "status=\"501\""];
        assert_eq!(value(&text, "http_requests_total", &labels), Some(3.0));
        let lost = value(
            &text,
            "http_errors_total",
            &["unmatched", "kind=\"unanswered\""],
        );
        assert_eq!(lost, Some(1.0));
        assert!(!text.contains("BREW") && !text.contains("/items"));
    }

    #[test]
    fn labels_are_escaped_and_families_stand_together() {
        let metrics = metrics();
        metrics.answered(Some(2), "GET", 200, Duration::ZERO);
        metrics.answered(Some(0), "GET", 200, Duration::ZERO);
        let text = metrics.render();
        assert!(text.contains(r#"route="/a\"b\\""#), "{text}");
        let mut families = Vec::new();
        for line in text.lines() {
            if let Some(rest) = line.strip_prefix("# TYPE ") {
                families.push(rest.split(' ').next().unwrap_or_default());
            } else if !line.starts_with('#') {
                let family = families.last().expect("a type before its samples");
                assert!(line.starts_with(family), "{line} stands below {family}");
            }
        }
    }
}
