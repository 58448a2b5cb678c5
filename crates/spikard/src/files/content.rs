//! Bytes of an open file as a body: small ones at once, large ones chunk by chunk as the client takes them. Chooses nothing.

use crate::Body;
use crate::response::ChunkSource;
use bytes::Bytes;
use std::collections::VecDeque;
use std::fs::File;
use std::future::{Future, ready};
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt as _;
use std::pin::Pin;
use std::rc::Rc;

/// Files up to this size are read at once and kept; larger ones are read as they are sent. In bytes.
pub(super) const SMALL: u64 = 64 << 10;

/// Bytes of one read of a large file: what a disk gives in about the time that a handler takes.
const CHUNK: usize = 128 << 10;

/// Where the bytes of a file are.
#[derive(Debug, Clone)]
pub(super) enum Content {
    Here(Rc<[u8]>),
    /// On the disk.
    There(Rc<File>),
}

/// A piece of a body.
#[derive(Debug)]
pub(super) enum Piece {
    /// Between the parts of a `multipart/byteranges`.
    Text(String),
    Part(Range<u64>),
}

impl Piece {
    fn length(&self) -> u64 {
        match self {
            Self::Text(text) => text.len() as u64,
            Self::Part(part) => part.end - part.start,
        }
    }
}

/// The pieces as a body whose length is known. `unsent`: nobody will read it (HEAD).
pub(super) fn body(content: &Content, pieces: Vec<Piece>, unsent: bool) -> io::Result<Body> {
    let length: u64 = pieces.iter().map(Piece::length).sum();
    let mut source = Pieces {
        content: content.clone(),
        pieces: pieces.into(),
        length,
    };
    if length == 0 {
        return Ok(Body::Empty);
    }
    if length > SMALL {
        if unsent {
            source.pieces.clear();
        }
        return Ok(Body::Stream(Box::new(source)));
    }
    let mut whole = Vec::with_capacity(length as usize);
    while source.append(&mut whole)? {}
    Ok(Body::Full(whole))
}

/// All of a file that is `size` bytes long.
pub(super) fn read(file: &File, size: u64) -> io::Result<Vec<u8>> {
    let mut whole = vec![0; size as usize];
    file.read_exact_at(&mut whole, 0)?;
    Ok(whole)
}

struct Pieces {
    content: Content,
    pieces: VecDeque<Piece>,
    length: u64,
}

impl Pieces {
    /// Appends what comes next, at most a chunk; `false` at the end.
    fn append(&mut self, out: &mut Vec<u8>) -> io::Result<bool> {
        match self.pieces.front_mut() {
            None => return Ok(false),
            Some(Piece::Text(text)) => out.extend_from_slice(text.as_bytes()),
            Some(Piece::Part(part)) => {
                let count = CHUNK.min(usize::try_from(part.end - part.start).unwrap_or(CHUNK));
                match &self.content {
                    Content::Here(bytes) => {
                        let from = part.start as usize;
                        out.extend_from_slice(&bytes[from..from + count]);
                    }
                    Content::There(file) => {
                        let from = out.len();
                        out.resize(from + count, 0);
                        file.read_exact_at(&mut out[from..], part.start)?;
                    }
                }
                part.start += count as u64;
                if part.start < part.end {
                    return Ok(true);
                }
            }
        }
        self.pieces.pop_front();
        Ok(true)
    }
}

impl ChunkSource for Pieces {
    /// A file that became shorter is an error: what was promised cannot be sent.
    fn next(&mut self) -> Pin<Box<dyn Future<Output = Option<io::Result<Bytes>>> + '_>> {
        let mut chunk = Vec::new();
        Box::pin(ready(match self.append(&mut chunk) {
            Ok(true) => Some(Ok(chunk.into())),
            Ok(false) => None,
            Err(error) => Some(Err(error)),
        }))
    }

    fn length(&self) -> Option<u64> {
        Some(self.length)
    }
}
