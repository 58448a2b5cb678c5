//! Starts the coroutine of an async handler as a real `asyncio.Task` that costs next to nothing while it does not suspend:
//! by a spare Task on our loop up to 3.13, else eagerly where CPython can (3.12), as an ordinary Task on a foreign 3.11
//! loop.

use crate::interpreter::{Obj, call_named, in_context, is_coroutine, is_pristine, new_context};
use crate::reactor::Core;
use crate::spare::Driven;
use pyo3::exceptions::PyTypeError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyString, PyTuple};
use std::cell::RefCell;

/// What starting a coroutine came to.
pub(crate) enum Started {
    Finished(PyResult<Obj>),
    Suspended(Obj),
}

/// The loop that runs on this thread.
pub(crate) enum Host {
    Ours(std::rc::Rc<Core>),
    Foreign(Obj),
}

impl Host {
    pub(crate) fn current(py: Python<'_>) -> PyResult<Self> {
        match Core::current() {
            Some(core) => Ok(Self::Ours(core)),
            None => {
                let running = py
                    .import(intern!(py, "asyncio"))?
                    .call_method0(intern!(py, "get_running_loop"))?;
                Ok(Self::Foreign(running.unbind()))
            }
        }
    }

    pub(crate) fn event_loop(&self) -> &Obj {
        match self {
            Self::Ours(core) => &core.event_loop,
            Self::Foreign(event_loop) => event_loop,
        }
    }
}

/// How Tasks and contexts are made; shared by the handlers of an app.
pub(crate) struct Starter {
    eager: bool,
    /// Our loop keeps a spare Task, which costs a third of a new one. CPython 3.14 keeps its current Task elsewhere.
    spare: bool,
    task_type: Obj,
    keywords: Py<PyTuple>,
    yes: Obj,
    /// Left untouched by the call before.
    context: RefCell<Option<Obj>>,
}

impl Starter {
    pub(crate) fn new(py: Python<'_>) -> PyResult<Self> {
        let eager = py.version_info() >= (3, 12);
        let names: &[&str] = if eager {
            &["loop", "context", "name", "eager_start"]
        } else {
            &["loop", "context", "name"]
        };
        Ok(Self {
            eager,
            spare: py.version_info() < (3, 14),
            task_type: py.import("asyncio")?.getattr("Task")?.unbind(),
            keywords: PyTuple::new(py, names)?.unbind(),
            yes: PyBool::new(py, true).to_owned().into_any().unbind(),
            context: RefCell::new(None),
        })
    }

    /// Runs `work` in a context of its own.
    pub(crate) fn in_fresh_context<R>(
        &self,
        py: Python<'_>,
        work: impl FnOnce() -> R,
    ) -> PyResult<R> {
        let context = self.take_context(py)?;
        let result = in_context(py, &context, work);
        self.give_back(context);
        result
    }

    /// Runs the coroutine that `make` returns until it ends or suspends, in a context of its own. `make` runs in that
    /// context too; when it returns none, there is nothing to run.
    pub(crate) fn start(
        &self,
        py: Python<'_>,
        host: &Host,
        name: &Py<PyString>,
        make: impl FnOnce() -> PyResult<Option<Obj>>,
    ) -> PyResult<Started> {
        match host {
            Host::Ours(core) if self.spare => {
                let make = || make()?.map(|coroutine| checked(py, coroutine)).transpose();
                Ok(match core.spares.drive(py, &core.event_loop, name, make)? {
                    Driven::Finished(result) => Started::Finished(result),
                    Driven::Adopted(task) => Started::Suspended(task),
                })
            }
            _ => self.start_task(py, host.event_loop(), name, make),
        }
    }

    fn start_task(
        &self,
        py: Python<'_>,
        event_loop: &Obj,
        name: &Py<PyString>,
        make: impl FnOnce() -> PyResult<Option<Obj>>,
    ) -> PyResult<Started> {
        let context = self.take_context(py)?;
        let Some(coroutine) = in_context(py, &context, make)?? else {
            return Ok(Started::Finished(Ok(py.None())));
        };
        let coroutine = checked(py, coroutine)?;
        let name = name.as_any();
        let task = if self.eager {
            call_named(
                py,
                &self.task_type,
                [&coroutine, event_loop, &context, name, &self.yes],
                1,
                &self.keywords,
            )?
        } else {
            call_named(
                py,
                &self.task_type,
                [&coroutine, event_loop, &context, name],
                1,
                &self.keywords,
            )?
        };
        if !task.call_method0(py, intern!(py, "done"))?.is_truthy(py)? {
            return Ok(Started::Suspended(task));
        }
        let result = task.call_method0(py, intern!(py, "result"));
        drop((task, coroutine));
        self.give_back(context);
        Ok(Started::Finished(result))
    }

    /// A context that nobody else knows.
    pub(crate) fn take_context(&self, py: Python<'_>) -> PyResult<Obj> {
        match self.context.take() {
            Some(context) => Ok(context),
            None => new_context(py),
        }
    }

    fn give_back(&self, context: Obj) {
        if is_pristine(&context) {
            let other = self.context.replace(Some(context));
            drop(other);
        }
    }
}

fn checked(py: Python<'_>, value: Obj) -> PyResult<Obj> {
    if is_coroutine(value.bind(py)) || value.bind(py).hasattr(intern!(py, "send"))? {
        return Ok(value);
    }
    let name = value.bind(py).get_type().name()?.to_string();
    Err(PyTypeError::new_err(format!(
        "an async handler must return a coroutine, not {name}"
    )))
}
