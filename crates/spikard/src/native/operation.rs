//! Operations from data: a route that is already described (a contract, a recorder) and one function for it.

use super::handler::Room;
use super::reply::IntoReply;
use crate::auth::Principal;
use crate::{Endpoint, Flow, Passage, Request};
use spikard_contract::{Argument, ParameterSpec, Place};
use std::borrow::Cow;
use std::future::Future;
use std::net::SocketAddr;
use std::rc::Rc;
use std::task::Context;

/// A whole request, kept: what [`App::operation`](super::App::operation) gives to its function.
///
/// ```
/// use spikard::contract::{Argument, Place};
/// use spikard::spec::RouteSpec;
/// use spikard::{App, OwnedRequest, TestClient};
///
/// async fn show(request: OwnedRequest) -> String {
///     let id = match request.parameter(Place::Path, "id") {
///         Some(Argument::Integer(id)) => *id,
///         _ => 0,
///     };
///     format!("{} {id} {:?}", request.method, request.header("X-A").map(<[u8]>::len))
/// }
///
/// let spec = RouteSpec { method: "GET".into(), path: "/items/{id:int}".into(), ..RouteSpec::default() };
/// let client = TestClient::new(App::new("Shop", "1.0.0").operation(spec, show))?;
/// assert_eq!(client.get("/items/7").header("x-a", "abc").wait().text(), "GET 7 Some(3)");
/// # Ok::<(), spikard::DefinitionError>(())
/// ```
#[derive(Debug, Clone)]
pub struct OwnedRequest {
    /// As sent.
    pub method: String,
    /// Path and query as sent.
    pub target: String,
    /// Names as sent and values, in order.
    pub headers: Vec<(String, Vec<u8>)>,
    /// Typed parameters in the order of the route's spec; absent ones are [`Argument::Absent`].
    pub parameters: Vec<(Place, String, Argument<'static>)>,
    /// The whole body, validated.
    pub body: Vec<u8>,
    /// Identity of the exchange.
    pub request_id: String,
    /// Address of the peer, `None` in process.
    pub peer: Option<SocketAddr>,
    /// Who it comes from; `None` where the route lets everybody in, or anybody did.
    pub principal: Option<Rc<Principal>>,
    /// What the hooks before have seen and kept; `None` where none looked.
    pub passage: Option<Rc<Passage>>,
}

impl OwnedRequest {
    /// The typed value of a parameter; `None` when it was not sent and has no default.
    pub fn parameter(&self, place: Place, name: &str) -> Option<&Argument<'static>> {
        let same = |other: &str| match place {
            Place::Header => other.eq_ignore_ascii_case(name),
            _ => other == name,
        };
        let found = self
            .parameters
            .iter()
            .find(|(of, other, _)| *of == place && same(other));
        found
            .map(|(_, _, value)| value)
            .filter(|value| **value != Argument::Absent)
    }

    /// The first value of a header field.
    pub fn header(&self, name: &str) -> Option<&[u8]> {
        let field = self
            .headers
            .iter()
            .find(|(other, _)| other.eq_ignore_ascii_case(name));
        field.map(|(_, value)| value.as_slice())
    }
}

/// Gives the whole request to one function.
pub(crate) struct Operation<F> {
    pub(crate) function: F,
    pub(crate) parameters: Vec<ParameterSpec>,
    pub(crate) status: Option<u16>,
}

impl<F, Fut, R> Endpoint for Operation<F>
where
    F: Fn(OwnedRequest) -> Fut + 'static,
    Fut: Future<Output = R> + 'static,
    R: IntoReply + 'static,
{
    fn call(&self, request: Request<'_>, context: &mut Context<'_>) -> Flow {
        let parameters = self.parameters.iter().zip(request.arguments);
        let owned = OwnedRequest {
            method: request.head.method.to_owned(),
            target: request.head.target.to_owned(),
            headers: request
                .head
                .headers
                .iter()
                .map(|(name, value)| (name.to_owned(), value.to_vec()))
                .collect(),
            parameters: parameters
                .map(|(spec, value)| (spec.place, spec.name.clone(), own(value)))
                .collect(),
            body: request.body.to_vec(),
            request_id: request.request_id.to_owned(),
            peer: request.peer,
            principal: request.principal.map(Rc::clone),
            passage: request.passage.map(Rc::clone),
        };
        Room::default().start((self.function)(owned), self.status, context)
    }
}

fn own(argument: &Argument<'_>) -> Argument<'static> {
    match argument {
        Argument::Absent => Argument::Absent,
        Argument::Null => Argument::Null,
        Argument::Bool(value) => Argument::Bool(*value),
        Argument::Integer(value) => Argument::Integer(*value),
        Argument::BigInteger(digits) => {
            Argument::BigInteger(Cow::Owned(digits.clone().into_owned()))
        }
        Argument::Number(value) => Argument::Number(*value),
        Argument::String(text) => Argument::String(Cow::Owned(text.clone().into_owned())),
        Argument::List(items) => Argument::List(items.iter().map(own).collect()),
    }
}
