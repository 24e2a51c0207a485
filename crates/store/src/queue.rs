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
use gatepost_wire::timestamp::Timestamp;
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
/// were not in it; `retry` is when somebody asked meanwhile for another attempt,
/// which takes effect now that this one has ended (`interface.md`, decision 37).
pub(crate) fn settle(
    results: Vec<Result>,
    later: Vec<QueuedRecipient>,
    retry: &[(EntryId, Timestamp)],
) -> Settled {
    let mut waiting = later;
    let mut evidence = Vec::with_capacity(results.len());
    for Result { mut recipient, outcome } in results {
        let (ending, attempt, next) = match outcome {
            Outcome::Delivered(attempt) => (Ending::Delivered, attempt, None),
            Outcome::Deferred { attempt, next } => (Ending::Deferred, attempt, Some(next)),
            Outcome::Bounced(attempt) => (Ending::Bounced, attempt, None),
        };
        let (address, domain) = searchable(&recipient);
        let entry = recipient.entry;
        if let Some(next) = next {
            recipient.due = next;
            recipient.attempts = recipient.attempts.saturating_add(1);
            recipient.last = Some(Sentence::of(&attempt));
            waiting.push(recipient);
        }
        evidence.push(Evidence { entry, recipient: address, domain, ending, attempt });
    }
    for (entry, at) in retry {
        advance(&mut waiting, |recipient| recipient.entry == *entry, *at);
    }
    waiting.sort_by_key(|recipient| recipient.entry);
    Settled { waiting, evidence }
}

/// Makes the recipients that `wanted` picks due at `now`. Gives those it picked.
pub(crate) fn retry(
    recipients: &mut [QueuedRecipient],
    wanted: impl Fn(&QueuedRecipient) -> bool,
    now: Timestamp,
) -> Vec<EntryId> {
    let picked = recipients.iter().filter(|r| wanted(r)).map(|r| r.entry).collect();
    advance(recipients, wanted, now);
    picked
}

/// When a copy is due: with the first of its recipients.
pub(crate) fn due(recipients: &[QueuedRecipient]) -> Option<Timestamp> {
    recipients.iter().map(|recipient| recipient.due).min()
}

/// Splits the recipients of a copy into those that are due and those that are not.
pub(crate) fn split_due(
    recipients: Vec<QueuedRecipient>,
    now: Timestamp,
) -> (Vec<QueuedRecipient>, Vec<QueuedRecipient>) {
    recipients.into_iter().partition(|recipient| recipient.due <= now)
}

/// The address and the domain by which people search: in lower case, the domain as A-label.
pub(crate) fn searchable(recipient: &QueuedRecipient) -> (String, String) {
    let domain = recipient.mailbox.domain().key();
    (address_key(recipient.mailbox.local(), &domain), domain)
}

/// An address in the form in which it is searched for.
pub(crate) fn address_key(local: &str, domain: &str) -> String {
    format!("{}@{}", local.to_lowercase(), domain.to_ascii_lowercase())
}

fn advance(
    recipients: &mut [QueuedRecipient],
    wanted: impl Fn(&QueuedRecipient) -> bool,
    at: Timestamp,
) {
    for recipient in recipients.iter_mut().filter(|r| wanted(r)) {
        recipient.due = recipient.due.min(at);
    }
}
