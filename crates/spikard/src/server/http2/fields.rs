//! The head of a request of HTTP/2 as the pipeline knows heads (RFC 9113 section 8.3): pseudo fields to method, target and
//! `host`, the pieces of a cookie in one. Compares it with the same limits as HTTP/1.1.

use crate::head::Field;
use crate::server::framing;
use crate::{Config, Head, Headers, Problem};
use http::header::{CONTENT_LENGTH, COOKIE, EXPECT, HOST};
use http::request::Parts;
use http::{HeaderMap, Method};
use smallvec::SmallVec;

/// What HTTP/1.1 writes around a field: colon, space, line end.
const AROUND: usize = 4;

/// A request's head, owned while its answer is awaited.
pub(crate) struct Incoming {
    parts: Parts,
    /// Of several cookie fields, joined (RFC 9113 section 8.2.3).
    cookie: Option<Vec<u8>>,
}

impl Incoming {
    pub(crate) fn of(parts: Parts) -> Self {
        let cookie = joined(&parts.headers);
        Self { parts, cookie }
    }

    pub(crate) fn is_head(&self) -> bool {
        self.parts.method == Method::HEAD
    }

    /// The client waits for an interim reply before it sends the body (RFC 9110 section 10.1.1).
    pub(super) fn expects_continue(&self) -> bool {
        let expected = self.parts.headers.get(EXPECT);
        expected.is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"100-continue"))
    }

    /// Bytes of the body as announced. The crate below has compared the field with itself and with the frames.
    pub(crate) fn length(&self) -> Option<u64> {
        let length = self.parts.headers.get(CONTENT_LENGTH)?;
        length.to_str().ok()?.parse().ok()
    }

    /// Runs `run` with the head, which is put together anew: most requests need it once or twice.
    pub(crate) fn with_head<R>(&self, run: impl FnOnce(&Head<'_>) -> R) -> R {
        let Parts { headers, uri, .. } = &self.parts;
        let mut fields: SmallVec<[Field<'_>; 32]> = SmallVec::new();
        let host = uri.authority().filter(|_| !headers.contains_key(HOST));
        fields.extend(host.map(|host| Field {
            name: b"host",
            value: host.as_str().as_bytes(),
        }));
        let mut cookie = self.cookie.as_deref();
        for (name, value) in headers {
            let value = match (name == COOKIE, &self.cookie) {
                (true, Some(_)) => match cookie.take() {
                    Some(joined) => joined,
                    None => continue,
                },
                _ => value.as_bytes(),
            };
            let name = name.as_str().as_bytes();
            fields.push(Field { name, value });
        }
        run(&Head {
            method: self.parts.method.as_str(),
            target: uri.path_and_query().map_or("", |target| target.as_str()),
            headers: Headers(&fields),
        })
    }

    /// Refuses what is beyond the app's limits, or no request to a server.
    pub(crate) fn fits(&self, config: &Config) -> Result<(), Problem> {
        if self.parts.method == Method::CONNECT {
            return Err(Problem::not_implemented("this server is not a proxy"));
        }
        self.with_head(|head| check(head, config))
    }

    /// Refuses what HTTP/1.1 refuses as well, as far as it can be said in HTTP/2.
    pub(super) fn check(&self, config: &Config) -> Result<(), Problem> {
        self.fits(config)?;
        let authority = self.parts.uri.authority().map(|host| host.as_str());
        let mut hosts = self.parts.headers.get_all(HOST).iter();
        let (host, second) = (hosts.next(), hosts.next());
        match (authority, host) {
            _ if second.is_some() => Err(framing::malformed("the Host field is given twice")),
            (None, None) => Err(framing::malformed("the Host field is missing")),
            (Some(one), Some(other)) if other != one => Err(framing::malformed(
                "the Host field is not the same as :authority",
            )),
            _ => Ok(()),
        }
    }
}

fn check(head: &Head<'_>, config: &Config) -> Result<(), Problem> {
    if head.target.len() > config.target_limit {
        return Err(framing::target_too_long(config));
    }
    if head.headers.0.len() > config.header_count {
        return Err(framing::too_many());
    }
    let fields = head.headers.0.iter();
    let bytes: usize = fields
        .map(|field| field.name.len() + field.value.len() + AROUND)
        .sum();
    if bytes + head.method.len() + head.target.len() > config.header_limit {
        return Err(framing::too_large(config));
    }
    let of_server = head.target == "*" && head.method == "OPTIONS";
    if !head.target.starts_with('/') && !of_server {
        return Err(framing::malformed("the target does not start with `/`"));
    }
    match head.headers.get("host") {
        Some(host) if !framing::is_host(host) => {
            Err(framing::malformed("the Host field is not a host and port"))
        }
        _ => Ok(()),
    }
}

fn joined(headers: &HeaderMap) -> Option<Vec<u8>> {
    let mut pieces = headers.get_all(COOKIE).iter();
    let (first, second) = (pieces.next()?, pieces.next()?);
    let mut cookie = first.as_bytes().to_vec();
    for piece in std::iter::once(second).chain(pieces) {
        cookie.extend_from_slice(b"; ");
        cookie.extend_from_slice(piece.as_bytes());
    }
    Some(cookie)
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::Request;

    fn incoming(target: &str, fields: &[(&str, &str)]) -> Incoming {
        let mut request = Request::builder().uri(target);
        for (name, value) in fields {
            request = request.header(*name, *value);
        }
        Incoming::of(request.body(()).expect("a request").into_parts().0)
    }

    #[test]
    fn pseudo_fields_and_cookies_become_fields() {
        let incoming = incoming(
            "https://h:1/a?b=c",
            &[("cookie", "a=1"), ("x", "1"), ("cookie", "b=2"), ("x", "2")],
        );
        let said = incoming.with_head(|head| {
            let fields = head.headers.iter();
            let lines = fields.map(|(name, value)| format!("{name}:{}", value.escape_ascii()));
            (head.target.to_owned(), lines.collect::<Vec<_>>())
        });
        let fields = ["host:h:1", "cookie:a=1; b=2", "x:1", "x:2"].map(str::to_owned);
        assert_eq!(said, ("/a?b=c".to_owned(), fields.to_vec()));
    }

    #[test]
    fn what_could_be_two_requests_is_refused() {
        let config = Config {
            target_limit: 10,
            header_limit: 200,
            header_count: 4,
            ..Config::default()
        };
        let many: Vec<_> = ["a", "b", "c", "d"].map(|name| (name, "")).to_vec();
        let long = "x".repeat(200);
        for (target, fields, status) in [
            ("http://h/", vec![], 0),
            ("http://h/", vec![("host", "h")], 0),
            ("http://h/", vec![("host", "other")], 400),
            ("http://h/", vec![("host", "h"), ("host", "h")], 400),
            ("/", vec![], 400),
            ("/", vec![("host", "h")], 0),
            ("/", vec![("host", "a b")], 400),
            ("http://u@h/", vec![], 400),
            ("http://h/0123456789", vec![], 414),
            ("http://h/", many, 431),
            ("http://h/", vec![("a", long.as_str())], 431),
        ] {
            let checked = incoming(target, &fields).check(&config);
            let found = checked.map_or_else(|problem| problem.status, |()| 0);
            assert_eq!(found, status, "{target} {fields:?}");
        }
    }
}
