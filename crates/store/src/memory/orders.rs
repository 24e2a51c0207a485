//! Orders about waiting mail.

use gatepost_wire::timestamp::Timestamp;

use super::{Copy, Memory, Quarantined, State};
use crate::{
    claim::CopyKey,
    order::{self, Acted, Carried, Kept, OrderError, Ordered, Orders, Sending, Subject},
    queue,
    view::{CopyState, Event, EventKind, QueueEntry, Selection},
};

impl Memory {
    pub(super) fn give(
        &self,
        selection: &Selection,
        orders: &Orders,
        count: Option<usize>,
    ) -> Result<Acted, OrderError> {
        let mut state = self.state();
        let picked = state.entries().into_iter().filter(|(_, e)| selection.takes(e, orders.now));
        let picked: Vec<(CopyKey, QueueEntry)> = picked.collect();
        let there = picked.len();
        if let Some(said) = count.filter(|said| *said != there) {
            return Err(OrderError::Count { there, said });
        }
        let mut acted = Acted::default();
        let head = state.head();
        let mut keys: Vec<CopyKey> = picked.iter().map(|(key, _)| *key).collect();
        keys.dedup();
        for key in keys {
            let entries: Vec<_> =
                picked.iter().filter(|(of, _)| *of == key).map(|(_, entry)| entry.id).collect();
            let Some(copy) = state.copies.get_mut(&key) else { continue };
            let subject = Subject { record: &copy.record, damaged: false, head };
            let Ordered { taken, refused, detail } =
                orders.write(&mut copy.recipients, &entries, subject);
            acted.picked = acted.picked.saturating_add(entries.len());
            acted.refused.extend(refused);
            if taken.is_empty() {
                continue;
            }
            let busy = copy.in_hand;
            let ordered = copy.recipients.iter().filter(|one| taken.contains(&one.entry));
            let sending: Vec<_> = ordered.map(|one| Sending::of(key.message, one)).collect();
            if !detail.is_empty() {
                state.events.push(Event {
                    at: orders.now,
                    kind: EventKind::Act,
                    message: Some(key.message),
                    author: Some(orders.author.clone()),
                    what: orders.order.word().into(),
                    detail: order::detail(&orders.order, &taken, &detail),
                });
            }
            if busy {
                acted.sending.extend(sending);
            } else {
                acted.done.extend(taken);
                state.carry_out(key, orders.now);
            }
        }
        drop(state);
        self.inner.changed.notify_one();
        Ok(acted)
    }
}

impl State {
    /// Every waiting recipient, oldest message first.
    pub(super) fn entries(&self) -> Vec<(CopyKey, QueueEntry)> {
        let mut entries = Vec::new();
        for (key, copy) in &self.copies {
            let state = CopyState { damaged: false, in_hand: copy.in_hand };
            let sender = self.sender(key.message);
            let of = (key.message, sender.as_str());
            let recipients = copy.recipients.iter();
            entries
                .extend(recipients.map(|one| (*key, QueueEntry::of(of, &copy.record, state, one))));
        }
        entries
    }

    /// The revision of the policy that holds.
    fn head(&self) -> u64 {
        self.revisions.last().map_or(0, |stored| stored.revision.revision)
    }

    /// Carries out what is ordered about a copy that is in nobody's hand.
    pub(super) fn carry_out(&mut self, key: CopyKey, now: Timestamp) {
        let Some(copy) = self.copies.remove(&key) else { return };
        let Copy { lane, record, recipients, in_hand } = copy;
        let Carried { stay, moved, quarantined, outdated } =
            order::carry_out((key.message, &record), recipients, self.head(), now);
        self.events.extend(outdated);
        if !stay.is_empty() {
            self.copies.insert(key, Copy { lane, record, recipients: stay, in_hand });
        }
        for (record, recipients) in moved {
            let number = self.free_number(key.message);
            self.insert(CopyKey { message: key.message, number }, record, recipients);
        }
        for kept in quarantined {
            let Kept { entry, record, recipient, rule, company, since, expires } = kept;
            let message = key.message;
            let held = Quarantined { message, record, recipient, rule, company, since, expires };
            self.quarantined.insert(entry, held);
        }
        self.forget_body(key.message);
    }

    /// When a copy that is in nobody's hand is due, if it may be tried at all.
    pub(super) fn due(copy: &Copy) -> Option<Timestamp> {
        queue::due(&copy.recipients).filter(|due| !copy.in_hand && *due != queue::NEVER)
    }
}
