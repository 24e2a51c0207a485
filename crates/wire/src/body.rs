//! The bytes of a message on the wire: taken in by DATA or BDAT, and made ready to go out by DATA.
//!
//! What holds: only CR LF ends a line, and only CR LF `.` CR LF ends DATA (RFC 5321 section 4.1.1.4). A CR or LF that stands
//! alone, or a NUL, makes the whole message broken (RFC 5321 section 2.3.8); it is then read to its true end and nothing of it
//! is handed out any more, so no peer can make two messages out of one. The same three are refused on the way out.

use memchr::{memchr2, memchr3};

use crate::buffer::Buffer;

#[cfg(test)]
mod tests;

/// Why the bytes that came are no message that can be taken.
#[derive(Copy, Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum BodyError {
    /// A CR that no LF follows.
    #[error("a carriage return stands alone")]
    BareCr,
    /// An LF that no CR goes before.
    #[error("a line feed stands alone")]
    BareLf,
    /// A NUL byte.
    #[error("there is a null byte")]
    Nul,
    /// More bytes than a message may have.
    #[error("the message is too big")]
    TooBig,
    /// The header section alone is longer than one may be.
    #[error("the header section is too big")]
    HeaderTooBig,
}

/// How much is taken.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub struct BodyLimits {
    /// Bytes of a message, dots taken off.
    pub message: u64,
    /// Bytes of its header section.
    pub header_section: u64,
}

/// What a decoder found next.
#[derive(Debug, Eq, PartialEq)]
pub enum Piece<'b> {
    /// Bytes of the message.
    Bytes(&'b [u8]),
    /// The message is broken. Said once; no [`Piece::Bytes`] follows, the rest is read and thrown away.
    Broken(BodyError),
    /// The message (DATA) or the chunk (BDAT) has ended.
    End,
}

/// Reads what follows DATA.
#[derive(Debug)]
pub struct DataDecoder {
    content: Content,
}

impl DataDecoder {
    /// Starts directly behind the command line of DATA.
    #[must_use]
    pub fn new(limits: BodyLimits) -> Self {
        Self { content: Content::new(limits) }
    }

    /// Takes the next piece out of `buffer`; `None` when more bytes are needed.
    pub fn next<'b>(&mut self, buffer: &'b mut Buffer) -> Option<Piece<'b>> {
        loop {
            if let Some(error) = self.content.news() {
                return Some(Piece::Broken(error));
            }
            let input = buffer.as_slice();
            if self.content.at == At::LineStart && input.first() == Some(&b'.') {
                match (input.get(1), input.get(2)) {
                    (None, _) | (Some(b'\r'), None) => return None,
                    (Some(b'\r'), Some(b'\n')) => {
                        buffer.consume(3);
                        return Some(Piece::End);
                    }
                    (Some(_), _) => {
                        // RFC 5321 section 4.5.2: the dot that the sender put in front comes off.
                        buffer.consume(1);
                        self.content.at = At::Middle;
                        continue;
                    }
                }
            }
            let count = self.content.scan(input, Dots::Mean);
            if count == 0 {
                return None;
            }
            if self.content.is_wanted() {
                return Some(Piece::Bytes(buffer.take_front(count)));
            }
            buffer.consume(count);
        }
    }

    /// Hands out no further bytes; the rest is read to its end and thrown away.
    pub fn discard(&mut self) {
        self.content.discard = true;
    }

    /// What makes the message broken, if anything does so far.
    #[must_use]
    pub fn error(&self) -> Option<BodyError> {
        self.content.error
    }
}

/// Reads the chunks of BDAT (RFC 3030), one message long.
#[derive(Debug)]
pub struct BdatDecoder {
    content: Content,
    remaining: u64,
}

impl BdatDecoder {
    /// Starts a message; no chunk has been announced yet.
    #[must_use]
    pub fn new(limits: BodyLimits) -> Self {
        Self { content: Content::new(limits), remaining: 0 }
    }

    /// A chunk of `size` bytes comes next. A size that cannot fit makes the message broken before its first byte.
    pub fn chunk(&mut self, size: u64) {
        self.remaining = size;
        if self.content.size.saturating_add(size) > self.content.limits.message {
            self.content.spoil(BodyError::TooBig);
        }
    }

