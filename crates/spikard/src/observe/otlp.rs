//! Spans to a collector: OTLP over HTTP, as JSON. A thread sends them in batches, so that no request waits for a collector;
//! what it cannot take is dropped, and told once.

use super::sampler::Sampler;
use super::trace::{Trace, hex};
use crate::cors::items;
use crate::{Config, log};
use serde_json::{Value, json};
use std::fmt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use ureq::tls::{RootCerts, TlsConfig};

/// Spans that wait; more are dropped.
const MOST: usize = 2048;

/// Spans in one request to the collector. So many do not wait for others.
const BATCH: usize = 512;

/// How long the first span of a batch waits for others.
const GATHER: Duration = Duration::from_secs(1);

/// A whole request to the collector.
const TIMEOUT: Duration = Duration::from_secs(5);

/// How long the end of a worker waits for its last spans to be sent.
const FLUSH: Duration = Duration::from_secs(3);

/// Where spans go, and as whose.
#[derive(Clone, PartialEq)]
pub(crate) struct Target {
    url: String,
    /// Fields of each request; the values may be secret.
    headers: Vec<(String, String)>,
    service: String,
    version: String,
    sampler: Sampler,
}

/// One answered request.
#[derive(Debug)]
pub(super) struct Span {
    pub(super) trace: Arc<Trace>,
    /// One that is registered, or `_OTHER`.
    pub(super) method: &'static str,
    /// The template; `None` where no route took it.
    pub(super) route: Option<Arc<str>>,
    pub(super) path: String,
    pub(super) status: u16,
    pub(super) ended: SystemTime,
    pub(super) taken: Duration,
}

/// Takes spans of one worker.
#[derive(Debug)]
pub(super) struct Exporter {
    shared: Arc<Shared>,
    target: Target,
}

#[derive(Debug, Default)]
struct Shared {
    queue: Mutex<Queue>,
    /// Something of the queue changed.
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Queue {
    spans: Vec<Span>,
    dropped: u64,
    /// A thread serves the queue.
    served: bool,
    /// A batch is under way.
    sending: bool,
    /// Somebody waits until everything is sent.
    hurry: bool,
    /// Nobody puts spans in any more.
    closed: bool,
}

impl Target {
    /// Where `config` or the variables that OpenTelemetry has for this say: `None` where nobody says anything.
    ///
    /// # Errors
    /// What is wrong with the address or the fields.
    pub(crate) fn of(
        config: &Config,
        title: &str,
        version: &str,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Option<Self>, String> {
        let set = |name: &str| variable(name).filter(|value| !value.trim().is_empty());
        let own = Some(config.otlp_endpoint.clone()).filter(|own| !own.is_empty());
        let is_off = set("OTEL_SDK_DISABLED").is_some_and(|off| off.eq_ignore_ascii_case("true"));
        if !config.trace || (own.is_none() && is_off) {
            return match own {
                Some(_) if !config.trace => Err(
                    "otlp_endpoint: spans are made where `trace` is on; set trace = true".into(),
                ),
                _ => Ok(None),
            };
        }
        let below = |(name, base): (&'static str, String)| {
            (
                name,
                format!("{}/v1/traces", base.trim().trim_end_matches('/')),
            )
        };
        let named = |name: &'static str| set(name).map(|value| (name, value));
        let url = own
            .map(|own| below(("otlp_endpoint", own)))
            .or_else(|| named("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"))
            .or_else(|| named("OTEL_EXPORTER_OTLP_ENDPOINT").map(below));
        let Some((name, url)) = url else {
            return Ok(None);
        };
        if !is_url(&url) {
            return Err(format!(
                "{name}: \"{url}\" is no address of a collector; write http://127.0.0.1:4318"
            ));
        }
        let service = Some(config.otlp_service.clone()).filter(|own| !own.is_empty());
        let headers = set("OTEL_EXPORTER_OTLP_HEADERS").unwrap_or_default();
        Ok(Some(Self {
            url,
            headers: items(&headers).map(header).collect::<Result<_, _>>()?,
            service: service
                .or_else(|| set("OTEL_SERVICE_NAME"))
                .unwrap_or_else(|| title.to_owned()),
            version: version.to_owned(),
            sampler: Sampler::of(set)?,
        }))
    }

    /// Which traces it is sent.
    pub(super) fn sampler(&self) -> Sampler {
        self.sampler
    }

    fn body(&self, spans: &[Span]) -> Value {
        let spans: Vec<_> = spans.iter().map(Span::write).collect();
        json!({"resourceSpans": [{
            "resource": {"attributes": [
                text("service.name", &self.service),
                text("service.version", &self.version),
                number("process.pid", std::process::id()),
            ]},
            "scopeSpans": [{
                "scope": {"name": "spikard", "version": env!("CARGO_PKG_VERSION")},
                "spans": spans,
            }],
        }]})
    }

    fn send(&self, spans: &[Span]) -> Result<(), String> {
        let body = self.body(spans).to_string();
        // Authorities as this machine has them: a company's own among them.
        let tls = TlsConfig::builder()
            .root_certs(RootCerts::PlatformVerifier)
            .build();
        let agent = ureq::Agent::config_builder()
            .timeout_global(Some(TIMEOUT))
            .max_redirects(0)
            .http_status_as_error(false)
            .tls_config(tls)
            .build()
            .new_agent();
        let mut request = agent.post(&self.url).content_type("application/json");
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        let sent = request.send(body.as_bytes());
        match sent.map_err(|error| error.to_string())?.status().as_u16() {
            200..=299 => Ok(()),
            status => Err(format!("answered with {status}")),
        }
    }
}

/// Without the values of the fields.
impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Target").field(&self.url).finish()
    }
}

