//! Bytes to a request line and fields (RFC 9112 sections 2.2, 3 and 5): syntax only, by the grammar's letter. What the
//! fields mean is `framing`'s.

use crate::head::{Field, is_of_token};
use smallvec::SmallVec;

/// Fields of a head; a usual request's need no allocation.
pub(crate) type Fields<'b> = SmallVec<[Field<'b>; 16]>;

/// The head but for its fields.
pub(super) struct Lines<'b> {
    pub(super) method: &'b str,
    pub(super) target: &'b str,
    /// HTTP/1.1; else 1.0.
    pub(super) modern: bool,
    /// Bytes of the head, its empty line included.
    pub(super) length: usize,
}

/// Why bytes are no head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wrong {
    RequestLine,
    Fragment,
    Version,
    Name,
    Value,
    /// LF without CR.
    LineFeed,
    /// CR without LF.
    Return,
    TooMany,
}

/// Reads the head at the start of `bytes`; `None` when more of it is to come.
#[inline]
pub(super) fn read<'b>(
    bytes: &'b [u8],
    fields: &mut Fields<'b>,
    most: usize,
) -> Result<Option<Lines<'b>>, Wrong> {
    let space = match bytes {
        [b'G', b'E', b'T', b' ', ..] => 3,
        _ => token_end(bytes, 0),
    };
    match bytes.get(space) {
        Some(b' ') if space > 0 => {}
        // The first half of an empty line before the head.
        None => return Ok(None),
        Some(b'\r') if bytes.len() == 1 => return Ok(None),
        Some(_) => return Err(Wrong::RequestLine),
    }
    let start = space + 1;
    let ascii = target_end(bytes, start, true);
    let end = match bytes.get(ascii) {
        Some(128..) => target_end(bytes, ascii, false),
        _ => ascii,
    };
    match bytes.get(end) {
        Some(b' ') if end > start => {}
        None => return Ok(None),
        Some(b'#') => return Err(Wrong::Fragment),
        Some(_) => return Err(Wrong::RequestLine),
    }
    let line = text(&bytes[..end], ascii == end)?;
    let modern = match version(&bytes[end + 1..])? {
        Some(modern) => modern,
        None => return Ok(None),
    };
    let mut at = end + 1 + VERSION.len();
    loop {
        match bytes.get(at..) {
            Some([b'\r', b'\n', ..]) => {
                return Ok(Some(Lines {
                    method: &line[..space],
                    target: &line[start..],
                    modern,
                    length: at + 2,
                }));
            }
            None | Some([] | [b'\r']) => return Ok(None),
            Some([b'\r', ..]) => return Err(Wrong::Return),
            Some([b'\n', ..]) => return Err(Wrong::LineFeed),
            Some(_) => {}
        }
        let colon = token_end(bytes, at);
        match bytes.get(colon) {
            Some(b':') if colon > at => {}
            None => return Ok(None),
            Some(_) => return Err(Wrong::Name),
        }
        let end = value_end(bytes, colon + 1);
        match &bytes[end..] {
            [b'\r', b'\n', ..] => {}
            [] | [b'\r'] => return Ok(None),
            [b'\n', ..] => return Err(Wrong::LineFeed),
            _ => return Err(Wrong::Value),
        }
        if fields.len() == most {
            return Err(Wrong::TooMany);
        }
        fields.push(Field {
            name: &bytes[at..colon],
            value: trim(&bytes[colon + 1..end]),
        });
        at = end + 2;
    }
}

/// A method and a target, of which it is known whether they are ASCII.
#[inline]
#[allow(
    unsafe_code,
    reason = "each request has one, and the search for its end has looked at every byte"
)]
fn text(line: &[u8], is_ascii: bool) -> Result<&str, Wrong> {
    if is_ascii {
        // SAFETY: a token is ASCII, then a space, then what `target_end` passed over because it was ASCII.
        return Ok(unsafe { std::str::from_utf8_unchecked(line) });
    }
    std::str::from_utf8(line).map_err(|_| Wrong::RequestLine)
}

const VERSION: &[u8; 10] = b"HTTP/1.1\r\n";

/// Of the line's last part, whether it is 1.1.
#[inline]
fn version(rest: &[u8]) -> Result<Option<bool>, Wrong> {
    match rest.first_chunk() {
        Some(VERSION) => Ok(Some(true)),
        Some(b"HTTP/1.0\r\n") => Ok(Some(false)),
        _ => other_version(rest).map(|()| None),
    }
}

