//! The head of a request, borrowed from the connection's buffer. Nothing is copied and nothing is looked up twice.

/// Method, target and fields of one request (RFC 9112 sections 3 and 5).
///
/// ```
/// use spikard::{App, Head, Moment, TestClient};
///
/// fn describe(head: &Head<'_>) -> String {
///     let accept: Vec<_> = head.headers.all("Accept").map(<[u8]>::escape_ascii).map(|text| text.to_string()).collect();
///     let names: Vec<_> = head.headers.iter().map(|(name, _)| name).collect();
///     assert_eq!(head.headers.get("accept"), Some(&b"a/b"[..]));
///     format!("{} {} {} {accept:?} {}", head.method, head.path(), head.query(), names.contains(&"accept"))
/// }
///
/// let app = App::new("Heads", "1.0.0").get("/a", || async {}).hook(Moment::OnRequest, |passage| async move {
///     let text = passage.look(describe);
///     assert_eq!(text, r#"GET /a b=1 ["a/b", "c/d"] true"#);
/// });
/// let client = TestClient::new(app)?;
/// assert_eq!(client.get("/a?b=1").header("accept", "a/b").header("accept", "c/d").wait().status, 204);
/// # Ok::<(), spikard::DefinitionError>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Head<'b> {
    /// As sent; methods are case-sensitive (RFC 9110 section 9.1).
    pub method: &'b str,
    /// Path and query of the target as sent (origin form; absolute form is reduced to it).
    pub target: &'b str,
    /// Header fields in order.
    pub headers: Headers<'b>,
}

impl<'b> Head<'b> {
    /// The target up to `?`.
    pub fn path(&self) -> &'b str {
        self.split().0
    }

    /// The target after `?`; empty when there is none.
    pub fn query(&self) -> &'b str {
        self.split().1
    }

    fn split(&self) -> (&'b str, &'b str) {
        match find(b'?', self.target) {
            Some(at) => (&self.target[..at], &self.target[at + 1..]),
            None => (self.target, ""),
        }
    }
}

/// Where `byte` is. Targets are short: looking at each byte then costs less than a call.
#[inline]
pub(crate) fn find(byte: u8, text: &str) -> Option<usize> {
    const SHORT: usize = 24;
    match text.len() {
        ..=SHORT => text.bytes().position(|other| other == byte),
        _ => memchr::memchr(byte, text.as_bytes()),
    }
}

/// A token, as names of fields and methods are (RFC 9110 section 5.6.2).
pub(crate) fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(is_of_token)
}

/// A byte that a token may hold.
#[inline]
pub(crate) const fn is_of_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'!' | b'#'..=b'\'' | b'*' | b'+' | b'-' | b'.' | b'^'..=b'`' | b'|' | b'~'
        )
}

/// Whether two short texts are the same: inline, without the call that `==` makes.
#[inline]
pub(crate) fn is_same(one: &str, other: &str) -> bool {
    let (one, other) = (one.as_bytes(), other.as_bytes());
    if one.len() != other.len() {
        return false;
    }
    // The last word may overlap the one before.
    match (one.last_chunk::<8>(), other.last_chunk::<8>()) {
        (Some(last), Some(other_last)) => {
            let (words, others) = (one.as_chunks::<8>().0, other.as_chunks::<8>().0);
            last == other_last && words.iter().zip(others).all(|(word, other)| word == other)
        }
        _ => match (one.first_chunk::<4>(), other.first_chunk::<4>()) {
            (Some(first), Some(other_first)) => {
                first == other_first && one.last_chunk::<4>() == other.last_chunk::<4>()
            }
            _ => one.iter().zip(other).all(|(byte, other)| byte == other),
        },
    }
}

/// Whether two names of fields are the same (RFC 9110 section 5.1): by words, as every request has its names looked at.
#[inline]
pub(crate) fn is_name(name: &[u8], other: &str) -> bool {
    let other = other.as_bytes();
    if name.len() != other.len() {
        return false;
    }
    // The last word may overlap the one before.
    match (name.last_chunk::<8>(), other.last_chunk::<8>()) {
        (Some(last), Some(other_last)) => {
            let (words, others) = (name.as_chunks::<8>().0, other.as_chunks::<8>().0);
            lower(last) == lower(other_last)
                && words
                    .iter()
                    .zip(others)
                    .all(|(word, other)| lower(word) == lower(other))
        }
        _ => name.eq_ignore_ascii_case(other),
    }
}

