//! The whole trace of a message: every rule that was tried, what each Condition
//! wanted and saw, and what came of it. The same walk as acceptance, looked at.
//!
//! It serialises to the shape of `rules trace --json`.

use gatepost_wire::address::Mailbox;
use serde::Serialize;
use serde_json::{Value, json};

use super::{Answer, Condition, Mail, Probe, Rule, Test, View, Walk, walk};
use crate::{
    accept::{Warning, demands, policies, spoofed},
    direction::Direction,
    document::{ActionEntry, ConditionEntry, ConditionKind, FinalAction, Literal, MatchType},
    evidence::{Attempt, DecidedBy},
    facts::Facts,
    snapshot::Snapshot,
    tls::{Demand, Level},
};

/// What happens to a message, and why.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Trace {
    /// One for each recipient, in their order.
    pub recipients: Vec<RecipientTrace>,
}

/// What happens to a message for one recipient.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RecipientTrace {
    /// The recipient as it was written.
    pub recipient: String,
    /// Where it is.
    pub direction: Direction,
    /// The rules that were tried, in order.
    pub steps: Vec<Step>,
    /// What ended the walk; `reject` where no rule did (decision 3).
    pub final_action: FinalAction,
    /// The fields after the walk, those of the rules first, each `Name: value`.
    pub headers: Vec<String>,
    /// The TLS that the message demands.
    pub tls: TlsTrace,
    /// What was odd, for people; each begins with its word.
    pub warnings: Vec<String>,
}

/// A rule that was tried.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Step {
    /// Its name.
    pub rule: String,
    /// Whether all its Conditions held.
    pub matched: bool,
    /// All its Conditions, the ones behind a failed one too.
    pub conditions: Vec<ConditionTrace>,
    /// What it did: nothing where it did not match or is a shadow rule.
    pub actions: Vec<ActionEntry>,
}

/// A Condition and how it answered.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ConditionTrace {
    /// What it looks at.
    pub condition: ConditionKind,
    /// How it compares.
    #[serde(rename = "match")]
    pub match_type: MatchType,
    /// What it is compared with: a value, a pattern, or a set's name. `null`: with nothing.
    pub wanted: Value,
    /// What the message has. `null`: it has none.
    pub seen: Value,
    /// Whether it holds; `null` where that cannot be told.
    pub holds: Option<bool>,
}

/// The TLS that a message demands.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TlsTrace {
    /// The strictest level.
    pub level: Level,
    /// Who asked for it.
    pub decided_by: DecidedBy,
}

/// Characters of what a Condition saw that are shown; how many more there are is told.
const SHOWN: usize = 10_000;

/// Traces a message as it would be accepted from a client.
pub fn trace(snapshot: &Snapshot, facts: &Facts) -> Trace {
    trace_while(snapshot, facts, |_| true)
}

/// As [`trace`], for the recipients one after another until `more`, which gets each one's trace, says that it is enough.
pub fn trace_while(
    snapshot: &Snapshot,
    facts: &Facts,
    mut more: impl FnMut(&RecipientTrace) -> bool,
) -> Trace {
    let mail = Mail::new(facts, snapshot.rules.own());
    let mut recipients = Vec::new();
    for recipient in &facts.recipients {
        let one = of_recipient(snapshot, facts, &mail, recipient);
        let go_on = more(&one);
        recipients.push(one);
        if !go_on {
            break;
        }
    }
    Trace { recipients }
}

/// The TLS that a message demands for each of its recipients: that of [`trace`], by the same walk, without the rest.
pub fn levels(snapshot: &Snapshot, facts: &Facts) -> Vec<TlsTrace> {
    let mail = Mail::new(facts, snapshot.rules.own());
    let level = |recipient: &Mailbox| {
        let direction = facts.direction_override.unwrap_or_else(|| snapshot.direction(recipient));
        let probe = Probe::of_mailbox(recipient);
        let walked = walk(snapshot.rules.rules(), &mail, &probe, direction, |_, _, _| ());
        let (mut demands, _) = demands(&walked.unwrap_or_default(), facts, &snapshot.tls);
        demands.extend(policies(snapshot, facts, recipient));
        tls(&demands, snapshot.revision)
    };
    facts.recipients.iter().map(level).collect()
}

fn of_recipient(
    snapshot: &Snapshot,
    facts: &Facts,
    mail: &Mail<'_>,
    recipient: &Mailbox,
) -> RecipientTrace {
    let direction = facts.direction_override.unwrap_or_else(|| snapshot.direction(recipient));
    let probe = Probe::of_mailbox(recipient);
    let mut steps = Vec::new();
    let walked = walk(snapshot.rules.rules(), mail, &probe, direction, |rule, view, answer| {
        steps.push(step(rule, view, answer));
    });
    let mut warnings: Vec<String> = spoof_warning(facts);
    let (walk, undecided) = match walked {
        Ok(walk) => (walk, None),
        Err(undecided) => (Walk::default(), Some(undecided)),
    };
    let (mut demands, odd) = demands(&walk, facts, &snapshot.tls);
    demands.extend(policies(snapshot, facts, recipient));
    warnings.extend(odd.iter().map(ToString::to_string));
    warnings.extend(shadow_warnings(&walk, snapshot));
    let last = walk.ended.map(|rule| rule.last);
    if let Some(undecided) = &undecided {
        warnings.push(format!("undecided: {undecided}; the message waits at its sender"));
    } else if last.is_none() {
        let text = "no-final-action: no rule ended the walk, so the recipient is refused";
        warnings.push(text.to_owned());
    }
    let unended = if undecided.is_some() { FinalAction::None } else { FinalAction::Reject };
    RecipientTrace {
        recipient: recipient.to_string(),
        direction,
        steps,
        final_action: last.unwrap_or(unended),
        headers: headers(&walk, facts),
        tls: tls(&demands, snapshot.revision),
        warnings,
    }
}

