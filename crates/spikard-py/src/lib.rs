//! The extension module `spikard._native`: contents page.

mod app;
mod callable;
mod clock;
mod decode;
mod error;
mod exchange;
mod guest;
mod handle;
mod hook;
mod interpreter;
mod reactor;
mod request;
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
    use crate::hook::StreamedContent;
    #[pymodule_export]
    use crate::reactor::Reactor;
    #[pymodule_export]
    use crate::request::Request;
    use pyo3::prelude::*;
    use std::cell::Cell;
    use std::collections::HashMap;
    use std::ffi::OsString;
    use std::path::PathBuf;

    /// The `spikard` command; returns its exit code. `program` is the same command without this interpreter, if it is there;
    /// `serve(app, environment)` serves an app in this process.
    #[pyfunction]
    fn command(
        py: Python<'_>,
        argv: Vec<OsString>,
        interpreter: PathBuf,
        program: PathBuf,
        serve: Py<PyAny>,
    ) -> PyResult<i32> {
        py.detach(|| {
            let raised = Cell::new(None);
            let serve = |app: &str, variables: &[spikard_cli::Variable]| {
                let code = Python::attach(|py| {
                    let environment: HashMap<_, _> = variables.iter().cloned().collect();
                    serve.call1(py, (app, environment))?.extract(py)
                });
                code.unwrap_or_else(|error| {
                    raised.set(Some(error));
                    1
                })
            };
            let language = spikard_cli::Language::Python;
            let host = spikard_cli::Host {
                serve: Some(&serve),
                ..spikard_cli::Host::new(language, interpreter, Some(program))
            };
            let code = spikard_cli::main(argv, Some(&host));
            raised.take().map_or(Ok(code), Err)
        })
    }

    /// What `app.run()` does in a program that is no worker: the variables of the worker that it becomes, or none and the
    /// exit code of the workers that were supervised. `program` takes the place of this process for that, if it is there.
    #[pyfunction]
    fn start(
        py: Python<'_>,
        again: Vec<OsString>,
        host: Option<String>,
        port: Option<u16>,
        workers: Option<String>,
        interpreter: PathBuf,
        program: PathBuf,
    ) -> (i32, HashMap<&'static str, String>) {
        py.detach(|| {
            let language = spikard_cli::Language::Python;
            let program_of_package = spikard_cli::Host::new(language, interpreter, Some(program));
            let started = spikard_cli::Program {
                again,
                host,
                port,
                workers,
            };
            match spikard_cli::start(started, &program_of_package) {
                Ok(variables) => (0, variables.into_iter().collect()),
                Err(code) => (code, HashMap::new()),
            }
        })
    }

    /// The error table and the schema of the config, as JSON.
    #[pyfunction]
    fn tables() -> String {
        spikard_bridge::tables()
    }
}
