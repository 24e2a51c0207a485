//! What a policy allows and its author hardly means: rules that never run, two
//! levels for one message, sets that are empty or that nobody uses.
//!
//! A finding never stops a policy from being applied. The guide's set-ups give none.

mod region;

use gatepost_wire::timestamp::Timestamp;
use serde::{Deserialize, Serialize};

use self::region::{Literal, Reasoner};
use super::{Condition, Rule, RuleSet, Test, action::Effect};
use crate::{
    document::{FinalAction, TlsPolicyEntry},
    tls::{Asked, Level, level},
};

/// Something unwise.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// The rule it is about; `None` where it is about a set or the whole policy.
    pub rule: Option<String>,
    /// What it is.
    pub kind: FindingKind,
    /// What is unwise, as a full sentence.
    pub text: String,
    /// What to do, as a full sentence.
    pub fix: String,
}

/// What a finding is about.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Ord, PartialOrd, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FindingKind {
    /// No message gets to the rule, or none can match it.
    Unreachable,
    /// Two rules can both write `x-TLSLevel` for one recipient.
    DuplicateTlsLevel,
    /// A rule above asks for less than this one does for the same mail.
    TlsDowngrade,
    /// A header Action writes an `x-TLSLevel` that nobody knows.
    UnknownTlsLevel,
    /// A set has no value.
    EmptyRuleData,
    /// No rule names a set.
    UnusedRuleData,
    /// `exists` on a field that no rule above adds.
    HeaderNeverAdded,
    /// We have no domain.
    NoDomain,
    /// Nobody may send out.
    NoSource,
    /// The last day of a `[[tls_policy]]` is over: it demands nothing any more.
    ExpiredTlsPolicy,
}

impl FindingKind {
    /// The word of `policy lint --json`.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Unreachable => "unreachable",
            Self::DuplicateTlsLevel => "duplicate_tls_level",
            Self::TlsDowngrade => "tls_downgrade",
            Self::UnknownTlsLevel => "unknown_tls_level",
            Self::EmptyRuleData => "empty_rule_data",
            Self::UnusedRuleData => "unused_rule_data",
            Self::HeaderNeverAdded => "header_never_added",
            Self::NoDomain => "no_domain",
            Self::NoSource => "no_source",
            Self::ExpiredTlsPolicy => "expired_tls_policy",
        }
    }
}

/// Fields that arriving mail has by itself, so that a rule may well ask whether they exist
/// (RFC 5322, 2045, 2369, 2919, 3834, 6376, 8058, 8601, 8617).
const COME_WITH_MAIL: &[&str] = &[
    "ARC-Authentication-Results",
    "ARC-Message-Signature",
    "ARC-Seal",
    "Authentication-Results",
    "Auto-Submitted",
    "Bcc",
    "Cc",
    "Comments",
    "Content-Disposition",
    "Content-Language",
    "Content-Transfer-Encoding",
    "Content-Type",
    "DKIM-Signature",
    "Date",
    "Disposition-Notification-To",
    "From",
    "Importance",
    "In-Reply-To",
    "Keywords",
    "List-Archive",
    "List-Help",
    "List-Id",
    "List-Owner",
    "List-Post",
    "List-Subscribe",
    "List-Unsubscribe",
    "List-Unsubscribe-Post",
    "MIME-Version",
    "Message-ID",
    "Precedence",
    "Priority",
    "Received",
    "Received-SPF",
    "References",
    "Reply-To",
    "Resent-Date",
    "Resent-From",
    "Resent-Message-ID",
    "Resent-Sender",
    "Resent-To",
    "Return-Path",
    "Sender",
    "Subject",
    "To",
    "User-Agent",
    "X-Mailer",
];

/// All findings: those about rules in their order, then sets, then the whole.
pub(super) fn findings(rules: &RuleSet) -> Vec<Finding> {
    let reasoner = Reasoner::new(rules);
    let mut found = Vec::new();
    let mut enders: Vec<Vec<Literal<'_>>> = Vec::new();
    for (at, rule) in rules.rules.iter().enumerate() {
        found.extend(unknown_level(rule));
        if !rule.active {
            continue;
        }
        let region = region_of(rule);
        found.extend(unreachable(rule, &region, &reasoner, &enders));
        found.extend(levels(rules, at, rule, &reasoner, &enders));
        found.extend(never_added(rules, at, rule));
        if rule.last != FinalAction::None && !rule.shadow {
            enders.push(region);
        }
    }
    found.extend(sets(rules));
    found.extend(whole(rules));
    found
}

fn finding(rule: Option<&Rule>, kind: FindingKind, text: String, fix: &str) -> Finding {
    Finding { rule: rule.map(|rule| rule.name.clone()), kind, text, fix: fix.to_owned() }
}

