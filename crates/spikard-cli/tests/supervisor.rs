//! `spikard run --workers` with real workers (`examples/worker.rs`) under load: what is lost when one is killed, reloaded
//! or ended. The machine's decisions are its own tests.
#![allow(clippy::panic, reason = "a failed test")]

mod fake;

use fake::{folder, output, program, spikard, within_limit};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::path::PathBuf;
use std::process::{Child, ExitStatus};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tempfile::TempDir;

const LIMIT: Duration = Duration::from_secs(20);

/// The command with workers that serve; its lines on standard error.
struct Supervised {
    child: Option<Child>,
    address: String,
    lines: Receiver<String>,
    folder: TempDir,
}

impl Supervised {
    fn start(workers: usize) -> Self {
        Self::with(workers, &[])
    }

    fn with(workers: usize, options: &[&str]) -> Self {
        Self::in_environment(workers, options, &[])
    }

    fn in_environment(workers: usize, options: &[&str], variables: &[(&str, &str)]) -> Self {
        let worker = PathBuf::from(env!("CARGO_BIN_EXE_spikard"))
            .with_file_name("examples")
            .join("worker");
        assert!(
            worker.exists(),
            "cargo test -p spikard-cli builds {}",
            worker.display()
        );
        let folder = folder(&format!("exec {}", worker.display()));
        let count = workers.to_string();
        let mut arguments = vec!["run", "--port", "0", "--pid-file", "app.pid"];
        arguments.extend(["--workers", &count]);
        arguments.extend(options);
        let mut command = spikard(&folder, &arguments);
        let mut child = command
            .env("GATE", folder.path().join("gate"))
            .envs(variables.iter().copied())
            .spawn()
            .expect("the command");
        let stderr = BufReader::new(child.stderr.take().expect("standard error"));
        let (sender, lines) = mpsc::channel();
        std::thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                let _ = sender.send(line);
            }
        });
        let mut supervised = Self {
            child: Some(child),
            address: String::new(),
            lines,
            folder,
        };
        let announced = supervised.line("spikard: http://");
        let address = announced.trim_start_matches("spikard: http://");
        supervised.address = address.split(',').next().expect("an address").to_owned();
        supervised
    }

    /// The next line that contains `part`.
    fn line(&self, part: &str) -> String {
        let until = Instant::now() + LIMIT;
        let mut seen = String::new();
        loop {
            match self
                .lines
                .recv_timeout(until.saturating_duration_since(Instant::now()))
            {
                Ok(line) if line.contains(part) => return line,
                Ok(line) => seen.push_str(&format!("{line}\n")),
                Err(error) => panic!("no line with {part:?} ({error}):\n{seen}"),
            }
        }
    }

    fn send(&self, signal: Signal) {
        let child = self.child.as_ref().expect("it runs");
        kill_process(fake::pid(child), signal).expect("a signal");
    }

    /// One request of a connection of its own.
    fn pid(&self) -> Result<Pid, std::io::Error> {
        let mut client = Client::connect(&self.address)?;
        client.ask("/pid", "close")?;
        Ok(number(&client.answer()?))
    }

    /// The workers that answer; asks until there are `count`.
    fn pids(&self, count: usize) -> BTreeSet<i32> {
        let until = Instant::now() + LIMIT;
        let mut found = BTreeSet::new();
        while found.len() < count {
            assert!(
                Instant::now() < until,
                "{count} workers wanted, {found:?} answer"
            );
            found.insert(self.pid().expect("an answer").as_raw_nonzero().get());
        }
        found
    }

    /// A connection to `--control ./control`.
    fn at_the_door(&self) -> UnixStream {
        let stream = UnixStream::connect(self.folder.path().join("control")).expect("a door");
        stream.set_read_timeout(Some(LIMIT)).expect("a limit");
        stream
    }

    /// Everything that it is answered.
    fn visit(&self, request: &str) -> String {
        let mut stream = self.at_the_door();
        stream.write_all(request.as_bytes()).expect("sent");
        let mut said = String::new();
        stream.read_to_string(&mut said).expect("an answer");
        said
    }

    fn resident_kilobytes(&self) -> usize {
        let id = self.child.as_ref().expect("it runs").id();
        let status = std::fs::read_to_string(format!("/proc/{id}/status")).expect("a status");
        let line = status
            .lines()
            .find(|line| line.starts_with("VmRSS:"))
            .expect("VmRSS");
        line.split_whitespace()
            .nth(1)
            .expect("a number")
            .parse()
            .expect("a number")
    }

    fn end(mut self) -> ExitStatus {
        within_limit(self.child.take().expect("it runs")).status
    }
}

