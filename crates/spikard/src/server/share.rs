//! Sockets for several workers of one address, a queue of its own for each (`SO_REUSEPORT`, socket(7)). Starts no worker.

use super::listen::{BACKLOG, Listen, ListenError};
use super::listener::Listener;
use socket2::{Domain, Protocol, SockRef, Socket, Type};
use std::io;
use std::net::{SocketAddr, TcpListener};

impl Listen {
    /// As [`Listen::open`], and [`share`] gives more sockets of the same address. An address that anybody else listens
    /// on is refused here too, also when it is another supervisor's.
    pub fn open_shared(&self) -> Result<Listener, ListenError> {
        match (self.fd, &self.uds) {
            (None, None) => self.bind_with(first),
            _ => self.open(),
        }
    }
}

/// One more socket beside `listener`: the kernel spreads new connections over all of them. Beside an inherited socket,
/// whose opener did not ask for that, and beside one at a path, it is another descriptor of the same one.
pub fn share(listener: &Listener) -> io::Result<Listener> {
    if !SockRef::from(listener).reuse_port()? {
        return listener.try_clone();
    }
    let address = listener.local_addr()?;
    let socket = unbound(address)?;
    socket.set_reuse_port(true)?;
    socket.bind(&address.into())?;
    listening(socket).map(Listener::from)
}

/// Asks for the port alone and only then says that it may be shared: what was there before is found out without a moment
/// in which somebody could come between.
fn first(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = unbound(address)?;
    socket.bind(&address.into())?;
    socket.set_reuse_port(true)?;
    listening(socket)
}

fn unbound(address: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    // As in `Listen::open`: connections of the previous run in TIME_WAIT do not hold the port.
    socket.set_reuse_address(true)?;
    Ok(socket)
}

fn listening(socket: Socket) -> io::Result<TcpListener> {
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpStream;

    fn on(port: u16) -> Listen {
        Listen {
            port,
            ..Listen::default()
        }
    }

    #[test]
    fn each_socket_has_a_queue_and_all_have_the_connections() {
        let first = on(0).open_shared().expect("a free port");
        let second = share(&first).expect("a second socket");
        let address = first.local_addr().expect("an address");
        assert_eq!(second.local_addr().expect("an address"), address);
        let clients: Vec<TcpStream> = (0..64)
            .map(|_| TcpStream::connect(address).expect("not refused"))
            .collect();
        let accepted = [&first, &second].map(|socket| {
            let mut count = 0;
            while socket.accept().is_ok() {
                count += 1;
            }
            count
        });
        assert_eq!(accepted.iter().sum::<usize>(), clients.len());
        assert!(!accepted.contains(&0), "{accepted:?}: one queue for both");
    }

    #[test]
    fn the_address_is_shared_with_nobody_else() {
        let first = on(0).open_shared().expect("a free port");
        let port = first.local_addr().expect("an address").port();
        for other in [on(port).open_shared(), on(port).open()] {
            assert!(matches!(other, Err(ListenError::Busy { .. })), "{other:?}");
        }
        let alone = on(0).open().expect("a free port");
        let port = alone.local_addr().expect("an address").port();
        let other = on(port).open_shared();
        assert!(matches!(other, Err(ListenError::Busy { .. })), "{other:?}");
    }

    #[test]
    fn an_inherited_socket_is_served_by_all() {
        let inherited = on(0).open().expect("a free port");
        let again = share(&inherited).expect("the same socket");
        TcpStream::connect(inherited.local_addr().expect("an address")).expect("not refused");
        assert!(again.accept().is_ok());
    }
}
