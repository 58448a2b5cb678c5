//! Bytes to a head, and where its body ends (RFC 9112 sections 2 to 6). Refuses whatever two readers could take for two
//! different messages; reads no body.

use super::lines::{self, Fields, Lines, Wrong};
use crate::head::is_name;
use crate::{Config, Head, Headers, Problem};

/// Bytes of a request line besides its target, before a line without an end is called too long.
const LINE_REST: usize = 64;

/// The longest method that fits beside a target, so that a line is not too long or right by how it arrives.
const METHOD_LIMIT: usize = LINE_REST - "  HTTP/1.1\r".len();

/// How far a head has come.
pub(crate) enum Reading<'s> {
    /// More bytes are needed.
    Partial,
    /// Usable.
    Complete(Parsed<'s>),
    /// Not usable: the connection cannot go on. With the head, when only its meaning is wrong.
    Refused(Problem, Option<Head<'s>>),
}

/// A usable head.
pub(crate) struct Parsed<'s> {
    pub(crate) head: Head<'s>,
    /// Bytes of the head, its empty line included.
    pub(crate) length: usize,
    pub(crate) framing: Framing,
}

/// What the head says about the message and the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Framing {
    pub(crate) content: Content,
    /// The client lets the connection live.
    pub(crate) keep_alive: bool,
    /// The client waits for `100 Continue` before it sends the body (RFC 9110 section 10.1.1).
    pub(crate) expects_continue: bool,
    /// HTTP/1.1; else 1.0.
    pub(crate) modern: bool,
    /// The reply has no body.
    pub(crate) is_head: bool,
}

impl Framing {
    /// Of a message that could not be understood.
    pub(crate) const UNKNOWN: Self = Self {
        content: Content::None,
        keep_alive: false,
        expects_continue: false,
        modern: true,
        is_head: false,
    };
}

/// Where the body ends (RFC 9112 section 6.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Content {
    None,
    Length(u64),
    Chunked,
}

/// Reads the head at the start of `bytes`; its fields go to `fields`, which is empty.
pub(crate) fn read<'s, 'b: 's>(
    bytes: &'b [u8],
    fields: &'s mut Fields<'b>,
    config: &Config,
) -> Reading<'s> {
    let Lines {
        method,
        target,
        modern,
        length,
    } = match lines::read(bytes, fields, config.header_count) {
        Ok(Some(lines)) => lines,
        Ok(None) => return partial(bytes, config),
        Err(wrong) => return refused(syntax(wrong), None),
    };
    if method.len() > METHOD_LIMIT {
        return refused(method_too_long(), None);
    }
    if target.len() > config.target_limit {
        return refused(target_too_long(config), None);
    }
    if length > config.header_limit {
        return refused(too_large(config), None);
    }
    let (target, host) = match reduce(method, target) {
        Ok(found) => found,
        Err(problem) => return refused(problem, None),
    };
    if let Some(host) = host {
        // The field's own is then to be ignored (RFC 9112 section 3.2.2).
        let fields = fields
            .iter_mut()
            .filter(|field| is_name(field.name, "host"));
        fields.for_each(|field| field.value = host.as_bytes());
    }
    let head = Head {
        method,
        target,
        headers: Headers(fields),
    };
    match frame(&head, modern) {
        Ok(framing) => Reading::Complete(Parsed {
            head,
            length,
            framing,
        }),
        Err(problem) => refused(problem, Some(head)),
    }
}

/// An incomplete head may still become a usable one.
pub(crate) fn fits(bytes: &[u8], config: &Config) -> bool {
    matches!(partial(bytes, config), Reading::Partial)
}

fn partial<'s>(bytes: &[u8], config: &Config) -> Reading<'s> {
    let longest = config.target_limit + LINE_REST;
    if bytes.len() > longest && !bytes[..=longest].contains(&b'\n') {
        return refused(target_too_long(config), None);
    }
    if bytes.len() > config.header_limit {
        return refused(too_large(config), None);
    }
    Reading::Partial
}

fn refused(problem: Problem, head: Option<Head<'_>>) -> Reading<'_> {
    Reading::Refused(problem, head)
}

pub(crate) fn malformed(detail: &'static str) -> Problem {
    Problem::malformed_request(detail)
}

pub(crate) fn target_too_long(config: &Config) -> Problem {
    Problem::uri_too_long(format!(
        "the target is longer than {} bytes",
        config.target_limit
    ))
}

/// Longer than any that is implemented (RFC 9112 section 3).
#[cold]
fn method_too_long() -> Problem {
    Problem::not_implemented(format!("the method is longer than {METHOD_LIMIT} bytes"))
}

pub(crate) fn too_large(config: &Config) -> Problem {
    Problem::headers_too_large(format!(
        "the head is larger than {} bytes",
        config.header_limit
    ))
}

pub(crate) fn too_many() -> Problem {
    Problem::headers_too_large("there are too many header fields")
}

#[cold]
fn syntax(wrong: Wrong) -> Problem {
    match wrong {
        Wrong::RequestLine => malformed("the request line is not `METHOD target HTTP/1.1`"),
        Wrong::Fragment => malformed("the target holds a fragment (`#`)"),
        Wrong::Version => malformed("the version is not HTTP/1.1 or HTTP/1.0"),
        Wrong::Name => malformed("a header name holds a byte that is not allowed there"),
        Wrong::Value => malformed("a header value holds a control character"),
        // A line end to some readers and not to others (RFC 9112 section 2.2).
        Wrong::LineFeed => malformed("a line of the head ends without CR"),
        Wrong::Return => malformed("a line ends in CR without LF"),
        Wrong::TooMany => too_many(),
    }
}

/// The target as path and query, and the host of an absolute one (RFC 9112 section 3.2); `*` stays for OPTIONS.
fn reduce<'t>(method: &str, target: &'t str) -> Result<(&'t str, Option<&'t str>), Problem> {
    if target.starts_with('/') || (target == "*" && method == "OPTIONS") {
        return Ok((target, None));
    }
    if method == "CONNECT" {
        return Err(Problem::not_implemented("this server is not a proxy"));
    }
    let scheme = ["http://", "https://"].into_iter().find(|scheme| {
        target
            .get(..scheme.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(scheme))
    });
    let after = scheme.map(|scheme| &target[scheme.len()..]);
    match after.map(|rest| (rest, rest.find(['/', '?']))) {
        Some((rest, Some(at))) if at > 0 && rest.as_bytes()[at] == b'/' => {
            Ok((&rest[at..], Some(&rest[..at])))
        }
        Some((rest, None)) if !rest.is_empty() => Ok(("/", Some(rest))),
        _ => Err(malformed("the target does not start with `/`")),
    }
}

