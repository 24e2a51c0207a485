//! What the API needs of the gateway and cannot do itself.

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

/// The rest of the gateway, as this crate knows it.
#[async_trait]
pub trait Outside: Send + Sync {
    /// The name of this gateway, as in its EHLO.
    fn hostname(&self) -> String;

    /// How long mail is kept trying.
    fn lifetime(&self) -> Lifetime;

    /// Judges waiting mail by today's rules: the order that makes it so.
    ///
    /// # Errors
    /// When the store cannot be read.
    async fn judge(&self, waiting: &[Waiting]) -> Result<Order, StoreError>;

    /// Looks what delivery to these domains would do at each level, sending nothing, in their order.
    ///
    /// # Errors
    /// Why nothing can be probed, as a sentence.
    async fn probe(&self, domains: Vec<AddressDomain>, level: Level)
    -> Result<Vec<Probed>, String>;
}
