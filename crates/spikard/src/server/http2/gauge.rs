//! Counts what goes over a connection of HTTP/2, frame by frame and in passing, so that a client that only keeps us busy
//! is noticed whatever frames it does that with. Understands no frame but its head (RFC 9113 section 4.1).

use std::cell::Cell;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Idle frames that a client may send in advance of any use of the connection.
const ALLOWANCE: u32 = 1_000;
/// Idle frames forgiven in each second.
const PER_SECOND: u64 = 50;
/// Bytes written for which one idle frame is forgiven.
const PER_FRAME: u32 = 1 << 10;
/// Bytes read past after the last word, so that a reset does not overtake it.
const LINGER_BYTES: usize = 1 << 20;

const PREFACE: usize = 24;
const HEAD: usize = 9;

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const WINDOW_UPDATE: u8 = 8;
const CONTINUATION: u8 = 9;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

/// What was counted; shared by the transport that counts and the connection that judges.
#[derive(Debug, Default)]
pub(super) struct Gauge {
    /// Bytes of the preface or of a frame's payload that are still to come.
    left: Cell<usize>,
    head: Cell<([u8; HEAD], usize)>,
    /// A block of fields has begun and not ended.
    in_block: Cell<bool>,
    blocks: Cell<u64>,
    idle: Cell<u32>,
    forgiven: Cell<u64>,
    written: Cell<u64>,
    /// Nothing more is read.
    closed: Cell<bool>,
    shutting: Cell<bool>,
}

impl Gauge {
    fn new() -> Rc<Self> {
        Rc::new(Self {
            left: Cell::new(PREFACE),
            ..Self::default()
        })
    }

    /// Requests begun.
    pub(super) fn blocks(&self) -> u64 {
        self.blocks.get()
    }

    /// Bytes sent.
    pub(super) fn written(&self) -> u64 {
        self.written.get()
    }

    /// A request's fields are under way.
    pub(super) fn is_in_block(&self) -> bool {
        self.in_block.get()
    }

    /// Part of a frame has arrived.
    pub(super) fn is_in_frame(&self) -> bool {
        self.left.get() > 0 || self.head.get().1 > 0
    }

    /// The transport is being closed.
    pub(super) fn is_shutting(&self) -> bool {
        self.shutting.get()
    }

    /// More idle frames came than a client has reason for. `now` in milliseconds.
    pub(super) fn is_flooded(&self, now: u64) -> bool {
        let seconds = now / 1_000;
        let since = seconds.saturating_sub(self.forgiven.replace(seconds));
        let pardon = u32::try_from(since.saturating_mul(PER_SECOND)).unwrap_or(u32::MAX);
        self.idle.set(self.idle.get().saturating_sub(pardon));
        self.idle.get() > ALLOWANCE
    }

    /// Nothing more is read.
    pub(super) fn is_closed(&self) -> bool {
        self.closed.get()
    }

    /// Reads no more.
    pub(super) fn close(&self) {
        self.closed.set(true);
    }

    fn read(&self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let here = self.left.get().min(bytes.len());
            self.left.set(self.left.get() - here);
            bytes = &bytes[here..];
            let (mut head, had) = self.head.get();
            let more = (HEAD - had).min(bytes.len());
            head[had..had + more].copy_from_slice(&bytes[..more]);
            bytes = &bytes[more..];
            if had + more < HEAD {
                return self.head.set((head, had + more));
            }
            self.head.set((head, 0));
            self.count(head);
        }
    }

    fn count(&self, [high, middle, low, kind, flags, ..]: [u8; HEAD]) {
        let length = u32::from_be_bytes([0, high, middle, low]);
        self.left.set(length as usize);
        match kind {
            HEADERS => {
                self.blocks.set(self.blocks.get() + 1);
                self.in_block.set(flags & END_HEADERS == 0);
            }
            CONTINUATION => {
                self.in_block.set(flags & END_HEADERS == 0);
                self.idle.set(self.idle.get() + u32::from(length == 0));
            }
            DATA if length > 0 => self.idle.set(self.idle.get().saturating_sub(1)),
            DATA if flags & END_STREAM != 0 => {}
            WINDOW_UPDATE => {}
            _ => self.idle.set(self.idle.get().saturating_add(1)),
        }
    }

    fn wrote(&self, count: usize) {
        let before = self.written.get();
        let after = before + count as u64;
        self.written.set(after);
        let steps = after / u64::from(PER_FRAME) - before / u64::from(PER_FRAME);
        let steps = u32::try_from(steps).unwrap_or(u32::MAX);
        self.idle.set(self.idle.get().saturating_sub(steps));
    }
}

