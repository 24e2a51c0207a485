//! What people do to waiting mail, as a machine over values.
//!
//! An order is written into the recipients it is about, and carried out when no
//! attempt at their copy is going on: at once, or when the attempt ends
//! (`interface.md`, decision 37). Both backends call [`Orders::write`] and
//! [`carry_out`], and write down what they return; nothing is written here. An
//! attempt that delivers or gives up a recipient goes before any order about it.

use std::{collections::HashMap, time::Duration};

use gatepost_policy::{
    direction::{Direction, Matched},
    id::{EntryId, MessageId},
    tls::Demand,
};
use gatepost_wire::{message::Edits, timestamp::Timestamp};
use serde::{Deserialize, Serialize};

use crate::{
    claim::{HeldBy, QueuedRecipient},
    error::StoreError,
    intake::CopyRecord,
    message::{Fate, NewRecipient},
    view::{Author, Event, EventKind},
};

/// What is done to waiting recipients.
#[derive(Clone, Debug, PartialEq)]
pub enum Order {
    /// An attempt is made at once. One that is held stays held.
    Retry,
    /// It is kept, and not tried until it is released.
    Hold,
    /// It is no longer held, and due at once.
    Release,
    /// It is given up, and its sender is told that an administrator did it, and why.
    Bounce,
    /// It is given up, and nobody is told.
    Delete,
    /// It gets the verdict of today's rules. A recipient that is not in here, or that
    /// is not any more what was judged, is refused.
    Reevaluate(HashMap<EntryId, Judgement>),
}

impl Order {
    /// The word of the journal.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Retry => "queue.retry",
            Self::Hold => "queue.hold",
            Self::Release => "queue.release",
            Self::Bounce => "queue.bounce",
            Self::Delete => "queue.delete",
            Self::Reevaluate(_) => "queue.reevaluate",
        }
    }
}

/// What judging a waiting recipient anew gave, and what it rests on.
#[derive(Clone, Debug, PartialEq)]
pub struct Judgement {
    /// The revision of the policy.
    pub revision: u64,
    /// The recipient as it was when it was judged.
    pub of: Standing,
    /// The new verdict; `None` where it is as before.
    pub new: Option<Judged>,
}

/// The verdict by which a recipient waits.
#[derive(Clone, Debug, PartialEq)]
pub struct Standing {
    /// Where it is.
    pub direction: Direction,
    /// What TLS is demanded.
    pub demands: Vec<Demand>,
    /// What is changed in the message when it is sent.
    pub edits: Edits,
    /// What becomes of it.
    pub fate: Fate,
}

impl Standing {
    fn is_of(&self, record: &CopyRecord) -> bool {
        let Self { direction, demands, edits, fate } = self;
        *direction == record.direction
            && *demands == record.demands
            && *edits == record.edits
            && *fate == record.fate
    }
}

/// A new verdict about a waiting recipient.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct Judged {
    /// The recipient.
    pub entry: EntryId,
    /// Where it is.
    pub direction: Direction,
    /// What TLS is demanded.
    pub demands: Vec<Demand>,
    /// What is changed in the message when it is sent.
    pub edits: Edits,
    /// The rules that matched.
    pub matched: Vec<Matched>,
    /// The rule that ended the walk; `None` where no rule did.
    pub rule: Option<String>,
    /// How the walk ended.
    pub end: JudgedEnd,
    /// The revision of the policy.
    pub revision: u64,
    /// What it was and what it is, for the journal.
    pub detail: serde_json::Value,
}

/// What a new verdict does with a recipient.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JudgedEnd {
    /// It waits on, due at once.
    Deliver,
    /// It goes into quarantine.
    Quarantine {
        /// Whether it is *Quarantine - Company*.
        company: bool,
        /// When it is deleted if nobody releases it.
        #[serde(with = "crate::view::millis")]
        expires: Timestamp,
    },
    /// It goes, and nobody is told.
    Delete,
    /// It is given up, and its sender is told with the rule's reply.
    Reject {
        /// The rule's reply.
        reply: String,
    },
    /// It is rejected and goes, and nobody is told: its sender may be forged.
    RejectQuietly,
}

