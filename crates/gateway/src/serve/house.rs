//! What the API needs of the gateway and cannot do itself.

use std::sync::Arc;

use async_trait::async_trait;
use gatepost_deliver::probe::{Parts, Prober};
use gatepost_net::dns::Resolver;
use gatepost_policy::retry::Lifetime;
use gatepost_policy::tls::Level;
use gatepost_store::embedded::Embedded;
use gatepost_store::{Clock, Order, StoreError, Waiting};
use gatepost_web::{Outside, Probed};
use gatepost_wire::address::AddressDomain;

use super::secrets::PasswordFiles;
use super::settings;
use crate::reevaluate::Court;

/// Domains that are probed at once.
const PARALLEL: usize = 16;

/// The gateway, as the API knows it.
pub(crate) struct House {
    shared: Arc<super::Shared>,
    store: Embedded,
    resolver: Arc<dyn Resolver>,
    clock: Arc<dyn Clock>,
}

impl House {
    /// The gateway of these parts.
    pub(super) fn new(
        shared: &Arc<super::Shared>,
        store: &Embedded,
        resolver: &Arc<dyn Resolver>,
        clock: &Arc<dyn Clock>,
    ) -> Self {
        Self {
            shared: Arc::clone(shared),
            store: store.clone(),
            resolver: Arc::clone(resolver),
            clock: Arc::clone(clock),
        }
    }
}

#[async_trait]
impl Outside for House {
    fn hostname(&self) -> String {
        self.shared.config.load().hostname.to_string()
    }

    fn lifetime(&self) -> Lifetime {
        settings::lifetime(&self.shared.config.load())
    }

    async fn judge(&self, waiting: &[Waiting]) -> Result<Order, StoreError> {
        let snapshot = self.shared.snapshot.load_full();
        let now = self.clock.now();
        let expires = now.plus(self.shared.config.load().retention.quarantine);
        let court = Court { store: &self.store, snapshot: &snapshot, now, expires };
        Ok(court.judge(waiting).await?.order(snapshot.revision))
    }

    async fn probe(
        &self,
        domains: Vec<AddressDomain>,
        level: Level,
    ) -> Result<Vec<Probed>, String> {
        let config = self.shared.config.load_full();
        let parts = Parts {
            resolver: Arc::clone(&self.resolver),
            connector: self.shared.connector.load().as_ref().clone(),
            snapshot: self.shared.snapshot.load_full(),
            settings: self.shared.delivery.load().as_ref().clone(),
            secrets: Arc::new(PasswordFiles::of(&config)),
            clock: Arc::clone(&self.clock),
        };
        let prober = Prober::new(parts, level, PARALLEL).map_err(|why| why.to_string())?;
        let count = domains.len();
        let mut probing = prober.probe(domains);
        let mut probed = Vec::with_capacity(count);
        while let Some((place, report)) = probing.next().await {
            let record = serde_json::to_value(&report).map_err(|why| why.to_string())?;
            probed.push((place, Probed { domain: report.domain, at: report.at, record }));
        }
        if probed.len() < count {
            return Err(format!("{} of {count} domains could not be probed", count - probed.len()));
        }
        probed.sort_by_key(|(place, _)| *place);
        Ok(probed.into_iter().map(|(_, one)| one).collect())
    }
}
