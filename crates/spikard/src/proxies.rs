//! What proxies before the app say about the client: its address, its scheme and the host that it asked for (RFC 7239, and the
//! `X-Forwarded-` fields that came before it). Believed of configured peers only; of others the fields are taken away, so that
//! a handler that reads them is told no stranger's tale.
//!
//! One of the two kinds is read, by configuration: a proxy that writes one of them hands the other on as the client sent it.

use crate::config::ForwardedFields;
use crate::cors::items;
use crate::defects::defect;
use crate::head::{Field, is_name};
use crate::server::is_host;
use crate::{Config, Head, Headers};
use smallvec::SmallVec;
use std::net::{IpAddr, SocketAddr};

/// Whom the app believes.
#[derive(Debug)]
pub(crate) struct Proxies {
    networks: Vec<Network>,
    /// Peers without an address: those of a Unix socket, and of the process itself.
    unix: bool,
    fields: ForwardedFields,
}

/// Addresses whose first bits are the same.
#[derive(Debug, Clone, Copy)]
struct Network {
    address: IpAddr,
    bits: u8,
}

/// A request as the client sent it to the first proxy.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Seen {
    /// The client; `None` where it is the peer.
    pub(crate) client: Option<SocketAddr>,
    /// By the scheme that the client used.
    pub(crate) secure: Option<bool>,
    host: Option<Vec<u8>>,
    /// Its fields of the kind that is read come from a proxy of ours.
    believed: bool,
    fields: ForwardedFields,
}

const OF_X: [&str; 4] = [
    "x-forwarded-for",
    "x-forwarded-proto",
    "x-forwarded-host",
    "x-forwarded-port",
];

impl Network {
    fn of(text: &str) -> Option<Self> {
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits.parse::<u8>().ok()?)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().ok()?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let bits = bits.unwrap_or(most);
        (bits <= most).then_some(Self { address, bits })
    }

    fn holds(self, address: IpAddr) -> bool {
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(own), IpAddr::V4(other)) => {
                let differ = own.to_bits() ^ other.to_bits();
                differ.leading_zeros() >= u32::from(self.bits)
            }
            (IpAddr::V6(own), IpAddr::V6(other)) => {
                let differ = own.to_bits() ^ other.to_bits();
                differ.leading_zeros() >= u32::from(self.bits)
            }
            _ => false,
        }
    }
}

impl Proxies {
    /// `None` when nobody is believed.
    pub(crate) fn new(config: &Config) -> Result<Option<Self>, Vec<String>> {
        let mut proxies = Self {
            networks: Vec::new(),
            unix: false,
            fields: config.forwarded_fields,
        };
        let mut wrong = Vec::new();
        for item in items(&config.trusted_proxies) {
            match (item, Network::of(item)) {
                ("unix", _) => proxies.unix = true,
                (_, Some(network)) => proxies.networks.push(network),
                _ => wrong.push(format!(
                    "trusted_proxies: \"{item}\" is no address and no network; write 127.0.0.1, 10.0.0.0/8, fd00::/8, or unix for the peers of a Unix socket"
                )),
            }
        }
        let is_empty = proxies.networks.is_empty() && !proxies.unix;
        if config.proxy_protocol && is_empty && wrong.is_empty() {
            wrong.push("proxy_protocol: of whom is not said; set trusted_proxies".to_owned());
        }
        match wrong.is_empty() {
            true => Ok((!is_empty).then_some(proxies)),
            false => Err(wrong),
        }
    }

    pub(crate) fn trusts(&self, peer: Option<IpAddr>) -> bool {
        match peer {
            None => self.unix,
            Some(address) => self.networks.iter().any(|network| network.holds(address)),
        }
    }

    /// What is to be known of a request beside its head; `None` when that says it all.
    pub(crate) fn see(&self, head: &Head<'_>, peer: Option<SocketAddr>) -> Option<Seen> {
        let is_told = |field: &Field<'_>| kind(field.name).is_some();
        if !head.headers.0.iter().any(is_told) {
            return None;
        }
        let believed = self.trusts(peer.map(|peer| peer.ip())) || defect("forwarded-from-anybody");
        let mut seen = Seen {
            believed,
            fields: self.fields,
            ..Seen::default()
        };
        match self.fields {
            _ if !believed => {}
            ForwardedFields::XForwarded => self.read_x(head, &mut seen),
            ForwardedFields::Forwarded => self.read_forwarded(head, &mut seen),
        }
        Some(seen)
    }

