//! What a connection runs over: a socket, or memory in process. Knows nothing of HTTP.

use rustix::buffer::spare_capacity;
use rustix::net::{RecvFlags, SendFlags, recv, send};
use socket2::SockRef;
use std::io;
use std::os::fd::AsFd;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, Interest};
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

    /// Appends what has arrived, where that costs less than a poll; `WouldBlock` where only a poll can say.
    fn try_read(&self, _: &mut Vec<u8>) -> io::Result<usize> {
        Err(io::ErrorKind::WouldBlock.into())
    }

    /// Writes what goes at once, where that costs less than a poll; `WouldBlock` where only a poll can say.
    fn try_write(&self, _: &[u8]) -> io::Result<usize> {
        Err(io::ErrorKind::WouldBlock.into())
    }

    /// The other end must see that what it got is not whole: the drop that follows resets the connection.
    fn abort(&mut self) {}
}

/// On Linux both without the C library, to which they are places where a thread may be cancelled: in a process with more than one thread
/// it pays for that on either side of the call.
macro_rules! at_once {
    () => {
        fn try_read(&self, buffer: &mut Vec<u8>) -> io::Result<usize> {
            let mut short = None;
            let read = self.try_io(Interest::READABLE, || append(self, buffer, &mut short));
            short.map_or(read, Ok)
        }

        fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
            self.try_io(Interest::WRITABLE, || Ok(send(self, bytes, QUIETLY)?))
        }
    };
}

/// A client that has gone is an error, not a signal; where there is no such flag, Rust's runtime ignores the signal.
#[cfg(not(target_vendor = "apple"))]
const QUIETLY: SendFlags = SendFlags::NOSIGNAL;
#[cfg(target_vendor = "apple")]
const QUIETLY: SendFlags = SendFlags::empty();

/// Reads once. Less than there was room for is all that there was (epoll(7)), which Tokio is told by `WouldBlock`.
fn append(socket: impl AsFd, buffer: &mut Vec<u8>, short: &mut Option<usize>) -> io::Result<usize> {
    let room = buffer.capacity() - buffer.len();
    let (_, count) = recv(socket, spare_capacity(buffer), RecvFlags::empty())?;
    if cfg!(any(target_os = "linux", target_os = "android")) && 0 < count && count < room {
        *short = Some(count);
        return Err(io::ErrorKind::WouldBlock.into());
    }
    Ok(count)
}

impl Transport for TcpStream {
    fn poll_readable(&self, context: &mut Context<'_>) -> Poll<()> {
        self.poll_read_ready(context).map(drop)
    }

    at_once!();

    fn abort(&mut self) {
        // A failure leaves an ordinary close, which HTTP/1.1 clients still see as a missing last chunk.
        let _ = SockRef::from(&*self).set_linger(Some(Duration::ZERO));
    }
}

impl Transport for UnixStream {
    fn poll_readable(&self, context: &mut Context<'_>) -> Poll<()> {
        self.poll_read_ready(context).map(drop)
    }

    at_once!();
}

impl<T: Transport> Transport for TlsStream<T> {
    const SAYS_GOODBYE: bool = true;

    fn abort(&mut self) {
        self.get_mut().0.abort();
    }
}

#[cfg(test)]
impl Transport for tokio::io::DuplexStream {}
