//! Whether a client has the file already, or means another one (RFC 9110 section 13). Reads no file.

use crate::Head;
use crate::server::{date_of, seconds_of};

/// What a file is known by.
#[derive(Debug, Clone)]
pub(super) struct Validators {
    /// With its quotes, and `W/` where it is weak.
    pub(super) tag: String,
    /// Seconds since 1970.
    pub(super) modified: u64,
    /// The same as HTTP writes it.
    pub(super) date: String,
}

/// What the conditions of a request come to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Judgement {
    Go,
    /// 304.
    NotModified,
    /// 412.
    Failed,
}

impl Validators {
    /// `nanoseconds` belong to `modified`; `variant` tells the codings of one file apart.
    pub(super) fn new(
        size: u64,
        modified: u64,
        nanoseconds: u32,
        variant: &str,
        weak: bool,
    ) -> Self {
        let moment = u128::from(modified) * 1_000_000_000 + u128::from(nanoseconds);
        let weak = if weak { "W/" } else { "" };
        Self {
            tag: format!("{weak}\"{moment:x}-{size:x}{variant}\""),
            modified,
            date: date_of(modified),
        }
    }

    /// In the order of RFC 9110 section 13.2.2.
    pub(super) fn judge(&self, head: &Head<'_>) -> Judgement {
        let says = |name| head.headers.get(name).is_some();
        if says("if-match") {
            if !self.is_listed(head, "if-match", false) {
                return Judgement::Failed;
            }
        } else if let Some(since) = date(head, "if-unmodified-since")
            && self.modified > since
        {
            return Judgement::Failed;
        }
        if says("if-none-match") {
            if self.is_listed(head, "if-none-match", true) {
                return Judgement::NotModified;
            }
        } else if let Some(since) = date(head, "if-modified-since")
            && self.modified <= since
        {
            return Judgement::NotModified;
        }
        Judgement::Go
    }

    /// Whether a part may be sent: `If-Range` is absent, or names this very file (section 13.1.5).
    pub(super) fn allows_range(&self, head: &Head<'_>) -> bool {
        match head.headers.get("if-range") {
            None => true,
            Some(field) if field.starts_with(b"\"") || field.starts_with(b"W/") => {
                !self.is_weak() && field == self.tag.as_bytes()
            }
            // A date must be the very one, and it must be a strong validator: seconds tell two states of a file apart
            // once it has lain still for one (section 8.8.2.2).
            Some(field) => {
                seconds_of(field) == Some(self.modified) && crate::server::now() > self.modified + 1
            }
        }
    }

    fn is_weak(&self) -> bool {
        self.tag.starts_with("W/")
    }

    fn is_listed(&self, head: &Head<'_>, name: &str, weakly: bool) -> bool {
        let own = opaque(&self.tag);
        head.headers.all(name).any(|field| {
            let text = String::from_utf8_lossy(field);
            text.trim() == "*"
                || tags(&text).any(|tag| {
                    let strong = !tag.starts_with("W/") && !self.is_weak();
                    (weakly || strong) && opaque(tag) == own
                })
        })
    }
}

fn opaque(tag: &str) -> &str {
    tag.strip_prefix("W/").unwrap_or(tag)
}

/// The entity tags of a list; a comma inside quotes is part of its tag.
fn tags(list: &str) -> impl Iterator<Item = &str> {
    let mut rest = list;
    std::iter::from_fn(move || {
        rest = rest.trim_start_matches([' ', '\t', ',']);
        let open = rest.find('"')?;
        let close = open + 1 + rest[open + 1..].find('"')?;
        let (tag, after) = rest.split_at(close + 1);
        rest = after;
        Some(tag)
    })
}

/// A date that is none is as good as no field.
fn date(head: &Head<'_>, name: &str) -> Option<u64> {
    let mut fields = head.headers.all(name);
    match (fields.next(), fields.next()) {
        (Some(field), None) => seconds_of(field),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{Judgement, Validators};
    use crate::head::with_head;

    const THEN: u64 = 784_111_777;

    #[test]
    fn conditions_in_their_order() {
        let file = Validators {
            tag: "\"a,b\"".into(),
            modified: THEN,
            date: String::new(),
        };
        let same = "Sun, 06 Nov 1994 08:49:37 GMT";
        let before = "Sunday, 06-Nov-94 08:49:36 GMT";
        let after = "Sun Nov  6 08:49:38 1994";
        let (go, not, failed) = (Judgement::Go, Judgement::NotModified, Judgement::Failed);
        let cases: &[(&[(&str, &str)], &Judgement)] = &[
            (&[], &go),
            (&[("if-none-match", "\"x\", W/\"a,b\"")], &not),
            (&[("if-none-match", "*")], &not),
            (&[("if-none-match", "\"a\"")], &go),
            (
                &[("if-none-match", "\"x\""), ("if-modified-since", same)],
                &go,
            ),
            (
                &[("if-none-match", "\"x\""), ("if-none-match", "\"a,b\"")],
                &not,
            ),
            (&[("if-modified-since", same)], &not),
            (&[("if-modified-since", after)], &not),
            (&[("if-modified-since", before)], &go),
            (&[("if-modified-since", "yesterday")], &go),
            (&[("if-match", "\"a,b\"")], &go),
            (&[("if-match", "W/\"a,b\"")], &failed),
            (&[("if-match", "*")], &go),
            (&[("if-match", "\"x\"")], &failed),
            (
                &[("if-match", "\"a,b\""), ("if-unmodified-since", before)],
                &go,
            ),
            (&[("if-unmodified-since", before)], &failed),
            (&[("if-unmodified-since", same)], &go),
            (
                &[("if-unmodified-since", after), ("if-none-match", "\"a,b\"")],
                &not,
            ),
        ];
        for (fields, expected) in cases {
            assert_eq!(
                with_head(fields, |head| file.judge(head)),
                **expected,
                "{fields:?}"
            );
        }
        for (field, allowed) in [
            ("\"a,b\"", true),
            ("W/\"a,b\"", false),
            ("\"x\"", false),
            (same, true),
            (after, false),
            ("odd", false),
        ] {
            let found = with_head(&[("if-range", field)], |head| file.allows_range(head));
            assert_eq!(found, allowed, "{field}");
        }
    }

    #[test]
    fn a_weak_tag_names_no_bytes() {
        let file = Validators::new(3, THEN, 5, "", true);
        let tag = file.tag.clone();
        assert_eq!(
            with_head(&[("if-none-match", &tag)], |head| file.judge(head)),
            Judgement::NotModified
        );
        assert_eq!(
            with_head(&[("if-match", &tag)], |head| file.judge(head)),
            Judgement::Failed
        );
        assert!(!with_head(&[("if-range", &tag)], |head| file.allows_range(head)));
    }
}
