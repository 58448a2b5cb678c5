//! The extension module of the gem `spikard`: contents page.

#![allow(missing_docs, reason = "magnus makes the one function that Ruby calls")]

mod app;
mod decode;
mod descriptor;
mod error;
mod guest;
mod hook;
mod interpreter;
mod numbers;
mod passed;
mod reactor;
mod roots;
mod value;
mod waits;

use magnus::rb_sys::AsRawValue as _;
use magnus::{
    Class as _, Error, Module as _, Object as _, RModule, RString, Ruby, Value, function, method,
};
use spikard::server::{Answer, request_bytes};
use spikard_bridge::Kick;
use spikard_cli::{Host, Language};
use std::collections::HashMap;

/// Ends the sleep of a thread's loop; any thread may call it.
#[magnus::wrap(class = "Spikard::Native::Kick", free_immediately)]
struct Kicker(Kick);

impl Kicker {
    fn kick(&self) {
        reactor::UNBLOCKED.store(true, std::sync::atomic::Ordering::Release);
        self.0.kick();
    }
}

/// Whose `run_ready` is called between two turns once it was kicked.
fn scheduler(scheduler: Value) -> Result<(), Error> {
    reactor::Reactor::here()?.schedule(scheduler.as_raw());
    Ok(())
}

/// The kicker of this thread's loop.
fn kicker() -> Result<Kicker, Error> {
    Ok(Kicker(reactor::Reactor::here()?.kick()))
}

fn finish(number: u64, result: Value) {
    guest::finish(number, result.as_raw(), false);
}

fn fail(number: u64, exception: Value) {
    guest::finish(number, exception.as_raw(), true);
}

/// The `spikard` command; returns its exit code. It may put another program in the place of this process.
fn command(arguments: Vec<String>, interpreter: String, program: Option<String>) -> i32 {
    let host = Host::new(Language::Ruby, interpreter, program.map(Into::into));
    let arguments = arguments.into_iter().map(Into::into).collect();
    spikard_cli::main(arguments, Some(&host))
}

/// What `run` does in a program that is no worker: `[0, variables]` of the worker that it becomes, or the exit code of the
/// workers that were supervised, each of them the command line `again`, and nothing. `program` takes the place of this
/// process for that, if it is there.
fn start(
    again: Vec<String>,
    interpreter: String,
    program: String,
    host: Option<String>,
    port: Option<u16>,
    workers: Option<String>,
) -> (i32, HashMap<&'static str, String>) {
    let started = spikard_cli::Program {
        again: again.into_iter().map(Into::into).collect(),
        host,
        port,
        workers,
    };
    let host = Host::new(Language::Ruby, interpreter, Some(program.into()));
    match spikard_cli::start(started, &host) {
        Ok(variables) => (0, variables.into_iter().collect()),
        Err(code) => (code, HashMap::new()),
    }
}

/// A request as bytes; `fields` are names and values, one after the other.
fn message(
    ruby: &Ruby,
    method: String,
    target: String,
    fields: Vec<String>,
    body: RString,
) -> RString {
    let fields: Vec<(&str, &str)> = fields
        .as_chunks()
        .0
        .iter()
        .map(|[name, value]| (&**name, &**value))
        .collect();
    // SAFETY: copied before Ruby runs again.
    let body = unsafe { body.as_slice() };
    ruby.str_from_slice(&request_bytes(&method, &target, &fields, body))
}

/// `[status, names and values of the fields, body]`; nil when the answer is not whole.
fn answer(ruby: &Ruby, bytes: RString, to_head: bool) -> Option<(u16, Vec<String>, RString)> {
    // SAFETY: as above.
    let answer = Answer::parse(unsafe { bytes.as_slice() }, to_head)?;
    let fields = answer.headers.into_iter();
    let fields = fields.flat_map(|(name, value)| [name, value]).collect();
    Some((answer.status, fields, ruby.str_from_slice(&answer.body)))
}

#[magnus::init(name = "spikard_rb")]
fn init(ruby: &Ruby) -> Result<(), Error> {
    roots::init();
    let native: RModule = ruby.define_module("Spikard")?.define_module("Native")?;
    native.const_set("VERSION", env!("CARGO_PKG_VERSION"))?;
    let app = native.define_class("App", ruby.class_object())?;
    app.undef_default_alloc_func();
    app.define_singleton_method("new", function!(app::App::new, 4))?;
    app.define_method("openapi", method!(app::App::openapi, 0))?;
    app.define_method("routes", method!(app::App::routes, 0))?;
    app.define_method("serve", method!(app::App::serve, 3))?;
    app.define_method("drain", method!(app::App::drain, 0))?;
    app.define_method("exchange", method!(app::App::exchange, 1))?;
    let passage = native.define_class("Passage", ruby.class_object())?;
    passage.undef_default_alloc_func();
    passage.define_method("head", method!(hook::Looked::head, 0))?;
    passage.define_method("body", method!(hook::Looked::body, 0))?;
    passage.define_method("response", method!(hook::Looked::response, 0))?;
    passage.define_method("problem", method!(hook::Looked::problem, 0))?;
    native.define_singleton_method("edit", function!(hook::edit, 4))?;
    let kick = native.define_class("Kick", ruby.class_object())?;
    kick.undef_default_alloc_func();
    kick.define_method("kick", method!(Kicker::kick, 0))?;
    native.define_singleton_method("kicker", function!(kicker, 0))?;
    native.define_singleton_method("scheduler=", function!(scheduler, 1))?;
    native.define_singleton_method("finish", function!(finish, 2))?;
    native.define_singleton_method("fail", function!(fail, 2))?;
    native.define_singleton_method("sleep", function!(waits::sleep, 2))?;
    native.define_singleton_method("wait_io", function!(waits::wait_io, 4))?;
    native.define_singleton_method("forget", function!(waits::forget, 1))?;
    native.define_singleton_method("command", function!(command, 3))?;
    native.define_singleton_method("start", function!(start, 6))?;
    native.define_singleton_method("message", function!(message, 4))?;
    native.define_singleton_method("answer", function!(answer, 2))?;
    native.define_singleton_method("tables", function!(spikard_bridge::tables, 0))?;
    Ok(())
}
