//! The two buffers of a connection and the transport under them, with time limits. Knows no HTTP.

use super::input::Input;
use super::life::Watch;
use super::transport::Transport;
use crate::buffers;
use std::future::poll_fn;
use std::io::{ErrorKind, IoSlice};
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

/// Bytes read ahead while a handler is pending. Beyond it the client's leaving goes unnoticed until the answer is there.
const AHEAD: usize = 64 << 10;

/// The connection is of no use any more: gone, stalled, or cut.
#[derive(Debug)]
pub(crate) struct Gone;

/// Who is at the other end.
pub(crate) struct Remote {
    pub(crate) peer: Option<SocketAddr>,
    /// Deadlines and the worker's end; none in process.
    pub(crate) watch: Option<Watch>,
    /// The end of the input also means that nobody waits for the answer.
    pub(crate) end_is_gone: bool,
}

impl Remote {
    pub(crate) fn is_draining(&self) -> bool {
        self.watch.as_ref().is_some_and(Watch::is_draining)
    }
}

/// What came of waiting for bytes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Filled {
    Data,
    End,
    Late,
    /// The worker is draining. Only said to those who asked.
    Draining,
}

pub(crate) struct Link<T> {
    io: T,
    pub(crate) remote: Remote,
    pub(crate) input: Input,
    /// Replies that are not written yet.
    pub(crate) out: Vec<u8>,
    /// Bytes of `out` that are.
    sent: usize,
}

impl<T: Transport> Link<T> {
    pub(crate) fn new(io: T, remote: Remote) -> Self {
        Self {
            io,
            remote,
            input: Input::default(),
            out: Vec::new(),
            sent: 0,
        }
    }

    /// What runs over it from here on is another protocol's: the transport, what was read of it, and who is there.
    pub(crate) fn into_parts(self) -> (T, Vec<u8>, Remote) {
        (self.io, self.input.bytes().to_vec(), self.remote)
    }

    /// From now on the waiting methods give up after `limit` milliseconds; 0 for never.
    pub(crate) fn arm(&self, limit: u64) {
        if let Some(watch) = &self.remote.watch {
            watch.arm(limit);
        }
    }

    pub(crate) fn is_late(&self) -> bool {
        self.remote.watch.as_ref().is_some_and(Watch::is_late)
    }

    pub(crate) fn is_in_step(&self) -> bool {
        self.remote.watch.as_ref().is_some_and(Watch::is_in_step)
    }

    /// A request was answered.
    pub(crate) fn count(&self) {
        if let Some(watch) = &self.remote.watch {
            watch.count();
        }
    }

    pub(crate) fn is_cut(&self) -> bool {
        self.remote.watch.as_ref().is_some_and(Watch::is_cut)
    }

    /// To be called before a poll returns pending: the watch must find the task.
    pub(crate) fn register(&self, context: &Context<'_>) {
        if let Some(watch) = &self.remote.watch {
            watch.register(context);
        }
    }

    /// Waits for more bytes, of which at least `wanted` are known to come.
    pub(crate) async fn fill(
        &mut self,
        wanted: usize,
        until_draining: bool,
    ) -> Result<Filled, Gone> {
        self.input.make_room(wanted);
        let mut is_first = true;
        poll_fn(|context| {
            // At first there is nearly always nothing, after an answer, and to know that takes no buffer.
            let asks = std::mem::take(&mut is_first);
            if !asks || self.io.poll_readable(context).is_ready() {
                match self.input.poll_fill(&mut self.io, context) {
                    Poll::Ready(Ok(0)) => return Poll::Ready(Ok(Filled::End)),
                    Poll::Ready(Ok(_)) => return Poll::Ready(Ok(Filled::Data)),
                    Poll::Ready(Err(_)) => return Poll::Ready(Err(Gone)),
                    Poll::Pending => {}
                }
            }
            self.register(context);
            if self.is_cut() {
                return Poll::Ready(Err(Gone));
            }
            if until_draining && self.remote.is_draining() {
                return Poll::Ready(Ok(Filled::Draining));
            }
            match self.is_late() {
                true => Poll::Ready(Ok(Filled::Late)),
                false => Poll::Pending,
            }
        })
        .await
    }

