//! The end of a connection of HTTP/2 that is idle when draining begins: a client whose next request is under way already
//! loses nothing. Raw frames, so that the client hears of the end when the test wants it to.

use super::floods::{GET, GOAWAY, HEADERS, PING, SETTINGS, WINDOW_UPDATE, frame};
use super::http2::{PREFACE, paused, served};
use crate::Config;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};
use tokio::time::sleep;

const ACK: u8 = 1;
/// END_STREAM and END_HEADERS.
const WHOLE: u8 = 5;
const END_STREAM: u8 = 1;

/// What a frame is, its flags, its stream, its payload.
type Frame = (u8, u8, u32, Vec<u8>);

/// The client's end, and the last request that the server said it would begin.
struct Client(DuplexStream, u32);

impl Client {
    async fn send(&mut self, frame: Vec<u8>) -> std::io::Result<()> {
        self.0.write_all(&frame).await
    }

    /// None when the server has ended its side.
    async fn next(&mut self) -> Option<Frame> {
        let mut head = [0; 9];
        self.0.read_exact(&mut head).await.ok()?;
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
        let mut payload = vec![0; length];
        self.0.read_exact(&mut payload).await.expect("whole");
        let stream = u32::from_be_bytes(head[5..9].try_into().expect("four"));
        if head[3] == GOAWAY {
            self.1 = u32::from_be_bytes(payload[..4].try_into().expect("four"));
        }
        Some((head[3], head[4], stream, payload))
    }

    async fn ask(&mut self, stream: u32) {
        let asked = self.send(frame(HEADERS, WHOLE, stream, GET)).await;
        asked.expect("the connection is open");
    }

    /// Reads on to the end of this stream.
    async fn answered(&mut self, wanted: u32) {
        loop {
            let (kind, flags, stream, _) = self.next().await.expect("an answer");
            if stream == wanted && kind <= HEADERS && flags & END_STREAM != 0 {
                return;
            }
        }
    }

    /// Reads on to the PING that asks whether the client has heard of the end, and says that it has.
    async fn agree(&mut self) {
        loop {
            let (kind, flags, _, payload) = self.next().await.expect("a ping");
            if kind == PING && flags & ACK == 0 {
                let sent = self.send(frame(PING, ACK, 0, &payload)).await;
                return sent.expect("the connection is open");
            }
        }
    }
}

#[test]
fn a_request_that_is_under_way_when_draining_begins_is_answered() {
    paused(async {
        let (_, life, io, server) = served(Config::default());
        let mut client = Client(io, 0);
        let settings = frame(SETTINGS, 0, 0, &[]);
        let greeting = [PREFACE, &settings].concat();
        client.send(greeting).await.expect("sent");
        client.ask(1).await;
        client.answered(1).await;
        life.drain();
        // It hears nothing of that for a while: what it sends is no mistake of its.
        sleep(Duration::from_millis(900)).await;
        client.ask(3).await;
        client.agree().await;
        client.answered(3).await;
        while client.next().await.is_some() {}
        assert_eq!(client.1, 3);
        // It may be busy with the answer still; were the socket closed, this would cost it what it has not read.
        let room = frame(WINDOW_UPDATE, 0, 0, &64_u32.to_be_bytes());
        client
            .send(room)
            .await
            .expect("nobody reads it, but it is let in");
        drop(client);
        server.await.expect("no panic");
        assert_eq!(life.connections(), 0);
    });
}

#[test]
fn a_client_that_never_hears_of_the_end_does_not_hold_it_up() {
    paused(async {
        let (_, life, io, server) = served(Config::default());
        let mut client = Client(io, 0);
        let settings = frame(SETTINGS, 0, 0, &[]);
        let greeting = [PREFACE, &settings].concat();
        client.send(greeting).await.expect("sent");
        client.ask(1).await;
        client.answered(1).await;
        let start = tokio::time::Instant::now();
        life.drain();
        server.await.expect("no panic");
        assert!(start.elapsed() <= Duration::from_millis(1_100));
    });
}
