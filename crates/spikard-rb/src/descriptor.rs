//! Waits until a descriptor of Ruby's can be read or written. Reads and writes nothing.

use std::ffi::c_int;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// `IO::READABLE` and `IO::WRITABLE`.
const READABLE: c_int = 1;
const WRITABLE: c_int = 4;

/// What of `events` the descriptor is ready for. A regular file, and one that is no descriptor, always is: the call that
/// follows tells.
pub(crate) async fn ready(fd: c_int, events: c_int) -> c_int {
    // SAFETY: only borrowed for the call; of a descriptor that is closed the copy fails. A copy, because epoll has one
    // entry for each and two fibers may wait for the same, and because Ruby may close it meanwhile.
    let copy = unsafe { BorrowedFd::borrow_raw(fd) }
        .as_fd()
        .try_clone_to_owned();
    let interest = match (events & READABLE != 0, events & WRITABLE != 0) {
        (true, true) => Interest::READABLE | Interest::WRITABLE,
        (_, true) => Interest::WRITABLE,
        _ => Interest::READABLE,
    };
    // SAFETY: the copy is owned by what watches it.
    let watch = |copy: OwnedFd| unsafe { AsyncFd::register_with_interest(copy, interest) };
    let Ok(Ok(watched)) = copy.map(watch) else {
        return events;
    };
    match watched.ready(interest).await {
        Ok(guard) => {
            let ready = guard.ready();
            (c_int::from(ready.is_readable()) * READABLE)
                | (c_int::from(ready.is_writable()) * WRITABLE)
        }
        Err(_) => events,
    }
}
