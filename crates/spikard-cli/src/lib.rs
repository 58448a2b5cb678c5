//! The `spikard` command as a library: each language's package carries it.
#![forbid(unsafe_code)]
