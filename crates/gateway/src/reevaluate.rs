//! Today's rules over mail that was taken under yesterday's.
//!
//! It is the walk that a message takes when it is received, over the message as it was received: what earlier rules
//! had added is gone (`interface.md`, decision 8). Nothing here changes anything; the store does, when somebody asked
//! for it.

use gatepost_policy::{
    accept::{self, Disposition, End, Origin},
    direction::Direction,
    facts::{Facts, Headers},
    id::EntryId,
    snapshot::Snapshot,
    tls::{Demand, Level, strictest},
};
use gatepost_store::{
    Fate, HEAD, Inspect, Judged, JudgedEnd, Judgement, Order, QueuedMessage, RecordedVerdict,
    Standing, StoreError, Verdict, Waiting,
};
use gatepost_wire::{
    address::{Mailbox, ReversePath},
    message::HeaderSection,
    timestamp::Timestamp,
};

/// What a message is judged by.
pub(crate) struct Court<'a> {
    pub(crate) store: &'a dyn Inspect,
    pub(crate) snapshot: &'a Snapshot,
    pub(crate) now: Timestamp,
    /// When what goes into quarantine now is deleted.
    pub(crate) expires: Timestamp,
}

/// What became of judging waiting mail anew.
#[derive(Debug, Default)]
pub(crate) struct Opinion {
    /// Recipients whose verdict is another one now.
    pub(crate) changed: Vec<Change>,
    /// Recipients that are judged as before, as they stand.
    pub(crate) same: Vec<(EntryId, Standing)>,
    /// Recipients that cannot be judged, and why. They stay as they are.
    pub(crate) unjudged: Vec<(EntryId, String)>,
}

/// A recipient whose verdict is another one now.
#[derive(Debug)]
pub(crate) struct Change {
    pub(crate) recipient: String,
    /// The level and the Final Action, as they were and as they are.
    pub(crate) before: (Level, Verdict),
    pub(crate) after: (Level, Verdict),
    /// The rule that ended the walk.
    pub(crate) rule: Option<String>,
    /// The recipient as it stands.
    pub(crate) of: Standing,
    pub(crate) judged: Judged,
}

impl Court<'_> {
    /// Judges waiting mail by the rules of the snapshot.
    pub(crate) async fn judge(&self, waiting: &[Waiting]) -> Result<Opinion, StoreError> {
        let mut opinion = Opinion::default();
        for group in waiting.chunk_by(|a, b| a.message.id == b.message.id) {
            self.judge_message(group, &mut opinion).await?;
        }
        Ok(opinion)
    }

    /// Judges recipients of one message.
    async fn judge_message(
        &self,
        group: &[Waiting],
        opinion: &mut Opinion,
    ) -> Result<(), StoreError> {
        let Some(first) = group.first() else { return Ok(()) };
        let mut unjudged = |why: &str| {
            opinion.unjudged.extend(group.iter().map(|one| (one.id, why.to_owned())));
            Ok(())
        };
        let id = first.message.id;
        let head = match self.head(first).await {
            Ok(Some(head)) => head,
            // It was delivered or given up meanwhile.
            Ok(None) => return Ok(()),
            Err(error) if error.is_damage() => {
                return unjudged("what is stored of it is damaged");
            }
            Err(error) => return Err(error),
        };
        let Some(verdicts) = self.store.message_verdicts(id).await? else {
            return unjudged("its history is no longer kept");
        };
        let recipients = envelope(&verdicts, group);
        let received = received(&first.edits.top);
        let facts = Facts {
            sender: first.message.sender.clone(),
            recipients: recipients.clone(),
            client: first.message.client.address,
            from_source: first.message.client.from_source,
            size: first.message.size,
            headers: Headers::scan(&head),
            now: self.now,
            direction_override: None,
        };
        // What Gatepost makes carries no Received field of its own.
        let origin = if received.is_empty() { Origin::Gatepost } else { Origin::Client };
        let accepted = match accept::accept(self.snapshot, &facts, origin, received) {
            Ok(accepted) => accepted,
            Err(undecided) => {
                let why = format!(
                    "the rule {:?} cannot be answered now: {}",
                    undecided.rule, undecided.need
                );
                return unjudged(&why);
            }
        };
        for one in group {
            let place = recipients.iter().position(|recipient| *recipient == one.mailbox);
            let disposition = place.and_then(|place| {
                accepted.dispositions.iter().find(|judged| judged.recipients.contains(&place))
            });
            match disposition {
                _ if one.fate != Fate::Deliver => opinion.same.push((one.id, standing(one))),
                Some(disposition) => match self.change(one, disposition) {
                    Some(change) => opinion.changed.push(change),
                    None => opinion.same.push((one.id, standing(one))),
                },
                None => opinion.unjudged.push((one.id, "the rules said nothing".to_owned())),
            }
        }
        Ok(())
    }

    /// The header section of a message, as it was received.
    async fn head(&self, waiting: &Waiting) -> Result<Option<Vec<u8>>, StoreError> {
        let Some(mut body) = self.store.message_bytes(waiting.message.id).await? else {
            return Ok(None);
        };
        let mut head = Vec::new();
        while head.len() < HEAD
            && let Some(chunk) = body.next().await?
        {
            head.extend_from_slice(&chunk);
            if HeaderSection::scan(&head).body_offset() < head.len() {
                break;
            }
        }
        Ok(Some(head))
    }

    /// What is different for a recipient; `None` where nothing is.
    fn change(&self, one: &Waiting, judged: &Disposition) -> Option<Change> {
        let Disposition { recipients: _, end, direction, edits, demands, matched, decided } =
            judged;
        let same = *end == End::Deliver
            && *direction == one.direction
            && *demands == one.demands
            && *edits == one.edits;
        if same {
            return None;
        }
        let (verdict, end) = match end {
            End::Deliver => (Verdict::Deliver, JudgedEnd::Deliver),
            End::Delete => (Verdict::Delete, JudgedEnd::Delete),
            End::Reject { reply } if may_be_told(&one.message, *direction) => {
                (Verdict::Reject, JudgedEnd::Reject { reply: reply.clone() })
            }
            End::Reject { reply: _ } => (Verdict::Reject, JudgedEnd::RejectQuietly),
            End::Quarantine { company } => {
                let verdict =
                    if *company { Verdict::QuarantineCompany } else { Verdict::Quarantine };
                (verdict, JudgedEnd::Quarantine { company: *company, expires: self.expires })
            }
        };
        let recipient = one.mailbox.to_string();
        let before = (self.level(&one.demands), Verdict::Deliver);
        let after = (self.level(demands), verdict);
        let side = |level: Level, verdict: Verdict, direction: Direction| {
            serde_json::json!({
                "level": level,
                "final_action": verdict,
                "direction": direction,
            })
        };
        let mut old = side(before.0, before.1, one.direction);
        let mut new = side(after.0, after.1, *direction);
        old["revision"] = one.message.revision.into();
        new["revision"] = self.snapshot.revision.into();
        new["rule"] = decided.clone().into();
        let detail = serde_json::json!({
            "entry": one.id, "recipient": recipient, "before": old, "after": new,
        });
        let judged = Judged {
            entry: one.id,
            direction: *direction,
            demands: demands.clone(),
            edits: edits.clone(),
            matched: matched.clone(),
            rule: decided.clone(),
            end,
            revision: self.snapshot.revision,
            detail,
        };
        Some(Change { recipient, before, after, rule: decided.clone(), of: standing(one), judged })
    }

    fn level(&self, demands: &[Demand]) -> Level {
        strictest(demands).map_or(self.snapshot.tls.default_level, Demand::level)
    }
}

