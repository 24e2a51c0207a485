//! The walk: rules in order, one recipient at a time, until a Final Action ends it.
//!
//! Later rules see what earlier ones wrote and removed. A shadow rule is asked and
//! noted, and changes nothing, the walk's end included. This is the only place
//! that runs rules: acceptance, simulator and tests differ in what they note.

use std::{cell::OnceCell, net::IpAddr};

use super::{Action, Answer, DataSet, HeaderField, Probe, Rule, action::Effect};
use crate::{direction::Direction, document::FinalAction, facts::Facts, tls::level};

/// A Condition that could not be answered: the message waits at its sender (451).
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("rule {rule:?} needs what cannot be had now: {need}")]
pub struct Undecided {
    /// The rule that asked.
    pub rule: String,
    /// What is missing.
    pub need: String,
}

/// What all recipients of a message share.
#[derive(Debug)]
pub(crate) struct Mail<'a> {
    facts: &'a Facts,
    sender: Probe,
    sender_is_own: bool,
    recipient_count: u64,
    subject: OnceCell<Option<String>>,
    subject_lowered: OnceCell<String>,
    /// The inherited fields' decoded values, made when a rule first wants them.
    decoded: OnceCell<Vec<Inherited>>,
}

/// A field that came with the message, as Conditions see it.
#[derive(Debug)]
struct Inherited {
    name: String,
    value: String,
}

impl<'a> Mail<'a> {
    pub(crate) fn new(facts: &'a Facts, own: &DataSet) -> Self {
        let sender = Probe::of_sender(&facts.sender);
        Self {
            facts,
            sender_is_own: own.matches_address(&sender),
            sender,
            recipient_count: u64::try_from(facts.recipients.len()).unwrap_or(u64::MAX),
            subject: OnceCell::new(),
            subject_lowered: OnceCell::new(),
            decoded: OnceCell::new(),
        }
    }

    pub(crate) const fn sender(&self) -> &Probe {
        &self.sender
    }

    pub(crate) const fn sender_is_own(&self) -> bool {
        self.sender_is_own
    }

    pub(crate) const fn recipient_count(&self) -> u64 {
        self.recipient_count
    }

    pub(crate) const fn size(&self) -> u64 {
        self.facts.size
    }

    pub(crate) const fn client(&self) -> IpAddr {
        self.facts.client
    }

    fn subject(&self) -> Option<&str> {
        let read = || {
            let headers = &self.facts.headers;
            headers.named("Subject").next().map(|field| headers.decoded(field))
        };
        self.subject.get_or_init(read).as_deref()
    }

    /// Every field that Conditions may see: a submitted `x-TLSLevel` is not among them (decision 19).
    fn inherited(&self) -> &[Inherited] {
        self.decoded.get_or_init(|| {
            let headers = &self.facts.headers;
            (0..headers.len())
                .filter(|field| !headers.is_named(*field, level::FIELD))
                .map(|field| Inherited { name: headers.name(field), value: headers.decoded(field) })
                .collect()
        })
    }
}

/// What a Condition is asked about: a message, one of its recipients, and what rules did so far.
#[derive(Clone, Copy, Debug)]
pub(crate) struct View<'a> {
    pub(crate) mail: &'a Mail<'a>,
    pub(crate) recipient: &'a Probe,
    pub(crate) direction: Direction,
    pub(crate) draft: &'a Draft<'a>,
}

/// One field of the message as it stands.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Header<'a> {
    name: &'a str,
    value: &'a str,
}

impl<'a> Header<'a> {
    pub(crate) fn is_named(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name)
    }

    pub(crate) const fn value(&self) -> &'a str {
        self.value
    }

    pub(crate) fn line(&self) -> String {
        format!("{}: {}", self.name, self.value)
    }
}

impl<'a> View<'a> {
    /// Whether there is a field of this name; nothing is decoded.
    pub(crate) fn has_header(&self, name: &str) -> bool {
        if self.draft.written.iter().any(|written| written.field.name().eq_ignore_ascii_case(name))
        {
            return true;
        }
        !name.eq_ignore_ascii_case(level::FIELD)
            && !self.draft.has_removed(name)
            && self.mail.facts.headers.named(name).next().is_some()
    }

    /// Whether a test holds for any field of the message as it stands.
    pub(crate) fn any_header(&self, test: impl Fn(Header<'_>) -> bool) -> bool {
        self.headers().any(test)
    }

    /// The fields of the message as it stands, those of the rules first.
    pub(crate) fn headers(&self) -> impl Iterator<Item = Header<'a>> {
        let draft = self.draft;
        let written = draft
            .written
            .iter()
            .map(|written| Header { name: written.field.name(), value: written.field.decoded() });
        let inherited = self.mail.inherited().iter();
        let inherited = inherited
            .filter(|inherited| !draft.has_removed(&inherited.name))
            .map(|inherited| Header { name: &inherited.name, value: &inherited.value });
        written.chain(inherited)
    }