/// What an order did.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Acted {
    /// Recipients that the selection picked.
    pub picked: usize,
    /// Those that the order took effect on.
    pub done: Vec<EntryId>,
    /// Those that are being sent: it takes effect when that attempt ends.
    pub sending: Vec<Sending>,
    /// Those that it was not for, and why.
    pub refused: Vec<(EntryId, Refused)>,
}

impl Acted {
    /// Puts two answers together.
    pub(crate) fn with(mut self, other: Self) -> Self {
        let Self { picked, done, sending, refused } = other;
        self.picked = self.picked.saturating_add(picked);
        self.done.extend(done);
        self.sending.extend(sending);
        self.refused.extend(refused);
        self
    }
}

/// A recipient that was being sent when an order about it was given.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Sending {
    /// The entry.
    pub entry: EntryId,
    /// Its message.
    pub message: MessageId,
    /// The address.
    pub recipient: String,
}

impl Sending {
    pub(crate) fn of(message: MessageId, recipient: &QueuedRecipient) -> Self {
        let QueuedRecipient { entry, mailbox, .. } = recipient;
        Self { entry: *entry, message, recipient: mailbox.to_string() }
    }
}

/// Why an order is not for a recipient.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Ord, PartialOrd)]
pub enum Refused {
    /// Its stored body is damaged, so it cannot be sent.
    Damaged,
    /// It is held, and an attempt was asked for.
    Held,
    /// It is not held, and was to be released.
    NotHeld,
    /// It is given up already: its report is on the way.
    GivenUp,
    /// The policy, or its verdict, is not any more what it was judged by.
    Changed,
    /// It was not judged by today's rules.
    NotJudged,
    /// It is about to be bounced or deleted.
    Ordered,
    /// What is stored of its message cannot be understood.
    Unreadable,
}

impl Refused {
    /// A clause for people.
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::Damaged => {
                "its stored body is damaged and can never be sent; bounce it, and its sender is told"
            }
            Self::Held => "it is held; release it, and it is tried at once",
            Self::NotHeld => "it is not held",
            Self::GivenUp => "it is given up already, and the report to its sender is on the way",
            Self::Changed => "changed meanwhile, nothing done",
            Self::NotJudged => "today's rules were not asked about it",
            Self::Ordered => {
                "it is bounced or deleted as soon as the attempt ends that is going on"
            }
            Self::Unreadable => {
                "what is stored of its message cannot be understood; it can be deleted"
            }
        }
    }
}

/// Why nothing was done.
#[derive(Clone, Debug, thiserror::Error)]
pub enum OrderError {
    /// The selection picks another number of recipients.
    #[error("{there} recipients match, not {said}")]
    Count {
        /// Recipients that it picks.
        there: usize,
        /// What was said.
        said: usize,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What is to become of a recipient as soon as no attempt is going on.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub(crate) struct Intent {
    pub(crate) author: Author,
    #[serde(with = "crate::view::millis")]
    pub(crate) at: Timestamp,
    pub(crate) what: Intended,
}

#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Intended {
    Return,
    Delete,
    Judge(Box<Judged>),
}

impl Intent {
    /// The word for what waits to be done.
    pub(crate) const fn word(&self) -> &'static str {
        match self.what {
            Intended::Return => "bounce",
            Intended::Delete => "delete",
            Intended::Judge(_) => "reevaluate",
        }
    }
}

/// An order with who gave it and when.
#[derive(Clone, Debug)]
pub(crate) struct Orders {
    pub(crate) order: Order,
    pub(crate) author: Author,
    pub(crate) now: Timestamp,
}

/// What an order wrote into the recipients of a copy.
#[derive(Debug, Default)]
pub(crate) struct Ordered {
    pub(crate) taken: Vec<EntryId>,
    pub(crate) refused: Vec<(EntryId, Refused)>,
    /// What the journal keeps of it.
    pub(crate) detail: Vec<serde_json::Value>,
}

/// What an order is about.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Subject<'a> {
    pub(crate) record: &'a CopyRecord,
    /// Its body is damaged.
    pub(crate) damaged: bool,
    /// The revision of the policy that holds.
    pub(crate) head: u64,
}

