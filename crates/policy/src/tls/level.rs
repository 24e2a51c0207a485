//! The words of `x-TLSLevel`, strictest last, and how one is read from a field.
//!
//! The reader is strict about the token and lenient about nothing: a comment, a
//! list, quotes or an encoded word make a value that nobody knows, and what
//! nobody knows is never weaker than `Require` (`tls-delivery.md` 5.1).

use std::fmt;

use serde::{Deserialize, Serialize};

/// The field that the delivery engine obeys, as the product writes it.
pub const FIELD: &str = "x-TLSLevel";

/// A TLS level, weakest first, so that `max` is the stricter one (decision 5).
#[derive(Clone, Copy, Debug, Eq, PartialEq, Ord, PartialOrd, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// Do not even try STARTTLS.
    Plain,
    /// TLS when it is offered, clear text when it cannot be had.
    Try,
    /// TLS or no delivery; the certificate is not judged.
    Require,
    /// TLS with a certificate that chains to a trusted root and names the MX host.
    Verify,
    /// As `Verify`, for a name that DNS alone cannot forge. Not in this version.
    Secure,
    /// DANE. Not in this version.
    Dane,
}

impl Level {
    /// Every level, weakest first.
    pub const ALL: [Self; 6] =
        [Self::Plain, Self::Try, Self::Require, Self::Verify, Self::Secure, Self::Dane];

    /// The level that a word means, without regard to case; `None` for any other text.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|level| level.word().eq_ignore_ascii_case(word))
    }

    /// The word of the policy file and of JSON, in lower case.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Try => "try",
            Self::Require => "require",
            Self::Verify => "verify",
            Self::Secure => "secure",
            Self::Dane => "dane",
        }
    }

    /// The word as the administrator's guide writes it in a header: `Require`.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Plain => "Plain",
            Self::Try => "Try",
            Self::Require => "Require",
            Self::Verify => "Verify",
            Self::Secure => "Secure",
            Self::Dane => "Dane",
        }
    }

    /// Whether this version can keep the promise of this level. One that it
    /// cannot keep is refused when a policy is applied (decision 17), and makes
    /// the message wait with 4.3.5 when it arrives all the same (decision 29).
    pub const fn is_built(self) -> bool {
        match self {
            Self::Plain | Self::Try | Self::Require | Self::Verify => true,
            Self::Secure | Self::Dane => false,
        }
    }

    /// Whether mail at this level never travels in clear text.
    pub const fn is_enforced(self) -> bool {
        match self {
            Self::Plain | Self::Try => false,
            Self::Require | Self::Verify | Self::Secure | Self::Dane => true,
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// What an `x-TLSLevel` value that nobody knows means (`unknown_tls_level`).
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UnknownLevel {
    /// It acts as `Require`.
    #[default]
    Require,
    /// The message waits with 4.3.5 and no connection is made.
    Defer,
}

/// Reads the raw value of an `x-TLSLevel` field (the bytes behind the colon,
/// folds and final CRLF included): unfolds it (RFC 5322 section 2.2.3), trims
/// blanks, and compares one exact token.
///
/// # Errors
/// The trimmed value, where it is no level: empty, a list, a comment, a typing error.
pub fn read_value(raw: &[u8]) -> Result<Level, String> {
    let text: String =
        String::from_utf8_lossy(raw).chars().filter(|c| !matches!(c, '\r' | '\n')).collect();
    let token = text.trim_matches([' ', '\t']);
    Level::parse(token).ok_or_else(|| token.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a05_a_value_is_read_without_regard_to_case() {
        assert_eq!(read_value(b" rEqUiRe\r\n"), Ok(Level::Require));
        assert_eq!(read_value(b"Try"), Ok(Level::Try));
    }

    #[test]
    fn a07_a_folded_value_is_unfolded() {
        assert_eq!(read_value(b"\r\n Require\r\n"), Ok(Level::Require));
    }

    #[test]
    fn a15_only_the_exact_token_counts() {
        for raw in ["Try, Require", "\"Try\"", "Try (x)", "Try;", "=?utf-8?q?Try?=", "", "None"] {
            assert_eq!(read_value(raw.as_bytes()), Err(raw.to_owned()));
        }
    }

    #[test]
    fn levels_are_ordered_weakest_first() {
        assert!(Level::ALL.is_sorted());
    }
}
