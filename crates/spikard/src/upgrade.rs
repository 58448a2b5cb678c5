//! Another protocol on the connection of a request (RFC 9110 section 7.8): the client offers, a handler takes it up. Speaks none.

use crate::head::Head;
use crate::problem::Row;
use crate::server::{Transport, Watch};
use crate::{Body, Problem, Response};
use std::future::{Future, poll_fn};
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

const REQUIRED: Row = Row {
    code: "upgrade-required",
    status: 426,
    title: "Another protocol is needed",
};

/// What a client offers to speak instead of HTTP on its connection: an argument of handlers.
///
/// A request that offers nothing is answered with 426 before the handler runs; so is every one of HTTP/1.0 and HTTP/2, which
/// cannot change their protocol. `Option<Upgrade>` is for handlers that answer both.
///
/// ```no_run
/// use spikard::{App, Problem, Response, Upgrade};
/// use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
///
/// async fn shout(upgrade: Upgrade) -> Result<Response, Problem> {
///     upgrade.to("shout", async |mut client| {
///         let mut bytes = [0; 1024];
///         while let Ok(count @ 1..) = client.read(&mut bytes).await {
///             bytes[..count].make_ascii_uppercase();
///             if client.write_all(&bytes[..count]).await.is_err() {
///                 break;
///             }
///         }
///     })
/// }
///
/// App::new("Shouting", "1.0.0").get("/", shout).run()?;
/// # Ok::<(), spikard::RunError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upgrade {
    offers: Vec<String>,
}

impl Upgrade {
    /// What the client likes best comes first.
    ///
    /// ```
    /// use spikard::{App, TestClient, Upgrade};
    ///
    /// let app = App::new("Shouting", "1.0.0").get("/", |upgrade: Option<Upgrade>| async move {
    ///     upgrade.map_or("none".to_owned(), |upgrade| upgrade.offers().join(" "))
    /// });
    /// let client = TestClient::new(app)?;
    /// assert_eq!(client.get("/").wait().text(), "none");
    /// # Ok::<(), spikard::DefinitionError>(())
    /// ```
    pub fn offers(&self) -> &[String] {
        &self.offers
    }

    /// Answers with 101, after which `speak` has the connection. It ends when that is done, and when the worker's time to drain
    /// is over.
    ///
    /// # Errors
    /// 426 when the client does not offer `protocol`; names compare without case.
    pub fn to<F: Future<Output = ()> + 'static>(
        self,
        protocol: &'static str,
        speak: impl FnOnce(Upgraded) -> F + 'static,
    ) -> Result<Response, Problem> {
        let is_it = |offer: &String| offer.eq_ignore_ascii_case(protocol);
        if !self.offers.iter().any(is_it) {
            let detail = format!("this address speaks {protocol}");
            return Err(required(detail).header("upgrade", protocol));
        }
        let mut response = Response::empty(101);
        response.body = Body::Upgrade(Box::new(Switch {
            protocol,
            speak: Box::new(|client| Box::pin(speak(client))),
        }));
        Ok(response)
    }

    pub(crate) fn offered(head: &Head<'_>) -> Result<Self, Problem> {
        let list = |name| {
            let values = head.headers.all(name);
            let items = values.flat_map(|value| value.split(|byte| *byte == b','));
            items.map(|item| String::from_utf8_lossy(item.trim_ascii()).into_owned())
        };
        let connected = list("connection").any(|option| option.eq_ignore_ascii_case("upgrade"));
        let offers: Vec<_> = list("upgrade").filter(|offer| !offer.is_empty()).collect();
        match connected && !offers.is_empty() {
            true => Ok(Self { offers }),
            false => Err(required("offer another protocol in `upgrade`, by HTTP/1.1")),
        }
    }
}

fn required(detail: impl Into<std::borrow::Cow<'static, str>>) -> Problem {
    Problem::of(REQUIRED, detail)
}

type Speak = Box<dyn FnOnce(Upgraded) -> Pin<Box<dyn Future<Output = ()>>>>;

