//! Python as a guest of the bridge: builds a handler's arguments, calls it, answers for it when it ends later.

use crate::app::Types;
use crate::callable::{Callable, Kind, Origin};
use crate::error::{Failure, is_refusal, problem};
use crate::hook::{self, Raised};
use crate::interpreter::{Arguments, Gil, Obj, attached, call1, in_context};
use crate::reactor::{Core, is_fatal};
use crate::request::{Link, Request};
use crate::task::{Host, Started, Starter};
use crate::value;
use pyo3::exceptions::PyTypeError;
use pyo3::exceptions::asyncio::CancelledError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};
use pyo3::{IntoPyObjectExt as _, intern};
use spikard::contract::Source;
use spikard::{Cancel, Held, Passage, Problem, Verdict};
use spikard_bridge::{Call, Completion, Facts, Guest, GuestStream, Outcome, Token, refused};
use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::{Rc, Weak};

/// Threads for the handlers of one app that block.
const THREADS: usize = 40;

/// The Python side of one app.
pub(crate) struct PythonGuest {
    pub(crate) types: Types,
    starter: Starter,
    completion: Completion,
    pending: RefCell<HashMap<Token, Pending>>,
    threads: RefCell<Option<Obj>>,
    me: Weak<Self>,
}

/// A call that suspended.
struct Pending {
    /// Its Task, or the future of its thread.
    future: Obj,
    link: Option<Rc<Link>>,
    hard_cancel: bool,
}

thread_local! {
    /// What a handler raised to leave a loop that is not ours (see `exchange`).
    pub(crate) static FATAL: RefCell<Option<PyErr>> = const { RefCell::new(None) };
}

impl PythonGuest {
    pub(crate) fn new(py: Python<'_>, types: Types, completion: &Completion) -> PyResult<Rc<Self>> {
        let starter = Starter::new(py)?;
        Ok(Rc::new_cyclic(|me| Self {
            types,
            starter,
            completion: completion.clone(),
            pending: RefCell::default(),
            threads: RefCell::new(None),
            me: Weak::clone(me),
        }))
    }

    fn try_call(
        &self,
        py: Python<'_>,
        callable: &Callable,
        call: &Call<'_>,
    ) -> Result<Outcome, Failure> {
        let mut link = None;
        // Before anything of the handler's: no code of the user runs for a body that is not valid.
        let mut body = None;
        if let Some(schema) = call.unvalidated() {
            let shape = callable.shape();
            body = shape.and_then(|shape| shape.build(py, schema, call.request().body));
            if body.is_none() {
                return Ok(Outcome::Refused);
            }
        }
        let result = match callable.kind {
            Kind::Sync => {
                let held = Held::begin();
                let result = self.starter.in_fresh_context(py, || {
                    let arguments = self.arguments(py, callable, call, body.take(), &mut link)?;
                    Ok::<_, Failure>(arguments.call(
                        py,
                        &callable.function,
                        callable.keywords.as_ref(),
                    )?)
                })?;
                watch(py, &callable.facts, held);
                Core::suspect_spare();
                result?
            }
            Kind::Async => {
                let host = Host::current(py)?;
                let held = Held::begin();
                let mut failure = None;
                let started = self.starter.start(py, &host, &callable.task_name, || {
                    match self.arguments(py, callable, call, body.take(), &mut link) {
                        Ok(arguments) => arguments
                            .call(py, &callable.function, callable.keywords.as_ref())
                            .map(Some),
                        Err(wrong) => {
                            failure = Some(wrong);
                            Ok(None)
                        }
                    }
                });
                watch(py, &callable.facts, held);
                if let Some(failure) = failure {
                    return Err(failure);
                }
                match started? {
                    Started::Finished(result) => result?,
                    Started::Suspended(task) => {
                        return self.suspend(py, callable, call, task, link);
                    }
                }
            }
            Kind::Blocking => {
                let context = self.starter.take_context(py)?;
                let build = || self.arguments(py, callable, call, body.take(), &mut link);
                let arguments = in_context(py, &context, build)??;
                let future = self.in_thread(py, callable, &context, &arguments)?;
                return self.suspend(py, callable, call, future, link);
            }
        };
        let (facts, kind) = (&callable.facts, callable.kind);
        let passage = call.request().passage;
        let verdict = self.verdict(py, facts, kind, passage, result.bind(py))?;
        Ok(verdict.map_or(Outcome::Passed, Outcome::Done))
    }

