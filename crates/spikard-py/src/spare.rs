//! A *spare* `asyncio.Task` is current while an async handler runs, and is used up only by a handler that suspends or
//! leaves a trace on it. CPython from 3.14 on, and loops that are not ours, do not come here (see `task`).

use crate::interpreter::{
    Gil, Obj, Sent, call_named, call0, call2, in_context, length, new_context, references, send,
};
use pyo3::exceptions::{PyRuntimeError, PyStopIteration};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyString, PyTuple};
use std::cell::{Cell, RefCell};

struct Adopted {
    coroutine: Obj,
    /// What the first step yielded; the Task must see it once.
    first: Option<Obj>,
}

/// The "coroutine" of a spare Task: empty until a handler suspends, then it forwards to the handler's coroutine.
#[pyclass(frozen, weakref, module = "spikard._native", name = "coroutine")]
struct Shim(Gil<RefCell<Option<Adopted>>>);

impl Shim {
    fn finished(&self) {
        let finished = self.0.take();
        drop(finished); // after the borrow: it may run Python code
    }
}

#[pymethods]
impl Shim {
    fn __next__(&self, py: Python<'_>) -> PyResult<Obj> {
        let coroutine = match self.0.borrow_mut().as_mut() {
            None => return Err(PyStopIteration::new_err(())),
            Some(adopted) => match adopted.first.take() {
                Some(first) => return Ok(first),
                None => adopted.coroutine.clone_ref(py),
            },
        };
        match send(py, &coroutine) {
            Sent::Yielded(value) => Ok(value),
            Sent::Finished(result) => {
                self.finished();
                Err(result.map_or_else(|error| error, |value| PyStopIteration::new_err((value,))))
            }
        }
    }

    fn send(&self, py: Python<'_>, _value: Obj) -> PyResult<Obj> {
        self.__next__(py)
    }

    #[pyo3(signature = (error, *_rest))]
    fn throw(&self, py: Python<'_>, error: Obj, _rest: &Bound<'_, PyTuple>) -> PyResult<Obj> {
        let coroutine = match self.0.borrow_mut().as_mut() {
            None => return Err(PyErr::from_value(error.into_bound(py))),
            Some(adopted) => {
                let coroutine = adopted.coroutine.clone_ref(py);
                (coroutine, adopted.first.take())
            }
        };
        let thrown = coroutine.0.call_method1(py, intern!(py, "throw"), (error,));
        if thrown.is_err() {
            self.finished(); // returned (StopIteration) or raised
        }
        thrown
    }

    fn close(&self) {
        self.finished();
    }

    /// `send`, `throw`, `close` and this make it a `collections.abc.Coroutine`.
    fn __await__(me: Py<Self>) -> Py<Self> {
        me
    }
}

struct Spare {
    task: Obj,
    context: Obj,
    name: Obj,
    shim: Py<Shim>,
    /// `task.cancelling`.
    cancelling: Obj,
    /// The Task's first step, caught on its way to `call_soon`.
    step: Obj,
    /// References while nobody but us knows them.
    task_references: isize,
    name_references: isize,
}

/// The spare Task of a loop, and the names of asyncio that it needs.
pub(crate) struct Spares {
    task_type: Obj,
    enter_task: Obj,
    leave_task: Obj,
    keywords: Py<PyTuple>,
    spare: RefCell<Option<Spare>>,
    capturing: Cell<bool>,
    captured: RefCell<Option<Obj>>,
    /// Something ran since the last call that may have cancelled or kept the spare.
    suspected: Cell<bool>,
}

/// What became of a coroutine.
pub(crate) enum Driven {
    Finished(PyResult<Obj>),
    /// It suspended: this Task runs it from now on.
    Adopted(Obj),
}

impl Spares {
    pub(crate) fn new(py: Python<'_>) -> PyResult<Self> {
        let asyncio = py.import("_asyncio")?;
        Ok(Self {
            task_type: asyncio.getattr("Task")?.unbind(),
            enter_task: asyncio.getattr("_enter_task")?.unbind(),
            leave_task: asyncio.getattr("_leave_task")?.unbind(),
            keywords: PyTuple::new(py, ["loop", "context", "name"])?.unbind(),
            spare: RefCell::new(None),
            capturing: Cell::new(false),
            captured: RefCell::new(None),
            suspected: Cell::new(false),
        })
    }

    /// What `call_soon` was given, unless it was the first step of a spare Task.
    pub(crate) fn capture(&self, callback: Obj) -> Option<Obj> {
        if self.capturing.replace(false) {
            *self.captured.borrow_mut() = Some(callback);
            return None;
        }
        Some(callback)
    }

    pub(crate) fn suspect(&self) {
        self.suspected.set(true);
    }

