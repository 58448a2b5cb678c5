//! A producer of a guest, pulled without a connection.

#![allow(clippy::panic, reason = "a failed test")]

mod echo_guest;

use echo_guest::{Does, Echo};
use spikard::response::ChunkSource as _;
use spikard::{Cancel, Problem, Response};
use spikard_bridge::GuestStream;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

type Pulled = Option<Result<String, u16>>;

fn stream(guest: &Rc<Echo>, does: Does) -> GuestStream<Echo> {
    GuestStream::new(Rc::clone(guest), does, guest.completion.clone())
}

/// `Err` for the status of the problem that a failure holds.
fn pull(stream: &mut GuestStream<Echo>) -> Poll<Pulled> {
    let mut next = stream.next();
    let polled = next.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    polled.map(|pulled| {
        Some(match pulled? {
            Ok(chunk) => Ok(String::from_utf8(chunk.to_vec()).expect("text")),
            Err(error) => Err(error.downcast::<Problem>().expect("a problem").status),
        })
    })
}

#[test]
fn chunks_come_one_a_call_until_the_end() {
    let guest = Echo::new();
    let mut stream = stream(&guest, Does::produce(&[Some("a"), Some(""), Some("b")]));
    for expected in [Some("a"), Some(""), Some("b"), None, None] {
        let expected = expected.map(|text| Ok(text.to_owned()));
        assert_eq!(pull(&mut stream), Poll::Ready(expected));
    }
    drop(stream);
    assert_eq!(guest.closed.get(), 0, "it came to its end by itself");
}

#[test]
fn a_failure_holds_the_problem() {
    let guest = Echo::new();
    let mut stream = stream(&guest, Does::produce(&[Some("a"), None]));
    assert_eq!(pull(&mut stream), Poll::Ready(Some(Ok("a".to_owned()))));
    assert_eq!(pull(&mut stream), Poll::Ready(Some(Err(409))));
}

#[test]
fn what_is_left_is_closed_once() {
    let guest = Echo::new();
    drop(stream(&guest, Does::produce(&[Some("a")])));
    let mut begun = stream(&guest, Does::produce(&[Some("a"), Some("b")]));
    assert!(pull(&mut begun).is_ready());
    drop(begun);
    assert_eq!(guest.closed.get(), 2);
}

#[test]
fn a_pull_that_waits_is_completed_by_its_token() {
    let guest = Echo::new();
    let mut stream = stream(&guest, Does::Later);
    let mut next = stream.next();
    let mut context = Context::from_waker(Waker::noop());
    assert!(next.as_mut().poll(&mut context).is_pending());
    let token = guest.waiting.borrow()[0];
    assert!(
        guest
            .completion
            .complete(token, Ok(Response::text(200, "a")))
    );
    match next.as_mut().poll(&mut context) {
        Poll::Ready(Some(Ok(chunk))) => assert_eq!(chunk, "a"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_pull_that_waits_when_the_client_leaves_is_cancelled_before_the_producer_is_closed() {
    let guest = Echo::new();
    let mut stream = stream(&guest, Does::Later);
    assert!(pull(&mut stream).is_pending());
    let token = guest.waiting.borrow()[0];
    assert_eq!(*guest.cancelled.borrow(), [(token, Cancel::ClientGone)]);
    assert_eq!((guest.closed.get(), guest.completion.pending()), (0, 0));
    drop(stream);
    assert_eq!(guest.closed.get(), 1);
}
