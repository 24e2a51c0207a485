//! What a message shows a person who has to decide about it: its fields, its text, and what is attached.
//!
//! It is made for mail that is kept because it may be dangerous, so only text comes out: no markup, no control character but line
//! break and tab, no character that changes the direction of writing; nothing is opened or fetched. The structure is walked here,
//! with limits on depth, parts and lengths that no message can exceed, and each part is decoded by itself. What was left out is
//! said by [`Preview::truncated`].

mod html;
mod structure;

use serde::Serialize;

use self::structure::{Found, walk};
use crate::message::{HeaderSection, decode_value};

/// Bytes of a message that are looked at.
pub const LOOKED_AT: usize = 16 * 1024 * 1024;
/// Bytes of text that are shown.
pub const TEXT: usize = 256 * 1024;
/// Header fields that are shown.
const FIELDS: usize = 500;
/// Characters of a header field that are shown.
const VALUE: usize = 4096;
/// Characters of a name or a type that are shown.
const NAME: usize = 255;

/// What is shown of a message.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize)]
pub struct Preview {
    /// The header fields from the top, decoded: name and value.
    pub headers: Vec<(String, String)>,
    /// The text.
    pub text: String,
    /// Whether the text was taken out of HTML.
    pub from_html: bool,
    /// What is attached.
    pub attachments: Vec<Attachment>,
    /// Whether something was left out because of a limit.
    pub truncated: bool,
}

/// Something attached to a message.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Attachment {
    /// Its name, if it says one.
    pub name: Option<String>,
    /// Its type as it says: `application/pdf`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Bytes once decoded.
    pub size: u64,
}

/// Makes a preview. `message` is all of it or, where that is longer than [`LOOKED_AT`], its beginning; `whole` says which.
///
/// It never panics, and takes time in proportion to the bytes it is given.
#[must_use]
pub fn preview(message: &[u8], whole: bool) -> Preview {
    let section = HeaderSection::scan(message);
    let fields = section.fields();
    let mut preview = Preview { truncated: !whole || fields.len() > FIELDS, ..Preview::default() };
    for field in fields.iter().take(FIELDS) {
        let name = String::from_utf8_lossy(field.name_bytes(message));
        let raw = field.raw_value(message);
        // A decoded value is shorter than what is written, but for single bytes that are replaced.
        let (raw, long) = match raw.get(..VALUE.saturating_mul(8)) {
            Some(head) => (head, true),
            None => (raw, false),
        };
        let (value, cut) = one_line(&decode_value(raw), VALUE);
        preview.truncated |= cut || long;
        preview.headers.push((one_line(&name, NAME).0, value));
    }
    let Found { plain, html, attachments, truncated } = walk(message, &section);
    preview.truncated |= truncated;
    preview.attachments = attachments;
    let plain = if plain.trim().is_empty() { None } else { Some(plain) };
    let (text, from_html) = match (plain, html) {
        (Some(plain), _) => (plain, false),
        (None, Some(html)) => (html::text(&html), true),
        (None, None) => (String::new(), false),
    };
    let (text, cut) = lines(&text, TEXT);
    preview.truncated |= cut;
    preview.text = text;
    preview.from_html = from_html;
    preview
}

/// Whether a character would change how others are shown.
const fn is_directing(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Text of several lines that is fit to be shown, at most `most` bytes of it; and whether some was cut off.
fn lines(text: &str, most: usize) -> (String, bool) {
    let mut shown = String::with_capacity(text.len().min(most));
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\r' if chars.peek() == Some(&'\n') => continue,
            '\r' | '\n' | '\u{85}' | '\u{2028}' | '\u{2029}' => shown.push('\n'),
            '\t' => shown.push('\t'),
            // Nothing is shown for a null byte, as mail programs do it.
            '\0' | '\u{feff}' => {}
            c if c.is_control() || is_directing(c) => shown.extend(c.escape_unicode()),
            c => shown.push(c),
        }
        if shown.len() > most {
            let end = (0..=most).rev().find(|end| shown.is_char_boundary(*end)).unwrap_or(0);
            shown.truncate(end);
            return (shown, true);
        }
    }
    (shown, false)
}

/// Text on one line that is fit to be shown, at most `most` characters of it; and whether some was cut off.
fn one_line(text: &str, most: usize) -> (String, bool) {
    let mut shown = String::with_capacity(text.len().min(most));
    for (count, c) in text.chars().enumerate() {
        if count >= most {
            shown.push('…');
            return (shown, true);
        }
        match c {
            '\t' | '\n' | '\r' => shown.push(' '),
            '\u{2028}' | '\u{2029}' => shown.push(' '),
            c if c.is_control() || is_directing(c) => shown.extend(c.escape_unicode()),
            c => shown.push(c),
        }
    }
    (shown, false)
}

#[cfg(test)]
mod tests;
