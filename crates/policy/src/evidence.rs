//! The record of a delivery attempt: what was wanted, by whom, and what was had.
//!
//! One [`Attempt`] for each recipient and attempt, with a [`Try`] for every host.
//! It serialises to the JSON of `interface.md`: keys never disappear, what is not
//! there is `null`.

mod waiting;
mod why;

use serde::{Deserialize, Serialize};

use gatepost_wire::timestamp::Timestamp;

pub use self::{
    waiting::{Because, Circumstances, Failure, Standing},
    why::{About, Stage, Why},
};
use crate::{
    id::MessageId,
    tls::{Demand, Level, SessionRecord, Source, VerifiedBy},
};

/// How an attempt ended for a recipient.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// The remote site took the message.
    Delivered,
    /// It stays in the queue.
    Deferred,
    /// It is reported to its sender.
    Bounced,
}

impl Ending {
    /// The word of the attempt record.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Deferred => "deferred",
            Self::Bounced => "bounced",
        }
    }

    /// The ending that a word means.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Delivered, Self::Deferred, Self::Bounced].into_iter().find(|e| e.word() == word)
    }
}

/// Why a connection is in clear text.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoTls {
    /// The level is `plain`: TLS was not tried.
    LevelPlain,
    /// The host does not offer STARTTLS.
    NotOffered,
    /// It offered STARTTLS and refused it.
    Refused,
    /// A handshake failed on an earlier connection.
    HandshakeFailed,
}

impl NoTls {
    /// The word of the attempt record.
    pub const fn word(self) -> &'static str {
        match self {
            Self::LevelPlain => "level_plain",
            Self::NotOffered => "not_offered",
            Self::Refused => "refused",
            Self::HandshakeFailed => "handshake_failed",
        }
    }
}

/// What TLS a session had.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct TlsRecord {
    /// `TLSv1.2` or `TLSv1.3`.
    pub version: String,
    /// The cipher suite.
    pub cipher: String,
    /// SHA-256 over the DER of the peer's certificate, in lower-case hex.
    pub certificate_sha256: Option<String>,
    /// What was observed about the certificate.
    pub verified_by: VerifiedBy,
}

impl From<&SessionRecord> for TlsRecord {
    fn from(session: &SessionRecord) -> Self {
        let SessionRecord {
            version,
            cipher,
            certificate_sha256,
            proofs: _,
            verified_by,
            not_after: _,
            certificate: _,
        } = session;
        Self {
            version: version.clone(),
            cipher: cipher.clone(),
            certificate_sha256: certificate_sha256.clone(),
            verified_by: *verified_by,
        }
    }
}

/// Who decided on the level.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
pub struct DecidedBy {
    /// The field that decided, as `x-TLSLevel: Require`.
    pub header: Option<String>,
    /// The rule that wrote it; `null` for one that the sender submitted.
    pub rule: Option<String>,
    /// The domain in the list of the `[[tls_policy]]` that decided, as it is written there.
    pub tls_policy: Option<String>,
    /// The `[[tls_exception]]`. Not in this version: always `null`.
    pub exception: Option<String>,
    /// `dane` or `mta_sts`. Not in this version: always `null`.
    pub published: Option<String>,
    /// The host of the route or smart host whose `tls` decided.
    pub route: Option<String>,
    /// The smart host whose login decided: credentials travel under TLS alone.
    #[serde(default)]
    pub login: Option<String>,
    /// Whether it was `default_tls_level`.
    pub default: bool,
    /// The revision of the policy that the message was accepted under.
    pub revision: u64,
}

impl DecidedBy {
    /// The record of a demand's source.
    pub fn of(source: &Source, revision: u64) -> Self {
        let mut record = Self { revision, ..Self::default() };
        match source {
            Source::Rule { rule, field } => {
                record.header = Some(field.clone());
                record.rule = Some(rule.clone());
            }
            Source::Submitted { field } => record.header = Some(field.clone()),
            Source::Default => record.default = true,
            Source::Route { host } => record.route = Some(host.clone()),
            Source::TlsPolicy { domain } => record.tls_policy = Some(domain.clone()),
            Source::Login { host } => record.login = Some(host.clone()),
        }
        record
    }
}

