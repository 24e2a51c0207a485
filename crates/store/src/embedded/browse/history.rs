//! Messages, newest first, along the key of their table; those that wait or are kept, along theirs.

use std::collections::HashSet;

use gatepost_policy::id::MessageId;
use gatepost_wire::timestamp::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, Row, params};
use ulid::Ulid;

use super::{
    super::{core::Core, inspect, journal, orders, quarantine, rows},
    Budget, count,
};
use crate::{
    browse::{HistoryLine, HistorySearch, Known, Listed, Needle, RecipientState, Wanted, minted},
    claim::CopyKey,
    error::StoreError,
};

/// How far the moment of an id may be from that of the receipt, in milliseconds.
const SLACK: i64 = 86_400_000;

/// Everything in one walk.
struct Walk<'w> {
    connection: &'w Connection,
    core: &'w Core,
    in_hand: &'w HashSet<CopyKey>,
    search: &'w HistorySearch,
    sender: Option<String>,
    needle: Option<Needle>,
}

/// A page of the messages that match.
pub(super) fn list(
    connection: &Connection,
    core: &Core,
    in_hand: &HashSet<CopyKey>,
    search: &HistorySearch,
    page: Wanted<MessageId>,
) -> Result<Listed<HistoryLine, MessageId>, StoreError> {
    let needle = search.text.as_deref().and_then(Needle::new);
    let mut walk = Walk { connection, core, in_hand, search, sender: search.sender_key(), needle };
    if page.after.is_none()
        && let Some(found) = walk.by_id()?
    {
        return Ok(Listed { items: vec![found], next: None, total: Some(1) });
    }
    let mut budget = Budget::new(core);
    let before = page.after.map_or_else(|| newest(search), |id| rows::blob(id.ulid()).to_vec());
    let mut statement = connection.prepare_cached(source(search))?;
    let mut found = statement.query([before])?;
    let (mut items, mut next) = (Vec::new(), None);
    while let Some(row) = found.next()? {
        let id = rows::message_id(row, 0)?;
        if search.since.is_some_and(|since| is_before(id, since)) {
            break;
        }
        if let Some(line) = walk.take(id)? {
            items.push(line);
        }
        if items.len() == page.most.max(1) || budget.is_spent() {
            next = Some(id);
            break;
        }
    }
    let unlimited = *search == HistorySearch::default();
    let total = if unlimited { count(connection, "message")? } else { None };
    Ok(Listed { items, next, total })
}

/// Which messages are looked at, newest first.
const fn source(search: &HistorySearch) -> &'static str {
    match search.state {
        Some(RecipientState::Waiting | RecipientState::Sending | RecipientState::Held) => {
            "SELECT DISTINCT message FROM copy WHERE message < ?1 ORDER BY message DESC"
        }
        Some(RecipientState::Quarantined) => {
            "SELECT DISTINCT message FROM quarantine WHERE message < ?1 ORDER BY message DESC"
        }
        Some(
            RecipientState::Delivered
            | RecipientState::Bounced
            | RecipientState::Rejected
            | RecipientState::Deleted,
        )
        | None => "SELECT id FROM message WHERE id < ?1 ORDER BY id DESC",
    }
}

/// The place behind the newest message that may be wanted.
fn newest(search: &HistorySearch) -> Vec<u8> {
    let Some(until) = search.until else { return vec![0xff; 17] };
    let millis = until.millis().saturating_add(SLACK);
    let millis = u64::try_from(millis).unwrap_or(0).min((1 << 48) - 1);
    Ulid::from_parts(millis, u128::MAX).to_bytes().to_vec()
}

/// The first id that can be minted at a moment.
pub(super) fn moment(millis: i64) -> [u8; 16] {
    let millis = u64::try_from(millis).unwrap_or(0).min((1 << 48) - 1);
    Ulid::from_parts(millis, 0).to_bytes()
}

/// Whether every message from here on was received before a moment.
fn is_before(id: MessageId, moment: Timestamp) -> bool {
    minted(id.ulid()).millis().saturating_add(SLACK) < moment.millis()
}

