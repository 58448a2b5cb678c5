//! The extension module of the npm package `spikard`: contents page.

mod app;
mod door;
mod ending;
mod error;
mod exchange;
mod guest;
mod hook;
mod interpreter;
mod reactor;
mod request;
mod stack;
mod uv;
mod v8;
mod value;

use napi_derive::napi;
use spikard_cli::{Host, Language};

/// The `spikard` command; returns its exit code. It may put another program in the place of this process: `program`, which
/// is the command itself, for what lasts.
#[napi]
pub fn command(arguments: Vec<String>, interpreter: String, program: String) -> i32 {
    let host = Host::new(Language::Node, interpreter, Some(program.into()));
    let arguments = arguments.into_iter().map(Into::into).collect();
    as_the_command(|| spikard_cli::main(arguments, Some(&host)))
}

/// What `app.run()` found out.
#[napi(object)]
pub struct Started {
    /// Exit code of the workers that were supervised; of nothing when there are variables.
    pub code: i32,
    /// Names and values for the worker that this process becomes.
    pub variables: Vec<Vec<String>>,
}

/// What `app.run()` does in a program that is no worker: gives the variables of the worker that it becomes, or supervises
/// workers, each of them the command line `again`.
#[napi]
pub fn start(
    again: Vec<String>,
    interpreter: String,
    program: String,
    host: Option<String>,
    port: Option<f64>,
    workers: Option<String>,
) -> Started {
    let ended = |code| Started {
        code,
        variables: Vec::new(),
    };
    let whole = |port: &f64| port.fract() == 0.0 && (0.0..=65_535.0).contains(port);
    if port.as_ref().is_some_and(|port| !whole(port)) {
        eprintln!("error: a port is a number from 0 to 65535");
        return ended(2);
    }
    let started = spikard_cli::Program {
        again: again.into_iter().map(Into::into).collect(),
        host,
        port: port.map(|port| port as u16),
        workers,
    };
    let host = Host::new(Language::Node, interpreter, Some(program.into()));
    match as_the_command(|| spikard_cli::start(started, &host)) {
        Ok(variables) => {
            for (name, value) in &variables {
                // What Bun's `process.env` is given stays in JavaScript.
                // SAFETY: this is the thread on which Node changes the environment too, before the app is served.
                unsafe { std::env::set_var(name, value) };
            }
            Started {
                code: 0,
                variables: variables
                    .into_iter()
                    .map(|(name, value)| vec![name.to_owned(), value])
                    .collect(),
            }
        }
        Err(code) => ended(code),
    }
}

/// Does `work` without what Node has taken for itself: signals, whose handlers the command's own would call, only for them
/// to raise the signal again; and the standard streams, which it keeps from the programs that others than itself start
/// (libuv's `uv_disable_stdio_inheritance`), so that an app would print into nothing.
fn as_the_command<T>(work: impl FnOnce() -> T) -> T {
    let signals = [libc::SIGINT, libc::SIGTERM];
    let before = signals.map(|signal| {
        // SAFETY: the default action is no function, and all zeros are an empty action, which is written over.
        unsafe {
            let mut before: libc::sigaction = std::mem::zeroed();
            let default: libc::sigaction = std::mem::zeroed(); // SIG_DFL, no flags
            libc::sigaction(signal, &raw const default, &raw mut before);
            before
        }
    });
    for fd in 0..=2 {
        // SAFETY: changes a flag of a descriptor; one that is not open is refused.
        unsafe { libc::fcntl(fd, libc::F_SETFD, 0) };
    }
    let done = work();
    for (signal, before) in signals.into_iter().zip(&before) {
        // SAFETY: an action that was in force already.
        unsafe { libc::sigaction(signal, before, std::ptr::null_mut()) };
    }
    done
}

/// `process.exit(code)` is about to end the process: `true` when it comes from inside of a handler, where JavaScript, which only has
/// to wait, now returns to who called that; `false` when the process is to exit, after everyone who waits was answered.
#[napi]
pub fn unwind(code: i32) -> bool {
    ending::unwind(code)
}

/// The process exits after this: whoever waits is answered now, unless a handler stands on the stack.
#[napi]
pub fn last_words(code: i32) {
    if let Some(reactor) = reactor::Reactor::current() {
        reactor.last_words(code);
    }
}

/// For tests: the next pass through a place of `door` panics.
#[napi]
pub fn panic_next(place: String) {
    door::panic_next(place);
}

/// The error table and the schemas of the app's options and of the AppSpec, as JSON.
#[napi]
pub fn tables() -> String {
    spikard_bridge::tables()
}

/// Tells whoever started this process (`SPIKARD_READY_FD`) that it serves.
#[napi]
pub fn announce_ready() {
    spikard_bridge::announce_ready();
}
