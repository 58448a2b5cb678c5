//! The head of a request, borrowed from the connection's buffer. Nothing is copied and nothing is looked up twice.

/// Method, target and fields of one request (RFC 9112 sections 3 and 5).
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
        match memchr::memchr(b'?', self.target.as_bytes()) {
            Some(at) => (&self.target[..at], &self.target[at + 1..]),
            None => (self.target, ""),
        }
    }
}

/// Header fields in order; names compare without case (RFC 9110 section 5.1).
#[derive(Debug, Clone, Copy, Default)]
pub struct Headers<'b>(pub(crate) &'b [httparse::Header<'b>]);

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
            .filter(move |field| field.name.eq_ignore_ascii_case(name))
            .map(|field| field.value)
    }

    /// Name as sent and value, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&'b str, &'b [u8])> + use<'b> {
        self.0.iter().map(|field| (field.name, field.value))
    }
}
