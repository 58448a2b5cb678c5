//! Ruby as a guest of the bridge: gives a handler its arguments, runs it in a fiber, answers for it when it ends later. The
//! producer of a stream is called in the same way, in a fiber of its own.

use crate::decode::Layout;
use crate::hook;
use crate::interpreter::{NIL, Raised, bytes, id, protect, send, string};
use crate::numbers::Numbers;
use crate::reactor::Reactor;
use crate::roots::Kept;
use crate::value;
use rb_sys::{ID, VALUE, rb_fiber_resume, rb_hash_aset, rb_hash_new, rb_id2sym};
use spikard::{Cancel, Held, Passage, Problem, Verdict};
use spikard_bridge::{
    Call, Completion, Facts, Guest, GuestStream, Kept as KeptRequest, Outcome, Token,
};
use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::{Rc, Weak};

/// The package's part of a call.
pub(crate) struct Host {
    /// `Spikard::Bridge`.
    pub(crate) object: Kept,
    /// `Spikard::Reply`.
    pub(crate) reply_class: Kept,
    pub(crate) names: Names,
}

/// Methods of the package.
pub(crate) struct Names {
    pub(crate) parts: ID,
    pub(crate) plain: ID,
    pub(crate) written: ID,
    pub(crate) failure: ID,
    pub(crate) passing: ID,
    producer: ID,
    worker: ID,
    cancel: ID,
    shows_where: ID,
    /// `:body`, a Symbol that is never collected.
    body: VALUE,
}

impl Host {
    pub(crate) fn new(object: VALUE, reply_class: VALUE) -> Self {
        Self {
            object: Kept::new(object),
            reply_class: Kept::new(reply_class),
            names: Names {
                parts: id("parts"),
                plain: id("plain"),
                written: id("@spikard_written"),
                failure: id("failure"),
                passing: id("passing"),
                producer: id("producer"),
                worker: id("worker"),
                cancel: id("cancel"),
                shows_where: id("shows_where"),
                // SAFETY: with Ruby's lock.
                body: unsafe { rb_id2sym(id("body")) },
            },
        }
    }
}

/// A handler as the bridge keeps it.
pub(crate) struct Callable {
    /// Takes the values by name, the request's head and its body; see `route.rb`.
    pub(crate) function: Kept,
    pub(crate) wanted: Vec<Wanted>,
    pub(crate) wants_head: bool,
    pub(crate) wants_body: bool,
    /// The body's bytes beside what was built of them.
    pub(crate) wants_both: bool,
    /// What a body is built as while it is checked.
    pub(crate) layout: Option<Layout>,
    pub(crate) facts: Rc<Facts>,
    /// It gives the chunks of a stream, one a call, in this fiber.
    pub(crate) producer: Option<Producer>,
}

/// The number of a fiber that is there for one stream, until it is dropped.
pub(crate) struct Producer(u64);

impl Drop for Producer {
    fn drop(&mut self) {
        let gone = workers(|workers| workers.remove(self.0));
        drop(gone);
    }
}

/// A parameter that the handler asks for.
pub(crate) struct Wanted {
    /// Its Symbol.
    pub(crate) name: Kept,
    /// Place of its value among a call's.
    pub(crate) at: usize,
    /// Given as nil where nothing was sent: the handler has no default of its own.
    pub(crate) always: bool,
}

/// The Ruby side of one app.
pub(crate) struct RubyGuest {
    pub(crate) host: Host,
    completion: Completion,
    me: Weak<Self>,
}

/// A fiber for handlers or of a stream, and the call that it is busy with.
struct Worker {
    fiber: Kept,
    busy: Option<Busy>,
    /// For any handler, again and again.
    pooled: bool,
}

struct Busy {
    guest: Rc<RubyGuest>,
    facts: Rc<Facts>,
    /// Of a hook: what it looks at.
    hook: Option<Rc<Passage>>,
    /// Once the handler has suspended.
    token: Option<Token>,
    /// Once it has ended, if that was before it suspended.
    verdict: Option<Verdict>,
}

/// The fibers of this thread, shared by its apps.
#[derive(Default)]
struct Workers {
    all: Numbers<Worker>,
    idle: Vec<u64>,
    suspended: HashMap<Token, u64>,
}

/// Idle fibers that are kept; each has a stack of its own.
const IDLE: usize = 256;

/// What the language offers instead of holding the loop.
const ADVICE: &str =
    "give the route blocking: true, or wait in ways that Ruby's Fiber::Scheduler knows";

thread_local! {
    static WORKERS: RefCell<Workers> = RefCell::default();
}

fn workers<R>(look: impl FnOnce(&mut Workers) -> R) -> R {
    WORKERS.with_borrow_mut(look)
}

/// The fibers of another thread, which can be resumed no more.
pub(crate) fn forget_workers() {
    let gone = workers(std::mem::take);
    drop(gone);
}

