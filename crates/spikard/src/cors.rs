//! Pages of other origins: who may read answers, and what a browser is told before it sends (Fetch standard, "CORS
//! protocol"). Knows no route: the methods of a path are told.

use crate::defects::defect;
use crate::head::{is_of_token, is_token};
use crate::{Config, Head, Problem, Reply, Response};
use std::borrow::Cow;

/// The rules of an app that lets pages of other origins in.
#[derive(Debug)]
pub(crate) struct Cors {
    /// All of them, and without credentials, so that every answer says the same.
    anyone: bool,
    origins: Vec<Origin>,
    /// Empty: those of the path.
    methods: String,
    headers: Fields,
    exposed: String,
    credentials: bool,
    /// In seconds.
    max_age: String,
    private_network: bool,
}

#[derive(Debug)]
enum Origin {
    /// As browsers write it.
    One(String),
    /// Scheme with `://`, and the end of a host with its port, the dot included: every name below.
    Below(String, String),
}

#[derive(Debug)]
enum Fields {
    /// Whatever is asked for.
    All,
    Named(String),
}

/// What is sent before the first request that needs it.
const ASKED_METHOD: &str = "access-control-request-method";
const ASKED_HEADERS: &str = "access-control-request-headers";
const ASKED_NETWORK: &str = "access-control-request-private-network";

impl Cors {
    /// `None` without `cors_origins`. Mistakes are those of the options.
    pub(crate) fn new(config: &Config) -> Result<Option<Self>, Vec<String>> {
        let mut wrong = Vec::new();
        let mut anyone = false;
        let mut origins = Vec::new();
        for text in items(&config.cors_origins) {
            match origin(text) {
                _ if text == "*" => anyone = true,
                Ok(origin) => origins.push(origin),
                Err(message) => wrong.push(format!("cors_origins: \"{text}\" {message}")),
            }
        }
        if anyone && config.cors_credentials {
            wrong.push(
                "cors_origins: `*` with cors_credentials would let every page act for its visitor; name the origins"
                    .to_owned(),
            );
        }
        for (option, text) in [
            ("cors_methods", &config.cors_methods),
            ("cors_headers", &config.cors_headers),
            ("cors_exposed", &config.cors_exposed),
        ] {
            for item in items(text) {
                if !is_token(item) {
                    wrong.push(format!(
                        "{option}: \"{item}\" is no token (RFC 9110 section 5.6.2)"
                    ));
                }
            }
        }
        if !wrong.is_empty() {
            return Err(wrong);
        }
        if !anyone && origins.is_empty() {
            return Ok(None);
        }
        let joined = |text: &str| items(text).collect::<Vec<_>>().join(", ");
        Ok(Some(Self {
            anyone,
            origins,
            methods: joined(&config.cors_methods),
            headers: match joined(&config.cors_headers) {
                all if all == "*" => Fields::All,
                named => Fields::Named(named),
            },
            exposed: joined(&config.cors_exposed),
            credentials: config.cors_credentials,
            max_age: (config.cors_max_age_ms / 1_000).to_string(),
            private_network: config.cors_private_network,
        }))
    }

    /// The answer that ends the way of a request in: to a preflight, or to a page that may not ask. `methods` gives the
    /// methods of the path, `None` where there is nothing.
    pub(crate) fn answer(
        &self,
        head: &Head<'_>,
        methods: impl FnOnce() -> Option<String>,
    ) -> Option<Reply> {
        let origin = head.headers.get("origin")?;
        let Some(_) = self.granted(head) else {
            if is_own(origin, head) {
                return None;
            }
            let detail = format!(
                "pages of the origin {} may not call this server",
                String::from_utf8_lossy(origin)
            );
            return Some(Err(Problem::forbidden(detail)));
        };
        if !is_preflight(head) {
            return None;
        }
        let mut response = Response::empty(204);
        let mut say = |name: &'static str, value: String| {
            response.headers.push((name.into(), value.into()));
        };
        let methods = match self.methods.as_str() {
            "" => methods()?,
            named => named.to_owned(),
        };
        say("access-control-allow-methods", methods);
        match (&self.headers, head.headers.get(ASKED_HEADERS)) {
            (Fields::Named(named), _) if named.is_empty() => {}
            (Fields::Named(named), _) => say("access-control-allow-headers", named.clone()),
            (Fields::All, Some(asked)) if asked.iter().all(|byte| is_listed(*byte)) => {
                let asked = String::from_utf8_lossy(asked).into_owned();
                say("access-control-allow-headers", asked);
            }
            (Fields::All, _) => {}
        }
        if self.private_network && head.headers.get(ASKED_NETWORK) == Some(b"true") {
            say("access-control-allow-private-network", "true".to_owned());
        }
        say("access-control-max-age", self.max_age.clone());
        say("vary", format!("{ASKED_METHOD}, {ASKED_HEADERS}"));
        Some(Ok(response))
    }

    /// Says in an answer to `head` which page may read it.
    pub(crate) fn mark(&self, head: &Head<'_>, response: &mut Response) {
        if defect("cors-missing") {
            return;
        }
        let mut say = |name: &'static str, value: Cow<'static, str>| {
            response.headers.push((name.into(), value));
        };
        if !self.anyone {
            say("vary", "origin".into());
        }
        let Some(origin) = self.granted(head) else {
            return;
        };
        say("access-control-allow-origin", origin);
        if self.credentials {
            say("access-control-allow-credentials", "true".into());
        }
        if !self.exposed.is_empty() && !is_preflight(head) {
            say("access-control-expose-headers", self.exposed.clone().into());
        }
    }

    /// The origin to which an answer is given.
    fn granted(&self, head: &Head<'_>) -> Option<Cow<'static, str>> {
        if self.anyone {
            return Some("*".into());
        }
        let sent = std::str::from_utf8(head.headers.get("origin")?).ok()?;
        let granted = self.origins.iter().any(|origin| match origin {
            Origin::One(one) => one == sent,
            Origin::Below(scheme, end) => sent
                .strip_prefix(scheme.as_str())
                .and_then(|host| host.strip_suffix(end.as_str()))
                .is_some_and(|name| !name.is_empty() && name.bytes().all(is_of_host)),
        });
        granted.then(|| sent.to_owned().into())
    }
}

