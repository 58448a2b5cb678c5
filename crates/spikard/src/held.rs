//! A watch on handlers that hold their worker's loop: while one computes, nobody else is answered. Stops none.

use crate::{log, status};

/// Milliseconds from which on it is told.
const TOO_LONG: u64 = 50;

/// Begun when a handler is called, on the thread of the loop.
///
/// ```
/// let held = spikard::Held::begin();
/// // Here the handler runs, for less than 50 ms: nothing is told.
/// held.end("GET /items", "4c2f-1", "await what waits");
/// ```
#[derive(Debug)]
#[must_use = "it measures nothing until it is ended"]
pub struct Held(u64);

impl Held {
    /// For a few ns: the clock ticks every 4 ms or so.
    pub fn begin() -> Self {
        Self(status::coarse())
    }

    /// The handler has returned or suspended: for how many milliseconds it held the loop, when they were too many (50).
    pub fn too_long(self) -> Option<u64> {
        let held = status::coarse().saturating_sub(self.0) / 1_000_000;
        (held >= TOO_LONG).then_some(held)
    }

    /// The same, as one line of the log, for a language without a log of its own. `advice` says what the language offers
    /// instead.
    pub fn end(self, operation: &str, request_id: &str, advice: &str) {
        self.end_beside(|_| 0, operation, request_id, advice);
    }

    /// The same where one thread of a program runs at a time, by a lock. `others` is asked when it took too long: for how many
    /// of these milliseconds other threads had the lock. They are not the handler's, and when too few are left it is not named.
    ///
    /// ```
    /// let held = spikard::Held::begin();
    /// held.end_beside(|held| held / 2, "GET /items", "4c2f-1", "await what waits");
    /// ```
    pub fn end_beside(
        self,
        others: impl FnOnce(u64) -> u64,
        operation: &str,
        request_id: &str,
        advice: &str,
    ) {
        let Some(held) = self.too_long() else { return };
        let others = others(held).min(held);
        let own = held - others;
        let (operation, cause) = match own >= TOO_LONG {
            true => (
                Some(operation),
                format!(
                    "the handler held the event loop for {own} ms; nothing else ran meanwhile: {advice}"
                ),
            ),
            false => (
                None,
                format!(
                    "the event loop stood still for {held} ms, and for {others} of them other threads of this program \
                     computed: let another process do that"
                ),
            ),
        };
        log::failure(
            log::Level::Warning,
            "loop-held",
            operation,
            request_id,
            &cause,
        );
    }
}
