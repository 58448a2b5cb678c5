//! What the supervisor answers and prints for programs.

use crate::client::Client;
use crate::fake::{self, folder, output, spikard, within_limit};
use crate::supervised::{LIMIT, Supervised};
use rustix::process::{Signal, kill_process};
use serde_json::{Value, json};
use std::io::Write as _;
use std::os::unix::net::UnixDatagram;
use std::time::{Duration, Instant};

#[test]
fn health_and_metrics_are_answered_while_every_worker_is_busy() {
    let options = ["--control", "./control", "--stuck-timeout", "0"];
    let supervised = Supervised::with(2, &options);
    let pids = supervised.pids(2);
    let mut clients = Vec::new();
    let until = Instant::now() + LIMIT;
    while supervised.open_requests().contains(&0) {
        assert!(Instant::now() < until, "{:?}", supervised.open_requests());
        let mut client = Client::connect(&supervised.address).expect("not refused");
        client.ask("/blocked", "close").expect("sent");
        clients.push(client);
    }
    let asked = Instant::now();
    for path in ["/health/live", "/health/ready"] {
        let said = supervised.visit(&format!("GET {path} HTTP/1.1\r\nhost: a\r\n\r\n"));
        assert!(said.starts_with("HTTP/1.1 200 "), "{said}");
    }
    let metrics = supervised.visit("GET /metrics HTTP/1.1\r\nhost: a\r\n\r\n");
    assert!(
        asked.elapsed() < Duration::from_secs(1),
        "{:?}",
        asked.elapsed()
    );
    for pid in &pids {
        let open = format!("pid=\"{pid}\",state=\"serving\"}} ");
        let mut lines = metrics
            .lines()
            .filter(|line| line.starts_with("spikard_requests_open"));
        let count = lines.find_map(|line| line.split_once(&open)?.1.parse::<usize>().ok());
        assert!(count.is_some_and(|count| count > 0), "{open}{metrics}");
    }
    supervised.open_gate();
    for client in &mut clients {
        client.answer().expect("an answer");
    }
}

#[test]
fn bad_visitors_do_not_harm_supervision_and_counters_outlive_workers() {
    let supervised = Supervised::with(1, &["--control", "./control", "--max-lifetime", "1h"]);
    let first = supervised.pid().expect("an answer");
    // Waits in the door, with half a request.
    let mut slow = supervised.at_the_door();
    slow.write_all(b"GET /metrics HTTP/1.1\r\nho")
        .expect("sent");
    let long = format!("GET / HTTP/1.1\r\nx: {}", "x".repeat(100_000));
    for (request, status) in [
        ("\u{16}\u{3}\u{1}\u{2}", 400),
        (
            "POST /workers HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\n{}",
            405,
        ),
        ("GET /elsewhere HTTP/1.1\r\nhost: a\r\n\r\n", 404),
        (&long, 431),
    ] {
        let said = supervised.visit(request);
        assert!(said.starts_with(&format!("HTTP/1.1 {status} ")), "{said}");
        assert!(said.contains("application/problem+json"), "{said}");
    }
    drop(
        (0..200)
            .map(|_| supervised.at_the_door())
            .collect::<Vec<_>>(),
    );
    kill_process(first, Signal::KILL).expect("a signal");
    supervised.line("(signal: 9 (SIGKILL)): started again");
    let until = Instant::now() + LIMIT;
    supervised.pid().expect("an answer");
    let wanted = [
        "spikard_worker_restarts_total{worker=\"1\"} 1\n",
        "spikard_responses_total{worker=\"1\",class=\"2xx\"} 2\n",
    ];
    loop {
        let metrics = supervised.visit("GET /metrics HTTP/1.1\r\nhost: a\r\n\r\n");
        if wanted.iter().all(|line| metrics.contains(line)) {
            // Each took far less than a millisecond.
            let sum = metrics.split("spikard_request_duration_seconds_sum{worker=\"1\"} ");
            let sum = sum.last().and_then(|rest| rest.lines().next());
            assert!(
                sum.is_some_and(|sum| sum.parse::<f64>().expect("a number") > 0.0),
                "{metrics}"
            );
            break;
        }
        assert!(Instant::now() < until, "{metrics}");
    }
    let resident = supervised.resident_kilobytes();
    assert!(resident <= 12 * 1024, "{resident} kB");
}