fn frame(head: &Head<'_>, modern: bool) -> Result<Framing, Problem> {
    let mut hosts = 0;
    let mut length = None;
    let mut chunked = false;
    let mut framing = Framing {
        content: Content::None,
        keep_alive: modern,
        expects_continue: false,
        modern,
        is_head: head.method == "HEAD",
    };
    for field in head.headers.0 {
        // Lengths first: most fields are passed over by one comparison.
        let is = |name: &str| is_name(field.name, name);
        match field.name.len() {
            4 if is("host") => {
                hosts += 1;
                if !is_host(field.value) {
                    return Err(malformed("the Host field is not a host and port"));
                }
            }
            6 if is("expect") => {
                framing.expects_continue |=
                    modern && field.value.eq_ignore_ascii_case(b"100-continue");
            }
            10 if is("connection") => {
                framing.keep_alive = persists(field.value, framing.keep_alive)
            }
            14 if is("content-length") => {
                if length.is_some() {
                    return Err(malformed("Content-Length is given twice"));
                }
                length = Some(decimal(field.value).ok_or_else(|| {
                    malformed("Content-Length is not a decimal number of at most 18 digits")
                })?);
            }
            17 if is("transfer-encoding") => {
                if chunked {
                    return Err(malformed("Transfer-Encoding is given twice"));
                }
                only_chunked(field.value)?;
                chunked = true;
            }
            // No framing to us, but to a gateway behind or before us that takes `_` for `-`.
            14 if is("content_length") => {
                return Err(malformed("Content_Length is written with a hyphen"));
            }
            17 if is("transfer_encoding") => {
                return Err(malformed("Transfer_Encoding is written with a hyphen"));
            }
            _ => {}
        }
    }
    match hosts {
        1 => {}
        0 if !modern => {}
        0 => return Err(malformed("the Host field is missing")),
        _ => return Err(malformed("the Host field is given twice")),
    }
    framing.content = match (length, chunked) {
        (Some(_), true) => {
            return Err(malformed(
                "Content-Length and Transfer-Encoding are both given",
            ));
        }
        (None, true) if !modern => {
            return Err(malformed("HTTP/1.0 has no Transfer-Encoding"));
        }
        (None, true) => Content::Chunked,
        (Some(0) | None, false) => Content::None,
        (Some(length), false) => Content::Length(length),
    };
    framing.expects_continue &= framing.content != Content::None;
    Ok(framing)
}

/// Only bytes of a host and port.
#[inline]
pub(crate) fn is_host(value: &[u8]) -> bool {
    let allowed = |all, byte: &u8| all & IN_HOST[usize::from(*byte)];
    value.iter().fold(true, allowed)
}

/// Bytes of `uri-host [ ":" port ]` (RFC 3986 section 3.2.2), without user information.
static IN_HOST: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 128 {
        table[byte] = (byte as u8).is_ascii_alphanumeric();
        byte += 1;
    }
    let others = b"-._~%!$&'()*+;=:[]";
    let mut at = 0;
    while at < others.len() {
        table[others[at] as usize] = true;
        at += 1;
    }
    table
};

fn persists(value: &[u8], before: bool) -> bool {
    let mut persists = before;
    for option in value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii) {
        if option.eq_ignore_ascii_case(b"close") {
            return false;
        }
        persists |= option.eq_ignore_ascii_case(b"keep-alive");
    }
    persists
}

/// `1*DIGIT`, at most 18 of them.
fn decimal(value: &[u8]) -> Option<u64> {
    if value.is_empty() || value.len() > 18 || !value.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let digits = value.iter().map(|byte| u64::from(byte - b'0'));
    Some(digits.fold(0, |number, digit| number * 10 + digit))
}

fn only_chunked(value: &[u8]) -> Result<(), Problem> {
    let mut codings = value
        .rsplit(|byte| *byte == b',')
        .map(<[u8]>::trim_ascii)
        .map(|coding| coding.eq_ignore_ascii_case(b"chunked"));
    if codings.next() != Some(true) {
        return Err(malformed("the last transfer coding is not chunked"));
    }
    match codings.next() {
        None => Ok(()),
        Some(true) => Err(malformed("chunked is applied twice")),
        Some(false) => {
            let mut problem =
                Problem::not_implemented("the only transfer coding understood is chunked");
            problem.title = "The transfer coding is not implemented".into();
            Err(problem)
        }
    }
}
