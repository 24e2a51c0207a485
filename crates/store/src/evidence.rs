//! Evidence: the records of all attempts as a chain that cannot be rewritten unseen.
//!
//! Every record gets the next number and a hash over the one before it, in the
//! transaction that settles its attempt. Each day in UTC is closed with a signed
//! [`Statement`]: where the chain stands, the sums, and how many recipients left the
//! queue as delivered, which is counted apart from the records. [`Export`] writes a
//! period as one file that proves itself; [`verify`] checks such a file, without a
//! store. The format is `docs/evidence-format.md`.

mod canonical;
mod day;
mod export;
mod form;
mod key;
mod scope;
mod statement;
mod survey;
mod tally;
mod verify;

use async_trait::async_trait;
use gatepost_policy::evidence::Attempt;
use gatepost_wire::timestamp::Timestamp;

pub use self::{
    day::UtcDay,
    export::{Addresses, Export, ExportError, Exported, Wanted},
    key::PublicKey,
    scope::{Scope, ScopeError},
    statement::{Root, Statement},
    survey::{Gap, Mismatch, Survey, survey},
    tally::Tally,
    verify::{Checked, NoEvidence, Problem, verify},
};
pub(crate) use self::{
    form::{GENESIS, Prepared, link},
    key::{InstanceKey, Purpose},
    statement::DayRow,
    tally::Class,
};
use crate::{error::StoreError, probes::KeptProbe};

/// A record in its place in the chain.
#[derive(Clone, Debug)]
pub struct Chained {
    /// Its number. The first one of a store is 1.
    pub seq: u64,
    /// The domain of its recipient.
    pub domain: String,
    /// The record; `None` where the row cannot be understood any more.
    pub attempt: Option<Attempt>,
    pub(crate) salt: [u8; 16],
    pub(crate) leaf: [u8; 32],
    pub(crate) class: Class,
}

/// What a record counts as, without the record.
#[derive(Clone, Debug)]
pub struct Counted {
    /// Its number.
    pub seq: u64,
    /// The domain of its recipient.
    pub domain: String,
    pub(crate) class: Class,
}

/// Attempts that were made in some days, and have no record in these days.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Outside {
    /// In no chain: an older version wrote them.
    pub before_chain: u64,
    /// In a day of the chain that is more than one day away, since the clock was wrong.
    pub elsewhere: u64,
}

impl Outside {
    /// Whether there is none.
    pub const fn is_empty(self) -> bool {
        self.before_chain == 0 && self.elsewhere == 0
    }
}

/// The chain, its roots and the key that signs them.
#[async_trait]
pub trait Evidence: Send + Sync {
    /// Signs every day that is over and was not signed yet, those without mail too, and
    /// begins the chain where there is none. Gives how many days were closed.
    ///
    /// # Errors
    /// When the key cannot be used, or the store not be read or written.
    async fn close_days(&self, now: Timestamp) -> Result<usize, StoreError>;

    /// The key that this instance signs with; made if there is none. Where days were signed already, only the
    /// process that serves makes another.
    ///
    /// # Errors
    /// When the file of the key cannot be used, or is lost and this process does not serve.
    async fn evidence_key(&self) -> Result<PublicKey, StoreError>;

    /// Signs the hash of an evidence file; the signature in hex.
    ///
    /// # Errors
    /// When the file of the key cannot be used.
    async fn sign_file(&self, sha256: [u8; 32]) -> Result<String, StoreError>;

    /// The days of the chain from one to another, both included, oldest first. The day
    /// that goes on is signed as it stands, with [`Statement::closed`] `None`.
    ///
    /// # Errors
    /// When the key cannot be used or the store not be read.
    async fn roots(&self, from: UtcDay, to: UtcDay) -> Result<Vec<Root>, StoreError>;

    /// The first day of the chain and the day that goes on; `None` before it has begun.
    ///
    /// # Errors
    /// When the store cannot be read.
    async fn chain_days(&self) -> Result<Option<(UtcDay, UtcDay)>, StoreError>;

    /// Up to `most` records with numbers from `first` to `last`, both included.
    ///
    /// # Errors
    /// When the store cannot be read.
    async fn chained(&self, first: u64, last: u64, most: usize)
    -> Result<Vec<Chained>, StoreError>;

    /// As [`Evidence::chained`], what they count as alone.
    ///
    /// # Errors
    /// When the store cannot be read.
    async fn counted(&self, first: u64, last: u64, most: usize)
    -> Result<Vec<Counted>, StoreError>;

    /// How many attempts of these days their records do not have.
    ///
    /// # Errors
    /// When the store cannot be read.
    async fn outside(&self, from: UtcDay, to: UtcDay) -> Result<Outside, StoreError>;

    /// Up to `most` kept probes of these days, behind one of a domain and a moment, in
    /// the order of domain and moment.
    ///
    /// # Errors
    /// When the store cannot be read.
    async fn probed(
        &self,
        days: (UtcDay, UtcDay),
        after: Option<(String, Timestamp)>,
        most: usize,
    ) -> Result<Vec<KeptProbe>, StoreError>;
}

#[cfg(test)]
mod tests;
