//! What a probe says about a domain: the document that is printed and kept.
//!
//! Keys never disappear; what is not there is `null`. A document of an earlier version
//! reads back as long as it has the keys of its time.

use std::collections::BTreeMap;

use gatepost_policy::{
    evidence::{NoTls, Stage, Why},
    tls::{Level, VerifiedBy},
};
use gatepost_wire::timestamp::Timestamp;
use serde::{Deserialize, Serialize};

/// What was found out about one domain.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// The domain, as A-label or address literal.
    pub domain: String,
    /// Whether mail would be delivered at [`Self::level`].
    pub ready: bool,
    /// The level that was asked about.
    pub level: Level,
    /// Whether mail would be delivered at each level.
    pub levels: BTreeMap<Level, bool>,
    /// How it would go at each level, or why not.
    pub verdicts: BTreeMap<Level, Verdict>,
    /// How the hosts were found.
    pub via: Via,
    /// Every address of every host, in the order in which they would be tried.
    pub hosts: Vec<HostReport>,
    /// Why there is no host.
    pub why: Option<Why>,
    /// The same in a sentence.
    pub detail: Option<String>,
    /// When the probe ended.
    pub at: Timestamp,
}

/// How the hosts of a domain were found.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Via {
    /// In DNS, by MX or, without MX, by the domain's own address.
    Mx,
    /// The domain is ours, and the policy names its routes.
    Route,
    /// The policy names a smart host for it.
    SmartHost,
    /// The domain is an address.
    Address,
}

impl Via {
    /// The word of the document.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Mx => "mx",
            Self::Route => "route",
            Self::SmartHost => "smart_host",
            Self::Address => "address",
        }
    }
}

/// What would become of mail at one level.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// Whether it would be delivered.
    pub passes: bool,
    /// The host that would take it, or the one that got furthest.
    pub host: Option<String>,
    /// Why it would travel in clear text.
    pub clear_because: Option<NoTls>,
    /// Why it would not be delivered.
    pub why: Option<Why>,
    /// All of it in a few words: `would be delivered over TLS`.
    pub text: String,
}

/// One address of one host.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HostReport {
    /// The host's name, or its address as the policy names it.
    pub host: String,
    /// `address:port`; `null` where there is none to connect to.
    pub address: Option<String>,
    /// The MX preference, lower is tried first.
    pub preference: u16,
    /// Whether TLS begins with the first byte.
    pub implicit_tls: bool,
    /// Whether the host wants a login, which a probe does not try.
    pub login: bool,
    /// Whether STARTTLS is offered; `null` where nobody answered, or TLS is there at once.
    pub starttls: Option<bool>,
    /// `TLSv1.2` or `TLSv1.3`; `null` without a finished handshake.
    pub version: Option<String>,
    /// The cipher suite.
    pub cipher: Option<String>,
    /// The certificate that was shown.
    pub certificate: Option<CertificateReport>,
    /// What proved the certificate.
    pub verified_by: VerifiedBy,
    /// What the host offers, under TLS where there is TLS.
    pub extensions: Vec<String>,
    /// Whether this address alone would do at each level.
    pub levels: BTreeMap<Level, bool>,
    /// How far the conversation got where something was wrong.
    pub stage: Option<Stage>,
    /// What keeps the host from the strictest level; `null` where nothing does.
    pub why: Option<Why>,
    /// What was observed, for people.
    pub detail: Option<String>,
    /// What the host said, escaped.
    pub reply: Option<String>,
    /// The enhanced status code of mail that waits because of it.
    pub status: Option<String>,
}

/// A certificate as its host showed it. Nothing in it is proven by being here.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CertificateReport {
    /// SHA-256 over its DER, in lower-case hex.
    pub sha256: String,
    /// The names that it is for.
    pub names: Vec<String>,
    /// Who issued it.
    pub issuer: Option<String>,
    /// Its first moment.
    pub not_before: Option<Timestamp>,
    /// Its last moment.
    pub not_after: Option<Timestamp>,
}