    /// Says that the last chunk has been read: a CR at the very end stands alone.
    pub fn finish(&mut self) -> Result<(), BodyError> {
        if self.content.at == At::AfterCr {
            self.content.spoil(BodyError::BareCr);
        }
        self.content.error.map_or(Ok(()), Err)
    }

    /// Takes the next piece out of `buffer`; `None` when more bytes are needed.
    pub fn next<'b>(&mut self, buffer: &'b mut Buffer) -> Option<Piece<'b>> {
        loop {
            if let Some(error) = self.content.news() {
                return Some(Piece::Broken(error));
            }
            if self.remaining == 0 {
                return Some(Piece::End);
            }
            let input = buffer.as_slice();
            let most = usize::try_from(self.remaining).unwrap_or(usize::MAX);
            let count = self.content.scan(input.get(..most).unwrap_or(input), Dots::MeanNothing);
            if count == 0 {
                return None;
            }
            self.remaining = self.remaining.saturating_sub(wide(count));
            if self.content.is_wanted() {
                return Some(Piece::Bytes(buffer.take_front(count)));
            }
            buffer.consume(count);
        }
    }

    /// Hands out no further bytes; the rest is read to its end and thrown away.
    pub fn discard(&mut self) {
        self.content.discard = true;
    }

    /// What makes the message broken, if anything does so far.
    #[must_use]
    pub fn error(&self) -> Option<BodyError> {
        self.content.error
    }
}

/// Whether a dot at the start of a line means something.
#[derive(Copy, Clone, Eq, PartialEq)]
enum Dots {
    Mean,
    MeanNothing,
}

/// Where the last byte left us.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
enum At {
    LineStart,
    Middle,
    AfterCr,
}

/// What both decoders check: line ends, NUL and sizes.
#[derive(Debug)]
struct Content {
    at: At,
    size: u64,
    /// Bytes so far of the current line of the header section; `None` behind that section.
    header_line: Option<u64>,
    limits: BodyLimits,
    error: Option<BodyError>,
    told: bool,
    discard: bool,
}

impl Content {
    fn new(limits: BodyLimits) -> Self {
        Self {
            at: At::LineStart,
            size: 0,
            header_line: Some(0),
            limits,
            error: None,
            told: false,
            discard: false,
        }
    }

    /// Looks at a prefix of `input` and says how long it is: all of it, or up to a dot that a line starts with.
    fn scan(&mut self, input: &[u8], dots: Dots) -> usize {
        let mut position: usize = 0;
        while let Some(&byte) = input.get(position) {
            match self.at {
                At::LineStart if byte == b'.' && dots == Dots::Mean => break,
                At::AfterCr if byte == b'\n' => {
                    position = position.saturating_add(1);
                    self.end_line();
                }
                At::AfterCr => {
                    self.spoil(BodyError::BareCr);
                    self.at = At::Middle;
                }
                At::LineStart | At::Middle => {
                    let rest = input.get(position..).unwrap_or_default();
                    let Some(special) = memchr3(b'\r', b'\n', 0, rest) else {
                        self.at = At::Middle;
                        self.text(rest.len());
                        return input.len();
                    };
                    self.text(special);
                    self.at = match rest.get(special) {
                        Some(b'\r') => At::AfterCr,
                        Some(b'\n') => self.spoil_line(BodyError::BareLf),
                        Some(_) | None => self.spoil_line(BodyError::Nul),
                    };
                    position = position.saturating_add(special).saturating_add(1);
                }
            }
        }
        position
    }

    /// Counts bytes inside a line.
    fn text(&mut self, count: usize) {
        if count > 0 {
            self.header_line = self.header_line.map(|line| line.saturating_add(wide(count)));
            self.grow(wide(count));
        }
    }

    /// A CR LF: the line ends, and with an empty one the header section.
    fn end_line(&mut self) {
        self.at = At::LineStart;
        self.grow(2);
        self.header_line = self.header_line.filter(|&line| line > 0).map(|_| 0);
    }

