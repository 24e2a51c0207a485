//! Where in the file a problem stands, and all the problems found so far.
//!
//! Reading and checking both write into one [`Report`], so a person sees every problem of a file at once and
//! in the order of the file. Nothing here decides what is a problem.

use std::cell::RefCell;
use std::ops::Range;

use gatepost_policy::diagnostic::{Diagnostic, Position};

/// The text of one file and the problems found in it.
pub(crate) struct Report<'t> {
    file: String,
    text: &'t str,
    found: RefCell<Vec<(usize, Diagnostic)>>,
}

impl<'t> Report<'t> {
    pub(crate) const fn new(file: String, text: &'t str) -> Self {
        Self { file, text, found: RefCell::new(Vec::new()) }
    }

    pub(crate) const fn text(&self) -> &'t str {
        self.text
    }

    /// Notes one problem at `span`. `path` is the setting, such as `listener[0].address`.
    pub(crate) fn problem(
        &self,
        span: &Range<usize>,
        path: &str,
        problem: impl Into<String>,
        remedy: impl Into<String>,
    ) {
        let Position { line, column } = Position::of(self.text, span.start);
        let diagnostic = Diagnostic {
            file: self.file.clone(),
            line,
            column,
            path: path.to_owned(),
            problem: problem.into(),
            remedy: remedy.into(),
        };
        self.found.borrow_mut().push((span.start, diagnostic));
    }

    /// Notes that a setting asks for something this version does not have. `off` is what is always taken.
    pub(crate) fn absent(&self, span: &Range<usize>, path: &str, what: &str, off: &str) {
        self.problem(
            span,
            path,
            format!("{what} is not in this version."),
            format!("Write {off}, or leave it out."),
        );
    }

    /// The lines that a problem was noted on so far.
    pub(crate) fn broken_lines(&self) -> Vec<usize> {
        self.found.borrow().iter().map(|(_, known)| known.line).collect()
    }

    /// Everything found, in the order of the file.
    pub(crate) fn finish(self) -> Vec<Diagnostic> {
        let mut found = self.found.into_inner();
        found.sort_by_key(|(offset, _)| *offset);
        found.into_iter().map(|(_, diagnostic)| diagnostic).collect()
    }
}
