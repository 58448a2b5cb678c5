//! The PHP extension `spikard`: what `shim/module.c` calls. Contents page; each function turns pointers into values and
//! lets no panic out.
//!
//! References that C gives live for the call, and texts for as long: `shim.h` declares the same functions.

mod app;
mod brought;
mod decode;
mod error;
mod guest;
mod hook;
mod interpreter;
mod reactor;
mod request;
mod value;
mod waits;
mod zval;

use app::App;
use brought::Handler;
use std::ffi::{OsString, c_int, c_void};
use std::os::unix::ffi::OsStringExt as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::{null, null_mut};
use zval::{Bytes, Held, Text, Zval};

// SAFETY: gives the address of a constant.
unsafe extern "C" {
    safe fn sp_module() -> *const c_void;
}

/// What PHP looks for in an extension.
#[unsafe(no_mangle)]
pub extern "C" fn get_module() -> *const c_void {
    sp_module()
}

/// `sp_outcome`: what C is given back. The text of one that is not good says why.
#[repr(C)]
struct Outcome {
    good: bool,
    code: c_int,
    app: *mut App,
    text: Text,
}

impl Outcome {
    fn new(text: impl Into<Text>) -> Self {
        Self {
            good: true,
            code: 0,
            app: null_mut(),
            text: text.into(),
        }
    }

    fn code(code: c_int) -> Self {
        Self {
            code,
            ..Self::new("")
        }
    }

    /// Nothing was there.
    fn none() -> Self {
        Self {
            good: false,
            ..Self::new("")
        }
    }
}

impl From<Result<Self, String>> for Outcome {
    fn from(result: Result<Self, String>) -> Self {
        result.unwrap_or_else(|message| Self {
            good: false,
            ..Self::new(message)
        })
    }
}

/// A panic must not cross into C: it would end the process.
fn guarded<R>(inner: impl FnOnce() -> R) -> Result<R, String> {
    catch_unwind(AssertUnwindSafe(inner))
        .map_err(|_| "the core panicked; see standard error".to_owned())
}

/// What a port is that was not given.
const NO_PORT: i64 = i64::MIN;

fn port(given: i64) -> Result<Option<u16>, String> {
    let port = (given != NO_PORT).then(|| u16::try_from(given)).transpose();
    port.map_err(|_| "a port is a number from 0 to 65535".to_owned())
}

#[unsafe(no_mangle)]
extern "C" fn sp_rust_text_free(text: Text) {
    drop(text);
}

/// # Safety
/// `count` handlers at `handlers`.
#[unsafe(no_mangle)]
unsafe extern "C" fn sp_rust_app_new(
    spec: Bytes<'_>,
    handlers: *const Handler,
    count: usize,
) -> Outcome {
    // SAFETY: as the caller says.
    let handlers = unsafe { std::slice::from_raw_parts(handlers, count) };
    let made = guarded(|| App::new(&spec.string(), handlers)).flatten();
    let outcome = |app| Outcome {
        app: Box::into_raw(Box::new(app)),
        ..Outcome::new("")
    };
    made.map(outcome).into()
}

#[unsafe(no_mangle)]
extern "C" fn sp_rust_app_free(app: Box<App>) {
    let _ = guarded(move || drop(app));
}

#[unsafe(no_mangle)]
extern "C" fn sp_rust_app_openapi(app: &App) -> Text {
    app.openapi().into()
}

#[unsafe(no_mangle)]
extern "C" fn sp_rust_app_routes(app: &App) -> Outcome {
    app.routes().map(Outcome::new).into()
}

/// Its code is what the process ends with.
#[unsafe(no_mangle)]
extern "C" fn sp_rust_app_serve(app: &App, host: Bytes<'_>, given_port: i64) -> Outcome {
    let serve = |port| guarded(|| app.serve(host.maybe(), port)).flatten();
    port(given_port).and_then(serve).map(Outcome::code).into()
}

#[unsafe(no_mangle)]
extern "C" fn sp_rust_app_drain(app: &App) {
    let _ = guarded(|| app.drain());
}

/// A text of a call, as `shim.h` numbers them.
#[unsafe(no_mangle)]
extern "C" fn sp_rust_app_text(app: &App, call: i64, which: c_int) -> Outcome {
    let guest = app.guest();
    let passage = || guest.passage(call);
    let text = match which {
        0 => guest.head(call),
        1 => guest.body(call),
        2 => passage().and_then(|passage| hook::response(&passage)),
        _ => passage().and_then(|passage| hook::problem(&passage)),
    };
    text.map_or_else(Outcome::none, Outcome::new)
}

