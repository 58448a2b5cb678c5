//! Places for answers that come later: a slab of slots. A token is `(slot, generation)`, so a late or second answer finds
//! another generation and is dropped. Knows nothing of how an answer is made.

use spikard::{Reply, Verdict};
use std::cell::RefCell;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

/// Names one pending call; never a pointer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Token {
    /// Index of the slot.
    pub slot: u32,
    /// Use of the slot.
    pub generation: u32,
}

/// The slots of one worker; shared by its guest and its endpoints (clone is cheap).
///
/// ```
/// use spikard_bridge::{Completion, Token};
///
/// let completion = Completion::default();
/// // Nobody waits under this token: the answer is dropped.
/// assert!(!completion.complete(Token { slot: 0, generation: 0 }, Ok(spikard::Response::empty(204))));
/// ```
#[derive(Debug, Clone, Default)]
pub struct Completion(Rc<RefCell<Slab>>);

#[derive(Debug, Default)]
struct Slab {
    slots: Vec<Slot>,
    free: Vec<u32>,
}

#[derive(Debug)]
struct Slot {
    generation: u32,
    state: State,
}

#[derive(Debug)]
enum State {
    Free,
    Waiting(Option<Waker>),
    Answered(Verdict),
}

impl Completion {
    /// Gives the answer of a pending call and wakes its connection; `false` when nobody waits for it any more. Works
    /// inside and outside the runtime, and before the call has returned `Pending`.
    pub fn complete(&self, token: Token, reply: Reply) -> bool {
        self.give(token, Some(reply))
    }

    /// The pending call of a hook has ended without an answer: its request goes on. `false` as for
    /// [`Completion::complete`].
    pub fn pass(&self, token: Token) -> bool {
        self.give(token, None)
    }

    fn give(&self, token: Token, verdict: Verdict) -> bool {
        let waker = {
            let mut slab = self.0.borrow_mut();
            let Some(state) = slab.state(token) else {
                return false;
            };
            let State::Waiting(waker) = state else {
                return false;
            };
            let waker = waker.take();
            *state = State::Answered(verdict);
            waker
        };
        // After the borrow: a waker may run a host's code, which may complete another call.
        if let Some(waker) = waker {
            waker.wake();
        }
        true
    }

    /// Somebody still waits for this call's answer.
    pub fn waits(&self, token: Token) -> bool {
        matches!(self.0.borrow_mut().state(token), Some(State::Waiting(_)))
    }

    /// How many calls are pending, answered ones that were not fetched yet included.
    pub fn pending(&self) -> usize {
        let slab = self.0.borrow();
        slab.slots.len() - slab.free.len()
    }

    pub(crate) fn reserve(&self) -> Token {
        let mut slab = self.0.borrow_mut();
        let slot = slab.free.pop().unwrap_or_else(|| {
            slab.slots.push(Slot {
                generation: 0,
                state: State::Free,
            });
            u32::try_from(slab.slots.len() - 1)
                .expect("invariant: fewer than 2^32 calls are pending")
        });
        let place = &mut slab.slots[slot as usize];
        place.state = State::Waiting(None);
        Token {
            slot,
            generation: place.generation,
        }
    }

    /// The answer, once; afterwards the slot is free. Must not be polled after that.
    pub(crate) fn poll(&self, token: Token, context: &mut Context<'_>) -> Poll<Verdict> {
        let mut slab = self.0.borrow_mut();
        let state = slab
            .state(token)
            .expect("invariant: the one future of a token polls it until it is ready");
        match state {
            State::Waiting(Some(waker)) => waker.clone_from(context.waker()),
            State::Waiting(waker) => *waker = Some(context.waker().clone()),
            State::Free | State::Answered(_) => {
                let State::Answered(verdict) = slab.release(token) else {
                    unreachable!("invariant: a free slot has no token")
                };
                return Poll::Ready(verdict);
            }
        }
        Poll::Pending
    }

    /// Frees the slot; what it held is dropped after the borrow, because dropping a reply may run a host's code.
    pub(crate) fn release(&self, token: Token) {
        let held = self.0.borrow_mut().release(token);
        drop(held);
    }
}

impl Slab {
    fn state(&mut self, token: Token) -> Option<&mut State> {
        let slot = self.slots.get_mut(token.slot as usize)?;
        (slot.generation == token.generation).then_some(&mut slot.state)
    }

    fn release(&mut self, token: Token) -> State {
        let Some(state) = self.state(token) else {
            return State::Free;
        };
        let held = std::mem::replace(state, State::Free);
        if !matches!(held, State::Free) {
            let slot = &mut self.slots[token.slot as usize];
            slot.generation = slot.generation.wrapping_add(1);
            self.free.push(token.slot);
        }
        held
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use spikard::Response;

    fn reply(status: u16) -> Reply {
        Ok(Response::empty(status))
    }

    fn poll(completion: &Completion, token: Token) -> Option<u16> {
        match completion.poll(token, &mut Context::from_waker(Waker::noop())) {
            Poll::Ready(verdict) => Some(verdict.expect("an answer").expect("a response").status),
            Poll::Pending => None,
        }
    }

    #[test]
    fn an_answer_is_fetched_once_and_its_slot_is_used_again_under_another_generation() {
        let completion = Completion::default();
        let first = completion.reserve();
        assert_eq!(poll(&completion, first), None);
        assert!(completion.complete(first, reply(201)));
        assert_eq!(poll(&completion, first), Some(201));
        let second = completion.reserve();
        assert_eq!(
            (second.slot, second.generation),
            (first.slot, first.generation + 1)
        );
        assert!(
            !completion.complete(first, reply(500)),
            "the late answer finds another generation"
        );
        assert!(completion.waits(second));
    }

    #[test]
    fn a_second_answer_is_dropped() {
        let completion = Completion::default();
        let token = completion.reserve();
        assert!(completion.complete(token, reply(200)));
        assert!(!completion.complete(token, reply(500)));
        assert_eq!(poll(&completion, token), Some(200));
    }

    #[test]
    fn a_released_slot_takes_no_answer() {
        let completion = Completion::default();
        let token = completion.reserve();
        assert_eq!(completion.pending(), 1);
        completion.release(token);
        completion.release(token);
        assert_eq!(completion.pending(), 0);
        assert!(!completion.complete(token, reply(200)));
        assert_ne!(
            completion.reserve(),
            completion.reserve(),
            "released twice, free once"
        );
    }

    #[test]
    fn the_waker_of_the_last_poll_is_woken() {
        use std::sync::Arc;
        use std::sync::atomic::{AtomicUsize, Ordering};
        struct Count(AtomicUsize);
        impl std::task::Wake for Count {
            fn wake(self: Arc<Self>) {
                self.0.fetch_add(1, Ordering::Relaxed);
            }
        }
        let (old, new) = (
            Arc::new(Count(AtomicUsize::new(0))),
            Arc::new(Count(AtomicUsize::new(0))),
        );
        let completion = Completion::default();
        let token = completion.reserve();
        for count in [&old, &new] {
            let waker = Waker::from(Arc::clone(count));
            assert!(
                completion
                    .poll(token, &mut Context::from_waker(&waker))
                    .is_pending()
            );
        }
        completion.complete(token, reply(200));
        assert_eq!(
            (old.0.load(Ordering::Relaxed), new.0.load(Ordering::Relaxed)),
            (0, 1)
        );
    }
}
