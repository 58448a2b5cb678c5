//! Buffers that connections and bodies of answers are lent and give back: the one given back last is lent first, so that it
//! is still in the processor's cache, and an idle connection holds none. Knows nothing of what is in them.

use std::cell::RefCell;

/// Room for a head and a small body, or for a few replies.
pub(crate) const USUAL: usize = 8 << 10;

/// A buffer that grew past this is not kept.
const KEEP: usize = 64 << 10;

/// Buffers kept per thread. Requests that wait for their handlers hold one each, and their replies take another: with fewer
/// the allocator would be asked for each of those.
const SPARE: usize = 128;

thread_local! {
    static SPARES: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
}

/// An empty buffer with room for [`USUAL`] bytes or more.
pub(crate) fn lend() -> Vec<u8> {
    SPARES
        .with_borrow_mut(Vec::pop)
        .unwrap_or_else(|| Vec::with_capacity(USUAL))
}

/// Takes `buffer` back if it is worth keeping, and leaves one behind that holds nothing.
pub(crate) fn take_back(buffer: &mut Vec<u8>) {
    if buffer.capacity() == 0 {
        return;
    }
    let mut buffer = std::mem::take(buffer);
    if (USUAL..=KEEP).contains(&buffer.capacity()) {
        buffer.clear();
        SPARES.with_borrow_mut(|spares| {
            if spares.len() < SPARE {
                spares.push(buffer);
            }
        });
    }
}
