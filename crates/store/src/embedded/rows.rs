//! Rows and the values they stand for: the SQL of a message's life.
//!
//! Ids are stored as their 16 bytes, times as milliseconds; what is never
//! searched for is JSON.

use gatepost_policy::{
    direction::Direction,
    evidence::Ending,
    id::{EntryId, MessageId},
};
use gatepost_wire::{
    address::{AddressDomain, ReversePath},
    command::MailParams,
    timestamp::Timestamp,
};
use rusqlite::{Connection, OptionalExtension as _, Row, params};
use serde::{Deserialize, Serialize};
use ulid::Ulid;

use super::{bodies::Place, index::Entry};
use crate::{
    claim::{CopyKey, Lane, QueuedMessage, QueuedRecipient},
    error::StoreError,
    evidence::Prepared,
    intake::CopyRecord,
    message::ClientFacts,
    queue::Evidence,
    view::RecordedVerdict,
};

/// What is kept of a message and never searched for.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct MessageRecord {
    pub(super) params: MailParams,
    pub(super) client: ClientFacts,
    pub(super) revision: u64,
    pub(super) verdicts: Vec<RecordedVerdict>,
}

/// A copy with its message: all that a claim is made of, but the body.
#[derive(Clone, Debug)]
pub(super) struct StoredCopy {
    pub(super) message: QueuedMessage,
    pub(super) record: CopyRecord,
    pub(super) recipients: Vec<QueuedRecipient>,
    /// Its body is damaged.
    pub(super) damaged: bool,
}

/// A row of the quarantine.
pub(super) struct QuarantineRow<'a> {
    pub(super) entry: EntryId,
    pub(super) message: MessageId,
    pub(super) since: Timestamp,
    pub(super) expires: Timestamp,
    pub(super) domain: &'a str,
    pub(super) company: bool,
    pub(super) rule: &'a str,
    /// The copy's record.
    pub(super) json: &'a str,
    /// The recipient, as JSON.
    pub(super) recipient: &'a str,
}

/// Puts a recipient into quarantine.
pub(super) fn insert_quarantine(
    connection: &Connection,
    row: &QuarantineRow<'_>,
) -> Result<(), rusqlite::Error> {
    let QuarantineRow { entry, message, since, expires, domain, company, rule, json, recipient } =
        row;
    connection
        .prepare_cached(
            "INSERT INTO quarantine (entry, message, at, expires, domain, company, rule, json, recipient)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        )?
        .execute(params![
            blob(entry.ulid()),
            blob(message.ulid()),
            since.millis(),
            expires.millis(),
            domain,
            company,
            rule,
            json,
            recipient
        ])
        .map(|_| ())
}

/// Inserts a copy. `recipients` is their JSON.
pub(super) fn insert_copy(
    connection: &Connection,
    entry: &Entry,
    json: &str,
    recipients: &str,
) -> Result<(), rusqlite::Error> {
    let Entry { key, lane, due, held } = entry;
    connection
        .prepare_cached(
            "INSERT INTO copy (message, number, direction, domain, fingerprint, due, held, json, recipients)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        )?
        .execute(params![
            blob(key.message.ulid()),
            key.number,
            lane.direction.word(),
            lane.domain.to_string(),
            lane.fingerprint,
            due.millis(),
            held,
            json,
            recipients
        ])
        .map(|_| ())
}

/// Writes who still waits in a copy; nobody: the copy is deleted.
pub(super) fn update_copy(
    connection: &Connection,
    key: CopyKey,
    waiting: &[QueuedRecipient],
) -> Result<Option<Timestamp>, StoreError> {
    let Some(due) = crate::queue::due(waiting) else {
        connection
            .prepare_cached("DELETE FROM copy WHERE message = ?1 AND number = ?2")?
            .execute(params![blob(key.message.ulid()), key.number])?;
        return Ok(None);
    };
    let recipients = serde_json::to_string(waiting)?;
    let ordered = waiting.iter().any(|recipient| recipient.intent.is_some());
    connection
        .prepare_cached(
            "UPDATE copy SET due = ?3, recipients = ?4, ordered = ?5 WHERE message = ?1 AND number = ?2",
        )?
        .execute(params![blob(key.message.ulid()), key.number, due.millis(), recipients, ordered])?;
    Ok(Some(due))
}

/// A copy's row as it is when an attempt has ended.
pub(super) struct State {
    pub(super) recipients: Vec<QueuedRecipient>,
    /// Its body is damaged, and it is not about to be reported.
    pub(super) kept: bool,
}

/// Who waits in a copy, if it is there.
pub(super) fn state(connection: &Connection, key: CopyKey) -> Result<Option<State>, StoreError> {
    let found = connection
        .prepare_cached(
            "SELECT recipients, held, fingerprint FROM copy WHERE message = ?1 AND number = ?2",
        )?
        .query_row(params![blob(key.message.ulid()), key.number], |row| {
            Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?, row.get::<_, String>(2)?))
        })
        .optional()?;
    let Some((json, held, fingerprint)) = found else { return Ok(None) };
    let kept = held != FREE && fingerprint != Lane::REPORT;
    Ok(Some(State { recipients: serde_json::from_str(&json)?, kept }))
}

