//! What is changed in a message on its way: bytes on top, and ranges left out. Every other byte is copied.
//!
//! The stored message stays as it was received; each copy of it carries its own edits, applied while it streams. How the message is cut
//! into chunks makes no difference to what comes out.

use std::fmt;
use std::ops::Range;

use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The difference between a message as it was received and as it goes out.
#[derive(Clone, Eq, PartialEq, Hash, Debug, Default, Serialize, Deserialize)]
pub struct Edits {
    /// Whole lines, each ended by CRLF, that stand above everything: `Received`, then the fields of the rules.
    #[serde(serialize_with = "as_text", deserialize_with = "from_text")]
    pub top: Vec<u8>,
    /// Ranges of the received message that are left out, ascending and without overlap. [`Edits::leave_out`] keeps them so.
    pub cut: Vec<Range<u64>>,
}

impl Edits {
    /// Leaves a range out as well, wherever it lies among the others.
    pub fn leave_out(&mut self, range: Range<u64>) {
        if range.start >= range.end {
            return;
        }
        let first = self.cut.partition_point(|cut| cut.end < range.start);
        let behind = self.cut.partition_point(|cut| cut.start <= range.end);
        let touched = self.cut.get(first..behind).unwrap_or_default();
        let start = touched.first().map_or(range.start, |cut| cut.start.min(range.start));
        let end = touched.last().map_or(range.end, |cut| cut.end.max(range.end));
        self.cut.splice(first..behind.max(first), std::iter::once(start..end));
    }

    /// Gives the length of the edited message, from the length of the received one.
    #[must_use]
    pub fn length(&self, received: u64) -> u64 {
        let gone = self.cut.iter().fold(0u64, |sum, cut| {
            let length = cut.end.min(received).saturating_sub(cut.start.min(received));
            sum.saturating_add(length)
        });
        let top = u64::try_from(self.top.len()).unwrap_or(u64::MAX);
        received.saturating_sub(gone).saturating_add(top)
    }

    /// Gives a reader that edits a message chunk by chunk.
    #[must_use]
    pub fn reader(&self) -> EditReader<'_> {
        EditReader { top: &self.top, cut: &self.cut, position: 0 }
    }

    /// Edits a message that is in memory as a whole.
    #[must_use]
    pub fn apply(&self, message: &[u8]) -> Vec<u8> {
        let mut reader = self.reader();
        let mut out = Vec::with_capacity(self.top.len().saturating_add(message.len()));
        reader.next_chunk(message).for_each(|kept| out.extend_from_slice(kept));
        out
    }
}

/// Edits a message chunk by chunk, without copying it.
#[derive(Clone, Debug)]
pub struct EditReader<'e> {
    top: &'e [u8],
    cut: &'e [Range<u64>],
    position: u64,
}

impl<'e> EditReader<'e> {
    /// Takes the next bytes of the received message, and gives what goes out for them. The first call gives the top first, even for an
    /// empty chunk: a message of no bytes at all still needs one call.
    pub fn next_chunk<'a>(&mut self, input: &'a [u8]) -> Kept<'a>
    where
        'e: 'a,
    {
        let start = self.position;
        self.position = start.saturating_add(u64::try_from(input.len()).unwrap_or(u64::MAX));
        let kept = Kept {
            top: std::mem::take(&mut self.top),
            rest: input,
            cut: self.cut,
            position: start,
        };
        let passed = self.cut.iter().take_while(|cut| cut.end <= self.position).count();
        self.cut = self.cut.get(passed..).unwrap_or_default();
        kept
    }
}

/// The slices of one chunk that go out, in order; none of them is empty.
#[derive(Clone, Debug)]
pub struct Kept<'a> {
    top: &'a [u8],
    rest: &'a [u8],
    cut: &'a [Range<u64>],
    /// Where `rest` begins in the received message.
    position: u64,
}

impl<'a> Iterator for Kept<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        if !self.top.is_empty() {
            return Some(std::mem::take(&mut self.top));
        }
        loop {
            if self.rest.is_empty() {
                return None;
            }
            let Some((next, others)) = self.cut.split_first() else {
                return Some(std::mem::take(&mut self.rest));
            };
            let kept = self.take(next.start);
            // Of a cut that reaches beyond this chunk, the reader keeps the rest for the next one.
            self.take(next.end);
            self.cut = others;
            if !kept.is_empty() {
                return Some(kept);
            }
        }
    }
}

impl<'a> Kept<'a> {
    /// Takes everything before that position of the received message off the front.
    fn take(&mut self, until: u64) -> &'a [u8] {
        let count = usize::try_from(until.saturating_sub(self.position))
            .unwrap_or(usize::MAX)
            .min(self.rest.len());
        let (taken, rest) = self.rest.split_at_checked(count).unwrap_or((self.rest, b""));
        self.rest = rest;
        self.position = self.position.saturating_add(u64::try_from(count).unwrap_or(u64::MAX));
        taken
    }
}

/// Fields are text almost always; then they are stored as text, for people to read.
fn as_text<S: Serializer>(top: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    match std::str::from_utf8(top) {
        Ok(text) => serializer.serialize_str(text),
        Err(_) => serializer.collect_seq(top),
    }
}

fn from_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
    deserializer.deserialize_any(TextOrBytes)
}

struct TextOrBytes;

impl<'de> Visitor<'de> for TextOrBytes {
    type Value = Vec<u8>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string or an array of bytes")
    }

    fn visit_str<E>(self, text: &str) -> Result<Vec<u8>, E> {
        Ok(text.as_bytes().to_vec())
    }

    fn visit_string<E>(self, text: String) -> Result<Vec<u8>, E> {
        Ok(text.into_bytes())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut bytes: A) -> Result<Vec<u8>, A::Error> {
        let mut top = Vec::new();
        while let Some(byte) = bytes.next_element()? {
            top.push(byte);
        }
        Ok(top)
    }
}
