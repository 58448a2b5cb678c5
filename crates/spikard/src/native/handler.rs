//! Async functions as endpoints: arguments extracted, the future put on the heap and polled once before it counts as
//! pending.

use super::describe::Describe;
use super::extract::Extract;
use super::reply::IntoReply;
use crate::pipeline::shield;
use crate::{Endpoint, Flow, Reply, Request};
use std::cell::Cell;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll};

/// An async function of up to eight arguments of any kind: what of a [`Handler`] can be said before its parts are looked at. The
/// compiler so names the part that does not fit.
///
/// ```
/// use spikard::AsyncFunction;
///
/// async fn length(text: String) -> usize {
///     text.len()
/// }
///
/// fn is_one<A>(_: impl AsyncFunction<A, Taken = (String,), Result = usize>) {}
///
/// is_one(length);
/// ```
#[diagnostic::on_unimplemented(
    message = "this is no handler",
    label = "not an async function of up to eight extractors",
    note = "write `async fn show(Path(id): Path<u64>) -> Result<Json<Item>, Problem>`",
    note = "arguments: `Path<T>`, `Query<T>`, `HeaderParams<T>`, `Cookies<T>`, `Json<T>`, `Form<T>`, `State<S>`, `RequestId`, `Conditions`, `Fields`, `Text`, `Bytes`",
    note = "results: `Json<T>`, `String`, `&str`, `Vec<u8>`, `()`, `Response`, `Created<T>`, `(Status, ...)`, `(ETag, ...)`, `Result<_, Problem>`"
)]
pub trait AsyncFunction<Arguments> {
    /// A tuple of its arguments.
    type Taken;
    /// What its future comes to.
    type Result;
}

/// A tuple of extractors: the arguments of a [`Handler`].
///
/// ```
/// use spikard::{ExtractAll, Path, Text};
///
/// fn are_all<A: ExtractAll>() {}
///
/// are_all::<()>();
/// are_all::<(Path<u64>, Text)>();
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no list of arguments of a handler",
    label = "not a tuple of up to eight extractors"
)]
pub trait ExtractAll {}