/// Column `held`: it is tried when it is due.
pub(super) const FREE: i64 = 0;
/// Its body is damaged.
pub(super) const DAMAGED: i64 = 1;
/// Its own row cannot be understood.
pub(super) const UNREADABLE: i64 = 2;

/// Writes down that a message's copies are kept and not tried. Those that are only
/// reported need no body.
pub(super) fn hold_copies(
    connection: &Connection,
    message: MessageId,
) -> Result<(), rusqlite::Error> {
    connection
        .execute(
            "UPDATE copy SET held = ?2 WHERE message = ?1 AND fingerprint <> ?3",
            params![blob(message.ulid()), DAMAGED, Lane::REPORT],
        )
        .map(|_| ())
}

/// The copies that are held.
pub(super) fn held_copies(connection: &Connection) -> Result<Vec<CopyKey>, rusqlite::Error> {
    connection
        .prepare("SELECT message, number FROM copy WHERE held <> 0")?
        .query_map([], |row| Ok(CopyKey { message: message_id(row, 0)?, number: row.get(1)? }))?
        .collect()
}

/// The copies in which something is ordered that was not carried out yet, but those
/// that are held because they cannot be understood.
pub(super) fn ordered_copies(connection: &Connection) -> Result<Vec<CopyKey>, rusqlite::Error> {
    let mut all = all_ordered_copies(connection)?;
    all.retain(|(_, held)| *held != UNREADABLE);
    Ok(all.into_iter().map(|(key, _)| key).collect())
}

/// The copies in which something is ordered that was not carried out yet, and the
/// column `held` of each.
pub(super) fn all_ordered_copies(
    connection: &Connection,
) -> Result<Vec<(CopyKey, i64)>, rusqlite::Error> {
    connection
        .prepare("SELECT message, number, held FROM copy WHERE ordered = 1")?
        .query_map([], |row| {
            Ok((CopyKey { message: message_id(row, 0)?, number: row.get(1)? }, row.get(2)?))
        })?
        .collect()
}

/// Writes down whether, and why, a copy is kept and not tried.
pub(super) fn set_held(
    connection: &Connection,
    key: CopyKey,
    held: i64,
) -> Result<(), rusqlite::Error> {
    connection
        .execute(
            "UPDATE copy SET held = ?3 WHERE message = ?1 AND number = ?2",
            params![blob(key.message.ulid()), key.number, held],
        )
        .map(|_| ())
}

