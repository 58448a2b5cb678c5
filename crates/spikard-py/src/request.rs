//! `Request`: a copy of the request for handlers that ask for it, and the news that its client left. Parses nothing.

use crate::interpreter::{Gil, Obj};
use crate::value;
use pyo3::exceptions::PyValueError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList, PyString};
use spikard::Passage;
use spikard::auth::Principal;
use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::rc::Rc;

/// Shared by a request and the pending call that it belongs to.
#[derive(Default)]
pub(crate) struct Link {
    gone: Cell<bool>,
    waiting: RefCell<Vec<Obj>>,
    /// What hooks and handler leave for each other.
    state: RefCell<Option<Obj>>,
}

impl Link {
    /// The one of its exchange where hooks look at it, else a new one.
    pub(crate) fn of(request: &spikard::Request<'_>) -> Rc<Self> {
        let Some(passage) = request.passage else {
            return Rc::default();
        };
        if passage.kept::<Self>().is_none() {
            passage.keep(Self::default());
        }
        passage.kept().unwrap_or_default()
    }

    /// The client left: whoever waits for that is told.
    pub(crate) fn disconnect(&self, py: Python<'_>) -> PyResult<()> {
        self.gone.set(true);
        for future in self.waiting.take() {
            if !future
                .call_method0(py, intern!(py, "done"))?
                .is_truthy(py)?
            {
                future.call_method1(py, intern!(py, "set_result"), (py.None(),))?;
            }
        }
        Ok(())
    }
}

/// See `_native.pyi`.
#[pyclass(frozen, weakref, module = "spikard._native")]
pub(crate) struct Request {
    /// Method, target and request id, one after the other.
    text: String,
    method_end: usize,
    target_end: usize,
    /// Names and values, one after the other, and where each ends.
    fields: Vec<u8>,
    ends: Vec<(usize, usize)>,
    body: Py<PyBytes>,
    parameters: Py<PyList>,
    peer: Option<SocketAddr>,
    principal: Option<Gil<Rc<Principal>>>,
    link: Gil<Rc<Link>>,
    /// `None` where no hook looks: nothing follows that could see an edit.
    passage: Option<Gil<Rc<Passage>>>,
}

impl Request {
    pub(crate) fn new(
        py: Python<'_>,
        request: &spikard::Request<'_>,
        body: Py<PyBytes>,
        link: &Rc<Link>,
    ) -> PyResult<Py<Self>> {
        Py::new(py, Self::copy(py, request, body, link)?)
    }

    fn copy(
        py: Python<'_>,
        request: &spikard::Request<'_>,
        body: Py<PyBytes>,
        link: &Rc<Link>,
    ) -> PyResult<Self> {
        let (method, target) = (request.head.method, request.head.target);
        let mut fields = Vec::new();
        let mut ends = Vec::new();
        for (name, value) in request.head.headers.iter() {
            fields.extend(name.bytes().map(|byte| byte.to_ascii_lowercase()));
            let name_end = fields.len();
            fields.extend_from_slice(value);
            ends.push((name_end, fields.len()));
        }
        let parameters = PyList::empty(py);
        for argument in request.arguments {
            parameters.append(value::of_argument(py, argument)?)?;
        }
        Ok(Self {
            text: [method, target, request.request_id].concat(),
            method_end: method.len(),
            target_end: method.len() + target.len(),
            fields,
            ends,
            body,
            parameters: parameters.unbind(),
            peer: request.peer,
            principal: request
                .principal
                .map(|principal| Gil::new(Rc::clone(principal))),
            link: Gil::new(Rc::clone(link)),
            passage: request.passage.map(|passage| Gil::new(Rc::clone(passage))),
        })
    }
}

type ThePrincipal<'py> = (
    &'static str,
    Option<String>,
    Vec<String>,
    Bound<'py, PyBytes>,
);

#[pymethods]
impl Request {
    #[getter]
    fn method(&self) -> &str {
        &self.text[..self.method_end]
    }

    #[getter]
    fn target(&self) -> &str {
        &self.text[self.method_end..self.target_end]
    }

