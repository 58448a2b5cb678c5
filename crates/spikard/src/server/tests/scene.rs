//! What tests of the server begin with: the loop that it runs on, a socket, the stand-in for an app. Checks nothing.

use super::double::Double;
use crate::server::{Listen, Listener};
use crate::{Config, timer};
use std::future::Future;
use std::net::SocketAddr;
use std::rc::Rc;
use tokio::runtime::{Builder, LocalOptions};

/// Runs `future` on a loop of one thread.
pub(super) fn on_a_loop<F: Future>(future: F) -> F::Output {
    timer::MOVED.set(false);
    run(Builder::new_current_thread().enable_all(), future)
}

/// The same, in time that passes where nothing else is to be done.
pub(super) fn paused<F: Future>(future: F) -> F::Output {
    timer::MOVED.set(true);
    let mut builder = Builder::new_current_thread();
    run(builder.enable_all().start_paused(true), future)
}

fn run<F: Future>(builder: &mut Builder, future: F) -> F::Output {
    let runtime = builder.build_local(LocalOptions::default());
    runtime.expect("a runtime").block_on(future)
}

/// A socket on a free port; needs a loop.
pub(super) fn listening() -> (Listener, SocketAddr) {
    let listen = Listen {
        port: 0,
        ..Listen::default()
    };
    let listener = listen.open().expect("a free port");
    let address = listener.local_addr().expect("an address");
    (listener, address)
}

pub(super) fn double(config: Config) -> Rc<Double> {
    Rc::new(Double {
        config,
        ..Double::default()
    })
}
