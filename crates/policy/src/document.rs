//! The policy as it was written: domains, sources, sets and rules, without their meaning.
//!
//! A [`PolicyDocument`] is what is stored, exported and compared. It is read from
//! TOML or JSON by one reader that reports every problem with its place, and
//! [`PolicyDocument::to_toml`] prints one that reads back as an equal document.
//! What the words mean is decided in [`crate::rules`].

mod edit;
pub(crate) mod node;
mod print;
pub(crate) mod read;
mod spans;
mod system;

use serde::{Deserialize, Serialize};

pub(crate) use self::system::complete;
pub use self::{
    edit::{At, Edited},
    spans::Spans,
    system::{Profile, SystemRule},
};
use crate::{day::Day, diagnostic::Diagnostic, tls::Level};

/// The whole policy, in the order of the file.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PolicyDocument {
    /// Our domains.
    #[serde(rename = "domain", default)]
    pub domains: Vec<DomainEntry>,
    /// The networks that may send to anybody through us.
    #[serde(rename = "outbound_source", default)]
    pub outbound_sources: Vec<SourceEntry>,
    /// Where outbound mail goes instead of to MX.
    #[serde(rename = "smart_host", default)]
    pub smart_hosts: Vec<SmartHostEntry>,
    /// Custom Rule Data.
    #[serde(default)]
    pub rule_data: Vec<RuleDataEntry>,
    /// What no header can weaken.
    #[serde(rename = "tls_policy", default)]
    pub tls_policies: Vec<TlsPolicyEntry>,
    /// Message Rules, priority 1 first.
    #[serde(rename = "rule", default)]
    pub rules: Vec<RuleEntry>,
}

/// A document and where each part of it stood in its file.
#[derive(Clone, Debug)]
pub struct Parsed {
    /// What was written.
    pub document: PolicyDocument,
    /// Where it was written.
    pub spans: Spans,
}

/// A domain of ours.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DomainEntry {
    /// The domain.
    pub name: String,
    /// Where inbound mail for it goes; none: by MX.
    #[serde(default)]
    pub routes: Vec<RouteEntry>,
}

/// A place that inbound mail is handed to.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RouteEntry {
    /// A host's name or an address.
    pub host: String,
    /// The TCP port.
    #[serde(default = "default_port")]
    pub port: u16,
    /// The share of the load, against the other routes' weights.
    #[serde(default = "default_weight")]
    pub weight: u16,
    /// The level on the way there.
    #[serde(default = "default_route_level")]
    pub tls: Level,
}

/// A network that may send out through us.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SourceEntry {
    /// An address or a network: `10.0.0.0/8`.
    pub network: String,
}

/// A place that outbound mail for some domains goes to instead of to MX.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SmartHostEntry {
    /// The recipients' domains, as they were written; `*` is every domain.
    pub domains: Vec<String>,
    /// A host's name or an address.
    pub host: String,
    /// The TCP port.
    #[serde(default = "default_port")]
    pub port: u16,
    /// The level on the way there.
    #[serde(default = "default_route_level")]
    pub tls: Level,
    /// TLS from the first byte.
    #[serde(default)]
    pub implicit_tls: bool,
    /// Who we are to the host, where it wants a login.
    #[serde(default)]
    pub username: Option<String>,
    /// The file that holds the password. Its content is no part of the policy.
    #[serde(default)]
    pub password_file: Option<String>,
}

/// A level that no header can weaken.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TlsPolicyEntry {
    /// Domains of recipients and names of hosts, as they were written; `*` is all of them.
    pub domains: Vec<String>,
    /// The level.
    pub level: Level,
    /// The last day on which it holds, in UTC.
    #[serde(default)]
    pub until: Option<Day>,
}

/// A set of Custom Rule Data.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RuleDataEntry {
    /// Its name, unique without regard to case.
    pub name: String,
    /// What its author wants to be known about it: one line or several.
    #[serde(default)]
    pub note: Option<String>,
    /// What its values are.
    pub kind: DataKind,
    /// The values, as they were written.
    pub values: Values,
}

