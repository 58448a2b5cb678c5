//! `format` as an assertion: the texts that RFC 3339, 3986, 5321 and their like allow. Names it does not know are
//! annotations and accept everything.

use super::pattern::Pattern;
use std::net::{Ipv4Addr, Ipv6Addr};

/// A format that is checked.
#[derive(Clone, Copy)]
pub(crate) struct Format {
    /// Value of the keyword.
    pub(crate) name: &'static str,
    /// For messages.
    pub(crate) example: &'static str,
    /// Whether a text has the format.
    pub(crate) accepts: fn(&str) -> bool,
}

impl std::fmt::Debug for Format {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(self.name)
    }
}

impl Format {
    /// The format of a name, if it is one that is checked.
    pub(crate) fn named(name: &str) -> Option<Self> {
        FORMATS.iter().find(|format| format.name == name).copied()
    }
}

macro_rules! formats {
    ($($name:literal $example:literal $accepts:expr;)*) => {
        const FORMATS: &[Format] = &[$(Format { name: $name, example: $example, accepts: $accepts },)*];
    };
}

formats! {
    "date-time" "2026-01-31T12:00:00Z" date_time;
    "date" "2026-01-31" date;
    "time" "12:00:00Z" time;
    "duration" "P1DT12H" duration;
    "email" "name@example.org" |text| text.is_ascii() && email(text);
    "idn-email" "name@example.org" email;
    "hostname" "example.org" hostname;
    "idn-hostname" "example.org" idn_hostname;
    "ipv4" "192.0.2.1" |text| text.parse::<Ipv4Addr>().is_ok();
    "ipv6" "2001:db8::1" |text| text.parse::<Ipv6Addr>().is_ok();
    "uri" "https://example.org/a?b=c" |text| text.is_ascii() && uri(text, true);
    "uri-reference" "/a?b=c" |text| text.is_ascii() && uri(text, false);
    "iri" "https://example.org/a?b=c" |text| uri(text, true);
    "iri-reference" "/a?b=c" |text| uri(text, false);
    "uri-template" "/items/{id}" uri_template;
    "uuid" "123e4567-e89b-12d3-a456-426614174000" uuid;
    "json-pointer" "/items/0" json_pointer;
    "relative-json-pointer" "1/items" relative_json_pointer;
    "regex" "^[a-z]+$" |text| Pattern::compile(text).is_ok();
    "byte" "aGVsbG8=" base64;
}

fn number(text: &[u8], digits: usize) -> Option<(u32, &[u8])> {
    let (head, rest) = text.split_at_checked(digits)?;
    head.iter().all(u8::is_ascii_digit).then(|| {
        (
            head.iter()
                .fold(0, |sum, digit| sum * 10 + u32::from(digit - b'0')),
            rest,
        )
    })
}

fn skip(text: &[u8], byte: u8) -> Option<&[u8]> {
    text.split_first()
        .filter(|(first, _)| **first == byte)
        .map(|(_, rest)| rest)
}

