//! The reader for what a peer says. It sees a reply whole or not at all, and never waits for more than the limits allow.

use std::fmt;

use super::EnhancedCode;
use crate::buffer::Buffer;
use crate::escape;

/// Lines that one reply may have.
const LINES_MAX: usize = 100;
/// Octets that one line may have, its end included.
const LINE_MAX: usize = 4096;
/// Characters of a peer's text that are worth keeping.
const SHOWN_MAX: usize = 500;

/// What a peer said. The lines are its own bytes: show [`Response::text`] instead.
#[derive(Clone, Eq, PartialEq, Debug)]
pub struct Response {
    /// The three digits, 200 to 599.
    pub code: u16,
    /// The enhanced status, if there is one and its class is that of the code (RFC 2034 §4).
    pub enhanced: Option<EnhancedCode>,
    /// What stands behind code and separator on each line, without the line end, the enhanced status included.
    pub lines: Vec<Vec<u8>>,
}

/// Why bytes are no SMTP reply.
#[derive(Copy, Clone, Eq, PartialEq, Hash, Debug, thiserror::Error)]
pub enum Malformed {
    /// A line that does not begin with three digits between 200 and 599 and a blank or hyphen.
    #[error("a line of the reply is not SMTP")]
    NotSmtp,
    /// Lines of one reply with different codes.
    #[error("the lines of the reply have different codes")]
    Codes,
    /// A line of more than 4 KiB.
    #[error("a line of the reply is longer than 4 KiB")]
    LineTooLong,
    /// A reply of more than 100 lines.
    #[error("the reply has more than 100 lines")]
    TooManyLines,
}

impl Response {
    /// Gives what was said as one escaped line of at most 500 characters, the code in front. An enhanced status that each line
    /// repeats is given once.
    #[must_use]
    pub fn text(&self) -> String {
        let mut bytes = self.code.to_string().into_bytes();
        let status = self.enhanced.map(|enhanced| enhanced.to_string()).unwrap_or_default();
        for (index, line) in self.lines.iter().enumerate() {
            let repeated = if index > 0 && !status.is_empty() {
                line.strip_prefix(status.as_bytes())
            } else {
                None
            };
            let shown = repeated.unwrap_or(line).trim_ascii();
            if !shown.is_empty() {
                bytes.push(b' ');
                bytes.extend_from_slice(shown);
            }
        }
        escape::printable(&bytes, SHOWN_MAX)
    }

    /// Says whether it is 2xx.
    #[must_use]
    pub const fn is_positive(&self) -> bool {
        matches!(self.code, 200..=299)
    }

    /// Says whether it is 3xx: go on.
    #[must_use]
    pub const fn is_intermediate(&self) -> bool {
        matches!(self.code, 300..=399)
    }

    /// Says whether it is 4xx: try again later.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        matches!(self.code, 400..=499)
    }

    /// Says whether it is 5xx: do not try again.
    #[must_use]
    pub const fn is_permanent(&self) -> bool {
        matches!(self.code, 500..=599)
    }
}

/// Escaped, on one line.
impl fmt::Display for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text())
    }
}

/// Takes one whole reply off the front of what has arrived; `None` if its end is not there yet.
///
/// # Errors
/// [`Malformed`], as soon as it is certain. Nothing is consumed then; the connection is of no further use.
pub fn take_response(buffer: &mut Buffer) -> Result<Option<Response>, Malformed> {
    let Some((response, length)) = read_response(buffer.as_slice())? else {
        return Ok(None);
    };
    buffer.consume(length);
    Ok(Some(response))
}

/// Reads one reply at the front of `bytes`, and gives it with its length in bytes; `None` if its end is not there yet.
///
/// A line ends at LF; a CR before it belongs to the end. Servers that forget the CR are still understood.
///
/// # Errors
/// [`Malformed`], as soon as it is certain.
pub fn read_response(bytes: &[u8]) -> Result<Option<(Response, usize)>, Malformed> {
    let mut rest = bytes;
    let mut code = None;
    for count in 1..=LINES_MAX {
        let Some(end) = memchr::memchr(b'\n', rest.get(..LINE_MAX).unwrap_or(rest)) else {
            return if rest.len() >= LINE_MAX {
                Err(Malformed::LineTooLong)
            } else {
                unfinished(rest)
            };
        };
        let (line, behind) =
            rest.split_at_checked(end.saturating_add(1)).ok_or(Malformed::NotSmtp)?;
        rest = behind;
        let (this, last) = head(line)?;
        if *code.get_or_insert(this) != this {
            return Err(Malformed::Codes);
        }
        if last {
            let length = bytes.len().saturating_sub(rest.len());
            return Ok(Some((build(this, count, bytes), length)));
        }
    }
    Err(Malformed::TooManyLines)
}

/// Reads the code of a line, and whether it is the last one. A code alone is a last line (RFC 5321 §4.2).
fn head(line: &[u8]) -> Result<(u16, bool), Malformed> {
    let [first @ b'2'..=b'5', second, third, separator, ..] = line else {
        return Err(Malformed::NotSmtp);
    };
    if !second.is_ascii_digit() || !third.is_ascii_digit() {
        return Err(Malformed::NotSmtp);
    }
    let last = match separator {
        b'-' => false,
        b' ' | b'\r' | b'\n' => true,
        _ => return Err(Malformed::NotSmtp),
    };
    let code = [first, second, third].iter().fold(0u16, |code, digit| {
        code.saturating_mul(10).saturating_add(u16::from(digit.saturating_sub(b'0')))
    });
    Ok((code, last))
}

/// A line whose end is missing may already show that it is no SMTP: a TLS record or an HTTP banner would otherwise cost a timeout.
fn unfinished(line: &[u8]) -> Result<Option<(Response, usize)>, Malformed> {
    let digits = line.iter().take(3).all(u8::is_ascii_digit);
    let first = line.first().is_none_or(|first| matches!(first, b'2'..=b'5'));
    let separator = line.get(3).is_none_or(|separator| matches!(separator, b' ' | b'-' | b'\r'));
    if digits && first && separator { Ok(None) } else { Err(Malformed::NotSmtp) }
}

fn build(code: u16, count: usize, bytes: &[u8]) -> Response {
    let lines: Vec<Vec<u8>> = bytes
        .split(|byte| *byte == b'\n')
        .take(count)
        .map(|line| {
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            line.get(4..).unwrap_or_default().to_vec()
        })
        .collect();
    let enhanced =
        lines.first().and_then(|line| line.split(|byte| *byte == b' ').next()).and_then(|word| {
            let status = std::str::from_utf8(word).ok()?;
            EnhancedCode::parse(status).ok()
        });
    let enhanced =
        enhanced.filter(|enhanced| code.checked_div(100) == Some(u16::from(enhanced.class())));
    Response { code, enhanced, lines }
}
