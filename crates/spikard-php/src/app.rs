//! `App`: a frozen app, served on PHP's thread or called in process. Decides nothing about a request.

use crate::brought::Handler;
use crate::decode::Shape;
use crate::guest::{Callable, PhpGuest};
use crate::interpreter::serves;
use crate::reactor::{in_runtime, run};
use spikard::Frozen;
use spikard::server::{Life, Listen, announce_ready, check_tls, exchange, heed_signals, serve};
use spikard_bridge::{Completion, Facts};
use std::cell::RefCell;
use std::rc::Rc;

/// A frozen app.
pub(crate) struct App {
    frozen: Rc<Frozen>,
    guest: Rc<PhpGuest>,
    /// Of the serving that began last.
    life: RefCell<Rc<Life>>,
}

impl App {
    /// `spec` is the AppSpec as JSON text, which refers to handlers by index. Fails with all mistakes, one per line.
    pub(crate) fn new(spec: &str, handlers: &[Handler]) -> Result<Self, String> {
        let parsed = spikard_bridge::parse(spec).map_err(|error| error.to_string())?;
        let facts = Facts::all(&parsed, handlers.len());
        let callable = |(index, (handler, facts)): (usize, (&Handler, Option<Facts>))| {
            let known = handler.known();
            Ok(Rc::new(Callable {
                handler: *handler,
                wants_body: known.wants_body,
                asks: known.asks,
                shape: known.shape().and_then(Shape::of),
                facts: facts.ok_or(format!("handler {index} belongs to no route"))?,
                close: None,
            }))
        };
        let callables = handlers.iter().zip(facts).enumerate().map(callable);
        let callables = callables.collect::<Result<Vec<_>, String>>()?;
        let completion = Completion::default();
        let guest = PhpGuest::new(&completion);
        let frozen = spikard_bridge::build(spec, callables, &guest, &completion)
            .map_err(|error| error.to_string())?;
        Ok(Self {
            frozen,
            guest,
            life: RefCell::new(Life::new()),
        })
    }

    pub(crate) fn guest(&self) -> &PhpGuest {
        &self.guest
    }

    pub(crate) fn openapi(&self) -> &[u8] {
        self.frozen.openapi()
    }

    pub(crate) fn routes(&self) -> Result<String, String> {
        serde_json::to_string(self.frozen.routes()).map_err(|error| error.to_string())
    }

    /// Serves until it was drained: the inherited socket of `SPIKARD_FD`, else `host` and `port`, which default to
    /// `SPIKARD_HOST` and `SPIKARD_PORT`. Gives what the process should end with.
    pub(crate) fn serve(&self, host: Option<String>, port: Option<u16>) -> Result<i32, String> {
        if in_runtime() {
            return Err("this process serves an app already".to_owned());
        }
        let listen = Listen::asked(host, port).map_err(|error| error.to_string())?;
        check_tls(self.frozen.config()).map_err(|error| error.to_string())?;
        let listener = listen.open().map_err(|error| error.to_string())?;
        let life = Life::new();
        self.life.replace(Rc::clone(&life));
        let frozen = Rc::clone(&self.frozen);
        let served = run(async {
            // Before anybody is told that we serve: a signal from then on must find its handler.
            heed_signals(&life)?;
            self.guest.serves(&life);
            announce_ready();
            serves();
            serve(frozen, listener, life).await
        });
        match served {
            Ok(Ok(())) => Ok(self.guest.code()),
            Ok(Err(error)) | Err(error) => Err(format!("cannot serve: {error}")),
        }
    }

    /// A second call ends at once.
    pub(crate) fn drain(&self) {
        let life = Rc::clone(&self.life.borrow());
        if life.is_draining() {
            life.end();
        }
        life.drain();
    }

    /// Bytes as a client would write them, whatever they are; every byte of the answer.
    pub(crate) fn exchange(&self, bytes: &[u8]) -> Result<Vec<u8>, String> {
        if in_runtime() {
            return Err("a test client cannot be used while an app is served".to_owned());
        }
        run(exchange(Rc::clone(&self.frozen), bytes.to_vec())).map_err(|error| error.to_string())
    }
}