#[test]
fn lines_are_objects_where_programs_read_them() {
    let folder = folder(
        r#"echo hello; echo '{"time":1.5,"event":"request","status":200}'; echo 'no app' >&2; exit 3"#,
    );
    let options = [
        "run",
        "--port",
        "0",
        "--workers",
        "2",
        "--log-format",
        "json",
    ];
    let (code, stdout, stderr) = output(&mut spikard(&folder, &options));
    assert_eq!(code, 1);
    let objects = |text: &str| -> Vec<Value> {
        let lines = text.lines();
        lines
            .map(|line| serde_json::from_str(line).expect(line))
            .collect()
    };
    let (out, err) = (objects(&stdout), objects(&stderr));
    assert_eq!((out.len(), err.len()), (2, 2), "{stdout}{stderr}");
    assert_eq!(
        (&out[0]["line"], &out[0]["worker"]),
        (&json!("hello"), &json!(1))
    );
    assert_eq!(out[0]["stream"], "stdout");
    assert!(
        out[0]["pid"].is_u64() && out[0]["time"].is_f64(),
        "{stdout}"
    );
    assert_eq!(
        (&out[1]["time"], &out[1]["status"]),
        (&json!(1.5), &json!(200))
    );
    assert_eq!(
        (&err[0]["line"], &err[0]["stream"]),
        (&json!("no app"), &json!("stderr"))
    );
    let own = "the app did not start (exit status: 3)";
    assert_eq!(
        (&err[1]["line"], &err[1]["stream"]),
        (&json!(own), &json!("supervisor"))
    );
}

#[test]
fn a_service_manager_is_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("notify");
    let manager = UnixDatagram::bind(&path).expect("a socket");
    manager.set_read_timeout(Some(LIMIT)).expect("a limit");
    let next = |beginning: &str| {
        let mut message = [0; 256];
        loop {
            let length = manager.recv(&mut message).expect("a message");
            let text = String::from_utf8_lossy(&message[..length]);
            if text.starts_with(beginning) {
                return text.into_owned();
            }
            assert_eq!(text, "WATCHDOG=1", "{beginning} wanted");
        }
    };
    let path = path.to_str().expect("text");
    let variables = [("NOTIFY_SOCKET", path), ("WATCHDOG_USEC", "100000")];
    let supervised = Supervised::in_environment(1, &[], &variables);
    next("READY=1");
    next("WATCHDOG=1");
    let worker = supervised.pid().expect("an answer").as_raw_nonzero();
    let environment = std::fs::read(format!("/proc/{worker}/environ")).expect("an environment");
    assert!(!String::from_utf8_lossy(&environment).contains("NOTIFY_SOCKET"));
    supervised.send(Signal::HUP);
    assert!(next("RELOADING=1").contains("\nMONOTONIC_USEC="));
    next("READY=1");
    supervised.send(Signal::TERM);
    next("STOPPING=1");
}

#[test]
fn the_pid_file_lives_as_long_as_its_supervisor() {
    let mut supervised = Supervised::start(1);
    let child = supervised.child.take().expect("it runs");
    let file = supervised.folder.path().join("app.pid");
    let text = std::fs::read_to_string(&file).expect("a pid file");
    assert_eq!(text, format!("{}\n", child.id()));
    kill_process(fake::pid(&child), Signal::TERM).expect("a signal");
    assert_eq!(within_limit(child).status.code(), Some(0));
    assert!(!file.exists());
}
