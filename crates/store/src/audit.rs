//! The audit log: every write by somebody, in a chain.
//!
//! An entry is written in the transaction of the write that it tells of, so there is
//! neither without the other. Its hash is the SHA-256 of the hash before it, a line
//! feed, and the entry as JSON without its hash; the first one follows 64 zeros. So a
//! change to an entry shows in that entry, and a missing one in its successor; the
//! number and the hash of the last are kept apart, so that a missing end shows too.
//! Entries are never removed.

mod policy;

use async_trait::async_trait;
use gatepost_wire::timestamp::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

pub use self::policy::policy_changes;
use crate::{
    error::StoreError,
    view::{Author, Via},
};

/// What the first entry follows.
pub(crate) const NOTHING: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// Something that is to be noted.
#[derive(Clone, Debug, PartialEq)]
pub struct NewAudit {
    /// What, as a word: `policy.commit`, `session.login`.
    pub what: &'static str,
    /// What it was done to, by name or id.
    pub target: Option<String>,
    /// What was different before, by name; `null` where there was nothing.
    pub before: Value,
    /// What is different after, by name; `null` where there is nothing.
    pub after: Value,
    /// The revision of the policy that it made.
    pub revision: Option<u64>,
    /// Who did it, from where, and why.
    pub author: Author,
}

impl NewAudit {
    /// Something that somebody did.
    pub fn new(what: &'static str, author: &Author) -> Self {
        let author = author.clone();
        Self { what, target: None, before: Value::Null, after: Value::Null, revision: None, author }
    }

    /// What it was done to.
    #[must_use]
    pub fn target(self, target: impl Into<String>) -> Self {
        Self { target: Some(target.into()), ..self }
    }

    /// What was different before and is after.
    #[must_use]
    pub fn change(self, before: Value, after: Value) -> Self {
        Self { before, after, ..self }
    }
}

/// An entry of the audit log.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AuditEntry {
    /// Its number; the first one is 1, and none is left out.
    pub seq: u64,
    /// When, to the second.
    pub at: Timestamp,
    /// Who.
    pub by: String,
    /// By which way.
    pub via: Via,
    /// From which address.
    pub from: Option<String>,
    /// What, as a word.
    pub what: String,
    /// What it was done to.
    pub target: Option<String>,
    /// What was different before.
    pub before: Value,
    /// What is different after.
    pub after: Value,
    /// Why.
    pub reason: Option<String>,
    /// The revision of the policy that it made.
    pub revision: Option<u64>,
    /// The hash that the next entry follows.
    pub hash: String,
}

/// An entry as it is hashed: all but the hash, in this order, without spaces.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Chained {
    pub(crate) seq: u64,
    pub(crate) at: Timestamp,
    pub(crate) by: String,
    pub(crate) via: Via,
    pub(crate) from: Option<String>,
    pub(crate) what: String,
    pub(crate) target: Option<String>,
    pub(crate) before: Value,
    pub(crate) after: Value,
    pub(crate) reason: Option<String>,
    pub(crate) revision: Option<u64>,
}

impl Chained {
    pub(crate) fn new(seq: u64, at: Timestamp, new: NewAudit) -> Self {
        let NewAudit { what, target, before, after, revision, author } = new;
        let Author { by, reason, from, via } = author;
        let at = second(at);
        let what = what.to_owned();
        Self { seq, at, by, via, from, what, target, before, after, reason, revision }
    }

    pub(crate) fn with(self, hash: String) -> AuditEntry {
        let Self { seq, at, by, via, from, what, target, before, after, reason, revision } = self;
        AuditEntry { seq, at, by, via, from, what, target, before, after, reason, revision, hash }
    }
}

/// As much of a time as JSON keeps.
pub(crate) fn second(at: Timestamp) -> Timestamp {
    Timestamp::from_millis(at.millis().div_euclid(1000).saturating_mul(1000))
}

/// The hash of an entry that follows `previous`, in lower-case hex.
pub(crate) fn hash(previous: &str, entry: &str) -> String {
    let hash = Sha256::new().chain_update(previous).chain_update("\n").chain_update(entry);
    data_encoding::HEXLOWER.encode(&hash.finalize())
}

/// Which entries are wanted. What is `None` does not limit.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct AuditSearch {
    /// By whom, without regard to case.
    pub by: Option<String>,
    /// A word, or the first part of words: `queue` finds `queue.hold`.
    pub what: Option<String>,
    /// Then or later.
    pub since: Option<Timestamp>,
    /// Before then.
    pub until: Option<Timestamp>,
    /// Somewhere in the entry; ASCII without regard to case.
    pub text: Option<String>,
}

/// Some entries, newest first.
#[derive(Clone, Debug, PartialEq)]
pub struct AuditPage {
    /// The entries.
    pub entries: Vec<AuditEntry>,
    /// What to ask for as `before` to go on; `None` behind the last.
    pub next: Option<u64>,
    /// How many match, on all pages.
    pub total: u64,
}

/// What checking the chain gave.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct AuditCheck {
    /// Entries that were checked and are as they were written.
    pub checked: u64,
    /// The first entry that was changed or is missing.
    pub broken_at: Option<u64>,
    /// The hash of the last entry; 64 zeros where there is none. Kept elsewhere, it
    /// proves later that nothing before it was changed.
    pub head: String,
}

/// The audit log.
#[async_trait]
pub trait Audit: Send + Sync {
    /// Entries with a number below `before`, at most so many, newest first.
    ///
    /// # Errors
    /// When the store cannot be read.
    async fn entries(
        &self,
        wanted: &AuditSearch,
        before: Option<u64>,
        most: usize,
    ) -> Result<AuditPage, StoreError>;

    /// Checks the whole chain.
    ///
    /// # Errors
    /// When the store cannot be read.
    async fn verify(&self) -> Result<AuditCheck, StoreError>;

    /// Notes what is no write of the store: somebody signed in, failed to, took
    /// evidence away.
    ///
    /// # Errors
    /// When it cannot be written.
    async fn note(&self, entry: NewAudit) -> Result<(), StoreError>;
}
