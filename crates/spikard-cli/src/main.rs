//! The `spikard` command as a program of its own.
#![forbid(unsafe_code)]

fn main() {
    std::process::exit(spikard_cli::main(std::env::args_os().collect(), None));
}
