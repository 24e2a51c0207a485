//! What a browser keeps while it is away: sealed, so that only this process can have made it and only it can read it.
//!
//! The key is made at the start and is nowhere else; a sign-in that was on its way when the gateway restarted begins again.

use aws_lc_rs::aead::{AES_256_GCM, Aad, Nonce, RandomizedNonceKey};
use aws_lc_rs::rand;
use data_encoding::BASE64URL_NOPAD;
use serde::{Deserialize, Serialize};

/// Bytes of a nonce.
const NONCE: usize = 12;

/// The longest that is looked at.
const LONGEST: usize = 2048;

/// What belongs to one sign-in.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Sealed {
    /// What the provider sends back.
    pub(super) state: String,
    /// What the ID token holds.
    pub(super) nonce: String,
    /// What proves that the code is ours (RFC 7636).
    pub(super) verifier: String,
    /// Milliseconds since 1970.
    pub(super) until: i64,
}

/// Seals and opens.
pub(super) struct Seal(RandomizedNonceKey);

impl Seal {
    /// With a new key; `None` where there is no randomness.
    pub(super) fn new() -> Option<Self> {
        let mut key = [0; 32];
        rand::fill(&mut key).ok()?;
        RandomizedNonceKey::new(&AES_256_GCM, &key).ok().map(Self)
    }

    /// Gives a text that a cookie can hold.
    pub(super) fn close(&self, sealed: &Sealed) -> Option<String> {
        let mut bytes = serde_json::to_vec(sealed).ok()?;
        let nonce = self.0.seal_in_place_append_tag(Aad::empty(), &mut bytes).ok()?;
        let nonce: &[u8; NONCE] = nonce.as_ref();
        Some(BASE64URL_NOPAD.encode(&[nonce.as_slice(), &bytes].concat()))
    }

    /// Opens what [`Seal::close`] gave; `None` for anything else.
    pub(super) fn open(&self, text: &str) -> Option<Sealed> {
        if text.len() > LONGEST {
            return None;
        }
        let mut bytes = BASE64URL_NOPAD.decode(text.as_bytes()).ok()?;
        let (nonce, rest) = bytes.split_at_mut_checked(NONCE)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let opened = self.0.open_in_place(nonce, Aad::empty(), rest).ok()?;
        serde_json::from_slice(opened).ok()
    }
}
