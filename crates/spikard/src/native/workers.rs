//! Leaves this process to the `spikard` command, which starts the program again for each worker. Supervises nothing.

use std::ffi::OsString;
use std::io;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::Command;

/// The supervisor's program.
const SUPERVISOR: &str = "spikard";

/// How many workers are asked for, as `spikard run --workers` takes it: the code's word goes before the environment's, that
/// before the file's. `None` where nobody asks.
pub(super) fn wanted(in_code: Option<usize>, in_file: Option<String>) -> Option<String> {
    let environment = || std::env::var("SPIKARD_WORKERS").ok();
    let in_code = in_code.map(|count| count.to_string());
    in_code.or_else(environment).or(in_file)
}

/// Comes back only with the reason why it could not.
pub(super) fn supervise(workers: &str) -> io::Error {
    let own = match std::env::current_exe() {
        Ok(own) => own,
        Err(error) => return error,
    };
    let mut command = Command::new(program(own.with_file_name(SUPERVISOR)));
    command.args(["run", "--workers", workers, "--"]);
    command.arg(own).args(std::env::args_os().skip(1));
    command.exec()
}

/// The one beside this program, as in a container, before one on `PATH`.
fn program(beside: PathBuf) -> OsString {
    match beside.is_file() {
        true => beside.into(),
        false => SUPERVISOR.into(),
    }
}
