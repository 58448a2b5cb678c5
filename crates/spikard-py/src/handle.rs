//! What `call_soon` and `call_at` give back, and the order of timers. Runs a callback when told to; decides nothing.

use crate::interpreter::{Gil, Obj, call0, copy_context, in_context};
use pyo3::prelude::*;
use pyo3::types::PyTuple;
use std::cell::Cell;
use std::cmp::Ordering;

struct Callback {
    function: Obj,
    arguments: Option<Py<PyTuple>>,
}

/// Stands in for `asyncio.Handle` and `asyncio.TimerHandle`.
#[pyclass(frozen, weakref, freelist = 256, module = "spikard._native")]
pub(crate) struct Handle {
    /// `None`: cancelled, or run already.
    callback: Gil<Cell<Option<Callback>>>,
    cancelled: Gil<Cell<bool>>,
    context: Obj,
    when: f64,
}

impl Handle {
    pub(crate) fn new(
        py: Python<'_>,
        function: Obj,
        arguments: &Bound<'_, PyTuple>,
        context: Option<Obj>,
        when: f64,
    ) -> PyResult<Py<Self>> {
        let context = match context.filter(|context| !context.is_none(py)) {
            Some(context) => context,
            None => copy_context(py)?,
        };
        let arguments = (!arguments.is_empty()).then(|| arguments.clone().unbind());
        let callback = Callback {
            function,
            arguments,
        };
        let (callback, cancelled) = (Gil::new(Cell::new(Some(callback))), Gil::default());
        Py::new(
            py,
            Self {
                callback,
                cancelled,
                context,
                when,
            },
        )
    }

    pub(crate) fn is_cancelled(&self) -> bool {
        self.cancelled.get()
    }

    /// Runs the callback in its context; nothing when it was cancelled.
    pub(crate) fn run(&self, py: Python<'_>) -> PyResult<()> {
        let Some(callback) = self.callback.take() else {
            return Ok(());
        };
        in_context(py, &self.context, || match &callback.arguments {
            None => call0(py, &callback.function),
            Some(arguments) => callback.function.call1(py, arguments.bind(py)),
        })??;
        Ok(())
    }
}

#[pymethods]
impl Handle {
    fn cancel(&self) {
        self.cancelled.set(true);
        // Dropped after it was taken out: what it holds may call back into this handle.
        drop(self.callback.take());
    }

    fn cancelled(&self) -> bool {
        self.cancelled.get()
    }

    fn when(&self) -> f64 {
        self.when
    }

    fn get_context(&self, py: Python<'_>) -> Obj {
        self.context.clone_ref(py)
    }
}

/// A timer in its heap: the earliest comes out first, and of two for one moment the one made first.
pub(crate) struct Timer {
    pub(crate) when: f64,
    pub(crate) number: u64,
    pub(crate) handle: Py<Handle>,
}

impl Ord for Timer {
    fn cmp(&self, other: &Self) -> Ordering {
        other
            .when
            .total_cmp(&self.when)
            .then(other.number.cmp(&self.number))
    }
}

impl PartialOrd for Timer {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Timer {
    fn eq(&self, other: &Self) -> bool {
        self.number == other.number
    }
}

impl Eq for Timer {}
