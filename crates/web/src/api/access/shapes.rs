//! What accounts, sessions and tokens look like to those who ask.

use gatepost_store::{ApiToken, Role, SessionInfo, User, UserKind};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A role: what an account or a token may do.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum RoleWord {
    /// Everything.
    Owner,
    /// Everything but owners.
    Admin,
    /// Reads, changes the policy, probes.
    PolicyEditor,
    /// Reads, acts on the queue and the quarantine, probes.
    QueueOperator,
    /// Reads, the audit log and the evidence.
    Auditor,
    /// Reads.
    Viewer,
}

impl From<Role> for RoleWord {
    fn from(role: Role) -> Self {
        match role {
            Role::Owner => Self::Owner,
            Role::Admin => Self::Admin,
            Role::PolicyEditor => Self::PolicyEditor,
            Role::QueueOperator => Self::QueueOperator,
            Role::Auditor => Self::Auditor,
            Role::Viewer => Self::Viewer,
        }
    }
}

impl From<RoleWord> for Role {
    fn from(word: RoleWord) -> Self {
        match word {
            RoleWord::Owner => Self::Owner,
            RoleWord::Admin => Self::Admin,
            RoleWord::PolicyEditor => Self::PolicyEditor,
            RoleWord::QueueOperator => Self::QueueOperator,
            RoleWord::Auditor => Self::Auditor,
            RoleWord::Viewer => Self::Viewer,
        }
    }
}

/// Whose account it is.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum KindWord {
    /// A person's, for the console.
    Person,
    /// An SMTP client's, for AUTH.
    Smtp,
}

/// Who is signed in.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct Myself {
    /// The account.
    id: String,
    /// Its name.
    name: String,
    /// Its role.
    role: RoleWord,
    /// What the role may do.
    capabilities: Vec<&'static str>,
    /// Whether a second factor is asked for.
    totp: bool,
    /// Whether it signs in with an OpenID Connect provider.
    sso: bool,
}

impl Myself {
    /// `None` for an account that has no role.
    pub(super) fn of(user: &User) -> Option<Self> {
        let UserKind::Person(role) = user.kind else { return None };
        Some(Self {
            id: user.id.to_string(),
            name: user.name.clone(),
            role: role.into(),
            capabilities: role.capabilities().iter().map(|capability| capability.word()).collect(),
            totp: user.totp,
            sso: user.sso.is_some(),
        })
    }
}

/// An account.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own about an account")]
pub(super) struct UserShape {
    /// Its id.
    id: String,
    /// Its name.
    name: String,
    /// Whose it is.
    kind: KindWord,
    /// The role of a person.
    role: Option<RoleWord>,
    /// When it was made.
    created_at: String,
    /// By whom.
    created_by: String,
    /// When it was last used to sign in.
    last_login: Option<String>,
    /// Whether a second factor is asked for.
    totp: bool,
    /// Recovery codes that are left.
    recovery_codes: usize,
    /// Whether nobody can sign in with it.
    disabled: bool,
    /// Whether it signs in with an OpenID Connect provider.
    sso: bool,
}

impl From<User> for UserShape {
    fn from(user: User) -> Self {
        let (kind, role) = match user.kind {
            UserKind::Person(role) => (KindWord::Person, Some(role.into())),
            UserKind::Smtp => (KindWord::Smtp, None),
        };
        Self {
            id: user.id.to_string(),
            name: user.name,
            kind,
            role,
            created_at: user.created_at.rfc3339(),
            created_by: user.created_by,
            last_login: user.last_login.map(|at| at.rfc3339()),
            totp: user.totp,
            recovery_codes: user.recovery_codes,
            disabled: user.disabled,
            sso: user.sso.is_some(),
        }
    }
}

/// A session that is open.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct SessionShape {
    /// Its id.
    id: String,
    /// The account.
    user: String,
    /// The account's name.
    name: String,
    /// When it began.
    created_at: String,
    /// When it was last used.
    last_seen: String,
    /// When it ends at the latest.
    expires_at: String,
    /// The address it began from.
    from: String,
    /// The browser, in its own words.
    agent: String,
    /// Whether it is the one that asks.
    current: bool,
}

impl SessionShape {
    pub(super) fn of(info: SessionInfo, current: Option<ulid::Ulid>) -> Self {
        Self {
            current: current == Some(info.id),
            id: info.id.to_string(),
            user: info.user.to_string(),
            name: info.name,
            created_at: info.created_at.rfc3339(),
            last_seen: info.last_seen.rfc3339(),
            expires_at: info.expires_at.rfc3339(),
            from: info.from,
            agent: info.agent,
        }
    }
}

/// A token of a program.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct TokenShape {
    /// Its id.
    id: String,
    /// Its name.
    name: String,
    /// What it may do.
    role: RoleWord,
    /// When it was made.
    created_at: String,
    /// By whom.
    created_by: String,
    /// When it ends; `null` for never.
    expires_at: Option<String>,
    /// When it was last used.
    last_used_at: Option<String>,
}

impl From<ApiToken> for TokenShape {
    fn from(token: ApiToken) -> Self {
        Self {
            id: token.id.to_string(),
            name: token.name,
            role: token.role.into(),
            created_at: token.created_at.rfc3339(),
            created_by: token.created_by,
            expires_at: token.expires_at.map(|at| at.rfc3339()),
            last_used_at: token.last_used_at.map(|at| at.rfc3339()),
        }
    }
}
