//! Accounts of people and of SMTP clients, and everybody's sessions.
//!
//! Nobody makes, changes or deletes an account that may do more than they may.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use gatepost_store::{Capability, NewUser, Role, Secret, User, UserChange, UserKind};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::shapes::{KindWord, RoleWord, SessionShape, UserShape};
use super::{id, refused};
use crate::api::Api;
use crate::api::body::Sent;
use crate::api::caller::Caller;
use crate::api::page::{Asked, Page};
use crate::problem::{Fault, Problem};

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(list, create))
        .routes(routes!(show, change, delete))
        .routes(routes!(sessions))
        .routes(routes!(close))
}

/// A new account.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct UserDraft {
    /// Its name: 1 to 64 characters, unique without regard to case.
    name: String,
    /// Whose it is.
    kind: KindWord,
    /// The role of a person; an SMTP client has none.
    role: Option<RoleWord>,
    /// Its password: 12 characters at least.
    #[schema(value_type = String, format = Password)]
    password: Secret,
}

/// What changes about an account; what is left out stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct UserEdit {
    /// Another role.
    role: Option<RoleWord>,
    /// Whether nobody can sign in with it.
    disabled: Option<bool>,
    /// Another password.
    #[schema(value_type = Option<String>, format = Password)]
    password: Option<Secret>,
    /// `false` takes the second factor off. It can only be turned on by its owner.
    totp: Option<bool>,
}

/// Why something is done.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct Because {
    /// Why; kept in the audit log.
    pub(super) reason: Option<String>,
}

/// Every account.
#[utoipa::path(get, path = "/users", tag = "access", extensions(("x-capability" = json!("manage_access"))),
    responses((status = 200, body = Page<UserShape>), (status = 401, body = Problem), (status = 403, body = Problem),
        (status = 503, body = Problem)))]
async fn list(State(api): State<Api>) -> Result<Json<Page<UserShape>>, Problem> {
    let users = api.stores.accounts.users().await?;
    Ok(Json(Page::whole(users.into_iter().map(UserShape::from).collect())))
}

/// Makes an account.
#[utoipa::path(post, path = "/users", tag = "access", extensions(("x-capability" = json!("manage_access"))),
    params(Because), request_body = UserDraft,
    responses((status = 201, body = UserShape), (status = 400, body = Problem), (status = 401, body = Problem),
        (status = 403, body = Problem), (status = 409, body = Problem), (status = 413, body = Problem),
        (status = 415, body = Problem), (status = 422, body = Problem), (status = 503, body = Problem)))]
async fn create(
    State(api): State<Api>,
    caller: Caller,
    Asked(because): Asked<Because>,
    Sent(draft): Sent<UserDraft>,
) -> Result<(StatusCode, Json<UserShape>), Problem> {
    let kind = match (draft.kind, draft.role) {
        (KindWord::Person, Some(role)) => UserKind::Person(role.into()),
        (KindWord::Smtp, None) => UserKind::Smtp,
        (KindWord::Person, None) => {
            return Err(Problem::invalid(vec![Fault::new(
                "/role",
                "The account of a person has a role.",
                "Send one of owner, admin, policy-editor, queue-operator, auditor, viewer.",
            )]));
        }
        (KindWord::Smtp, Some(_)) => {
            return Err(Problem::invalid(vec![Fault::new(
                "/role",
                "The account of an SMTP client has no role.",
                "Leave it out.",
            )]));
        }
    };
    covers(&caller, &kind)?;
    let new = NewUser { name: draft.name, kind, password: Some(draft.password), sso: None };
    let author = caller.author(because.reason.as_deref());
    let user = api.stores.accounts.create_user(new, &author).await.map_err(refused)?;
    Ok((StatusCode::CREATED, Json(user.into())))
}

/// An account.
#[utoipa::path(get, path = "/users/{id}", tag = "access", extensions(("x-capability" = json!("manage_access"))),
    params(("id" = String, Path, description = "The account")),
    responses((status = 200, body = UserShape), (status = 401, body = Problem), (status = 403, body = Problem),
        (status = 404, body = Problem), (status = 503, body = Problem)))]
async fn show(
    State(api): State<Api>,
    Path(wanted): Path<String>,
) -> Result<Json<UserShape>, Problem> {
    Ok(Json(find(&api, &wanted).await?.into()))
}

/// Changes an account. One that is disabled, or has a new password or role, loses its sessions.
#[utoipa::path(put, path = "/users/{id}", tag = "access", extensions(("x-capability" = json!("manage_access"))),
    params(("id" = String, Path, description = "The account"), Because), request_body = UserEdit,
    responses((status = 200, body = UserShape), (status = 400, body = Problem), (status = 401, body = Problem),
        (status = 403, body = Problem), (status = 404, body = Problem), (status = 409, body = Problem),
        (status = 413, body = Problem), (status = 415, body = Problem), (status = 422, body = Problem),
        (status = 503, body = Problem)))]
