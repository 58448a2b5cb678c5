//! `spikard run --workers`: holds one socket per worker and keeps a process serving each, through crashes, reloads and
//! changes of their number. Serves nothing itself and holds no interpreter; what to do next is `machine`'s to decide.

mod control;
mod journal;
mod machine;
mod notify;
mod orders;
mod process;
mod report;
mod signals;
mod spread_out;
mod streams;
#[cfg(test)]
mod tests;
mod vitals;

use crate::Interpreter;
use crate::app::App;
use crate::launch;
use crate::output::Failure;
use crate::run::no_socket;
use crate::settings::Settings;
use control::Control;
pub(crate) use control::Place;
pub(crate) use journal::Format;
use machine::{Machine, workers};
use notify::Notify;
pub(crate) use orders::{Event, Limits};
use orders::{Id, Order};
use process::Process;
pub(crate) use process::inherit;
use report::{Report, Tally, Worker};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
pub(crate) use signals::Signals;
use spikard::server::{Listen, Listener, share, spread};
use std::collections::BTreeMap;
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
pub(crate) use vitals::Bounds;
use vitals::Vitals;

/// What the command line asks of the supervisor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Plan {
    /// How many workers, at least one.
    pub(crate) workers: usize,
    /// What a worker may take.
    pub(crate) limits: Limits,
    /// When it is replaced.
    pub(crate) bounds: Bounds,
    /// Where to write our process id.
    pub(crate) pid_file: Option<PathBuf>,
    /// Where to answer who asks how the workers are.
    pub(crate) control: Option<Place>,
    /// How lines look.
    pub(crate) format: Format,
}

/// Supervises until a signal ends it, or the app cannot be kept alive; gives the exit code.
pub(crate) fn supervise(
    app: &App,
    listen: &Listen,
    plan: Plan,
    settings: &Settings,
    interpreter: Option<Interpreter>,
) -> Result<i32, Failure> {
    let first = listen
        .open_shared()
        .map_err(|error| no_socket(&error, "run", app, listen))?;
    let _pid_file = plan.pid_file.map(PidFile::write).transpose()?;
    let control = plan.control.as_ref().map(Control::open).transpose()?;
    let mut supervisor = Supervisor {
        app,
        settings,
        interpreter,
        // Before the first worker exists, so that no signal is lost between.
        signals: Signals::hear().map_err(broken)?,
        machine: Machine::new(plan.workers, plan.limits),
        sockets: vec![first],
        processes: BTreeMap::new(),
        notify: Notify::from_env().map_err(broken)?,
        vitals: Vitals::watch(plan.bounds, control.is_some(), Instant::now()),
        control,
        tallies: BTreeMap::new(),
        format: plan.format,
        labelled: Arc::new(AtomicBool::new(plan.workers > 1)),
    };
    match (supervisor.run(), plan.format) {
        (Err(failure), Format::Json) => {
            supervisor.say(&format!("{}\n{}", failure.message, failure.advice));
            Ok(failure.code)
        }
        (outcome, _) => outcome,
    }
}

struct Supervisor<'a> {
    app: &'a App,
    settings: &'a Settings,
    interpreter: Option<Interpreter>,
    signals: Signals,
    machine: Machine,
    /// One per slot.
    sockets: Vec<Listener>,
    processes: BTreeMap<Id, Process>,
    notify: Notify,
    vitals: Vitals,
    labelled: Arc<AtomicBool>,
    format: Format,
    control: Option<Control>,
    /// How many processes each slot has had, and what those that ended had counted.
    tallies: BTreeMap<usize, (u64, Tally)>,
}

