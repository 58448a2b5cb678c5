//! `App`: a frozen app, served on our loop or called in process on any. Decides nothing about a request.

use crate::callable::Handler;
use crate::exchange::Exchange;
use crate::guest::PythonGuest;
use crate::interpreter::{Gil, Obj, attached};
use crate::reactor;
use crate::value::Encoder;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyType};
use pyo3::{create_exception, intern};
use spikard::server::{Life, Listener};
use spikard::{Frozen, server};
use spikard_bridge::{Completion, Facts};
use std::cell::RefCell;
use std::os::fd::{FromRawFd as _, OwnedFd};
use std::rc::Rc;

create_exception!(
    spikard._native,
    DefinitionError,
    PyValueError,
    "A wrong app definition. `args[0]` lists every mistake, one per line."
);

/// Classes and functions of the Python package that calls need.
pub(crate) struct Types {
    pub(crate) response: Py<PyType>,
    pub(crate) problem: Py<PyType>,
    /// Makes a problem of `(code, status, title, detail, headers, extensions as JSON)`.
    pub(crate) problem_of: Obj,
    /// Makes a producer of an iterator.
    pub(crate) stream: Obj,
    pub(crate) encoder: Encoder,
    pub(crate) decode_error: Obj,
}

/// See `_native.pyi`.
#[pyclass(frozen, weakref, module = "spikard._native")]
pub(crate) struct App(Gil<Inside>);

struct Inside {
    frozen: Rc<Frozen>,
    /// Of the serving that began last.
    life: RefCell<Rc<Life>>,
    // Endpoints of `frozen` refer to it.
    _guest: Rc<PythonGuest>,
}

fn definition_error(error: impl std::fmt::Display) -> PyErr {
    DefinitionError::new_err(error.to_string())
}

#[pymethods]
impl App {
    #[new]
    #[allow(clippy::too_many_arguments, reason = "named in Python")]
    #[pyo3(signature = (spec, handlers, *, response, problem, problem_of, stream, encode_into))]
    fn new(
        py: Python<'_>,
        spec: &str,
        handlers: Vec<Bound<'_, Handler>>,
        response: Py<PyType>,
        problem: Py<PyType>,
        problem_of: Obj,
        stream: Obj,
        encode_into: Obj,
    ) -> PyResult<Self> {
        let parsed = spikard_bridge::parse(spec).map_err(definition_error)?;
        let facts = Facts::all(&parsed, handlers.len());
        let callable =
            |(index, (handler, facts)): (usize, (&Bound<'_, Handler>, Option<Facts>))| {
                let facts = facts.ok_or_else(|| {
                    definition_error(format!("handler {index} belongs to no route"))
                })?;
                handler.get().callable(py, facts)
            };
        let callables = handlers
            .iter()
            .zip(facts)
            .enumerate()
            .map(callable)
            .collect::<PyResult<Vec<_>>>()?;
        let decode_error = py.import("msgspec")?.getattr("DecodeError")?.unbind();
        let completion = Completion::default();
        let guest = PythonGuest::new(
            py,
            Types {
                response,
                problem,
                problem_of,
                stream,
                encoder: Encoder::new(encode_into),
                decode_error,
            },
            &completion,
        )?;
        let frozen = spikard_bridge::build(spec, callables, &guest, &completion)
            .map_err(definition_error)?;
        Ok(Self(Gil::new(Inside {
            frozen,
            life: RefCell::new(Life::new()),
            _guest: guest,
        })))
    }

    fn openapi<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, self.0.frozen.openapi())
    }

    /// The routes as a JSON list: method, path, handler's name and place.
    fn routes(&self) -> PyResult<String> {
        serde_json::to_string(self.0.frozen.routes())
            .map_err(|error| PyValueError::new_err(error.to_string()))
    }

    #[pyo3(signature = (r#loop, fd, ready=None))]
    fn serve<'py>(
        &self,
        r#loop: &Bound<'py, PyAny>,
        fd: i32,
        ready: Option<Obj>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let reactor = reactor::of_loop(r#loop)?;
        if fd < 0 {
            let message = format!(
                "{fd} is no descriptor; give that of a listening socket: `socket.detach()`"
            );
            return Err(PyValueError::new_err(message));
        }
        let done = r#loop.call_method0(intern!(r#loop.py(), "create_future"))?;
        // SAFETY: the caller gives the descriptor away (`_native.pyi`), so nothing else closes it.
        let listener = Listener::inherited(unsafe { OwnedFd::from_raw_fd(fd) });
        let (frozen, life) = (Rc::clone(&self.0.frozen), Life::new());
        self.0.life.replace(Rc::clone(&life));
        let told = done.clone().unbind();
        reactor.get().spawn(move || {
            Ok(async move {
                let result = async {
                    server::check_tls(frozen.config()).map_err(definition_error)?;
                    if let Some(ready) = ready {
                        ready.call0(attached())?;
                    }
                    Ok(server::serve(frozen, listener, life).await?)
                };
                let result = result.await;
                finish(attached(), &told, result);
            })
        })?;
        Ok(done)
    }

    fn drain(&self) {
        let life = Rc::clone(&self.0.life.borrow());
        if life.is_draining() {
            life.end();
        }
        life.drain();
    }

    fn exchange<'py>(&self, py: Python<'py>, message: &[u8]) -> PyResult<Bound<'py, PyAny>> {
        Exchange::start(
            py,
            server::exchange(Rc::clone(&self.0.frozen), message.to_vec()),
        )
    }
}

/// Sets a future's result unless somebody cancelled it.
fn finish(py: Python<'_>, future: &Obj, result: PyResult<()>) {
    let set = future
        .call_method0(py, intern!(py, "done"))
        .and_then(|done| {
            if done.is_truthy(py)? {
                return Ok(());
            }
            match result {
                Ok(()) => future.call_method1(py, intern!(py, "set_result"), (py.None(),))?,
                Err(error) => future.call_method1(
                    py,
                    intern!(py, "set_exception"),
                    (error.into_value(py),),
                )?,
            };
            Ok(())
        });
    if let Err(error) = set {
        error.write_unraisable(py, None);
    }
}
