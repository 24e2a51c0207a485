//! Direction and the record of a rule that matched: two words that the rules
//! produce and everything below them stores.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Where a recipient is (`interface.md`, decision 1): ours, or somebody else's.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Ord, PartialOrd, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// The recipient's domain is one of ours.
    Inbound,
    /// It is not.
    Outbound,
}

impl Direction {
    /// The word of the policy file: `inbound` or `outbound`.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Inbound => "inbound",
            Self::Outbound => "outbound",
        }
    }
}

impl fmt::Display for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// A rule whose Conditions all held for a recipient.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash, Serialize, Deserialize)]
pub struct Matched {
    /// The rule's name.
    pub rule: String,
    /// Whether it is a shadow rule, which is recorded and changes nothing.
    pub shadow: bool,
}
