//! What happens to the recipients of a copy, as a machine over values.
//!
//! Both backends call [`settle`] and [`retry`] and write down what they return:
//! what the rules of the queue are is here, where nothing is written and nothing
//! waits. A recipient leaves the queue by being delivered or given up, never
//! otherwise.

use gatepost_policy::{
    evidence::{Attempt, Ending, Why},
    id::EntryId,
};
use gatepost_wire::{address::Mailbox, timestamp::Timestamp};
use serde::{Deserialize, Serialize};

use crate::claim::{Outcome, QueuedRecipient};

/// What an attempt meant for one recipient.
#[derive(Clone, Debug)]
pub(crate) struct Result {
    pub(crate) recipient: QueuedRecipient,
    pub(crate) outcome: Outcome,
}

/// What the last attempt at a recipient said, in the shape of `queue list --json`.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct Sentence {
    /// The host that decided.
    pub host: Option<String>,
    /// The enhanced status code.
    pub status: String,
    /// The word for the cause.
    pub why: Option<Why>,
    /// One sentence for people, with the peer's reply where there was one.
    pub text: Option<String>,
}

impl Sentence {
    fn of(attempt: &Attempt) -> Self {
        Self {
            host: attempt.host.clone(),
            status: attempt.status.clone(),
            why: attempt.why,
            text: attempt.sentence(),
        }
    }
}

/// An attempt to be written down: the evidence, and what it is found by.
#[derive(Clone, Debug)]
pub(crate) struct Evidence {
    pub(crate) entry: EntryId,
    /// Attempts at the recipient before this one.
    pub(crate) number: u32,
    pub(crate) recipient: String,
    pub(crate) domain: String,
    pub(crate) ending: Ending,
    pub(crate) attempt: Attempt,
}

/// A copy after its claim was settled.
pub(crate) struct Settled {
    /// Who still waits; empty: the copy is done.
    pub(crate) waiting: Vec<QueuedRecipient>,
    pub(crate) evidence: Vec<Evidence>,
}

/// Applies the results of an attempt. `later` are the recipients of the copy that
/// were not in it.
pub(crate) fn settle(results: Vec<Result>, later: Vec<QueuedRecipient>) -> Settled {
    let mut waiting = later;
    let mut evidence = Vec::with_capacity(results.len());
    for Result { mut recipient, outcome } in results {
        let (ending, attempt, next) = match outcome {
            Outcome::Delivered(attempt) => (Ending::Delivered, attempt, None),
            Outcome::Deferred { attempt, next, warned } => {
                recipient.warned |= warned;
                recipient.asked = None;
                (Ending::Deferred, attempt, Some(next))
            }
            Outcome::Bounced(attempt) => (Ending::Bounced, attempt, None),
        };
        let (address, domain) = searchable(&recipient.mailbox);
        let (entry, number) = (recipient.entry, recipient.attempts);
        if let Some(next) = next {
            recipient.due = next;
            recipient.attempts = recipient.attempts.saturating_add(1);
            recipient.last = Some(Sentence::of(&attempt));
            waiting.push(recipient);
        }
        evidence.push(Evidence { entry, number, recipient: address, domain, ending, attempt });
    }
    waiting.sort_by_key(|recipient| recipient.entry);
    Settled { waiting, evidence }
}

/// An attempt that somebody asked for, at a recipient.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub(crate) struct Wish {
    pub(crate) entry: EntryId,
    #[serde(with = "crate::view::millis")]
    pub(crate) at: Timestamp,
}

/// Grants wishes that came up while an attempt was going on: they take effect now
/// that it has ended (`interface.md`, decision 37).
pub(crate) fn grant(recipients: &mut [QueuedRecipient], wishes: &[Wish]) {
    for wish in wishes {
        retry(recipients, |recipient| recipient.entry == wish.entry, wish.at);
    }
}

/// Makes the recipients that `wanted` picks due at `now`. Gives those it picked.
pub(crate) fn retry(
    recipients: &mut [QueuedRecipient],
    wanted: impl Fn(&QueuedRecipient) -> bool,
    now: Timestamp,
) -> Vec<Wish> {
    let mut picked = Vec::new();
    for recipient in recipients.iter_mut().filter(|recipient| wanted(recipient)) {
        recipient.due = recipient.due.min(now);
        picked.push(Wish { entry: recipient.entry, at: now });
    }
    picked
}

/// When a copy is due: with the first of its recipients.
pub(crate) fn due(recipients: &[QueuedRecipient]) -> Option<Timestamp> {
    recipients.iter().map(|recipient| recipient.due).min()
}

/// Splits the recipients of a copy into those that are due and those that are not.
/// At least one is due, also where the wall clock was set back meanwhile.
pub(crate) fn split_due(
    recipients: Vec<QueuedRecipient>,
    now: Timestamp,
) -> (Vec<QueuedRecipient>, Vec<QueuedRecipient>) {
    let now = due(&recipients).map_or(now, |first| first.max(now));
    recipients.into_iter().partition(|recipient| recipient.due <= now)
}

/// The address and the domain by which people search: in lower case, the domain as A-label.
pub(crate) fn searchable(mailbox: &Mailbox) -> (String, String) {
    let domain = mailbox.domain().key();
    (format!("{}@{domain}", mailbox.local().to_lowercase()), domain)
}

/// What somebody typed, in the form of [`searchable`].
pub(crate) fn search_key(address: &str) -> String {
    Mailbox::parse(address)
        .map_or_else(|_| address.to_lowercase(), |mailbox| searchable(&mailbox).0)
}
