//! Who may come in: people, SMTP clients, programs, and the sessions of people.
//!
//! A person has a password or comes by single sign-on, may have a second factor, and
//! has a [`Role`]. An SMTP client has a password and may only send. A program has a
//! token. Of passwords the store keeps Argon2id hashes, of everything random the
//! SHA-256; only the keys of second factors can be read back, since codes are made
//! from them. Every change writes its line of the audit log in the same transaction.
//! There is always an owner who can come in, once there was one.

mod doorman;
mod hashing;
mod refusals;
mod role;
mod rules;
mod secret;

use async_trait::async_trait;
use gatepost_wire::timestamp::Timestamp;
use ulid::Ulid;

pub use self::{
    doorman::{Doorman, Wait},
    hashing::PasswordCost,
    refusals::{Door, FailedTry, Lockout},
    role::{Capability, Role},
    rules::{
        BadName, BadPassword, NAME_LENGTH, PASSWORD_BYTES, PASSWORD_CHARACTERS, check_name,
        check_password,
    },
    secret::Secret,
};
pub(crate) use self::{hashing::Hasher, rules::key, secret::fill};

use crate::{error::StoreError, view::Author};

/// Minutes without a request after which a session has ended.
pub const SESSION_IDLE_MINUTES: u64 = 30;

/// Hours after which a session has ended, whatever was done in it.
pub const SESSION_HOURS: u64 = 12;

/// Hours after which one of an account of single sign-on ends in any case: what its groups let a person do is looked at
/// when a session begins, and only then.
pub const SSO_SESSION_HOURS: u64 = 4;

/// Minutes for which the link of the first start is good.
pub const SETUP_MINUTES: u64 = 60;

/// What kind of account it is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum UserKind {
    /// A person, who uses the console and the API.
    Person(Role),
    /// A client that sends mail with AUTH, and can do nothing else.
    Smtp,
}

impl UserKind {
    /// The role of a person.
    pub const fn role(self) -> Option<Role> {
        match self {
            Self::Person(role) => Some(role),
            Self::Smtp => None,
        }
    }

    /// Its word in JSON: `person` or `smtp`.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Person(_) => "person",
            Self::Smtp => "smtp",
        }
    }
}

/// Of which kind an account has to be whose password is checked.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum KindWanted {
    /// A person.
    Person,
    /// An SMTP client.
    Smtp,
}

/// An account.
#[derive(Clone, Debug, Eq, PartialEq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own about an account")]
pub struct User {
    /// Its id.
    pub id: Ulid,
    /// Its name, unique without regard to case.
    pub name: String,
    /// What it is.
    pub kind: UserKind,
    /// Whether it has a password.
    pub password: bool,
    /// The subject by which single sign-on knows it.
    pub sso: Option<String>,
    /// Whether it may not come in.
    pub disabled: bool,
    /// Whether it has a second factor.
    pub totp: bool,
    /// Recovery codes that are left.
    pub recovery_codes: usize,
    /// When it was made.
    pub created_at: Timestamp,
    /// By whom.
    pub created_by: String,
    /// When it came in last.
    pub last_login: Option<Timestamp>,
}

/// An account that is to be made.
#[derive(Clone, Debug)]
pub struct NewUser {
    /// Its name.
    pub name: String,
    /// What it is.
    pub kind: UserKind,
    /// Its password; an SMTP client must have one.
    pub password: Option<Secret>,
    /// The subject by which single sign-on knows it.
    pub sso: Option<String>,
}

/// What is to be different about an account. What is `None` stays.
#[derive(Clone, Debug, Default)]
pub struct UserChange {
    /// The role of a person.
    pub role: Option<Role>,
    /// Whether it may not come in. Disabling ends its sessions.
    pub disabled: Option<bool>,
    /// A new password. It ends its sessions.
    pub password: Option<Secret>,
    /// Takes the second factor away, with its recovery codes.
    pub totp_off: bool,
    /// Ends its sessions.
    pub end_sessions: bool,
    /// The session that stays when the others end: the one the change comes from.
    pub keep_session: Option<Ulid>,
}

/// A second factor that waits to be confirmed.
#[derive(Clone, Debug)]
pub struct TotpSetup {
    /// Its key in base32, to be typed.
    pub secret_base32: Secret,
    /// The same as an `otpauth://` URI, to be shown as a QR code.
    pub uri: Secret,
}

/// A session that was opened a moment ago.
#[derive(Clone, Debug)]
pub struct OpenedSession {
    /// What the browser keeps; it is given this once.
    pub token: Secret,
    /// Its id.
    pub id: Ulid,
    /// What writes have to carry besides.
    pub csrf: String,
}

