//! The extension module of the npm package `spikard`: contents page.

mod app;
mod error;
mod exchange;
mod guest;
mod interpreter;
mod reactor;
mod request;
mod uv;
mod value;

use napi_derive::napi;

/// The `spikard` command; returns its exit code. It may put another program in the place of this process.
#[napi]
pub fn command(arguments: Vec<String>, interpreter: String) -> i32 {
    inherit_standard_streams();
    let host = spikard_cli::Host {
        interpreter: spikard_cli::Interpreter {
            language: spikard_cli::Language::Node,
            path: interpreter.into(),
        },
        serve: None,
    };
    let arguments = arguments.into_iter().map(Into::into).collect();
    spikard_cli::main(arguments, Some(&host))
}

/// Node keeps its standard streams from the programs that others than itself start (libuv's
/// `uv_disable_stdio_inheritance`): an app would print into nothing.
fn inherit_standard_streams() {
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
