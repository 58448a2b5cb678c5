//! What a connection runs over: a socket, or memory in process. Knows nothing of HTTP.

use socket2::SockRef;
use std::io;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::server::TlsStream;

/// A byte stream both ways.
pub(crate) trait Transport: AsyncRead + AsyncWrite + Unpin + 'static {
    /// It has a last word, without which its end looks like an attack (RFC 8446 section 6.1).
    const SAYS_GOODBYE: bool = false;

    /// Pending, with the task of `context` to be woken, when a read would give nothing now. It may say ready too often.
    fn poll_readable(&self, _: &mut Context<'_>) -> Poll<()> {
        Poll::Ready(())
    }

    /// Writes what goes at once, where that costs less than a poll; `WouldBlock` where only a poll can say.
    fn try_write(&self, _: &[u8]) -> io::Result<usize> {
        Err(io::ErrorKind::WouldBlock.into())
    }

    /// The other end must see that what it got is not whole: the drop that follows resets the connection.
    fn abort(&mut self) {}
}

impl Transport for TcpStream {
    fn poll_readable(&self, context: &mut Context<'_>) -> Poll<()> {
        self.poll_read_ready(context).map(drop)
    }

    fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        self.try_write(bytes)
    }

    fn abort(&mut self) {
        // A failure leaves an ordinary close, which HTTP/1.1 clients still see as a missing last chunk.
        let _ = SockRef::from(&*self).set_linger(Some(Duration::ZERO));
    }
}

impl Transport for UnixStream {
    fn poll_readable(&self, context: &mut Context<'_>) -> Poll<()> {
        self.poll_read_ready(context).map(drop)
    }

    fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        self.try_write(bytes)
    }
}

impl<T: Transport> Transport for TlsStream<T> {
    const SAYS_GOODBYE: bool = true;

    fn abort(&mut self) {
        self.get_mut().0.abort();
    }
}

#[cfg(test)]
impl Transport for tokio::io::DuplexStream {}
