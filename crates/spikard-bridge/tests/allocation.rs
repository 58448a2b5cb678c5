//! A handler that answers at once costs no allocation in the bridge. Alone in its file: the allocator counts for all.

mod echo_guest;

use echo_guest::{Does, Echo};
use spikard::{Endpoint as _, Flow, Head, Headers, Request};
use spikard_bridge::GuestEndpoint;
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::rc::Rc;
use std::task::{Context, Waker};

thread_local! {
    static COUNT: Cell<usize> = const { Cell::new(0) };
}

struct Counting;

// SAFETY: everything is the system allocator's; counting touches a thread-local without a destructor.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        COUNT.set(COUNT.get() + 1);
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise is passed on.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn allocations(does: Does) -> usize {
    let guest = Echo::new();
    let endpoint = GuestEndpoint::new(Rc::clone(&guest), does, guest.completion.clone());
    let head = Head {
        method: "GET",
        target: "/",
        headers: Headers::default(),
    };
    let request = Request {
        head: &head,
        arguments: &[],
        body: b"",
        unvalidated: None,
        trailers: None,
        request_id: "1",
        peer: None,
        principal: None,
        passage: None,
    };
    let before = COUNT.get();
    let flow = endpoint.call(request, &mut Context::from_waker(Waker::noop()));
    let after = COUNT.get();
    assert!(!matches!(flow, Flow::Refused));
    after - before
}

#[test]
fn only_a_suspended_call_allocates() {
    assert_eq!(allocations(Does::Status(204)), 0);
    assert!(allocations(Does::Later) > 0, "the counter counts");
}
