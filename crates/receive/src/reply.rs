//! What is said at the end of a message, and for the reasons that are not the protocol's: one table.
//!
//! What holds: 250 is made from a [`Receipt`]; a new way for a message to end does not build until it has a reply. The texts are
//! a closed set and say nothing about the inside; what happened is in the log.

use std::io;

use gatepost_store::{Cause, Receipt, StoreError, Unhealthy};
use gatepost_wire::reply::{EnhancedCode, Reply};

/// How a message that was received whole has ended.
#[derive(Debug)]
pub enum EndOfData {
    /// It is on disk.
    Queued(Receipt),
    /// It is not taken.
    Refused(Refusal),
    /// It would have been taken, and the store could not.
    NotStored(StoreError),
    /// The verdict or the store took longer than a client waits.
    TookTooLong,
}

/// Why a message is not taken.
#[derive(Debug)]
pub enum Refusal {
    /// The rules refuse it for every recipient.
    Rules(Reply),
    /// A Condition could not be answered.
    Undecided,
    /// It goes round.
    Loop,
}

impl From<EndOfData> for Reply {
    fn from(end: EndOfData) -> Self {
        match end {
            EndOfData::Queued(receipt) => {
                reply(250, [2, 0, 0], &format!("queued as {}", receipt.id()))
            }
            EndOfData::Refused(Refusal::Rules(reply)) => reply,
            EndOfData::Refused(Refusal::Undecided) => {
                reply(451, [4, 7, 1], "cannot be decided at present; try again")
            }
            EndOfData::Refused(Refusal::Loop) => reply(554, [5, 4, 6], "too many hops"),
            EndOfData::NotStored(error) => not_stored(&error),
            EndOfData::TookTooLong => cannot_store(),
        }
    }
}

/// What to say when the store did not do it.
pub(crate) fn not_stored(error: &StoreError) -> Reply {
    match &error.cause {
        Cause::Unhealthy(why) => unhealthy(why),
        Cause::File(why) if why.kind() == io::ErrorKind::StorageFull => no_room(),
        Cause::File(_)
        | Cause::Database(_)
        | Cause::Record(_)
        | Cause::Damaged
        | Cause::Gone
        | Cause::NoRandomness
        | Cause::Hash(_)
        | Cause::NotServing
        | Cause::NoKey
        | Cause::Closed => cannot_store(),
    }
}

/// What to say when the store takes nothing.
pub(crate) fn unhealthy(why: &Unhealthy) -> Reply {
    match why {
        Unhealthy::DiskReserve { .. } => no_room(),
        Unhealthy::Fault { .. } => cannot_store(),
    }
}

fn no_room() -> Reply {
    reply(452, [4, 3, 1], "no room for mail at present; try again")
}

fn cannot_store() -> Reply {
    reply(451, [4, 3, 0], "mail cannot be stored at present; try again")
}

/// The reply where no rule gave one (`interface.md`, decision 3).
pub(crate) fn refused() -> Reply {
    reply(550, [5, 7, 1], "message refused by policy")
}

pub(crate) fn no_relay() -> Reply {
    reply(550, [5, 7, 1], "you may not send to this address from here")
}

pub(crate) fn no_routing() -> Reply {
    reply(550, [5, 7, 1], "an address may not say how mail travels on")
}

pub(crate) fn no_postmaster() -> Reply {
    reply(550, [5, 1, 1], "there is no postmaster here")
}

/// RFC 4954 section 6.
pub(crate) fn login_refused() -> Reply {
    reply(535, [5, 7, 8], "authentication failed")
}

/// RFC 4954 section 6.
pub(crate) fn login_undecided() -> Reply {
    reply(454, [4, 7, 0], "authentication is not possible at present; try again")
}

pub(crate) fn no_transaction() -> Reply {
    reply(503, [5, 5, 1], "no transaction")
}

pub(crate) fn too_many_connections() -> Reply {
    reply(421, [4, 7, 0], "too many connections")
}

pub(crate) fn stopping() -> Reply {
    reply(421, [4, 3, 2], "service is stopping; try again")
}

pub(crate) fn too_slow() -> Reply {
    reply(421, [4, 4, 2], "timeout")
}

fn reply(code: u16, [class, subject, detail]: [u8; 3], text: &str) -> Reply {
    Reply::new(code, Some(EnhancedCode::new(class, subject.into(), detail.into())), text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_452_and_every_other_fault_of_the_store_is_451() {
        let full = Unhealthy::DiskReserve { free: 1, reserve: 2 };
        assert_eq!(
            unhealthy(&full).to_string(),
            "452 4.3.1 no room for mail at present; try again"
        );
        let broken = Unhealthy::Fault { what: "fsync of /var/lib/gatepost: I/O error".into() };
        assert_eq!(
            unhealthy(&broken).to_string(),
            "451 4.3.0 mail cannot be stored at present; try again"
        );
    }

    #[test]
    fn a_message_not_taken_has_the_reply_of_its_reason() {
        let said = |refusal| Reply::from(EndOfData::Refused(refusal)).to_string();
        assert_eq!(said(Refusal::Loop), "554 5.4.6 too many hops");
        assert!(said(Refusal::Undecided).starts_with("451 4."));
        assert_eq!(said(Refusal::Rules(refused())), "550 5.7.1 message refused by policy");
    }
}