impl Orders {
    /// Writes the order into the recipients that `picked` names.
    pub(crate) fn write(
        &self,
        recipients: &mut [QueuedRecipient],
        picked: &[EntryId],
        subject: Subject<'_>,
    ) -> Ordered {
        let mut ordered = Ordered::default();
        for recipient in recipients.iter_mut().filter(|r| picked.contains(&r.entry)) {
            match self.refusal(recipient, subject) {
                Some(why) => ordered.refused.push((recipient.entry, why)),
                None => {
                    if let Some(detail) = self.set(recipient) {
                        ordered.detail.push(detail);
                    }
                    ordered.taken.push(recipient.entry);
                }
            }
        }
        ordered
    }

    fn refusal(&self, recipient: &QueuedRecipient, subject: Subject<'_>) -> Option<Refused> {
        let Subject { record, damaged, head } = subject;
        let given_up = match &record.fate {
            Fate::Deliver => false,
            Fate::Report { .. } | Fate::Returned { .. } => true,
        };
        match &self.order {
            Order::Retry if damaged => Some(Refused::Damaged),
            Order::Retry => recipient.held.as_ref().map(|_| Refused::Held),
            Order::Release if damaged => Some(Refused::Damaged),
            Order::Release => recipient.held.is_none().then_some(Refused::NotHeld),
            Order::Bounce | Order::Reevaluate(_) if given_up => Some(Refused::GivenUp),
            Order::Reevaluate(judgements) => {
                let judgement = judgements.get(&recipient.entry);
                match (judgement, recipient.intent.as_ref().map(|intent| &intent.what)) {
                    (_, Some(Intended::Return | Intended::Delete)) => Some(Refused::Ordered),
                    (None, _) => Some(Refused::NotJudged),
                    (Some(Judgement { revision, of, new: _ }), _) => {
                        let holds = *revision == head && of.is_of(record);
                        (!holds).then_some(Refused::Changed)
                    }
                }
            }
            Order::Bounce => None,
            Order::Hold | Order::Delete => None,
        }
    }

    fn set(&self, recipient: &mut QueuedRecipient) -> Option<serde_json::Value> {
        let address = recipient.mailbox.to_string();
        let plain = Some(serde_json::Value::String(address));
        let intend = |what| {
            let (author, at) = (self.author.clone(), self.now);
            Some(Box::new(Intent { author, at, what }))
        };
        match &self.order {
            Order::Retry => ask(recipient, self.now),
            Order::Hold => {
                let Author { by, reason, .. } = self.author.clone();
                recipient.held = Some(HeldBy { by, at: self.now, reason });
            }
            Order::Release => {
                recipient.held = None;
                ask(recipient, self.now);
            }
            Order::Bounce => recipient.intent = intend(Intended::Return),
            Order::Delete => recipient.intent = intend(Intended::Delete),
            Order::Reevaluate(judgements) => {
                // An older verdict that waits to be carried out is none any more.
                recipient.intent = None;
                let judged = judgements.get(&recipient.entry)?.new.as_ref()?;
                recipient.intent = intend(Intended::Judge(Box::new(judged.clone())));
                return Some(judged.detail.clone());
            }
        }
        plain
    }
}

fn ask(recipient: &mut QueuedRecipient, now: Timestamp) {
    // Later than the last time, so that one who asks during an attempt is heard.
    let after = |last: Timestamp| now.max(last.plus(Duration::from_millis(1)));
    recipient.asked = Some(recipient.asked.map_or(now, after));
    recipient.due = recipient.due.min(now);
}

/// Recipients that leave their copy.
#[derive(Debug, Default)]
pub(crate) struct Carried {
    /// Those that stay in it.
    pub(crate) stay: Vec<QueuedRecipient>,
    /// Those that go on in copies of their own.
    pub(crate) moved: Vec<(CopyRecord, Vec<QueuedRecipient>)>,
    /// Those that go into quarantine.
    pub(crate) quarantined: Vec<Kept>,
    /// What the journal keeps of verdicts that were dropped, because the policy has
    /// another revision by now.
    pub(crate) outdated: Vec<Event>,
}

