//! Values across the border: a parameter's value to Python, a handler's result to a response. Calls no handler.

use crate::app::Types;
use crate::error::{Failure, problem_of};
use crate::guest::PythonGuest;
use crate::interpreter::{Obj, call2, is_a, is_iterator};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyByteArray, PyBytes, PyFloat, PyInt, PyList, PyString};
use spikard::Response;
use spikard::contract::Argument;
use spikard_bridge::{Content, Facts, GuestStream};
use std::borrow::Cow;
use std::cell::Cell;

/// A value of the core in Python; `None` when it was not sent.
pub(crate) fn of_argument<'py>(
    py: Python<'py>,
    argument: &Argument<'_>,
) -> PyResult<Option<Bound<'py, PyAny>>> {
    Ok(Some(match argument {
        Argument::Absent => return Ok(None),
        Argument::Null => py.None().into_bound(py),
        Argument::Bool(value) => pyo3::types::PyBool::new(py, *value).to_owned().into_any(),
        Argument::Integer(value) => value.into_pyobject(py)?.into_any(),
        Argument::BigInteger(digits) => py.get_type::<PyInt>().call1((digits.as_ref(),))?,
        Argument::Number(value) => PyFloat::new(py, *value).into_any(),
        Argument::String(text) => PyString::new(py, text).into_any(),
        Argument::List(items) => {
            let list = PyList::empty(py);
            for item in items {
                list.append(of_argument(py, item)?)?;
            }
            list.into_any()
        }
    }))
}

/// Makes a body of an iterator.
pub(crate) type Streamed<'s> = &'s dyn Fn(&Bound<'_, PyAny>) -> PyResult<GuestStream<PythonGuest>>;

/// A handler's result as a response, or as the problem that it is.
pub(crate) fn response(
    py: Python<'_>,
    types: &Types,
    facts: &Facts,
    value: &Bound<'_, PyAny>,
    stream: Streamed<'_>,
) -> Result<Response, Failure> {
    if value.is_none() {
        return Ok(facts.returns.nothing());
    }
    if is_a(value, &types.response) {
        return explicit(py, types, facts, value, stream);
    }
    if let Ok(text) = value.cast::<PyString>() {
        return Ok(facts.returns.text(text.to_str()?.to_owned()));
    }
    if let Ok(bytes) = value.cast::<PyBytes>() {
        return Ok(facts.returns.bytes(bytes.as_bytes().to_vec()));
    }
    if is_a(value, &types.problem) {
        return Err(problem_of(py, types, value)?.into());
    }
    if is_iterator(value) {
        return Ok(facts.returns.stream(Box::new(stream(value)?)));
    }
    Ok(facts.returns.json(encode(py, types, value)?))
}

/// A response that says itself what it is. Text and bytes go out as they are.
fn explicit(
    py: Python<'_>,
    types: &Types,
    facts: &Facts,
    value: &Bound<'_, PyAny>,
    stream: Streamed<'_>,
) -> Result<Response, Failure> {
    let (status, headers, own) = parts(value)?;
    let content = value.getattr(intern!(py, "content"))?;
    let content = if content.is_none() {
        Content::Nothing
    } else if let Ok(text) = content.cast::<PyString>() {
        Content::Text(text.to_str()?.as_bytes().to_vec())
    } else if let Ok(bytes) = content.cast::<PyBytes>() {
        Content::Bytes(bytes.as_bytes().to_vec())
    } else if is_iterator(&content) {
        Content::Stream(Box::new(stream(&content)?))
    } else {
        Content::Json(encode(py, types, &content)?)
    };
    Ok(facts.respond(status, headers, own, content))
}

/// Name and value of each field of a response, in order.
pub(crate) type Fields = Vec<(Cow<'static, str>, Cow<'static, str>)>;

/// Status, fields and media type of a response object.
pub(crate) fn parts(value: &Bound<'_, PyAny>) -> PyResult<(u16, Fields, Option<String>)> {
    let py = value.py();
    let status = value.getattr(intern!(py, "status"))?.extract()?;
    let headers = headers(&value.getattr(intern!(py, "headers"))?)?;
    let content_type = value.getattr(intern!(py, "content_type"))?.extract()?;
    Ok((status, headers, content_type))
}

/// Name and value of header fields; any iterable of pairs of str.
pub(crate) fn headers(list: &Bound<'_, PyAny>) -> PyResult<Fields> {
    let mut found = Vec::new();
    for pair in list.try_iter()? {
        let (name, value): (String, String) = pair?.extract()?;
        found.push((Cow::Owned(name), Cow::Owned(value)));
    }
    Ok(found)
}

/// Encodes values into one buffer, which grows no more once it has seen a usual answer.
pub(crate) struct Encoder {
    /// `(value, bytearray)`: writes from its start and sets its size.
    into: Obj,
    /// Away while it is written: a hook of the encoder may let another thread encode meanwhile.
    buffer: Cell<Option<Py<PyByteArray>>>,
}

impl Encoder {
    /// What the buffer is set to before each answer; what a large one took is given back.
    const USUAL: usize = 1 << 10;

    pub(crate) fn new(into: Obj) -> Self {
        Self {
            into,
            buffer: Cell::new(None),
        }
    }

    fn encode<R>(
        &self,
        py: Python<'_>,
        value: &Bound<'_, PyAny>,
        read: impl FnOnce(&[u8]) -> R,
    ) -> PyResult<R> {
        let buffer = match self.buffer.take() {
            Some(buffer) => buffer,
            None => PyByteArray::new(py, &[]).unbind(),
        };
        buffer.bind(py).resize(Self::USUAL)?;
        call2(py, &self.into, value.as_unbound(), buffer.as_any())?;
        // SAFETY: nobody else knows the buffer, and `read` runs no Python code.
        let result = read(unsafe { buffer.bind(py).as_bytes() });
        self.buffer.set(Some(buffer));
        Ok(result)
    }
}

fn encode(py: Python<'_>, types: &Types, value: &Bound<'_, PyAny>) -> PyResult<Vec<u8>> {
    let encoded = types.encoder.encode(py, value, <[u8]>::to_vec);
    encoded.map_err(|error| unencodable(py, value, error))
}

fn unencodable(py: Python<'_>, value: &Bound<'_, PyAny>, error: PyErr) -> PyErr {
    let name = value
        .get_type()
        .name()
        .map_or_else(|_| "?".to_owned(), |name| name.to_string());
    let better = PyTypeError::new_err(format!(
        "the handler returned a {name} that cannot be written as JSON: {}",
        error.value(py)
    ));
    better.set_cause(py, Some(error));
    better
}

/// A mapping of Python as members of a JSON object.
pub(crate) fn members(
    py: Python<'_>,
    types: &Types,
    value: &Bound<'_, PyAny>,
) -> PyResult<serde_json::Map<String, serde_json::Value>> {
    if value.is_none() || value.len().is_ok_and(|length| length == 0) {
        return Ok(serde_json::Map::new());
    }
    let members = types
        .encoder
        .encode(py, value, |text| serde_json::from_slice(text))?;
    members.map_err(|error| {
        PyValueError::new_err(format!(
            "the extensions of a problem must be a mapping: {error}"
        ))
    })
}
