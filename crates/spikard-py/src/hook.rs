//! What hooks of Python are given beside the request, and what comes of what they return. Calls no hook.

use crate::app::Types;
use crate::error::Failure;
use crate::interpreter::Obj;
use crate::value::{self, Streamed};
use pyo3::exceptions::PyTypeError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};
use spikard::{Body, Moment, Passage, Reply};
use spikard_bridge::Facts;
use std::rc::Rc;

/// Stands for the content of a response that is a stream: it can be replaced, not read.
#[pyclass(frozen, module = "spikard._native")]
pub(crate) struct StreamedContent;

#[pymethods]
impl StreamedContent {
    fn __repr__(&self) -> &'static str {
        "<streamed content>"
    }
}

/// The response as the hook that runs was given it.
struct Shown {
    response: Obj,
    content: Obj,
}

/// What was raised last on this passage.
pub(crate) struct Raised(pub(crate) PyErr);

/// A response object for a hook that looks at the response.
pub(crate) fn response(py: Python<'_>, types: &Types, passage: &Passage) -> PyResult<Obj> {
    let parts = passage.response(|response| {
        let content = match &response.body {
            Body::Empty => py.None(),
            Body::Static(bytes) => PyBytes::new(py, bytes).into_any().unbind(),
            Body::Full(bytes) => PyBytes::new(py, bytes).into_any().unbind(),
            Body::Stream(_) | Body::Upgrade(_) => Py::new(py, StreamedContent)?.into_any(),
        };
        let options = PyDict::new(py);
        options.set_item(intern!(py, "status"), response.status)?;
        options.set_item(intern!(py, "headers"), response.headers.clone())?;
        options.set_item(
            intern!(py, "content_type"),
            response.content_type.as_deref(),
        )?;
        Ok::<_, PyErr>((content, options))
    });
    let (content, options) =
        parts.unwrap_or_else(|| Err(PyTypeError::new_err("there is no response yet")))?;
    let response = types
        .response
        .bind(py)
        .call((content.bind(py),), Some(&options))?
        .unbind();
    passage.keep(Shown {
        response: response.clone_ref(py),
        content,
    });
    Ok(response)
}

/// The problem that a hook for errors looks at: the very exception, where a problem was raised; else one whose
/// `__cause__` is what was raised.
pub(crate) fn problem(py: Python<'_>, types: &Types, passage: &Passage) -> PyResult<Obj> {
    let raised = passage.kept::<Raised>();
    let raised = raised.as_ref().map(|raised| raised.0.value(py));
    if let Some(raised) = raised
        && raised.is_instance(types.problem.bind(py))?
    {
        return Ok(raised.clone().into_any().unbind());
    }
    let made = passage.problem(|problem| {
        let extensions = serde_json::to_vec(&problem.extensions);
        let extensions = extensions.map_err(|error| PyTypeError::new_err(error.to_string()))?;
        let extensions = PyBytes::new(py, &extensions);
        let words = (
            &*problem.code,
            problem.status,
            &*problem.title,
            &*problem.detail,
        );
        let (code, status, title, detail) = words;
        let headers = problem.headers.clone();
        types
            .problem_of
            .call1(py, (code, status, title, detail, headers, extensions))
    });
    let made = made.unwrap_or_else(|| Err(PyTypeError::new_err("there is no problem")))?;
    if let Some(raised) = raised {
        made.setattr(py, intern!(py, "__cause__"), raised)?;
    }
    Ok(made)
}

/// What a hook says by what it returned; its edits of the response are made.
pub(crate) fn verdict(
    py: Python<'_>,
    types: &Types,
    facts: &Facts,
    passage: &Rc<Passage>,
    returned: &Bound<'_, PyAny>,
    stream: Streamed<'_>,
) -> Result<Option<Reply>, Failure> {
    let shown = passage
        .kept::<Shown>()
        .filter(|_| passage.moment() == Some(Moment::OnResponse));
    let is_shown = shown
        .as_ref()
        .is_some_and(|shown| returned.is(&shown.response));
    if !returned.is_none() && !is_shown {
        let is_answer = returned.is_instance(types.response.bind(py))?
            || returned.is_instance(types.problem.bind(py))?;
        if !is_answer {
            let message = format!(
                "{} returned {}; return a Response to answer, or nothing",
                facts.name,
                returned.get_type()
            );
            return Err(PyTypeError::new_err(message).into());
        }
        return Ok(Some(Ok(value::response(
            py, types, facts, returned, stream,
        )?)));
    }
    let Some(shown) = shown else {
        return Ok(None);
    };
    let edited = shown.response.bind(py);
    let content = edited.getattr(intern!(py, "content"))?;
    if content.is(&shown.content) {
        let (status, headers, content_type) = value::parts(edited)?;
        passage.set_response_head(status, headers, content_type);
    } else {
        let replaced = value::response(py, types, facts, edited, stream)?;
        let before = passage.response(|response| std::mem::replace(response, replaced));
        drop(before);
    }
    Ok(None)
}