    fn grow(&mut self, count: u64) {
        self.size = self.size.saturating_add(count);
        // The lower of the two limits is the one that is passed first, so how the input was split makes no difference.
        let (limit, error) = match self.header_line {
            Some(_) if self.limits.header_section < self.limits.message => {
                (self.limits.header_section, BodyError::HeaderTooBig)
            }
            Some(_) | None => (self.limits.message, BodyError::TooBig),
        };
        if self.size > limit {
            self.spoil(error);
        }
    }

    fn spoil_line(&mut self, error: BodyError) -> At {
        self.spoil(error);
        At::Middle
    }

    fn spoil(&mut self, error: BodyError) {
        self.error.get_or_insert(error);
    }

    fn is_wanted(&self) -> bool {
        self.error.is_none() && !self.discard
    }

    /// The error, the first time it is asked for.
    fn news(&mut self) -> Option<BodyError> {
        let error = self.error.filter(|_| !self.told);
        self.told |= error.is_some();
        error
    }
}

/// The chunk holds a CR without LF or an LF without CR, so it cannot go out by DATA: the peer would have to guess.
#[derive(Copy, Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("a line end of the message is not CR LF")]
pub struct BareLineEnd;

/// Makes a message ready for DATA: puts a dot before every line that starts with one and ends it with CR LF `.` CR LF
/// (RFC 5321 section 4.5.2). Works on chunks that may be cut anywhere.
///
/// ```
/// use gatepost_wire::body::DotStuffer;
/// let (mut stuffer, mut out) = (DotStuffer::new(), Vec::new());
/// stuffer.push(b"Subject: x\r\n\r\n.hid", &mut out)?;
/// stuffer.push(b"den\r\n", &mut out)?;
/// stuffer.finish(&mut out)?;
/// assert_eq!(out, b"Subject: x\r\n\r\n..hidden\r\n.\r\n");
/// # Ok::<(), gatepost_wire::body::BareLineEnd>(())
/// ```
#[derive(Debug)]
pub struct DotStuffer {
    at: At,
}

impl Default for DotStuffer {
    fn default() -> Self {
        Self::new()
    }
}

impl DotStuffer {
    /// Starts a message.
    #[must_use]
    pub fn new() -> Self {
        Self { at: At::LineStart }
    }

    /// Appends `chunk` to `out`, stuffed.
    ///
    /// # Errors
    /// [`BareLineEnd`] if the message holds one. `out` may then hold a part of the chunk: nothing more may be sent on that
    /// connection, which must be dropped.
    pub fn push(&mut self, chunk: &[u8], out: &mut Vec<u8>) -> Result<(), BareLineEnd> {
        let mut copied: usize = 0;
        let mut position: usize = 0;
        while let Some(&byte) = chunk.get(position) {
            match (self.at, byte) {
                (At::AfterCr, b'\n') => {
                    self.at = At::LineStart;
                    position = position.saturating_add(1);
                }
                (At::AfterCr, _) => return Err(BareLineEnd),
                (At::LineStart, b'.') => {
                    out.extend_from_slice(chunk.get(copied..position).unwrap_or_default());
                    out.push(b'.');
                    copied = position;
                    self.at = At::Middle;
                }
                (At::LineStart | At::Middle, _) => {
                    let rest = chunk.get(position..).unwrap_or_default();
                    let Some(end) = memchr2(b'\r', b'\n', rest) else {
                        self.at = At::Middle;
                        break;
                    };
                    if rest.get(end) == Some(&b'\n') {
                        return Err(BareLineEnd);
                    }
                    self.at = At::AfterCr;
                    position = position.saturating_add(end).saturating_add(1);
                }
            }
        }
        out.extend_from_slice(chunk.get(copied..).unwrap_or_default());
        Ok(())
    }

    /// Appends the end of the message to `out`: a CR LF if its last line has none, then `.` CR LF.
    ///
    /// # Errors
    /// [`BareLineEnd`] if the last byte was a CR.
    pub fn finish(self, out: &mut Vec<u8>) -> Result<(), BareLineEnd> {
        match self.at {
            At::LineStart => {}
            At::Middle => out.extend_from_slice(b"\r\n"),
            At::AfterCr => return Err(BareLineEnd),
        }
        out.extend_from_slice(b".\r\n");
        Ok(())
    }
}

/// A length as the wire counts it; `usize` is never wider than 64 bits.
fn wide(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}
