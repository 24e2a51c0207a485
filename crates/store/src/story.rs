//! The story of one message, from its first byte to its last, in words.
//!
//! Lines stand in the order in which things happened: received, judged, every attempt host by host, what people did
//! and why, the reports that were made, and for each recipient how it ended or what it waits for.

use gatepost_policy::{
    evidence::{Attempt, Ending, Try},
    id::MessageId,
};
use gatepost_wire::timestamp::Timestamp;
use serde::Serialize;
use serde_json::Value;

use crate::view::{Event, EventKind, MessageStory, RecordedVerdict};

/// Something that happened.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Line {
    /// When.
    pub at: Timestamp,
    /// `received`, `verdict`, `attempt`, `report`, `state`, or the word of the journal.
    pub what: String,
    /// One sentence for people; it may quote what a stranger said.
    pub text: String,
    /// What belongs to it, such as the hosts of an attempt.
    pub more: Vec<String>,
}

/// The word of the journal for a report that was made about a message.
const REPORT: &str = "report.made";

/// The message that an event of the journal says was made as a report.
pub fn report_of(event: &Event) -> Option<MessageId> {
    let id = event.detail.get("report").filter(|_| event.what == REPORT)?;
    id.as_str()?.parse().ok()
}

/// What happened, in order.
pub fn lines(story: &MessageStory, reports: &[MessageStory]) -> Vec<Line> {
    let mut lines: Vec<Line> = story.attempts.iter().map(attempt).collect();
    lines.extend(story.events.iter().map(|event| match report_of(event) {
        Some(id) => report(event, id, reports.iter().find(|report| report.id == id)),
        None => act(event),
    }));
    lines.sort_by_key(|line| line.at);
    let mut all = vec![received(story)];
    all.extend(story.verdicts.iter().map(|verdict| judged(story.received_at, verdict)));
    all.extend(lines);
    all.extend(standing(story));
    all
}

fn received(story: &MessageStory) -> Line {
    let sender = if story.sender.is_empty() { "<>" } else { &story.sender };
    let client = &story.client;
    let how = client
        .tls
        .as_deref()
        .map_or_else(|| "in clear text".to_owned(), |version| format!("over {version}"));
    let account = client.account.as_deref().map(|name| format!(" as {name:?}")).unwrap_or_default();
    let text = format!(
        "received from {sender}: {} bytes by {} ({}){account} {how}, revision {} of the policy",
        story.size, client.address, client.helo, story.revision
    );
    Line { at: story.received_at, what: "received".to_owned(), text, more: Vec::new() }
}

fn judged(at: Timestamp, verdict: &RecordedVerdict) -> Line {
    let by = match &verdict.rule {
        Some(rule) => format!("by the rule {rule:?}"),
        None => "by no rule".to_owned(),
    };
    let text = format!("{}: {} {by}", verdict.recipients.join(", "), verdict.verdict.word());
    let rules: Vec<String> = verdict
        .matched
        .iter()
        .map(|matched| {
            let shadow = if matched.shadow { " (shadow)" } else { "" };
            format!("{}{shadow}", matched.rule)
        })
        .collect();
    let mut more = Vec::new();
    if !rules.is_empty() {
        more.push(format!("rules that matched: {}", rules.join(", ")));
    }
    let (level, by) = Attempt::wanted(&verdict.demands, 0);
    if !verdict.demands.is_empty() {
        let why = by.header.or_else(|| by.tls_policy.map(|name| format!("TLS policy {name}")));
        let why = why.map_or_else(String::new, |why| format!(", by {why}"));
        more.push(format!("TLS level: {}{why}", level.word()));
    }
    Line { at, what: "verdict".to_owned(), text, more }
}

fn attempt(attempt: &Attempt) -> Line {
    let outcome = match attempt.outcome {
        Ending::Delivered => "delivered",
        Ending::Deferred => "not delivered, and tried again later",
        Ending::Bounced => "given up",
    };
    let mut text = format!(
        "attempt at {}, level {}: {outcome} ({})",
        attempt.recipient,
        attempt.level.word(),
        attempt.status
    );
    let mut more: Vec<String> = attempt.tries.iter().map(host).collect();
    if attempt.outcome == Ending::Delivered {
        text.push_str(&format!(", {}", attempt.connection()));
    } else if more.is_empty() {
        more.extend(attempt.sentence());
    }
    if let Some(other) = attempt.learned_from {
        more.push(format!("not tried itself: message {other} met this a moment before"));
    }
    Line { at: attempt.at, what: "attempt".to_owned(), text, more }
}

