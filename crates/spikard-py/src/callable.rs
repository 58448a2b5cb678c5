//! `Handler` and `Argument`: a Python callable and how to call it. Calls nothing.

use crate::decode::Shape;
use crate::interpreter::Obj;
use pyo3::exceptions::PyValueError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyString, PyTuple};
use spikard_bridge::Facts;
use std::rc::Rc;

/// Where an argument comes from.
#[derive(Clone, Copy)]
pub(crate) enum Origin {
    Parameter(usize),
    Body,
    Request,
    /// For hooks.
    Response,
    Problem,
}

/// See `_native.pyi`.
#[pyclass(frozen, from_py_object, module = "spikard._native")]
pub(crate) struct Argument {
    pub(crate) origin: Origin,
    pub(crate) convert: Option<Obj>,
    pub(crate) default: Obj,
    pub(crate) shape: Option<Shape>,
}

impl Clone for Argument {
    fn clone(&self) -> Self {
        Python::attach(|py| Self {
            origin: self.origin,
            convert: self.convert.as_ref().map(|convert| convert.clone_ref(py)),
            default: self.default.clone_ref(py),
            shape: self.shape.clone(),
        })
    }
}

#[pymethods]
impl Argument {
    #[new]
    #[pyo3(signature = (source, index=0, convert=None, default=None, shape=None))]
    fn new(
        py: Python<'_>,
        source: &str,
        index: usize,
        convert: Option<Obj>,
        default: Option<Obj>,
        shape: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Self> {
        let origin = match source {
            "parameter" => Origin::Parameter(index),
            "body" => Origin::Body,
            "request" => Origin::Request,
            "response" => Origin::Response,
            "problem" => Origin::Problem,
            other => {
                let message = format!("{other:?} is no source of an argument");
                return Err(PyValueError::new_err(message));
            }
        };
        Ok(Self {
            origin,
            convert,
            default: default.unwrap_or_else(|| py.None()),
            shape: shape.map(Shape::of).transpose()?,
        })
    }
}

/// How a handler runs.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Sync,
    Async,
    Blocking,
}

impl Kind {
    fn read(name: &str) -> PyResult<Self> {
        Ok(match name {
            "sync" => Self::Sync,
            "async" => Self::Async,
            "blocking" => Self::Blocking,
            other => {
                let message = format!(
                    "a handler's kind is \"sync\", \"async\" or \"blocking\", not {other:?}"
                );
                return Err(PyValueError::new_err(message));
            }
        })
    }
}

/// See `_native.pyi`.
#[pyclass(frozen, module = "spikard._native")]
pub(crate) struct Handler {
    function: Obj,
    kind: Kind,
    arguments: Vec<Argument>,
    keywords: Vec<String>,
    hard_cancel: bool,
}

#[pymethods]
impl Handler {
    #[new]
    #[pyo3(signature = (function, *, kind, arguments, keywords=None, hard_cancel=false))]
    fn new(
        function: Obj,
        kind: &str,
        arguments: Vec<Argument>,
        keywords: Option<Vec<String>>,
        hard_cancel: bool,
    ) -> PyResult<Self> {
        let kind = Kind::read(kind)?;
        let keywords = keywords.unwrap_or_default();
        if keywords.len() > arguments.len() {
            let message = format!(
                "{} keywords for {} arguments",
                keywords.len(),
                arguments.len()
            );
            return Err(PyValueError::new_err(message));
        }
        Ok(Self {
            function,
            kind,
            arguments,
            keywords,
            hard_cancel,
        })
    }
}

impl Handler {
    pub(crate) fn callable(&self, py: Python<'_>, facts: Facts) -> PyResult<Callable> {
        let keywords = (!self.keywords.is_empty())
            .then(|| PyTuple::new(py, &self.keywords).map(Bound::unbind));
        Ok(Callable {
            function: self.function.clone_ref(py),
            kind: self.kind,
            arguments: self.arguments.clone(),
            keywords: keywords.transpose()?,
            task_name: PyString::new(py, &facts.name).unbind(),
            hard_cancel: self.hard_cancel,
            facts: Rc::new(facts),
            close: None,
        })
    }
}

/// A handler as the bridge keeps it.
pub(crate) struct Callable {
    pub(crate) function: Obj,
    pub(crate) kind: Kind,
    pub(crate) arguments: Vec<Argument>,
    /// Names of the last arguments.
    pub(crate) keywords: Option<Py<PyTuple>>,
    pub(crate) task_name: Py<PyString>,
    pub(crate) hard_cancel: bool,
    pub(crate) facts: Rc<Facts>,
    /// Of a producer: what ends it.
    pub(crate) close: Option<Obj>,
}

impl Callable {
    /// Of a producer that a handler gave: what `spikard.stream.Stream` makes of its iterator.
    pub(crate) fn of_stream(stream: &Bound<'_, PyAny>, facts: &Facts) -> PyResult<Self> {
        let py = stream.py();
        let kind = stream.getattr(intern!(py, "kind"))?;
        Ok(Self {
            function: stream.getattr(intern!(py, "pull"))?.unbind(),
            kind: Kind::read(kind.cast::<PyString>()?.to_str()?)?,
            arguments: Vec::new(),
            keywords: None,
            task_name: PyString::new(py, &facts.name).unbind(),
            // Nobody is left to hear of the signal.
            hard_cancel: true,
            facts: Rc::new(facts.of_stream()),
            close: Some(stream.getattr(intern!(py, "close"))?.unbind()),
        })
    }

    /// What a body is built as while it is checked.
    pub(crate) fn shape(&self) -> Option<&Shape> {
        self.arguments
            .iter()
            .find_map(|argument| argument.shape.as_ref())
    }
}
