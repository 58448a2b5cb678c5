//! Signed tokens: a JWT (RFC 7519) in compact form (RFC 7515 section 3.1), its signature, its claims. What the header says of
//! where a key might be found (`jku`, `x5u`, `jwk`, `x5c`) is never looked at.

use super::jwks::Source;
use super::keys::Key;
use super::principal::Principal;
use super::spec::{Algorithm, BearerSpec};
use crate::defects::defect;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64;
use serde_json::{Map, Value};
use spikard_contract::json;
use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::time::{SystemTime, UNIX_EPOCH};

/// Which tokens are good.
pub(super) struct Tokens {
    keys: Source,
    issuers: Vec<String>,
    audiences: Vec<String>,
    required: Vec<String>,
    /// In seconds.
    leeway: f64,
    token_type: Option<String>,
    /// Those that were verified, until the keys change.
    known: RefCell<Known>,
}

/// Verified tokens: clients send the same one again and again, and a public key takes 30 µs each time.
#[derive(Default)]
struct Known {
    /// Of the keys that verified them.
    generation: u64,
    tokens: HashMap<Box<str>, Verified>,
}

/// When it holds so many, it begins anew.
const MOST_KNOWN: usize = 1024;

#[derive(Clone)]
struct Verified {
    principal: Rc<Principal>,
    times: Times,
}

/// In seconds since 1970 (RFC 7519 section 2, NumericDate).
#[derive(Clone, Copy)]
struct Times {
    expires: Option<f64>,
    not_before: Option<f64>,
    issued: Option<f64>,
}

/// Why a token is not let in.
pub(super) enum Refused {
    /// What the client may know.
    Because(&'static str),
    /// It names a key that is not known; the keys may be on their way.
    UnknownKey,
}

use Refused::Because;

impl Tokens {
    pub(super) fn new(spec: &BearerSpec) -> Result<Self, String> {
        Ok(Self {
            keys: Source::new(spec)?,
            issuers: spec.issuers.clone(),
            audiences: spec.audiences.clone(),
            required: spec.required.clone(),
            leeway: spec.leeway_ms as f64 / 1000.0,
            token_type: spec.token_type.as_deref().map(media_type),
            known: RefCell::default(),
        })
    }

    pub(super) fn keys(&self) -> &Source {
        &self.keys
    }

    /// Whose token it is.
    pub(super) fn verify(&self, token: &str) -> Result<Rc<Principal>, Refused> {
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0.0, |time| time.as_secs_f64());
        let generation = self.keys.refresh();
        let known = &mut *self.known.borrow_mut();
        if known.generation != generation {
            known.tokens.clear();
            known.generation = generation;
        }
        let verified = match known.tokens.get(token) {
            Some(verified) => verified,
            None => {
                let verified = self.read(token)?;
                if known.tokens.len() >= MOST_KNOWN {
                    known.tokens.clear();
                }
                known.tokens.entry(token.into()).or_insert(verified)
            }
        };
        self.in_time(&verified.times, now)?;
        Ok(Rc::clone(&verified.principal))
    }

    fn in_time(&self, times: &Times, now: f64) -> Result<(), Refused> {
        if defect("token-time-ignored") {
            return Ok(());
        }
        let early = now + self.leeway;
        match *times {
            Times {
                expires: Some(at), ..
            } if now >= at + self.leeway => Err(Because("the token has expired")),
            Times {
                not_before: Some(at),
                ..
            } if early < at => Err(Because("the token is not valid yet")),
            Times {
                issued: Some(at), ..
            } if early < at => Err(Because("the token was issued in the future")),
            _ => Ok(()),
        }
    }

    /// A token that nobody has seen yet.
    fn read(&self, token: &str) -> Result<Verified, Refused> {
        let malformed = || Because("the token is no signed JWT in compact form");
        let (signed, signature) = token.rsplit_once('.').ok_or_else(malformed)?;
        let (header, claims) = signed.split_once('.').ok_or_else(malformed)?;
        let decode = |part: &str| BASE64.decode(part).map_err(|_| malformed());
        let (header, claims) = (object(&decode(header)?)?, decode(claims)?);
        let signature = decode(signature)?;
        let (algorithm, id) = self.header(&header)?;
        let verifies = |key: &Key| key.verifies(algorithm, signed.as_bytes(), &signature);
        match self.keys.find(id, algorithm) {
            Ok(key) if verifies(&key) || defect("signature-ignored") => {}
            Ok(_) => return Err(Because("the token's signature is not valid")),
            Err(refused) => return Err(refused),
        }
        let object = object(&claims)?;
        self.judge(&object, claims)
    }