fn is_url(text: &str) -> bool {
    let parsed = text.parse::<http::Uri>().ok();
    parsed.is_some_and(|uri| {
        matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some()
    })
}

/// `name=value`, the value percent-encoded.
fn header(text: &str) -> Result<(String, String), String> {
    let wrong = || "OTEL_EXPORTER_OTLP_HEADERS: write name=value,other=value".to_owned();
    let (name, value) = text.split_once('=').ok_or_else(wrong)?;
    let (name, value) = (name.trim(), decoded(value.trim()).ok_or_else(wrong)?);
    let right = crate::head::is_token(name) && http::HeaderValue::from_str(&value).is_ok();
    right.then(|| (name.to_owned(), value)).ok_or_else(wrong)
}

fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        let escaped = after.get(..2).filter(|_| *first == b'%');
        let digits = escaped.and_then(|digits| std::str::from_utf8(digits).ok());
        let byte = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        bytes.push(byte.unwrap_or(*first));
        rest = if byte.is_some() { &after[2..] } else { after };
    }
    String::from_utf8(bytes).ok()
}

fn text(key: &str, value: &str) -> Value {
    json!({"key": key, "value": {"stringValue": value}})
}

/// Numbers of 64 bits are texts in the JSON of Protocol Buffers.
fn number(key: &str, value: u32) -> Value {
    json!({"key": key, "value": {"intValue": value.to_string()}})
}

impl Span {
    /// By the protocol's JSON, and the names that OpenTelemetry has for spans of HTTP servers.
    fn write(&self) -> Value {
        let Self { trace, method, .. } = self;
        let ended = self.ended.duration_since(UNIX_EPOCH).unwrap_or_default();
        let began = ended.saturating_sub(self.taken);
        let mut attributes = vec![
            text("http.request.method", method),
            text("url.path", &self.path),
            number("http.response.status_code", self.status.into()),
        ];
        attributes.extend(self.route.as_deref().map(|route| text("http.route", route)));
        let failed = self.status >= 500;
        if failed {
            attributes.push(text("error.type", &self.status.to_string()));
        }
        let name = match self.route.as_deref() {
            Some(route) => format!("{method} {route}"),
            None => (*method).to_owned(),
        };
        let mut span = json!({
            "traceId": hex(&trace.trace),
            "spanId": hex(&trace.span),
            "flags": trace.flags,
            "name": name,
            "kind": 2,
            "startTimeUnixNano": began.as_nanos().to_string(),
            "endTimeUnixNano": ended.as_nanos().to_string(),
            "attributes": attributes,
            "status": if failed { json!({"code": 2}) } else { json!({}) },
        });
        if let Some(parent) = &trace.parent {
            span["parentSpanId"] = hex(parent).into();
        }
        if !trace.state.is_empty() {
            span["traceState"] = String::from_utf8_lossy(&trace.state).into();
        }
        span
    }
}

impl Exporter {
    pub(super) fn new(target: Target) -> Self {
        let shared = Arc::default();
        Self { shared, target }
    }

    pub(super) fn take(&self, span: Span) {
        let mut queue = self.shared.lock();
        if queue.spans.len() >= MOST {
            queue.dropped += 1;
            return;
        }
        queue.spans.push(span);
        let count = queue.spans.len();
        if !queue.served {
            queue.served = self.begin();
        }
        drop(queue);
        // In between, the thread waits for time to pass.
        if count == 1 || count == BATCH {
            self.shared.changed.notify_all();
        }
    }

    /// With the first span: threads do not outlive a fork.
    fn begin(&self) -> bool {
        let (shared, target) = (Arc::clone(&self.shared), self.target.clone());
        let sending = move || serve(&shared, &target);
        thread::Builder::new()
            .name("spans".to_owned())
            .spawn(sending)
            .is_ok()
    }

