//! SMTP out: claim, plan, attempt, settle.
//!
//! The engine staffs every lane (one destination, one set of demands) that has
//! mail due. A worker claims a message, `policy` turns its demands into a
//! requirement for each host, `net` opens a session that is as good or says why
//! not, and only a permit of that session can carry the message. Every attempt
//! ends in a settlement for every recipient, with its evidence.

mod alert;
mod attempt;
mod backoff;
mod broken_tls;
mod converse;
mod destination;
mod dsn;
mod engine;
mod faults;
mod guard;
mod judge;
mod luck;
mod notice;
mod observe;
mod open;
mod parts;
mod pool;
pub mod probe;
#[cfg(test)]
mod samples;
mod session;
mod settings;
mod trial;
mod worker;

pub use alert::{Alert, AlertKind, Alerts, QUIET};
pub use engine::Engine;
pub use observe::Observe;
pub use parts::{Parts, Secrets};
pub use settings::{
    DeliverySettings, EnforcedFailure, Limits, PreferTls, PrivateAddresses, TryFallback, TryOn454,
    TrySettings,
};
