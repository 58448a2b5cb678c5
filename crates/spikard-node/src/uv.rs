//! The few functions of libuv that we need, looked up at run time: a host without them (Bun, Deno) still loads us and is
//! told so. Decides nothing.

use std::ffi::{c_char, c_int, c_uint, c_void};

pub(crate) type Handle = *mut c_void;
pub(crate) type Callback = unsafe extern "C" fn(Handle);
pub(crate) type PollCallback = unsafe extern "C" fn(Handle, c_int, c_int);
pub(crate) const READABLE: c_int = 1;

// `uv_handle_type`, stable within libuv 1: the order of UV_HANDLE_TYPE_MAP in uv.h.
const IDLE: c_int = 6;
const POLL: c_int = 8;
const PREPARE: c_int = 9;
const TIMER: c_int = 13;

macro_rules! table {
    ($($name:ident: fn($($arg:ty),*) $(-> $ret:ty)?;)*) => {
        #[derive(Clone, Copy)]
        pub(crate) struct Uv { $(pub(crate) $name: unsafe extern "C" fn($($arg),*) $(-> $ret)?,)* }

        fn lookup() -> Option<Uv> {
            $(
                // SAFETY: the name ends with a NUL.
                let $name = unsafe { libc::dlsym(libc::RTLD_DEFAULT, concat!(stringify!($name), "\0").as_ptr().cast::<c_char>()) };
                if $name.is_null() {
                    return None;
                }
            )*
            Some(Uv {
                // SAFETY: a function of this name has this signature in every libuv 1.
                $($name: unsafe { std::mem::transmute::<*mut c_void, unsafe extern "C" fn($($arg),*) $(-> $ret)?>($name) },)*
            })
        }
    };
}

table! {
    uv_version: fn() -> c_uint;
    uv_handle_size: fn(c_int) -> usize;
    uv_close: fn(Handle, Callback);
    uv_ref: fn(Handle);
    uv_unref: fn(Handle);
    uv_poll_init: fn(*mut c_void, Handle, c_int) -> c_int;
    uv_poll_start: fn(Handle, c_int, PollCallback) -> c_int;
    uv_prepare_init: fn(*mut c_void, Handle) -> c_int;
    uv_prepare_start: fn(Handle, Callback) -> c_int;
    uv_idle_init: fn(*mut c_void, Handle) -> c_int;
    uv_idle_start: fn(Handle, Callback) -> c_int;
    uv_idle_stop: fn(Handle) -> c_int;
    uv_timer_init: fn(*mut c_void, Handle) -> c_int;
    uv_timer_start: fn(Handle, Callback, u64, u64) -> c_int;
    uv_timer_stop: fn(Handle) -> c_int;
}

/// The functions, when this process has a libuv 1.
pub(crate) fn load() -> Option<Uv> {
    let uv = lookup()?;
    // SAFETY: takes nothing, changes nothing.
    (unsafe { (uv.uv_version)() } >> 16 == 1).then_some(uv)
}

/// Four handles, allocated by the size that the host's libuv reports; freed by whoever closes them.
pub(crate) struct Handles {
    pub(crate) poll: Handle,
    pub(crate) prepare: Handle,
    pub(crate) idle: Handle,
    pub(crate) timer: Handle,
}

impl Handles {
    /// Initialised and without a reference: none of them keeps the process alive.
    ///
    /// # Safety
    /// `uv_loop` is the loop of this thread; `fd` stays open until the handles are closed.
    pub(crate) unsafe fn new(uv: &Uv, uv_loop: *mut c_void, fd: c_int) -> Option<Self> {
        // SAFETY: sizes come from the libuv that uses them; the memory is zeroed and lives until `uv_close` calls back.
        unsafe {
            let make = |kind| libc::calloc(1, (uv.uv_handle_size)(kind));
            let made = Self {
                poll: make(POLL),
                prepare: make(PREPARE),
                idle: make(IDLE),
                timer: make(TIMER),
            };
            if made.all().iter().any(|handle| handle.is_null())
                || (uv.uv_poll_init)(uv_loop, made.poll, fd) != 0
            {
                return None;
            }
            (uv.uv_prepare_init)(uv_loop, made.prepare);
            (uv.uv_idle_init)(uv_loop, made.idle);
            (uv.uv_timer_init)(uv_loop, made.timer);
            made.all()
                .into_iter()
                .for_each(|handle| (uv.uv_unref)(handle));
            Some(made)
        }
    }

    pub(crate) fn all(&self) -> [Handle; 4] {
        [self.poll, self.prepare, self.idle, self.timer]
    }
}
