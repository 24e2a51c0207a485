//! What an account or a token may do.
//!
//! A role is a fixed set of capabilities. Whoever answers a request asks for the
//! capability and never for the role, so that a role can be added in one place.

use serde::{Deserialize, Serialize};

/// One thing that not everybody may do.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Capability {
    /// See policy, queue, history, reports.
    Read,
    /// Change the policy.
    EditPolicy,
    /// Act on waiting and quarantined mail.
    OperateQueue,
    /// Connect to other sites to look at their TLS.
    Probe,
    /// Read what a message says: previews, its bytes.
    ReadContent,
    /// Read the audit log.
    ReadAudit,
    /// Export TLS evidence.
    ExportEvidence,
    /// Make, change and end accounts, tokens and sessions of others.
    ManageAccess,
    /// Make and change owners.
    Own,
}

impl Capability {
    /// All of them.
    pub const ALL: &'static [Self] = &[
        Self::Read,
        Self::EditPolicy,
        Self::OperateQueue,
        Self::Probe,
        Self::ReadContent,
        Self::ReadAudit,
        Self::ExportEvidence,
        Self::ManageAccess,
        Self::Own,
    ];

    /// Its word in the API.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::EditPolicy => "edit_policy",
            Self::OperateQueue => "operate_queue",
            Self::Probe => "probe",
            Self::ReadContent => "read_content",
            Self::ReadAudit => "read_audit",
            Self::ExportEvidence => "export_evidence",
            Self::ManageAccess => "manage_access",
            Self::Own => "own",
        }
    }
}

/// What a person or a token is.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// May do everything, and make other owners.
    Owner,
    /// May do everything but make and change owners.
    Admin,
    /// May change the policy.
    PolicyEditor,
    /// May act on mail.
    QueueOperator,
    /// May read all but content, and take evidence away.
    Auditor,
    /// May look.
    Viewer,
}

impl Role {
    /// All of them, the mightiest first.
    pub const ALL: &'static [Self] = &[
        Self::Owner,
        Self::Admin,
        Self::PolicyEditor,
        Self::QueueOperator,
        Self::Auditor,
        Self::Viewer,
    ];

    /// Its word, on the command line and in the API.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Admin => "admin",
            Self::PolicyEditor => "policy-editor",
            Self::QueueOperator => "queue-operator",
            Self::Auditor => "auditor",
            Self::Viewer => "viewer",
        }
    }

    /// The role with that word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|role| role.word() == word)
    }

    /// What it may do.
    pub const fn capabilities(self) -> &'static [Capability] {
        use Capability as C;
        match self {
            Self::Owner => Capability::ALL,
            Self::Admin => &[
                C::Read,
                C::EditPolicy,
                C::OperateQueue,
                C::Probe,
                C::ReadContent,
                C::ReadAudit,
                C::ExportEvidence,
                C::ManageAccess,
            ],
            Self::PolicyEditor => &[C::Read, C::EditPolicy, C::Probe],
            Self::QueueOperator => &[C::Read, C::OperateQueue, C::Probe, C::ReadContent],
            Self::Auditor => &[C::Read, C::ReadAudit, C::ExportEvidence],
            Self::Viewer => &[C::Read],
        }
    }

    /// Whether it may do that.
    pub fn may(self, capability: Capability) -> bool {
        self.capabilities().contains(&capability)
    }

    /// Whether it may do all that the other one may: then it may give it away.
    pub fn covers(self, other: Self) -> bool {
        other.capabilities().iter().all(|capability| self.may(*capability))
    }
}

impl std::fmt::Display for Role {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.word())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_read_back_and_is_that_of_json() {
        for role in Role::ALL {
            assert_eq!(Role::parse(role.word()), Some(*role));
            assert_eq!(serde_json::to_value(role).unwrap(), role.word());
        }
        for capability in Capability::ALL {
            assert_eq!(serde_json::to_value(capability).unwrap(), capability.word());
        }
        assert_eq!(Role::parse("Owner"), None);
    }

    #[test]
    fn only_an_owner_covers_an_owner() {
        for role in Role::ALL {
            assert!(Role::Owner.covers(*role) && role.covers(*role) && role.covers(Role::Viewer));
            assert_eq!(role.covers(Role::Owner), *role == Role::Owner);
            assert_eq!(role.may(Capability::Own), *role == Role::Owner);
        }
        assert!(Role::Admin.covers(Role::Auditor));
        assert!(!Role::PolicyEditor.covers(Role::QueueOperator));
        assert!(!Role::Viewer.covers(Role::Auditor));
    }

    #[test]
    fn who_operates_the_queue_cannot_change_the_policy_and_the_other_way_round() {
        assert!(!Role::QueueOperator.may(Capability::EditPolicy));
        assert!(!Role::PolicyEditor.may(Capability::OperateQueue));
        assert!(!Role::PolicyEditor.may(Capability::ReadContent));
        assert!(!Role::Auditor.may(Capability::ReadContent));
    }
}
