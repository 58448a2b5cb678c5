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
    let host = spikard_cli::Host {
        interpreter: interpreter.into(),
        serve: None,
    };
    let arguments = arguments.into_iter().map(Into::into).collect();
    spikard_cli::main(arguments, Some(&host))
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