#[cold]
fn other_version(rest: &[u8]) -> Result<(), Wrong> {
    let is = |version: &[u8]| {
        let same = version.iter().zip(rest);
        same.take_while(|(one, other)| one == other).count()
    };
    let same = is(VERSION).max(is(b"HTTP/1.0\r\n"));
    match rest.get(same) {
        None => Ok(()),
        Some(b'\n') if same == 8 => Err(Wrong::LineFeed),
        Some(_) if same == 9 => Err(Wrong::Return),
        Some(_) => Err(Wrong::Version),
    }
}

/// Optional whitespace around a value is not of it.
#[inline]
fn trim(mut value: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] = value {
        value = rest;
    }
    while let [rest @ .., b' ' | b'\t'] = value {
        value = rest;
    }
    value
}

/// Where a token that begins at `at` ends.
#[inline]
fn token_end(bytes: &[u8], mut at: usize) -> usize {
    while let Some(byte) = bytes.get(at)
        && OF_TOKEN[usize::from(*byte)]
    {
        at += 1;
    }
    at
}

static OF_TOKEN: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 128 {
        table[byte] = is_of_token(byte as u8);
        byte += 1;
    }
    table
};

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGH: u64 = ONES << 7;

/// The high bit of each byte below `limit`; right up to the first of them.
const fn below(word: u64, limit: u64) -> u64 {
    word.wrapping_sub(ONES * limit) & !word & HIGH
}

/// The high bit of each byte that is `byte`; right up to the first of them.
const fn equal(word: u64, byte: u8) -> u64 {
    below(word ^ (ONES * byte as u64), 1)
}

/// Where a target ends: at a space, a control character, DEL, or `#`; where it is to be ASCII, also at what is not.
#[inline]
fn target_end(bytes: &[u8], at: usize, to_be_ascii: bool) -> usize {
    let others = if to_be_ascii { HIGH } else { 0 };
    let stop = |word| below(word, 0x21) | equal(word, 0x7F) | equal(word, b'#') | (word & others);
    end(bytes, at, stop, |byte| {
        byte <= b' ' || byte == 0x7F || byte == b'#' || (to_be_ascii && !byte.is_ascii())
    })
}

/// Where a value ends: at a control character other than a tab, or DEL.
#[inline]
fn value_end(bytes: &[u8], mut at: usize) -> usize {
    let stop = |word| below(word, 0x20) | equal(word, 0x7F);
    loop {
        at = end(bytes, at, stop, |byte| byte < b' ' || byte == 0x7F);
        match bytes.get(at) {
            Some(b'\t') => at += 1,
            _ => return at,
        }
    }
}

/// The first byte from `at` on that stops, eight at a time.
#[inline]
fn end(
    bytes: &[u8],
    mut at: usize,
    stop: impl Fn(u64) -> u64,
    stops: impl Fn(u8) -> bool,
) -> usize {
    while let Some(word) = bytes.get(at..).and_then(<[u8]>::first_chunk) {
        let found = stop(u64::from_le_bytes(*word));
        if found != 0 {
            return at + found.trailing_zeros() as usize / 8;
        }
        at += 8;
    }
    while let Some(byte) = bytes.get(at)
        && !stops(*byte)
    {
        at += 1;
    }
    at
}

#[cfg(test)]
mod tests {
    use super::{Fields, Wrong, read};
    use httparse::{EMPTY_HEADER, Error, Request, Status};

    type Parts = (String, String, bool, usize, Vec<(Vec<u8>, Vec<u8>)>);

    fn ours(bytes: &[u8]) -> Result<Option<Parts>, Wrong> {
        let mut fields = Fields::new();
        Ok(read(bytes, &mut fields, 4)?.map(|lines| {
            let field =
                |field: &crate::head::Field<'_>| (field.name.to_vec(), field.value.to_vec());
            let (method, target) = (lines.method.to_owned(), lines.target.to_owned());
            let fields = fields.iter().map(field).collect();
            (method, target, lines.modern, lines.length, fields)
        }))
    }

