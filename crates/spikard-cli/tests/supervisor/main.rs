//! `spikard run --workers` with real workers. The decisions of its state machine are tests of `src/supervisor`.
#![allow(clippy::panic, reason = "a failed test")]

mod client;
mod control;
#[path = "../fake/mod.rs"]
mod fake;
mod http2;
mod life;
mod loss;
mod replacement;
mod supervised;
