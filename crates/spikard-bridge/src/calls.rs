//! What a guest keeps of its calls that have not ended, by their tokens. Knows nothing of what that is.

use crate::Token;

/// Values by token, each in the slot of its own: no hashing. A slot is another call's once its answer was fetched, and a call
/// whose client has left may go on: its place is then beside the others.
///
/// ```
/// use spikard_bridge::{Calls, Token};
///
/// let (first, second) = (Token { slot: 0, generation: 1 }, Token { slot: 0, generation: 2 });
/// let mut calls = Calls::default();
/// calls.insert(first, "goes on");
/// calls.insert(second, "has come");
/// assert_eq!((calls.remove(first), calls.remove(first)), (Some("goes on"), None));
/// assert_eq!(calls.get(second), Some(&"has come"));
/// ```
#[derive(Debug)]
pub struct Calls<T>(Vec<Vec<(Token, T)>>);

impl<T> Default for Calls<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> Calls<T> {
    /// What is kept of a call.
    pub fn get(&self, token: Token) -> Option<&T> {
        let calls = self.0.get(token.slot as usize)?;
        calls
            .iter()
            .find(|(of, _)| *of == token)
            .map(|(_, kept)| kept)
    }

    /// The same, to change it.
    pub fn get_mut(&mut self, token: Token) -> Option<&mut T> {
        let calls = self.0.get_mut(token.slot as usize)?;
        let found = calls.iter_mut().find(|(of, _)| *of == token);
        found.map(|(_, kept)| kept)
    }

    /// Of a token that has nothing yet.
    pub fn insert(&mut self, token: Token, kept: T) {
        let slot = token.slot as usize;
        if self.0.len() <= slot {
            self.0.resize_with(slot + 1, Vec::new);
        }
        self.0[slot].push((token, kept));
    }

    /// Takes out what is kept of a call.
    pub fn remove(&mut self, token: Token) -> Option<T> {
        let calls = self.0.get_mut(token.slot as usize)?;
        let at = calls.iter().position(|(of, _)| *of == token)?;
        Some(calls.swap_remove(at).1)
    }
}

impl<T> IntoIterator for Calls<T> {
    type Item = (Token, T);
    type IntoIter = std::iter::Flatten<std::vec::IntoIter<Vec<(Token, T)>>>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter().flatten()
    }
}
