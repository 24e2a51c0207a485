//! What every backend makes of a new message: ids, records, lanes and verdicts.

use gatepost_policy::{
    direction::{Direction, Matched},
    id::EntryId,
    tls::{self, Demand},
};
use gatepost_wire::{address::AddressDomain, message::Edits, timestamp::Timestamp};
use serde::{Deserialize, Serialize};

use crate::{
    claim::{Lane, QueuedRecipient},
    clock::Clock,
    message::{Closed, Fate, NewCopy, NewMessage, NewQuarantined, NewRecipient, Verdict},
    view::RecordedVerdict,
};

/// What is kept of a copy, or of a quarantined recipient, and never searched for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct CopyRecord {
    pub(crate) direction: Direction,
    pub(crate) domain: AddressDomain,
    pub(crate) demands: Vec<Demand>,
    pub(crate) edits: Edits,
    pub(crate) matched: Vec<Matched>,
    pub(crate) fate: Fate,
    #[serde(with = "crate::view::millis")]
    pub(crate) accepted_at: Timestamp,
    /// The revision of the policy that judged it anew; `None`: that of its message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) revision: Option<u64>,
}

impl CopyRecord {
    /// The record of a copy that is accepted at `accepted_at`, and its recipients.
    pub(crate) fn of_copy(copy: NewCopy, accepted_at: Timestamp) -> (Self, Vec<NewRecipient>) {
        let NewCopy { recipients, direction, domain, demands, edits, matched, rule: _, fate } =
            copy;
        let revision = None;
        let record =
            Self { direction, domain, demands, edits, matched, fate, accepted_at, revision };
        (record, recipients)
    }

    /// The record of a quarantined copy, were it released, and the rest of it.
    pub(crate) fn of_quarantined(
        group: NewQuarantined,
        accepted_at: Timestamp,
    ) -> (Self, Quarantining) {
        let NewQuarantined {
            recipients,
            direction,
            domain,
            demands,
            edits,
            matched,
            rule,
            company,
            expires,
        } = group;
        let (fate, revision) = (Fate::Deliver, None);
        let record =
            Self { direction, domain, demands, edits, matched, fate, accepted_at, revision };
        (record, Quarantining { recipients, rule, company, expires })
    }

    /// The lane that it travels in.
    pub(crate) fn lane(&self) -> Lane {
        let fingerprint = match &self.fate {
            Fate::Deliver => tls::fingerprint(&self.demands),
            Fate::Report { reply: _ } | Fate::Returned { by: _, reason: _ } => {
                Lane::REPORT.to_owned()
            }
        };
        Lane { direction: self.direction, domain: self.domain.clone(), fingerprint }
    }
}

/// Who is quarantined, by what rule and until when.
pub(crate) struct Quarantining {
    pub(crate) recipients: Vec<NewRecipient>,
    pub(crate) rule: String,
    pub(crate) company: bool,
    pub(crate) expires: Timestamp,
}

/// A recipient that begins to wait.
pub(crate) fn queued(recipient: NewRecipient, entry: EntryId, due: Timestamp) -> QueuedRecipient {
    let NewRecipient { mailbox, params } = recipient;
    QueuedRecipient {
        entry,
        mailbox,
        params,
        due,
        attempts: 0,
        last: None,
        asked: None,
        warned: false,
        held: None,
        intent: None,
    }
}

/// Ids for the entries of a message, ascending in the order of its recipients.
pub(crate) struct EntryIds {
    next: ulid::Ulid,
}

impl EntryIds {
    pub(crate) fn new(clock: &dyn Clock) -> Self {
        Self { next: mint(clock) }
    }

    pub(crate) fn mint(&mut self, clock: &dyn Clock) -> EntryId {
        let id = EntryId::from_ulid(self.next);
        self.next = self.next.increment().unwrap_or_else(|_| mint(clock));
        id
    }
}

/// A new ULID: the time by `clock`, the rest random.
pub(crate) fn mint(clock: &dyn Clock) -> ulid::Ulid {
    mint_at(clock.now())
}

/// A new ULID of a moment.
pub(crate) fn mint_at(now: Timestamp) -> ulid::Ulid {
    let millis = u64::try_from(now.millis()).unwrap_or(0);
    ulid::Ulid::from_parts(millis, ulid::Ulid::generate().random())
}

/// How the rules judged the recipients of a message, for its history.
pub(crate) fn verdicts(message: &NewMessage) -> Vec<RecordedVerdict> {
    let written = |recipients: &[NewRecipient]| {
        recipients.iter().map(|recipient| recipient.mailbox.to_string()).collect()
    };
    let copies = message.copies.iter().map(|copy| RecordedVerdict {
        recipients: written(&copy.recipients),
        direction: Some(copy.direction),
        verdict: match &copy.fate {
            Fate::Deliver | Fate::Returned { by: _, reason: _ } => Verdict::Deliver,
            Fate::Report { reply: _ } => Verdict::Reject,
        },
        rule: copy.rule.clone(),
        matched: copy.matched.clone(),
        demands: copy.demands.clone(),
    });
    let quarantined = message.quarantined.iter().map(|group| RecordedVerdict {
        recipients: written(&group.recipients),
        direction: Some(group.direction),
        verdict: if group.company { Verdict::QuarantineCompany } else { Verdict::Quarantine },
        rule: Some(group.rule.clone()),
        matched: group.matched.clone(),
        demands: group.demands.clone(),
    });
    let closed = message.closed.iter().map(|closed| {
        let Closed { recipient, direction, matched, verdict, rule } = closed;
        RecordedVerdict {
            recipients: vec![recipient.to_string()],
            direction: Some(*direction),
            verdict: *verdict,
            rule: rule.clone(),
            matched: matched.clone(),
            demands: Vec::new(),
        }
    });
    copies.chain(quarantined).chain(closed).collect()
}
