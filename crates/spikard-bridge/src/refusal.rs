//! Values that the contract accepts and the host's own decoder does not: a converter, a refinement. Decodes nothing.

use serde_json::Map;
use spikard::Problem;
use spikard::contract::{Source, Violation};

/// 422 `invalid-request` with one entry per refusal: where the value came from, the path to it (of a parameter the first
/// token is its name), and what is wrong with it.
///
/// ```
/// use spikard::contract::Source;
/// use spikard_bridge::refused;
///
/// let problem = refused([(Source::Body, &["lines", "0"], "is out of stock".to_owned())]);
/// let violation = &problem.violations.list[0];
/// assert_eq!((problem.status, violation.pointer.as_str(), violation.keyword.as_str()), (422, "/lines/0", "convert"));
/// ```
pub fn refused<P: AsRef<[N]>, N: AsRef<str>>(
    refusals: impl IntoIterator<Item = (Source, P, String)>,
) -> Problem {
    let mut problem = Problem::invalid_request("");
    for (source, path, message) in refusals {
        problem.violations.push(Violation {
            source,
            pointer: path.as_ref().iter().map(token).collect(),
            keyword: "convert".to_owned(),
            message,
            params: Map::new(),
            value: None,
        });
    }
    problem
}

/// Where a value came from, by the name that violations have for it; the body where there is no such name.
pub fn source(name: &str) -> Source {
    match name {
        "path" => Source::Path,
        "query" => Source::Query,
        "header" => Source::Header,
        "cookie" => Source::Cookie,
        _ => Source::Body,
    }
}

/// RFC 6901 section 4.
fn token(name: impl AsRef<str>) -> String {
    format!("/{}", name.as_ref().replace('~', "~0").replace('/', "~1"))
}
