//! Sums over attempts, by the hour and by day and domain: what screens and reports show without reading every record.
//!
//! A [`Kind`] is all that a sum asks of an attempt. A store keeps how many attempts there were of each kind, so that
//! what it sums up is what adding every attempt would give. Days and hours are in UTC, and count as a whole.

use gatepost_policy::{
    evidence::{Attempt, Ending, NoTls},
    tls::{Level, VerifiedBy},
};
use gatepost_wire::timestamp::Timestamp;
use serde::{Deserialize, Serialize};

use crate::report::{Sums, for_tls};

/// A day and an hour in milliseconds.
pub(crate) const DAY: i64 = 86_400_000;
pub(crate) const HOUR: i64 = crate::browse::HOUR;

/// What sums ask of an attempt.
#[derive(Clone, Debug, Eq, PartialEq, Hash, Serialize, Deserialize)]
pub(crate) struct Kind {
    pub(crate) outcome: Ending,
    /// The level that was wanted.
    pub(crate) level: Level,
    /// Whether it failed for want of TLS.
    pub(crate) for_tls: bool,
    /// The session, where there was one.
    pub(crate) tls: Option<KindOfSession>,
    /// Why it was in clear text.
    pub(crate) clear: Option<NoTls>,
}

/// What sums ask of a session.
#[derive(Clone, Debug, Eq, PartialEq, Hash, Serialize, Deserialize)]
pub(crate) struct KindOfSession {
    pub(crate) version: String,
    pub(crate) cipher: String,
    /// Whether the certificate was good.
    pub(crate) verified: bool,
}

impl Kind {
    pub(crate) fn of(attempt: &Attempt) -> Self {
        let tls = attempt.tls.as_ref().map(|tls| KindOfSession {
            version: tls.version.clone(),
            cipher: tls.cipher.clone(),
            verified: tls.verified_by != VerifiedBy::None,
        });
        Self {
            outcome: attempt.outcome,
            level: attempt.level,
            for_tls: for_tls(attempt),
            tls,
            clear: attempt.clear_because,
        }
    }
}

/// Attempts of one kind: how many, the first and the last.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Count {
    pub(crate) count: u64,
    pub(crate) first: Timestamp,
    pub(crate) last: Timestamp,
}

impl Count {
    /// That of one attempt.
    pub(crate) const fn one(at: Timestamp) -> Self {
        Self { count: 1, first: at, last: at }
    }
}

/// The beginning of the day, or the hour, that a moment is in.
pub(crate) const fn begin(at: Timestamp, length: i64) -> i64 {
    at.millis().div_euclid(length).saturating_mul(length)
}

/// What happened on a day to the recipients of a domain.
#[derive(Clone, Debug, PartialEq)]
pub struct DaySums {
    /// When the day begins.
    pub day: Timestamp,
    /// The domain, as A-label or address literal.
    pub domain: String,
    /// The sums of the report.
    pub sums: Sums,
    /// Recipients that were given up, for whatever cause.
    pub bounced: u64,
}

impl DaySums {
    pub(crate) fn new(day: i64, domain: String) -> Self {
        let day = Timestamp::from_millis(day);
        Self { day, domain, sums: Sums::default(), bounced: 0 }
    }

    pub(crate) fn add(&mut self, kind: &Kind, count: Count) {
        self.sums.add_kind(kind, count);
        if kind.outcome == Ending::Bounced {
            self.bounced = self.bounced.saturating_add(count.count);
        }
    }
}

/// What happened in an hour, by recipients.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct HourSums {
    /// Taken by a remote site.
    pub delivered: u64,
    /// Attempts that ended in waiting.
    pub deferred: u64,
    /// Given up.
    pub bounced: u64,
    /// Of those delivered, over TLS.
    pub encrypted: u64,
    /// Of those, where the certificate was good.
    pub verified: u64,
    /// Of those delivered, in clear text.
    pub clear: u64,
    /// Of those, where TLS was demanded.
    pub clear_under_enforced: u64,
}

impl HourSums {
    /// Adds what happened in another.
    pub fn merge(&mut self, other: &Self) {
        self.delivered += other.delivered;
        self.deferred += other.deferred;
        self.bounced += other.bounced;
        self.encrypted += other.encrypted;
        self.verified += other.verified;
        self.clear += other.clear;
        self.clear_under_enforced += other.clear_under_enforced;
    }

    pub(crate) fn add(&mut self, kind: &Kind, count: u64) {
        match (kind.outcome, &kind.tls) {
            (Ending::Deferred, _) => self.deferred += count,
            (Ending::Bounced, _) => self.bounced += count,
            (Ending::Delivered, Some(tls)) => {
                self.delivered += count;
                self.encrypted += count;
                self.verified += if tls.verified { count } else { 0 };
            }
            (Ending::Delivered, None) => {
                self.delivered += count;
                self.clear += count;
                self.clear_under_enforced += if kind.level.is_enforced() { count } else { 0 };
            }
        }
    }
}

#[cfg(test)]
mod tests;
