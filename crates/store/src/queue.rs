//! What happens to the recipients of a copy, as a machine over values.
//!
//! Both backends call [`settle`] and [`merge`] and write down what comes of it: what
//! the rules of the queue are is here and in `order`, where nothing is written and
//! nothing waits. A recipient leaves the queue by being delivered, by being given up
//! or by somebody's order, never otherwise.

use std::collections::HashMap;

use gatepost_policy::{
    evidence::{Attempt, Ending, Why},
    id::{EntryId, MessageId},
};
use gatepost_wire::{address::Mailbox, timestamp::Timestamp};
use serde::{Deserialize, Serialize};

use crate::{
    claim::{Outcome, QueuedRecipient},
    view::{Event, EventKind},
};

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

/// A recipient after its attempt.
#[derive(Clone, Debug)]
pub(crate) struct After {
    entry: EntryId,
    /// When somebody last wanted an attempt, as it was when this one began.
    asked: Option<Timestamp>,
    then: Then,
}

#[derive(Clone, Debug)]
enum Then {
    Delivered,
    GivenUp,
    Waits { due: Timestamp, attempts: u32, last: Sentence, warned: bool },
}

/// Takes the results of an attempt apart: what they mean for each recipient, and the evidence.
pub(crate) fn settle(results: Vec<Result>) -> (Vec<After>, Vec<Evidence>) {
    let mut after = Vec::with_capacity(results.len());
    let mut evidence = Vec::with_capacity(results.len());
    for Result { recipient, outcome } in results {
        let (ending, attempt, then) = match outcome {
            Outcome::Delivered(attempt) => (Ending::Delivered, attempt, Then::Delivered),
            Outcome::Deferred { attempt, next, warned } => {
                let then = Then::Waits {
                    due: next,
                    attempts: recipient.attempts.saturating_add(1),
                    last: Sentence::of(&attempt),
                    warned,
                };
                (Ending::Deferred, attempt, then)
            }
            Outcome::Bounced(attempt) => (Ending::Bounced, attempt, Then::GivenUp),
        };
        let (address, domain) = searchable(&recipient.mailbox);
        let (entry, number) = (recipient.entry, recipient.attempts);
        after.push(After { entry, asked: recipient.asked, then });
        evidence.push(Evidence { entry, number, recipient: address, domain, ending, attempt });
    }
    (after, evidence)
}

/// A copy after an attempt at some of its recipients.
#[derive(Debug, Default)]
pub(crate) struct Merged {
    /// Who still waits; empty: the copy is done.
    pub(crate) waiting: Vec<QueuedRecipient>,
    /// How many left because they were delivered to.
    pub(crate) delivered: u64,
    /// Those about whom somebody had decided otherwise, and with what word: the
    /// attempt ended them first.
    pub(crate) too_late: Vec<(QueuedRecipient, &'static str)>,
}

/// Puts what an attempt did together with what the copy is by now: what people
/// ordered meanwhile stands there. Of a copy that is `kept` whatever happens,
/// because its body is damaged, only those leave who were delivered to.
pub(crate) fn merge(row: Vec<QueuedRecipient>, after: &[After], kept: bool) -> Merged {
    let after: HashMap<EntryId, &After> = after.iter().map(|one| (one.entry, one)).collect();
    let mut merged = Merged::default();
    for mut recipient in row {
        let Some(After { entry: _, asked, then }) = after.get(&recipient.entry) else {
            merged.waiting.push(recipient);
            continue;
        };
        match then {
            Then::GivenUp if kept => merged.waiting.push(recipient),
            Then::Delivered | Then::GivenUp => {
                if matches!(then, Then::Delivered) {
                    merged.delivered = merged.delivered.saturating_add(1);
                }
                let word = recipient.intent.as_ref().map(|intent| intent.word());
                merged.too_late.extend(word.map(|word| (recipient, word)));
            }
            Then::Waits { due, attempts, last, warned } => {
                recipient.due = *due;
                recipient.attempts = *attempts;
                recipient.last = Some(last.clone());
                recipient.warned |= *warned;
                // Asked while the attempt was going on: it takes effect now.
                recipient.asked = recipient.asked.filter(|_| recipient.asked != *asked);
                if let Some(asked) = recipient.asked {
                    recipient.due = recipient.due.min(asked);
                }
                merged.waiting.push(recipient);
            }
        }
    }
    merged
}

/// What the journal keeps of a report that was made about a message.
pub(crate) fn report_made(at: Timestamp, message: MessageId, report: MessageId) -> Event {
    Event {
        at,
        kind: EventKind::Note,
        message: Some(message),
        author: None,
        what: "report.made".into(),
        detail: serde_json::json!({ "report": report }),
    }
}

/// What the journal keeps of an order that an attempt was faster than.
pub(crate) fn too_late(
    at: Timestamp,
    message: MessageId,
    recipient: QueuedRecipient,
    word: &str,
) -> Event {
    let address = recipient.mailbox.to_string();
    Event {
        at,
        kind: EventKind::Note,
        message: Some(message),
        author: recipient.intent.map(|intent| intent.author),
        what: "queue.too-late".into(),
        detail: serde_json::json!({ "order": word, "recipients": [address] }),
    }
}

/// Of a copy that nobody may try before somebody says so.
pub(crate) const NEVER: Timestamp = Timestamp::from_millis(i64::MAX);

/// When a copy is due: with the first of its recipients that may be tried; [`NEVER`]
/// where none may, and `None` where there is none.
pub(crate) fn due(recipients: &[QueuedRecipient]) -> Option<Timestamp> {
    let free = recipients.iter().filter(|recipient| recipient.is_free());
    let first = free.map(|recipient| recipient.due).min();
    first.or_else(|| (!recipients.is_empty()).then_some(NEVER))
}

/// The recipients of a copy that are due. At least one is, if any may be tried, also
/// where the wall clock was set back meanwhile.
pub(crate) fn due_now(recipients: Vec<QueuedRecipient>, now: Timestamp) -> Vec<QueuedRecipient> {
    let now = due(&recipients).filter(|due| *due != NEVER).map_or(now, |first| first.max(now));
    let mut due = recipients;
    due.retain(|recipient| recipient.is_free() && recipient.due <= now);
    due
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
