//! The audit log, a row an entry.
//!
//! A row has the entry as it was hashed and, beside it, what is searched for. Checking
//! the chain compares both, so that a row cannot be hidden from a search either.

use async_trait::async_trait;
use gatepost_wire::timestamp::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::{
    Embedded,
    rows::{signed, unsigned},
    schema,
};
use crate::{
    audit::{
        self, Audit, AuditCheck, AuditEntry, AuditPage, AuditSearch, Chained, NOTHING, NewAudit,
    },
    error::StoreError,
};

/// The number and the hash of the last entry, in the table `meta`.
const HEAD: &str = "audit_head";

/// Writes an entry behind the last one. It belongs to the transaction of what it tells of.
pub(super) fn write(
    connection: &Connection,
    now: Timestamp,
    new: NewAudit,
) -> Result<(), StoreError> {
    let last: Option<(i64, String)> = connection
        .prepare_cached("SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1")?
        .query_row([], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let last = last.map(|(seq, hash)| (unsigned(seq), hash));
    // Where the end was cut off, the log goes on behind what was cut: the hole stays and is found.
    let head = schema::meta(connection, HEAD)?.as_deref().and_then(read_head);
    let (last, previous) = last
        .into_iter()
        .chain(head)
        .max_by_key(|(seq, _)| *seq)
        .unwrap_or_else(|| (0, NOTHING.to_owned()));
    let entry = Chained::new(last.saturating_add(1), now, new);
    let json = serde_json::to_string(&entry)?;
    let hash = audit::hash(&previous, &json);
    connection
        .prepare_cached(
            "INSERT INTO audit (seq, at, author, what, json, hash) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?
        .execute(params![
            signed(entry.seq),
            entry.at.millis(),
            search_key(&entry.by),
            entry.what,
            json,
            hash
        ])?;
    schema::set_meta(connection, HEAD, &head_of(entry.seq, &hash))?;
    Ok(())
}

fn head_of(seq: u64, hash: &str) -> String {
    format!("{seq} {hash}")
}

fn read_head(text: &str) -> Option<(u64, String)> {
    let (seq, hash) = text.split_once(' ')?;
    Some((seq.parse().ok()?, hash.to_owned()))
}

fn search_key(name: &str) -> String {
    name.to_lowercase()
}

#[async_trait]
impl Audit for Embedded {
    async fn entries(
        &self,
        wanted: &AuditSearch,
        before: Option<u64>,
        most: usize,
    ) -> Result<AuditPage, StoreError> {
        let wanted = wanted.clone();
        self.core.read(move |connection| page(connection, &wanted, before, most)).await
    }

    async fn verify(&self) -> Result<AuditCheck, StoreError> {
        self.core
            .read(|connection| {
                // Both are to be of one moment.
                let moment = connection.unchecked_transaction()?;
                let checked = check(&moment);
                drop(moment);
                checked
            })
            .await
    }

    async fn note(&self, entry: NewAudit) -> Result<(), StoreError> {
        self.act(move |connection, core| {
            write(connection, core.options.clock.now(), entry.clone())?;
            Ok(((), Vec::new()))
        })
        .await
    }
}

/// The conditions of a search, as its parameters 1 to 5 have them.
const WANTED: &str = "(?1 IS NULL OR author = ?1)
    AND (?2 IS NULL OR what = ?2 OR what LIKE ?2 || '.%')
    AND (?3 IS NULL OR at >= ?3) AND (?4 IS NULL OR at < ?4)
    AND (?5 IS NULL OR json LIKE ?5 ESCAPE '\\')";

fn page(
    connection: &Connection,
    wanted: &AuditSearch,
    before: Option<u64>,
    most: usize,
) -> Result<AuditPage, StoreError> {
    let AuditSearch { by, what, since, until, text } = wanted;
    let by = by.as_deref().map(search_key);
    let second = |at: Timestamp| audit::second(at).millis();
    let (since, until) = (since.map(second), until.map(second));
    let text = text.as_deref().map(pattern).transpose()?;
    let total = connection
        .prepare_cached(&format!("SELECT count(*) FROM audit WHERE {WANTED}"))?
        .query_row(params![by, what, since, until, text], |row| row.get(0).map(unsigned))?;
    let mut statement = connection.prepare_cached(&format!(
        "SELECT json, hash FROM audit WHERE {WANTED} AND (?6 IS NULL OR seq < ?6)
         ORDER BY seq DESC LIMIT ?7"
    ))?;
    let limit = i64::try_from(most).unwrap_or(i64::MAX);
    let mut found =
        statement.query(params![by, what, since, until, text, before.map(signed), limit])?;
    let mut entries: Vec<AuditEntry> = Vec::new();
    while let Some(row) = found.next()? {
        let (json, hash): (String, String) = (row.get(0)?, row.get(1)?);
        entries.push(serde_json::from_str::<Chained>(&json)?.with(hash));
    }
    let next = if entries.len() < most { None } else { entries.last().map(|entry| entry.seq) };
    Ok(AuditPage { entries, next, total })
}

/// A text as it stands within JSON, anywhere in it.
fn pattern(text: &str) -> Result<String, StoreError> {
    let json = serde_json::to_string(text)?;
    let inner = json.strip_prefix('"').and_then(|json| json.strip_suffix('"')).unwrap_or(&json);
    let mut pattern = String::from("%");
    for c in inner.chars() {
        if matches!(c, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern.push('%');
    Ok(pattern)
}

fn check(connection: &Connection) -> Result<AuditCheck, StoreError> {
    let mut statement = connection
        .prepare_cached("SELECT seq, at, author, what, json, hash FROM audit ORDER BY seq")?;
    let mut found = statement.query([])?;
    let (mut checked, mut head) = (0_u64, NOTHING.to_owned());
    while let Some(row) = found.next()? {
        let next = checked.saturating_add(1);
        match as_written(row, next, &head)? {
            Some(hash) => (checked, head) = (next, hash),
            None => return Ok(AuditCheck { checked, broken_at: Some(next), head }),
        }
    }
    let said = schema::meta(connection, HEAD)?;
    let whole = match said {
        Some(said) => said == head_of(checked, &head),
        None => checked == 0,
    };
    let broken_at = if whole { None } else { Some(checked.saturating_add(1)) };
    Ok(AuditCheck { checked, broken_at, head })
}

/// The hash of a row that is the entry `wanted` and follows `previous`; `None` where it
/// is another, or not as it was written.
fn as_written(
    row: &Row<'_>,
    wanted: u64,
    previous: &str,
) -> Result<Option<String>, rusqlite::Error> {
    let (seq, at): (i64, i64) = (row.get(0)?, row.get(1)?);
    // What was written over may be of any type.
    let texts = (row.get(2), row.get(3), row.get(4), row.get(5));
    let (Ok(author), Ok(what), Ok(json), Ok(hash)) = texts else { return Ok(None) };
    let (author, what, json, hash): (String, String, String, String) = (author, what, json, hash);
    let Ok(entry) = serde_json::from_str::<Chained>(&json) else { return Ok(None) };
    let same = unsigned(seq) == wanted
        && entry.seq == wanted
        && entry.at.millis() == at
        && search_key(&entry.by) == author
        && entry.what == what
        && audit::hash(previous, &json) == hash;
    Ok(same.then_some(hash))
}
