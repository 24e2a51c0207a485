//! Compiles one Condition: which match types it takes, and what it is compared with.

use std::sync::Arc;

use super::{
    super::{
        Condition, Test,
        condition::Comparison,
        data_set::{BadLine, DataSet},
    },
    Compiler,
};
use crate::{
    diagnostic::{choice, quote, suggest},
    direction::Direction,
    document::{ConditionEntry, ConditionKind, DataKind, Literal, MatchType},
    tls::level,
    units::Size,
};

const YES_OR_NO: &[MatchType] = &[MatchType::Matches, MatchType::DoesNotMatch];
const COUNTED: &[MatchType] = &[MatchType::Matches, MatchType::GreaterThan, MatchType::LessThan];
const MEASURED: &[MatchType] = &[MatchType::GreaterThan, MatchType::LessThan];
const FIELD: &[MatchType] =
    &[MatchType::Exists, MatchType::DoesNotExist, MatchType::Matches, MatchType::DoesNotMatch];

const ADDRESSES: &[DataKind] = &[DataKind::Domains, DataKind::Text, DataKind::Regex];
const TEXTS: &[DataKind] = &[DataKind::Text, DataKind::Regex];
const LINES: &[DataKind] = &[DataKind::Regex];
const NETWORKS: &[DataKind] = &[DataKind::Networks];

