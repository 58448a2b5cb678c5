//! JavaScript as a guest of the bridge: gives a handler its arguments, calls it, answers for it when it ends later.

use crate::error::internal;
use crate::interpreter::{Env, Reference, Value};
use crate::reactor::Reactor;
use crate::request::{Running, body_of_running, head_of_running, of_running, passage_of_running};
use crate::{door, ending};
use crate::{hook, stack, value};
use spikard::contract::Argument;
use spikard::{Cancel, Held, Passage, Problem, Verdict};
use spikard_bridge::{Call, Calls, Completion, Facts, Guest, GuestStream, Kept, Outcome, Token};
use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::{Rc, Weak};

/// What a handler wants of the body.
#[derive(Clone, Copy)]
pub(crate) enum Content {
    Nothing,
    /// A string, for `JSON.parse`.
    Text,
    /// A `Buffer`.
    Bytes,
}

/// A handler as the bridge keeps it.
pub(crate) struct Callable {
    /// Takes a call's number, the body and one value per parameter; see `bridge.ts`.
    pub(crate) function: Reference,
    pub(crate) content: Content,
    pub(crate) facts: Rc<Facts>,
    pub(crate) habit: Habit,
    /// Of a producer: what ends it.
    pub(crate) close: Option<Reference>,
}

impl Callable {
    /// Of a producer that a handler gave (`Producer` of `stream.ts`).
    fn of_stream(env: Env, producer: Value, facts: &Facts) -> Self {
        Self {
            function: env.reference(env.named(producer, c"pull")),
            content: Content::Nothing,
            facts: Rc::new(facts.of_stream()),
            habit: Habit::default(),
            close: Some(env.reference(env.named(producer, c"close"))),
        }
    }
}

/// Whether it is worth while to run the microtasks at once when a handler has returned a promise: they cost a fifth of a
/// small request, which those of a handler that has to wait for something spend in vain. Such a handler is tried again after 1,
/// 3, 7, then every 15 calls.
#[derive(Default)]
pub(crate) struct Habit {
    /// Calls that are not looked at, after the last look in vain.
    pause: Cell<u8>,
    left: Cell<u8>,
}

impl Habit {
    fn looks(&self) -> bool {
        let left = self.left.get();
        self.left.set(left.saturating_sub(1));
        left == 0
    }

    fn settled(&self) {
        self.pause.set(0);
    }

    fn looked_in_vain(&self) {
        self.pause.set((self.pause.get() * 2 + 1).min(15));
        self.left.set(self.pause.get());
    }
}

/// For a handler that holds the loop.
const ADVICE: &str = "await what waits, or compute in a worker thread";

/// The JavaScript side of one app.
pub(crate) struct NodeGuest {
    env: Env,
    /// Is told the number of a call that is given up, and why.
    cancel: Reference,
    /// Stands in the place of a list among the arguments of a handler.
    list: Reference,
    completion: Completion,
    suspended: RefCell<Calls<Suspended>>,
    /// The arguments of a call, between calls empty.
    arguments: Cell<Vec<Value>>,
    me: Weak<Self>,
}

/// A call whose handler has not ended.
struct Suspended {
    facts: Rc<Facts>,
    request: Kept,
    /// Somebody waits for the answer.
    awaited: bool,
}

/// Bits of a token's slot in the number that JavaScript has: with a generation they make up the 53 that it keeps exactly.
const SLOT_BITS: u32 = 21;

/// A token as JavaScript keeps it; `None` when there are more calls at once than fit.
fn number(token: Token) -> Option<f64> {
    let slot = (token.slot < 1 << SLOT_BITS).then_some(token.slot)?;
    Some((u64::from(token.generation) << SLOT_BITS | u64::from(slot)) as f64)
}

fn token(number: f64) -> Token {
    let bits = number as u64;
    Token {
        slot: (bits & ((1 << SLOT_BITS) - 1)) as u32,
        generation: (bits >> SLOT_BITS) as u32,
    }
}

/// The items of a list that is short enough to be passed one by one.
fn short_list<'a, 'r>(argument: &'a Argument<'r>) -> Option<&'a [Argument<'r>]> {
    match argument {
        Argument::List(items) if items.len() <= 32 => Some(items),
        _ => None,
    }
}

