//! Lists a page at a time: all of a list is made, and a page is cut from it.

use std::collections::BTreeMap;

use async_trait::async_trait;
use gatepost_policy::{
    id::{EntryId, MessageId},
    tls::Level,
};
use gatepost_wire::timestamp::Timestamp;
use ulid::Ulid;

use super::{Memory, State, Stored};
use crate::{
    browse::{
        AttemptLine, Browse, HOUR, HistoryLine, HistorySearch, Known, Listed, Needle, QueueMark,
        Refusal, Refusals, Wanted, minted,
    },
    error::StoreError,
    ledger::Mark,
    queue::{Evidence, search_key},
    shape::{By, Shape},
    view::{QuarantineEntry, QueueEntry, Search, Selection},
};

/// Cuts a page from a list that is in order.
fn cut<T, M: Copy>(all: Vec<(M, T)>, most: usize, total: bool, rest: usize) -> Listed<T, M> {
    let total = total.then(|| u64::try_from(all.len().saturating_add(rest)).unwrap_or(u64::MAX));
    let most = most.max(1);
    let next = all.get(most.saturating_sub(1)).map(|(mark, _)| *mark);
    Listed { items: all.into_iter().take(most).map(|(_, item)| item).collect(), next, total }
}

#[async_trait]
impl Browse for Memory {
    async fn browse_attempts(
        &self,
        search: &Search,
        page: Wanted<Mark>,
    ) -> Result<Listed<AttemptLine, Mark>, StoreError> {
        let state = self.state();
        let mut needle = search.text.as_deref().and_then(Needle::new);
        let mut all: Vec<(Mark, AttemptLine)> = state
            .attempts
            .iter()
            .filter_map(|evidence| {
                let line = state.attempt_line(evidence);
                is_wanted(search, evidence, &line, needle.as_mut()).then(|| (mark(evidence), line))
            })
            .collect();
        all.sort_by_key(|(mark, _)| std::cmp::Reverse(*mark));
        let before = all.len();
        all.retain(|(mark, _)| page.after.is_none_or(|after| *mark < after));
        let rest = before.saturating_sub(all.len());
        Ok(cut(all, page.most, *search == Search::default(), rest))
    }

    async fn browse_history(
        &self,
        search: &HistorySearch,
        page: Wanted<MessageId>,
    ) -> Result<Listed<HistoryLine, MessageId>, StoreError> {
        let state = self.state();
        let text = search.text.as_deref().unwrap_or_default().trim();
        if let Ok(id) = Ulid::from_string(text)
            && page.after.is_none()
            && let Some((id, stored)) = state.message_of(id)
        {
            let line = state.line(id, stored);
            return Ok(Listed { items: vec![line], next: None, total: Some(1) });
        }
        let mut needle = search.text.as_deref().and_then(Needle::new);
        let mut all = Vec::new();
        for (id, stored) in state.messages.iter().rev() {
            let line = state.line(*id, stored);
            let found = needle
                .as_mut()
                .is_none_or(|needle| needle.is_in(&line.sender) || needle.is_in(&line.subject));
            if search.is_in_time(line.received_at)
                && search.sender_key().is_none_or(|wanted| wanted == line.sender.to_lowercase())
                && search.wants(&stored.verdicts, needle.as_mut(), found)
                && search.wants_state(&line)
            {
                all.push((*id, line));
            }
        }
        let before = all.len();
        all.retain(|(id, _)| page.after.is_none_or(|after| *id < after));
        let rest = before.saturating_sub(all.len());
        Ok(cut(all, page.most, *search == HistorySearch::default(), rest))
    }

    async fn browse_queue(
        &self,
        selection: &Selection,
        page: Wanted<QueueMark>,
    ) -> Result<Listed<QueueEntry, QueueMark>, StoreError> {
        let now = self.now();
        let mut all: Vec<(QueueMark, QueueEntry)> = self
            .state()
            .entries()
            .into_iter()
            .filter(|(_, entry)| selection.takes(entry, now))
            .map(|(key, entry)| {
                (QueueMark { message: key.message, number: key.number, entry: entry.id }, entry)
            })
            .filter(|(mark, _)| page.after.is_none_or(|after| *mark > after))
            .collect();
        all.sort_by_key(|(mark, _)| *mark);
        Ok(cut(all, page.most, false, 0))
    }

    async fn browse_quarantine(
        &self,
        text: Option<&str>,
        page: Wanted<EntryId>,
    ) -> Result<Listed<QuarantineEntry, EntryId>, StoreError> {
        let mut needle = text.and_then(Needle::new);
        let mut all: Vec<(EntryId, QuarantineEntry)> = self
            .state()
            .quarantine()
            .into_iter()
            .filter(|entry| {
                let ids = [entry.id.to_string(), entry.message.to_string()];
                let texts = [&entry.sender, &entry.recipient, &entry.subject, &entry.rule];
                needle.as_mut().is_none_or(|needle| {
                    ids.iter().any(|id| needle.is_id(id))
                        || texts.into_iter().any(|text| needle.is_in(text))
                })
            })
            .map(|entry| (entry.id, entry))
            .collect();
        all.sort_by_key(|(id, _)| std::cmp::Reverse(*id));
        let before = all.len();
        all.retain(|(id, _)| page.after.is_none_or(|after| *id < after));
        let rest = before.saturating_sub(all.len());
        Ok(cut(all, page.most, needle.is_none(), rest))
    }