/// One host that was tried.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct Try {
    /// The MX host's name, or the route's host.
    pub host: String,
    /// `address:port`; `null` where no address was reached for.
    pub address: Option<String>,
    /// The TLS session, `null` in clear text or where none came about.
    pub tls: Option<TlsRecord>,
    /// Why it was in clear text.
    pub clear_because: Option<NoTls>,
    /// How far the conversation got.
    pub stage: Stage,
    /// Why it failed; `null` where it did not.
    pub why: Option<Why>,
    /// The remote's reply, escaped.
    pub reply: Option<String>,
    /// What was observed, for people: a TLS library's words, an operating system's error.
    pub detail: Option<String>,
}

/// One recipient's share in one delivery attempt.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct Attempt {
    /// The message.
    pub message: MessageId,
    /// The recipient, as it was given.
    pub recipient: String,
    /// When the attempt ended.
    pub at: Timestamp,
    /// How it ended.
    pub outcome: Ending,
    /// The level that was wanted.
    pub level: Level,
    /// Who wanted it.
    pub decided_by: DecidedBy,
    /// The host of the try that decided.
    pub host: Option<String>,
    /// Its address and port.
    pub address: Option<String>,
    /// The TLS session; `null` for a clear connection.
    pub tls: Option<TlsRecord>,
    /// Why the connection was in clear text.
    pub clear_because: Option<NoTls>,
    /// Why it was not delivered, a word of the closed vocabulary.
    pub why: Option<Why>,
    /// The remote's reply, escaped.
    pub reply: Option<String>,
    /// The enhanced status code (RFC 3463), such as `2.0.0` or `4.7.4`.
    pub status: String,
    /// Every host that was tried, in order.
    pub tries: Vec<Try>,
    /// The message whose attempt saw this, where this one made no connection of its own
    /// because its destination had just failed; `null` where it did.
    #[serde(default)]
    pub learned_from: Option<MessageId>,
}

impl Attempt {
    /// The level that a group of demands wants, and who wants it.
    pub fn wanted(demands: &[Demand], revision: u64) -> (Level, DecidedBy) {
        crate::tls::strictest(demands).map_or_else(
            || (Level::Try, DecidedBy { default: true, revision, ..DecidedBy::default() }),
            |demand| (demand.level(), DecidedBy::of(&demand.source, revision)),
        )
    }

    /// How the connection was, in a few words: `TLSv1.3 web_pki`, `clear: not_offered`, or
    /// `-` where none came about.
    pub fn connection(&self) -> String {
        match (&self.tls, self.clear_because) {
            (Some(tls), _) => format!("{} {}", tls.version, tls.verified_by.word()),
            (None, Some(why)) => format!("clear: {}", why.word()),
            (None, None) => "-".to_owned(),
        }
    }

    /// One sentence for people on why the recipient waits or was given up; it
    /// quotes the peer's reply where there was one.
    pub fn sentence(&self) -> Option<String> {
        let why = self.why?;
        let mut text = String::new();
        if let Some(host) = &self.host {
            text.push_str(host);
            if let Some(address) = &self.address {
                text.push_str(" [");
                text.push_str(address);
                text.push(']');
            }
            text.push_str(": ");
        }
        text.push_str(why.sentence());
        if let Some(reply) = &self.reply {
            text.push_str(": \"");
            text.push_str(reply);
            text.push('"');
        }
        Some(text)
    }
}

#[cfg(test)]
mod tests {
    use ulid::Ulid;

    use super::*;

    #[test]
    fn json_keeps_every_key() {
        let attempt = Attempt {
            message: MessageId::from_ulid(Ulid::from_parts(1, 2)),
            recipient: "anna@partner.example".into(),
            at: Timestamp::from_millis(0),
            outcome: Ending::Deferred,
            level: Level::Require,
            decided_by: DecidedBy::of(
                &Source::Rule { rule: "Enforce".into(), field: "x-TLSLevel: Require".into() },
                7,
            ),
            host: None,
            address: None,
            tls: None,
            clear_because: None,
            why: Some(Why::StartTlsNotOffered),
            reply: None,
            status: "4.7.4".into(),
            tries: vec![],
            learned_from: None,
        };
        let json = serde_json::to_value(&attempt).unwrap();
        for key in [
            "message",
            "recipient",
            "at",
            "outcome",
            "level",
            "decided_by",
            "host",
            "address",
            "tls",
            "clear_because",
            "why",
            "reply",
            "status",
            "tries",
        ] {
            assert!(json.get(key).is_some(), "{key}");
        }
        assert_eq!(json["why"], "starttls-not-offered");
        assert_eq!(json["decided_by"]["rule"], "Enforce");
        assert_eq!(json["decided_by"]["default"], false);
        let back: Attempt = serde_json::from_value(json).unwrap();
        assert_eq!(back, attempt);
    }
}
