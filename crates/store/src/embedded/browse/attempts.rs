//! Attempts, newest first, along the key of their table or those of one message.

use gatepost_policy::evidence::Attempt;
use gatepost_wire::timestamp::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::{super::rows, Budget, count};
use crate::{
    browse::{AttemptLine, Listed, Needle, Wanted},
    error::StoreError,
    ledger::Mark,
    queue::search_key,
    view::Search,
};

/// What a row is held against, made ready once.
struct Sieve<'s> {
    search: &'s Search,
    recipient: Option<String>,
    domain: Option<String>,
    outcome: Option<&'static str>,
    sender: Option<String>,
    /// What the record has to contain if its cause and its level are those that are looked for.
    words: Vec<String>,
    needle: Option<Needle>,
}

/// What a list shows of an attempt's message.
type Head = Option<(String, String)>;

const COLUMNS: &str = "at, entry, number, recipient, domain, outcome, message, json";

/// A page of the attempts that match.
pub(super) fn list(
    connection: &Connection,
    budget: &mut Budget<'_>,
    search: &Search,
    page: Wanted<Mark>,
) -> Result<Listed<AttemptLine, Mark>, StoreError> {
    let mut sieve = Sieve::new(search);
    let most = page.most.max(1);
    // Behind every attempt of the last moment that is looked for.
    let (at, entry, number) = page.after.map_or_else(
        || {
            let at = search.until.map_or(i64::MAX, Timestamp::millis);
            (at, vec![0xff; 17], i64::from(u32::MAX))
        },
        |mark| {
            let entry = rows::blob(mark.entry.ulid()).to_vec();
            (mark.at.millis(), entry, i64::from(mark.number))
        },
    );
    let since = search.since.map_or(i64::MIN, Timestamp::millis);
    let of_one = if search.message.is_some() { "message = ?5 AND" } else { "?5 IS NULL AND" };
    let sql = format!(
        "SELECT {COLUMNS} FROM attempt
         WHERE {of_one} at <= ?1 AND at >= ?4 AND (at, entry, number) < (?1, ?2, ?3)
         ORDER BY at DESC, entry DESC, number DESC"
    );
    let message = search.message.map(|id| rows::blob(id.ulid()));
    let mut statement = connection.prepare_cached(&sql)?;
    let mut found = statement.query(params![at, entry, number, since, message])?;
    let (mut items, mut next) = (Vec::new(), None);
    while let Some(row) = found.next()? {
        let mark = mark(row)?;
        if let Some(line) = sieve.take(connection, row)? {
            items.push(line);
        }
        if items.len() == most || budget.is_spent() {
            next = Some(mark);
            break;
        }
    }
    let unlimited = *search == Search::default();
    let total = if unlimited { count(connection, "attempt")? } else { None };
    Ok(Listed { items, next, total })
}

fn mark(row: &Row<'_>) -> Result<Mark, rusqlite::Error> {
    let at = Timestamp::from_millis(row.get(0)?);
    Ok(Mark { at, entry: rows::entry_id(row, 1)?, number: row.get(2)? })
}

impl<'s> Sieve<'s> {
    fn new(search: &'s Search) -> Self {
        let word = |key: &str, word: &str| format!("\"{key}\":\"{word}\"");
        let why = search.why.map(|why| word("why", why.word()));
        let level = search.level.map(|level| word("level", level.word()));
        Self {
            search,
            recipient: search.recipient.as_deref().map(search_key),
            domain: search.domain.as_deref().map(str::to_lowercase),
            outcome: search.outcome.map(gatepost_policy::evidence::Ending::word),
            sender: search.sender_key(),
            words: why.into_iter().chain(level).collect(),
            needle: search.text.as_deref().and_then(Needle::new),
        }
    }

    /// The line of a row that is wanted.
    fn take(
        &mut self,
        connection: &Connection,
        row: &Row<'_>,
    ) -> Result<Option<AttemptLine>, StoreError> {
        let text = |column: usize| -> Result<&str, rusqlite::Error> {
            Ok(row.get_ref(column)?.as_str().unwrap_or_default())
        };
        if self.recipient.as_deref().is_some_and(|wanted| text(3).is_ok_and(|is| is != wanted))
            || self.domain.as_deref().is_some_and(|wanted| text(4).is_ok_and(|is| is != wanted))
            || self.outcome.is_some_and(|wanted| text(5).is_ok_and(|is| is != wanted))
        {
            return Ok(None);
        }
        let json = text(7)?;
        if self
            .words
            .iter()
            .any(|word| memchr::memmem::find(json.as_bytes(), word.as_bytes()).is_none())
        {
            return Ok(None);
        }
        let mut head: Option<Head> = None;
        if let Some(wanted) = &self.sender {
            let found = self::head(connection, row)?;
            if found.as_ref().is_none_or(|(sender, _)| sender.to_lowercase() != *wanted) {
                return Ok(None);
            }
            head = Some(found);
        }
        if let Some(needle) = &mut self.needle
            && !needle.is_in(text(3)?)
        {
            let found = match head.take() {
                Some(found) => found,
                None => self::head(connection, row)?,
            };
            let (sender, subject) = found.as_ref().map_or(("", ""), |(a, b)| (a, b));
            let id = rows::message_id(row, 6)?.to_string();
            if !(needle.is_in(sender) || needle.is_in(subject) || needle.is_id(&id)) {
                return Ok(None);
            }
            head = Some(found);
        }
        let attempt: Attempt = serde_json::from_str(json)?;
        if !self.search.wants(&attempt) {
            return Ok(None);
        }
        let head = match head {
            Some(head) => head,
            None => self::head(connection, row)?,
        };
        let (sender, subject) = head.unzip();
        // JSON drops the fraction of a second.
        let attempt = Attempt { at: Timestamp::from_millis(row.get(0)?), ..attempt };
        Ok(Some(AttemptLine { attempt, sender, subject }))
    }
}

/// The sender and the subject of a row's message, while the history has it.
fn head(connection: &Connection, row: &Row<'_>) -> Result<Head, StoreError> {
    let message: [u8; 16] = row.get(6)?;
    Ok(connection
        .prepare_cached("SELECT sender, subject FROM message WHERE id = ?1")?
        .query_row([message], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?)
}
