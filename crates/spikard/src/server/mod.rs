//! HTTP/1.1 and HTTP/2 on Tokio: accept, read, answer, drain. Knows the pipeline, not what is behind it.

mod accept;
mod chunked;
mod connection;
mod crew;
mod date;
mod delivery;
mod encode;
mod exchange;
mod framing;
mod holder;
mod http2;
mod input;
mod life;
mod lines;
mod link;
mod listen;
mod listener;
mod proxied;
mod run;
mod service;
mod share;
mod spread;
mod tls;
mod transport;
mod turn;
mod wire;

pub use accept::serve;
pub(crate) use chunked::too_large;
pub use date::http_date;
pub(crate) use date::{date_of, now, seconds_of};
pub use exchange::{exchange, exchange_cut};
pub(crate) use framing::is_host;
pub use holder::{Holder, holder_of};
pub(crate) use http2::{Incoming, split, trailers};
pub use life::Life;
pub(crate) use life::Watch;
pub use listen::{Listen, ListenError, announce_ready, mode};
pub use listener::Listener;
pub use run::{EVENT_INTERVAL, RunError, heed_signals, run};
pub use share::share;
pub use spread::spread;
pub use tls::check_tls;
pub(crate) use transport::Transport;
pub use wire::{Answer, request_bytes};

#[cfg(test)]
mod tests;
