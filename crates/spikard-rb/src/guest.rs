//! Ruby as a guest of the bridge: gives a handler its arguments, runs it in a fiber, answers for it when it ends later.

use crate::decode::Layout;
use crate::interpreter::{Raised, bytes, id, protect, send};
use crate::reactor::Reactor;
use crate::request::head;
use crate::roots::Kept;
use crate::value;
use rb_sys::{ID, VALUE, rb_fiber_resume, rb_hash_aset, rb_hash_new, rb_id2sym};
use spikard::{Cancel, Problem, Reply};
use spikard_bridge::{Call, Completion, Facts, Guest, Outcome, Token};
use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

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
    pub(crate) producer: ID,
    worker: ID,
    pub(crate) cancel: ID,
    shows_where: ID,
    /// `:body`, a Symbol that is never collected.
    body: VALUE,
}

impl Host {
    pub(crate) fn new(object: VALUE, reply_class: VALUE) -> Rc<Self> {
        Rc::new(Self {
            object: Kept::new(object),
            reply_class: Kept::new(reply_class),
            names: Names {
                parts: id("parts"),
                plain: id("plain"),
                written: id("@spikard_written"),
                failure: id("failure"),
                producer: id("producer"),
                worker: id("worker"),
                cancel: id("cancel"),
                shows_where: id("shows_where"),
                // SAFETY: with Ruby's lock.
                body: unsafe { rb_id2sym(id("body")) },
            },
        })
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
    host: Rc<Host>,
    completion: Completion,
}

/// A fiber for handlers, and the call that it is busy with.
struct Worker {
    fiber: Kept,
    busy: Option<Busy>,
}

struct Busy {
    host: Rc<Host>,
    facts: Rc<Facts>,
    completion: Completion,
    /// Once the handler has suspended.
    token: Option<Token>,
    /// Once it has ended, if that was before it suspended.
    reply: Option<Reply>,
}

/// The fibers of this thread, shared by its apps.
#[derive(Default)]
struct Workers {
    all: Vec<Option<Worker>>,
    idle: Vec<usize>,
    vacant: Vec<usize>,
    suspended: HashMap<Token, usize>,
}

/// Idle fibers that are kept; each has a stack of its own.
const IDLE: usize = 256;

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
    fn release(&mut self, number: usize) -> Option<Worker> {
        if self.idle.len() < IDLE {
            self.idle.push(number);
            return None;
        }
        self.remove(number)
    }

    fn remove(&mut self, number: usize) -> Option<Worker> {
        self.vacant.push(number);
        self.all[number].take()
    }
}

/// A worker that is idle, by its number.
fn take_worker(host: &Host) -> Result<usize, Raised> {
    if let Some(number) = workers(|workers| workers.idle.pop()) {
        return Ok(number);
    }
    let (object, name) = (host.object.get(), host.names.worker);
    let fiber = protect(|| send(object, name, &[]))?;
    let worker = Worker {
        fiber: Kept::new(fiber),
        busy: None,
    };
    Ok(workers(|workers| {
        let number = workers.vacant.pop().unwrap_or_else(|| {
            workers.all.push(None);
            workers.all.len() - 1
        });
        workers.all[number] = Some(worker);
        number
    }))
}

/// What a handler has returned (`failed`: raised), told by its worker.
pub(crate) fn finish(number: usize, result: VALUE, failed: bool) {
    let known = workers(|workers| {
        let busy = workers.all.get(number)?.as_ref()?.busy.as_ref()?;
        Some((Rc::clone(&busy.host), Rc::clone(&busy.facts)))
    });
    let Some((host, facts)) = known else { return };
    let reply = match failed {
        false => value::reply(&host, &facts, result),
        true => {
            let raised = Raised {
                state: crate::interpreter::RAISE,
                value: result,
            };
            if raised.leaves()
                && let Some(reactor) = Reactor::current()
            {
                reactor.leave(raised);
            }
            Err(host.told(raised))
        }
    };
    let ended = workers(|workers| {
        let worker = workers.all[number].as_mut()?;
        let busy = worker.busy.as_mut()?;
        let Some(token) = busy.token else {
            busy.reply = Some(reply);
            return None;
        };
        let busy = worker.busy.take()?;
        workers.suspended.remove(&token);
        // Its fiber is still on its way to `Fiber.yield`; nobody takes it before it is there.
        let gone = workers.release(number);
        Some((busy, token, reply, gone))
    });
    if let Some((busy, token, reply, gone)) = ended {
        busy.completion.complete(token, reply);
        drop(gone);
    }
}

