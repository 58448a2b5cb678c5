//! `AppSpec`: an app as data. It crosses a language border once, as one JSON text, beside a list of callables. The
//! native Rust API fills the same types, so every language's app is the same thing after this point.

use crate::auth::AuthSpec;
use crate::config::{AdditionalQuery, Config, Egress};
use crate::limits::RateSpec;
use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use spikard_contract::ParameterSpec;

/// A whole app.
///
/// ```
/// use serde_json::{Map, json};
/// use spikard::spec::{AppSpec, BodySpec, Declared, FilesSpec, GroupSpec, HookSpec, Moment, Policy, ResponseSpec, RouteSpec};
/// use spikard::Frozen;
///
/// let declared = |name: &str| Declared { name: name.into(), file: "app.py".into(), line: 7 };
/// let order = RouteSpec {
///     method: "POST".into(),
///     path: "/orders".into(),
///     handler: 1,
///     body: Some(BodySpec { content: Map::from_iter([("application/json".into(), json!({"type": "object"}))]), required: true }),
///     responses: [("202".into(), ResponseSpec::default())].into_iter().collect(),
///     policy: Policy { body_limit: Some(1024), ..Policy::default() },
///     declared: declared("order"),
///     ..RouteSpec::default()
/// };
/// let folder = tempfile::tempdir()?;
/// let assets = FilesSpec {
///     root: folder.path().to_string_lossy().into_owned(),
///     ..serde_json::from_value(json!({"path": "/assets", "root": "", "declared": {"name": "files"}}))?
/// };
/// let shop = GroupSpec {
///     prefix: "/shop".into(),
///     hooks: vec![HookSpec { at: Moment::PreHandler, handler: 0, declared: declared("known") }],
///     routes: vec![order],
///     files: vec![assets],
///     ..GroupSpec::default()
/// };
/// let mut spec: AppSpec = serde_json::from_value(json!({"title": "Shop", "version": "1.0.0"}))?;
/// spec.groups.push(shop);
/// assert_eq!(spec.handlers(), 2);
/// assert_eq!(Frozen::without_handlers(spec)?.routes()[0].path, "/shop/orders");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AppSpec {
    /// Name of the API.
    pub title: String,
    /// Version of the API.
    pub version: String,
    /// CommonMark, for the documents.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Options; absent ones have their defaults.
    #[serde(default)]
    pub config: Config,
    /// Shared schemas: `#/components/schemas/<name>` everywhere in the app.
    #[serde(default)]
    pub schemas: Map<String, Value>,
    /// Inherited by every route; where it is silent, `config` speaks.
    #[serde(default)]
    pub policy: Policy,
    /// Run around every request, those that no route takes included, in this order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hooks: Vec<HookSpec>,
    /// Routes at the top, in the order declared.
    #[serde(default)]
    pub routes: Vec<RouteSpec>,
    /// Groups at the top, in the order declared.
    #[serde(default)]
    pub groups: Vec<GroupSpec>,
    /// Directories and files that are served, in the order declared.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<FilesSpec>,
}

impl AppSpec {
    /// How many callables its routes refer to: the highest index and one.
    pub fn handlers(&self) -> usize {
        fn of(hooks: &[HookSpec], routes: &[RouteSpec], groups: &[GroupSpec]) -> usize {
            let hooks_of = |hooks: &[HookSpec]| hooks.iter().map(|hook| hook.handler + 1).max();
            let own = routes.iter().map(|route| route.handler + 1);
            let theirs = routes.iter().filter_map(|route| hooks_of(&route.hooks));
            let inner = groups
                .iter()
                .map(|group| of(&group.hooks, &group.routes, &group.groups));
            let all = hooks_of(hooks).into_iter().chain(own).chain(theirs);
            all.chain(inner).max().unwrap_or(0)
        }
        of(&self.hooks, &self.routes, &self.groups)
    }
}

/// Routes under one prefix that share tags and policy; groups nest.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GroupSpec {
    /// Starts with `/`, does not end with it; may hold parameters.
    pub prefix: String,
    /// Go before the routes' own.
    #[serde(default)]
    pub tags: Vec<String>,
    /// Inherited by what is inside.
    #[serde(default)]
    pub policy: Policy,
    /// Run around every request of the routes inside, after the hooks of what is around, in this order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hooks: Vec<HookSpec>,
    /// Routes inside, in the order declared.
    #[serde(default)]
    pub routes: Vec<RouteSpec>,
    /// Groups inside, in the order declared.
    #[serde(default)]
    pub groups: Vec<GroupSpec>,
    /// Directories and files inside, in the order declared.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<FilesSpec>,
}

