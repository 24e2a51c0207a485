//! What people see and do, the policy, and the journal.

use async_trait::async_trait;
use gatepost_policy::{
    document::{PolicyDocument, Profile},
    evidence::Attempt,
    id::{EntryId, MessageId},
};
use gatepost_wire::timestamp::Timestamp;
use ulid::Ulid;

use super::{Memory, State};
use crate::{
    body::Body,
    claim::CopyKey,
    error::StoreError,
    intake,
    order::{Acted, Order, OrderError, Orders},
    queue::search_key,
    rulebook::Renamed,
    traits::{Inspect, Journal, Settings, SettingsError},
    view::{
        Author, Committed, Counts, Event, EventKind, MessageStory, Pruned, QuarantineEntry,
        QueueEntry, RecordedVerdict, Retention, Revision, Search, Selection, StoredRevision,
        Waiting,
    },
};

#[async_trait]
impl Inspect for Memory {
    async fn queue_list(&self) -> Result<Vec<QueueEntry>, StoreError> {
        Ok(self.state().queue())
    }

    async fn queue_find(&self, id: Ulid) -> Result<Vec<QueueEntry>, StoreError> {
        let mut found = self.state().queue();
        found.retain(|entry| entry.id.ulid() == id || entry.message.ulid() == id);
        Ok(found)
    }

    async fn queue_pick(&self, selection: &Selection) -> Result<Vec<Waiting>, StoreError> {
        let now = self.now();
        let state = self.state();
        let picked = state.entries().into_iter().filter(|(_, entry)| selection.takes(entry, now));
        let picked = picked.filter_map(|(key, entry)| {
            let copy = state.copies.get(&key)?;
            let message = &state.messages.get(&key.message)?.message;
            let recipient = copy.recipients.iter().find(|one| one.entry == entry.id)?;
            Some(Waiting::of(message, &copy.record, recipient))
        });
        Ok(picked.collect())
    }

    async fn queue_count(&self, selection: &Selection) -> Result<usize, StoreError> {
        let (now, entries) = (self.now(), self.state().entries());
        Ok(entries.iter().filter(|(_, entry)| selection.takes(entry, now)).count())
    }

    async fn message_verdicts(
        &self,
        id: MessageId,
    ) -> Result<Option<Vec<RecordedVerdict>>, StoreError> {
        Ok(self.state().messages.get(&id).map(|stored| stored.verdicts.clone()))
    }

    async fn queue_order(
        &self,
        selection: &Selection,
        order: Order,
        author: &Author,
        count: Option<usize>,
    ) -> Result<Acted, OrderError> {
        let orders = Orders { order, author: author.clone(), now: self.now() };
        self.give(selection, &orders, count)
    }

    async fn messages_search(&self, search: &Search) -> Result<Vec<Attempt>, StoreError> {
        let Search { recipient, domain, outcome, since, until, message, .. } = search;
        let recipient = recipient.as_deref().map(search_key);
        let domain = domain.as_deref().map(str::to_lowercase);
        let state = self.state();
        let mut found: Vec<_> = state
            .attempts
            .iter()
            .filter(|evidence| recipient.as_ref().is_none_or(|r| *r == evidence.recipient))
            .filter(|evidence| domain.as_ref().is_none_or(|d| *d == evidence.domain))
            .filter(|evidence| outcome.is_none_or(|o| o == evidence.ending))
            .filter(|evidence| since.is_none_or(|s| evidence.attempt.at >= s))
            .filter(|evidence| until.is_none_or(|u| evidence.attempt.at <= u))
            .filter(|evidence| message.is_none_or(|id| id == evidence.attempt.message))
            .filter(|evidence| {
                let found = |wanted: String| {
                    wanted == state.sender(evidence.attempt.message).to_lowercase()
                };
                search.sender_key().is_none_or(found) && search.wants(&evidence.attempt)
            })
            .collect();
        found.sort_by_key(|evidence| (evidence.attempt.at, evidence.entry, evidence.number));
        Ok(found.into_iter().map(|evidence| evidence.attempt.clone()).collect())
    }

