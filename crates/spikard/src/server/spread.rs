//! Which of the sockets that share an address get the new connections (`SO_ATTACH_REUSEPORT_CBPF`, socket(7)). Opens and
//! accepts nothing.

use super::listener::Listener;
use std::io;
use std::os::fd::AsRawFd as _;

/// Spreads new connections evenly over the sockets with these `places`, counted from 0 in the order in which
/// [`share`](super::share()) gave them; the others keep what they have. `listener` is any of them. No places, or a
/// socket that is not shared: nothing changes.
///
/// An error means that connections go on to be spread as before.
pub fn spread(listener: &Listener, places: &[usize]) -> io::Result<()> {
    if places.is_empty() || !socket2::SockRef::from(listener).reuse_port()? {
        return Ok(());
    }
    attach(listener, &program(places))
}

/// Code, jumps and operand of one instruction of the classic Berkeley Packet Filter.
type Instruction = (u16, u8, u8, u32);

const LOAD: u16 = 0x20;
const MODULO: u16 = 0x94;
const JUMP_IF_EQUAL: u16 = 0x15;
const RETURN: u16 = 0x06;
/// Where a load finds a random number (`SKF_AD_OFF + SKF_AD_RANDOM` in linux/filter.h).
const RANDOM: u32 = 0xffff_f000 + 56;

/// `places[random % places.len()]`.
fn program(places: &[usize]) -> Vec<Instruction> {
    let number = |index: usize| u32::try_from(index).unwrap_or(u32::MAX);
    let mut program = vec![(LOAD, 0, 0, RANDOM), (MODULO, 0, 0, number(places.len()))];
    for (turn, &place) in places.iter().enumerate() {
        program.push((JUMP_IF_EQUAL, 0, 1, number(turn)));
        program.push((RETURN, 0, 0, number(place)));
    }
    // Never reached; the kernel wants an end.
    program.push((RETURN, 0, 0, u32::MAX));
    program
}

#[cfg(target_os = "linux")]
#[allow(
    unsafe_code,
    reason = "no safe wrapper of this socket option exists, and without it connections are sent to workers that are not there"
)]
fn attach(listener: &Listener, program: &[Instruction]) -> io::Result<()> {
    let mut code: Vec<libc::sock_filter> = program
        .iter()
        .map(|&(code, jt, jf, k)| libc::sock_filter { code, jt, jf, k })
        .collect();
    let program = libc::sock_fprog {
        len: u16::try_from(code.len()).map_err(|_| io::ErrorKind::InvalidInput)?,
        filter: code.as_mut_ptr(),
    };
    let size = libc::socklen_t::try_from(size_of_val(&program))
        .map_err(|_| io::ErrorKind::InvalidInput)?;
    // SAFETY: the descriptor is open while `listener` is borrowed; the option's value is a `sock_fprog` of `size` bytes
    // whose `len` instructions at `filter` live until `code` is dropped. The kernel copies both before it returns.
    let outcome = unsafe {
        libc::setsockopt(
            listener.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_ATTACH_REUSEPORT_CBPF,
            (&raw const program).cast(),
            size,
        )
    };
    match outcome {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

#[cfg(not(target_os = "linux"))]
fn attach(_: &Listener, _: &[Instruction]) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use crate::server::{Listen, share};
    use std::net::TcpStream;

    /// How many of `count` new connections each socket gets.
    fn accepted<const N: usize>(sockets: &[Listener; N], count: usize) -> [usize; N] {
        let address = sockets[0].local_addr().expect("an address");
        let clients: Vec<TcpStream> = (0..count)
            .map(|_| TcpStream::connect(address).expect("not refused"))
            .collect();
        let found = sockets
            .each_ref()
            .map(|socket| std::iter::from_fn(|| socket.accept().ok()).count());
        assert_eq!(found.iter().sum::<usize>(), clients.len());
        found
    }

    fn shared() -> [Listener; 3] {
        let listen = Listen {
            port: 0,
            ..Listen::default()
        };
        let first = listen.open_shared().expect("a free port");
        let [second, third] = [(); 2].map(|()| share(&first).expect("one more"));
        [first, second, third]
    }

    #[test]
    fn only_the_places_named_get_connections() {
        let sockets = shared();
        for places in [&[1][..], &[0, 2], &[2, 1], &[0, 1, 2]] {
            spread(&sockets[0], places).expect("the kernel takes it");
            let found = accepted(&sockets, 90);
            for (place, count) in found.iter().enumerate() {
                assert_eq!(*count > 0, places.contains(&place), "{places:?} {found:?}");
            }
        }
    }

    #[test]
    fn a_socket_that_comes_later_waits_until_it_is_named_and_the_last_may_go() {
        let [first, second, third] = shared();
        spread(&first, &[0, 1]).expect("the kernel takes it");
        let later = share(&first).expect("one more");
        let mut sockets = [first, second, third, later];
        assert_eq!(accepted(&sockets, 40)[2..], [0, 0]);
        spread(&sockets[1], &[3]).expect("the kernel takes it");
        assert_eq!(accepted(&sockets, 40), [0, 0, 0, 40]);
        // Whose socket has gone cannot be chosen: the kernel chooses among the others.
        sockets[3] = sockets[0].try_clone().expect("a copy");
        assert_eq!(accepted(&sockets, 40).iter().sum::<usize>(), 40);
    }

    #[test]
    fn a_socket_that_is_not_shared_is_left_alone() {
        let listen = Listen {
            port: 0,
            ..Listen::default()
        };
        let alone = listen.open().expect("a free port");
        spread(&alone, &[0]).expect("nothing to do");
        assert_eq!(accepted(&[alone], 3), [3]);
    }
}
