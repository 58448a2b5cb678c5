//! Who a request comes from, once that is known. Knows not how.

use super::spec::AuthSpec;
use serde::de::DeserializeOwned;
use serde_json::json;

/// Who sent a request, by the first way of its route that let it in.
///
/// ```
/// use spikard::auth::{ApiKeySpec, AuthSpec, Caller, KeySpec};
/// use spikard::{App, TestClient};
/// use std::collections::BTreeMap;
///
/// async fn me(caller: Caller) -> String {
///     assert_eq!((caller.scheme(), caller.subject()), ("apiKey", Some("till 7")));
///     assert_eq!(caller.scopes(), ["sell"]);
///     assert_eq!(caller.claims(), b"{}"); // a token has some
///     assert!(caller.claims_as::<BTreeMap<String, u8>>().is_ok_and(|claims| claims.is_empty()));
///     caller.to_json()
/// }
///
/// let keys = vec![KeySpec { key: "3f1c9a7be2d84460".into(), subject: "till 7".into(), scopes: vec!["sell".into()] }];
/// let auth = AuthSpec::api_key(ApiKeySpec { keys, ..ApiKeySpec::default() });
/// let client = TestClient::new(App::new("Shop", "1.0.0").auth([auth]).get("/me", me))?;
/// let answer = client.get("/me").header("x-api-key", "3f1c9a7be2d84460").wait();
/// assert_eq!(answer.text(), r#"{"scheme":"apiKey","subject":"till 7","scopes":["sell"],"claims":{}}"#);
/// # Ok::<(), spikard::DefinitionError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    pub(super) scheme: &'static str,
    pub(super) subject: Option<String>,
    pub(super) scopes: Vec<String>,
    /// A JSON object.
    pub(super) claims: Vec<u8>,
}

impl Principal {
    /// `bearer`, `apiKey` or `basic`.
    pub fn scheme(&self) -> &'static str {
        self.scheme
    }

    /// `sub` of the token, whose the key is, the user's name; `None` for a token without `sub`.
    pub fn subject(&self) -> Option<&str> {
        self.subject.as_deref()
    }

    /// What the caller may do: `scope` or `scp` of the token, or what the app says of the key or the user.
    pub fn scopes(&self) -> &[String] {
        &self.scopes
    }

    /// Every claim of the token as JSON text, an object; `{}` for keys and passwords.
    pub fn claims(&self) -> &[u8] {
        &self.claims
    }

    /// The claims as a type of the app.
    ///
    /// # Errors
    /// They do not fit.
    pub fn claims_as<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        serde_json::from_slice(&self.claims)
    }

    /// All of it as one line of JSON in ASCII: `scheme`, `subject` (or null), `scopes`, `claims`.
    pub fn to_json(&self) -> String {
        let claims = String::from_utf8_lossy(&self.claims);
        let text = format!(
            r#"{{"scheme":{},"subject":{},"scopes":{},"claims":{claims}}}"#,
            json!(self.scheme),
            json!(self.subject),
            json!(self.scopes),
        );
        let mut line = String::with_capacity(text.len());
        let mut units = [0; 2];
        for letter in text.chars() {
            match letter {
                // Between the parts of the claims: inside a text no control character stands (RFC 8259 section 7).
                '\n' | '\r' => line.push(' '),
                letter if letter.is_ascii() => line.push(letter),
                letter => {
                    for unit in letter.encode_utf16(&mut units) {
                        line += &format!("\\u{unit:04x}");
                    }
                }
            }
        }
        line
    }

    /// Whether all `scopes` are the caller's.
    pub(super) fn may(&self, scopes: &[String]) -> bool {
        scopes.iter().all(|scope| self.scopes.contains(scope))
    }

    pub(super) fn known(spec: &AuthSpec, subject: &str, scopes: &[String]) -> Self {
        Self {
            scheme: spec.kind().unwrap_or_default(),
            subject: Some(subject.to_owned()),
            scopes: scopes.to_vec(),
            claims: b"{}".to_vec(),
        }
    }
}