fn full_date(text: &[u8]) -> Option<&[u8]> {
    let (year, rest) = number(text, 4)?;
    let (month, rest) = number(skip(rest, b'-')?, 2)?;
    let (day, rest) = number(skip(rest, b'-')?, 2)?;
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match month {
        2 => 28 + u32::from(leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => 0,
    };
    (1..=days).contains(&day).then_some(rest)
}

/// RFC 3339 section 5.6, leap seconds only where they can be.
fn full_time(text: &[u8]) -> Option<()> {
    let (hour, rest) = number(text, 2)?;
    let (minute, rest) = number(skip(rest, b':')?, 2)?;
    let (second, mut rest) = number(skip(rest, b':')?, 2)?;
    if let Some(fraction) = skip(rest, b'.') {
        let digits = fraction
            .iter()
            .take_while(|byte| byte.is_ascii_digit())
            .count();
        rest = fraction.get(digits..).filter(|_| digits > 0)?;
    }
    let (sign, rest) = rest.split_first()?;
    let offset = match sign {
        b'Z' | b'z' if rest.is_empty() => 0,
        b'+' | b'-' => {
            let (hours, rest) = number(rest, 2)?;
            let (minutes, rest) = number(skip(rest, b':')?, 2)?;
            let offset = i64::from(hours * 60 + minutes);
            (rest.is_empty() && hours < 24 && minutes < 60).then_some(if *sign == b'+' {
                offset
            } else {
                -offset
            })?
        }
        _ => return None,
    };
    let utc = (i64::from(hour * 60 + minute) - offset).rem_euclid(24 * 60);
    (hour < 24 && minute < 60 && (second < 60 || second == 60 && utc == 24 * 60 - 1)).then_some(())
}

fn date(text: &str) -> bool {
    full_date(text.as_bytes()).is_some_and(<[u8]>::is_empty)
}

fn time(text: &str) -> bool {
    full_time(text.as_bytes()).is_some()
}

fn date_time(text: &str) -> bool {
    full_date(text.as_bytes())
        .and_then(|rest| skip(rest, b'T').or_else(|| skip(rest, b't')))
        .and_then(full_time)
        .is_some()
}

/// RFC 3339 appendix A: units in order, none left out between two.
fn duration(text: &str) -> bool {
    let Some(rest) = text.strip_prefix('P') else {
        return false;
    };
    let (date, time) = match rest.split_once('T') {
        Some((date, time)) => (date, Some(time)),
        None => (rest, None),
    };
    let units = |text: &str, order: &str| -> bool {
        let mut last = None;
        let mut rest = text;
        while !rest.is_empty() {
            let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
            let unit = rest[digits..]
                .chars()
                .next()
                .and_then(|unit| order.find(unit));
            let Some(unit) =
                unit.filter(|unit| digits > 0 && last.is_none_or(|last| *unit == last + 1))
            else {
                return false;
            };
            last = Some(unit);
            rest = &rest[digits + 1..];
        }
        true
    };
    match time {
        Some(time) => !time.is_empty() && units(time, "HMS") && units(date, "YMD"),
        None => !date.is_empty() && (units(date, "YMD") || units(date, "W")),
    }
}

/// RFC 5321 mailbox; characters beyond ASCII are allowed by RFC 6531.
fn email(text: &str) -> bool {
    let Some((local, domain)) = text.rsplit_once('@') else {
        return false;
    };
    let atom = |byte: u8| {
        byte.is_ascii_alphanumeric() || byte >= 0x80 || b"!#$%&'*+-/=?^_`{|}~".contains(&byte)
    };
    let local_fits = match local
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'))
    {
        Some(quoted) => {
            let mut escaped = false;
            quoted.bytes().all(|byte| {
                let fits = byte >= b' ' && byte != 0x7F && (escaped || byte != b'"');
                escaped = byte == b'\\' && !escaped;
                fits
            }) && !escaped
        }
        None => local
            .split('.')
            .all(|part| !part.is_empty() && part.bytes().all(atom)),
    };
    let domain_fits = match domain
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
    {
        Some(literal) => match literal.strip_prefix("IPv6:") {
            Some(address) => address.parse::<Ipv6Addr>().is_ok(),
            None => literal.parse::<Ipv4Addr>().is_ok(),
        },
        None if domain.is_ascii() => hostname(domain),
        None => idn_hostname(domain),
    };
    local_fits && local.len() <= 64 && domain_fits
}

fn labels(text: &str, fits: impl Fn(char) -> bool) -> bool {
    !text.is_empty()
        && text.len() <= 253
        && text.split('.').all(|label| {
            (1..=63).contains(&label.chars().count())
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label.chars().all(&fits)
        })
}

/// RFC 1123 section 2.1; a label may be an A-label, whose Punycode is not decoded.
fn hostname(text: &str) -> bool {
    let reserved = |label: &str| {
        label.get(2..4) == Some("--")
            && !label
                .get(..2)
                .is_some_and(|xn| xn.eq_ignore_ascii_case("xn"))
    };
    labels(text, |character| {
        character.is_ascii_alphanumeric() || character == '-'
    }) && !text.split('.').any(reserved)
}

/// Lenient: the shape of a host name with letters and digits of any script.
fn idn_hostname(text: &str) -> bool {
    labels(
        &text.replace(['\u{3002}', '\u{FF0E}', '\u{FF61}'], "."),
        |character| {
            character.is_alphanumeric()
                || character == '-'
                || !character.is_ascii() && !character.is_whitespace()
        },
    )
}

/// Characters of a URI part (RFC 3986 section 2), `%` only with two digits; beyond ASCII as RFC 3987 allows.
fn uri_characters(text: &str, more: &str) -> bool {
    let bytes = text.as_bytes();
    text.char_indices().all(|(at, character)| match character {
        '%' => bytes
            .get(at + 1..at + 3)
            .is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit)),
        _ if character.is_ascii() => {
            character.is_ascii_alphanumeric()
                || "-._~!$&'()*+,;=".contains(character)
                || more.contains(character)
        }
        _ => !character.is_control() && !character.is_whitespace(),
    })
}