    async fn queue_shape(&self, selection: &Selection, by: By) -> Result<Shape, StoreError> {
        let now = self.now();
        let mut entries = self.state().queue();
        entries.retain(|entry| selection.takes(entry, now));
        let default = match selection {
            Selection::Filter { default, .. } => *default,
            Selection::All | Selection::Domain(_) | Selection::Ids(_) => Level::Try,
        };
        Ok(Shape::of(&entries, by, default, now))
    }

    async fn refusals(&self) -> Result<Vec<Refusal>, StoreError> {
        let mut refusals = Refusals::default();
        for entry in self.state().queue() {
            let why = entry.last.as_ref().and_then(|last| last.why);
            if let Some(why) = why.filter(|why| why.is_tls()) {
                refusals.add(&entry.domain, why, entry.accepted_at);
            }
        }
        Ok(refusals.done())
    }

    async fn received(&self, since: Timestamp) -> Result<Vec<(Timestamp, u64)>, StoreError> {
        let mut hours: BTreeMap<i64, u64> = BTreeMap::new();
        for stored in self.state().messages.values() {
            let at = stored.message.received_at;
            if at >= since {
                let count = hours.entry(at.millis().div_euclid(HOUR)).or_default();
                *count = count.saturating_add(1);
            }
        }
        let hour = |hour: i64| Timestamp::from_millis(hour.saturating_mul(HOUR));
        Ok(hours.into_iter().map(|(at, count)| (hour(at), count)).collect())
    }

    async fn oldest_waiting(&self) -> Result<Option<Timestamp>, StoreError> {
        let state = self.state();
        Ok(state.copies.keys().map(|key| key.message).min().map(|id| minted(id.ulid())))
    }
}

fn mark(evidence: &Evidence) -> Mark {
    Mark { at: evidence.attempt.at, entry: evidence.entry, number: evidence.number }
}

fn is_wanted(
    search: &Search,
    evidence: &Evidence,
    line: &AttemptLine,
    needle: Option<&mut Needle>,
) -> bool {
    let sender = line.sender.as_deref().map(str::to_lowercase);
    let domain = search.domain.as_deref().map(str::to_lowercase);
    search.wants(&evidence.attempt)
        && search.recipient.as_deref().is_none_or(|is| search_key(is) == evidence.recipient)
        && domain.is_none_or(|domain| domain == evidence.domain)
        && search.outcome.is_none_or(|outcome| outcome == evidence.ending)
        && search.since.is_none_or(|since| evidence.attempt.at >= since)
        && search.until.is_none_or(|until| evidence.attempt.at <= until)
        && search.message.is_none_or(|message| message == evidence.attempt.message)
        && search.sender_key().is_none_or(|wanted| sender.is_some_and(|sender| sender == wanted))
        && needle.is_none_or(|needle| {
            let id = evidence.attempt.message.to_string();
            let texts = [line.sender.as_deref(), line.subject.as_deref()];
            needle.is_in(&evidence.recipient)
                || needle.is_id(&id)
                || texts.into_iter().flatten().any(|text| needle.is_in(text))
        })
}

impl State {
    fn attempt_line(&self, evidence: &Evidence) -> AttemptLine {
        let stored = self.messages.get(&evidence.attempt.message);
        AttemptLine {
            attempt: evidence.attempt.clone(),
            sender: stored.map(|stored| stored.message.sender.to_string()),
            subject: stored.map(|stored| stored.message.subject.clone()),
        }
    }

    fn message_of(&self, id: Ulid) -> Option<(MessageId, &Stored)> {
        let waiting = self.copies.iter().find_map(|(key, copy)| {
            copy.recipients.iter().any(|one| one.entry.ulid() == id).then_some(key.message)
        });
        let kept = self.quarantined.get(&EntryId::from_ulid(id)).map(|held| held.message);
        let tried = || {
            let one = self.attempts.iter().find(|evidence| evidence.entry.ulid() == id)?;
            Some(one.attempt.message)
        };
        let direct = MessageId::from_ulid(id);
        let found = self.messages.contains_key(&direct).then_some(direct);
        let found = found.or(waiting).or(kept).or_else(tried)?;
        self.messages.get_key_value(&found).map(|(id, stored)| (*id, stored))
    }

    fn line(&self, id: MessageId, stored: &Stored) -> HistoryLine {
        let mut attempts: Vec<_> = self
            .attempts
            .iter()
            .filter(|evidence| evidence.attempt.message == id)
            .map(|evidence| evidence.attempt.clone())
            .collect();
        attempts.sort_by_key(|attempt| attempt.at);
        let known = Known {
            queue: self.queue().into_iter().filter(|entry| entry.message == id).collect(),
            quarantine: self.quarantine().into_iter().filter(|entry| entry.message == id).collect(),
            attempts,
            events: self.events.iter().filter(|e| e.message == Some(id)).cloned().collect(),
        };
        let message = &stored.message;
        HistoryLine {
            id,
            received_at: message.received_at,
            sender: message.sender.to_string(),
            subject: message.subject.clone(),
            size: message.size,
            recipients: known.recipients(message.received_at, &stored.verdicts),
        }
    }
}
