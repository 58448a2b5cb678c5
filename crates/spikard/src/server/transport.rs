//! What a connection runs over: a socket, or memory in process. Knows nothing of HTTP.

use socket2::SockRef;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};

/// A byte stream both ways.
pub(crate) trait Transport: AsyncRead + AsyncWrite + Unpin {
    /// The other end must see that what it got is not whole: the drop that follows resets the connection.
    fn abort(&mut self) {}
}

impl Transport for TcpStream {
    fn abort(&mut self) {
        // A failure leaves an ordinary close, which HTTP/1.1 clients still see as a missing last chunk.
        let _ = SockRef::from(&*self).set_linger(Some(Duration::ZERO));
    }
}

impl Transport for UnixStream {}

#[cfg(test)]
impl Transport for tokio::io::DuplexStream {}
