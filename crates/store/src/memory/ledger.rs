//! Attempts a page at a time.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use gatepost_wire::timestamp::Timestamp;

use super::Memory;
use crate::{
    error::StoreError,
    ledger::{Ledger, Mark, Page, Stretch},
    queue::Evidence,
    sums::{Count, DAY, DaySums, HOUR, HourSums, Kind, begin},
};

#[async_trait]
impl Ledger for Memory {
    async fn attempts(
        &self,
        stretch: &Stretch,
        after: Option<Mark>,
        most: usize,
    ) -> Result<Page, StoreError> {
        let Stretch { since, domain } = stretch;
        let domain = domain.as_deref().map(str::to_lowercase);
        let state = self.state();
        let mut found: Vec<(Mark, &Evidence)> = state
            .attempts
            .iter()
            .map(|evidence| {
                let Evidence { entry, number, .. } = evidence;
                (Mark { at: evidence.attempt.at, entry: *entry, number: *number }, evidence)
            })
            .filter(|(mark, _)| after.is_none_or(|after| *mark > after))
            .filter(|(mark, _)| since.is_none_or(|since| mark.at >= since))
            .filter(|(_, evidence)| domain.as_ref().is_none_or(|domain| *domain == evidence.domain))
            .collect();
        found.sort_by_key(|(mark, _)| *mark);
        found.truncate(most);
        let next = if found.len() < most { None } else { found.last().map(|(mark, _)| *mark) };
        let marks = found.iter().map(|(mark, _)| *mark).collect();
        let attempts = found
            .into_iter()
            .map(|(_, evidence)| (evidence.domain.clone(), evidence.attempt.clone()))
            .collect();
        Ok(Page { attempts, marks, next })
    }

    async fn day_sums(
        &self,
        since: Timestamp,
        until: Timestamp,
        domain: Option<&str>,
    ) -> Result<Vec<DaySums>, StoreError> {
        let domain = domain.map(str::to_lowercase);
        let mut days: BTreeMap<(i64, String), DaySums> = BTreeMap::new();
        for Evidence { domain: at, attempt, .. } in &self.state().attempts {
            let day = begin(attempt.at, DAY);
            let is_in = day >= begin(since, DAY) && day <= until.millis();
            if is_in && domain.as_ref().is_none_or(|domain| domain == at) {
                days.entry((day, at.clone()))
                    .or_insert_with(|| DaySums::new(day, at.clone()))
                    .add(&Kind::of(attempt), Count::one(attempt.at));
            }
        }
        Ok(days.into_values().collect())
    }

    async fn hour_sums(
        &self,
        since: Timestamp,
    ) -> Result<BTreeMap<Timestamp, HourSums>, StoreError> {
        let mut hours: BTreeMap<Timestamp, HourSums> = BTreeMap::new();
        for Evidence { attempt, .. } in &self.state().attempts {
            let hour = begin(attempt.at, HOUR);
            if hour >= begin(since, HOUR) {
                hours.entry(Timestamp::from_millis(hour)).or_default().add(&Kind::of(attempt), 1);
            }
        }
        Ok(hours)
    }

    async fn domains_below(&self, parent: &str) -> Result<Vec<String>, StoreError> {
        let suffix = format!(".{}", parent.to_lowercase());
        let state = self.state();
        let domains: BTreeSet<String> = state
            .attempts
            .iter()
            .map(|evidence| evidence.domain.clone())
            .filter(|domain| domain.ends_with(&suffix))
            .collect();
        Ok(domains.into_iter().collect())
    }
}
