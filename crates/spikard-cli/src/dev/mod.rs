//! `spikard dev`: holds the socket and one worker that serves it, and starts the worker anew when a file of the app
//! changes. Serves nothing itself but the reason why the app does not start.

mod docs;
mod lines;
mod stand_in;
mod watch;
mod worker;

use crate::Interpreter;
use crate::app::App;
use crate::launch;
use crate::output::{self, Failure};
use crate::run::no_socket;
use crate::settings::Settings;
use crate::supervisor::{Event, Signals, timespec};
use rustix::event::{PollFd, PollFlags, poll};
use spikard::server::{Listen, Listener};
use stand_in::StandIn;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::{Duration, Instant};
use watch::Watch;
use worker::Worker;

/// What holds while an app is written, unless its operator says otherwise.
pub(crate) const BASE: [(&str, bool); 2] = [("debug", true), ("access_log", true)];
/// The pause between two looks at the files is this, or longer where a look takes long: at most a twentieth of the time
/// of one processor.
const SHORTEST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
const PART: u32 = 20;
/// How long nothing may change before what was saved is taken as complete.
const SETTLED: Duration = Duration::from_millis(40);
/// How long the new worker waits for the old one to end, so that both are not there at once unless they must be: a stream,
/// or a connection that a browser opened ahead, would hold up every save.
const TURN: Duration = Duration::from_millis(150);
/// What the old worker may take in all to finish its requests.
const PATIENCE: Duration = Duration::from_secs(2);

/// Serves until a signal ends it; gives the exit code.
pub(crate) fn dev(
    app: &App,
    listen: &Listen,
    settings: &Settings,
    interpreter: Option<Interpreter>,
) -> Result<i32, Failure> {
    let socket = listen
        .open()
        .map_err(|error| no_socket(&error, "dev", app, listen))?;
    let url = socket.url(settings.scheme()).map_err(broken)?;
    let mut desk = Desk {
        app,
        interpreter,
        settings,
        socket,
        // Before the first worker exists, so that no signal is lost between.
        signals: Signals::hear().map_err(broken)?,
        // Before the first worker reads them, so that no change is lost between.
        watch: Watch::new(app.folder()),
        pause: SHORTEST_PAUSE,
        announced: false,
        leaving: None,
    };
    output::note(&format!("{url} (Ctrl-C stops it)"));
    desk.run()
}

struct Desk<'a> {
    app: &'a App,
    interpreter: Option<Interpreter>,
    settings: &'a Settings,
    socket: Listener,
    signals: Signals,
    watch: Watch,
    pause: Duration,
    /// It has served.
    announced: bool,
    /// The worker before this one, and when its requests are cut.
    leaving: Option<(Worker, Instant)>,
}

/// What the app is doing.
enum State {
    Starting(Worker, Instant),
    Serving(Worker),
    /// It ended by itself; another answers in its place.
    Broken(StandIn),
}

/// What signals ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wish {
    Nothing,
    Reload,
    Stop,
}

