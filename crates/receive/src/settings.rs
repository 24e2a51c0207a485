//! What a session is set to. A session keeps the settings it began with; a reload is for the next ones.

use std::time::Duration;

use gatepost_net::listen::ServerTls;
use gatepost_wire::{address::Mailbox, server::Limits};

/// Settings that all listeners share.
#[derive(Clone, Debug)]
pub struct ServerSettings {
    /// Our name, in greetings and in `Received`.
    pub hostname: String,
    /// Who mail for `<postmaster>` without a domain goes to. Without one it is `postmaster` at the first domain of ours.
    pub postmaster: Option<Mailbox>,
    /// Limits of a session and of a message.
    pub limits: Limits,
    /// Connections at a time, all listeners together.
    pub connections: usize,
    /// Connections at a time of one client address.
    pub connections_per_client: usize,
    /// How long a quarantined message is kept.
    pub quarantine: Duration,
    /// How long a client may take.
    pub timeouts: Timeouts,
}

impl ServerSettings {
    /// The limits of `interface.md` for a gateway of that name.
    pub fn new(hostname: impl Into<String>) -> Self {
        Self {
            hostname: hostname.into(),
            postmaster: None,
            limits: Limits::default(),
            connections: 2000,
            connections_per_client: 50,
            quarantine: Duration::from_secs(30 * 24 * 3600),
            timeouts: Timeouts::default(),
        }
    }
}

/// How long a client may take (RFC 5321 section 4.5.3.2).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Timeouts {
    /// For a whole command line, however it trickles in.
    pub command: Duration,
    /// For a TLS handshake.
    pub tls: Duration,
    /// For the taking of what we say.
    pub write: Duration,
    /// The stretch of a body within which at least `body_rate` bytes a second have to come.
    pub body_window: Duration,
    /// Bytes a second.
    pub body_rate: u32,
    /// For our own verdict at the end of a message: clients wait ten minutes for it.
    pub end_of_data: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            command: Duration::from_secs(5 * 60),
            tls: Duration::from_secs(60),
            write: Duration::from_secs(5 * 60),
            body_window: Duration::from_secs(3 * 60),
            body_rate: 256,
            end_of_data: Duration::from_secs(10 * 60),
        }
    }
}

/// Settings of one listener.
#[derive(Clone, Debug)]
pub struct ListenerSettings {
    /// TLS on it.
    pub tls: ListenerTls,
    /// Whether mail is refused before TLS (530 5.7.0).
    pub require_tls: bool,
    /// Whether AUTH is offered, where TLS is in use.
    pub auth: bool,
}

/// TLS on a listener.
#[derive(Clone, Debug)]
pub enum ListenerTls {
    /// None.
    Off,
    /// Offered by STARTTLS.
    StartTls(ServerTls),
    /// From the first byte.
    Implicit(ServerTls),
}

impl ListenerTls {
    /// What a session in clear text goes on to.
    pub(crate) const fn starttls(&self) -> Option<&ServerTls> {
        match self {
            Self::StartTls(tls) => Some(tls),
            Self::Off | Self::Implicit(_) => None,
        }
    }

    /// What a session begins with.
    pub(crate) const fn implicit(&self) -> Option<&ServerTls> {
        match self {
            Self::Implicit(tls) => Some(tls),
            Self::Off | Self::StartTls(_) => None,
        }
    }
}
