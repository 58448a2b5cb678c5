//! The connections of one worker as one task of Tokio: which of them are ready, and in which step each is. Knows nothing of
//! what a connection does.
//!
//! A task for each would cost a request three turns of Tokio's scheduler while the worker goes in step (`keep_step`); here
//! a further step costs an entry in a list.

use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use tokio::task::yield_now;

/// Members that are polled before other tasks have their turn: half of what Tokio lets a task do at a time.
const TURN: usize = 64;

thread_local! {
    /// The member that is polled wants a further step.
    static AGAIN: Cell<bool> = const { Cell::new(false) };
    /// Calls of this thread's crew by the thread itself.
    static OWN: RefCell<Own> = const { RefCell::new(Own::NONE) };
}

/// Who is ready, told by the thread that runs the crew: nearly all calls, which cost no locked instruction here.
struct Own {
    /// The crew, by the address of its calls. The first one of a thread; further ones are called as if from elsewhere.
    crew: *const Calls,
    places: Vec<usize>,
    /// By place: it is in the list.
    called: Vec<bool>,
}

impl Own {
    const NONE: Self = Self {
        crew: std::ptr::null(),
        places: Vec::new(),
        called: Vec::new(),
    };

    /// Whether the list was empty.
    fn call(&mut self, place: usize) -> bool {
        if place >= self.called.len() {
            self.called.resize(place + 1, false);
        }
        let is_first = self.places.is_empty();
        if !std::mem::replace(&mut self.called[place], true) {
            self.places.push(place);
        }
        is_first
    }

    /// Moves `room` calls at most into `list`; whether some are left.
    fn give(&mut self, list: &mut Vec<usize>, room: usize) -> bool {
        let count = self.places.len().min(room);
        for place in self.places.drain(..count) {
            self.called[place] = false;
            list.push(place);
        }
        !self.places.is_empty()
    }
}

/// Lets every other member that is ready come as far as this one. Under load the connections of a worker read one after
/// the other, then call their handlers, then write: the processor finds the code of each step still in its cache.
pub(crate) async fn keep_step() {
    let mut is_behind = false;
    poll_fn(|_| {
        if std::mem::replace(&mut is_behind, true) {
            return Poll::Ready(());
        }
        AGAIN.set(true);
        Poll::Pending
    })
    .await;
}

/// Takes new connections. The task ends with the last of them when this is gone.
pub(crate) struct Crew(Rc<Door>);

#[derive(Default)]
struct Door {
    arrivals: RefCell<Vec<Member>>,
    calls: Arc<Calls>,
}

type Member = Pin<Box<dyn Future<Output = ()>>>;

impl Crew {
    /// Needs a Tokio `LocalRuntime` or `LocalSet` around it.
    pub(crate) fn new() -> Self {
        let door = Rc::new(Door::default());
        let mut stage = Stage::new(&door);
        tokio::task::spawn_local(poll_fn(move |context| stage.turn(context)));
        Self(door)
    }

    /// A panic of `member` ends it and nothing else.
    pub(crate) fn join(&self, member: impl Future<Output = ()> + 'static) {
        self.0.arrivals.borrow_mut().push(Box::pin(member));
        self.0.calls.wake();
    }
}

impl Drop for Crew {
    fn drop(&mut self) {
        self.0.calls.wake();
    }
}

/// Who is ready, told from any thread.
#[derive(Default)]
struct Calls {
    called: Mutex<Called>,
    /// There are some in the list.
    waiting: AtomicBool,
}

#[derive(Default)]
struct Called {
    places: Vec<usize>,
    /// Of the task.
    waker: Option<Waker>,
}

