//! Mail on its way out: what can be claimed, a claim, and how it is settled.
//!
//! A claim is one message for one destination and one set of demands. It is
//! settled once, for every recipient in it, or released; dropping it releases
//! it. Only a store makes claims, so no two workers ever hold the same copy.

use std::fmt;

use bytes::Bytes;
use gatepost_policy::{
    direction::{Direction, Matched},
    evidence::Attempt,
    id::{EntryId, MessageId},
    tls::Demand,
};
use gatepost_wire::{
    address::{AddressDomain, Mailbox, ReversePath},
    command::{MailParams, RcptParams},
    message::Edits,
    timestamp::Timestamp,
};
use serde::{Deserialize, Serialize};

use crate::{
    message::{ClientFacts, Fate, NewMessage},
    order::Intent,
    queue::{Result as Settled, Sentence},
};

/// One destination and one set of demands: what may share a session.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct Lane {
    /// Whether the recipients are ours.
    pub direction: Direction,
    /// Their domain.
    pub domain: AddressDomain,
    /// [`gatepost_policy::tls::fingerprint`] of the demands; [`Lane::REPORT`]
    /// for copies that are only reported to their sender.
    pub fingerprint: String,
}

impl Lane {
    /// The fingerprint of copies that go nowhere: [`Fate::Report`] and [`Fate::Returned`].
    pub const REPORT: &'static str = "report";
}

/// A lane with mail that is due.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Ready {
    /// The lane.
    pub lane: Lane,
    /// Copies in it that are due and in nobody's hand.
    pub count: usize,
}

/// The message that a claimed copy belongs to.
#[derive(Clone, Debug)]
pub struct QueuedMessage {
    /// Its id.
    pub id: MessageId,
    /// The envelope sender.
    pub sender: ReversePath,
    /// The parameters of `MAIL FROM`.
    pub params: MailParams,
    /// When it was received.
    pub received_at: Timestamp,
    /// Bytes as received.
    pub size: u64,
    /// Who brought it.
    pub client: ClientFacts,
    /// The revision of the policy that judged it.
    pub revision: u64,
    /// The decoded subject.
    pub subject: String,
}

/// A copy in somebody's hand.
#[derive(Clone, Debug)]
pub struct QueuedCopy {
    /// Its lane.
    pub lane: Lane,
    /// What TLS was demanded when it was accepted.
    pub demands: Vec<Demand>,
    /// What is changed in the message when it is sent.
    pub edits: Edits,
    /// The rules that matched.
    pub matched: Vec<Matched>,
    /// The recipients that are due; at least one.
    pub recipients: Vec<QueuedRecipient>,
    /// Attempts so far: the most that one of the recipients has had.
    pub attempts: u32,
    /// When the copy was accepted into the queue: receipt, or release from quarantine.
    pub accepted_at: Timestamp,
    /// What becomes of it.
    pub fate: Fate,
}

/// A recipient that waits.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct QueuedRecipient {
    /// The id of the queue entry.
    pub entry: EntryId,
    /// The address.
    pub mailbox: Mailbox,
    /// The parameters of `RCPT TO`.
    pub params: RcptParams,
    /// When it is due.
    #[serde(with = "crate::view::millis")]
    pub due: Timestamp,
    /// Attempts so far.
    pub attempts: u32,
    /// What the last attempt said; `None` before the first.
    pub last: Option<Sentence>,
    /// Since when somebody wants an attempt at once; `None` again when one has ended.
    #[serde(default, with = "crate::view::maybe_millis")]
    pub asked: Option<Timestamp>,
    /// Whether its sender was told that it is late.
    #[serde(default)]
    pub warned: bool,
    /// Who keeps it from being tried, and why. It is in no claim until it is released.
    #[serde(default)]
    pub held: Option<HeldBy>,
    /// What somebody decided about it, to be carried out as soon as no attempt is
    /// going on. Until then it is in no claim.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) intent: Option<Box<Intent>>,
}

impl QueuedRecipient {
    /// Whether a claim may take it when it is due.
    pub(crate) const fn is_free(&self) -> bool {
        self.held.is_none() && self.intent.is_none()
    }
}

/// Who keeps a waiting recipient from being tried.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct HeldBy {
    /// The account, or the operating system's user.
    pub by: String,
    /// Since when.
    #[serde(with = "crate::view::millis")]
    pub at: Timestamp,
    /// `--reason`.
    pub reason: Option<String>,
}

