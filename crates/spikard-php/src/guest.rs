//! PHP as a guest of the bridge: gives a handler its arguments, calls it, answers for it when it ends later.

use crate::brought::{Brought, Handler, Value};
use crate::decode::{Built, Shape};
use crate::error::{ending, internal};
use crate::hook;
use crate::interpreter::{Job, Step, exit_status, interrupt, shows_where};
use crate::reactor::{in_runtime, interrupted};
use crate::request::{of_running, running};
use crate::value::{answer, is_nothing, of_argument};
use crate::waits::{Purpose, Running, timed};
use crate::zval::{Zval, let_go, lossy};
use spikard::response::ChunkSource;
use spikard::server::Life;
use spikard::{Cancel, Passage, Problem, Reply, Verdict};
use spikard_bridge::{Call, Calls, Completion, Facts, Guest, GuestStream, Kept, Outcome, Token};
use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};
use std::time::Duration;
use tokio::sync::Notify;

/// Exit codes that say "start me again": PHP was lost to a fatal error; a handler called `exit()`.
const LOST: i32 = 70;
const EXITED: i32 = 75;
/// How long a lost worker stays to send what it has to say.
const LAST_WORDS: Duration = Duration::from_millis(500);
/// Stacks that are kept for later calls.
const KEPT_STACKS: usize = 128;
/// A handler as the bridge keeps it.
pub(crate) struct Callable {
    pub(crate) handler: Handler,
    pub(crate) wants_body: bool,
    /// It, or a middleware, can ask for the request.
    pub(crate) asks: bool,
    /// What its body is read as.
    pub(crate) shape: Option<Shape>,
    pub(crate) facts: Facts,
    /// Of a producer, whose functions live no longer than this: what ends it.
    pub(crate) close: Option<Handler>,
}

impl Callable {
    /// The two functions of a stream that the handler `of` gave.
    fn of_stream(of: &Self, pull: Option<&Zval>, close: Option<&Zval>) -> Option<Self> {
        Some(Self {
            // Nobody is answered for what fails at the end.
            close: Some(Handler::kept(close?, None)?),
            handler: Handler::kept(pull?, Some(of.handler))?,
            wants_body: false,
            asks: false,
            shape: None,
            facts: of.facts.of_stream(),
        })
    }
}

impl Drop for Callable {
    fn drop(&mut self) {
        if let Some(close) = self.close {
            // SAFETY: a producer's own, called no more. `Stream.php` has let go of the user's iterator, so no code of theirs
            // runs here.
            unsafe {
                self.handler.free();
                close.free();
            }
        }
    }
}

/// The PHP side of one app.
pub(crate) struct PhpGuest {
    me: Weak<Self>,
    completion: Completion,
    suspended: RefCell<Calls<Suspended>>,
    stacks: RefCell<Vec<Job>>,
    /// Places for what the next call brings.
    room: RefCell<Room>,
    /// Tasks that wait for the serving to begin.
    tasks: RefCell<Vec<Handler>>,
    /// PHP must not be entered again.
    lost: Cell<bool>,
    /// What the process ends with.
    code: Cell<i32>,
    life: RefCell<Option<Rc<Life>>>,
}

/// What is needed from the start of a call to its first step.
#[derive(Default)]
struct Room {
    values: Vec<Value>,
    built: Built,
}

/// A call whose handler has not ended.
struct Suspended {
    /// Of a handler that can ask for it, and where hooks look at it.
    request: Option<Kept>,
    /// Somebody waits for the answer.
    awaited: bool,
    /// Of a producer, which does not go on when nobody waits: tells it so.
    give_up: Option<Rc<Notify>>,
}

/// A token as PHP keeps it.
fn number(token: Token) -> i64 {
    (u64::from(token.generation) << 32 | u64::from(token.slot)).cast_signed()
}

fn token(number: i64) -> Token {
    let bits = number.cast_unsigned();
    Token {
        slot: bits as u32,
        generation: (bits >> 32) as u32,
    }
}

impl PhpGuest {
    pub(crate) fn new(completion: &Completion) -> Rc<Self> {
        Rc::new_cyclic(|me| Self {
            me: Weak::clone(me),
            completion: completion.clone(),
            suspended: RefCell::default(),
            stacks: RefCell::default(),
            room: RefCell::default(),
            tasks: RefCell::default(),
            lost: Cell::new(false),
            code: Cell::new(0),
            life: RefCell::default(),
        })
    }

    /// The worker whose life this is has begun.
    pub(crate) fn serves(&self, life: &Rc<Life>) {
        self.life.replace(Some(Rc::clone(life)));
        if let Some(guest) = self.me.upgrade() {
            tokio::task::spawn_local(async move {
                while !guest.lost.get() {
                    interrupted().await;
                    match interrupt() {
                        Step::Lost => guest.lose(),
                        Step::Exit => guest.end(exit_status()),
                        _ => {}
                    }
                }
            });
        }
        for task in self.tasks.take() {
            self.spawn(task);
        }
    }

