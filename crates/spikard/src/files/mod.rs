//! Files of a directory as routes: one definition for every language. Each is an ordinary route of the pipeline; what is
//! special is its endpoint.

mod content;
mod mime;
mod range;
mod resolve;
mod routes;
mod serve;
mod store;
mod validators;

pub(crate) use routes::{Mounted, routes, template};
pub(crate) use serve::one;

#[cfg(test)]
mod tests;
