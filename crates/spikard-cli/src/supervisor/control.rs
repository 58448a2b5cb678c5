//! `--control`: a small HTTP/1.1 door of the supervisor itself, for probes and metrics that must not wait for workers.
//! GET and HEAD, one request per connection. Knows no worker: what to say is `report`'s.

use crate::output::Failure;
use httparse::{EMPTY_HEADER, Request};
use spikard::server::http_date;
use std::fmt;
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream, ToSocketAddrs as _};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::FileTypeExt as _;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::{Duration, Instant};

/// A longer head is refused.
const LONGEST_HEAD: usize = 8 << 10;
const MOST_FIELDS: usize = 64;
/// From a connection to its end. A visitor who is slower is of no use, and no harm.
const LIMIT: Duration = Duration::from_secs(5);
/// After an error that says that nobody can be let in.
const PAUSE: Duration = Duration::from_secs(1);
/// Connections at a time; the next one takes the place of the oldest.
const MOST_VISITORS: usize = 32;

/// Where the door is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    /// Name or address, and port.
    Address(String),
    /// A Unix socket.
    Path(PathBuf),
}

impl FromStr for Place {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.contains('/') {
            return Ok(Self::Path(text.into()));
        }
        let (host, port) = text.rsplit_once(':').unwrap_or(("127.0.0.1", text));
        match port.parse::<u16>() {
            Ok(port) if !host.is_empty() => Ok(Self::Address(format!("{host}:{port}"))),
            _ => Err(
                "write an address (127.0.0.1:9000), a port of this machine (9000), or the path of a Unix socket (./control.sock)"
                    .to_owned(),
            ),
        }
    }
}

/// What is said to a visitor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) content_type: &'static str,
    pub(super) body: String,
}

impl Answer {
    /// A problem by RFC 9457.
    pub(super) fn problem(status: u16, code: &str, title: &str, detail: &str) -> Self {
        let problem = serde_json::json!({
            "type": format!("urn:spikard:problem:{code}"),
            "title": title,
            "status": status,
            "detail": detail,
        });
        Self {
            status,
            content_type: "application/problem+json",
            body: problem.to_string(),
        }
    }

    fn bytes(&self, to_head: bool) -> Vec<u8> {
        let Self {
            status,
            content_type,
            body,
        } = self;
        let reason = match status {
            200 => "OK",
            400 => "Bad Request",
            404 => "Not Found",
            405 => "Method Not Allowed",
            431 => "Request Header Fields Too Large",
            _ => "Service Unavailable",
        };
        let allow = if *status == 405 {
            "allow: GET, HEAD\r\n"
        } else {
            ""
        };
        let (date, length) = (http_date(), body.len());
        let body = if to_head { "" } else { body };
        format!(
            "HTTP/1.1 {status} {reason}\r\ndate: {date}\r\ncontent-type: {content_type}\r\ncontent-length: {length}\r\n\
             cache-control: no-store\r\n{allow}connection: close\r\n\r\n{body}"
        )
        .into_bytes()
    }
}

enum Door {
    Tcp(TcpListener),
    Unix(UnixListener, PathBuf),
}

enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
}

struct Visitor {
    stream: Stream,
    until: Instant,
    head: Vec<u8>,
    /// None until the head is whole.
    answer: Option<Vec<u8>>,
    sent: usize,
}

/// The open door and who is in it.
pub(super) struct Control {
    door: Door,
    visitors: Vec<Visitor>,
    /// Nobody can be let in before then (no descriptor is free): to poll the door would turn in circles.
    closed: Option<Instant>,
}

impl Control {
    pub(super) fn open(place: &Place) -> Result<Self, Failure> {
        let door = match place {
            Place::Address(address) => tcp(address).map(Door::Tcp),
            Place::Path(path) => unix(path).map(|door| Door::Unix(door, path.clone())),
        };
        let shown = match place {
            Place::Address(address) => address.clone(),
            Place::Path(path) => path.display().to_string(),
        };
        match door {
            Ok(door) => Ok(Self {
                door,
                visitors: Vec::new(),
                closed: None,
            }),
            Err(error) => Err(
                Failure::app(format!("cannot open --control {shown}: {error}"))
                    .advice("choose another address or path, or 127.0.0.1:0 for any free port"),
            ),
        }
    }