impl RubyGuest {
    pub(crate) fn new(host: Rc<Host>, completion: &Completion) -> Rc<Self> {
        Rc::new(Self {
            host,
            completion: completion.clone(),
        })
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
        let number = take_worker(&self.host)?;
        let busy = Busy {
            host: Rc::clone(&self.host),
            facts: Rc::clone(&callable.facts),
            completion: self.completion.clone(),
            token: None,
            reply: None,
        };
        let fiber = workers(|workers| {
            let worker = workers.all[number].as_mut()?;
            worker.busy = Some(busy);
            Some(worker.fiber.get())
        });
        let fiber = fiber.expect("invariant: a worker that was taken is there");
        let text = if callable.wants_head {
            head(call)
        } else {
            Vec::new()
        };
        let text = &text[..];
        let wants_body = match built {
            Some(_) => callable.wants_both,
            None => callable.wants_body,
        };
        let body = Some(call.request().body).filter(|body| wants_body && !body.is_empty());
        let body_name = self.host.names.body;
        let function = callable.function.get();
        let resumed = protect(|| {
            // SAFETY: with Ruby's lock, under protect.
            let values = unsafe { rb_hash_new() };
            for wanted in &callable.wanted {
                let value = call.arguments().get(wanted.at).and_then(value::of_argument);
                if value.is_some() || wanted.always {
                    // SAFETY: as above.
                    unsafe {
                        rb_hash_aset(
                            values,
                            wanted.name.get(),
                            value.unwrap_or(crate::interpreter::NIL),
                        )
                    };
                }
            }
            if let Some(built) = built {
                // SAFETY: as above.
                unsafe { rb_hash_aset(values, body_name, built) };
            }
            let head = if text.is_empty() {
                crate::interpreter::NIL
            } else {
                bytes(text)
            };
            let body = body.map_or(crate::interpreter::NIL, bytes);
            let arguments = [
                crate::interpreter::fixnum(number),
                function,
                values,
                head,
                body,
            ];
            // SAFETY: as above; the fiber is idle.
            unsafe { rb_fiber_resume(fiber, 5, arguments.as_ptr()) }
        });
        if let Err(raised) = resumed {
            // The worker rescues whatever a handler raises; this is a jump that is no exception, and the fiber has ended.
            let gone = workers(|workers| workers.remove(number));
            drop(gone);
            return Err(raised);
        }
        let reply = workers(|workers| workers.all[number].as_mut()?.busy.as_mut()?.reply.take());
        if let Some(reply) = reply {
            let gone = workers(|workers| {
                let busy = workers.all[number]
                    .as_mut()
                    .and_then(|worker| worker.busy.take());
                (busy, workers.release(number))
            });
            drop(gone);
            return Ok(Outcome::Done(reply));
        }
        let token = call.suspend();
        workers(|workers| {
            workers.suspended.insert(token, number);
            if let Some(busy) = workers.all[number]
                .as_mut()
                .and_then(|worker| worker.busy.as_mut())
            {
                busy.token = Some(token);
            }
        });
        Ok(Outcome::Pending)
    }
}

impl Guest for RubyGuest {
    type Callable = Callable;

    fn call(&self, callable: &Callable, call: &Call<'_>) -> Outcome {
        self.try_call(callable, call).unwrap_or_else(|raised| {
            if raised.leaves()
                && let Some(reactor) = Reactor::current()
            {
                reactor.leave(raised);
            }
            let problem: Problem = self.host.told(raised);
            Outcome::Done(Err(problem))
        })
    }

    fn shows_where(&self) -> Option<i32> {
        let (bridge, name) = (self.host.object.get(), self.host.names.shows_where);
        protect(|| send(bridge, name, &[]))
            .ok()
            .map(|_| libc::SIGQUIT)
    }

    fn cancel(&self, token: Token, why: Cancel) {
        let number = workers(|workers| workers.suspended.get(&token).copied());
        let (Some(number), Some(reactor)) = (number, Reactor::current()) else {
            return;
        };
        let why = match why {
            // Its handler runs to its end, and what it answers is dropped.
            Cancel::ClientGone => return,
            Cancel::Deadline => "the handler took too long",
            Cancel::Shutdown => "the server stops",
        };
        let (host, told) = (Rc::clone(&self.host), Rc::clone(&reactor));
        // Not here: this may be the middle of a turn.
        reactor.later(move || {
            let still = workers(|workers| {
                let worker = workers.all.get(number)?.as_ref()?;
                let same = worker.busy.as_ref()?.token == Some(token);
                same.then(|| worker.fiber.get())
            });
            if let Some(fiber) = still {
                let (object, name) = (host.object.get(), host.names.cancel);
                let cancelled = protect(|| {
                    send(
                        object,
                        name,
                        &[fiber, crate::interpreter::string(why.as_bytes())],
                    )
                });
                if let Err(raised) = cancelled {
                    told.failed(raised);
                }
            }
        });
    }
}
