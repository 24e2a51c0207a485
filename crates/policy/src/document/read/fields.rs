//! The keys of one table: taken one by one, and what is left at the end is unknown.

use std::ops::Range;

use super::super::{
    Spans,
    node::{Entry, Node, Value},
};
use crate::diagnostic::{Diagnostic, choice, path_key, quote, suggest};

/// What is found while a document is read.
pub(crate) struct Reader {
    pub(crate) spans: Spans,
    pub(crate) problems: Vec<Diagnostic>,
}

impl Reader {
    /// Notes a problem at a path.
    pub(crate) fn problem(&mut self, path: &str, problem: String, remedy: &str) {
        self.problems.push(self.spans.problem(path, problem, remedy.to_owned()));
    }

    /// Reads one table.
    pub(crate) fn one<T>(
        &mut self,
        path: &str,
        node: Node,
        read: impl Fn(Fields<'_>) -> Option<T>,
    ) -> Option<T> {
        let Node { range, value } = node;
        if let Value::Table(entries) = value {
            return read(Fields::new(self, path.to_owned(), range, entries));
        }
        let problem = format!("This must be a table, and it is {}.", value.described());
        self.spans.note(path, range);
        self.problem(path, problem, "Write the keys in braces: { key = \"value\" }.");
        None
    }

    /// Reads the tables of a list. One that cannot be read is left out, and the
    /// others keep the index they were written with.
    pub(crate) fn each<T>(
        &mut self,
        list: &str,
        nodes: Vec<Node>,
        read: impl Fn(Fields<'_>) -> Option<T>,
    ) -> Vec<T> {
        let mut items = Vec::with_capacity(nodes.len());
        let mut written = Vec::with_capacity(nodes.len());
        let count = nodes.len();
        for (at, node) in nodes.into_iter().enumerate() {
            if let Some(item) = self.one(&format!("{list}[{at}]"), node, &read) {
                items.push(item);
                written.push(at);
            }
        }
        if written.len() < count {
            self.spans.note_written(list, written);
        }
        items
    }
}

/// The keys of one table that nobody has taken yet.
pub(crate) struct Fields<'r> {
    reader: &'r mut Reader,
    path: String,
    entries: Vec<Entry>,
    known: Vec<&'static str>,
}

impl<'r> Fields<'r> {
    pub(crate) fn new(
        reader: &'r mut Reader,
        path: String,
        range: Option<Range<usize>>,
        entries: Vec<Entry>,
    ) -> Self {
        reader.spans.note(&path, range);
        Self { reader, path, entries, known: vec![] }
    }

    pub(crate) const fn reader(&mut self) -> &mut Reader {
        self.reader
    }

