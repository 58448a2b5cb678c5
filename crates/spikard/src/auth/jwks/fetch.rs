//! A key set from a URL: fetched by a thread that sleeps in between, so that no request waits for one that is known.

use crate::log;
use std::cell::{Cell, OnceCell};
use std::sync::mpsc::{RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};
use tokio::sync::watch;
use ureq::tls::{RootCerts, TlsConfig};

/// A whole fetch.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Between two fetches that tokens with unknown keys ask for: anybody can send such tokens.
const AT_MOST_EVERY: Duration = Duration::from_secs(10);

/// After a fetch that failed, unless somebody asks.
const AGAIN: Duration = Duration::from_secs(30);

/// A wait that only an asking ends.
const LONG: Duration = Duration::from_secs(1 << 30);

/// Bytes of a key set.
const LARGEST: u64 = 1 << 20;

/// What a thread has fetched. The thread begins with the first token.
pub(in crate::auth) struct Fetched {
    url: String,
    every: Duration,
    thread: OnceCell<Thread>,
    /// The last that was taken.
    taken: Cell<u64>,
}

struct Thread {
    shared: Arc<Shared>,
    ask: SyncSender<()>,
    /// Counts fetches, failed ones too.
    ended: watch::Receiver<u64>,
}

#[derive(Default)]
struct Shared {
    /// The newest set, and its number.
    set: Mutex<(u64, Vec<u8>)>,
}

/// The end of the fetch that was asked for.
pub(crate) struct Coming(watch::Receiver<u64>);

impl Coming {
    /// Waits for it, at most the time of a fetch.
    pub(crate) async fn wait(mut self) {
        // An error says that the thread is gone: nothing comes.
        let _ = self.0.changed().await;
    }
}

impl Fetched {
    pub(super) fn new(url: &str, every: Duration) -> Self {
        Self {
            url: url.to_owned(),
            every,
            thread: OnceCell::new(),
            taken: Cell::new(0),
        }
    }

    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// A set that was not taken yet.
    pub(super) fn newer(&self) -> Option<Vec<u8>> {
        let shared = &self.thread.get()?.shared;
        let set = shared.set.lock().ok()?;
        if set.0 == self.taken.get() {
            return None;
        }
        self.taken.set(set.0);
        Some(set.1.clone())
    }

    /// Asks for a fetch. `None` where one ended just now.
    pub(super) fn ask(&self) -> Option<Coming> {
        let thread = self
            .thread
            .get_or_init(|| begin(self.url.clone(), self.every));
        let mut ended = thread.ended.clone();
        ended.mark_unchanged();
        match thread.ask.try_send(()) {
            // A full place: somebody asked already.
            Ok(()) | Err(TrySendError::Full(())) => Some(Coming(ended)),
            Err(TrySendError::Disconnected(())) => None,
        }
    }
}

/// The thread ends when `Fetched` is dropped.
fn begin(url: String, every: Duration) -> Thread {
    let shared = Arc::<Shared>::default();
    let (ask, asked) = sync_channel(1);
    let (end, ended) = watch::channel(0);
    let of_thread = Arc::clone(&shared);
    let fetching = move || {
        let mut last: Option<Instant> = None;
        // No time: only when somebody asks.
        let mut next: Option<Instant> = None;
        loop {
            let wait = next.map_or(LONG, |at| at.saturating_duration_since(Instant::now()));
            match asked.recv_timeout(wait) {
                Ok(()) if last.is_some_and(|at| at.elapsed() < AT_MOST_EVERY) => {}
                Ok(()) | Err(RecvTimeoutError::Timeout) => {
                    let pause = match fetch(&url) {
                        Ok(text) => {
                            if let Ok(mut set) = of_thread.set.lock() {
                                *set = (set.0 + 1, text);
                            }
                            every
                        }
                        Err(message) => {
                            let cause = format!("jwks: {url} cannot be fetched: {message}");
                            log::failure(log::Level::Warning, "keys-not-read", None, "", &cause);
                            AGAIN
                        }
                    };
                    let ended = Instant::now();
                    last = Some(ended);
                    next = ended.checked_add(pause);
                }
                Err(RecvTimeoutError::Disconnected) => return,
            }
            end.send_modify(|count| *count += 1);
        }
    };
    // Where no thread can be had, nothing ever comes, and tokens are refused.
    let started = thread::Builder::new()
        .name("keys".to_owned())
        .spawn(fetching);
    if let Err(error) = started {
        log::failure(
            log::Level::Error,
            "keys-not-read",
            None,
            "",
            &error.to_string(),
        );
    }
    Thread { shared, ask, ended }
}

fn fetch(url: &str) -> Result<Vec<u8>, String> {
    // Authorities as this machine has them: a company's own among them.
    let tls = TlsConfig::builder()
        .root_certs(RootCerts::PlatformVerifier)
        .build();
    let agent = ureq::Agent::config_builder()
        .timeout_global(Some(TIMEOUT))
        .max_redirects(0)
        .tls_config(tls)
        .build()
        .new_agent();
    let mut response = agent.get(url).call().map_err(|error| error.to_string())?;
    if response.status() != 200 {
        return Err(format!("answered with {}", response.status()));
    }
    let body = response.body_mut().with_config().limit(LARGEST);
    body.read_to_vec().map_err(|error| error.to_string())
}
