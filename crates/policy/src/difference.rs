//! What is different between two policies: entry by entry, and line by line.
//!
//! Entries are the same where their names are, without regard to case; an entry
//! without a name goes by what it is for. The documents are equal exactly where
//! [`changes`] finds nothing. What moved is told apart from what changed: of the
//! entries that both have, the longest run that kept its order did not move.

mod text;
mod values;

use std::collections::HashMap;

use serde::Serialize;
use serde_json::Value;

pub use self::{
    text::unified,
    values::{ValueChanges, value_changes},
};
use crate::document::{PolicyDocument, RuleDataEntry, RuleEntry};

/// One thing that is different.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Change {
    /// The part of the policy.
    pub area: Area,
    /// The entry's name; of a System Rule its name for people.
    pub name: String,
    /// What happened to it.
    pub change: Kind,
    /// Its place before, counted from one; `None` for one that was added.
    pub from_position: Option<usize>,
    /// Its place now, counted from one; `None` for one that was removed.
    pub to_position: Option<usize>,
    /// The entry before, with the keys of the policy file; the values of a large set are left out.
    pub before: Option<Value>,
    /// The entry now.
    pub after: Option<Value>,
    /// What became of the values, where it is a set and they differ.
    pub values: Option<ValueChanges>,
}

/// A part of the policy.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Area {
    /// Message Rules.
    Rule,
    /// Custom Rule Data.
    RuleData,
    /// Our domains.
    Domain,
    /// Who may send out.
    OutboundSource,
    /// Where outbound mail goes instead of to MX.
    SmartHost,
    /// What no header can weaken.
    TlsPolicy,
}

/// What happened to an entry.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// It is new.
    Added,
    /// It is gone.
    Removed,
    /// It says something else.
    Changed,
    /// It stands elsewhere among the entries that were there before.
    Moved,
}

/// Values of a set above this many bytes are told by [`ValueChanges`] alone.
const MOST_VALUES: usize = 64 * 1024;

/// Everything that is different, area by area, each in the order of the new document;
/// what was removed comes first.
pub fn changes(old: &PolicyDocument, new: &PolicyDocument) -> Vec<Change> {
    let PolicyDocument { domains, outbound_sources, smart_hosts, rule_data, tls_policies, rules } =
        old;
    let mut found = vec![];
    compare(Area::Rule, rules, &new.rules, &mut found);
    compare(Area::RuleData, rule_data, &new.rule_data, &mut found);
    compare(Area::Domain, domains, &new.domains, &mut found);
    compare(Area::OutboundSource, outbound_sources, &new.outbound_sources, &mut found);
    compare(Area::SmartHost, smart_hosts, &new.smart_hosts, &mut found);
    compare(Area::TlsPolicy, tls_policies, &new.tls_policies, &mut found);
    found
}

/// An entry that can be found again in another document.
trait Entry: PartialEq + Serialize {
    /// What people call it.
    fn name(&self) -> String;

    /// It as a set, where it is one.
    fn set(&self) -> Option<&RuleDataEntry> {
        None
    }
}

impl Entry for RuleEntry {
    fn name(&self) -> String {
        match self {
            Self::System(entry) => entry.system.name().to_owned(),
            Self::Custom(rule) => rule.name.clone(),
        }
    }
}

impl Entry for RuleDataEntry {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn set(&self) -> Option<&RuleDataEntry> {
        Some(self)
    }
}

impl Entry for crate::document::DomainEntry {
    fn name(&self) -> String {
        self.name.clone()
    }
}

impl Entry for crate::document::SourceEntry {
    fn name(&self) -> String {
        self.network.clone()
    }
}

impl Entry for crate::document::SmartHostEntry {
    fn name(&self) -> String {
        self.domains.join(", ")
    }
}

impl Entry for crate::document::TlsPolicyEntry {
    fn name(&self) -> String {
        self.domains.join(", ")
    }
}

/// What an entry is found by: its name, and how many of that name stand before it, which
/// is none in a document without problems.
type Key = (String, usize);