/// The end of HTTP on a connection, as the body of a 101: made by [`Upgrade::to`] alone.
///
/// ```
/// use spikard::{App, Body, Moment, TestClient};
///
/// let app = App::new("Plain", "1.0.0").get("/", || async { "HTTP" }).hook(Moment::OnResponse, |passage| async move {
///     let changes = passage.response(|response| matches!(response.body, Body::Upgrade(_)));
///     assert_eq!(changes, Some(false));
/// });
/// assert_eq!(TestClient::new(app)?.get("/").wait().text(), "HTTP");
/// # Ok::<(), spikard::DefinitionError>(())
/// ```
pub struct Switch {
    pub(crate) protocol: &'static str,
    pub(crate) speak: Speak,
}

impl std::fmt::Debug for Switch {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Switch")
            .field("protocol", &self.protocol)
            .finish_non_exhaustive()
    }
}

/// A connection that speaks HTTP no longer: bytes both ways, by [`AsyncRead`] and [`AsyncWrite`]. Dropping it closes it.
///
/// ```
/// use spikard::{App, Upgrade};
/// use tokio::io::AsyncWriteExt as _;
///
/// let app = App::new("Clock", "1.0.0").get("/", |upgrade: Upgrade| async move {
///     upgrade.to("ticks", async |mut client| loop {
///         tokio::select! {
///             () = client.draining() => break,
///             () = tokio::time::sleep(std::time::Duration::from_secs(1)) => {}
///         }
///         if client.write_all(b"tick\n").await.is_err() {
///             break;
///         }
///     })
/// });
/// assert!(app.freeze().is_ok());
/// ```
pub struct Upgraded {
    io: Pin<Box<dyn Wire>>,
    /// What came behind the request; the first `read` bytes are taken.
    first: Vec<u8>,
    read: usize,
    watch: Option<Rc<Watch>>,
}

trait Wire: AsyncRead + AsyncWrite {}

impl<T: AsyncRead + AsyncWrite> Wire for T {}

impl Upgraded {
    /// Waits until the worker begins to drain: the time to say goodbye, at most `drain_timeout_ms`.
    pub async fn draining(&self) {
        poll_fn(|context| match &self.watch {
            Some(watch) if watch.is_draining() => Poll::Ready(()),
            Some(watch) => {
                watch.register(context);
                Poll::Pending
            }
            None => Poll::Pending,
        })
        .await;
    }

    /// After the end of draining nothing is read or written.
    fn check(&self, context: &Context<'_>) -> io::Result<()> {
        let Some(watch) = &self.watch else {
            return Ok(());
        };
        watch.register(context);
        match watch.is_cut() {
            true => Err(io::ErrorKind::ConnectionAborted.into()),
            false => Ok(()),
        }
    }
}

impl std::fmt::Debug for Upgraded {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Upgraded").finish_non_exhaustive()
    }
}

impl AsyncRead for Upgraded {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.check(context)?;
        let left = &self.first[self.read..];
        if left.is_empty() {
            return self.io.as_mut().poll_read(context, buffer);
        }
        let count = left.len().min(buffer.remaining());
        buffer.put_slice(&left[..count]);
        self.read += count;
        if self.read == self.first.len() {
            (self.first, self.read) = (Vec::new(), 0);
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Upgraded {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.check(context)?;
        self.io.as_mut().poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.io.as_mut().poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.io.as_mut().poll_shutdown(context)
    }
}

/// Lets the other protocol speak to its end. `first` was read of the connection before.
pub(crate) async fn converse<T: Transport>(
    switch: Box<Switch>,
    io: T,
    first: Vec<u8>,
    watch: Option<Watch>,
) {
    let watch = watch.map(Rc::new);
    if let Some(watch) = &watch {
        watch.arm(0);
    }
    let mut speaking = (switch.speak)(Upgraded {
        io: Box::pin(io),
        first,
        read: 0,
        watch: watch.clone(),
    });
    poll_fn(|context| {
        if speaking.as_mut().poll(context).is_ready() {
            return Poll::Ready(());
        }
        match &watch {
            Some(watch) if watch.is_cut() => Poll::Ready(()),
            Some(watch) => {
                watch.register(context);
                Poll::Pending
            }
            None => Poll::Pending,
        }
    })
    .await;
}
