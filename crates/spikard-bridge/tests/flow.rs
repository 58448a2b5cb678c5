//! One call between the pipeline and a guest, without a pipeline.

#![allow(clippy::panic, reason = "a failed test")]

mod echo_guest;

use echo_guest::{Does, Echo};
use spikard::contract::Schema;
use spikard::endpoint::give_up;
use spikard::{Cancel, Endpoint as _, Flow, Head, Headers, Reply, Request};
use spikard_bridge::GuestEndpoint;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

fn call(guest: &Rc<Echo>, does: Does, schema: Option<&Schema>) -> Flow {
    let head = Head {
        method: "GET",
        target: "/",
        headers: Headers::default(),
    };
    let request = Request {
        head: &head,
        arguments: &[],
        body: b"{}",
        unvalidated: schema,
        trailers: None,
        request_id: "1",
        peer: None,
        principal: None,
        passage: None,
    };
    let endpoint = GuestEndpoint::new(Rc::clone(guest), does, guest.completion.clone());
    endpoint.call(request, &mut Context::from_waker(Waker::noop()))
}

fn done(flow: Flow) -> Reply {
    match flow {
        Flow::Done(reply) => reply,
        Flow::Refused => panic!("refused"),
        Flow::Pending(_) => panic!("pending"),
    }
}

fn pending(flow: Flow) -> Pin<Box<dyn Future<Output = Reply>>> {
    match flow {
        Flow::Pending(future) => future,
        _ => panic!("not pending"),
    }
}

fn status(reply: Reply) -> u16 {
    reply.map_or_else(|problem| problem.status, |response| response.status)
}

fn poll(future: &mut Pin<Box<dyn Future<Output = Reply>>>) -> Poll<u16> {
    future
        .as_mut()
        .poll(&mut Context::from_waker(Waker::noop()))
        .map(status)
}

#[test]
fn an_answer_at_once_reserves_nothing() {
    let guest = Echo::new();
    assert_eq!(status(done(call(&guest, Does::Status(201), None))), 201);
    assert_eq!(status(done(call(&guest, Does::Hesitant(202), None))), 202);
    assert_eq!(status(done(call(&guest, Does::Raise, None))), 409);
    assert_eq!(guest.completion.pending(), 0);
}

#[test]
fn a_refused_body_is_called_again_when_the_core_finds_nothing() {
    let guest = Echo::new();
    let schema = Schema::compile(&true.into(), &true.into()).expect("a right schema");
    let first = call(&guest, Does::Refuse, Some(&schema));
    assert!(matches!(first, Flow::Refused));
    assert_eq!(status(done(call(&guest, Does::Refuse, None))), 200);
}

#[test]
fn a_suspended_call_is_answered_later() {
    let guest = Echo::new();
    let mut future = pending(call(&guest, Does::Later, None));
    assert_eq!(poll(&mut future), Poll::Pending);
    assert!(guest.complete(203));
    assert_eq!(poll(&mut future), Poll::Ready(203));
    drop(future);
    assert!(!guest.complete(500), "a second answer is dropped");
    assert_eq!(
        (guest.completion.pending(), guest.cancelled.borrow().len()),
        (0, 0)
    );
}

#[test]
fn an_answer_before_the_call_returns_is_kept() {
    let guest = Echo::new();
    let mut future = pending(call(&guest, Does::LaterAlready(203), None));
    assert_eq!(poll(&mut future), Poll::Ready(203));
}

#[test]
fn a_dropped_future_cancels_with_its_reason_and_drops_a_late_answer() {
    for why in [Cancel::ClientGone, Cancel::Deadline, Cancel::Shutdown] {
        let guest = Echo::new();
        let mut future = pending(call(&guest, Does::Later, None));
        assert_eq!(poll(&mut future), Poll::Pending);
        match why {
            Cancel::ClientGone => drop(future),
            _ => give_up(why, future),
        }
        let token = guest.waiting.borrow()[0];
        assert_eq!(*guest.cancelled.borrow(), [(token, why)]);
        assert!(!guest.complete(200), "late");
        assert_eq!(guest.completion.pending(), 0);
    }
}

#[test]
fn pending_without_a_token_is_the_guest_s_mistake() {
    let problem = done(call(&Echo::new(), Does::Forgetful, None)).expect_err("a problem");
    assert_eq!(problem.status, 500);
    assert!(
        problem
            .cause
            .as_ref()
            .expect("a cause")
            .contains("Call::suspend")
    );
}

#[test]
fn a_panic_leaves_no_slot_behind() {
    let guest = Echo::new();
    let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        call(&guest, Does::Panic, None)
    }));
    assert!(caught.is_err());
    assert_eq!(guest.completion.pending(), 0);
}
