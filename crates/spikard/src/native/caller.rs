//! Extractors of who sent a request, and of what hooks before the handler found out. Checks no credentials.

use super::describe::Describe;
use super::extract::Extract;
use crate::auth::Principal;
use crate::{Problem, Request};
use serde::de::DeserializeOwned;
use std::ops::Deref;
use std::rc::Rc;

/// A clone of what a hook kept with [`Passage::keep`](crate::Passage::keep); 500 where none did.
///
/// ```
/// use spikard::{App, Kept, Moment, TestClient};
///
/// let app = App::new("Greeter", "1.0.0")
///     .hook(Moment::PreHandler, |passage| async move { passage.keep("Ada") })
///     .get("/", |Kept(name): Kept<&'static str>| async move { name });
/// assert_eq!(TestClient::new(app)?.get("/").wait().text(), "Ada");
/// # Ok::<(), spikard::DefinitionError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kept<T>(pub T);

impl<T> Deref for Kept<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: Clone + 'static> Extract for Kept<T> {
    type Plan = ();

    fn describe(_: &mut Describe<'_>) {}

    fn extract(&(): &(), request: &Request<'_>) -> Result<Self, Problem> {
        let kept = request.passage.and_then(|passage| passage.kept::<T>());
        kept.map(|kept| Self((*kept).clone())).ok_or_else(|| {
            let name = std::any::type_name::<T>();
            Problem::internal("").because(format!("no hook before kept a {name}"))
        })
    }
}

/// Who sent the request. 401 where that is not known: the route lets everybody in, or anybody did; `Option<Caller>` is
/// for both.
///
/// ```
/// use spikard::{App, Caller, TestClient};
///
/// async fn greet(caller: Option<Caller>) -> String {
///     let name = caller.as_ref().and_then(|caller| caller.subject());
///     format!("Hello, {}", name.unwrap_or("whoever you are"))
/// }
///
/// let client = TestClient::new(App::new("Greeter", "1.0.0").get("/", greet))?;
/// assert_eq!(client.get("/").wait().text(), "Hello, whoever you are");
/// # Ok::<(), spikard::DefinitionError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller(pub Rc<Principal>);

impl Deref for Caller {
    type Target = Principal;

    fn deref(&self) -> &Principal {
        &self.0
    }
}

impl Extract for Caller {
    type Plan = ();

    fn describe(_: &mut Describe<'_>) {}

    fn extract(&(): &(), request: &Request<'_>) -> Result<Self, Problem> {
        let principal = request.principal.map(Rc::clone).map(Self);
        principal.ok_or_else(|| Problem::unauthenticated("send credentials"))
    }
}

impl Extract for Option<Caller> {
    type Plan = ();

    fn describe(_: &mut Describe<'_>) {}

    fn extract(&(): &(), request: &Request<'_>) -> Result<Self, Problem> {
        Ok(request.principal.map(Rc::clone).map(Caller))
    }
}

/// The claims of the caller's token as a type of the app. 401 where they do not fit, and where there is no token.
///
/// ```
/// use serde::Deserialize;
/// use spikard::{App, Claims, TestClient};
///
/// #[derive(Deserialize)]
/// struct Session {
///     tenant: String,
/// }
///
/// let app = App::new("Shop", "1.0.0").get("/", |Claims(session): Claims<Session>| async { session.tenant });
/// assert_eq!(TestClient::new(app)?.get("/").wait().status, 401); // nobody is asked for a token
/// # Ok::<(), spikard::DefinitionError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Claims<T>(pub T);

impl<T> Deref for Claims<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: DeserializeOwned + 'static> Extract for Claims<T> {
    type Plan = ();

    fn describe(_: &mut Describe<'_>) {}

    fn extract(&(): &(), request: &Request<'_>) -> Result<Self, Problem> {
        let caller = Caller::extract(&(), request)?;
        caller.claims_as().map(Self).map_err(|error| {
            Problem::unauthenticated("the token's claims are not those that are needed")
                .because(error.to_string())
        })
    }
}
