//! Tokio on the thread that runs PHP: one runtime, kept for the life of the process, and what a call waits for in it.

use crate::interpreter::{Wait, Waited, is_interrupted};
use spikard::server::EVENT_INTERVAL;
use std::cell::OnceCell;
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

/// Until what a call waits for is there, its time is over, or it is told to give up.
pub(crate) async fn waited(
    (wait, microseconds): (Wait, Option<u64>),
    give_up: Option<&Notify>,
) -> Waited {
    match give_up {
        None => for_it(wait, microseconds).await,
        Some(told) => tokio::select! {
            ended = for_it(wait, microseconds) => ended,
            () = told.notified() => Waited::GivenUp,
        },
    }
}

async fn for_it(wait: Wait, microseconds: Option<u64>) -> Waited {
    let limit = microseconds.map(Duration::from_micros);
    if let (Wait::Sleep, Some(limit)) = (wait, limit) {
        tokio::time::sleep(limit).await;
        return Waited::TimedOut;
    }
    let ready = async {
        match wait {
            Wait::Sleep => std::future::pending().await,
            Wait::Readable(fd) => until_ready(fd, Interest::READABLE).await,
            Wait::Writable(fd) => until_ready(fd, Interest::WRITABLE).await,
        }
    };
    match limit {
        Some(limit) => match tokio::time::timeout(limit, ready).await {
            Ok(()) => Waited::Ready,
            Err(_) => Waited::TimedOut,
        },
        None => {
            ready.await;
            Waited::Ready
        }
    }
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
