//! Command lines out of raw bytes.
//!
//! What holds: only CR LF ends a line. A bare CR, a bare LF or a NUL makes it broken, and all of it up to the next CR LF is one
//! broken line, so nothing that was hidden in it is obeyed.

use memchr::{memchr, memchr2};

use crate::auth;
use crate::buffer::Buffer;

/// One line as it came, without CR LF.
#[derive(Debug, Eq, PartialEq)]
pub(super) enum Line {
    Whole(Vec<u8>),
    Broken,
    TooLong,
    /// A line of AUTH that is longer than one may be.
    AuthTooLong,
}

#[derive(Debug)]
pub(super) struct LineReader {
    most: usize,
    /// The line was answered already; its tail is thrown away.
    skipping: bool,
}

impl LineReader {
    pub(super) fn new(most: usize) -> Self {
        Self { most, skipping: false }
    }

    /// The next line, or `None` when its end has not come. A line that is broken or too long is reported as soon as that is
    /// known, so that a client that ends lines with LF alone gets an answer.
    pub(super) fn take(&mut self, buffer: &mut Buffer) -> Option<Line> {
        if self.skipping {
            self.skip(buffer)?;
        }
        if is_auth(buffer.as_slice()) {
            return self.take_secret(buffer);
        }
        self.take_up_to(buffer, self.most)
    }

    /// The next line likewise, which may hold a password and be as long as a line of AUTH: it is overwritten in the buffer, and the
    /// caller overwrites what it gets.
    pub(super) fn take_secret(&mut self, buffer: &mut Buffer) -> Option<Line> {
        if self.skipping {
            self.skip(buffer)?;
        }
        let line = self.take_up_to(buffer, auth::LINE)?;
        buffer.wipe(0);
        Some(if line == Line::TooLong { Line::AuthTooLong } else { line })
    }

    fn take_up_to(&mut self, buffer: &mut Buffer, most: usize) -> Option<Line> {
        let waiting = buffer.as_slice();
        let window = waiting.get(..most.saturating_add(2)).unwrap_or(waiting);
        let Some(end) = memchr(b'\n', window) else {
            if window.len() < most.saturating_add(2) {
                return None;
            }
            self.skipping = true;
            return Some(Line::TooLong);
        };
        let line = window.get(..end).unwrap_or_default();
        let Some(text) = line.strip_suffix(b"\r") else {
            buffer.consume(end.saturating_add(1));
            self.skipping = true;
            return Some(Line::Broken);
        };
        let broken = memchr2(b'\r', 0, text).is_some();
        let whole = if broken { Line::Broken } else { Line::Whole(text.to_vec()) };
        buffer.consume(end.saturating_add(1));
        Some(whole)
    }

    /// Throws bytes away up to and with the next CR LF; `None` when it has not come.
    fn skip(&mut self, buffer: &mut Buffer) -> Option<()> {
        while let Some(end) = memchr(b'\n', buffer.as_slice()) {
            let ends =
                end.checked_sub(1).and_then(|before| buffer.as_slice().get(before)) == Some(&b'\r');
            buffer.consume(end.saturating_add(1));
            if ends {
                self.skipping = false;
                return Some(());
            }
        }
        // The CR that may be half of the end stays.
        let keep = usize::from(buffer.as_slice().last() == Some(&b'\r'));
        buffer.consume(buffer.len().saturating_sub(keep));
        None
    }
}

/// Whether a line begins with the verb AUTH and goes on.
fn is_auth(start: &[u8]) -> bool {
    start.get(..5).is_some_and(|word| word.eq_ignore_ascii_case(b"AUTH "))
}

/// Whether the first bytes of a connection are those of HTTP, TLS or SSH. A browser can be made to send mail by its form fields
/// if the lines in front of them are merely counted as errors.
pub(super) fn is_another_protocol(start: &[u8]) -> bool {
    const STARTS: [&[u8]; 12] = [
        b"GET ",
        b"POST ",
        b"PUT ",
        b"HEAD ",
        b"OPTIONS ",
        b"DELETE ",
        b"PATCH ",
        b"CONNECT ",
        b"TRACE ",
        b"PRI * ",
        b"SSH-",
        b"\x16\x03",
    ];
    STARTS.iter().any(|other| start.starts_with(other))
}
