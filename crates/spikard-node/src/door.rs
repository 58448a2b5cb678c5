//! A door for tests: the next pass through a named place panics. What happens then is the business of who guards it.

use std::cell::RefCell;

thread_local! {
    static NEXT: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// The next pass through `place` panics, once.
pub(crate) fn panic_next(place: String) {
    NEXT.set(Some(place));
}

/// Passes through `place`.
#[inline]
#[expect(clippy::panic, reason = "it is what a test has asked for")]
pub(crate) fn pass(place: &'static str) {
    let is_shut = NEXT.with_borrow(|next| next.as_deref() == Some(place));
    if is_shut {
        NEXT.set(None);
        panic!("a panic that was asked for, in {place}");
    }
}