impl Compiler<'_> {
    pub(super) fn condition(&mut self, entry: &ConditionEntry, path: &str) -> Option<Condition> {
        let before = self.problems.len();
        self.match_type(entry, path);
        if entry.condition != ConditionKind::Header && entry.name.is_some() {
            let path = format!("{path}.name");
            self.problem(&path, "Only a header Condition has a name.", "Take it out.");
        }
        let test = match entry.condition {
            ConditionKind::Direction => self.direction(entry, path),
            ConditionKind::Sender => self.operand(entry, path, ADDRESSES).map(Test::Sender),
            ConditionKind::Recipient => self.operand(entry, path, ADDRESSES).map(Test::Recipient),
            ConditionKind::RecipientCount => self.count(entry, path).map(Test::RecipientCount),
            ConditionKind::Subject => self.operand(entry, path, TEXTS).map(Test::Subject),
            ConditionKind::Header => self.header(entry, path),
            ConditionKind::Size => self.size(entry, path).map(Test::Size),
            ConditionKind::ConnectionIp => {
                self.operand(entry, path, NETWORKS).map(Test::ConnectionIp)
            }
            ConditionKind::OwnDomain => {
                self.no_operand(entry, path, "own_domain");
                Some(Test::OwnDomain)
            }
        };
        let test = test.filter(|_| self.problems.len() == before)?;
        Some(Condition { entry: entry.clone(), test, negated: is_negated(entry.match_type) })
    }

    fn match_type(&mut self, entry: &ConditionEntry, path: &str) {
        let allowed = match entry.condition {
            ConditionKind::RecipientCount => COUNTED,
            ConditionKind::Size => MEASURED,
            ConditionKind::Header if entry.name.is_some() => FIELD,
            ConditionKind::Header
            | ConditionKind::Direction
            | ConditionKind::Sender
            | ConditionKind::Recipient
            | ConditionKind::Subject
            | ConditionKind::ConnectionIp
            | ConditionKind::OwnDomain => YES_OR_NO,
        };
        if allowed.contains(&entry.match_type) {
            return;
        }
        let words: Vec<&str> = allowed.iter().map(|allowed| allowed.word()).collect();
        let about_a_field = entry.condition == ConditionKind::Header
            && entry.name.is_none()
            && FIELD.contains(&entry.match_type);
        let remedy = if about_a_field {
            "Say which field: name = \"X-Foo\".".to_owned()
        } else {
            format!("Write {}.", choice(&words))
        };
        let kind = entry.condition.word();
        let problem = format!("{} is no match type of {kind}.", quote(entry.match_type.word()));
        self.problem(&format!("{path}.match"), problem, remedy);
    }

    fn header(&mut self, entry: &ConditionEntry, path: &str) -> Option<Test> {
        let Some(name) = &entry.name else {
            return self.operand(entry, path, LINES).map(Test::AnyHeader);
        };
        let name = self.field_name(name, &format!("{path}.name"))?;
        if matches!(entry.match_type, MatchType::Exists | MatchType::DoesNotExist) {
            self.no_operand(entry, path, entry.match_type.word());
            return Some(Test::HeaderThere(name));
        }
        let set = self.operand(entry, path, TEXTS)?;
        Some(Test::Header { name, set })
    }

    /// The set that a Condition is compared with: exactly one of `value`, `regex` and `rule_data`.
    fn operand(
        &mut self,
        entry: &ConditionEntry,
        path: &str,
        kinds: &[DataKind],
    ) -> Option<Arc<DataSet>> {
        if !self.is_single(entry, path, kinds) {
            return None;
        }
        if let Some(name) = &entry.rule_data {
            return self.named_set(name, path, kinds);
        }
        let (kind, key, values) = match (&entry.value, &entry.regex) {
            (_, Some(pattern)) => (DataKind::Regex, "regex", vec![pattern.clone()]),
            (Some(value), None) => (kinds.first().copied()?, "value", texts(value)),
            (None, None) => return None,
        };
        let path = format!("{path}.{key}");
        if !kinds.contains(&kind) {
            let remedy = format!("Compare with {}.", operands(kinds));
            self.problem(&path, "This Condition is not compared with a pattern.", remedy);
            return None;
        }
        if values.iter().all(|value| value.trim().is_empty()) {
            let problem = "There is nothing to compare with.";
            self.problem(&path, problem, "Write a value, or name a set with rule_data.");
            return None;
        }
        let lines = values.iter().flat_map(|value| value.lines());
        let (set, bad) = DataSet::build(kind, lines);
        for BadLine { line, problem, remedy } in bad {
            let place = self.spans.line(&path, line);
            self.problems.push(self.spans.problem_at(place, &path, problem, remedy));
        }
        Some(Arc::new(set))
    }

    fn named_set(&mut self, name: &str, path: &str, kinds: &[DataKind]) -> Option<Arc<DataSet>> {
        let path = format!("{path}.rule_data");
        let Some(at) = self.by_name.get(&name.trim().to_lowercase()).copied() else {
            if !self.spans.is_broken_set(name.trim()) {
                let known: Vec<&str> = self.sets.iter().map(|set| set.name.as_str()).collect();
                let remedy = nearest(name, &known).map_or_else(
                    || "Add it as [[rule_data]], or name one that is there.".to_owned(),
                    |near| format!("Did you mean {}?", quote(near)),
                );
                self.problem(&path, format!("There is no set named {}.", quote(name)), remedy);
            }
            return None;
        };
        let set = self.sets.get_mut(at)?;
        set.used = true;
        let (kind, found) = (set.kind, Arc::clone(&set.set));
        if kinds.contains(&kind) {
            return Some(found);
        }
        let words: Vec<&str> = kinds.iter().map(|kind| kind.word()).collect();
        let problem = format!("The set {} is of kind \"{}\".", quote(name), kind.word());
        self.problem(&path, problem, format!("This Condition takes {}.", choice(&words)));
        None
    }

    /// Whether exactly one thing is there to compare with; else that is a problem.
    fn is_single(&mut self, entry: &ConditionEntry, path: &str, kinds: &[DataKind]) -> bool {
        let there = present(entry);
        match there.as_slice() {
            [_] => true,
            [] => {
                let remedy = format!("Compare with {}.", operands(kinds));
                self.problem(path, "The Condition has no value.", remedy);
                false
            }
            [_, second, ..] => {
                self.problem(
                    &format!("{path}.{second}"),
                    format!("The Condition is compared with {} at once.", there.join(" and ")),
                    "Keep one of them.",
                );
                false
            }
        }
    }

    fn no_operand(&mut self, entry: &ConditionEntry, path: &str, what: &str) {
        for key in present(entry) {
            let problem = format!("`{what}` is compared with nothing.");
            self.problem(&format!("{path}.{key}"), problem, format!("Take {key} out."));
        }
    }

    /// The inline value of a Condition that takes nothing else.
    fn only_value<'e>(
        &mut self,
        entry: &'e ConditionEntry,
        path: &str,
        remedy: &str,
    ) -> Option<&'e Literal> {
        for key in present(entry).into_iter().filter(|key| *key != "value") {
            let problem = format!("{} is not compared with {key}.", entry.condition.word());
            self.problem(&format!("{path}.{key}"), problem, remedy);
        }
        if present(entry).is_empty() {
            self.problem(path, "The Condition has no value.", remedy);
        }
        entry.value.as_ref()
    }

    fn direction(&mut self, entry: &ConditionEntry, path: &str) -> Option<Test> {
        const REMEDY: &str = "Write value = \"outbound\" or value = \"inbound\".";
        let value = self.only_value(entry, path, REMEDY)?;
        let words = texts(value);
        let directions: Vec<Direction> = words
            .iter()
            .filter_map(|word| {
                [Direction::Inbound, Direction::Outbound].into_iter().find(|d| d.word() == word)
            })
            .collect();
        if directions.len() < words.len() || words.is_empty() {
            let bad = words.iter().find(|word| !matches!(word.as_str(), "inbound" | "outbound"));
            let problem = bad.map_or_else(
                || "There is nothing to compare with.".to_owned(),
                |word| format!("{} is no direction.", quote(word)),
            );
            self.problem(&format!("{path}.value"), problem, REMEDY);
        }
        Some(Test::Direction(directions))
    }

    fn count(&mut self, entry: &ConditionEntry, path: &str) -> Option<Comparison> {
        const REMEDY: &str = "Write a number, without quotes.";
        let value = self.only_value(entry, path, REMEDY)?;
        let numbers: Option<Vec<u64>> = items(value)
            .iter()
            .map(|item| match item {
                Literal::Number(number) => u64::try_from(*number).ok(),
                Literal::Text(_) | Literal::List(_) => None,
            })
            .collect();
        self.comparison(entry, numbers, &format!("{path}.value"), REMEDY)
    }

    fn size(&mut self, entry: &ConditionEntry, path: &str) -> Option<Comparison> {
        const REMEDY: &str = "Write a size: \"10MiB\".";
        let value = self.only_value(entry, path, REMEDY)?;
        let sizes: Option<Vec<u64>> = items(value)
            .iter()
            .map(|item| match item {
                Literal::Text(text) => text.parse::<Size>().ok().map(Size::bytes),
                Literal::Number(number) => u64::try_from(*number).ok(),
                Literal::List(_) => None,
            })
            .collect();
        self.comparison(entry, sizes, &format!("{path}.value"), REMEDY)
    }

    fn comparison(
        &mut self,
        entry: &ConditionEntry,
        numbers: Option<Vec<u64>>,
        path: &str,
        remedy: &str,
    ) -> Option<Comparison> {
        let Some(numbers) = numbers.filter(|numbers| !numbers.is_empty()) else {
            let problem = format!("This is nothing that {} has.", entry.condition.word());
            self.problem(path, problem, remedy);
            return None;
        };
        match (entry.match_type, numbers.as_slice()) {
            (MatchType::GreaterThan, [bound]) => Some(Comparison::Above(*bound)),
            (MatchType::LessThan, [bound]) => Some(Comparison::Below(*bound)),
            (MatchType::GreaterThan | MatchType::LessThan, _) => {
                self.problem(path, "A comparison takes one number.", remedy);
                None
            }
            (
                MatchType::Matches
                | MatchType::DoesNotMatch
                | MatchType::Exists
                | MatchType::DoesNotExist,
                _,
            ) => Some(Comparison::OneOf(numbers)),
        }
    }
}

