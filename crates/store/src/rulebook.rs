//! What is known about Message Rules and Rule Data beside what the policy says: the id that each has for
//! as long as it keeps its name, and how often each rule matched.
//!
//! A document names things; an address in a browser and a count of years want something that stays when a
//! thing is renamed. Ids are given in the transaction that commits a revision, so there is no revision
//! whose rules have none. The id of a name that is gone is kept: a rollback gives it back, and its count.
//! System Rules need no id, their word is one.

use std::collections::HashMap;

use async_trait::async_trait;
use gatepost_policy::document::{PolicyDocument, RuleEntry, SystemRule};
use gatepost_wire::timestamp::Timestamp;
use serde::{Deserialize, Serialize};
use ulid::Ulid;

use crate::error::StoreError;

/// How long counts by the hour are kept; totals stay as long as the store.
pub(crate) const KEPT: std::time::Duration = std::time::Duration::from_secs(90 * 24 * 3600);

/// One hour in milliseconds.
const HOUR: i64 = 3_600_000;

/// What has a name and an id.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Ord, PartialOrd, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Named {
    /// A Message Rule that is no System Rule.
    Rule,
    /// A set of Custom Rule Data.
    RuleData,
}

impl Named {
    /// A word for it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Rule => "rule",
            Self::RuleData => "rule_data",
        }
    }
}

/// A thing that has another name in the revision that is committed, and is the same thing.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Renamed {
    /// What it is.
    pub what: Named,
    /// Its name so far.
    pub from: String,
    /// Its name from now on.
    pub to: String,
}

/// The ids of rules and of sets by their names, of which case does not count.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Ids {
    by_name: HashMap<(Named, String), Ulid>,
}

impl Ids {
    /// The id of a thing by its name; `None` for one that was never there.
    pub fn of(&self, what: Named, name: &str) -> Option<Ulid> {
        self.by_name.get(&(what, key(name))).copied()
    }

    pub(crate) fn insert(&mut self, what: Named, key: String, id: Ulid) {
        self.by_name.insert((what, key), id);
    }

    pub(crate) fn rename(&mut self, renamed: &Renamed) {
        let Renamed { what, from, to } = renamed;
        if let Some(id) = self.by_name.remove(&(*what, key(from))) {
            self.by_name.insert((*what, key(to)), id);
        }
    }

    /// The names that a document has and nobody gave an id yet.
    pub(crate) fn missing(&self, document: &PolicyDocument) -> Vec<(Named, String)> {
        let mut missing = names(document);
        missing.retain(|named| !self.by_name.contains_key(named));
        missing
    }

    /// The id under which matches of a rule are counted: the word of a System Rule, or its own.
    pub(crate) fn counted(&self, rule: &str) -> Option<String> {
        let system = SystemRule::ALL.into_iter().find(|system| system.name() == rule);
        let own = || self.of(Named::Rule, rule).map(|id| id.to_string());
        system.map(|system| system.word().to_owned()).or_else(own)
    }
}

/// A name as it is compared.
pub(crate) fn key(name: &str) -> String {
    name.trim().to_lowercase()
}

/// Everything in a document that has an id.
fn names(document: &PolicyDocument) -> Vec<(Named, String)> {
    let rules = document.rules.iter().filter_map(|rule| match rule {
        RuleEntry::Custom(rule) => Some((Named::Rule, key(&rule.name))),
        RuleEntry::System(_) => None,
    });
    let sets = document.rule_data.iter().map(|set| (Named::RuleData, key(&set.name)));
    rules.chain(sets).collect()
}

/// Matches of one rule within one hour.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Hit {
    /// The rule's name.
    pub rule: String,
    /// Whether it was a shadow rule when it matched.
    pub shadow: bool,
    /// How many recipients it matched.
    pub count: u64,
    /// When it last did; it says which hour this is about.
    pub last: Timestamp,
}

/// The hour that a moment is in: when it began.
pub(crate) fn hour(at: Timestamp) -> i64 {
    at.millis().div_euclid(HOUR).saturating_mul(HOUR)
}

/// When the last 24 hours began: the hour that runs now and the 23 before it.
pub(crate) fn day_ago(now: Timestamp) -> i64 {
    hour(now).saturating_sub(23 * HOUR)
}

/// How often a rule matched.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
pub struct HitCount {
    /// Since it is there.
    pub total: u64,
    /// In the hour that runs now and the 23 before it.
    pub last_24h: u64,
    /// When it last did.
    pub last_at: Option<Timestamp>,
}

/// How often a rule matched, and how often it did as a shadow rule.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
pub struct Hits {
    /// When it acted.
    pub live: HitCount,
    /// When it was a shadow rule and changed nothing.
    pub shadow: HitCount,
}

impl Hits {
    pub(crate) const fn side(&mut self, shadow: bool) -> &mut HitCount {
        if shadow { &mut self.shadow } else { &mut self.live }
    }
}

/// Ids of rules and sets, and counts of matches.
#[async_trait]
pub trait Rulebook: Send + Sync {
    /// The ids of all names that a revision had, those that are gone too.
    ///
    /// # Errors
    /// When the store cannot be read.
    async fn ids(&self) -> Result<Ids, StoreError>;

    /// Adds matches to the counts. Those of a rule that is not there any more are dropped.
    ///
    /// # Errors
    /// When it cannot be written; then none of them is counted.
    async fn count_hits(&self, hits: Vec<Hit>) -> Result<(), StoreError>;

    /// How often each rule matched, by its id; System Rules by their word. One that never did is not there.
    ///
    /// # Errors
    /// When the store cannot be read.
    async fn hits(&self, now: Timestamp) -> Result<HashMap<String, Hits>, StoreError>;
}
