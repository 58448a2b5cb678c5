//! The PROXY protocol (versions 1 and 2): who the client of a connection is, told by a proxy before the first byte of the client.
//! A configured peer must speak it, as its specification demands that nobody guess; from others it is no HTTP, and refused as
//! such. Reads not a byte beyond.

use super::link::Remote;
use super::transport::Transport;
use std::future::{Future, poll_fn};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::pin;
use std::task::Poll;
use tokio::io::{AsyncRead, AsyncReadExt as _};

/// Of version 2, by which it is known.
const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";

/// Bytes of the longest line of version 1, its end included.
const LONGEST: usize = 107;

/// Bytes of addresses and additions of version 2 that are read past.
const MOST: usize = 4096;

/// Puts the client that the proxy names in the place of the peer; `None` when it names none in time, and the connection is of no use.
pub(super) async fn meet<T: Transport>(io: &mut T, remote: &mut Remote, limit: u64) -> Option<()> {
    let told = {
        let mut reading = pin!(read(io));
        let watch = remote.watch.as_ref();
        if let Some(watch) = watch {
            watch.arm(limit);
        }
        poll_fn(|context| {
            if let Poll::Ready(told) = reading.as_mut().poll(context) {
                return Poll::Ready(told.ok());
            }
            let Some(watch) = watch else {
                return Poll::Pending;
            };
            watch.register(context);
            match watch.is_cut() || watch.is_late() || watch.is_draining() {
                true => Poll::Ready(None),
                false => Poll::Pending,
            }
        })
        .await?
    };
    if let Some(client) = told {
        remote.peer = Some(client);
    }
    Some(())
}

fn wrong() -> io::Error {
    io::ErrorKind::InvalidData.into()
}

/// The client; `None` when the proxy speaks for itself (a health check) or of a client without an address.
async fn read(io: &mut (impl AsyncRead + Unpin)) -> io::Result<Option<SocketAddr>> {
    let mut start = [0; 12];
    io.read_exact(&mut start).await?;
    match &start {
        SIGNATURE => read_binary(io).await,
        start if start.starts_with(b"PROXY ") => read_line(io, start).await,
        _ => Err(wrong()),
    }
}

async fn read_line(
    io: &mut (impl AsyncRead + Unpin),
    start: &[u8],
) -> io::Result<Option<SocketAddr>> {
    let mut line = start.to_vec();
    while !line.ends_with(b"\r\n") {
        if line.len() == LONGEST {
            return Err(wrong());
        }
        line.push(io.read_u8().await?);
    }
    let line = std::str::from_utf8(&line[..line.len() - 2]).map_err(|_| wrong())?;
    let words: Vec<_> = line.split(' ').collect();
    let (family, source, target, port) = match words[..] {
        ["PROXY", "UNKNOWN", ..] => return Ok(None),
        ["PROXY", family, source, target, port, other] if is_port(other) => {
            (family, source, target, port)
        }
        _ => return Err(wrong()),
    };
    let address = |text: &str| text.parse::<IpAddr>().map_err(|_| wrong());
    let (source, target) = (address(source)?, address(target)?);
    let fits = match family {
        "TCP4" => source.is_ipv4() && target.is_ipv4(),
        "TCP6" => source.is_ipv6() && target.is_ipv6(),
        _ => false,
    };
    match port.parse() {
        Ok(port) if fits => Ok(Some(SocketAddr::new(source, port))),
        _ => Err(wrong()),
    }
}

fn is_port(text: &str) -> bool {
    text.parse::<u16>().is_ok()
}

