//! What of a reply does not fit into the output buffer: streams, large bodies, and the end of a connection. Writes no heads.

use super::connection::{Connection, GATHER};
use super::encode::{self, COPY_LIMIT, Coding, Rest};
use super::link::{Filled, Gone};
use super::service::Serve;
use super::transport::Transport;
use crate::response::ChunkSource;
use bytes::Bytes;
use std::future::poll_fn;
use std::task::Poll;

/// For how long, and for how many bytes, a closing connection listens on, so that a reset does not overtake its last
/// reply (RFC 9112 section 9.6).
const LINGER_MS: u64 = 1_000;
const LINGER_BYTES: usize = 1 << 20;

impl<S: Serve, T: Transport> Connection<S, T> {
    pub(super) async fn deliver(&mut self, rest: Rest) -> Result<(), Gone> {
        match rest {
            Rest::None if self.link.out.len() < GATHER => Ok(()),
            Rest::None | Rest::Upgrade(_) => self.flush(&[]).await,
            Rest::Static(bytes) => self.flush(bytes).await,
            Rest::Full(bytes) => self.flush(&bytes).await,
            Rest::Stream(source, coding) => self.stream(source, coding).await,
        }
    }

    /// Pulls a chunk when the one before is written: a slow client holds the producer, not the memory.
    async fn stream(
        &mut self,
        mut source: Box<dyn ChunkSource>,
        coding: Coding,
    ) -> Result<(), Gone> {
        self.link.arm(0);
        while let Some(chunk) = self.pull(&mut *source).await? {
            if chunk.is_empty() {
                continue;
            }
            if coding != Coding::Plain {
                encode::chunk_size(&mut self.link.out, chunk.len());
            }
            if chunk.len() > COPY_LIMIT {
                self.flush(&chunk).await?;
            } else {
                self.link.out.extend_from_slice(&chunk);
            }
            if coding != Coding::Plain {
                self.link.out.extend_from_slice(b"\r\n");
            }
            self.flush(&[]).await?;
            self.link.arm(0);
        }
        match coding {
            Coding::Plain => {}
            Coding::Chunked => encode::last_chunk(&mut self.link.out, &[]),
            Coding::ChunkedWithTrailers => {
                encode::last_chunk(&mut self.link.out, &source.trailers());
            }
        }
        Ok(())
    }

    /// The next chunk of a stream; gone when the client leaves meanwhile, or the producer fails.
    async fn pull(&mut self, source: &mut dyn ChunkSource) -> Result<Option<Bytes>, Gone> {
        let link = &mut self.link;
        let mut next = source.next();
        let pulled = poll_fn(|context| {
            if let Poll::Ready(pulled) = next.as_mut().poll(context) {
                return Poll::Ready(Ok(pulled));
            }
            link.register(context);
            if let Poll::Ready(Err(Gone)) = link.poll_flush(context) {
                return Poll::Ready(Err(Gone));
            }
            match link.is_cut() {
                true => Poll::Ready(Err(Gone)),
                false => link.poll_gone(0, context).map(Err),
            }
        })
        .await?;
        match pulled {
            Some(Ok(chunk)) => Ok(Some(chunk)),
            None => Ok(None),
            Some(Err(_)) => {
                self.link.abort();
                Err(Gone)
            }
        }
    }

    pub(super) async fn flush(&mut self, tail: &[u8]) -> Result<(), Gone> {
        let stall = self.app.config().body_timeout_ms;
        self.link.flush(tail, stall).await
    }

    pub(super) async fn close(&mut self) -> Result<(), Gone> {
        self.flush(&[]).await?;
        let is_done = !self.unread && self.link.input.bytes().is_empty();
        if is_done && !T::SAYS_GOODBYE {
            return Ok(());
        }
        self.link.arm(LINGER_MS);
        self.link.shut_down().await?;
        if is_done {
            return Ok(());
        }
        let mut left = LINGER_BYTES;
        while left > 0 {
            self.link.input.consume(usize::MAX);
            match self.link.fill(0, false).await? {
                Filled::Data => left = left.saturating_sub(self.link.input.bytes().len()),
                _ => break,
            }
        }
        Ok(())
    }
}
