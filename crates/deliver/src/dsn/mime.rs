//! The bytes of a report: parts, lines that are short enough, and text in 7 bits.
//!
//! Nothing that comes from outside (a remote's words, an address, the name of a
//! rule) can end a line or a part here.

use std::fmt::Write as _;

/// The longest line that is sent without being encoded (RFC 5322 section 2.1.1).
const LONGEST: usize = 998;
/// The width that text is wrapped to.
const WIDTH: usize = 76;
/// The most characters of one value: a remote's words, a rule's name.
const MOST: usize = 500;

/// Appends formatted text.
pub(super) fn add(text: &mut String, what: std::fmt::Arguments<'_>) {
    // Writing to a String cannot fail.
    if text.write_fmt(what).is_err() {
        text.push_str("(unprintable)");
    }
}

/// Text with CRLF line ends.
pub(super) fn crlf(text: &str) -> String {
    text.replace('\n', "\r\n")
}

/// A value as it may stand in `message/delivery-status`: on one line, in 7 bits, and
/// not too long. Other characters are written as in RFC 6533 section 3.
pub(super) fn clean(value: &str) -> String {
    let mut line = String::with_capacity(value.len());
    let mut shown = 0;
    for c in value.chars() {
        let before = line.len();
        if c == ' ' || c.is_ascii_graphic() {
            line.push(c);
        } else {
            add(&mut line, format_args!("\\x{{{:X}}}", u32::from(c)));
        }
        shown += line.len() - before;
        if shown > MOST {
            line.truncate(before);
            line.push_str("...");
            break;
        }
    }
    line
}

/// A value for people: on one line and not too long.
pub(crate) fn shown(value: &str) -> String {
    gatepost_wire::escape::printable(value.as_bytes(), MOST)
}

/// A field of a header section, folded at blanks where it is long.
pub(crate) fn field(text: &mut String, name: &str, value: &str) {
    wrapped(text, value.trim_end(), &format!("{name}: "), " ");
}

/// A paragraph, wrapped at blanks: the first line begins with `first`, the others with `rest`.
pub(crate) fn wrapped(text: &mut String, paragraph: &str, first: &str, rest: &str) {
    let mut line = first.to_owned();
    let mut is_empty = true;
    for word in paragraph.split(' ') {
        if !is_empty && line.chars().count() + 1 + word.chars().count() > WIDTH && !word.is_empty()
        {
            text.push_str(&line);
            text.push('\n');
            rest.clone_into(&mut line);
        } else if !is_empty {
            line.push(' ');
        }
        line.push_str(word);
        is_empty = false;
    }
    text.push_str(&line);
    text.push('\n');
}

/// A part of a multipart message, in 7 bits: quoted-printable where its content is not.
pub(crate) fn part(bytes: &mut Vec<u8>, boundary: &str, kind: &str, content: &[u8]) {
    let plain = content.is_ascii()
        && !content.contains(&0)
        && content.split(|byte| *byte == b'\n').all(|line| line.len() <= LONGEST);
    if plain {
        open(bytes, boundary, kind, "7bit");
        bytes.extend_from_slice(content);
    } else {
        open(bytes, boundary, kind, "quoted-printable");
        quoted_printable(bytes, content);
    }
}

/// A part whose content stays as it is: a composite one may not be encoded (RFC 2045 section 6.4).
pub(super) fn part_as_is(bytes: &mut Vec<u8>, boundary: &str, kind: &str, content: &[u8]) {
    open(bytes, boundary, kind, if content.is_ascii() { "7bit" } else { "8bit" });
    bytes.extend_from_slice(content);
}

fn open(bytes: &mut Vec<u8>, boundary: &str, kind: &str, encoding: &str) {
    bytes.extend_from_slice(
        format!(
            "\r\n--{boundary}\r\nContent-Type: {kind}\r\n\
             Content-Transfer-Encoding: {encoding}\r\n\r\n"
        )
        .as_bytes(),
    );
}

/// RFC 2045 section 6.7. Line ends of the content, CRLF or LF, are line ends.
fn quoted_printable(bytes: &mut Vec<u8>, content: &[u8]) {
    for line in content.split_inclusive(|byte| *byte == b'\n') {
        let ends = line.ends_with(b"\n");
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let mut width = 0;
        for (at, byte) in line.iter().enumerate() {
            let last = at + 1 == line.len();
            let literal = match byte {
                b'=' => false,
                b' ' | b'\t' => !last,
                _ => byte.is_ascii_graphic(),
            };
            let needed = if literal { 1 } else { 3 };
            if width + needed >= WIDTH {
                bytes.extend_from_slice(b"=\r\n");
                width = 0;
            }
            if literal {
                bytes.push(*byte);
            } else {
                bytes.extend_from_slice(format!("={byte:02X}").as_bytes());
            }
            width += needed;
        }
        if ends {
            bytes.extend_from_slice(b"\r\n");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_seven_bits_is_quoted_and_no_line_is_long() {
        let mut bytes = Vec::new();
        let content = format!("Gr\u{fc}\u{df}e =\t\r\n{}\r\nend", "x".repeat(2_000));
        part(&mut bytes, "b", "text/plain", content.as_bytes());
        let text = String::from_utf8(bytes).unwrap();
        assert!(text.contains("quoted-printable\r\n\r\nGr=C3=BC=C3=9Fe =3D=09\r\nxxx"), "{text}");
        assert!(text.ends_with("\r\nend"));
        assert!(text.split("\r\n").all(|line| line.len() <= 76), "{text}");
    }

    #[test]
    fn a_value_cannot_end_its_line_and_is_cut() {
        let value = clean(&format!("a\r\nb\u{fc}{}", "c".repeat(600)));
        assert!(value.starts_with("a\\x{D}\\x{A}b\\x{FC}ccc") && value.ends_with("c..."));
        assert!(value.len() <= 503);
    }

    #[test]
    fn a_long_field_is_folded_at_blanks_and_unfolds_to_itself() {
        let mut text = String::new();
        let value = format!("{} {} {}", "a".repeat(60), "b".repeat(60), "c".repeat(300));
        field(&mut text, "Diagnostic-Code", &value);
        assert_eq!(text.lines().count(), 3, "{text}");
        assert_eq!(text.replace("\n ", " "), format!("Diagnostic-Code: {value}\n"));
    }
}
