//! The native Rust API: an app from async functions with typed extractors. It fills the same [`AppSpec`](crate::spec::AppSpec)
//! as every other language; nothing here is on the path of a bound language.

mod app;
mod arguments;
mod caller;
mod client;
mod conditions;
mod describe;
mod extract;
mod files;
mod form;
mod handler;
mod hook;
mod hosted;
mod mount;
mod operation;
mod parts;
mod raw;
mod reply;
mod routes;
mod run;
mod schemas;
mod scope;
mod workers;

pub use app::App;
pub use caller::{Caller, Claims, Kept};
pub use client::{TestClient, TestRequest};
pub use conditions::Conditions;
pub use describe::Describe;
pub use extract::{Cookies, Extract, HeaderParams, Json, Path, Query, State};
pub use files::Files;
pub use form::Form;
pub use handler::{AsyncFunction, ExtractAll, Handler};
pub use hook::IntoVerdict;
pub use hosted::{LocalBody, LocalService, SharedBody, SharedService};
pub use mount::{Answering, Mountable, Prefix, RequestBody};
pub use operation::OwnedRequest;
pub use raw::{Bytes, Fields, RequestId, Text};
pub use reply::{Created, ETag, Html, IntoReply, Status};
pub use routes::Group;
pub use run::RunError;
