//! The extension module `spikard._native`: contents page.

mod app;
mod callable;
mod clock;
mod error;
mod exchange;
mod guest;
mod handle;
mod interpreter;
mod reactor;
mod request;
mod route;
mod spare;
mod task;
mod value;

use pyo3::prelude::*;

/// Built for one version of CPython with its interpreter lock, which `interpreter::Gil` relies on.
#[pymodule(gil_used = true)]
mod _native {
    #[pymodule_export]
    use crate::app::{App, DefinitionError};
    #[pymodule_export]
    use crate::callable::{Argument, Handler};
    #[pymodule_export]
    use crate::reactor::Reactor;
    #[pymodule_export]
    use crate::request::Request;
    use pyo3::prelude::*;
    use std::ffi::OsString;
    use std::path::PathBuf;

    /// The `spikard` command; returns its exit code.
    #[pyfunction]
    fn command(py: Python<'_>, argv: Vec<OsString>, interpreter: PathBuf) -> i32 {
        py.detach(|| spikard_cli::main(argv, Some(interpreter)))
    }

    /// The error table and the schema of the config, as JSON.
    #[pyfunction]
    fn tables() -> String {
        spikard_bridge::tables()
    }
}
