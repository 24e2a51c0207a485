//! What people are shown, in the shapes of `interface.md`, and what they may ask for.
//!
//! Keys of JSON do not disappear: what is not there is `null`. What only the
//! configuration knows (how long a message is kept trying, the level of a message
//! without one) is filled in by who has the configuration.

use std::time::Duration;

use gatepost_policy::{
    direction::{Direction, Matched},
    document::PolicyDocument,
    evidence::{Attempt, Because, Circumstances, Ending, Failure, Standing, Why},
    id::{EntryId, MessageId},
    retry::Lifetime,
    tls::{Demand, Level, strictest},
};
use gatepost_wire::{address::Mailbox, message::Edits, timestamp::Timestamp};
use serde::{Deserialize, Serialize};
use ulid::Ulid;

use crate::{
    claim::{HeldBy, QueuedMessage, QueuedRecipient},
    filter::Filter,
    intake::CopyRecord,
    message::{ClientFacts, Fate, Verdict},
    queue::Sentence,
};

/// The state of a waiting recipient.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum EntryState {
    /// It waits for its time.
    Waiting,
    /// An attempt is going on.
    Sending,
    /// It is kept and not tried: somebody said so, or its stored body is damaged.
    Held,
}

impl EntryState {
    /// Every state.
    pub const ALL: [Self; 3] = [Self::Waiting, Self::Sending, Self::Held];

    /// The word of `queue list`.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Sending => "sending",
            Self::Held => "held",
        }
    }
}

/// Who keeps an entry from being tried, and why.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Held {
    /// The account, or the operating system's user; `gatepost` for one that is damaged.
    pub by: String,
    /// Since when, where that is known.
    pub at: Option<Timestamp>,
    /// Why.
    pub reason: Option<String>,
    /// Whether it can never be sent.
    pub damaged: bool,
}

/// A waiting recipient: a line of `queue list`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct QueueEntry {
    /// The entry.
    pub id: EntryId,
    /// Its message.
    pub message: MessageId,
    /// The envelope sender, empty for the null sender.
    pub sender: String,
    /// The address.
    pub recipient: String,
    /// The domain as A-label, or the address literal.
    pub domain: String,
    /// The level that is demanded; `None` where nothing was, and the default holds.
    pub level: Option<Level>,
    /// What it does at present.
    pub state: EntryState,
    /// Attempts so far.
    pub attempts: u32,
    /// When it is tried again.
    pub next_attempt: Timestamp,
    /// When it is given up. The store leaves it empty: that is a matter of the configuration.
    pub expires: Option<Timestamp>,
    /// What the last attempt said.
    pub last: Option<Sentence>,
    /// Since when somebody wants an attempt at once.
    pub asked: Option<Timestamp>,
    /// Whether its sender was told that it is late.
    pub warned: bool,
    /// Who keeps it from being tried, and why.
    pub held: Option<Held>,
    /// What is done with it when the attempt ends that is going on: `bounce`, `delete`
    /// or `reevaluate`.
    pub pending: Option<&'static str>,
    /// When the copy was accepted.
    #[serde(skip)]
    pub accepted_at: Timestamp,
    /// What is demanded, and by whom.
    #[serde(skip)]
    pub demands: Vec<Demand>,
}

/// What is true of a whole copy.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CopyState {
    pub(crate) damaged: bool,
    pub(crate) in_hand: bool,
}

impl QueueEntry {
    /// Fills in what only the configuration knows: the level where nothing was demanded, and
    /// when it is given up.
    pub fn complete(&mut self, lifetime: Lifetime, default: Level) {
        let why = self.last.as_ref().and_then(|last| last.why);
        let level = self.level.unwrap_or(default);
        let for_tls = why.is_some_and(Why::is_tls) && level.is_enforced();
        self.level = Some(level);
        self.expires = Some(lifetime.end(self.accepted_at, for_tls));
    }

    /// Why it waits and what helps, of an entry that is complete.
    pub fn because(&self, gateway: &str) -> Because {
        let around = Circumstances {
            domain: &self.domain,
            level: self.level.unwrap_or(Level::Try),
            expires: self.expires,
            gateway,
        };
        let standing = match (self.state, &self.held, &self.last) {
            (_, Some(held), _) => Standing::Held {
                by: &held.by,
                reason: held.reason.as_deref(),
                damaged: held.damaged,
            },
            (EntryState::Sending, None, None) => Standing::Sending,
            (EntryState::Waiting | EntryState::Held, None, None) => Standing::Untried,
            (_, None, Some(last)) => Standing::Failed(Failure {
                why: last.why,
                host: last.host.as_deref(),
                said: last.text.as_deref(),
                attempts: self.attempts,
                next: self.next_attempt,
            }),
        };
        Because::of(standing, around)
    }