impl Workers {
    /// A fiber has come to the end of a call; what is given has to be dropped outside.
    fn release(&mut self, number: u64) -> Option<Worker> {
        match self.all.get(number)?.pooled {
            true if self.idle.len() < IDLE => self.idle.push(number),
            true => return self.remove(number),
            false => {}
        }
        None
    }

    fn remove(&mut self, number: u64) -> Option<Worker> {
        let gone = self.all.take(number)?;
        if let Some(token) = gone.busy.as_ref().and_then(|busy| busy.token) {
            self.suspended.remove(&token);
        }
        Some(gone)
    }
}

/// What a handler or a hook has returned (`failed`: raised), told by its fiber.
pub(crate) fn finish(number: u64, result: VALUE, failed: bool) {
    let known = workers(|workers| {
        let busy = workers.all.get(number)?.busy.as_ref()?;
        let hook = busy.hook.as_ref().map(Rc::clone);
        let of = (Rc::clone(&busy.guest), Rc::clone(&busy.facts));
        Some((of, hook, busy.token))
    });
    let Some(((guest, facts), hook, token)) = known else {
        return;
    };
    let awaited = token.is_none_or(|token| guest.completion.waits(token));
    let verdict = match (failed, hook) {
        (true, _) => Some(Err(guest.failed(Raised {
            state: crate::interpreter::RAISE,
            value: result,
        }))),
        (false, None) => Some(value::reply(&guest, &facts, result)),
        (false, Some(passage)) if awaited => hook::verdict(&guest, &facts, &passage, result),
        // Its request has gone on without it: there is nothing to edit and nobody to answer.
        (false, Some(_)) => None,
    };
    let ended = workers(|workers| {
        let worker = workers.all.get(number)?;
        let busy = worker.busy.as_mut()?;
        let Some(token) = busy.token else {
            busy.verdict = Some(verdict);
            return None;
        };
        let busy = worker.busy.take()?;
        workers.suspended.remove(&token);
        // The fiber is still on its way to `Fiber.yield`; nobody takes it before it is there.
        let gone = workers.release(number);
        Some((busy, token, verdict, gone))
    });
    if let Some((busy, token, verdict, gone)) = ended {
        match verdict {
            Some(reply) => busy.guest.completion.complete(token, reply),
            None => busy.guest.completion.pass(token),
        };
        drop(gone);
    }
}

impl RubyGuest {
    pub(crate) fn new(host: Host, completion: &Completion) -> Rc<Self> {
        Rc::new_cyclic(|me| Self {
            host,
            completion: completion.clone(),
            me: Weak::clone(me),
        })
    }

    fn me(&self) -> Rc<Self> {
        let me = self.me.upgrade();
        me.expect("invariant: a method of it runs")
    }

    /// A fiber that the package makes.
    fn fiber(&self, name: ID, arguments: &[VALUE], pooled: bool) -> Result<u64, Raised> {
        let object = self.host.object.get();
        let fiber = Kept::new(protect(|| send(object, name, arguments))?);
        let busy = None;
        Ok(workers(|workers| {
            workers.all.add(Worker {
                fiber,
                busy,
                pooled,
            })
        }))
    }

    /// One that is idle and takes any handler.
    fn idle(&self) -> Result<u64, Raised> {
        match workers(|workers| workers.idle.pop()) {
            Some(number) => Ok(number),
            None => self.fiber(self.host.names.worker, &[], true),
        }
    }

    /// A body of the chunks that an Enumerator gives.
    pub(crate) fn stream(&self, facts: &Facts, source: VALUE) -> Result<GuestStream<Self>, Raised> {
        let number = self.fiber(self.host.names.producer, &[source], false)?;
        let producer = Callable {
            function: Kept::new(NIL),
            wanted: Vec::new(),
            wants_head: false,
            wants_body: false,
            wants_both: false,
            layout: None,
            facts: Rc::new(facts.of_stream()),
            producer: Some(Producer(number)),
        };
        Ok(GuestStream::new(
            self.me(),
            producer,
            self.completion.clone(),
        ))
    }

    /// What was raised as a problem, or as what leaves the loop.
    fn failed(&self, raised: Raised) -> Problem {
        if let Some(reactor) = Reactor::current().filter(|_| raised.leaves()) {
            reactor.leave(raised);
        }
        self.host.told(raised)
    }

    /// Ends, between two turns, what runs in a fiber: this may be the middle of one.
    fn end(&self, why: &'static str, fiber: impl FnOnce() -> Option<VALUE> + 'static) {
        let Some(reactor) = Reactor::current() else {
            return;
        };
        let (guest, told) = (self.me(), Rc::clone(&reactor));
        reactor.later(move || {
            let Some(fiber) = fiber() else { return };
            let (object, name) = (guest.host.object.get(), guest.host.names.cancel);
            let ended = protect(|| send(object, name, &[fiber, string(why.as_bytes())]));
            if let Err(raised) = ended {
                told.failed(raised);
            }
        });
    }

