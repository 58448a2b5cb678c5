//! An app inside the server of another: as a `tower::Service`, on the thread of its caller or on one of its own.

mod body;
mod local;
mod shared;

pub use body::{LocalBody, SharedBody};
pub use local::LocalService;
pub use shared::SharedService;
