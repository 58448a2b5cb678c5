//! HTTP/2 (RFC 9113) by the `h2` crate, behind the same seam as our HTTP/1.1: the app opens a head, is called with a whole
//! body, and finishes a reply. Frames, header compression and windows are the crate's; limits and time limits are ours.

mod connection;
mod fields;
mod gauge;
mod reply;
mod stream;

pub(super) use connection::{converse, is_spoken};
pub(crate) use fields::Incoming;
pub(crate) use reply::{split, trailers};