impl Drop for Supervised {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            // Its workers too, and before it: a stopped one would not hear that it has gone.
            let id = child.id();
            let children = std::fs::read_to_string(format!("/proc/{id}/task/{id}/children"));
            for worker in children.unwrap_or_default().split_whitespace() {
                let _ = kill_process(number(worker), Signal::KILL);
            }
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn number(body: &str) -> Pid {
    Pid::from_raw(body.parse().expect("a pid")).expect("a pid")
}

/// A connection, and whether the server said that it closes it.
struct Client(BufReader<TcpStream>, bool);

impl Client {
    fn connect(address: &str) -> std::io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(LIMIT))?;
        Ok(Self(BufReader::new(stream), false))
    }

    fn ask(&mut self, path: &str, connection: &str) -> std::io::Result<()> {
        let request =
            format!("GET {path} HTTP/1.1\r\nhost: test\r\nconnection: {connection}\r\n\r\n");
        self.0.get_mut().write_all(request.as_bytes())
    }

    /// The body of a whole answer with status 200.
    fn answer(&mut self) -> std::io::Result<String> {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if self.0.read_line(&mut head)? == 0 {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
        }
        assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
        self.1 = head.contains("\r\nconnection: close\r\n");
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "));
        let mut body = vec![0; length.expect("a length").parse().expect("a number")];
        self.0.read_exact(&mut body)?;
        Ok(String::from_utf8(body).expect("text"))
    }
}

/// Clients that ask without pause until they are told to stop.
struct Load {
    stop: Arc<AtomicBool>,
    answered: Arc<AtomicUsize>,
    clients: Vec<JoinHandle<Vec<String>>>,
}

impl Load {
    /// Four clients with a connection per request, four that keep theirs.
    fn on(supervised: &Supervised) -> Self {
        let (stop, answered) = (Arc::<AtomicBool>::default(), Arc::<AtomicUsize>::default());
        let clients = (0..8).map(|client| {
            let (stop, answered) = (Arc::clone(&stop), Arc::clone(&answered));
            let address = supervised.address.clone();
            let work = if client < 4 { ask_anew } else { ask_on };
            std::thread::spawn(move || work(&address, &stop, &answered))
        });
        let clients = clients.collect();
        Self {
            stop,
            answered,
            clients,
        }
    }

    /// Waits until this many more requests were answered.
    fn go_on(&self, requests: usize) {
        let until = Instant::now() + LIMIT;
        let goal = self.answered.load(Ordering::Relaxed) + requests;
        while self.answered.load(Ordering::Relaxed) < goal {
            assert!(Instant::now() < until, "the load came to a halt");
            std::thread::yield_now();
        }
    }

    /// What failed, a list per client.
    fn failures(self) -> Vec<Vec<String>> {
        self.stop.store(true, Ordering::Relaxed);
        self.clients
            .into_iter()
            .map(|client| client.join().expect("a client"))
            .collect()
    }
}

/// A new connection for each request: neither may fail.
fn ask_anew(address: &str, stop: &AtomicBool, answered: &AtomicUsize) -> Vec<String> {
    let mut failures = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        let outcome = Client::connect(address)
            .map_err(|error| format!("connect: {error}"))
            .and_then(|mut client| {
                client
                    .ask("/pid", "close")
                    .and_then(|()| client.answer())
                    .map_err(|error| format!("request: {error}"))
            });
        match outcome {
            Ok(_) => _ = answered.fetch_add(1, Ordering::Relaxed),
            Err(failure) => failures.push(failure),
        }
    }
    failures
}

/// One connection until the server says in an answer that it closes it. Sends nothing again: anything else is a failure.
fn ask_on(address: &str, stop: &AtomicBool, answered: &AtomicUsize) -> Vec<String> {
    let mut failures = Vec::new();
    let mut kept: Option<Client> = None;
    while !stop.load(Ordering::Relaxed) {
        let connected = kept.take().map_or_else(|| Client::connect(address), Ok);
        let outcome = connected.and_then(|mut client| {
            client.ask("/pid", "keep-alive")?;
            client.answer().map(|_| client)
        });
        match outcome {
            Ok(client) => {
                answered.fetch_add(1, Ordering::Relaxed);
                kept = Some(client).filter(|client| !client.1);
            }
            Err(error) => failures.push(error.to_string()),
        }
    }
    failures
}

