//! The System Rules and where they stand (decision 6).
//!
//! They keep their order: Opportunistic TLS, Deliver Inbound, Deliver Outbound.
//! One that a document leaves out is put at its usual place.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{RuleEntry, SystemEntry};

/// What a new store starts with.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Profile {
    /// With the System Rule Opportunistic TLS.
    #[default]
    Standard,
    /// Without it.
    Classic,
}

impl Profile {
    /// The word of the configuration.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Standard => "standard",
            Self::Classic => "classic",
        }
    }

    /// The profile that a word means.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Standard, Self::Classic].into_iter().find(|profile| profile.word() == word)
    }
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// A rule that ships with the product, in the order that they keep.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Ord, PartialOrd, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SystemRule {
    /// Outbound mail without a level tries TLS.
    OpportunisticTls,
    /// Inbound mail is delivered.
    DeliverInbound,
    /// Outbound mail is delivered.
    DeliverOutbound,
}

impl SystemRule {
    /// Every System Rule, in order.
    pub const ALL: [Self; 3] =
        [Self::OpportunisticTls, Self::DeliverInbound, Self::DeliverOutbound];

    /// The word of the policy file.
    pub const fn word(self) -> &'static str {
        match self {
            Self::OpportunisticTls => "opportunistic_tls",
            Self::DeliverInbound => "deliver_inbound",
            Self::DeliverOutbound => "deliver_outbound",
        }
    }

    /// The name that people see.
    pub const fn name(self) -> &'static str {
        match self {
            Self::OpportunisticTls => "Opportunistic TLS",
            Self::DeliverInbound => "Deliver Inbound",
            Self::DeliverOutbound => "Deliver Outbound",
        }
    }
}

/// A rule of a completed list, and the place it had in the written one.
pub(crate) struct Placed {
    /// Its index in the document, `None` for one that was put in.
    pub(crate) written: Option<usize>,
    /// The rule.
    pub(crate) rule: RuleEntry,
}

/// The rules with the System Rules that are left out at their usual places.
pub(crate) fn complete(rules: Vec<RuleEntry>, profile: Profile) -> Vec<Placed> {
    let mut placed: Vec<Placed> = rules
        .into_iter()
        .enumerate()
        .map(|(at, rule)| Placed { written: Some(at), rule })
        .collect();
    if place_of(&placed, SystemRule::DeliverOutbound).is_none() {
        placed.push(fresh(SystemRule::DeliverOutbound));
    }
    let outbound = place_of(&placed, SystemRule::DeliverOutbound).unwrap_or(placed.len());
    if place_of(&placed, SystemRule::DeliverInbound).is_none() {
        placed.insert(outbound, fresh(SystemRule::DeliverInbound));
    }
    let inbound = place_of(&placed, SystemRule::DeliverInbound).unwrap_or(placed.len());
    let wanted = matches!(profile, Profile::Standard);
    if wanted && place_of(&placed, SystemRule::OpportunisticTls).is_none() {
        placed.insert(inbound.min(outbound), fresh(SystemRule::OpportunisticTls));
    }
    placed
}

const fn fresh(system: SystemRule) -> Placed {
    Placed { written: None, rule: RuleEntry::System(SystemEntry { system, active: true }) }
}

fn place_of(rules: &[Placed], wanted: SystemRule) -> Option<usize> {
    rules.iter().position(|placed| match &placed.rule {
        RuleEntry::System(entry) => entry.system == wanted,
        RuleEntry::Custom(_) => false,
    })
}

#[cfg(test)]
mod tests {
    use crate::document::{CustomRule, FinalAction, PolicyDocument};

    use super::*;

    fn custom(name: &str) -> RuleEntry {
        RuleEntry::Custom(Box::new(CustomRule {
            name: name.into(),
            note: None,
            active: true,
            shadow: false,
            conditions: vec![],
            actions: vec![],
            final_action: FinalAction::None,
            reply: None,
        }))
    }

    fn system(system: SystemRule) -> RuleEntry {
        RuleEntry::System(SystemEntry { system, active: true })
    }

    fn names(rules: Vec<RuleEntry>, profile: Profile) -> Vec<String> {
        PolicyDocument { rules, ..PolicyDocument::default() }
            .completed(profile)
            .rules
            .iter()
            .map(|rule| match rule {
                RuleEntry::System(entry) => entry.system.word().to_owned(),
                RuleEntry::Custom(rule) => rule.name.clone(),
            })
            .collect()
    }

    #[test]
    fn left_out_system_rules_come_last() {
        assert_eq!(
            names(vec![custom("a")], Profile::Standard),
            ["a", "opportunistic_tls", "deliver_inbound", "deliver_outbound"]
        );
        assert_eq!(
            names(vec![custom("a")], Profile::Classic),
            ["a", "deliver_inbound", "deliver_outbound"]
        );
    }

    #[test]
    fn named_system_rules_stay_where_they_stand() {
        let written = vec![
            system(SystemRule::OpportunisticTls),
            custom("a"),
            system(SystemRule::DeliverInbound),
            system(SystemRule::DeliverOutbound),
            custom("b"),
        ];
        assert_eq!(
            names(written, Profile::Classic),
            ["opportunistic_tls", "a", "deliver_inbound", "deliver_outbound", "b"]
        );
    }

    #[test]
    fn a_left_out_one_keeps_the_order_of_the_others() {
        assert_eq!(
            names(vec![system(SystemRule::DeliverOutbound), custom("b")], Profile::Standard),
            ["opportunistic_tls", "deliver_inbound", "deliver_outbound", "b"]
        );
        assert_eq!(
            names(vec![system(SystemRule::DeliverInbound), custom("b")], Profile::Standard),
            ["opportunistic_tls", "deliver_inbound", "b", "deliver_outbound"]
        );
    }

    #[test]
    fn completing_twice_changes_nothing() {
        let once = PolicyDocument { rules: vec![custom("a")], ..PolicyDocument::default() }
            .completed(Profile::Standard);
        assert_eq!(once.clone().completed(Profile::Standard), once);
        assert_eq!(once.clone().completed(Profile::Classic), once);
    }
}