/// Writes an attempt down, with its place in the chain. One that is there already stays
/// as it is, so that it can be written again when nobody knows whether it was; gives
/// whether it was not.
pub(super) fn insert_attempt(
    connection: &Connection,
    message: MessageId,
    (evidence, json): (&Evidence, &str),
    (seq, chained): (u64, &Prepared),
) -> Result<bool, rusqlite::Error> {
    let Evidence { entry, number, recipient, domain, ending, attempt } = evidence;
    let Prepared { salt, leaf, class } = chained;
    connection
        .prepare_cached(
            "INSERT INTO attempt (at, entry, number, message, recipient, domain, outcome, json,
                                  seq, salt, leaf, class)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)
             ON CONFLICT (at, entry, number) DO NOTHING",
        )?
        .execute(params![
            attempt.at.millis(),
            blob(entry.ulid()),
            number,
            blob(message.ulid()),
            recipient,
            domain,
            ending.word(),
            json,
            signed(seq),
            salt,
            leaf,
            class.number()
        ])
        .map(|written| written > 0)
}

/// A copy with its message, if it is there.
pub(super) fn load_copy(
    connection: &Connection,
    key: CopyKey,
) -> Result<Option<StoredCopy>, StoreError> {
    let row = connection
        .prepare_cached(
            "SELECT c.json, c.recipients, c.held, m.at, m.sender, m.subject, m.size, m.json
             FROM copy c JOIN message m ON m.id = c.message
             WHERE c.message = ?1 AND c.number = ?2",
        )?
        .query_row(params![blob(key.message.ulid()), key.number], |row| {
            let copy: (String, String, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
            Ok((copy, message_columns(row, 3)?))
        })
        .optional()?;
    let Some(((record, recipients, held), message)) = row else { return Ok(None) };
    Ok(Some(StoredCopy {
        message: message.queued(key.message)?,
        record: serde_json::from_str(&record)?,
        recipients: serde_json::from_str(&recipients)?,
        damaged: held != FREE,
    }))
}

/// A copy's record, its recipients and whether it is held, without its message.
pub(super) fn load_rows(
    connection: &Connection,
    key: CopyKey,
) -> Result<Option<(CopyRecord, Vec<QueuedRecipient>, bool)>, StoreError> {
    let found = connection
        .prepare_cached(
            "SELECT json, recipients, held FROM copy WHERE message = ?1 AND number = ?2",
        )?
        .query_row(params![blob(key.message.ulid()), key.number], |row| {
            Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?, row.get::<_, i64>(2)?))
        })
        .optional()?;
    let Some((record, recipients, held)) = found else { return Ok(None) };
    let (record, recipients) = (serde_json::from_str(&record)?, serde_json::from_str(&recipients)?);
    Ok(Some((record, recipients, held != FREE)))
}

/// Whether a recipient was delivered to.
pub(super) fn is_delivered(
    connection: &Connection,
    message: MessageId,
    entry: EntryId,
) -> Result<bool, rusqlite::Error> {
    connection
        .prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM attempt WHERE message = ?1 AND entry = ?2 AND outcome = ?3)",
        )?
        .query_row(
            params![blob(message.ulid()), blob(entry.ulid()), Ending::Delivered.word()],
            |row| row.get(0),
        )
}

/// The columns `at, sender, subject, size, json` of a message.
pub(super) struct MessageColumns {
    pub(super) at: i64,
    pub(super) sender: String,
    pub(super) subject: String,
    pub(super) size: i64,
    pub(super) json: String,
}

pub(super) fn message_columns(
    row: &Row<'_>,
    from: usize,
) -> Result<MessageColumns, rusqlite::Error> {
    let column = |index: usize| from.saturating_add(index);
    Ok(MessageColumns {
        at: row.get(column(0))?,
        sender: row.get(column(1))?,
        subject: row.get(column(2))?,
        size: row.get(column(3))?,
        json: row.get(column(4))?,
    })
}

