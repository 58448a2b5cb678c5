//! The chunked transfer coding inbound (RFC 9112 section 7.1), decoded in place: data moves left over the framing, so
//! that the body ends up in one piece behind its head, and the trailers behind that. Chunk extensions are dropped.

use crate::Problem;
use crate::head::is_of_token;

/// Most bytes of one chunk's extensions, and of all trailers.
const ASIDE_LIMIT: usize = 4096;

/// Where a decoder stands. Offsets count from the start of the message.
#[derive(Debug)]
pub(crate) struct Chunked {
    state: State,
    /// Bytes still missing from the chunk, or its size so far.
    size: u64,
    /// Bytes of extensions of this chunk, or of trailers.
    aside: usize,
    /// End of the decoded body.
    pub(crate) body_end: usize,
    /// End of the trailers behind it.
    pub(crate) end: usize,
    /// Start of what is not yet decoded.
    pub(crate) raw: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// First digit of a size.
    SizeStart,
    Size,
    Extension,
    SizeLineFeed,
    Data,
    DataReturn,
    DataLineFeed,
    TrailerStart,
    TrailerName,
    TrailerValue,
    TrailerLineFeed,
    LastLineFeed,
    Done,
}

impl State {
    fn is_in_trailers(self) -> bool {
        matches!(
            self,
            Self::TrailerStart | Self::TrailerName | Self::TrailerValue | Self::TrailerLineFeed
        )
    }
}

/// How a step of decoding ended.
#[derive(Debug)]
pub(crate) enum Decoded {
    More,
    /// The body is whole; the next message starts at `raw`.
    Whole,
    Refused(Problem),
}

impl Chunked {
    /// A body that starts at `at`.
    pub(crate) fn at(at: usize) -> Self {
        Self {
            state: State::SizeStart,
            size: 0,
            aside: 0,
            body_end: at,
            end: at,
            raw: at,
        }
    }

    /// Decodes what has arrived of `message`, a body of at most `limit` bytes that starts at `start`.
    pub(crate) fn advance(&mut self, message: &mut [u8], start: usize, limit: u64) -> Decoded {
        while self.raw < message.len() {
            if self.state == State::Data {
                self.take(message);
                continue;
            }
            let byte = message[self.raw];
            self.raw += 1;
            let next = match self.next(byte) {
                Ok(next) => next,
                Err(detail) => {
                    return Decoded::Refused(Problem::malformed_request(detail));
                }
            };
            if self.state.is_in_trailers() {
                message[self.end] = byte;
                self.end += 1;
            }
            self.state = next;
            match next {
                State::Done => return Decoded::Whole,
                // The size is known as soon as its line ends: too much is refused before it is read.
                State::Data if self.decoded(start).saturating_add(self.size) > limit => {
                    return Decoded::Refused(too_large(limit));
                }
                _ => {}
            }
        }
        Decoded::More
    }

    fn decoded(&self, start: usize) -> u64 {
        (self.body_end - start) as u64
    }

    fn take(&mut self, message: &mut [u8]) {
        let here = message.len() - self.raw;
        let count = usize::try_from(self.size).map_or(here, |size| size.min(here));
        message.copy_within(self.raw..self.raw + count, self.body_end);
        self.raw += count;
        self.body_end += count;
        self.end = self.body_end;
        self.size -= count as u64;
        if self.size == 0 {
            self.state = State::DataReturn;
        }
    }

    fn next(&mut self, byte: u8) -> Result<State, &'static str> {
        let bad = "the chunked body is malformed";
        match (self.state, byte) {
            (State::SizeStart, _) => {
                self.size = u64::from(hexadecimal(byte).ok_or(bad)?);
                self.aside = 0;
                Ok(State::Size)
            }
            (State::Size | State::Extension, b'\r') => Ok(State::SizeLineFeed),
            (State::Size, b';') => Ok(State::Extension),
            (State::Size, _) => {
                let digit = hexadecimal(byte).ok_or(bad)?;
                if self.size >> 56 != 0 {
                    return Err("a chunk size is out of range");
                }
                self.size = self.size << 4 | u64::from(digit);
                self.beside(State::Size)
            }
            (State::SizeLineFeed, b'\n') if self.size == 0 => {
                self.aside = 0;
                Ok(State::TrailerStart)
            }
            (State::SizeLineFeed, b'\n') => Ok(State::Data),
            (State::DataReturn, b'\r') => Ok(State::DataLineFeed),
            (State::DataLineFeed, b'\n') => Ok(State::SizeStart),
            (State::TrailerStart, b'\r') => Ok(State::LastLineFeed),
            (State::TrailerValue, b'\r') => Ok(State::TrailerLineFeed),
            (State::TrailerLineFeed, b'\n') => Ok(State::TrailerStart),
            (State::LastLineFeed, b'\n') => Ok(State::Done),
            (State::TrailerStart | State::TrailerName, byte) if is_of_token(byte) => {
                self.beside(State::TrailerName)
            }
            (State::TrailerName, b':') => Ok(State::TrailerValue),
            (State::Extension | State::TrailerValue, byte)
                if byte == b'\t' || (byte >= b' ' && byte != 0x7f) =>
            {
                self.beside(self.state)
            }
            _ => Err(bad),
        }
    }

    /// Counts a byte that is not content; too many are an attack.
    fn beside(&mut self, next: State) -> Result<State, &'static str> {
        self.aside += 1;
        match self.aside > ASIDE_LIMIT {
            true => Err("the chunked body has too much besides its content"),
            false => Ok(next),
        }
    }
}

fn hexadecimal(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}

/// 413, in one place for both framings.
pub(crate) fn too_large(limit: u64) -> Problem {
    Problem::content_too_large(format!("the body is larger than {limit} bytes"))
}
