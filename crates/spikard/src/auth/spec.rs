//! Who is let in, as data: the ways that a route, group or app accepts, and their builders for Rust. Checks nothing.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;

/// One way to be let in: one of `bearer`, `api_key` and `basic`; with none of them a request without credentials is let
/// in, too.
///
/// ```
/// use spikard::auth::{AuthSpec, BasicSpec, UserSpec};
/// use spikard::{App, TestClient};
///
/// let users = vec![UserSpec { name: "ada".into(), password: "only for this page".into(), scopes: vec![] }];
/// let basic = AuthSpec::basic(BasicSpec { users, ..BasicSpec::default() });
/// let app = App::new("Vault", "1.0.0")
///     .auth([basic.clone()])
///     .get("/gold", || async { "gold" })
///     .get("/door", || async { "come in" })
///     .route_auth([basic, AuthSpec::anyone()]);
/// let client = TestClient::new(app)?;
/// assert_eq!(client.get("/gold").wait().status, 401);
/// assert_eq!(client.get("/gold").header("authorization", "Basic YWRhOm9ubHkgZm9yIHRoaXMgcGFnZQ==").wait().text(), "gold");
/// assert_eq!(client.get("/door").wait().text(), "come in");
/// # Ok::<(), spikard::DefinitionError>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct AuthSpec {
    /// A signed token (JWT, RFC 7519) in `Authorization: Bearer` (RFC 6750).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bearer: Option<BearerSpec>,
    /// A key that the app gave out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub api_key: Option<ApiKeySpec>,
    /// Name and password in `Authorization: Basic` (RFC 7617).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub basic: Option<BasicSpec>,
    /// All of these must be the caller's; else 403.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub scopes: Vec<String>,
    /// Name in the documents. Default `bearer`, `apiKey` or `basic`, made unique.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// For the documents.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

/// Which tokens are good. One of `secret`, `public_key` and `jwks` says by which keys.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct BearerSpec {
    /// Shared with who signs (HS256, HS384, HS512): as many bytes as the hash has, or more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret: Option<Secret>,
    /// Public key in PEM (`-----BEGIN PUBLIC KEY-----`), or the path of a file that holds it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub public_key: Option<String>,
    /// Path or URL (`https://`) of a JSON Web Key Set (RFC 7517). A file is read again when it changed, a URL when
    /// `refresh_ms` passed or a token names a key that is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jwks: Option<String>,
    /// Signatures that are good. Default: by the key: HS256, RS256, ES256 or ES384, EdDSA; in a key set what the key's
    /// `alg` says.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub algorithms: Vec<Algorithm>,
    /// `iss` must be one of them. Empty for any.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub issuers: Vec<String>,
    /// `aud` must name one of them. Empty: a token that names any is for somebody else, and refused.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub audiences: Vec<String>,
    /// Claims that must be there. Default `exp`.
    pub required: Vec<String>,
    /// How far clocks may be apart in ms. Default 60,000.
    pub leeway_ms: u64,
    /// `typ` of the header, such as `at+jwt` (RFC 9068). Default: any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token_type: Option<String>,
    /// How long a key set of a URL is good, in ms. Default 600,000.
    pub refresh_ms: u64,
}

impl Default for BearerSpec {
    fn default() -> Self {
        Self {
            secret: None,
            public_key: None,
            jwks: None,
            algorithms: Vec::new(),
            issuers: Vec::new(),
            audiences: Vec::new(),
            required: vec!["exp".to_owned()],
            leeway_ms: 60_000,
            token_type: None,
            refresh_ms: 600_000,
        }
    }
}

/// How a token is signed (RFC 7518 section 3.1, RFC 8037). `none` is no way to sign, and ES512 is not offered.
///
/// ```
/// use spikard::auth::{Algorithm, AuthSpec, BearerSpec};
///
/// let spec = BearerSpec {
///     jwks: Some("https://login.example/keys".into()),
///     algorithms: vec![Algorithm::EdDSA, Algorithm::ES256],
///     ..BearerSpec::default()
/// };
/// assert_eq!(AuthSpec::bearer(spec.clone()).bearer, Some(spec));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[allow(missing_docs, reason = "the names are those of the registry")]
pub enum Algorithm {
    HS256,
    HS384,
    HS512,
    RS256,
    RS384,
    RS512,
    PS256,
    PS384,
    PS512,
    ES256,
    ES384,
    EdDSA,
}

/// Keys, and where a request has them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ApiKeySpec {
    /// Where it is.
    pub place: KeyPlace,
    /// Name of the header field, query parameter or cookie. Default `x-api-key`.
    pub field: String,
    /// Those that are good.
    pub keys: Vec<KeySpec>,
}