/// What the values of a set are.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Ord, PartialOrd, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DataKind {
    /// Domains, subdomains and addresses.
    Domains,
    /// Words that are looked for anywhere in a text, without regard to case.
    Text,
    /// One pattern.
    Regex,
    /// Addresses and networks.
    Networks,
}

impl DataKind {
    /// Every kind.
    pub const ALL: [Self; 4] = [Self::Domains, Self::Text, Self::Regex, Self::Networks];

    /// The word of the policy file.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Domains => "domains",
            Self::Text => "text",
            Self::Regex => "regex",
            Self::Networks => "networks",
        }
    }
}

/// The values of a set: one a line, or one an element.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Values {
    /// A string with one value a line.
    Lines(String),
    /// An array.
    List(Vec<String>),
}

/// A rule: one of ours, or a System Rule.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum RuleEntry {
    /// A System Rule where it stands.
    System(SystemEntry),
    /// A Message Rule.
    Custom(Box<CustomRule>),
}

/// A System Rule, which can be switched off and nothing else.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SystemEntry {
    /// Which one.
    pub system: SystemRule,
    /// Whether it is tried.
    #[serde(default = "yes")]
    pub active: bool,
}

/// A Message Rule.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CustomRule {
    /// Its name, unique without regard to case.
    pub name: String,
    /// What its author wants to be known about it: one line or several.
    #[serde(default)]
    pub note: Option<String>,
    /// Whether it is tried.
    #[serde(default = "yes")]
    pub active: bool,
    /// Evaluated and recorded, changing nothing.
    #[serde(default)]
    pub shadow: bool,
    /// All of them must hold.
    #[serde(default)]
    pub conditions: Vec<ConditionEntry>,
    /// What is done, in this order.
    #[serde(default)]
    pub actions: Vec<ActionEntry>,
    /// How the walk ends, or that it goes on.
    #[serde(default)]
    pub final_action: FinalAction,
    /// What the sender is told, with `reject`.
    #[serde(default)]
    pub reply: Option<String>,
}

/// A Condition as it was written.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConditionEntry {
    /// What it looks at.
    pub condition: ConditionKind,
    /// How it compares.
    #[serde(rename = "match")]
    pub match_type: MatchType,
    /// The header field's name.
    #[serde(default)]
    pub name: Option<String>,
    /// Compared with this value,
    #[serde(default)]
    pub value: Option<Literal>,
    /// or this pattern,
    #[serde(default)]
    pub regex: Option<String>,
    /// or this set.
    #[serde(default)]
    pub rule_data: Option<String>,
}

/// What a Condition looks at.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConditionKind {
    /// The recipient's direction.
    Direction,
    /// The envelope sender.
    Sender,
    /// The envelope recipient that is judged.
    Recipient,
    /// The number of envelope recipients.
    RecipientCount,
    /// The decoded subject.
    Subject,
    /// A header field, or every whole header line.
    Header,
    /// The size as received.
    Size,
    /// The client's address.
    ConnectionIp,
    /// Whether the sender's domain is one of ours.
    OwnDomain,
}

impl ConditionKind {
    /// Every kind that this version has.
    pub const ALL: [Self; 9] = [
        Self::Direction,
        Self::Sender,
        Self::Recipient,
        Self::RecipientCount,
        Self::Subject,
        Self::Header,
        Self::Size,
        Self::ConnectionIp,
        Self::OwnDomain,
    ];

    /// The word of the policy file.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Direction => "direction",
            Self::Sender => "sender",
            Self::Recipient => "recipient",
            Self::RecipientCount => "recipient_count",
            Self::Subject => "subject",
            Self::Header => "header",
            Self::Size => "size",
            Self::ConnectionIp => "connection_ip",
            Self::OwnDomain => "own_domain",
        }
    }
}

/// How a Condition compares.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MatchType {
    /// It is so.
    Matches,
    /// The exact opposite of `matches`.
    DoesNotMatch,
    /// The number is above.
    GreaterThan,
    /// The number is below.
    LessThan,
    /// There is such a field.
    Exists,
    /// There is no such field.
    DoesNotExist,
}

