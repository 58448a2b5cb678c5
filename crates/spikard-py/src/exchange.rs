//! Polls a Rust future on whatever asyncio loop is running, Spikard's or not; no Tokio runtime is needed. One Python
//! future tells the end.

use crate::guest::FATAL;
use crate::interpreter::{Gil, Obj, new_context};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};
use std::cell::RefCell;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::ThreadId;

type Connection = Pin<Box<dyn Future<Output = Vec<u8>>>>;

/// A connection in process; calling it polls it.
#[pyclass(frozen, weakref, module = "spikard._native")]
pub(crate) struct Exchange {
    /// `None` once it ended, or while it is polled.
    connection: Gil<RefCell<Option<Connection>>>,
    future: Obj,
    event_loop: Obj,
    context: Obj,
    thread: ThreadId,
}

impl Exchange {
    /// Starts it on the running loop; the future of its answer.
    pub(crate) fn start<'py>(
        py: Python<'py>,
        connection: impl Future<Output = Vec<u8>> + 'static,
    ) -> PyResult<Bound<'py, PyAny>> {
        let event_loop = py
            .import(intern!(py, "asyncio"))?
            .call_method0(intern!(py, "get_running_loop"))?;
        let future = event_loop.call_method0(intern!(py, "create_future"))?;
        let connection: Connection = Box::pin(connection);
        let exchange = Py::new(
            py,
            Self {
                connection: Gil::new(RefCell::new(Some(connection))),
                future: future.clone().unbind(),
                event_loop: event_loop.unbind(),
                context: new_context(py)?,
                thread: std::thread::current().id(),
            },
        )?;
        future.call_method1(intern!(py, "add_done_callback"), (&exchange,))?;
        // Not polled here: the caller's Task must not be current while handlers run.
        Arc::new(Alarm {
            exchange,
            set: AtomicBool::new(false),
        })
        .ring(py)?;
        Ok(future)
    }

    fn is_done(&self, py: Python<'_>) -> PyResult<bool> {
        self.future
            .call_method0(py, intern!(py, "done"))?
            .is_truthy(py)
    }
}

/// Wakes an exchange by scheduling its next poll, once.
struct Alarm {
    exchange: Py<Exchange>,
    set: AtomicBool,
}

impl Alarm {
    fn ring(self: &Arc<Self>, py: Python<'_>) -> PyResult<()> {
        if self.set.swap(true, Ordering::AcqRel) {
            return Ok(());
        }
        let exchange = self.exchange.get();
        let poll = Bound::new(py, Polling(Arc::clone(self)))?;
        let options = PyDict::new(py);
        options.set_item(intern!(py, "context"), &exchange.context)?;
        let name = match std::thread::current().id() == exchange.thread {
            true => intern!(py, "call_soon"),
            false => intern!(py, "call_soon_threadsafe"),
        };
        exchange
            .event_loop
            .bind(py)
            .call_method(name, (poll,), Some(&options))
            .map(drop)
    }
}

impl Wake for Alarm {
    fn wake(self: Arc<Self>) {
        Python::attach(|py| {
            if let Err(error) = self.ring(py) {
                error.write_unraisable(py, None); // the loop is closed
            }
        });
    }
}

#[pyclass(frozen, module = "spikard._native")]
struct Polling(Arc<Alarm>);

#[pymethods]
impl Polling {
    fn __call__(&self, py: Python<'_>) -> PyResult<()> {
        self.0.set.store(false, Ordering::Release);
        let exchange = self.0.exchange.get();
        let Some(mut connection) = exchange.connection.take() else {
            return Ok(());
        };
        let waker = Waker::from(Arc::clone(&self.0));
        let polled = connection.as_mut().poll(&mut Context::from_waker(&waker));
        let fatal = FATAL.take();
        match polled {
            Poll::Ready(answer) if !exchange.is_done(py)? => {
                let answer = PyBytes::new(py, &answer);
                exchange
                    .future
                    .call_method1(py, intern!(py, "set_result"), (answer,))?;
            }
            // Left by its client while it was polled, or answered: it is dropped.
            Poll::Ready(_) => {}
            Poll::Pending if exchange.is_done(py)? => {}
            Poll::Pending => drop(exchange.connection.replace(Some(connection))),
        }
        fatal.map_or(Ok(()), Err)
    }
}

#[pymethods]
impl Exchange {
    /// The future is done: when it was cancelled, the client has left.
    fn __call__(&self, _future: &Bound<'_, PyAny>) {
        let connection = self.connection.take();
        drop(connection);
    }
}
