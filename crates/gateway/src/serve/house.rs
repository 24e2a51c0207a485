//! What the API needs of the gateway and cannot do itself.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use gatepost_deliver::probe::{Parts, Prober};
use gatepost_net::dns::Resolver;
use gatepost_policy::retry::Lifetime;
use gatepost_policy::tls::Level;
use gatepost_store::embedded::Embedded;
use gatepost_store::{Clock, Order, StoreError, Waiting};
use gatepost_web::{ListenerFacts, Outside, OwnCertificate, Probed, SystemFacts};
use gatepost_wire::address::AddressDomain;
use gatepost_wire::timestamp::Timestamp;
use serde_json::Value;

use super::secrets::PasswordFiles;
use super::settings;
use crate::config::{Config, ListenerTls};
use crate::reevaluate::Court;

/// The gateway, as the API knows it.
pub(crate) struct House {
    shared: Arc<super::Shared>,
    store: Embedded,
    resolver: Arc<dyn Resolver>,
    clock: Arc<dyn Clock>,
    started_at: Timestamp,
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
            started_at: clock.now(),
        }
    }
}

/// Settings that an administrator looks for when mail does not do what was expected.
fn shown(config: &Config) -> Vec<(&'static str, Value)> {
    let (delivery, limits) = (&config.delivery, &config.limits);
    vec![
        ("delivery.command_timeout", delivery.command_timeout.as_secs().into()),
        ("delivery.connect_timeout", delivery.connect_timeout.as_secs().into()),
        ("delivery.connections", delivery.connections.into()),
        ("delivery.connections_per_site", delivery.connections_per_site.into()),
        ("delivery.default_tls_level", delivery.default_tls_level.map(Level::word).into()),
        ("delivery.delay_warning", delivery.delay_warning.as_secs().into()),
        ("delivery.enforced_expire", delivery.enforced_expire.as_secs().into()),
        ("delivery.expire", delivery.expire.as_secs().into()),
        ("delivery.messages_per_connection", delivery.messages_per_connection.into()),
        ("delivery.port", delivery.port.into()),
        ("delivery.retry", delivery.retry.iter().map(Duration::as_secs).collect()),
        ("delivery.tls_timeout", delivery.tls_timeout.as_secs().into()),
        ("dns.servers", config.dns.iter().map(ToString::to_string).collect()),
        ("limits.connections", limits.connections.into()),
        ("limits.connections_per_client", limits.connections_per_client.into()),
        ("limits.message_size", limits.message_size.into()),
        ("limits.recipients", limits.recipients.into()),
        ("postmaster", config.postmaster.as_ref().map(ToString::to_string).into()),
    ]
}

fn listener(listener: &crate::config::Listener) -> ListenerFacts {
    ListenerFacts {
        address: listener.address.to_string(),
        tls: match listener.tls {
            ListenerTls::Off => "off",
            ListenerTls::StartTls => "starttls",
            ListenerTls::Implicit => "implicit",
        },
        auth: listener.auth,
        require_tls: listener.require_tls,
    }
}

#[async_trait]
impl Outside for House {
    fn hostname(&self) -> String {
        self.shared.config.load().hostname.to_string()
    }

    fn system(&self) -> SystemFacts {
        let config = self.shared.config.load_full();
        let certificate = self.shared.certificate.load().facts().map(|facts| OwnCertificate {
            names: facts.names.clone(),
            not_after: facts.not_after,
            self_made: config.certificate.is_none(),
        });
        SystemFacts {
            started_at: self.started_at,
            data_dir: config.data_dir.display().to_string(),
            free_bytes: self.store.free_bytes(),
            listeners: config.listeners.iter().map(listener).collect(),
            certificate,
            settings: shown(&config),
            retention: vec![
                ("evidence", config.retention.evidence.as_secs()),
                ("history", config.retention.history.as_secs()),
                ("quarantine", config.retention.quarantine.as_secs()),
            ],
        }
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
        connections: usize,
        seen: &mut Vec<Probed>,
    ) -> Result<(), String> {
        let config = self.shared.config.load_full();
        let parts = Parts {
            resolver: Arc::clone(&self.resolver),
            connector: self.shared.connector.load().as_ref().clone(),
            snapshot: self.shared.snapshot.load_full(),
            settings: self.shared.delivery.load().as_ref().clone(),
            secrets: Arc::new(PasswordFiles::of(&config)),
            clock: Arc::clone(&self.clock),
        };
        let prober = Prober::new(parts, level, connections).map_err(|why| why.to_string())?;
        let count = domains.len();
        let mut probing = prober.probe(domains);
        while let Some((_, report)) = probing.next().await {
            let record = serde_json::to_value(&report).map_err(|why| why.to_string())?;
            seen.push(Probed { domain: report.domain, at: report.at, record });
        }
        if seen.len() < count {
            return Err(format!("{} of {count} domains could not be probed", count - seen.len()));
        }
        Ok(())
    }
}
