//! An app on a thread of its own, called from any other: what crosses are requests, replies and, one at a time, the chunks of
//! streamed replies. Serves no socket.

use super::body::{LocalBody, SharedBody};
use super::local::LocalService;
use crate::server::{self, EVENT_INTERVAL};
use crate::{App, Body, Config, Problem, RunError, render};
use bytes::Bytes;
use http_body::{Body as _, Frame};
use std::convert::Infallible;
use std::error::Error;
use std::future::{Future, poll_fn};
use std::io;
use std::panic::resume_unwind;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::thread;
use tokio::runtime::{Builder, LocalOptions, LocalRuntime};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tower_service::Service;

type Response = http::Response<SharedBody>;
type Work = Pin<Box<dyn Future<Output = ()>>>;
type Job = Box<dyn FnOnce(LocalService) -> Work + Send>;

/// An app as a `tower::Service` that any thread may call: for axum (`nest_service`, `fallback_service`) and what else runs on
/// Tokio's threads. The app has a thread of its own, so that its state needs no lock and its handlers need not be `Send`; each
/// request crosses to it and its reply back. Clones call the same app; the thread ends after the last of them.
///
/// A caller that no longer waits, or drops a reply's body, ends the handler or the producer. A slow client holds the producer,
/// not the memory. The rest is as with [`LocalService`].
///
/// ```
/// use axum::{Router, body::Body, http::Request, routing::get};
/// use http_body_util::BodyExt;
/// use spikard::{App, Path, SharedService};
/// use tower::ServiceExt;
///
/// async fn hello(Path(name): Path<String>) -> String {
///     format!("Hello, {name}")
/// }
///
/// # tokio::runtime::Builder::new_current_thread().build().expect("a runtime").block_on(async {
/// let service = SharedService::start(|| App::new("Greeter", "1.0.0").get("/hello/{name}", hello)).expect("no mistakes");
/// let router = Router::new().route("/", get(|| async { "axum" })).nest_service("/api", service);
/// let request = Request::get("/api/hello/Ada").body(Body::empty()).expect("a request");
/// let response = router.oneshot(request).await.expect("an answer");
/// assert_eq!(response.into_body().collect().await.expect("a body").to_bytes(), "Hello, Ada");
/// # });
/// ```
#[derive(Clone)]
pub struct SharedService {
    jobs: mpsc::UnboundedSender<Job>,
}

impl SharedService {
    /// Builds the app on a new thread, and returns when it can be called.
    ///
    /// ```
    /// use spikard::{App, SharedService};
    ///
    /// let service = SharedService::start(|| App::new("Empty", "1.0.0"))?;
    /// # let _ = service;
    /// let wrong = SharedService::start(|| App::new("Wrong", "1.0.0").get("items", || async {}));
    /// assert!(wrong.is_err());
    /// # Ok::<(), spikard::RunError>(())
    /// ```
    ///
    /// # Errors
    /// The app has mistakes, or the system gives no thread or no event loop.
    ///
    /// # Panics
    /// When `build` does.
    pub fn start(build: impl FnOnce() -> App + Send + 'static) -> Result<Self, RunError> {
        let (jobs, queue) = mpsc::unbounded_channel();
        let (tell, told) = std::sync::mpsc::channel();
        let worker = thread::Builder::new().name("spikard".to_owned());
        let worker = worker.spawn(move || match prepare(build) {
            Ok((runtime, service)) => {
                _ = tell.send(Ok(()));
                drop(tell);
                runtime.block_on(work(service, queue));
            }
            Err(error) => _ = tell.send(Err(error)),
        });
        let worker = worker.map_err(server::RunError::System)?;
        match told.recv() {
            Ok(outcome) => outcome.map(|()| Self { jobs }),
            // Only a panic tells nothing.
            Err(_) => match worker.join() {
                Err(panic) => resume_unwind(panic),
                Ok(()) => unreachable!("invariant: a thread that ends has told why"),
            },
        }
    }
}

fn prepare(build: impl FnOnce() -> App) -> Result<(LocalRuntime, LocalService), RunError> {
    let runtime = Builder::new_current_thread()
        .enable_all()
        .event_interval(EVENT_INTERVAL)
        .build_local(LocalOptions::default())
        .map_err(server::RunError::System)?;
    // The app may want the runtime while it is built.
    let inside = runtime.enter();
    let service = build().into_service()?;
    drop(inside);
    Ok((runtime, service))
}

/// Until nobody can ask any more and all that was asked is answered.
async fn work(service: LocalService, mut queue: mpsc::UnboundedReceiver<Job>) {
    let mut open = JoinSet::new();
    loop {
        tokio::select! {
            job = queue.recv() => match job {
                Some(job) => _ = open.spawn_local(job(service.clone())),
                None => break,
            },
            Some(_) = open.join_next() => {}
        }
    }
    while open.join_next().await.is_some() {}
}

impl<B> Service<http::Request<B>> for SharedService
where
    B: http_body::Body + Send + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    type Response = Response;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<B>) -> Self::Future {
        let (answer, answered) = oneshot::channel();
        let job: Job = Box::new(|service| Box::pin(carry(service, request, answer)));
        let sent = self.jobs.send(job);
        Box::pin(async move {
            let response = match sent {
                Ok(()) => answered.await.ok(),
                Err(_) => None,
            };
            Ok(response.unwrap_or_else(lost))
        })
    }
}

/// Carries one reply over, as long as somebody waits for it.
async fn carry<B>(
    mut service: LocalService,
    request: http::Request<B>,
    mut answer: oneshot::Sender<Response>,
) where
    B: http_body::Body + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let response = tokio::select! {
        biased;
        Ok(response) = service.call(request) => response,
        () = answer.closed() => return,
    };
    let (head, mut body) = response.into_parts();
    if let Some(whole) = body.whole() {
        _ = answer.send(http::Response::from_parts(head, SharedBody::whole(whole)));
        return;
    }
    let (chunks, taken) = mpsc::channel(1);
    let begun = http::Response::from_parts(head, SharedBody::of(taken));
    if answer.send(begun).is_ok() {
        pass(body, chunks).await;
    }
}

/// Pulls a chunk when the one before is taken.
async fn pass(mut body: LocalBody, chunks: mpsc::Sender<io::Result<Frame<Bytes>>>) {
    while let Ok(room) = chunks.reserve().await {
        let next = poll_fn(|context| Pin::new(&mut body).poll_frame(context));
        let frame = tokio::select! {
            biased;
            frame = next => frame,
            () = chunks.closed() => return,
        };
        match frame {
            Some(Ok(frame)) => room.send(Ok(frame)),
            Some(Err(error)) => return room.send(Err(error)),
            None => return,
        }
    }
}

/// The app's thread is no more.
fn lost() -> Response {
    let problem = Problem::internal("");
    let response = render::problem(problem, &Config::default(), "", "");
    let Body::Full(text) = response.body else {
        unreachable!("invariant: a problem is text")
    };
    let mut lost = http::Response::new(SharedBody::whole(text.into()));
    *lost.status_mut() = http::StatusCode::INTERNAL_SERVER_ERROR;
    let media_type = http::HeaderValue::from_static("application/problem+json");
    lost.headers_mut()
        .insert(http::header::CONTENT_TYPE, media_type);
    lost
}

impl std::fmt::Debug for SharedService {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SharedService")
    }
}