async fn read_binary(io: &mut (impl AsyncRead + Unpin)) -> io::Result<Option<SocketAddr>> {
    let (command, family) = (io.read_u8().await?, io.read_u8().await?);
    let length = usize::from(io.read_u16().await?);
    if length > MOST {
        return Err(wrong());
    }
    let mut rest = vec![0; length];
    io.read_exact(&mut rest).await?;
    let port = |at: usize| Some(u16::from_be_bytes(rest.get(at..at + 2)?.try_into().ok()?));
    let client = match (command, family) {
        (0x20, _) => return Ok(None), // LOCAL
        (0x21, 0x11) => {
            let source: Option<[u8; 4]> = rest.get(..4).and_then(|bytes| bytes.try_into().ok());
            source
                .zip(port(8))
                .zip(port(10))
                .map(|((source, port), _)| SocketAddr::new(Ipv4Addr::from(source).into(), port))
        }
        (0x21, 0x21) => {
            let source: Option<[u8; 16]> = rest.get(..16).and_then(|bytes| bytes.try_into().ok());
            source
                .zip(port(32))
                .zip(port(34))
                .map(|((source, port), _)| SocketAddr::new(Ipv6Addr::from(source).into(), port))
        }
        // Datagrams, Unix sockets, unspecified: nothing that is an address here.
        (0x21, 0x00 | 0x12 | 0x22 | 0x31 | 0x32) => return Ok(None),
        _ => None,
    };
    client.map(Some).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::{SIGNATURE, read};
    use crate::server::tests::block_on;

    /// What is read, and how many bytes are left.
    fn told(bytes: &[u8]) -> (Result<String, ()>, usize) {
        let mut rest = bytes;
        let told = block_on(read(&mut rest));
        let shown = told.map(|told| told.map_or_else(String::new, |client| client.to_string()));
        (shown.map_err(drop), rest.len())
    }

    fn binary(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
        let length = u16::try_from(rest.len()).expect("short").to_be_bytes();
        [SIGNATURE, &[command, family][..], &length, rest, b"GET"].concat()
    }

    #[test]
    fn lines_of_version_1_name_the_client() {
        for (line, expected) in [
            (
                "PROXY TCP4 203.0.113.9 10.0.0.1 56324 443\r\n",
                "203.0.113.9:56324",
            ),
            ("PROXY TCP6 2001:db8::1 ::1 1 65535\r\n", "[2001:db8::1]:1"),
            ("PROXY UNKNOWN\r\n", ""),
            ("PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n", ""),
        ] {
            let bytes = format!("{line}GET");
            assert_eq!(
                told(bytes.as_bytes()),
                (Ok(expected.to_owned()), 3),
                "{line}"
            );
        }
    }

    #[test]
    fn other_lines_are_refused() {
        for line in [
            "GET / HTTP/1.1\r\n",
            "PROXY TCP4 203.0.113.9 10.0.0.1 56324\r\n",
            "PROXY TCP4 203.0.113.9 10.0.0.1 56324 443 1\r\n",
            "PROXY TCP4  203.0.113.9 10.0.0.1 56324 443\r\n",
            "PROXY TCP4 2001:db8::1 ::1 1 2\r\n",
            "PROXY TCP6 203.0.113.9 10.0.0.1 1 2\r\n",
            "PROXY TCP4 203.0.113.9 10.0.0.1 65536 443\r\n",
            "PROXY TCP4 203.0.113.9 10.0.0.1 1 x\r\n",
            "PROXY TCP5 203.0.113.9 10.0.0.1 1 2\r\n",
            "proxy TCP4 203.0.113.9 10.0.0.1 1 2\r\n",
            "PROXY TCP4 203.0.113.9 10.0.0.1 1 2\n",
            "PROXY TCP4",
        ] {
            assert_eq!(told(line.as_bytes()).0, Err(()), "{line}");
        }
        let long = format!("PROXY UNKNOWN {}\r\n", "x".repeat(200));
        assert_eq!(told(long.as_bytes()).0, Err(()));
    }

    #[test]
    fn version_2_names_the_client_and_what_is_added_is_read_past() {
        let four = [203, 0, 113, 9, 10, 0, 0, 1, 0xdc, 4, 1, 0xbb];
        let mut six = [0; 36];
        six[..16].copy_from_slice(
            &"2001:db8::1"
                .parse::<std::net::Ipv6Addr>()
                .expect("one")
                .octets(),
        );
        six[33] = 7;
        let ok = |text: &str| Ok(text.to_owned());
        for (bytes, expected) in [
            (binary(0x21, 0x11, &four), ok("203.0.113.9:56324")),
            (
                binary(0x21, 0x11, &[&four[..], &[3, 0, 1, 0]].concat()),
                ok("203.0.113.9:56324"),
            ),
            (binary(0x21, 0x21, &six), ok("[2001:db8::1]:7")),
            (binary(0x20, 0x00, &[]), ok("")),
            (binary(0x21, 0x31, &[0; 216]), ok("")),
            (binary(0x21, 0x11, &four[..11]), Err(())),
            (binary(0x21, 0x21, &four), Err(())),
            (binary(0x11, 0x11, &four), Err(())),
            (binary(0x22, 0x11, &four), Err(())),
            (binary(0x21, 0x13, &four), Err(())),
            (binary(0x21, 0x11, &[0; 5000]), Err(())),
        ] {
            let (shown, left) = told(&bytes);
            assert_eq!(shown, expected, "{bytes:?}");
            assert!(shown.is_err() || left == 3, "{left} bytes are left");
        }
    }
}