    /// What the process ends with, once it was served.
    pub(crate) fn code(&self) -> i32 {
        self.code.get()
    }

    /// Runs a function beside the handlers, from when the app is served.
    pub(crate) fn spawn(&self, task: Handler) {
        if !in_runtime() {
            self.tasks.borrow_mut().push(task);
            return;
        }
        let Some(guest) = self.me.upgrade() else {
            return;
        };
        tokio::task::spawn_local(async move {
            Running::begin(guest, Purpose::Task(task), task);
        });
    }

    /// A function has ended for which nobody waits; a task that is spent with it.
    pub(crate) fn left(&self, job: Job, step: Step, spent: Option<Handler>) {
        let printed = lossy(job.printed());
        if !printed.is_empty() {
            eprint!("{printed}");
        }
        match step {
            Step::Threw => eprintln!("spikard: a task failed: {}", job.error()),
            Step::Exit => self.end(exit_status()),
            Step::Lost => self.lose(),
            Step::Returned | Step::Waits => {}
        }
        self.keep(job, spent);
    }

    /// The request of a call that has not been answered: while it runs, and once it has suspended.
    fn ask<R>(
        &self,
        call: i64,
        running: impl FnOnce(&Call<'_>) -> R,
        kept: impl FnOnce(&Kept) -> R,
    ) -> Option<R> {
        let token = token(call);
        of_running(token, running).or_else(|| {
            let suspended = self.suspended.borrow();
            Some(kept(suspended.get(token)?.request.as_ref()?))
        })
    }

    pub(crate) fn head(&self, call: i64) -> Option<Vec<u8>> {
        self.ask(call, Kept::head_now, Kept::head)
    }

    pub(crate) fn body(&self, call: i64) -> Option<Vec<u8>> {
        self.ask(
            call,
            |call| Kept::body_now(call, <[u8]>::to_vec),
            |kept| kept.body(<[u8]>::to_vec),
        )
    }

    /// What hooks and handler of its request share; none where no hook looks.
    pub(crate) fn passage(&self, call: i64) -> Option<Rc<Passage>> {
        self.ask(
            call,
            |call| call.request().passage.cloned(),
            |kept| kept.passage().cloned(),
        )
        .flatten()
    }

    /// Somebody still waits for the answer.
    pub(crate) fn is_awaited(&self, call: i64) -> bool {
        let token = token(call);
        let suspended = self.suspended.borrow();
        suspended.get(token).is_some_and(|call| call.awaited) || of_running(token, |_| ()).is_some()
    }

    pub(crate) fn stack(&self) -> Job {
        self.stacks.borrow_mut().pop().unwrap_or_else(Job::new)
    }

    /// Lets go of what a call has left, and keeps its stack.
    fn keep(&self, mut job: Job, spent: Option<Handler>) {
        if self.lost.get() {
            return;
        }
        if !job.done(spent) || !let_go() {
            self.lose();
        } else if self.stacks.borrow().len() < KEPT_STACKS {
            self.stacks.borrow_mut().push(job);
        }
    }

    pub(crate) fn is_lost(&self) -> bool {
        self.lost.get()
    }

    /// Answers a call that had suspended.
    pub(crate) fn answer(&self, of: &Callable, token: Token, step: Step, job: Job) {
        let known = self.suspended.borrow_mut().remove(token);
        let awaited = known.as_ref().is_some_and(|call| call.awaited);
        let request = known.as_ref().and_then(|call| call.request.as_ref());
        match self.ended(of, step, job, request.and_then(Kept::passage)) {
            Some(reply) if awaited => drop(self.completion.complete(token, reply)),
            None if awaited => drop(self.completion.pass(token)),
            Some(Err(problem)) => {
                if let Some(cause) = &problem.cause {
                    let name = &of.facts.name;
                    eprintln!("spikard: {name} failed after its client had left: {cause}");
                }
            }
            _ => {}
        }
    }

    /// What a call that has ended says: a handler always answers, a hook may pass.
    fn ended(&self, of: &Callable, step: Step, job: Job, passage: Option<&Rc<Passage>>) -> Verdict {
        let hooked = passage.filter(|passage| passage.moment().is_some());
        let passes = |passage: &Rc<Passage>| {
            step == Step::Returned
                && (is_nothing(job.result()) || hook::edits_head(passage, job.result()))
        };
        if hooked.is_some_and(passes) {
            tell(&of.facts, job.printed());
            self.keep(job, None);
            return None;
        }
        Some(self.answered(of, step, job))
    }

    fn answered(&self, of: &Callable, step: Step, job: Job) -> Reply {
        let (facts, printed) = (&of.facts, job.printed());
        let reply = match step {
            Step::Returned => {
                let is_body = of.close.is_none() && is_nothing(job.result());
                let (body, aside) = if is_body {
                    (printed, &[][..])
                } else {
                    (&[][..], printed)
                };
                tell(facts, aside);
                answer(facts, job.result(), body, &|pull, close| {
                    self.stream(of, pull, close)
                })
            }
            Step::Exit => {
                self.end(EXITED);
                match printed {
                    _ if of.close.is_some() => Err(internal("exit() in a stream".to_owned())),
                    [] => Ok(facts.returns.nothing()),
                    printed => Ok(facts.returns.text(lossy(printed))),
                }
            }
            Step::Threw | Step::Waits => {
                tell(facts, printed);
                Err(internal(job.error()))
            }
            Step::Lost => {
                tell(facts, printed);
                self.lose();
                Err(internal("PHP ended with a fatal error".to_owned()))
            }
        };
        self.keep(job, None);
        reply
    }

    fn stream(
        &self,
        of: &Callable,
        pull: Option<&Zval>,
        close: Option<&Zval>,
    ) -> Result<Box<dyn ChunkSource>, Problem> {
        let producer = self.me.upgrade().zip(Callable::of_stream(of, pull, close));
        let (guest, producer) =
            producer.ok_or_else(|| internal("a stream without its functions".to_owned()))?;
        let completion = self.completion.clone();
        Ok(Box::new(GuestStream::new(
            guest,
            Rc::new(producer),
            completion,
        )))
    }

    /// Drains the worker, whose process then ends with `code`.
    fn end(&self, code: i32) {
        if !self.lost.get() {
            self.code.set(code);
        }
        if let Some(life) = &*self.life.borrow() {
            life.drain();
        }
    }

    /// PHP is not entered again: whoever waits hears so, and the worker ends.
    fn lose(&self) {
        if self.lost.replace(true) {
            return;
        }
        self.code.set(LOST);
        for (token, suspended) in self.suspended.take() {
            if suspended.awaited {
                self.completion.complete(token, Err(ending()));
            }
        }
        if let Some(life) = self.life.borrow().clone() {
            life.drain();
            tokio::task::spawn_local(async move {
                tokio::time::sleep(LAST_WORDS).await;
                life.end();
            });
        }
    }
}

/// What a handler printed beside its answer.
fn tell(facts: &Facts, printed: &[u8]) {
    if !printed.is_empty() {
        eprintln!("{} printed: {}", facts.name, lossy(printed).trim_end());
    }
}

impl Guest for PhpGuest {
    type Callable = Rc<Callable>;

