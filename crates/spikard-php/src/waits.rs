//! A function of PHP's from its first step to its end, across what it waits for. Makes no answer.

use crate::brought::{Brought, Handler};
use crate::guarded;
use crate::guest::{Callable, PhpGuest};
use crate::interpreter::{Job, Step, Wait, Waited, What};
use crate::reactor::waited;
use spikard::{Deadlines, Held};
use spikard_bridge::Token;
use std::rc::Rc;
use std::time::{Duration, Instant};
use tokio::sync::Notify;

/// For a handler that held the loop.
const ADVICE: &str =
    "wait with Spikard\\sleep, await_readable or await_writable, or give the app more workers";

thread_local! {
    // Never dropped, as the runtime is.
    static SLEEPERS: &'static Deadlines<Running> = driven();
}

/// What sleeps and nothing else is here: neither a task nor a timer each.
fn driven() -> &'static Deadlines<Running> {
    let sleepers: &Deadlines<Running> = Box::leak(Box::default());
    tokio::task::spawn_local(sleepers.drive(|running| {
        // The others are to be woken whatever this one does.
        let _ = guarded(|| running.resume(Waited::TimedOut));
    }));
    sleepers
}

/// A function that has not ended.
pub(crate) struct Running {
    pub(crate) guest: Rc<PhpGuest>,
    pub(crate) job: Job,
    pub(crate) purpose: Purpose,
}

/// What it runs for.
pub(crate) enum Purpose {
    /// The answer to that call. A producer's is told when nobody waits any more.
    Answer(Rc<Callable>, Token, Option<Rc<Notify>>),
    /// Itself; it is spent afterwards.
    Task(Handler),
    /// The end of that producer.
    End(Rc<Callable>),
}

impl Running {
    /// Calls a function that takes nothing.
    pub(crate) fn begin(guest: Rc<PhpGuest>, purpose: Purpose, function: Handler) {
        let mut job = guest.stack();
        job.call(function, &Brought::NOTHING);
        let running = Self {
            guest,
            job,
            purpose,
        };
        running.step();
    }

    fn step(mut self) {
        let name = match &self.purpose {
            Purpose::Answer(of, ..) | Purpose::End(of) => of.facts.name.as_str(),
            Purpose::Task(_) => "a task",
        };
        let step = timed(&mut self.job, name, "");
        self.go_on(step);
    }

    /// What follows a step: a wait, or the end.
    pub(crate) fn go_on(self, step: Step) {
        if step == Step::Waits {
            return match slept(self.job.wait()).filter(|_| self.give_up().is_none()) {
                Some(duration) => self.sleep(duration),
                None => drop(tokio::task::spawn_local(self.wait())),
            };
        }
        let Self {
            guest,
            job,
            purpose,
        } = self;
        match purpose {
            Purpose::Answer(of, token, _) => guest.answer(&of, token, step, job),
            Purpose::Task(task) => guest.left(job, step, Some(task)),
            Purpose::End(_) => guest.left(job, step, None),
        }
    }

    fn give_up(&self) -> Option<Rc<Notify>> {
        match &self.purpose {
            Purpose::Answer(_, _, give_up) => give_up.clone(),
            Purpose::Task(_) | Purpose::End(_) => None,
        }
    }

    fn sleep(self, duration: Duration) {
        SLEEPERS.with(|sleepers| sleepers.insert(Instant::now() + duration, self));
    }

    async fn wait(self) {
        let give_up = self.give_up();
        let how = waited(self.job.wait(), give_up.as_deref()).await;
        self.resume(how);
    }

    /// A function that waits when PHP is lost never ends.
    fn resume(mut self, how: Waited) {
        if !self.guest.is_lost() {
            self.job.waited(how);
            self.step();
        }
    }
}

/// For how long, where nothing but time ends the wait, as it is with nearly each.
fn slept(wait: Wait) -> Option<Duration> {
    let is_alone = wait.what == What::Time && wait.ticket == 0;
    wait.at_most.filter(|_| is_alone)
}

/// A step, and a word about one that held the loop.
pub(crate) fn timed(job: &mut Job, name: &str, request_id: &str) -> Step {
    let held = Held::begin();
    let step = job.step();
    held.end(name, request_id, ADVICE);
    step
}
