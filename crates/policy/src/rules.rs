//! Message Rules: compiled once, then asked for every recipient.
//!
//! ```text
//! PolicyDocument ── compile ──> RuleSet ── evaluate ──> a walk: what matched, the draft, the end
//!                                  ├────── lint ──────> findings
//!                                  └────── explain ───> the full trace
//! ```
//! All four work on the same compiled rules, so the simulator and the linter
//! cannot disagree with what happens to mail. A Condition answers yes, no, or that
//! it cannot tell; an unanswered one never counts as "no".

mod action;
mod compile;
mod condition;
mod data_set;
mod evaluate;
pub mod expectation;
pub mod explain;
pub mod lint;
pub mod listed;
pub mod preview;
pub mod simulation;

use std::sync::Arc;

use crate::{
    diagnostic::Diagnostic,
    document::{
        ActionEntry, ConditionEntry, DataKind, FinalAction, PolicyDocument, Profile, Spans,
        SystemRule,
    },
};

pub use self::evaluate::Undecided;
pub(crate) use self::{
    action::{Action, HeaderField},
    condition::{Answer, Condition, Test},
    data_set::{DataSet, Domains, Network, Networks, Probe},
    evaluate::{Mail, View, Walk, walk},
};

/// Compiled rules in the order in which they are tried, System Rules included.
#[derive(Debug)]
pub struct RuleSet {
    rules: Vec<Rule>,
    sets: Vec<NamedSet>,
    /// Our domains, for reasoning about Direction.
    own: Arc<DataSet>,
    has_source: bool,
}

/// One compiled rule.
#[derive(Debug)]
pub(crate) struct Rule {
    pub(crate) name: String,
    pub(crate) system: Option<SystemRule>,
    pub(crate) active: bool,
    pub(crate) shadow: bool,
    pub(crate) conditions: Vec<Condition>,
    pub(crate) actions: Vec<Action>,
    pub(crate) last: FinalAction,
    /// With `reject`: what the sender is told, code and enhanced code included.
    pub(crate) reply: Option<String>,
}

/// A rule of a list.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Listed<'a> {
    /// Its name.
    pub name: &'a str,
    /// Which System Rule it is; `None` for any other.
    pub system: Option<SystemRule>,
    /// Whether it is tried.
    pub active: bool,
    /// Evaluated and recorded, changing nothing.
    pub shadow: bool,
}

/// A set of Custom Rule Data.
#[derive(Debug)]
pub(crate) struct NamedSet {
    pub(crate) name: String,
    pub(crate) kind: DataKind,
    pub(crate) set: Arc<DataSet>,
    /// Whether a rule names it.
    pub(crate) used: bool,
}

impl RuleSet {
    /// Compiles the rules and sets of a document.
    ///
    /// # Errors
    /// Every problem: names that are not unique, System Rules out of order, unknown
    /// sets, values that are none, patterns that cannot be had, headers that may not
    /// be written.
    pub fn compile(
        document: &PolicyDocument,
        spans: &Spans,
        profile: Profile,
    ) -> Result<Self, Vec<Diagnostic>> {
        compile::compile(document, spans, profile)
    }

    /// What is allowed and unwise, in the order of the rules.
    pub fn lint(&self) -> Vec<lint::Finding> {
        lint::findings(self)
    }

    /// The rules in the order in which they are tried.
    pub fn list(&self) -> impl Iterator<Item = Listed<'_>> {
        self.rules.iter().map(|rule| Listed {
            name: &rule.name,
            system: rule.system,
            active: rule.active,
            shadow: rule.shadow,
        })
    }

    /// What a System Rule looks at, what it does, and how it ends the walk.
    pub fn system(
        &self,
        system: SystemRule,
    ) -> Option<(Vec<ConditionEntry>, Vec<ActionEntry>, FinalAction)> {
        let rule = self.rules.iter().find(|rule| rule.system == Some(system))?;
        let conditions = rule.conditions.iter().map(|condition| condition.entry.clone()).collect();
        let actions = rule.actions.iter().map(|action| action.entry.clone()).collect();
        Some((conditions, actions, rule.last))
    }

    pub(crate) fn own(&self) -> &DataSet {
        &self.own
    }

    pub(crate) fn rules(&self) -> &[Rule] {
        &self.rules
    }

    pub(crate) fn rule(&self, index: usize) -> Option<&Rule> {
        self.rules.get(index)
    }
}

#[cfg(test)]
mod tests;