impl Walk<'_> {
    /// The message that the text is an id of, or of whose recipients it is one.
    fn by_id(&mut self) -> Result<Option<HistoryLine>, StoreError> {
        let text = self.search.text.as_deref().unwrap_or_default().trim();
        let Ok(id) = Ulid::from_string(text) else { return Ok(None) };
        let Some(message) = self.message_of(id)? else { return Ok(None) };
        // It is what was asked for, wherever the text occurs.
        let needle = self.needle.take();
        let found = self.take(message);
        self.needle = needle;
        found
    }

    fn message_of(&self, id: Ulid) -> Result<Option<MessageId>, StoreError> {
        let blob = rows::blob(id);
        let one = |sql: &str| -> Result<Option<MessageId>, rusqlite::Error> {
            self.connection
                .prepare_cached(sql)?
                .query_row([blob], |row| rows::message_id(row, 0))
                .optional()
        };
        for sql in [
            "SELECT id FROM message WHERE id = ?1",
            "SELECT message FROM quarantine WHERE entry = ?1",
        ] {
            if let Some(found) = one(sql)? {
                return Ok(Some(found));
            }
        }
        // An entry is minted with its message, and tried soon after.
        let at = minted(id).millis();
        let waiting = self
            .connection
            .prepare_cached(
                "SELECT message FROM copy
                 WHERE message >= ?1 AND message < ?2 AND instr(recipients, ?3) > 0 LIMIT 1",
            )?
            .query_row(
                params![
                    moment(at.saturating_sub(SLACK)),
                    moment(at.saturating_add(SLACK)),
                    id.to_string()
                ],
                |row| rows::message_id(row, 0),
            )
            .optional()?;
        if waiting.is_some() {
            return Ok(waiting);
        }
        Ok(self
            .connection
            .prepare_cached(
                "SELECT message FROM (SELECT entry, message FROM attempt WHERE at >= ?1 ORDER BY at LIMIT 50000)
                 WHERE entry = ?2 LIMIT 1",
            )?
            .query_row(params![at, blob], |row| rows::message_id(row, 0))
            .optional()?)
    }

    /// The line of a message that is wanted.
    fn take(&mut self, id: MessageId) -> Result<Option<HistoryLine>, StoreError> {
        let blob = rows::blob(id.ulid());
        let mut statement = self
            .connection
            .prepare_cached("SELECT at, sender, subject, size, json FROM message WHERE id = ?1")?;
        let mut found = statement.query([blob])?;
        let Some(row) = found.next()? else { return Ok(None) };
        let at = Timestamp::from_millis(row.get(0)?);
        if !self.search.is_in_time(at) || !self.may_end_so(row, id)? {
            return Ok(None);
        }
        let sender = row.get_ref(1)?.as_str().unwrap_or_default();
        if self.sender.as_deref().is_some_and(|wanted| sender.to_lowercase() != wanted) {
            return Ok(None);
        }
        let subject = row.get_ref(2)?.as_str().unwrap_or_default();
        let json = row.get_ref(4)?.as_str().unwrap_or_default();
        let found = match &mut self.needle {
            Some(needle) => {
                let found = needle.is_in(sender) || needle.is_in(subject);
                if !found && !needle.may_be_in(json) {
                    return Ok(None);
                }
                found
            }
            None => true,
        };
        if !self.may_hold(json) {
            return Ok(None);
        }
        let record: rows::MessageRecord = serde_json::from_str(json)?;
        if self.search.reads_verdicts()
            && !self.search.wants(&record.verdicts, self.needle.as_mut(), found)
        {
            return Ok(None);
        }
        let line = HistoryLine {
            id,
            received_at: at,
            sender: sender.to_owned(),
            subject: subject.to_owned(),
            size: rows::unsigned(row.get(3)?),
            recipients: self.known(id)?.recipients(at, &record.verdicts),
        };
        Ok(self.search.wants_state(&line).then_some(line))
    }

    /// Whether the names that are looked for can be in a record at all.
    fn may_hold(&self, json: &str) -> bool {
        let plain = |name: &str| name.is_ascii() && !name.contains(['"', '\\']);
        [&self.search.rule, &self.search.recipient, &self.search.domain]
            .into_iter()
            .flatten()
            // International names are there in another form, or in another case.
            .filter(|name| plain(name) && !name.contains("xn--"))
            .all(|name| {
                let (name, json) = (name.to_ascii_lowercase(), json.as_bytes());
                contains_folded(json, name.trim().as_bytes())
            })
    }

    /// Whether one of the recipients may be in the state that is looked for.
    fn may_end_so(&self, row: &Row<'_>, id: MessageId) -> Result<bool, StoreError> {
        let blob = rows::blob(id.ulid());
        let exists = |sql: &str| -> Result<bool, rusqlite::Error> {
            self.connection.prepare_cached(sql)?.query_row([blob], |row| row.get(0))
        };
        let says = |word: &str| -> Result<bool, rusqlite::Error> {
            let json = row.get_ref(4)?.as_str().unwrap_or_default();
            Ok(memchr::memmem::find(json.as_bytes(), word.as_bytes()).is_some())
        };
        const EVENT: &str = "SELECT EXISTS (SELECT 1 FROM event WHERE message = ?1)";
        const BOUNCED: &str =
            "SELECT EXISTS (SELECT 1 FROM attempt WHERE message = ?1 AND outcome = 'bounced')";
        Ok(match self.search.state {
            Some(RecipientState::Delivered) => exists(
                "SELECT EXISTS (SELECT 1 FROM attempt WHERE message = ?1 AND outcome = 'delivered')",
            )?,
            Some(RecipientState::Bounced) => exists(BOUNCED)?,
            Some(RecipientState::Rejected) => {
                says("\"verdict\":\"reject\"")? || exists(EVENT)? || exists(BOUNCED)?
            }
            Some(RecipientState::Deleted) => {
                says("\"verdict\":\"delete\"")?
                    || says("\"verdict\":\"quarantine")?
                    || exists(EVENT)?
            }
            Some(
                RecipientState::Waiting
                | RecipientState::Sending
                | RecipientState::Held
                | RecipientState::Quarantined,
            )
            | None => true,
        })
    }

    /// All that is known about the recipients of a message.
    fn known(&self, id: MessageId) -> Result<Known, StoreError> {
        let mut queue = Vec::new();
        orders::each(self.connection, self.core, self.in_hand, Some(id), |_, entry| {
            queue.push(entry);
        })?;
        Ok(Known {
            queue,
            quarantine: quarantine::of_message(self.connection, id)?,
            attempts: inspect::attempts_of(self.connection, id)?,
            events: journal::of_message(self.connection, id)?,
        })
    }
}

/// Whether a text in lower case occurs in bytes, without regard to the case of ASCII letters.
fn contains_folded(bytes: &[u8], wanted: &[u8]) -> bool {
    let Some((first, _)) = wanted.split_first() else { return true };
    let upper = first.to_ascii_uppercase();
    memchr::memchr2_iter(*first, upper, bytes).any(|at| {
        bytes
            .get(at..at.saturating_add(wanted.len()))
            .is_some_and(|here| here.eq_ignore_ascii_case(wanted))
    })
}
