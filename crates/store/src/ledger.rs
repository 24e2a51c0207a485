//! Every attempt, a page at a time: for reports over more history than fits in memory.
//!
//! A page continues behind a [`Mark`], so what is written or removed while somebody
//! reads neither repeats nor hides an attempt. Sums over attempts are kept, and cost no such reading.

use std::collections::BTreeMap;

use async_trait::async_trait;
use gatepost_policy::{evidence::Attempt, id::EntryId};
use gatepost_wire::timestamp::Timestamp;

use crate::{
    error::StoreError,
    sums::{DaySums, HourSums},
};

/// Which attempts are read. What is `None` does not limit.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Stretch {
    /// Those that ended then or later.
    pub since: Option<Timestamp>,
    /// The recipient's domain as A-label or address literal.
    pub domain: Option<String>,
}

/// Where a page ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Ord, PartialOrd)]
pub struct Mark {
    pub(crate) at: Timestamp,
    pub(crate) entry: EntryId,
    pub(crate) number: u32,
}

/// Some attempts, oldest first.
#[derive(Clone, Debug, PartialEq)]
pub struct Page {
    /// The attempts, each with the domain of its recipient.
    pub attempts: Vec<(String, Attempt)>,
    /// The place of each.
    pub marks: Vec<Mark>,
    /// Where the next page begins; `None` behind the last one.
    pub next: Option<Mark>,
}

impl Page {
    /// The attempts, each with the domain of its recipient and its place.
    pub fn marked(&self) -> impl Iterator<Item = (&str, &Attempt, Mark)> {
        self.attempts
            .iter()
            .zip(&self.marks)
            .map(|((domain, attempt), mark)| (domain.as_str(), attempt, *mark))
    }
}

/// The attempts as a ledger that is read from its beginning.
#[async_trait]
pub trait Ledger: Send + Sync {
    /// Up to `most` attempts behind a mark, oldest first.
    ///
    /// # Errors
    /// When the store cannot be read.
    async fn attempts(
        &self,
        stretch: &Stretch,
        after: Option<Mark>,
        most: usize,
    ) -> Result<Page, StoreError>;

    /// The sums of every day in UTC that a stretch of time touches, whole days, by day and domain. It reads no
    /// attempt: what it costs depends on days and domains alone.
    ///
    /// # Errors
    /// When the store cannot be read.
    async fn day_sums(
        &self,
        since: Timestamp,
        until: Timestamp,
        domain: Option<&str>,
    ) -> Result<Vec<DaySums>, StoreError>;

    /// The sums of every hour in UTC from the one of `since` on, by its beginning; those without an attempt are left
    /// out. It reads no attempt.
    ///
    /// # Errors
    /// When the store cannot be read.
    async fn hour_sums(
        &self,
        since: Timestamp,
    ) -> Result<BTreeMap<Timestamp, HourSums>, StoreError>;

    /// The domains below `parent` that mail was sent to, sorted. It reads all of history.
    ///
    /// # Errors
    /// When the store cannot be read.
    async fn domains_below(&self, parent: &str) -> Result<Vec<String>, StoreError>;
}

#[cfg(test)]
mod tests;
