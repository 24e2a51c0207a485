//! What becomes of a message, for each of its recipients: the one path that
//! acceptance, the gateway's own mail and re-evaluation share.
//!
//! Recipients with the same outcome share a [`Disposition`]. The message itself is
//! never changed: a disposition lists edits. A submitted `x-TLSLevel` is always cut
//! and can only ever add a demand (decisions 19 and 31).

use gatepost_wire::{address::Mailbox, message::Edits};
use serde::{Deserialize, Serialize};

use crate::{
    direction::{Direction, Matched},
    document::FinalAction,
    facts::Facts,
    rules::{Mail, Probe, Rule, Undecided, Walk, walk},
    snapshot::{Snapshot, SubmittedLevel, TlsSettings},
    tls::{Asked, Demand, Level, Source, level},
};

/// What the sender is told where no rule has a reply of its own.
pub const REFUSED: &str = "550 5.7.1 message refused by policy";

/// Who makes a message.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Origin {
    /// A client that we take mail from.
    Client,
    /// Gatepost itself: header Actions and levels act, and it is always delivered (decision 4).
    Gatepost,
}

/// What becomes of a message.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Accepted {
    /// Every recipient is in exactly one of them.
    pub dispositions: Vec<Disposition>,
    /// What was odd, without repetition.
    pub warnings: Vec<Warning>,
}

/// What becomes of a message for the recipients that have the same outcome.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Disposition {
    /// Indices into [`Facts::recipients`], ascending.
    pub recipients: Vec<usize>,
    /// How it ends.
    pub end: End,
    /// Where the recipients are.
    pub direction: Direction,
    /// What is put on top of the message and what is left out.
    pub edits: Edits,
    /// What TLS is demanded; never empty.
    pub demands: Vec<Demand>,
    /// The rules that matched, in order.
    pub matched: Vec<Matched>,
    /// The rule that ended the walk; `None` where none did.
    pub decided: Option<String>,
}

/// How a message ends at the rules.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum End {
    /// It is delivered.
    Deliver,
    /// It is kept.
    Quarantine {
        /// For the organisation, not for the recipient.
        company: bool,
    },
    /// It is taken and thrown away.
    Delete,
    /// It is refused.
    Reject {
        /// Code, enhanced code and text, on one line.
        reply: String,
    },
}

/// Something odd about a message that changed nothing, or about levels of several rules.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Warning {
    /// The message came with `x-TLSLevel`, which was removed.
    SpoofRemoved {
        /// The fields as `Name: value`.
        fields: Vec<String>,
    },
    /// Two rules wrote `x-TLSLevel`; the first one decided.
    Duplicate {
        /// The rule whose field decided.
        first: String,
        /// The rule whose field was ignored.
        ignored: String,
        /// Whether the ignored one asked for more.
        enforcement_shadowed: bool,
    },
    /// The `x-TLSLevel` that decided has a value that nobody knows.
    UnknownValue {
        /// The rule that wrote it; `None` for a submitted field.
        rule: Option<String>,
        /// The value.
        value: String,
    },
}

impl Warning {
    /// The word of logs and of the matrix.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::SpoofRemoved { .. } => "spoof-removed",
            Self::Duplicate { enforcement_shadowed: false, .. } => "duplicate",
            Self::Duplicate { enforcement_shadowed: true, .. } => "duplicate, enforcement shadowed",
            Self::UnknownValue { .. } => "unknown-value",
        }
    }
}

impl std::fmt::Display for Warning {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: ", self.word())?;
        match self {
            Self::SpoofRemoved { fields } => {
                write!(f, "the message came with {}, which was removed", fields.join(", "))
            }
            Self::Duplicate { first, ignored, enforcement_shadowed } => {
                let more = if *enforcement_shadowed { ", which asks for more," } else { "" };
                write!(
                    f,
                    "the x-TLSLevel of rule {first:?} decides; that of rule {ignored:?}{more} is \
                     ignored"
                )
            }
            Self::UnknownValue { rule: Some(rule), value } => {
                write!(f, "rule {rule:?} writes x-TLSLevel with {value:?}, which is no level")
            }
            Self::UnknownValue { rule: None, value } => {
                write!(f, "the submitted x-TLSLevel has {value:?}, which is no level")
            }
        }
    }
}

