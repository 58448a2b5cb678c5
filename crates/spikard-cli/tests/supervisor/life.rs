//! How a supervisor starts, is refused, and ends.

use crate::client::Client;
use crate::fake::{folder, output, program, spikard};
use crate::supervised::{LIMIT, Supervised, worker};
use rustix::process::Signal;
use std::io::{BufRead as _, BufReader};
use std::net::{TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

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
fn a_program_that_ends_without_serving_is_told_what_is_missing() {
    let options = ["run", "--port", "0", "--workers", "2", "--", "true"];
    let (code, _, stderr) = output(&mut spikard(&folder("exit 9"), &options));
    let expected = "spikard: the app did not start (exit status: 0); a program must end with its app's run()\n";
    assert_eq!((code, stderr.as_str()), (1, expected));
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

/// A program that asks for workers by itself: in its code, or in its environment; `path` is where it finds the command.
fn native(workers: (&str, &str), path: &Path) -> Command {
    let mut command = Command::new(worker());
    command
        .args(["--stock", "7"])
        .env("PATH", path)
        .env("SPIKARD_PORT", "0")
        .env(workers.0, workers.1)
        .stderr(Stdio::piped());
    command
}

#[test]
fn a_rust_program_with_workers_becomes_their_supervisor() {
    let bin = Path::new(env!("CARGO_BIN_EXE_spikard"))
        .parent()
        .expect("a folder");
    for workers in [("WORKERS_IN_CODE", "2"), ("SPIKARD_WORKERS", "2")] {
        let supervised = Supervised::announced(native(workers, bin), folder("exit 9"));
        let id = supervised.child.as_ref().expect("it runs").id();
        let pids = supervised.pids(2);
        assert!(!pids.contains(&i32::try_from(id).expect("a pid")));
        let words = |id: &dyn std::fmt::Display| {
            std::fs::read_to_string(format!("/proc/{id}/cmdline"))
                .expect("a command line")
                .replace('\0', " ")
        };
        for pid in &pids {
            assert!(words(pid).ends_with("worker --stock 7 "), "{}", words(pid));
        }
        assert!(
            words(&id).starts_with("spikard run --workers 2 -- "),
            "{}",
            words(&id)
        );
        supervised.send(Signal::TERM);
        assert_eq!(supervised.end().code(), Some(0));
    }
}

#[test]
fn a_rust_program_without_the_command_says_what_to_install() {
    let nothing = tempfile::tempdir().expect("a folder");
    let mut command = native(("WORKERS_IN_CODE", "2"), nothing.path());
    let (code, _, stderr) = output(command.stdout(Stdio::piped()));
    assert_eq!(code, 1);
    assert!(stderr.contains("cargo install spikard-cli"), "{stderr}");
}

#[test]
fn a_socket_of_the_service_manager_is_served() {
    // As systemd hands it over (sd_listen_fds(3)).
    let hand_over = "exec 3<&0 </dev/null; LISTEN_FDS=1 LISTEN_PID=$$ exec \"$@\"";
    for options in [&["run"][..], &["run", "--workers", "2"]] {
        let socket = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = socket.local_addr().expect("an address").to_string();
        let folder = folder(&format!("exec {}", worker().display()));
        let mut command = Command::new("sh");
        command
            .args(["-c", hand_over, "sh", env!("CARGO_BIN_EXE_spikard")])
            .args(options)
            .current_dir(folder.path())
            .env("VIRTUAL_ENV", folder.path())
            .stdin(OwnedFd::from(socket.try_clone().expect("a copy")))
            .stderr(Stdio::piped());
        let supervised = Supervised::announced(command, folder);
        assert_eq!(supervised.address, address);
        supervised.pids(options.len().saturating_sub(1).max(1));
        supervised.send(Signal::TERM);
        assert_eq!(supervised.end().code(), Some(0));
        // It is the manager's, who starts the service again when somebody comes.
        TcpStream::connect(&address).expect("not refused");
    }
}

#[test]
fn a_rust_program_obeys_the_file_in_its_folder() {
    let place = tempfile::tempdir().expect("a folder");
    let write = |text: &str| {
        std::fs::write(place.path().join("spikard.toml"), text).expect("a file");
    };
    let program = || {
        let mut command = Command::new(worker());
        command.current_dir(place.path()).stderr(Stdio::piped());
        command
    };
    write("port = 0\ndocs_path = \"/papers\"\n");
    let mut child = program().spawn().expect("it runs");
    let stderr = BufReader::new(child.stderr.take().expect("standard error"));
    let mut lines = stderr.lines().map_while(Result::ok);
    let said = lines.find(|line| line.starts_with("serving "));
    child.kill().and_then(|()| child.wait()).expect("ended");
    let said = said.expect("it serves");
    assert!(
        said.ends_with("/papers") && !said.contains(":8000"),
        "{said}"
    );

    write("body_limt = 1\n");
    let (code, _, stderr) = output(program().stdout(Stdio::piped()));
    let mistake = "spikard.toml:1: unknown setting \"body_limt\"; did you mean \"body_limit\"?";
    assert!(code == 1 && stderr.contains(mistake), "{stderr}");

    write("port = 0\nworkers = 2\n");
    let mut command = program();
    let bin = Path::new(env!("CARGO_BIN_EXE_spikard")).parent();
    command.env("PATH", bin.expect("a folder"));
    let supervised = Supervised::announced(command, folder("exit 9"));
    supervised.pids(2);
    assert!(!supervised.address.ends_with(":8000"));
}
