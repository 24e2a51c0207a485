//! Tokens of programs.
//!
//! A token may do no more than who made it, and ends no later than a token that made it. Its secret is shown once, and
//! only a hash of it is kept.

use std::time::Duration;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use gatepost_store::{NewToken, Role, UserKind};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::shapes::{RoleWord, TokenShape};
use super::users::{Because, covers};
use super::{id, refused};
use crate::api::Api;
use crate::api::body::Sent;
use crate::api::caller::Caller;
use crate::api::page::{Asked, Page};
use crate::problem::Problem;

/// The longest life of a token that ends, in days.
const LONGEST: u32 = 3650;

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(list, create)).routes(routes!(revoke))
}

/// A new token.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct TokenDraft {
    /// What it is for: 1 to 64 characters.
    name: String,
    /// What it may do; no more than you may.
    role: RoleWord,
    /// In how many days it ends, 1 to 3650; `null` for never.
    #[schema(minimum = 1, maximum = 3650)]
    expires_in_days: Option<u32>,
}

/// A token that was made.
#[derive(Debug, Serialize, ToSchema)]
struct MadeToken {
    /// What is known about it.
    #[serde(flatten)]
    shape: TokenShape,
    /// The token itself. It is shown this once.
    token: String,
}

/// Every token.
#[utoipa::path(get, path = "/tokens", tag = "access", extensions(("x-capability" = json!("manage_access"))),
    responses((status = 200, body = Page<TokenShape>), (status = 401, body = Problem), (status = 403, body = Problem),
        (status = 503, body = Problem)))]
async fn list(State(api): State<Api>) -> Result<Json<Page<TokenShape>>, Problem> {
    let tokens = api.stores.accounts.tokens().await?;
    Ok(Json(Page::whole(tokens.into_iter().map(TokenShape::from).collect())))
}

/// Makes a token.
#[utoipa::path(post, path = "/tokens", tag = "access", extensions(("x-capability" = json!("manage_access"))),
    params(Because), request_body = TokenDraft,
    responses((status = 201, body = MadeToken), (status = 400, body = Problem), (status = 401, body = Problem),
        (status = 403, body = Problem), (status = 409, body = Problem), (status = 413, body = Problem),
        (status = 415, body = Problem), (status = 422, body = Problem), (status = 503, body = Problem)))]
async fn create(
    State(api): State<Api>,
    caller: Caller,
    Asked(because): Asked<Because>,
    Sent(draft): Sent<TokenDraft>,
) -> Result<(StatusCode, Json<MadeToken>), Problem> {
    let role = Role::from(draft.role);
    if !caller.role().is_some_and(|own| own.covers(role)) {
        return Err(Problem::forbidden("A token may do no more than who makes it."));
    }
    let days = match draft.expires_in_days {
        None => None,
        Some(days @ 1..=LONGEST) => Some(days),
        Some(_) => {
            let detail = format!("A token ends in 1 to {LONGEST} days, or never.");
            return Err(Problem::invalid_at("/expires_in_days", detail));
        }
    };
    let life = days.map(|days| Duration::from_secs(u64::from(days) * 24 * 60 * 60));
    let expires_at = life.map(|life| api.clock.now().plus(life));
    if let Some(own_end) = caller.end()
        && expires_at.is_none_or(|end| end > own_end)
    {
        return Err(Problem::forbidden(
            "A token ends no later than the token that makes it. Send fewer `expires_in_days`, or \
             make it as a person.",
        ));
    }
    let owner = caller.owner();
    let new = NewToken { name: draft.name, role, expires_at, owner };
    let author = caller.author(because.reason.as_deref());
    let made = api.stores.accounts.create_token(new, &author).await.map_err(refused)?;
    let (shape, secret) = made;
    let body = MadeToken { shape: shape.into(), token: secret.expose().to_owned() };
    Ok((StatusCode::CREATED, Json(body)))
}

/// Ends a token.
#[utoipa::path(delete, path = "/tokens/{id}", tag = "access", extensions(("x-capability" = json!("manage_access"))),
    params(("id" = String, Path, description = "The token"), Because),
    responses((status = 204), (status = 400, body = Problem), (status = 401, body = Problem),
        (status = 403, body = Problem), (status = 404, body = Problem), (status = 503, body = Problem)))]
async fn revoke(
    State(api): State<Api>,
    caller: Caller,
    Path(wanted): Path<String>,
    Asked(because): Asked<Because>,
) -> Result<StatusCode, Problem> {
    let wanted = id(&wanted, "token")?;
    let tokens = api.stores.accounts.tokens().await?;
    if let Some(token) = tokens.iter().find(|token| token.id == wanted) {
        covers(&caller, &UserKind::Person(token.role))?;
    }
    let author = caller.author(because.reason.as_deref());
    if api.stores.accounts.revoke_token(wanted, &author).await? {
        return Ok(StatusCode::NO_CONTENT);
    }
    Err(Problem::not_found("token with this id"))
}
