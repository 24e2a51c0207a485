//! Clauses, and the two kinds of requirement that a set of them makes.
//!
//! `Requirement::resolve` is the only maker of either half: an empty set is
//! [`Opportunistic`], any other is [`Enforced`]. The fields are private, so no
//! other code can turn a demand for TLS into permission for clear text.

use std::collections::BTreeSet;

use super::{Demand, SessionRecord, Source};

/// Something that a handshake can prove about the peer.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub enum Proof {
    /// The certificate chains to a trusted root and names the MX host (RFC 9525).
    PkixMx,
}

impl Proof {
    /// The word of a fingerprint: the level that asks for this proof alone.
    const fn word(self) -> &'static str {
        match self {
            Self::PkixMx => "verify",
        }
    }
}

/// What a clause wants beyond encryption.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub enum ProofNeeded {
    /// Encryption alone, with any certificate.
    Encryption,
    /// At least one of these proofs.
    AnyOf(BTreeSet<Proof>),
}

/// One demand on a session, with its source. Every clause demands TLS.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct Clause {
    /// Who asked, for the journal and the bounce.
    pub source: Source,
    /// What must be proven.
    pub proof: ProofNeeded,
}

impl Clause {
    /// Whether a session with this record meets the clause.
    pub fn is_met_by(&self, session: &SessionRecord) -> bool {
        match &self.proof {
            ProofNeeded::Encryption => true,
            ProofNeeded::AnyOf(proofs) => !proofs.is_disjoint(&session.proofs),
        }
    }
}

/// What to do where nothing is demanded.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Preference {
    /// Use TLS when it is offered.
    Try,
    /// Do not even try.
    Plain,
}

/// No clause: the message may travel in clear text. Made by `Requirement::resolve` alone.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Opportunistic {
    preference: Preference,
    demands: Vec<Demand>,
}

impl Opportunistic {
    /// Whether TLS is tried at all.
    pub const fn preference(&self) -> Preference {
        self.preference
    }
}

/// At least one clause: the message never travels in clear text. Made by
/// `Requirement::resolve` alone.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Enforced {
    clauses: BTreeSet<Clause>,
    demands: Vec<Demand>,
}

impl Enforced {
    /// The clauses, at least one.
    pub const fn clauses(&self) -> &BTreeSet<Clause> {
        &self.clauses
    }

    /// Whether any clause needs the peer's identity proven, so that the handshake
    /// must authenticate.
    pub fn needs_proof(&self) -> bool {
        self.clauses.iter().any(|clause| match clause.proof {
            ProofNeeded::Encryption => false,
            ProofNeeded::AnyOf(_) => true,
        })
    }

    /// Every clause demands TLS, so bare encryption is only said where nothing more is;
    /// a choice of proofs that holds whenever another one does adds nothing to it.
    fn fingerprint(&self) -> String {
        let choices: BTreeSet<&BTreeSet<Proof>> = self
            .clauses
            .iter()
            .filter_map(|clause| match &clause.proof {
                ProofNeeded::Encryption => None,
                ProofNeeded::AnyOf(proofs) => Some(proofs),
            })
            .collect();
        let implied = |choice: &BTreeSet<Proof>| {
            choices.iter().any(|other| *other != choice && other.is_subset(choice))
        };
        let words: Vec<String> = choices
            .iter()
            .filter(|choice| !implied(choice))
            .map(|choice| choice.iter().map(|proof| proof.word()).collect::<Vec<_>>().join("|"))
            .collect();
        if words.is_empty() { "require".to_owned() } else { words.join("+") }
    }

    /// The clauses that a session with this record does not meet: empty when the
    /// message may travel on it. The one authority for that question.
    pub fn unmet(&self, session: &SessionRecord) -> Vec<Clause> {
        self.clauses.iter().filter(|clause| !clause.is_met_by(session)).cloned().collect()
    }
}

/// What a session must be for a message.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Requirement {
    /// Clear text is allowed.
    Opportunistic(Opportunistic),
    /// It is not.
    Enforced(Enforced),
}

