//! One tree for TOML and JSON, so that one reader serves both.
//!
//! A node knows the bytes that it was written with where there are any. What is
//! `null` in JSON is not there.

use std::ops::Range;

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use crate::diagnostic::{Diagnostic, Position};

/// A value and where it was written.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) range: Option<Range<usize>>,
    pub(crate) value: Value,
}

/// What a value is.
#[derive(Debug)]
pub(crate) enum Value {
    Text(String),
    Number(i64),
    Boolean(bool),
    List(Vec<Node>),
    Table(Vec<Entry>),
    /// A float, a date, a number out of bounds: nothing that a policy has. The word is for people.
    Other(&'static str),
}

/// A key of a table.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) range: Option<Range<usize>>,
    pub(crate) node: Node,
}

impl Value {
    /// What the value is, for a sentence.
    pub(crate) const fn described(&self) -> &'static str {
        match self {
            Self::Text(_) => "a string",
            Self::Number(_) => "a number",
            Self::Boolean(_) => "true or false",
            Self::List(_) => "an array",
            Self::Table(_) => "a table",
            Self::Other(word) => word,
        }
    }
}

/// Reads TOML; every fault of its grammar is reported.
pub(crate) fn from_toml(text: &str, file: &str) -> Result<Vec<Entry>, Vec<Diagnostic>> {
    let (table, errors) = DeTable::parse_recoverable(text);
    if errors.is_empty() {
        return Ok(entries(table.into_inner()));
    }
    let mut problems: Vec<Diagnostic> = errors
        .iter()
        .map(|error| {
            let Position { line, column } =
                error.span().map_or_else(Position::default, |span| Position::of(text, span.start));
            Diagnostic {
                file: file.to_owned(),
                line,
                column,
                path: String::new(),
                problem: format!("This is not TOML: {}.", error.message()),
                remedy: "Put the line right; the grammar is at https://toml.io.".to_owned(),
            }
        })
        .collect();
    problems.sort_by_key(|problem| (problem.line, problem.column));
    problems.dedup();
    Err(problems)
}

/// Reads JSON, whose root must be an object.
pub(crate) fn from_json(json: serde_json::Value) -> Result<Vec<Entry>, Vec<Diagnostic>> {
    match node_of_json(json).value {
        Value::Table(entries) => Ok(entries),
        other @ (Value::Text(_)
        | Value::Number(_)
        | Value::Boolean(_)
        | Value::List(_)
        | Value::Other(_)) => Err(vec![Diagnostic {
            file: "policy".to_owned(),
            line: 0,
            column: 0,
            path: String::new(),
            problem: format!("A policy is an object, and this is {}.", other.described()),
            remedy: "Write an object with the keys \"domain\", \"outbound_source\", \
                     \"rule_data\" and \"rule\"."
                .to_owned(),
        }]),
    }
}

fn entries(table: DeTable<'_>) -> Vec<Entry> {
    let mut entries: Vec<Entry> = table
        .into_iter()
        .map(|(key, value)| Entry {
            range: Some(key.span()),
            key: key.into_inner().into_owned(),
            node: node_of_toml(value),
        })
        .collect();
    entries.sort_by_key(|entry| entry.range.as_ref().map(|range| range.start));
    entries
}

fn node_of_toml(spanned: Spanned<DeValue<'_>>) -> Node {
    let range = Some(spanned.span());
    let value = match spanned.into_inner() {
        DeValue::String(text) => Value::Text(text.into_owned()),
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
            .map_or(Value::Other("a number out of bounds"), Value::Number),
        DeValue::Float(_) => Value::Other("a number with a fraction"),
        DeValue::Boolean(yes) => Value::Boolean(yes),
        DeValue::Datetime(_) => Value::Other("a date"),
        DeValue::Array(list) => Value::List(list.into_iter().map(node_of_toml).collect()),
        DeValue::Table(table) => Value::Table(entries(table)),
    };
    Node { range, value }
}

pub(crate) fn node_of_json(json: serde_json::Value) -> Node {
    let value = match json {
        serde_json::Value::Null => Value::Other("null"),
        serde_json::Value::Bool(yes) => Value::Boolean(yes),
        serde_json::Value::Number(number) => match number.as_i64() {
            Some(number) => Value::Number(number),
            None if number.is_f64() => Value::Other("a number with a fraction"),
            None => Value::Other("a number out of bounds"),
        },
        serde_json::Value::String(text) => Value::Text(text),
        serde_json::Value::Array(list) => Value::List(list.into_iter().map(node_of_json).collect()),
        serde_json::Value::Object(table) => Value::Table(
            table
                .into_iter()
                .filter(|(_, value)| !value.is_null())
                .map(|(key, value)| Entry { key, range: None, node: node_of_json(value) })
                .collect(),
        ),
    };
    Node { range: None, value }
}
