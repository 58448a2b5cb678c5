//! `App`: a frozen app, served on the event loop or called in process. Decides nothing about a request.

use crate::ending;
use crate::exchange::{Exchanges, message};
use crate::guest::{Callable, Content, Habit, NodeGuest};
use crate::hook;
use crate::interpreter::{Env, Value};
use crate::reactor::Reactor;
use napi::Error;
use napi::bindgen_prelude::{
    JsObjectValue as _, JsValue as _, Object, Result, Uint8Array, Unknown,
};
use napi_derive::napi;
use spikard::Frozen;
use spikard::server::{Life, Listen, check_tls, serve};
use spikard_bridge::{Completion, Facts};
use std::cell::RefCell;
use std::rc::Rc;

fn error(message: impl ToString) -> Error {
    Error::from_reason(message.to_string())
}

/// A value that is handed back as it is.
fn back(env: napi::Env, value: Value) -> Unknown<'static> {
    // SAFETY: made in the handle scope of the current call, which outlives what it returns.
    unsafe { Unknown::from_raw_unchecked(env.raw(), value) }
}

/// A frozen app.
#[napi]
pub struct App {
    frozen: Rc<Frozen>,
    guest: Rc<NodeGuest>,
    exchanges: Rc<Exchanges>,
    /// Of the serving that began last.
    life: RefCell<Rc<Life>>,
}

#[napi]
impl App {
    /// `spec` is the AppSpec as JSON text; a handler `function`, referred to by its index, takes a call's number, the body
    /// (`content`: "nothing", "text" or "bytes") and one value per parameter; `list` stands for a short list, and for
    /// each of those the number of its items and the items follow the values. `cancel(call, why)` tells that nobody waits for
    /// a call any more. Throws with all mistakes at once, one per line.
    #[napi(constructor)]
    pub fn new(
        env: napi::Env,
        spec: String,
        handlers: Vec<Object<'_>>,
        cancel: Unknown<'_>,
        list: Object<'_>,
    ) -> Result<Self> {
        let js = Env(env.raw());
        let parsed = spikard_bridge::parse(&spec).map_err(error)?;
        let facts = Facts::all(&parsed, handlers.len());
        let callable = |(index, (handler, facts)): (usize, (&Object<'_>, Option<Facts>))| {
            let facts =
                facts.ok_or_else(|| error(format!("handler {index} belongs to no route")))?;
            let function: Unknown<'_> = handler.get_named_property("function")?;
            let content: String = handler.get_named_property("content")?;
            Ok(Callable {
                function: js.reference(function.raw()),
                content: match content.as_str() {
                    "nothing" => Content::Nothing,
                    "text" => Content::Text,
                    _ => Content::Bytes,
                },
                facts: Rc::new(facts),
                habit: Habit::default(),
                close: None,
            })
        };
        let callables = handlers
            .iter()
            .zip(facts)
            .enumerate()
            .map(callable)
            .collect::<Result<Vec<_>>>()?;
        let completion = Completion::default();
        let [cancel, list] = [cancel.raw(), list.raw()].map(|value| js.reference(value));
        let guest = NodeGuest::new(js, cancel, list, &completion);
        let frozen = spikard_bridge::build(&spec, callables, &guest, &completion).map_err(error)?;
        Ok(Self {
            frozen,
            guest,
            exchanges: Rc::default(),
            life: RefCell::new(Life::new()),
        })
    }

    /// The OpenAPI document as JSON text.
    #[napi]
    pub fn openapi(&self) -> String {
        String::from_utf8_lossy(self.frozen.openapi()).into_owned()
    }

    /// The routes as a JSON list: method, path, handler's name and place.
    #[napi]
    pub fn routes(&self) -> Result<String> {
        serde_json::to_string(self.frozen.routes()).map_err(error)
    }

    /// Serves on this thread's event loop: the inherited socket of `SPIKARD_FD`, else `host` and `port`, which default to
    /// `SPIKARD_HOST` and `SPIKARD_PORT`. Returns the port; `closed` is called when it was drained.
    #[napi]
    pub fn serve(
        &self,
        env: napi::Env,
        host: Option<String>,
        port: Option<u16>,
        closed: Unknown<'_>,
    ) -> Result<u16> {
        let js = Env(env.raw());
        let listen = Listen::asked(host, port).map_err(error)?;
        check_tls(self.frozen.config()).map_err(error)?;
        let listener = listen.open().map_err(error)?;
        // A path has none.
        let bound = listener.local_addr().map_or(0, |address| address.port());
        let reactor = Reactor::of(js).map_err(error)?;
        let (frozen, life, closed) = (
            Rc::clone(&self.frozen),
            Life::new(),
            js.reference(closed.raw()),
        );
        self.life.replace(Rc::clone(&life));
        ending::watch();
        // Draining would take in who waits at a supervisor's socket, whom the next worker serves.
        let guest = Rc::clone(&self.guest);
        let at_end: Rc<dyn Fn()> = Rc::new(move || guest.give_up());
        reactor.at_end(&at_end);
        reactor.spawn(async move {
            let result = serve(frozen, listener, life).await;
            drop(at_end);
            if ending::is_near() {
                return;
            }
            js.entered(|| {
                let failed = match &result {
                    Ok(()) => js.undefined(),
                    Err(error) => js.string(error.to_string().as_bytes()),
                };
                // It only settles a promise.
                let _ = js.call(&closed, &[failed]);
            });
        });
        Ok(bound)
    }

    /// Readiness false, stop accepting, finish what is open, then `closed` is called. A second call ends at once.
    #[napi]
    pub fn drain(&self) {
        let life = Rc::clone(&self.life.borrow());
        if life.is_draining() {
            life.end();
        }
        life.drain();
    }

    /// A function that answers a call that has suspended: it takes the call's number and what `answer.ts` makes.
    #[napi]
    pub fn replier(&self, env: napi::Env) -> Unknown<'static> {
        let (js, guest) = (Env(env.raw()), Rc::downgrade(&self.guest));
        let replier = js.function(move |call, answer| {
            if let Some(guest) = guest.upgrade() {
                guest.reply(js.to_number(call), answer);
            }
        });
        back(env, replier)
    }