const fn is_negated(match_type: MatchType) -> bool {
    match match_type {
        MatchType::DoesNotMatch | MatchType::DoesNotExist => true,
        MatchType::Matches | MatchType::Exists | MatchType::GreaterThan | MatchType::LessThan => {
            false
        }
    }
}

/// The keys that say what a Condition is compared with.
fn present(entry: &ConditionEntry) -> Vec<&'static str> {
    let there = [
        entry.value.as_ref().map(|_| "value"),
        entry.regex.as_ref().map(|_| "regex"),
        entry.rule_data.as_ref().map(|_| "rule_data"),
    ];
    there.into_iter().flatten().collect()
}

fn items(value: &Literal) -> &[Literal] {
    match value {
        Literal::List(list) => list,
        Literal::Text(_) | Literal::Number(_) => std::slice::from_ref(value),
    }
}

fn texts(value: &Literal) -> Vec<String> {
    items(value)
        .iter()
        .map(|item| match item {
            Literal::Text(text) => text.clone(),
            Literal::Number(number) => number.to_string(),
            Literal::List(_) => String::new(),
        })
        .collect()
}

fn operands(kinds: &[DataKind]) -> &'static str {
    if kinds == LINES {
        "regex, or rule_data of kind \"regex\""
    } else if kinds == NETWORKS {
        "value, or rule_data of kind \"networks\""
    } else {
        "value, regex or rule_data"
    }
}

fn nearest<'a>(name: &str, known: &[&'a str]) -> Option<&'a str> {
    let lowered: Vec<String> = known.iter().map(|known| known.to_lowercase()).collect();
    let candidates: Vec<&str> = lowered.iter().map(String::as_str).collect();
    let near = suggest(&name.to_lowercase(), &candidates)?;
    let at = candidates.iter().position(|candidate| *candidate == near)?;
    known.get(at).copied()
}

fn built_in(
    condition: ConditionKind,
    match_type: MatchType,
    name: Option<&str>,
    value: Option<&str>,
    test: Test,
) -> Condition {
    Condition {
        entry: ConditionEntry {
            condition,
            match_type,
            name: name.map(str::to_owned),
            value: value.map(|text| Literal::Text(text.to_owned())),
            regex: None,
            rule_data: None,
        },
        test,
        negated: is_negated(match_type),
    }
}

fn directed(direction: Direction) -> Condition {
    let test = Test::Direction(vec![direction]);
    let word = Some(direction.word());
    built_in(ConditionKind::Direction, MatchType::Matches, None, word, test)
}

/// Direction Matches Inbound.
pub(super) fn inbound() -> Condition {
    directed(Direction::Inbound)
}

/// Direction Matches Outbound.
pub(super) fn outbound() -> Condition {
    directed(Direction::Outbound)
}

/// Header x-TLSLevel does not exist.
pub(super) fn has_no_level() -> Condition {
    let test = Test::HeaderThere(level::FIELD.to_owned());
    built_in(ConditionKind::Header, MatchType::DoesNotExist, Some(level::FIELD), None, test)
}