impl Calls {
    fn lock(&self) -> MutexGuard<'_, Called> {
        self.called.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wake(&self) {
        let waker = self.lock().waker.clone();
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

/// The waker of the member in one place.
struct Call {
    place: usize,
    /// In the list already.
    is_called: AtomicBool,
    calls: Arc<Calls>,
}

impl Wake for Call {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let own = OWN.try_with(|own| {
            let mut own = own.borrow_mut();
            (own.crew == Arc::as_ptr(&self.calls)).then(|| own.call(self.place))
        });
        match own {
            Ok(Some(true)) => return self.calls.wake(),
            Ok(Some(false)) => return,
            Ok(None) | Err(_) => {}
        }
        if self.is_called.swap(true, Ordering::AcqRel) {
            return;
        }
        let mut called = self.calls.lock();
        called.places.push(self.place);
        self.calls.waiting.store(true, Ordering::Release);
        // Whoever found the list empty wakes the task, which empties it.
        if called.places.len() == 1
            && let Some(waker) = &called.waker
        {
            waker.wake_by_ref();
        }
    }
}

struct Place {
    member: Member,
    call: Arc<Call>,
    waker: Waker,
}

/// The task.
struct Stage {
    door: Rc<Door>,
    places: Vec<Option<Place>>,
    free: Vec<usize>,
    /// Those of this step and of the next one.
    now: Vec<usize>,
    next: Vec<usize>,
    /// As the callers have it.
    waker: Waker,
}

impl Drop for Stage {
    fn drop(&mut self) {
        let me = Arc::as_ptr(&self.door.calls);
        // The next crew of this thread may take the place. At the end of a thread it may be gone.
        let _ = OWN.try_with(|own| {
            let mut own = own.borrow_mut();
            if own.crew == me {
                *own = Own::NONE;
            }
        });
    }
}

impl Stage {
    fn new(door: &Rc<Door>) -> Self {
        OWN.with_borrow_mut(|own| {
            if own.crew.is_null() {
                own.crew = Arc::as_ptr(&door.calls);
            }
        });
        Self {
            door: Rc::clone(door),
            places: Vec::new(),
            free: Vec::new(),
            now: Vec::new(),
            next: Vec::new(),
            waker: Waker::noop().clone(),
        }
    }

    fn turn(&mut self, context: &mut Context<'_>) -> Poll<()> {
        self.seat();
        self.take(context);
        while !self.now.is_empty() {
            for at in 0..self.now.len() {
                let place = self.now[at];
                self.poll(place);
            }
            self.now.clear();
            std::mem::swap(&mut self.now, &mut self.next);
        }
        let is_over = self.free.len() == self.places.len()
            && Rc::strong_count(&self.door) == 1
            && self.door.arrivals.borrow().is_empty();
        match is_over {
            true => Poll::Ready(()),
            false => Poll::Pending,
        }
    }

    /// Gives those who came a place; their first poll is of this turn.
    fn seat(&mut self) {
        for member in self.door.arrivals.take() {
            let place = self.free.pop().unwrap_or(self.places.len());
            let call = Arc::new(Call {
                place,
                is_called: AtomicBool::new(false),
                calls: Arc::clone(&self.door.calls),
            });
            let seated = Some(Place {
                member,
                waker: Waker::from(Arc::clone(&call)),
                call,
            });
            match self.places.get_mut(place) {
                Some(free) => *free = seated,
                None => self.places.push(seated),
            }
            self.now.push(place);
        }
    }

    /// Those who are ready, as many as a turn has room for.
    fn take(&mut self, context: &mut Context<'_>) {
        let calls = &self.door.calls;
        if !self.waker.will_wake(context.waker()) {
            self.waker.clone_from(context.waker());
            calls.lock().waker = Some(self.waker.clone());
        }
        let room = |now: &[usize]| TURN.saturating_sub(now.len()).max(1);
        let mut is_more = OWN.with_borrow_mut(|own| {
            let room = room(&self.now);
            own.crew == Arc::as_ptr(calls) && own.give(&mut self.now, room)
        });
        if calls.waiting.load(Ordering::Acquire) {
            let mut called = calls.lock();
            let count = called.places.len().min(room(&self.now));
            for place in called.places.drain(..count) {
                if let Some(Some(place)) = self.places.get(place) {
                    // Before the poll looks: whoever finds it set has said what is new before, and the swap sees that.
                    place.call.is_called.swap(false, Ordering::AcqRel);
                }
                self.now.push(place);
            }
            is_more |= !called.places.is_empty();
            calls
                .waiting
                .store(!called.places.is_empty(), Ordering::Release);
        }
        if is_more {
            // Behind the other tasks, and behind a look for events.
            let _ = pin!(yield_now()).poll(context);
        }
    }