    /// What to poll, and whether it is for writing.
    pub(super) fn polled(&self) -> impl Iterator<Item = (BorrowedFd<'_>, bool)> {
        let visitors = self.visitors.iter().map(|visitor| {
            let writes = visitor
                .answer
                .as_ref()
                .is_some_and(|answer| visitor.sent < answer.len());
            (visitor.stream.as_fd(), writes)
        });
        let door = self.closed.is_none().then(|| (self.door.as_fd(), false));
        door.into_iter().chain(visitors)
    }

    /// When to look even if nothing comes.
    pub(super) fn next(&self) -> Option<Instant> {
        let ends = self.visitors.iter().map(|visitor| visitor.until);
        ends.chain(self.closed).min()
    }

    /// Goes on with every visitor as far as that is possible without waiting. `say` answers a path.
    pub(super) fn look(&mut self, now: Instant, mut say: impl FnMut(&str) -> Answer) {
        self.closed = self.closed.filter(|until| now < *until);
        while self.closed.is_none() {
            let stream = match self.door.accept() {
                Ok(stream) => stream,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(_) => {
                    self.closed = Some(now + PAUSE);
                    break;
                }
            };
            if self.visitors.len() >= MOST_VISITORS {
                self.visitors.remove(0);
            }
            self.visitors.push(Visitor {
                stream,
                until: now + LIMIT,
                head: Vec::new(),
                answer: None,
                sent: 0,
            });
        }
        self.visitors
            .retain_mut(|visitor| now < visitor.until && visitor.go_on(&mut say).is_ok());
    }
}

impl Visitor {
    /// An error when there is nothing more to do for it.
    fn go_on(&mut self, say: &mut impl FnMut(&str) -> Answer) -> io::Result<()> {
        loop {
            let mut piece = [0; 1024];
            let step = match &self.answer {
                Some(answer) if self.sent < answer.len() => {
                    self.stream.write(&answer[self.sent..]).inspect(|&count| {
                        self.sent += count;
                        if self.sent == answer.len() {
                            // What it may still be sending must not overtake the answer with a reset.
                            self.stream.shut_down();
                        }
                    })
                }
                Some(_) => self.stream.read(&mut piece),
                None => self.stream.read(&mut piece).inspect(|&count| {
                    self.head.extend_from_slice(&piece[..count]);
                    self.answer = answer(&self.head, say);
                }),
            };
            match step {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

/// What to say to a request with this head; none while more of it must come.
fn answer(head: &[u8], say: &mut impl FnMut(&str) -> Answer) -> Option<Vec<u8>> {
    let bad = |detail: &str| Answer::problem(400, "malformed-request", "Malformed request", detail);
    let large = || {
        let detail = "a request to the supervisor has a short head";
        Answer::problem(431, "headers-too-large", "Header fields too large", detail)
    };
    let mut fields = [EMPTY_HEADER; MOST_FIELDS];
    let mut request = Request::new(&mut fields);
    let answer = match request.parse(head) {
        Ok(status) if status.is_partial() && head.len() <= LONGEST_HEAD => return None,
        Ok(status) if status.is_partial() => large(),
        Err(httparse::Error::TooManyHeaders) => large(),
        Err(error) => bad(&error.to_string()),
        Ok(_) => {
            let hosts = request
                .headers
                .iter()
                .filter(|field| field.name.eq_ignore_ascii_case("host"));
            match (request.version, hosts.count(), request.method) {
                (Some(1), 0 | 2.., _) => bad("a request has one Host field (RFC 9112 section 3.2)"),
                (_, _, Some("GET" | "HEAD")) => {
                    let target = request.path.unwrap_or_default();
                    say(target.split('?').next().unwrap_or_default())
                }
                _ => {
                    let detail = "the supervisor answers GET and HEAD; signals control it";
                    Answer::problem(405, "method-not-allowed", "Method not allowed", detail)
                }
            }
        }
    };
    Some(answer.bytes(request.method == Some("HEAD")))
}

fn tcp(address: &str) -> io::Result<TcpListener> {
    let nothing = || io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    let address = address.to_socket_addrs()?.next().ok_or_else(nothing)?;
    // The standard library sets SO_REUSEADDR, so a restart need not wait.
    let door = TcpListener::bind(address)?;
    door.set_nonblocking(true)?;
    Ok(door)
}

/// A socket file that nobody listens on any more was left behind; one that answers is somebody's.
fn unix(path: &Path) -> io::Result<UnixListener> {
    let is_socket = path
        .symlink_metadata()
        .is_ok_and(|found| found.file_type().is_socket());
    if is_socket && UnixStream::connect(path).is_err() {
        std::fs::remove_file(path)?;
    }
    let door = UnixListener::bind(path)?;
    door.set_nonblocking(true)?;
    Ok(door)
}

impl Door {
    fn accept(&self) -> io::Result<Stream> {
        match self {
            Self::Tcp(door) => {
                let (stream, _) = door.accept()?;
                stream.set_nonblocking(true)?;
                Ok(Stream::Tcp(stream))
            }
            Self::Unix(door, _) => {
                let (stream, _) = door.accept()?;
                stream.set_nonblocking(true)?;
                Ok(Stream::Unix(stream))
            }
        }
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        if let Self::Unix(_, path) = self {
            let _ = std::fs::remove_file(path);
        }
    }
}

impl AsFd for Door {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Tcp(door) => door.as_fd(),
            Self::Unix(door, _) => door.as_fd(),
        }
    }
}

impl Stream {
    fn read(&mut self, piece: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.read(piece),
            Self::Unix(stream) => stream.read(piece),
        }
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.write(bytes),
            Self::Unix(stream) => stream.write(bytes),
        }
    }

