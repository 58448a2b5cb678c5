//! `spikard run` and the command line, with a fake interpreter.
#![allow(clippy::panic, reason = "a failed test")]

mod fake;

use fake::{READY, folder, output, pid, program, spikard, within_limit};
use rustix::process::{Signal, kill_process};
use std::io::{BufRead as _, BufReader, Read as _};
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, ChildStderr, Command};
use tempfile::TempDir;

/// Starts `run --port 0` and waits for its address.
fn serving(folder: &TempDir) -> (Child, String, BufReader<ChildStderr>) {
    let mut child = spikard(folder, &["run", "--port", "0"])
        .spawn()
        .expect("the command");
    let mut stderr = BufReader::new(child.stderr.take().expect("standard error"));
    let mut line = String::new();
    stderr.read_line(&mut line).expect("a line");
    let Some(address) = line
        .strip_prefix("spikard: http://")
        .and_then(|rest| rest.split(' ').next())
    else {
        let _ = child.kill();
        panic!("no address: {line}");
    };
    (child, address.to_owned(), stderr)
}

#[test]
fn help_teaches_by_examples_and_a_wrong_flag_is_a_usage_error() {
    let folder = folder("exit 1");
    let (code, stdout, _) = output(&mut spikard(&folder, &["--help"]));
    assert_eq!(code, 0);
    assert!(
        stdout.contains("spikard run app.py --port 9000") && !stdout.contains("tables"),
        "{stdout}"
    );
    let (code, stdout, _) = output(&mut spikard(&folder, &["--version"]));
    assert_eq!(
        (code, stdout),
        (0, format!("spikard {}\n", env!("CARGO_PKG_VERSION")))
    );
    let (code, _, stderr) = output(&mut spikard(&folder, &["run", "--prot", "1"]));
    assert_eq!(code, 2);
    assert!(stderr.contains("--port"), "{stderr}");
}

/// What people type is answered with what they can type.
#[test]
fn a_wrong_value_is_answered_with_a_right_one() {
    let folder = folder("exit 9");
    for (arguments, part) in [
        (&["run", "--port", "http"][..], "a number from 0 to 65535"),
        (&["run", "--port", "-1"], "a number from 0 to 65535"),
        (&["run", "--fd", "-3"], "the number of an inherited socket"),
        (
            &["run", "--workers", "-1"],
            "--workers 4, or --workers auto",
        ),
        (&["run", "--workers", "0"], "--workers 4, or --workers auto"),
        (&["run", "--max-requests", "0"], "a whole number: 100000"),
        (&["run", "--max-lifetime", "5"], "1h30m"),
        (&["run", "--max-memory", "512"], "512MB"),
        (&["run", "--set", "x=1"], "`spikard config` lists them"),
        (
            &["run", "--set", "port=9"],
            "is no option of an app; write --port",
        ),
        (&["new", "shop"], "--lang <python|typescript|ruby|php|rust>"),
        (
            &["new", "shop", "--lang", "go"],
            "python, typescript, ruby, php, rust",
        ),
    ] {
        let (code, stdout, stderr) = output(&mut spikard(&folder, arguments));
        assert_eq!((code, stdout.as_str()), (2, ""), "{arguments:?}: {stderr}");
        assert!(stderr.contains(part), "{arguments:?}: {stderr}");
    }
    let (code, _, stderr) = output(&mut spikard(&folder, &["run", "--", "no-such-program"]));
    assert_eq!(code, 1);
    assert!(stderr.contains("spikard run -- ./shop"), "{stderr}");
    let (code, stdout, _) = output(&mut spikard(&folder, &["help", "run"]));
    assert!(code == 0 && stdout.contains("--uds-mode"), "{stdout}");
}

