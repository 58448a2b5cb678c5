//! Media types (RFC 9110 section 8.3): reading a `content-type` and matching it with what a route declares.

/// What the core knows to do with a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// `application/json` and `+json`.
    Json,
    /// `text/*`.
    Text,
    /// Anything else.
    Bytes,
}

/// The part before `;`, without spaces around.
pub(crate) fn essence(media_type: &str) -> &str {
    media_type
        .split(';')
        .next()
        .unwrap_or_default()
        .trim_matches([' ', '\t'])
}

/// The kind of an essence.
pub(crate) fn kind(essence: &str) -> Kind {
    if essence.eq_ignore_ascii_case("application/json") || ends_with(essence, "+json") {
        Kind::Json
    } else if starts_with(essence, "text/") {
        Kind::Text
    } else {
        Kind::Bytes
    }
}

/// Does a route that declares `declared` take `sent`? `application/json` takes every `+json`; `text/*` and `*/*` are
/// ranges.
pub(crate) fn takes(declared: &str, sent: &str) -> bool {
    if declared.eq_ignore_ascii_case(sent) || declared == "*/*" {
        return true;
    }
    match declared.strip_suffix('*') {
        Some(range) => range.ends_with('/') && starts_with(sent, range),
        None => declared.eq_ignore_ascii_case("application/json") && ends_with(sent, "+json"),
    }
}

/// No `charset`, or one that says UTF-8 (ASCII is part of it).
pub(crate) fn is_utf8(media_type: &str) -> bool {
    media_type
        .split(';')
        .skip(1)
        .all(|parameter| match parameter.split_once('=') {
            Some((name, value)) if name.trim().eq_ignore_ascii_case("charset") => {
                let value = value.trim().trim_matches('"');
                ["utf-8", "utf8", "us-ascii"]
                    .iter()
                    .any(|known| known.eq_ignore_ascii_case(value))
            }
            _ => true,
        })
}

fn starts_with(text: &str, prefix: &str) -> bool {
    text.get(..prefix.len())
        .is_some_and(|start| start.eq_ignore_ascii_case(prefix))
}

fn ends_with(text: &str, suffix: &str) -> bool {
    text.len()
        .checked_sub(suffix.len())
        .and_then(|at| text.get(at..))
        .is_some_and(|end| end.eq_ignore_ascii_case(suffix))
}

#[cfg(test)]
mod tests {
    use super::{essence, is_utf8, takes};

    #[test]
    fn ranges_and_suffixes() {
        assert!(takes("application/json", "application/merge-patch+JSON"));
        assert!(takes("text/*", "text/csv"));
        assert!(takes("*/*", "image/png"));
        assert!(!takes("application/json", "text/json"));
        assert!(!takes("application/merge-patch+json", "application/json"));
    }

    #[test]
    fn charset_is_read_without_case_and_quotes() {
        assert_eq!(essence("Application/JSON ; charset=x"), "Application/JSON");
        assert!(is_utf8("application/json; Charset=\"UTF-8\""));
        assert!(!is_utf8("application/json; charset=latin1"));
    }
}
