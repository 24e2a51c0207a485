//! Who may come in: sessions, accounts, tokens, and the log of what they did.

mod account;
mod audit;
mod oidc;
mod session;
mod shapes;
mod tokens;
mod users;

use gatepost_store::AccountError;
use utoipa_axum::router::OpenApiRouter;

pub(crate) use self::audit::time;
use super::Api;
use crate::problem::Problem;

/// Their routes.
pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .merge(session::routes())
        .merge(oidc::routes())
        .merge(account::routes())
        .merge(users::routes())
        .merge(tokens::routes())
        .merge(audit::routes())
}

/// The id of a path.
fn id(given: &str, what: &str) -> Result<ulid::Ulid, Problem> {
    given.parse().map_err(|_| Problem::not_found(&format!("{what} with this id")))
}

/// What the store said to a change of accounts.
fn refused(error: AccountError) -> Problem {
    let text = {
        let mut text = error.to_string();
        if let Some(first) = text.get(..1).map(str::to_uppercase) {
            text.replace_range(..1, &first);
        }
        text.push('.');
        text
    };
    match error {
        AccountError::Name(_) | AccountError::NameTaken(_) => Problem::invalid_at("/name", text),
        AccountError::Password(_) | AccountError::NoWayIn => Problem::invalid_at("/password", text),
        AccountError::NotCovered => Problem::invalid_at("/role", text),
        AccountError::Expired => Problem::invalid_at("/expires_in_days", text),
        AccountError::WrongCode => Problem::invalid_at("/code", text),
        AccountError::NoSuchUser => Problem::not_found("such account"),
        AccountError::SetupGone => Problem::forbidden(text),
        AccountError::IdentityTaken
        | AccountError::LastOwner
        | AccountError::OnlySends
        | AccountError::TotpOn
        | AccountError::TotpNotBegun => Problem::conflict(text),
        AccountError::Store(error) => error.into(),
    }
}