    /// Whether the subject is in a set; where there is none it is in no set.
    pub(crate) fn subject_is_in(&self, set: &DataSet) -> bool {
        if let Some(written) = self.written_subject() {
            return set.matches_text(written);
        }
        let mail = self.mail;
        let lowered =
            |text: &str| mail.subject_lowered.get_or_init(|| text.to_lowercase()).as_str();
        self.subject().is_some_and(|text| set.matches_folded(text, || lowered(text)))
    }

    /// The subject of the message as it stands.
    pub(crate) fn subject(&self) -> Option<&'a str> {
        match self.written_subject() {
            Some(written) => Some(written),
            None if self.draft.has_removed("Subject") => None,
            None => self.mail.subject(),
        }
    }

    fn written_subject(&self) -> Option<&'a str> {
        let mut written = self.draft.written.iter();
        let written = written.find(|w| w.field.name().eq_ignore_ascii_case("Subject"))?;
        Some(written.field.decoded())
    }
}

/// What the rules did to the message so far.
#[derive(Clone, Debug, Default)]
pub(crate) struct Draft<'r> {
    /// In the order in which they go out.
    pub(crate) written: Vec<Written<'r>>,
    /// Names whose inherited fields are gone.
    removed: Vec<&'r str>,
}

/// A field and the rule that wrote it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Written<'r> {
    pub(crate) rule: &'r Rule,
    pub(crate) field: &'r HeaderField,
}

impl<'r> Draft<'r> {
    fn apply(&mut self, rule: &'r Rule) {
        for Action { effect, .. } in &rule.actions {
            match effect {
                Effect::Add(field) => self.written.push(Written { rule, field }),
                Effect::Remove(name) => {
                    self.unwrite(name);
                    self.removed.push(name);
                }
                Effect::SetLevel(field) => {
                    self.unwrite(level::FIELD);
                    self.written.push(Written { rule, field });
                }
            }
        }
    }

    fn unwrite(&mut self, name: &str) {
        self.written.retain(|written| !written.field.name().eq_ignore_ascii_case(name));
    }

    fn has_removed(&self, name: &str) -> bool {
        let name = name.trim_end();
        self.removed.iter().any(|removed| removed.eq_ignore_ascii_case(name))
    }

    /// The inherited fields that do not stay: those that rules removed, and every submitted
    /// `x-TLSLevel`.
    pub(crate) fn cut(&self, facts: &Facts) -> Vec<usize> {
        let headers = &facts.headers;
        (0..headers.len())
            .filter(|field| {
                headers.is_named(*field, level::FIELD)
                    || self.removed.iter().any(|name| headers.is_named(*field, name))
            })
            .collect()
    }
}

/// One recipient's walk through the rules.
#[derive(Debug, Default)]
pub(crate) struct Walk<'r> {
    pub(crate) draft: Draft<'r>,
    /// Indices of the rules that matched, shadow rules among them.
    pub(crate) matched: Vec<usize>,
    /// The rule that ended it.
    pub(crate) ended: Option<&'r Rule>,
}

/// Walks the rules for one recipient. `note` is told of every rule that was tried,
/// before the rule acts.
pub(crate) fn walk<'r>(
    rules: &'r [Rule],
    mail: &Mail<'_>,
    recipient: &Probe,
    direction: Direction,
    mut note: impl FnMut(&'r Rule, &View<'_>, &Answer),
) -> Result<Walk<'r>, Undecided> {
    let mut walk = Walk::default();
    for (index, rule) in rules.iter().enumerate() {
        if !rule.active {
            continue;
        }
        let view = View { mail, recipient, direction, draft: &walk.draft };
        let answer = all(rule.conditions.iter().map(|condition| condition.holds(&view)));
        note(rule, &view, &answer);
        match answer {
            Answer::No => continue,
            // A shadow rule changes nothing, so what it cannot tell holds nothing up.
            Answer::Unknown(_) if rule.shadow => continue,
            Answer::Unknown(need) => return Err(Undecided { rule: rule.name.clone(), need }),
            Answer::Yes => {}
        }
        walk.matched.push(index);
        if rule.shadow {
            continue;
        }
        walk.draft.apply(rule);
        if rule.last != FinalAction::None {
            walk.ended = Some(rule);
            break;
        }
    }
    Ok(walk)
}

/// Kleene's "and": one "no" settles it, whatever else cannot be told.
fn all(answers: impl Iterator<Item = Answer>) -> Answer {
    let mut unknown = None;
    for answer in answers {
        match answer {
            Answer::No => return Answer::No,
            Answer::Unknown(need) => unknown = Some(need),
            Answer::Yes => {}
        }
    }
    unknown.map_or(Answer::Yes, Answer::Unknown)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(answers: &[Answer]) -> Answer {
        all(answers.iter().cloned())
    }

    #[test]
    fn one_no_settles_it_whatever_cannot_be_told() {
        let unknown = || Answer::Unknown("a scanner".into());
        assert_eq!(of(&[unknown(), Answer::No]), Answer::No);
        assert_eq!(of(&[Answer::No, unknown()]), Answer::No);
        assert_eq!(of(&[Answer::Yes, unknown(), Answer::Yes]), unknown());
        assert_eq!(of(&[Answer::Yes, Answer::Yes]), Answer::Yes);
        assert_eq!(of(&[]), Answer::Yes);
    }
}