    /// What a callable says by what it returned: a handler always answers, a hook may pass.
    fn verdict(
        &self,
        py: Python<'_>,
        facts: &Facts,
        kind: Kind,
        passage: Option<&Rc<Passage>>,
        value: &Bound<'_, PyAny>,
    ) -> Result<Verdict, Failure> {
        let stream = |source: &Bound<'_, PyAny>| self.stream(py, facts, kind, source);
        match passage.filter(|passage| passage.moment().is_some()) {
            None => {
                let response = value::response(py, &self.types, facts, value, &stream)?;
                Ok(Some(Ok(response)))
            }
            Some(passage) => hook::verdict(py, &self.types, facts, passage, value, &stream),
        }
    }

    /// An iterator as a body.
    fn stream(
        &self,
        py: Python<'_>,
        facts: &Facts,
        kind: Kind,
        source: &Bound<'_, PyAny>,
    ) -> PyResult<GuestStream<Self>> {
        let stream = self.types.stream.bind(py);
        let stream = stream.call1((source, kind == Kind::Blocking))?;
        let guest = self.me.upgrade();
        let guest = guest.expect("invariant: a method of it runs");
        let producer = Callable::of_stream(&stream, facts)?;
        Ok(GuestStream::new(guest, producer, self.completion.clone()))
    }

    fn arguments(
        &self,
        py: Python<'_>,
        callable: &Callable,
        call: &Call<'_>,
        mut built: Option<Obj>,
        link: &mut Option<Rc<Link>>,
    ) -> Result<Arguments, Failure> {
        let mut arguments = Arguments::new();
        let mut body: Option<Py<PyBytes>> = None;
        for argument in &callable.arguments {
            if argument.shape.is_some()
                && let Some(value) = built.take()
            {
                arguments.push(value);
                continue;
            }
            let raw = match argument.origin {
                Origin::Parameter(index) => match call.arguments().get(index) {
                    Some(found) => value::of_argument(py, found)?.map(Bound::unbind),
                    None => None,
                },
                Origin::Response | Origin::Problem => {
                    let passage = call.request().passage;
                    let passage =
                        passage.ok_or_else(|| PyTypeError::new_err("only hooks get this"))?;
                    Some(match argument.origin {
                        Origin::Response => hook::response(py, &self.types, passage)?,
                        _ => hook::problem(py, &self.types, passage)?,
                    })
                }
                Origin::Body if call.request().body.is_empty() => None,
                Origin::Body | Origin::Request => {
                    let bytes =
                        body.get_or_insert_with(|| PyBytes::new(py, call.request().body).unbind());
                    match argument.origin {
                        Origin::Request => {
                            let link = link.get_or_insert_with(|| Link::of(call.request()));
                            Some(
                                Request::new(py, call.request(), bytes.clone_ref(py), link)?
                                    .into_any(),
                            )
                        }
                        _ => Some(bytes.clone_ref(py).into_any()),
                    }
                }
            };
            arguments.push(match (raw, &argument.convert) {
                (None, _) => argument.default.clone_ref(py),
                (Some(raw), None) => raw,
                (Some(raw), Some(convert)) => call1(py, convert, &raw)
                    .map_err(|error| self.refusal(py, callable, argument.origin, error))?,
            });
        }
        Ok(arguments)
    }

    /// What a converter's exception means.
    fn refusal(
        &self,
        py: Python<'_>,
        callable: &Callable,
        origin: Origin,
        error: PyErr,
    ) -> Failure {
        if error.is_instance(py, self.types.problem.bind(py))
            || !is_refusal(py, &self.types, &error)
        {
            return Failure::Raised(error);
        }
        match origin {
            Origin::Request | Origin::Response | Origin::Problem => Failure::Raised(error),
            Origin::Body => said(py, &error, Source::Body, &[]),
            Origin::Parameter(index) => match callable.facts.parameters.get(index) {
                Some((source, name)) => said(py, &error, *source, &[name]),
                None => said(py, &error, Source::Path, &[]),
            },
        }
    }

