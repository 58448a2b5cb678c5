//! The one inbound buffer of a connection: the current message at its front, pipelined ones behind. Parses nothing.

use super::transport::Transport;
use crate::buffers::{self, USUAL};
use std::future::Future as _;
use std::io::ErrorKind;
use std::pin::pin;
use std::task::{Context, Poll};
use tokio::io::AsyncReadExt as _;

/// Less free room than this is not worth a system call.
const ROOM: usize = 2 << 10;

#[derive(Debug, Default)]
pub(crate) struct Input {
    buffer: Vec<u8>,
    /// Start of the current message.
    at: usize,
}

impl Input {
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.buffer[self.at..]
    }

    pub(crate) fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.buffer[self.at..]
    }

    /// The current message is done with: `count` bytes.
    pub(crate) fn consume(&mut self, count: usize) {
        self.at = self.at.saturating_add(count).min(self.buffer.len());
        if self.at == self.buffer.len() {
            self.at = 0;
            self.buffer.clear();
        }
    }

    /// Drops `from..to` of the current message; what is behind moves up.
    pub(crate) fn cut(&mut self, from: usize, to: usize) {
        self.buffer.drain(self.at + from..self.at + to);
    }

    /// Makes room for the next read; `wanted` more bytes are known to come.
    pub(crate) fn make_room(&mut self, wanted: usize) {
        if self.at > 0 {
            self.buffer.drain(..self.at);
            self.at = 0;
        }
        if self.buffer.is_empty() || self.buffer.capacity() - self.buffer.len() >= ROOM {
            return;
        }
        // A client that only announces a large body gets no large buffer: it at most doubles what has arrived.
        let more = wanted.min(self.buffer.len()).max(USUAL);
        self.buffer.reserve_exact(more);
    }

    /// Reads once; 0 at the end.
    pub(crate) fn poll_fill(
        &mut self,
        io: &mut impl Transport,
        context: &mut Context<'_>,
    ) -> Poll<std::io::Result<usize>> {
        if self.buffer.capacity() == 0 {
            self.buffer = buffers::lend();
        }
        // A socket that has called nearly always has something, and to take that takes no poll.
        match io.try_read(&mut self.buffer) {
            Err(error)
                if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
            read => return Poll::Ready(read),
        }
        let filled = pin!(io.read_buf(&mut self.buffer)).poll(context);
        if filled.is_pending() && self.buffer.is_empty() {
            buffers::take_back(&mut self.buffer);
        }
        filled
    }
}
