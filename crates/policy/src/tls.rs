//! What TLS a message asks for, and whether a session gives it.
//!
//! A message is stored with its [`Demand`]s. For each host they become a
//! [`Requirement`]: either [`Opportunistic`] (no clause at all: clear text is
//! allowed) or [`Enforced`] (a set of clauses that is never empty: clear text is
//! impossible). Clauses are united, never assigned, so nothing that is added can
//! loosen what was there; the one place that makes a requirement is [`plan`].

mod clause;
mod demand;
pub mod level;
mod plan;
mod policies;
mod session;

pub use clause::{Clause, Enforced, Opportunistic, Preference, Proof, ProofNeeded, Requirement};
pub use demand::{Asked, Demand, Source, fingerprint, strictest};
pub use level::{Level, UnknownLevel};
pub use plan::{Broken, Login, NextHop, Plan, PlanInput, plan};
pub use policies::TlsPolicies;
pub use session::{CertificateFacts, SessionRecord, VerifiedBy};
