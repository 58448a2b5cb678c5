//! PHP in the shape that we use, as `shim/shim.h` declares it: jobs, values, results. Knows nothing of HTTP.
//!
//! Everything here relies on one invariant: it is used on the thread that runs PHP, which is the only one that has a job.

use std::cell::RefCell;
use std::ffi::{c_char, c_int};
use std::ptr::{NonNull, null, null_mut};
use std::time::Duration;

/// How a step ended, as in `shim.h`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Step {
    /// The function returned.
    Returned,
    /// It threw what the package did not catch.
    Threw,
    /// `exit()`.
    Exit,
    /// A fatal error: PHP must not be entered again.
    Lost,
    /// It waits.
    Waits,
}

impl Step {
    fn of(status: c_int) -> Self {
        match status {
            1 => Self::Returned,
            3 => Self::Exit,
            4 => Self::Lost,
            5 => Self::Waits,
            _ => Self::Threw,
        }
    }
}

/// A wait of a call.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wait {
    pub(crate) what: What,
    pub(crate) at_most: Option<Duration>,
    /// By which it is ended from elsewhere; 0 for none.
    pub(crate) ticket: i64,
}

/// What it is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum What {
    Time,
    Readable(c_int),
    Writable(c_int),
}

/// How a wait ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Waited {
    TimedOut,
    /// A descriptor is ready; or a wait for time alone was ended from elsewhere.
    Ready,
    /// Nobody wants what the call would give: it unwinds, and its `finally` blocks run, which may wait.
    GivenUp,
}

/// `sp_value`: one value for a call, in prefix order; of a body in postfix order.
#[repr(C)]
pub(crate) struct Value {
    kind: u16,
    /// Which member of the object that takes it.
    slot: u16,
    count: u32,
    /// An integer, the bits of a number, or a pointer to text.
    payload: u64,
    length: usize,
}

impl Value {
    pub(crate) const ABSENT: Self = Self::plain(0);
    pub(crate) const NULL: Self = Self::plain(1);

    const fn plain(kind: u16) -> Self {
        Self {
            kind,
            slot: 0,
            count: 0,
            payload: 0,
            length: 0,
        }
    }

    pub(crate) fn boolean(value: bool) -> Self {
        Self::plain(if value { 3 } else { 2 })
    }

    pub(crate) fn integer(value: i64) -> Self {
        Self {
            payload: value.cast_unsigned(),
            ..Self::plain(4)
        }
    }

    pub(crate) fn number(value: f64) -> Self {
        Self {
            payload: value.to_bits(),
            ..Self::plain(5)
        }
    }

    /// The text must live until the step that reads it.
    pub(crate) fn text(value: &[u8]) -> Self {
        Self {
            payload: value.as_ptr() as u64,
            length: value.len(),
            ..Self::plain(6)
        }
    }

    /// Likewise, of a whole number that fits no integer of PHP.
    pub(crate) fn big(digits: &str) -> Self {
        Self {
            kind: 7,
            ..Self::text(digits.as_bytes())
        }
    }

    /// Its items follow; in a body they come before it.
    pub(crate) fn list(count: usize) -> Self {
        Self::holding(8, count)
    }

    /// Of a body: as many keys and values come before it.
    pub(crate) fn map(count: usize) -> Self {
        Self::holding(9, count)
    }

    /// Of a body: as many members come before it.
    pub(crate) fn object(class: &Class, count: usize) -> Self {
        Self {
            payload: class.0.as_ptr() as u64,
            ..Self::holding(10, count)
        }
    }

    /// Of a body: one of an array's values. Its key follows.
    pub(crate) fn choice(choices: Told) -> Self {
        Self {
            payload: choices.0.as_ptr() as u64,
            ..Self::plain(11)
        }
    }

    pub(crate) fn set_slot(&mut self, slot: u16) {
        self.slot = slot;
    }

    fn holding(kind: u16, count: usize) -> Self {
        Self {
            count: u32::try_from(count).expect("invariant: fewer than 2^32 items"),
            ..Self::plain(kind)
        }
    }
}

/// `sp_call`: what a call brings.
#[repr(C)]
struct RawCall {
    token: i64,
    body: *const u8,
    length: usize,
    values: *const Value,
    built: *const Value,
    count: u32,
    built_count: u32,
    has_body: bool,
}

/// What a call brings; all of it must live until the step that begins the call returns.
pub(crate) struct Brought<'c> {
    pub(crate) token: i64,
    pub(crate) body: Option<&'c [u8]>,
    /// Those of the parameters, in prefix order.
    pub(crate) values: &'c [Value],
    /// How many stand at the top of `values`: lists counted once.
    pub(crate) count: usize,
    /// The body, when Rust has read it: in postfix order.
    pub(crate) built: Option<&'c [Value]>,
}

