//! What became of each recipient of a message, from all that is known about it.
//!
//! What still waits or is kept says so itself. Of the rest, the last thing that ended it
//! counts: an attempt, or what a person or the rules of a later day did. Where neither is
//! there, the verdict of the rules when it came in was the end of it.

use gatepost_policy::{
    evidence::{Attempt, Ending, Why},
    tls::{Demand, Level, strictest},
};
use gatepost_wire::timestamp::Timestamp;
use serde_json::Value;

use super::{HistoryLine, HistorySearch, Needle, RecipientLine, RecipientState};
use crate::{
    message::Verdict,
    queue::search_key,
    view::{EntryState, Event, QuarantineEntry, QueueEntry, RecordedVerdict},
};

/// All that is known about the recipients of a message.
#[derive(Debug, Default)]
pub(crate) struct Known {
    pub(crate) queue: Vec<QueueEntry>,
    pub(crate) quarantine: Vec<QuarantineEntry>,
    /// Oldest first.
    pub(crate) attempts: Vec<Attempt>,
    /// Oldest first.
    pub(crate) events: Vec<Event>,
}

impl Known {
    /// What became of each recipient, in the order of the verdicts.
    pub(crate) fn recipients(
        &self,
        received_at: Timestamp,
        verdicts: &[RecordedVerdict],
    ) -> Vec<RecipientLine> {
        let each = verdicts.iter().flat_map(|verdict| {
            verdict.recipients.iter().map(move |recipient| (recipient.as_str(), verdict))
        });
        each.map(|(recipient, verdict)| self.recipient(received_at, recipient, verdict)).collect()
    }

    fn recipient(
        &self,
        received_at: Timestamp,
        recipient: &str,
        verdict: &RecordedVerdict,
    ) -> RecipientLine {
        let attempt = self.attempts.iter().rev().find(|attempt| attempt.recipient == recipient);
        let demanded: Option<Level> = strictest(&verdict.demands).map(Demand::level);
        let line = RecipientLine {
            recipient: recipient.to_owned(),
            state: RecipientState::Waiting,
            reason: None,
            rule: verdict.rule.clone(),
            level: attempt.map(|attempt| attempt.level).or(demanded),
            tls: attempt.and_then(|attempt| attempt.tls.clone()),
            clear_because: attempt.and_then(|attempt| attempt.clear_because),
            at: received_at,
        };
        if let Some(entry) = self.queue.iter().find(|entry| entry.recipient == recipient) {
            return waits(line, entry);
        }
        if let Some(entry) = self.quarantine.iter().find(|entry| entry.recipient == recipient) {
            let reason = Some(format!("The rule {:?} keeps it in quarantine.", entry.rule));
            let (rule, at) = (Some(entry.rule.clone()), entry.since);
            return RecipientLine { state: RecipientState::Quarantined, reason, rule, at, ..line };
        }
        let ended = self.events.iter().rev().find_map(|event| ended(event, recipient));
        match (attempt, ended) {
            (attempt, Some((at, state, reason)))
                if attempt.is_none_or(|attempt| {
                    attempt.outcome == Ending::Deferred || attempt.at < at
                }) =>
            {
                RecipientLine { state, reason: Some(reason), at, ..line }
            }
            (Some(attempt), _) => tried(line, attempt),
            (None, _) => judged(line, verdict),
        }
    }
}

/// A recipient that is in the queue.
fn waits(line: RecipientLine, entry: &QueueEntry) -> RecipientLine {
    let said = entry.last.as_ref().and_then(|last| last.text.clone());
    let (state, reason) = match (entry.state, &entry.held) {
        (EntryState::Held, Some(held)) => {
            let why = held.reason.as_deref().unwrap_or("no reason given");
            (RecipientState::Held, Some(format!("Held by {}: {why}.", held.by)))
        }
        (EntryState::Held, None) => (RecipientState::Held, said),
        (EntryState::Sending, _) => (RecipientState::Sending, said),
        (EntryState::Waiting, _) => (RecipientState::Waiting, said),
    };
    let reason = reason.or_else(|| Some("It was not tried yet.".to_owned()));
    RecipientLine { state, reason, level: entry.level, at: entry.next_attempt, ..line }
}

/// A recipient that the last attempt was the end of.
fn tried(line: RecipientLine, attempt: &Attempt) -> RecipientLine {
    let state = match attempt.outcome {
        Ending::Delivered => RecipientState::Delivered,
        // Others of the message were taken, so it was refused by a report.
        Ending::Bounced if attempt.why == Some(Why::RejectedByRule) => RecipientState::Rejected,
        Ending::Bounced => RecipientState::Bounced,
        Ending::Deferred => RecipientState::Waiting,
    };
    let reason = attempt.sentence().or_else(|| {
        let host = attempt.host.as_deref().unwrap_or("The remote site");
        Some(match &attempt.reply {
            Some(reply) => format!("{host} took it: \"{reply}\""),
            None => format!("{host} took it."),
        })
    });
    RecipientLine { state, reason, at: attempt.at, ..line }
}