impl NodeGuest {
    pub(crate) fn new(
        env: Env,
        cancel: Reference,
        list: Reference,
        completion: &Completion,
    ) -> Rc<Self> {
        Rc::new_cyclic(|me| Self {
            env,
            cancel,
            list,
            completion: completion.clone(),
            suspended: RefCell::default(),
            arguments: Cell::default(),
            me: Weak::clone(me),
        })
    }

    /// The answer of a handler or hook that gives it at once.
    fn try_call(&self, callable: &Callable, call: &Call<'_>, id: f64) -> Option<Verdict> {
        let env = self.env;
        let body = call.request().body;
        let content = match callable.content {
            _ if body.is_empty() => env.undefined(),
            Content::Nothing => env.undefined(),
            Content::Text => env.string(body),
            Content::Bytes => env.buffer(body),
        };
        // Taken, so that a call inside of this one finds an empty one.
        let mut arguments = self.arguments.take();
        match call.hook() {
            None => {
                arguments.extend([env.number(id), content]);
                self.append(&mut arguments, call.arguments());
            }
            Some((moment, passage)) => hook::append(env, &mut arguments, id, moment, passage),
        }
        let result = env.call(&callable.function, &arguments);
        arguments.clear();
        self.arguments.set(arguments);
        match result {
            Ok(result) => self.answer(&callable.facts, call.request().passage, result),
            Err(_) if ending::is_near() => Some(Some(Err(internal(
                "the handler has ended the process".to_owned(),
            )))),
            // The package catches what handlers throw; this is its own failure, or a thread that was terminated.
            Err(thrown) => Some(Some(Err(internal(match env.text(thrown) {
                Some(_) => env.to_string(thrown),
                None => "JavaScript was ended while the handler ran".to_owned(),
            })))),
        }
    }

    /// What the package made of a handler's result; `None` when it comes later.
    fn answer(
        &self,
        facts: &Facts,
        passage: Option<&Rc<Passage>>,
        result: Value,
    ) -> Option<Verdict> {
        door::pass("answer");
        let passage = passage.map(Rc::as_ref);
        value::answer(self.env, facts, passage, result, &|producer| {
            let guest = self.me.upgrade();
            let guest = guest.expect("invariant: a method of it runs");
            let producer = Callable::of_stream(self.env, producer, facts);
            GuestStream::new(guest, producer, self.completion.clone())
        })
    }

    /// Where JavaScript calls us: no shield of the core's stands around it.
    fn shielded(
        &self,
        facts: &Facts,
        passage: Option<&Rc<Passage>>,
        result: Value,
    ) -> Option<Verdict> {
        let answer = || self.answer(facts, passage, result);
        catch_unwind(AssertUnwindSafe(answer))
            .unwrap_or_else(|_| Some(Some(Err(internal("the binding panicked".to_owned())))))
    }

    fn suspend(&self, callable: &Callable, call: &Call<'_>, token: Token) -> Outcome {
        let suspended = Suspended {
            facts: Rc::clone(&callable.facts),
            request: Kept::of(call),
            awaited: true,
        };
        self.suspended.borrow_mut().insert(token, suspended);
        Outcome::Pending
    }

