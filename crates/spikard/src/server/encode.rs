//! A response to bytes (RFC 9112 sections 4, 6 and 7), appended to the connection's one output buffer. Decides which
//! fields belong to the server; writes nothing to a socket.

use super::date;
use super::framing::Framing;
use crate::buffers;
use crate::defects::defect;
use crate::request_id::RequestId;
use crate::response::ChunkSource;
use crate::trailers::Trailer;
use crate::upgrade::Switch;
use crate::{Body, Response};

/// Bodies and chunks up to this size are copied behind their head, so that one write takes both; larger ones go out
/// beside it, uncopied.
pub(crate) const COPY_LIMIT: usize = 16 << 10;

/// How nearly every reply begins, up to its length: one copy instead of three.
fn usual_start(status: u16, media_type: &str) -> Option<&'static [u8]> {
    match (status, media_type) {
        (200, "application/json") => {
            Some(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ")
        }
        (201, "application/json") => {
            Some(b"HTTP/1.1 201 Created\r\ncontent-type: application/json\r\ncontent-length: ")
        }
        _ => None,
    }
}

/// Bytes of a head with few fields, so that the buffer grows once.
const USUAL_HEAD: usize = 256;

/// What of a body is not in the output buffer yet.
pub(crate) enum Rest {
    None,
    Static(&'static [u8]),
    Full(Vec<u8>),
    Stream(Box<dyn ChunkSource>, Coding),
    /// Nothing more of HTTP.
    Upgrade(Box<Switch>),
}

/// How a streamed body is framed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Coding {
    Chunked,
    /// The same, and the client keeps fields behind the last chunk.
    ChunkedWithTrailers,
    /// As it is: its length is told, or it ends with the connection (HTTP/1.0).
    Plain,
}

/// Whether a reply will be the last one whatever its framing says: an HTTP/1.0 stream ends with its connection.
pub(crate) fn must_close(response: &Response, framing: &Framing) -> bool {
    !framing.modern
        && !framing.is_head
        && matches!(&response.body, Body::Stream(source) if source.length().is_none())
}

/// Whether a status allows no content.
#[inline]
pub(crate) fn is_bare(status: u16) -> bool {
    matches!(status, 204 | 205 | 304)
}

/// The length of the content that is told.
#[inline]
pub(crate) fn length(status: u16, body: &Body) -> Option<usize> {
    match body {
        // A 304 would have to say the length of what it does not send (RFC 9110 section 8.6).
        Body::Empty if matches!(status, 204 | 304) => None,
        Body::Empty => Some(0),
        Body::Static(bytes) => Some(bytes.len()),
        Body::Full(bytes) => Some(bytes.len()),
        Body::Stream(source) => source.length().and_then(|length| length.try_into().ok()),
        Body::Upgrade(_) => (status != 101).then_some(0),
    }
}

/// Appends the head of a reply, and its body when it is small.
pub(crate) fn reply(
    out: &mut Vec<u8>,
    response: Response,
    request_id: &RequestId,
    framing: &Framing,
    close: bool,
) -> Rest {
    let bare = is_bare(response.status);
    let body = if bare { Body::Empty } else { response.body };
    let length = length(response.status, &body);
    if out.capacity() == 0 {
        *out = buffers::lend();
    }
    out.reserve(USUAL_HEAD + length.unwrap_or(0).min(COPY_LIMIT));
    let media_type = response.content_type.as_deref();
    let usual = media_type.and_then(|media_type| usual_start(response.status, media_type));
    match (usual, length) {
        (Some(usual), Some(length)) => {
            out.extend_from_slice(usual);
            digits(out, length);
            out.extend_from_slice(b"\r\n");
        }
        (_, length) => start(out, response.status, media_type, length),
    }
    if let Body::Upgrade(switch) = &body {
        offer(out, switch.protocol);
    }
    let coding = match &body {
        Body::Stream(_) if framing.modern && length.is_none() => {
            out.extend_from_slice(b"transfer-encoding: chunked\r\n");
            Coding::Chunked
        }
        _ => Coding::Plain,
    };
    for (name, value) in &response.headers {
        if !is_servers(name) {
            out.extend_from_slice(name.as_bytes());
            field(out, b": ", value.as_bytes());
        } else if response.status == 426 && name.eq_ignore_ascii_case("upgrade") {
            offer(out, value);
        }
    }
    date::append_field(out);
    out.extend_from_slice(b"x-request-id: ");
    match request_id {
        // Of a length that the compiler knows.
        RequestId::Own(own) => out.extend_from_slice(own),
        other => out.extend_from_slice(other.as_bytes()),
    }
    match (close, framing.modern) {
        (true, _) => out.extend_from_slice(b"\r\nconnection: close\r\n\r\n"),
        (false, false) => out.extend_from_slice(b"\r\nconnection: keep-alive\r\n\r\n"),
        (false, true) => out.extend_from_slice(b"\r\n\r\n"),
    }
    if framing.is_head && !defect("head-with-body") {
        return Rest::None;
    }
    content(out, body, coding)
}

