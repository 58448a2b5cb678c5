//! A request for those who ask for it by the token of its call: as it is now where hooks look at it, else as it came; copied
//! once the call has suspended. Parses nothing.

use crate::Call;
use spikard::auth::Principal;
use spikard::{Head, Passage};
use std::net::SocketAddr;
use std::rc::Rc;

/// Head and body of a call that suspended.
#[derive(Debug)]
pub struct Kept(Source);

#[derive(Debug)]
enum Source {
    /// Hooks look at the request: it is theirs to keep.
    Passage(Rc<Passage>),
    Copy {
        /// As [`Kept::head`] says, but for the peer.
        lines: Vec<u8>,
        peer: Option<SocketAddr>,
        body: Vec<u8>,
    },
}

impl Kept {
    /// A copy, two allocations, where no hook looks.
    pub fn of(call: &Call<'_>) -> Self {
        let request = call.request();
        Self(match request.passage {
            Some(passage) => Source::Passage(Rc::clone(passage)),
            None => Source::Copy {
                lines: lines(request.head, request.request_id, request.principal),
                peer: request.peer,
                body: request.body.to_vec(),
            },
        })
    }

    /// Peer (empty in process), method, target, request id, principal ([`Principal::to_json`]; empty for nobody), then name
    /// in lower case and value of every field, each on a line of its own: none of them can hold a line feed (RFC 9110
    /// section 5.5). With what hooks have edited.
    pub fn head(&self) -> Vec<u8> {
        match &self.0 {
            Source::Passage(passage) => Self::head_of_passage(passage),
            Source::Copy { lines, peer, .. } => head(*peer, lines),
        }
    }

    /// What [`Kept::head`] gives, of a call that runs: nothing else is copied.
    pub fn head_now(call: &Call<'_>) -> Vec<u8> {
        call.request().passage.map_or_else(
            || Self::head_of(call),
            |passage| Self::head_of_passage(passage),
        )
    }

    /// The same as it came, whatever hooks have edited.
    pub fn head_of(call: &Call<'_>) -> Vec<u8> {
        let request = call.request();
        let lines = lines(request.head, request.request_id, request.principal);
        head(request.peer, &lines)
    }

    /// The same of a passage, with what hooks have edited.
    pub fn head_of_passage(passage: &Passage) -> Vec<u8> {
        let principal = passage.principal();
        passage.look(|now| {
            let lines = lines(now, passage.request_id(), principal.as_ref());
            head(passage.peer(), &lines)
        })
    }

    /// Reads the whole body.
    pub fn body<R>(&self, read: impl FnOnce(&[u8]) -> R) -> R {
        match &self.0 {
            Source::Passage(passage) => read(&passage.body()),
            Source::Copy { body, .. } => read(body),
        }
    }

    /// The same of a call that runs.
    pub fn body_now<R>(call: &Call<'_>, read: impl FnOnce(&[u8]) -> R) -> R {
        let request = call.request();
        match request.passage {
            Some(passage) => read(&passage.body()),
            None => read(request.body),
        }
    }

    /// What hooks and handler share; none where no hook looks.
    pub fn passage(&self) -> Option<&Rc<Passage>> {
        match &self.0 {
            Source::Passage(passage) => Some(passage),
            Source::Copy { .. } => None,
        }
    }
}

fn head(peer: Option<SocketAddr>, lines: &[u8]) -> Vec<u8> {
    let peer = peer.map(|peer| peer.to_string()).unwrap_or_default();
    [peer.as_bytes(), lines].concat()
}

/// Every line but the first. Of every call that suspends, and seldom asked for: one allocation.
fn lines(head: &Head<'_>, request_id: &str, principal: Option<&Rc<Principal>>) -> Vec<u8> {
    let principal = principal.map(|principal| principal.to_json());
    let principal = principal.as_deref().unwrap_or_default();
    let fields = &head.headers;
    let size: usize = fields
        .iter()
        .map(|(name, value)| name.len() + value.len() + 2)
        .sum();
    let first = [head.method, head.target, request_id, principal];
    let mut lines =
        Vec::with_capacity(size + first.iter().map(|line| line.len() + 1).sum::<usize>());
    for line in first {
        lines.push(b'\n');
        lines.extend_from_slice(line.as_bytes());
    }
    for (name, value) in fields.iter() {
        lines.push(b'\n');
        let start = lines.len();
        lines.extend_from_slice(name.as_bytes());
        lines[start..].make_ascii_lowercase();
        lines.push(b'\n');
        lines.extend_from_slice(value);
    }
    lines
}
