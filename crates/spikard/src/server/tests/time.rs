//! Time limits, clients that leave, and the worker's end, in time that is made to pass.

use super::double::Double;
use super::scene::{double, paused};
use crate::endpoint::Cancel;
use crate::server::connection::converse;
use crate::server::life::TICK;
use crate::server::link::Remote;
use crate::{Config, server::Life};
use std::rc::Rc;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};
use tokio::task::{JoinHandle, spawn_local};
use tokio::time::{Instant, sleep};

const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n";

struct Scene {
    app: Rc<Double>,
    life: Rc<Life>,
    client: DuplexStream,
    server: JoinHandle<()>,
    start: Instant,
}

impl Scene {
    fn new(config: Config) -> Self {
        let app = double(config);
        let life = Life::new();
        let (client, theirs) = tokio::io::duplex(4096);
        let remote = Remote {
            peer: None,
            watch: Some(life.watch()),
            end_is_gone: true,
        };
        Self {
            server: spawn_local(converse(Rc::clone(&app), theirs, remote)),
            start: Instant::now(),
            app,
            life,
            client,
        }
    }

    async fn send(&mut self, bytes: &[u8]) {
        self.client
            .write_all(bytes)
            .await
            .expect("an open connection");
    }

    /// Status of the next reply, whose head and body come in one piece.
    async fn status(&mut self) -> String {
        let mut bytes = [0; 4096];
        let count = self
            .client
            .read(&mut bytes)
            .await
            .expect("an open connection");
        String::from_utf8_lossy(&bytes[..count]).into_owned()
    }

    /// What is sent until the server closes, and how long that took from the start.
    async fn end(&mut self) -> (String, Duration) {
        let mut bytes = Vec::new();
        self.client
            .read_to_end(&mut bytes)
            .await
            .expect("an orderly end");
        (
            String::from_utf8_lossy(&bytes).into_owned(),
            self.start.elapsed(),
        )
    }
}

/// Not before the limit, and at most three ticks after it (two of the watch, one to get there).
fn about(took: Duration, limit: u64) {
    let limit = Duration::from_millis(limit);
    assert!(
        took >= limit && took <= limit + 3 * TICK,
        "{took:?} for {limit:?}"
    );
}

fn limits() -> Config {
    Config {
        header_timeout_ms: 2_000,
        body_timeout_ms: 3_000,
        keep_alive_ms: 5_000,
        drain_timeout_ms: 7_000,
        ..Config::default()
    }
}

#[test]
fn who_says_nothing_is_left_without_a_word() {
    paused(async {
        let mut scene = Scene::new(limits());
        let (said, took) = scene.end().await;
        assert_eq!(said, "");
        about(took, 2_000);

        let mut scene = Scene::new(limits());
        scene.send(GET).await;
        assert!(scene.status().await.starts_with("HTTP/1.1 200"));
        let (said, took) = scene.end().await;
        assert_eq!(said, "");
        about(took, 5_000);
    });
}

#[test]
fn empty_lines_are_no_request_that_could_be_late() {
    paused(async {
        let mut scene = Scene::new(limits());
        scene.send(b"\r").await;
        sleep(Duration::from_millis(1)).await;
        scene.send(b"\n").await;
        let (said, _) = scene.end().await;
        assert_eq!(said, "");
    });
}

#[test]
fn a_head_must_be_whole_in_time_however_it_trickles() {
    paused(async {
        let mut scene = Scene::new(limits());
        for byte in &GET[..15] {
            scene.send(&[*byte]).await;
            sleep(Duration::from_millis(130)).await;
        }
        let (said, took) = scene.end().await;
        assert!(
            said.starts_with("HTTP/1.1 408 ") && said.contains("connection: close"),
            "{said}"
        );
        about(took, 2_000);
    });
}