    fn poll(&mut self, at: usize) {
        // Called for one who has left, or asked for a step and was called as well.
        let Some(Some(place)) = self.places.get_mut(at) else {
            return;
        };
        let mut context = Context::from_waker(&place.waker);
        let polled = catch_unwind(AssertUnwindSafe(|| {
            place.member.as_mut().poll(&mut context)
        }));
        let again = AGAIN.replace(false);
        match polled {
            Ok(Poll::Pending) if again => self.next.push(at),
            Ok(Poll::Pending) => {}
            // The panic hook has told of it.
            Ok(Poll::Ready(())) | Err(_) => {
                self.places[at] = None;
                self.free.push(at);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Crew, Door, Stage, TURN, keep_step};
    use std::cell::{Cell, RefCell};
    use std::future::{Future, ready};
    use std::rc::Rc;
    use std::task::{Context, Waker};
    use tokio::runtime::{Builder, LocalOptions};
    use tokio::sync::Notify;
    use tokio::task::yield_now;

    fn run<T>(test: impl Future<Output = T>) -> T {
        let runtime = Builder::new_current_thread().build_local(LocalOptions::default());
        runtime.expect("a runtime").block_on(test)
    }

    #[test]
    fn members_keep_step() {
        let said = Rc::new(RefCell::new(String::new()));
        run(async {
            let crew = Crew::new();
            let done = Rc::new(Notify::new());
            for name in ["a", "b", "c"] {
                let (said, done) = (Rc::clone(&said), Rc::clone(&done));
                crew.join(async move {
                    for _ in 0..3 {
                        said.borrow_mut().push_str(name);
                        keep_step().await;
                    }
                    done.notify_one();
                });
            }
            done.notified().await;
        });
        assert_eq!(*said.borrow(), "abcabcabc");
    }

    #[test]
    fn a_panic_ends_one_member() {
        let seen = Rc::new(Cell::new(0));
        run(async {
            let crew = Crew::new();
            for number in 0..10 {
                let seen = Rc::clone(&seen);
                crew.join(async move {
                    yield_now().await;
                    assert!(number % 2 == 0, "an odd one");
                    seen.set(seen.get() + 1);
                });
                yield_now().await;
            }
            while seen.get() < 5 {
                yield_now().await;
            }
        });
    }

    #[test]
    fn places_are_used_again() {
        let door = Rc::new(Door::default());
        let mut stage = Stage::new(&door);
        for _ in 0..3 {
            for _ in 0..2 {
                door.arrivals.borrow_mut().push(Box::pin(ready(())));
            }
            let _ = stage.turn(&mut Context::from_waker(Waker::noop()));
            assert_eq!((stage.places.len(), stage.free.len()), (2, 2));
        }
    }

    #[test]
    fn many_who_are_ready_leave_others_their_turn() {
        run(async {
            let crew = Crew::new();
            let polls = Rc::new(Cell::new(0));
            for _ in 0..10 * TURN {
                let polls = Rc::clone(&polls);
                crew.join(async move {
                    loop {
                        polls.set(polls.get() + 1);
                        yield_now().await;
                    }
                });
            }
            // The first turn seats them all.
            yield_now().await;
            for _ in 0..5 {
                let before = polls.get();
                yield_now().await;
                assert!(polls.get() - before <= 4 * TURN, "{before} {}", polls.get());
            }
        });
    }

    #[test]
    fn the_task_ends_with_the_last_member_and_handle() {
        let alive = Rc::new(());
        run(async {
            let crew = Crew::new();
            let (held, go) = (Rc::clone(&alive), Rc::new(Notify::new()));
            let told = Rc::clone(&go);
            crew.join(async move {
                told.notified().await;
                drop(held);
            });
            drop(crew);
            yield_now().await;
            assert_eq!(Rc::strong_count(&alive), 2, "it goes on without its handle");
            go.notify_one();
            while Rc::strong_count(&alive) > 1 {
                yield_now().await;
            }
        });
    }

    #[test]
    fn each_crew_of_a_thread_hears_its_own_calls() {
        for _ in 0..2 {
            run(async {
                let crews = [Crew::new(), Crew::new()];
                let (done, gos) = (
                    Rc::new(Notify::new()),
                    [(); 2].map(|()| Rc::new(Notify::new())),
                );
                for (crew, go) in crews.iter().zip(&gos) {
                    let (done, go) = (Rc::clone(&done), Rc::clone(go));
                    crew.join(async move {
                        go.notified().await;
                        done.notify_one();
                    });
                }
                yield_now().await;
                for go in gos.iter().rev() {
                    go.notify_one();
                    done.notified().await;
                }
            });
        }
    }

    #[test]
    fn a_call_from_another_thread_is_heard() {
        run(async {
            let crew = Crew::new();
            let (sender, receiver) = tokio::sync::oneshot::channel();
            let done = Rc::new(Notify::new());
            let told = Rc::clone(&done);
            crew.join(async move {
                let _ = receiver.await;
                told.notify_one();
            });
            yield_now().await;
            let thread = std::thread::spawn(move || sender.send(()));
            done.notified().await;
            thread.join().expect("no panic").expect("heard");
        });
    }
}