async fn change(
    State(api): State<Api>,
    caller: Caller,
    Path(wanted): Path<String>,
    Asked(because): Asked<Because>,
    Sent(edit): Sent<UserEdit>,
) -> Result<Json<UserShape>, Problem> {
    let user = find(&api, &wanted).await?;
    covers(&caller, &user.kind)?;
    if edit.totp == Some(true) {
        return Err(Problem::invalid_at("/totp", "A second factor is turned on by its owner."));
    }
    let role = edit.role.map(Role::from);
    if let Some(role) = role {
        covers(&caller, &UserKind::Person(role))?;
    }
    let change = UserChange {
        role,
        disabled: edit.disabled,
        password: edit.password,
        totp_off: edit.totp == Some(false),
        end_sessions: role.is_some_and(|role| user.kind != UserKind::Person(role)),
        keep_session: caller.session().map(|session| session.id),
    };
    let author = caller.author(because.reason.as_deref());
    let user = api.stores.accounts.change_user(user.id, change, &author).await.map_err(refused)?;
    Ok(Json(user.into()))
}

/// Deletes an account.
#[utoipa::path(delete, path = "/users/{id}", tag = "access", extensions(("x-capability" = json!("manage_access"))),
    params(("id" = String, Path, description = "The account"), Because),
    responses((status = 204), (status = 400, body = Problem), (status = 401, body = Problem),
        (status = 403, body = Problem), (status = 404, body = Problem), (status = 409, body = Problem),
        (status = 422, body = Problem), (status = 503, body = Problem)))]
async fn delete(
    State(api): State<Api>,
    caller: Caller,
    Path(wanted): Path<String>,
    Asked(because): Asked<Because>,
) -> Result<StatusCode, Problem> {
    let user = find(&api, &wanted).await?;
    covers(&caller, &user.kind)?;
    let author = caller.author(because.reason.as_deref());
    api.stores.accounts.delete_user(user.id, &author).await.map_err(refused)?;
    Ok(StatusCode::NO_CONTENT)
}

/// Everybody's sessions.
#[utoipa::path(get, path = "/sessions", tag = "access", extensions(("x-capability" = json!("manage_access"))),
    responses((status = 200, body = Page<SessionShape>), (status = 401, body = Problem),
        (status = 403, body = Problem), (status = 503, body = Problem)))]
async fn sessions(
    State(api): State<Api>,
    caller: Caller,
) -> Result<Json<Page<SessionShape>>, Problem> {
    let current = caller.session().map(|session| session.id);
    let found = api.stores.accounts.sessions(None).await?;
    let shaped = found.into_iter().map(|info| SessionShape::of(info, current));
    Ok(Json(Page::whole(shaped.collect())))
}

/// Ends somebody's session.
#[utoipa::path(delete, path = "/sessions/{id}", tag = "access", extensions(("x-capability" = json!("manage_access"))),
    params(("id" = String, Path, description = "The session"), Because),
    responses((status = 204), (status = 400, body = Problem), (status = 401, body = Problem),
        (status = 403, body = Problem), (status = 404, body = Problem), (status = 503, body = Problem)))]
async fn close(
    State(api): State<Api>,
    caller: Caller,
    Path(wanted): Path<String>,
    Asked(because): Asked<Because>,
) -> Result<StatusCode, Problem> {
    let wanted = id(&wanted, "session")?;
    let open = api.stores.accounts.sessions(None).await?;
    if let Some(session) = open.iter().find(|session| session.id == wanted)
        && let Some(user) = api.stores.accounts.user(session.user).await?
    {
        covers(&caller, &user.kind)?;
    }
    let author = caller.author(because.reason.as_deref());
    if api.stores.accounts.close_session(wanted, &author).await? {
        return Ok(StatusCode::NO_CONTENT);
    }
    Err(Problem::not_found("session with this id"))
}

async fn find(api: &Api, wanted: &str) -> Result<User, Problem> {
    let wanted = id(wanted, "account")?;
    let found = api.stores.accounts.user(wanted).await?;
    found.ok_or_else(|| Problem::not_found("account with this id"))
}

/// Nothing, if the caller may do all that an account of this kind may.
pub(super) fn covers(caller: &Caller, kind: &UserKind) -> Result<(), Problem> {
    let UserKind::Person(role) = kind else { return Ok(()) };
    if caller.role().is_some_and(|own| own.covers(*role)) {
        return Ok(());
    }
    let word = role.word();
    Err(Problem::forbidden(format!(
        "An account with the role {word} is made and changed by those whose role may do as much. \
         It takes the capability {}.",
        Capability::Own.word()
    )))
}
