//! Fields that we write ourselves: `Name: value`, one blank, one line, CRLF.
//!
//! Nothing that could begin a second field gets in. A value beyond ASCII goes out as encoded words (RFC 2047), because a header
//! section may be 8-bit only where SMTPUTF8 was agreed on.

use std::fmt;

/// Longest line of a message, without its CRLF (RFC 5322 §2.1.1).
const LINE_MAX: usize = 998;
/// Octets of text that an encoded word of 75 characters holds at worst: `=?utf-8?q?` and `?=` around them, three characters for each.
const WORD_OCTETS: usize = 21;

/// A field that may be put on top of a message.
#[derive(Clone, Eq, PartialEq, Hash, Debug)]
pub struct HeaderLine {
    /// `Name: value`, folded where it has encoded words, with its CRLF.
    line: String,
    name: usize,
    value: String,
}

/// Why a text is no field that we would write. Each completes the sentence "The field …".
#[derive(Copy, Clone, Eq, PartialEq, Debug, thiserror::Error)]
pub enum HeaderError {
    /// No colon.
    #[error("has no colon between its name and its value")]
    NoColon,
    /// An empty name, or one with a blank, a colon, a control character or anything beyond ASCII in it (RFC 5322 §2.2).
    #[error("has a name that is not printable ASCII without blanks and colons")]
    Name,
    /// A control character, a line break among them, in the value.
    #[error("has a control character or a line break in its value")]
    Control,
    /// More than fits on one line.
    #[error("is longer than 998 characters")]
    TooLong,
}

/// Makes a field of a name and a value. Blanks around either are left out.
///
/// # Errors
/// [`HeaderError`] says what is wrong with it.
pub fn header_line(name: &str, value: &str) -> Result<HeaderLine, HeaderError> {
    let blank = |character| character == ' ' || character == '\t';
    let (name, value) = (name.trim_matches(blank), value.trim_matches(blank));
    if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_graphic() && byte != b':') {
        return Err(HeaderError::Name);
    }
    // A tab is a control character too, but an ordinary blank of a field. The separators of Unicode are line breaks to some.
    if value.chars().any(|character| {
        (character.is_control() && character != '\t')
            || matches!(character, '\u{2028}' | '\u{2029}')
    }) {
        return Err(HeaderError::Control);
    }
    if name.len().saturating_add(value.len()).saturating_add(2) > LINE_MAX {
        return Err(HeaderError::TooLong);
    }
    let line = if value.is_empty() {
        format!("{name}:\r\n")
    } else if value.is_ascii() {
        format!("{name}: {value}\r\n")
    } else {
        format!("{name}: {}\r\n", encoded(value))
    };
    Ok(HeaderLine { line, name: name.len(), value: value.to_owned() })
}

impl HeaderLine {
    /// Reads a field as it is typed in a rule: `Name:value`, with or without blanks around the colon.
    ///
    /// ```
    /// # use gatepost_wire::message::HeaderLine;
    /// assert_eq!(HeaderLine::parse("x-TLSLevel:Require").unwrap().as_bytes(), b"x-TLSLevel: Require\r\n");
    /// ```
    ///
    /// # Errors
    /// [`HeaderError`] says what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, HeaderError> {
        let (name, value) = text.split_once(':').ok_or(HeaderError::NoColon)?;
        header_line(name, value)
    }

    /// Gives the name as it was typed.
    #[must_use]
    pub fn name(&self) -> &str {
        self.line.get(..self.name).unwrap_or_default()
    }

    /// Gives the value as it was typed, without blanks around it.
    #[must_use]
    pub fn value(&self) -> &str {
        &self.value
    }

    /// Gives the bytes that go into the message, the CRLF included.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.line.as_bytes()
    }
}

/// `Name: value`, without the line end.
impl fmt::Display for HeaderLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.name(), self.value)
    }
}

/// Gives text as encoded words, each with whole characters, folded between them (RFC 2047 §2, §5).
fn encoded(value: &str) -> String {
    let mut out = String::from("=?utf-8?q?");
    let mut octets = 0usize;
    for character in value.chars() {
        let length = character.len_utf8();
        if octets.saturating_add(length) > WORD_OCTETS {
            out.push_str("?=\r\n =?utf-8?q?");
            octets = 0;
        }
        octets = octets.saturating_add(length);
        for byte in character.encode_utf8(&mut [0; 4]).bytes() {
            if byte.is_ascii_alphanumeric() {
                out.push(char::from(byte));
            } else {
                out.push_str(&format!("={byte:02X}"));
            }
        }
    }
    out.push_str("?=");
    out
}