/// RFC 3986 `URI` (with a scheme) or `URI-reference`.
fn uri(text: &str, needs_scheme: bool) -> bool {
    let (rest, fragment) = text.split_once('#').unwrap_or((text, ""));
    let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
    if !uri_characters(fragment, ":@/?") || !uri_characters(query, ":@/?") {
        return false;
    }
    let scheme = rest
        .split_once(':')
        .filter(|(scheme, _)| !scheme.contains('/'));
    let (has_scheme, hierarchy) = match scheme {
        Some((scheme, hierarchy)) => {
            let fits = scheme.starts_with(|first: char| first.is_ascii_alphabetic())
                && scheme
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
            if !fits {
                return false;
            }
            (true, hierarchy)
        }
        None => (false, rest),
    };
    if needs_scheme && !has_scheme {
        return false;
    }
    let Some(after) = hierarchy.strip_prefix("//") else {
        return uri_characters(hierarchy, ":@/");
    };
    let (authority, path) = after
        .find('/')
        .map_or((after, ""), |slash| after.split_at(slash));
    uri_characters(path, ":@/") && uri_authority(authority)
}

fn uri_authority(authority: &str) -> bool {
    let (user, host) = authority.rsplit_once('@').unwrap_or(("", authority));
    let (host_fits, port) = match host.strip_prefix('[') {
        Some(literal) => {
            let Some((address, port)) = literal.split_once(']') else {
                return false;
            };
            let future = address.starts_with(['v', 'V']) && uri_characters(address, ":");
            (address.parse::<Ipv6Addr>().is_ok() || future, port)
        }
        None => {
            let (name, port) = host
                .find(':')
                .map_or((host, ""), |colon| host.split_at(colon));
            (uri_characters(name, ""), port)
        }
    };
    let port_fits = port.is_empty()
        || port
            .strip_prefix(':')
            .is_some_and(|port| port.bytes().all(|byte| byte.is_ascii_digit()));
    uri_characters(user, ":") && host_fits && port_fits
}

