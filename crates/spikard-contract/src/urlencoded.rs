//! Percent-encoding (RFC 3986 section 2.1) and `application/x-www-form-urlencoded` pairs, in linear time.

use std::borrow::Cow;

/// Bytes after decoding were not UTF-8.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotUtf8;

/// Decodes `%XX` once; `+` stays. Borrows when there is nothing to decode. A stray `%` is kept as it is.
///
/// ```
/// use spikard_contract::urlencoded::percent_decode;
/// assert_eq!(percent_decode("a%2Fb+c").unwrap(), "a/b+c");
/// ```
pub fn percent_decode(text: &str) -> Result<Cow<'_, str>, NotUtf8> {
    match text.bytes().position(|byte| byte == b'%') {
        None => Ok(Cow::Borrowed(text)),
        Some(first) => decode(text, first, false),
    }
}

/// Pairs of a query string, in order: split at `&` only, `+` is a space, decoded once, empty pieces skipped,
/// a piece without `=` has an empty value.
///
/// ```
/// let pairs: Vec<_> = spikard_contract::urlencoded::pairs("a=1+2&&b").map(Result::unwrap).collect();
/// assert_eq!(pairs, [("a".into(), "1 2".into()), ("b".into(), "".into())]);
/// ```
pub fn pairs(query: &str) -> impl Iterator<Item = Result<(Cow<'_, str>, Cow<'_, str>), NotUtf8>> {
    Pairs { rest: query }
}

struct Pairs<'q> {
    rest: &'q str,
}

impl<'q> Iterator for Pairs<'q> {
    type Item = Result<(Cow<'q, str>, Cow<'q, str>), NotUtf8>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.rest.is_empty() {
            // One look at each byte: pieces are too short for a search to pay.
            let (mut end, mut equals, mut encoded) = (self.rest.len(), None, false);
            for (at, byte) in self.rest.bytes().enumerate() {
                match byte {
                    b'&' => {
                        end = at;
                        break;
                    }
                    b'=' => equals = equals.or(Some(at)),
                    b'%' | b'+' => encoded = true,
                    _ => {}
                }
            }
            let piece = &self.rest[..end];
            self.rest = self.rest.get(end + 1..).unwrap_or_default();
            if piece.is_empty() {
                continue;
            }
            let (name, value) = match equals {
                Some(at) => (&piece[..at], &piece[at + 1..]),
                None => (piece, ""),
            };
            return Some(match encoded {
                false => Ok((Cow::Borrowed(name), Cow::Borrowed(value))),
                true => form_decode(name).and_then(|name| Ok((name, form_decode(value)?))),
            });
        }
        None
    }
}

fn form_decode(text: &str) -> Result<Cow<'_, str>, NotUtf8> {
    match text.bytes().position(|byte| byte == b'%' || byte == b'+') {
        None => Ok(Cow::Borrowed(text)),
        Some(first) => decode(text, first, true),
    }
}

fn decode(text: &str, first: usize, plus_is_space: bool) -> Result<Cow<'_, str>, NotUtf8> {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    out.extend_from_slice(&bytes[..first]);
    let mut at = first;
    while let Some(&byte) = bytes.get(at) {
        at += 1;
        match byte {
            b'%' => match bytes.get(at..at + 2).and_then(hex) {
                Some(decoded) => {
                    out.push(decoded);
                    at += 2;
                }
                None => out.push(b'%'),
            },
            b'+' if plus_is_space => out.push(b' '),
            _ => out.push(byte),
        }
    }
    String::from_utf8(out).map(Cow::Owned).map_err(|_| NotUtf8)
}

fn hex(digits: &[u8]) -> Option<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    u8::try_from(digit(digits[0])? * 16 + digit(digits[1])?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splits_and_decodes() {
        let cases: &[(&str, &[(&str, &str)])] = &[
            ("", &[]),
            ("&&&", &[]),
            ("a", &[("a", "")]),
            ("=a", &[("", "a")]),
            ("a=b=c", &[("a", "b=c")]),
            ("a=1&a=2;b=3", &[("a", "1"), ("a", "2;b=3")]),
            ("a+b=c%2Bd%20e", &[("a b", "c+d e")]),
            ("a=%zz%4&b=%", &[("a", "%zz%4"), ("b", "%")]),
            ("%C3%A9=é", &[("é", "é")]),
            ("a=%2541", &[("a", "%41")]),
        ];
        for (query, expected) in cases {
            let found: Vec<_> = pairs(query).map(|pair| pair.unwrap()).collect();
            let expected: Vec<(Cow<'_, str>, Cow<'_, str>)> = expected
                .iter()
                .map(|&(name, value)| (name.into(), value.into()))
                .collect();
            assert_eq!(found, expected, "{query}");
        }
        assert_eq!(pairs("a=%FF").next(), Some(Err(NotUtf8)));
    }

    #[test]
    fn borrows_when_nothing_is_encoded() {
        assert!(matches!(percent_decode("a+b"), Ok(Cow::Borrowed("a+b"))));
        assert!(matches!(
            pairs("a=b").next(),
            Some(Ok((Cow::Borrowed("a"), Cow::Borrowed("b"))))
        ));
        assert_eq!(percent_decode("%FF"), Err(NotUtf8));
    }
}