impl MessageColumns {
    fn queued(self, id: MessageId) -> Result<QueuedMessage, StoreError> {
        let Self { at, sender, subject, size, json } = self;
        let MessageRecord { params, client, revision, verdicts: _ } = serde_json::from_str(&json)?;
        Ok(QueuedMessage {
            id,
            sender: reverse_path(&sender)?,
            params,
            received_at: Timestamp::from_millis(at),
            size: unsigned(size),
            client,
            revision,
            subject,
        })
    }
}

/// Every copy, as the index knows it.
pub(super) fn load_entries(
    connection: &Connection,
    message: Option<MessageId>,
) -> Result<Vec<Entry>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT message, number, direction, domain, fingerprint, due, held FROM copy
         WHERE ?1 IS NULL OR message = ?1",
    )?;
    let mut rows = statement.query([message.map(|id| blob(id.ulid()))])?;
    let mut entries = Vec::new();
    while let Some(row) = rows.next()? {
        entries.push(entry(row)?);
    }
    Ok(entries)
}

fn entry(row: &Row<'_>) -> Result<Entry, StoreError> {
    let direction: String = row.get(2)?;
    let domain: String = row.get(3)?;
    let direction = if direction == Direction::Inbound.word() {
        Direction::Inbound
    } else {
        Direction::Outbound
    };
    let domain = AddressDomain::parse(&domain).map_err(unreadable)?;
    Ok(Entry {
        key: CopyKey { message: message_id(row, 0)?, number: row.get(1)? },
        lane: Lane { direction, domain, fingerprint: row.get(4)? },
        due: Timestamp::from_millis(row.get(5)?),
        held: row.get::<_, i64>(6)? != FREE,
    })
}

/// How many rows need the body of a message.
pub(super) fn references(
    connection: &Connection,
    message: MessageId,
) -> Result<u32, rusqlite::Error> {
    connection
        .prepare_cached(
            "SELECT (SELECT count(*) FROM copy WHERE message = ?1)
                  + (SELECT count(*) FROM quarantine WHERE message = ?1)",
        )?
        .query_row([blob(message.ulid())], |row| row.get(0))
}

/// Where the body of a message is, if one was kept.
pub(super) fn body_place(
    connection: &Connection,
    message: MessageId,
) -> Result<Option<Place>, rusqlite::Error> {
    connection
        .prepare_cached(
            "SELECT segment, position, record FROM message WHERE id = ?1 AND segment IS NOT NULL",
        )?
        .query_row([blob(message.ulid())], |row| place(row, 0))
        .optional()
}

/// The columns `segment, position, record`.
pub(super) fn place(row: &Row<'_>, from: usize) -> Result<Place, rusqlite::Error> {
    Ok(Place {
        segment: row.get(from)?,
        at: unsigned(row.get(from.saturating_add(1))?),
        record: unsigned(row.get(from.saturating_add(2))?),
    })
}

pub(super) const fn blob(id: Ulid) -> [u8; 16] {
    id.to_bytes()
}

pub(super) fn message_id(row: &Row<'_>, column: usize) -> Result<MessageId, rusqlite::Error> {
    row.get(column).map(|bytes| MessageId::from_ulid(Ulid::from_bytes(bytes)))
}

pub(super) fn entry_id(row: &Row<'_>, column: usize) -> Result<EntryId, rusqlite::Error> {
    row.get(column).map(|bytes| EntryId::from_ulid(Ulid::from_bytes(bytes)))
}

/// A size in a column; SQLite's integers have a sign.
pub(super) fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

pub(super) fn unsigned(value: i64) -> u64 {
    u64::try_from(value).unwrap_or(0)
}

fn reverse_path(text: &str) -> Result<ReversePath, StoreError> {
    ReversePath::parse(text).map_err(unreadable)
}

fn unreadable(error: impl std::fmt::Display) -> StoreError {
    <serde_json::Error as serde::de::Error>::custom(error).into()
}