impl Brought<'_> {
    pub(crate) const NOTHING: Brought<'static> = Brought {
        token: 0,
        body: None,
        values: &[],
        count: 0,
        built: None,
    };
}

#[repr(C)]
struct RawHandler {
    _private: [u8; 0],
}

/// `sp_handler`: lives as long as the app, or as the producer that it belongs to.
#[repr(transparent)]
#[derive(Clone, Copy)]
pub(crate) struct Handler(NonNull<RawHandler>);

impl Handler {
    /// It takes the body of a request.
    pub(crate) fn wants_body(self) -> bool {
        // SAFETY: see the type.
        unsafe { sp_handler_wants_body(self.0.as_ptr()) }
    }

    /// It, or what stands around it, can ask for the request.
    pub(crate) fn asks(self) -> bool {
        // SAFETY: see the type.
        unsafe { sp_handler_asks(self.0.as_ptr()) }
    }

    /// What Rust makes of a body, as the package tells it.
    pub(crate) fn shape(self) -> Option<Told> {
        // SAFETY: see the type.
        NonNull::new(unsafe { sp_handler_shape(self.0.as_ptr()) }.cast_mut()).map(Told)
    }

    /// One that keeps its function, and runs and fails as another does; [`Handler::free`] lets go of it.
    pub(crate) fn kept(function: &Zval, like: Option<Self>) -> Option<Self> {
        let like = like.map_or(null(), |like| like.0.as_ptr().cast_const());
        // SAFETY: a live zval; see the type.
        NonNull::new(unsafe { sp_handler_kept(function, like) }).map(Self)
    }

    /// # Safety
    /// Made by [`Handler::kept`], and not used again.
    pub(crate) unsafe fn free(self) {
        // SAFETY: as the caller says.
        unsafe { sp_handler_free(self.0.as_ptr()) };
    }
}

/// A value that the app keeps for as long as it lives.
#[derive(Clone, Copy)]
pub(crate) struct Told(NonNull<Zval>);

impl std::ops::Deref for Told {
    type Target = Zval;

    fn deref(&self) -> &Zval {
        // SAFETY: see the type.
        unsafe { self.0.as_ref() }
    }
}

impl Told {
    /// A member of a list, which lives as long.
    pub(crate) fn inner(self, index: u32) -> Option<Self> {
        self.item(index).map(|item| Self(NonNull::from(item)))
    }
}

#[repr(C)]
struct RawClass {
    _private: [u8; 0],
}

/// A class whose objects are made without a call.
pub(crate) struct Class(NonNull<RawClass>);

impl Class {
    /// As the package tells it; none when there is no such class.
    pub(crate) fn of(told: Told) -> Option<Self> {
        // SAFETY: an array that the app keeps.
        NonNull::new(unsafe { sp_class_new(told.0.as_ptr()) }).map(Self)
    }
}

impl Drop for Class {
    fn drop(&mut self) {
        // SAFETY: made by `of`.
        unsafe { sp_class_free(self.0.as_ptr()) };
    }
}

#[repr(C)]
struct RawJob {
    _private: [u8; 0],
}

/// A `zval` that PHP owns.
#[repr(C)]
pub(crate) struct Zval {
    _private: [u8; 0],
}

unsafe extern "C" {
    fn sp_job_new() -> *mut RawJob;
    fn sp_job_free(job: *mut RawJob);
    fn sp_handler_wants_body(handler: *const RawHandler) -> bool;
    fn sp_handler_asks(handler: *const RawHandler) -> bool;
    fn sp_handler_shape(handler: *const RawHandler) -> *const Zval;
    fn sp_handler_kept(function: *const Zval, like: *const RawHandler) -> *mut RawHandler;
    fn sp_handler_free(handler: *mut RawHandler);
    fn sp_class_new(told: *const Zval) -> *mut RawClass;
    fn sp_class_free(class: *mut RawClass);
    fn sp_job_call(job: *mut RawJob, handler: *mut RawHandler, call: *const RawCall);
    fn sp_job_step(job: *mut RawJob) -> c_int;
    fn sp_hold(value: *const Zval) -> *mut Zval;
    fn sp_let_go(held: *mut Zval) -> c_int;
    fn sp_job_done(job: *mut RawJob, spent: *mut RawHandler) -> c_int;
    fn sp_job_wait(
        job: *const RawJob,
        fd: *mut c_int,
        microseconds: *mut u64,
        ticket: *mut i64,
    ) -> c_int;
    fn sp_job_waited(job: *mut RawJob, how: c_int);
    fn sp_job_result(job: *const RawJob) -> *const Zval;
    fn sp_job_text(job: *const RawJob, error: bool, text: *mut *const u8, length: *mut usize);
    fn sp_exit_status() -> c_int;
    fn sp_serves();
    fn sp_interrupted() -> bool;
    fn sp_interrupt() -> c_int;
    fn sp_shows_where() -> c_int;
    fn sp_zval_type(value: *const Zval) -> u32;
    fn sp_zval_integer(value: *const Zval) -> i64;
    fn sp_zval_text(value: *const Zval, length: *mut usize) -> *const u8;
    fn sp_zval_count(value: *const Zval) -> u32;
    fn sp_zval_item(value: *const Zval, index: u32) -> *const Zval;
}