    fn shut_down(&self) {
        // It has gone, then; the next read says so.
        let _ = match self {
            Self::Tcp(stream) => stream.shutdown(Shutdown::Write),
            Self::Unix(stream) => stream.shutdown(Shutdown::Write),
        };
    }
}

impl AsFd for Stream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Tcp(stream) => stream.as_fd(),
            Self::Unix(stream) => stream.as_fd(),
        }
    }
}

impl fmt::Display for Control {
    /// What to open.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.door {
            Door::Unix(_, path) => write!(f, "unix socket {}", path.display()),
            Door::Tcp(door) => match door.local_addr() {
                Ok(address) => write!(f, "http://{address}"),
                Err(_) => f.write_str("http"),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(head: &str) -> Option<String> {
        let mut say = |path: &str| Answer {
            status: 200,
            content_type: "text/plain",
            body: path.to_owned(),
        };
        answer(head.as_bytes(), &mut say).map(|bytes| String::from_utf8(bytes).expect("text"))
    }

    #[test]
    fn a_path_is_answered_and_the_rest_refused() {
        let many: String = (0..70).map(|field| format!("f{field}: 1\r\n")).collect();
        let long = "x".repeat(LONGEST_HEAD);
        for (head, status, end) in [
            (
                "GET /metrics?x=1 HTTP/1.1\r\nhost: a\r\n\r\n",
                200,
                "\r\n\r\n/metrics",
            ),
            ("GET / HTTP/1.0\r\n\r\n", 200, "\r\n\r\n/"),
            (
                "HEAD /metrics HTTP/1.1\r\nhost: a\r\n\r\n",
                200,
                "content-length: 8\r\ncache-control: no-store\r\nconnection: close\r\n\r\n",
            ),
            ("POST /workers HTTP/1.1\r\nhost: a\r\n\r\n", 405, "}"),
            ("GET / HTTP/1.1\r\n\r\n", 400, "}"),
            ("GET / HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n", 400, "}"),
            ("\u{16}\u{3}\u{1}", 400, "}"),
            (&format!("GET / HTTP/1.1\r\n{many}\r\n"), 431, "}"),
            (&format!("GET / HTTP/1.1\r\nx: {long}"), 431, "}"),
        ] {
            let said = said(head).expect(head);
            assert!(
                said.starts_with(&format!("HTTP/1.1 {status} ")),
                "{head}: {said}"
            );
            assert!(said.ends_with(end), "{head}: {said}");
        }
        assert_eq!(said("GET / HTTP/1.1\r\nhost: a\r\n"), None);
    }

    #[test]
    fn a_place_is_an_address_a_port_or_a_path() {
        let address = |text: &str| Ok(Place::Address(text.to_owned()));
        assert_eq!("127.0.0.1:9000".parse(), address("127.0.0.1:9000"));
        assert_eq!("[::1]:9000".parse(), address("[::1]:9000"));
        assert_eq!("9000".parse(), address("127.0.0.1:9000"));
        assert_eq!("./c.sock".parse(), Ok(Place::Path("./c.sock".into())));
        for wrong in ["", ":9000", "localhost", "localhost:", "a:99999"] {
            assert!(wrong.parse::<Place>().is_err(), "{wrong}");
        }
    }
}
