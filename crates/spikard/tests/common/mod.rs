//! What tests of whole connections begin with: an answer in process, a worker on loopback. Checks nothing.
#![allow(missing_docs, dead_code, reason = "each test takes what it needs")]

use spikard::server::{Life, Listen, exchange_cut, serve};
use spikard::{App, Frozen};
use std::future::Future;
use std::net::SocketAddr;
use std::rc::Rc;
use tokio::runtime::{Builder, LocalOptions};
use tokio::task::{JoinHandle, spawn_local};

pub(crate) fn frozen(app: App) -> Rc<Frozen> {
    Rc::new(app.freeze().expect("right"))
}

/// Every byte of the answer, where at most so many bytes arrive at a time.
pub(crate) fn answer(app: App, bytes: &str, most: usize) -> String {
    let answer = on_a_loop(exchange_cut(frozen(app), bytes.as_bytes().to_vec(), most));
    String::from_utf8(answer).expect("text")
}

pub(crate) fn on_a_loop<F: Future>(future: F) -> F::Output {
    let mut builder = Builder::new_current_thread();
    let runtime = builder.enable_all().build_local(LocalOptions::default());
    runtime.expect("a runtime").block_on(future)
}

pub(crate) struct Worker {
    pub(crate) address: SocketAddr,
    pub(crate) life: Rc<Life>,
    pub(crate) serving: JoinHandle<std::io::Result<()>>,
}

/// Needs a loop around it.
pub(crate) fn worker(app: App) -> Worker {
    let listen = Listen {
        port: 0,
        ..Listen::default()
    };
    let listener = listen.open().expect("a port");
    let address = listener.local_addr().expect("an address");
    let life = Life::new();
    let serving = spawn_local(serve(frozen(app), listener, Rc::clone(&life)));
    Worker {
        address,
        life,
        serving,
    }
}
