//! Decisions over facts: Message Rules and TLS policy. Pure.
//!
//! Nothing here looks anything up, waits, or knows the time: what a decision
//! needs is handed in, so it can be property-tested, linted, simulated and
//! replayed. See [`rules`] for Message Rules, [`tls`] for what TLS a message
//! demands, [`evidence`] for the record of what was had.

pub mod accept;
pub mod day;
pub mod diagnostic;
pub mod difference;
pub mod direction;
pub mod document;
mod domain_patterns;
pub mod evidence;
pub mod facts;
pub mod id;
pub mod retry;
pub mod rules;
#[cfg(test)]
mod samples;
pub mod snapshot;
pub mod tls;
pub mod units;