#[unsafe(no_mangle)]
extern "C" fn sp_rust_app_edit(
    app: &App,
    call: i64,
    what: Bytes<'_>,
    name: Bytes<'_>,
    value: Bytes<'_>,
) -> Outcome {
    let passage = app.guest().passage(call);
    let (what, name) = (what.string(), name.string());
    let edited = spikard_bridge::edit(passage.as_deref(), &what, &name, value.get());
    edited.map(|()| Outcome::new("")).into()
}

#[unsafe(no_mangle)]
extern "C" fn sp_rust_app_kept(app: &App, call: i64) -> *const Zval {
    let passage = app.guest().passage(call);
    let kept = passage.and_then(|passage| passage.kept::<Held>());
    // The passage keeps it for longer than the caller looks.
    kept.map_or(null(), |kept| kept.as_ptr())
}

#[unsafe(no_mangle)]
extern "C" fn sp_rust_app_keep(app: &App, call: i64, value: &Zval) {
    if let Some(passage) = app.guest().passage(call) {
        passage.keep(Held::of(value));
    }
}

#[unsafe(no_mangle)]
extern "C" fn sp_rust_app_awaited(app: &App, call: i64) -> bool {
    app.guest().is_awaited(call)
}

#[unsafe(no_mangle)]
extern "C" fn sp_rust_app_exchange(app: &App, message: Bytes<'_>) -> Outcome {
    let answer = guarded(|| app.exchange(message.get())).flatten();
    answer.map(Outcome::new).into()
}

#[unsafe(no_mangle)]
extern "C" fn sp_rust_app_spawn(app: &App, task: Handler) {
    let _ = guarded(|| app.guest().spawn(task));
}

#[unsafe(no_mangle)]
extern "C" fn sp_rust_tables() -> Text {
    spikard_bridge::tables().into()
}

#[unsafe(no_mangle)]
extern "C" fn sp_rust_ticket() -> i64 {
    reactor::ticket()
}

#[unsafe(no_mangle)]
extern "C" fn sp_rust_wake(ticket: i64) {
    reactor::wake(ticket);
}

#[unsafe(no_mangle)]
extern "C" fn sp_rust_ticket_end(ticket: i64) {
    reactor::forget(ticket);
}

#[unsafe(no_mangle)]
extern "C" fn sp_rust_announce() {
    let _ = guarded(spikard_bridge::announce_ready);
}

/// `sp_command`: a command line, and the program that takes the place of this process for what lasts: the command itself.
#[repr(C)]
struct Command<'t> {
    words: *const Bytes<'t>,
    count: usize,
    interpreter: Bytes<'t>,
    program: Bytes<'t>,
}

impl Command<'_> {
    fn words(&self) -> Vec<OsString> {
        // SAFETY: made by C: `count` texts.
        let words = unsafe { std::slice::from_raw_parts(self.words, self.count) };
        let word = |text: &Bytes<'_>| OsString::from_vec(text.get().to_vec());
        words.iter().map(word).collect()
    }

    fn host(&self) -> spikard_cli::Host<'static> {
        let (language, program) = (spikard_cli::Language::Php, self.program.string());
        spikard_cli::Host::new(language, self.interpreter.string(), Some(program.into()))
    }
}

/// The `spikard` command; its exit code.
#[unsafe(no_mangle)]
extern "C" fn sp_rust_command(command: &Command<'_>) -> c_int {
    guarded(|| spikard_cli::main(command.words(), Some(&command.host()))).unwrap_or(101)
}

/// What `$app->run()` does in a program that is no worker: gives the variables of the worker that it becomes, a line each,
/// or supervises workers and gives their exit code.
#[unsafe(no_mangle)]
extern "C" fn sp_rust_start(
    again: &Command<'_>,
    address: Bytes<'_>,
    given_port: i64,
    workers: Bytes<'_>,
) -> Outcome {
    let port = match port(given_port) {
        Ok(port) => port,
        Err(message) => {
            eprintln!("spikard: {message}");
            return Outcome::code(2);
        }
    };
    let wanted = spikard_cli::Program {
        again: again.words(),
        host: address.maybe(),
        port,
        workers: workers.maybe(),
    };
    match guarded(|| spikard_cli::start(wanted, &again.host())) {
        Ok(Ok(found)) => {
            let line = |(name, value): &(&str, String)| format!("{name}={value}");
            Outcome::new(found.iter().map(line).collect::<Vec<_>>().join("\n"))
        }
        Ok(Err(code)) => Outcome::code(code),
        Err(_) => Outcome::code(101),
    }
}
