//! Async functions as endpoints: arguments extracted, the future boxed once and polled once before it counts as pending.

use super::describe::Describe;
use super::extract::Extract;
use super::reply::IntoReply;
use crate::pipeline::shield;
use crate::{Endpoint, Flow, Reply, Request};
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll};

/// An async function of up to eight extractors whose result becomes a response.
#[diagnostic::on_unimplemented(
    message = "this is no handler",
    label = "not an async function of up to eight extractors",
    note = "write `async fn show(Path(id): Path<u64>) -> Result<Json<Item>, Problem>`",
    note = "arguments: `Path<T>`, `Query<T>`, `HeaderParams<T>`, `Cookies<T>`, `Json<T>`, `State<S>`, `RequestId`, `Fields`, `Text`, `Bytes`",
    note = "results: `Json<T>`, `String`, `&str`, `Vec<u8>`, `()`, `Response`, `Created<T>`, `(Status, ...)`, `(ETag, ...)`, `Result<_, Problem>`"
)]
pub trait Handler<Arguments>: 'static {
    /// Says what the route needs and gives what serves it.
    fn endpoint(self, describe: &mut Describe<'_>) -> Box<dyn Endpoint>;
}

struct Native<F, Arguments, Plans> {
    function: F,
    plans: Plans,
    status: Option<u16>,
    arguments: PhantomData<fn(Arguments)>,
}

macro_rules! handlers {
    ($(($($of:ident $plan:ident),*))*) => {$(
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
                Box::new(Native { function: self, plans, status: describe.status(), arguments: PhantomData::<fn(($($of,)*))> })
            }
        }

        #[allow(non_snake_case, reason = "the macro names values like their types")]
        impl<F, Fut, R, $($of,)*> Endpoint for Native<F, ($($of,)*), ($($of::Plan,)*)>
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
                start((self.function)($($of),*), self.status, context)
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

/// Polls once; what is not ready then is pending.
pub(crate) fn start<R: IntoReply>(
    future: impl Future<Output = R> + 'static,
    status: Option<u16>,
    context: &mut Context<'_>,
) -> Flow {
    let mut future = Box::pin(async move { future.await.into_reply(status) });
    match future.as_mut().poll(context) {
        Poll::Ready(reply) => Flow::Done(reply),
        Poll::Pending => Flow::Pending(Box::pin(Shielded(future))),
    }
}

/// A pending handler whose panic is a 500. (The first poll is inside the pipeline's own shield.)
struct Shielded<F>(Pin<Box<F>>);

impl<F: Future<Output = Reply>> Future for Shielded<F> {
    type Output = Reply;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Reply> {
        match shield(|| self.0.as_mut().poll(context)) {
            Ok(poll) => poll,
            Err(problem) => Poll::Ready(Err(problem)),
        }
    }
}
