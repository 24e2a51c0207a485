//! What the instance says about a day, and signs: its root.

use gatepost_wire::timestamp::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::{
    day::UtcDay,
    form::{Hash, hex},
    key::{InstanceKey, PublicKey, Purpose},
    tally::Tally,
};
use crate::error::StoreError;

/// The statement of a day. Its keys are in alphabetical order, so its JSON is canonical.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Statement {
    /// The chain after the last record of the day, in hex.
    pub after: String,
    /// The chain before its first record.
    pub before: String,
    /// When the day was closed; `None` while it goes on.
    pub closed: Option<Timestamp>,
    /// The day. A record belongs to the day in which it was written down.
    pub day: UtcDay,
    /// The number of its first record, or of the one to come where it has none.
    pub first: u64,
    /// Recipients that left the queue as delivered, counted where they leave it.
    pub journal: u64,
    /// SHA-256 over the statement of the day before; `None` on the first day of the chain.
    pub previous: Option<String>,
    /// How many records it has.
    pub records: u64,
    /// Their sums, over all domains.
    pub totals: Tally,
    /// The version of this document.
    pub version: u32,
}

impl Statement {
    /// The version that is written.
    pub(crate) const VERSION: u32 = 1;

    /// The bytes that are signed.
    pub(crate) fn canonical(&self) -> Result<String, StoreError> {
        Ok(serde_json::to_string(self)?)
    }
}

/// What the statement of the next day names this one by.
pub(crate) fn name(statement: &str) -> String {
    hex(&Sha256::digest(statement))
}

/// A statement with its signature.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Root {
    /// What is said.
    pub statement: Statement,
    /// The same, as it was signed.
    pub(crate) text: String,
    /// The key that signed it.
    pub key: PublicKey,
    /// The signature, in hex.
    pub signature: String,
    /// Whether the records of the day are still kept.
    pub kept: bool,
}

impl Root {
    /// Signs a statement.
    pub(crate) fn sign(statement: Statement, key: &InstanceKey) -> Result<Self, StoreError> {
        let text = statement.canonical()?;
        let signature = key.sign(Purpose::Day, text.as_bytes());
        Ok(Self { statement, text, key: key.public(), signature, kept: true })
    }

    /// Whether the signature is that of its key.
    pub fn is_signed(&self) -> bool {
        self.key.verify(Purpose::Day, self.text.as_bytes(), &self.signature)
    }
}

/// A day as it is stored.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct DayRow {
    pub(crate) day: UtcDay,
    pub(crate) first: u64,
    pub(crate) records: u64,
    pub(crate) before: Hash,
    pub(crate) after: Hash,
}

impl DayRow {
    /// The number of the record that comes next.
    pub(crate) const fn next(&self) -> u64 {
        self.first.saturating_add(self.records)
    }

    /// What is said about it.
    pub(crate) fn statement(
        &self,
        totals: Tally,
        journal: u64,
        previous: Option<&str>,
        closed: Option<Timestamp>,
    ) -> Statement {
        Statement {
            after: hex(&self.after),
            before: hex(&self.before),
            closed,
            day: self.day,
            first: self.first,
            journal,
            previous: previous.map(name),
            records: self.records,
            totals,
            version: Statement::VERSION,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{super::canonical::canonical, *};

    #[test]
    fn a_statement_is_canonical_and_its_signature_covers_it() {
        let dir = tempfile::tempdir().unwrap();
        let key = InstanceKey::make(dir.path()).unwrap();
        let row = DayRow {
            day: UtcDay::parse("2026-11-24").unwrap(),
            first: 7,
            records: 3,
            before: [1; 32],
            after: [2; 32],
        };
        let statement = row.statement(Tally::default(), 3, Some("x"), None);
        let text = statement.canonical().unwrap();
        assert_eq!(canonical(&serde_json::from_str(&text).unwrap()), text);
        assert_eq!(serde_json::from_str::<Statement>(&text).unwrap(), statement);
        let root = Root::sign(statement, &key).unwrap();
        assert!(root.is_signed());
        let mut other = root;
        other.text = other.text.replace("\"journal\":3", "\"journal\":4");
        assert!(!other.is_signed());
    }
}
