//! What a stranger said, made fit to be shown.
//!
//! Text of a peer ends up in logs, in evidence, in bounces and in our own replies. Whatever it holds, it comes out of here as one
//! line: no line break, no control character, no invisible or direction-changing character survives, and its length is bounded.
//! An escape can be told from the same text sent literally, because a backslash is escaped too.

/// Gives `bytes` as one printable line of at most `max` characters.
///
/// Printable ASCII and letters and digits of any script stay as they are. `\r`, `\n`, `\t` and `\\` stand for those characters,
/// `\xNN` for a byte that is no UTF-8 or another control character, `\u{NNNN}` for any other character. Where text was cut, the line ends in `…`.
#[must_use]
pub fn printable(bytes: &[u8], max: usize) -> String {
    escaped(bytes, max, char::is_alphanumeric, '…')
}

/// Gives `bytes` as one line of at most `max` ASCII characters, for where only ASCII may stand, such as an SMTP reply (RFC 5321 §4.2).
///
/// As [`printable`], but every character beyond ASCII is escaped, and a cut is shown by `~`.
#[must_use]
pub fn ascii(bytes: &[u8], max: usize) -> String {
    escaped(bytes, max, |_| false, '~')
}

/// Appends pieces until the next would not fit; `keep` says which characters beyond ASCII are shown as themselves.
fn escaped(bytes: &[u8], max: usize, keep: fn(char) -> bool, cut: char) -> String {
    let plain = |byte: &u8| matches!(byte, b' '..=b'~') && *byte != b'\\';
    if bytes.len() <= max && bytes.iter().all(plain) {
        return bytes.iter().copied().map(char::from).collect();
    }
    let mut line =
        Line { text: String::with_capacity(bytes.len().min(max)), shown: 0, max, whole: 0 };
    for chunk in bytes.utf8_chunks() {
        for character in chunk.valid().chars() {
            let fits = match character {
                '\\' => line.push("\\\\"),
                '\r' => line.push("\\r"),
                '\n' => line.push("\\n"),
                '\t' => line.push("\\t"),
                ' '..='~' => line.push(character.encode_utf8(&mut [0; 4])),
                _ if character.is_ascii() => line.push(&format!("\\x{:02X}", u32::from(character))),
                _ if keep(character) => line.push(character.encode_utf8(&mut [0; 4])),
                _ => line.push(&format!("\\u{{{:X}}}", u32::from(character))),
            };
            if !fits {
                return line.cut(cut);
            }
        }
        for byte in chunk.invalid() {
            if !line.push(&format!("\\x{byte:02X}")) {
                return line.cut(cut);
            }
        }
    }
    line.text
}

/// A line under construction, which remembers where it could be cut and still have room for the mark.
struct Line {
    text: String,
    shown: usize,
    max: usize,
    /// Length in bytes up to which the text takes at most `max - 1` characters.
    whole: usize,
}

impl Line {
    fn push(&mut self, piece: &str) -> bool {
        let shown = self.shown.saturating_add(piece.chars().count());
        if shown > self.max {
            return false;
        }
        self.shown = shown;
        self.text.push_str(piece);
        if shown < self.max {
            self.whole = self.text.len();
        }
        true
    }

    fn cut(mut self, mark: char) -> String {
        self.text.truncate(self.whole);
        if self.max > 0 {
            self.text.push(mark);
        }
        self.text
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn plain_text_stays_as_it_is() {
        assert_eq!(printable(b"250 2.0.0 queued", 500), "250 2.0.0 queued");
        assert_eq!(printable("Postfach überfüllt".as_bytes(), 500), "Postfach überfüllt");
    }

    #[test]
    fn line_breaks_and_controls_are_escaped() {
        assert_eq!(
            printable(b"a\r\nb\tc\x00\x1b[31m\x7f\\", 500),
            "a\\r\\nb\\tc\\x00\\x1B[31m\\x7F\\\\"
        );
    }

    #[test]
    fn characters_that_change_direction_or_cannot_be_seen_are_escaped() {
        assert_eq!(
            printable("a\u{202E}b\u{200B}\u{2028}\u{85}".as_bytes(), 500),
            "a\\u{202E}b\\u{200B}\\u{2028}\\u{85}"
        );
    }

    #[test]
    fn bytes_that_are_no_utf8_are_escaped() {
        assert_eq!(printable(b"caf\xE9", 500), "caf\\xE9");
    }

    #[test]
    fn a_long_text_is_cut_before_an_escape_never_within_it() {
        assert_eq!(printable(b"abcdef", 4), "abc…");
        assert_eq!(printable(b"abcd", 4), "abcd");
        assert_eq!(printable(b"ab\n\n\n", 5), "ab\\n…");
        assert_eq!(printable(b"abc", 0), "");
    }

    #[test]
    fn ascii_keeps_nothing_beyond_ascii() {
        assert_eq!(ascii("für".as_bytes(), 50), "f\\u{FC}r");
        assert_eq!(ascii(b"abcdef", 3), "ab~");
    }

    proptest! {
        #[test]
        fn any_bytes_give_one_bounded_line(bytes in proptest::collection::vec(any::<u8>(), 0..300), max in 0usize..200) {
            for line in [printable(&bytes, max), ascii(&bytes, max)] {
                prop_assert!(line.chars().count() <= max);
                prop_assert!(!line.chars().any(char::is_control));
            }
        }
    }
}
