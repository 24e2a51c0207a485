//! What probing a domain's TLS showed, kept with its time.
//!
//! The record itself is the prober's: a store keeps the document and gives it back.
//! Of each domain the newest [`KEPT`] are kept, so that a list that is probed every
//! night takes a bounded place.

use async_trait::async_trait;
use gatepost_wire::timestamp::Timestamp;
use serde_json::Value;

use crate::error::StoreError;

/// Records of one domain that are kept; older ones go when a newer one comes.
pub(crate) const KEPT: usize = 30;

/// One record of a probe.
#[derive(Clone, Debug, PartialEq)]
pub struct KeptProbe {
    /// The domain, as A-label or address literal.
    pub domain: String,
    /// When it was probed.
    pub at: Timestamp,
    /// What was seen.
    pub record: Value,
}

/// Records of readiness probes.
#[async_trait]
pub trait Probes: Send + Sync {
    /// Keeps a record. One of the same domain and moment takes the place of the earlier one.
    ///
    /// # Errors
    /// When it cannot be written.
    async fn keep_probe(
        &self,
        domain: &str,
        at: Timestamp,
        record: &Value,
    ) -> Result<(), StoreError>;

    /// The newest record of every domain; with `domain`, every record of that one.
    /// Newest first.
    ///
    /// # Errors
    /// When the store cannot be read.
    async fn probes(&self, domain: Option<&str>) -> Result<Vec<KeptProbe>, StoreError>;
}