impl Default for ApiKeySpec {
    fn default() -> Self {
        Self {
            place: KeyPlace::Header,
            field: "x-api-key".to_owned(),
            keys: Vec::new(),
        }
    }
}

/// Where a request has its key.
///
/// ```
/// use spikard::auth::{ApiKeySpec, KeyPlace};
///
/// let spec = ApiKeySpec { place: KeyPlace::Query, field: "key".into(), ..ApiKeySpec::default() };
/// assert_eq!(spec.place, KeyPlace::Query);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs, reason = "the words say it")]
pub enum KeyPlace {
    Header,
    Query,
    Cookie,
}

/// A key and whose it is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KeySpec {
    /// As it is sent; 16 bytes or more.
    pub key: Secret,
    /// Whose it is; the handler sees it.
    pub subject: String,
    /// What it is good for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scopes: Vec<String>,
}

/// Names and passwords.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct BasicSpec {
    /// What a browser shows. Default: the app's title.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub realm: Option<String>,
    /// Those that are good.
    pub users: Vec<UserSpec>,
}

/// A user of [`BasicSpec`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UserSpec {
    /// Without `:`.
    pub name: String,
    /// In UTF-8.
    pub password: Secret,
    /// What the user may do.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scopes: Vec<String>,
}

/// A text that no log and no message shows.
///
/// ```
/// use spikard::auth::Secret;
///
/// assert_eq!(format!("{:?}", Secret::from("3f1c9a7be2d84460")), "\"…\"");
/// ```
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Secret(pub String);

impl fmt::Debug for Secret {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("\"…\"")
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl AuthSpec {
    pub(super) fn without_scopes(&self) -> Self {
        Self {
            scopes: Vec::new(),
            ..self.clone()
        }
    }

    /// Signed tokens.
    ///
    /// ```
    /// use spikard::auth::{AuthSpec, BearerSpec};
    /// use spikard::{App, TestClient};
    ///
    /// let bearer = AuthSpec::bearer(BearerSpec {
    ///     secret: Some("a secret of thirty-two bytes, or more".into()),
    ///     ..BearerSpec::default()
    /// });
    /// let app = App::new("Vault", "1.0.0").auth([bearer.scopes(["gold"])]).get("/", || async { "gold" });
    /// let client = TestClient::new(app)?;
    /// assert_eq!(client.get("/").wait().status, 401);
    /// # Ok::<(), spikard::DefinitionError>(())
    /// ```
    pub fn bearer(spec: BearerSpec) -> Self {
        Self {
            bearer: Some(spec),
            ..Self::default()
        }
    }

    /// Keys that the app gave out.
    ///
    /// ```
    /// use spikard::auth::{ApiKeySpec, AuthSpec, Caller, KeySpec};
    /// use spikard::{App, TestClient};
    ///
    /// async fn who(caller: Caller) -> String {
    ///     caller.subject().unwrap_or_default().to_owned()
    /// }
    ///
    /// let keys = vec![KeySpec { key: "0123456789abcdef".into(), subject: "till 7".into(), scopes: Vec::new() }];
    /// let auth = AuthSpec::api_key(ApiKeySpec { keys, ..ApiKeySpec::default() });
    /// let client = TestClient::new(App::new("Shop", "1.0.0").auth([auth]).get("/", who))?;
    /// let request = client.get("/").header("x-api-key", "0123456789abcdef");
    /// assert_eq!(request.wait().text(), "till 7");
    /// # Ok::<(), spikard::DefinitionError>(())
    /// ```
    pub fn api_key(spec: ApiKeySpec) -> Self {
        Self {
            api_key: Some(spec),
            ..Self::default()
        }
    }

    /// Names and passwords.
    pub fn basic(spec: BasicSpec) -> Self {
        Self {
            basic: Some(spec),
            ..Self::default()
        }
    }

    /// Requests without credentials, beside other ways; those with wrong ones are refused still.
    pub fn anyone() -> Self {
        Self::default()
    }

    /// All of these must be the caller's.
    pub fn scopes<S: Into<String>>(mut self, scopes: impl IntoIterator<Item = S>) -> Self {
        self.scopes = scopes.into_iter().map(Into::into).collect();
        self
    }

    /// The kind's own name; `None` for [`AuthSpec::anyone`].
    pub(super) fn kind(&self) -> Option<&'static str> {
        let kinds = [
            (self.bearer.is_some(), "bearer"),
            (self.api_key.is_some(), "apiKey"),
            (self.basic.is_some(), "basic"),
        ];
        kinds.iter().find(|(is, _)| *is).map(|(_, name)| *name)
    }
}
