//! The only sockets: connections, TLS, DNS.
//!
//! A security reviewer reads this crate. It is the only one that opens or binds a
//! socket, and the only maker of [`conn::Secured`] and [`conn::Permit`]: a message
//! whose requirement is [`Enforced`](gatepost_policy::tls::Enforced) cannot be
//! written to a connection in clear text, because no such method exists. Three claims
//! hold that up, each shown by code that does not compile and a twin that does.
//!
//! An enforced message has no way onto a clear connection:
//!
//! ```compile_fail
//! use gatepost_net::conn::{Clear, Conn, Job};
//! use gatepost_policy::tls::Enforced;
//!
//! fn send<M>(conn: &mut Conn<Clear>, job: &Job<Enforced, M>) {
//!     let _permit = conn.admit_enforced(job);
//! }
//! ```
//!
//! ```
//! use gatepost_net::conn::{Conn, Job, Secured};
//! use gatepost_policy::tls::Enforced;
//!
//! fn send<M>(conn: &mut Conn<Secured>, job: &Job<Enforced, M>) {
//!     let _permit = conn.admit_enforced(job);
//! }
//! ```
//!
//! It cannot be passed off as one that may travel in clear text:
//!
//! ```compile_fail
//! use gatepost_net::conn::{Clear, Conn, Job};
//! use gatepost_policy::tls::Enforced;
//!
//! fn send<M>(conn: &mut Conn<Clear>, job: &Job<Enforced, M>) {
//!     let _permit = conn.admit(job);
//! }
//! ```
//!
//! ```
//! use gatepost_net::conn::{Clear, Conn, Job};
//! use gatepost_policy::tls::Opportunistic;
//!
//! fn send<M>(conn: &mut Conn<Clear>, job: &Job<Opportunistic, M>) {
//!     let _permit = conn.admit(job);
//! }
//! ```
//!
//! And nobody makes an [`Opportunistic`](gatepost_policy::tls::Opportunistic) by hand:
//!
//! ```compile_fail
//! use gatepost_net::conn::Job;
//! use gatepost_policy::tls::{Opportunistic, Preference};
//!
//! let job = Job::new(Opportunistic { preference: Preference::Try }, "message");
//! ```
//!
//! ```
//! use gatepost_net::conn::Job;
//! use gatepost_policy::tls::{
//!     NextHop, PlanInput, Requirement, TlsPolicies, UnknownLevel, plan,
//! };
//! use gatepost_wire::{address::AddressDomain, timestamp::Timestamp};
//!
//! let host = NextHop::mx("mx.d.test".into(), 25, 10);
//! let input = PlanInput {
//!     demands: &[],
//!     unknown: UnknownLevel::Require,
//!     hosts: &[host],
//!     domain: &AddressDomain::parse("d.test").unwrap(),
//!     policies: &TlsPolicies::default(),
//!     now: Timestamp::from_millis(0),
//! };
//! for (_host, requirement) in plan(input)?.attempts {
//!     if let Requirement::Opportunistic(requirement) = requirement {
//!         let _job = Job::new(requirement, "message");
//!     }
//! }
//! # Ok::<(), gatepost_policy::tls::Broken>(())
//! ```

pub mod auth;
pub mod conn;
pub mod dial;
pub mod dns;
pub mod failure;
pub mod http;
mod io;
pub mod listen;
pub mod tls;
