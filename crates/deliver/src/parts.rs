//! What the engine and its workers are handed: the seams to everything outside
//! this crate, each of them shared.

use std::sync::Arc;

use arc_swap::ArcSwap;
use gatepost_net::{auth::Password, dns::Resolver, tls::Connector};
use gatepost_policy::snapshot::Snapshot;
use gatepost_store::{Clock, Dispatch, Enqueue};

use crate::{alert::Alerts, observe::Observe, settings::DeliverySettings};

/// What the engine works with.
pub struct Parts {
    /// Where the mail is.
    pub dispatch: Arc<dyn Dispatch>,
    /// Mints ids for reports.
    pub enqueue: Arc<dyn Enqueue>,
    /// Looks hosts up.
    pub resolver: Arc<dyn Resolver>,
    /// Does handshakes.
    pub connector: Arc<ArcSwap<Connector>>,
    /// The policy.
    pub snapshot: Arc<ArcSwap<Snapshot>>,
    /// The settings.
    pub settings: Arc<ArcSwap<DeliverySettings>>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Who keeps count.
    pub observe: Arc<dyn Observe>,
    /// Passwords for logins at smart hosts.
    pub secrets: Arc<dyn Secrets>,
    /// What administrators have been told.
    pub alerts: Arc<Alerts>,
}

/// Where passwords are kept. They are asked for at each login, so that a changed one
/// is used at once.
pub trait Secrets: Send + Sync {
    /// The password in a file that the policy names.
    ///
    /// # Errors
    /// What is wrong with the file, for people. The message waits with 4.3.5.
    fn password(&self, file: &str) -> Result<Password, String>;
}
