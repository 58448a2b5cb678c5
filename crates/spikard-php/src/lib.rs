//! The PHP extension `spikard`: what `shim/module.c` calls. Contents page; each function turns pointers into values and
//! lets no panic out.

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
mod zval;

use app::App;
use brought::Handler;
use std::ffi::{OsString, c_int, c_void};
use std::os::unix::ffi::OsStringExt as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::{null, null_mut};
use zval::{Bytes, Held, Text, Zval};

unsafe extern "C" {
    fn sp_module() -> *const c_void;
}

/// What PHP looks for in an extension.
#[unsafe(no_mangle)]
pub extern "C" fn get_module() -> *const c_void {
    // SAFETY: gives the address of a constant.
    unsafe { sp_module() }
}

/// A panic must not cross into C: it would end the process.
fn guarded<R>(inner: impl FnOnce() -> R) -> Result<R, String> {
    catch_unwind(AssertUnwindSafe(inner))
        .map_err(|_| "the core panicked; see standard error".to_owned())
}

/// # Safety
/// `app` was made by [`sp_rust_app_new`] and not freed.
unsafe fn app<'a>(app: *const App) -> &'a App {
    // SAFETY: as the caller says.
    unsafe { &*app }
}

/// What a port is that was not given.
const NO_PORT: i64 = i64::MIN;

fn port(given: i64) -> Result<Option<u16>, String> {
    let port = (given != NO_PORT).then(|| u16::try_from(given)).transpose();
    port.map_err(|_| "a port is a number from 0 to 65535".to_owned())
}

/// Puts a text where C looks for it.
///
/// # Safety
/// `to` is valid for a write.
unsafe fn give(to: *mut Text, text: impl Into<Vec<u8>>) {
    // SAFETY: as the caller says; what was there is plain zeros.
    unsafe { to.write(Text::from(text.into())) };
}

#[unsafe(no_mangle)]
extern "C" fn sp_rust_text_free(text: Text) {
    drop(text);
}

