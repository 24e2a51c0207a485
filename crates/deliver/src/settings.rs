//! The settings of the delivery engine, already checked. `gateway` makes them
//! from `[delivery]`; a reload swaps the whole value.

use std::{net::SocketAddr, time::Duration};

use gatepost_net::dial::Timeouts;
use gatepost_policy::retry::{Lifetime, Schedule};
use gatepost_wire::address::Mailbox;

/// What to do with an enforced message whose TLS could not be had (`enforced_failure`).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum EnforcedFailure {
    /// It waits, until `enforced_expire`.
    Defer,
    /// It bounces once every host was tried.
    Bounce,
}

/// What `Try` does after a failed handshake (`try_fallback`).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum TryFallback {
    /// A new connection in clear text, within the same attempt.
    Immediate,
    /// The first attempt waits; clear text is allowed from the second on.
    AfterBackoff,
    /// Never clear text after a failed handshake.
    Never,
}

/// What `Try` does when STARTTLS is answered with 4xx (`try_on_454`).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum TryOn454 {
    /// It goes on in clear text.
    Clear,
    /// The host counts as failed.
    Defer,
}

/// Whether `Try` prefers TLS at a less preferred host (`try_prefer_tls`).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum PreferTls {
    /// No: a host without STARTTLS gets the message in clear text.
    SamePreference,
    /// Yes: clear text comes only after every other host.
    AnyMx,
}

/// What to do with an MX at a private address (`private_addresses`).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum PrivateAddresses {
    /// Skip it, as if it could not be reached.
    Refuse,
    /// Use it.
    Allow,
}

/// The three settings of `Try`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct TrySettings {
    /// After a failed handshake.
    pub fallback: TryFallback,
    /// After a 4xx to STARTTLS.
    pub on_454: TryOn454,
    /// Between hosts.
    pub prefer_tls: PreferTls,
}

/// How many connections, and how long each is used.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Limits {
    /// Connections to all destinations together.
    pub connections: usize,
    /// Connections to one destination with one set of demands.
    pub per_site: usize,
    /// Messages over one connection.
    pub messages_per_connection: u32,
}

/// Everything the engine needs to know.
#[derive(Clone, Debug)]
pub struct DeliverySettings {
    /// The name in EHLO and in DSNs.
    pub hostname: String,
    /// The port of MX hosts.
    pub port: u16,
    /// When to try again.
    pub schedule: Schedule,
    /// When to give up.
    pub lifetime: Lifetime,
    /// What enforced mail does when TLS cannot be had.
    pub enforced_failure: EnforcedFailure,
    /// What opportunistic mail does.
    pub opportunistic: TrySettings,
    /// How many connections.
    pub limits: Limits,
    /// How long each step may take.
    pub timeouts: Timeouts,
    /// Whether private addresses are used.
    pub private_addresses: PrivateAddresses,
    /// How long mail waits before its sender is told that it does. One that is not below
    /// the lifetime never comes.
    pub delay_warning: Duration,
    /// Who gets alerts; `None`: postmaster at the first domain of the policy
    /// ([`gatepost_policy::snapshot::Snapshot::postmaster`]).
    pub postmaster: Option<Mailbox>,
    /// Where this gateway listens itself: mail to there would be a loop.
    pub own_listeners: Vec<SocketAddr>,
}

/// How long a worker stays with a lane that has no mail, while its session waits in the
/// pool: mail that comes meanwhile needs no new look-up.
pub(crate) const LINGER: Duration = Duration::from_secs(2);
