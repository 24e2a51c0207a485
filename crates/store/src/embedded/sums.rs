//! The sums over attempts as they are kept: written in the transaction of the attempts, and so never apart from them,
//! whoever writes and however a process ends.
//!
//! A transaction gathers first and writes once, so that a thousand attempts at a domain cost one row. The sums of a
//! day go when the last attempt of that day, or an older one, is gone.

use std::collections::{BTreeMap, HashMap};

use gatepost_policy::evidence::Attempt;
use gatepost_wire::timestamp::Timestamp;
use rusqlite::{Connection, Transaction, params};

use super::rows;
use crate::{
    error::StoreError,
    sums::{Count, DAY, DaySums, HOUR, HourSums, Kind, begin},
};

/// What the attempts of a transaction add to the sums.
#[derive(Default)]
pub(super) struct Gathered {
    days: HashMap<(i64, String, Kind), Count>,
    hours: HashMap<(i64, Kind), u64>,
}

impl Gathered {
    pub(super) fn add(&mut self, domain: &str, attempt: &Attempt) {
        let (kind, at) = (Kind::of(attempt), attempt.at);
        let hour = self.hours.entry((begin(at, HOUR), kind.clone())).or_insert(0);
        *hour = hour.saturating_add(1);
        self.days
            .entry((begin(at, DAY), domain.to_owned(), kind))
            .and_modify(|count| {
                count.count = count.count.saturating_add(1);
                count.first = count.first.min(at);
                count.last = count.last.max(at);
            })
            .or_insert_with(|| Count::one(at));
    }

    /// Writes it down, and has nothing then.
    pub(super) fn put_down(&mut self, connection: &Connection) -> Result<(), StoreError> {
        if self.days.is_empty() {
            return Ok(());
        }
        let mut kinds = HashMap::new();
        for ((day, domain, kind), Count { count, first, last }) in self.days.drain() {
            let kind = kind_id(connection, &mut kinds, kind)?;
            connection
                .prepare_cached(
                    "INSERT INTO sum_day (day, domain, kind, count, first, last)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6)
                     ON CONFLICT (day, domain, kind) DO UPDATE SET count = count + excluded.count,
                         first = min(first, excluded.first), last = max(last, excluded.last)",
                )?
                .execute(params![
                    day,
                    domain,
                    kind,
                    rows::signed(count),
                    first.millis(),
                    last.millis()
                ])?;
        }
        for ((hour, kind), count) in self.hours.drain() {
            let kind = kind_id(connection, &mut kinds, kind)?;
            connection
                .prepare_cached(
                    "INSERT INTO sum_hour (hour, kind, count) VALUES (?1, ?2, ?3)
                     ON CONFLICT (hour, kind) DO UPDATE SET count = count + excluded.count",
                )?
                .execute(params![hour, kind, rows::signed(count)])?;
        }
        Ok(())
    }
}

/// The number of a kind; one that is new gets one.
fn kind_id(
    connection: &Connection,
    known: &mut HashMap<Kind, i64>,
    kind: Kind,
) -> Result<i64, StoreError> {
    if let Some(id) = known.get(&kind) {
        return Ok(*id);
    }
    let json = serde_json::to_string(&kind)?;
    connection
        .prepare_cached("INSERT INTO sum_kind (json) VALUES (?1) ON CONFLICT (json) DO NOTHING")?
        .execute([&json])?;
    let id = connection
        .prepare_cached("SELECT id FROM sum_kind WHERE json = ?1")?
        .query_row([&json], |row| row.get(0))?;
    known.insert(kind, id);
    Ok(id)
}

/// Sums up what was written before there were sums.
pub(super) fn begin_with(transaction: &Transaction<'_>) -> Result<(), StoreError> {
    let mut gathered = Gathered::default();
    let mut statement = transaction.prepare("SELECT at, domain, json FROM attempt")?;
    let mut found = statement.query([])?;
    while let Some(row) = found.next()? {
        let (at, domain, json): (i64, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
        // One that cannot be understood is in no report.
        let Ok(attempt) = serde_json::from_str::<Attempt>(&json) else { continue };
        // JSON drops the fraction of a second.
        gathered.add(&domain, &Attempt { at: Timestamp::from_millis(at), ..attempt });
    }
    gathered.put_down(transaction)
}

/// Forgets days and hours that no attempt is left of.
pub(super) fn prune(connection: &Connection) -> Result<(), StoreError> {
    let oldest: Option<i64> =
        connection.query_row("SELECT min(at) FROM attempt", [], |row| row.get(0))?;
    let from = begin(Timestamp::from_millis(oldest.unwrap_or(i64::MAX)), DAY);
    connection.execute("DELETE FROM sum_day WHERE day < ?1", [from])?;
    connection.execute("DELETE FROM sum_hour WHERE hour < ?1", [from])?;
    Ok(())
}

/// The kinds by their numbers.
fn kinds(connection: &Connection) -> Result<HashMap<i64, Kind>, StoreError> {
    let mut statement = connection.prepare_cached("SELECT id, json FROM sum_kind")?;
    let mut found = statement.query([])?;
    let mut kinds = HashMap::new();
    while let Some(row) = found.next()? {
        let json: String = row.get(1)?;
        kinds.insert(row.get(0)?, serde_json::from_str(&json)?);
    }
    Ok(kinds)
}

/// The sums of days from `first` to `last`, both included, by day and domain.
pub(super) fn days(
    connection: &Connection,
    (first, last): (i64, i64),
    domain: Option<&str>,
) -> Result<Vec<DaySums>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT day, domain, kind, count, first, last FROM sum_day
         WHERE day >= ?1 AND day <= ?2 AND (?3 IS NULL OR domain = ?3) ORDER BY day, domain",
    )?;
    let kinds = kinds(connection)?;
    let mut found = statement.query(params![first, last, domain])?;
    let mut days: Vec<DaySums> = Vec::new();
    while let Some(row) = found.next()? {
        let (day, kind, count): (i64, i64, i64) = (row.get(0)?, row.get(2)?, row.get(3)?);
        let Some(kind) = kinds.get(&kind) else { continue };
        let count = Count {
            count: rows::unsigned(count),
            first: Timestamp::from_millis(row.get(4)?),
            last: Timestamp::from_millis(row.get(5)?),
        };
        let name = row.get_ref(1)?.as_str().unwrap_or_default();
        let is_next = days.last().is_none_or(|l| l.day.millis() != day || l.domain != name);
        if is_next {
            days.push(DaySums::new(day, name.to_owned()));
        }
        if let Some(sums) = days.last_mut() {
            sums.add(kind, count);
        }
    }
    Ok(days)
}

/// The sums of hours from `first` on, by the hour's beginning.
pub(super) fn hours(
    connection: &Connection,
    first: i64,
) -> Result<BTreeMap<Timestamp, HourSums>, StoreError> {
    let mut statement = connection
        .prepare_cached("SELECT hour, kind, count FROM sum_hour WHERE hour >= ?1 ORDER BY hour")?;
    let kinds = kinds(connection)?;
    let mut found = statement.query([first])?;
    let mut hours: BTreeMap<Timestamp, HourSums> = BTreeMap::new();
    while let Some(row) = found.next()? {
        let (hour, kind, count): (i64, i64, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
        if let Some(kind) = kinds.get(&kind) {
            hours.entry(Timestamp::from_millis(hour)).or_default().add(kind, rows::unsigned(count));
        }
    }
    Ok(hours)
}
