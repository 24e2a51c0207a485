//! What people see of queue, history and quarantine, and what they do to it.

use async_trait::async_trait;
use gatepost_policy::{evidence::Attempt, id::MessageId};
use gatepost_wire::timestamp::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, params};
use ulid::Ulid;

use super::{
    Embedded,
    core::locked,
    journal, orders,
    quarantine::{self, Fate},
    rows::{self, MessageRecord},
};
use crate::{
    body::Body,
    error::{Cause, StoreError},
    order::{Acted, Order, OrderError, Orders},
    queue::search_key,
    traits::Inspect,
    view::{
        Author, Counts, MessageStory, Pruned, QuarantineEntry, QueueEntry, RecordedVerdict,
        Retention, Search, Selection, Waiting,
    },
};

#[async_trait]
impl Inspect for Embedded {
    async fn queue_list(&self) -> Result<Vec<QueueEntry>, StoreError> {
        self.queue(None).await
    }

    async fn queue_find(&self, id: Ulid) -> Result<Vec<QueueEntry>, StoreError> {
        let of_message = self.queue(Some(MessageId::from_ulid(id))).await?;
        if !of_message.is_empty() {
            return Ok(of_message);
        }
        let mut all = self.queue(None).await?;
        all.retain(|entry| entry.id.ulid() == id);
        Ok(all)
    }

    async fn queue_pick(&self, selection: &Selection) -> Result<Vec<Waiting>, StoreError> {
        self.pick_waiting(selection).await
    }

    async fn queue_count(&self, selection: &Selection) -> Result<usize, StoreError> {
        self.count_waiting(selection).await
    }

    async fn message_verdicts(
        &self,
        id: MessageId,
    ) -> Result<Option<Vec<RecordedVerdict>>, StoreError> {
        self.core
            .read(move |connection| {
                let json: Option<String> = connection
                    .prepare_cached("SELECT json FROM message WHERE id = ?1")?
                    .query_row([rows::blob(id.ulid())], |row| row.get(0))
                    .optional()?;
                let Some(json) = json else { return Ok(None) };
                let record: MessageRecord = serde_json::from_str(&json)?;
                Ok(Some(record.verdicts))
            })
            .await
    }

    async fn queue_order(
        &self,
        selection: &Selection,
        order: Order,
        author: &Author,
        count: Option<usize>,
    ) -> Result<Acted, OrderError> {
        let now = self.core.options.clock.now();
        self.give(selection, Orders { order, author: author.clone(), now }, count).await
    }

    async fn messages_search(&self, search: &Search) -> Result<Vec<Attempt>, StoreError> {
        let search = search.clone();
        self.core.read(move |connection| find_attempts(connection, &search)).await
    }

    async fn message_show(&self, id: MessageId) -> Result<Option<MessageStory>, StoreError> {
        let queue = self.queue(Some(id)).await?;
        self.core.read(move |connection| story(connection, queue, id)).await
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
        self.core.read(move |connection| quarantine::find(connection, id)).await
    }

    async fn quarantine_release(
        &self,
        selection: &Selection,
        author: &Author,
    ) -> Result<usize, StoreError> {
        self.end_quarantine(selection, Fate::Released, Some(author.clone())).await
    }

    async fn quarantine_delete(
        &self,
        selection: &Selection,
        author: &Author,
    ) -> Result<usize, StoreError> {
        self.end_quarantine(selection, Fate::Deleted, Some(author.clone())).await
    }

    async fn counts(&self) -> Result<Counts, StoreError> {
        let (rows, quarantined) = self
            .core
            .read(|connection| {
                let count = |sql| connection.query_row(sql, [], |row| row.get::<_, u32>(0));
                let count = |sql| count(sql).map(|n| usize::try_from(n).unwrap_or(usize::MAX));
                let copies = count(
                    "SELECT count(*) FROM copy WHERE held = 0 AND due < 9223372036854775807",
                )?;
                let held = count(
                    "SELECT count(*) FROM copy WHERE held <> 0 OR due = 9223372036854775807",
                )?;
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

impl Embedded {
    /// The waiting recipients, of one message or of all.
    async fn queue(&self, message: Option<MessageId>) -> Result<Vec<QueueEntry>, StoreError> {
        let core = std::sync::Arc::clone(&self.core);
        let in_hand = self.in_hand().await;
        self.core
            .read(move |connection| {
                let mut entries = Vec::new();
                orders::each(connection, &core, &in_hand, message, |_, entry| entries.push(entry))?;
                Ok(entries)
            })
            .await
    }
}

fn find_attempts(connection: &Connection, search: &Search) -> Result<Vec<Attempt>, StoreError> {
    let Search { recipient, domain, outcome, since, until, message, .. } = search;
    let mut statement = connection.prepare_cached(
        "SELECT at, json FROM attempt
         WHERE at >= ?1 AND at <= ?7 AND (?2 IS NULL OR recipient = ?2) AND (?3 IS NULL OR domain = ?3)
           AND (?4 IS NULL OR outcome = ?4) AND (?5 IS NULL OR message = ?5)
           AND (?6 IS NULL OR message IN (SELECT id FROM message WHERE lower(sender) = ?6))
         ORDER BY at, entry, number",
    )?;
    let found = statement.query(params![
        since.map_or(i64::MIN, Timestamp::millis),
        recipient.as_deref().map(search_key),
        domain.as_deref().map(str::to_lowercase),
        outcome.map(gatepost_policy::evidence::Ending::word),
        message.map(|id| rows::blob(id.ulid())),
        search.sender_key(),
        until.map_or(i64::MAX, Timestamp::millis)
    ])?;
    let mut attempts = read_attempts(found)?;
    attempts.retain(|attempt| search.wants(attempt));
    Ok(attempts)
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

/// The attempts at a message, oldest first.
pub(super) fn attempts_of(
    connection: &Connection,
    id: MessageId,
) -> Result<Vec<Attempt>, StoreError> {
    let mut attempts = connection.prepare_cached(
        "SELECT at, json FROM attempt WHERE message = ?1 ORDER BY at, entry, number",
    )?;
    read_attempts(attempts.query([rows::blob(id.ulid())])?)
}

fn story(
    connection: &Connection,
    queue: Vec<QueueEntry>,
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
    let attempts = attempts_of(connection, id)?;
    let quarantine = quarantine::of_message(connection, id)?;
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
        queue,
        quarantine,
    }))
}
