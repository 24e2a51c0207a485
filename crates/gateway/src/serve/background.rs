//! What a running gateway does beside mail: it follows the policy, and removes what has been kept long enough.
//!
//! A policy that another process applied is in effect as soon as the store tells of it. One that cannot be used
//! changes nothing: the old one serves on, and the log says why.

use std::sync::Arc;
use std::time::Duration;

use gatepost_policy::document::Spans;
use gatepost_policy::snapshot::Snapshot;
use gatepost_store::embedded::Embedded;
use gatepost_store::evidence::{Evidence as _, UtcDay};
use gatepost_store::{Audit as _, Clock, Doorman, Inspect, Settings, StoreError};

use super::secrets::PasswordFiles;
use super::{Refused, Shared, settings};
use crate::config::Config;
use crate::metrics::Metrics;
use crate::supervise::Group;

/// Between two looks for what has been kept long enough.
const HOUR: Duration = Duration::from_secs(3600);

/// Builds the snapshot of a revision under a configuration.
pub(super) async fn load(
    store: &Embedded,
    config: &Config,
    revision: u64,
) -> Result<Snapshot, Refused> {
    let stored = Settings::load(store, revision).await?;
    let stored = stored.ok_or_else(|| {
        Refused::Configuration(format!("the store has no revision {revision} of the policy"))
    })?;
    let profile = store.profile();
    Snapshot::build(
        revision,
        profile,
        stored.document,
        &Spans::default(),
        settings::tls(config, profile),
    )
    .map_err(Refused::Policy)
}

/// The tasks and what they share.
#[derive(Clone)]
pub(super) struct Background {
    pub(super) store: Embedded,
    pub(super) shared: Arc<Shared>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) metrics: Arc<Metrics>,
    pub(super) doorman: Arc<Doorman>,
}

impl Background {
    pub(super) fn start(self, group: &Group) {
        self.say_what_is_odd();
        group.run(self.clone().follow_policy());
        group.run(self.clone().close_days());
        group.run(self.prune());
    }

    fn say_what_is_odd(&self) {
        let config = self.shared.config.load();
        let snapshot = self.shared.snapshot.load();
        tracing::info!(
            revision = snapshot.revision,
            profile = snapshot.profile.word(),
            "the policy is in effect"
        );
        for remark in settings::remarks(&config, &snapshot) {
            tracing::warn!("{remark}");
        }
        if !snapshot.has_domains() {
            tracing::warn!(
                "no domain is ours, so no inbound mail is taken; add a [[domain]] to the policy"
            );
        }
        if !snapshot.has_sources() {
            tracing::warn!(
                "nobody may send out through this gateway; add an [[outbound_source]] to the policy"
            );
        }
    }

    async fn follow_policy(self) {
        // what was in the store when the gateway was put together may be old by now
        let mut known = self.shared.snapshot.load().revision;
        loop {
            self.store.changed_revision(known).await;
            let _turn = self.shared.turn.lock().await;
            let revision = self.store.head();
            let config = self.shared.config.load_full();
            match load(&self.store, &config, revision).await {
                Ok(snapshot) => {
                    for remark in PasswordFiles::of(&config).remarks(snapshot.smart_hosts()) {
                        tracing::warn!("{remark}");
                    }
                    self.shared.snapshot.store(Arc::new(snapshot));
                    self.metrics.reloaded(true);
                    tracing::info!(revision, "the policy is in effect");
                    known = revision;
                }
                Err(Refused::StoreFailed(why)) => {
                    tracing::error!(revision, cause = %why, "the policy cannot be read; the old one serves on");
                    self.clock.sleep_until(self.clock.now().plus(Duration::from_secs(1))).await;
                }
                Err(why) => {
                    self.metrics.reloaded(false);
                    tracing::error!(revision, cause = %why, "the policy cannot be used; the old one serves on");
                    known = revision;
                }
            }
        }
    }

    /// Signs each day of evidence when it is over.
    async fn close_days(self) {
        loop {
            let now = self.clock.now();
            let next = match self.store.close_days(now).await {
                Ok(closed) => {
                    if closed > 0 {
                        tracing::info!(closed, "days of evidence are closed and signed");
                    }
                    UtcDay::of(now).next().start()
                }
                Err(why) => {
                    tracing::error!(cause = %crate::cli::chain(&why), "the evidence of a day could not be signed");
                    now.plus(Duration::from_secs(60))
                }
            };
            self.clock.sleep_until(next).await;
        }
    }

    async fn prune(self) {
        loop {
            let keep = settings::retention(&self.shared.config.load());
            match self.store.prune(self.clock.now(), keep).await {
                Ok(removed) => tracing::debug!(?removed, "what was kept long enough is removed"),
                Err(why) => say_not_removed(&why),
            }
            if let Some(entry) = self.doorman.unlisted(self.clock.now())
                && let Err(why) = self.store.note(entry).await
            {
                tracing::error!(cause = %crate::cli::chain(&why), "refused logins are not in the audit log");
            }
            self.clock.sleep_until(self.clock.now().plus(HOUR)).await;
        }
    }
}

fn say_not_removed(why: &StoreError) {
    tracing::error!(cause = %crate::cli::chain(why), "what was kept long enough could not be removed");
}