    fn suspend(
        &self,
        py: Python<'_>,
        callable: &Callable,
        call: &Call<'_>,
        future: Obj,
        link: Option<Rc<Link>>,
    ) -> Result<Outcome, Failure> {
        let token = call.suspend();
        let answer = Answer {
            guest: Weak::clone(&self.me),
            facts: Rc::clone(&callable.facts),
            kind: callable.kind,
            token,
            passage: call.request().passage.map(Rc::clone),
        };
        let answer = Py::new(py, PendingAnswer(Gil::new(answer)))?;
        future.call_method1(py, intern!(py, "add_done_callback"), (answer,))?;
        let pending = Pending {
            future,
            link,
            hard_cancel: callable.hard_cancel,
        };
        self.pending.borrow_mut().insert(token, pending);
        Ok(Outcome::Pending)
    }

    /// Runs a blocking handler in a thread, in its context.
    fn in_thread(
        &self,
        py: Python<'_>,
        callable: &Callable,
        context: &Obj,
        arguments: &Arguments,
    ) -> PyResult<Obj> {
        let (positional, named) = arguments.split(py, callable.keywords.as_ref())?;
        let run = context.getattr(py, intern!(py, "run"))?;
        let mut all = vec![run.into_bound(py), callable.function.bind(py).clone()];
        all.extend(positional);
        let all = pyo3::types::PyTuple::new(py, all)?;
        let work = py
            .import(intern!(py, "functools"))?
            .getattr(intern!(py, "partial"))?
            .call(all, Some(&named))?;
        let host = Host::current(py)?;
        let threads = self.threads(py)?;
        host.event_loop()
            .call_method1(py, intern!(py, "run_in_executor"), (threads, work))
    }

    fn threads(&self, py: Python<'_>) -> PyResult<Obj> {
        if let Some(threads) = &*self.threads.borrow() {
            return Ok(threads.clone_ref(py));
        }
        let options = PyDict::new(py);
        options.set_item("max_workers", THREADS)?;
        options.set_item("thread_name_prefix", "spikard")?;
        let class = py
            .import("concurrent.futures")?
            .getattr("ThreadPoolExecutor")?;
        let threads = class.call((), Some(&options))?.unbind();
        *self.threads.borrow_mut() = Some(threads.clone_ref(py));
        Ok(threads)
    }

    /// What the client is told; an error that must leave the loop does so.
    fn failed(&self, py: Python<'_>, call: &Call<'_>, failure: Failure) -> Outcome {
        if let Failure::Raised(error) = &failure
            && is_fatal(py, error)
        {
            leave(error.clone_ref(py));
        }
        let passage = call.request().passage;
        Outcome::Done(Err(self.told(py, passage, failure)))
    }

    /// What was raised is kept for the hooks for errors.
    fn told(&self, py: Python<'_>, passage: Option<&Rc<Passage>>, failure: Failure) -> Problem {
        match failure {
            Failure::Problem(problem) => problem,
            Failure::Raised(error) => {
                let told = problem(py, &self.types, &error);
                if let Some(passage) = passage {
                    passage.keep(Raised(error));
                }
                told
            }
        }
    }

    /// The answer of a call that had suspended.
    fn answer(&self, py: Python<'_>, answer: &Answer, future: &Bound<'_, PyAny>) -> PyResult<()> {
        let (token, facts) = (answer.token, &answer.facts);
        let pending = self.pending.borrow_mut().remove(&token);
        drop(pending);
        let result = future.call_method0(intern!(py, "result"));
        if !self.completion.waits(token) {
            return abandoned(py, facts, result);
        }
        let passage = answer.passage.as_ref();
        let verdict = match result {
            Ok(value) => self.verdict(py, facts, answer.kind, passage, &value),
            // One that must leave the loop has done so already, when the Task's step raised it.
            Err(error) => Err(error.into()),
        };
        match verdict.unwrap_or_else(|failure| Some(Err(self.told(py, passage, failure)))) {
            Some(reply) => self.completion.complete(token, reply),
            None => self.completion.pass(token),
        };
        Ok(())
    }
}