impl MatchType {
    /// Every match type.
    pub const ALL: [Self; 6] = [
        Self::Matches,
        Self::DoesNotMatch,
        Self::GreaterThan,
        Self::LessThan,
        Self::Exists,
        Self::DoesNotExist,
    ];

    /// The word of the policy file.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Matches => "matches",
            Self::DoesNotMatch => "does_not_match",
            Self::GreaterThan => "greater_than",
            Self::LessThan => "less_than",
            Self::Exists => "exists",
            Self::DoesNotExist => "does_not_exist",
        }
    }
}

/// An inline `value`: a string, a number, or an array of them.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Literal {
    /// A string.
    Text(String),
    /// A number.
    Number(i64),
    /// An array of strings and numbers.
    List(Vec<Self>),
}

/// An Action as it was written.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(tag = "action", rename_all = "snake_case", deny_unknown_fields)]
pub enum ActionEntry {
    /// Adds a header field below those that earlier rules added.
    AddMessageHeader {
        /// `Name: value`.
        value: String,
    },
    /// Removes every field of a name.
    RemoveMessageHeader {
        /// The field's name.
        name: String,
    },
    /// Replaces any `x-TLSLevel` of an earlier rule.
    SetTlsLevel {
        /// The level's word.
        value: String,
    },
}

/// How a rule ends the walk.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FinalAction {
    /// It does not: the walk goes on.
    #[default]
    None,
    /// The message is delivered.
    Deliver,
    /// It is kept for the recipient.
    Quarantine,
    /// It is kept for the organisation.
    QuarantineCompany,
    /// It is taken and thrown away.
    Delete,
    /// It is refused.
    Reject,
}

impl FinalAction {
    /// Every Final Action.
    pub const ALL: [Self; 6] = [
        Self::None,
        Self::Deliver,
        Self::Quarantine,
        Self::QuarantineCompany,
        Self::Delete,
        Self::Reject,
    ];

    /// The word of the policy file.
    pub const fn word(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Deliver => "deliver",
            Self::Quarantine => "quarantine",
            Self::QuarantineCompany => "quarantine_company",
            Self::Delete => "delete",
            Self::Reject => "reject",
        }
    }
}

impl PolicyDocument {
    /// Reads a policy file. `file` is how its name is shown.
    ///
    /// # Errors
    /// Every problem of the file, in its order: broken TOML, or unknown keys and
    /// words, wrong types and, for the parts that could be read, also what
    /// [`crate::rules::RuleSet::compile`] has to say.
    pub fn parse_toml(text: &str, file: &str) -> Result<Parsed, Vec<Diagnostic>> {
        read::toml(text, file)
    }

    /// Reads the JSON form, as the API takes it. The problems have no line.
    ///
    /// # Errors
    /// As [`PolicyDocument::parse_toml`].
    pub fn parse_json(json: serde_json::Value) -> Result<Parsed, Vec<Diagnostic>> {
        read::json(json)
    }

    /// The document as a policy file. Read again, it is equal to this one.
    pub fn to_toml(&self) -> String {
        print::toml(self)
    }

    /// What a new store starts with: no domain, no source, the System Rules of the profile.
    pub fn initial(profile: Profile) -> Self {
        Self::default().completed(profile)
    }

    /// The document with the System Rules that it leaves out at their usual
    /// places (decision 6). Completing twice changes nothing.
    #[must_use]
    pub fn completed(self, profile: Profile) -> Self {
        let rules = complete(self.rules, profile).into_iter().map(|placed| placed.rule).collect();
        Self { rules, ..self }
    }
}

impl Values {
    /// The values in order, one a line, blank lines included.
    pub fn lines(&self) -> impl Iterator<Item = &str> {
        let (text, list) = match self {
            Self::Lines(text) => (Some(text.lines()), None),
            Self::List(list) => (None, Some(list.iter().map(String::as_str))),
        };
        text.into_iter().flatten().chain(list.into_iter().flatten())
    }
}

const fn yes() -> bool {
    true
}

const fn default_port() -> u16 {
    25
}

const fn default_weight() -> u16 {
    1
}

const fn default_route_level() -> Level {
    Level::Try
}

#[cfg(test)]
mod tests;
