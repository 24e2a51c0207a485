//! Paths of `MAIL` and `RCPT` taken apart: `<@route:local@domain>` (RFC 5321 §4.1.2).
//!
//! Quoted strings are honoured everywhere, so that `<"a>b@c"@d.example>` ends at its last bracket and has the domain `d.example`.
//! A parser that loses the quotes would give `a>b@c@d.example`, and with it another recipient.

use super::{AddressError, DomainName};

/// Takes `<…>` off the front: gives what stands inside, and the rest behind the `>`.
pub(crate) fn split_path(input: &[u8]) -> Result<(&str, &[u8]), AddressError> {
    let (b'<', inside) = input.split_first().ok_or(AddressError::Brackets)? else {
        return Err(AddressError::Brackets);
    };
    let end = closing(inside).ok_or(AddressError::Brackets)?;
    let (path, rest) = inside.split_at_checked(end).ok_or(AddressError::Brackets)?;
    let rest = rest.get(1..).unwrap_or_default();
    Ok((std::str::from_utf8(path).map_err(|_| AddressError::Encoding)?, rest))
}

/// Finds the `>` that is not within a quoted string.
fn closing(inside: &[u8]) -> Option<usize> {
    let end = memchr::memchr(b'>', inside)?;
    if memchr::memchr(b'"', inside.get(..end)?).is_none() {
        return Some(end);
    }
    let (mut quoted, mut escaped) = (false, false);
    inside.iter().position(|byte| {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b'>' => return !quoted,
            _ => {}
        }
        false
    })
}

/// Takes a source route off the front of a path. It is checked and then has no meaning (RFC 5321 §4.1.1.3, appendix C).
pub(crate) fn strip_route(path: &str) -> Result<&str, AddressError> {
    if !path.starts_with('@') {
        return Ok(path);
    }
    let (route, mailbox) = path.split_once(':').ok_or(AddressError::Route)?;
    for hop in route.split(',') {
        let domain = hop.strip_prefix('@').ok_or(AddressError::Route)?;
        DomainName::parse(domain).map_err(|_| AddressError::Route)?;
    }
    if mailbox.is_empty() { Err(AddressError::Empty) } else { Ok(mailbox) }
}

/// Splits at the `@` that ends the local part, and checks the local part.
pub(super) fn split_mailbox(text: &str) -> Result<(&str, &str), AddressError> {
    if text.starts_with('"') {
        let end = quoted_end(text).ok_or(AddressError::Local)?;
        let (local, rest) = text.split_at_checked(end).ok_or(AddressError::Local)?;
        if rest.is_empty() {
            return Err(AddressError::NoDomain);
        }
        return Ok((local, rest.strip_prefix('@').ok_or(AddressError::Local)?));
    }
    let (local, domain) = text.split_once('@').ok_or(AddressError::NoDomain)?;
    if is_dot_string(local) { Ok((local, domain)) } else { Err(AddressError::Local) }
}

/// Finds where a quoted string ends that begins the text: the offset behind its closing quote. `None` if something in it is not
/// allowed: a control character, or a backslash before anything but printable ASCII.
fn quoted_end(text: &str) -> Option<usize> {
    let mut escaped = false;
    for (at, character) in text.char_indices().skip(1) {
        match character {
            ' '..='~' if escaped => escaped = false,
            _ if escaped => return None,
            '\\' => escaped = true,
            '"' => return at.checked_add(1),
            ' '..='~' => {}
            _ if is_international(character) => {}
            _ => return None,
        }
    }
    None
}

/// Says whether a local part is atoms with single dots between them (RFC 5321 §4.1.2, Dot-string).
fn is_dot_string(local: &str) -> bool {
    local.split('.').all(|atom| !atom.is_empty() && atom.chars().all(is_atom_character))
}

fn is_atom_character(character: char) -> bool {
    match character {
        'a'..='z' | 'A'..='Z' | '0'..='9' => true,
        '!' | '#' | '$' | '%' | '&' | '\'' | '*' | '+' | '-' | '/' | '=' | '?' | '^' | '_'
        | '`' | '{' | '|' | '}' | '~' => true,
        _ => is_international(character),
    }
}

/// RFC 6531 takes any character beyond ASCII. Controls and blanks among them are left out: they would hide in every list and log.
fn is_international(character: char) -> bool {
    !character.is_ascii() && !character.is_control() && !character.is_whitespace()
}
