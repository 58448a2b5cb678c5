//! `App`: a frozen app, served on this thread's loop or called in process. Decides nothing about a request.

use crate::decode::Layout;
use crate::error::failure;
use crate::guest::{Callable, Host, RubyGuest, Wanted};
use crate::interpreter::{NIL, bytes, protect};
use crate::reactor::Reactor;
use crate::roots::Kept;
use magnus::rb_sys::{AsRawValue as _, FromRawValue as _};
use magnus::{Error, RArray, RString, Symbol, Value};
use spikard::Frozen;
use spikard::server::{Life, Listen, announce_ready, check_tls, exchange, serve};
use spikard_bridge::{Completion, Facts};
use std::cell::{Cell, RefCell};
use std::mem::ManuallyDrop;
use std::rc::Rc;
use std::thread::ThreadId;

/// A frozen app; of the thread that froze it.
#[magnus::wrap(class = "Spikard::Native::App", free_immediately)]
pub(crate) struct App {
    owner: ThreadId,
    inside: ManuallyDrop<Inside>,
}

struct Inside {
    frozen: Rc<Frozen>,
    /// Of the serving that began last.
    life: RefCell<Rc<Life>>,
}

// SAFETY: `inside` is given to the thread that made it and to no other; see `Drop`.
unsafe impl Send for App {}

impl Drop for App {
    fn drop(&mut self) {
        // The collector runs on whichever thread asked for memory. What belongs to another one is left to the system.
        if self.owner == std::thread::current().id() {
            // SAFETY: dropped once, by its owner.
            unsafe { ManuallyDrop::drop(&mut self.inside) };
        }
    }
}

impl App {
    /// `spec` is the AppSpec as JSON text. A handler is `[function, names, wants_head, wants_body, wants_both, layout]`, where names
    /// are `[symbol, index, always]` and layout is what a body is built as. Raises with all mistakes at once, one per line.
    pub(crate) fn new(
        spec: String,
        handlers: RArray,
        object: Value,
        reply_class: Value,
    ) -> Result<Self, Error> {
        let parsed = spikard_bridge::parse(&spec).map_err(failure)?;
        let facts = Facts::all(&parsed, handlers.len());
        let mut callables = Vec::new();
        for (index, facts) in facts.into_iter().enumerate() {
            let facts =
                facts.ok_or_else(|| failure(format!("handler {index} belongs to no route")))?;
            let parts = handlers.entry::<RArray>(index as isize)?;
            let names = parts.entry::<RArray>(1)?;
            let mut wanted = Vec::new();
            for index in 0..names.len() {
                let name = names.entry::<RArray>(index as isize)?;
                wanted.push(Wanted {
                    name: Kept::new(name.entry::<Symbol>(0)?.as_raw()),
                    at: name.entry(1)?,
                    always: name.entry(2)?,
                });
            }
            callables.push(Callable {
                function: Kept::new(parts.entry::<Value>(0)?.as_raw()),
                wanted,
                wants_head: parts.entry(2)?,
                wants_body: parts.entry(3)?,
                wants_both: parts.entry(4)?,
                layout: Layout::of(parts.entry::<Value>(5)?.as_raw()),
                facts: Rc::new(facts),
                producer: None,
            });
        }
        let completion = Completion::default();
        let host = Host::new(object.as_raw(), reply_class.as_raw());
        let guest = RubyGuest::new(host, &completion);
        let frozen =
            spikard_bridge::build(&spec, callables, &guest, &completion).map_err(failure)?;
        Ok(Self {
            owner: std::thread::current().id(),
            inside: ManuallyDrop::new(Inside {
                frozen,
                life: RefCell::new(Life::new()),
            }),
        })
    }

    fn inside(&self) -> Result<&Inside, Error> {
        match self.owner == std::thread::current().id() {
            true => Ok(&self.inside),
            false => Err(failure(
                "this app belongs to the thread that froze it (by serving it or by a test client); use it there",
            )),
        }
    }