/// This process serves now; what it starts later was not asked to.
pub(crate) fn serves() {
    // SAFETY: sets a flag and changes the environment of a process with one thread.
    unsafe { sp_serves() }
}

/// The code of the `exit()` that a step ended with.
pub(crate) fn exit_status() -> i32 {
    // SAFETY: reads a global of the engine.
    unsafe { sp_exit_status() }
}

/// A signal came for which PHP code has a handler.
pub(crate) fn is_interrupted() -> bool {
    // SAFETY: reads globals of the engine.
    unsafe { sp_interrupted() }
}

/// Runs such handlers.
pub(crate) fn interrupt() -> Step {
    // SAFETY: on PHP's thread, in no step.
    Step::of(unsafe { sp_interrupt() })
}

/// The signal that shows from now on where PHP's code is.
pub(crate) fn shows_where() -> Option<c_int> {
    // SAFETY: on PHP's thread; takes a signal that nobody else here has.
    Some(unsafe { sp_shows_where() }).filter(|signal| *signal != 0)
}

/// A stack for one call at a time, and that call.
pub(crate) struct Job(NonNull<RawJob>);

impl Job {
    pub(crate) fn new() -> Self {
        // SAFETY: takes nothing. Memory of this kind ends the process when there is none.
        let made = unsafe { sp_job_new() };
        Self(NonNull::new(made).expect("invariant: pecalloc does not come back without memory"))
    }

    /// What the next [`Job::step`] begins.
    pub(crate) fn call(&mut self, handler: Handler, brought: &Brought<'_>) {
        let start = |values: &[Value]| {
            if values.is_empty() {
                null()
            } else {
                values.as_ptr()
            }
        };
        let count = |count| u32::try_from(count).expect("invariant: fewer than 2^32 values");
        let body = brought.body.unwrap_or_default();
        let built = brought.built.unwrap_or_default();
        let call = RawCall {
            token: brought.token,
            body: body.as_ptr(),
            length: body.len(),
            values: start(brought.values),
            built: start(built),
            count: count(brought.count),
            built_count: count(built.len()),
            has_body: brought.body.is_some(),
        };
        // SAFETY: pointers and lengths belong together; the caller keeps what they point to.
        unsafe { sp_job_call(self.0.as_ptr(), handler.0.as_ptr(), &raw const call) };
    }

    /// Begins the call, or goes on with it.
    pub(crate) fn step(&mut self) -> Step {
        // SAFETY: a job that has a call.
        Step::of(unsafe { sp_job_step(self.0.as_ptr()) })
    }

    /// Lets go of what the call has left, and of a task that has run; `false` when PHP was lost by that.
    pub(crate) fn done(&mut self, spent: Option<Handler>) -> bool {
        let spent = spent.map_or(null_mut(), |task| task.0.as_ptr());
        // SAFETY: the call is over, and the task is not called again.
        Step::of(unsafe { sp_job_done(self.0.as_ptr(), spent) }) == Step::Returned
    }

    /// What it waits for.
    pub(crate) fn wait(&self) -> Wait {
        let (mut fd, mut microseconds, mut ticket) = (0, 0, 0);
        let job = self.0.as_ptr();
        // SAFETY: writes the three.
        let kind = unsafe { sp_job_wait(job, &raw mut fd, &raw mut microseconds, &raw mut ticket) };
        Wait {
            what: match kind {
                2 => What::Readable(fd),
                3 => What::Writable(fd),
                _ => What::Time,
            },
            at_most: (microseconds != u64::MAX).then(|| Duration::from_micros(microseconds)),
            ticket,
        }
    }

    /// How the wait ended.
    pub(crate) fn waited(&mut self, how: Waited) {
        // SAFETY: a job that waits.
        unsafe { sp_job_waited(self.0.as_ptr(), how as c_int) };
    }

    pub(crate) fn result(&self) -> &Zval {
        // SAFETY: lies in the job.
        unsafe { &*sp_job_result(self.0.as_ptr()) }
    }

    /// What the handler printed.
    pub(crate) fn printed(&self) -> &[u8] {
        self.text(false)
    }