    /// Waits, but not for long, until all spans are sent.
    pub(super) fn flush(&self) {
        let mut queue = self.shared.lock();
        if !queue.served {
            return;
        }
        queue.hurry = true;
        self.shared.changed.notify_all();
        let busy = |queue: &mut Queue| !queue.spans.is_empty() || queue.sending;
        let waited = self.shared.changed.wait_timeout_while(queue, FLUSH, busy);
        let (mut queue, _) = waited.unwrap_or_else(PoisonError::into_inner);
        queue.hurry = false;
    }
}

impl Drop for Exporter {
    fn drop(&mut self) {
        self.flush();
        self.shared.lock().closed = true;
        self.shared.changed.notify_all();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next batch, and how many spans were dropped before it. `None` at the end.
    fn next(&self) -> Option<(Vec<Span>, u64)> {
        let mut queue = self.lock();
        queue.sending = false;
        self.changed.notify_all();
        let idle = |queue: &mut Queue| queue.spans.is_empty() && !queue.closed;
        let waited = self.changed.wait_while(queue, idle);
        queue = waited.unwrap_or_else(PoisonError::into_inner);
        let few = |queue: &mut Queue| queue.spans.len() < BATCH && !queue.hurry && !queue.closed;
        let waited = self.changed.wait_timeout_while(queue, GATHER, few);
        (queue, _) = waited.unwrap_or_else(PoisonError::into_inner);
        if queue.spans.is_empty() {
            return None;
        }
        let count = queue.spans.len().min(BATCH);
        queue.sending = true;
        let dropped = std::mem::take(&mut queue.dropped);
        Some((queue.spans.drain(..count).collect(), dropped))
    }
}

fn serve(shared: &Shared, target: &Target) {
    let mut is_away = false;
    while let Some((batch, dropped)) = shared.next() {
        match target.send(&batch) {
            Ok(()) if dropped == 0 => is_away = false,
            Ok(()) => tell(&format!(
                "{dropped} spans found no place among {MOST} and were dropped"
            )),
            Err(message) => {
                // Once, until it is back: every batch would say the same.
                if !std::mem::replace(&mut is_away, true) {
                    let url = &target.url;
                    tell(&format!(
                        "otlp: {url}: {message}; spans are dropped until it answers"
                    ));
                }
            }
        }
    }
}

fn tell(cause: &str) {
    log::failure(log::Level::Warning, "spans-dropped", None, "", cause);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(config: Config, variables: &[(&str, &str)]) -> Result<Option<Target>, String> {
        Target::of(&config, "Shop", "1.0.0", |name| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    fn traced(endpoint: &str) -> Config {
        Config {
            trace: true,
            otlp_endpoint: endpoint.to_owned(),
            ..Config::default()
        }
    }

    #[test]
    fn the_app_and_the_variables_of_opentelemetry_say_where() {
        let base = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://other:4318/");
        let of = |endpoint, variables: &[_]| {
            let found = target(traced(endpoint), variables).expect("an address");
            found.map(|target| (target.url, target.service))
        };
        let at = |url: &str, service: &str| Some((url.to_owned(), service.to_owned()));
        assert_eq!(of("", &[]), None);
        assert_eq!(of("", &[base]), at("http://other:4318/v1/traces", "Shop"));
        let named = [base, ("OTEL_SERVICE_NAME", "till")];
        assert_eq!(
            of("http://own/a", &named),
            at("http://own/a/v1/traces", "till")
        );
        let whole = [base, ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "https://t/x")];
        assert_eq!(of("", &whole), at("https://t/x", "Shop"));
        assert_eq!(of("", &[base, ("OTEL_SDK_DISABLED", "true")]), None);
        assert_eq!(target(Config::default(), &[base]), Ok(None));
        let sampler = |name| target(traced("http://a"), &[("OTEL_TRACES_SAMPLER", name)]);
        assert_ne!(sampler("always_off"), sampler("always_on"));
        assert!(sampler("sometimes").is_err());
    }

    #[test]
    fn what_is_wrong_is_said_without_secrets() {
        for wrong in ["collector:4318", "ftp://a", "http://", "http://a b"] {
            assert!(target(traced(wrong), &[]).is_err_and(|said| said.contains("otlp_endpoint")));
        }
        let mut untraced = traced("http://a");
        untraced.trace = false;
        assert!(target(untraced, &[]).is_err_and(|said| said.contains("trace = true")));
        let headers = |text| target(traced("http://a"), &[("OTEL_EXPORTER_OTLP_HEADERS", text)]);
        let right = headers("api-key=a%20b, x=1")
            .expect("two fields")
            .expect("a target");
        let expected = [("api-key", "a b"), ("x", "1")];
        assert_eq!(
            right.headers,
            expected.map(|(name, value)| (name.into(), value.into()))
        );
        assert!(!format!("{right:?}").contains("a b"));
        for wrong in ["secret", "a b=secret", "a=secret%0a"] {
            assert!(headers(wrong).is_err_and(|said| !said.contains("secret")));
        }
    }
}
