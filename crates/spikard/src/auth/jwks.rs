//! Where the keys of tokens come from: the app itself, a file, a URL. A file is read again when it changed, a URL by a
//! thread of its own; the loop never waits for either.

use super::keys::Key;
use super::spec::{Algorithm, BearerSpec};
use super::token::Refused;
use crate::log;
use serde_json::Value;
use spikard_contract::json;
use std::cell::{Cell, RefCell};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::{Duration, Instant, SystemTime};

mod fetch;

pub(crate) use fetch::Coming;

/// Keys, and where newer ones are.
pub(super) struct Source {
    origin: Origin,
    algorithms: Vec<Algorithm>,
    keys: RefCell<Vec<Rc<Key>>>,
    /// Changes with the keys.
    generation: Cell<u64>,
}

enum Origin {
    /// The app: they stay as they are.
    App,
    File {
        path: PathBuf,
        changed: Cell<Option<SystemTime>>,
        looked: Cell<Instant>,
    },
    Url(fetch::Fetched),
}

/// Between two looks at a file.
const LOOK_EVERY: Duration = Duration::from_secs(1);

impl Source {
    /// What is wrong is said with what to write instead.
    pub(super) fn new(spec: &BearerSpec) -> Result<Self, String> {
        let algorithms = spec.algorithms.clone();
        let (origin, keys) = match (&spec.secret, &spec.public_key, &spec.jwks) {
            (Some(secret), None, None) => (Origin::App, vec![Key::secret(&secret.0, &algorithms)?]),
            (None, Some(public), None) => {
                let wrong = |message| format!("public_key: {message}");
                let text = match public.contains("-----BEGIN") {
                    true => public.clone(),
                    false => std::fs::read_to_string(public)
                        .map_err(|error| format!("public_key: {public} cannot be read: {error}"))?,
                };
                let key = Key::pem(&text, &algorithms).map_err(wrong)?;
                (Origin::App, vec![key])
            }
            (None, None, Some(jwks)) if jwks.starts_with("https://") || is_near(jwks) => {
                let every = Duration::from_millis(spec.refresh_ms);
                (Origin::Url(fetch::Fetched::new(jwks, every)), Vec::new())
            }
            (None, None, Some(jwks)) if jwks.contains("://") => {
                return Err(format!(
                    "jwks: {jwks} is no path and no https:// URL; keys that come over an open network may be anybody's"
                ));
            }
            (None, None, Some(jwks)) => {
                let path = PathBuf::from(jwks);
                let wrong = |message| format!("jwks: {jwks} {message}");
                let changed = modified(&path);
                let keys = read_file(&path, &algorithms).map_err(wrong)?;
                let origin = Origin::File {
                    path,
                    changed: Cell::new(changed),
                    looked: Cell::new(Instant::now()),
                };
                (origin, keys)
            }
            _ => {
                return Err(
                    "write one of secret, public_key and jwks: by which keys are tokens verified?"
                        .to_owned(),
                );
            }
        };
        Ok(Self {
            origin,
            algorithms,
            keys: RefCell::new(keys.into_iter().map(Rc::new).collect()),
            generation: Cell::new(0),
        })
    }

    /// Takes newer keys where there are some; the number of the keys.
    pub(super) fn refresh(&self) -> u64 {
        match &self.origin {
            Origin::App => {}
            Origin::File {
                path,
                changed,
                looked,
            } => {
                if looked.get().elapsed() >= LOOK_EVERY {
                    looked.set(Instant::now());
                    let now = modified(path);
                    if now.is_some() && now != changed.get() {
                        changed.set(now);
                        self.take(read_file(path, &self.algorithms), &path.to_string_lossy());
                    }
                }
            }
            Origin::Url(fetched) => {
                if let Some(text) = fetched.newer() {
                    self.take(read(&text, &self.algorithms), fetched.url());
                }
            }
        }
        self.generation.get()
    }

    /// Keys that are wrong do not take the place of good ones.
    fn take(&self, keys: Result<Vec<Key>, String>, of: &str) {
        match keys {
            Ok(keys) => {
                *self.keys.borrow_mut() = keys.into_iter().map(Rc::new).collect();
                self.generation.set(self.generation.get() + 1);
            }
            Err(message) => {
                let cause = format!("jwks: {of} {message}; the keys before stay");
                log::failure(log::Level::Warning, "keys-not-read", None, "", &cause);
            }
        }
    }

    /// The key for a token that names it, or the one that it can only be.
    pub(super) fn find(&self, id: Option<&str>, algorithm: Algorithm) -> Result<Rc<Key>, Refused> {
        let keys = self.keys.borrow();
        let named = |key: &&Rc<Key>| match (&self.origin, id) {
            // A single key has no name to go by.
            (Origin::App, _) | (_, None) => true,
            (_, Some(id)) => key.is_named(id),
        };
        let mut found = keys.iter().filter(named).peekable();
        if found.peek().is_none() {
            return Err(Refused::UnknownKey);
        }
        let mut suits = found.filter(|key| key.suits(algorithm));
        match (suits.next(), suits.next()) {
            (Some(key), None) => Ok(Rc::clone(key)),
            (None, _) => Err(Refused::Because(
                "the token is signed in a way that is not accepted",
            )),
            (Some(_), Some(_)) => Err(Refused::Because(
                "the token does not say by which of several keys it is signed",
            )),
        }
    }

    /// For a token whose key is not known: newer keys that may have it. `None` where there is nothing to wait for.
    pub(super) fn coming(&self) -> Option<Coming> {
        match &self.origin {
            Origin::Url(fetched) => fetched.ask(),
            _ => None,
        }
    }

    /// No key has come yet.
    pub(super) fn is_empty(&self) -> bool {
        self.keys.borrow().is_empty()
    }
}

/// This machine: nobody stands in between.
fn is_near(url: &str) -> bool {
    let near = ["http://127.0.0.1", "http://localhost", "http://[::1]"];
    near.iter().any(|start| {
        url.strip_prefix(start)
            .is_some_and(|rest| rest.starts_with([':', '/']))
    })
}

fn modified(path: &Path) -> Option<SystemTime> {
    std::fs::metadata(path)
        .and_then(|data| data.modified())
        .ok()
}

fn read_file(path: &Path, algorithms: &[Algorithm]) -> Result<Vec<Key>, String> {
    let text = std::fs::read(path).map_err(|error| format!("cannot be read: {error}"))?;
    read(&text, algorithms)
}

/// A JSON Web Key Set (RFC 7517 section 5). What is not known in it is left alone.
fn read(text: &[u8], algorithms: &[Algorithm]) -> Result<Vec<Key>, String> {
    let set = json::parse(text).map_err(|error| format!("is not JSON: {error}"))?;
    let list = set
        .get("keys")
        .and_then(Value::as_array)
        .ok_or("is no key set: it has no list `keys` (RFC 7517 section 5)")?;
    let mut keys = Vec::new();
    let mut wrong = None;
    for jwk in list {
        match Key::jwk(jwk, algorithms) {
            Ok(key) => keys.extend(key),
            Err(message) => wrong = Some(message),
        }
    }
    match (keys.is_empty(), wrong) {
        (false, _) => Ok(keys),
        (true, Some(message)) => Err(format!("holds no usable key: {message}")),
        (true, None) => {
            Err("holds no public key for signatures of a kind that is known".to_owned())
        }
    }
}
