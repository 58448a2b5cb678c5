//! The codec against a stand-in app: bytes in, bytes out.

mod double;
mod messages;
mod oracle;
mod sockets;
mod time;
