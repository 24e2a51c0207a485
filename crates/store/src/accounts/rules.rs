//! What a name and a password must be.
//!
//! Length is what counts in a password; rules about its characters are not made. The
//! upper bound keeps what is hashed small.

use super::Secret;

/// Characters of a name, at most.
pub const NAME_LENGTH: usize = 64;

/// Characters of a password, at least.
pub const PASSWORD_CHARACTERS: usize = 12;

/// Bytes of a password, at most.
pub const PASSWORD_BYTES: usize = 1024;

/// Why a name is not taken.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum BadName {
    /// It has no characters.
    #[error("a name has at least one character")]
    Empty,
    /// It is too long.
    #[error("a name has at most 64 characters")]
    TooLong,
    /// It holds a character that cannot be seen.
    #[error("a name has no control characters and no invisible ones")]
    Invisible,
    /// It begins or ends with a space.
    #[error("a name does not begin or end with a space")]
    Padded,
}

/// Why a password is not taken.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum BadPassword {
    /// It is too short.
    #[error("a password has at least 12 characters")]
    TooShort,
    /// It is too long.
    #[error("a password has at most 1024 bytes")]
    TooLong,
    /// It is the account's name.
    #[error("a password is not the name of its account")]
    IsTheName,
}

/// Checks the name of an account or of a token.
///
/// # Errors
/// What is wrong with it.
pub fn check_name(name: &str) -> Result<(), BadName> {
    if name.is_empty() {
        return Err(BadName::Empty);
    }
    if name.chars().count() > NAME_LENGTH {
        return Err(BadName::TooLong);
    }
    if name.chars().any(|c| c.is_control() || is_invisible(c)) {
        return Err(BadName::Invisible);
    }
    if name.trim() != name {
        return Err(BadName::Padded);
    }
    Ok(())
}

/// Characters that make two names look alike, or turn a line around.
const fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{ad}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{feff}'
    )
}

/// Checks a new password of an account.
///
/// # Errors
/// What is wrong with it.
pub fn check_password(name: &str, password: &Secret) -> Result<(), BadPassword> {
    let text = password.expose();
    if text.len() > PASSWORD_BYTES {
        return Err(BadPassword::TooLong);
    }
    if text.chars().count() < PASSWORD_CHARACTERS {
        return Err(BadPassword::TooShort);
    }
    if key(text) == key(name) {
        return Err(BadPassword::IsTheName);
    }
    Ok(())
}

/// A name as names are compared.
pub(crate) fn key(name: &str) -> String {
    name.to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_visible_and_short() {
        for good in ["anna", "Ops Team", "scanner@acme.example", "Müller", &"x".repeat(64)] {
            assert_eq!(check_name(good), Ok(()), "{good}");
        }
        for (bad, why) in [
            ("", BadName::Empty),
            (&"ü".repeat(65), BadName::TooLong),
            ("an\u{7}na", BadName::Invisible),
            ("anna\n", BadName::Invisible),
            ("\u{202e}anna", BadName::Invisible),
            ("an\u{200b}na", BadName::Invisible),
            (" anna", BadName::Padded),
            ("anna ", BadName::Padded),
        ] {
            assert_eq!(check_name(bad), Err(why), "{bad:?}");
        }
    }

    #[test]
    fn a_password_counts_characters_below_and_bytes_above() {
        let check = |text: &str| check_password("a long enough name", &Secret::new(text));
        assert_eq!(check("elevenchars"), Err(BadPassword::TooShort));
        assert_eq!(check("üüüüüüüüüüü"), Err(BadPassword::TooShort));
        assert_eq!(check("twelve chars"), Ok(()));
        assert_eq!(check(&"x".repeat(1024)), Ok(()));
        assert_eq!(check(&"ü".repeat(513)), Err(BadPassword::TooLong));
        assert_eq!(check("A Long Enough Name"), Err(BadPassword::IsTheName));
    }
}