    pub(crate) fn of(
        (message, sender): (MessageId, &str),
        copy: &CopyRecord,
        state: CopyState,
        recipient: &QueuedRecipient,
    ) -> Self {
        let QueuedRecipient {
            entry,
            mailbox,
            params: _,
            due,
            attempts,
            last,
            asked,
            warned,
            held,
            intent,
        } = recipient;
        let held = match held.clone() {
            _ if state.damaged => Some(Held {
                by: "gatepost".into(),
                at: None,
                reason: Some("what is stored of it is damaged".into()),
                damaged: true,
            }),
            Some(HeldBy { by, at, reason }) => {
                Some(Held { by, at: Some(at), reason, damaged: false })
            }
            None => None,
        };
        let state = match (&held, state.in_hand) {
            (Some(_), _) => EntryState::Held,
            (None, true) => EntryState::Sending,
            (None, false) => EntryState::Waiting,
        };
        Self {
            id: *entry,
            message,
            sender: sender.to_owned(),
            recipient: mailbox.to_string(),
            domain: mailbox.domain().key(),
            level: strictest(&copy.demands).map(Demand::level),
            state,
            attempts: *attempts,
            next_attempt: *due,
            expires: None,
            last: last.clone(),
            asked: *asked,
            warned: *warned,
            held,
            pending: intent.as_ref().map(|intent| intent.word()),
            accepted_at: copy.accepted_at,
            demands: copy.demands.clone(),
        }
    }
}

/// A waiting recipient with what the rules decided about it, to be judged anew.
#[derive(Clone, Debug)]
pub struct Waiting {
    /// The entry.
    pub id: EntryId,
    /// Its message.
    pub message: QueuedMessage,
    /// The address.
    pub mailbox: Mailbox,
    /// Where it is.
    pub direction: Direction,
    /// What TLS is demanded.
    pub demands: Vec<Demand>,
    /// What is changed in the message when it is sent.
    pub edits: Edits,
    /// The rules that matched.
    pub matched: Vec<Matched>,
    /// What becomes of it.
    pub fate: Fate,
}

impl Waiting {
    pub(crate) fn of(
        message: &QueuedMessage,
        copy: &CopyRecord,
        recipient: &QueuedRecipient,
    ) -> Self {
        Self {
            id: recipient.entry,
            message: message.clone(),
            mailbox: recipient.mailbox.clone(),
            direction: copy.direction,
            demands: copy.demands.clone(),
            edits: copy.edits.clone(),
            matched: copy.matched.clone(),
            fate: copy.fate.clone(),
        }
    }
}

/// A quarantined recipient: a line of `quarantine list`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct QuarantineEntry {
    /// The entry.
    pub id: EntryId,
    /// Its message.
    pub message: MessageId,
    /// The envelope sender, empty for the null sender.
    pub sender: String,
    /// The address.
    pub recipient: String,
    /// The decoded subject.
    pub subject: String,
    /// The rule that put it there.
    pub rule: String,
    /// Whether it is *Quarantine - Company*.
    pub company: bool,
    /// Since when.
    pub since: Timestamp,
    /// When it is deleted.
    pub expires: Timestamp,
}

/// Which entries a verb acts on.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Selection {
    /// All of them.
    All,
    /// Those with one of these ids. An id is that of an entry, or that of a
    /// message, which means all its recipients (decision 34).
    Ids(Vec<Ulid>),
    /// Those at this domain, as A-label or address literal.
    Domain(String),
    /// Those that a filter picks. Of waiting mail only: it picks nothing in quarantine.
    Filter {
        /// The filter.
        filter: Box<Filter>,
        /// The level of mail about which nothing is demanded.
        default: Level,
    },
}

impl Selection {
    pub(crate) fn picks(&self, entry: EntryId, message: MessageId, domain: &str) -> bool {
        match self {
            Self::All => true,
            Self::Ids(ids) => ids.iter().any(|id| *id == entry.ulid() || *id == message.ulid()),
            Self::Domain(wanted) => wanted.eq_ignore_ascii_case(domain),
            Self::Filter { .. } => false,
        }
    }