    fn call(&self, callable: &Rc<Callable>, call: &Call<'_>) -> Outcome {
        if self.lost.get() {
            return Outcome::Done(Err(ending()));
        }
        let mut room = self.room.take();
        let Room { values, built } = &mut room;
        let body = call.request().body;
        if let Some(schema) = call.unvalidated() {
            let shape = callable.shape.as_ref();
            if shape
                .and_then(|shape| shape.read(schema, body, built))
                .is_none()
            {
                self.room.replace(room);
                return Outcome::Refused;
            }
        }
        let token = call.suspend();
        let arguments = call.arguments();
        values.clear();
        arguments
            .iter()
            .for_each(|argument| of_argument(argument, values));
        let mut job = self.stack();
        let mut brought = Brought::of(number(token), values, arguments.len());
        if callable.wants_body && !body.is_empty() {
            brought = brought.body(body);
        }
        if call.unvalidated().is_some() {
            brought = brought.built(&built.values);
        }
        job.call(callable.handler, &brought);
        let step = running(token, call, || {
            timed(&mut job, &callable.facts.name, call.request().request_id)
        });
        self.room.replace(room);
        let Some(guest) = self.me.upgrade().filter(|_| step == Step::Waits) else {
            let verdict = self.ended(callable, step, job, call.request().passage);
            return verdict.map_or(Outcome::Passed, Outcome::Done);
        };
        let give_up = callable.close.map(|_| Rc::new(Notify::new()));
        let suspended = Suspended {
            request: (callable.asks || call.request().passage.is_some()).then(|| Kept::of(call)),
            awaited: true,
            give_up: give_up.clone(),
        };
        self.suspended.borrow_mut().insert(token, suspended);
        let callable = Rc::clone(callable);
        Running {
            guest,
            job,
            purpose: Purpose::Answer(callable, token, give_up),
        }
        .go_on(step);
        Outcome::Pending
    }

    fn shows_where(&self) -> Option<i32> {
        shows_where()
    }

    fn cancel(&self, token: Token, _why: Cancel) {
        // The handler goes on by itself; `Request::isAwaited()` tells it that nobody waits.
        if let Some(suspended) = self.suspended.borrow_mut().get_mut(token) {
            suspended.awaited = false;
            if let Some(give_up) = &suspended.give_up {
                give_up.notify_one();
            }
        }
    }

    fn close(&self, producer: Rc<Callable>) {
        let known = producer.close.zip(self.me.upgrade());
        let Some((close, guest)) = known.filter(|_| !self.lost.get()) else {
            return;
        };
        Running::begin(guest, Purpose::End(producer), close);
    }
}
