//! One Condition: what it looks at, and how it answers.
//!
//! `does_not_match` is the exact opposite of `matches`, and `does_not_exist` of
//! `exists`: a Condition is a test and whether its answer is turned round.

use std::sync::Arc;

use super::{DataSet, View};
use crate::{direction::Direction, document::ConditionEntry};

/// A compiled Condition.
#[derive(Debug)]
pub(crate) struct Condition {
    /// As it was written, for the trace.
    pub(crate) entry: ConditionEntry,
    pub(crate) test: Test,
    /// The answer is turned round.
    pub(crate) negated: bool,
}

/// What is looked at, and what it is compared with.
#[derive(Debug)]
pub(crate) enum Test {
    /// The recipient's direction is one of these.
    Direction(Vec<Direction>),
    /// The envelope sender is in a set.
    Sender(Arc<DataSet>),
    /// The recipient is in a set.
    Recipient(Arc<DataSet>),
    /// The number of recipients.
    RecipientCount(Comparison),
    /// The subject is in a set.
    Subject(Arc<DataSet>),
    /// There is a field of this name.
    HeaderThere(String),
    /// A field of this name has a value in a set.
    Header {
        /// The field's name.
        name: String,
        /// The set.
        set: Arc<DataSet>,
    },
    /// A whole line `Name: value` is in a set.
    AnyHeader(Arc<DataSet>),
    /// The size in bytes.
    Size(Comparison),
    /// The client's address is in a set.
    ConnectionIp(Arc<DataSet>),
    /// The sender's domain is one of ours.
    OwnDomain,
}

/// How a number compares.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Comparison {
    /// It is one of these.
    OneOf(Vec<u64>),
    /// It is greater.
    Above(u64),
    /// It is less.
    Below(u64),
}

impl Comparison {
    pub(crate) fn holds(&self, number: u64) -> bool {
        match self {
            Self::OneOf(numbers) => numbers.contains(&number),
            Self::Above(bound) => number > *bound,
            Self::Below(bound) => number < *bound,
        }
    }
}

/// What a Condition answers.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Answer {
    /// It holds.
    Yes,
    /// It does not.
    No,
    /// It cannot be told: what is missing. The message waits at its sender.
    Unknown(String),
}

impl Answer {
    const fn of(yes: bool) -> Self {
        if yes { Self::Yes } else { Self::No }
    }

    fn turned(self, turn: bool) -> Self {
        match (self, turn) {
            (Self::Yes, true) => Self::No,
            (Self::No, true) => Self::Yes,
            (answer @ (Self::Yes | Self::No), false) | (answer @ Self::Unknown(_), _) => answer,
        }
    }
}

impl Condition {
    /// Whether the Condition holds.
    pub(crate) fn holds(&self, view: &View<'_>) -> Answer {
        self.test.answer(view).turned(self.negated)
    }
}

impl Test {
    fn answer(&self, view: &View<'_>) -> Answer {
        Answer::of(match self {
            Self::Direction(wanted) => wanted.contains(&view.direction),
            Self::Sender(set) => set.matches_address(view.mail.sender()),
            Self::Recipient(set) => set.matches_address(view.recipient),
            Self::RecipientCount(comparison) => comparison.holds(view.mail.recipient_count()),
            Self::Subject(set) => view.subject_is_in(set),
            Self::HeaderThere(name) => view.has_header(name),
            Self::Header { name, set } => {
                view.any_header(|header| header.is_named(name) && set.matches_text(header.value()))
            }
            Self::AnyHeader(set) => view.any_header(|header| set.matches_text(&header.line())),
            Self::Size(comparison) => comparison.holds(view.mail.size()),
            Self::ConnectionIp(set) => match &**set {
                DataSet::Networks(networks) => networks.contains(view.mail.client()),
                DataSet::Domains(_) | DataSet::Text(_) | DataSet::Regex(_) => false,
            },
            Self::OwnDomain => view.mail.sender_is_own(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_told_cannot_be_turned_into_an_answer() {
        let unknown = Answer::Unknown("a scanner".into());
        assert_eq!(unknown.clone().turned(true), unknown);
        assert_eq!(Answer::Yes.turned(true), Answer::No);
        assert_eq!(Answer::No.turned(false), Answer::No);
    }
}
