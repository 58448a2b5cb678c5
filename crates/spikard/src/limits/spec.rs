//! How much is let in, as data. Counts nothing.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// At most so many requests in a time, in bursts or evenly; more are answered with 429 and when to come again.
///
/// ```
/// use spikard::limits::RateSpec;
/// use spikard::{App, TestClient};
///
/// let app = App::new("Shop", "1.0.0")
///     .get("/", || async { "welcome" })
///     .route_rate_limit([RateSpec::new(1, 60_000)]);
/// let client = TestClient::new(app)?;
/// assert_eq!(client.get("/").wait().header("ratelimit"), Some("\"default\";r=0;t=60"));
/// assert_eq!(client.get("/").wait().status, 429);
/// # Ok::<(), spikard::DefinitionError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RateSpec {
    /// Most requests in the window; they may come at once.
    pub requests: u64,
    /// The window in ms. It slides: each request is forgotten alone.
    pub window_ms: u64,
    /// Whose requests count together. Default: those of one address.
    #[serde(default)]
    pub by: By,
    /// The header field of `by: "header"`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub header: Option<String>,
    /// What `RateLimit` fields call it. Default `default`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// Whose requests count together.
///
/// ```
/// use spikard::limits::{By, RateSpec};
/// use spikard::{App, TestClient};
///
/// let app = App::new("Shop", "1.0.0")
///     .rate_limit([
///         RateSpec::new(1, 60_000).by_header("x-tenant").named("tenant"),
///         RateSpec::new(1_000, 1_000).by(By::All),
///     ])
///     .get("/", || async { "welcome" });
/// let client = TestClient::new(app)?;
/// for (tenant, status) in [("a", 200), ("b", 200), ("a", 429)] {
///     assert_eq!(client.get("/").header("x-tenant", tenant).wait().status, status);
/// }
/// # Ok::<(), spikard::DefinitionError>(())
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum By {
    /// One address; of IPv6 one network of 64 bits.
    #[default]
    Address,
    /// One principal (`auth`); without one, one address.
    Principal,
    /// One value of a header field; without it, one address.
    Header,
    /// Everybody.
    All,
}

impl RateSpec {
    /// By address.
    pub fn new(requests: u64, window_ms: u64) -> Self {
        Self {
            requests,
            window_ms,
            by: By::default(),
            header: None,
            name: None,
        }
    }

    /// Whose requests count together.
    pub fn by(mut self, by: By) -> Self {
        self.by = by;
        self
    }

    /// By the value of a header field.
    pub fn by_header(mut self, name: &str) -> Self {
        self.by = By::Header;
        self.header = Some(name.to_owned());
        self
    }

    /// What `RateLimit` fields call it.
    pub fn named(mut self, name: &str) -> Self {
        self.name = Some(name.to_owned());
        self
    }
}