fn is_preflight(head: &Head<'_>) -> bool {
    head.method == "OPTIONS" && head.headers.get(ASKED_METHOD).is_some()
}

/// A page of the server itself: browsers name its origin too, when it sends more than a GET.
fn is_own(origin: &[u8], head: &Head<'_>) -> bool {
    let host = |scheme: &[u8], port: &[u8]| {
        let own = head.headers.get("host")?;
        let origin = origin.strip_prefix(scheme)?;
        Some(own == origin || own.strip_suffix(port) == Some(origin))
    };
    host(b"http://", b":80") == Some(true) || host(b"https://", b":443") == Some(true)
}

/// The parts of a list that an option holds.
pub(crate) fn items(text: &str) -> impl Iterator<Item = &str> {
    text.split(',')
        .map(str::trim)
        .filter(|item| !item.is_empty())
}

fn origin(text: &str) -> Result<Origin, &'static str> {
    let (scheme, host) = text
        .split_once("://")
        .ok_or("is no origin; write scheme and host: https://app.example.com")?;
    if host.contains('/') {
        return Err("has a path, which an origin has not; write https://app.example.com");
    }
    if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return Err("is not as browsers write it: in lower case");
    }
    let scheme = format!("{scheme}://");
    if [("http://", ":80"), ("https://", ":443")]
        .iter()
        .any(|(of, port)| scheme == *of && host.ends_with(port))
    {
        return Err("names the usual port, which browsers leave out");
    }
    match host.strip_prefix('*') {
        Some(end) if end.starts_with('.') && end.len() > 1 && !end.contains('*') => {
            Ok(Origin::Below(scheme, end.to_owned()))
        }
        None if !host.is_empty() && !host.contains('*') => Ok(Origin::One(text.to_owned())),
        _ => Err("has a `*` elsewhere than for all names below a host: https://*.example.com"),
    }
}

fn is_of_host(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'.')
}

fn is_listed(byte: u8) -> bool {
    is_of_token(byte) || matches!(byte, b',' | b' ' | b'\t')
}

#[cfg(test)]
mod tests {
    use super::Cors;
    use crate::Config;
    use crate::hosts::Hosts;

    fn wrong(config: Config) -> Vec<String> {
        let hosts = Hosts::new(&config).err().unwrap_or_default();
        let cors = Cors::new(&config).err().unwrap_or_default();
        [hosts, cors].concat()
    }

    #[test]
    fn every_mistake_is_told_with_what_to_write() {
        let said = wrong(Config {
            allowed_hosts: "a.test:80, http://b.test, *".to_owned(),
            cors_origins:
                "*, a.test, https://a.test/x, https://a.test:443, https://A.test, https://*, null"
                    .to_owned(),
            cors_methods: "GET POST".to_owned(),
            cors_credentials: true,
            ..Config::default()
        });
        let expected = [
            "\"a.test:80\" is no host",
            "\"http://b.test\" is no host",
            "\"*\" is no host",
            "\"a.test\" is no origin; write scheme and host: https://app.example.com",
            "\"https://a.test/x\" has a path",
            "\"https://a.test:443\" names the usual port",
            "\"https://A.test\" is not as browsers write it: in lower case",
            "\"https://*\" has a `*` elsewhere",
            "\"null\" is no origin",
            "`*` with cors_credentials",
            "\"GET POST\" is no token",
        ];
        assert_eq!(said.len(), expected.len(), "{said:#?}");
        for (said, expected) in said.iter().zip(expected) {
            assert!(said.contains(expected), "{expected} is not in {said}");
        }
    }

    #[test]
    fn nothing_is_asked_for_by_default() {
        assert!(Cors::new(&Config::default()).expect("right").is_none());
        assert!(Hosts::new(&Config::default()).expect("right").is_none());
    }
}
