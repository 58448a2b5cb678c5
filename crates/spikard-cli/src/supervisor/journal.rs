//! How the lines of workers and of the supervisor look: with a label before each, or as one JSON object each. Reads and
//! writes nothing.

use crate::output;
use clap::ValueEnum;
use serde_json::{Map, Value, json};
use std::io::{self, IsTerminal as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// `--log-format`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum Format {
    /// For people.
    #[default]
    Text,
    /// For programs: one object per line.
    Json,
}

/// Which stream of a worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stream {
    Stdout,
    Stderr,
}

/// What to make of the lines of one stream.
#[derive(Debug)]
pub(super) enum Dress {
    /// This before each, while there are several workers; what is for programs is made readable where it is shown.
    Label(String, Arc<AtomicBool>, Option<Shown>),
    /// Worker, process and stream beside each.
    Object(usize, u32, &'static str),
}

/// On a terminal.
#[derive(Debug)]
pub(super) struct Shown {
    colours: bool,
}

impl Dress {
    pub(super) fn new(
        format: Format,
        stream: Stream,
        (number, pid): (usize, u32),
        labelled: &Arc<AtomicBool>,
    ) -> Self {
        let (terminal, name) = match stream {
            Stream::Stdout => (io::stdout().is_terminal(), "stdout"),
            Stream::Stderr => (io::stderr().is_terminal(), "stderr"),
        };
        match format {
            Format::Text => {
                let label = output::worker_label(terminal, number);
                let shown = (terminal && stream == Stream::Stderr).then(|| Shown {
                    colours: output::colours(terminal),
                });
                Self::Label(label, Arc::clone(labelled), shown)
            }
            Format::Json => Self::Object(number, pid, name),
        }
    }

    /// Appends `line`, with or without its end, and a newline.
    pub(super) fn put(&self, line: &[u8], out: &mut Vec<u8>) {
        match self {
            Self::Label(label, labelled, shown) => {
                let shown = shown.as_ref().and_then(|shown| {
                    let line = std::str::from_utf8(line).ok()?;
                    spikard::log::readable(line, shown.colours)
                });
                let text = shown.as_ref().map_or(line, |shown| shown.as_bytes());
                let text = text.strip_suffix(b"\n").unwrap_or(text);
                for line in text.split(|byte| *byte == b'\n') {
                    if labelled.load(Ordering::Relaxed) {
                        out.extend_from_slice(label.as_bytes());
                    }
                    out.extend_from_slice(line);
                    out.push(b'\n');
                }
            }
            Self::Object(worker, pid, stream) => {
                let ours = [
                    ("worker", json!(worker)),
                    ("pid", json!(pid)),
                    ("stream", json!(stream)),
                ];
                let text = String::from_utf8_lossy(line);
                let text = text.trim_end_matches(['\n', '\r']);
                out.extend_from_slice(object(&ours, text, now()).as_bytes());
                out.push(b'\n');
            }
        }
    }
}

/// A line of the supervisor itself.
pub(super) fn own(format: Format, text: &str) -> String {
    match format {
        Format::Text => output::noted(text),
        Format::Json => {
            let ours = [
                ("pid", json!(std::process::id())),
                ("stream", json!("supervisor")),
            ];
            object(&ours, text, now())
        }
    }
}

/// A line that is an object itself, such as an access log's, keeps its members, and its own time; where one has a name of
/// ours, all of them are kept apart as `log`.
fn object(ours: &[(&str, Value)], text: &str, now: f64) -> String {
    let theirs = text.trim_start().starts_with('{').then_some(text);
    let mut theirs: Map<String, Value> = theirs
        .and_then(|text| serde_json::from_str(text).ok())
        .unwrap_or_default();
    let mut all = Map::new();
    let clash = ours.iter().any(|(name, _)| theirs.contains_key(*name));
    let time = theirs.get("time").filter(|_| !clash).cloned();
    all.insert("time".to_owned(), time.unwrap_or_else(|| json!(now)));
    all.extend(
        ours.iter()
            .map(|(name, value)| ((*name).to_owned(), value.clone())),
    );
    if theirs.is_empty() {
        all.insert("line".to_owned(), json!(text));
    } else if clash {
        all.insert("log".to_owned(), Value::Object(theirs));
    } else {
        theirs.shift_remove("time");
        all.extend(theirs);
    }
    Value::Object(all).to_string()
}

/// Seconds since 1970 in UTC, as in what workers log.
fn now() -> f64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0.0, |time| time.as_millis() as f64 / 1000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_one_object() {
        let ours = [("worker", json!(2)), ("pid", json!(99))];
        for (line, object_) in [
            (
                "hello \"you\"",
                r#"{"time":1.5,"worker":2,"pid":99,"line":"hello \"you\""}"#,
            ),
            ("", r#"{"time":1.5,"worker":2,"pid":99,"line":""}"#),
            ("{}", r#"{"time":1.5,"worker":2,"pid":99,"line":"{}"}"#),
            (
                "{no json",
                r#"{"time":1.5,"worker":2,"pid":99,"line":"{no json"}"#,
            ),
            ("[1]", r#"{"time":1.5,"worker":2,"pid":99,"line":"[1]"}"#),
            (
                r#"{"level":"info","time":7.25,"status":200}"#,
                r#"{"time":7.25,"worker":2,"pid":99,"level":"info","status":200}"#,
            ),
            (
                r#"{"pid":1,"time":7.25}"#,
                r#"{"time":1.5,"worker":2,"pid":99,"log":{"pid":1,"time":7.25}}"#,
            ),
        ] {
            assert_eq!(object(&ours, line, 1.5), object_, "{line}");
        }
    }

    #[test]
    fn what_is_no_text_is_still_a_line() {
        let mut out = Vec::new();
        Dress::Object(1, 2, "stdout").put(b"\xff\r\n", &mut out);
        let object: Value = serde_json::from_slice(&out).expect("JSON");
        assert_eq!(
            (&object["line"], &object["stream"]),
            (&json!("\u{fffd}"), &json!("stdout"))
        );
        assert_eq!(out.iter().filter(|&&byte| byte == b'\n').count(), 1);
    }
}
