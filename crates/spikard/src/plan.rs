//! What a route needs, compiled once at freeze: the hot path asks the plan, never the config. Holds no behaviour.

use crate::auth::Guard;
use crate::config::Egress;
use crate::hooks::Hooks;
use crate::limits::{Crowd, Rates};
use crate::media::Kind;
use spikard_contract::{Parameter, Schema};
use std::rc::Rc;

/// One route.
#[derive(Debug)]
pub(crate) struct Plan {
    /// `GET /items/{id}`, for logs.
    pub(crate) operation: String,
    /// Index of the endpoint.
    pub(crate) endpoint: usize,
    /// In the order of the handler's arguments.
    pub(crate) parameters: Vec<ParameterPlan>,
    /// Query pairs are needed.
    pub(crate) reads_query: bool,
    /// Cookies are needed.
    pub(crate) reads_cookies: bool,
    /// Undeclared query parameters are refused.
    pub(crate) rejects_query: bool,
    /// `None`: a body is ignored.
    pub(crate) body: Option<RequestBody>,
    /// The language's decoder enforces the same rules.
    pub(crate) decoder_validates: bool,
    /// Declared responses.
    pub(crate) responses: Vec<Declared>,
    /// What happens to a response that breaks its schema.
    pub(crate) egress: Egress,
    /// Largest body in bytes.
    pub(crate) body_limit: u64,
    /// Time for the handler.
    pub(crate) timeout_ms: Option<u64>,
    /// Of app, groups and route.
    pub(crate) hooks: Hooks,
    /// Who is let in; `None` for everybody.
    pub(crate) guard: Option<Guard>,
    /// How many requests in a time; `None` for any number.
    pub(crate) rates: Option<Rc<Rates>>,
    /// How many at once; `None` for any number.
    pub(crate) crowd: Option<Crowd>,
    /// Guard, rates or crowd: what most routes have not is one question.
    pub(crate) gated: bool,
}

/// A parameter and where its text is found.
#[derive(Debug)]
pub(crate) struct ParameterPlan {
    pub(crate) parameter: Parameter,
    pub(crate) found: Found,
}

/// Where the text of a parameter is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Found {
    /// This segment of the path, from 0.
    Segment(usize),
    /// The path from this segment on.
    Rest(usize),
    Query,
    Header,
    Cookie,
}

/// The body of a route.
#[derive(Debug)]
pub(crate) struct RequestBody {
    pub(crate) required: bool,
    /// In the order declared.
    pub(crate) content: Vec<Media>,
    /// The value of `accept` in a 415.
    pub(crate) accept: String,
}

/// A declared media type.
#[derive(Debug)]
pub(crate) struct Media {
    pub(crate) essence: String,
    pub(crate) kind: Kind,
    /// `None` for a schema of `true` on a body that is not JSON.
    pub(crate) schema: Option<Schema>,
}

/// A declared response.
#[derive(Debug)]
pub(crate) struct Declared {
    pub(crate) status: StatusKey,
    pub(crate) content: Vec<Media>,
}

/// `"200"`, `"4XX"` or `"default"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StatusKey {
    One(u16),
    /// First digit.
    Class(u16),
    Default,
}

impl StatusKey {
    pub(crate) fn read(key: &str) -> Result<Self, String> {
        let wrong = || {
            format!("\"{key}\" is no status of a response; write \"200\", \"4XX\" or \"default\"")
        };
        match key.as_bytes() {
            b"default" => Ok(Self::Default),
            [class @ b'1'..=b'5', b'X', b'X'] => Ok(Self::Class(u16::from(class - b'0'))),
            _ => match key.parse() {
                Ok(status @ 100..=599) => Ok(Self::One(status)),
                _ => Err(wrong()),
            },
        }
    }
}

impl Plan {
    /// The declaration of `status`: its own, its class's, the default.
    pub(crate) fn response(&self, status: u16) -> Option<&Declared> {
        let of = |key: StatusKey| {
            self.responses
                .iter()
                .find(|declared| declared.status == key)
        };
        of(StatusKey::One(status))
            .or_else(|| of(StatusKey::Class(status / 100)))
            .or_else(|| of(StatusKey::Default))
    }
}
