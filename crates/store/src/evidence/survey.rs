//! What a period's evidence comes to: sums, and whether anything is missing.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Value, json};

use super::{
    Evidence, Outside,
    day::UtcDay,
    scope::Scope,
    statement::{Root, name},
    tally::{Class, Tally},
};
use crate::error::StoreError;

/// Records that are looked at at once.
const PAGE: usize = 10_000;

/// Gaps that are listed, at most; all are counted.
const LISTED: usize = 1_000;

/// Records that should be there and are not.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
pub struct Gap {
    /// The first number that is missing.
    pub first: u64,
    /// The last one in a row.
    pub last: u64,
}

/// A day whose records and whose journal differ.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
pub struct Mismatch {
    /// The day.
    pub day: UtcDay,
    /// Recipients that left the queue as delivered.
    pub journal: u64,
    /// Recipients of whom a record says so.
    pub records: u64,
}

/// What is added up over a period, from records, gaps and roots.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sum {
    pub(crate) records: u64,
    pub(crate) totals: Tally,
    pub(crate) domains: BTreeMap<String, Tally>,
    pub(crate) gaps: Vec<Gap>,
    pub(crate) missing: u64,
    pub(crate) damaged: u64,
    pub(crate) journal: u64,
    pub(crate) mismatches: Vec<Mismatch>,
    pub(crate) days: u64,
    pub(crate) open_days: u64,
    pub(crate) removed_days: u64,
    /// The number of the record behind the last root, and what the root behind it names it by.
    last: Option<(u64, String)>,
}

impl Sum {
    /// A record that is in the scope.
    pub(crate) fn record(&mut self, domain: &str, class: Class) {
        self.records = self.records.saturating_add(1);
        self.totals.add(class, 1);
        match self.domains.get_mut(domain) {
            Some(tally) => tally.add(class, 1),
            None => self.domains.entry(domain.to_owned()).or_default().add(class, 1),
        }
    }

    /// Records that should be there.
    pub(crate) fn gap(&mut self, first: u64, last: u64) {
        self.missing = self.missing.saturating_add(last.saturating_sub(first)).saturating_add(1);
        if self.gaps.len() < LISTED {
            self.gaps.push(Gap { first, last });
        }
    }

    /// The root of a day.
    pub(crate) fn root(&mut self, root: &Root) {
        let statement = &root.statement;
        let next = statement.first.saturating_add(statement.records);
        if let Some((first, last)) = self.last.replace((next, name(&root.text))) {
            if first < statement.first {
                self.gap(first, statement.first.saturating_sub(1));
            }
            if first > statement.first || statement.previous != Some(last) {
                self.damaged = self.damaged.saturating_add(1);
            }
        }
        self.days = self.days.saturating_add(1);
        self.journal = self.journal.saturating_add(statement.journal);
        if statement.closed.is_none() {
            self.open_days = self.open_days.saturating_add(1);
        }
        if !root.kept {
            self.removed_days = self.removed_days.saturating_add(1);
        }
        let records = statement.totals.delivered;
        if records != statement.journal {
            let (day, journal) = (statement.day, statement.journal);
            self.mismatches.push(Mismatch { day, journal, records });
        }
    }

    /// Whether every recipient that was delivered to has a record, and all records are there.
    pub(crate) fn is_complete(&self) -> bool {
        self.missing == 0 && self.damaged == 0 && self.mismatches.is_empty()
    }

    /// What an evidence file says of it.
    pub(crate) fn summary(&self) -> Value {
        json!({
            "kind": "summary",
            "complete": self.is_complete(),
            "damaged": self.damaged,
            "days": self.days,
            "domains": self.domains.len(),
            "gaps": self.gaps,
            "journal": self.journal,
            "mismatches": self.mismatches,
            "missing": self.missing,
            "open_days": self.open_days,
            "records": self.records,
            "removed_days": self.removed_days,
            "totals": self.totals,
        })
    }
}