/// A transport that counts, and that first gives what was read of it before.
pub(super) struct Gauged<T> {
    io: T,
    first: Vec<u8>,
    gauge: Rc<Gauge>,
    lingered: usize,
}

impl<T> Gauged<T> {
    pub(super) fn new(io: T, first: Vec<u8>) -> (Self, Rc<Gauge>) {
        let gauge = Gauge::new();
        let gauged = Self {
            io,
            first,
            gauge: Rc::clone(&gauge),
            lingered: 0,
        };
        (gauged, gauge)
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Gauged<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.gauge.closed.get() {
            return Poll::Pending;
        }
        if self.gauge.idle.get() > ALLOWANCE {
            // The connection judges before more is read; it is being polled.
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        let before = buffer.filled().len();
        if self.first.is_empty() {
            ready!(Pin::new(&mut self.io).poll_read(context, buffer))?;
        } else {
            let count = self.first.len().min(buffer.remaining());
            buffer.put_slice(&self.first[..count]);
            self.first.drain(..count);
        }
        self.gauge.read(&buffer.filled()[before..]);
        Poll::Ready(Ok(()))
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Gauged<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let count = ready!(Pin::new(&mut self.io).poll_write(context, bytes))?;
        self.gauge.wrote(count);
        Poll::Ready(Ok(count))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let count = ready!(Pin::new(&mut self.io).poll_write_vectored(context, slices))?;
        self.gauge.wrote(count);
        Poll::Ready(Ok(count))
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(context)
    }

    /// Ends the outbound side; then reads past what the client still sends, until it ends too: it may be reading the last
    /// answer and give room for more (RFC 9113 section 6.9), and a socket that is closed would answer with a reset, at
    /// which clients give up what they have not read.
    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.gauge.shutting.get() {
            ready!(Pin::new(&mut self.io).poll_shutdown(context))?;
            self.gauge.shutting.set(true);
            // The connection has a new deadline to set.
            context.waker().wake_by_ref();
        }
        let mut scratch = [0; 4 << 10];
        while self.lingered < LINGER_BYTES {
            let mut buffer = ReadBuf::new(&mut scratch);
            ready!(Pin::new(&mut self.io).poll_read(context, &mut buffer))?;
            match buffer.filled().len() {
                0 => break,
                count => self.lingered += count,
            }
        }
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(kind: u8, flags: u8, payload: &[u8]) -> Vec<u8> {
        let length = u32::try_from(payload.len()).expect("short").to_be_bytes();
        let mut frame = vec![length[1], length[2], length[3], kind, flags, 0, 0, 0, 1];
        frame.extend_from_slice(payload);
        frame
    }

    fn fed(frames: &[Vec<u8>], piece: usize) -> Rc<Gauge> {
        let gauge = Gauge::new();
        let mut bytes = vec![b'p'; PREFACE];
        bytes.extend(frames.concat());
        for piece in bytes.chunks(piece) {
            gauge.read(piece);
        }
        gauge
    }

    #[test]
    fn frames_are_told_apart_in_every_split() {
        let frames = [
            frame(4, 0, &[0; 6]),
            frame(HEADERS, 0, b"fields"),
            frame(CONTINUATION, END_HEADERS, b"more"),
            frame(DATA, 0, b""),
            frame(DATA, END_STREAM, b""),
            frame(6, 0, &[0; 8]),
            frame(HEADERS, 0, b"begun"),
        ];
        for piece in 1..80 {
            let gauge = fed(&frames, piece);
            // SETTINGS, empty DATA, PING.
            assert_eq!(gauge.idle.get(), 3, "{piece}");
            assert_eq!(gauge.blocks(), 2);
            assert!(gauge.is_in_block() && !gauge.is_in_frame());
        }
        let gauge = fed(&[frame(DATA, 0, b"cut")[..10].to_vec()], 100);
        assert!(gauge.is_in_frame());
    }

    #[test]
    fn idle_frames_are_forgiven_for_use_and_by_time() {
        let pings = vec![frame(6, 0, &[0; 8]); ALLOWANCE as usize + 1];
        let gauge = fed(&pings, 1_000);
        assert!(gauge.is_flooded(0));
        gauge.wrote(PER_FRAME as usize);
        assert!(!gauge.is_flooded(0));
        let gauge = fed(&pings, 1_000);
        assert!(!gauge.is_flooded(1_000));
        let gauge = fed(&[pings, vec![frame(DATA, 0, b"used")]].concat(), 1_000);
        assert!(!gauge.is_flooded(0));
    }
}