fn step(rule: &Rule, view: &View<'_>, answer: &Answer) -> Step {
    let matched = *answer == Answer::Yes;
    let acts = matched && !rule.shadow;
    Step {
        rule: rule.name.clone(),
        matched,
        conditions: rule.conditions.iter().map(|c| condition(c, view)).collect(),
        actions: if acts {
            rule.actions.iter().map(|action| action.entry.clone()).collect()
        } else {
            vec![]
        },
    }
}

fn condition(condition: &Condition, view: &View<'_>) -> ConditionTrace {
    let holds = match condition.holds(view) {
        Answer::Yes => Some(true),
        Answer::No => Some(false),
        Answer::Unknown(_) => None,
    };
    ConditionTrace {
        condition: condition.entry.condition,
        match_type: condition.entry.match_type,
        wanted: wanted(&condition.entry),
        seen: seen(&condition.test, view),
        holds,
    }
}

fn wanted(entry: &ConditionEntry) -> Value {
    let text = entry.rule_data.as_ref().or(entry.regex.as_ref());
    match (&entry.value, text) {
        (Some(value), _) => literal(value),
        (None, Some(text)) => Value::String(text.clone()),
        (None, None) => Value::Null,
    }
}

fn literal(value: &Literal) -> Value {
    match value {
        Literal::Text(text) => Value::String(text.clone()),
        Literal::Number(number) => json!(number),
        Literal::List(list) => Value::Array(list.iter().map(literal).collect()),
    }
}

fn seen(test: &Test, view: &View<'_>) -> Value {
    let of_name = |name: &str| {
        several(view.headers().filter(|h| h.is_named(name)).map(|h| h.value().to_owned()))
    };
    match test {
        Test::Direction(_) => json!(view.direction),
        Test::Sender(_) | Test::OwnDomain => json!(view.mail.sender().text()),
        Test::Recipient(_) => json!(view.recipient.text()),
        Test::RecipientCount(_) => json!(view.mail.recipient_count()),
        Test::Subject(_) => several(view.subject().map(str::to_owned).into_iter()),
        Test::HeaderThere(name) | Test::Header { name, .. } => of_name(name),
        // Every line would be seen; those that match are the ones to show.
        Test::AnyHeader(set) => {
            several(view.headers().map(|h| h.line()).filter(|line| set.matches_text(line)))
        }
        Test::Size(_) => json!(view.mail.size()),
        Test::ConnectionIp(_) => json!(view.mail.client()),
    }
}

/// Nothing is `null`, one is itself, several are an array. Every rule shows what it saw, so that it is not shown whole
/// where it is long.
fn several(texts: impl Iterator<Item = String>) -> Value {
    let mut room = SHOWN;
    let mut left = 0_usize;
    let mut shown: Vec<Value> = Vec::new();
    for text in texts {
        if room == 0 {
            left += 1;
            continue;
        }
        let long = text.chars().count();
        shown.push(Value::String(if long <= room {
            text
        } else {
            let begin: String = text.chars().take(room).collect();
            format!("{begin}… and {} characters more", long - room)
        }));
        room = room.saturating_sub(long.max(1));
    }
    if left > 0 {
        shown.push(Value::String(format!("… and {left} more")));
    }
    match shown.len() {
        0 => Value::Null,
        1 => shown.swap_remove(0),
        _ => Value::Array(shown),
    }
}

fn headers(walk: &Walk<'_>, facts: &Facts) -> Vec<String> {
    let cut = walk.draft.cut(facts);
    let written = walk.draft.written.iter().map(|written| written.field.text());
    let inherited = (0..facts.headers.len())
        .filter(|field| cut.binary_search(field).is_err())
        .map(|field| facts.headers.line(field));
    written.chain(inherited).collect()
}

fn tls(demands: &[Demand], revision: u64) -> TlsTrace {
    let (level, decided_by) = Attempt::wanted(demands, revision);
    TlsTrace { level, decided_by }
}

fn spoof_warning(facts: &Facts) -> Vec<String> {
    let fields = spoofed(facts);
    if fields.is_empty() {
        return vec![];
    }
    vec![Warning::SpoofRemoved { fields }.to_string()]
}

fn shadow_warnings<'a>(
    walk: &'a Walk<'_>,
    snapshot: &'a Snapshot,
) -> impl Iterator<Item = String> + 'a {
    walk.matched
        .iter()
        .filter_map(|index| snapshot.rules.rule(*index))
        .filter(|rule| rule.shadow)
        .map(|rule| format!("shadow: rule {:?} matched and changed nothing", rule.name))
}

#[cfg(test)]
mod tests;
