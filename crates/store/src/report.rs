//! What a TLS report adds up, from the evidence of every attempt.
//!
//! Only sums are kept, so a report over years takes no more memory than one over a day. A
//! delivery counts once for each recipient, and an attempt that waits counts each time.

mod csv;

use std::collections::BTreeMap;
use std::time::Duration;

use gatepost_policy::evidence::{Attempt, Ending, NoTls, Why};
use gatepost_policy::tls::Level;
use gatepost_wire::timestamp::Timestamp;
use serde::Serialize;

use crate::sums::{Count, DAY, Kind, KindOfSession};

pub use self::csv::document as csv;

/// A stretch of time that gets a line of its own.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum By {
    /// A day in UTC.
    Day,
    /// Seven days, from Monday on.
    Week,
    /// A month of the calendar.
    Month,
}

impl By {
    /// The period that a moment belongs to: a day, the Monday of a week, a month.
    pub fn period(self, at: Timestamp) -> String {
        let first = match self {
            Self::Day | Self::Month => at,
            Self::Week => {
                // 1970-01-01 was a Thursday, three days after a Monday.
                let days = at.millis().div_euclid(DAY).saturating_add(3).rem_euclid(7);
                at.minus(
                    Duration::from_secs(86_400).saturating_mul(u32::try_from(days).unwrap_or(0)),
                )
            }
        };
        let length = match self {
            Self::Day | Self::Week => 10,
            Self::Month => 7,
        };
        first.rfc3339().chars().take(length).collect()
    }
}

/// Deliveries in clear text, by the reason.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize)]
pub struct InClear {
    /// The level is `plain`.
    pub level_plain: u64,
    /// STARTTLS was not offered.
    pub not_offered: u64,
    /// STARTTLS was refused.
    pub refused: u64,
    /// A handshake failed.
    pub handshake_failed: u64,
}

impl InClear {
    fn add(&mut self, why: NoTls, count: u64) {
        let sum = match why {
            NoTls::LevelPlain => &mut self.level_plain,
            NoTls::NotOffered => &mut self.not_offered,
            NoTls::Refused => &mut self.refused,
            NoTls::HandshakeFailed => &mut self.handshake_failed,
        };
        *sum += count;
    }

    /// Every reason with its count.
    pub fn each(&self) -> [(&'static str, u64); 4] {
        [
            (NoTls::LevelPlain.word(), self.level_plain),
            (NoTls::NotOffered.word(), self.not_offered),
            (NoTls::Refused.word(), self.refused),
            (NoTls::HandshakeFailed.word(), self.handshake_failed),
        ]
    }

    /// All of them.
    pub fn total(&self) -> u64 {
        self.each().iter().map(|(_, count)| count).sum()
    }
}

/// The sums of a line.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Sums {
    /// Recipients that a remote site took a message for.
    pub delivered: u64,
    /// Of those, over TLS.
    pub over_tls: u64,
    /// Of those, over sessions whose certificate was good, whether it had to be or not.
    pub verified: u64,
    /// Of those, in clear text.
    pub in_clear: InClear,
    /// Attempts that ended in waiting because TLS could not be had.
    pub deferred_for_tls: u64,
    /// Recipients that were given up because TLS could not be had.
    pub bounced_for_tls: u64,
    /// Recipients that wait at this moment because TLS could not be had; unknown for a period.
    pub waiting_for_tls: Option<u64>,
    /// The share of deliveries over TLS, in percent; unknown where nothing was delivered.
    pub tls_share: Option<f64>,
    /// Attempts by the level that was wanted.
    pub levels: BTreeMap<Level, u64>,
    /// Deliveries by TLS version.
    pub versions: BTreeMap<String, u64>,
    /// Deliveries by cipher suite.
    pub ciphers: BTreeMap<String, u64>,
    /// The first attempt.
    pub first: Option<Timestamp>,
    /// The last one.
    pub last: Option<Timestamp>,
}

fn merge_words(to: &mut BTreeMap<String, u64>, from: &BTreeMap<String, u64>) {
    from.iter().for_each(|(word, n)| add_word(to, word, *n));
}

fn add_word(to: &mut BTreeMap<String, u64>, word: &str, count: u64) {
    match to.get_mut(word) {
        Some(sum) => *sum += count,
        None => drop(to.insert(word.to_owned(), count)),
    }
}

impl Sums {
    /// Adds the sums of another stretch of time.
    pub fn merge(&mut self, other: &Self) {
        self.delivered += other.delivered;
        self.over_tls += other.over_tls;
        self.verified += other.verified;
        self.in_clear.level_plain += other.in_clear.level_plain;
        self.in_clear.not_offered += other.in_clear.not_offered;
        self.in_clear.refused += other.in_clear.refused;
        self.in_clear.handshake_failed += other.in_clear.handshake_failed;
        self.deferred_for_tls += other.deferred_for_tls;
        self.bounced_for_tls += other.bounced_for_tls;
        other.levels.iter().for_each(|(key, n)| *self.levels.entry(*key).or_default() += n);
        merge_words(&mut self.versions, &other.versions);
        merge_words(&mut self.ciphers, &other.ciphers);
        self.first = [self.first, other.first].into_iter().flatten().min();
        self.last = self.last.max(other.last);
    }