    /// The algorithm, and the name of the key.
    fn header<'h>(
        &self,
        header: &'h Map<String, Value>,
    ) -> Result<(Algorithm, Option<&'h str>), Refused> {
        let text = |name: &str, wrong| match header.get(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.as_str())),
            Some(_) => Err(Because(wrong)),
        };
        // Nothing that must be understood is (RFC 7515 section 4.1.11), and a nested token is not looked into.
        if header.contains_key("crit") || header.contains_key("enc") {
            return Err(Because("the token wants what is not understood here"));
        }
        let algorithm = text("alg", "`alg` is no text")?
            .and_then(Algorithm::named)
            .ok_or(Because("the token is signed in a way that is not accepted"))?;
        let typed = text("typ", "`typ` is no text")?;
        if let Some(wanted) = &self.token_type
            && typed.map(media_type).as_ref() != Some(wanted)
        {
            return Err(Because("the token is of another type"));
        }
        Ok((algorithm, text("kid", "`kid` is no text")?))
    }

    fn judge(&self, claims: &Map<String, Value>, text: Vec<u8>) -> Result<Verified, Refused> {
        for name in &self.required {
            if claims.get(name).is_none_or(Value::is_null) {
                return Err(Because("a claim that is required is missing"));
            }
        }
        let word = |name: &str, wrong| match claims.get(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.as_str())),
            Some(_) => Err(Because(wrong)),
        };
        let subject = word("sub", "`sub` is no text")?;
        let issuer = word("iss", "`iss` is no text")?;
        word("jti", "`jti` is no text")?;
        if !self.issuers.is_empty()
            && !issuer.is_some_and(|issuer| self.issuers.iter().any(|own| own == issuer))
        {
            return Err(Because("the token is of another issuer"));
        }
        let audience =
            words(claims.get("aud")).ok_or(Because("`aud` is no text and no list of texts"))?;
        let meant = audience
            .iter()
            .any(|name| self.audiences.iter().any(|own| own == name));
        let nobody = audience.is_empty() && self.audiences.is_empty();
        if !meant && !nobody {
            return Err(Because("the token is for another audience"));
        }
        let times = Times {
            expires: time(claims, "exp")?,
            not_before: time(claims, "nbf")?,
            issued: time(claims, "iat")?,
        };
        let principal = Principal {
            scheme: "bearer",
            subject: subject.map(str::to_owned),
            scopes: scopes(claims)?,
            claims: text,
        };
        Ok(Verified {
            principal: Rc::new(principal),
            times,
        })
    }
}

fn object(text: &[u8]) -> Result<Map<String, Value>, Refused> {
    match json::parse(text) {
        Ok(Value::Object(object)) => Ok(object),
        _ => Err(Because("a part of the token is no JSON object")),
    }
}

/// Without case, and without the prefix that may be left out (RFC 7515 section 4.1.9).
fn media_type(text: &str) -> String {
    let text = text.to_ascii_lowercase();
    text.strip_prefix("application/")
        .unwrap_or(&text)
        .to_owned()
}

/// One text or several; none for nothing.
fn words(value: Option<&Value>) -> Option<Vec<&str>> {
    match value {
        None => Some(Vec::new()),
        Some(Value::String(text)) => Some(vec![text]),
        Some(Value::Array(list)) => list.iter().map(Value::as_str).collect(),
        Some(_) => None,
    }
}

fn time(claims: &Map<String, Value>, name: &str) -> Result<Option<f64>, Refused> {
    match claims.get(name) {
        None => Ok(None),
        Some(Value::Number(number)) => Ok(number.as_f64()),
        Some(_) => Err(Because("a time of the token is no number")),
    }
}

/// `scope` is words with spaces between (RFC 8693 section 4.2); `scp` of other issuers may be a list.
fn scopes(claims: &Map<String, Value>) -> Result<Vec<String>, Refused> {
    let claim = claims.get("scope").or_else(|| claims.get("scp"));
    let texts = words(claim).ok_or(Because("`scope` is no text and no list of texts"))?;
    let split = texts.iter().flat_map(|text| text.split(' '));
    Ok(split
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect())
}