impl Requirement {
    /// Unites clauses. The preference counts only where there is none; the demands are
    /// kept for evidence and change nothing.
    pub(super) fn resolve(
        clauses: impl IntoIterator<Item = Clause>,
        preference: Preference,
        demands: Vec<Demand>,
    ) -> Self {
        let clauses: BTreeSet<Clause> = clauses.into_iter().collect();
        if clauses.is_empty() {
            Self::Opportunistic(Opportunistic { preference, demands })
        } else {
            Self::Enforced(Enforced { clauses, demands })
        }
    }

    /// The demands that it was made of, those of the message first: what evidence
    /// says about who wanted what.
    pub fn demands(&self) -> &[Demand] {
        match self {
            Self::Opportunistic(opportunistic) => &opportunistic.demands,
            Self::Enforced(enforced) => &enforced.demands,
        }
    }

    /// A word that is equal exactly where two requirements ask the same of a session:
    /// it keys sessions and back-off. Who asked is not in it.
    pub fn fingerprint(&self) -> String {
        match self {
            Self::Opportunistic(opportunistic) => match opportunistic.preference {
                Preference::Try => "try".to_owned(),
                Preference::Plain => "plain".to_owned(),
            },
            Self::Enforced(enforced) => enforced.fingerprint(),
        }
    }

    /// Whether clear text is out of the question.
    pub const fn is_enforced(&self) -> bool {
        match self {
            Self::Opportunistic(_) => false,
            Self::Enforced(_) => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn session(proofs: impl IntoIterator<Item = Proof>) -> SessionRecord {
        SessionRecord {
            version: "TLSv1.3".into(),
            cipher: "TLS13_AES_128_GCM_SHA256".into(),
            certificate_sha256: None,
            proofs: proofs.into_iter().collect(),
            verified_by: super::super::VerifiedBy::WebPki,
            not_after: None,
            certificate: None,
        }
    }

    fn clause() -> impl Strategy<Value = Clause> {
        let proof = prop_oneof![
            Just(ProofNeeded::Encryption),
            Just(ProofNeeded::AnyOf(BTreeSet::from([Proof::PkixMx]))),
        ];
        let source = prop_oneof![
            Just(Source::Default),
            "[a-c]".prop_map(|host| Source::Route { host }),
            "[a-c]".prop_map(|rule| Source::Rule { rule, field: "x-TLSLevel: Require".into() }),
        ];
        (source, proof).prop_map(|(source, proof)| Clause { source, proof })
    }

    fn admits(requirement: &Requirement, session: Option<&SessionRecord>) -> bool {
        match (requirement, session) {
            (Requirement::Opportunistic(_), _) => true,
            (Requirement::Enforced(_), None) => false,
            (Requirement::Enforced(enforced), Some(record)) => enforced.unmet(record).is_empty(),
        }
    }

    proptest! {
        #[test]
        fn adding_a_clause_never_admits_more(
            clauses in prop::collection::vec(clause(), 0..4),
            more in clause(),
            proven in any::<bool>(),
            tls in any::<bool>(),
        ) {
            let record = session(proven.then_some(Proof::PkixMx));
            let peer = tls.then_some(&record);
            let plain = Preference::Plain;
            let before = Requirement::resolve(clauses.clone(), plain, vec![]);
            let after = Requirement::resolve(clauses.into_iter().chain([more]), plain, vec![]);
            prop_assert!(admits(&before, peer) || !admits(&after, peer));
        }

        #[test]
        fn order_and_repetition_of_clauses_do_not_matter(
            clauses in prop::collection::vec(clause(), 0..5),
        ) {
            let twice = clauses.iter().rev().chain(&clauses).cloned();
            prop_assert_eq!(
                Requirement::resolve(twice, Preference::Try, vec![]),
                Requirement::resolve(clauses.clone(), Preference::Try, vec![])
            );
        }
    }

    #[test]
    fn what_was_merely_observed_proves_nothing() {
        let verify = Clause {
            source: Source::Default,
            proof: ProofNeeded::AnyOf(BTreeSet::from([Proof::PkixMx])),
        };
        assert!(!verify.is_met_by(&session([])));
        assert!(verify.is_met_by(&session([Proof::PkixMx])));
    }
}