#[test]
fn a_killed_worker_is_back_and_its_queue_is_answered() {
    let supervised = Supervised::start(2);
    let pids = supervised.pids(2);
    let each = |signal| {
        for &pid in &pids {
            kill_process(Pid::from_raw(pid).expect("a pid"), signal).expect("a signal");
        }
    };
    // Stopped, they accept nothing: all of these wait in the sockets' queues.
    each(Signal::STOP);
    let mut clients: Vec<Client> = (0..100)
        .map(|_| Client::connect(&supervised.address).expect("not refused"))
        .collect();
    for client in &mut clients {
        client.ask("/pid", "close").expect("not reset");
    }
    let killed = Instant::now();
    each(Signal::KILL);
    let mut answering = BTreeSet::new();
    for client in &mut clients {
        let pid = client.answer().expect("an answer");
        answering.insert(number(&pid).as_raw_nonzero().get());
    }
    let back = killed.elapsed();
    assert!(back < Duration::from_secs(1), "{back:?}");
    assert!(
        answering.is_disjoint(&pids) && answering.len() == 2,
        "{pids:?} {answering:?}"
    );
    supervised.line("ended (signal: 9 (SIGKILL)): started again");
}

#[test]
fn killing_a_worker_under_load_costs_no_more_than_what_it_was_doing() {
    let supervised = Supervised::start(2);
    supervised.pids(2);
    let load = Load::on(&supervised);
    for _ in 0..3 {
        load.go_on(200);
        kill_process(supervised.pid().expect("a worker"), Signal::KILL).expect("a signal");
        supervised.line("ended (signal: 9 (SIGKILL))");
    }
    load.go_on(200);
    for failures in load.failures() {
        // A client does one thing at a time, so a kill can cut one request of it.
        assert!(failures.len() <= 3, "{failures:?}");
        assert!(
            !failures
                .iter()
                .any(|failure| failure.starts_with("connect")),
            "{failures:?}"
        );
    }
}

#[test]
fn a_reload_under_load_loses_nothing() {
    let supervised = Supervised::start(2);
    let before = supervised.pids(2);
    let load = Load::on(&supervised);
    load.go_on(500);
    supervised.send(Signal::HUP);
    supervised.line("reloaded: 2 workers");
    load.go_on(500);
    assert_eq!(load.failures(), vec![Vec::<String>::new(); 8]);
    let after = supervised.pids(2);
    assert!(before.is_disjoint(&after), "{before:?} {after:?}");
    let resident = supervised.resident_kilobytes();
    assert!(resident <= 12 * 1024, "{resident} kB");
}

#[test]
fn a_signal_loses_none_of_two_thousand_open_requests() {
    let supervised = Supervised::start(2);
    supervised.pids(2);
    let mut clients: Vec<Client> = (0..2_000)
        .map(|_| Client::connect(&supervised.address).expect("not refused"))
        .collect();
    for client in &mut clients {
        client.ask("/held", "keep-alive").expect("sent");
    }
    supervised.send(Signal::TERM);
    // Both have stopped to accept, and have everything before them that was sent.
    let until = Instant::now() + LIMIT;
    while TcpStream::connect(&supervised.address).is_ok() {
        assert!(Instant::now() < until, "new connections are still let in");
    }
    std::fs::write(supervised.folder.path().join("gate"), "").expect("the gate opens");
    for client in &mut clients {
        client.answer().expect("an answer");
    }
    let address = supervised.address.clone();
    assert_eq!(supervised.end().code(), Some(0));
    TcpStream::connect(address).expect_err("nobody listens");
}

#[test]
fn a_reload_loses_none_of_two_thousand_open_requests() {
    let supervised = Supervised::with(2, &["--control", "./control"]);
    let before = supervised.pids(2);
    let mut clients: Vec<Client> = (0..2_000)
        .map(|_| Client::connect(&supervised.address).expect("not refused"))
        .collect();
    for (number, client) in clients.iter_mut().enumerate() {
        // Every second one has been used before, as connections of a pool have.
        if number % 2 == 0 {
            client.ask("/pid", "keep-alive").expect("sent");
            client.answer().expect("an answer");
        }
        client.ask("/held", "keep-alive").expect("sent");
    }
    // One that still waits to be accepted may be the new worker's.
    let until = Instant::now() + LIMIT;
    loop {
        let workers = supervised.visit("GET /workers HTTP/1.0\r\n\r\n");
        let counts = workers.split("\"open_requests\":").skip(1);
        let open = counts.filter_map(|rest| rest.split([',', '}']).next()?.parse::<usize>().ok());
        if open.sum::<usize>() == clients.len() {
            break;
        }
        assert!(Instant::now() < until, "{workers}");
    }
    supervised.send(Signal::HUP);
    supervised.line("reloaded: 2 workers");
    // The old ones are busy: they take a moment to hear that they are to accept no more.
    let until = Instant::now() + LIMIT;
    let mut after = BTreeSet::new();
    while after.len() < 2 {
        assert!(Instant::now() < until, "{after:?}");
        let pid = supervised.pid().expect("an answer").as_raw_nonzero().get();
        after.extend(Some(pid).filter(|pid| !before.contains(pid)));
    }
    std::fs::write(supervised.folder.path().join("gate"), "").expect("the gate opens");
    for client in &mut clients {
        let pid = number(&client.answer().expect("an answer"));
        assert!(before.contains(&pid.as_raw_nonzero().get()) && client.1);
    }
}

