//! Failures of PHP as problems. Decides what a client may see of them; the text of an unexpected one is a cause, for the
//! log only.

use crate::value::headers;
use crate::zval::Zval;
use serde_json::Map;
use spikard::Problem;
use spikard_bridge::{refused, source};
use std::borrow::Cow;

/// `[kind, code, status, title, detail, headers, extensions as JSON text]`.
pub(crate) fn problem(parts: &Zval) -> Problem {
    let text = |index| Cow::Owned(parts.item(index).map(Zval::text).unwrap_or_default());
    let mut problem = Problem::internal("");
    problem.code = text(1);
    problem.status = parts.item(2).map_or(500, Zval::integer) as u16;
    problem.title = text(3);
    problem.detail = text(4);
    problem.headers = headers(parts.item(5));
    let extensions = parts.item(6).map(Zval::bytes).unwrap_or_default();
    problem.extensions = serde_json::from_slice(extensions).unwrap_or_else(|_| Map::new());
    problem
}

/// What a handler threw, or why its result is no response: for the log.
pub(crate) fn internal(cause: String) -> Problem {
    Problem::internal("").because(cause)
}

/// The worker ends before it could answer.
pub(crate) fn ending() -> Problem {
    Problem::unavailable("the worker is being replaced")
}

/// `[kind, [source, path, message]…]`: values that the contract accepts and the route's own types refuse.
pub(crate) fn refusals(parts: &Zval) -> Problem {
    let one = |refusal: &Zval| {
        let text = |index| refusal.item(index).map(Zval::text).unwrap_or_default();
        let path = refusal.item(1);
        let path: Vec<String> = (0..path.map_or(0, Zval::count))
            .filter_map(|index| path?.item(index).map(Zval::text))
            .collect();
        (source(&text(0)), path, text(2))
    };
    refused(
        (1..parts.count())
            .filter_map(|index| parts.item(index))
            .map(one),
    )
}
