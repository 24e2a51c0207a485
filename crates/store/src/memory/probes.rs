//! Records of readiness probes.

use async_trait::async_trait;
use gatepost_wire::timestamp::Timestamp;
use serde_json::Value;

use super::Memory;
use crate::{
    error::StoreError,
    probes::{KEPT, KeptProbe, Probes},
};

#[async_trait]
impl Probes for Memory {
    async fn keep_probe(
        &self,
        domain: &str,
        at: Timestamp,
        record: &Value,
    ) -> Result<(), StoreError> {
        let mut state = self.state();
        let of_it = state.probes.entry(domain.to_owned()).or_default();
        of_it.insert(at, record.clone());
        while of_it.len() > KEPT {
            of_it.pop_first();
        }
        Ok(())
    }

    async fn probes(&self, domain: Option<&str>) -> Result<Vec<KeptProbe>, StoreError> {
        let domain = domain.map(str::to_lowercase);
        let state = self.state();
        let mut kept = Vec::new();
        for (name, records) in &state.probes {
            let wanted = match &domain {
                Some(domain) if domain == name => records.len(),
                Some(_) => 0,
                None => 1,
            };
            kept.extend(records.iter().rev().take(wanted).map(|(at, record)| KeptProbe {
                domain: name.clone(),
                at: *at,
                record: record.clone(),
            }));
        }
        kept.sort_by(|a, b| b.at.cmp(&a.at).then_with(|| a.domain.cmp(&b.domain)));
        Ok(kept)
    }
}
