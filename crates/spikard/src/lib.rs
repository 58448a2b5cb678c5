//! One HTTP runtime for five languages, and its native Rust API.
// Forbidden but where the system offers nothing else: each place says why.
#![deny(unsafe_code)]

pub mod auth;
mod body;
mod buffers;
mod builtin;
mod canonical;
mod compression;
pub mod config;
mod cors;
mod deadlines;
mod defects;
mod document;
pub mod endpoint;
mod exchange;
mod files;
mod flatten;
mod freeze;
mod frozen;
mod gate;
pub mod head;
mod held;
mod hooks;
mod hosts;
mod leave;
pub mod limits;
mod listing;
pub mod log;
mod media;
mod mistake;
mod native;
mod observe;
mod params;
mod passage;
mod pipeline;
mod plan;
pub mod problem;
mod proxies;
mod render;
mod request_id;
pub mod response;
mod router;
pub mod server;
pub mod settings;
pub mod spec;
pub mod status;
mod stream;
mod template;
mod timer;
mod trailers;
pub mod upgrade;

pub use config::Config;
pub use deadlines::{Deadlines, Place};
pub use endpoint::{Cancel, Endpoint, Flow, Reply, Request};
pub use frozen::Frozen;
pub use head::{Head, Headers};
pub use held::Held;
pub use hooks::{Verdict, Verdicting};
pub use listing::RouteLine;
pub use mistake::{DefinitionError, Mistake, did_you_mean};
pub use native::{
    Answering, App, AsyncFunction, Bytes, Caller, Claims, Conditions, Cookies, Created, Describe,
    ETag, Extract, ExtractAll, Fields, Files, Form, Group, Handler, HeaderParams, Html, IntoReply,
    IntoVerdict, Json, Kept, LocalBody, LocalService, Mountable, OwnedRequest, Path, Prefix, Query,
    RequestBody, RequestId, RunError, SharedBody, SharedService, State, Status, TestClient,
    TestRequest, Text,
};
pub use passage::{ONLY_HOOKS, Passage};
pub use problem::Problem;
pub use response::{Body, Response};
pub use server::Answer;
pub use spec::Moment;
pub use spikard_contract as contract;
pub use timer::Timers;
pub use trailers::{Trailer, Trailers};
pub use upgrade::{Upgrade, Upgraded};

/// The Rust of the README runs with the documentation tests. Only there: the page is not part of the crate's package.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
mod readme {}

/// Every snippet of the guide runs with the documentation tests.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/guide/rust.md")]
mod guide {}
