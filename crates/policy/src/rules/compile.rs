//! From what was written to what can be run, with every problem at once.
//!
//! A rule with a problem is left out and compiling goes on; the caller gets the
//! rules only where there is no problem at all.

mod action;
mod condition;

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use gatepost_wire::address::DomainName;

use super::{DataSet, Domains, NamedSet, Rule, RuleSet, data_set::BadLine};
use crate::{
    diagnostic::{Diagnostic, quote},
    document::{
        CustomRule, FinalAction, PolicyDocument, Profile, RuleDataEntry, RuleEntry, Spans,
        SystemEntry, SystemRule, Values, complete,
    },
};

/// So many bad lines of one set are told; a last one says how many more there are.
const MOST_BAD_LINES: usize = 1000;

pub(super) fn compile(
    document: &PolicyDocument,
    spans: &Spans,
    profile: Profile,
) -> Result<RuleSet, Vec<Diagnostic>> {
    let mut compiler = Compiler { spans, sets: vec![], by_name: HashMap::new(), problems: vec![] };
    for (at, entry) in document.rule_data.iter().enumerate() {
        compiler.set(at, entry);
    }
    compiler.system_rules(document);
    let mut names = HashMap::new();
    let placed = complete(document.rules.clone(), profile);
    let mut rules = Vec::with_capacity(placed.len());
    for place in placed {
        let path = place.written.map_or_else(String::new, |at| spans.item("rule", at));
        let rule = match &place.rule {
            RuleEntry::System(entry) => Some(system_rule(*entry)),
            RuleEntry::Custom(entry) => compiler.rule(entry, &path),
        };
        compiler.name_is_free(&mut names, &place.rule, &path);
        rules.extend(rule);
    }
    let Compiler { sets, mut problems, .. } = compiler;
    if !problems.is_empty() {
        problems.sort_by_key(|problem| (problem.line, problem.column));
        return Err(problems);
    }
    let own: Vec<DomainName> = document
        .domains
        .iter()
        .filter_map(|entry| DomainName::parse(entry.name.trim()).ok())
        .collect();
    let own = Arc::new(DataSet::Domains(Domains::of_names(own.iter())));
    Ok(RuleSet { rules, sets, own, has_source: !document.outbound_sources.is_empty() })
}

/// What compiling knows so far.
struct Compiler<'a> {
    spans: &'a Spans,
    sets: Vec<NamedSet>,
    /// Names in lower case, with the place in `sets`.
    by_name: HashMap<String, usize>,
    problems: Vec<Diagnostic>,
}

