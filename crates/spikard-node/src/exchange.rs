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
    /// Sends `message`; the promise holds `[status, headers, body]`, or nothing when the client left.
    pub(crate) fn start(
        self: &Rc<Self>,
        env: Env,
        app: &Rc<Frozen>,
        id: u32,
        message: Message,
    ) -> Result<Value, String> {
        let reactor = Reactor::of(env)?;
        let (deferred, promise) = env.promise();
        let left = Rc::new(Notify::new());
        self.0.borrow_mut().insert(id, Rc::clone(&left));
        let (exchanges, to_head) = (Rc::clone(self), message.to_head);
        let talk = exchange(Rc::clone(app), message.bytes);
        reactor.spawn(async move {
            let bytes = tokio::select! {
                bytes = talk => Some(bytes),
                () = left.notified() => None,
            };
            exchanges.0.borrow_mut().remove(&id);
            env.scoped(|| match bytes.map(|bytes| Answer::parse(&bytes, to_head)) {
                None => deferred.resolve(env.undefined()),
                Some(Some(answer)) => deferred.resolve(parts(env, &answer)),
                Some(None) => {
                    deferred.reject("the connection was closed before an answer was whole")
                }
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

/// A request as bytes.
pub(crate) struct Message {
    bytes: Vec<u8>,
    to_head: bool,
}

impl Message {
    /// `fields` are names and values, one after the other.
    pub(crate) fn new(env: Env, method: &str, target: &str, fields: Value, body: &[u8]) -> Self {
        let fields = headers(env, fields);
        let fields: Vec<(&str, &str)> = fields
            .iter()
            .map(|(name, value)| (&**name, &**value))
            .collect();
        Self {
            bytes: request_bytes(method, target, &fields, body),
            to_head: method == "HEAD",
        }
    }

    /// What a client would write, whatever it is.
    pub(crate) fn raw(bytes: Vec<u8>, to_head: bool) -> Self {
        Self { bytes, to_head }
    }
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
