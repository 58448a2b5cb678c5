//! What a request costs before anything is done for it: reads whatever comes, parses nothing, writes the same answer. Reads all
//! that are ready first, then writes to all.

use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};
use std::collections::HashMap;
use std::io::{ErrorKind, Read, Write};

/// As long as the answer of the app in Rust.
const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 27\r\n\
    date: Thu, 01 Jan 2026 00:00:00 GMT\r\nx-request-id: 0123456789abcdef012345678\r\n\r\n\
    {\"message\":\"Hello, World!\"}";
const DOOR: Token = Token(0);

fn main() -> std::io::Result<()> {
    let port = std::env::args().nth(1).expect("usage: bare PORT");
    let mut listener = TcpListener::bind(format!("127.0.0.1:{port}").parse().expect("a port"))?;
    let (mut poll, mut events) = (Poll::new()?, Events::with_capacity(1024));
    poll.registry().register(&mut listener, DOOR, Interest::READABLE)?;
    let mut streams: HashMap<Token, TcpStream> = HashMap::new();
    let mut asked = Vec::new();
    let mut next = 0;
    loop {
        match poll.poll(&mut events, None) {
            // Somebody who counts system calls.
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            polled => polled?,
        }
        for event in &events {
            if event.token() == DOOR {
                while let Ok((mut stream, _)) = listener.accept() {
                    next += 1;
                    stream.set_nodelay(true)?;
                    poll.registry().register(&mut stream, Token(next), Interest::READABLE)?;
                    streams.insert(Token(next), stream);
                }
            } else if let Some(stream) = streams.get_mut(&event.token()) {
                // One read takes a whole request of this client; a further one would find nothing.
                match stream.read(&mut [0; 4096]) {
                    Ok(1..) => asked.push(event.token()),
                    Err(error) if error.kind() == ErrorKind::WouldBlock => (),
                    _ => drop(streams.remove(&event.token())),
                }
            }
        }
        for token in asked.drain(..) {
            if streams.get_mut(&token).is_some_and(|stream| stream.write(ANSWER).is_err()) {
                streams.remove(&token);
            }
        }
    }
}
