//! Exceptions of Python as problems. Decides what a client may see of them; the text of an unexpected one is a cause, for
//! the log only.

use crate::app::Types;
use crate::value::{headers, members};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::intern;
use pyo3::prelude::*;
use spikard::Problem;
use std::borrow::Cow;

/// Why there is no response.
pub(crate) enum Failure {
    /// The exception of a handler, a converter or the encoder.
    Raised(PyErr),
    /// A problem, ready.
    Problem(Problem),
}

impl From<PyErr> for Failure {
    fn from(error: PyErr) -> Self {
        Self::Raised(error)
    }
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

/// A problem from the attributes of an instance of the problem class.
pub(crate) fn problem_of(
    py: Python<'_>,
    types: &Types,
    value: &Bound<'_, PyAny>,
) -> PyResult<Problem> {
    let text = |name| -> PyResult<String> {
        let found = value.getattr(name)?;
        if found.is_none() {
            Ok(String::new())
        } else {
            found.extract()
        }
    };
    let mut problem = Problem::internal("");
    problem.code = Cow::Owned(text(intern!(py, "code"))?);
    problem.title = Cow::Owned(text(intern!(py, "title"))?);
    problem.detail = Cow::Owned(text(intern!(py, "detail"))?);
    problem.status = value.getattr(intern!(py, "status"))?.extract()?;
    problem.headers = headers(&value.getattr(intern!(py, "headers"))?)?;
    problem.extensions = members(py, types, &value.getattr(intern!(py, "extensions"))?)?;
    Ok(problem)
}

/// What a client is told about an exception: the problem that it is, or `internal`.
pub(crate) fn problem(py: Python<'_>, types: &Types, error: &PyErr) -> Problem {
    if error.is_instance(py, types.problem.bind(py)) {
        match problem_of(py, types, error.value(py)) {
            Ok(problem) => return problem,
            Err(wrong) => return internal(py, &wrong),
        }
    }
    internal(py, error)
}

fn internal(py: Python<'_>, error: &PyErr) -> Problem {
    Problem::internal("").because(traceback(py, error))
}

fn traceback(py: Python<'_>, error: &PyErr) -> String {
    let formatted = py
        .import(intern!(py, "traceback"))
        .and_then(|module| {
            module.call_method1(
                intern!(py, "format_exception"),
                (error.clone_ref(py).into_value(py),),
            )
        })
        .and_then(|lines| lines.extract::<Vec<String>>());
    // Formatting runs the exception's own `__str__`, which may raise.
    formatted.map_or_else(|_| error.get_type(py).to_string(), |lines| lines.concat())
}

/// A converter says that the value is wrong, rather than being wrong itself.
pub(crate) fn is_refusal(py: Python<'_>, types: &Types, error: &PyErr) -> bool {
    error.is_instance_of::<PyValueError>(py)
        || error.is_instance_of::<PyTypeError>(py)
        || error.is_instance(py, types.decode_error.bind(py))
}
