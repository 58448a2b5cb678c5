//! Places for answers that come later. A token is `(slot, generation)`: a late or second answer finds another generation.

use spikard::Reply;

/// Names one pending call; never a pointer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Token {
    /// Index of the slot.
    pub slot: u32,
    /// Use of the slot.
    pub generation: u32,
}

/// The slots of one worker; shared by its guest and its endpoints (clone is cheap).
#[derive(Debug, Clone, Default)]
pub struct Completion {}

impl Completion {
    pub(crate) fn reserve(&self) -> Token {
        todo!()
    }

    /// Gives the answer of a pending call and wakes its connection; `false` when nobody waits for it any more.
    pub fn complete(&self, _token: Token, _reply: Reply) -> bool {
        todo!()
    }
}
