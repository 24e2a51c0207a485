//! Texts that nobody may see: passwords, tokens, codes.
//!
//! They are zeroed when they go, print as the word `Secret`, and are compared in a
//! time that does not tell where they differ. Of random ones the store keeps a hash:
//! they hold 256 bits, so one round of SHA-256 is enough.

use std::fmt;

use aws_lc_rs::rand;
use data_encoding::BASE64URL_NOPAD;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use crate::error::{Cause, StoreError};

/// A text that nobody may see.
#[derive(Clone)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Keeps a text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(Zeroizing::new(text.into()))
    }

    /// The text. It goes nowhere but to whom it belongs.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// A new one: `prefix`, then 256 random bits as 43 characters of base64url.
    pub(crate) fn random(prefix: &str) -> Result<Self, StoreError> {
        let mut bytes = Zeroizing::new([0; 32]);
        fill(bytes.as_mut_slice())?;
        Ok(Self::new(format!("{prefix}{}", BASE64URL_NOPAD.encode(bytes.as_slice()))))
    }

    /// What the store keeps of a random one.
    pub(crate) fn digest(&self) -> [u8; 32] {
        Sha256::digest(self.expose().as_bytes()).into()
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        self.expose().as_bytes().ct_eq(other.expose().as_bytes()).into()
    }
}

impl Eq for Secret {}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self::new(text)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

impl<'de> serde::Deserialize<'de> for Secret {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from).map(Self::new)
    }
}

/// Fills a buffer with random bytes.
pub(crate) fn fill(bytes: &mut [u8]) -> Result<(), StoreError> {
    rand::fill(bytes).map_err(|_| StoreError::not_applied(Cause::NoRandomness))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_does_not_print() {
        let secret = Secret::new("correct horse battery");
        assert_eq!(format!("{secret} {secret:?}"), "Secret Secret");
        let held = format!("{:?}", Some((secret, 1)));
        assert!(!held.contains("horse"), "{held}");
    }

    #[test]
    fn random_ones_are_long_and_differ() {
        let (one, other) = (Secret::random("gp_").unwrap(), Secret::random("gp_").unwrap());
        assert_eq!((one.expose().len(), one.expose().starts_with("gp_")), (46, true));
        assert!(one != other && one.digest() != other.digest());
        assert_eq!(one, Secret::new(one.expose()));
    }
}
