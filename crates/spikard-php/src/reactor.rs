//! Tokio on the thread that runs PHP: one runtime, kept for the life of the process, and what a call waits for in it.

use crate::interpreter::{Wait, Waited, What, is_interrupted};
use spikard::server::EVENT_INTERVAL;
use std::cell::{Cell, OnceCell, RefCell};
use std::collections::HashMap;
use std::future::Future;
use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::rc::Rc;
use std::time::Duration;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::runtime::{Builder, Handle, LocalOptions, LocalRuntime};
use tokio::sync::Notify;

thread_local! {
    // Never dropped: calls that wait are in it, and PHP is gone when a thread drops its variables.
    static RUNTIME: OnceCell<&'static LocalRuntime> = const { OnceCell::new() };
    static INTERRUPTED: Rc<Notify> = Rc::new(Notify::new());
    static WOKEN: RefCell<HashMap<i64, Rc<Notify>>> = RefCell::default();
    static LAST_TICKET: Cell<i64> = const { Cell::new(0) };
}

/// We are inside [`run`].
pub(crate) fn in_runtime() -> bool {
    Handle::try_current().is_ok()
}

/// Runs until `future` is ready, and with it every call that waits.
pub(crate) fn run<F: Future>(future: F) -> io::Result<F::Output> {
    let runtime = RUNTIME.with(|kept| match kept.get() {
        Some(runtime) => Ok(*runtime),
        None => {
            let made = Builder::new_current_thread()
                .enable_all()
                .event_interval(EVENT_INTERVAL)
                .on_thread_park(look_for_signals)
                .on_thread_unpark(look_for_signals)
                .build_local(LocalOptions::default())?;
            Ok::<_, io::Error>(*kept.get_or_init(|| Box::leak(Box::new(made))))
        }
    })?;
    Ok(runtime.block_on(future))
}

/// A signal ends the wait for events, or came just before it.
fn look_for_signals() {
    if is_interrupted() {
        INTERRUPTED.with(|told| told.notify_one());
    }
}

/// Until a signal came for which PHP code has a handler.
pub(crate) async fn interrupted() {
    let told = INTERRUPTED.with(Rc::clone);
    told.notified().await;
}

/// Until what a call waits for is there, its time is over, it is woken, or it is told to give up.
pub(crate) async fn waited(wait: Wait, give_up: Option<&Notify>) -> Waited {
    let woken = WOKEN.with_borrow(|tickets| tickets.get(&wait.ticket).cloned());
    tokio::select! {
        biased;
        () = told(give_up) => Waited::GivenUp,
        () = told(woken.as_deref()) => match wait.what {
            What::Time => Waited::Ready,
            What::Readable(_) | What::Writable(_) => Waited::TimedOut,
        },
        () = ready(wait.what) => Waited::Ready,
        () = over(wait.at_most) => Waited::TimedOut,
    }
}

async fn told(by: Option<&Notify>) {
    match by {
        Some(by) => by.notified().await,
        None => std::future::pending().await,
    }
}

async fn ready(what: What) {
    match what {
        What::Time => std::future::pending().await,
        What::Readable(fd) => until_ready(fd, Interest::READABLE).await,
        What::Writable(fd) => until_ready(fd, Interest::WRITABLE).await,
    }
}

async fn over(at_most: Option<Duration>) {
    match at_most {
        Some(at_most) => tokio::time::sleep(at_most).await,
        None => std::future::pending().await,
    }
}

/// For a call, whose waits [`wake`] can end from now on, until [`forget`].
pub(crate) fn ticket() -> i64 {
    let ticket = LAST_TICKET.get() + 1;
    LAST_TICKET.set(ticket);
    WOKEN.with_borrow_mut(|tickets| tickets.insert(ticket, Rc::default()));
    ticket
}

/// Ends a wait of that call: the one that it is in, else its next.
pub(crate) fn wake(ticket: i64) {
    if let Some(call) = WOKEN.with_borrow(|tickets| tickets.get(&ticket).cloned()) {
        call.notify_one();
    }
}

pub(crate) fn forget(ticket: i64) {
    WOKEN.with_borrow_mut(|tickets| tickets.remove(&ticket));
}

/// What cannot be watched, a file on a disk for one, is always ready.
async fn until_ready(fd: i32, interest: Interest) {
    // A copy, because two calls may wait for one descriptor, which epoll takes once.
    // SAFETY: PHP keeps the stream open while a call of it waits; a closed number is refused by the system.
    let copy: io::Result<OwnedFd> = unsafe { BorrowedFd::borrow_raw(fd) }.try_clone_to_owned();
    let Ok(copy) = copy else { return };
    // SAFETY: the descriptor is owned by what watches it, and open for as long.
    if let Ok(watched) = unsafe { AsyncFd::register_with_interest(copy, interest) } {
        let _ = watched.ready(interest).await;
    }
}