    fn try_call(&self, callable: &Callable, call: &Call<'_>) -> Result<Outcome, Raised> {
        let mut built = None;
        if let Some(schema) = call.unvalidated() {
            let layout = callable.layout.as_ref();
            built = layout.and_then(|layout| layout.build(schema, call.request().body));
            if built.is_none() {
                return Ok(Outcome::Refused);
            }
        }
        let passage = call.request().passage;
        let passing = passage.map(|passage| hook::shared(self, passage));
        let passing = passing.transpose()?.unwrap_or(NIL);
        let number = match &callable.producer {
            Some(producer) => producer.0,
            None => self.idle()?,
        };
        let busy = Busy {
            guest: self.me(),
            facts: Rc::clone(&callable.facts),
            hook: call.hook().map(|(_, passage)| Rc::clone(passage)),
            token: None,
            verdict: None,
        };
        let fiber = workers(|workers| {
            let worker = workers.all.get(number)?;
            worker.busy = Some(busy);
            Some(worker.fiber.get())
        });
        let fiber = fiber.expect("invariant: a fiber that was taken is there");
        let text = match callable.wants_head {
            true => KeptRequest::head_now(call),
            false => Vec::new(),
        };
        let text = &text[..];
        let wants_body = match built {
            Some(_) => callable.wants_both,
            None => callable.wants_body,
        };
        let body = Some(call.request().body).filter(|body| wants_body && !body.is_empty());
        let body_name = self.host.names.body;
        let function = callable.function.get();
        let held = Held::begin();
        let resumed = protect(|| {
            // SAFETY: with Ruby's lock, under protect.
            let values = unsafe { rb_hash_new() };
            for wanted in &callable.wanted {
                let value = call.arguments().get(wanted.at).and_then(value::of_argument);
                if value.is_some() || wanted.always {
                    // SAFETY: as above.
                    unsafe { rb_hash_aset(values, wanted.name.get(), value.unwrap_or(NIL)) };
                }
            }
            if let Some(built) = built {
                // SAFETY: as above.
                unsafe { rb_hash_aset(values, body_name, built) };
            }
            let head = match text.is_empty() {
                true => NIL,
                false => bytes(text),
            };
            let body = body.map_or(NIL, bytes);
            let arguments = [
                crate::interpreter::fixnum(number as usize),
                function,
                values,
                head,
                body,
                passing,
            ];
            // SAFETY: as above; the fiber is idle.
            unsafe { rb_fiber_resume(fiber, 6, arguments.as_ptr()) }
        });
        let (name, request_id) = (&callable.facts.name, call.request().request_id);
        let lent = |held| Reactor::current().map_or(0, |reactor| reactor.lent(held));
        held.end_beside(lent, name, request_id, ADVICE);
        if let Err(raised) = resumed {
            // The fiber rescues whatever a handler raises; this is a jump that is no exception, and the fiber has ended.
            let gone = workers(|workers| workers.remove(number));
            drop(gone);
            return Err(raised);
        }
        let token = call.suspend();
        let ended = workers(|workers| {
            let worker = workers.all.get(number)?;
            let busy = worker.busy.as_mut()?;
            let Some(verdict) = busy.verdict.take() else {
                busy.token = Some(token);
                workers.suspended.insert(token, number);
                return None;
            };
            let busy = worker.busy.take();
            Some((verdict, busy, workers.release(number)))
        });
        Ok(match ended {
            Some((Some(reply), ..)) => Outcome::Done(reply),
            Some((None, ..)) => Outcome::Passed,
            None => Outcome::Pending,
        })
    }
}

impl Guest for RubyGuest {
    type Callable = Callable;

    fn call(&self, callable: &Callable, call: &Call<'_>) -> Outcome {
        self.try_call(callable, call)
            .unwrap_or_else(|raised| Outcome::Done(Err(self.failed(raised))))
    }

    fn shows_where(&self) -> Option<i32> {
        let (bridge, name) = (self.host.object.get(), self.host.names.shows_where);
        protect(|| send(bridge, name, &[]))
            .ok()
            .map(|_| libc::SIGQUIT)
    }

    fn cancel(&self, token: Token, why: Cancel) {
        let why = match why {
            // Its handler runs to its end, and what it answers is dropped; a stream is closed.
            Cancel::ClientGone => return,
            Cancel::Deadline => "the handler took too long",
            Cancel::Shutdown => "the server stops",
        };
        self.end(why, move || {
            workers(|workers| {
                let number = *workers.suspended.get(&token)?;
                Some(workers.all.get(number)?.fiber.get())
            })
        });
    }

    fn close(&self, producer: Callable) {
        self.end("the client left", move || {
            let number = producer.producer.as_ref()?.0;
            let gone = workers(|workers| workers.remove(number))?;
            Some(gone.fiber.get())
        });
    }
}
