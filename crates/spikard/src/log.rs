//! What a worker says on standard error, as JSON or for a person; where the program has a `tracing` subscriber, it is told
//! instead. Never a body, never a secret.

use crate::config::LogFormat;
use crate::observe::{Trace, hex};
use serde_json::{Value, json};
use std::io::{self, IsTerminal as _, Write as _};
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};
use tracing::dispatcher;
use tracing::subscriber::NoSubscriber;

const JSON: u8 = 0;
const PLAIN: u8 = 1;
const COLOURED: u8 = 2;

/// The look of the lines of this process: it has one standard error.
static LOOK: AtomicU8 = AtomicU8::new(JSON);

/// From now on lines look like that.
pub(crate) fn choose(format: LogFormat) {
    let terminal = io::stderr().is_terminal();
    // no-color.org
    let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let look = match format {
        LogFormat::Json => JSON,
        LogFormat::Auto if !terminal => JSON,
        _ if terminal && !refused => COLOURED,
        _ => PLAIN,
    };
    LOOK.store(look, Ordering::Relaxed);
}

/// Whether the program listens by a `tracing` subscriber, here and now: one that was another thread's, or is gone, counts not.
fn is_heard() -> bool {
    dispatcher::has_been_set() && dispatcher::get_default(|to| !to.is::<NoSubscriber>())
}

/// One finished exchange.
pub(crate) struct Access<'a> {
    pub(crate) method: &'a str,
    pub(crate) path: &'a str,
    pub(crate) operation: Option<&'a str>,
    pub(crate) status: u16,
    pub(crate) milliseconds: f64,
    pub(crate) request_id: &'a str,
    /// Its address; `None` in process and on a Unix socket.
    pub(crate) client: Option<std::net::IpAddr>,
    /// Only where traces are followed.
    pub(crate) trace: Option<&'a Trace>,
}

pub(crate) fn access(access: &Access<'_>) {
    let ms = (access.milliseconds * 1000.0).round() / 1000.0;
    let ids = access
        .trace
        .map(|trace| (hex(&trace.trace), hex(&trace.span)));
    if is_heard() {
        tracing::info!(
            target: "spikard",
            method = access.method,
            path = access.path,
            operation = access.operation,
            status = access.status,
            ms,
            request_id = access.request_id,
            client = access.client.map(tracing::field::display),
            trace_id = ids.as_ref().map(|(trace, _)| trace.as_str()),
            span_id = ids.as_ref().map(|(_, span)| span.as_str()),
            "request"
        );
        return;
    }
    let mut event = json!({
        "time": now(),
        "level": "info",
        "event": "request",
        "method": access.method,
        "path": access.path,
        "operation": access.operation,
        "status": access.status,
        "ms": ms,
        "request_id": access.request_id,
        "client": access.client,
    });
    if let Some((trace, span)) = ids {
        event["trace_id"] = trace.into();
        event["span_id"] = span.into();
    }
    line(&event);
}

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Level {
    Warning,
    Error,
}

/// Something went wrong inside; `cause` may be long (a traceback).
pub(crate) fn failure(
    level: Level,
    code: &str,
    operation: Option<&str>,
    request_id: &str,
    cause: &str,
) {
    if is_heard() {
        match level {
            Level::Warning => {
                tracing::warn!(target: "spikard", operation, request_id, cause, "{code}")
            }
            Level::Error => {
                tracing::error!(target: "spikard", operation, request_id, cause, "{code}")
            }
        }
        return;
    }
    line(&json!({
        "time": now(),
        "level": match level {
            Level::Warning => "warning",
            Level::Error => "error",
        },
        "event": code,
        "operation": operation,
        "request_id": request_id,
        "cause": cause,
    }));
}

/// Seconds since 1970 in UTC.
fn now() -> f64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0.0, |time| time.as_millis() as f64 / 1000.0)
}

fn line(event: &Value) {
    let text = match LOOK.load(Ordering::Relaxed) {
        JSON => object(event),
        look => shown(event, look == COLOURED),
    };
    // Nobody is left to tell when standard error is closed.
    let _ = io::stderr()
        .lock()
        .write_all(format!("{text}\n").as_bytes());
}

/// On one line, without a character that a terminal would obey: JSON itself escapes the lower ones alone.
fn object(event: &Value) -> String {
    let text = event.to_string();
    let obeyed = |letter: char| matches!(letter, '\u{7f}'..='\u{9f}');
    if !text.contains(obeyed) {
        return text;
    }
    let mut escaped = String::with_capacity(text.len() + 8);
    for letter in text.chars() {
        match letter {
            letter if obeyed(letter) => {
                escaped.push_str(&format!("\\u{:04x}", u32::from(letter)));
            }
            letter => escaped.push(letter),
        }
    }
    escaped
}

/// A line of a worker's log as a person reads it, without its end; `None` for what is no such line.
///
/// ```
/// let line = r#"{"time":1.5,"event":"request","method":"GET","path":"/items/1","status":200,"ms":1.23}"#;
/// assert_eq!(spikard::log::readable(line, false).as_deref(), Some("GET    /items/1 200 1.23 ms"));
/// assert_eq!(spikard::log::readable("hello", false), None);
/// ```
pub fn readable(line: &str, colours: bool) -> Option<String> {
    let event = serde_json::from_str::<Value>(line).ok()?;
    let is_ours = event["time"].is_number() && event["event"].is_string();
    is_ours.then(|| shown(&event, colours))
}