    /// The OpenAPI document as JSON text.
    pub(crate) fn openapi(&self) -> Result<String, Error> {
        Ok(String::from_utf8_lossy(self.inside()?.frozen.openapi()).into_owned())
    }

    /// The routes as a JSON list: method, path, handler's name and place.
    pub(crate) fn routes(&self) -> Result<String, Error> {
        serde_json::to_string(self.inside()?.frozen.routes()).map_err(failure)
    }

    /// Serves on this thread until it was drained: the inherited socket of `SPIKARD_FD`, else `host` and `port`, which
    /// default to `SPIKARD_HOST` and `SPIKARD_PORT`. Calls `ready` with the port.
    pub(crate) fn serve(
        &self,
        host: Option<String>,
        port: Option<u16>,
        ready: Value,
    ) -> Result<(), Error> {
        let inside = self.inside()?;
        let reactor = Reactor::here()?;
        let listen = Listen::asked(host, port).map_err(failure)?;
        check_tls(inside.frozen.config()).map_err(failure)?;
        let _served = Turned::enter(&reactor)?;
        // The socket belongs to the runtime, so it is opened inside.
        let life = Life::new();
        inside.life.replace(Rc::clone(&life));
        let opened = listen.open().map_err(failure)?;
        let port = opened.local_addr().map_or(0, |address| address.port());
        let outcome = Rc::new(RefCell::new(None));
        let (told, frozen) = (Rc::clone(&outcome), Rc::clone(&inside.frozen));
        reactor.spawn(async move {
            let served = serve(frozen, opened, life).await;
            told.replace(Some(served));
        });
        announce_ready();
        let _: Value = magnus::value::ReprValue::funcall(ready, "call", (port,))?;
        let left = reactor.run(|| outcome.borrow().is_some());
        if let Err(raised) = left {
            reactor.left(); // a jump that is no exception passes the guard
            return Err(raised.go_on());
        }
        match outcome.take() {
            Some(Err(error)) => Err(failure(error)),
            _ => Ok(()),
        }
    }

    /// Readiness false, stop accepting, finish what is open, then `serve` returns. Told again after a turn of the loop, it
    /// ends at once. How often it was told since the loop last turned: more than once while a handler holds the loop.
    pub(crate) fn drain(&self) -> Result<u32, Error> {
        let life = Rc::clone(&self.inside()?.life.borrow());
        let unheard = Reactor::here()?.signalled();
        if life.is_draining() && unheard == 1 {
            life.end();
        }
        life.drain();
        Ok(unheard)
    }

    /// Bytes as a client would write them, whatever they are; every byte of the answer.
    pub(crate) fn exchange(&self, message: RString) -> Result<Value, Error> {
        let inside = self.inside()?;
        let reactor = Reactor::here()?;
        let _turned = Turned::enter(&reactor)?;
        // SAFETY: copied before Ruby runs again.
        let message = unsafe { message.as_slice() }.to_vec();
        let (answer, done) = (Rc::new(RefCell::new(Vec::new())), Rc::new(Cell::new(false)));
        let (told, ended) = (Rc::clone(&answer), Rc::clone(&done));
        let talk = exchange(Rc::clone(&inside.frozen), message);
        reactor.spawn(async move {
            told.replace(talk.await);
            ended.set(true);
        });
        if let Err(raised) = reactor.run(|| done.get()) {
            reactor.left(); // as above
            return Err(raised.go_on());
        }
        let answer = answer.take();
        let text = &answer[..];
        let made = protect(|| bytes(text)).unwrap_or(NIL);
        // SAFETY: a value that was just made.
        Ok(unsafe { Value::from_raw(made) })
    }
}

/// The loop runs, until it is dropped.
struct Turned;

impl Turned {
    fn enter(reactor: &Reactor) -> Result<Self, Error> {
        reactor.enter()?;
        Ok(Self)
    }
}

impl Drop for Turned {
    fn drop(&mut self) {
        if let Some(reactor) = Reactor::current() {
            reactor.left();
        }
    }
}