    /// One value for each parameter. The items of short lists follow them all, because JavaScript makes a list of them in a
    /// fraction of the time that N-API does; more than a few would need much of its stack.
    fn append(&self, values: &mut Vec<Value>, arguments: &[Argument<'_>]) {
        let env = self.env;
        values.extend(arguments.iter().map(|argument| match short_list(argument) {
            Some(_) => env.value(&self.list),
            None => value::of_argument(env, argument),
        }));
        for items in arguments.iter().filter_map(short_list) {
            values.push(env.number(items.len() as f64));
            values.extend(items.iter().map(|item| value::of_argument(env, item)));
        }
    }

    /// The answer of a call that had suspended. A second one finds nothing.
    pub(crate) fn reply(&self, id: f64, result: Value) {
        let token = token(id);
        let Some(suspended) = self.suspended.borrow_mut().remove(token) else {
            of_running(token, |running| self.settle(running, result));
            return;
        };
        // Made also when nobody waits for it: a stream is then closed.
        let answer = self.shielded(&suspended.facts, suspended.request.passage(), result);
        if suspended.awaited {
            let nothing = || {
                Some(Err(internal(
                    "the package answered with nothing".to_owned(),
                )))
            };
            match answer.unwrap_or_else(nothing) {
                Some(reply) => self.completion.complete(token, reply),
                None => self.completion.pass(token),
            };
        }
    }

    /// The answer of the call that runs, by a microtask after its handler.
    fn settle(&self, running: &Running<'_, '_>, result: Value) {
        let passage = running.call.request().passage;
        let answer = self.shielded(running.facts, passage, result);
        running.answer.set(answer);
        Running::over();
    }

    /// The request of a call that has not been answered.
    pub(crate) fn head(&self, id: f64) -> Option<Value> {
        let (env, token) = (self.env, token(id));
        head_of_running(env, token).or_else(|| {
            let suspended = self.suspended.borrow();
            Some(env.latin1(&suspended.get(token)?.request.head()))
        })
    }

    /// Its body as it came.
    pub(crate) fn body(&self, id: f64) -> Option<Value> {
        let (env, token) = (self.env, token(id));
        body_of_running(env, token).or_else(|| {
            let suspended = self.suspended.borrow();
            Some(suspended.get(token)?.request.body(|body| env.buffer(body)))
        })
    }

    /// The passage of a call that has not been answered, where hooks look at its request.
    pub(crate) fn passage(&self, id: f64) -> Option<Rc<Passage>> {
        let token = token(id);
        passage_of_running(token).or_else(|| {
            let suspended = self.suspended.borrow();
            suspended.get(token)?.request.passage().cloned()
        })
    }

    /// The process ends: nobody will answer the calls that have suspended.
    pub(crate) fn give_up(&self) {
        for (token, _) in self.suspended.take() {
            let ends = Problem::unavailable("the process ends");
            self.completion.complete(token, Err(ends));
        }
    }

    /// Somebody still waits for the answer.
    pub(crate) fn is_awaited(&self, id: f64) -> bool {
        let token = token(id);
        let suspended = self.suspended.borrow();
        suspended.get(token).is_some_and(|call| call.awaited) || of_running(token, |_| ()).is_some()
    }
}

impl Guest for NodeGuest {
    type Callable = Callable;

    fn call(&self, callable: &Callable, call: &Call<'_>) -> Outcome {
        if ending::is_near() {
            return Outcome::Done(Err(Problem::unavailable("the process ends")));
        }
        let token = call.suspend();
        let Some(id) = number(token) else {
            return Outcome::Done(Err(Problem::unavailable("too many calls at once")));
        };
        let (facts, looks) = (&callable.facts, callable.habit.looks());
        let (at_once, settled) = Running::enter(token, call, facts, || {
            let held = Held::begin();
            let at_once = self.env.scoped(|| self.try_call(callable, call, id));
            if at_once.is_none() && looks {
                // What has happened already is then known: a promise that is settled answers as if it were its value.
                self.env.entered(|| ());
            }
            held.end(&facts.name, call.request().request_id, ADVICE);
            at_once
        });
        if settled.is_some() {
            callable.habit.settled();
        }
        match at_once.or(settled) {
            Some(Some(reply)) => Outcome::Done(reply),
            Some(None) => Outcome::Passed,
            None => {
                if looks {
                    callable.habit.looked_in_vain();
                }
                self.suspend(callable, call, token)
            }
        }
    }

    fn close(&self, producer: Callable) {
        let open = Reactor::current().is_some_and(|reactor| reactor.is_open());
        if let Some(close) = producer.close.as_ref().filter(|_| open) {
            // It throws nothing.
            let _ = self.env.entered(|| self.env.call(close, &[]).is_ok());
        }
    }

    fn shows_where(&self) -> Option<i32> {
        stack::shown_by(self.env)
    }

    fn cancel(&self, token: Token, why: Cancel) {
        let open = Reactor::current().is_some_and(|reactor| reactor.is_open());
        let known = match self.suspended.borrow_mut().get_mut(token) {
            Some(suspended) => std::mem::replace(&mut suspended.awaited, false),
            None => false,
        };
        if let Some(id) = number(token).filter(|_| open && known) {
            let why = match why {
                Cancel::ClientGone => "the client left",
                Cancel::Deadline => "the handler took too long",
                Cancel::Shutdown => "the server stops",
            };
            let env = self.env;
            // What an abort listener throws is reported by Node itself.
            let _ = env.entered(|| {
                let arguments = [env.number(id), env.string(why.as_bytes())];
                env.call(&self.cancel, &arguments).is_ok()
            });
        }
    }
}
