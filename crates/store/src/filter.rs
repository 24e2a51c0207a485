//! The language in which waiting mail is picked, for looking and for acting.
//!
//! `domain=partner.example and level>=require and not state=held and age>2h`. It is a
//! value without I/O: [`parse`] reads it, [`Filter::matches`] judges one entry, and
//! printing gives a text that is read as the same filter again.

mod parse;
#[cfg(test)]
mod tests;

use std::{cmp::Ordering, fmt};

use gatepost_policy::{tls::Level, units::Period};
use gatepost_wire::timestamp::Timestamp;

pub use self::parse::parse;
use crate::view::{EntryState, QueueEntry};

/// A filter over waiting recipients.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Filter(Expression);

#[derive(Clone, Debug, Eq, PartialEq)]
enum Expression {
    /// At least two.
    Any(Vec<Self>),
    /// At least two.
    All(Vec<Self>),
    Not(Box<Self>),
    Test(Test),
}

/// One comparison.
#[derive(Clone, Debug, Eq, PartialEq)]
struct Test {
    field: Field,
    operator: Operator,
    value: Value,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Operator {
    Is,
    IsNot,
    Less,
    AtMost,
    Greater,
    AtLeast,
}

/// What is compared with; which of them belongs to a field is [`Field::kind`].
#[derive(Clone, Debug, Eq, PartialEq)]
enum Value {
    Pattern(String),
    Level(Level),
    State(EntryState),
    Number(u32),
    Period(Period),
    /// A point in time.
    At(Timestamp),
    /// So long from now.
    In(Period),
    Flag(bool),
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Kind {
    Pattern,
    /// A pattern over the words for causes.
    Why,
    Level,
    State,
    Number,
    Age,
    Moment,
    Flag,
}

macro_rules! fields {
    ($($variant:ident = $word:literal, $kind:ident;)*) => {
        #[derive(Clone, Copy, Debug, Eq, PartialEq)]
        enum Field { $($variant,)* }

        impl Field {
            const ALL: &'static [Self] = &[$(Self::$variant),*];
            const WORDS: &'static [&'static str] = &[$($word),*];

            const fn word(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }

            const fn kind(self) -> Kind {
                match self { $(Self::$variant => Kind::$kind,)* }
            }
        }
    };
}

fields! {
    Id = "id", Pattern;
    Message = "message", Pattern;
    Sender = "sender", Pattern;
    Recipient = "recipient", Pattern;
    Domain = "domain", Pattern;
    Level = "level", Level;
    State = "state", State;
    Why = "why", Why;
    Status = "status", Pattern;
    Host = "host", Pattern;
    HeldBy = "held_by", Pattern;
    Attempts = "attempts", Number;
    Age = "age", Age;
    Next = "next", Moment;
    Asked = "asked", Flag;
    Warned = "warned", Flag;
}

/// Why a text is no filter.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("column {column}: {problem} {remedy}")]
pub struct FilterError {
    /// Where, in characters from one.
    pub column: usize,
    /// What is wrong, as a full sentence.
    pub problem: String,
    /// What to do, as a full sentence.
    pub remedy: String,
}

impl Filter {
    /// Whether it picks an entry. `default` is the level of an entry without a demand.
    pub fn matches(&self, entry: &QueueEntry, default: Level, now: Timestamp) -> bool {
        self.0.holds(entry, default, now)
    }

    /// The one domain that all it picks is at, where it says so without a pattern.
    pub(crate) fn domain(&self) -> Option<&str> {
        self.0.domain()
    }
}

impl Expression {
    fn domain(&self) -> Option<&str> {
        match self {
            Self::All(parts) => parts.iter().find_map(Self::domain),
            Self::Test(Test {
                field: Field::Domain,
                operator: Operator::Is,
                value: Value::Pattern(text),
            }) if !text.contains(['*', '?']) => Some(text),
            Self::Any(_) | Self::Not(_) | Self::Test(_) => None,
        }
    }

