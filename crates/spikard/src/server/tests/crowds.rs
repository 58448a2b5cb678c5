//! Many connections at once: what an idle one costs, what happens when descriptors run out, and that draining loses nobody. The
//! server is another process (this test program again), so that its memory and its limits are its own.

use super::scene::{double, listening, on_a_loop};
use crate::Config;
use crate::server::Life;
use crate::server::accept::serve_with;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::rc::Rc;
use std::time::{Duration, Instant};

const ROLE: &str = "SPIKARD_TEST_SERVER";
const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n";
const PATIENCE: Duration = Duration::from_secs(30);

/// Not a test but the server of the others: it serves until its standard input ends, and drains at a line there.
#[test]
fn the_server_of_the_other_tests() {
    if std::env::var_os(ROLE).is_none() {
        return;
    }
    on_a_loop(async {
        let (listener, address) = listening();
        let port = address.port();
        println!("\nport {port}");
        let config = Config {
            keep_alive_ms: 600_000,
            ..Config::default()
        };
        let (app, life) = (double(config), Life::new());
        let (told, mut drain) = tokio::sync::mpsc::unbounded_channel();
        std::thread::spawn(move || {
            for _ in std::io::stdin().lines() {
                let _ = told.send(());
            }
            std::process::exit(0);
        });
        let drained = Rc::clone(&life);
        tokio::task::spawn_local({
            let app = Rc::clone(&app);
            async move {
                drain.recv().await;
                println!("\ncalls {}", app.calls.borrow().len());
                drained.drain();
                // The handlers of `/gated` answer only now.
                app.gate.0.set(true);
                app.gate.1.notify_waiters();
            }
        });
        serve_with(app, listener, life).await.expect("served");
    });
}

struct Server {
    child: Child,
    output: BufReader<std::process::ChildStdout>,
    address: SocketAddr,
}

impl Server {
    /// With at most so many descriptors.
    fn start(descriptors: u32) -> Self {
        let name = concat!(module_path!(), "::the_server_of_the_other_tests");
        let (_, name) = name.split_once("::").expect("the crate's name comes first");
        let mut child = Command::new("sh")
            .arg("-c")
            .arg(format!("ulimit -n {descriptors} && exec \"$0\" \"$@\""))
            .arg(std::env::current_exe().expect("this program"))
            .args(["--exact", name, "--nocapture", "--test-threads=1"])
            .env(ROLE, "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("a shell");
        let output = BufReader::new(child.stdout.take().expect("piped"));
        let mut server = Self {
            child,
            output,
            address: ([127, 0, 0, 1], 0).into(),
        };
        let port = server.told("port ");
        server.address.set_port(port);
        server
    }

    /// The number that it says after `word`.
    fn told<N: std::str::FromStr>(&mut self, word: &str) -> N {
        let mut line = String::new();
        loop {
            line.clear();
            let count = self.output.read_line(&mut line).expect("text");
            assert!(count > 0, "the server has ended");
            if let Some(number) = line.trim_end().strip_prefix(word) {
                return number.parse().unwrap_or_else(|_| panic!("{line}"));
            }
        }
    }

    fn drain(&mut self) {
        let mut input = self.child.stdin.as_ref().expect("piped");
        input.write_all(b"drain\n").expect("it reads");
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).expect("a connection");
        stream.set_read_timeout(Some(PATIENCE)).expect("a limit");
        stream
    }

    /// Bytes in memory that are its own: without code and files.
    fn memory(&self) -> u64 {
        let path = format!("/proc/{}/status", self.child.id());
        let status = std::fs::read_to_string(path).expect("it lives");
        let line = status.lines().find(|line| line.starts_with("RssAnon:"));
        let number = line.and_then(|line| line.split_whitespace().nth(1));
        number.expect("a number").parse::<u64>().expect("kB") * 1024
    }