/// Walks the rules for every recipient. `received` is our Received field, CRLF
/// included, that goes on top.
///
/// # Errors
/// [`Undecided`] where a Condition could not be answered for some recipient: the
/// whole message is answered 451 (decision 3).
pub fn accept(
    snapshot: &Snapshot,
    facts: &Facts,
    origin: Origin,
    received: &[u8],
) -> Result<Accepted, Undecided> {
    let rules = snapshot.rules.rules();
    let mail = Mail::new(facts, snapshot.rules.own());
    let mut groups: Vec<Group<'_>> = Vec::new();
    for (index, recipient) in facts.recipients.iter().enumerate() {
        let direction = facts.direction_override.unwrap_or_else(|| snapshot.direction(recipient));
        let probe = Probe::of_mailbox(recipient);
        let walk = walk(rules, &mail, &probe, direction, |_, _, _| {})?;
        let policies = policies(snapshot, facts, recipient);
        // The message and the rules are the same for all, so direction, matches and what
        // the recipient's domain demands decide the rest.
        let same = |group: &&mut Group<'_>| {
            group.direction == direction
                && group.walk.matched == walk.matched
                && group.policies == policies
        };
        match groups.iter_mut().find(same) {
            Some(group) => group.recipients.push(index),
            None => groups.push(Group { recipients: vec![index], direction, walk, policies }),
        }
    }
    let mut warnings = Vec::new();
    let removed = spoofed(facts);
    if !removed.is_empty() {
        warnings.push(Warning::SpoofRemoved { fields: removed });
    }
    let dispositions = groups
        .into_iter()
        .map(|group| {
            let (mut demands, odd) = demands(&group.walk, facts, &snapshot.tls);
            demands.extend(group.policies.iter().filter(|policy| is_kept(policy)).cloned());
            for warning in odd {
                if !warnings.contains(&warning) {
                    warnings.push(warning);
                }
            }
            group.disposition(facts, origin, snapshot, Outgoing { demands, received })
        })
        .collect();
    Ok(Accepted { dispositions, warnings })
}

/// Recipients for whom the same rules matched.
struct Group<'r> {
    recipients: Vec<usize>,
    direction: Direction,
    walk: Walk<'r>,
    /// What every `[[tls_policy]]` says about the recipients' domain.
    policies: Vec<Demand>,
}

struct Outgoing<'a> {
    demands: Vec<Demand>,
    received: &'a [u8],
}

impl Group<'_> {
    fn disposition(
        self,
        facts: &Facts,
        origin: Origin,
        snapshot: &Snapshot,
        outgoing: Outgoing<'_>,
    ) -> Disposition {
        let Self { recipients, direction, walk, policies: _ } = self;
        let rule = |index: &usize| {
            let rule = snapshot.rules.rule(*index)?;
            Some(Matched { rule: rule.name.clone(), shadow: rule.shadow })
        };
        Disposition {
            recipients,
            end: end(walk.ended, origin),
            direction,
            edits: edits(&walk, facts, snapshot.tls.strip, outgoing.received),
            demands: outgoing.demands,
            matched: walk.matched.iter().filter_map(rule).collect(),
            decided: walk.ended.map(|rule| rule.name.clone()),
        }
    }
}

/// How the walk ends. Where no rule ended it, the recipient is refused (decision 3).
pub(crate) fn end(ended: Option<&Rule>, origin: Origin) -> End {
    match origin {
        Origin::Gatepost => return End::Deliver,
        Origin::Client => {}
    }
    let refused = || End::Reject { reply: REFUSED.to_owned() };
    let Some(rule) = ended else { return refused() };
    match rule.last {
        FinalAction::Deliver => End::Deliver,
        FinalAction::Quarantine => End::Quarantine { company: false },
        FinalAction::QuarantineCompany => End::Quarantine { company: true },
        FinalAction::Delete => End::Delete,
        FinalAction::Reject => {
            rule.reply.clone().map_or_else(refused, |reply| End::Reject { reply })
        }
        FinalAction::None => refused(),
    }
}

