//! Replies: what we say to a client ([`Reply`]) and what a server said to us ([`Response`]) (RFC 5321 §4.2, RFC 2034, RFC 3463).
//!
//! What we say is always printable ASCII in lines that fit, whoever wrote the text. What a peer says counts by its three digits,
//! whatever bytes its text holds; a reply that has no end or is no SMTP is [`Malformed`]. A peer's text leaves here escaped.

use std::fmt;

use crate::escape;
use crate::text::text_serde;

mod response;

pub use response::{Malformed, Response, read_response, take_response};

/// Longest text of one line that we send, so that code, status and CRLF fit into 512 octets (RFC 5321 §4.5.3.1.5).
const TEXT_MAX: usize = 480;

/// An enhanced status code: class, subject, detail (RFC 3463), printed `4.7.4`.
#[derive(Copy, Clone, Eq, PartialEq, Ord, PartialOrd, Hash, Debug)]
pub struct EnhancedCode(u8, u16, u16);

/// The text is no enhanced status code.
#[derive(Copy, Clone, Eq, PartialEq, Debug, thiserror::Error)]
#[error("is not an enhanced status code such as 4.7.4")]
pub struct NotAStatus;

impl EnhancedCode {
    /// Makes a code. The class is 2 for success, 4 for a failure that may pass, 5 for one that will not.
    #[must_use]
    pub const fn new(class: u8, subject: u16, detail: u16) -> Self {
        Self(class, subject, detail)
    }

    /// Reads `4.7.4`: class 2, 4 or 5, subject and detail of one to three digits.
    ///
    /// # Errors
    /// [`NotAStatus`] if it is anything else.
    pub fn parse(text: &str) -> Result<Self, NotAStatus> {
        let number = |part: Option<&str>| {
            part.filter(|part| part.len() <= 3 && part.bytes().all(|byte| byte.is_ascii_digit()))
                .and_then(|part| part.parse::<u16>().ok())
                .ok_or(NotAStatus)
        };
        let mut parts = text.split('.');
        let class = match parts.next() {
            Some("2") => 2,
            Some("4") => 4,
            Some("5") => 5,
            _ => return Err(NotAStatus),
        };
        let code = Self(class, number(parts.next())?, number(parts.next())?);
        if parts.next().is_some() { Err(NotAStatus) } else { Ok(code) }
    }

    /// Gives the class: 2, 4 or 5.
    #[must_use]
    pub const fn class(self) -> u8 {
        self.0
    }

    /// Gives the subject, such as 7 for security and policy.
    #[must_use]
    pub const fn subject(self) -> u16 {
        self.1
    }

    /// Gives the detail within the subject.
    #[must_use]
    pub const fn detail(self) -> u16 {
        self.2
    }
}

impl fmt::Display for EnhancedCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.0, self.1, self.2)
    }
}

impl std::str::FromStr for EnhancedCode {
    type Err = NotAStatus;

    fn from_str(text: &str) -> Result<Self, NotAStatus> {
        Self::parse(text)
    }
}

text_serde!(EnhancedCode);

/// What we say: a code, perhaps an enhanced status, one or more lines.
#[derive(Clone, Eq, PartialEq, Debug)]
pub struct Reply {
    code: u16,
    enhanced: Option<EnhancedCode>,
    /// Printable ASCII; lines separated by `\n`.
    text: String,
}

/// Why a text is no reply that a rule may give. Each completes the sentence "The reply …".
#[derive(Copy, Clone, Eq, PartialEq, Debug, thiserror::Error)]
pub enum NotAReply {
    /// No code of 400 to 599 in front.
    #[error("does not begin with a code between 400 and 599, such as 550")]
    Code,
    /// An enhanced status of another class than the code.
    #[error("has an enhanced status code of another class than its code")]
    Class,
    /// Something that is not printable ASCII, or a line break.
    #[error("holds something other than printable ASCII on one line")]
    Text,
    /// More text than one line can hold.
    #[error("is longer than 480 characters")]
    TooLong,
}