/// A session, by its token.
#[derive(Clone, Debug)]
pub struct Session {
    /// Its id.
    pub id: Ulid,
    /// Whose it is.
    pub user: User,
    /// What writes have to carry besides.
    pub csrf: String,
    /// When it was opened.
    pub created_at: Timestamp,
    /// When it was used last, to the minute.
    pub last_seen: Timestamp,
    /// When it ends if nothing more is done in it.
    pub expires_at: Timestamp,
    /// The address it was opened from.
    pub from: String,
    /// What the browser calls itself.
    pub agent: String,
}

/// A session in a list.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SessionInfo {
    /// Its id.
    pub id: Ulid,
    /// Whose it is.
    pub user: Ulid,
    /// The name of that account.
    pub name: String,
    /// When it was opened.
    pub created_at: Timestamp,
    /// When it was used last, to the minute.
    pub last_seen: Timestamp,
    /// When it ends if nothing more is done in it.
    pub expires_at: Timestamp,
    /// The address it was opened from.
    pub from: String,
    /// What the browser calls itself.
    pub agent: String,
}

/// A token that is to be made.
#[derive(Clone, Debug)]
pub struct NewToken {
    /// What it is for.
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// When it ends; `None`: it is good until it is revoked.
    pub expires_at: Option<Timestamp>,
    /// The account that makes it, whose role must cover that of the token for as long
    /// as it is to work. `None` at the command line.
    pub owner: Option<Ulid>,
}

/// The token of a program.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ApiToken {
    /// Its id.
    pub id: Ulid,
    /// What it is for.
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// When it was made.
    pub created_at: Timestamp,
    /// By whom.
    pub created_by: String,
    /// The account that made it; `None` where it was made at the command line.
    pub owner: Option<Ulid>,
    /// When it ends.
    pub expires_at: Option<Timestamp>,
    /// When it was used last, to the minute.
    pub last_used_at: Option<Timestamp>,
}

