//! xtext, the coding of RFC 3461 §4: printable ASCII without `+` and `=`, and `+` with two hexadecimal digits for the rest.
//!
//! What it decodes to is printable ASCII and blanks only (RFC 3461 §4.2, §4.4). So `+0D+0A`, which is well-formed, is refused
//! all the same: decoded into a DSN it would begin a field of the sender's choice.

/// Decodes xtext; `None` if it is malformed, or decodes to anything but printable ASCII and blanks.
///
/// ```
/// # use gatepost_wire::command::decode_xtext;
/// assert_eq!(decode_xtext("a+2Bb@c.example").as_deref(), Some("a+b@c.example"));
/// assert_eq!(decode_xtext("a+0D+0Ab"), None);
/// ```
#[must_use]
pub fn decode_xtext(text: &str) -> Option<String> {
    let mut decoded = String::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        let byte = match byte {
            b'+' => {
                let (high, low) = (hex(bytes.next()?)?, hex(bytes.next()?)?);
                high.checked_shl(4)? | low
            }
            b'=' => return None,
            b'!'..=b'~' => byte,
            _ => return None,
        };
        if !matches!(byte, b' '..=b'~') {
            return None;
        }
        decoded.push(char::from(byte));
    }
    Some(decoded)
}

/// Encodes text as xtext, byte by byte.
///
/// ```
/// # use gatepost_wire::command::encode_xtext;
/// assert_eq!(encode_xtext("a+b=c d"), "a+2Bb+3Dc+20d");
/// ```
#[must_use]
pub fn encode_xtext(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if matches!(byte, b'!'..=b'~') && byte != b'+' && byte != b'=' {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("+{byte:02X}"));
        }
    }
    encoded
}

/// Says whether a text is an address of the type `utf-8` (RFC 6533 §3): xtext, characters beyond ASCII, and `\x{…}` for a character.
pub(super) fn is_utf8_address(text: &str) -> bool {
    let ascii: String = text.chars().filter(char::is_ascii).collect();
    let printable =
        text.chars().all(|character| !character.is_control() && !character.is_whitespace());
    printable && decode_xtext(&ascii).is_some() && text.split("\\x{").skip(1).all(is_embedded)
}

/// The digits of `\x{…}`: a character, and no control character.
fn is_embedded(behind: &str) -> bool {
    let digits = behind.split_once('}').map(|(digits, _)| digits);
    let number = digits
        .filter(|digits| digits.len() <= 6)
        .and_then(|digits| u32::from_str_radix(digits, 16).ok());
    number.and_then(char::from_u32).is_some_and(|character| !character.is_control())
}

/// RFC 3461 §4 has upper-case digits only; some write lower case, and nothing is lost by understanding it.
fn hex(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}
