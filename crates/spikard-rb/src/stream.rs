//! A body that Ruby produces in a fiber of its own, a chunk when the client has taken the one before. Knows nothing of HTTP.

use crate::error::failure;
use crate::guest::Host;
use crate::interpreter::{NIL, Raised, content, fixnum, is_string, protect, send, string};
use crate::reactor::Reactor;
use crate::roots::Kept;
use bytes::Bytes;
use magnus::rb_sys::AsRawValue as _;
use magnus::{Error, Value};
use rb_sys::{VALUE, rb_cEnumerator, rb_fiber_resume, rb_obj_is_kind_of};
use spikard::Problem;
use spikard::response::ChunkSource;
use std::cell::RefCell;
use std::collections::HashMap;
use std::future::{Future, poll_fn};
use std::io;
use std::pin::Pin;
use std::ptr::null;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

thread_local! {
    static PRODUCERS: RefCell<Producers> = RefCell::default();
}

#[derive(Default)]
struct Producers {
    last: usize,
    all: HashMap<usize, Producer>,
}

struct Producer {
    host: Rc<Host>,
    fiber: Kept,
    /// It was resumed and has told nothing since: it runs, or waits for something.
    busy: bool,
    told: Option<Told>,
    waker: Option<Waker>,
}

/// What a producer has told.
enum Told {
    Chunk(Vec<u8>),
    End,
    Failed(Problem),
}

/// A value that is a stream: an Enumerator, lazy ones among them.
pub(crate) fn is_stream(value: VALUE) -> bool {
    // SAFETY: looks at the value's class.
    unsafe { rb_obj_is_kind_of(value, rb_cEnumerator) == crate::interpreter::TRUE }
}

/// The client's end of a producer. Dropped before the end, it ends the producer, whose `ensure` runs.
pub(crate) struct Stream(usize);

impl Stream {
    pub(crate) fn new(host: &Rc<Host>, source: VALUE) -> Result<Self, Raised> {
        let number = PRODUCERS.with_borrow_mut(|producers| {
            producers.last += 1;
            producers.last
        });
        let (object, name) = (host.object.get(), host.names.producer);
        let fiber = protect(|| send(object, name, &[fixnum(number), source]))?;
        let producer = Producer {
            host: Rc::clone(host),
            fiber: Kept::new(fiber),
            busy: false,
            told: None,
            waker: None,
        };
        PRODUCERS.with_borrow_mut(|producers| producers.all.insert(number, producer));
        Ok(Self(number))
    }

    fn poll(&self, context: &Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        if let Some(fiber) = self.idle() {
            // SAFETY: with Ruby's lock, in a turn; the fiber has not begun, or waits to be asked.
            let resumed = protect(|| unsafe { rb_fiber_resume(fiber, 0, null()) });
            if let Err(raised) = resumed {
                fail(self.0, raised);
            }
        }
        PRODUCERS.with_borrow_mut(|producers| {
            let Some(producer) = producers.all.get_mut(&self.0) else {
                return Poll::Ready(None);
            };
            match producer.told.take() {
                Some(Told::Chunk(bytes)) => Poll::Ready(Some(Ok(bytes.into()))),
                Some(Told::End) => Poll::Ready(None),
                Some(Told::Failed(problem)) => Poll::Ready(Some(Err(io::Error::other(problem)))),
                None => {
                    producer.waker = Some(context.waker().clone());
                    Poll::Pending
                }
            }
        })
    }

    /// The fiber, when it has to be resumed: nothing is told and it waits for nothing. It is busy from now on.
    fn idle(&self) -> Option<VALUE> {
        PRODUCERS.with_borrow_mut(|producers| {
            let producer = producers.all.get_mut(&self.0)?;
            if producer.busy || producer.told.is_some() {
                return None;
            }
            producer.busy = true;
            Some(producer.fiber.get())
        })
    }
}

impl ChunkSource for Stream {
    fn next(&mut self) -> Pin<Box<dyn Future<Output = Option<io::Result<Bytes>>> + '_>> {
        Box::pin(poll_fn(|context| self.poll(context)))
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        let gone = PRODUCERS.with_borrow_mut(|producers| producers.all.remove(&self.0));
        // What was told last does not matter: a fiber that has ended is left alone.
        if let (Some(producer), Some(reactor)) = (gone, Reactor::current()) {
            let told = Rc::clone(&reactor);
            reactor.later(move || {
                let (object, name) = (producer.host.object.get(), producer.host.names.cancel);
                let fiber = producer.fiber.get();
                let ended = protect(|| send(object, name, &[fiber, string(b"the client left")]));
                if let Err(raised) = ended {
                    told.failed(raised);
                }
            });
        }
    }
}

/// Nothing when the client has left.
fn tell(number: usize, what: Told) {
    let waker = PRODUCERS.with_borrow_mut(|producers| {
        let producer = producers.all.get_mut(&number)?;
        producer.busy = false;
        producer.told = Some(what);
        producer.waker.take()
    });
    if let Some(waker) = waker {
        waker.wake();
    }
}

// --- what the package's producer calls

/// The next chunk: a String, whose bytes are sent as they are; nil at the end.
pub(crate) fn chunk(number: usize, value: Value) -> Result<(), Error> {
    let value = value.as_raw();
    match value {
        NIL => tell(number, Told::End),
        _ if is_string(value) => tell(number, Told::Chunk(content(value).to_vec())),
        _ => {
            return Err(failure(
                "what a stream gives is a String; write to_s or JSON.generate",
            ));
        }
    }
    Ok(())
}

/// The producer raised: the answer, while nothing was sent; later the client is told by a connection that ends too early,
/// and the operator by the log.
pub(crate) fn broken(number: usize, exception: Value) {
    let raised = Raised {
        state: crate::interpreter::RAISE,
        value: exception.as_raw(),
    };
    fail(number, raised);
}

fn fail(number: usize, raised: Raised) {
    if let Some(reactor) = Reactor::current().filter(|_| raised.leaves()) {
        reactor.leave(raised);
    }
    let producer = |producers: &Producers| {
        let producer = producers.all.get(&number)?;
        Some(Rc::clone(&producer.host))
    };
    if let Some(host) = PRODUCERS.with_borrow(producer) {
        tell(number, Told::Failed(host.told(raised)));
    }
}
