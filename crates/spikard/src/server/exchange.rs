//! A request and its answer in process: the connection's own code over memory. Needs no runtime, no socket, no timer.

use super::connection::converse;
use super::link::Remote;
use super::service::Serve;
use super::transport::Transport;
use crate::Frozen;
use std::cell::RefCell;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Sends `requests` (one, or several pipelined) to `app` as a client would, and returns every byte of the answer. To
/// drop the future is to leave as a client.
pub async fn exchange(app: Rc<Frozen>, requests: Vec<u8>) -> Vec<u8> {
    exchange_with(app, requests).await
}

/// The same, where at most `most` bytes arrive at a time: for tests/fuzz, to which the cuts must make no difference.
#[doc(hidden)]
pub async fn exchange_cut(app: Rc<Frozen>, requests: Vec<u8>, most: usize) -> Vec<u8> {
    through(app, requests, most).await
}

pub(crate) async fn exchange_with<S: Serve>(app: Rc<S>, requests: Vec<u8>) -> Vec<u8> {
    through(app, requests, usize::MAX).await
}

async fn through<S: Serve>(app: Rc<S>, requests: Vec<u8>, most: usize) -> Vec<u8> {
    let answer = Rc::new(RefCell::new(Vec::new()));
    let memory = Memory {
        requests,
        at: 0,
        most,
        answer: Rc::clone(&answer),
    };
    let remote = Remote {
        peer: None,
        watch: None,
        end_is_gone: false,
    };
    converse(app, memory, remote).await;
    answer.take()
}

struct Memory {
    requests: Vec<u8>,
    at: usize,
    /// Bytes given to a read.
    most: usize,
    answer: Rc<RefCell<Vec<u8>>>,
}

impl Transport for Memory {}

impl AsyncRead for Memory {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let left = self.requests.len() - self.at;
        let count = buffer.remaining().min(left).min(self.most);
        buffer.put_slice(&self.requests[self.at..self.at + count]);
        self.at += count;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Memory {
    fn poll_write(
        self: Pin<&mut Self>,
        _context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.answer.borrow_mut().extend_from_slice(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
