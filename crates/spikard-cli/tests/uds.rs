//! `spikard run --uds`, with real workers behind one path.
#![allow(clippy::panic, reason = "a failed test")]

mod fake;

use fake::{folder, output, pid, spikard, within_limit};
use rustix::process::{Signal, kill_process};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::Child;
use std::time::{Duration, Instant};
use tempfile::TempDir;

const LIMIT: Duration = Duration::from_secs(20);

fn with_worker() -> TempDir {
    let worker = PathBuf::from(env!("CARGO_BIN_EXE_spikard")).with_file_name("examples/worker");
    folder(&format!("exec {}", worker.display()))
}

fn ask(path: &Path) -> std::io::Result<String> {
    let mut stream = UnixStream::connect(path)?;
    stream.set_read_timeout(Some(LIMIT))?;
    stream.write_all(b"GET /pid HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

/// Starts it, and waits until somebody answers.
fn started(folder: &TempDir, arguments: &[&str]) -> Child {
    let all = [&["run", "--uds", "app.sock"], arguments].concat();
    let child = spikard(folder, &all).spawn().expect("the command");
    let until = Instant::now() + LIMIT;
    while !ask(&folder.path().join("app.sock")).is_ok_and(|answer| answer.contains(" 200 OK")) {
        assert!(Instant::now() < until, "nobody answers");
        std::thread::yield_now();
    }
    child
}

#[test]
fn a_path_is_served_and_removed_at_the_end() {
    for workers in [&[][..], &["--workers", "2"]] {
        let folder = with_worker();
        let path = folder.path().join("app.sock");
        // What a killed server left.
        drop(UnixListener::bind(&path).expect("a free path"));
        let child = started(&folder, &[workers, &["--uds-mode", "0600"]].concat());
        let mode = std::fs::metadata(&path)
            .expect("a file")
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
        let (code, _, said) = output(&mut spikard(&folder, &["run", "--uds", "app.sock"]));
        assert_eq!(code, 1, "{said}");
        assert!(
            said.contains("app.sock is in use") && said.contains("--uds"),
            "{said}"
        );
        // A new generation of workers serves the same file.
        if !workers.is_empty() {
            kill_process(pid(&child), Signal::HUP).expect("a signal");
        }
        assert!(ask(&path).expect("an answer").contains(" 200 OK"));
        kill_process(pid(&child), Signal::TERM).expect("a signal");
        let ended = within_limit(child);
        let said = String::from_utf8_lossy(&ended.stderr).into_owned();
        assert!(ended.status.success(), "{said}");
        // A supervisor says it once all serve, which a reload may come before.
        assert!(
            !workers.is_empty() || said.contains("spikard: unix:app.sock"),
            "{said}"
        );
        assert!(!path.exists(), "{workers:?}");
    }
}

#[test]
fn the_file_beside_the_app_may_name_the_path() {
    let folder = with_worker();
    std::fs::write(folder.path().join("spikard.toml"), "uds = \"app.sock\"\n").expect("written");
    std::fs::write(folder.path().join("app.sock"), "a file").expect("written");
    let (code, _, said) = output(&mut spikard(&folder, &["run"]));
    assert_eq!(code, 1, "{said}");
    assert!(
        said.contains("app.sock is there and is no socket"),
        "{said}"
    );
    let (code, _, said) = output(&mut spikard(&folder, &["run", "--uds-mode", "rw"]));
    assert_eq!(code, 2, "{said}");
    assert!(said.contains("octal digits"), "{said}");
}
