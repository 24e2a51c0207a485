//! What a store can answer instead of doing it.
//!
//! An error of a write says whether it may have happened all the same: after
//! [`Certainty::Unknown`] a sender is asked to try again, and may cause a
//! duplicate, but nothing is lost. The texts here are for the log and for
//! administrators, never for an SMTP peer.

use std::{io, sync::Arc};

/// Whether a write that failed can have taken effect.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Certainty {
    /// Nothing was changed.
    NotApplied,
    /// It may or may not be there after the next start.
    Unknown,
}

/// An operation of the store that did not succeed.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{}", match .certainty {
    Certainty::NotApplied => "the store did not do it",
    Certainty::Unknown => "the store cannot tell whether it was done",
})]
pub struct StoreError {
    /// Whether it may have happened.
    pub certainty: Certainty,
    /// What went wrong.
    #[source]
    pub cause: Cause,
}

/// What went wrong.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Cause {
    /// A body file could not be written, flushed or read.
    #[error("a body file could not be used")]
    File(#[source] Arc<io::Error>),
    /// The database refused or failed.
    #[error("the database failed")]
    Database(#[source] Arc<rusqlite::Error>),
    /// A stored document cannot be read.
    #[error("a stored record cannot be understood")]
    Record(#[source] Arc<serde_json::Error>),
    /// The bytes of a body are not those that were written. It is kept, and
    /// never delivered.
    #[error("the stored body of the message is damaged")]
    Damaged,
    /// The body is no longer kept: the message has left the queue and the quarantine.
    #[error("the body of the message is no longer kept")]
    Gone,
    /// The store takes nothing at present.
    #[error(transparent)]
    Unhealthy(#[from] Unhealthy),
    /// The machine gave no random bytes.
    #[error("the machine gives no random bytes")]
    NoRandomness,
    /// A password could not be hashed, or its hash cannot be understood.
    #[error("a password cannot be hashed or compared: {0}")]
    Hash(String),
    /// The store was opened beside a running gateway, for rows only.
    #[error("only the process that holds the store's lock can do this")]
    NotServing,
    /// There is no key to sign evidence with, and this process may not make one.
    #[error(
        "there is no evidence.key in the data directory: `gatepost serve` makes it, or it is brought back from a backup"
    )]
    NoKey,
    /// The store has been closed.
    #[error("the store is closed")]
    Closed,
}

/// Why no mail is accepted at present.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Unhealthy {
    /// The disk is below its reserve (`452 4.3.1`).
    #[error("the disk has {free} bytes free, and {reserve} are held in reserve")]
    DiskReserve {
        /// Bytes that are free for us.
        free: u64,
        /// Bytes that have to stay free.
        reserve: u64,
    },
    /// A write or a flush has failed (`451 4.3.0`). It ends when a new file and a
    /// reopened database have been written and flushed without a fault.
    #[error("{what}")]
    Fault {
        /// What failed and how.
        what: String,
    },
}

impl StoreError {
    /// Nothing was changed, because of `cause`.
    pub(crate) fn not_applied(cause: impl Into<Cause>) -> Self {
        Self { certainty: Certainty::NotApplied, cause: cause.into() }
    }

    /// It may have happened, and `cause` is why nobody knows.
    pub(crate) fn unknown(cause: impl Into<Cause>) -> Self {
        Self { certainty: Certainty::Unknown, cause: cause.into() }
    }

    /// Whether the body is damaged, so that the message can never be delivered.
    pub fn is_damage(&self) -> bool {
        matches!(self.cause, Cause::Damaged)
    }
}

impl From<io::Error> for Cause {
    fn from(error: io::Error) -> Self {
        Self::File(Arc::new(error))
    }
}

impl From<rusqlite::Error> for Cause {
    fn from(error: rusqlite::Error) -> Self {
        Self::Database(Arc::new(error))
    }
}

impl From<serde_json::Error> for Cause {
    fn from(error: serde_json::Error) -> Self {
        Self::Record(Arc::new(error))
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        Self::not_applied(error)
    }
}

impl From<io::Error> for StoreError {
    fn from(error: io::Error) -> Self {
        Self::not_applied(error)
    }
}

impl From<serde_json::Error> for StoreError {
    fn from(error: serde_json::Error) -> Self {
        Self::not_applied(error)
    }
}
