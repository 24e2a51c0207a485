//! Quarantined recipients: listed, released into the queue, deleted.

use gatepost_policy::id::{EntryId, MessageId};
use gatepost_wire::timestamp::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, Row, params};
use ulid::Ulid;

use super::{
    Embedded, audit,
    changes::{self, Change, Effect},
    core::Core,
    index, journal, rows,
};
use crate::{
    audit::NewAudit,
    claim::CopyKey,
    error::StoreError,
    intake::{self, CopyRecord},
    message::NewRecipient,
    view::{Author, Event, EventKind, QuarantineEntry, Selection},
};

/// What becomes of quarantined recipients.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Fate {
    Released,
    Deleted,
    Expired,
}

impl Fate {
    const fn word(self) -> &'static str {
        match self {
            Self::Released => "quarantine.release",
            Self::Deleted => "quarantine.delete",
            Self::Expired => "quarantine.expire",
        }
    }
}

/// What a [`QuarantineEntry`] is made of.
pub(super) const COLUMNS: &str =
    "q.entry, q.message, m.sender, q.recipient, m.subject, q.rule, q.company, q.at, q.expires";

/// Every quarantined recipient.
pub(super) fn list(connection: &Connection) -> Result<Vec<QuarantineEntry>, StoreError> {
    select(connection, "?1 IS NULL", None)
}

/// The quarantined recipients of a message.
pub(super) fn of_message(
    connection: &Connection,
    id: MessageId,
) -> Result<Vec<QuarantineEntry>, StoreError> {
    select(connection, "q.message = ?1", Some(id.ulid()))
}

/// The quarantined recipient with an id, or those of the message with that id.
pub(super) fn find(connection: &Connection, id: Ulid) -> Result<Vec<QuarantineEntry>, StoreError> {
    let found = select(connection, "q.entry = ?1", Some(id))?;
    if found.is_empty() { of_message(connection, MessageId::from_ulid(id)) } else { Ok(found) }
}

fn select(
    connection: &Connection,
    which: &str,
    id: Option<Ulid>,
) -> Result<Vec<QuarantineEntry>, StoreError> {
    let mut statement = connection.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM quarantine q JOIN message m ON m.id = q.message
         WHERE {which} ORDER BY q.message, q.entry"
    ))?;
    let mut found = statement.query([id.map(rows::blob)])?;
    let mut entries = Vec::new();
    while let Some(row) = found.next()? {
        entries.push(entry(row)?);
    }
    Ok(entries)
}

/// A row of [`COLUMNS`].
pub(super) fn entry(row: &Row<'_>) -> Result<QuarantineEntry, StoreError> {
    let recipient: String = row.get(3)?;
    let recipient: NewRecipient = serde_json::from_str(&recipient)?;
    Ok(QuarantineEntry {
        id: rows::entry_id(row, 0)?,
        message: rows::message_id(row, 1)?,
        sender: row.get(2)?,
        recipient: recipient.mailbox.to_string(),
        subject: row.get(4)?,
        rule: row.get(5)?,
        company: row.get(6)?,
        since: Timestamp::from_millis(row.get(7)?),
        expires: Timestamp::from_millis(row.get(8)?),
    })
}

impl Embedded {
    /// Ends the quarantine of a selection, a batch at a time.
    pub(super) async fn end_quarantine(
        &self,
        selection: &Selection,
        fate: Fate,
        author: Option<Author>,
    ) -> Result<usize, StoreError> {
        let wanted = selection.clone();
        let entries = self.core.read(move |connection| entries_of(connection, &wanted)).await?;
        self.end_entries(&entries, fate, author).await
    }

    pub(super) async fn end_entries(
        &self,
        entries: &[EntryId],
        fate: Fate,
        author: Option<Author>,
    ) -> Result<usize, StoreError> {
        let mut count = 0_usize;
        for batch in entries.chunks(changes::BATCH) {
            let (batch, author) = (batch.to_vec(), author.clone());
            let done = self
                .act(move |connection, core| end(connection, core, &batch, fate, author.as_ref()))
                .await?;
            count = count.saturating_add(done);
        }
        Ok(count)
    }
}

fn entries_of(connection: &Connection, selection: &Selection) -> Result<Vec<EntryId>, StoreError> {
    let mut statement = connection
        .prepare_cached("SELECT entry, message, domain FROM quarantine ORDER BY message, entry")?;
    let mut found = statement.query([])?;
    let mut entries = Vec::new();
    while let Some(row) = found.next()? {
        let (entry, domain): (EntryId, String) = (rows::entry_id(row, 0)?, row.get(2)?);
        if selection.picks(entry, rows::message_id(row, 1)?, &domain) {
            entries.push(entry);
        }
    }
    Ok(entries)
}