/// Another protocol, as a field of this connection (RFC 9110 section 7.8).
#[cold]
fn offer(out: &mut Vec<u8>, protocol: &str) {
    field(
        out,
        b"connection: upgrade\r\nupgrade: ",
        protocol.as_bytes(),
    );
}

/// The status line, and what is said of the content.
fn start(out: &mut Vec<u8>, status: u16, media_type: Option<&str>, length: Option<usize>) {
    status_line(out, status);
    if let Some(media_type) = media_type
        && status != 204
    {
        field(out, b"content-type: ", media_type.as_bytes());
    }
    if let Some(length) = length {
        out.extend_from_slice(b"content-length: ");
        digits(out, length);
        out.extend_from_slice(b"\r\n");
    }
}

fn content(out: &mut Vec<u8>, body: Body, coding: Coding) -> Rest {
    match body {
        Body::Empty => Rest::None,
        Body::Static(bytes) if bytes.len() > COPY_LIMIT => Rest::Static(bytes),
        Body::Static(bytes) => {
            out.extend_from_slice(bytes);
            Rest::None
        }
        Body::Full(bytes) if bytes.len() > COPY_LIMIT => Rest::Full(bytes),
        Body::Full(mut bytes) => {
            out.extend_from_slice(&bytes);
            buffers::take_back(&mut bytes);
            Rest::None
        }
        Body::Stream(source) => Rest::Stream(source, coding),
        Body::Upgrade(switch) => Rest::Upgrade(switch),
    }
}

/// Appends the line before a chunk of `length` bytes.
pub(crate) fn chunk_size(out: &mut Vec<u8>, length: usize) {
    let skip = (length.leading_zeros() / 4).min(usize::BITS / 4 - 1);
    for shift in (0..usize::BITS / 4 - skip).rev() {
        out.push(b"0123456789abcdef"[length >> (4 * shift) & 15]);
    }
    out.extend_from_slice(b"\r\n");
}

/// Appends what follows the last chunk.
pub(crate) fn last_chunk(out: &mut Vec<u8>, trailers: &[Trailer]) {
    out.extend_from_slice(b"0\r\n");
    for (name, value) in trailers {
        out.extend_from_slice(name.as_bytes());
        field(out, b": ", value.as_bytes());
    }
    out.extend_from_slice(b"\r\n");
}

/// These the server writes itself; a handler's own would make a second message out of one.
pub(crate) fn is_servers(name: &str) -> bool {
    let names: &[&str] = match name.len() {
        4 => &["date"],
        7 => &["trailer", "upgrade"],
        10 => &["connection", "keep-alive"],
        12 => &["x-request-id"],
        14 => &["content-length"],
        17 => &["transfer-encoding"],
        _ => return false,
    };
    names.iter().any(|own| name.eq_ignore_ascii_case(own))
}

fn field(out: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    out.extend_from_slice(name);
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}

fn digits(out: &mut Vec<u8>, mut number: usize) {
    let digit = |power: usize| b'0' + (number / power % 10) as u8;
    match number {
        // Most answers are small: copies of lengths that the compiler knows.
        0..10 => return out.push(digit(1)),
        10..100 => return out.extend_from_slice(&[digit(10), digit(1)]),
        100..1000 => return out.extend_from_slice(&[digit(100), digit(10), digit(1)]),
        _ => {}
    }
    let mut text = [0; 20];
    let mut at = text.len();
    loop {
        at -= 1;
        text[at] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            break;
        }
    }
    out.extend_from_slice(&text[at..]);
}

fn status_line(out: &mut Vec<u8>, status: u16) {
    if status == 200 {
        return out.extend_from_slice(b"HTTP/1.1 200 OK\r\n");
    }
    out.extend_from_slice(b"HTTP/1.1 ");
    digits(out, usize::from(status));
    field(out, b" ", reason(status).as_bytes());
}

/// Reason phrases of the registered statuses; empty for others, which RFC 9112 section 4 allows.
pub(crate) fn reason(status: u16) -> &'static str {
    match status {
        101 => "Switching Protocols",
        200 => "OK",
        201 => "Created",
        202 => "Accepted",
        203 => "Non-Authoritative Information",
        204 => "No Content",
        205 => "Reset Content",
        206 => "Partial Content",
        207 => "Multi-Status",
        300 => "Multiple Choices",
        301 => "Moved Permanently",
        302 => "Found",
        303 => "See Other",
        304 => "Not Modified",
        307 => "Temporary Redirect",
        308 => "Permanent Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        402 => "Payment Required",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        406 => "Not Acceptable",
        408 => "Request Timeout",
        409 => "Conflict",
        410 => "Gone",
        411 => "Length Required",
        412 => "Precondition Failed",
        413 => "Content Too Large",
        414 => "URI Too Long",
        415 => "Unsupported Media Type",
        416 => "Range Not Satisfiable",
        417 => "Expectation Failed",
        418 => "I'm a teapot",
        421 => "Misdirected Request",
        422 => "Unprocessable Content",
        423 => "Locked",
        424 => "Failed Dependency",
        425 => "Too Early",
        426 => "Upgrade Required",
        428 => "Precondition Required",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        451 => "Unavailable For Legal Reasons",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        505 => "HTTP Version Not Supported",
        507 => "Insufficient Storage",
        _ => "",
    }
}