/// Eight bytes, the letters among them in lower case.
#[inline]
fn lower(word: &[u8; 8]) -> u64 {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = ONES << 7;
    let word = u64::from_ne_bytes(*word);
    // Of each byte the high bit tells; what is added to seven bits never reaches the next byte.
    let low = word & !HIGH;
    let from_a = low + ONES * (0x80 - b'A' as u64);
    let behind_z = low + ONES * (0x7F - b'Z' as u64);
    let letters = from_a & !behind_z & !word & HIGH;
    word | letters >> 2
}

/// Header fields in order; names compare without case (RFC 9110 section 5.1).
///
/// ```
/// use spikard::{App, Headers, Moment, TestClient};
///
/// fn count(headers: Headers<'_>) -> usize {
///     headers.iter().count()
/// }
///
/// let app = App::new("Heads", "1.0.0").hook(Moment::OnResponse, |passage| async move {
///     assert_eq!(passage.look(|head| count(head.headers)), 2); // `host` and `connection`
/// });
/// assert_eq!(TestClient::new(app)?.get("/").wait().status, 404);
/// # Ok::<(), spikard::DefinitionError>(())
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct Headers<'b>(pub(crate) &'b [Field<'b>]);

/// One field.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Field<'b> {
    /// A token, so ASCII.
    pub(crate) name: &'b [u8],
    pub(crate) value: &'b [u8],
}

impl<'b> Headers<'b> {
    /// The first value of `name`.
    pub fn get(&self, name: &str) -> Option<&'b [u8]> {
        self.all(name).next()
    }

    /// Every value of `name`, in order.
    pub fn all<'n>(&self, name: &'n str) -> impl Iterator<Item = &'b [u8]> + use<'b, 'n> {
        let fields = self.0;
        fields
            .iter()
            .filter(move |field| is_name(field.name, name))
            .map(|field| field.value)
    }

    /// Name as sent and value, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&'b str, &'b [u8])> + use<'b> {
        let name = |name| std::str::from_utf8(name).expect("invariant: tokens are ASCII");
        self.0
            .iter()
            .map(move |field| (name(field.name), field.value))
    }
}

/// Looks at the head of a GET of `/` with these fields.
#[cfg(test)]
pub(crate) fn with_head<R>(fields: &[(&str, &str)], look: impl FnOnce(&Head<'_>) -> R) -> R {
    let fields: Vec<_> = fields
        .iter()
        .map(|(name, value)| Field {
            name: name.as_bytes(),
            value: value.as_bytes(),
        })
        .collect();
    look(&Head {
        method: "GET",
        target: "/",
        headers: Headers(&fields),
    })
}

#[cfg(test)]
mod tests {
    use super::{is_name, is_same};

    #[test]
    fn texts_are_the_same_when_every_byte_is() {
        let text = "abcdefghijklmnopqrstuvwxyz";
        for length in 0..text.len() {
            assert!(is_same(&text[..length], &text[..length]));
            assert!(!is_same(&text[..length], &text[..length + 1]), "{length}");
            for at in 0..length {
                let mut other = text[..length].to_owned();
                other.replace_range(at..=at, "!");
                assert!(!is_same(&text[..length], &other), "{other}");
            }
        }
    }

    #[test]
    fn names_are_the_same_whatever_their_case() {
        let names = [
            "",
            "te",
            "Host",
            "hOSt",
            "Cookie",
            "Expect",
            "X-A",
            "CONTENT-LENGTH",
        ];
        let odd = [
            "Content-Type",
            "content-typE",
            "x-request-id",
            "a^b~c|d_e`f",
            "A~b^c|d_e`f",
        ];
        let all: Vec<&str> = names.into_iter().chain(odd).collect();
        for (one, other) in all
            .iter()
            .flat_map(|one| all.iter().map(move |other| (one, other)))
        {
            assert_eq!(
                is_name(one.as_bytes(), other),
                one.eq_ignore_ascii_case(other),
                "{one} {other}"
            );
        }
        // Every byte beside every other, in each place of a word.
        for (one, other) in (0..128_u8).flat_map(|one| (0..128_u8).map(move |other| (one, other))) {
            for at in [0, 3, 7, 9] {
                let with = |byte: u8| {
                    let mut text = *b"abcdefghij";
                    text[at] = byte;
                    String::from_utf8(text.to_vec()).expect("ASCII")
                };
                let same = one.eq_ignore_ascii_case(&other);
                assert_eq!(
                    is_name(with(one).as_bytes(), &with(other)),
                    same,
                    "{one} {other} {at}"
                );
            }
        }
    }
}