/// RFC 6570: literals and `{expressions}`.
fn uri_template(text: &str) -> bool {
    let mut rest = text;
    while let Some(at) = rest.find(['{', '}']) {
        if rest[at..].starts_with('}') {
            return false;
        }
        let Some((expression, after)) = rest[at + 1..].split_once('}') else {
            return false;
        };
        let names = expression.trim_start_matches(|operator| "+#./;?&".contains(operator));
        let fits = names.split(',').all(|name| {
            let name = name.strip_suffix('*').unwrap_or(name);
            let (name, length) = name.split_once(':').unwrap_or((name, "1"));
            let part = |part: &str| {
                !part.is_empty()
                    && part
                        .bytes()
                        .all(|byte| byte.is_ascii_alphanumeric() || b"_%".contains(&byte))
            };
            let length_fits = (1..=4).contains(&length.len())
                && !length.starts_with('0')
                && length.bytes().all(|byte| byte.is_ascii_digit());
            name.split('.').all(part) && length_fits
        });
        if !fits {
            return false;
        }
        rest = after;
    }
    !text.chars().any(|character| {
        character.is_control() || character == ' ' || "\"<>\\^`|".contains(character)
    })
}

fn uuid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

/// RFC 6901 section 3.
fn json_pointer(text: &str) -> bool {
    (text.is_empty() || text.starts_with('/'))
        && text
            .split('~')
            .skip(1)
            .all(|after| after.starts_with(['0', '1']))
}

fn relative_json_pointer(text: &str) -> bool {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (up, rest) = text.split_at(digits);
    !up.is_empty() && (up == "0" || !up.starts_with('0')) && (rest == "#" || json_pointer(rest))
}

/// RFC 4648 section 4, padded.
fn base64(text: &str) -> bool {
    let data = text.trim_end_matches('=');
    text.len().is_multiple_of(4)
        && text.len() - data.len() <= 2
        && data
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'+' || byte == b'/')
}

#[cfg(test)]
mod tests {
    use super::Format;

    #[test]
    fn accepts_and_refuses() {
        for (name, good, bad) in [
            (
                "date",
                vec!["2024-02-29", "2026-12-31"],
                vec!["2023-02-29", "2026-13-01", "2026-1-1", "2026-01-01x"],
            ),
            (
                "time",
                vec![
                    "12:00:00Z",
                    "23:59:60Z",
                    "01:29:60+01:30",
                    "00:00:00.5-00:00",
                ],
                vec!["12:00:00", "24:00:00Z", "22:59:60Z", "12:00:00.Z"],
            ),
            (
                "date-time",
                vec!["2026-01-31t12:00:00z"],
                vec!["2026-01-31 12:00:00Z", "2026-01-31"],
            ),
            (
                "duration",
                vec!["P1Y2M3DT4H5M6S", "PT1H", "P2W"],
                vec!["P", "PT", "P1YT", "P1Y2W", "P1Y3D", "1D"],
            ),
            (
                "email",
                vec!["a.b+c@example.org", "\"a b\"@example.org", "a@[127.0.0.1]"],
                vec!["a", "@b", "a@", ".a@b", "a..b@c", "é@b"],
            ),
            (
                "uuid",
                vec!["123e4567-e89b-12d3-a456-426614174000"],
                vec![
                    "123e4567e89b12d3a456426614174000",
                    "123e4567-e89b-12d3-a456-42661417400g",
                ],
            ),
            (
                "uri",
                vec!["https://a@b:80/c?d#e", "urn:x:y", "http://[::1]/"],
                vec!["/a", "http://a b", "a:\\b", "http://[::1", "http://a:b/"],
            ),
            (
                "byte",
                vec!["", "aGk=", "aGVs"],
                vec!["aGk", "a===", "a-b="],
            ),
            ("ipv4", vec!["127.0.0.1"], vec!["127.0.0.01", "1.2.3"]),
            ("ipv6", vec!["::1"], vec!["::1%eth0", "1"]),
            ("json-pointer", vec!["", "/a~0~1"], vec!["a", "/~2"]),
            ("regex", vec!["^a"], vec!["(", "\\a"]),
        ] {
            let format = Format::named(name).unwrap();
            for text in good {
                assert!((format.accepts)(text), "{name} {text}");
            }
            for text in bad {
                assert!(!(format.accepts)(text), "{name} {text}");
            }
            assert!((format.accepts)(format.example), "{name}");
        }
        assert!(Format::named("shoe-size").is_none());
    }
}
