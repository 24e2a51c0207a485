//! Sums over attempts, kept between requests, so that each attempt is read once a process.
//!
//! Attempts of the last minute are read again each time: one that ended a moment ago may be written after a later one.
//! What is kept is bounded by the days that were asked for and the domains that mail went to.

use std::collections::BTreeMap;
use std::time::Duration;

use gatepost_policy::evidence::{Attempt, Ending};
use gatepost_policy::tls::VerifiedBy;
use gatepost_store::report::{self, Sums};
use gatepost_store::{Ledger, Mark, StoreError, Stretch};
use gatepost_wire::timestamp::Timestamp;
use tokio::sync::Mutex;

/// A day and an hour in milliseconds.
const DAY: i64 = 86_400_000;
const HOUR: i64 = 3_600_000;

/// How long an attempt may take to be written once it has ended.
const SETTLED: Duration = Duration::from_secs(60);

/// Attempts that are read at once.
const PAGE: usize = 2000;

/// What happened in an hour.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Hour {
    pub(super) delivered: u64,
    pub(super) deferred: u64,
    pub(super) bounced: u64,
    pub(super) encrypted: u64,
    pub(super) verified: u64,
    pub(super) clear: u64,
    pub(super) clear_under_enforced: u64,
}

/// What happened on a day, to the recipients of a domain.
#[derive(Clone, Debug, Default)]
pub(super) struct DaySums {
    pub(super) sums: Sums,
    /// Recipients that were given up, for whatever cause.
    pub(super) bounced: u64,
}

/// Sums by hour, and by day and domain.
#[derive(Clone, Debug, Default)]
pub(super) struct Tally {
    /// By the beginning of the hour, in milliseconds.
    pub(super) hours: BTreeMap<i64, Hour>,
    /// By the beginning of the day, in milliseconds, and the domain.
    pub(super) days: BTreeMap<i64, BTreeMap<String, DaySums>>,
}

/// What is kept.
#[derive(Debug, Default)]
pub(crate) struct Tallies(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    /// The first day that was read; `None` before the first request.
    first: Option<i64>,
    after: Option<Mark>,
    settled: Tally,
}

impl Tallies {
    /// Gives a look at the sums of every attempt since the beginning of the day of `since`.
    pub(super) async fn read<T>(
        &self,
        ledger: &dyn Ledger,
        since: Timestamp,
        now: Timestamp,
        look: impl FnOnce(&[&Tally]) -> T,
    ) -> Result<T, StoreError> {
        let day = since.millis().div_euclid(DAY).saturating_mul(DAY);
        let mut kept = self.0.lock().await;
        if kept.first.is_none_or(|first| day < first) {
            *kept = Kept { first: Some(day), ..Kept::default() };
        }
        let since = kept.first.map(Timestamp::from_millis);
        let stretch = Stretch { since, domain: None };
        let settled_before = now.minus(SETTLED);
        let mut recent = Tally::default();
        let mut after = kept.after;
        loop {
            let page = ledger.attempts(&stretch, after, PAGE).await?;
            for (domain, attempt, mark) in page.marked() {
                if attempt.at < settled_before {
                    kept.settled.add(domain, attempt);
                    kept.after = Some(mark);
                } else {
                    recent.add(domain, attempt);
                }
            }
            after = page.next;
            if after.is_none() {
                return Ok(look(&[&kept.settled, &recent]));
            }
        }
    }
}

impl Tally {
    fn add(&mut self, domain: &str, attempt: &Attempt) {
        let begin = |length: i64| attempt.at.millis().div_euclid(length).saturating_mul(length);
        self.hours.entry(begin(HOUR)).or_default().add(attempt);
        let day = self.days.entry(begin(DAY)).or_default();
        if !day.contains_key(domain) {
            day.insert(domain.to_owned(), DaySums::default());
        }
        if let Some(sums) = day.get_mut(domain) {
            sums.sums.add(attempt);
            sums.bounced += u64::from(attempt.outcome == Ending::Bounced);
        }
    }
}

impl Hour {
    fn add(&mut self, attempt: &Attempt) {
        match attempt.outcome {
            Ending::Deferred => self.deferred += 1,
            Ending::Bounced => self.bounced += 1,
            Ending::Delivered => {
                self.delivered += 1;
                match &attempt.tls {
                    Some(tls) => {
                        self.encrypted += 1;
                        self.verified += u64::from(tls.verified_by != VerifiedBy::None);
                    }
                    None => {
                        self.clear += 1;
                        self.clear_under_enforced += u64::from(attempt.level.is_enforced());
                    }
                }
            }
        }
    }

    /// Adds another.
    pub(super) fn merge(&mut self, other: &Self) {
        self.delivered += other.delivered;
        self.deferred += other.deferred;
        self.bounced += other.bounced;
        self.encrypted += other.encrypted;
        self.verified += other.verified;
        self.clear += other.clear;
        self.clear_under_enforced += other.clear_under_enforced;
    }
}

/// The report's lines from the sums of these days.
pub(super) fn lines(
    tallies: &[&Tally],
    (since, until): (Timestamp, Timestamp),
    domain: Option<&str>,
) -> report::Report {
    let mut report = report::Report::new(since, until, None);
    for (day, domains) in tallies.iter().flat_map(|tally| &tally.days) {
        let at = Timestamp::from_millis(*day);
        // a day counts as a whole
        if at > until || at.plus(Duration::from_millis(DAY.unsigned_abs())) <= since {
            continue;
        }
        for (name, sums) in domains {
            if domain.is_none_or(|wanted| wanted == name) {
                report.add_sums(name, at, &sums.sums);
            }
        }
    }
    report
}
