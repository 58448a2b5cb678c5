//! Keys and passwords: compared by their digests, all of them, in a time that tells nothing of what was right.

use super::principal::Principal;
use super::spec::{ApiKeySpec, AuthSpec, BasicSpec, KeyPlace};
use crate::Head;
use crate::head::is_token;
use ring::digest::{SHA256, digest};
use spikard_contract::urlencoded::pairs;
use std::rc::Rc;
use subtle::ConstantTimeEq as _;

/// Digest of a secret, and whose it is.
pub(super) struct Secrets(Vec<(Vec<u8>, Rc<Principal>)>);

/// Bytes of a key that nobody guesses.
const KEY_BYTES: usize = 16;

fn hash(secret: &[u8]) -> Vec<u8> {
    digest(&SHA256, secret).as_ref().to_vec()
}

impl Secrets {
    pub(super) fn keys(auth: &AuthSpec, spec: &ApiKeySpec) -> Result<Self, String> {
        if spec.keys.is_empty() {
            return Err("no key is good; write some in `keys`".to_owned());
        }
        if !is_token(&spec.field) {
            return Err(format!("\"{}\" is no name of a field", spec.field));
        }
        for key in &spec.keys {
            if key.key.0.len() < KEY_BYTES {
                return Err(format!(
                    "the key of \"{}\" has {} bytes, and can be guessed; make one of {KEY_BYTES} or more: openssl rand -hex {KEY_BYTES}",
                    key.subject,
                    key.key.0.len()
                ));
            }
        }
        let secrets = spec.keys.iter().map(|key| {
            let principal = Principal::known(auth, &key.subject, &key.scopes);
            (hash(key.key.0.as_bytes()), Rc::new(principal))
        });
        Self::distinct(secrets.collect())
    }

    pub(super) fn users(auth: &AuthSpec, spec: &BasicSpec) -> Result<Self, String> {
        if spec.users.is_empty() {
            return Err("nobody is let in; write some in `users`".to_owned());
        }
        if let Some(user) = spec.users.iter().find(|user| user.name.contains(':')) {
            return Err(format!(
                "the user name \"{}\" holds a colon, which ends it (RFC 7617 section 2)",
                user.name
            ));
        }
        if let Some(user) = spec.users.iter().find(|user| user.password.0.is_empty()) {
            return Err(format!("the user \"{}\" has no password", user.name));
        }
        let secrets = spec.users.iter().map(|user| {
            let pair = format!("{}:{}", user.name, user.password.0);
            let principal = Principal::known(auth, &user.name, &user.scopes);
            (hash(pair.as_bytes()), Rc::new(principal))
        });
        Self::distinct(secrets.collect())
    }

    fn distinct(secrets: Vec<(Vec<u8>, Rc<Principal>)>) -> Result<Self, String> {
        for (at, (secret, principal)) in secrets.iter().enumerate() {
            if let Some((_, other)) = secrets[..at].iter().find(|(other, _)| other == secret) {
                let (one, other) = (other.subject(), principal.subject());
                return Err(format!(
                    "\"{}\" and \"{}\" have the same secret",
                    one.unwrap_or_default(),
                    other.unwrap_or_default()
                ));
            }
        }
        Ok(Self(secrets))
    }

    /// Whose it is.
    pub(super) fn find(&self, secret: &[u8]) -> Option<Rc<Principal>> {
        let sent = hash(secret);
        let mut found = None;
        for (own, principal) in &self.0 {
            if bool::from(own.as_slice().ct_eq(&sent)) {
                found = Some(principal);
            }
        }
        found.map(Rc::clone)
    }
}

/// The values that a request has where a key stands.
pub(super) fn sent_keys(spec: &ApiKeySpec, head: &Head<'_>) -> Vec<Vec<u8>> {
    match spec.place {
        KeyPlace::Header => head.headers.all(&spec.field).map(<[u8]>::to_vec).collect(),
        KeyPlace::Query => pairs(head.query())
            .flatten()
            .filter(|(name, _)| *name == spec.field)
            .map(|(_, value)| value.into_owned().into_bytes())
            .collect(),
        KeyPlace::Cookie => head
            .headers
            .all("cookie")
            .flat_map(|field| field.split(|byte| *byte == b';'))
            .map(<[u8]>::trim_ascii)
            .filter_map(|pair| pair.strip_prefix(spec.field.as_bytes())?.strip_prefix(b"="))
            .map(<[u8]>::to_vec)
            .collect(),
    }
}
