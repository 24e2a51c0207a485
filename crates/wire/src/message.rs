//! The header section of a message: where its fields are, what they say, and how it is changed without touching anything else.
//!
//! A message is never taken apart and written again, because a signature would not survive that. [`HeaderSection`] says where
//! each field stands, [`Edits`] says what is left out and what goes on top, and all other bytes are copied as they are. The reader is
//! as tolerant as the most tolerant server behind us, since a field that only that one sees would be a way around the rules: blanks
//! before the colon, a name folded away from its colon, lines of nonsense in between, any number and size of fields.

use std::ops::Range;

mod edits;
mod line;
mod value;

pub use edits::{EditReader, Edits, Kept};
pub use line::{HeaderError, HeaderLine, header_line};
pub use value::{decode_value, unfold};

/// Where the fields of a message stand. All offsets are into the bytes that were scanned.
#[derive(Clone, Eq, PartialEq, Debug)]
pub struct HeaderSection {
    fields: Vec<Field>,
    body: usize,
    complete: bool,
    headless: bool,
}

/// Where one field stands.
#[derive(Clone, Eq, PartialEq, Debug)]
pub struct Field {
    /// The name, without blanks and colon.
    pub name: Range<usize>,
    /// The value: all behind the colon, with its folds, without the last line end.
    pub value: Range<usize>,
    /// The whole field: name, colon, value, folds, and the last line end. Leaving this range out removes the field.
    pub whole: Range<usize>,
}

impl HeaderSection {
    /// Finds the fields at the head of a message. The bytes may be all of it or only its beginning.
    ///
    /// The section ends at the first empty line. A message whose first line is no field has no header section: it is all body.
    /// Lines that are no field stand for nothing, and the fields behind them still count.
    #[must_use]
    pub fn scan(message: &[u8]) -> Self {
        let mut section = Self {
            fields: Vec::with_capacity(24),
            body: message.len(),
            complete: false,
            headless: false,
        };
        let mut at = 0;
        while let Some(rest) = message.get(at..).filter(|rest| !rest.is_empty()) {
            let unit = unit_length(rest);
            let (unit, _) = rest.split_at_checked(unit).unwrap_or((rest, b""));
            if unit == b"\r\n" || unit == b"\n" {
                section.complete = true;
                section.body = at.saturating_add(unit.len());
                break;
            }
            if let Some(field) = Field::read(unit, at) {
                section.fields.push(field);
            } else if at == 0 && !is_mailbox_line(unit) {
                section.headless = true;
                section.body = 0;
                break;
            }
            at = at.saturating_add(unit.len());
        }
        section
    }

    /// Gives the fields from the top.
    #[must_use]
    pub fn fields(&self) -> &[Field] {
        &self.fields
    }

    /// Gives where the body begins, behind the empty line; the length of what was scanned if there is no empty line.
    #[must_use]
    pub fn body_offset(&self) -> usize {
        self.body
    }

    /// Says whether the empty line that ends the section was seen.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.complete
    }

    /// Gives what must stand between fields that are put on top and the message: nothing, or an empty line if the message has no
    /// header section of its own. Otherwise its first line would become part of the last field on top.
    #[must_use]
    pub fn separator(&self) -> &'static [u8] {
        if self.headless { b"\r\n" } else { b"" }
    }

    /// Gives the fields of that name, from the top; `message` is what was scanned. See [`Field::name_is`].
    pub fn named<'a>(
        &'a self,
        message: &'a [u8],
        name: &'a str,
    ) -> impl Iterator<Item = &'a Field> {
        self.fields.iter().filter(move |field| field.name_is(message, name))
    }
}

impl Field {
    /// Reads one unit: a line with its folds. `None` if it has no name.
    fn read(unit: &[u8], at: usize) -> Option<Self> {
        let colon = memchr::memchr(b':', unit)?;
        // Blanks, and even a fold, before the colon: RFC 5322 §4.5, obs-optional, and a little beyond it.
        let name = unit.get(..colon)?.trim_ascii_end();
        if name.is_empty() || !name.iter().all(|byte| byte.is_ascii_graphic() || !byte.is_ascii()) {
            return None;
        }
        let value =
            unit.strip_suffix(b"\n").map_or(unit, |unit| unit.strip_suffix(b"\r").unwrap_or(unit));
        let from = |offset: usize| at.saturating_add(offset);
        Some(Self {
            name: at..from(name.len()),
            value: from(colon.saturating_add(1))..from(value.len()),
            whole: at..from(unit.len()),
        })
    }

    /// Says whether the field has that name, whatever its case; `message` is what was scanned.
    #[must_use]
    pub fn name_is(&self, message: &[u8], name: &str) -> bool {
        self.name_bytes(message).eq_ignore_ascii_case(name.as_bytes())
    }

    /// Gives the name as it is written.
    #[must_use]
    pub fn name_bytes<'a>(&self, message: &'a [u8]) -> &'a [u8] {
        message.get(self.name.clone()).unwrap_or_default()
    }

    /// Gives the value as it is written: folds inside, the blank behind the colon included, the last line end not.
    #[must_use]
    pub fn raw_value<'a>(&self, message: &'a [u8]) -> &'a [u8] {
        message.get(self.value.clone()).unwrap_or_default()
    }

    /// Gives the whole field as it is written, its last line end included.
    #[must_use]
    pub fn bytes<'a>(&self, message: &'a [u8]) -> &'a [u8] {
        message.get(self.whole.clone()).unwrap_or_default()
    }

    /// Gives the range of the whole field in the form that [`Edits`] takes.
    #[must_use]
    pub fn range(&self) -> Range<u64> {
        let wide = |offset| u64::try_from(offset).unwrap_or(u64::MAX);
        wide(self.whole.start)..wide(self.whole.end)
    }
}

/// Gives the length of the first line with the lines that continue it (RFC 5322 §2.2.3). An empty line is not continued.
fn unit_length(rest: &[u8]) -> usize {
    for end in memchr::memchr_iter(b'\n', rest) {
        let length = end.saturating_add(1);
        let continued = matches!(rest.get(length), Some(b' ' | b'\t'));
        if !continued || end == 0 || (end == 1 && rest.starts_with(b"\r")) {
            return length;
        }
    }
    rest.len()
}

/// `From ` lines of mailbox files stand above real fields in what some programs send.
fn is_mailbox_line(unit: &[u8]) -> bool {
    unit.strip_prefix(b">").unwrap_or(unit).starts_with(b"From ")
}

#[cfg(test)]
mod tests;
