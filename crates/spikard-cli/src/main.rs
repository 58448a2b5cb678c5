//! The `spikard` command.
#![forbid(unsafe_code)]

fn main() {}
