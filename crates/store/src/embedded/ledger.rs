//! Attempts a page at a time, along the key of their table.

use std::collections::BTreeMap;

use async_trait::async_trait;
use gatepost_policy::evidence::Attempt;
use gatepost_wire::timestamp::Timestamp;
use rusqlite::params;

use super::{Embedded, rows, sums};
use crate::{
    error::StoreError,
    ledger::{Ledger, Mark, Page, Stretch},
    sums::{DAY, DaySums, HOUR, HourSums, begin},
};

#[async_trait]
impl Ledger for Embedded {
    async fn attempts(
        &self,
        stretch: &Stretch,
        after: Option<Mark>,
        most: usize,
    ) -> Result<Page, StoreError> {
        let Stretch { since, domain } = stretch.clone();
        let domain = domain.map(|domain| domain.to_lowercase());
        // Where there is no mark, the place before the first row of that moment: no entry sorts before an empty one.
        let from =
            after.map_or_else(|| since.map_or(i64::MIN, Timestamp::millis), |m| m.at.millis());
        let (entry, number) = after.map_or_else(
            || (Vec::new(), -1),
            |mark| (rows::blob(mark.entry.ulid()).to_vec(), i64::from(mark.number)),
        );
        let limit = i64::try_from(most).unwrap_or(i64::MAX);
        self.core
            .read(move |connection| {
                let mut statement = connection.prepare_cached(
                    "SELECT at, entry, number, domain, json FROM attempt
                     WHERE at >= ?1 AND (at, entry, number) > (?1, ?2, ?3)
                       AND (?4 IS NULL OR domain = ?4)
                     ORDER BY at, entry, number LIMIT ?5",
                )?;
                let mut found = statement.query(params![from, entry, number, domain, limit])?;
                let (mut attempts, mut marks) = (Vec::new(), Vec::new());
                while let Some(row) = found.next()? {
                    let at = Timestamp::from_millis(row.get(0)?);
                    marks.push(Mark { at, entry: rows::entry_id(row, 1)?, number: row.get(2)? });
                    let json: String = row.get(4)?;
                    let attempt: Attempt = serde_json::from_str(&json)?;
                    // JSON drops the fraction of a second.
                    attempts.push((row.get(3)?, Attempt { at, ..attempt }));
                }
                let next = if attempts.len() < most { None } else { marks.last().copied() };
                Ok(Page { attempts, marks, next })
            })
            .await
    }

    async fn day_sums(
        &self,
        since: Timestamp,
        until: Timestamp,
        domain: Option<&str>,
    ) -> Result<Vec<DaySums>, StoreError> {
        let domain = domain.map(str::to_lowercase);
        let span = (begin(since, DAY), until.millis());
        self.core.read(move |connection| sums::days(connection, span, domain.as_deref())).await
    }

    async fn hour_sums(
        &self,
        since: Timestamp,
    ) -> Result<BTreeMap<Timestamp, HourSums>, StoreError> {
        self.core.read(move |connection| sums::hours(connection, begin(since, HOUR))).await
    }

    async fn domains_below(&self, parent: &str) -> Result<Vec<String>, StoreError> {
        let suffix = format!(".{}", parent.to_lowercase());
        self.core
            .read(move |connection| {
                let mut statement = connection.prepare_cached(
                    "SELECT DISTINCT domain FROM attempt
                     WHERE substr(domain, -length(?1)) = ?1 ORDER BY domain",
                )?;
                let found = statement.query_map([suffix], |row| row.get(0))?;
                Ok(found.collect::<Result<Vec<String>, _>>()?)
            })
            .await
    }
}