/// 422 for a value that the schema accepts and its converter does not.
fn said(py: Python<'_>, error: &PyErr, source: Source, path: &[&str]) -> Failure {
    refused([(source, path, error.value(py).to_string())]).into()
}

/// KeyboardInterrupt and SystemExit of a handler leave the loop that runs it.
fn leave(error: PyErr) {
    match Core::current() {
        Some(core) => core.leave(error),
        None => drop(FATAL.replace(Some(error))),
    }
}

/// Nobody waits for this answer any more: only a failure that nobody will hear of otherwise is told.
fn abandoned(py: Python<'_>, facts: &Facts, result: PyResult<Bound<'_, PyAny>>) -> PyResult<()> {
    match result {
        Err(error) if !error.is_instance_of::<CancelledError>(py) && !is_fatal(py, &error) => {
            let context = PyDict::new(py);
            context.set_item(
                "message",
                format!("{} failed after its client had left", facts.name),
            )?;
            context.set_item("exception", error.clone_ref(py).into_value(py))?;
            Host::current(py)?.event_loop().call_method1(
                py,
                "call_exception_handler",
                (context,),
            )?;
            Ok(())
        }
        _ => Ok(()),
    }
}

/// A handler that held the loop for too long is named by a warning of the package's logger.
fn watch(py: Python<'_>, facts: &Facts, held: Held) {
    if let Some(milliseconds) = held.too_long() {
        let told = py.import("logging").and_then(|logging| logging.call_method1("getLogger", ("spikard",))).and_then(|log| {
            let text = "%s held the event loop for %d ms; nothing else ran meanwhile. Give the route blocking=True, or await what waits";
            let arguments = (text, &facts.name, milliseconds.into_bound_py_any(py)?);
            log.call_method1("warning", arguments)
        });
        if let Err(error) = told {
            error.write_unraisable(py, None);
        }
    }
}

impl Guest for PythonGuest {
    type Callable = Callable;

    fn call(&self, callable: &Callable, call: &Call<'_>) -> Outcome {
        let py = attached();
        self.try_call(py, callable, call)
            .unwrap_or_else(|failure| self.failed(py, call, failure))
    }

    fn cancel(&self, token: Token, why: Cancel) {
        let Some(pending) = self.pending.borrow_mut().remove(&token) else {
            return;
        };
        let py = attached();
        let told = match (&pending.link, why) {
            (Some(link), Cancel::ClientGone) => link.disconnect(py),
            _ => Ok(()),
        };
        let cancelled = match why {
            Cancel::ClientGone if !pending.hard_cancel => Ok(()),
            Cancel::ClientGone | Cancel::Deadline | Cancel::Shutdown => pending
                .future
                .call_method0(py, intern!(py, "cancel"))
                .map(drop),
        };
        // After the loop was closed there is nothing left to tell; the Tasks are gone with it.
        drop((told, cancelled));
    }

    fn close(&self, producer: Callable) {
        let py = attached();
        if let Some(close) = &producer.close
            && let Err(error) = close.call0(py)
        {
            error.write_unraisable(py, Some(close.bind(py)));
        }
    }

    fn shows_where(&self) -> Option<i32> {
        let py = attached();
        // Its handler is C code that needs neither the loop nor the interpreter lock.
        let register = || {
            let options = PyDict::new(py);
            options.set_item("file", libc::STDERR_FILENO)?;
            py.import("faulthandler")?
                .call_method("register", (libc::SIGQUIT,), Some(&options))
        };
        register().ok().map(|_| libc::SIGQUIT)
    }
}

struct Answer {
    guest: Weak<PythonGuest>,
    facts: Rc<Facts>,
    kind: Kind,
    token: Token,
    passage: Option<Rc<Passage>>,
}

/// The done callback of a call that suspended.
#[pyclass(frozen, weakref, freelist = 256, module = "spikard._native")]
struct PendingAnswer(Gil<Answer>);

#[pymethods]
impl PendingAnswer {
    fn __call__(&self, py: Python<'_>, future: &Bound<'_, PyAny>) -> PyResult<()> {
        let answer = &self.0;
        match answer.guest.upgrade() {
            Some(guest) => guest.answer(py, answer, future),
            None => Ok(()),
        }
    }
}
