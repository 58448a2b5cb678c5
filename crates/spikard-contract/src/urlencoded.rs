//! Percent-encoding (RFC 3986 section 2.1) and `application/x-www-form-urlencoded` pairs, in linear time.

use std::borrow::Cow;

/// Bytes after decoding were not UTF-8.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotUtf8;

/// Decodes `%XX` once; `+` stays. Borrows when there is nothing to decode. A stray `%` is kept as it is.
pub fn percent_decode(_text: &str) -> Result<Cow<'_, str>, NotUtf8> {
    todo!()
}

/// Pairs of a query string, in order: split at `&` only, `+` is a space, decoded once, empty pieces skipped,
/// a piece without `=` has an empty value.
pub fn pairs(_query: &str) -> impl Iterator<Item = Result<(Cow<'_, str>, Cow<'_, str>), NotUtf8>> {
    std::iter::empty()
}