#[unsafe(no_mangle)]
unsafe extern "C" fn sp_rust_app_new(
    spec: Bytes,
    handlers: *const Handler,
    count: usize,
    error: *mut Text,
) -> *mut App {
    // SAFETY: pointers and lengths belong together (module.c).
    let (spec, handlers) = unsafe { (spec.string(), std::slice::from_raw_parts(handlers, count)) };
    match guarded(|| App::new(&spec, handlers)).flatten() {
        Ok(app) => Box::into_raw(Box::new(app)),
        Err(message) => {
            // SAFETY: valid (module.c).
            unsafe { give(error, message) };
            null_mut()
        }
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn sp_rust_app_free(freed: *mut App) {
    // SAFETY: made by `sp_rust_app_new`, freed once.
    let freed = unsafe { Box::from_raw(freed) };
    let _ = guarded(move || drop(freed));
}

#[unsafe(no_mangle)]
unsafe extern "C" fn sp_rust_app_openapi(this: *const App) -> Text {
    // SAFETY: a live app (module.c), here and below.
    Text::from(unsafe { app(this) }.openapi().to_vec())
}

#[unsafe(no_mangle)]
unsafe extern "C" fn sp_rust_app_routes(this: *const App, text: *mut Text) -> bool {
    // SAFETY: see above; `text` is valid.
    unsafe { settle(app(this).routes(), text) }
}

/// A text either way; whether it is the good one.
///
/// # Safety
/// `to` is valid for a write.
unsafe fn settle(result: Result<impl Into<Vec<u8>>, String>, to: *mut Text) -> bool {
    let (good, text) = match result {
        Ok(text) => (true, text.into()),
        Err(message) => (false, message.into_bytes()),
    };
    // SAFETY: as the caller says.
    unsafe { give(to, text) };
    good
}

#[unsafe(no_mangle)]
unsafe extern "C" fn sp_rust_app_serve(
    this: *const App,
    host: Bytes,
    given_port: i64,
    status: *mut c_int,
    error: *mut Text,
) -> bool {
    // SAFETY: see above.
    let (app, host) = unsafe { (app(this), host.maybe()) };
    let served = port(given_port).and_then(|port| guarded(|| app.serve(host, port)).flatten());
    // SAFETY: both are valid (module.c).
    unsafe {
        match served {
            Ok(code) => status.write(code),
            Err(message) => {
                give(error, message);
                return false;
            }
        }
    }
    true
}

#[unsafe(no_mangle)]
unsafe extern "C" fn sp_rust_app_drain(this: *const App) {
    // SAFETY: see above.
    let _ = guarded(|| unsafe { app(this) }.drain());
}

/// A text of a call, as `shim.h` numbers them; `false` when there is none.
#[unsafe(no_mangle)]
unsafe extern "C" fn sp_rust_app_text(
    this: *const App,
    call: i64,
    which: c_int,
    to: *mut Text,
) -> bool {
    // SAFETY: see above.
    let guest = unsafe { app(this) }.guest();
    let text = match which {
        0 => guest.head(call),
        1 => guest.body(call),
        2 => guest
            .passage(call)
            .and_then(|passage| hook::response(&passage)),
        _ => guest
            .passage(call)
            .and_then(|passage| hook::problem(&passage)),
    };
    let there = text.is_some();
    if let Some(text) = text {
        // SAFETY: valid (module.c).
        unsafe { give(to, text) };
    }
    there
}

/// `false` with what is wrong.
#[unsafe(no_mangle)]
unsafe extern "C" fn sp_rust_app_edit(
    this: *const App,
    call: i64,
    what: Bytes,
    name: Bytes,
    value: Bytes,
    wrong: *mut Text,
) -> bool {
    // SAFETY: see above; pointers and lengths belong together (module.c).
    unsafe {
        let (what, name, value) = (what.string(), name.string(), value.get());
        let passage = app(this).guest().passage(call);
        match spikard_bridge::edit(passage.as_deref(), &what, &name, value) {
            Ok(()) => true,
            Err(message) => {
                give(wrong, message);
                false
            }
        }
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn sp_rust_app_kept(this: *const App, call: i64) -> *const Zval {
    // SAFETY: see above.
    let passage = unsafe { app(this) }.guest().passage(call);
    let kept = passage.and_then(|passage| passage.kept::<Held>());
    // The passage keeps it for longer than the caller looks.
    kept.map_or(null(), |kept| kept.as_ptr())
}

#[unsafe(no_mangle)]
unsafe extern "C" fn sp_rust_app_keep(this: *const App, call: i64, value: *const Zval) {
    // SAFETY: see above; a live zval (module.c).
    let (app, value) = unsafe { (app(this), &*value) };
    if let Some(passage) = app.guest().passage(call) {
        passage.keep(Held::of(value));
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn sp_rust_app_awaited(this: *const App, call: i64) -> bool {
    // SAFETY: see above.
    unsafe { app(this) }.guest().is_awaited(call)
}

#[unsafe(no_mangle)]
unsafe extern "C" fn sp_rust_app_exchange(
    this: *const App,
    message: Bytes,
    answer: *mut Text,
) -> bool {
    // SAFETY: see above.
    unsafe {
        let (app, message) = (app(this), message.get());
        settle(guarded(|| app.exchange(message)).flatten(), answer)
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn sp_rust_app_spawn(this: *const App, task: Handler) {
    // SAFETY: see above.
    let app = unsafe { app(this) };
    let _ = guarded(|| app.guest().spawn(task));
}

#[unsafe(no_mangle)]
extern "C" fn sp_rust_tables() -> Text {
    Text::from(spikard_bridge::tables().into_bytes())
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

/// # Safety
/// `count` texts at `texts`.
unsafe fn words(texts: *const Bytes, count: usize) -> Vec<OsString> {
    // SAFETY: as the caller says.
    let texts = unsafe { std::slice::from_raw_parts(texts, count) };
    // SAFETY: as the caller says.
    let word = |text: &Bytes| OsString::from_vec(unsafe { text.get() }.to_vec());
    texts.iter().map(word).collect()
}

fn host(interpreter: String, program: String) -> spikard_cli::Host<'static> {
    spikard_cli::Host::new(
        spikard_cli::Language::Php,
        interpreter,
        Some(program.into()),
    )
}

/// The `spikard` command; its exit code. It may put another program in the place of this process: `program`, which is the
/// command itself, for what lasts.
#[unsafe(no_mangle)]
unsafe extern "C" fn sp_rust_command(
    texts: *const Bytes,
    count: usize,
    interpreter: Bytes,
    program: Bytes,
) -> c_int {
    // SAFETY: pointers and lengths belong together (module.c).
    let (arguments, interpreter, program) =
        unsafe { (words(texts, count), interpreter.string(), program.string()) };
    guarded(|| spikard_cli::main(arguments, Some(&host(interpreter, program)))).unwrap_or(101)
}

/// What `$app->run()` does in a program that is no worker: gives the variables of the worker that it becomes, a line each,
/// or supervises workers and gives their exit code.
#[unsafe(no_mangle)]
unsafe extern "C" fn sp_rust_start(
    texts: *const Bytes,
    count: usize,
    interpreter: Bytes,
    program: Bytes,
    address: Bytes,
    given_port: i64,
    workers: Bytes,
    variables: *mut Text,
) -> c_int {
    // SAFETY: pointers and lengths belong together (module.c).
    let (again, host, address, workers) = unsafe {
        (
            words(texts, count),
            host(interpreter.string(), program.string()),
            address.maybe(),
            workers.maybe(),
        )
    };
    let port = port(given_port).inspect_err(|message| eprintln!("spikard: {message}"));
    let Ok(port) = port else {
        // SAFETY: valid (module.c).
        unsafe { give(variables, "") };
        return 2;
    };
    let wanted = spikard_cli::Program {
        again,
        host: address,
        port,
        workers,
    };
    let started = guarded(|| spikard_cli::start(wanted, &host));
    let (code, lines) = match started {
        Ok(Ok(found)) => {
            let lines: Vec<String> = found
                .iter()
                .map(|(name, value)| format!("{name}={value}"))
                .collect();
            (0, lines.join("\n"))
        }
        Ok(Err(code)) => (code, String::new()),
        Err(_) => (101, String::new()),
    };
    // SAFETY: valid (module.c).
    unsafe { give(variables, lines) };
    code
}
