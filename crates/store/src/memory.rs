//! The store without a disk: for tests, and the model that the other is held to.
//!
//! Everything is in one structure behind one lock, and every question is answered
//! by looking at all of it. That is slow and plainly right. The rules of the queue
//! itself are shared with the other backend.

mod browse;
mod ledger;
mod orders;
mod probes;
mod queue;
mod rulebook;
mod show;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
};

use bytes::Bytes;
use gatepost_policy::{
    document::{PolicyDocument, Profile},
    id::{EntryId, MessageId},
};
use gatepost_wire::timestamp::Timestamp;
use tokio::sync::{Notify, watch};

use crate::{
    claim::{CopyKey, Lane, QueuedMessage, QueuedRecipient, TakeBack},
    clock::Clock,
    error::Unhealthy,
    intake::{self, CopyRecord, Quarantining},
    message::{NewMessage, NewRecipient},
    queue::Evidence,
    rulebook::{Hit, Ids},
    view::{Author, Event, RecordedVerdict, Revision, StoredRevision},
};

/// A store in memory. A clone is another handle to the same one.
#[derive(Clone)]
pub struct Memory {
    inner: Arc<Inner>,
}

struct Inner {
    clock: Arc<dyn Clock>,
    profile: Profile,
    state: Mutex<State>,
    changed: Notify,
    head: watch::Sender<u64>,
}

#[derive(Default)]
struct State {
    messages: BTreeMap<MessageId, Stored>,
    copies: BTreeMap<CopyKey, Copy>,
    quarantined: BTreeMap<EntryId, Quarantined>,
    attempts: Vec<Evidence>,
    events: Vec<Event>,
    revisions: Vec<StoredRevision>,
    /// By domain.
    probes: BTreeMap<String, BTreeMap<Timestamp, serde_json::Value>>,
    ids: Ids,
    /// Each with the id of its rule.
    hits: Vec<(String, Hit)>,
    /// Why no mail is taken, if a test says so.
    unhealthy: Option<Unhealthy>,
}

struct Stored {
    message: QueuedMessage,
    verdicts: Vec<RecordedVerdict>,
    body: Bytes,
}

struct Copy {
    lane: Lane,
    record: CopyRecord,
    recipients: Vec<QueuedRecipient>,
    in_hand: bool,
}

struct Quarantined {
    message: MessageId,
    record: CopyRecord,
    recipient: NewRecipient,
    rule: String,
    company: bool,
    since: Timestamp,
    expires: Timestamp,
}

impl Memory {
    /// A new store, with the policy of `profile` as revision 1.
    pub fn new(profile: Profile, clock: Arc<dyn Clock>) -> Self {
        let Author { by, reason, from: _, via: _ } = Author::gateway("a new store");
        let revision = Revision { revision: 1, at: clock.now(), by, reason };
        let first = StoredRevision { revision, document: PolicyDocument::initial(profile) };
        let state = State { revisions: vec![first], ..State::default() };
        Self {
            inner: Arc::new(Inner {
                clock,
                profile,
                state: Mutex::new(state),
                changed: Notify::new(),
                head: watch::Sender::new(1),
            }),
        }
    }

    /// Makes the store refuse mail for this reason, or take it again.
    pub fn set_unhealthy(&self, why: Option<Unhealthy>) {
        self.state().unhealthy = why;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.inner.state()
    }

    fn now(&self) -> Timestamp {
        self.inner.clock.now()
    }

    fn owner(&self) -> Weak<dyn TakeBack> {
        let weak: Weak<Inner> = Arc::downgrade(&self.inner);
        weak
    }
}

impl Inner {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl TakeBack for Inner {
    fn take_back(&self, key: CopyKey) {
        let mut state = self.state();
        if let Some(copy) = state.copies.get_mut(&key) {
            copy.in_hand = false;
            state.carry_out(key, self.clock.now());
        }
        drop(state);
        self.changed.notify_one();
    }
}

impl State {
    /// Takes a message in.
    fn add(&mut self, body: Bytes, message: NewMessage, clock: &dyn Clock) {
        let verdicts = intake::verdicts(&message);
        let NewMessage {
            id,
            received_at,
            sender,
            params,
            client,
            revision,
            subject,
            copies,
            quarantined,
            closed: _,
        } = message;
        let size = u64::try_from(body.len()).unwrap_or(u64::MAX);
        let message =
            QueuedMessage { id, sender, params, received_at, size, client, revision, subject };
        self.messages.insert(id, Stored { message, verdicts, body });
        let mut ids = intake::EntryIds::new(clock);
        let mut mint = || ids.mint(clock);
        for (number, copy) in copies.into_iter().enumerate() {
            let (record, recipients) = CopyRecord::of_copy(copy, received_at);
            let key = CopyKey { message: id, number: u32::try_from(number).unwrap_or(u32::MAX) };
            let recipients =
                recipients.into_iter().map(|r| intake::queued(r, mint(), received_at)).collect();
            self.insert(key, record, recipients);
        }
        for group in quarantined {
            let (record, quarantining) = CopyRecord::of_quarantined(group, received_at);
            let Quarantining { recipients, rule, company, expires } = quarantining;
            for recipient in recipients {
                let (record, rule, since) = (record.clone(), rule.clone(), received_at);
                let held =
                    Quarantined { message: id, record, recipient, rule, company, since, expires };
                self.quarantined.insert(mint(), held);
            }
        }
        self.forget_body(id);
    }

    fn insert(&mut self, key: CopyKey, record: CopyRecord, recipients: Vec<QueuedRecipient>) {
        let lane = record.lane();
        let copy = Copy { lane, record, recipients, in_hand: false };
        self.copies.insert(key, copy);
    }

    /// A number that no copy of a message has.
    fn free_number(&self, message: MessageId) -> u32 {
        let numbers = self.copies.keys().filter(|key| key.message == message);
        numbers.map(|key| key.number.saturating_add(1)).max().unwrap_or(0)
    }

    /// Whether anything waits for the body of a message.
    fn needs_body(&self, id: MessageId) -> bool {
        self.copies.keys().any(|key| key.message == id)
            || self.quarantined.values().any(|held| held.message == id)
    }

    fn forget_body(&mut self, id: MessageId) {
        if !self.needs_body(id)
            && let Some(stored) = self.messages.get_mut(&id)
        {
            stored.body = Bytes::new();
        }
    }
}