    /// Time of a processor that it has used.
    fn worked(&self) -> Duration {
        let path = format!("/proc/{}/schedstat", self.child.id());
        let text = std::fs::read_to_string(path).expect("it lives");
        let nanoseconds = text.split_whitespace().next().expect("a number");
        Duration::from_nanos(nanoseconds.parse().expect("nanoseconds"))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn is_answered(stream: &mut TcpStream) -> bool {
    let mut answer = [0; 512];
    matches!(stream.read(&mut answer), Ok(count) if answer[..count].starts_with(b"HTTP/1.1 200 "))
}

#[test]
fn ten_thousand_idle_connections_cost_at_most_6_kb_each() {
    const COUNT: usize = 10_000;
    let server = Server::start(COUNT as u32 + 100);
    // What the first connections bring with them is the server's own.
    let warm: Vec<_> = (0..100).map(|_| served(&server)).collect();
    let before = server.memory();
    let idle: Vec<_> = (0..COUNT - 100).map(|_| served(&server)).collect();
    let each = server.memory().saturating_sub(before) / idle.len() as u64;
    println!("{each} bytes for each idle connection");
    assert!(each <= 6 << 10, "{each} bytes for each idle connection");
    drop(warm);
}

/// A connection that has been answered.
fn served(server: &Server) -> TcpStream {
    let mut stream = server.connect();
    stream.write_all(GET).expect("sent");
    assert!(is_answered(&mut stream));
    stream
}

#[test]
fn without_descriptors_nothing_spins_and_whoever_waited_is_served() {
    let server = Server::start(48);
    let mut streams: Vec<_> = (0..96).map(|_| server.connect()).collect();
    for stream in &mut streams {
        stream.write_all(GET).expect("the kernel takes it");
    }
    // Those that came in are answered; the others wait in the kernel's queue.
    let short = Duration::from_millis(200);
    let mut waiting = Vec::new();
    let mut open = Vec::new();
    for mut stream in streams {
        let limit = if waiting.is_empty() { PATIENCE } else { short };
        // The first that gets nothing is found by a peek, so that nobody waits for long.
        stream
            .set_read_timeout(Some(if open.len() < 20 { limit } else { short }))
            .expect("a limit");
        match is_answered(&mut stream) {
            true => open.push(stream),
            false => waiting.push(stream),
        }
        if waiting.len() == 3 {
            break;
        }
    }
    assert!(
        !open.is_empty() && waiting.len() == 3,
        "{} open",
        open.len()
    );
    // It looks again every 100 ms: in that time it does next to nothing.
    let (began, before) = (Instant::now(), server.worked());
    while began.elapsed() < Duration::from_millis(600) {
        std::thread::sleep(Duration::from_millis(100));
    }
    let worked = server.worked() - before;
    assert!(
        worked < began.elapsed() / 5,
        "it worked for {worked:?} without anything to do"
    );
    drop(open);
    for mut stream in waiting {
        stream.set_read_timeout(Some(PATIENCE)).expect("a limit");
        assert!(is_answered(&mut stream), "it is served once there is room");
    }
}

#[test]
fn draining_loses_none_of_two_thousand_requests() {
    const COUNT: usize = 2_000;
    let mut server = Server::start(COUNT as u32 + 100);
    let mut streams: Vec<_> = (0..COUNT).map(|_| server.connect()).collect();
    for stream in &mut streams {
        stream
            .write_all(b"GET /gated HTTP/1.1\r\nHost: h\r\n\r\n")
            .expect("sent");
    }
    server.drain();
    // How many had been read by then; those of the others were in the kernel.
    let calls: usize = server.told("calls ");
    let mut answered = 0;
    for mut stream in streams {
        let mut answer = String::new();
        let _ = stream.read_to_string(&mut answer);
        answered += usize::from(answer.ends_with("GET /gated "));
    }
    assert_eq!(answered, COUNT, "{calls} had been called");
    assert!(server.child.wait().expect("an end").success());
}
