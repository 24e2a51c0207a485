//! What the API needs of the gateway and cannot do itself.

use std::time::Duration;

use async_trait::async_trait;
use gatepost_policy::retry::Lifetime;
use gatepost_policy::tls::Level;
use gatepost_store::{Order, StoreError, Waiting};
use gatepost_wire::address::AddressDomain;
use gatepost_wire::timestamp::Timestamp;
use serde_json::Value;

/// What a probe of one domain showed.
#[derive(Clone, Debug, PartialEq)]
pub struct Probed {
    /// The domain, as A-label or address literal.
    pub domain: String,
    /// When.
    pub at: Timestamp,
    /// The record, as `tls probe --json` has it.
    pub record: Value,
}

/// A listener for mail.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ListenerFacts {
    /// Its address and port.
    pub address: String,
    /// `off`, `starttls` or `implicit`.
    pub tls: &'static str,
    /// Whether AUTH is offered.
    pub auth: bool,
    /// Whether MAIL is refused before TLS.
    pub require_tls: bool,
}

/// The gateway's own certificate.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct OwnCertificate {
    /// The names in it.
    pub names: Vec<String>,
    /// When it ends.
    pub not_after: Timestamp,
    /// Whether the gateway made it.
    pub self_made: bool,
}

/// The gateway and what it runs on. Nothing of it is secret.
#[derive(Clone, Debug, PartialEq)]
pub struct SystemFacts {
    /// When it was started.
    pub started_at: Timestamp,
    /// Where the store is.
    pub data_dir: String,
    /// Bytes of the disk that are free there, where that can be told.
    pub free_bytes: Option<u64>,
    /// Where mail comes in.
    pub listeners: Vec<ListenerFacts>,
    /// `None` where it cannot be read.
    pub certificate: Option<OwnCertificate>,
    /// Settings in effect, by their names in `gatepost.toml`; durations in seconds, sizes in bytes.
    pub settings: Vec<(&'static str, Value)>,
    /// How many seconds what is kept.
    pub retention: Vec<(&'static str, u64)>,
}

/// The rest of the gateway, as this crate knows it.
#[async_trait]
pub trait Outside: Send + Sync {
    /// The name of this gateway, as in its EHLO.
    fn hostname(&self) -> String;

    /// The gateway and what it runs on.
    fn system(&self) -> SystemFacts;

    /// How long mail is kept trying.
    fn lifetime(&self) -> Lifetime;

    /// Judges waiting mail by today's rules: the order that makes it so.
    ///
    /// # Errors
    /// When the store cannot be read.
    async fn judge(&self, waiting: &[Waiting]) -> Result<Order, StoreError>;

    /// How long one request may probe.
    fn patience(&self) -> Duration {
        Duration::from_secs(120)
    }

    /// Looks what delivery to these domains would do at each level, sending nothing, over so many connections at once.
    /// Each is in `seen` as soon as it is known; dropping what this returns ends the rest.
    ///
    /// # Errors
    /// Why nothing more can be probed, as a sentence.
    async fn probe(
        &self,
        domains: Vec<AddressDomain>,
        level: Level,
        connections: usize,
        seen: &mut Vec<Probed>,
    ) -> Result<(), String>;
}