impl Desk<'_> {
    fn run(&mut self) -> Result<i32, Failure> {
        let mut state = self.start()?;
        loop {
            let wish = self.wait(&state).map_err(broken)?;
            if wish == Wish::Stop {
                self.drain(state);
                return self.end();
            }
            let is_over = |(worker, until): &mut (Worker, Instant)| {
                worker.end().is_some() || *until <= Instant::now()
            };
            if self.leaving.as_mut().is_some_and(is_over) {
                self.cut();
            }
            let changed = self.saved();
            state = self.look(state);
            if wish == Wish::Reload || !changed.is_empty() {
                output::note(&format!("{}starting again", self.shown(&changed)));
                self.drain(state);
                if self.until_left(TURN)? == Wish::Stop {
                    return self.end();
                }
                changed.iter().for_each(|file| forget_compiled(file));
                state = self.start()?;
            }
        }
    }

    /// Of the command; its worker was asked to go.
    fn end(&mut self) -> Result<i32, Failure> {
        self.until_left(PATIENCE)?;
        self.cut();
        output::note("stopped");
        Ok(0)
    }

    fn start(&self) -> Result<State, Failure> {
        let mut command = launch::supervised(self.app, self.interpreter.clone());
        command.envs(self.settings.variables());
        let program = command.get_program().to_owned();
        match Worker::start(command, &self.socket) {
            Ok(worker) => Ok(State::Starting(worker, Instant::now())),
            Err(error) => Err(launch::not_started(&program, &error)),
        }
    }

    /// Files that were saved, once the last of them is complete.
    fn saved(&mut self) -> Vec<PathBuf> {
        let began = Instant::now();
        let mut changed = self.watch.changes();
        self.pause = (began.elapsed() * PART).clamp(SHORTEST_PAUSE, LONGEST_PAUSE);
        let mut more = !changed.is_empty();
        while more {
            std::thread::sleep(SETTLED);
            let others = self.watch.changes();
            more = !others.is_empty();
            changed.extend(others);
        }
        changed.sort();
        changed.dedup();
        changed
    }

    /// What has become of the worker.
    fn look(&mut self, state: State) -> State {
        match state {
            State::Broken(stand_in) => {
                stand_in.answer(&self.socket);
                State::Broken(stand_in)
            }
            State::Starting(mut worker, since) => {
                if worker.hears_ready() {
                    self.announce(since.elapsed());
                    return self.look(State::Serving(worker));
                }
                match worker.end() {
                    Some(status) if status.success() => gave_up(
                        &worker,
                        "the app ended before it served; a program must end with its app's run()",
                        status,
                    ),
                    Some(status) => gave_up(&worker, "the app does not start", status),
                    None => State::Starting(worker, since),
                }
            }
            State::Serving(mut worker) => match worker.end() {
                Some(status) => gave_up(&worker, "the app ended", status),
                None => State::Serving(worker),
            },
        }
    }

    fn announce(&mut self, took: Duration) {
        output::note(&format!("serving after {} ms", took.as_millis()));
        if !std::mem::replace(&mut self.announced, true)
            && let Ok(address) = self.socket.local_addr()
        {
            docs::announce(address, &self.settings.docs_path());
        }
    }

    /// Sleeps until something happens, not for long.
    fn wait(&mut self, state: &State) -> io::Result<Wish> {
        {
            let mut polled = vec![PollFd::new(self.signals.pipe(), PollFlags::IN)];
            match state {
                State::Starting(worker, _) => polled.extend(
                    worker
                        .teller()
                        .map(|teller| PollFd::new(teller, PollFlags::IN)),
                ),
                State::Broken(_) => polled.push(PollFd::new(&self.socket, PollFlags::IN)),
                State::Serving(_) => {}
            }
            sleep(&mut polled, self.pause)?;
        }
        Ok(self.wish())
    }

    /// What the signals ask for that came since the last time; SIGCHLD only wakes.
    fn wish(&mut self) -> Wish {
        self.signals
            .events()
            .fold(Wish::Nothing, |wish, event| match event {
                Event::Stop(_) => Wish::Stop,
                Event::Reload if wish == Wish::Nothing => Wish::Reload,
                _ => wish,
            })
    }

    /// Lets the worker finish; the one that left before it has had its time.
    fn drain(&mut self, state: State) {
        if let State::Starting(worker, _) | State::Serving(worker) = state {
            self.cut();
            worker.drain();
            self.leaving = Some((worker, Instant::now() + PATIENCE));
        }
    }

    /// Waits so long for the worker that leaves, if there is one; gives what signals asked for meanwhile.
    fn until_left(&mut self, limit: Duration) -> Result<Wish, Failure> {
        let until = Instant::now() + limit;
        while let Some((worker, _)) = &mut self.leaving {
            let left = until.saturating_duration_since(Instant::now());
            if worker.end().is_some() {
                self.leaving = None;
            } else if left.is_zero() {
                break;
            } else {
                let mut polled = [PollFd::new(self.signals.pipe(), PollFlags::IN)];
                sleep(&mut polled, left).map_err(broken)?;
                if self.wish() == Wish::Stop {
                    return Ok(Wish::Stop);
                }
            }
        }
        Ok(Wish::Nothing)
    }

    /// Ends the worker that leaves, if there is one, whatever it is doing.
    fn cut(&mut self) {
        if let Some((mut worker, _)) = self.leaving.take()
            && worker.end().is_none()
        {
            output::note("a request does not finish: cut");
        }
    }

    /// `app.py changed: `, or nothing.
    fn shown(&self, changed: &[PathBuf]) -> String {
        let folder = self.app.folder();
        let name = |file: &PathBuf| {
            file.strip_prefix(&folder)
                .unwrap_or(file)
                .display()
                .to_string()
        };
        match changed {
            [] => String::new(),
            [one] => format!("{} changed: ", name(one)),
            [first, others @ ..] => format!("{} and {} more changed: ", name(first), others.len()),
        }
    }
}

fn gave_up(worker: &Worker, what: &str, status: ExitStatus) -> State {
    let said = worker.last_lines();
    output::note(&format!(
        "{what} ({status}): waiting for a file to be saved"
    ));
    State::Broken(StandIn::new(&format!("{what} ({status})\n{said}")))
}

/// Python tells its compiled files by seconds and size, so a save within a second of the last may go unseen.
fn forget_compiled(source: &Path) {
    let (Some(folder), Some(stem)) = (source.parent(), source.file_stem()) else {
        return;
    };
    if source.extension().is_none_or(|end| end != "py") {
        return;
    }
    let start = format!("{}.", stem.to_string_lossy());
    let compiled = std::fs::read_dir(folder.join("__pycache__"));
    for file in compiled.into_iter().flatten().filter_map(Result::ok) {
        let name = file.file_name();
        let name = name.to_string_lossy();
        if name.starts_with(&start) && name.ends_with(".pyc") {
            let _ = std::fs::remove_file(file.path());
        }
    }
}

fn sleep(polled: &mut [PollFd<'_>], limit: Duration) -> io::Result<()> {
    match poll(polled, Some(&timespec(limit))) {
        Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

fn broken(error: io::Error) -> Failure {
    Failure::app(format!("cannot watch the app: {error}"))
}

#[cfg(test)]
mod tests {
    use super::forget_compiled;
    use std::fs;

    #[test]
    fn what_python_compiled_of_a_saved_file_is_forgotten() {
        let folder = tempfile::tempdir().expect("a folder");
        let cache = folder.path().join("__pycache__");
        fs::create_dir(&cache).expect("a folder");
        for name in ["app.cpython-311.pyc", "application.cpython-311.pyc"] {
            fs::write(cache.join(name), "").expect("a file");
        }
        forget_compiled(&folder.path().join("app.html"));
        assert_eq!(fs::read_dir(&cache).expect("a folder").count(), 2);
        forget_compiled(&folder.path().join("app.py"));
        assert!(!cache.join("app.cpython-311.pyc").exists());
        assert!(cache.join("application.cpython-311.pyc").exists());
    }
}