/// What the evidence of a period comes to.
#[derive(Clone, Debug, PartialEq)]
pub struct Survey {
    /// The first day that there is evidence of; `None` where there is none of the period.
    pub from: Option<UtcDay>,
    /// The last one.
    pub to: Option<UtcDay>,
    /// The first day of the chain.
    pub chain_since: Option<UtcDay>,
    /// Records of the domains asked for.
    pub records: u64,
    /// Their sums.
    pub totals: Tally,
    /// The same, by domain.
    pub domains: BTreeMap<String, Tally>,
    /// Recipients of all domains that left the queue as delivered.
    pub journal: u64,
    /// Records that should be there and are not, the first thousand stretches.
    pub gaps: Vec<Gap>,
    /// How many records are missing.
    pub missing: u64,
    /// Days, or records, that are not as they were written.
    pub damaged: u64,
    /// Days whose records and whose journal differ.
    pub mismatches: Vec<Mismatch>,
    /// Days that are over and signed for good.
    pub signed_days: u64,
    /// Days that were not closed yet.
    pub open_days: u64,
    /// Days whose records are no longer kept.
    pub removed_days: u64,
    /// Attempts of the period that these days do not have.
    pub outside: Outside,
    /// Whether there is evidence of the period, and nothing is missing.
    pub complete: bool,
}

/// The days of the chain that a period has; `None` where it has none.
pub(crate) async fn days_of(
    store: &dyn Evidence,
    from: UtcDay,
    to: UtcDay,
) -> Result<(Option<UtcDay>, Option<(UtcDay, UtcDay)>), StoreError> {
    let Some((first, last)) = store.chain_days().await? else { return Ok((None, None)) };
    let (from, to) = (from.max(first), to.min(last));
    Ok((Some(first), (from <= to).then_some((from, to))))
}

/// Looks at all evidence of a period, without reading the records themselves.
///
/// # Errors
/// When the store cannot be read, or the key not be used.
pub async fn survey(
    store: &dyn Evidence,
    scope: &Scope,
    from: UtcDay,
    to: UtcDay,
) -> Result<Survey, StoreError> {
    let (chain_since, days) = days_of(store, from, to).await?;
    let roots = match days {
        Some((from, to)) => store.roots(from, to).await?,
        None => Vec::new(),
    };
    let mut sum = Sum::default();
    for root in &roots {
        sum.root(root);
        if root.kept {
            count(store, scope, root, &mut sum).await?;
        }
    }
    let outside = store.outside(from, to).await?;
    let complete = days.is_some() && outside.is_empty() && sum.is_complete();
    let Sum { records, totals, domains, gaps, missing, damaged, journal, mismatches, .. } = sum;
    Ok(Survey {
        from: days.map(|(from, _)| from),
        to: days.map(|(_, to)| to),
        chain_since,
        records,
        totals,
        domains,
        journal,
        gaps,
        missing,
        damaged,
        mismatches,
        signed_days: sum.days.saturating_sub(sum.open_days),
        open_days: sum.open_days,
        removed_days: sum.removed_days,
        outside,
        complete,
    })
}

/// Counts the records of a day.
async fn count(
    store: &dyn Evidence,
    scope: &Scope,
    root: &Root,
    sum: &mut Sum,
) -> Result<(), StoreError> {
    let mut next = root.statement.first;
    let (missing, damaged) = (sum.missing, sum.damaged);
    let mut tally = Tally::default();
    let end = next.saturating_add(root.statement.records);
    while next < end {
        let page = store.counted(next, end.saturating_sub(1), PAGE).await?;
        let is_last = page.len() < PAGE;
        for record in page {
            if record.seq < next {
                sum.damaged = sum.damaged.saturating_add(1);
                continue;
            }
            if record.seq > next {
                sum.gap(next, record.seq.saturating_sub(1));
            }
            next = record.seq.saturating_add(1);
            tally.add(record.class, 1);
            if scope.takes(&record.domain) {
                sum.record(&record.domain, record.class);
            }
        }
        if is_last {
            break;
        }
    }
    if next < end {
        sum.gap(next, end.saturating_sub(1));
    }
    // What a record counts as stands beside it: where all are there, the signed sums must be theirs.
    if (sum.missing, sum.damaged) == (missing, damaged) && tally != root.statement.totals {
        sum.damaged = sum.damaged.saturating_add(1);
    }
    Ok(())
}
