//! Async functions as hooks, and what they may return.

use crate::{Endpoint, Flow, Passage, Problem, Request, Response, Verdict, Verdicting};
use std::future::Future;
use std::rc::Rc;
use std::task::Context;

/// Something that a hook may return: `()` lets the request go on, a [`Response`] or a [`Problem`] answers it.
///
/// ```
/// use spikard::{App, IntoVerdict, Moment, Problem, Response, TestClient, Verdict};
///
/// enum Door {
///     Open,
///     Closed,
/// }
///
/// impl IntoVerdict for Door {
///     fn into_verdict(self) -> Verdict {
///         match self {
///             Self::Open => None,
///             Self::Closed => Some(Ok(Response::text(503, "closed"))),
///         }
///     }
/// }
///
/// let door = |passage: std::rc::Rc<spikard::Passage>| async move {
///     match passage.header("x-key") {
///         Some(_) => Door::Open,
///         None => Door::Closed,
///     }
/// };
/// let app = App::new("Shop", "1.0.0").hook(Moment::PreHandler, door).get("/", || async { "come in" });
/// let client = TestClient::new(app)?;
/// assert_eq!(client.get("/").wait().text(), "closed");
/// assert_eq!(client.get("/").header("x-key", "1").wait().text(), "come in");
/// # Ok::<(), spikard::DefinitionError>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no result of a hook",
    label = "says neither that the request goes on nor what the answer is",
    note = "a hook returns `()`, `Option<Response>`, `Response`, `Result<(), Problem>` or `Result<Option<Response>, Problem>`"
)]
pub trait IntoVerdict {
    /// What the hook says.
    fn into_verdict(self) -> Verdict;
}

impl IntoVerdict for () {
    fn into_verdict(self) -> Verdict {
        None
    }
}

impl IntoVerdict for Response {
    fn into_verdict(self) -> Verdict {
        Some(Ok(self))
    }
}

impl<T: IntoVerdict> IntoVerdict for Option<T> {
    fn into_verdict(self) -> Verdict {
        self.and_then(T::into_verdict)
    }
}

impl<T: IntoVerdict, E: Into<Problem>> IntoVerdict for Result<T, E> {
    fn into_verdict(self) -> Verdict {
        match self {
            Ok(value) => value.into_verdict(),
            Err(error) => Some(Err(error.into())),
        }
    }
}

/// Serves no route: the pipeline asks it at its moment.
pub(super) struct Hook<F>(pub(super) F);

impl<F, Fut, R> Endpoint for Hook<F>
where
    F: Fn(Rc<Passage>) -> Fut + 'static,
    Fut: Future<Output = R> + 'static,
    R: IntoVerdict + 'static,
{
    fn call(&self, _: Request<'_>, _: &mut Context<'_>) -> Flow {
        Flow::Done(Err(Problem::internal("").because("a hook serves no route")))
    }

    fn hook<'h>(&'h self, passage: &Rc<Passage>) -> Verdicting<'h> {
        let verdict = (self.0)(Rc::clone(passage));
        Box::pin(async { verdict.await.into_verdict() })
    }
}