fn shown(event: &Value, colours: bool) -> String {
    let paint = |code: &str, text: &str| match colours {
        true => format!("\x1b[{code}m{text}\x1b[0m"),
        false => text.to_owned(),
    };
    if event["event"] == "request" {
        let status = event["status"].as_u64().unwrap_or_default();
        let colour = match status {
            ..300 => "32",
            300..400 => "36",
            400..500 => "33",
            _ => "31",
        };
        let status = paint(colour, &status.to_string());
        let milliseconds = event["ms"].as_f64().unwrap_or_default();
        let took = paint("2", &format!("{milliseconds:.2} ms"));
        let (method, path) = (plain(&event["method"]), plain(&event["path"]));
        return format!("{method:6} {path} {status} {took}");
    }
    let colour = match event["level"].as_str() {
        Some("error") => "1;31",
        _ => "1;33",
    };
    let mut text = paint(colour, &plain(&event["event"]));
    if event["operation"].is_string() {
        text = format!("{text} in {}", plain(&event["operation"]));
    }
    // Indented, so that no line of a cause looks like one of the log.
    for line in plain(&event["cause"]).trim_end().lines() {
        text.push_str("\n  ");
        text.push_str(line);
    }
    text
}

/// A text whose control characters do nothing to a terminal.
fn plain(value: &Value) -> String {
    let text = value.as_str().unwrap_or_default();
    let mut shown = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '\n' | '\t' => shown.push(letter),
            letter if letter.is_control() => shown.extend(letter.escape_default()),
            letter => shown.push(letter),
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::{Access, Level, access, failure, is_heard, object, readable};
    use serde_json::json;
    use std::fmt::Debug;
    use std::sync::{Arc, Mutex};
    use tracing::field::{Field, Visit};
    use tracing::span::{Attributes, Id, Record};
    use tracing::{Event, Metadata, Subscriber};

    fn shown(line: &str) -> String {
        readable(line, false).expect("a line of a log")
    }

    #[test]
    fn a_request_is_one_short_line() {
        let line = r#"{"time":1.5,"level":"info","event":"request","method":"GET","path":"/items/1","operation":"show","status":200,"ms":1.23,"request_id":"a"}"#;
        assert_eq!(shown(line), "GET    /items/1 200 1.23 ms");
        let coloured = readable(line, true).expect("a line of a log");
        assert_eq!(
            coloured,
            "GET    /items/1 \x1b[32m200\x1b[0m \x1b[2m1.23 ms\x1b[0m"
        );
    }

    #[test]
    fn a_failure_keeps_the_lines_of_its_cause() {
        let line = r#"{"time":1.5,"level":"error","event":"internal","operation":"show","request_id":"a","cause":"Traceback:\n  File \"app.py\"\nValueError: \u001b[2J\rGET / 200\n"}"#;
        assert_eq!(
            shown(line),
            "internal in show\n  Traceback:\n    File \"app.py\"\n  ValueError: \\u{1b}[2J\\rGET / 200"
        );
    }

    #[test]
    fn what_the_app_prints_is_no_line_of_ours() {
        for line in ["hello", "{\"event\": \"mine\"}", "{", "1", ""] {
            assert_eq!(readable(line, false), None, "{line}");
        }
    }

    #[test]
    fn a_line_of_json_holds_nothing_that_a_terminal_obeys() {
        let all: String = (0..=0x100).filter_map(char::from_u32).collect();
        let event = json!({ "cause": all });
        let line = object(&event);
        assert!(!line.contains(char::is_control), "{line:?}");
        assert_eq!(
            serde_json::from_str::<serde_json::Value>(&line).ok(),
            Some(event)
        );
    }

    /// What a program's own subscriber is told.
    #[derive(Default)]
    struct Heard(Arc<Mutex<Vec<String>>>);

    impl Subscriber for Heard {
        fn enabled(&self, metadata: &Metadata<'_>) -> bool {
            metadata.target() == "spikard"
        }

        fn event(&self, event: &Event<'_>) {
            let mut fields = Fields(event.metadata().level().to_string());
            event.record(&mut fields);
            self.0.lock().expect("no panic").push(fields.0);
        }

        fn new_span(&self, _: &Attributes<'_>) -> Id {
            Id::from_u64(1)
        }

        fn record(&self, _: &Id, _: &Record<'_>) {}
        fn record_follows_from(&self, _: &Id, _: &Id) {}
        fn enter(&self, _: &Id) {}
        fn exit(&self, _: &Id) {}
    }

    struct Fields(String);

    impl Visit for Fields {
        fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
            self.0.push_str(&format!(" {field}={value:?}"));
        }
    }

    #[test]
    fn a_subscriber_of_the_program_is_told_instead() {
        let heard = Heard::default();
        let told = Arc::clone(&heard.0);
        assert!(!is_heard());
        tracing::subscriber::with_default(heard, || {
            assert!(is_heard());
            access(&Access {
                method: "GET",
                path: "/items",
                operation: Some("list"),
                status: 200,
                milliseconds: 1.2345,
                request_id: "a",
                client: Some([127, 0, 0, 1].into()),
                trace: None,
            });
            failure(Level::Warning, "slow-handler", None, "b", "answered late");
        });
        assert!(!is_heard());
        let told = told.lock().expect("no panic");
        assert_eq!(
            *told,
            [
                r#"INFO message=request method="GET" path="/items" operation="list" status=200 ms=1.235 request_id="a" client=127.0.0.1"#,
                r#"WARN message=slow-handler request_id="b" cause="answered late""#,
            ]
        );
    }
}
