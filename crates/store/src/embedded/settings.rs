//! The policy and its revisions.
//!
//! The values of Custom Rule Data are stored by the hash of their content, so that
//! moving a rule does not write a list of a million domains again.

use async_trait::async_trait;
use gatepost_policy::document::{PolicyDocument, Profile};
use gatepost_wire::timestamp::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, params};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::{
    Embedded, audit,
    changes::Effect,
    rows::{signed, unsigned},
    rulebook,
};
use crate::{
    audit::{NewAudit, policy_changes},
    error::StoreError,
    rulebook::Renamed,
    traits::{Settings, SettingsError},
    view::{Author, Committed, Revision, StoredRevision},
};

/// The key under which the document has its sets.
const SETS: &str = "rule_data";

/// The key under which a set has its values, and in the table the hash of them.
const VALUES: &str = "values";

#[async_trait]
impl Settings for Embedded {
    fn head(&self) -> u64 {
        *self.core.head.borrow()
    }

    async fn load(&self, revision: u64) -> Result<Option<StoredRevision>, StoreError> {
        self.core.read(move |connection| load(connection, revision)).await
    }

    async fn history(&self) -> Result<Vec<Revision>, StoreError> {
        self.core
            .read(|connection| {
                let mut statement = connection.prepare_cached(
                    "SELECT number, at, author FROM revision ORDER BY number DESC",
                )?;
                let mut found = statement.query([])?;
                let mut revisions = Vec::new();
                while let Some(row) = found.next()? {
                    let author: String = row.get(2)?;
                    revisions.push(line(row.get(0)?, row.get(1)?, &author)?);
                }
                Ok(revisions)
            })
            .await
    }

    async fn commit_renamed(
        &self,
        base: Option<u64>,
        document: &PolicyDocument,
        renamed: &[Renamed],
        author: &Author,
    ) -> Result<Committed, SettingsError> {
        self.commit_as(Deed::Commit, base, (document, renamed), author).await
    }

    async fn rollback_renamed(
        &self,
        base: Option<u64>,
        to: u64,
        renamed: &[Renamed],
        author: &Author,
    ) -> Result<Committed, SettingsError> {
        let Some(StoredRevision { revision: _, document }) = self.load(to).await? else {
            return Err(SettingsError::NoSuchRevision(to));
        };
        self.commit_as(Deed::BackTo(to), base, (&document, renamed), author).await
    }

    fn profile(&self) -> Profile {
        self.core.profile
    }

    async fn changed_revision(&self, known: u64) -> u64 {
        let mut head = self.core.head.subscribe();
        let found = head.wait_for(|head| *head != known).await.map(|head| *head);
        match found {
            Ok(head) => head,
            // The sender is in the core, which this borrows.
            Err(_) => std::future::pending().await,
        }
    }
}

/// What makes a revision.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Deed {
    /// A new document.
    Commit,
    /// The document of this revision again.
    BackTo(u64),
}

impl Deed {
    /// The entry of the audit log for it: its word, and the revision that was committed or gone back to.
    fn entry(self, made: u64, author: &Author) -> NewAudit {
        let (what, target) = match self {
            Self::Commit => ("policy.commit", made),
            Self::BackTo(to) => ("policy.rollback", to),
        };
        let entry = NewAudit::new(what, author).target(format!("revision {target}"));
        NewAudit { revision: Some(made), ..entry }
    }
}

impl Embedded {
    /// Makes a revision, and its entry of the audit log.
    async fn commit_as(
        &self,
        deed: Deed,
        base: Option<u64>,
        (document, renamed): (&PolicyDocument, &[Renamed]),
        author: &Author,
    ) -> Result<Committed, SettingsError> {
        let (author, document, renamed) = (author.clone(), document.clone(), renamed.to_vec());
        self.act(move |connection, core| {
            let head = head(connection)?;
            if let Some(base) = base
                && base != head
            {
                return Ok((Err(SettingsError::Conflict { base, head }), Vec::new()));
            }
            let held = load(connection, head)?.map(|held| held.document).unwrap_or_default();
            if held == document {
                return Ok((Ok(Committed { revision: head, changed: false }), Vec::new()));
            }
            let revision = head.saturating_add(1);
            let now = core.options.clock.now();
            insert(connection, revision, &document, &author, now)?;
            rulebook::follow(connection, &document, &renamed, now)?;
            let (before, after) = policy_changes(&held, &document)?;
            audit::write(connection, now, deed.entry(revision, &author).change(before, after))?;
            Ok((Ok(Committed { revision, changed: true }), vec![Effect::Head(revision)]))
        })
        .await?
    }
}

/// The revision that holds.
pub(super) fn head(connection: &Connection) -> Result<u64, rusqlite::Error> {
    connection
        .prepare_cached("SELECT coalesce(max(number), 0) FROM revision")?
        .query_row([], |row| row.get(0))
        .map(unsigned)
}

/// Writes a revision.
pub(super) fn insert(
    connection: &Connection,
    revision: u64,
    document: &PolicyDocument,
    author: &Author,
    now: Timestamp,
) -> Result<(), StoreError> {
    let mut json = serde_json::to_value(document)?;
    for values in sets(&mut json) {
        let content = serde_json::to_string(values)?;
        let hash = Sha256::digest(content.as_bytes());
        let hash: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
        connection
            .prepare_cached("INSERT OR IGNORE INTO rule_data (hash, content) VALUES (?1, ?2)")?
            .execute([&hash, &content])?;
        *values = Value::String(hash);
    }
    connection.execute(
        "INSERT INTO revision (number, at, author, document) VALUES (?1, ?2, ?3, ?4)",
        params![signed(revision), now.millis(), serde_json::to_string(author)?, json.to_string()],
    )?;
    Ok(())
}

pub(super) fn load(
    connection: &Connection,
    revision: u64,
) -> Result<Option<StoredRevision>, StoreError> {
    let row = connection
        .prepare_cached("SELECT number, at, author, document FROM revision WHERE number = ?1")?
        .query_row([signed(revision)], |row| {
            let texts: (String, String) = (row.get(2)?, row.get(3)?);
            let numbers: (i64, i64) = (row.get(0)?, row.get(1)?);
            Ok((numbers, texts))
        })
        .optional()?;
    let Some(((number, at), (author, document))) = row else { return Ok(None) };
    let mut json: Value = serde_json::from_str(&document)?;
    for values in sets(&mut json) {
        let content: String = connection
            .prepare_cached("SELECT content FROM rule_data WHERE hash = ?1")?
            .query_row([values.as_str().unwrap_or_default()], |row| row.get(0))?;
        *values = serde_json::from_str(&content)?;
    }
    let revision = line(number, at, &author)?;
    Ok(Some(StoredRevision { revision, document: serde_json::from_value(json)? }))
}

fn line(number: i64, at: i64, author: &str) -> Result<Revision, StoreError> {
    let Author { by, reason, from: _, via: _ } = serde_json::from_str(author)?;
    Ok(Revision { revision: unsigned(number), at: Timestamp::from_millis(at), by, reason })
}

/// The values of every set in a document.
fn sets(document: &mut Value) -> impl Iterator<Item = &mut Value> {
    let sets = document.get_mut(SETS).and_then(Value::as_array_mut);
    sets.into_iter().flatten().filter_map(|set| set.get_mut(VALUES))
}