    /// Reads ahead of a message of `length` bytes that still waits for its answer; ready when the client is gone.
    pub(crate) fn poll_gone(&mut self, length: usize, context: &mut Context<'_>) -> Poll<Gone> {
        while self.remote.end_is_gone && self.input.bytes().len() < length + AHEAD {
            self.input.make_room(0);
            match self.input.poll_fill(&mut self.io, context) {
                Poll::Ready(Ok(0) | Err(_)) => return Poll::Ready(Gone),
                Poll::Ready(Ok(_)) => {}
                Poll::Pending => break,
            }
        }
        Poll::Pending
    }

    /// Writes what gathered, then `tail`. Gives up when the client takes nothing for `stall` milliseconds.
    pub(crate) async fn flush(&mut self, mut tail: &[u8], stall: u64) -> Result<(), Gone> {
        if self.out.is_empty() && tail.is_empty() {
            return Ok(());
        }
        let mut armed = false;
        poll_fn(|context| {
            loop {
                match self.poll_write(tail, context) {
                    Poll::Ready(Ok(None)) => return Poll::Ready(Ok(())),
                    Poll::Ready(Ok(Some(of_tail))) => {
                        tail = &tail[of_tail..];
                        armed = false;
                    }
                    Poll::Ready(Err(gone)) => return Poll::Ready(Err(gone)),
                    Poll::Pending => break,
                }
            }
            if !armed {
                self.arm(stall);
                armed = true;
            }
            self.register(context);
            match self.is_late() || self.is_cut() {
                true => Poll::Ready(Err(Gone)),
                false => Poll::Pending,
            }
        })
        .await
    }

    /// Writes what gathered, as far as the client takes it.
    pub(crate) fn poll_flush(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Gone>> {
        loop {
            match self.poll_write(&[], context) {
                Poll::Ready(Ok(None)) => return Poll::Ready(Ok(())),
                Poll::Ready(Ok(Some(_))) => {}
                Poll::Ready(Err(gone)) => return Poll::Ready(Err(gone)),
                Poll::Pending => return Poll::Pending,
            }
        }
    }

    /// Writes once. `None`: nothing is left; else the bytes taken of `tail`.
    fn poll_write(
        &mut self,
        tail: &[u8],
        context: &mut Context<'_>,
    ) -> Poll<Result<Option<usize>, Gone>> {
        let front = &self.out[self.sent..];
        if front.is_empty() {
            self.sent = 0;
            buffers::take_back(&mut self.out);
            if tail.is_empty() {
                return Poll::Ready(Ok(None));
            }
        }
        let front = &self.out[self.sent..];
        let io = Pin::new(&mut self.io);
        let write = match (front, tail) {
            // Nearly always there is room, and to know that takes no poll.
            (front, []) => match io.try_write(front) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    io.poll_write(context, front)
                }
                written => Poll::Ready(written),
            },
            ([], tail) => io.poll_write(context, tail),
            (front, tail) => {
                io.poll_write_vectored(context, &[IoSlice::new(front), IoSlice::new(tail)])
            }
        };
        match write {
            Poll::Ready(Ok(0) | Err(_)) => Poll::Ready(Err(Gone)),
            Poll::Ready(Ok(count)) => {
                let of_front = count.min(self.out.len() - self.sent);
                self.sent += of_front;
                Poll::Ready(Ok(Some(count - of_front)))
            }
            Poll::Pending => Poll::Pending,
        }
    }

    /// Ends the outbound side.
    pub(crate) async fn shut_down(&mut self) -> Result<(), Gone> {
        poll_fn(|context| {
            if let Poll::Ready(done) = Pin::new(&mut self.io).poll_shutdown(context) {
                return Poll::Ready(done.map_err(|_| Gone));
            }
            self.register(context);
            match self.is_late() || self.is_cut() {
                true => Poll::Ready(Err(Gone)),
                false => Poll::Pending,
            }
        })
        .await
    }

    /// The client must see that the reply is not whole.
    pub(crate) fn abort(&mut self) {
        self.io.abort();
    }
}
