//! The API, the console, health and metrics over HTTP.
//!
//! What this crate needs from the rest of the gateway it states as two small traits, [`Condition`] and [`Outside`],
//! so there is no route from HTTP to the internals of SMTP. It is handed a bound socket and opens none.
//!
//! What always holds: a path that the OpenAPI document does not name answers nothing but 401 or 404, and one that it
//! names is open to exactly those that its `x-capability` says. The document is the table that requests are checked
//! against, so the two cannot disagree.

mod api;
mod connections;
#[cfg_attr(
    debug_assertions,
    expect(clippy::disallowed_types, reason = "rust-embed's own, where it reads from the disk")
)]
mod console;
mod headers;
mod meters;
#[cfg(feature = "oidc")]
pub mod oidc;
mod outside;
mod peer;
mod problem;
mod server;
mod sign_on;

pub use api::{Stores, document};
pub use meters::Meters;
pub use outside::{ListenerFacts, Outside, OwnCertificate, Probed, SystemFacts};
pub use server::{Condition, Parts, Site};
pub use sign_on::{Back, Begun, Fetch, Identity, Refusal, RefusalKind, SignOn};
