//! Ids by name, a row each; counts by hour and rule, and their sums.

use std::collections::HashMap;

use async_trait::async_trait;
use gatepost_policy::document::PolicyDocument;
use gatepost_wire::timestamp::Timestamp;
use rusqlite::{Connection, params};
use ulid::Ulid;

use super::{
    Embedded,
    rows::{self, signed, unsigned},
};
use crate::{
    error::StoreError,
    intake,
    rulebook::{self, Hit, Hits, Ids, Named, Renamed, Rulebook},
};

/// Counts by the hour that are old enough to go.
pub(super) const OLD_HITS: &str = "DELETE FROM rule_hit WHERE (hour, rule, shadow) IN (
    SELECT hour, rule, shadow FROM rule_hit WHERE hour < ?1 ORDER BY hour LIMIT ?2)";

#[async_trait]
impl Rulebook for Embedded {
    async fn ids(&self) -> Result<Ids, StoreError> {
        self.core.read(ids).await
    }

    async fn count_hits(&self, hits: Vec<Hit>) -> Result<(), StoreError> {
        self.act(move |connection, _| {
            let ids = ids(connection)?;
            hits.iter().try_for_each(|hit| count(connection, &ids, hit))?;
            Ok(((), Vec::new()))
        })
        .await
    }

    async fn hits(&self, now: Timestamp) -> Result<HashMap<String, Hits>, StoreError> {
        self.core.read(move |connection| sums(connection, now)).await
    }
}

/// The id of every name.
fn ids(connection: &Connection) -> Result<Ids, StoreError> {
    let mut statement = connection.prepare_cached("SELECT kind, name, id FROM policy_id")?;
    let mut found = statement.query([])?;
    let mut ids = Ids::default();
    while let Some(row) = found.next()? {
        let kind: String = row.get(0)?;
        let Some(what) =
            [Named::Rule, Named::RuleData].into_iter().find(|named| named.word() == kind)
        else {
            continue;
        };
        let id: [u8; 16] = row.get(2)?;
        ids.insert(what, row.get(1)?, Ulid::from_bytes(id));
    }
    Ok(ids)
}

/// Gives an id to each name of a document that has none, after what was renamed.
pub(super) fn follow(
    connection: &Connection,
    document: &PolicyDocument,
    renamed: &[Renamed],
    now: Timestamp,
) -> Result<(), StoreError> {
    for Renamed { what, from, to } in renamed {
        connection
            .prepare_cached(
                "UPDATE OR REPLACE policy_id SET name = ?3 WHERE kind = ?1 AND name = ?2",
            )?
            .execute(params![what.word(), rulebook::key(from), rulebook::key(to)])?;
    }
    for (what, name) in ids(connection)?.missing(document) {
        // A document that was not checked may have a name twice.
        connection
            .prepare_cached("INSERT OR IGNORE INTO policy_id (kind, name, id) VALUES (?1, ?2, ?3)")?
            .execute(params![what.word(), name, rows::blob(intake::mint_at(now))])?;
    }
    Ok(())
}

fn count(connection: &Connection, ids: &Ids, hit: &Hit) -> Result<(), StoreError> {
    let Hit { rule, shadow, count, last } = hit;
    let Some(rule) = ids.counted(rule) else { return Ok(()) };
    connection
        .prepare_cached(
            "INSERT INTO rule_hit (hour, rule, shadow, count) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT DO UPDATE SET count = count + excluded.count",
        )?
        .execute(params![rulebook::hour(*last), rule, shadow, signed(*count)])?;
    connection
        .prepare_cached(
            "INSERT INTO rule_total (rule, shadow, count, last) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT DO UPDATE SET count = count + excluded.count, last = max(last, excluded.last)",
        )?
        .execute(params![rule, shadow, signed(*count), last.millis()])?;
    Ok(())
}

fn sums(connection: &Connection, now: Timestamp) -> Result<HashMap<String, Hits>, StoreError> {
    let mut hits: HashMap<String, Hits> = HashMap::new();
    let mut statement =
        connection.prepare_cached("SELECT rule, shadow, count, last FROM rule_total")?;
    let mut found = statement.query([])?;
    while let Some(row) = found.next()? {
        let side = hits.entry(row.get(0)?).or_default().side(row.get(1)?);
        side.total = unsigned(row.get(2)?);
        side.last_at = Some(Timestamp::from_millis(row.get(3)?));
    }
    let mut statement = connection.prepare_cached(
        "SELECT rule, shadow, sum(count) FROM rule_hit WHERE hour >= ?1 GROUP BY rule, shadow",
    )?;
    let mut found = statement.query([rulebook::day_ago(now)])?;
    while let Some(row) = found.next()? {
        hits.entry(row.get(0)?).or_default().side(row.get(1)?).last_24h = unsigned(row.get(2)?);
    }
    Ok(hits)
}
