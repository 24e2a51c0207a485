//! What people see of queue, history and quarantine, and what they do to it.

use async_trait::async_trait;
use gatepost_policy::{evidence::Attempt, id::MessageId};
use gatepost_wire::timestamp::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, params};
use ulid::Ulid;

use super::{
    Embedded,
    core::{Core, locked},
    journal,
    quarantine::{self, Fate},
    rows::{self, MessageRecord},
};
use crate::{
    body::Body,
    claim::{CopyKey, QueuedRecipient},
    error::{Cause, StoreError},
    intake::CopyRecord,
    queue::search_key,
    traits::Inspect,
    view::{
        Author, Counts, EntryState, MessageStory, Pruned, QuarantineEntry, QueueEntry, Retention,
        Search, Selection,
    },
};

#[async_trait]
impl Inspect for Embedded {
    async fn queue_list(&self) -> Result<Vec<QueueEntry>, StoreError> {
        let core = std::sync::Arc::clone(&self.core);
        self.core.read(move |connection| queue(connection, &core, None)).await
    }

    async fn queue_find(&self, id: Ulid) -> Result<Vec<QueueEntry>, StoreError> {
        let core = std::sync::Arc::clone(&self.core);
        self.core
            .read(move |connection| {
                let of_message = queue(connection, &core, Some(MessageId::from_ulid(id)))?;
                if !of_message.is_empty() {
                    return Ok(of_message);
                }
                let mut all = queue(connection, &core, None)?;
                all.retain(|entry| entry.id.ulid() == id);
                Ok(all)
            })
            .await
    }

    async fn retry(
        &self,
        selection: &Selection,
        by: &str,
        reason: Option<&str>,
    ) -> Result<usize, StoreError> {
        self.retry_entries(selection, Author::new(by, reason)).await
    }

    async fn messages_search(&self, search: &Search) -> Result<Vec<Attempt>, StoreError> {
        let search = search.clone();
        self.core.read(move |connection| find_attempts(connection, &search)).await
    }

    async fn message_show(&self, id: MessageId) -> Result<Option<MessageStory>, StoreError> {
        let core = std::sync::Arc::clone(&self.core);
        self.core.read(move |connection| story(connection, &core, id)).await
    }

    async fn message_bytes(&self, id: MessageId) -> Result<Option<Body>, StoreError> {
        let needed =
            self.core.read(move |connection| Ok(rows::references(connection, id)? > 0)).await?;
        if !needed {
            return Ok(None);
        }
        match self.find_body(id).await {
            Ok(Some(body)) => Ok(Some(body)),
            Ok(None) => Err(StoreError::not_applied(Cause::Damaged)),
            Err(error) if matches!(error.cause, Cause::Gone) => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn quarantine_list(&self) -> Result<Vec<QuarantineEntry>, StoreError> {
        self.core.read(quarantine::list).await
    }

    async fn quarantine_find(&self, id: Ulid) -> Result<Vec<QuarantineEntry>, StoreError> {
        let mut all = self.quarantine_list().await?;
        all.retain(|entry| entry.id.ulid() == id || entry.message.ulid() == id);
        Ok(all)
    }

    async fn quarantine_release(
        &self,
        selection: &Selection,
        by: &str,
        reason: Option<&str>,
    ) -> Result<usize, StoreError> {
        self.end_quarantine(selection, Fate::Released, Some(Author::new(by, reason))).await
    }

    async fn quarantine_delete(
        &self,
        selection: &Selection,
        by: &str,
        reason: Option<&str>,
    ) -> Result<usize, StoreError> {
        self.end_quarantine(selection, Fate::Deleted, Some(Author::new(by, reason))).await
    }

    async fn counts(&self) -> Result<Counts, StoreError> {
        let (rows, quarantined) = self
            .core
            .read(|connection| {
                let count = |sql| connection.query_row(sql, [], |row| row.get::<_, u32>(0));
                let count = |sql| count(sql).map(|n| usize::try_from(n).unwrap_or(usize::MAX));
                let copies = count("SELECT count(*) FROM copy WHERE held = 0")?;
                let held = count("SELECT count(*) FROM copy WHERE held = 1")?;
                Ok(((copies, 0, held), count("SELECT count(*) FROM quarantine")?))
            })
            .await?;
        let serving = self.core.serving.then(|| locked(&self.core.index).counts());
        let (waiting, sending, held) = serving.unwrap_or(rows);
        Ok(Counts { waiting, sending, held, quarantined })
    }

    async fn prune(&self, now: Timestamp, keep: Retention) -> Result<Pruned, StoreError> {
        self.prune_now(now, keep).await
    }
}

/// The waiting recipients, of one message or of all.
fn queue(
    connection: &Connection,
    core: &Core,
    message: Option<MessageId>,
) -> Result<Vec<QueueEntry>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT c.message, c.number, c.held, c.json, c.recipients, m.sender
         FROM copy c JOIN message m ON m.id = c.message
         WHERE ?1 IS NULL OR c.message = ?1 ORDER BY c.message, c.number",
    )?;
    let mut found = statement.query([message.map(|id| rows::blob(id.ulid()))])?;
    let mut entries = Vec::new();
    while let Some(row) = found.next()? {
        let key = CopyKey { message: rows::message_id(row, 0)?, number: row.get(1)? };
        let (held, record, recipients, sender): (bool, String, String, String) =
            (row.get(2)?, row.get(3)?, row.get(4)?, row.get(5)?);
        let record: CopyRecord = serde_json::from_str(&record)?;
        let recipients: Vec<QueuedRecipient> = serde_json::from_str(&recipients)?;
        let state = if held {
            EntryState::Held
        } else if locked(&core.index).is_in_hand(key) {
            EntryState::Sending
        } else {
            EntryState::Waiting
        };
        entries.extend(
            recipients
                .iter()
                .map(|recipient| QueueEntry::of((key.message, &sender), &record, state, recipient)),
        );
    }
    Ok(entries)
}