#[test]
fn a_body_may_take_long_but_not_stop() {
    paused(async {
        let mut scene = Scene::new(limits());
        scene
            .send(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\n")
            .await;
        for _ in 0..8 {
            scene.send(b"x").await;
            sleep(Duration::from_millis(2_500)).await;
        }
        let (said, took) = scene.end().await;
        assert!(said.starts_with("HTTP/1.1 408 "), "{said}");
        about(took, 7 * 2_500 + 3_000);
    });
}

#[test]
fn a_handler_that_takes_too_long_is_cancelled_and_answered_for() {
    paused(async {
        let mut scene = Scene::new(Config {
            handler_timeout_ms: 1_000,
            ..limits()
        });
        scene.send(b"GET /never HTTP/1.1\r\nHost: h\r\n\r\n").await;
        let (said, took) = scene.end().await;
        assert!(
            said.starts_with("HTTP/1.1 504 ") && said.contains("connection: close"),
            "{said}"
        );
        about(took, 1_000);
        assert_eq!(scene.app.given_up.get(), Some(Cancel::Deadline));
    });
}

#[test]
fn the_handler_of_a_client_that_left_is_cancelled_at_once() {
    paused(async {
        let mut scene = Scene::new(limits());
        scene.send(b"GET /never HTTP/1.1\r\nHost: h\r\n\r\n").await;
        sleep(Duration::from_millis(1)).await;
        assert_eq!(scene.app.given_up.get(), None);
        drop(scene.client);
        sleep(Duration::from_millis(1)).await;
        assert_eq!(scene.app.given_up.get(), Some(Cancel::ClientGone));
        assert_eq!(scene.life.connections(), 0);
    });
}

#[test]
fn what_arrives_while_a_handler_waits_is_answered_after_it() {
    paused(async {
        let mut scene = Scene::new(limits());
        scene.send(b"GET /first HTTP/1.1\r\nHost: h\r\n\r\nGET /slow HTTP/1.1\r\nHost: h\r\n\r\nGET /th").await;
        let first = scene.status().await;
        assert!(
            first.ends_with("GET /first "),
            "earlier replies do not wait: {first}"
        );
        scene.send(b"ird HTTP/1.1\r\nHost: h\r\n\r\n").await;
        let rest = scene.status().await;
        let slow = rest.find("GET /slow ").expect("the slow one");
        let third = rest.find("GET /third ").expect("the third");
        assert!(slow < third, "{rest}");
        about(scene.start.elapsed(), 1_000);
    });
}

#[test]
fn a_slow_client_holds_the_producer_and_a_stalled_one_is_cut() {
    paused(async {
        let mut scene = Scene::new(limits());
        scene
            .send(b"GET /endless HTTP/1.1\r\nHost: h\r\n\r\n")
            .await;
        sleep(Duration::from_secs(1)).await;
        let pulled = scene.app.pulled.get();
        assert!(
            pulled <= 6,
            "4 KiB are under way, {pulled} chunks of 1,000 bytes were pulled"
        );
        scene.status().await;
        sleep(Duration::from_secs(1)).await;
        assert!(
            scene.app.pulled.get() > pulled,
            "it goes on when the client reads"
        );
        sleep(Duration::from_millis(1_500)).await;
        assert!(
            !scene.app.dropped.get(),
            "the 3 s count from what the client took last"
        );
        sleep(Duration::from_millis(1_000)).await;
        assert!(scene.app.dropped.get(), "stalled for 3 s");
        assert_eq!(scene.life.connections(), 0);
    });
}

#[test]
fn a_large_reply_may_take_long_but_not_stop() {
    paused(async {
        let mut scene = Scene::new(limits());
        scene.send(b"GET /large HTTP/1.1\r\nHost: h\r\n\r\n").await;
        for _ in 0..6 {
            sleep(Duration::from_secs(1)).await;
            assert!(scene.status().await.len() > 1_000);
        }
        assert!(!scene.server.is_finished());
        sleep(Duration::from_millis(3_500)).await;
        assert!(scene.server.is_finished());
    });
}

#[test]
fn draining_closes_the_idle_and_lets_the_busy_finish() {
    paused(async {
        let mut idle = Scene::new(limits());
        idle.send(GET).await;
        idle.status().await;
        let mut busy = Scene::new(limits());
        busy.send(b"GET /slow HTTP/1.1\r\nHost: h\r\n\r\n").await;
        let mut half = Scene::new(limits());
        half.send(&GET[..10]).await;
        let mut fresh = Scene::new(limits());
        sleep(Duration::from_millis(1)).await;
        for scene in [&idle, &busy, &half, &fresh] {
            scene.life.drain();
        }
        let (said, took) = idle.end().await;
        assert_eq!((said.as_str(), took.as_millis()), ("", 1));
        half.send(&GET[10..]).await;
        let (said, _) = half.end().await;
        assert!(
            said.contains("200 OK") && said.contains("connection: close"),
            "{said}"
        );
        let (said, _) = busy.end().await;
        assert!(
            said.contains("200 OK") && said.contains("connection: close"),
            "{said}"
        );
        fresh.send(GET).await;
        let (said, _) = fresh.end().await;
        assert!(
            said.contains("200 OK") && said.contains("connection: close"),
            "{said}"
        );
    });
}

#[test]
fn a_patient_worker_answers_what_comes_on_idle_connections_while_it_drains() {
    paused(async {
        let mut sends = Scene::new(limits());
        let mut silent = Scene::new(limits());
        for scene in [&mut sends, &mut silent] {
            scene.life.wait_for_idle(500);
            scene.send(GET).await;
            scene.status().await;
            scene.life.drain();
        }
        sleep(Duration::from_millis(300)).await;
        sends.send(GET).await;
        let (said, _) = sends.end().await;
        assert!(
            said.contains("200 OK") && said.contains("connection: close"),
            "{said}"
        );
        let (said, took) = silent.end().await;
        assert_eq!(said, "");
        about(took, 500);
    });
}

#[test]
fn the_end_cuts_what_is_still_open() {
    paused(async {
        let mut scene = Scene::new(limits());
        scene.send(b"GET /never HTTP/1.1\r\nHost: h\r\n\r\n").await;
        sleep(Duration::from_millis(1)).await;
        scene.life.end();
        assert_eq!(scene.end().await.0, "");
        assert_eq!(scene.app.given_up.get(), Some(Cancel::Shutdown));
    });
}

#[test]
fn a_refused_client_may_finish_sending_before_the_connection_ends() {
    paused(async {
        let mut scene = Scene::new(limits());
        scene
            .send(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 99999999\r\n\r\n")
            .await;
        // Far more than the pipe holds: without somebody reading on, this would block for ever or fail.
        scene.send(&[b'x'; 100_000]).await;
        assert!(!scene.server.is_finished());
        let (said, _) = scene.end().await;
        assert!(said.starts_with("HTTP/1.1 413 "), "{said}");
        scene.server.await.expect("no panic");
        about(scene.start.elapsed(), 1_000);
    });
}

#[test]
fn nothing_ticks_without_connections() {
    paused(async {
        let mut scene = Scene::new(limits());
        scene.end().await;
        sleep(TICK * 2).await;
        let metrics = tokio::runtime::Handle::current().metrics();
        assert_eq!(
            (scene.life.connections(), metrics.num_alive_tasks()),
            (0, 0)
        );
    });
}
