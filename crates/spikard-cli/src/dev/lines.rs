//! What a worker logs, as a person reads it: a line per request, a traceback as it was. Passes on what is no log line.

use super::docs;
use crate::output::paint;
use serde_json::Value;

/// `line` for a person. Lines of the app's own are left alone, and requests of ours are none to tell.
pub(crate) fn readable(line: &str, terminal: bool) -> Option<String> {
    let event = serde_json::from_str::<Value>(line).ok();
    let event = event.filter(|event| event["time"].is_number() && event["event"].is_string());
    match event {
        Some(event) if event["request_id"] == docs::REQUEST_ID => None,
        Some(event) if event["event"] == "request" => Some(request(&event, terminal)),
        Some(event) => Some(failure(&event, terminal)),
        None => Some(line.to_owned()),
    }
}

fn request(event: &Value, terminal: bool) -> String {
    let status = event["status"].as_u64().unwrap_or_default();
    let colour = match status {
        ..300 => "32",
        300..400 => "36",
        400..500 => "33",
        _ => "31",
    };
    let status = paint(terminal, colour, &status.to_string());
    let milliseconds = event["ms"].as_f64().unwrap_or_default();
    let took = paint(terminal, "2", &format!("{milliseconds:.2} ms"));
    let (method, path) = (plain(&event["method"]), plain(&event["path"]));
    format!("{method:6} {path} {status} {took}")
}

fn failure(event: &Value, terminal: bool) -> String {
    let colour = match event["level"].as_str() {
        Some("error") => "1;31",
        _ => "1;33",
    };
    let mut text = paint(terminal, colour, &plain(&event["event"]));
    if event["operation"].is_string() {
        text = format!("{text} in {}", plain(&event["operation"]));
    }
    format!("{text}\n{}", plain(&event["cause"]).trim_end())
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
    use super::readable;

    fn shown(line: &str) -> String {
        readable(line, false).expect("a line")
    }

    #[test]
    fn a_request_is_one_short_line() {
        let line = r#"{"time":1.5,"level":"info","event":"request","method":"GET","path":"/items/1","operation":"show","status":200,"ms":1.23,"request_id":"a"}"#;
        assert_eq!(shown(line), "GET    /items/1 200 1.23 ms");
        let ours = line.replace("\"a\"", "\"spikard-dev\"");
        assert_eq!(readable(&ours, false), None);
    }

    #[test]
    fn a_failure_keeps_the_lines_of_its_cause() {
        let line = r#"{"time":1.5,"level":"error","event":"internal","operation":"show","request_id":"a","cause":"Traceback:\n  File \"app.py\"\nValueError: \u001b[2J\n"}"#;
        assert_eq!(
            shown(line),
            "internal in show\nTraceback:\n  File \"app.py\"\nValueError: \\u{1b}[2J"
        );
    }

    #[test]
    fn what_the_app_prints_is_left_alone() {
        for line in ["hello", "{\"event\": \"mine\"}", "{", "1", ""] {
            assert_eq!(shown(line), line);
        }
    }
}
