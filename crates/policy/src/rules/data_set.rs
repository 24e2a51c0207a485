//! Custom Rule Data: the four kinds of sets, read from lines, and how each matches.
//!
//! A set is built once and asked many times. An empty set matches nothing. Every
//! line that is no value of its kind is reported with its number, and the others
//! still make a set, so that all problems are found in one go.

mod domains;
mod networks;
mod pattern;
mod probe;
mod words;

pub(crate) use self::{
    domains::{Domain, Domains},
    networks::{Network, Networks},
    pattern::Pattern,
    probe::{Probe, suffix_hash},
    words::Words,
};
use crate::document::DataKind;

/// A set that is ready to be asked.
#[derive(Debug)]
pub(crate) enum DataSet {
    /// Domains, subdomains and addresses.
    Domains(Domains),
    /// Words.
    Text(Words),
    /// One pattern.
    Regex(Pattern),
    /// Networks.
    Networks(Networks),
}

/// A line that is no value: its number from zero, what is wrong, what to do.
#[derive(Debug, Eq, PartialEq)]
pub(crate) struct BadLine {
    pub(crate) line: usize,
    pub(crate) problem: String,
    pub(crate) remedy: String,
}

impl BadLine {
    pub(crate) fn new(line: usize, problem: String, remedy: impl Into<String>) -> Self {
        Self { line, problem, remedy: remedy.into() }
    }
}

impl DataSet {
    /// Builds a set of a kind. Blank lines, blanks around a value, duplicates and,
    /// where the kind has them, comments and case do not count.
    pub(crate) fn build<'a>(
        kind: DataKind,
        lines: impl Iterator<Item = &'a str>,
    ) -> (Self, Vec<BadLine>) {
        let lines = lines.enumerate();
        match kind {
            DataKind::Domains => {
                let (set, bad) =
                    Domains::build(lines.map(|(at, line)| (at, without_comment(line))));
                (Self::Domains(set), bad)
            }
            DataKind::Text => {
                let (set, bad) = Words::build(lines);
                (Self::Text(set), bad)
            }
            DataKind::Regex => {
                let (set, bad) = Pattern::build(lines);
                (Self::Regex(set), bad)
            }
            DataKind::Networks => {
                let (set, bad) =
                    Networks::build(lines.map(|(at, line)| (at, without_comment(line))));
                (Self::Networks(set), bad)
            }
        }
    }

    /// Whether there is nothing in the set.
    pub(crate) fn is_empty(&self) -> bool {
        match self {
            Self::Domains(set) => set.is_empty(),
            Self::Text(set) => set.is_empty(),
            Self::Regex(set) => set.is_empty(),
            Self::Networks(set) => set.is_empty(),
        }
    }

    /// Whether an address matches. A set of networks matches none.
    pub(crate) fn matches_address(&self, address: &Probe) -> bool {
        match self {
            Self::Domains(set) => set.matches(address),
            Self::Text(set) => {
                set.is_in_lowered(address.lowered())
                    || address.other_form().is_some_and(|text| set.is_in_lowered(text))
            }
            Self::Regex(set) => {
                set.is_in(address.text())
                    || address.other_form().is_some_and(|text| set.is_in(text))
            }
            Self::Networks(_) => false,
        }
    }

    /// Whether a text matches. Sets of domains and of networks match none.
    pub(crate) fn matches_text(&self, text: &str) -> bool {
        match self {
            Self::Text(set) => set.is_in(text),
            Self::Regex(set) => set.is_in(text),
            Self::Domains(_) | Self::Networks(_) => false,
        }
    }

    /// As [`DataSet::matches_text`], for a text whose lower case is kept for many sets.
    pub(crate) fn matches_folded<'a>(&self, text: &str, lowered: impl FnOnce() -> &'a str) -> bool {
        match self {
            Self::Text(set) => set.is_in_lowered(lowered()),
            Self::Regex(set) => set.is_in(text),
            Self::Domains(_) | Self::Networks(_) => false,
        }
    }
}

/// One line's value.
#[derive(Debug, Eq, PartialEq)]
pub(crate) struct Element<'l> {
    /// As it is written, without blanks around it and without its comment.
    pub(crate) text: &'l str,
    /// As it is compared.
    pub(crate) normalized: String,
}

/// Reads one line as the value of a set; nothing for a blank one. `first`: no line before
/// it held a value. The error is what is wrong, and what to do.
pub(crate) fn read_line(
    kind: DataKind,
    line: &str,
    first: bool,
) -> Result<Option<Element<'_>>, (String, String)> {
    let text = match kind {
        DataKind::Domains | DataKind::Networks => without_comment(line).trim(),
        DataKind::Text => line.trim(),
        // Blanks belong to a pattern.
        DataKind::Regex => line.trim_end_matches('\r'),
    };
    if text.trim().is_empty() {
        return Ok(None);
    }
    let normalized = match kind {
        DataKind::Domains => Domain::parse(text)
            .map_err(|remedy| (domains::problem(text), remedy.to_owned()))?
            .to_string(),
        DataKind::Text => text.to_lowercase(),
        DataKind::Regex => {
            pattern::check(text, first)?;
            text.to_owned()
        }
        DataKind::Networks => text
            .parse::<Network>()
            .map_err(|why| (networks::problem(text), why.to_string()))?
            .shortest(),
    };
    Ok(Some(Element { text, normalized }))
}

/// A line without its comment (decision 21). A `#` inside a local part is none:
/// there, an `@` follows before the next blank.
pub(crate) fn without_comment(line: &str) -> &str {
    for (at, _) in line.match_indices('#') {
        let (before, rest) = line.split_at(at);
        let word = rest.split([' ', '\t']).next().unwrap_or_default();
        let inside_address = !before.is_empty()
            && !before.ends_with([' ', '\t'])
            && word.contains('@')
            && !before.contains('@');
        if !inside_address {
            return before;
        }
    }
    line
}

#[cfg(test)]
mod tests;
