//! How often rules match: counted at once, written into the store every few seconds.
//!
//! Counting takes a lock for a moment and waits for nothing. What could not be written stays and is written with
//! what comes next, so a count is late rather than lost; a crash costs the last seconds of it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use gatepost_policy::direction::Matched;
use gatepost_store::{Clock, Hit, Rulebook};
use tokio_util::sync::CancellationToken;

use crate::supervise::Group;

/// Between two writes.
const EVERY: Duration = Duration::from_secs(3);

/// One hour in milliseconds: counts are kept by the hour.
const HOUR: i64 = 3_600_000;

/// Matches that are not written yet.
#[derive(Clone)]
pub(super) struct HitCounter {
    counts: Arc<Mutex<Counts>>,
    clock: Arc<dyn Clock>,
}

/// By rule and hour.
type Counts = HashMap<(Matched, i64), Hit>;

impl HitCounter {
    /// A counter whose task runs in `group`, and writes what it has when that stops.
    pub(super) fn start(rulebook: Arc<dyn Rulebook>, clock: Arc<dyn Clock>, group: &Group) -> Self {
        let counter = Self { counts: Arc::default(), clock };
        group.tracker.spawn(counter.clone().write(rulebook, group.stop.clone()));
        counter
    }

    /// Counts that a rule matched for so many recipients of a message.
    pub(super) fn count(&self, matched: &Matched, recipients: usize) {
        let last = self.clock.now();
        let Matched { rule, shadow } = matched.clone();
        let count = u64::try_from(recipients).unwrap_or(u64::MAX);
        self.add(Hit { rule, shadow, count, last });
    }

    fn add(&self, hit: Hit) {
        let matched = Matched { rule: hit.rule.clone(), shadow: hit.shadow };
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        counts
            .entry((matched, hit.last.millis().div_euclid(HOUR)))
            .and_modify(|held| {
                held.count = held.count.saturating_add(hit.count);
                held.last = held.last.max(hit.last);
            })
            .or_insert(hit);
    }

    async fn write(self, rulebook: Arc<dyn Rulebook>, stop: CancellationToken) {
        loop {
            let stopped = stop
                .run_until_cancelled(self.clock.sleep_until(self.clock.now().plus(EVERY)))
                .await
                .is_none();
            self.flush(rulebook.as_ref()).await;
            if stopped {
                return;
            }
        }
    }

    async fn flush(&self, rulebook: &dyn Rulebook) {
        let counts =
            std::mem::take(&mut *self.counts.lock().unwrap_or_else(PoisonError::into_inner));
        if counts.is_empty() {
            return;
        }
        let hits: Vec<Hit> = counts.into_values().collect();
        if let Err(why) = rulebook.count_hits(hits.clone()).await {
            tracing::warn!(cause = %crate::cli::chain(&why), "matches of rules are not counted yet");
            hits.into_iter().for_each(|hit| self.add(hit));
        }
    }
}

#[cfg(test)]
mod tests {
    use async_trait::async_trait;
    use gatepost_policy::document::{PolicyDocument, Profile};
    use gatepost_store::memory::Memory;
    use gatepost_store::{
        Author, HitCount, Hits, Ids, ManualClock, Named, Settings as _, StoreError, Unhealthy,
    };
    use gatepost_wire::timestamp::Timestamp;

    use super::*;

    fn matched(shadow: bool) -> Matched {
        Matched { rule: "Enforce".to_owned(), shadow }
    }

    async fn store(clock: &Arc<ManualClock>) -> Memory {
        let store = Memory::new(Profile::Standard, Arc::clone(clock) as _);
        let text = "[[rule]]\nname = \"Enforce\"\n";
        let document = PolicyDocument::parse_toml(text, "policy.toml").unwrap().document;
        store.commit_renamed(None, &document, &[], &Author::new("root", None)).await.unwrap();
        store
    }

    async fn counted(store: &Memory, now: Timestamp) -> Hits {
        let id = store.ids().await.unwrap().of(Named::Rule, "Enforce").unwrap().to_string();
        store.hits(now).await.unwrap().remove(&id).unwrap_or_default()
    }

    #[tokio::test]
    async fn matches_are_written_by_rule_and_hour_and_at_the_end() {
        let clock = Arc::new(ManualClock::new(Timestamp::from_millis(1_795_489_200_000)));
        let store = store(&clock).await;
        let group = Group::default();
        let counter = HitCounter::start(Arc::new(store.clone()), Arc::clone(&clock) as _, &group);
        counter.count(&matched(false), 3);
        counter.count(&matched(true), 1);
        clock.advance(Duration::from_secs(25 * 3600));
        let late = clock.now();
        counter.count(&matched(false), 2);
        group.stop.cancel();
        group.tracker.close();
        group.tracker.wait().await;
        let hits = counted(&store, late).await;
        assert_eq!(hits.live, HitCount { total: 5, last_24h: 2, last_at: Some(late) });
        assert_eq!((hits.shadow.total, hits.shadow.last_24h), (1, 0));
    }

    /// A store that cannot be written.
    struct Broken;

    #[async_trait]
    impl Rulebook for Broken {
        async fn ids(&self) -> Result<Ids, StoreError> {
            Ok(Ids::default())
        }

        async fn count_hits(&self, _hits: Vec<Hit>) -> Result<(), StoreError> {
            Err(Unhealthy::Fault { what: "the disk".to_owned() }.into())
        }

        async fn hits(&self, _now: Timestamp) -> Result<HashMap<String, Hits>, StoreError> {
            Ok(HashMap::new())
        }
    }

    #[tokio::test]
    async fn what_could_not_be_written_is_written_later() {
        let clock = Arc::new(ManualClock::new(Timestamp::from_millis(1_795_489_200_000)));
        let store = store(&clock).await;
        let counter = HitCounter { counts: Arc::default(), clock: Arc::clone(&clock) as _ };
        counter.count(&matched(false), 3);
        counter.flush(&Broken).await;
        counter.count(&matched(false), 4);
        counter.flush(&store).await;
        counter.flush(&store).await;
        assert_eq!(counted(&store, clock.now()).await.live.total, 7);
    }
}