fn keys<T: Entry>(entries: &[T]) -> Vec<Key> {
    let mut seen: HashMap<String, usize> = HashMap::new();
    let key = |entry: &T| {
        let name = entry.name().trim().to_lowercase();
        let before = seen.entry(name.clone()).or_default();
        *before += 1;
        (name, *before - 1)
    };
    entries.iter().map(key).collect()
}

fn compare<T: Entry>(area: Area, old: &[T], new: &[T], found: &mut Vec<Change>) {
    if old == new {
        return;
    }
    let (old_keys, new_keys) = (keys(old), keys(new));
    let by_key: HashMap<&Key, usize> = old_keys.iter().zip(0..).collect();
    let still: std::collections::HashSet<&Key> = new_keys.iter().collect();
    for (at, (entry, key)) in old.iter().zip(&old_keys).enumerate() {
        if !still.contains(key) {
            found.push(change(area, Kind::Removed, Some((at, entry)), None));
        }
    }
    let from: Vec<Option<usize>> = new_keys.iter().map(|key| by_key.get(key).copied()).collect();
    let stays = in_order(&from);
    for (at, entry) in new.iter().enumerate() {
        let Some(was) = from.get(at).copied().flatten() else {
            found.push(change(area, Kind::Added, None, Some((at, entry))));
            continue;
        };
        let Some(before) = old.get(was) else { continue };
        let (before, after) = (Some((was, before)), Some((at, entry)));
        if before.is_some_and(|(_, before)| before != entry) {
            found.push(change(area, Kind::Changed, before, after));
        }
        if !stays.get(at).copied().unwrap_or(true) {
            found.push(change(area, Kind::Moved, before, after));
        }
    }
}

fn change<T: Entry>(
    area: Area,
    kind: Kind,
    before: Option<(usize, &T)>,
    after: Option<(usize, &T)>,
) -> Change {
    let name = after.or(before).map_or_else(String::new, |(_, entry)| entry.name());
    let values = match (before, after) {
        (Some((_, before)), Some((_, after))) if kind == Kind::Changed => {
            before.set().zip(after.set()).map(|(old, new)| value_changes(&old.values, &new.values))
        }
        (_, _) => None,
    };
    let values = values.filter(|values| values.added + values.removed > 0);
    // What moved and nothing else is told by its places.
    let shown = |side: Option<(usize, &T)>| {
        side.filter(|_| kind != Kind::Moved).map(|(_, entry)| json(entry))
    };
    Change {
        area,
        name,
        change: kind,
        from_position: before.map(|(at, _)| at + 1),
        to_position: after.map(|(at, _)| at + 1),
        before: shown(before),
        after: shown(after),
        values,
    }
}

/// The entry as JSON, the values of a large set left out.
fn json<T: Entry>(entry: &T) -> Value {
    if let Some(set) = entry.set()
        && set.values.lines().map(|line| line.len() + 1).sum::<usize>() > MOST_VALUES
    {
        let RuleDataEntry { name, note, kind, values: _ } = set;
        return serde_json::json!({ "name": name, "note": note, "kind": kind, "values": null });
    }
    serde_json::to_value(entry).unwrap_or_default()
}

/// Which of the places belong to the longest run that ascends; what has no place is in none.
fn in_order(places: &[Option<usize>]) -> Vec<bool> {
    // `tails[n]` ends the run of n + 1 places that ends lowest.
    let mut tails: Vec<(usize, usize)> = vec![];
    let mut before: Vec<Option<usize>> = vec![None; places.len()];
    for (at, place) in places.iter().enumerate() {
        let Some(place) = *place else { continue };
        let longer = tails.partition_point(|(ends, _)| *ends < place);
        let previous = longer.checked_sub(1).and_then(|n| tails.get(n));
        if let Some(slot) = before.get_mut(at) {
            *slot = previous.map(|(_, at)| *at);
        }
        match tails.get_mut(longer) {
            Some(tail) => *tail = (place, at),
            None => tails.push((place, at)),
        }
    }
    let mut stays = vec![false; places.len()];
    let mut next = tails.last().map(|(_, at)| *at);
    while let Some(at) = next {
        if let Some(slot) = stays.get_mut(at) {
            *slot = true;
        }
        next = before.get(at).copied().flatten();
    }
    stays
}

#[cfg(test)]
mod tests;
