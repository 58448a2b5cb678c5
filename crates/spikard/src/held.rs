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
        if let Some(held) = self.too_long() {
            let cause = format!(
                "the handler held the event loop for {held} ms; nothing else ran meanwhile: {advice}"
            );
            let operation = Some(operation);
            log::failure("warning", "loop-held", operation, request_id, &cause);
        }
    }
}
