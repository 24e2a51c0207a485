//! The queue, oldest message first, along the key of the copies.

use std::{borrow::Cow, collections::HashSet};

use gatepost_policy::{
    evidence::Why,
    id::{EntryId, MessageId},
    tls::Level,
};
use gatepost_wire::{address::AddressDomain, timestamp::Timestamp};
use rusqlite::{Connection, Row, params};
use serde::{Deserialize, de::IgnoredAny};
use ulid::Ulid;

use super::{
    super::{
        core::{Core, locked},
        orders, rows,
    },
    Budget,
};
use crate::{
    browse::{Listed, QueueMark, Refusal, Refusals, Wanted},
    claim::{CopyKey, QueuedRecipient},
    error::StoreError,
    intake::CopyRecord,
    shape::{By, Shape, Shaping},
    view::{CopyState, QueueEntry, Selection},
};

/// A page of the waiting recipients that a selection takes.
pub(super) fn list(
    connection: &Connection,
    core: &Core,
    in_hand: &HashSet<CopyKey>,
    selection: &Selection,
    page: Wanted<QueueMark>,
) -> Result<Listed<QueueEntry, QueueMark>, StoreError> {
    let (mut budget, now) = (Budget::new(core), core.options.clock.now());
    let most = page.most.max(1);
    let from = page.after.unwrap_or(QueueMark {
        message: MessageId::from_ulid(Ulid::from_bytes([0; 16])),
        number: 0,
        entry: EntryId::from_ulid(Ulid::from_bytes([0; 16])),
    });
    let mut statement = connection.prepare_cached(
        "SELECT c.message, c.number, c.held, c.domain, c.json, c.recipients, m.sender
         FROM copy c JOIN message m ON m.id = c.message
         WHERE c.message >= ?1 AND (c.message, c.number) >= (?1, ?2)
         ORDER BY c.message, c.number",
    )?;
    let mut found = statement.query(params![rows::blob(from.message.ulid()), from.number])?;
    let (mut items, mut next) = (Vec::new(), None);
    'copies: while let Some(row) = found.next()? {
        let key = CopyKey { message: rows::message_id(row, 0)?, number: row.get(1)? };
        let mark = |entry| QueueMark { message: key.message, number: key.number, entry };
        if selection.domain().is_none_or(|wanted| is_at(row, wanted)) {
            for entry in entries(core, in_hand, key, row)? {
                let seen = page.after.is_some_and(|after| mark(entry.id) <= after);
                if seen || !selection.takes(&entry, now) {
                    continue;
                }
                let last = entry.id;
                items.push(entry);
                if items.len() == most {
                    next = Some(mark(last));
                    break 'copies;
                }
            }
        }
        if budget.is_spent() {
            // Behind every recipient of the copy.
            next = Some(mark(EntryId::from_ulid(Ulid::from_bytes([0xff; 16]))));
            break;
        }
    }
    Ok(Listed { items, next, total: None })
}

/// The recipients of a row, by their ids. One that cannot be understood has none; it is
/// held when it is to be sent.
fn entries(
    core: &Core,
    in_hand: &HashSet<CopyKey>,
    key: CopyKey,
    row: &Row<'_>,
) -> Result<Vec<QueueEntry>, StoreError> {
    let (held, sender): (i64, String) = (row.get(2)?, row.get(6)?);
    let record = serde_json::from_str::<CopyRecord>(text(row, 4)?);
    let recipients = serde_json::from_str::<Vec<QueuedRecipient>>(text(row, 5)?);
    let (Ok(record), Ok(recipients)) = (record, recipients) else {
        tracing::warn!(message = %key.message, "a stored record cannot be understood; it is not shown");
        return Ok(Vec::new());
    };
    let state = CopyState {
        damaged: held != rows::FREE,
        in_hand: in_hand.contains(&key) || locked(&core.index).is_in_hand(key),
    };
    let of = (key.message, sender.as_str());
    let mut entries: Vec<QueueEntry> =
        recipients.iter().map(|one| QueueEntry::of(of, &record, state, one)).collect();
    entries.sort_by_key(|entry| entry.id);
    Ok(entries)
}

fn text<'r>(row: &'r Row<'_>, column: usize) -> Result<&'r str, rusqlite::Error> {
    Ok(row.get_ref(column)?.as_str().unwrap_or_default())
}

