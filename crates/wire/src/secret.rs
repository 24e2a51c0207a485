//! Text that nobody is to see.
//!
//! What holds: a [`Secret`] is overwritten when it is dropped, has no `Display`, and its `Debug` is a word. It is compared
//! with nothing here: who has to compare does so in a time that tells nothing.

use std::fmt;

use zeroize::Zeroizing;

/// A password, while it is in hand.
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes a text over; it is overwritten when this is dropped.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// The text itself, for whoever has to check it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_not_shown() {
        let secret = Secret::new("tr0ub4dor".into());
        assert_eq!(format!("{secret:?} {:#?}", Some(&secret)), "Secret Some(\n    Secret,\n)");
        assert_eq!(secret.expose(), "tr0ub4dor");
    }
}