/// Recipients that are to be released together.
struct Group {
    message: MessageId,
    json: String,
    recipients: Vec<(EntryId, NewRecipient)>,
}

fn end(
    connection: &Connection,
    core: &Core,
    entries: &[EntryId],
    fate: Fate,
    author: Option<&Author>,
) -> Result<(usize, Vec<Effect>), StoreError> {
    let now = core.options.clock.now();
    let mut groups: Vec<Group> = Vec::new();
    for entry in entries {
        let row = connection
            .prepare_cached("SELECT message, json, recipient FROM quarantine WHERE entry = ?1")?
            .query_row([rows::blob(entry.ulid())], |row| {
                let texts: (String, String) = (row.get(1)?, row.get(2)?);
                Ok((rows::message_id(row, 0)?, texts))
            })
            .optional()?;
        // Somebody else was faster.
        let Some((message, (json, recipient))) = row else { continue };
        connection
            .prepare_cached("DELETE FROM quarantine WHERE entry = ?1")?
            .execute([rows::blob(entry.ulid())])?;
        let recipient = (*entry, serde_json::from_str(&recipient)?);
        match groups.iter_mut().find(|group| group.message == message && group.json == json) {
            Some(group) => group.recipients.push(recipient),
            None => groups.push(Group { message, json, recipients: vec![recipient] }),
        }
    }
    if let Some(author) = author
        && !groups.is_empty()
    {
        audit::write(connection, now, noted(fate, author, &groups))?;
    }
    let mut count = 0_usize;
    let mut effects = Vec::new();
    for group in groups {
        count = count.saturating_add(group.recipients.len());
        let event = Event {
            at: now,
            kind: if author.is_some() { EventKind::Act } else { EventKind::Note },
            message: Some(group.message),
            author: author.cloned(),
            what: fate.word().into(),
            detail: serde_json::json!({
                "recipients":
                    group.recipients.iter().map(|(_, r)| r.mailbox.to_string()).collect::<Vec<_>>(),
            }),
        };
        journal::insert(connection, &event)?;
        let change = Change::Touched(group.message);
        if fate == Fate::Released {
            release(connection, group, now)?;
        }
        effects.extend(change.run(connection, core)?);
        changes::announce(connection, core, &change)?;
    }
    Ok((count, effects))
}

/// The entry of the audit log about the end of these.
fn noted(fate: Fate, author: &Author, groups: &[Group]) -> NewAudit {
    let recipients: Vec<_> = groups
        .iter()
        .flat_map(|group| group.recipients.iter().map(move |one| (group.message, one)))
        .map(|(message, (entry, recipient))| {
            let recipient = recipient.mailbox.to_string();
            serde_json::json!({ "id": entry, "message": message, "recipient": recipient })
        })
        .collect();
    let one = if let [only] = groups { only.message.to_string() } else { String::new() };
    let target = if one.is_empty() { format!("{} messages", groups.len()) } else { one };
    let before = serde_json::json!({ "quarantined": recipients });
    NewAudit::new(fate.word(), author).target(target).change(before, serde_json::Value::Null)
}

/// Puts recipients into the queue, due now, with the demands that the rules gave.
fn release(connection: &Connection, group: Group, now: Timestamp) -> Result<(), StoreError> {
    let Group { message, json, recipients } = group;
    let mut record: CopyRecord = serde_json::from_str(&json)?;
    // How long it is kept trying counts from the release.
    record.accepted_at = now;
    let recipients: Vec<_> = recipients
        .into_iter()
        .map(|(entry, recipient)| intake::queued(recipient, entry, now))
        .collect();
    let entry = index::Entry {
        key: CopyKey { message, number: free_number(connection, message)? },
        lane: record.lane(),
        due: now,
        held: false,
    };
    let (json, recipients) = (serde_json::to_string(&record)?, serde_json::to_string(&recipients)?);
    Ok(rows::insert_copy(connection, &entry, &json, &recipients)?)
}

/// A number that no copy of the message has, or ever had: one that was settled
/// may still be named by an outcome that waits to be written.
pub(super) fn free_number(
    connection: &Connection,
    message: MessageId,
) -> Result<u32, rusqlite::Error> {
    loop {
        let [a, b, c, d, ..] = Ulid::generate().random().to_le_bytes();
        let number = u32::from_le_bytes([a, b, c, d]) | 0x8000_0000;
        let taken: bool = connection.query_row(
            "SELECT EXISTS (SELECT 1 FROM copy WHERE message = ?1 AND number = ?2)",
            params![rows::blob(message.ulid()), number],
            |row| row.get(0),
        )?;
        if !taken {
            return Ok(number);
        }
    }
}