/// Why an account, a token or a second factor was not changed.
#[derive(Clone, Debug, thiserror::Error)]
pub enum AccountError {
    /// The name cannot be one.
    #[error("{0}")]
    Name(#[from] BadName),
    /// The password cannot be one.
    #[error("{0}")]
    Password(#[from] BadPassword),
    /// Another account has the name.
    #[error("there is an account named {0} already; names are compared without regard to case")]
    NameTaken(String),
    /// Another account has the subject of single sign-on.
    #[error("another account belongs to that identity already")]
    IdentityTaken,
    /// There is no such account.
    #[error("there is no such account")]
    NoSuchUser,
    /// An account must have a way in.
    #[error("an account needs a password, or an identity of single sign-on")]
    NoWayIn,
    /// It would leave no owner who can come in.
    #[error("this is the last owner who can sign in; make another owner first")]
    LastOwner,
    /// SMTP clients have neither a role nor a second factor.
    #[error("an account of an SMTP client has a password and nothing else")]
    OnlySends,
    /// The role is more than that of the account that makes the token.
    #[error("a token may do no more than the account that makes it")]
    NotCovered,
    /// It would have ended before it began.
    #[error("the token would have expired already")]
    Expired,
    /// There is a second factor already.
    #[error("there is a second factor already; switch it off first")]
    TotpOn,
    /// No second factor waits to be confirmed.
    #[error("no second factor waits to be confirmed; begin again")]
    TotpNotBegun,
    /// The code is not the one of this moment, or was used already.
    #[error("that code is not right, or was used already; wait for the next one")]
    WrongCode,
    /// The link of the first start is not good.
    #[error("this link was used, has expired, or was replaced; restart the gateway for a new one")]
    SetupGone,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Accounts, sessions and tokens.
#[async_trait]
pub trait Accounts: Send + Sync {
    /// Whether there is an owner who can come in.
    ///
    /// # Errors
    /// When the store cannot be read.
    async fn has_owner(&self) -> Result<bool, StoreError>;

    /// Makes an account.
    ///
    /// # Errors
    /// What is wrong with it, or the store's.
    async fn create_user(&self, new: NewUser, author: &Author) -> Result<User, AccountError>;

    /// Every account, by name.
    ///
    /// # Errors
    /// When the store cannot be read.
    async fn users(&self) -> Result<Vec<User>, StoreError>;

    /// The account with that id.
    ///
    /// # Errors
    /// When the store cannot be read.
    async fn user(&self, id: Ulid) -> Result<Option<User>, StoreError>;

    /// The account with that name, without regard to case.
    ///
    /// # Errors
    /// When the store cannot be read.
    async fn user_named(&self, name: &str) -> Result<Option<User>, StoreError>;

    /// The account that single sign-on knows by that subject, unless it is disabled.
    ///
    /// # Errors
    /// When the store cannot be read.
    async fn user_of_sso(&self, subject: &str) -> Result<Option<User>, StoreError>;

    /// Changes an account, all of it or nothing.
    ///
    /// # Errors
    /// [`AccountError::LastOwner`] where nobody would be left who owns the gateway;
    /// what is wrong with the change; the store's.
    async fn change_user(
        &self,
        id: Ulid,
        change: UserChange,
        author: &Author,
    ) -> Result<User, AccountError>;

    /// Deletes an account, with its sessions and its tokens.
    ///
    /// # Errors
    /// [`AccountError::LastOwner`], [`AccountError::NoSuchUser`], or the store's.
    async fn delete_user(&self, id: Ulid, author: &Author) -> Result<(), AccountError>;

    /// The account of that kind with that name and password, unless it is disabled. An
    /// unknown name takes as long as a wrong password. Nothing is said of a second factor.
    ///
    /// # Errors
    /// When the store cannot be read.
    async fn verify_password(
        &self,
        name: &str,
        kind: KindWanted,
        password: &Secret,
    ) -> Result<Option<User>, StoreError>;

    /// Makes the key of a second factor; it counts from [`Accounts::totp_confirm`] on.
    ///
    /// # Errors
    /// [`AccountError::TotpOn`] where there is one; [`AccountError::OnlySends`];
    /// [`AccountError::NoSuchUser`]; the store's.
    async fn totp_begin(&self, id: Ulid) -> Result<TotpSetup, AccountError>;

    /// Switches the second factor on, and gives the recovery codes, this once.
    ///
    /// # Errors
    /// [`AccountError::TotpNotBegun`], [`AccountError::WrongCode`],
    /// [`AccountError::NoSuchUser`], or the store's.
    async fn totp_confirm(
        &self,
        id: Ulid,
        code: &str,
        author: &Author,
    ) -> Result<Vec<Secret>, AccountError>;

    /// Whether a code is the account's: the one of this half minute or of its
    /// neighbours, each taken once, or a recovery code that was not used.
    ///
    /// # Errors
    /// When it cannot be written that the code was used; then it does not count.
    async fn totp_verify(&self, id: Ulid, code: &str) -> Result<bool, StoreError>;

    /// Opens a session. The oldest of an account end when it has too many.
    ///
    /// # Errors
    /// [`AccountError::NoSuchUser`], also where it is disabled or no person; the store's.
    async fn open_session(
        &self,
        user: Ulid,
        from: &str,
        agent: &str,
    ) -> Result<OpenedSession, AccountError>;

    /// The session of a token, if it has not ended and its account may come in. That
    /// it was used is written down once a minute.
    ///
    /// # Errors
    /// When the store cannot be read.
    async fn session(&self, token: &Secret) -> Result<Option<Session>, StoreError>;

    /// Sessions that have not ended, of one account or of all, used last first.
    ///
    /// # Errors
    /// When the store cannot be read.
    async fn sessions(&self, user: Option<Ulid>) -> Result<Vec<SessionInfo>, StoreError>;

    /// Ends a session, and gives whether there was one. In the audit log where somebody
    /// else did it.
    ///
    /// # Errors
    /// When it cannot be written.
    async fn close_session(&self, id: Ulid, author: &Author) -> Result<bool, StoreError>;

    /// Makes a token. Its text is given this once.
    ///
    /// # Errors
    /// [`AccountError::NotCovered`], what is wrong with its name or its end, or the store's.
    async fn create_token(
        &self,
        new: NewToken,
        author: &Author,
    ) -> Result<(ApiToken, Secret), AccountError>;

    /// Every token that was not revoked, newest first.
    ///
    /// # Errors
    /// When the store cannot be read.
    async fn tokens(&self) -> Result<Vec<ApiToken>, StoreError>;

    /// The token with that text, if it is good: it has not expired, and the account
    /// that made it may still come in and do as much. That it was used is written
    /// down once a minute.
    ///
    /// # Errors
    /// When the store cannot be read.
    async fn token(&self, secret: &Secret) -> Result<Option<ApiToken>, StoreError>;

    /// Revokes a token, and gives whether there was one.
    ///
    /// # Errors
    /// When it cannot be written.
    async fn revoke_token(&self, id: Ulid, author: &Author) -> Result<bool, StoreError>;

    /// The one-time token of the first start, good for an hour, where there is no
    /// owner. One that was made before is good no more.
    ///
    /// # Errors
    /// When it cannot be written.
    async fn setup_link(&self) -> Result<Option<Secret>, StoreError>;

    /// Makes the first owner, and uses the token up.
    ///
    /// # Errors
    /// [`AccountError::SetupGone`] for any token but the one that is good; what is
    /// wrong with the name or the password, and then the token stays good; the store's.
    async fn setup(
        &self,
        token: &Secret,
        name: &str,
        password: Secret,
        from: Option<&str>,
    ) -> Result<User, AccountError>;
}
