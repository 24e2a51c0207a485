//! What is different between the values of two sets, as values and not as text.

use std::collections::HashSet;

use serde::Serialize;

use crate::document::Values;

/// So many of the values that came, and of those that went, are named.
const NAMED: usize = 100;

/// Values that came and went. Their order and their blanks say nothing.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct ValueChanges {
    /// How many came.
    pub added: usize,
    /// How many went.
    pub removed: usize,
    /// The first of those that came, as they were written.
    pub first_added: Vec<String>,
    /// The first of those that went.
    pub first_removed: Vec<String>,
}

/// What became of a set's values.
pub fn value_changes(old: &Values, new: &Values) -> ValueChanges {
    let (before, after) = (lines(old), lines(new));
    let (added, first_added) = missing(new, &before);
    let (removed, first_removed) = missing(old, &after);
    ValueChanges { added, removed, first_added, first_removed }
}

fn lines(values: &Values) -> HashSet<&str> {
    values.lines().map(str::trim).filter(|line| !line.is_empty()).collect()
}

/// How many of the values are not there, and the first of them.
fn missing(values: &Values, there: &HashSet<&str>) -> (usize, Vec<String>) {
    let mut seen = HashSet::new();
    let mut named = vec![];
    for line in values.lines().map(str::trim) {
        if line.is_empty() || there.contains(line) || !seen.insert(line) {
            continue;
        }
        if named.len() < NAMED {
            named.push(line.to_owned());
        }
    }
    (seen.len(), named)
}
