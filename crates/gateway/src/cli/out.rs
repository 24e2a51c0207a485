//! What goes to stdout and stderr.
//!
//! A reader that goes away (`gatepost messages search | head`) is no fault, so a failed write ends quietly.
//! Colour is for terminals only, and never where `NO_COLOR` is set. What a stranger wrote is escaped: it stays on
//! its line and moves no cursor.

use std::io::{IsTerminal, Write};

use serde::Serialize;

use super::Trouble;
use crate::config;

/// Prints a text to stdout.
pub(crate) fn print(text: &str) {
    let mut out = std::io::stdout().lock();
    if out.write_all(text.as_bytes()).and_then(|()| out.flush()).is_err() {
        // nobody reads any more
    }
}

/// Prints bytes to stdout as they are.
pub(crate) fn print_bytes(bytes: &[u8]) {
    let mut out = std::io::stdout().lock();
    if out.write_all(bytes).and_then(|()| out.flush()).is_err() {
        // nobody reads any more
    }
}

/// Prints a text to stderr.
pub(crate) fn error(text: &str) {
    let mut out = std::io::stderr().lock();
    if out.write_all(text.as_bytes()).is_err() {
        // nobody reads any more
    }
}

/// Prints one JSON document to stdout.
pub(crate) fn json(document: &impl Serialize) -> Result<(), Trouble> {
    let text = serde_json::to_string_pretty(document)
        .map_err(|why| Trouble::Failed(format!("no JSON can be made: {why}")))?;
    print(&format!("{text}\n"));
    Ok(())
}

/// A way to write on a terminal.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Ink {
    Plain,
    Bold,
    Faint,
    Good,
    Warn,
    Bad,
}

impl Ink {
    const fn code(self) -> &'static str {
        match self {
            Self::Plain => "",
            Self::Bold => "\x1b[1m",
            Self::Faint => "\x1b[2m",
            Self::Good => "\x1b[32m",
            Self::Warn => "\x1b[33m",
            Self::Bad => "\x1b[31m",
        }
    }
}

/// Whether stdout is a terminal that colour is wanted on.
pub(crate) fn colour() -> bool {
    std::io::stdout().is_terminal() && !config::no_colour()
}

/// The text in that ink, where there is colour.
pub(crate) fn inked(text: &str, ink: Ink, colour: bool) -> String {
    if colour && ink != Ink::Plain {
        format!("{}{text}\x1b[0m", ink.code())
    } else {
        text.to_owned()
    }
}

/// A stranger's text on one line: control characters become escapes.
pub(crate) fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for c in text.chars() {
        // direction marks could show a line in another order than it is in
        if c.is_control()
            || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
        {
            line.extend(c.escape_default());
        } else {
            line.push(c);
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_strangers_text_stays_on_its_line_and_moves_no_cursor() {
        assert_eq!(one_line("a\r\nb\x1b[2Jc\u{202e}d é"), "a\\r\\nb\\u{1b}[2Jc\\u{202e}d é");
    }

    #[test]
    fn without_colour_no_escape_is_written() {
        assert_eq!(inked("x", Ink::Bad, false), "x");
        assert_eq!(inked("x", Ink::Bad, true), "\x1b[31mx\x1b[0m");
    }
}