    /// Adds an attempt.
    pub fn add(&mut self, attempt: &Attempt) {
        self.add_kind(&Kind::of(attempt), Count::one(attempt.at));
    }

    /// Adds attempts of one kind.
    pub(crate) fn add_kind(&mut self, kind: &Kind, of: Count) {
        self.first = Some(self.first.map_or(of.first, |first| first.min(of.first)));
        self.last = Some(self.last.map_or(of.last, |last| last.max(of.last)));
        *self.levels.entry(kind.level).or_default() += of.count;
        match kind.outcome {
            Ending::Delivered => self.add_deliveries(kind, of.count),
            Ending::Deferred if kind.for_tls => self.deferred_for_tls += of.count,
            Ending::Bounced if kind.for_tls => self.bounced_for_tls += of.count,
            Ending::Deferred | Ending::Bounced => {}
        }
    }

    fn add_deliveries(&mut self, kind: &Kind, count: u64) {
        self.delivered += count;
        match (&kind.tls, kind.clear) {
            (Some(KindOfSession { version, cipher, verified }), _) => {
                self.over_tls += count;
                self.verified += if *verified { count } else { 0 };
                add_word(&mut self.versions, version, count);
                add_word(&mut self.ciphers, cipher, count);
            }
            (None, Some(why)) => self.in_clear.add(why, count),
            (None, None) => {}
        }
    }

    fn close(&mut self) {
        // In tenths of a percent, rounded down: what is said to be 100 % had no exception.
        let tenths = self.over_tls.saturating_mul(1000).checked_div(self.delivered);
        let tenths = tenths.and_then(|tenths| u32::try_from(tenths).ok());
        self.tls_share = tenths.map(|tenths| f64::from(tenths) / 10.0);
    }
}

/// Whether an attempt failed for want of TLS; one that ran out of time, where its last hosts failed so.
pub fn for_tls(attempt: &Attempt) -> bool {
    let tried = || attempt.tries.iter().filter_map(|one| one.why).any(Why::is_tls);
    match attempt.why {
        Some(Why::Expired) => tried(),
        Some(why) => why.is_tls(),
        None => false,
    }
}

/// A line of the report.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Row {
    /// The recipients' domain, as A-label or address literal.
    pub domain: String,
    /// The period, where the report has periods.
    pub period: Option<String>,
    #[serde(flatten)]
    /// Its sums.
    pub sums: Sums,
}

/// The whole report.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// Where it begins.
    pub since: Timestamp,
    /// Where it ends.
    pub until: Timestamp,
    /// The periods that get lines of their own.
    pub by: Option<By>,
    /// By domain, then by period.
    pub rows: Vec<Row>,
    /// All lines together.
    pub totals: Sums,
    #[serde(skip)]
    gathered: BTreeMap<(String, Option<String>), Sums>,
}

impl Report {
    /// A report without any attempt.
    pub fn new(since: Timestamp, until: Timestamp, by: Option<By>) -> Self {
        let totals = Sums { waiting_for_tls: Some(0), ..Sums::default() };
        Self { since, until, by, rows: Vec::new(), totals, gathered: BTreeMap::new() }
    }

    /// Adds an attempt at a recipient of a domain.
    pub fn add(&mut self, domain: &str, attempt: &Attempt) {
        let period = self.by.map(|by| by.period(attempt.at));
        self.sums(domain, period).add(attempt);
        self.totals.add(attempt);
    }

    /// Adds what was summed up before, of a domain and a moment of its period.
    pub fn add_sums(&mut self, domain: &str, at: Timestamp, sums: &Sums) {
        let period = self.by.map(|by| by.period(at));
        self.sums(domain, period).merge(sums);
        self.totals.merge(sums);
    }

    /// Adds a recipient of a domain that waits for TLS at this moment.
    pub fn waits(&mut self, domain: &str) {
        if self.by.is_none() {
            let waiting = &mut self.sums(domain, None).waiting_for_tls;
            *waiting = waiting.map(|count| count + 1);
        }
        self.totals.waiting_for_tls = self.totals.waiting_for_tls.map(|count| count + 1);
    }

    fn sums(&mut self, domain: &str, period: Option<String>) -> &mut Sums {
        let waiting_for_tls = period.is_none().then_some(0);
        let key = (domain.to_owned(), period);
        self.gathered.entry(key).or_insert_with(|| Sums { waiting_for_tls, ..Sums::default() })
    }

    /// Makes the lines of what was added.
    pub fn close(&mut self) {
        self.totals.close();
        self.rows = std::mem::take(&mut self.gathered)
            .into_iter()
            .map(|((domain, period), mut sums)| {
                sums.close();
                Row { domain, period, sums }
            })
            .collect();
    }
}

/// Words with their counts: `TLSv1.2 3, TLSv1.3 12`.
pub fn counted<W: std::fmt::Display>(counts: &BTreeMap<W, u64>) -> String {
    let each: Vec<String> = counts.iter().map(|(word, count)| format!("{word} {count}")).collect();
    each.join(", ")
}
