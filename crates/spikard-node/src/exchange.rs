//! Requests in process: a client's message to the core's own connection code, its answer to a promise. Opens no socket.

use crate::interpreter::{Env, Value};
use crate::reactor::Reactor;
use crate::value::headers;
use spikard::Frozen;
use spikard::server::{Answer, exchange, request_bytes};
use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use tokio::sync::Notify;

/// The exchanges of one app that run, by the number that the package gave them.
#[derive(Default)]
pub(crate) struct Exchanges(RefCell<HashMap<u32, Rc<Notify>>>);

impl Exchanges {
    /// Sends one request; the promise holds `[status, headers, body]`, or nothing when the client left.
    pub(crate) fn request(
        self: &Rc<Self>,
        env: Env,
        app: &Rc<Frozen>,
        id: u32,
        request: Vec<u8>,
        to_head: bool,
    ) -> Result<Value, String> {
        let whole = "the connection was closed before an answer was whole";
        self.start(env, app, id, request, move |bytes| {
            let answer = Answer::parse(bytes, to_head).ok_or(whole)?;
            Ok(parts(env, &answer))
        })
    }

    /// Sends bytes as a client would write them, whatever they are; the promise holds every byte of the answer.
    pub(crate) fn bytes(
        self: &Rc<Self>,
        env: Env,
        app: &Rc<Frozen>,
        id: u32,
        bytes: Vec<u8>,
    ) -> Result<Value, String> {
        self.start(env, app, id, bytes, move |answer| Ok(env.buffer(answer)))
    }

    fn start(
        self: &Rc<Self>,
        env: Env,
        app: &Rc<Frozen>,
        id: u32,
        bytes: Vec<u8>,
        shape: impl FnOnce(&[u8]) -> Result<Value, &'static str> + 'static,
    ) -> Result<Value, String> {
        let reactor = Reactor::of(env)?;
        let (deferred, promise) = env.promise();
        let left = Rc::new(Notify::new());
        self.0.borrow_mut().insert(id, Rc::clone(&left));
        let exchanges = Rc::clone(self);
        let talk = exchange(Rc::clone(app), bytes);
        reactor.spawn(async move {
            let answer = tokio::select! {
                answer = talk => Some(answer),
                () = left.notified() => None,
            };
            exchanges.0.borrow_mut().remove(&id);
            env.entered(|| match answer.map(|answer| shape(&answer)) {
                None => deferred.resolve(env.undefined()),
                Some(Ok(value)) => deferred.resolve(value),
                Some(Err(message)) => deferred.reject(message),
            });
        });
        Ok(promise)
    }

    /// The client leaves.
    pub(crate) fn leave(&self, id: u32) {
        if let Some(left) = self.0.borrow().get(&id) {
            left.notify_one();
        }
    }
}

/// A request as bytes. `fields` are names and values, one after the other.
pub(crate) fn message(env: Env, method: &str, target: &str, fields: Value, body: &[u8]) -> Vec<u8> {
    let fields = headers(env, fields);
    let fields: Vec<(&str, &str)> = fields
        .iter()
        .map(|(name, value)| (&**name, &**value))
        .collect();
    request_bytes(method, target, &fields, body)
}

fn parts(env: Env, answer: &Answer) -> Value {
    let fields = answer
        .headers
        .iter()
        .flat_map(|(name, value)| [name, value]);
    let fields: Vec<Value> = fields.map(|text| env.string(text.as_bytes())).collect();
    let parts = [
        env.integer(answer.status.into()),
        env.array(fields.into_iter()),
        env.buffer(&answer.body),
    ];
    env.array(parts.into_iter())
}