#[test]
fn health_and_metrics_are_answered_while_every_worker_is_busy() {
    let options = ["--control", "./control", "--stuck-timeout", "0"];
    let supervised = Supervised::with(2, &options);
    let pids = supervised.pids(2);
    let mut clients = Vec::new();
    let busy = |workers: &str| workers.matches("\"open_requests\":1").count();
    let until = Instant::now() + LIMIT;
    while busy(&supervised.visit("GET /workers HTTP/1.0\r\n\r\n")) < 2 {
        assert!(
            Instant::now() < until,
            "{}",
            supervised.visit("GET /workers HTTP/1.0\r\n\r\n")
        );
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
        let open = format!("pid=\"{pid}\",state=\"serving\"}} 1\n");
        let line = metrics
            .split_inclusive('\n')
            .find(|line| line.starts_with("spikard_requests_open") && line.ends_with(&open));
        assert!(line.is_some(), "{open}{metrics}");
    }
    std::fs::write(supervised.folder.path().join("gate"), "").expect("the gate opens");
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
fn a_second_signal_ends_workers_that_are_not_done() {
    let supervised = Supervised::start(2);
    let mut client = Client::connect(&supervised.address).expect("a connection");
    client.ask("/held", "close").expect("sent");
    supervised.send(Signal::TERM);
    supervised.line("stopping");
    supervised.send(Signal::INT);
    assert_eq!(supervised.end().code(), Some(130));
}

#[test]
fn a_reload_to_an_app_that_fails_keeps_the_old_one() {
    let supervised = Supervised::start(2);
    let before = supervised.pids(2);
    program(
        &supervised.folder.path().join("bin/python"),
        "echo 'Traceback: SyntaxError' >&2; exit 1",
    );
    supervised.send(Signal::HUP);
    let error = supervised.line("Traceback");
    assert_eq!(error, "worker 1 | Traceback: SyntaxError");
    supervised.line("(exit status: 1): reload given up, the old workers serve on");
    assert_eq!(supervised.pids(2), before);
}

#[test]
fn workers_are_added_and_taken_away_under_load_without_loss() {
    let supervised = Supervised::start(1);
    let load = Load::on(&supervised);
    load.go_on(200);
    supervised.send(Signal::TTIN);
    let both = supervised.pids(2);
    supervised.send(Signal::TTOU);
    supervised.line("spikard: 1 worker");
    let alive = |pid: &&i32| std::fs::exists(format!("/proc/{pid}")).unwrap_or(false);
    while both.iter().filter(alive).count() > 1 {
        load.go_on(100);
    }
    load.go_on(200);
    assert_eq!(load.failures(), vec![Vec::<String>::new(); 8]);
}

#[test]
fn a_worker_that_holds_too_much_is_replaced_without_loss() {
    let supervised = Supervised::with(1, &["--max-memory", "1MB"]);
    let load = Load::on(&supervised);
    let first = supervised.pid().expect("an answer");
    supervised.line(" MB of memory: replaced");
    while supervised.pid().expect("an answer") == first {
        load.go_on(1);
    }
    load.go_on(200);
    assert_eq!(load.failures(), vec![Vec::<String>::new(); 8]);
}

#[test]
fn workers_are_replaced_after_so_many_requests_without_loss() {
    let supervised = Supervised::with(2, &["--max-requests", "300"]);
    let before = supervised.pids(2);
    let load = Load::on(&supervised);
    for _ in 0..4 {
        let said = supervised.line(" requests: replaced");
        let words: Vec<&str> = said.split(' ').collect();
        let answered: u64 = words[words.len() - 3].parse().expect("a number");
        assert!(answered >= 270, "{said}");
    }
    load.go_on(200);
    assert_eq!(load.failures(), vec![Vec::<String>::new(); 8]);
    assert!(before.is_disjoint(&supervised.pids(2)));
}

#[test]
fn a_worker_whose_loop_does_not_turn_is_replaced() {
    let supervised = Supervised::with(1, &["--stuck-timeout", "1s"]);
    let first = supervised.pid().expect("an answer");
    let mut client = Client::connect(&supervised.address).expect("a connection");
    client.ask("/blocked", "close").expect("sent");
    supervised.line("worker 1 has not turned its loop for 1 s, with 1 request open: replaced");
    assert_ne!(supervised.pid().expect("an answer"), first);
    // Had it come back in time, its request would be answered.
    std::fs::write(supervised.folder.path().join("gate"), "").expect("the gate opens");
    assert_eq!(number(&client.answer().expect("an answer")), first);
    supervised.send(Signal::TERM);
    assert_eq!(supervised.end().code(), Some(0));
}

#[test]
fn a_worker_that_never_comes_back_is_killed() {
    let options = ["--stuck-timeout", "1s", "--stop-timeout", "1s"];
    let supervised = Supervised::with(1, &options);
    let mut client = Client::connect(&supervised.address).expect("a connection");
    client.ask("/blocked", "close").expect("sent");
    supervised.line("with 1 request open: replaced");
    supervised.line("worker 1 did not end within 1s: its open requests are cut");
    client.answer().expect_err("the worker is gone");
    supervised.pid().expect("an answer of the next one");
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
fn nobody_waits_for_a_worker_that_is_not_there() {
    let supervised = Supervised::start(2);
    let first = supervised.pids(2);
    // The next one to start hangs before it serves.
    program(
        &supervised.folder.path().join("bin/python"),
        "echo hanging >&2; exec tail -f /dev/null",
    );
    let dead = *first.first().expect("a worker");
    kill_process(Pid::from_raw(dead).expect("a pid"), Signal::KILL).expect("a signal");
    supervised.line("hanging");
    for _ in 0..50 {
        let pid = supervised.pid().expect("an answer").as_raw_nonzero().get();
        assert!(first.contains(&pid) && pid != dead, "{pid}");
    }
}

#[test]
fn workers_end_with_their_supervisor() {
    let mut supervised = Supervised::start(2);
    let pids = supervised.pids(2);
    supervised
        .child
        .take()
        .expect("it runs")
        .kill()
        .expect("killed");
    let until = Instant::now() + LIMIT;
    while TcpStream::connect(&supervised.address).is_ok() {
        assert!(Instant::now() < until, "{pids:?} serve on");
        std::thread::yield_now();
    }
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

#[test]
fn an_app_that_never_starts_is_told_once_by_its_own_error() {
    let folder = folder("echo 'Traceback: no module named shop' >&2; exit 3");
    let started = Instant::now();
    let (code, _, stderr) = output(&mut spikard(
        &folder,
        &["run", "--port", "0", "--workers", "4"],
    ));
    assert_eq!(
        (code, stderr.as_str()),
        (
            1,
            "worker 1 | Traceback: no module named shop\nspikard: the app did not start (exit status: 3)\n"
        )
    );
    assert!(
        started.elapsed() < Duration::from_secs(2),
        "{:?}",
        started.elapsed()
    );
}

#[test]
fn a_second_supervisor_on_the_port_is_refused() {
    let supervised = Supervised::start(2);
    let port = supervised.address.rsplit(':').next().expect("a port");
    let folder = folder("exit 9");
    let (code, _, stderr) = output(&mut spikard(
        &folder,
        &["run", "--port", port, "--workers", "2"],
    ));
    assert_eq!(code, 1);
    assert!(
        stderr.contains("is in use by `") && stderr.contains("choose another port"),
        "{stderr}"
    );
}

#[test]
fn wrong_numbers_are_usage_errors() {
    for number in ["0", "-1", "many", "99999"] {
        let argument = format!("--workers={number}");
        let (code, _, stderr) = output(&mut spikard(&folder("exit 9"), &["run", &argument]));
        assert_eq!(code, 2, "{stderr}");
        assert!(stderr.contains("from 1 to 1024"), "{stderr}");
    }
    for option in ["--max-lifetime=0s", "--max-memory=1", "--stop-timeout=soon"] {
        let (code, _, stderr) = output(&mut spikard(&folder("exit 9"), &["run", option]));
        assert_eq!(code, 2, "{stderr}");
    }
}
