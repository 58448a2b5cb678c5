//! The native Rust API: an app from async functions with typed extractors. It fills the same [`AppSpec`](crate::spec::AppSpec)
//! as every other language; nothing here is on the path of a bound language.

mod app;
mod arguments;
mod client;
mod describe;
mod extract;
mod files;
mod handler;
mod hook;
mod operation;
mod reply;
mod run;
mod schemas;
mod workers;

pub use app::{App, Group};
pub use client::{TestClient, TestRequest};
pub use describe::Describe;
pub use extract::{
    Bytes, Caller, Claims, Cookies, Extract, Fields, HeaderParams, Json, Kept, Path, Query,
    RequestId, State, Text,
};
pub use files::Files;
pub use handler::Handler;
pub use hook::IntoVerdict;
pub use operation::OwnedRequest;
pub use reply::{Created, ETag, Html, IntoReply, Status};
pub use run::RunError;
