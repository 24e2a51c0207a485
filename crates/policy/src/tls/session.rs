//! What a finished handshake showed: the facts that clauses are held against.

use std::collections::BTreeSet;

use gatepost_wire::timestamp::Timestamp;
use serde::{Deserialize, Serialize};

use super::Proof;

/// How a certificate was verified, as evidence says it. Below `Verify` this is an
/// observation and no demand reads it (decision 32).
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VerifiedBy {
    /// Not verified, or it did not verify.
    #[default]
    None,
    /// Chain, host name and handshake signature were all good.
    WebPki,
    /// A TLSA record. Not in this version.
    Dane,
    /// An MTA-STS policy. Not in this version.
    MtaSts,
}

impl VerifiedBy {
    /// The word of the attempt record.
    pub const fn word(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::WebPki => "web_pki",
            Self::Dane => "dane",
            Self::MtaSts => "mta_sts",
        }
    }
}

/// What stands in the certificate that a peer showed. Nothing in it is proven by being
/// here: see [`SessionRecord::proofs`].
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct CertificateFacts {
    /// The DNS names and addresses that it is for (subjectAltName), as they are written.
    pub names: Vec<String>,
    /// The distinguished name of its issuer.
    pub issuer: String,
    /// Its first moment.
    pub not_before: Timestamp,
    /// Its last moment.
    pub not_after: Timestamp,
}

/// The immutable record of one TLS session. `net` makes it from a finished
/// handshake and from nothing else.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SessionRecord {
    /// `TLSv1.2` or `TLSv1.3`.
    pub version: String,
    /// The cipher suite's name, such as `TLS13_AES_256_GCM_SHA384`.
    pub cipher: String,
    /// SHA-256 over the DER of the peer's certificate, in lower-case hex.
    pub certificate_sha256: Option<String>,
    /// What an authenticating verifier proved in this handshake. A verifier that
    /// only observes leaves it empty.
    pub proofs: BTreeSet<Proof>,
    /// What was observed about the certificate.
    pub verified_by: VerifiedBy,
    /// When the peer's certificate ends: no session that proved something is used past
    /// it (`tls-delivery.md` 5.9). `None` where the certificate cannot be read.
    pub not_after: Option<Timestamp>,
    /// What stands in the peer's certificate; `None` where it cannot be read.
    pub certificate: Option<CertificateFacts>,
}