/// Received on top, then the rules' fields in order, then what the message had (decision 36).
fn edits(walk: &Walk<'_>, facts: &Facts, strip: bool, received: &[u8]) -> Edits {
    let mut edits = Edits { top: received.to_vec(), cut: vec![] };
    for written in &walk.draft.written {
        if !strip || written.field.asked().is_none() {
            edits.top.extend_from_slice(written.field.bytes());
        }
    }
    edits.top.extend_from_slice(facts.headers.separator());
    for field in walk.draft.cut(facts) {
        if let Some(range) = facts.headers.extent(field) {
            edits.leave_out(range);
        }
    }
    edits
}

/// The `x-TLSLevel` fields that the message came with, as `Name: value`.
pub(crate) fn spoofed(facts: &Facts) -> Vec<String> {
    facts.headers.named(level::FIELD).map(|field| facts.headers.line(field)).collect()
}

/// What every `[[tls_policy]]` says about a recipient's domain now.
pub(crate) fn policies(snapshot: &Snapshot, facts: &Facts, recipient: &Mailbox) -> Vec<Demand> {
    snapshot.tls_policies.for_domain(recipient.domain(), facts.now)
}

/// Whether a policy's demand is kept with the message. `plain` is no demand but leave
/// not to try: what was taken under it would go in clear text after its end, so each
/// attempt asks for it anew.
fn is_kept(policy: &Demand) -> bool {
    policy.level() > Level::Plain
}

/// What the walk demands, and what is odd about it. The first `x-TLSLevel` that
/// the rules wrote decides, valid or not; without one, the default does.
pub(crate) fn demands(
    walk: &Walk<'_>,
    facts: &Facts,
    settings: &TlsSettings,
) -> (Vec<Demand>, Vec<Warning>) {
    let mut odd = vec![];
    let mut levels =
        walk.draft.written.iter().filter_map(|written| Some((written, written.field.asked()?)));
    let decided = match levels.next() {
        None => Demand::new(settings.default_level, Source::Default),
        Some((first, asked)) => {
            let rule = &first.rule.name;
            if let Asked::Unknown(value) = asked {
                let (rule, value) = (Some(rule.clone()), value.clone());
                odd.push(Warning::UnknownValue { rule, value });
            }
            for (later, ignored) in levels {
                odd.push(Warning::Duplicate {
                    first: rule.clone(),
                    ignored: later.rule.name.clone(),
                    enforcement_shadowed: ignored.level() > asked.level(),
                });
            }
            let source = Source::Rule { rule: rule.clone(), field: first.field.text() };
            Demand { asked: asked.clone(), source }
        }
    };
    let mut demands = vec![decided];
    match settings.submitted {
        SubmittedLevel::Ignore => {}
        SubmittedLevel::Raise => raise(&mut demands, facts, &mut odd),
    }
    (demands, odd)
}

/// The first submitted field becomes one more demand where it is stricter.
fn raise(demands: &mut Vec<Demand>, facts: &Facts, odd: &mut Vec<Warning>) {
    let Some(field) = facts.headers.named(level::FIELD).next() else { return };
    let asked =
        level::read_value(facts.headers.raw_value(field)).map_or_else(Asked::Unknown, Asked::Level);
    if demands.iter().any(|demand| demand.level() >= asked.level()) {
        return;
    }
    if let Asked::Unknown(value) = &asked {
        odd.push(Warning::UnknownValue { rule: None, value: value.clone() });
    }
    demands.push(Demand { asked, source: Source::Submitted { field: facts.headers.line(field) } });
}

#[cfg(test)]
mod tests;
