//! The other side of HTTP/1.1, for test clients: a request to bytes, the bytes of an answer to its parts. Trusts what
//! the codec wrote; not for answers of strangers.

use std::fmt::Write as _;

/// An answer as a client sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Status code.
    pub status: u16,
    /// Fields in order, names as sent (lower case, unless the handler wrote them otherwise).
    pub headers: Vec<(String, String)>,
    /// Content, without its framing.
    pub body: Vec<u8>,
}

/// A request as bytes. `host` and, with a body, `content-length` are added unless `headers` has them.
///
/// ```
/// use spikard::server::request_bytes;
///
/// let bytes = request_bytes("GET", "/items?limit=1", &[("accept", "*/*")], b"");
/// assert_eq!(bytes, b"GET /items?limit=1 HTTP/1.1\r\naccept: */*\r\nhost: test\r\n\r\n");
/// ```
pub fn request_bytes(method: &str, target: &str, headers: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
    let mut head = format!("{method} {target} HTTP/1.1\r\n");
    let mut add = |name: &str, value: &str| {
        // Writing to a string cannot fail.
        let _ = write!(head, "{name}: {value}\r\n");
    };
    for (name, value) in headers {
        add(name, value);
    }
    let has = |wanted: &str| {
        headers
            .iter()
            .any(|(name, _)| name.eq_ignore_ascii_case(wanted))
    };
    if !has("host") {
        add("host", "test");
    }
    if !body.is_empty() && !has("content-length") && !has("transfer-encoding") {
        add("content-length", &body.len().to_string());
    }
    head.push_str("\r\n");
    let mut bytes = head.into_bytes();
    bytes.extend_from_slice(body);
    bytes
}

impl Answer {
    /// The first answer in `bytes`, `None` when it is not whole. `to_head`: it answers a HEAD request, so that no body
    /// follows. `100 Continue` is passed over.
    ///
    /// ```
    /// use spikard::server::Answer;
    ///
    /// let bytes = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n";
    /// let answer = Answer::parse(bytes, false).ok_or("no answer")?;
    /// assert_eq!((answer.status, answer.body.as_slice()), (200, &b"hi"[..]));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn parse(bytes: &[u8], to_head: bool) -> Option<Self> {
        let mut fields = [httparse::EMPTY_HEADER; 256];
        let mut parsed = httparse::Response::new(&mut fields);
        let httparse::Status::Complete(length) = parsed.parse(bytes).ok()? else {
            return None;
        };
        let status = parsed.code?;
        let rest = &bytes[length..];
        // 101 is final: what follows is another protocol's.
        if status < 200 && status != 101 {
            return Self::parse(rest, to_head);
        }
        let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
        let headers: Vec<_> = parsed
            .headers
            .iter()
            .map(|field| (field.name.to_owned(), text(field.value)))
            .collect();
        let value = |wanted: &str| {
            let mut fields = headers.iter();
            let field = fields.find(|(name, _)| name.eq_ignore_ascii_case(wanted));
            field.map(|(_, value)| value.as_str())
        };
        let body = match (value("transfer-encoding"), value("content-length")) {
            _ if to_head || matches!(status, 204 | 304) => Vec::new(),
            (Some(_), _) => unchunked(rest)?,
            (None, Some(length)) => rest.get(..length.parse().ok()?)?.to_vec(),
            (None, None) => rest.to_vec(),
        };
        Some(Self {
            status,
            headers,
            body,
        })
    }

    /// The first value of field `name`, whatever its case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut fields = self.headers.iter();
        let field = fields.find(|(own, _)| own.eq_ignore_ascii_case(name));
        field.map(|(_, value)| value.as_str())
    }
}

fn unchunked(mut rest: &[u8]) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let httparse::Status::Complete((start, size)) = httparse::parse_chunk_size(rest).ok()?
        else {
            return None;
        };
        if size == 0 {
            return Some(body);
        }
        let end = start.checked_add(usize::try_from(size).ok()?)?;
        body.extend_from_slice(rest.get(start..end)?);
        rest = rest.get(end + 2..)?;
    }
}
