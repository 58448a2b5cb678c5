//! Which hosts an app is served as (RFC 9110 section 7.2): a request for another is refused, so that nothing which is made
//! of the Host field leads elsewhere.

use crate::cors::items;
use crate::{Config, Head, Problem};

/// The hosts of an app, in lower case, without ports.
#[derive(Debug)]
pub(crate) struct Hosts(Vec<String>);

impl Hosts {
    /// `None` when any will do.
    pub(crate) fn new(config: &Config) -> Result<Option<Self>, Vec<String>> {
        let mut wrong = Vec::new();
        for host in items(&config.allowed_hosts) {
            let name = host.strip_prefix("*.").unwrap_or(host);
            let port = name
                .rsplit_once(':')
                .is_some_and(|(name, _)| !name.contains(':') || name.ends_with(']'));
            if name.is_empty() || name.contains(['*', '/']) || port {
                wrong.push(format!(
                    "allowed_hosts: \"{host}\" is no host; write app.example.com, or *.example.com for all below it, without a port"
                ));
            }
        }
        if !wrong.is_empty() {
            return Err(wrong);
        }
        let hosts: Vec<_> = items(&config.allowed_hosts)
            .map(str::to_ascii_lowercase)
            .collect();
        Ok((!hosts.is_empty()).then_some(Self(hosts)))
    }

    /// The problem of a request that asks for another host.
    pub(crate) fn refuse(&self, head: &Head<'_>) -> Option<Problem> {
        let sent = head.headers.get("host").unwrap_or_default();
        let sent = String::from_utf8_lossy(sent).to_ascii_lowercase();
        let name = match sent.rsplit_once(':') {
            Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
            _ => &sent,
        };
        let is = |host: &String| match host.strip_prefix('*') {
            Some(end) => name.len() > end.len() && name.ends_with(end),
            None => name == host,
        };
        if self.0.iter().any(is) {
            return None;
        }
        Some(Problem::malformed_request(format!(
            "the host \"{name}\" is not served here"
        )))
    }
}
