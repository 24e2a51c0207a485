//! A person's own account: password, second factor, sessions.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use gatepost_store::{AccountError, KindWanted, Secret, UserChange};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::session::{failed, may_try};
use super::shapes::{Myself, SessionShape};
use super::{id, refused};
use crate::api::Api;
use crate::api::body::Sent;
use crate::api::caller::Caller;
use crate::api::page::Page;
use crate::problem::Problem;

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(show))
        .routes(routes!(password))
        .routes(routes!(totp_begin, totp_confirm, totp_off))
        .routes(routes!(sessions))
        .routes(routes!(close))
}

/// A new password.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewPassword {
    /// The one that holds.
    #[schema(value_type = String, format = Password)]
    current: Secret,
    /// The new one: 12 characters at least.
    #[schema(value_type = String, format = Password)]
    new: Secret,
}

/// The password that holds.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Password {
    /// The password.
    #[schema(value_type = String, format = Password)]
    password: Secret,
}

/// The code of a second factor.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Code {
    /// Six digits.
    code: String,
}

/// A second factor that is about to be.
#[derive(Debug, Serialize, ToSchema)]
struct TotpOffer {
    /// The secret in Base32, for typing.
    secret: String,
    /// The same as an `otpauth:` URI, for a QR code.
    uri: String,
}

/// Codes that stand in for the second factor, each once.
#[derive(Debug, Serialize, ToSchema)]
struct RecoveryCodes {
    /// The codes; they are shown this once.
    recovery_codes: Vec<String>,
}

/// The account that is signed in.
#[utoipa::path(get, path = "/account", tag = "account", extensions(("x-capability" = json!("signed-in"))),
    responses((status = 200, body = Myself), (status = 401, body = Problem), (status = 403, body = Problem),
        (status = 503, body = Problem)))]
async fn show(caller: Caller) -> Result<Json<Myself>, Problem> {
    let session = caller.person()?;
    Myself::of(&session.user).map(Json).ok_or_else(Problem::unauthorized)
}

/// Changes the password. Other sessions of the account end.
#[utoipa::path(put, path = "/account/password", tag = "account", extensions(("x-capability" = json!("signed-in"))),
    request_body = NewPassword,
    responses((status = 204), (status = 400, body = Problem), (status = 401, body = Problem),
        (status = 403, body = Problem), (status = 409, body = Problem), (status = 413, body = Problem),
        (status = 415, body = Problem), (status = 422, body = Problem), (status = 429, body = Problem),
        (status = 503, body = Problem)))]
async fn password(
    State(api): State<Api>,
    caller: Caller,
    Sent(given): Sent<NewPassword>,
) -> Result<StatusCode, Problem> {
    confirm(&api, &caller, &given.current, "/current").await?;
    let session = caller.person()?;
    let change = UserChange {
        password: Some(given.new),
        keep_session: Some(session.id),
        ..UserChange::default()
    };
    let author = caller.author(None);
    let changed = api.stores.accounts.change_user(session.user.id, change, &author).await;
    if let Err(AccountError::Password(why)) = &changed {
        return Err(Problem::invalid_at("/new", format!("{why}.")));
    }
    changed.map_err(refused)?;
    Ok(StatusCode::NO_CONTENT)
}

/// Offers a second factor. It is asked for once its first code was sent back.
#[utoipa::path(post, path = "/account/totp", tag = "account", extensions(("x-capability" = json!("signed-in"))),
    responses((status = 200, body = TotpOffer), (status = 401, body = Problem), (status = 403, body = Problem),
        (status = 409, body = Problem), (status = 422, body = Problem), (status = 503, body = Problem)))]
async fn totp_begin(State(api): State<Api>, caller: Caller) -> Result<Json<TotpOffer>, Problem> {
    let session = caller.person()?;
    let offer = api.stores.accounts.totp_begin(session.user.id).await.map_err(refused)?;
    Ok(Json(TotpOffer {
        secret: offer.secret_base32.expose().to_owned(),
        uri: offer.uri.expose().to_owned(),
    }))
}

