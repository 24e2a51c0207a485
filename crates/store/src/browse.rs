//! Lists for people, a page at a time: history, queue and quarantine of any length.
//!
//! A page continues behind a mark, which is a place in the order of the list and not a
//! number of rows: what is written or removed while somebody pages neither repeats nor
//! hides anything else. Looking is bounded: a page of a search that finds little may hold
//! less than was asked for, even nothing, and the list ends only where there is no mark.

mod history;
mod needle;
#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, fmt, str::FromStr, time::Duration};

use async_trait::async_trait;
use gatepost_policy::{
    evidence::{Attempt, NoTls, TlsRecord, Why},
    id::{EntryId, MessageId},
    tls::Level,
};
use gatepost_wire::timestamp::Timestamp;
use serde::Serialize;
use ulid::Ulid;

pub(crate) use self::{history::Known, needle::Needle};
use crate::{
    error::StoreError,
    ledger::Mark,
    shape::{By, Shape},
    view::{QuarantineEntry, QueueEntry, Search, Selection},
};

/// How long one page is looked for.
pub(crate) const PATIENCE: Duration = Duration::from_millis(150);

/// Rows that are counted for a total; with more there is none.
pub(crate) const COUNTED: u32 = 200_000;

/// Which page is wanted.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Wanted<M> {
    /// What the last page gave; `None` for the first page.
    pub after: Option<M>,
    /// How many at most; at least one.
    pub most: usize,
}

/// A page of a list.
#[derive(Clone, Debug, PartialEq)]
pub struct Listed<T, M> {
    /// What was found.
    pub items: Vec<T>,
    /// Where the next page begins; `None`: this was the last one.
    pub next: Option<M>,
    /// How many the whole list has, where that is cheap to know.
    pub total: Option<u64>,
}

/// Where a page of the queue ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Ord, PartialOrd)]
pub struct QueueMark {
    pub(crate) message: MessageId,
    pub(crate) number: u32,
    pub(crate) entry: EntryId,
}

/// What a message of the history has to be.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct HistorySearch {
    /// An id of a message or of an entry, or a text that occurs in the sender, a
    /// recipient or the subject, without regard to case.
    pub text: Option<String>,
    /// The envelope sender, without regard to case; `<>` for the null sender.
    pub sender: Option<String>,
    /// A recipient: the whole address, without regard to case.
    pub recipient: Option<String>,
    /// A recipient's domain as A-label or address literal.
    pub domain: Option<String>,
    /// What became of one of its recipients.
    pub state: Option<RecipientState>,
    /// A rule that matched.
    pub rule: Option<String>,
    /// Received then or later.
    pub since: Option<Timestamp>,
    /// Received then or earlier.
    pub until: Option<Timestamp>,
}

/// What has become of a recipient of a message.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Ord, PartialOrd, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RecipientState {
    /// It waits for its next attempt.
    Waiting,
    /// An attempt is going on.
    Sending,
    /// It is kept and not tried.
    Held,
    /// The remote site took it.
    Delivered,
    /// It was given up, and its sender was told.
    Bounced,
    /// It is in quarantine.
    Quarantined,
    /// A rule refused it.
    Rejected,
    /// It was thrown away: by a rule, by a person, or in quarantine by its age.
    Deleted,
}

impl RecipientState {
    /// Every state.
    pub const ALL: [Self; 8] = [
        Self::Waiting,
        Self::Sending,
        Self::Held,
        Self::Delivered,
        Self::Bounced,
        Self::Quarantined,
        Self::Rejected,
        Self::Deleted,
    ];

    /// The word of lists and searches.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Sending => "sending",
            Self::Held => "held",
            Self::Delivered => "delivered",
            Self::Bounced => "bounced",
            Self::Quarantined => "quarantined",
            Self::Rejected => "rejected",
            Self::Deleted => "deleted",
        }
    }

    /// The state that a word means.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.word() == word)
    }
}

/// A message of the history.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct HistoryLine {
    /// Its id.
    pub id: MessageId,
    /// When it was received.
    pub received_at: Timestamp,
    /// The envelope sender, empty for the null sender.
    pub sender: String,
    /// The decoded subject.
    pub subject: String,
    /// Bytes as received.
    pub size: u64,
    /// What became of each of its recipients.
    pub recipients: Vec<RecipientLine>,
}

/// What became of one recipient.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RecipientLine {
    /// The address.
    pub recipient: String,
    /// What became of it.
    pub state: RecipientState,
    /// Why, as a sentence for people; it may quote what the remote site said.
    pub reason: Option<String>,
    /// The rule that decided, where it is known.
    pub rule: Option<String>,
    /// The TLS level that was demanded; `None` where nothing was.
    pub level: Option<Level>,
    /// The TLS session of the last attempt; `None` in clear text or before an attempt.
    pub tls: Option<TlsRecord>,
    /// Why the last attempt was in clear text.
    pub clear_because: Option<NoTls>,
    /// Since when it is so; for one that waits, when it is tried again.
    pub at: Timestamp,
}

