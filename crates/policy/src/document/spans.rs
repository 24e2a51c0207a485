//! Where each part of a document stood in its file.
//!
//! Keys are paths as a [`Diagnostic`] shows them: `rule[2].conditions[0].match`.
//! A path that is not known has the place of the nearest part around it, so a
//! missing key is shown at its table.

use std::{collections::HashMap, ops::Range};

use crate::diagnostic::{Diagnostic, Position, characters};

/// The places of a document's parts.
#[derive(Clone, Debug, Default)]
pub struct Spans {
    file: String,
    text: String,
    /// The offsets at which lines begin.
    lines: Vec<usize>,
    parts: HashMap<String, Range<usize>>,
    /// The offsets of the elements of long lists, which have no path of their own.
    elements: HashMap<String, Vec<usize>>,
    /// For a list with elements that could not be read: the written index of each that could.
    written: HashMap<String, Vec<usize>>,
    /// Sets that are there and could not be read.
    broken_sets: Vec<String>,
}

impl Spans {
    /// For a document that was no text. `file` is shown in its stead.
    pub fn none(file: &str) -> Self {
        Self { file: file.to_owned(), ..Self::default() }
    }

    pub(crate) fn of(text: &str, file: &str) -> Self {
        let lines = std::iter::once(0)
            .chain(
                text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at + 1),
            )
            .collect();
        Self { file: file.to_owned(), text: text.to_owned(), lines, ..Self::default() }
    }

    /// The place of a part, or of the nearest part around it.
    pub fn at(&self, path: &str) -> Position {
        let mut path = path;
        loop {
            if let Some(range) = self.parts.get(path) {
                return self.position(range.start);
            }
            if let Some(offset) = self.element(path) {
                return self.position(offset);
            }
            let cut = path.rfind(['.', '[']);
            match cut.and_then(|at| path.get(..at)) {
                Some(outer) => path = outer,
                None if self.text.is_empty() => return Position::default(),
                None => return Position { line: 1, column: 1 },
            }
        }
    }

    /// The place of a part as `FILE:LINE`.
    pub(crate) fn place(&self, path: &str) -> String {
        format!("{}:{}", self.file, self.at(path).line)
    }

    /// The place of the n-th line of a string with several lines, or of the n-th
    /// element of a list; counted from zero.
    pub fn line(&self, path: &str, line: usize) -> Position {
        if let Some(offset) = self.elements.get(path).and_then(|offsets| offsets.get(line)) {
            return self.position(*offset);
        }
        let block = self.parts.get(path).and_then(|range| self.in_block(range, line));
        block.map_or_else(|| self.at(path), |offset| self.position(offset))
    }

    /// The path of a document's list element as it was written: elements before
    /// it that could not be read count too.
    pub(crate) fn item(&self, list: &str, index: usize) -> String {
        let written = self.written.get(list).and_then(|indices| indices.get(index));
        format!("{list}[{}]", written.copied().unwrap_or(index))
    }

    /// A problem at a path.
    pub(crate) fn problem(&self, path: &str, problem: String, remedy: String) -> Diagnostic {
        self.problem_at(self.at(path), path, problem, remedy)
    }

    /// A problem at a position.
    pub(crate) fn problem_at(
        &self,
        position: Position,
        path: &str,
        problem: String,
        remedy: String,
    ) -> Diagnostic {
        let Position { line, column } = position;
        Diagnostic { file: self.file.clone(), line, column, path: path.to_owned(), problem, remedy }
    }

    /// Whether a set of this name is there and could not be read.
    pub(crate) fn is_broken_set(&self, name: &str) -> bool {
        self.broken_sets.iter().any(|broken| broken.eq_ignore_ascii_case(name))
    }

    pub(crate) fn note(&mut self, path: &str, range: Option<Range<usize>>) {
        if let Some(range) = range {
            self.parts.insert(path.to_owned(), range);
        }
    }

    pub(crate) fn note_elements(&mut self, path: &str, offsets: Vec<usize>) {
        self.elements.insert(path.to_owned(), offsets);
    }

    pub(crate) fn note_written(&mut self, list: &str, indices: Vec<usize>) {
        self.written.insert(list.to_owned(), indices);
    }

    pub(crate) fn note_broken_set(&mut self, name: String) {
        self.broken_sets.push(name);
    }

    /// The position of a byte offset.
    pub(crate) fn position(&self, offset: usize) -> Position {
        let line = self.lines.partition_point(|start| *start <= offset).max(1);
        let start = self.lines.get(line - 1).copied().unwrap_or(0);
        let before = self.text.as_bytes().get(start..offset).unwrap_or_default();
        Position { line, column: characters(before) + 1 }
    }

    fn element(&self, path: &str) -> Option<usize> {
        let (list, index) = path.strip_suffix(']')?.rsplit_once('[')?;
        self.elements.get(list)?.get(index.parse::<usize>().ok()?).copied()
    }

    /// The offset of a line inside `"""…"""` or `'''…'''`: there, each line of the
    /// value is a line of the file. A newline right behind the opening is no part
    /// of the value.
    fn in_block(&self, range: &Range<usize>, line: usize) -> Option<usize> {
        let raw = self.text.get(range.clone())?;
        let inner = raw.strip_prefix("\"\"\"").or_else(|| raw.strip_prefix("'''"))?;
        let body = inner.strip_prefix("\r\n").or_else(|| inner.strip_prefix('\n')).unwrap_or(inner);
        let mut offset = range.start + (raw.len() - body.len());
        let mut lines = body.split_inclusive('\n');
        for _ in 0..line {
            offset += lines.next()?.len();
        }
        let text = lines.next()?;
        Some(offset + (text.len() - text.trim_start_matches([' ', '\t']).len()))
    }
}