    async fn message_show(&self, id: MessageId) -> Result<Option<MessageStory>, StoreError> {
        let state = self.state();
        let Some(stored) = state.messages.get(&id) else { return Ok(None) };
        let message = &stored.message;
        let of_it = |attempt: &&Attempt| attempt.message == id;
        let mut attempts: Vec<Attempt> = state
            .attempts
            .iter()
            .map(|evidence| &evidence.attempt)
            .filter(of_it)
            .cloned()
            .collect();
        attempts.sort_by_key(|attempt| attempt.at);
        Ok(Some(MessageStory {
            id,
            received_at: message.received_at,
            sender: message.sender.to_string(),
            subject: message.subject.clone(),
            size: message.size,
            client: message.client.clone(),
            revision: message.revision,
            verdicts: stored.verdicts.clone(),
            events: state.events.iter().filter(|e| e.message == Some(id)).cloned().collect(),
            attempts,
            queue: state.queue().into_iter().filter(|entry| entry.message == id).collect(),
            quarantine: state.quarantine().into_iter().filter(|e| e.message == id).collect(),
        }))
    }

    async fn message_bytes(&self, id: MessageId) -> Result<Option<Body>, StoreError> {
        let state = self.state();
        let needed = state.needs_body(id).then(|| state.messages.get(&id)).flatten();
        Ok(needed.map(|stored| Body::memory(stored.body.clone())))
    }

    async fn quarantine_list(&self) -> Result<Vec<QuarantineEntry>, StoreError> {
        Ok(self.state().quarantine())
    }

    async fn quarantine_find(&self, id: Ulid) -> Result<Vec<QuarantineEntry>, StoreError> {
        let mut found = self.state().quarantine();
        found.retain(|entry| entry.id.ulid() == id || entry.message.ulid() == id);
        Ok(found)
    }

    async fn quarantine_release(
        &self,
        selection: &Selection,
        author: &Author,
    ) -> Result<usize, StoreError> {
        let now = self.now();
        let mut state = self.state();
        let picked = state.picked(selection);
        for entry in &picked {
            let Some(held) = state.quarantined.remove(entry) else { continue };
            let detail = serde_json::json!({ "recipients": [held.recipient.mailbox.to_string()] });
            state.events.push(act(now, held.message, author, "quarantine.release", detail));
            let number = state.free_number(held.message);
            let mut record = held.record;
            record.accepted_at = now;
            let recipient = intake::queued(held.recipient, *entry, now);
            // Those that were quarantined together are released together.
            let same = state.copies.iter_mut().find(|(key, copy)| {
                key.message == held.message && !copy.in_hand && copy.record == record
            });
            match same {
                Some((_, copy)) => copy.recipients.push(recipient),
                None => {
                    let key = CopyKey { message: held.message, number };
                    state.insert(key, record, vec![recipient]);
                }
            }
        }
        drop(state);
        self.inner.changed.notify_one();
        Ok(picked.len())
    }

    async fn quarantine_delete(
        &self,
        selection: &Selection,
        author: &Author,
    ) -> Result<usize, StoreError> {
        let now = self.now();
        let mut state = self.state();
        let picked = state.picked(selection);
        for entry in &picked {
            let Some(held) = state.quarantined.remove(entry) else { continue };
            let detail = serde_json::json!({ "recipients": [held.recipient.mailbox.to_string()] });
            state.events.push(act(now, held.message, author, "quarantine.delete", detail));
            state.forget_body(held.message);
        }
        Ok(picked.len())
    }

    async fn counts(&self) -> Result<Counts, StoreError> {
        let state = self.state();
        let sending = state.copies.values().filter(|copy| copy.in_hand).count();
        let waiting = state.copies.values().filter_map(State::due).count();
        Ok(Counts {
            waiting,
            sending,
            held: state.copies.len().saturating_sub(sending).saturating_sub(waiting),
            quarantined: state.quarantined.len(),
        })
    }

    async fn prune(&self, now: Timestamp, keep: Retention) -> Result<Pruned, StoreError> {
        let Retention { history, evidence } = keep;
        let mut state = self.state();
        let expired: Vec<EntryId> = state
            .quarantined
            .iter()
            .filter(|(_, held)| held.expires <= now)
            .map(|(entry, _)| *entry)
            .collect();
        for entry in &expired {
            state.quarantined.remove(entry);
        }
        let old = |at: Timestamp, age| now.since(at) > age;
        let done: Vec<MessageId> = state
            .messages
            .iter()
            .filter(|(id, stored)| {
                old(stored.message.received_at, history) && !state.needs_body(**id)
            })
            .map(|(id, _)| *id)
            .collect();
        for id in &done {
            state.messages.remove(id);
        }
        let before = (state.attempts.len(), state.events.len());
        state.attempts.retain(|kept| !old(kept.attempt.at, evidence));
        state.events.retain(|event| !old(event.at, evidence));
        Ok(Pruned {
            messages: done.len(),
            quarantined: expired.len(),
            attempts: before.0.saturating_sub(state.attempts.len()),
            events: before.1.saturating_sub(state.events.len()),
        })
    }
}

