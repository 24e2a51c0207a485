//! Passwords become Argon2id hashes, two at a time.
//!
//! A hash takes 19 MiB and tens of milliseconds on purpose, so it is made where it
//! holds up nobody, and never for more than two callers at once: who guesses must not
//! be able to use up the memory.

use std::sync::Arc;
#[cfg(test)]
use std::sync::atomic::{AtomicUsize, Ordering};

use argon2::{
    Algorithm, Argon2, Params, Version,
    password_hash::{PasswordHasher as _, PasswordVerifier as _, phc::PasswordHash},
};
use tokio::sync::Semaphore;

use super::{Secret, rules::PASSWORD_BYTES, secret::fill};
use crate::{
    body::blocking,
    error::{Cause, StoreError},
};

/// Hashes that are made at once.
const AT_ONCE: usize = 2;

/// What one hash costs whoever makes it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct PasswordCost {
    kibibytes: u32,
    passes: u32,
}

impl PasswordCost {
    /// What is used in earnest: 19 MiB, two passes, one lane, as OWASP's Password
    /// Storage Cheat Sheet has it.
    pub const STANDARD: Self =
        Self { kibibytes: Params::DEFAULT_M_COST, passes: Params::DEFAULT_T_COST };

    /// Next to nothing. For tests alone: such a hash protects no password.
    pub const TESTS: Self = Self { kibibytes: Params::MIN_M_COST, passes: Params::MIN_T_COST };

    fn argon2(self) -> Result<Argon2<'static>, StoreError> {
        let params = Params::new(self.kibibytes, self.passes, Params::DEFAULT_P_COST, None)
            .map_err(unusable)?;
        Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
    }
}

/// Makes and checks hashes of passwords.
pub(crate) struct Hasher {
    cost: PasswordCost,
    turns: Arc<Semaphore>,
    /// Hashes that were made.
    #[cfg(test)]
    made: Arc<AtomicUsize>,
}

impl Hasher {
    pub(crate) fn new(cost: PasswordCost) -> Self {
        Self {
            cost,
            turns: Arc::new(Semaphore::new(AT_ONCE)),
            #[cfg(test)]
            made: Arc::default(),
        }
    }

    #[cfg(test)]
    pub(crate) fn made(&self) -> usize {
        self.made.load(Ordering::Relaxed)
    }

    /// The hash of a password, with a salt of its own, as a PHC string.
    pub(crate) async fn hash(&self, password: &Secret) -> Result<String, StoreError> {
        let (password, argon2) = (password.clone(), self.cost.argon2()?);
        self.turn(move || {
            let mut salt = [0; argon2::RECOMMENDED_SALT_LEN];
            fill(&mut salt)?;
            let hash = argon2.hash_password_with_salt(password.expose().as_bytes(), &salt);
            Ok(hash.map_err(unusable)?.to_string())
        })
        .await?
    }

    /// Whether a password has that hash. Without one, as long is worked in vain.
    pub(crate) async fn verify(
        &self,
        password: &Secret,
        hash: Option<String>,
    ) -> Result<bool, StoreError> {
        // No account has one that is longer, so it need not be looked at, only worked for.
        let fits = password.expose().len() <= PASSWORD_BYTES;
        let password = if fits { password.clone() } else { Secret::new("") };
        let argon2 = self.cost.argon2()?;
        self.turn(move || {
            let bytes = password.expose().as_bytes();
            let Some(hash) = hash else {
                let salt = [0; argon2::RECOMMENDED_SALT_LEN];
                argon2.hash_password_with_salt(bytes, &salt).map_err(unusable)?;
                return Ok(false);
            };
            let hash = PasswordHash::new(&hash).map_err(unusable)?;
            Ok(argon2.verify_password(bytes, &hash).is_ok() && fits)
        })
        .await?
    }

    async fn turn<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, StoreError> {
        let turn = Arc::clone(&self.turns).acquire_owned().await;
        let turn = turn.map_err(|_| StoreError::not_applied(Cause::Closed))?;
        #[cfg(test)]
        self.made.fetch_add(1, Ordering::Relaxed);
        // The turn goes along: it lasts as long as the work, also where nobody waits any more.
        blocking(move || {
            let done = work();
            drop(turn);
            done
        })
        .await
    }
}

fn unusable(why: impl std::fmt::Display) -> StoreError {
    StoreError::not_applied(Cause::Hash(why.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_hash_says_how_it_was_made_and_knows_its_password() {
        let hasher = Hasher::new(PasswordCost::STANDARD);
        let password = Secret::new("correct horse battery");
        let hash = hasher.hash(&password).await.unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        assert!(hasher.verify(&password, Some(hash.clone())).await.unwrap());
        let wrong = Secret::new("correct horse batterz");
        assert!(!hasher.verify(&wrong, Some(hash.clone())).await.unwrap());
        assert!(!hasher.verify(&password, None).await.unwrap());
        // Another salt, another hash; and a hash of other costs is still read.
        let cheap = Hasher::new(PasswordCost::TESTS);
        assert_ne!(cheap.hash(&password).await.unwrap(), cheap.hash(&password).await.unwrap());
        assert!(cheap.verify(&password, Some(hash)).await.unwrap());
    }

    #[tokio::test]
    async fn a_password_that_is_too_long_is_wrong_and_costs_the_same() {
        let hasher = Hasher::new(PasswordCost::TESTS);
        let empty = hasher.hash(&Secret::new("")).await.unwrap();
        let before = hasher.made();
        let long = Secret::new("x".repeat(PASSWORD_BYTES + 1));
        assert!(!hasher.verify(&long, Some(empty)).await.unwrap());
        assert_eq!(hasher.made(), before + 1);
    }
}
