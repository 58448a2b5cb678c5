//! What every host language shares: the app as data, and the flow of a call between the pipeline and a guest.
//!
//! A new language implements [`Guest`] and nothing else of serving.
#![forbid(unsafe_code)]

mod calls;
mod edit;
mod endpoint;
mod facts;
mod guest;
mod kept;
mod nested;
mod refusal;
mod returns;
mod slots;
mod spec;
mod stream;
mod tables;

pub use calls::Calls;
pub use edit::edit;
pub use endpoint::GuestEndpoint;
pub use facts::{Content, Facts};
pub use guest::{Call, Guest, Outcome};
pub use kept::Kept;
pub use nested::{Kick, Nested};
pub use refusal::{refused, source};
pub use returns::Returns;
pub use slots::{Completion, Token};
pub use spec::{build, parse, schema};
pub use spikard::server::{Life, Listen, ListenError, Listener, announce_ready, exchange, serve};
pub use spikard::{Cancel, Moment, Passage};
pub use stream::GuestStream;
pub use tables::tables;
