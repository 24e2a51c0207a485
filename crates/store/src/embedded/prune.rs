//! What has been kept long enough goes, a batch at a time.
//!
//! Evidence goes by whole days, and only days that are signed: it is kept up to a day
//! longer than it has to be, and the chain still verifies over the cut.

use gatepost_policy::id::EntryId;
use gatepost_wire::timestamp::Timestamp;
use rusqlite::params;

use super::{Embedded, changes, quarantine::Fate, rows, rulebook, sums};
use crate::{
    error::StoreError,
    evidence::{Evidence as _, UtcDay},
    rulebook::KEPT,
    view::{Pruned, Retention},
};

/// Messages go only when nothing waits for them any more.
const MESSAGES: &str = "DELETE FROM message WHERE id IN (
    SELECT id FROM message m WHERE m.at < ?1
        AND NOT EXISTS (SELECT 1 FROM copy c WHERE c.message = m.id)
        AND NOT EXISTS (SELECT 1 FROM quarantine q WHERE q.message = m.id)
    LIMIT ?2)";
/// Attempts from before there was a chain.
const UNCHAINED: &str = "DELETE FROM attempt WHERE (at, entry, number) IN (
    SELECT at, entry, number FROM attempt WHERE at < ?1 AND seq IS NULL ORDER BY at LIMIT ?2)";
/// Attempts of the chain, from its beginning, so that what is left has no gap.
const CHAINED: &str = "DELETE FROM attempt WHERE (at, entry, number) IN (
    SELECT at, entry, number FROM attempt WHERE seq < ?1 ORDER BY seq LIMIT ?2)";
const EVENTS: &str =
    "DELETE FROM event WHERE id IN (SELECT id FROM event WHERE at < ?1 ORDER BY id LIMIT ?2)";

impl Embedded {
    pub(super) async fn prune_now(
        &self,
        now: Timestamp,
        keep: Retention,
    ) -> Result<Pruned, StoreError> {
        let Retention { history, evidence } = keep;
        let expired = self
            .core
            .read(move |connection| {
                let mut statement = connection
                    .prepare_cached("SELECT entry FROM quarantine WHERE expires <= ?1")?;
                let found = statement.query_map([now.millis()], |row| rows::entry_id(row, 0))?;
                Ok(found.collect::<Result<Vec<EntryId>, _>>()?)
            })
            .await?;
        let ago = |age: std::time::Duration| {
            let age = i64::try_from(age.as_millis()).unwrap_or(i64::MAX);
            now.millis().saturating_sub(age)
        };
        let hits = self.delete(rulebook::OLD_HITS, ago(KEPT)).await?;
        tracing::trace!(hits, "counts by the hour that were old");
        let quarantined = self.end_entries(&expired, Fate::Expired, None).await?;
        let messages = self.delete(MESSAGES, ago(history)).await?;
        let events = self.delete(EVENTS, ago(evidence)).await?;
        let attempts = self.prune_evidence(now, Timestamp::from_millis(ago(evidence))).await?;
        Ok(Pruned { messages, quarantined, attempts, events })
    }

    async fn prune_evidence(&self, now: Timestamp, oldest: Timestamp) -> Result<usize, StoreError> {
        let unchained = self.delete(UNCHAINED, oldest.millis()).await?;
        if self.core.serving {
            // Only what is signed is cut off: its root is where the rest begins.
            self.close_days(now).await?;
        }
        let cut = self.cut_chain(UtcDay::of(oldest)).await?;
        let chained = self.delete(CHAINED, rows::signed(cut)).await?;
        if chained.saturating_add(unchained) > 0 {
            self.act(|connection, _| Ok((sums::prune(connection)?, Vec::new()))).await?;
        }
        Ok(chained.saturating_add(unchained))
    }

    async fn delete(&self, sql: &'static str, before: i64) -> Result<usize, StoreError> {
        let mut count = 0_usize;
        loop {
            let deleted = self
                .act(move |connection, _| {
                    let deleted = connection.prepare_cached(sql)?.execute(params![
                        before,
                        i64::try_from(changes::BATCH).unwrap_or(i64::MAX)
                    ])?;
                    Ok((deleted, Vec::new()))
                })
                .await?;
            if deleted == 0 {
                return Ok(count);
            }
            count = count.saturating_add(deleted);
        }
    }
}