    fn read_x(&self, head: &Head<'_>, seen: &mut Seen) {
        let mut hops = list(head, "x-forwarded-for");
        while let Some(address) = hops.pop().and_then(address_of) {
            seen.client = Some(address);
            if !self.trusts(Some(address.ip())) {
                break;
            }
        }
        // The last value is the nearest proxy's.
        seen.secure = list(head, "x-forwarded-proto").pop().and_then(is_secure);
        let host = list(head, "x-forwarded-host").pop();
        seen.host = host.filter(|host| is_of_host(host)).map(<[u8]>::to_vec);
    }

    fn read_forwarded(&self, head: &Head<'_>, seen: &mut Seen) {
        let mut elements = list(head, "forwarded");
        while let Some(element) = elements.pop() {
            let value = |name: &str| {
                let mut pairs = quoted_split(element, b';').into_iter();
                pairs.find_map(|pair| {
                    let at = pair.iter().position(|byte| *byte == b'=')?;
                    let own = pair[..at].trim_ascii();
                    own.eq_ignore_ascii_case(name.as_bytes())
                        .then(|| unquoted(pair[at + 1..].trim_ascii()))
                })
            };
            // An element speaks of the hop before the proxy that wrote it.
            let Some(address) = value("for").and_then(address_of) else {
                break;
            };
            seen.client = Some(address);
            seen.secure = value("proto").and_then(is_secure);
            let host = value("host").filter(|host| is_of_host(host));
            seen.host = host.map(<[u8]>::to_vec);
            if !self.trusts(Some(address.ip())) {
                break;
            }
        }
    }
}

impl Seen {
    /// Runs `run` with the head as the client sent it: its host, and no fields that nobody vouches for.
    pub(crate) fn present<R>(&self, head: &Head<'_>, run: impl FnOnce(&Head<'_>) -> R) -> R {
        let mut fields: SmallVec<[Field<'_>; 32]> = SmallVec::new();
        for field in head.headers.0 {
            if kind(field.name).is_some_and(|kind| !self.believed || kind != self.fields) {
                continue;
            }
            let value = match &self.host {
                Some(host) if is_name(field.name, "host") => host,
                _ => field.value,
            };
            fields.push(Field {
                name: field.name,
                value,
            });
        }
        run(&Head {
            headers: Headers(&fields),
            ..*head
        })
    }
}

fn kind(name: &[u8]) -> Option<ForwardedFields> {
    match name.len() {
        9 if is_name(name, "forwarded") => Some(ForwardedFields::Forwarded),
        15..=17 if OF_X.iter().any(|other| is_name(name, other)) => {
            Some(ForwardedFields::XForwarded)
        }
        _ => None,
    }
}

/// The members of all fields of this name, in order.
fn list<'h>(head: &Head<'h>, name: &str) -> Vec<&'h [u8]> {
    let fields = head
        .headers
        .0
        .iter()
        .filter(|field| is_name(field.name, name));
    let members = fields.flat_map(|field| quoted_split(field.value, b','));
    members
        .map(<[u8]>::trim_ascii)
        .filter(|member| !member.is_empty())
        .collect()
}

/// Splits where `mark` stands outside of quotes.
fn quoted_split(text: &[u8], mark: u8) -> Vec<&[u8]> {
    let (mut quoted, mut escaped) = (false, false);
    text.split(|byte| {
        match (*byte, quoted, escaped) {
            (_, true, true) => escaped = false,
            (b'\\', true, false) => escaped = true,
            (b'"', ..) => quoted = !quoted,
            _ => {}
        }
        *byte == mark && !quoted
    })
    .collect()
}