impl Compiler<'_> {
    fn problem(&mut self, path: &str, problem: impl Into<String>, remedy: impl Into<String>) {
        self.problems.push(self.spans.problem(path, problem.into(), remedy.into()));
    }

    fn set(&mut self, at: usize, entry: &RuleDataEntry) {
        let RuleDataEntry { name, note, kind, values } = entry;
        let path = self.spans.item("rule_data", at);
        let (set, bad) = DataSet::build(*kind, values.lines());
        let values_path = format!("{path}.values");
        let more = bad.len().saturating_sub(MOST_BAD_LINES);
        for line in bad.into_iter().take(MOST_BAD_LINES) {
            self.problems.push(self.bad_line(&values_path, values, line));
        }
        if more > 0 {
            self.problem(&values_path, format!("{more} more lines are no values."), "");
        }
        self.is_fit_for_a_name(name, &format!("{path}.name"));
        self.is_fit_for_a_note(note.as_deref(), &format!("{path}.note"));
        let used = false;
        let named = NamedSet { name: name.clone(), kind: *kind, set: Arc::new(set), used };
        if let Some(first) = self.by_name.get(&name.trim().to_lowercase()) {
            let first = self.sets.get(*first).map_or_else(String::new, |set| quote(&set.name));
            self.problem(
                &format!("{path}.name"),
                format!("There is another set of the name {first}; case does not count."),
                "Give this one another name.",
            );
            return;
        }
        self.by_name.insert(name.trim().to_lowercase(), self.sets.len());
        self.sets.push(named);
    }

    /// A line of a set that is no value. Where the document was no text that has lines, its number is told.
    fn bad_line(&self, path: &str, values: &Values, bad: BadLine) -> Diagnostic {
        let BadLine { line, problem, remedy } = bad;
        let place = self.spans.line(path, line);
        if place.line > 0 {
            return self.spans.problem_at(place, path, problem, remedy);
        }
        match values {
            Values::Lines(_) => {
                self.spans.problem(path, format!("Line {}: {problem}", line + 1), remedy)
            }
            Values::List(_) => self.spans.problem(&format!("{path}[{line}]"), problem, remedy),
        }
    }

    /// Refuses System Rules in another order, and one that is named twice (decision 6).
    fn system_rules(&mut self, document: &PolicyDocument) {
        let mut seen = HashSet::new();
        let mut latest: Option<SystemRule> = None;
        for (at, entry) in document.rules.iter().enumerate() {
            let system = match entry {
                RuleEntry::System(entry) => entry.system,
                RuleEntry::Custom(_) => continue,
            };
            let path = format!("{}.system", self.spans.item("rule", at));
            if !seen.insert(system) {
                let problem = format!("{} is named twice.", quote(system.word()));
                self.problem(&path, problem, "Keep the one at the place where it acts.");
            } else if latest.is_some_and(|latest| latest > system) {
                let below = latest.map_or("", SystemRule::word);
                self.problem(
                    &path,
                    format!("{} stands below {}.", quote(system.word()), quote(below)),
                    "System Rules keep their order: opportunistic_tls, deliver_inbound, \
                     deliver_outbound.",
                );
            }
            latest = latest.max(Some(system));
        }
    }

    fn name_is_free(&mut self, names: &mut HashMap<String, String>, rule: &RuleEntry, path: &str) {
        let name = match rule {
            RuleEntry::System(entry) => entry.system.name(),
            RuleEntry::Custom(rule) => rule.name.trim(),
        };
        if name.is_empty() {
            return;
        }
        let Some(first) = names.insert(name.to_lowercase(), name.to_owned()) else { return };
        let problem =
            format!("There is another rule of the name {}; case does not count.", quote(&first));
        match rule {
            // A System Rule is named twice only in its own way, which has been told.
            RuleEntry::System(entry) if first == entry.system.name() => {}
            RuleEntry::System(_) => {
                self.problem(path, problem, format!("{} is a System Rule.", quote(name)));
            }
            RuleEntry::Custom(_) => {
                self.problem(&format!("{path}.name"), problem, "Give this one another name.");
            }
        }
    }

    fn is_fit_for_a_name(&mut self, name: &str, path: &str) {
        if name.chars().any(char::is_control) {
            let problem = format!("The name {} has a control character in it.", quote(name));
            self.problem(path, problem, "Write the name on one line.");
        }
    }

    /// A note has lines and tabs, and nothing else that controls a terminal.
    fn is_fit_for_a_note(&mut self, note: Option<&str>, path: &str) {
        let odd = |c: char| c.is_control() && !matches!(c, '\n' | '\r' | '\t');
        if note.is_some_and(|note| note.contains(odd)) {
            self.problem(
                path,
                "The note has a control character in it.",
                "Write it as plain text.",
            );
        }
    }

    fn rule(&mut self, entry: &CustomRule, path: &str) -> Option<Rule> {
        let before = self.problems.len();
        let CustomRule { name, note, active, shadow, conditions, actions, final_action, reply } =
            entry;
        self.is_fit_for_a_name(name, &format!("{path}.name"));
        self.is_fit_for_a_note(note.as_deref(), &format!("{path}.note"));
        let list = format!("{path}.conditions");
        let conditions: Vec<_> = conditions
            .iter()
            .enumerate()
            .filter_map(|(at, entry)| {
                let path = self.spans.item(&list, at);
                self.condition(entry, &path)
            })
            .collect();
        let list = format!("{path}.actions");
        let actions: Vec<_> = actions
            .iter()
            .enumerate()
            .filter_map(|(at, entry)| {
                let path = self.spans.item(&list, at);
                self.action(entry, &path)
            })
            .collect();
        let reply = match reply {
            Some(text) => self.reply(text, *final_action, &format!("{path}.reply")),
            None => None,
        };
        (self.problems.len() == before).then(|| Rule {
            name: name.trim().to_owned(),
            system: None,
            active: *active,
            shadow: *shadow,
            conditions,
            actions,
            last: *final_action,
            reply,
        })
    }
}

/// A System Rule is made of the same parts as any other.
fn system_rule(entry: SystemEntry) -> Rule {
    let SystemEntry { system, active } = entry;
    let (conditions, actions, last) = match system {
        SystemRule::OpportunisticTls => (
            vec![condition::outbound(), condition::has_no_level()],
            vec![action::try_tls()],
            FinalAction::None,
        ),
        SystemRule::DeliverInbound => (vec![condition::inbound()], vec![], FinalAction::Deliver),
        SystemRule::DeliverOutbound => (vec![condition::outbound()], vec![], FinalAction::Deliver),
    };
    Rule {
        name: system.name().to_owned(),
        system: Some(system),
        active,
        shadow: false,
        conditions,
        actions: actions.into_iter().flatten().collect(),
        last,
        reply: None,
    }
}

#[cfg(test)]
mod tests;
