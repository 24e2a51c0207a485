//! Ids of rules and sets, and counts of matches.

use std::collections::HashMap;

use async_trait::async_trait;
use gatepost_policy::document::PolicyDocument;
use gatepost_wire::timestamp::Timestamp;

use super::{Memory, State};
use crate::{
    error::StoreError,
    intake,
    rulebook::{self, Hit, Hits, Ids, Renamed, Rulebook},
};

#[async_trait]
impl Rulebook for Memory {
    async fn ids(&self) -> Result<Ids, StoreError> {
        Ok(self.state().ids.clone())
    }

    async fn count_hits(&self, hits: Vec<Hit>) -> Result<(), StoreError> {
        let mut state = self.state();
        let ids = state.ids.clone();
        let known = |hit: Hit| Some((ids.counted(&hit.rule)?, hit));
        state.hits.extend(hits.into_iter().filter_map(known));
        Ok(())
    }

    async fn hits(&self, now: Timestamp) -> Result<HashMap<String, Hits>, StoreError> {
        let mut sums: HashMap<String, Hits> = HashMap::new();
        for (rule, hit) in &self.state().hits {
            let side = sums.entry(rule.clone()).or_default().side(hit.shadow);
            side.total = side.total.saturating_add(hit.count);
            side.last_at = side.last_at.max(Some(hit.last));
            if rulebook::hour(hit.last) >= rulebook::day_ago(now) {
                side.last_24h = side.last_24h.saturating_add(hit.count);
            }
        }
        Ok(sums)
    }
}

impl State {
    /// Gives an id to each name of a document that has none, after what was renamed.
    pub(super) fn follow(
        &mut self,
        document: &PolicyDocument,
        renamed: &[Renamed],
        now: Timestamp,
    ) {
        renamed.iter().for_each(|renamed| self.ids.rename(renamed));
        for (what, name) in self.ids.missing(document) {
            self.ids.insert(what, name, intake::mint_at(now));
        }
    }
}
