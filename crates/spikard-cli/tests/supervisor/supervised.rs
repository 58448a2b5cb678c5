//! The command with real workers (`examples/worker.rs`), as tests start, hear and ask it. Tests nothing.

use crate::client::Client;
use crate::fake::{self, folder, spikard, within_limit};
use rustix::process::{Pid, Signal, kill_process};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus};
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};
use tempfile::TempDir;

pub(crate) const LIMIT: Duration = Duration::from_secs(20);

/// The command with workers that serve; its lines on standard error.
pub(crate) struct Supervised {
    pub(crate) child: Option<Child>,
    pub(crate) address: String,
    pub(crate) lines: Receiver<String>,
    pub(crate) folder: TempDir,
}

impl Supervised {
    pub(crate) fn start(workers: usize) -> Self {
        Self::with(workers, &[])
    }

    pub(crate) fn with(workers: usize, options: &[&str]) -> Self {
        Self::in_environment(workers, options, &[])
    }

    pub(crate) fn in_environment(
        workers: usize,
        options: &[&str],
        variables: &[(&str, &str)],
    ) -> Self {
        let worker = worker();
        let folder = folder(&format!("exec {}", worker.display()));
        let count = workers.to_string();
        let mut arguments = vec!["run", "--port", "0", "--pid-file", "app.pid"];
        arguments.extend(["--workers", &count]);
        arguments.extend(options);
        let mut command = spikard(&folder, &arguments);
        command.envs(variables.iter().copied());
        Self::announced(command, folder)
    }

    /// What `command` becomes, once it has said where it serves.
    pub(crate) fn announced(mut command: Command, folder: TempDir) -> Self {
        let mut child = command
            .env("GATE", folder.path().join("gate"))
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
        let address = address.split([',', ' ']).next();
        supervised.address = address.expect("an address").to_owned();
        supervised
    }

    /// The next line that contains `part`.
    pub(crate) fn line(&self, part: &str) -> String {
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

    pub(crate) fn send(&self, signal: Signal) {
        let child = self.child.as_ref().expect("it runs");
        kill_process(fake::pid(child), signal).expect("a signal");
    }

    /// One request of a connection of its own.
    pub(crate) fn pid(&self) -> Result<Pid, std::io::Error> {
        let mut client = Client::connect(&self.address)?;
        client.ask("/pid", "close")?;
        Ok(number(&client.answer()?))
    }

    /// The workers that answer; asks until there are `count`.
    pub(crate) fn pids(&self, count: usize) -> BTreeSet<i32> {
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

    /// An idle connection to each of these workers. A worker that drains closes its own once it has heard that it does.
    pub(crate) fn idle_at(&self, workers: &BTreeSet<i32>) -> Vec<Client> {
        let until = Instant::now() + LIMIT;
        let mut found = BTreeMap::new();
        while found.len() < workers.len() {
            assert!(Instant::now() < until, "{workers:?} wanted");
            let mut client = Client::connect(&self.address).expect("not refused");
            client.ask("/pid", "keep-alive").expect("sent");
            let pid = number(&client.answer().expect("an answer"));
            let pid = pid.as_raw_nonzero().get();
            assert!(workers.contains(&pid), "{pid} of {workers:?}");
            found.insert(pid, client);
        }
        found.into_values().collect()
    }

    /// A connection to `--control ./control`.
    pub(crate) fn at_the_door(&self) -> UnixStream {
        let stream = UnixStream::connect(self.folder.path().join("control")).expect("a door");
        stream.set_read_timeout(Some(LIMIT)).expect("a limit");
        stream
    }

    /// Everything that it is answered.
    pub(crate) fn visit(&self, request: &str) -> String {
        let mut stream = self.at_the_door();
        stream.write_all(request.as_bytes()).expect("sent");
        let mut said = String::new();
        stream.read_to_string(&mut said).expect("an answer");
        said
    }

    /// How many requests each of the workers has open.
    pub(crate) fn open_requests(&self) -> Vec<usize> {
        let workers = self.visit("GET /workers HTTP/1.0\r\n\r\n");
        let counts = workers.split("\"open_requests\":").skip(1);
        counts
            .filter_map(|rest| rest.split([',', '}']).next()?.parse().ok())
            .collect()
    }

    pub(crate) fn resident_kilobytes(&self) -> usize {
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

    /// Lets the requests that wait be answered.
    pub(crate) fn open_gate(&self) {
        std::fs::write(self.folder.path().join("gate"), "").expect("the gate opens");
    }

    pub(crate) fn end(mut self) -> ExitStatus {
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

/// The process has not ended, or its end has not been taken note of.
pub(crate) fn is_alive(pid: i32) -> bool {
    std::fs::exists(format!("/proc/{pid}")).unwrap_or(false)
}

/// Waits until the last of these workers has ended.
pub(crate) fn until_ended(workers: &BTreeSet<i32>) {
    let until = Instant::now() + LIMIT;
    while workers.iter().any(|&pid| is_alive(pid)) {
        assert!(Instant::now() < until, "{workers:?} did not all end");
        std::thread::yield_now();
    }
}

/// The program that serves.
pub(crate) fn worker() -> PathBuf {
    let worker = Path::new(env!("CARGO_BIN_EXE_spikard")).with_file_name("examples/worker");
    assert!(
        worker.exists(),
        "`cargo test -p spikard-cli` builds {}; with --test, build --example worker first",
        worker.display()
    );
    worker
}

pub(crate) fn number(body: &str) -> Pid {
    Pid::from_raw(body.parse().expect("a pid")).expect("a pid")
}