/// A recipient that the rules were the end of.
fn judged(line: RecipientLine, verdict: &RecordedVerdict) -> RecipientLine {
    let rule = verdict.rule.as_deref();
    let by = rule.map_or_else(|| "No rule took it".to_owned(), |rule| format!("The rule {rule:?}"));
    let (state, reason) = match verdict.verdict {
        Verdict::Reject if rule.is_none() => {
            (RecipientState::Rejected, format!("{by}, so it was refused."))
        }
        Verdict::Reject => (RecipientState::Rejected, format!("{by} refused it.")),
        Verdict::Delete => (RecipientState::Deleted, format!("{by} deleted it.")),
        Verdict::Quarantine | Verdict::QuarantineCompany => {
            (RecipientState::Deleted, "It is no longer in quarantine.".to_owned())
        }
        Verdict::Deliver => (RecipientState::Waiting, "It was not tried yet.".to_owned()),
    };
    RecipientLine { state, reason: Some(reason), ..line }
}

/// What an event was the end of, for a recipient.
fn ended(event: &Event, recipient: &str) -> Option<(Timestamp, RecipientState, String)> {
    let names = |list: &Value| {
        list.as_array().is_some_and(|all| all.iter().any(|one| one.as_str() == Some(recipient)))
    };
    let by = event.author.as_ref().map_or_else(String::new, |author| {
        let why = author.reason.as_deref().map_or_else(String::new, |why| format!(": {why}"));
        format!(" by {}{why}", author.by)
    });
    let named = event.detail.get("recipients").is_some_and(names);
    let (state, reason) = match event.what.as_str() {
        "queue.delete" if named => {
            (RecipientState::Deleted, format!("Deleted from the queue{by}."))
        }
        "quarantine.delete" if named => {
            (RecipientState::Deleted, format!("Deleted from quarantine{by}."))
        }
        "quarantine.expire" if named => {
            (RecipientState::Deleted, "Its time in quarantine was over.".to_owned())
        }
        "queue.reevaluate" => {
            let changed = event.detail.get("changed")?.as_array()?;
            let change = changed.iter().find(|change| change["recipient"] == recipient)?;
            let state = match change.pointer("/after/final_action")?.as_str()? {
                "delete" => RecipientState::Deleted,
                "reject" => RecipientState::Rejected,
                _ => return None,
            };
            (state, format!("Judged anew{by}."))
        }
        _ => return None,
    };
    Some((event.at, state, reason))
}

impl HistorySearch {
    /// Whether a message was received in the stretch that is looked for.
    pub(crate) fn is_in_time(&self, at: Timestamp) -> bool {
        self.since.is_none_or(|since| at >= since) && self.until.is_none_or(|until| at <= until)
    }

    /// Whether verdicts have to be looked at to tell whether a message is wanted.
    pub(crate) const fn reads_verdicts(&self) -> bool {
        self.text.is_some()
            || self.recipient.is_some()
            || self.domain.is_some()
            || self.rule.is_some()
    }

    /// The sender as it is compared, in lower case.
    pub(crate) fn sender_key(&self) -> Option<String> {
        let sender = self.sender.as_deref()?;
        Some(if sender == "<>" { String::new() } else { sender.to_lowercase() })
    }

    /// Whether the recipients and the rules of a message are what is looked for; the text
    /// counts too, unless it was `found` elsewhere in the message.
    pub(crate) fn wants(
        &self,
        verdicts: &[RecordedVerdict],
        needle: Option<&mut Needle>,
        found: bool,
    ) -> bool {
        let recipients = || verdicts.iter().flat_map(|verdict| &verdict.recipients);
        let domain = |address: &str| address.rsplit_once('@').map(|(_, domain)| domain.to_owned());
        let key = |address: &str| domain(&search_key(address));
        self.recipient
            .as_deref()
            .map(search_key)
            .is_none_or(|wanted| recipients().any(|recipient| search_key(recipient) == wanted))
            && self.domain.as_deref().is_none_or(|wanted| {
                recipients().any(|recipient| {
                    key(recipient).is_some_and(|domain| domain.eq_ignore_ascii_case(wanted))
                })
            })
            && self.rule.as_deref().is_none_or(|wanted| {
                let wanted = wanted.to_lowercase();
                verdicts.iter().any(|verdict| {
                    let ending = verdict.rule.iter();
                    let matched = verdict.matched.iter().map(|matched| &matched.rule);
                    ending.chain(matched).any(|rule| rule.to_lowercase() == wanted)
                })
            })
            && (found
                || needle
                    .is_none_or(|needle| recipients().any(|recipient| needle.is_in(recipient))))
    }

    /// Whether one of the recipients is in the state that is looked for.
    pub(crate) fn wants_state(&self, line: &HistoryLine) -> bool {
        self.state.is_none_or(|state| line.recipients.iter().any(|one| one.state == state))
    }
}