#[test]
fn the_command_becomes_the_worker_that_has_the_socket() {
    let script = format!("test -S /proc/$$/fd/$SPIKARD_FD || exit 3\n{READY}\necho $$ $@\nexit 42");
    let folder = folder(&script);
    let child = spikard(&folder, &["run", "app.py:api", "--port", "0"])
        .spawn()
        .expect("the command");
    let id = child.id();
    let output = within_limit(child);
    assert_eq!(
        (
            output.status.code(),
            String::from_utf8_lossy(&output.stdout).as_ref()
        ),
        (
            Some(42),
            format!("{id} -m spikard._worker app.py:api\n").as_str()
        ),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

#[test]
fn a_signal_reaches_the_worker_and_the_port_is_free_afterwards() {
    for (signal, trapped) in [(Signal::TERM, "TERM"), (Signal::INT, "INT")] {
        // In the background a shell lets its children ignore SIGINT, so the one that waits is not the shell's.
        let script = format!(
            "tail -f /dev/null & tail=$!\ntrap 'kill $tail; echo drained; exit 7' {trapped}\n{READY}\nwait $tail"
        );
        let folder = folder(&script);
        let (child, address, mut stderr) = serving(&folder);
        TcpStream::connect(&address).expect("the socket is open while the worker lives");
        kill_process(pid(&child), signal).expect("a signal");
        let output = within_limit(child);
        let mut rest = String::new();
        stderr.read_to_string(&mut rest).expect("standard error");
        assert_eq!(
            (output.status.code(), output.stdout.as_slice()),
            (Some(7), b"drained\n".as_slice()),
            "{rest}"
        );
        TcpStream::connect(&address).expect_err("the socket is closed");
    }
}

#[test]
fn a_busy_port_names_who_has_it_and_the_flag() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("an address").port();
    let (code, _, stderr) = output(&mut spikard(
        &folder("exit 9"),
        &["run", "--port", &port.to_string()],
    ));
    let holder = format!("error: 127.0.0.1:{port} is in use by `");
    assert!(code == 1 && stderr.starts_with(&holder), "{code} {stderr}");
    assert!(
        stderr.contains(&format!("(pid {})", std::process::id())),
        "{stderr}"
    );
    assert!(
        stderr.contains("choose another port: spikard run app.py --port "),
        "{stderr}"
    );
}

/// What another user's process is, `/proc` does not tell; whose it is, it does.
#[test]
fn a_port_that_another_user_has_names_the_user() {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("an address").port().to_string();
    let folder = folder("exit 9");
    let open = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(folder.path(), open).expect("a folder for all");
    let mut command = spikard(&folder, &["run", "--port", &port, "--", "true"]);
    let (code, _, stderr) = output(command.uid(65534).gid(65534));
    assert_eq!(code, 1);
    let whose = format!("error: 127.0.0.1:{port} is in use by a process of the user root\n");
    assert!(stderr.starts_with(&whose), "{stderr}");
    assert!(stderr.contains(" or --port "), "{stderr}");
    let (_, _, stderr) = output(spikard(&folder, &["run", "--port", "1", "--", "true"]).uid(65534));
    assert!(stderr.contains("low ports are for root"), "{stderr}");
}

#[test]
fn an_address_that_cannot_be_had_is_explained() {
    let folder = folder("exit 9");
    let long = "x".repeat(108);
    for (arguments, part) in [
        (["--host", "192.0.2.1"], "no address of this machine"),
        (["--uds", "no/folder/app.sock"], "make its folder first"),
        (["--uds", &long], "at most 107 bytes"),
    ] {
        let (code, _, stderr) = output(spikard(&folder, &["run"]).args(arguments));
        assert_eq!(code, 1, "{stderr}");
        assert!(stderr.contains(part), "{stderr}");
    }
}

#[test]
fn a_package_that_is_not_installed_is_named() {
    let folder = folder("exit 9");
    std::fs::write(folder.path().join("app.mjs"), "").expect("an app");
    std::fs::write(folder.path().join("app.rb"), "").expect("an app");
    for verb in ["run", "dev", "routes"] {
        let (code, _, stderr) = output(&mut spikard(&folder, &[verb, "app.mjs"]));
        let expected = "error: the npm package spikard is not installed for app.mjs\n";
        assert!(code == 1 && stderr.starts_with(expected), "{stderr}");
    }
    if Command::new("ruby").arg("--version").output().is_ok() {
        let mut command = spikard(&folder, &["run", "app.rb", "--port", "0"]);
        command
            .env("GEM_HOME", folder.path())
            .env("GEM_PATH", folder.path());
        let (code, _, stderr) = output(command.env_remove("RUBYLIB").env_remove("RUBYOPT"));
        assert_eq!(code, 1, "{stderr}");
        let lines: Vec<&str> = stderr.lines().collect();
        assert!(
            lines.len() == 1 && lines[0].contains("install the gem"),
            "{stderr}"
        );
    }
}

#[test]
fn a_failing_import_is_shown_as_it_is() {
    let folder = folder("echo 'Traceback: no module named shop' >&2; exit 1");
    let (code, _, stderr) = output(&mut spikard(&folder, &["run", "--port", "0"]));
    assert_eq!(
        (code, stderr.as_str()),
        (1, "Traceback: no module named shop\n")
    );
    for verb in ["routes", "openapi", "check"] {
        let (code, stdout, stderr) = output(&mut spikard(&folder, &[verb]));
        assert_eq!((code, stdout.as_str()), (1, ""));
        assert_eq!(
            stderr,
            "Traceback: no module named shop\nerror: app.py was not loaded (exit status: 1)\n"
        );
    }
}

#[test]
fn a_missing_interpreter_is_named() {
    let folder = folder("");
    let mut command = spikard(&folder, &["run", "--port", "0"]);
    let (code, _, stderr) = output(command.env_remove("VIRTUAL_ENV").env("PATH", folder.path()));
    assert!(
        code == 1 && stderr.starts_with("error: cannot start python3: "),
        "{code} {stderr}"
    );
    assert!(stderr.contains("activate the environment"), "{stderr}");
}

#[test]
fn several_apps_are_listed_and_not_chosen_from() {
    let folder = folder("exit 1");
    std::fs::write(folder.path().join("main.py"), "").expect("a file");
    let (code, _, stderr) = output(&mut spikard(&folder, &["run"]));
    assert_eq!(code, 2);
    assert!(
        stderr.starts_with("error: several apps are here: app.py, main.py\n"),
        "{stderr}"
    );
}

#[test]
fn a_cargo_project_is_run_by_cargo_with_the_same_environment() {
    let folder = folder("exit 9");
    std::fs::remove_file(folder.path().join("app.py")).expect("no app.py");
    std::fs::write(folder.path().join("Cargo.toml"), "").expect("a manifest");
    program(
        &folder.path().join("bin/cargo"),
        &format!("test -S /proc/$$/fd/$SPIKARD_FD || exit 3\n{READY}\necho $@"),
    );
    let path = format!("{}:/usr/bin:/bin", folder.path().join("bin").display());
    let (code, stdout, stderr) =
        output(spikard(&folder, &["run", "--port", "0"]).env("PATH", path));
    assert_eq!(
        (code, stdout.as_str()),
        (0, "run --quiet --manifest-path Cargo.toml\n"),
        "{stderr}"
    );
}

#[test]
fn an_inherited_socket_is_passed_on() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    rustix::io::fcntl_setfd(&listener, rustix::io::FdFlags::empty()).expect("inheritable");
    let fd = listener.as_raw_fd().to_string();
    let folder = folder(&format!(
        "test -S /proc/$$/fd/$SPIKARD_FD || exit 3\n{READY}\nexit 5"
    ));
    let (code, _, stderr) = output(&mut spikard(&folder, &["run", "--fd", &fd]));
    assert_eq!(code, 5, "{stderr}");
    let (code, _, stderr) = output(&mut spikard(&folder, &["run", "--fd", "999"]));
    assert_eq!(code, 1);
    assert!(
        stderr.starts_with("error: descriptor 999 is not a listening socket of this process\n"),
        "{stderr}"
    );
    let (code, _, _) = output(&mut spikard(&folder, &["run", "--fd", &fd, "--port", "1"]));
    assert_eq!(code, 2);
}