/// A recipient on its way into quarantine.
#[derive(Clone, Debug)]
pub(crate) struct Kept {
    pub(crate) entry: EntryId,
    pub(crate) record: CopyRecord,
    pub(crate) recipient: NewRecipient,
    pub(crate) rule: String,
    pub(crate) company: bool,
    pub(crate) since: Timestamp,
    pub(crate) expires: Timestamp,
}

/// Carries out what was decided about the recipients of a copy of a message. No
/// attempt at it is going on. `head` is the revision of the policy that holds.
pub(crate) fn carry_out(
    (message, record): (MessageId, &CopyRecord),
    recipients: Vec<QueuedRecipient>,
    head: u64,
    now: Timestamp,
) -> Carried {
    let mut carried = Carried::default();
    for mut recipient in recipients {
        let Some(intent) = recipient.intent.take() else {
            carried.stay.push(recipient);
            continue;
        };
        let Intent { author, at, what } = *intent;
        match what {
            Intended::Delete => {}
            Intended::Return => {
                let Author { by, reason, .. } = author;
                let fate = Fate::Returned { by, reason };
                carried.put(CopyRecord { fate, ..record.clone() }, given_up(recipient, at));
            }
            Intended::Judge(judged) if judged.revision != head => {
                carried.outdated.push(Event {
                    at: now,
                    kind: EventKind::Note,
                    message: Some(message),
                    author: Some(author),
                    what: OUTDATED.into(),
                    detail: serde_json::json!({
                        "recipients": [recipient.mailbox.to_string()],
                        "judged_by": judged.revision,
                        "revision": head,
                    }),
                });
                carried.stay.push(recipient);
            }
            Intended::Judge(judged) => carried.judge(record, recipient, *judged, at),
        }
    }
    carried
}

/// The word of the journal for a verdict that was not carried out, because the rules
/// had changed again before the attempt ended that was going on.
pub const OUTDATED: &str = "queue.outdated";

fn given_up(recipient: QueuedRecipient, at: Timestamp) -> QueuedRecipient {
    QueuedRecipient { due: at, held: None, asked: None, ..recipient }
}

impl Carried {
    fn put(&mut self, record: CopyRecord, recipient: QueuedRecipient) {
        match self.moved.iter_mut().find(|(there, _)| *there == record) {
            Some((_, recipients)) => recipients.push(recipient),
            None => self.moved.push((record, vec![recipient])),
        }
    }

    fn judge(
        &mut self,
        record: &CopyRecord,
        recipient: QueuedRecipient,
        judged: Judged,
        at: Timestamp,
    ) {
        let Judged { direction, demands, edits, matched, rule, end, revision, .. } = judged;
        let new = CopyRecord {
            direction,
            demands,
            edits,
            matched,
            revision: Some(revision),
            ..record.clone()
        };
        match end {
            JudgedEnd::Delete | JudgedEnd::RejectQuietly => {}
            JudgedEnd::Deliver => {
                let mut recipient = recipient;
                ask(&mut recipient, at);
                self.put(new, recipient);
            }
            JudgedEnd::Reject { reply } => {
                let fate = Fate::Report { reply };
                self.put(CopyRecord { fate, ..new }, given_up(recipient, at));
            }
            JudgedEnd::Quarantine { company, expires } => {
                let QueuedRecipient { entry, mailbox, params, .. } = recipient;
                self.quarantined.push(Kept {
                    entry,
                    record: new,
                    recipient: NewRecipient { mailbox, params },
                    rule: rule.unwrap_or_default(),
                    company,
                    since: at,
                    expires,
                });
            }
        }
    }
}

/// What the journal keeps of an order about recipients of one message.
pub(crate) fn detail(
    order: &Order,
    entries: &[EntryId],
    detail: &[serde_json::Value],
) -> serde_json::Value {
    match order {
        Order::Reevaluate(_) => serde_json::json!({ "changed": detail }),
        Order::Retry | Order::Hold | Order::Release | Order::Bounce | Order::Delete => {
            serde_json::json!({ "entries": entries, "recipients": detail })
        }
    }
}