    /// Runs the first step of the coroutine that `make` returns, with the spare Task current and its context entered.
    pub(crate) fn drive(
        &self,
        py: Python<'_>,
        event_loop: &Obj,
        name: &Py<PyString>,
        make: impl FnOnce() -> PyResult<Option<Obj>>,
    ) -> PyResult<Driven> {
        let spare = self.take(py, event_loop)?;
        call2(py, &self.enter_task, event_loop, &spare.task)?;
        let entered_references = references(&spare.task);
        let stepped = in_context(py, &spare.context, || {
            let Some(coroutine) = make()? else {
                return Ok(None);
            };
            let sent = send(py, &coroutine);
            Ok(Some((coroutine, sent)))
        });
        // The check must see what the handler left, so before the Task is left (which drops asyncio's reference).
        let trace = references(&spare.task) != entered_references || !self.is_clean(py, &spare)?;
        call2(py, &self.leave_task, event_loop, &spare.task)?;
        match stepped? {
            Err(error) => self.finish(py, spare, trace, Err(error)),
            Ok(None) => self.finish(py, spare, trace, Ok(py.None())),
            Ok(Some((coroutine, Sent::Finished(result)))) => {
                drop(coroutine);
                self.finish(py, spare, trace, result)
            }
            Ok(Some((coroutine, Sent::Yielded(first)))) => {
                *spare.shim.get().0.borrow_mut() = Some(Adopted {
                    coroutine,
                    first: Some(first),
                });
                spare
                    .task
                    .call_method1(py, intern!(py, "set_name"), (name,))?;
                // The Task takes over the yielded future and owns itself from here on.
                first_step(py, &spare)?;
                Ok(Driven::Adopted(spare.task))
            }
        }
    }

    /// Ends the spare Task, so that asyncio does not report it as destroyed while pending. Inside `run_forever` only.
    pub(crate) fn close(&self, py: Python<'_>) {
        let spare = self.spare.take();
        if let Some(error) = spare.and_then(|spare| first_step(py, &spare).err()) {
            error.write_unraisable(py, None);
        }
    }

    fn take(&self, py: Python<'_>, event_loop: &Obj) -> PyResult<Spare> {
        let spare = self.spare.take();
        if let Some(spare) = spare {
            let kept = references(&spare.task) != spare.task_references;
            if !kept && (!self.suspected.replace(false) || self.is_clean(py, &spare)?) {
                return Ok(spare);
            }
            first_step(py, &spare)?;
        }
        self.make(py, event_loop)
    }

    fn make(&self, py: Python<'_>, event_loop: &Obj) -> PyResult<Spare> {
        let context = new_context(py)?;
        let shim = Py::new(py, Shim(Gil::default()))?;
        // A string of our own: its reference count tells whether the Task still has it.
        let name = PyString::new(py, "spikard handler").into_any().unbind();
        let coroutine = shim.clone_ref(py).into_any();
        self.capturing.set(true);
        let task = call_named(
            py,
            &self.task_type,
            [&coroutine, event_loop, &context, &name],
            1,
            &self.keywords,
        );
        self.capturing.set(false);
        drop(coroutine);
        let step = self.captured.take();
        let (task, step) = (
            task?,
            step.ok_or_else(|| {
                PyRuntimeError::new_err("asyncio.Task did not schedule its first step")
            })?,
        );
        let cancelling = task.getattr(py, intern!(py, "cancelling"))?;
        let (task_references, name_references) = (references(&task), references(&name));
        Ok(Spare {
            task,
            context,
            name,
            shim,
            cancelling,
            step,
            task_references,
            name_references,
        })
    }

    /// The next request may have the same Task and context only if nobody kept the Task, nothing was set in the context,
    /// no callback waits for its end, it was not renamed, and no cancellation is pending.
    fn is_clean(&self, py: Python<'_>, spare: &Spare) -> PyResult<bool> {
        Ok(references(&spare.name) == spare.name_references
            && length(&spare.context) == 0
            && spare
                .task
                .getattr(py, intern!(py, "_callbacks"))?
                .is_none(py)
            && !spare
                .task
                .getattr(py, intern!(py, "_must_cancel"))?
                .is_truthy(py)?
            && !call0(py, &spare.cancelling)?.is_truthy(py)?)
    }

    fn finish(
        &self,
        py: Python<'_>,
        spare: Spare,
        trace: bool,
        result: PyResult<Obj>,
    ) -> PyResult<Driven> {
        if !trace {
            self.spare.replace(Some(spare));
            return Ok(Driven::Finished(result));
        }
        let cancelled = result.is_ok()
            && spare
                .task
                .getattr(py, intern!(py, "_must_cancel"))?
                .is_truthy(py)?;
        // The empty shim ends the Task at once, so whoever kept it sees a finished Task and callbacks run.
        first_step(py, &spare)?;
        if cancelled {
            // As asyncio does when a coroutine returns with a cancellation pending.
            return Ok(Driven::Finished(
                spare.task.call_method0(py, intern!(py, "result")),
            ));
        }
        Ok(Driven::Finished(result))
    }
}

fn first_step(py: Python<'_>, spare: &Spare) -> PyResult<()> {
    in_context(py, &spare.context, || call0(py, &spare.step))?.map(drop)
}
