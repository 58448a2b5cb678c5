//! The codec against a stand-in app: bytes in, bytes out.

mod crowds;
mod differences;
mod double;
mod ending;
mod floods;
mod http2;
mod messages;
mod oracle;
mod scene;
mod sockets;
mod time;
mod tls;

pub(super) use messages::block_on;
