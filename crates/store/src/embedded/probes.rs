//! Records of readiness probes, a row each.

use async_trait::async_trait;
use gatepost_wire::timestamp::Timestamp;
use rusqlite::params;
use serde_json::Value;

use super::Embedded;
use crate::{
    error::StoreError,
    probes::{KEPT, KeptProbe, Probes},
};

#[async_trait]
impl Probes for Embedded {
    async fn keep_probe(
        &self,
        domain: &str,
        at: Timestamp,
        record: &Value,
    ) -> Result<(), StoreError> {
        let (domain, json) = (domain.to_owned(), serde_json::to_string(record)?);
        self.act(move |connection, _| {
            connection
                .prepare_cached(
                    "INSERT OR REPLACE INTO probe (domain, at, json) VALUES (?1, ?2, ?3)",
                )?
                .execute(params![domain, at.millis(), json])?;
            connection
                .prepare_cached(
                    "DELETE FROM probe WHERE domain = ?1 AND at < (
                        SELECT min(at) FROM (
                            SELECT at FROM probe WHERE domain = ?1 ORDER BY at DESC LIMIT ?2))",
                )?
                .execute(params![domain, i64::try_from(KEPT).unwrap_or(i64::MAX)])?;
            Ok(((), Vec::new()))
        })
        .await
    }

    async fn probes(&self, domain: Option<&str>) -> Result<Vec<KeptProbe>, StoreError> {
        let domain = domain.map(str::to_lowercase);
        self.core
            .read(move |connection| {
                let mut statement = connection.prepare_cached(
                    "SELECT domain, at, json FROM probe AS p
                     WHERE domain = ?1 OR (?1 IS NULL AND at = (
                        SELECT max(at) FROM probe WHERE domain = p.domain))
                     ORDER BY at DESC, domain",
                )?;
                let mut found = statement.query([domain])?;
                let mut kept = Vec::new();
                while let Some(row) = found.next()? {
                    let json: String = row.get(2)?;
                    kept.push(KeptProbe {
                        domain: row.get(0)?,
                        at: Timestamp::from_millis(row.get(1)?),
                        record: serde_json::from_str(&json)?,
                    });
                }
                Ok(kept)
            })
            .await
    }
}