/// An attempt with what a list shows of its message.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AttemptLine {
    /// The record.
    #[serde(flatten)]
    pub attempt: Attempt,
    /// The envelope sender, empty for the null sender; `None` once the history has forgotten the message.
    pub sender: Option<String>,
    /// The decoded subject.
    pub subject: Option<String>,
}

/// Mail for a domain that waits because of TLS.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Refusal {
    /// The domain, as A-label or address literal.
    pub domain: String,
    /// The word for the cause.
    pub why: Why,
    /// How many recipients.
    pub count: u64,
    /// When the first of them was accepted.
    pub oldest: Timestamp,
}

/// Adds refusals up.
#[derive(Debug, Default)]
pub(crate) struct Refusals(BTreeMap<(String, Why), (u64, Timestamp)>);

impl Refusals {
    pub(crate) fn add(&mut self, domain: &str, why: Why, accepted_at: Timestamp) {
        let sum = self.0.entry((domain.to_owned(), why)).or_insert((0, accepted_at));
        *sum = (sum.0.saturating_add(1), sum.1.min(accepted_at));
    }

    pub(crate) fn done(self) -> Vec<Refusal> {
        let each = self.0.into_iter();
        let mut all: Vec<Refusal> = each
            .map(|((domain, why), (count, oldest))| Refusal { domain, why, count, oldest })
            .collect();
        all.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.domain.cmp(&b.domain)));
        all
    }
}

/// An hour in milliseconds.
pub(crate) const HOUR: i64 = 3_600_000;

/// Lists, a page at a time.
#[async_trait]
pub trait Browse: Send + Sync {
    /// Attempts that match, newest first.
    ///
    /// # Errors
    /// When the store cannot be read.
    async fn browse_attempts(
        &self,
        search: &Search,
        page: Wanted<Mark>,
    ) -> Result<Listed<AttemptLine, Mark>, StoreError>;

    /// Messages that match, newest first, with what became of each recipient.
    ///
    /// # Errors
    /// When the store cannot be read.
    async fn browse_history(
        &self,
        search: &HistorySearch,
        page: Wanted<MessageId>,
    ) -> Result<Listed<HistoryLine, MessageId>, StoreError>;

    /// Waiting recipients that a selection takes, oldest message first.
    ///
    /// # Errors
    /// When the store cannot be read.
    async fn browse_queue(
        &self,
        selection: &Selection,
        page: Wanted<QueueMark>,
    ) -> Result<Listed<QueueEntry, QueueMark>, StoreError>;

    /// Quarantined recipients, newest first. `text` occurs in the sender, the recipient, the
    /// subject or the rule, or is an id.
    ///
    /// # Errors
    /// When the store cannot be read.
    async fn browse_quarantine(
        &self,
        text: Option<&str>,
        page: Wanted<EntryId>,
    ) -> Result<Listed<QuarantineEntry, EntryId>, StoreError>;

    /// How much waits of what a selection takes, for how long, and where.
    ///
    /// # Errors
    /// When the store cannot be read.
    async fn queue_shape(&self, selection: &Selection, by: By) -> Result<Shape, StoreError>;

    /// What waits because of TLS that could not be had, by domain and cause; most first.
    ///
    /// # Errors
    /// When the store cannot be read.
    async fn refusals(&self) -> Result<Vec<Refusal>, StoreError>;

    /// How many messages were received in each hour since then, by the hour's beginning.
    ///
    /// # Errors
    /// When the store cannot be read.
    async fn received(&self, since: Timestamp) -> Result<Vec<(Timestamp, u64)>, StoreError>;

    /// When the message was received that has waited longest; `None` where nothing waits.
    ///
    /// # Errors
    /// When the store cannot be read.
    async fn oldest_waiting(&self) -> Result<Option<Timestamp>, StoreError>;
}

/// A text that is no mark.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("this is no place in a list")]
pub struct InvalidMark;

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.at.millis(), self.number, self.entry)
    }
}

impl FromStr for Mark {
    type Err = InvalidMark;

    fn from_str(text: &str) -> Result<Self, InvalidMark> {
        let mut parts = text.splitn(3, '.');
        let mut part = || parts.next().ok_or(InvalidMark);
        Ok(Self {
            at: Timestamp::from_millis(part()?.parse().map_err(|_| InvalidMark)?),
            number: part()?.parse().map_err(|_| InvalidMark)?,
            entry: part()?.parse().map_err(|_| InvalidMark)?,
        })
    }
}

impl fmt::Display for QueueMark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.message, self.number, self.entry)
    }
}

impl FromStr for QueueMark {
    type Err = InvalidMark;

    fn from_str(text: &str) -> Result<Self, InvalidMark> {
        let mut parts = text.splitn(3, '.');
        let mut part = || parts.next().ok_or(InvalidMark);
        Ok(Self {
            message: part()?.parse().map_err(|_| InvalidMark)?,
            number: part()?.parse().map_err(|_| InvalidMark)?,
            entry: part()?.parse().map_err(|_| InvalidMark)?,
        })
    }
}

/// The moment that an id was minted at.
pub(crate) fn minted(id: Ulid) -> Timestamp {
    Timestamp::from_millis(i64::try_from(id.timestamp_ms()).unwrap_or(i64::MAX))
}
