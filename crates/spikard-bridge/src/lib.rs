//! What every host language shares: the app as data, and the flow of a call between the pipeline and a guest.
#![forbid(unsafe_code)]
//!
//! A new language implements [`Guest`] and nothing else of serving.

mod guest;
mod slots;

pub use guest::{Call, Cancel, Guest, Outcome};
pub use slots::{Completion, Token};