    #[getter]
    fn path(&self) -> &str {
        self.target()
            .split_once('?')
            .map_or(self.target(), |(path, _)| path)
    }

    #[getter]
    fn query_string(&self) -> &str {
        self.target().split_once('?').map_or("", |(_, query)| query)
    }

    #[getter]
    fn request_id(&self) -> &str {
        &self.text[self.target_end..]
    }

    #[getter]
    fn client(&self) -> Option<(String, u16)> {
        self.peer.map(|peer| (peer.ip().to_string(), peer.port()))
    }

    /// Names in lower case; values as Latin-1, which is what every byte of a field value can be read as (RFC 9110 5.5).
    #[getter]
    fn headers<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let list = PyList::empty(py);
        let mut start = 0;
        for (name_end, end) in &self.ends {
            let read = |bytes: &[u8]| match std::str::from_utf8(bytes) {
                Ok(text) if text.is_ascii() => PyString::new(py, text),
                _ => PyString::new(
                    py,
                    &bytes
                        .iter()
                        .map(|byte| char::from(*byte))
                        .collect::<String>(),
                ),
            };
            list.append((
                read(&self.fields[start..*name_end]),
                read(&self.fields[*name_end..*end]),
            ))?;
            start = *end;
        }
        Ok(list)
    }

    #[getter]
    fn body(&self, py: Python<'_>) -> Py<PyBytes> {
        self.body.clone_ref(py)
    }

    #[getter]
    fn parameters(&self, py: Python<'_>) -> Py<PyList> {
        self.parameters.clone_ref(py)
    }

    /// Made by `make` when it is first asked for.
    fn state(&self, py: Python<'_>, make: &Bound<'_, PyAny>) -> PyResult<Obj> {
        let before = self
            .link
            .state
            .borrow()
            .as_ref()
            .map(|state| state.clone_ref(py));
        if let Some(state) = before {
            return Ok(state);
        }
        let state = make.call0()?.unbind();
        self.link.state.replace(Some(state.clone_ref(py)));
        Ok(state)
    }

    /// This request again, after an edit (see `spikard_bridge::edit`).
    fn edited(&self, py: Python<'_>, what: &str, name: &str, value: &[u8]) -> PyResult<Py<Self>> {
        let passage = self.passage.as_ref().map(|passage| &***passage);
        spikard_bridge::edit(passage, what, name, value).map_err(PyValueError::new_err)?;
        let passage = self.passage.as_ref();
        let passage = passage.expect("invariant: without it no edit is made");
        let body = PyBytes::new(py, &passage.body()).unbind();
        let edited = passage.look(|head| {
            let principal = passage.principal();
            let request = spikard::Request {
                head,
                principal: principal.as_ref(),
                arguments: &[],
                body: &[],
                unvalidated: None,
                trailers: None,
                request_id: passage.request_id(),
                peer: passage.peer(),
                passage: Some(passage),
            };
            let mut edited = Self::copy(py, &request, body, &self.link)?;
            edited.parameters = self.parameters.clone_ref(py);
            Ok::<_, PyErr>(edited)
        })?;
        Py::new(py, edited)
    }

    /// Scheme, subject, scopes, and the claims as JSON text.
    #[getter]
    fn principal<'py>(&self, py: Python<'py>) -> Option<ThePrincipal<'py>> {
        let principal = self.principal.as_ref()?;
        Some((
            principal.scheme(),
            principal.subject().map(str::to_owned),
            principal.scopes().to_vec(),
            PyBytes::new(py, principal.claims()),
        ))
    }

    #[getter]
    fn disconnected(&self) -> bool {
        self.link.gone.get()
    }

    fn wait_disconnected<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let running = py
            .import(intern!(py, "asyncio"))?
            .call_method0(intern!(py, "get_running_loop"))?;
        let future = running.call_method0(intern!(py, "create_future"))?;
        if self.link.gone.get() {
            future.call_method1(intern!(py, "set_result"), (py.None(),))?;
        } else {
            self.link.waiting.borrow_mut().push(future.clone().unbind());
        }
        Ok(future)
    }
}
