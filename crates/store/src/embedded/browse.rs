//! Lists for people, a page at a time, along the keys of the tables: no index is kept for them.
//!
//! A walk looks at rows until the page is full, the table ends or [`PATIENCE`] is over; the mark
//! is then that of the last row that was looked at.

mod attempts;
mod history;
mod quarantine;
mod queue;

use std::time::Duration;

use async_trait::async_trait;
use gatepost_policy::id::{EntryId, MessageId};
use gatepost_wire::timestamp::Timestamp;
use rusqlite::{Connection, params};

use super::{Embedded, core::Core};
use crate::{
    browse::{
        AttemptLine, Browse, COUNTED, HOUR, HistoryLine, HistorySearch, Listed, PATIENCE,
        QueueMark, Refusal, Wanted, minted,
    },
    clock::Clock,
    error::StoreError,
    ledger::Mark,
    shape::{By, Shape},
    view::{QuarantineEntry, QueueEntry, Search, Selection},
};

/// Rows between two looks at the clock.
const ROWS: u32 = 64;

/// How long a walk may go on.
struct Budget<'c> {
    clock: &'c dyn Clock,
    until: Duration,
    rows: u32,
}

impl<'c> Budget<'c> {
    fn new(core: &'c Core) -> Self {
        let clock = core.options.clock.as_ref();
        Self { clock, until: clock.monotonic().saturating_add(PATIENCE), rows: 0 }
    }

    /// Counts a row that was looked at. Gives whether no other is to be looked at.
    fn is_spent(&mut self) -> bool {
        self.rows = self.rows.wrapping_add(1);
        self.rows.is_multiple_of(ROWS) && self.clock.monotonic() >= self.until
    }
}

#[async_trait]
impl Browse for Embedded {
    async fn browse_attempts(
        &self,
        search: &Search,
        page: Wanted<Mark>,
    ) -> Result<Listed<AttemptLine, Mark>, StoreError> {
        let (search, core) = (search.clone(), std::sync::Arc::clone(&self.core));
        self.core
            .read(move |connection| {
                attempts::list(connection, &mut Budget::new(&core), &search, page)
            })
            .await
    }

    async fn browse_history(
        &self,
        search: &HistorySearch,
        page: Wanted<MessageId>,
    ) -> Result<Listed<HistoryLine, MessageId>, StoreError> {
        let (search, core) = (search.clone(), std::sync::Arc::clone(&self.core));
        let in_hand = self.in_hand().await;
        self.core
            .read(move |connection| history::list(connection, &core, &in_hand, &search, page))
            .await
    }

    async fn browse_queue(
        &self,
        selection: &Selection,
        page: Wanted<QueueMark>,
    ) -> Result<Listed<QueueEntry, QueueMark>, StoreError> {
        let (selection, core) = (selection.clone(), std::sync::Arc::clone(&self.core));
        let in_hand = self.in_hand().await;
        self.core
            .read(move |connection| queue::list(connection, &core, &in_hand, &selection, page))
            .await
    }

    async fn browse_quarantine(
        &self,
        text: Option<&str>,
        page: Wanted<EntryId>,
    ) -> Result<Listed<QuarantineEntry, EntryId>, StoreError> {
        let (text, core) = (text.map(ToOwned::to_owned), std::sync::Arc::clone(&self.core));
        self.core
            .read(move |connection| {
                quarantine::list(connection, &mut Budget::new(&core), text.as_deref(), page)
            })
            .await
    }

    async fn queue_shape(&self, selection: &Selection, by: By) -> Result<Shape, StoreError> {
        let (selection, core) = (selection.clone(), std::sync::Arc::clone(&self.core));
        let in_hand = self.in_hand().await;
        self.core
            .read(move |connection| queue::shape(connection, &core, &in_hand, &selection, by))
            .await
    }

    async fn refusals(&self) -> Result<Vec<Refusal>, StoreError> {
        self.core.read(queue::refusals).await
    }

    async fn received(&self, since: Timestamp) -> Result<Vec<(Timestamp, u64)>, StoreError> {
        let from = history::moment(since.millis().saturating_sub(HOUR));
        self.core
            .read(move |connection| {
                let mut statement = connection.prepare_cached(
                    "SELECT at / ?3, count(*) FROM message WHERE id >= ?1 AND at >= ?2
                     GROUP BY 1 ORDER BY 1",
                )?;
                let found = statement.query_map(params![from, since.millis(), HOUR], |row| {
                    let (hour, count): (i64, u32) = (row.get(0)?, row.get(1)?);
                    Ok((Timestamp::from_millis(hour.saturating_mul(HOUR)), u64::from(count)))
                })?;
                Ok(found.collect::<Result<Vec<_>, _>>()?)
            })
            .await
    }

    async fn oldest_waiting(&self) -> Result<Option<Timestamp>, StoreError> {
        self.core
            .read(|connection| {
                let first: Option<[u8; 16]> =
                    connection.query_row("SELECT min(message) FROM copy", [], |row| row.get(0))?;
                Ok(first.map(|bytes| minted(ulid::Ulid::from_bytes(bytes))))
            })
            .await
    }
}

/// How many rows a table has, if that is cheap to know.
fn count(connection: &Connection, table: &str) -> Result<Option<u64>, StoreError> {
    let sql = format!("SELECT count(*) FROM (SELECT 1 FROM {table} LIMIT ?1)");
    let rows: u32 = connection
        .prepare_cached(&sql)?
        .query_row([COUNTED.saturating_add(1)], |row| row.get(0))?;
    Ok((rows <= COUNTED).then_some(u64::from(rows)))
}

/// How many recipients wait, at the domain of a selection or in all.
pub(super) fn count_waiting(
    connection: &Connection,
    selection: &Selection,
) -> Result<usize, StoreError> {
    let mut all = 0_usize;
    queue::each_copy(connection, selection.domain(), |_, _, count| {
        all = all.saturating_add(count);
    })?;
    Ok(all)
}
