//! One regular expression, matched in time that grows with the text and no faster.

use regex::{Regex, RegexBuilder};

use super::BadLine;
use crate::diagnostic::quote;

/// What a compiled pattern may take in memory.
const SIZE_LIMIT: usize = 4 << 20;

/// A set of kind `regex`.
#[derive(Debug, Default)]
pub(crate) struct Pattern {
    regex: Option<Regex>,
}

impl Pattern {
    pub(crate) fn build<'a>(lines: impl Iterator<Item = (usize, &'a str)>) -> (Self, Vec<BadLine>) {
        let mut patterns = lines
            .map(|(at, line)| (at, line.trim_end_matches('\r')))
            .filter(|(_, line)| !line.trim().is_empty());
        let Some((at, pattern)) = patterns.next() else { return (Self::default(), vec![]) };
        let mut bad: Vec<BadLine> =
            patterns.map(|(at, _)| BadLine::new(at, ANOTHER.to_owned(), JOIN)).collect();
        match compile(pattern) {
            Ok(regex) => (Self { regex: Some(regex) }, bad),
            Err((problem, remedy)) => {
                bad.insert(0, BadLine::new(at, problem, remedy));
                (Self::default(), bad)
            }
        }
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.regex.is_none()
    }

    /// Whether the pattern is found in a text.
    pub(crate) fn is_in(&self, text: &str) -> bool {
        self.regex.as_ref().is_some_and(|regex| regex.is_match(text))
    }

    /// Whether both are the same pattern.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        let text = |pattern: &Self| pattern.regex.as_ref().map(|regex| regex.as_str().to_owned());
        text(self) == text(other)
    }
}

/// What is wrong with a second pattern, and what to do.
const ANOTHER: &str = "A regex set holds one pattern, and this is another.";
const JOIN: &str = "Join them with |, or make a second set.";

/// Whether a pattern can be had; `first`: none stands before it.
pub(super) fn check(pattern: &str, first: bool) -> Result<(), (String, String)> {
    if first { compile(pattern).map(drop) } else { Err((ANOTHER.to_owned(), JOIN.to_owned())) }
}

/// The compiled pattern, or what is wrong with it and what to do.
fn compile(pattern: &str) -> Result<Regex, (String, String)> {
    let error = match RegexBuilder::new(pattern).size_limit(SIZE_LIMIT).build() {
        Ok(regex) => return Ok(regex),
        Err(error) => error,
    };
    if matches!(error, regex::Error::CompiledTooBig(_)) {
        return Err((
            format!("The pattern {} becomes too large.", quote(pattern)),
            "Use smaller repetition counts, or a set of kind \"text\".".to_owned(),
        ));
    }
    // The message draws the pattern with a marker below it; its last line says what is wrong.
    let text = error.to_string();
    let reason = text.lines().last().unwrap_or_default().trim();
    let reason = reason.strip_prefix("error: ").unwrap_or(reason);
    if reason.contains("look-around") {
        return Err((
            format!(
                "The pattern {} needs look-around, which is not taken: patterns run in linear time.",
                quote(pattern)
            ),
            "Take (?=, (?!, (?<= and (?<! out; a second Condition with does_not_match often says \
             the same."
                .to_owned(),
        ));
    }
    if reason.contains("backreference") {
        return Err((
            format!(
                "The pattern {} needs back-references, which are not taken: patterns run in linear \
                 time.",
                quote(pattern)
            ),
            "Write out what \\1 would repeat.".to_owned(),
        ));
    }
    Err((
        format!("The pattern {} cannot be read: {reason}.", quote(pattern)),
        "Put the pattern right; the syntax is that of RE2 and of Rust's regex.".to_owned(),
    ))
}
