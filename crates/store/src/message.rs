//! What is put into the store: a message with everything that was decided
//! about it, one group of recipients at a time.
//!
//! A message is stored as it was received; a copy is a group of its recipients
//! that share a destination, demands and edits. What was demanded when it was
//! accepted stays with the copy and is never loosened.

use std::net::IpAddr;

use gatepost_policy::{
    direction::{Direction, Matched},
    id::MessageId,
    tls::Demand,
};
use gatepost_wire::{
    address::{AddressDomain, Mailbox, ReversePath},
    command::{MailParams, RcptParams},
    message::Edits,
    timestamp::Timestamp,
};
use serde::{Deserialize, Serialize};

/// A message to be stored, with the verdicts about its recipients.
#[derive(Clone, Debug)]
pub struct NewMessage {
    /// Its id, from [`crate::Enqueue::mint`].
    pub id: MessageId,
    /// When it was received.
    pub received_at: Timestamp,
    /// The envelope sender.
    pub sender: ReversePath,
    /// The parameters of `MAIL FROM`.
    pub params: MailParams,
    /// Who brought it.
    pub client: ClientFacts,
    /// The revision of the policy that judged it.
    pub revision: u64,
    /// The decoded subject, for lists.
    pub subject: String,
    /// What is to be delivered, or reported as refused.
    pub copies: Vec<NewCopy>,
    /// What is kept in quarantine.
    pub quarantined: Vec<NewQuarantined>,
    /// Recipients that are done with: deleted, or refused and only recorded.
    pub closed: Vec<Closed>,
}

/// The client that brought a message.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct ClientFacts {
    /// Its address.
    pub address: IpAddr,
    /// What it said in EHLO or HELO.
    pub helo: String,
    /// The TLS version of its session; `None` in clear text.
    pub tls: Option<String>,
    /// Whether it may send to anybody.
    pub from_source: bool,
    /// The account that it authenticated as; `None` where it did not.
    #[serde(default)]
    pub account: Option<String>,
}

/// A recipient as it was given in `RCPT TO`.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct NewRecipient {
    /// The address.
    pub mailbox: Mailbox,
    /// The parameters of `RCPT TO`.
    pub params: RcptParams,
}

/// Recipients that travel together: same destination, same demands, same edits.
#[derive(Clone, Debug)]
pub struct NewCopy {
    /// At least one; all at [`NewCopy::domain`].
    pub recipients: Vec<NewRecipient>,
    /// Where they are.
    pub direction: Direction,
    /// The domain that all of them share.
    pub domain: AddressDomain,
    /// What TLS was demanded.
    pub demands: Vec<Demand>,
    /// What is changed in the message when it is sent.
    pub edits: Edits,
    /// The rules that matched.
    pub matched: Vec<Matched>,
    /// The rule that ended the walk; `None` where no rule did.
    pub rule: Option<String>,
    /// What becomes of it.
    pub fate: Fate,
}

/// What becomes of a copy.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fate {
    /// It is delivered.
    Deliver,
    /// A rule refused it after the message had been taken for others: it is
    /// reported to the sender, and no connection is made.
    Report {
        /// The rule's reply.
        reply: String,
    },
    /// An administrator gave it up: it is reported to the sender, and no connection
    /// is made.
    Returned {
        /// Who: the account, or the operating system's user.
        by: String,
        /// Why, in words for the sender too.
        reason: Option<String>,
    },
}

/// Recipients whose copy is kept in quarantine.
#[derive(Clone, Debug)]
pub struct NewQuarantined {
    /// At least one; all at [`NewQuarantined::domain`].
    pub recipients: Vec<NewRecipient>,
    /// Where they are.
    pub direction: Direction,
    /// The domain that all of them share.
    pub domain: AddressDomain,
    /// What TLS a release has to demand.
    pub demands: Vec<Demand>,
    /// What is changed in the message when it is released.
    pub edits: Edits,
    /// The rules that matched.
    pub matched: Vec<Matched>,
    /// The rule that ended the walk.
    pub rule: String,
    /// Whether it is *Quarantine - Company*.
    pub company: bool,
    /// When it is deleted if nobody releases it.
    pub expires: Timestamp,
}

/// A recipient that is done with as soon as the message is stored.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Closed {
    /// The address.
    pub recipient: Mailbox,
    /// Where it is.
    pub direction: Direction,
    /// The rules that matched.
    pub matched: Vec<Matched>,
    /// How the walk of the rules ended.
    pub verdict: Verdict,
    /// The rule that ended it; `None` where no rule did.
    pub rule: Option<String>,
}

/// How the rules judged a recipient, in the words of the policy file.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// To be delivered.
    Deliver,
    /// Kept in quarantine.
    Quarantine,
    /// Kept in the quarantine of the company.
    QuarantineCompany,
    /// Taken and thrown away.
    Delete,
    /// Refused.
    Reject,
}

impl Verdict {
    /// The word of the policy file.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Deliver => "deliver",
            Self::Quarantine => "quarantine",
            Self::QuarantineCompany => "quarantine_company",
            Self::Delete => "delete",
            Self::Reject => "reject",
        }
    }
}

/// Proof that a message is on disk. Only the commit of a store makes one, and
/// nothing else may be answered with 250 after DATA.
#[derive(Debug, Eq, PartialEq)]
#[must_use = "a receipt is what permits the 250"]
pub struct Receipt {
    id: MessageId,
}

impl Receipt {
    pub(crate) const fn new(id: MessageId) -> Self {
        Self { id }
    }

    /// The id that the 250 carries.
    pub const fn id(&self) -> MessageId {
        self.id
    }
}
