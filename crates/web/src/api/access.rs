//! Who may come in: sessions, accounts, tokens, and the log of what they did.

mod account;
mod audit;
mod session;
mod shapes;
mod tokens;
mod users;

use gatepost_store::AccountError;
use utoipa_axum::router::OpenApiRouter;

use super::Api;
use crate::problem::Problem;

/// Their routes.
pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .merge(session::routes())
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
    todo!()
}
