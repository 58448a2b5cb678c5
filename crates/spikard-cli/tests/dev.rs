//! `spikard dev` with a real worker (`examples/worker.rs`): saves while clients ask, an app that does not start, what is
//! shown. The fake interpreter runs `app.py` as a shell script, so that an app can be broken.
#![allow(clippy::panic, reason = "a failed test")]

mod fake;

use fake::{folder, output, spikard, within_limit};
use rustix::process::{Signal, kill_process};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::Child;
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};
use tempfile::TempDir;

const LIMIT: Duration = Duration::from_secs(20);
const BROKEN: &str = "echo 'ImportError: no shop' >&2; exit 1";

struct Dev {
    child: Option<Child>,
    address: String,
    lines: Receiver<String>,
    folder: TempDir,
}

/// An app that serves.
fn sound() -> String {
    let worker = PathBuf::from(env!("CARGO_BIN_EXE_spikard"))
        .with_file_name("examples")
        .join("worker");
    assert!(worker.exists(), "cargo builds {}", worker.display());
    format!("exec {}", worker.display())
}

impl Dev {
    fn start(app: &str) -> Self {
        let folder = folder("exec sh ./app.py");
        std::fs::write(folder.path().join("app.py"), app).expect("an app");
        let mut command = spikard(&folder, &["dev", "app.py", "--port", "0"]);
        let mut child = command.spawn().expect("the command");
        let stderr = BufReader::new(child.stderr.take().expect("standard error"));
        let (sender, lines) = mpsc::channel();
        std::thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                let _ = sender.send(line);
            }
        });
        let mut dev = Self {
            child: Some(child),
            address: String::new(),
            lines,
            folder,
        };
        let first = dev.line("spikard: http://127.0.0.1:");
        let address = first
            .trim_start_matches("spikard: http://")
            .split(' ')
            .next();
        dev.address = address.expect("an address").to_owned();
        dev
    }

    /// Waits for the next line that contains `part`.
    fn line(&self, part: &str) -> String {
        let until = Instant::now() + LIMIT;
        let mut seen = String::new();
        loop {
            let left = until.saturating_duration_since(Instant::now());
            match self.lines.recv_timeout(left) {
                Ok(line) if line.contains(part) => return line,
                Ok(line) => seen.push_str(&format!("{line}\n")),
                Err(error) => panic!("no line with {part:?} ({error}):\n{seen}"),
            }
        }
    }

    fn save(&self, file: &str, text: &str) {
        std::fs::write(self.folder.path().join(file), text).expect("saved");
    }

    /// Status and body of a connection of its own.
    fn get(&self, path: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(&self.address).expect("never refused");
        stream.set_read_timeout(Some(LIMIT)).expect("a limit");
        let request = format!("GET {path} HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).expect("never reset");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("never reset");
        let (head, body) = answer.split_once("\r\n\r\n").expect("an answer");
        let status = head.split(' ').nth(1).and_then(|text| text.parse().ok());
        (status.expect("a status"), body.to_owned())
    }

    /// Asks until the answer is other than `old`; every answer until then must be one.
    fn until_other(&self, old: &(u16, String)) -> (u16, String) {
        let until = Instant::now() + LIMIT;
        loop {
            let answer = self.get("/pid");
            if answer != *old {
                return answer;
            }
            assert!(Instant::now() < until, "still {old:?}");
        }
    }
}

impl Drop for Dev {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            // The worker hears of its end.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

#[test]
fn a_save_starts_the_app_anew_and_refuses_nobody() {
    let dev = Dev::start(&sound());
    let mut answer = dev.get("/pid");
    assert_eq!(answer.0, 200);
    for file in ["app.py", "shop/items.py", "template.html"] {
        std::fs::create_dir_all(dev.folder.path().join("shop")).expect("a folder");
        let saved = Instant::now();
        dev.save(file, &format!("{}\n# {file}", sound()));
        answer = dev.until_other(&answer);
        assert_eq!(answer.0, 200, "{file}");
        let took = saved.elapsed();
        // Half a second on an idle machine; tests have none.
        assert!(took < Duration::from_secs(5), "{file}: {took:?}");
        dev.line(&format!("{file} changed: starting again"));
    }
}

#[test]
fn what_git_ignores_starts_nothing() {
    let dev = Dev::start(&sound());
    dev.save(".gitignore", "*.log\n");
    dev.line(".gitignore changed");
    dev.line("serving after");
    let answer = dev.get("/pid");
    dev.save("app.log", "a line");
    dev.save("shop.sqlite", "a row");
    dev.save("second.py", "");
    assert_ne!(dev.until_other(&answer), answer);
    dev.line("spikard: second.py changed: starting again");
}

#[test]
fn an_app_that_does_not_start_says_why_until_it_does() {
    let dev = Dev::start(BROKEN);
    dev.line("ImportError: no shop");
    dev.line("the app does not start (exit status: 1): waiting for a file to be saved");
    let (status, body) = dev.get("/pid");
    let problem: serde_json::Value = serde_json::from_str(&body).expect("JSON");
    assert_eq!((status, &problem["code"]), (503, &"unavailable".into()));
    let detail = problem["detail"].as_str().expect("a detail");
    assert!(detail.contains("ImportError: no shop"), "{detail}");
    dev.save("app.py", &sound());
    assert_eq!(dev.until_other(&(status, body)).0, 200);
    dev.line("serving after");
    let answer = dev.get("/pid");
    dev.save("app.py", BROKEN);
    assert_eq!(dev.until_other(&answer).0, 503);
    dev.save("app.py", "# forgets to serve");
    dev.line("the app ended before it served; a program must end with its app's run()");
}

#[test]
fn requests_and_the_documents_are_told_in_a_line_each() {
    let dev = Dev::start(&sound());
    assert!(dev.line("documents at").ends_with("/docs"));
    dev.get("/pid?token=secret");
    let line = dev.line("/pid");
    assert!(line.starts_with("GET    /pid 200 "), "{line}");
    assert!(line.ends_with(" ms"), "{line}");
    dev.get("/none");
    dev.line("GET    /none 404 ");
}

#[test]
fn the_worker_is_told_to_show_failures_unless_its_operator_says_otherwise() {
    let app = "echo \"config $SPIKARD_CONFIG\" >&2; exit 1";
    let dev = Dev::start(app);
    assert_eq!(
        dev.line("config "),
        r#"config {"access_log":true,"debug":true}"#
    );
}

#[test]
fn a_busy_port_names_the_flag() {
    let holder = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = holder.local_addr().expect("an address").port().to_string();
    let folder = folder(&sound());
    let (code, _, stderr) = output(&mut spikard(&folder, &["dev", "--port", &port]));
    assert_eq!(code, 1);
    assert!(
        stderr.contains("choose another port: spikard dev app.py --port "),
        "{stderr}"
    );
}

#[test]
fn sighup_starts_the_app_anew() {
    let dev = Dev::start(&sound());
    let answer = dev.get("/pid");
    let child = dev.child.as_ref().expect("it runs");
    kill_process(fake::pid(child), Signal::HUP).expect("a signal");
    assert_eq!(dev.until_other(&answer).0, 200);
}

#[test]
fn sigterm_ends_the_command_and_its_worker() {
    let mut dev = Dev::start(&sound());
    let worker = dev.get("/pid").1;
    let child = dev.child.take().expect("it runs");
    kill_process(fake::pid(&child), Signal::TERM).expect("a signal");
    assert_eq!(within_limit(child).status.code(), Some(0));
    assert!(!PathBuf::from(format!("/proc/{worker}")).exists());
}