fn region_of(rule: &Rule) -> Vec<Literal<'_>> {
    rule.conditions.iter().map(Literal::of).collect()
}

fn unknown_level(rule: &Rule) -> impl Iterator<Item = Finding> {
    rule.actions.iter().filter_map(move |action| {
        let field = action.field()?;
        let Asked::Unknown(value) = field.asked()? else { return None };
        let text = format!("{value:?} is no level; the delivery engine takes it for Require.");
        let fix = "Write Try, Require, Verify or Plain.";
        Some(finding(Some(rule), FindingKind::UnknownTlsLevel, text, fix))
    })
}

fn unreachable<'r>(
    rule: &'r Rule,
    region: &[Literal<'r>],
    reasoner: &Reasoner<'r>,
    enders: &[Vec<Literal<'r>>],
) -> Option<Finding> {
    // That a set is empty is a finding of its own.
    let has_empty_set = region.iter().any(|literal| reasoner.is_empty(&[*literal]));
    if has_empty_set {
        return None;
    }
    if reasoner.is_empty(region) {
        let text = "No message can match this rule: its Conditions exclude one another.".to_owned();
        let fix = "Take one of the Conditions out, or make two rules of it.";
        return Some(finding(Some(rule), FindingKind::Unreachable, text, fix));
    }
    if !reasoner.is_covered(region, enders) {
        return None;
    }
    let text =
        "No message gets to this rule: rules above it end the walk for all that would match."
            .to_owned();
    let fix = "Move it up, above the rule that ends the walk, or delete it.";
    Some(finding(Some(rule), FindingKind::Unreachable, text, fix))
}

/// What a rule does to `x-TLSLevel`.
struct LevelEffect {
    /// It removes what earlier rules wrote.
    clears: bool,
    /// What it writes and leaves there, in order.
    writes: Vec<Level>,
}

fn level_effect(rule: &Rule) -> LevelEffect {
    let mut effect = LevelEffect { clears: false, writes: vec![] };
    for action in &rule.actions {
        match &action.effect {
            Effect::Add(field) => effect.writes.extend(field.level()),
            Effect::Remove(name) if name.eq_ignore_ascii_case(level::FIELD) => {
                effect = LevelEffect { clears: true, writes: vec![] };
            }
            Effect::Remove(_) => {}
            Effect::SetLevel(field) => {
                effect = LevelEffect { clears: true, writes: field.level().into_iter().collect() };
            }
        }
    }
    effect
}

fn levels<'r>(
    rules: &'r RuleSet,
    at: usize,
    rule: &'r Rule,
    reasoner: &Reasoner<'r>,
    enders: &[Vec<Literal<'r>>],
) -> Vec<Finding> {
    let mut found = Vec::new();
    let effect = level_effect(rule);
    let Some(own) = effect.writes.first().copied() else { return found };
    if rule.shadow {
        return found;
    }
    if effect.writes.len() > 1 {
        let text = "This rule writes x-TLSLevel twice; only the first decides.".to_owned();
        let fix = "Keep one of the two Actions.";
        found.push(finding(Some(rule), FindingKind::DuplicateTlsLevel, text, fix));
    }
    if effect.clears || rule.conditions.iter().any(is_guard) {
        return found;
    }
    let together = |above: &'r Rule, between: &'r [Rule]| {
        let mut both = region_of(above);
        both.extend(region_of(rule));
        if reasoner.is_empty(&both) || reasoner.is_covered(&both, enders) {
            return false;
        }
        // Rules between the two that always take the upper one's field off: looked for last, there are many between.
        let clearing: Vec<Vec<Literal<'r>>> = between
            .iter()
            .filter(|rule| rule.active && !rule.shadow && level_effect(rule).clears)
            .map(region_of)
            .collect();
        clearing.is_empty() || !reasoner.is_covered(&both, &clearing)
    };
    let mut duplicate = None;
    let mut weaker = None;
    for (index, above) in rules.rules.iter().enumerate().take(at) {
        if duplicate.is_some() && weaker.is_some() {
            break;
        }
        if !above.active || above.shadow || above.last != FinalAction::None {
            continue;
        }
        let Some(asks) = level_effect(above).writes.first().copied() else { continue };
        if duplicate.is_some() && asks >= own {
            continue;
        }
        let between = rules.rules.get(index + 1..at).unwrap_or_default();
        if !together(above, between) {
            continue;
        }
        duplicate = duplicate.or(Some(above));
        if asks < own {
            weaker = Some((above, asks));
        }
    }
    found.extend(duplicate.map(|above| duplicate_finding(rule, above)));
    found.extend(weaker.map(|(above, asks)| downgrade_finding(rule, own, above, asks)));
    found
}

fn duplicate_finding(rule: &Rule, above: &Rule) -> Finding {
    let text = format!(
        "The rule {:?} above can write x-TLSLevel for the same recipient; then this one's is \
         ignored.",
        above.name
    );
    let fix = "Give the one that is for everybody a Condition that leaves the other's recipients \
               out: recipient does_not_match the list, or header x-TLSLevel does_not_exist.";
    finding(Some(rule), FindingKind::DuplicateTlsLevel, text, fix)
}

fn downgrade_finding(rule: &Rule, own: Level, above: &Rule, asks: Level) -> Finding {
    let text = format!(
        "This rule asks for {}, but for the same mail the rule {:?} above asks for {} first, and \
         the first decides.",
        own.title(),
        above.name,
        asks.title()
    );
    let fix = "Move this rule above the other one.";
    finding(Some(rule), FindingKind::TlsDowngrade, text, fix)
}

/// `header x-TLSLevel does_not_exist`: no earlier rule wrote one where this holds.
fn is_guard(condition: &Condition) -> bool {
    condition.negated
        && matches!(&condition.test, Test::HeaderThere(name) if name.eq_ignore_ascii_case(level::FIELD))
}

fn never_added(rules: &RuleSet, at: usize, rule: &Rule) -> Vec<Finding> {
    let above = || rules.rules.iter().take(at).filter(|above| above.active && !above.shadow);
    rule.conditions
        .iter()
        .filter(|condition| !condition.negated)
        .filter_map(|condition| match &condition.test {
            Test::HeaderThere(name) => Some(name),
            Test::Direction(_)
            | Test::Sender(_)
            | Test::Recipient(_)
            | Test::RecipientCount(_)
            | Test::Subject(_)
            | Test::Header { .. }
            | Test::AnyHeader(_)
            | Test::Size(_)
            | Test::ConnectionIp(_)
            | Test::OwnDomain => None,
        })
        .filter(|name| !COME_WITH_MAIL.iter().any(|known| known.eq_ignore_ascii_case(name)))
        .filter(|name| {
            let adds = |rule: &Rule| {
                rule.actions
                    .iter()
                    .filter_map(|action| action.field())
                    .any(|field| field.name().eq_ignore_ascii_case(name))
            };
            !above().any(adds)
        })
        .map(|name| {
            let text = format!("The rule waits for the header {name}, which no rule above adds.");
            let fix = "Add the header in a rule above this one, or correct the name.";
            finding(Some(rule), FindingKind::HeaderNeverAdded, text, fix)
        })
        .collect()
}

fn sets(rules: &RuleSet) -> impl Iterator<Item = Finding> {
    rules.sets.iter().flat_map(|set| {
        let empty = set.set.is_empty().then(|| {
            let text = format!(
                "The set {:?} ({}) is empty: nothing matches it.",
                set.name,
                set.kind.word()
            );
            finding(None, FindingKind::EmptyRuleData, text, "Fill it, or delete it.")
        });
        let unused = (!set.used).then(|| {
            let text = format!("No rule uses the set {:?}.", set.name);
            finding(None, FindingKind::UnusedRuleData, text, "Use it in a rule, or delete it.")
        });
        empty.into_iter().chain(unused)
    })
}

/// Each `[[tls_policy]]` that has come to its end.
pub(crate) fn expired(policies: &[TlsPolicyEntry], now: Timestamp) -> Vec<Finding> {
    policies
        .iter()
        .filter_map(|policy| {
            let until = policy.until.filter(|until| until.is_over(now))?;
            let text = format!(
                "The [[tls_policy]] at the level {} for {} ended on {until}: it demands nothing \
                 any more.",
                policy.level,
                policy.domains.join(", ")
            );
            let fix = "Take it out, or give it a later `until`, or none so that it stays.";
            Some(finding(None, FindingKind::ExpiredTlsPolicy, text, fix))
        })
        .collect()
}

fn whole(rules: &RuleSet) -> impl Iterator<Item = Finding> {
    let no_domain = rules.own.is_empty().then(|| {
        let text = "There is no domain of ours: no inbound mail is taken.".to_owned();
        finding(None, FindingKind::NoDomain, text, "Add a [[domain]] with its name.")
    });
    let no_source = (!rules.has_source).then(|| {
        let text =
            "There is no outbound source: nobody may send out through this gateway.".to_owned();
        let fix = "Add an [[outbound_source]] with the network of your mail server.";
        finding(None, FindingKind::NoSource, text, fix)
    });
    no_domain.into_iter().chain(no_source)
}

#[cfg(test)]
mod tests;
