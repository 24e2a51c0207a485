//! Signing in and out, and the one-time set-up.
//!
//! A wrong name and a wrong password get the same answer in the same time. What is tried in vain counts against the
//! name and against the address it came from; both have to wait after too many.

use std::net::IpAddr;

use axum::Json;
use axum::extract::{ConnectInfo, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{AppendHeaders, IntoResponse};
use gatepost_store::{
    AccountError, Door, FailedTry, KindWanted, NAME_LENGTH, OpenedSession, Secret, Session, User,
    Wait,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::refused;
use super::shapes::Myself;
use crate::api::Api;
use crate::api::body::Sent;
use crate::api::caller::{self, Caller};
use crate::peer::Peer;
use crate::problem::Problem;

/// Longest User-Agent that is kept, in bytes.
const AGENT: usize = 200;

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(show, open, close)).routes(routes!(set_up))
}

/// The state of the browser that asks.
#[derive(Debug, Serialize, ToSchema)]
struct SessionState {
    /// Who is signed in; `null` where nobody is.
    user: Option<Myself>,
    /// What X-CSRF-Token carries with every write.
    csrf: Option<String>,
    /// Whether there is no owner yet, so that the one-time link is to be used.
    setup_needed: bool,
    /// The OpenID Connect provider to sign in with.
    oidc: Option<Provider>,
    /// The version of Gatepost.
    version: &'static str,
    /// The name of this gateway.
    hostname: String,
}

/// An OpenID Connect provider.
#[derive(Debug, Serialize, ToSchema)]
struct Provider {
    /// What the button says.
    name: String,
}

/// A person who signs in.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Credentials {
    /// The account's name.
    name: String,
    /// Its password.
    #[schema(value_type = String, format = Password)]
    password: Secret,
    /// The six digits of the second factor, or a recovery code.
    code: Option<String>,
}

/// The owner that is made first.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct FirstOwner {
    /// The token of the one-time link, as `serve` printed it.
    #[schema(value_type = String)]
    token: Secret,
    /// The name of the account that is made.
    name: String,
    /// Its password: 12 characters at least.
    #[schema(value_type = String, format = Password)]
    password: Secret,
}

/// Who is signed in.
#[utoipa::path(get, path = "/session", tag = "session", extensions(("x-capability" = json!("open"))),
    responses((status = 200, body = SessionState), (status = 503, body = Problem)))]
async fn show(
    State(api): State<Api>,
    ConnectInfo(peer): ConnectInfo<Peer>,
    headers: HeaderMap,
) -> Result<Json<SessionState>, Problem> {
    let caller = Caller::of(&api, peer, &headers).await.ok();
    state(&api, caller.as_ref().and_then(Caller::session)).await.map(Json)
}

/// Signs in.
#[utoipa::path(post, path = "/session", tag = "session", extensions(("x-capability" = json!("open"))),
    request_body = Credentials,
    responses((status = 200, body = SessionState), (status = 400, body = Problem), (status = 401, body = Problem),
        (status = 403, body = Problem), (status = 413, body = Problem), (status = 415, body = Problem),
        (status = 422, body = Problem), (status = 429, body = Problem), (status = 503, body = Problem)))]
async fn open(
    State(api): State<Api>,
    ConnectInfo(peer): ConnectInfo<Peer>,
    headers: HeaderMap,
    Sent(given): Sent<Credentials>,
) -> Result<impl IntoResponse, Problem> {
    let accounts = &api.stores.accounts;
    let source = peer.ip();
    may_try(&api, &given.name, source)?;
    let user = accounts.verify_password(&given.name, KindWanted::Person, &given.password).await;
    let user = user.inspect_err(|_| api.doorman.undecided(&given.name, source))?;
    let Some(user) = user else {
        failed(&api, &given.name, source, "password").await?;
        return Err(Problem::wrong_credentials());
    };
    if user.totp {
        let Some(code) = given.code.as_deref().filter(|code| !code.trim().is_empty()) else {
            api.doorman.undecided(&given.name, source);
            return Err(Problem::second_factor("Send the code of your second factor."));
        };
        let right = accounts.totp_verify(user.id, code.trim()).await;
        if !right.inspect_err(|_| api.doorman.undecided(&given.name, source))? {
            failed(&api, &given.name, source, "second factor").await?;
            return Err(Problem::second_factor(
                "The code is wrong, is over, or was used before. Wait for the next one.",
            ));
        }
    }
    api.doorman.succeeded(&given.name, source);
    begin(&api, &user, source, &headers).await
}

/// Signs out.
#[utoipa::path(delete, path = "/session", tag = "session", extensions(("x-capability" = json!("signed-in"))),
    responses((status = 204), (status = 401, body = Problem), (status = 403, body = Problem),
        (status = 503, body = Problem)))]
