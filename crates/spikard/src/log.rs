//! What a worker says on standard error: one JSON line per event. Never a value of a request, never a secret.

use crate::observe::{Trace, hex};
use serde_json::{Value, json};
use std::io::Write;
use std::time::{SystemTime, UNIX_EPOCH};

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
    let mut event = json!({
        "time": now(),
        "level": "info",
        "event": "request",
        "method": access.method,
        "path": access.path,
        "operation": access.operation,
        "status": access.status,
        "ms": (access.milliseconds * 1000.0).round() / 1000.0,
        "request_id": access.request_id,
        "client": access.client,
    });
    if let Some(trace) = access.trace {
        event["trace_id"] = hex(&trace.trace).into();
        event["span_id"] = hex(&trace.span).into();
    }
    line(&event);
}

/// Something went wrong inside; `cause` may be long (a traceback).
pub(crate) fn failure(
    level: &str,
    code: &str,
    operation: Option<&str>,
    request_id: &str,
    cause: &str,
) {
    line(&json!({
        "time": now(),
        "level": level,
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
    // Nobody is left to tell when standard error is closed.
    let _ = std::io::stderr()
        .lock()
        .write_all(format!("{event}\n").as_bytes());
}
