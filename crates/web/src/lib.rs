//! Health and metrics over HTTP; later the API and the console.
//!
//! What this crate needs from the rest of the gateway it states as one small trait, [`Condition`], so there is no
//! route from HTTP to the internals of SMTP. It is handed a bound socket and opens none.

mod problem;
mod server;

pub use server::{Condition, Site};