    fn holds(&self, entry: &QueueEntry, default: Level, now: Timestamp) -> bool {
        match self {
            Self::Any(parts) => parts.iter().any(|part| part.holds(entry, default, now)),
            Self::All(parts) => parts.iter().all(|part| part.holds(entry, default, now)),
            Self::Not(part) => !part.holds(entry, default, now),
            Self::Test(test) => test.holds(entry, default, now),
        }
    }
}

impl Test {
    fn holds(&self, entry: &QueueEntry, default: Level, now: Timestamp) -> bool {
        let found = match &self.value {
            Value::Pattern(pattern) => {
                let found = self.field.text(entry).is_some_and(|text| fits(pattern, &text));
                return found == (self.operator == Operator::Is);
            }
            Value::Level(level) => entry.level.unwrap_or(default).cmp(level),
            Value::State(state) => {
                return (entry.state == *state) == (self.operator == Operator::Is);
            }
            Value::Flag(flag) => {
                let asked = self.field == Field::Asked;
                let is = if asked { entry.asked.is_some() } else { entry.warned };
                return (is == *flag) == (self.operator == Operator::Is);
            }
            Value::Number(number) => entry.attempts.cmp(number),
            Value::Period(age) => now.since(entry.accepted_at).cmp(&age.duration()),
            Value::At(at) => entry.next_attempt.cmp(at),
            Value::In(period) => entry.next_attempt.cmp(&now.plus(period.duration())),
        };
        self.operator.holds(found)
    }
}

impl Field {
    /// The text of a field that is compared with a pattern; `None` where there is none.
    fn text(self, entry: &QueueEntry) -> Option<String> {
        let last = entry.last.as_ref();
        match self {
            Self::Id => Some(entry.id.to_string()),
            Self::Message => Some(entry.message.to_string()),
            Self::Sender if entry.sender.is_empty() => Some("<>".to_owned()),
            Self::Sender => Some(entry.sender.clone()),
            Self::Recipient => Some(entry.recipient.clone()),
            Self::Domain => Some(entry.domain.clone()),
            Self::Why => last.and_then(|last| last.why).map(|why| why.word().to_owned()),
            Self::Status => last.map(|last| last.status.clone()),
            Self::Host => last.and_then(|last| last.host.clone()),
            Self::HeldBy => entry.held.as_ref().map(|held| held.by.clone()),
            Self::Level
            | Self::State
            | Self::Attempts
            | Self::Age
            | Self::Next
            | Self::Asked
            | Self::Warned => None,
        }
    }
}

impl Operator {
    const fn holds(self, found: Ordering) -> bool {
        match self {
            Self::Is => found.is_eq(),
            Self::IsNot => found.is_ne(),
            Self::Less => found.is_lt(),
            Self::AtMost => found.is_le(),
            Self::Greater => found.is_gt(),
            Self::AtLeast => found.is_ge(),
        }
    }

    const fn sign(self) -> &'static str {
        match self {
            Self::Is => "=",
            Self::IsNot => "!=",
            Self::Less => "<",
            Self::AtMost => "<=",
            Self::Greater => ">",
            Self::AtLeast => ">=",
        }
    }
}

/// Whether a text fits a pattern, without regard to case: `*` stands for any
/// characters, `?` for one. It takes time in proportion to both lengths at most.
fn fits(pattern: &str, text: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().flat_map(char::to_lowercase).collect();
    let text: Vec<char> = text.chars().flat_map(char::to_lowercase).collect();
    let (mut p, mut t) = (0, 0);
    // Where to go on with one more character for the last star.
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some('*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(wanted) if *wanted == '?' || text.get(t) == Some(wanted) => {
                p += 1;
                t += 1;
            }
            Some(_) | None => {
                let Some((at, from)) = star else { return false };
                star = Some((at, from + 1));
                p = at + 1;
                t = from + 1;
            }
        }
    }
    pattern.iter().skip(p).all(|rest| *rest == '*')
}

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Expression {
    /// How tightly its parts are bound: what is bound less tightly needs parentheses.
    const fn rank(&self) -> u8 {
        match self {
            Self::Any(_) => 0,
            Self::All(_) => 1,
            Self::Not(_) | Self::Test(_) => 2,
        }
    }

    fn list(parts: &[Self], word: &str, rank: u8, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, part) in parts.iter().enumerate() {
            if index > 0 {
                write!(f, " {word} ")?;
            }
            part.within(rank, f)?;
        }
        Ok(())
    }

    fn within(&self, rank: u8, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.rank() > rank { write!(f, "{self}") } else { write!(f, "({self})") }
    }
}

impl fmt::Display for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any(parts) => Self::list(parts, "or", 0, f),
            Self::All(parts) => Self::list(parts, "and", 1, f),
            Self::Not(part) => {
                f.write_str("not ")?;
                part.within(1, f)
            }
            Self::Test(test) => test.fmt(f),
        }
    }
}

impl fmt::Display for Test {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { field, operator, value } = self;
        f.write_str(field.word())?;
        f.write_str(operator.sign())?;
        match value {
            Value::Pattern(text) => parse::write_text(text, f),
            Value::Level(level) => f.write_str(level.word()),
            Value::State(state) => f.write_str(state.word()),
            Value::Number(number) => number.fmt(f),
            Value::Period(period) | Value::In(period) => period.fmt(f),
            Value::At(at) => f.write_str(&at.rfc3339()),
            Value::Flag(true) => f.write_str("yes"),
            Value::Flag(false) => f.write_str("no"),
        }
    }
}