    /// The domain that all it takes is at, as A-label or address literal, where that is known.
    pub(crate) fn domain(&self) -> Option<&str> {
        match self {
            Self::Domain(domain) => Some(domain),
            Self::Filter { filter, .. } => filter.domain(),
            Self::All | Self::Ids(_) => None,
        }
    }

    /// Whether it takes a waiting recipient.
    pub fn takes(&self, entry: &QueueEntry, now: Timestamp) -> bool {
        match self {
            Self::Filter { filter, default } => filter.matches(entry, *default, now),
            Self::All | Self::Ids(_) | Self::Domain(_) => {
                self.picks(entry.id, entry.message, &entry.domain)
            }
        }
    }
}

/// Who does something, and why; kept in the journal and in the audit log.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
pub struct Author {
    /// The account, or the operating system's user.
    pub by: String,
    /// `--reason`.
    pub reason: Option<String>,
    /// The address that it came from, where it came over a network.
    #[serde(default)]
    pub from: Option<String>,
    /// The way it came in.
    #[serde(default)]
    pub via: Via,
}

impl Author {
    /// Somebody at the command line, and why.
    pub fn new(by: &str, reason: Option<&str>) -> Self {
        let (by, reason) = (by.to_owned(), reason.map(ToOwned::to_owned));
        Self { by, reason, from: None, via: Via::Cli }
    }

    /// The gateway itself, and why.
    pub fn gateway(reason: &str) -> Self {
        Self { via: Via::System, ..Self::new("gatepost", Some(reason)) }
    }

    /// The same one, by another way and from an address.
    #[must_use]
    pub fn through(self, via: Via, from: Option<&str>) -> Self {
        Self { via, from: from.map(ToOwned::to_owned), ..self }
    }
}

/// The way in that somebody took.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Via {
    /// The command line, on the gateway's machine.
    #[default]
    Cli,
    /// The console, with a session.
    Console,
    /// The API, with a token.
    Api,
    /// The one-time link of the first start.
    Setup,
    /// SMTP AUTH.
    Smtp,
    /// Nobody: the gateway by itself.
    System,
}

impl Via {
    /// The word of the audit log.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Cli => "cli",
            Self::Console => "console",
            Self::Api => "api",
            Self::Setup => "setup",
            Self::Smtp => "smtp",
            Self::System => "system",
        }
    }
}

/// What attempts to look for. What is `None` does not limit; there is no limit to
/// how many are given.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Search {
    /// The whole address, without regard to case.
    pub recipient: Option<String>,
    /// The recipient's domain as A-label or address literal.
    pub domain: Option<String>,
    /// How the attempt ended.
    pub outcome: Option<Ending>,
    /// Attempts that ended then or later.
    pub since: Option<Timestamp>,
    /// Attempts that ended then or earlier.
    pub until: Option<Timestamp>,
    /// The envelope sender, without regard to case; `<>` for the null sender.
    pub sender: Option<String>,
    /// The message.
    pub message: Option<MessageId>,
    /// Why it was not delivered.
    pub why: Option<Why>,
    /// The level that was wanted.
    pub level: Option<Level>,
    /// A text that occurs in the recipient, or in the sender, the subject or the id of the
    /// message, without regard to case. Of [`crate::Browse`] alone.
    pub text: Option<String>,
}

impl Search {
    /// Whether an attempt has the cause and the level that are looked for.
    pub(crate) fn wants(&self, attempt: &Attempt) -> bool {
        self.why.is_none_or(|why| attempt.why == Some(why))
            && self.level.is_none_or(|level| attempt.level == level)
    }

    /// The sender as it is stored, in lower case.
    pub(crate) fn sender_key(&self) -> Option<String> {
        let sender = self.sender.as_deref()?;
        Some(if sender == "<>" { String::new() } else { sender.to_lowercase() })
    }
}

