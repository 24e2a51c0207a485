//! What a field says: unfolded (RFC 5322 §2.2.3), and with its encoded words decoded (RFC 2047).
//!
//! Encoded words are found here and decoded one at a time by `mail-parser`, so that neither a huge field nor a broken word costs
//! more than its length, and everything that is no encoded word stays as it is.

use std::panic::{AssertUnwindSafe, catch_unwind};

use mail_parser::parsers::MessageStream;
use memchr::memmem;

/// Longest encoded word that is decoded. RFC 2047 §2 has 75; what real programs write is longer, but never by this much.
const WORD_MAX: usize = 4096;

/// Unfolds a raw value: line ends go, the blanks of folds stay, blanks at both ends go.
#[must_use]
pub fn unfold(raw: &[u8]) -> Vec<u8> {
    let raw = raw.trim_ascii();
    if memchr::memchr2(b'\r', b'\n', raw).is_none() {
        return raw.to_vec();
    }
    raw.iter().copied().filter(|byte| !matches!(byte, b'\r' | b'\n')).collect()
}

/// Gives a raw value as text: unfolded, encoded words decoded, what is no UTF-8 replaced by `U+FFFD`.
///
/// What encoded words hold may be anything, line breaks and control characters included: it is for comparing. To show it, use
/// [`crate::escape::printable`].
///
/// ```
/// # use gatepost_wire::message::decode_value;
/// assert_eq!(decode_value(b" =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n =?utf-8?b?IQ==?= an alle\r\n"), "Grüße! an alle");
/// ```
#[must_use]
pub fn decode_value(raw: &[u8]) -> String {
    let line = unfold(raw);
    if memmem::find(&line, b"=?").is_none() {
        return String::from_utf8(line)
            .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned());
    }
    let mut text = String::with_capacity(line.len());
    let mut rest = line.as_slice();
    let mut behind_word = false;
    while let Some((before, at)) =
        memmem::find(rest, b"=?").and_then(|start| rest.split_at_checked(start))
    {
        let Some((word, length)) = encoded_word(at) else {
            // No word begins here: the two characters stand for themselves.
            let (literal, behind) =
                rest.split_at_checked(before.len().saturating_add(2)).unwrap_or((rest, b""));
            text.push_str(&String::from_utf8_lossy(literal));
            rest = behind;
            behind_word = false;
            continue;
        };
        // RFC 2047 §6.2: blanks between two encoded words are not shown.
        if !(behind_word && before.trim_ascii().is_empty()) {
            text.push_str(&String::from_utf8_lossy(before));
        }
        text.push_str(&word);
        rest = at.get(length..).unwrap_or_default();
        behind_word = true;
    }
    text.push_str(&String::from_utf8_lossy(rest));
    text
}

/// Decodes the encoded word `=?charset?encoding?text?=` that begins the bytes, and gives its length with it.
fn encoded_word(bytes: &[u8]) -> Option<(String, usize)> {
    let bytes = bytes.get(..WORD_MAX).unwrap_or(bytes);
    let charset = memchr::memchr(b'?', bytes.get(2..)?)?.checked_add(2)?;
    let behind = charset.checked_add(1)?;
    let [b'q' | b'Q' | b'b' | b'B', b'?', text @ ..] = bytes.get(behind..)? else {
        return None;
    };
    let length = memmem::find(text, b"?=")?.checked_add(behind)?.checked_add(4)?;
    // Bytes without a blank, or it could not have been one word before unfolding; but blanks inside the text are common.
    let name = bytes.get(2..charset)?;
    if name.is_empty() || name.iter().any(u8::is_ascii_whitespace) {
        return None;
    }
    let word = bytes.get(1..length)?;
    // `mail-parser` is meant never to panic, and did so twice in its history: a message must not be lost to a third time.
    let decoded =
        catch_unwind(AssertUnwindSafe(|| MessageStream::new(word).decode_rfc2047())).ok()??;
    Some((decoded, length))
}