    fn httparses(bytes: &[u8]) -> Result<Option<Parts>, Error> {
        let mut fields = [EMPTY_HEADER; 4];
        let mut request = Request::new(&mut fields);
        Ok(match request.parse(bytes)? {
            Status::Partial => None,
            Status::Complete(length) => Some((
                request.method.unwrap_or_default().to_owned(),
                request.path.unwrap_or_default().to_owned(),
                request.version == Some(1),
                length,
                request
                    .headers
                    .iter()
                    .map(|field| (field.name.as_bytes().to_vec(), field.value.to_vec()))
                    .collect(),
            )),
        })
    }

    const SOUND: &[u8] =
        b"POST /a/path?with=a&query HTTP/1.1\r\nHost: example.org:80\r\nX:\t a\tb \xC3\xA9 \r\nA-long-name-of-a-field:\r\n\r\nbody";

    /// What we refuse on purpose: line feeds alone, fragments.
    fn is_stricter(bytes: &[u8]) -> bool {
        let bare = bytes
            .iter()
            .enumerate()
            .any(|(at, byte)| *byte == b'\n' && (at == 0 || bytes[at - 1] != b'\r'));
        let line = bytes
            .split(|byte| *byte == b'\n')
            .next()
            .unwrap_or_default();
        bare || line.contains(&b'#') || bytes.starts_with(b"\r\n")
    }

    #[test]
    fn every_head_with_one_byte_changed_is_read_as_httparse_reads_it() {
        let mut accepted = 0;
        for at in 0..SOUND.len() {
            for byte in 0..=255 {
                let mut bytes = SOUND.to_vec();
                bytes[at] = byte;
                if is_stricter(&bytes) {
                    continue;
                }
                let (ours, theirs) = (ours(&bytes), httparses(&bytes));
                accepted += usize::from(matches!(ours, Ok(Some(_))));
                let text = bytes.escape_ascii();
                assert_eq!(ours.clone().ok(), theirs.ok(), "{ours:?} {text}");
            }
        }
        assert!(accepted > 5_000, "{accepted}");
    }

    #[test]
    fn a_head_is_incomplete_until_its_last_byte() {
        let whole = SOUND.len() - b"body".len();
        for length in 0..SOUND.len() {
            let read = ours(&SOUND[..length]).expect("right so far");
            assert_eq!(read.is_some(), length >= whole, "{length}");
        }
        for version in ["HTTP/1.0\r\n\r\n", "HTTP/1.1\r\n\r\n"] {
            let head = format!("GET / {version}");
            for length in 0..head.len() {
                assert_eq!(ours(&head.as_bytes()[..length]), Ok(None), "{length}");
            }
        }
    }

    #[test]
    fn each_mistake_is_told_as_soon_as_it_is_there() {
        for (bytes, expected) in [
            ("G(T / HTTP/1.1", Wrong::RequestLine),
            (" / HTTP/1.1", Wrong::RequestLine),
            ("GET  /", Wrong::RequestLine),
            ("GET /a\r", Wrong::RequestLine),
            ("\n", Wrong::RequestLine),
            ("GET /a#b", Wrong::Fragment),
            ("GET / HTTP/2", Wrong::Version),
            ("GET / HTTP/1.2", Wrong::Version),
            ("GET / HTTP/1.1 ", Wrong::Version),
            ("GET / http/1.1", Wrong::Version),
            ("GET / HTTP/1.1\n", Wrong::LineFeed),
            ("GET / HTTP/1.1\rX", Wrong::Return),
            ("GET / HTTP/1.1\r\n\n", Wrong::LineFeed),
            ("GET / HTTP/1.1\r\n\rX", Wrong::Return),
            ("GET / HTTP/1.1\r\n X: y", Wrong::Name),
            ("GET / HTTP/1.1\r\nX : y", Wrong::Name),
            ("GET / HTTP/1.1\r\n: y", Wrong::Name),
            ("GET / HTTP/1.1\r\nX: y\0", Wrong::Value),
            ("GET / HTTP/1.1\r\nX: y\x7F", Wrong::Value),
            ("GET / HTTP/1.1\r\nX: y\n", Wrong::LineFeed),
            ("GET / HTTP/1.1\r\nX: y\rz", Wrong::Value),
            (
                "GET / HTTP/1.1\r\na:\r\nb:\r\nc:\r\nd:\r\ne:\r\n",
                Wrong::TooMany,
            ),
        ] {
            assert_eq!(ours(bytes.as_bytes()), Err(expected), "{bytes:?}");
        }
    }
}