/// What is in quotes, of which neither a host nor an address needs an escape.
fn unquoted(text: &[u8]) -> &[u8] {
    text.strip_prefix(b"\"")
        .and_then(|text| text.strip_suffix(b"\""))
        .unwrap_or(text)
}

/// `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]`, `[2001:db8::1]:80`; nothing of `unknown` and `_hidden`.
fn address_of(hop: &[u8]) -> Option<SocketAddr> {
    let text = std::str::from_utf8(unquoted(hop)).ok()?;
    let plain = text
        .strip_prefix('[')
        .and_then(|text| text.strip_suffix(']'));
    let address = plain
        .unwrap_or(text)
        .parse::<IpAddr>()
        .map(|ip| SocketAddr::new(ip, 0));
    let address = address.or_else(|_| text.parse::<SocketAddr>()).ok()?;
    Some(SocketAddr::new(address.ip().to_canonical(), address.port()))
}

fn is_secure(scheme: &[u8]) -> Option<bool> {
    match () {
        () if scheme.eq_ignore_ascii_case(b"https") => Some(true),
        () if scheme.eq_ignore_ascii_case(b"http") => Some(false),
        () => None,
    }
}

fn is_of_host(host: &[u8]) -> bool {
    !host.is_empty() && is_host(host)
}

#[cfg(test)]
mod tests {
    use super::{Proxies, Seen};
    use crate::Config;
    use crate::config::ForwardedFields;
    use crate::head::with_head;

    fn proxies(trusted: &str, fields: ForwardedFields) -> Proxies {
        let config = Config {
            trusted_proxies: trusted.to_owned(),
            forwarded_fields: fields,
            ..Config::default()
        };
        Proxies::new(&config).expect("right").expect("some")
    }

    fn see(proxies: &Proxies, peer: &str, fields: &[(&str, &str)]) -> Option<Seen> {
        let peer = (!peer.is_empty()).then(|| peer.parse().expect("an address"));
        with_head(fields, |head| proxies.see(head, peer))
    }

    fn client(proxies: &Proxies, peer: &str, fields: &[(&str, &str)]) -> String {
        let seen = see(proxies, peer, fields);
        let client = seen.and_then(|seen| seen.client);
        client.map_or_else(String::new, |client| client.to_string())
    }

    #[test]
    fn the_client_is_the_first_from_the_right_that_is_no_proxy_of_ours() {
        let x = proxies(
            "10.0.0.0/8, 192.0.2.7, fd00::/8, unix",
            ForwardedFields::XForwarded,
        );
        for (peer, told, expected) in [
            ("10.1.2.3:1", "203.0.113.9", "203.0.113.9:0"),
            ("10.1.2.3:1", "203.0.113.9:81", "203.0.113.9:81"),
            ("192.0.2.7:1", "6.6.6.6, 203.0.113.9", "203.0.113.9:0"),
            (
                "10.1.2.3:1",
                "6.6.6.6, 203.0.113.9, 10.9.9.9",
                "203.0.113.9:0",
            ),
            ("10.1.2.3:1", "10.0.0.1, 10.0.0.2", "10.0.0.1:0"),
            ("10.1.2.3:1", "6.6.6.6, unknown, 10.0.0.2", "10.0.0.2:0"),
            ("10.1.2.3:1", "nonsense", ""),
            ("[fd00::1]:1", "2001:db8::1", "[2001:db8::1]:0"),
            ("[fd00::1]:1", "[2001:db8::1]:443", "[2001:db8::1]:443"),
            ("[::ffff:10.1.2.3]:1", "::ffff:203.0.113.9", "203.0.113.9:0"),
            ("", "203.0.113.9", "203.0.113.9:0"),
            ("11.1.2.3:1", "203.0.113.9", ""),
            ("192.0.2.8:1", "203.0.113.9", ""),
            ("[fe00::1]:1", "203.0.113.9", ""),
        ] {
            let given = [("X-Forwarded-For", told)];
            assert_eq!(client(&x, peer, &given), expected, "{peer} {told}");
        }
        let twice = [
            ("x-forwarded-for", "6.6.6.6"),
            ("x-forwarded-for", "203.0.113.9"),
        ];
        assert_eq!(client(&x, "10.1.2.3:1", &twice), "203.0.113.9:0");
    }