    pub(crate) fn path_of(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    /// Where the table stands, as `FILE:LINE`.
    pub(crate) fn place(&self) -> String {
        self.reader.spans.place(&self.path)
    }

    /// Takes the value of a key.
    pub(crate) fn take(&mut self, key: &'static str) -> Option<Node> {
        self.known.push(key);
        let at = self.entries.iter().position(|entry| entry.key == key)?;
        let Entry { node, .. } = self.entries.remove(at);
        let path = self.path_of(key);
        self.reader.spans.note(&path, node.range.clone());
        Some(node)
    }

    /// A string, where the key is there.
    pub(crate) fn text(&mut self, key: &'static str) -> Option<String> {
        let node = self.take(key)?;
        if let Value::Text(text) = node.value {
            return Some(text);
        }
        self.wrong_type(key, "a string", &node.value, "Write it in quotes.");
        None
    }

    /// A string that must be there and not be blank.
    pub(crate) fn required_text(&mut self, key: &'static str) -> Option<String> {
        let there = self.has(key);
        let text = self.text(key);
        if !there {
            self.missing(key, "");
        }
        let text = text?;
        if text.trim().is_empty() {
            let path = self.path_of(key);
            self.reader.problem(&path, format!("`{key}` is empty."), "Write something there.");
            return None;
        }
        Some(text)
    }

    /// An array of strings that must be there. `remedy` is for one that is not.
    pub(crate) fn required_texts(
        &mut self,
        key: &'static str,
        remedy: &str,
    ) -> Option<Vec<String>> {
        if !self.has(key) {
            self.known.push(key);
            self.missing(key, remedy);
            return None;
        }
        let path = self.path_of(key);
        let before = self.reader.problems.len();
        let mut texts = Vec::new();
        for (at, Node { range, value }) in self.list(key).into_iter().enumerate() {
            let path = format!("{path}[{at}]");
            self.reader.spans.note(&path, range);
            if let Value::Text(text) = value {
                texts.push(text);
            } else {
                let problem = format!("This must be a string, and it is {}.", value.described());
                self.reader.problem(&path, problem, "Write it in quotes.");
            }
        }
        (self.reader.problems.len() == before).then_some(texts)
    }

    /// `true` or `false`.
    pub(crate) fn boolean(&mut self, key: &'static str, default: bool) -> bool {
        let Some(node) = self.take(key) else { return default };
        if let Value::Boolean(yes) = node.value {
            return yes;
        }
        self.wrong_type(key, "true or false", &node.value, "Write true or false, without quotes.");
        default
    }

    /// A number within bounds.
    pub(crate) fn number(&mut self, key: &'static str, least: u16, most: u16) -> Option<u16> {
        let node = self.take(key)?;
        if let Value::Number(number) = node.value {
            let fits = u16::try_from(number).ok().filter(|n| (least..=most).contains(n));
            if fits.is_none() {
                let path = self.path_of(key);
                let problem = format!("{number} is out of bounds.");
                self.reader.problem(&path, problem, &format!("Write {least} to {most}."));
            }
            return fits;
        }
        let remedy = format!("Write {least} to {most}, without quotes.");
        self.wrong_type(key, "a number", &node.value, &remedy);
        None
    }

    /// One of a set of words. `later` are words of the design that this version does not have.
    pub(crate) fn word(
        &mut self,
        key: &'static str,
        words: &[&'static str],
        later: &[&'static str],
    ) -> Option<&'static str> {
        let text = self.text(key)?;
        if let Some(word) = words.iter().find(|word| **word == text) {
            return Some(word);
        }
        let path = self.path_of(key);
        let (problem, remedy) = if later.contains(&text.as_str()) {
            (
                format!("{} is not in this version.", quote(&text)),
                format!("Use {}, or take it out.", choice(words)),
            )
        } else {
            let near: Vec<&str> = words.iter().chain(later).copied().collect();
            let remedy = suggest(&text, &near).map_or_else(
                || format!("Write {}.", choice(words)),
                |word| format!("Did you mean \"{word}\"?"),
            );
            (format!("{} is not known here.", quote(&text)), remedy)
        };
        self.reader.problem(&path, problem, &remedy);
        None
    }

    /// The elements of an array; none where the key is not there.
    pub(crate) fn list(&mut self, key: &'static str) -> Vec<Node> {
        match self.take(key) {
            None => vec![],
            Some(Node { value: Value::List(nodes), .. }) => nodes,
            Some(Node { value, .. }) => {
                let remedy = match value {
                    Value::Table(_) if self.path.is_empty() => {
                        format!("Write [[{key}]], in double brackets.")
                    }
                    Value::Text(_)
                    | Value::Number(_)
                    | Value::Boolean(_)
                    | Value::List(_)
                    | Value::Table(_)
                    | Value::Other(_) => "Write the elements in brackets: [ … ].".to_owned(),
                };
                self.wrong_type(key, "an array", &value, &remedy);
                vec![]
            }
        }
    }

    /// Refuses a key of the design that this version does not have. An empty array is the off
    /// value, and taken.
    pub(crate) fn not_built(&mut self, key: &'static str) {
        let place = self.entries.iter().find(|entry| entry.key == key).map(|e| e.range.clone());
        let Some(node) = self.take(key) else { return };
        if matches!(&node.value, Value::List(nodes) if nodes.is_empty()) {
            return;
        }
        let path = self.path_of(key);
        self.reader.spans.note(&path, place.flatten());
        let problem = format!("[[{key}]] is not in this version.");
        self.reader.problem(&path, problem, "Take it out: nothing is taken and then ignored.");
    }

    pub(crate) fn has(&self, key: &str) -> bool {
        self.entries.iter().any(|entry| entry.key == key)
    }

    /// Reports a key that must be there, unless it was there and something else was wrong with it.
    pub(crate) fn missing(&mut self, key: &'static str, remedy: &str) {
        let path = self.path_of(key);
        if self.reader.problems.iter().any(|problem| problem.path == path) {
            return;
        }
        let remedy =
            if remedy.is_empty() { format!("Add `{key} = \"…\"`.") } else { remedy.to_owned() };
        self.reader.problem(&path, format!("`{key}` is missing."), &remedy);
    }

    fn wrong_type(&mut self, key: &str, wanted: &str, value: &Value, remedy: &str) {
        let path = self.path_of(key);
        let problem = format!("`{key}` must be {wanted}, and it is {}.", value.described());
        self.reader.problem(&path, problem, remedy);
    }

    /// Ends the table: keys that nobody took are unknown.
    pub(crate) fn finish(self) -> (&'r mut Reader, String) {
        let Self { reader, path, entries, known } = self;
        for Entry { key, range, .. } in entries {
            let shown = path_key(&key);
            let full = if path.is_empty() { shown } else { format!("{path}.{shown}") };
            reader.spans.note(&full, range);
            let remedy = suggest(&key, &known).map_or_else(
                || format!("Known here: {}.", choice(&known)),
                |word| format!("Did you mean \"{word}\"?"),
            );
            reader.problem(&full, format!("There is no key {} here.", quote(&key)), &remedy);
        }
        (reader, path)
    }
}