impl Supervisor<'_> {
    fn run(&mut self) -> Result<i32, Failure> {
        if let Some(control) = &self.control {
            self.say(&format!("health, metrics and workers at {control}"));
        }
        let mut orders = self.machine.begin(Instant::now());
        loop {
            let mut events = Vec::new();
            for order in orders {
                match order {
                    Order::Finish(code) => return Ok(code),
                    Order::Start(id, slot) => events.extend(self.start(id, slot)?),
                    other => self.obey(other),
                }
            }
            if events.is_empty() {
                events = self.wait().map_err(broken)?;
            }
            let now = Instant::now();
            orders = Vec::new();
            for event in events {
                orders.extend(self.machine.hear(event, now));
            }
            orders.extend(self.machine.look(now));
        }
    }

    fn obey(&mut self, order: Order) {
        match order {
            // Where the kernel cannot, connections wait in the queues of workers that are not there yet.
            Order::Spread(slots) => _ = self.sockets.first().map(|any| spread(any, &slots)),
            Order::Drain(id) => self
                .processes
                .get(&id)
                .map(Process::drain)
                .unwrap_or_default(),
            Order::Kill(id) => self
                .processes
                .get_mut(&id)
                .map(Process::kill)
                .unwrap_or_default(),
            Order::Trace(id) => self.trace(id),
            Order::Close(slot) => self.sockets.truncate(slot),
            Order::Say(text) => self.say(&text),
            Order::Announce => self.announce(),
            Order::Tell(state) => self.notify.tell(state),
            Order::Start(..) | Order::Finish(_) => {}
        }
    }

    /// Starts a worker; an event when that failed later than at the very first time.
    fn start(&mut self, id: Id, slot: usize) -> Result<Option<Event>, Failure> {
        let mut command = launch::supervised(self.app, self.interpreter.clone());
        command.envs(self.settings.variables());
        let program = command.get_program().to_owned();
        let (format, labelled) = (self.format, Arc::clone(&self.labelled));
        let started = self
            .socket(slot)
            .and_then(|socket| Process::start(command, socket, slot + 1, format, &labelled));
        match started {
            Ok(process) => {
                self.processes.insert(id, process);
                self.tallies.entry(slot).or_default().0 += 1;
                Ok(None)
            }
            Err(error) if id == 1 => Err(launch::not_started(&program, &error)),
            Err(error) => Ok(Some(Event::Ended(id, format!("not started: {error}")))),
        }
    }

    /// The socket of a slot; opened at the slot's first worker, so that no connection waits for one that is not there.
    fn socket(&mut self, slot: usize) -> io::Result<&Listener> {
        while self.sockets.len() <= slot {
            let next = share(&self.sockets[0])?;
            self.sockets.push(next);
            self.labelled.store(true, Ordering::Relaxed);
        }
        Ok(&self.sockets[slot])
    }

    fn trace(&self, id: Id) {
        if let Some(process) = self.processes.get(&id)
            && !process.trace()
        {
            self.say("it cannot show where: its language has no way to");
        }
    }

    fn announce(&self) {
        let scheme = self.settings.scheme();
        if let Some(Ok(url)) = self.sockets.first().map(|first| first.url(scheme)) {
            let count = workers(self.sockets.len());
            self.say(&format!("{url}, {count} (Ctrl-C stops)"));
        }
    }

    fn say(&self, text: &str) {
        let _ = writeln!(io::stderr(), "{}", journal::own(self.format, text));
    }

    /// Goes on with those who ask how the workers are.
    fn answer(&mut self, now: Instant) {
        if let Some(mut control) = self.control.take() {
            control.look(now, |path| report::answer(path, &self.report(now)));
            self.control = Some(control);
        }
    }

    fn report(&self, now: Instant) -> Report {
        let mut tallies: BTreeMap<usize, Tally> = self
            .tallies
            .iter()
            .map(|(&slot, &(starts, ended))| {
                let restarts = starts.saturating_sub(1);
                (slot, Tally { restarts, ..ended })
            })
            .collect();
        let worker = |(slot, id, state, since): (usize, Option<Id>, _, _)| {
            let process = id.and_then(|id| self.processes.get(&id));
            let status = process.and_then(Process::status);
            if let Some(status) = &status {
                tallies.entry(slot).or_default().add(status);
            }
            Worker {
                number: slot + 1,
                state,
                pid: process.map(Process::id),
                since: now.saturating_duration_since(since),
                resident: process.and_then(|process| vitals::resident(process.id())),
                heartbeat: id.and_then(|id| self.vitals.heartbeat(id, now)),
                status,
            }
        };
        let workers = self.machine.census(now).map(worker).collect();
        Report {
            stopping: self.machine.is_stopping(),
            workers,
            tallies: tallies
                .into_iter()
                .map(|(slot, tally)| (slot + 1, tally))
                .collect(),
            resident: vitals::resident(std::process::id()),
        }
    }

    /// Sleeps until something happens or is due.
    fn wait(&mut self) -> io::Result<Vec<Event>> {
        let due = self
            .machine
            .next()
            .into_iter()
            .chain(self.vitals.next())
            .chain(self.notify.next())
            .chain(self.control.as_ref().and_then(Control::next))
            .min();
        let left = due.map(|due| due.saturating_duration_since(Instant::now()));
        let asked: Vec<Id> = {
            let tellers = self
                .processes
                .iter()
                .filter_map(|(&id, process)| Some((id, process.teller()?)));
            let (ids, tellers): (Vec<Id>, Vec<_>) = tellers.unzip();
            let mut polled = vec![PollFd::new(self.signals.pipe(), PollFlags::IN)];
            polled.extend(
                tellers
                    .into_iter()
                    .map(|teller| PollFd::new(teller, PollFlags::IN)),
            );
            let control = self.control.iter().flat_map(Control::polled);
            polled.extend(control.map(|(fd, writes)| {
                let flags = if writes {
                    PollFlags::OUT
                } else {
                    PollFlags::IN
                };
                PollFd::from_borrowed_fd(fd, flags)
            }));
            match poll(&mut polled, left.map(timespec).as_ref()) {
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
            let told = polled[1..]
                .iter()
                .zip(&ids)
                .filter(|(fd, _)| !fd.revents().is_empty());
            told.map(|(_, &id)| id).collect()
        };
        let mut events = Vec::new();
        for id in asked {
            if self
                .processes
                .get_mut(&id)
                .is_some_and(Process::hears_ready)
            {
                events.push(Event::Ready(id));
            }
        }
        self.notify.look(Instant::now());
        self.answer(Instant::now());
        let serves = |id| self.machine.serves_in(id).is_some();
        events.extend(self.vitals.look(Instant::now(), &self.processes, serves));
        // SIGCHLD only wakes: how many ended is not in it.
        events.extend(self.signals.events());
        let mut ended = Vec::new();
        for (&id, process) in &mut self.processes {
            if let Some(status) = process.end() {
                if let (Some(counted), Some(slot)) = (process.status(), self.machine.slot(id)) {
                    self.tallies.entry(slot).or_default().1.add(&counted);
                }
                ended.push(id);
                events.push(Event::Ended(id, status.to_string()));
            }
        }
        self.processes.retain(|id, _| !ended.contains(id));
        Ok(events)
    }
}

/// Written when we start, removed when we end.
struct PidFile(PathBuf);

impl PidFile {
    fn write(path: PathBuf) -> Result<Self, Failure> {
        match std::fs::write(&path, format!("{}\n", std::process::id())) {
            Ok(()) => Ok(Self(path)),
            Err(error) => Err(Failure::app(format!(
                "cannot write the pid file {}: {error}",
                path.display()
            ))),
        }
    }
}

impl Drop for PidFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

pub(crate) fn timespec(duration: Duration) -> Timespec {
    // Rounded up: waking before the time would turn in circles until it has come.
    let duration = duration + Duration::from_millis(1);
    Timespec {
        tv_sec: i64::try_from(duration.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: duration.subsec_nanos().into(),
    }
}

fn broken(error: io::Error) -> Failure {
    Failure::app(format!("cannot supervise: {error}"))
}