/// All that is known about a message.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct MessageStory {
    /// Its id.
    pub id: MessageId,
    /// When it was received.
    pub received_at: Timestamp,
    /// The envelope sender, empty for the null sender.
    pub sender: String,
    /// The decoded subject.
    pub subject: String,
    /// Bytes as received.
    pub size: u64,
    /// Who brought it.
    pub client: ClientFacts,
    /// The revision of the policy that judged it.
    pub revision: u64,
    /// How the rules judged its recipients.
    pub verdicts: Vec<RecordedVerdict>,
    /// What was done to it, oldest first.
    pub events: Vec<Event>,
    /// Every attempt, oldest first.
    pub attempts: Vec<Attempt>,
    /// Recipients that wait.
    pub queue: Vec<QueueEntry>,
    /// Recipients in quarantine.
    pub quarantine: Vec<QuarantineEntry>,
}

/// How the rules judged some recipients of a message.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RecordedVerdict {
    /// The addresses.
    pub recipients: Vec<String>,
    /// Where they are; `None` for those that were done with at once.
    pub direction: Option<Direction>,
    /// How the walk ended.
    pub verdict: Verdict,
    /// The rule that ended it, where that is known.
    pub rule: Option<String>,
    /// The rules that matched.
    pub matched: Vec<Matched>,
    /// What TLS was demanded.
    pub demands: Vec<Demand>,
}

/// What kind of thing happened.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EventKind {
    /// Something odd about a message: a control field a stranger sent, a
    /// shadowed demand, a value nobody knows.
    Anomaly,
    /// Somebody did something.
    Act,
    /// The gateway did something by itself.
    Note,
    /// The store found or had a fault.
    Fault,
}

impl EventKind {
    /// The word of the journal.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Anomaly => "anomaly",
            Self::Act => "act",
            Self::Note => "note",
            Self::Fault => "fault",
        }
    }
}

/// A line of the journal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// When.
    pub at: Timestamp,
    /// Of what kind.
    pub kind: EventKind,
    /// The message it is about.
    pub message: Option<MessageId>,
    /// Who did it; `None` where it was the gateway.
    pub author: Option<Author>,
    /// What, as a word: `queue.retry`, `quarantine.release`, `spoof-removed`.
    pub what: String,
    /// The rest, by name.
    pub detail: serde_json::Value,
}

/// How much there is, for metrics.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Counts {
    /// Copies that wait.
    pub waiting: usize,
    /// Copies in somebody's hand.
    pub sending: usize,
    /// Copies that are kept and not tried.
    pub held: usize,
    /// Recipients in quarantine.
    pub quarantined: usize,
}

/// How long what is done with is kept. What is in quarantine says itself when it expires.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Retention {
    /// Messages and their verdicts.
    pub history: Duration,
    /// Attempts and events.
    pub evidence: Duration,
}

/// What a retention run removed.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Pruned {
    /// Messages of the history.
    pub messages: usize,
    /// Quarantined recipients.
    pub quarantined: usize,
    /// Attempts.
    pub attempts: usize,
    /// Events.
    pub events: usize,
}

/// A line of `policy history`.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Revision {
    /// Its number; the first one of a store is 1.
    pub revision: u64,
    /// When it was made.
    pub at: Timestamp,
    /// By whom.
    pub by: String,
    /// Why.
    pub reason: Option<String>,
}

/// A revision with its document.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredRevision {
    /// Its line in the history.
    pub revision: Revision,
    /// The policy.
    pub document: PolicyDocument,
}

/// What a commit of the policy did.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Committed {
    /// The revision that holds now.
    pub revision: u64,
    /// Whether it is a new one; `false` when the same policy was there already.
    pub changed: bool,
}

/// As `millis`, where there may be none.
pub(crate) mod maybe_millis {
    use gatepost_wire::timestamp::Timestamp;
    use serde::{Deserialize as _, Deserializer, Serialize as _, Serializer};

    pub(crate) fn serialize<S: Serializer>(
        at: &Option<Timestamp>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        at.map(Timestamp::millis).serialize(to)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Option<Timestamp>, D::Error> {
        Ok(Option::<i64>::deserialize(from)?.map(Timestamp::from_millis))
    }
}

/// Timestamps that are stored and compared: in milliseconds, where those for
/// people drop the fraction.
pub(crate) mod millis {
    use gatepost_wire::timestamp::Timestamp;
    use serde::{Deserialize as _, Deserializer, Serialize as _, Serializer};

    pub(crate) fn serialize<S: Serializer>(at: &Timestamp, to: S) -> Result<S::Ok, S::Error> {
        at.millis().serialize(to)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Timestamp, D::Error> {
        i64::deserialize(from).map(Timestamp::from_millis)
    }
}