/// An async function of up to eight extractors whose result becomes a response.
///
/// ```
/// use spikard::{App, Handler, Path, State, TestClient};
///
/// async fn greet(State(word): State<&'static str>, Path(name): Path<String>) -> String {
///     format!("{word}, {name}")
/// }
///
/// /// What takes a handler takes it by this bound.
/// fn twice<A: 'static>(app: App, handler: impl Handler<A> + Clone) -> App {
///     app.get("/a/{name}", handler.clone()).get("/b/{name}", handler)
/// }
///
/// let client = TestClient::new(twice(App::new("Greeter", "1.0.0").state("Hello"), greet))?;
/// assert_eq!(client.get("/b/Ada").wait().text(), "Hello, Ada");
/// # Ok::<(), spikard::DefinitionError>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "this is no handler",
    label = "not an async function of up to eight extractors",
    note = "write `async fn show(Path(id): Path<u64>) -> Result<Json<Item>, Problem>`",
    note = "arguments: `Path<T>`, `Query<T>`, `HeaderParams<T>`, `Cookies<T>`, `Json<T>`, `Form<T>`, `State<S>`, `RequestId`, `Conditions`, `Fields`, `Text`, `Bytes`",
    note = "results: `Json<T>`, `String`, `&str`, `Vec<u8>`, `()`, `Response`, `Created<T>`, `(Status, ...)`, `(ETag, ...)`, `Result<_, Problem>`"
)]
pub trait Handler<Arguments>:
    AsyncFunction<Arguments, Taken: ExtractAll, Result: IntoReply> + 'static
{
    /// Says what the route needs and gives what serves it.
    fn endpoint(self, describe: &mut Describe<'_>) -> Box<dyn Endpoint>;
}

struct Native<F, Fut, Arguments, Plans> {
    function: F,
    plans: Plans,
    status: Option<u16>,
    room: Room<Fut>,
    arguments: PhantomData<fn(Arguments)>,
}

macro_rules! handlers {
    ($(($($of:ident $plan:ident),*))*) => {$(
        impl<F, Fut, $($of,)*> AsyncFunction<($($of,)*)> for F
        where
            F: Fn($($of),*) -> Fut,
            Fut: Future,
        {
            type Taken = ($($of,)*);
            type Result = Fut::Output;
        }

        impl<$($of: Extract,)*> ExtractAll for ($($of,)*) {}

        impl<F, Fut, R, $($of,)*> Handler<($($of,)*)> for F
        where
            F: Fn($($of),*) -> Fut + 'static,
            Fut: Future<Output = R> + 'static,
            R: IntoReply + 'static,
            $($of: Extract,)*
        {
            fn endpoint(self, describe: &mut Describe<'_>) -> Box<dyn Endpoint> {
                let plans = ($($of::describe(describe),)*);
                R::describe(describe);
                Box::new(Native { function: self, plans, status: describe.status(), room: Room::default(), arguments: PhantomData::<fn(($($of,)*))> })
            }
        }

        #[allow(non_snake_case, reason = "the macro names values like their types")]
        impl<F, Fut, R, $($of,)*> Endpoint for Native<F, Fut, ($($of,)*), ($($of::Plan,)*)>
        where
            F: Fn($($of),*) -> Fut + 'static,
            Fut: Future<Output = R> + 'static,
            R: IntoReply + 'static,
            $($of: Extract,)*
        {
            #[allow(unused_variables, reason = "a handler without arguments asks for nothing")]
            fn call(&self, request: Request<'_>, context: &mut Context<'_>) -> Flow {
                let ($($plan,)*) = &self.plans;
                $(
                    let $of = match $of::extract($plan, &request) {
                        Ok(value) => value,
                        Err(problem) => return Flow::Done(Err(problem)),
                    };
                )*
                self.room.start((self.function)($($of),*), self.status, context)
            }
        }
    )*};
}

handlers! {
    ()
    (A a)
    (A a, B b)
    (A a, B b, C c)
    (A a, B b, C c, D d)
    (A a, B b, C c, D d, E e)
    (A a, B b, C c, D d, E e, G g)
    (A a, B b, C c, D d, E e, G g, H h)
    (A a, B b, C c, D d, E e, G g, H h, I i)
}

/// A place on the heap for the future of a handler, kept while no request is in it: most are ready at their first poll.
pub(crate) struct Room<Fut>(Cell<Option<Place<Fut>>>);

type Place<Fut> = Pin<Box<Option<Fut>>>;

impl<Fut> Default for Room<Fut> {
    fn default() -> Self {
        Self(Cell::new(None))
    }
}

impl<Fut, R> Room<Fut>
where
    Fut: Future<Output = R> + 'static,
    R: IntoReply + 'static,
{
    /// Polls once; what is not ready then is pending, and takes its place with it.
    pub(crate) fn start(
        &self,
        future: Fut,
        status: Option<u16>,
        context: &mut Context<'_>,
    ) -> Flow {
        let mut place = self.0.take().unwrap_or_else(|| Box::pin(None));
        place.set(Some(future));
        match poll(&mut place, status, context) {
            Poll::Ready(reply) => {
                place.set(None);
                self.0.set(Some(place));
                Flow::Done(reply)
            }
            Poll::Pending => Flow::Pending(Box::pin(Late { place, status })),
        }
    }
}

fn poll<Fut, R>(
    place: &mut Place<Fut>,
    status: Option<u16>,
    context: &mut Context<'_>,
) -> Poll<Reply>
where
    Fut: Future<Output = R>,
    R: IntoReply,
{
    let future = place.as_mut().as_pin_mut();
    let future = future.expect("invariant: the future is there until it is ready");
    future.poll(context).map(|result| result.into_reply(status))
}

/// A pending handler whose panic is a 500. (The first poll is inside the pipeline's own shield.)
struct Late<Fut> {
    place: Place<Fut>,
    status: Option<u16>,
}

impl<Fut, R> Future for Late<Fut>
where
    Fut: Future<Output = R>,
    R: IntoReply,
{
    type Output = Reply;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Reply> {
        let Self { place, status } = self.get_mut();
        shield(|| poll(place, *status, context)).unwrap_or_else(|problem| Poll::Ready(Err(problem)))
    }
}
