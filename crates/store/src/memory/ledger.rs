//! Attempts a page at a time.

use std::collections::BTreeSet;

use async_trait::async_trait;

use super::Memory;
use crate::{
    error::StoreError,
    ledger::{Ledger, Mark, Page, Stretch},
    queue::Evidence,
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