    /// Somebody still waits for the answer of a call.
    #[napi]
    pub fn is_awaited(&self, call: f64) -> bool {
        self.guest.is_awaited(call)
    }

    /// Peer, method, target, request id, then names and values of the fields, one per line, bytes as Latin-1; `undefined`
    /// once the call was answered.
    #[napi]
    pub fn head(&self, env: napi::Env, call: f64) -> Unknown<'static> {
        back(
            env,
            self.guest
                .head(call)
                .unwrap_or_else(|| Env(env.raw()).undefined()),
        )
    }

    /// The body as it came; `undefined` once the call was answered.
    #[napi]
    pub fn body(&self, env: napi::Env, call: f64) -> Unknown<'static> {
        back(
            env,
            self.guest
                .body(call)
                .unwrap_or_else(|| Env(env.raw()).undefined()),
        )
    }

    /// What `share` was given for the request of a call; `undefined` where no hook looks at it, or once the call was answered.
    #[napi]
    pub fn shared(&self, env: napi::Env, call: f64) -> Unknown<'static> {
        let js = Env(env.raw());
        let shared = match self.guest.passage(call) {
            Some(passage) => hook::shared(js, &passage),
            None => js.undefined(),
        };
        back(env, shared)
    }

    /// An object for all calls of one request: `false` where no hook looks at it, or once the call was answered.
    #[napi]
    pub fn share(&self, env: napi::Env, call: f64, object: Unknown<'_>) -> bool {
        let passage = self.guest.passage(call);
        if let Some(passage) = &passage {
            hook::share(Env(env.raw()), passage, object.raw());
        }
        passage.is_some()
    }

    /// A hook edits its request (see `spikard_bridge::edit`); what is wrong with that, else nothing.
    #[napi]
    pub fn edit(&self, call: f64, what: String, name: String, value: Uint8Array) -> Option<String> {
        let passage = self.guest.passage(call);
        spikard_bridge::edit(passage.as_deref(), &what, &name, &value).err()
    }

    /// One request in process; `[status, names and values of the fields, body]`, or `undefined` when its client left.
    #[napi]
    pub fn exchange(
        &self,
        env: napi::Env,
        exchange: u32,
        method: String,
        target: String,
        fields: Unknown<'_>,
        body: Uint8Array,
    ) -> Result<Unknown<'static>> {
        let js = Env(env.raw());
        let request = message(js, &method, &target, fields.raw(), &body);
        let promise = self
            .exchanges
            .request(js, &self.frozen, exchange, request, method == "HEAD");
        Ok(back(env, promise.map_err(error)?))
    }

    /// Bytes as a client would write them, whatever they are; every byte of the answer.
    #[napi]
    pub fn exchange_bytes(
        &self,
        env: napi::Env,
        exchange: u32,
        bytes: Uint8Array,
    ) -> Result<Unknown<'static>> {
        let js = Env(env.raw());
        let promise = self
            .exchanges
            .bytes(js, &self.frozen, exchange, bytes.to_vec());
        Ok(back(env, promise.map_err(error)?))
    }

    /// The client of an exchange leaves.
    #[napi]
    pub fn leave(&self, exchange: u32) {
        self.exchanges.leave(exchange);
    }
}