/// Whether a row's column `domain` is that domain, as A-label or address literal.
fn is_at(row: &Row<'_>, wanted: &str) -> bool {
    text(row, 3).is_ok_and(|domain| domain_key(domain).eq_ignore_ascii_case(wanted))
}

/// A domain as it was written, in the form in which domains are compared.
fn domain_key(written: &str) -> Cow<'_, str> {
    if written.bytes().all(|byte| byte.is_ascii() && !byte.is_ascii_uppercase()) {
        return Cow::Borrowed(written);
    }
    AddressDomain::parse(written)
        .map_or_else(|_| Cow::Owned(written.to_lowercase()), |domain| Cow::Owned(domain.key()))
}

/// What of a copy's record says how long it waits.
#[derive(Deserialize)]
struct Lean {
    #[serde(with = "crate::view::millis")]
    accepted_at: Timestamp,
}

/// Shows each copy at a domain, or of all: its domain, since when, how many wait in it.
pub(in super::super) fn each_copy(
    connection: &Connection,
    domain: Option<&str>,
    mut show: impl FnMut(&str, Timestamp, usize),
) -> Result<(), StoreError> {
    let mut statement = connection
        .prepare_cached("SELECT message, number, held, domain, json, recipients FROM copy")?;
    let mut found = statement.query([])?;
    while let Some(row) = found.next()? {
        if domain.is_some_and(|wanted| !is_at(row, wanted)) {
            continue;
        }
        let record = serde_json::from_str::<Lean>(text(row, 4)?);
        let recipients = serde_json::from_str::<Vec<IgnoredAny>>(text(row, 5)?);
        if let (Ok(Lean { accepted_at }), Ok(recipients)) = (record, recipients) {
            show(&domain_key(text(row, 3)?), accepted_at, recipients.len());
        }
    }
    Ok(())
}

/// What of a recipient says why it waits.
#[derive(Deserialize)]
struct Failed {
    last: Option<Cause>,
}

#[derive(Deserialize)]
struct Cause {
    why: Option<Why>,
}

/// What waits because of TLS, by domain and cause.
pub(super) fn refusals(connection: &Connection) -> Result<Vec<Refusal>, StoreError> {
    let mut refusals = Refusals::default();
    let mut statement = connection
        .prepare_cached("SELECT message, number, held, domain, json, recipients FROM copy")?;
    let mut found = statement.query([])?;
    while let Some(row) = found.next()? {
        let recipients = text(row, 5)?;
        // One that was not tried has no cause, and most have not.
        if memchr::memmem::find(recipients.as_bytes(), b"\"why\":\"").is_none() {
            continue;
        }
        let record = serde_json::from_str::<Lean>(text(row, 4)?);
        let recipients = serde_json::from_str::<Vec<Failed>>(recipients);
        let (Ok(Lean { accepted_at }), Ok(recipients)) = (record, recipients) else { continue };
        let causes = recipients.iter().filter_map(|one| one.last.as_ref()?.why);
        for why in causes.filter(|why| why.is_tls()) {
            refusals.add(&domain_key(text(row, 3)?), why, accepted_at);
        }
    }
    Ok(refusals.done())
}

/// How much waits of what a selection takes, for how long, and where.
pub(super) fn shape(
    connection: &Connection,
    core: &Core,
    in_hand: &HashSet<CopyKey>,
    selection: &Selection,
    by: By,
) -> Result<Shape, StoreError> {
    let now = core.options.clock.now();
    let mut shaping = Shaping::new(by, now);
    match selection {
        Selection::All | Selection::Domain(_) if by == By::Domain => {
            each_copy(connection, selection.domain(), |domain, accepted_at, count| {
                shaping.add(domain, accepted_at, count);
            })?;
        }
        Selection::All | Selection::Domain(_) | Selection::Ids(_) | Selection::Filter { .. } => {
            let default = match selection {
                Selection::Filter { default, .. } => *default,
                Selection::All | Selection::Domain(_) | Selection::Ids(_) => Level::Try,
            };
            orders::each(connection, core, in_hand, None, |_, entry| {
                if selection.takes(&entry, now) {
                    shaping.entry(&entry, default);
                }
            })?;
        }
    }
    Ok(shaping.done())
}
