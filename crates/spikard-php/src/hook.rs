//! What hooks of PHP see of a passage and do to it. Calls no hook.

use crate::value::headers;
use crate::zval::Zval;
use serde_json::json;
use spikard::{Body, Moment, Passage};

/// The response that a hook looks at: a line of JSON, `[status, media type, kind, [[name, value]…]]`, then its content. Of a
/// stream, and of a response without one, there is none to see.
pub(crate) fn response(passage: &Passage) -> Option<Vec<u8>> {
    passage.response(|response| {
        let (kind, content): (_, &[u8]) = match &response.body {
            Body::Static(bytes) => ("bytes", bytes),
            Body::Full(bytes) => ("bytes", bytes),
            Body::Empty | Body::Stream(_) | Body::Upgrade(_) => ("kept", b""),
        };
        let head = json!([
            response.status,
            response.content_type,
            kind,
            response.headers
        ]);
        [head.to_string().as_bytes(), b"\n", content].concat()
    })
}

/// The problem that a hook looks at, as JSON: `[code, status, title, detail, [[name, value]…], extensions]`.
pub(crate) fn problem(passage: &Passage) -> Option<Vec<u8>> {
    passage.problem(|problem| {
        let (code, title, detail) = (&*problem.code, &*problem.title, &*problem.detail);
        json!([
            code,
            problem.status,
            title,
            detail,
            problem.headers,
            problem.extensions
        ])
        .to_string()
        .into_bytes()
    })
}

/// A response whose content is what it was, so that its head alone is taken over: a hook gave back what it could not see.
pub(crate) fn edits_head(passage: &Passage, answer: &Zval) -> bool {
    let is_kept = answer.item(4).is_some_and(|kind| kind.bytes() == b"kept");
    if !is_kept || passage.moment() != Some(Moment::OnResponse) {
        return false;
    }
    let media = answer.item(3).filter(|own| own.is_string()).map(Zval::text);
    let status = answer.item(1).map_or(0, Zval::integer) as u16;
    passage.set_response_head(status, headers(answer.item(2)), media);
    true
}
