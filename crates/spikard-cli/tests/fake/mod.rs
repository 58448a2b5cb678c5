//! The binary with a fake interpreter: a shell script in a folder of its own, found through `VIRTUAL_ENV`.
#![allow(dead_code, reason = "each test file uses its part")]
#![allow(clippy::panic, reason = "a hang is a failed test")]

use rustix::process::{Pid, Signal};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc;
use std::time::Duration;
use tempfile::TempDir;

/// Longer than any of these tests takes; a hang ends there.
const LIMIT: Duration = Duration::from_secs(20);

/// Says that it serves; `/proc` because a shell's `>&` takes one digit.
pub(crate) const READY: &str = "echo \"$SPIKARD_READY_LINE\" > /proc/$$/fd/$SPIKARD_READY_FD";

/// A folder with an empty `app.py` and an interpreter that runs `script`.
pub(crate) fn folder(script: &str) -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("app.py"), "").expect("an app");
    std::fs::create_dir(folder.path().join("bin")).expect("a folder");
    program(&folder.path().join("bin/python"), script);
    folder
}

/// An executable shell script.
pub(crate) fn program(path: &Path, script: &str) {
    std::fs::write(path, format!("#!/bin/sh\n{script}\n")).expect("a program");
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).expect("permissions");
}

pub(crate) fn spikard(folder: &TempDir, arguments: &[&str]) -> Command {
    // A shell that starts the tests in the background lets them ignore SIGINT, which a script could not undo.
    let mut command = Command::new("/usr/bin/env");
    command
        .args(["--default-signal=INT", env!("CARGO_BIN_EXE_spikard")])
        .args(arguments)
        .current_dir(folder.path())
        .env("VIRTUAL_ENV", folder.path());
    for name in [
        "SPIKARD_FD",
        "SPIKARD_HOST",
        "SPIKARD_PORT",
        "SPIKARD_CONFIG",
        "SPIKARD_DEBUG",
        "SPIKARD_EMIT",
        "SPIKARD_READY_FD",
        "SPIKARD_READY_LINE",
        "SPIKARD_UDS",
        "SPIKARD_WORKERS",
    ] {
        command.env_remove(name);
    }
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    // Its own group: no terminal's Ctrl-C reaches the worker except through the command.
    command.process_group(0);
    command
}

pub(crate) fn output(command: &mut Command) -> (i32, String, String) {
    let child = command.spawn().expect("the command");
    let Output {
        status,
        stdout,
        stderr,
    } = within_limit(child);
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    (
        status.code().expect("an exit code"),
        text(stdout),
        text(stderr),
    )
}

pub(crate) fn within_limit(child: Child) -> Output {
    let pid = pid(&child);
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || sender.send(child.wait_with_output()));
    match receiver.recv_timeout(LIMIT) {
        Ok(output) => output.expect("output"),
        Err(_) => {
            let _ = rustix::process::kill_process_group(pid, Signal::KILL);
            panic!("the command did not end within {LIMIT:?}");
        }
    }
}

pub(crate) fn pid(child: &Child) -> Pid {
    Pid::from_raw(i32::try_from(child.id()).expect("a pid")).expect("a pid")
}
