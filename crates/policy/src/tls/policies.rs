//! `[[tls_policy]]`: what no header can weaken, by the domain of a recipient and by
//! the name of the host that mail is handed to (`tls-delivery.md` 5.2).
//!
//! All entries that match hold together (decision 30); each becomes a [`Demand`], and
//! whoever unites them lets the strictest decide. An entry whose last day is over
//! demands nothing.

use gatepost_wire::{address::AddressDomain, timestamp::Timestamp};

use super::{Demand, Level, Source};
use crate::{
    day::Day,
    domain_patterns::{Element, Pattern, Patterns, host_key},
};

/// All `[[tls_policy]]` of a policy.
#[derive(Clone, Debug, Default)]
pub struct TlsPolicies {
    entries: Vec<Held>,
    patterns: Patterns,
}

#[derive(Clone, Copy, Debug)]
struct Held {
    level: Level,
    until: Option<Day>,
}

impl TlsPolicies {
    /// Whether there is none.
    pub const fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Adds an entry with the domains that it names, each as it was read and as it was written.
    pub(crate) fn add(
        &mut self,
        level: Level,
        until: Option<Day>,
        domains: impl IntoIterator<Item = (Pattern, String)>,
    ) {
        let list = self.entries.len();
        self.entries.push(Held { level, until });
        for (pattern, written) in domains {
            self.patterns.insert(pattern, Element { list, written });
        }
    }

    /// What holds for mail to a domain at a time, in the order of the file.
    pub fn for_domain(&self, domain: &AddressDomain, now: Timestamp) -> Vec<Demand> {
        if self.patterns.is_empty() {
            return Vec::new();
        }
        self.demands(&domain.key(), now)
    }

    /// What holds for mail that is handed to a host, a name or an address, at a time.
    pub fn for_host(&self, host: &str, now: Timestamp) -> Vec<Demand> {
        if self.patterns.is_empty() {
            return Vec::new();
        }
        self.demands(&host_key(host), now)
    }

    fn demands(&self, key: &str, now: Timestamp) -> Vec<Demand> {
        let mut found: Vec<&Element> = Vec::new();
        for element in self.patterns.matching(key) {
            // of several domains of one entry, the one that fits best stands for it
            if !found.iter().any(|better| better.list == element.list) {
                found.push(element);
            }
        }
        found.sort_by_key(|element| element.list);
        found
            .into_iter()
            .filter_map(|element| {
                let held = self.entries.get(element.list)?;
                let source = Source::TlsPolicy { domain: element.written.clone() };
                let over = held.until.is_some_and(|until| until.is_over(now));
                (!over).then(|| Demand::new(held.level, source))
            })
            .collect()
    }
}