async fn close(State(api): State<Api>, caller: Caller) -> Result<impl IntoResponse, Problem> {
    let id = caller.person()?.id;
    api.stores.accounts.close_session(id, &caller.author(None)).await?;
    let cookie = caller::drop_cookie(api.transport);
    Ok((StatusCode::NO_CONTENT, AppendHeaders([(header::SET_COOKIE, cookie)])))
}

/// Makes the first owner, with the token of the one-time link.
#[utoipa::path(post, path = "/setup", tag = "session", extensions(("x-capability" = json!("open"))),
    request_body = FirstOwner,
    responses((status = 200, body = SessionState), (status = 400, body = Problem), (status = 403, body = Problem),
        (status = 409, body = Problem), (status = 413, body = Problem), (status = 415, body = Problem),
        (status = 422, body = Problem), (status = 429, body = Problem), (status = 503, body = Problem)))]
async fn set_up(
    State(api): State<Api>,
    ConnectInfo(peer): ConnectInfo<Peer>,
    headers: HeaderMap,
    Sent(given): Sent<FirstOwner>,
) -> Result<impl IntoResponse, Problem> {
    let source = peer.ip();
    // A name that no account can have, one for each address: guesses from one do not keep others from the link.
    let counted = format!("\u{0}setup {source}");
    may_try(&api, &counted, source)?;
    let from = source.to_string();
    let accounts = &api.stores.accounts;
    let made = accounts.setup(&given.token, &given.name, given.password, Some(&from)).await;
    let user = match made {
        Ok(user) => {
            api.doorman.undecided(&counted, source);
            user
        }
        Err(error) => {
            if matches!(error, AccountError::SetupGone) {
                let (by, why) = ("one-time link", "a link that is over, used or none");
                let failed = FailedTry { door: Door::Console, account: &counted, by, source, why };
                tracing::warn!(client = %source, why, "set-up refused");
                refuse(&api, failed).await?;
            } else {
                api.doorman.undecided(&counted, source);
            }
            return Err(refused(error));
        }
    };
    begin(&api, &user, source, &headers).await
}

/// Opens a session for somebody who has shown who they are.
pub(super) async fn begin(
    api: &Api,
    user: &User,
    source: IpAddr,
    headers: &HeaderMap,
) -> Result<impl IntoResponse + use<>, Problem> {
    let opened = open_for(api, user, source, headers).await.map_err(refused)?;
    let session = api.stores.accounts.session(&opened.token).await?;
    let body = state(api, session.as_ref()).await?;
    let cookie = caller::set_cookie(api.transport, &opened.token);
    Ok((AppendHeaders([(header::SET_COOKIE, cookie)]), Json(body)))
}

/// Opens it, whoever has to be told how.
pub(super) async fn open_for(
    api: &Api,
    user: &User,
    source: IpAddr,
    headers: &HeaderMap,
) -> Result<OpenedSession, AccountError> {
    let agent = headers.get(header::USER_AGENT).and_then(|agent| agent.to_str().ok());
    let agent: String = agent.unwrap_or_default().chars().take(AGENT).collect();
    let opened = api.stores.accounts.open_session(user.id, &source.to_string(), &agent).await?;
    api.meters.login("opened");
    Ok(opened)
}

async fn state(api: &Api, session: Option<&Session>) -> Result<SessionState, Problem> {
    let user = session.and_then(|session| Myself::of(&session.user));
    Ok(SessionState {
        csrf: session.filter(|_| user.is_some()).map(|session| session.csrf.clone()),
        user,
        setup_needed: !api.stores.accounts.has_owner().await?,
        oidc: api.sign_on.as_ref().map(|provider| Provider { name: provider.name().to_owned() }),
        version: env!("CARGO_PKG_VERSION"),
        hostname: api.outside.hostname(),
    })
}

/// Nothing, where neither the name nor the address has to wait.
pub(super) fn may_try(api: &Api, name: &str, source: IpAddr) -> Result<(), Problem> {
    let waits = api.doorman.may(name, source, api.clock.now());
    waits.map_err(|Wait { seconds }| {
        api.meters.login("locked");
        Problem::locked_out(seconds)
    })
}

/// Counts a failure of an account, and writes it down.
pub(super) async fn failed(
    api: &Api,
    name: &str,
    source: IpAddr,
    what: &str,
) -> Result<(), Problem> {
    let why = format!("wrong {what}");
    let typed = gatepost_wire::escape::printable(name.as_bytes(), NAME_LENGTH);
    tracing::warn!(client = %source, name = typed, why, "sign-in refused");
    refuse(api, FailedTry { door: Door::Console, account: name, by: name, source, why: &why }).await
}

/// Counts a failure, and writes down of it what the audit log can bear.
pub(super) async fn refuse(api: &Api, failed: FailedTry<'_>) -> Result<(), Problem> {
    api.meters.login("refused");
    for entry in api.doorman.refused(&failed, api.clock.now()) {
        api.stores.audit.note(entry).await?;
    }
    Ok(())
}