/// What names a copy within a store: its message, and its number there.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Ord, PartialOrd, Hash, Serialize, Deserialize)]
pub(crate) struct CopyKey {
    pub(crate) message: MessageId,
    pub(crate) number: u32,
}

/// Takes back what was in somebody's hand and was not settled.
pub(crate) trait TakeBack: Send + Sync {
    fn take_back(&self, key: CopyKey);
}

/// The hold on a copy. Dropping it gives the copy back, unless it was spent.
pub(crate) struct Hold {
    key: CopyKey,
    owner: Option<std::sync::Weak<dyn TakeBack>>,
}

impl Hold {
    pub(crate) fn new(key: CopyKey, owner: std::sync::Weak<dyn TakeBack>) -> Self {
        Self { key, owner: Some(owner) }
    }

    pub(crate) const fn key(&self) -> CopyKey {
        self.key
    }

    /// From here on the store itself decides what becomes of the copy.
    pub(crate) fn spend(mut self) -> CopyKey {
        self.owner = None;
        self.key
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        if let Some(owner) = self.owner.take().and_then(|owner| owner.upgrade()) {
            owner.take_back(self.key);
        }
    }
}

/// A copy of a message in the hand of one worker.
#[must_use = "a claim is settled or released"]
pub struct Claim {
    pub(crate) hold: Hold,
    pub(crate) message: QueuedMessage,
    pub(crate) copy: QueuedCopy,
    /// The body, where the store still has it at hand.
    pub(crate) fresh: Option<Bytes>,
}

impl Claim {
    /// The message.
    pub const fn message(&self) -> &QueuedMessage {
        &self.message
    }

    /// The copy, with the recipients that are due.
    pub const fn copy(&self) -> &QueuedCopy {
        &self.copy
    }

    /// Decides about every recipient; none can be forgotten, and none twice.
    pub fn settle(self, mut decide: impl FnMut(&QueuedRecipient) -> Outcome) -> Settlement {
        let Self { hold, message: _, copy, fresh: _ } = self;
        let results = copy
            .recipients
            .into_iter()
            .map(|recipient| {
                let outcome = decide(&recipient);
                Settled { recipient, outcome }
            })
            .collect();
        Settlement { hold, results, notices: Vec::new() }
    }
}

impl fmt::Debug for Claim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Claim")
            .field("message", &self.message.id)
            .field("lane", &self.copy.lane)
            .field("recipients", &self.copy.recipients.len())
            .finish_non_exhaustive()
    }
}

/// What an attempt did for a recipient. Its evidence comes with it.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// The remote site took it: the entry ends.
    Delivered(Attempt),
    /// It is tried again.
    Deferred {
        /// The evidence.
        attempt: Attempt,
        /// When it is due again.
        next: Timestamp,
        /// Whether its sender has been told that it is late, with this settlement or before.
        warned: bool,
    },
    /// It is given up: the entry ends.
    Bounced(Attempt),
}

impl Outcome {
    /// The evidence.
    pub const fn attempt(&self) -> &Attempt {
        match self {
            Self::Delivered(attempt)
            | Self::Deferred { attempt, next: _, warned: _ }
            | Self::Bounced(attempt) => attempt,
        }
    }
}

/// What became of every recipient of a claim, to be written by
/// [`crate::Dispatch::settle`]. Dropping it instead gives the claim back.
#[must_use = "a settlement is written by `Dispatch::settle`"]
pub struct Settlement {
    pub(crate) hold: Hold,
    pub(crate) results: Vec<Settled>,
    pub(crate) notices: Vec<(Bytes, NewMessage)>,
}

impl Settlement {
    /// Adds a message that Gatepost made about it (a DSN). It is committed in the
    /// same transaction, so that neither can be there without the other. Its id
    /// comes from [`crate::Enqueue::mint`].
    pub fn with_notice(mut self, head_and_body: Vec<u8>, message: NewMessage) -> Self {
        self.notices.push((head_and_body.into(), message));
        self
    }

    /// The message whose copy is settled.
    pub const fn message(&self) -> MessageId {
        self.hold.key().message
    }
}

impl fmt::Debug for Settlement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settlement")
            .field("message", &self.hold.key().message)
            .field("recipients", &self.results.len())
            .field("notices", &self.notices.len())
            .finish_non_exhaustive()
    }
}
