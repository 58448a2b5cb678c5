//! Fields behind a body (RFC 9110 section 6.5): those of a request, and those that a stream gives at its end.

use crate::Head;
use crate::head::is_token;
use std::borrow::Cow;

/// Trailer fields of a request, apart from its header fields: nothing of HTTP looks at them.
///
/// An argument of handlers; empty where none came. HTTP/1.1 has them behind a chunked body, at most 4096 bytes, HTTP/2 behind any.
///
/// ```
/// use spikard::{App, Bytes, Problem, Trailers};
///
/// async fn keep(content: Bytes, trailers: Trailers) -> Result<String, Problem> {
///     match trailers.get("digest") {
///         Some(digest) => Ok(format!("{} bytes, {}", content.0.len(), String::from_utf8_lossy(digest))),
///         None => Err(Problem::malformed_request("send a digest behind the content")),
///     }
/// }
///
/// App::new("Store", "1.0.0").put("/", keep).freeze()?;
/// # Ok::<(), spikard::DefinitionError>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Trailers(Vec<(String, Vec<u8>)>);

impl Trailers {
    /// The first value of the field `name`; names compare without case.
    pub fn get(&self, name: &str) -> Option<&[u8]> {
        self.iter()
            .find_map(|(own, value)| own.eq_ignore_ascii_case(name).then_some(value))
    }

    /// Names in lower case and values, in order.
    ///
    /// ```
    /// use spikard::Trailers;
    ///
    /// assert_eq!(Trailers::default().iter().count(), 0);
    /// ```
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[u8])> {
        let fields = self.0.iter();
        fields.map(|(name, value)| (name.as_str(), value.as_slice()))
    }

    /// Of lines whose form was checked, each with its end.
    pub(crate) fn of_lines(lines: &[u8]) -> Self {
        let lines = lines.split(|byte| *byte == b'\n');
        let field = |line: &[u8]| {
            let colon = line.iter().position(|byte| *byte == b':')?;
            let name = String::from_utf8_lossy(&line[..colon]);
            Some((
                name.to_ascii_lowercase(),
                line[colon + 1..].trim_ascii().to_vec(),
            ))
        };
        Self(lines.filter_map(field).collect())
    }

    /// Those that `http` knows how to write.
    pub(crate) fn to_map(&self) -> http::HeaderMap {
        let fields = self.iter().filter_map(|(name, value)| {
            let name = http::HeaderName::from_bytes(name.as_bytes()).ok()?;
            Some((name, http::HeaderValue::from_bytes(value).ok()?))
        });
        let mut map = http::HeaderMap::new();
        for (name, value) in fields {
            map.append(name, value);
        }
        map
    }

    /// As they are sent; bytes that are not UTF-8 are replaced.
    pub(crate) fn into_text(self) -> Vec<Trailer> {
        let fields = self.0.into_iter();
        let text = |value: Vec<u8>| String::from_utf8_lossy(&value).into_owned();
        fields
            .map(|(name, value)| (name.into(), text(value).into()))
            .collect()
    }

    pub(crate) fn of_map(map: &http::HeaderMap) -> Self {
        let fields = map.iter();
        let field = |(name, value): (&http::HeaderName, &http::HeaderValue)| {
            (name.as_str().to_owned(), value.as_bytes().to_vec())
        };
        Self(fields.map(field).collect())
    }
}

/// Name and value of a field that is sent.
///
/// ```
/// use spikard::{Response, Trailer};
///
/// fn counted(lines: String) -> Response {
///     let count: Trailer = ("lines".into(), lines.lines().count().to_string().into());
///     Response::text(200, lines).trailers(|| vec![count])
/// }
///
/// assert_eq!(counted("a\nb".to_owned()).status, 200);
/// ```
pub type Trailer = (Cow<'static, str>, Cow<'static, str>);

/// Whether the client of this request keeps trailers (RFC 9110 section 10.1.4).
pub(crate) fn are_taken(head: &Head<'_>) -> bool {
    let mut codings = head
        .headers
        .all("te")
        .flat_map(|value| value.split(|byte| *byte == b','));
    codings.any(|coding| coding.trim_ascii().eq_ignore_ascii_case(b"trailers"))
}

/// Why a field cannot stand behind a body: its form, or that it would have to be known before (RFC 9110 section 6.5.1).
pub(crate) fn misplaced((name, value): &Trailer) -> Option<String> {
    const BEFORE: [&str; 24] = [
        "authorization",
        "cache-control",
        "connection",
        "content-encoding",
        "content-length",
        "content-range",
        "content-type",
        "date",
        "expect",
        "expires",
        "host",
        "keep-alive",
        "location",
        "proxy-authenticate",
        "retry-after",
        "set-cookie",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "vary",
        "warning",
        "www-authenticate",
        "x-request-id",
    ];
    let known = |own: &&str| own.eq_ignore_ascii_case(name);
    match () {
        () if !is_token(name) => Some(format!("the name {name:?} is not a token")),
        () if value
            .bytes()
            .any(|byte| byte.is_ascii_control() && byte != b'\t') =>
        {
            Some(format!("{name} holds a control character"))
        }
        () if BEFORE.iter().any(known) => Some(format!("{name} belongs before the body")),
        () => None,
    }
}
