//! The extension module of the npm package `spikard`: contents page.

mod app;
mod error;
mod exchange;
mod guest;
mod interpreter;
mod reactor;
mod request;
mod stack;
mod uv;
mod value;

use napi_derive::napi;

/// The `spikard` command; returns its exit code. It may put another program in the place of this process.
#[napi]
pub fn command(arguments: Vec<String>, interpreter: String) -> i32 {
    leave_to_the_command();
    let host = spikard_cli::Host {
        interpreter: spikard_cli::Interpreter {
            language: spikard_cli::Language::Node,
            path: interpreter.into(),
        },
        serve: None,
        program: None,
    };
    let arguments = arguments.into_iter().map(Into::into).collect();
    spikard_cli::main(arguments, Some(&host))
}

/// Takes back what Node has taken for itself: signals, whose handlers the command's own would call, only for them to raise
/// the signal again; and the standard streams, which it keeps from the programs that others than itself start (libuv's
/// `uv_disable_stdio_inheritance`), so that an app would print into nothing.
fn leave_to_the_command() {
    for signal in [libc::SIGINT, libc::SIGTERM] {
        // SAFETY: the default action is no function.
        unsafe { libc::signal(signal, libc::SIG_DFL) };
    }
    for fd in 0..=2 {
        // SAFETY: changes a flag of a descriptor; one that is not open is refused.
        unsafe { libc::fcntl(fd, libc::F_SETFD, 0) };
    }
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