/// Turns the second factor on.
#[utoipa::path(put, path = "/account/totp", tag = "account", extensions(("x-capability" = json!("signed-in"))),
    request_body = Code,
    responses((status = 200, body = RecoveryCodes), (status = 400, body = Problem), (status = 401, body = Problem),
        (status = 403, body = Problem), (status = 409, body = Problem), (status = 413, body = Problem),
        (status = 415, body = Problem), (status = 422, body = Problem), (status = 503, body = Problem)))]
async fn totp_confirm(
    State(api): State<Api>,
    caller: Caller,
    Sent(given): Sent<Code>,
) -> Result<Json<RecoveryCodes>, Problem> {
    let session = caller.person()?;
    let author = caller.author(None);
    let codes = api.stores.accounts.totp_confirm(session.user.id, given.code.trim(), &author).await;
    let codes = codes.map_err(refused)?;
    let recovery_codes = codes.iter().map(|code| code.expose().to_owned()).collect();
    Ok(Json(RecoveryCodes { recovery_codes }))
}

/// Turns the second factor off.
#[utoipa::path(delete, path = "/account/totp", tag = "account", extensions(("x-capability" = json!("signed-in"))),
    request_body = Password,
    responses((status = 204), (status = 400, body = Problem), (status = 401, body = Problem),
        (status = 403, body = Problem), (status = 409, body = Problem), (status = 413, body = Problem),
        (status = 415, body = Problem), (status = 422, body = Problem), (status = 429, body = Problem),
        (status = 503, body = Problem)))]
async fn totp_off(
    State(api): State<Api>,
    caller: Caller,
    Sent(given): Sent<Password>,
) -> Result<StatusCode, Problem> {
    confirm(&api, &caller, &given.password, "/password").await?;
    let session = caller.person()?;
    let change =
        UserChange { totp_off: true, keep_session: Some(session.id), ..UserChange::default() };
    let author = caller.author(None);
    api.stores.accounts.change_user(session.user.id, change, &author).await.map_err(refused)?;
    Ok(StatusCode::NO_CONTENT)
}

/// The account's own sessions.
#[utoipa::path(get, path = "/account/sessions", tag = "account", extensions(("x-capability" = json!("signed-in"))),
    responses((status = 200, body = Page<SessionShape>), (status = 401, body = Problem),
        (status = 403, body = Problem), (status = 503, body = Problem)))]
async fn sessions(
    State(api): State<Api>,
    caller: Caller,
) -> Result<Json<Page<SessionShape>>, Problem> {
    let session = caller.person()?;
    let found = api.stores.accounts.sessions(Some(session.user.id)).await?;
    let shaped = found.into_iter().map(|info| SessionShape::of(info, Some(session.id)));
    Ok(Json(Page::whole(shaped.collect())))
}

/// Ends one of the account's own sessions.
#[utoipa::path(delete, path = "/account/sessions/{id}", tag = "account",
    extensions(("x-capability" = json!("signed-in"))), params(("id" = String, Path, description = "The session")),
    responses((status = 204), (status = 401, body = Problem), (status = 403, body = Problem),
        (status = 404, body = Problem), (status = 503, body = Problem)))]
async fn close(
    State(api): State<Api>,
    caller: Caller,
    Path(wanted): Path<String>,
) -> Result<StatusCode, Problem> {
    let session = caller.person()?;
    let wanted = id(&wanted, "session")?;
    let own = api.stores.accounts.sessions(Some(session.user.id)).await?;
    if !own.iter().any(|info| info.id == wanted) {
        return Err(Problem::not_found("session of yours with this id"));
    }
    api.stores.accounts.close_session(wanted, &caller.author(None)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Asks for the password again before something that would outlast a stolen session.
async fn confirm(
    api: &Api,
    caller: &Caller,
    password: &Secret,
    pointer: &str,
) -> Result<(), Problem> {
    let name = &caller.person()?.user.name;
    let source = caller.source();
    may_try(api, name, source)?;
    let right = api.stores.accounts.verify_password(name, KindWanted::Person, password).await;
    if right.inspect_err(|_| api.doorman.undecided(name, source))?.is_some() {
        api.doorman.undecided(name, source);
        return Ok(());
    }
    failed(api, name, source, "password, asked for again").await?;
    Err(Problem::invalid_at(pointer, "This is not the password of the account."))
}
