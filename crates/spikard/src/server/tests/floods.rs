//! Clients of HTTP/2 that only keep the server busy, or that stop in the middle: raw frames in, the frames of the end out.

use super::http2::{PREFACE, paused, served};
use crate::Config;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::task::spawn_local;
use tokio::time::Instant;

/// ENHANCE_YOUR_CALM.
const CALM: u32 = 11;

/// `GET http://h/` in HPACK (RFC 7541): three fields of the static table, and an authority.
pub(super) const GET: &[u8] = &[0x82, 0x84, 0x86, 0x41, 0x01, b'h'];
const POST: &[u8] = &[0x83, 0x84, 0x86, 0x41, 0x01, b'h'];

const DATA: u8 = 0;
pub(super) const HEADERS: u8 = 1;
const PRIORITY: u8 = 2;
const RST_STREAM: u8 = 3;
pub(super) const SETTINGS: u8 = 4;
pub(super) const PING: u8 = 6;
pub(super) const GOAWAY: u8 = 7;
pub(super) const WINDOW_UPDATE: u8 = 8;
const CONTINUATION: u8 = 9;

pub(super) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("short").to_be_bytes();
    let mut frame = vec![length[1], length[2], length[3], kind, flags];
    frame.extend_from_slice(&stream.to_be_bytes());
    frame.extend_from_slice(payload);
    frame
}

/// Sends the preface and then `frames` for as long as the server lets; the code of its GOAWAY and when it had closed.
fn end_of(frames: impl Iterator<Item = Vec<u8>> + 'static) -> (Option<u32>, Duration) {
    paused(async {
        let (_, life, client, server) = served(Config::default());
        let start = Instant::now();
        let (mut input, mut output) = tokio::io::split(client);
        spawn_local(async move {
            let settings = frame(SETTINGS, 0, 0, &[]);
            let mut sent = output.write_all(&[PREFACE, &settings].concat()).await;
            for frame in frames {
                if sent.is_err() {
                    return;
                }
                sent = output.write_all(&frame).await;
            }
            // Then nothing, but without leaving.
            std::future::pending::<()>().await;
        });
        let mut bytes = Vec::new();
        // An error is the other end of being cut off.
        let _ = input.read_to_end(&mut bytes).await;
        let took = start.elapsed();
        server.await.expect("no panic");
        assert_eq!(life.connections(), 0);
        (goaway(&bytes), took)
    })
}

fn goaway(mut bytes: &[u8]) -> Option<u32> {
    let mut code = None;
    while let Some((head, rest)) = bytes.split_first_chunk::<9>() {
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
        let payload = rest.get(..length)?;
        if head[3] == GOAWAY {
            code = Some(u32::from_be_bytes(payload[4..8].try_into().expect("four")));
        }
        bytes = &rest[length..];
    }
    code
}

fn stream(number: usize) -> u32 {
    u32::try_from(number).expect("not that many") * 2 + 1
}

#[test]
fn floods_end_in_goaway() {
    type Frames = Box<dyn Iterator<Item = Vec<u8>>>;
    let opened = || std::iter::once(frame(HEADERS, 4, 1, POST));
    let begun = || std::iter::once(frame(HEADERS, 0, 1, GET));
    let again = |frame: Vec<u8>| std::iter::repeat_n(frame, 5_000);
    let floods: [(&str, Frames); 9] = [
        // Begun and taken back in one go: they never reach a handler.
        (
            "rapid reset",
            Box::new((0..5_000).map(|number| {
                let begin = frame(HEADERS, 5, stream(number), GET);
                let cancel = frame(RST_STREAM, 0, stream(number), &[0, 0, 0, 8]);
                [begin, cancel].concat()
            })),
        ),
        // The client breaks a rule of each stream, so that we reset it.
        (
            "MadeYouReset",
            Box::new((0..5_000).map(|number| {
                let begin = frame(HEADERS, 4, stream(number), POST);
                let wrong = frame(WINDOW_UPDATE, 0, stream(number), &[0x7f, 0xff, 0xff, 0xff]);
                [begin, wrong].concat()
            })),
        ),
        (
            "CONTINUATION",
            Box::new(begun().chain(again(frame(CONTINUATION, 0, 1, &[0; 0])))),
        ),
        (
            "long CONTINUATION",
            Box::new(begun().chain(again(frame(
                CONTINUATION,
                0,
                1,
                &[0x00, 0x01, b'a', 0x01, b'b'].repeat(1_000),
            )))),
        ),
        (
            "empty DATA",
            Box::new(opened().chain(again(frame(DATA, 0, 1, &[])))),
        ),
        ("PING", Box::new(again(frame(PING, 0, 0, &[0; 8])))),
        ("SETTINGS", Box::new(again(frame(SETTINGS, 0, 0, &[])))),
        (
            "PRIORITY",
            Box::new(again(frame(PRIORITY, 0, 1, &[0, 0, 0, 0, 1]))),
        ),
        ("unknown", Box::new(again(frame(99, 0, 0, &[])))),
    ];
    let ends = floods.map(|(name, frames)| {
        let (code, took) = end_of(frames);
        (name, code, took < Duration::from_secs(3))
    });
    let all_calm = ends
        .iter()
        .all(|(_, code, soon)| *code == Some(CALM) && *soon);
    assert!(all_calm, "{ends:#?}");
}

#[test]
fn a_request_that_stops_in_the_middle_is_ended() {
    let limit = Duration::from_millis(Config::default().header_timeout_ms);
    for (name, bytes) in [
        ("nothing", vec![]),
        ("part of a frame", frame(HEADERS, 5, 1, GET)[..12].to_vec()),
        ("part of the fields", frame(HEADERS, 1, 1, GET)),
    ] {
        let (_, took) = end_of(std::iter::once(bytes));
        assert!(
            took >= limit && took < limit + Duration::from_secs(2),
            "{name} {took:?}"
        );
    }
    for bytes in [&PREFACE[..18], &PREFACE[..5]] {
        paused(async {
            let (_, _, mut client, server) = served(Config::default());
            let start = Instant::now();
            client.write_all(bytes).await.expect("sent");
            server.await.expect("no panic");
            assert!(start.elapsed() < limit + Duration::from_secs(2));
        });
    }
}
