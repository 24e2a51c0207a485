//! Mail in and out.

use async_trait::async_trait;
use bytes::Bytes;
use gatepost_policy::id::MessageId;
use gatepost_wire::timestamp::Timestamp;

use super::{Memory, State};
use crate::{
    body::{Body, Content, Staged, Staging},
    claim::{Claim, CopyKey, Hold, Lane, QueuedCopy, Ready, Settlement},
    error::{Cause, StoreError, Unhealthy},
    intake,
    message::{NewMessage, Receipt},
    queue,
    traits::{Dispatch, Enqueue},
};

#[async_trait]
impl Enqueue for Memory {
    fn mint(&self) -> MessageId {
        MessageId::from_ulid(intake::mint(self.inner.clock.as_ref()))
    }

    fn stage(&self, size_hint: Option<u64>) -> Result<Staging, StoreError> {
        self.accepting()?;
        Ok(Staging::new(None, size_hint))
    }

    async fn commit(&self, staged: Staged, message: NewMessage) -> Result<Receipt, StoreError> {
        self.accepting()?;
        let Content::Memory(body) = staged.content else {
            // Made by a store with a disk: not one of ours.
            return Err(StoreError::not_applied(Cause::NotServing));
        };
        let id = message.id;
        self.state().add(body, message, self.inner.clock.as_ref());
        self.inner.changed.notify_one();
        Ok(Receipt::new(id))
    }

    fn accepts(&self, _size: u64) -> Result<(), Unhealthy> {
        self.state().unhealthy.clone().map_or(Ok(()), Err)
    }
}

#[async_trait]
impl Dispatch for Memory {
    fn ready(&self, now: Timestamp) -> Vec<Ready> {
        let state = self.state();
        let mut ready: Vec<Ready> = Vec::new();
        for (_, lane, _) in due(&state, now) {
            match ready.iter_mut().find(|ready| &ready.lane == lane) {
                Some(ready) => ready.count = ready.count.saturating_add(1),
                None => ready.push(Ready { lane: lane.clone(), count: 1 }),
            }
        }
        ready
    }

    fn next_due(&self, after: Timestamp) -> Option<Timestamp> {
        let state = self.state();
        state.copies.values().filter_map(State::due).filter(|due| *due > after).min()
    }

    async fn changed(&self) {
        self.inner.changed.notified().await;
    }

    async fn claim(
        &self,
        lane: &Lane,
        max: usize,
        now: Timestamp,
    ) -> Result<Vec<Claim>, StoreError> {
        let mut state = self.state();
        let mut keys: Vec<(Timestamp, CopyKey)> = due(&state, now)
            .filter(|(_, found, _)| *found == lane)
            .map(|(key, _, due)| (due, key))
            .collect();
        keys.sort_unstable();
        keys.truncate(max);
        let mut claims = Vec::with_capacity(keys.len());
        for (_, key) in keys {
            let State { messages, copies, .. } = &mut *state;
            let (Some(stored), Some(copy)) = (messages.get(&key.message), copies.get_mut(&key))
            else {
                continue;
            };
            copy.in_hand = true;
            let recipients = queue::due_now(copy.recipients.clone(), now);
            let record = copy.record.clone();
            let mut message = stored.message.clone();
            message.revision = record.revision.unwrap_or(message.revision);
            claims.push(Claim {
                hold: Hold::new(key, self.owner()),
                message,
                copy: QueuedCopy {
                    lane: copy.lane.clone(),
                    demands: record.demands,
                    edits: record.edits,
                    matched: record.matched,
                    attempts: recipients.iter().map(|r| r.attempts).max().unwrap_or(0),
                    recipients,
                    accepted_at: record.accepted_at,
                    fate: record.fate,
                },
                fresh: None,
            });
        }
        Ok(claims)
    }

    async fn body(&self, claim: &Claim) -> Result<Body, StoreError> {
        let state = self.state();
        let stored = state.messages.get(&claim.message.id);
        let body = stored.map(|stored| stored.body.clone());
        body.map(Body::memory).ok_or(StoreError::not_applied(Cause::Gone))
    }

    async fn settle(&self, settlement: Settlement) -> Result<(), StoreError> {
        let Settlement { hold, results, notices } = settlement;
        let key = hold.spend();
        let (after, evidence) = queue::settle(results);
        let mut state = self.state();
        state.attempts.extend(evidence);
        let mut too_late = Vec::new();
        if let Some(copy) = state.copies.get_mut(&key) {
            let merged = queue::merge(std::mem::take(&mut copy.recipients), &after, false);
            copy.in_hand = false;
            copy.recipients = merged.waiting;
            too_late = merged.too_late;
            state.carry_out(key, self.inner.clock.now());
        }
        let at = self.inner.clock.now();
        state.events.extend(
            too_late.into_iter().map(|(one, word)| queue::too_late(at, key.message, one, word)),
        );
        state.forget_body(key.message);
        for (body, message) in notices {
            let body: Bytes = body;
            state.events.push(queue::report_made(at, key.message, message.id));
            state.add(body, message, self.inner.clock.as_ref());
        }
        drop(state);
        self.inner.changed.notify_one();
        Ok(())
    }
}

/// Copies that are due and in nobody's hand.
fn due(state: &State, now: Timestamp) -> impl Iterator<Item = (CopyKey, &Lane, Timestamp)> {
    state.copies.iter().filter_map(move |(key, copy)| {
        let due = State::due(copy)?;
        (due <= now).then_some((*key, &copy.lane, due))
    })
}