    /// What was thrown, as text.
    pub(crate) fn error(&self) -> String {
        String::from_utf8_lossy(self.text(true)).into_owned()
    }

    fn text(&self, error: bool) -> &[u8] {
        let (mut text, mut length) = (null(), 0);
        // SAFETY: writes both.
        unsafe { sp_job_text(self.0.as_ptr(), error, &raw mut text, &raw mut length) };
        // SAFETY: they belong together; the job keeps the text until `done`.
        unsafe { bytes(text, length) }
    }
}

impl Drop for Job {
    fn drop(&mut self) {
        // SAFETY: made by `new`; the shim leaves it alone when PHP is lost.
        unsafe { sp_job_free(self.0.as_ptr()) };
    }
}

/// # Safety
/// `length` bytes at `text`, which may be null when there are none, live as long as the caller says.
pub(crate) unsafe fn bytes<'t>(text: *const u8, length: usize) -> &'t [u8] {
    if text.is_null() {
        return &[];
    }
    // SAFETY: as the caller says.
    unsafe { std::slice::from_raw_parts(text, length) }
}

/// IS_NULL, IS_TRUE and IS_STRING of PHP.
const NULL: u32 = 1;
const TRUE: u32 = 3;
const STRING: u32 = 6;

impl Zval {
    pub(crate) fn is_string(&self) -> bool {
        // SAFETY: a live zval.
        unsafe { sp_zval_type(self) == STRING }
    }

    pub(crate) fn is_null(&self) -> bool {
        // SAFETY: a live zval.
        unsafe { sp_zval_type(self) == NULL }
    }

    /// PHP's idea of yes.
    pub(crate) fn is_true(&self) -> bool {
        // SAFETY: a live zval.
        unsafe { sp_zval_type(self) == TRUE }
    }

    pub(crate) fn integer(&self) -> i64 {
        // SAFETY: a live zval.
        unsafe { sp_zval_integer(self) }
    }

    /// The bytes of a string; of anything else, none.
    pub(crate) fn bytes(&self) -> &[u8] {
        let mut length = 0;
        // SAFETY: a live zval, which keeps its bytes.
        unsafe { bytes(sp_zval_text(self, &raw mut length), length) }
    }

    /// The same as text; PHP's strings may hold anything.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(self.bytes()).into_owned()
    }

    /// How many members an array has.
    pub(crate) fn count(&self) -> u32 {
        // SAFETY: a live zval.
        unsafe { sp_zval_count(self) }
    }

    /// A member of a list.
    pub(crate) fn item(&self, index: u32) -> Option<&Self> {
        // SAFETY: a live zval, which keeps its members.
        unsafe { sp_zval_item(self, index).as_ref() }
    }
}

/// A value of PHP that outlives the call that gave it. Dropped, it waits for [`let_go`], as destructors run when it goes.
pub(crate) struct Held(NonNull<Zval>);

thread_local! {
    static DROPPED: RefCell<Vec<NonNull<Zval>>> = const { RefCell::new(Vec::new()) };
}

impl Held {
    pub(crate) fn of(value: &Zval) -> Self {
        // SAFETY: a live zval. Memory of this kind ends the process when there is none.
        let held = NonNull::new(unsafe { sp_hold(value) });
        Self(held.expect("invariant: pemalloc does not come back without memory"))
    }

    pub(crate) fn as_ptr(&self) -> *const Zval {
        self.0.as_ptr()
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        DROPPED.with_borrow_mut(|dropped| dropped.push(self.0));
    }
}

/// Lets go of what was dropped; `false` when PHP was lost by that. In no step.
pub(crate) fn let_go() -> bool {
    while let Some(held) = DROPPED.with_borrow_mut(Vec::pop) {
        // SAFETY: of a `Held` that is gone; the borrow is over, so what a destructor drops is put there too.
        if Step::of(unsafe { sp_let_go(held.as_ptr()) }) != Step::Returned {
            return false;
        }
    }
    true
}

/// `sp_text`: bytes that Rust made and takes back.
#[repr(C)]
pub(crate) struct Text {
    text: *mut c_char,
    length: usize,
    capacity: usize,
}

impl From<Vec<u8>> for Text {
    fn from(bytes: Vec<u8>) -> Self {
        let mut bytes = std::mem::ManuallyDrop::new(bytes);
        Self {
            text: bytes.as_mut_ptr().cast(),
            length: bytes.len(),
            capacity: bytes.capacity(),
        }
    }
}

impl Drop for Text {
    fn drop(&mut self) {
        if !self.text.is_null() {
            // SAFETY: the parts of a Vec, given once.
            drop(unsafe {
                Vec::from_raw_parts(self.text.cast::<u8>(), self.length, self.capacity)
            });
        }
    }
}