    #[test]
    fn the_elements_of_forwarded_are_read_by_their_grammar() {
        let of = proxies("10.0.0.0/8", ForwardedFields::Forwarded);
        for (told, expected, secure, host) in [
            (
                "for=203.0.113.9;proto=https;host=a.test",
                "203.0.113.9:0",
                Some(true),
                "a.test",
            ),
            (
                "For=\"[2001:db8::1]:4711\"; Proto=HTTP",
                "[2001:db8::1]:4711",
                Some(false),
                "",
            ),
            (
                "for=6.6.6.6;host=evil, for=203.0.113.9;host=a.test",
                "203.0.113.9:0",
                None,
                "a.test",
            ),
            (
                "for=203.0.113.9;proto=https, for=10.0.0.2;proto=http",
                "203.0.113.9:0",
                Some(true),
                "",
            ),
            (
                "for=\"203.0.113.9;host=x\", for=10.0.0.2",
                "10.0.0.2:0",
                None,
                "",
            ),
            (
                "for=203.0.113.9;host=\"a.test:80\";by=_x",
                "203.0.113.9:0",
                None,
                "a.test:80",
            ),
            ("for=_hidden;host=a.test", "", None, ""),
            ("for=203.0.113.9;host=\"a b\"", "203.0.113.9:0", None, ""),
            ("proto=https", "", None, ""),
            ("for=\"203.0.113.9", "", None, ""),
        ] {
            let seen = see(&of, "10.0.0.1:1", &[("forwarded", told)]).expect("seen");
            let client = seen
                .client
                .map_or_else(String::new, |client| client.to_string());
            let seen_host = String::from_utf8(seen.host.unwrap_or_default()).expect("ascii");
            assert_eq!(
                (client.as_str(), seen.secure, seen_host.as_str()),
                (expected, secure, host),
                "{told}"
            );
        }
        let other = [("x-forwarded-for", "203.0.113.9")];
        assert_eq!(client(&of, "10.0.0.1:1", &other), "");
    }

    #[test]
    fn what_nobody_vouches_for_is_taken_away() {
        let given = [
            ("host", "a.test"),
            ("x-forwarded-host", "b.test"),
            ("X-Forwarded-Proto", "https"),
            ("forwarded", "for=1.2.3.4"),
            ("x-other", "1"),
        ];
        let x = proxies("10.0.0.1", ForwardedFields::XForwarded);
        for (peer, expected) in [
            (
                "10.0.0.1:9",
                "host=b.test x-forwarded-host=b.test X-Forwarded-Proto=https x-other=1",
            ),
            ("10.0.0.2:9", "host=a.test x-other=1"),
        ] {
            let shown = with_head(&given, |head| {
                let seen = x.see(head, peer.parse().ok());
                seen.expect("there are such fields").present(head, |head| {
                    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
                    let fields = head.headers.0.iter();
                    let shown = fields.map(|f| format!("{}={}", text(f.name), text(f.value)));
                    shown.collect::<Vec<_>>().join(" ")
                })
            });
            assert_eq!(shown, expected, "{peer}");
        }
        assert_eq!(see(&x, "10.0.0.2:9", &[("host", "a.test")]), None);
    }

    #[test]
    fn what_is_no_network_is_a_mistake() {
        for (text, part) in [
            ("10.0.0.0/33", "\"10.0.0.0/33\" is no address"),
            ("localhost", "\"localhost\" is no address"),
            ("::/129", "is no address"),
            ("1.2.3", "is no address"),
        ] {
            let config = Config {
                trusted_proxies: text.to_owned(),
                ..Config::default()
            };
            let wrong = Proxies::new(&config).expect_err("wrong");
            assert!(wrong[0].contains(part), "{wrong:?}");
        }
        let config = Config {
            proxy_protocol: true,
            ..Config::default()
        };
        let wrong = Proxies::new(&config).expect_err("wrong");
        assert!(wrong[0].contains("set trusted_proxies"), "{wrong:?}");
    }
}