#[async_trait]
impl Settings for Memory {
    fn head(&self) -> u64 {
        *self.inner.head.borrow()
    }

    async fn load(&self, revision: u64) -> Result<Option<StoredRevision>, StoreError> {
        let state = self.state();
        Ok(state.revisions.iter().find(|held| held.revision.revision == revision).cloned())
    }

    async fn history(&self) -> Result<Vec<Revision>, StoreError> {
        Ok(self.state().revisions.iter().rev().map(|held| held.revision.clone()).collect())
    }

    async fn commit_renamed(
        &self,
        base: Option<u64>,
        document: &PolicyDocument,
        renamed: &[Renamed],
        author: &Author,
    ) -> Result<Committed, SettingsError> {
        let mut state = self.state();
        let head = self.head();
        if let Some(base) = base
            && base != head
        {
            return Err(SettingsError::Conflict { base, head });
        }
        if state.revisions.last().is_some_and(|held| held.document == *document) {
            return Ok(Committed { revision: head, changed: false });
        }
        let Author { by, reason, from: _, via: _ } = author.clone();
        let revision = head.saturating_add(1);
        state.revisions.push(StoredRevision {
            revision: Revision { revision, at: self.now(), by, reason },
            document: document.clone(),
        });
        state.follow(document, renamed, self.now());
        self.inner.head.send_replace(revision);
        Ok(Committed { revision, changed: true })
    }

    fn profile(&self) -> Profile {
        self.inner.profile
    }

    async fn changed_revision(&self, known: u64) -> u64 {
        let mut head = self.inner.head.subscribe();
        let found = head.wait_for(|head| *head != known).await.map(|head| *head);
        match found {
            Ok(head) => head,
            // The sender is in the store, which this borrows.
            Err(_) => std::future::pending().await,
        }
    }
}

#[async_trait]
impl Journal for Memory {
    async fn append(&self, events: Vec<Event>) -> Result<(), StoreError> {
        self.state().events.extend(events);
        Ok(())
    }

    async fn events(&self, since: Option<Timestamp>) -> Result<Vec<Event>, StoreError> {
        let state = self.state();
        let wanted = state.events.iter().filter(|event| since.is_none_or(|s| event.at >= s));
        Ok(wanted.cloned().collect())
    }
}

impl State {
    pub(super) fn queue(&self) -> Vec<QueueEntry> {
        self.entries().into_iter().map(|(_, entry)| entry).collect()
    }

    pub(super) fn quarantine(&self) -> Vec<QuarantineEntry> {
        let mut entries: Vec<_> = self
            .quarantined
            .iter()
            .map(|(id, held)| QuarantineEntry {
                id: *id,
                message: held.message,
                sender: self.sender(held.message),
                recipient: held.recipient.mailbox.to_string(),
                subject: self
                    .messages
                    .get(&held.message)
                    .map(|stored| stored.message.subject.clone())
                    .unwrap_or_default(),
                rule: held.rule.clone(),
                company: held.company,
                since: held.since,
                expires: held.expires,
            })
            .collect();
        entries.sort_by_key(|entry| (entry.message, entry.id));
        entries
    }

    pub(super) fn sender(&self, id: MessageId) -> String {
        self.messages.get(&id).map(|stored| stored.message.sender.to_string()).unwrap_or_default()
    }

    fn picked(&self, selection: &Selection) -> Vec<EntryId> {
        self.quarantined
            .iter()
            .filter(|(entry, held)| {
                selection.picks(**entry, held.message, &held.record.domain.key())
            })
            .map(|(entry, _)| *entry)
            .collect()
    }
}

fn act(
    at: Timestamp,
    message: MessageId,
    author: &Author,
    what: &str,
    detail: serde_json::Value,
) -> Event {
    let author = Some(author.clone());
    Event { at, kind: EventKind::Act, message: Some(message), author, what: what.into(), detail }
}
