//! What serves a route: the seam between the pipeline and a handler, native or of another language.

use crate::auth::Principal;
use crate::hooks::Verdicting;
use crate::{Head, Passage, Problem, Response, Trailers};
use spikard_contract::{Argument, Schema};
use std::cell::Cell;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::Context;

/// A request as its handler sees it: everything borrowed, everything checked by the route's plan.
#[derive(Debug, Clone, Copy)]
pub struct Request<'r> {
    /// As it arrived.
    pub head: &'r Head<'r>,
    /// One per parameter of the route's spec, in its order; validated.
    pub arguments: &'r [Argument<'r>],
    /// The whole body; validated when the route declares a schema for its media type.
    pub body: &'r [u8],
    /// The schema of a body that nobody has validated: the endpoint of a route with `decoder_validates` does so, while it
    /// decodes. `None` for any other body, and when the endpoint refused one that the pipeline then found valid: it is
    /// called again and must take the body as it is.
    pub unvalidated: Option<&'r Schema>,
    /// Fields that came behind the body; `None` where none did.
    pub trailers: Option<&'r Trailers>,
    /// Identity of this exchange, also sent as `x-request-id`.
    pub request_id: &'r str,
    /// Address of the peer, `None` in process.
    pub peer: Option<std::net::SocketAddr>,
    /// Who it comes from; `None` where the route lets everybody in, or anybody did.
    pub principal: Option<&'r Rc<Principal>>,
    /// What the hooks before have seen and kept; `None` where none looked.
    pub passage: Option<&'r Rc<Passage>>,
}

/// What a handler comes to: a response, or a problem that the pipeline renders (request id, `instance`, `debug`).
pub type Reply = Result<Response, Problem>;

/// How a call went.
pub enum Flow {
    /// Answered now.
    Done(Reply),
    /// The endpoint of a route with `decoder_validates` refused the body: the pipeline validates it and answers, or finds
    /// nothing wrong and calls again with [`Request::unvalidated`] as `None`.
    Refused,
    /// Suspended. Owns what it needs: the request is gone once this is returned. Dropped when the client leaves or the
    /// deadline passes.
    Pending(Pin<Box<dyn Future<Output = Reply>>>),
}

/// Serves one route. Two kinds exist: native handlers and `spikard-bridge`'s guests.
///
/// ```
/// use spikard::spec::{AppSpec, RouteSpec};
/// use spikard::{Endpoint, Flow, Frozen, Reply, Request, Response};
/// use std::rc::Rc;
/// use std::task::Context;
///
/// struct Path;
///
/// impl Endpoint for Path {
///     fn call(&self, request: Request<'_>, _: &mut Context<'_>) -> Flow {
///         let reply: Reply = Ok(Response::text(200, request.head.path()));
///         Flow::Done(reply)
///     }
/// }
///
/// let mut spec: AppSpec = serde_json::from_str(r#"{"title": "Paths", "version": "1.0.0"}"#)?;
/// spec.routes.push(RouteSpec { method: "GET".into(), path: "/{*path}".into(), ..RouteSpec::default() });
/// let app = Frozen::new(spec, vec![Box::new(Path)])?;
/// assert_eq!(app.routes()[0].path, "/{*path}");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait Endpoint: 'static {
    /// Runs the handler now, on this thread, inside the poll of its connection. Panics are answered with 500 by the
    /// pipeline. `context` is the connection's, so that a future may be polled once before it is called pending.
    fn call(&self, request: Request<'_>, context: &mut Context<'_>) -> Flow;

    /// Runs the hook at [`Passage::moment`]; the future is polled at once. Panics are problems.
    fn hook<'h>(&'h self, passage: &Rc<Passage>) -> Verdicting<'h> {
        let _ = passage;
        let problem = Problem::internal("").because("the endpoint is no hook");
        Box::pin(std::future::ready(Some(Err(problem))))
    }
}

/// Why a pending call is given up.
///
/// ```
/// use spikard::Cancel;
/// use spikard::endpoint::{cancel_reason, give_up};
/// use std::cell::Cell;
/// use std::rc::Rc;
///
/// struct Pending(Rc<Cell<Option<Cancel>>>);
///
/// impl Drop for Pending {
///     fn drop(&mut self) {
///         self.0.set(Some(cancel_reason()));
///     }
/// }
///
/// let why = Rc::new(Cell::new(None));
/// give_up(Cancel::Deadline, Box::pin(Pending(Rc::clone(&why))));
/// assert_eq!(why.get(), Some(Cancel::Deadline));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cancel {
    /// The client closed its connection.
    ClientGone,
    /// The handler's time is over.
    Deadline,
    /// The server is stopping and its drain time is over.
    Shutdown,
}

thread_local! {
    static REASON: Cell<Cancel> = const { Cell::new(Cancel::ClientGone) };
}

/// Drops the future of a [`Flow::Pending`] for a reason other than the client's leaving, which a plain drop means.
pub fn give_up<T: ?Sized>(why: Cancel, pending: Pin<Box<T>>) {
    let before = REASON.replace(why);
    drop(pending);
    REASON.set(before);
}

/// Inside the drop of a pending future: why it is dropped.
pub fn cancel_reason() -> Cancel {
    REASON.get()
}