impl Opinion {
    /// What the store is to do by it: the verdicts of this revision.
    pub(crate) fn order(self, revision: u64) -> Order {
        let Self { changed, same, unjudged: _ } = self;
        let changed = changed.into_iter().map(|Change { of, judged, .. }| {
            (judged.entry, Judgement { revision, of, new: Some(judged) })
        });
        let same = same.into_iter().map(|(id, of)| (id, Judgement { revision, of, new: None }));
        Order::Reevaluate(changed.chain(same).collect())
    }
}

fn standing(one: &Waiting) -> Standing {
    Standing {
        direction: one.direction,
        demands: one.demands.clone(),
        edits: one.edits.clone(),
        fate: one.fate.clone(),
    }
}

/// Whether the sender is told of a rejection: as on receipt, only of outbound mail from a source of ours. Any other
/// sender may be forged, and a report would go to somebody who sent nothing.
fn may_be_told(message: &QueuedMessage, direction: Direction) -> bool {
    message.client.from_source
        && message.sender != ReversePath::Null
        && direction == Direction::Outbound
}

/// All envelope recipients of a message: those that the history names, and those that wait.
fn envelope(verdicts: &[RecordedVerdict], group: &[Waiting]) -> Vec<Mailbox> {
    let named = verdicts.iter().flat_map(|verdict| &verdict.recipients);
    let mut all: Vec<Mailbox> = named.filter_map(|text| Mailbox::parse(text).ok()).collect();
    for one in group {
        if !all.contains(&one.mailbox) {
            all.push(one.mailbox.clone());
        }
    }
    all
}

/// The Received field that was put on top when the message came in.
fn received(top: &[u8]) -> &[u8] {
    let section = HeaderSection::scan(top);
    match section.fields().first() {
        Some(field) if field.name_is(top, "Received") => {
            top.get(..field.whole.end).unwrap_or_default()
        }
        Some(_) | None => b"",
    }
}

#[cfg(test)]
mod tests {
    use gatepost_policy::id::MessageId;
    use gatepost_store::ClientFacts;

    use super::*;

    fn message(sender: &str, from_source: bool) -> QueuedMessage {
        QueuedMessage {
            id: MessageId::from_ulid(Default::default()),
            sender: ReversePath::parse(sender).expect("a sender"),
            params: Default::default(),
            received_at: Timestamp::from_millis(0),
            size: 1,
            client: ClientFacts {
                address: std::net::Ipv4Addr::LOCALHOST.into(),
                helo: "client.test".to_owned(),
                tls: None,
                from_source,
                account: None,
            },
            revision: 1,
            subject: String::new(),
        }
    }

    #[test]
    fn a_rejection_is_told_only_to_the_sender_of_outbound_mail_from_a_source_of_ours() {
        let told =
            |sender, from_source, direction| may_be_told(&message(sender, from_source), direction);
        assert!(told("anna@acme.test", true, Direction::Outbound));
        assert!(!told("anna@acme.test", true, Direction::Inbound));
        assert!(!told("anna@acme.test", false, Direction::Outbound));
        assert!(!told("", true, Direction::Outbound));
    }
}