/// A directory whose files are served by GET and HEAD, or one file. Its routes pass the pipeline like all others and are in no
/// document. What may not be reached is a 404: `..`, encoded separators, links that lead out, devices.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FilesSpec {
    /// Where the directory is mounted, `/assets` or `/`; of a file its whole path. Below the groups' prefixes.
    pub path: String,
    /// The directory or file; a relative one is looked for beside the file that declares it.
    pub root: String,
    /// The file that stands for a directory; empty for none. Default `index.html`.
    #[serde(default = "index")]
    pub index: String,
    /// The file below the root that stands for what is not there, for clients that take `text/html`: the page of a
    /// single-page app.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fallback: Option<String>,
    /// Send `app.css.br`, `app.css.zst` or `app.css.gz` for `app.css` to clients that take it. Default false.
    #[serde(default)]
    pub precompressed: bool,
    /// Value of `cache-control`; the fallback's is then `no-cache`. Default: none is sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_control: Option<String>,
    /// Serve names that begin with a dot. Default false.
    #[serde(default)]
    pub dotfiles: bool,
    /// Where it is declared, for messages and listings.
    pub declared: Declared,
}

fn index() -> String {
    "index.html".to_owned()
}

/// What a route, group or app may set; the nearest wins.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Policy {
    /// Largest request body in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body_limit: Option<u64>,
    /// Time for the handler in ms; 0 for none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub handler_timeout_ms: Option<u64>,
    /// What happens to a response that breaks its schema.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub egress: Option<Egress>,
    /// What happens to undeclared query parameters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub additional_query: Option<AdditionalQuery>,
    /// Ways to be let in, of which any will do; an empty list lets everybody in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auth: Option<Vec<AuthSpec>>,
    /// Most requests in a time (429), all of which hold; the routes that inherit a list count together. Each worker counts
    /// for itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate_limit: Option<Vec<RateSpec>>,
    /// Most requests at once (503); 0 for any number. The routes that inherit it count together, in each worker.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub concurrency: Option<u32>,
}

/// One operation: method, path, contract, handler.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RouteSpec {
    /// Upper case. `*` takes each method that no other route takes here; its `{*path}` may be empty, and no document has it.
    pub method: String,
    /// Template below the groups' prefixes: `/items/{id}`, `/files/{*path}`, `/items/{id:int}`.
    pub path: String,
    /// Index into the list of callables.
    pub handler: usize,
    /// In the order in which the handler's call finds their values. A path parameter that is in the template and not
    /// here is a string.
    #[serde(default)]
    pub parameters: Vec<ParameterSpec>,
    /// Absent: a body is read up to the limit and ignored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<BodySpec>,
    /// By status (`"200"`, `"4XX"`, `"default"`), in the order of the document.
    #[serde(default)]
    pub responses: IndexMap<String, ResponseSpec>,
    /// Status of a plain return value; default 200, or 204 for nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// Default: the handler's name, made unique.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation_id: Option<String>,
    /// One line for the documents.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub summary: Option<String>,
    /// CommonMark for the documents.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// For the documents.
    #[serde(default)]
    pub tags: Vec<String>,
    /// Still served, no longer advised.
    #[serde(default)]
    pub deprecated: bool,
    /// Left out of the documents.
    #[serde(default)]
    pub hidden: bool,
    /// Overrides the groups'.
    #[serde(default)]
    pub policy: Policy,
    /// Run around its requests, after the hooks of app and groups, in this order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hooks: Vec<HookSpec>,
    /// A JSON body is left to the language's decoder, which checks it by the route's schema while it builds the value; what
    /// it refuses the core checks, and makes the answer.
    #[serde(default)]
    pub decoder_validates: bool,
    /// The handler's name and place, for messages and listings.
    pub declared: Declared,
}

/// A callable that runs at one moment of every request of an app, a group or a route. It may look, edit, or answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HookSpec {
    /// When it runs.
    pub at: Moment,
    /// Index into the list of callables.
    pub handler: usize,
    /// The hook's name and place, for messages and listings.
    pub declared: Declared,
}

/// When a hook runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Moment {
    /// The head is here and the route is found; the body is not read yet.
    OnRequest,
    /// The body is here; nothing is validated yet.
    PreValidation,
    /// Everything is valid; the handler is next.
    PreHandler,
    /// There is a response, of a handler, a hook or a problem; it is not compressed yet.
    OnResponse,
    /// Something became a problem; it is not a response yet.
    OnError,
}

/// The request body of a route.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BodySpec {
    /// Media type (`application/json`, `text/*`) and its JSON Schema; `true` for none. In order.
    pub content: Map<String, Value>,
    /// Must be sent. Default true.
    #[serde(default = "yes")]
    pub required: bool,
}

fn yes() -> bool {
    true
}

/// One declared response of a route. A value sent with its status is checked against its schema (egress).
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ResponseSpec {
    /// For the documents; default: the reason phrase of the status.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Media type and its JSON Schema; `true` for none. In order.
    #[serde(default)]
    pub content: Map<String, Value>,
}

/// Where a handler stands in the user's source.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Declared {
    /// Name of the handler.
    pub name: String,
    /// Path of the source file as the language gives it.
    #[serde(default)]
    pub file: String,
    /// Line, from 1; 0 when unknown.
    #[serde(default)]
    pub line: u32,
}
