//! Signing in with somebody else's word: what the API needs of a provider, whichever protocol it speaks.
//!
//! A sign-in goes out to the provider in the person's browser and comes back the same way, so it is in the hands of whoever has that
//! browser, or of whoever makes a browser follow a link. What holds: what comes back counts only in the browser that it began
//! in, and only for a few minutes; who a person is, and what they may do, is the provider's word and nobody else's.

use async_trait::async_trait;
use axum::http::{Request, Response, StatusCode};
use gatepost_store::Role;
use gatepost_wire::timestamp::Timestamp;

/// Asks other hosts over HTTP. This crate opens no socket; whoever composes the gateway has one that does.
#[async_trait]
pub trait Fetch: Send + Sync {
    /// Gives what the host answers. It follows no redirect and takes no answer without end.
    ///
    /// # Errors
    /// Why there is no answer, in words for the log.
    async fn fetch(&self, request: Request<Vec<u8>>) -> Result<Response<Vec<u8>>, String>;
}

/// A provider that vouches for people.
#[async_trait]
pub trait SignOn: Send + Sync {
    /// What the button says.
    fn name(&self) -> &str;

    /// Begins a sign-in.
    ///
    /// # Errors
    /// [`Refusal`], where the provider cannot be asked.
    async fn begin(&self, now: Timestamp) -> Result<Begun, Refusal>;

    /// Ends one, with what came back.
    ///
    /// # Errors
    /// [`Refusal`], where nobody may come in by it.
    async fn finish(&self, back: Back<'_>, now: Timestamp) -> Result<Identity, Refusal>;
}

/// A sign-in on its way.
#[derive(Clone, Debug)]
pub struct Begun {
    /// Where the browser goes.
    pub address: String,
    /// What it keeps meanwhile and brings back: the cookie's value. It can be read here alone.
    pub kept: String,
}

/// What a browser brought back.
#[derive(Clone, Copy, Debug, Default)]
pub struct Back<'a> {
    /// The cookie's value.
    pub kept: Option<&'a str>,
    /// `state` of the address.
    pub state: Option<&'a str>,
    /// `code` of the address.
    pub code: Option<&'a str>,
    /// `iss` of the address (RFC 9207).
    pub issuer: Option<&'a str>,
    /// `error` of the address.
    pub error: Option<&'a str>,
}

/// Who the provider says it is.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Identity {
    /// The provider and the person at it: this never changes and is never given to another.
    pub subject: String,
    /// What to call the account when it is made.
    pub name: String,
    /// What the person's groups let them do.
    pub role: Role,
}

/// Why nobody comes in.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Refusal {
    /// What kind it is.
    pub kind: RefusalKind,
    /// What happened, for the log. It never holds a code, a token or a secret.
    pub detail: String,
    /// Whose sign-in it was, as [`Identity::subject`]: only where the provider has shown it.
    pub subject: Option<String>,
}

/// Kinds of refusal; each is one page.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum RefusalKind {
    /// The provider could not be asked.
    Unreachable,
    /// It did not begin in this browser, or too long ago.
    NotBegun,
    /// The provider itself has refused.
    Denied,
    /// What the provider said cannot be trusted.
    Untrusted,
    /// No group of the person's counts.
    NoRole,
    /// The account may not come in.
    Account,
}

impl Refusal {
    pub(crate) fn new(kind: RefusalKind, detail: impl Into<String>) -> Self {
        Self { kind, detail: detail.into(), subject: None }
    }

    /// Of this subject.
    #[cfg(feature = "oidc")]
    pub(crate) fn of(self, subject: String) -> Self {
        Self { subject: Some(subject), ..self }
    }
}

impl RefusalKind {
    /// The status of the page.
    pub(crate) const fn status(self) -> StatusCode {
        match self {
            Self::Unreachable => StatusCode::SERVICE_UNAVAILABLE,
            Self::NotBegun => StatusCode::BAD_REQUEST,
            Self::Denied | Self::Untrusted | Self::NoRole | Self::Account => StatusCode::FORBIDDEN,
        }
    }

    /// What the person reads.
    pub(crate) const fn text(self) -> &'static str {
        match self {
            Self::Unreachable => {
                "The provider cannot be asked at present. Try again in a while, or sign in with a password. \
                 The gateway's log says why."
            }
            Self::NotBegun => {
                "This sign-in did not begin in this browser, or it began more than ten minutes ago. Begin again."
            }
            Self::Denied => "The provider has not let you in. Begin again, or ask whoever runs it.",
            Self::Untrusted => {
                "What the provider said about you cannot be trusted, so nobody was signed in. Tell whoever runs \
                 this gateway; its log says what was wrong."
            }
            Self::NoRole => {
                "You belong to no group that may use this gateway. Ask whoever runs it to give one of your groups \
                 a role."
            }
            Self::Account => {
                "Your account on this gateway may not come in. Ask whoever runs it; the log says why."
            }
        }
    }
}
