//! Who knows whether a client is who it says it is. Accounts are not this crate's business: whoever composes the gateway says where
//! they are.

use std::net::IpAddr;

use async_trait::async_trait;
use gatepost_wire::secret::Secret;

/// Judges names and passwords (RFC 4954).
#[async_trait]
pub trait Authenticate: Send + Sync {
    /// Whether there is an account of that name for clients with that password. `client` is counted with: an account or an address that
    /// guesses is held off for a while.
    async fn check(&self, name: &str, password: &Secret, client: IpAddr) -> Login;
}

/// What came of it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Login {
    /// The client is that account (235 2.7.0).
    Granted {
        /// Its name as the account has it, for history.
        account: String,
    },
    /// It is not, and which of the two is wrong is not said (535 5.7.8).
    Refused,
    /// It cannot be told at present, or may not be asked at present (454 4.7.0).
    Undecided {
        /// Why, for the log.
        why: String,
    },
}

impl Login {
    /// A word for it, for metrics: `granted`, `refused` or `undecided`.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Granted { .. } => "granted",
            Self::Refused => "refused",
            Self::Undecided { .. } => "undecided",
        }
    }
}