fn host(one: &Try) -> String {
    let mut text = one.host.clone();
    if let Some(address) = &one.address {
        text.push_str(&format!(" [{address}]"));
    }
    text.push_str(": ");
    match (&one.tls, one.clear_because) {
        (Some(tls), _) => text.push_str(&format!("{} {}, ", tls.version, tls.cipher)),
        (None, Some(why)) => text.push_str(&format!("clear text ({}), ", why.word())),
        (None, None) => {}
    }
    text.push_str(one.why.map_or("took it", |why| why.sentence()));
    if let Some(reply) = &one.reply {
        text.push_str(&format!(": {reply:?}"));
    }
    if let Some(detail) = &one.detail {
        text.push_str(&format!(" ({detail})"));
    }
    text
}

fn report(event: &Event, id: MessageId, report: Option<&MessageStory>) -> Line {
    let mut more = Vec::new();
    let mut to = String::new();
    if let Some(report) = report {
        let recipients: Vec<&str> =
            report.verdicts.iter().flat_map(|v| &v.recipients).map(String::as_str).collect();
        to = format!(" to {}", recipients.join(", "));
        let last = report.attempts.last();
        more.push(match last {
            _ if !report.queue.is_empty() => "it waits to be delivered".to_owned(),
            Some(last) if last.outcome == Ending::Delivered => {
                format!("it was delivered {}", last.at.rfc3339())
            }
            Some(last) => format!("it was given up: {}", last.sentence().unwrap_or_default()),
            None => "it is gone".to_owned(),
        });
    }
    let text = format!("a report was made{to}: message {id}");
    Line { at: event.at, what: REPORT.to_owned(), text, more }
}

/// What somebody did, or what was noticed.
fn act(event: &Event) -> Line {
    let done = match event.what.as_str() {
        "queue.retry" => "an attempt was asked for",
        "queue.hold" => "held",
        "queue.release" => "released",
        "queue.bounce" => "given up by an administrator, its sender is told",
        "queue.delete" => "deleted from the queue, nobody is told",
        "queue.reevaluate" => "judged by the rules of that day",
        "queue.outdated" => "not judged anew: the rules had changed again before the attempt ended",
        "queue.too-late" => "an order came too late: the attempt had ended it",
        "quarantine.release" => "released from quarantine",
        "quarantine.delete" => "deleted from quarantine",
        "quarantine.expire" => "deleted from quarantine: its time was over",
        "store.body-damaged" => "held: its stored body is damaged",
        "store.body-whole" => "whole again, and sent",
        "store.row-unreadable" => "held: what is stored of it cannot be understood",
        other => other,
    };
    let mut text = done.to_owned();
    if let Some(recipients) = event.detail.get("recipients").and_then(Value::as_array) {
        let recipients: Vec<&str> = recipients.iter().filter_map(Value::as_str).collect();
        text = format!("{}: {text}", recipients.join(", "));
    }
    if let Some(author) = &event.author {
        text.push_str(&format!(", by {}", author.by));
        match &author.reason {
            Some(reason) => text.push_str(&format!(": {reason}")),
            None => text.push_str(", who gave no reason"),
        }
    }
    let mut more = Vec::new();
    if let Some(changed) = event.detail.get("changed").and_then(Value::as_array) {
        more.extend(changed.iter().map(change));
    }
    let odd = matches!(event.kind, EventKind::Anomaly) && !event.detail.is_null();
    if odd {
        more.push(event.detail.to_string());
    }
    Line { at: event.at, what: event.what.clone(), text, more }
}

/// A recipient that was judged anew.
fn change(change: &Value) -> String {
    let word = |path: &str| change.pointer(path).and_then(Value::as_str).unwrap_or("?");
    format!(
        "{}: was {} at level {}, is {} at level {}",
        word("/recipient"),
        word("/before/final_action"),
        word("/before/level"),
        word("/after/final_action"),
        word("/after/level"),
    )
}

/// What still waits, and for what.
fn standing(story: &MessageStory) -> Vec<Line> {
    let line = |at, text| Line { at, what: "state".to_owned(), text, more: Vec::new() };
    let mut lines = Vec::new();
    for entry in &story.queue {
        let (recipient, id) = (&entry.recipient, entry.id);
        lines.push(match &entry.held {
            Some(held) => {
                let reason = held.reason.as_deref().unwrap_or("no reason given");
                let since = held.at.unwrap_or(story.received_at);
                line(since, format!("{recipient} is held by {}: {reason} (entry {id})", held.by))
            }
            None => line(
                entry.next_attempt,
                format!("{recipient} is {}, next attempt (entry {id})", entry.state.word()),
            ),
        });
    }
    for entry in &story.quarantine {
        let text = format!(
            "{} is in quarantine by the rule {:?}, until {} (entry {})",
            entry.recipient,
            entry.rule,
            entry.expires.rfc3339(),
            entry.id
        );
        lines.push(line(entry.since, text));
    }
    lines
}
