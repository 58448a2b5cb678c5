//! What a worker logs, as a person reads it: a line per request, a traceback as it was. Passes on what is no log line.

use super::docs;
use serde_json::Value;
use spikard::log;

/// `line` for a person. Lines of the app's own are left alone, and requests of ours are none to tell.
pub(crate) fn readable(line: &str, colours: bool) -> Option<String> {
    let Some(shown) = log::readable(line, colours) else {
        return Some(line.to_owned());
    };
    let event = serde_json::from_str::<Value>(line).unwrap_or_default();
    (event["request_id"] != docs::REQUEST_ID).then_some(shown)
}

#[cfg(test)]
mod tests {
    use super::readable;

    #[test]
    fn requests_of_ours_are_none_to_tell() {
        let line = r#"{"time":1.5,"level":"info","event":"request","method":"GET","path":"/items/1","operation":"show","status":200,"ms":1.23,"request_id":"a"}"#;
        let shown = readable(line, false);
        assert_eq!(shown.as_deref(), Some("GET    /items/1 200 1.23 ms"));
        let ours = line.replace("\"a\"", "\"spikard-dev\"");
        assert_eq!(readable(&ours, false), None);
    }

    #[test]
    fn what_the_app_prints_is_left_alone() {
        for line in ["hello", "{\"event\": \"mine\"}", "{", "1", ""] {
            assert_eq!(readable(line, false).as_deref(), Some(line));
        }
    }
}