fn find_attempts(connection: &Connection, search: &Search) -> Result<Vec<Attempt>, StoreError> {
    let Search { recipient, domain, outcome, since } = search;
    let mut statement = connection.prepare_cached(
        "SELECT at, json FROM attempt
         WHERE at >= ?1 AND (?2 IS NULL OR recipient = ?2) AND (?3 IS NULL OR domain = ?3)
           AND (?4 IS NULL OR outcome = ?4)
         ORDER BY at, entry, number",
    )?;
    let found = statement.query(params![
        since.map_or(i64::MIN, Timestamp::millis),
        recipient.as_deref().map(search_key),
        domain.as_deref().map(str::to_lowercase),
        outcome.map(gatepost_policy::evidence::Ending::word)
    ])?;
    read_attempts(found)
}

fn read_attempts(mut found: rusqlite::Rows<'_>) -> Result<Vec<Attempt>, StoreError> {
    let mut attempts = Vec::new();
    while let Some(row) = found.next()? {
        let json: String = row.get(1)?;
        let attempt: Attempt = serde_json::from_str(&json)?;
        // JSON drops the fraction of a second.
        attempts.push(Attempt { at: Timestamp::from_millis(row.get(0)?), ..attempt });
    }
    Ok(attempts)
}

fn story(
    connection: &Connection,
    core: &Core,
    id: MessageId,
) -> Result<Option<MessageStory>, StoreError> {
    let blob = rows::blob(id.ulid());
    let columns = connection
        .prepare_cached("SELECT at, sender, subject, size, json FROM message WHERE id = ?1")?
        .query_row([blob], |row| rows::message_columns(row, 0))
        .optional()?;
    let Some(columns) = columns else { return Ok(None) };
    let MessageRecord { params: _, client, revision, verdicts } =
        serde_json::from_str(&columns.json)?;
    let mut attempts = connection.prepare_cached(
        "SELECT at, json FROM attempt WHERE message = ?1 ORDER BY at, entry, number",
    )?;
    let attempts = read_attempts(attempts.query([blob])?)?;
    let mut quarantine = quarantine::list(connection)?;
    quarantine.retain(|entry| entry.message == id);
    Ok(Some(MessageStory {
        id,
        received_at: Timestamp::from_millis(columns.at),
        sender: columns.sender,
        subject: columns.subject,
        size: rows::unsigned(columns.size),
        client,
        revision,
        verdicts,
        events: journal::of_message(connection, id)?,
        attempts,
        queue: queue(connection, core, Some(id))?,
        quarantine,
    }))
}