impl Reply {
    /// Makes a reply. `\n` in the text separates lines; what is not printable ASCII is escaped, and a line longer than 480
    /// characters is cut.
    #[must_use]
    pub fn new(code: u16, enhanced: Option<EnhancedCode>, text: &str) -> Self {
        let plain = text.len() <= TEXT_MAX
            && text.bytes().all(|byte| matches!(byte, b' '..=b'~') && byte != b'\\');
        let text = if plain { text.to_owned() } else { escaped_lines(text.split('\n')) };
        Self { code, enhanced, text }
    }

    /// Makes a reply of several lines, each of them treated as [`Reply::new`] does.
    #[must_use]
    pub fn lines<'a>(
        code: u16,
        enhanced: Option<EnhancedCode>,
        lines: impl IntoIterator<Item = &'a str>,
    ) -> Self {
        Self { code, enhanced, text: escaped_lines(lines.into_iter()) }
    }

    /// Reads the reply that a rule gives with `reject`: `550 5.7.1 text`. The status and the text may be left out.
    ///
    /// # Errors
    /// [`NotAReply`] says what is wrong with it.
    pub fn parse_refusal(text: &str) -> Result<Self, NotAReply> {
        if text.len() > TEXT_MAX {
            return Err(NotAReply::TooLong);
        }
        if !text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
            return Err(NotAReply::Text);
        }
        let (digits, rest) = text.split_once(' ').unwrap_or((text, ""));
        let three = digits.len() == 3 && digits.bytes().all(|byte| byte.is_ascii_digit());
        let code = digits.parse::<u16>().ok().filter(|code| three && (400..600).contains(code));
        let code = code.ok_or(NotAReply::Code)?;
        let (status, words) = rest.split_once(' ').unwrap_or((rest, ""));
        let Ok(enhanced) = EnhancedCode::parse(status) else {
            return Ok(Self { code, enhanced: None, text: rest.to_owned() });
        };
        if Some(u16::from(enhanced.class())) != code.checked_div(100) {
            return Err(NotAReply::Class);
        }
        Ok(Self { code, enhanced: Some(enhanced), text: words.to_owned() })
    }

    /// Gives the code.
    #[must_use]
    pub const fn code(&self) -> u16 {
        self.code
    }

    /// Gives the enhanced status.
    #[must_use]
    pub const fn enhanced(&self) -> Option<EnhancedCode> {
        self.enhanced
    }

    /// Gives the text behind code and status, lines separated by `\n`.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Says whether this says yes: 2xx, or 3xx for "go on".
    #[must_use]
    pub const fn is_positive(&self) -> bool {
        self.code < 400
    }

    /// Appends the reply as it goes over the wire, each line ended by CRLF.
    pub fn write_to(&self, out: &mut Vec<u8>) {
        let code = self.code.to_string();
        let status = self.enhanced.map(|enhanced| enhanced.to_string());
        let mut lines = self.text.split('\n').peekable();
        while let Some(line) = lines.next() {
            out.extend_from_slice(code.as_bytes());
            out.push(if lines.peek().is_some() { b'-' } else { b' ' });
            if let Some(status) = &status {
                out.extend_from_slice(status.as_bytes());
                out.push(b' ');
            }
            out.extend_from_slice(line.as_bytes());
            out.extend_from_slice(b"\r\n");
        }
    }
}

/// On one line, as in a log: `550 5.7.1 text`.
impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.code)?;
        if let Some(enhanced) = self.enhanced {
            write!(f, " {enhanced}")?;
        }
        self.text
            .split('\n')
            .filter(|line| !line.is_empty())
            .try_for_each(|line| write!(f, " {line}"))
    }
}

fn escaped_lines<'a>(lines: impl Iterator<Item = &'a str>) -> String {
    lines.map(|line| escape::ascii(line.as_bytes(), TEXT_MAX)).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests;
