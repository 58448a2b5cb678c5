//! HTTP/1.1 on Tokio: accept, read, answer, drain. Knows the pipeline, not what is behind it.

mod holder;
mod listen;

pub use holder::{Holder, holder_of};
pub use listen::{Listen, ListenError, announce_ready};
