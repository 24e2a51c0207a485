//! Signing in with a provider: out to it, and back.
//!
//! Both are visited by a browser and not called by a program, so what goes wrong is a page. What holds: an account is found by the
//! provider's word for it alone, never by its name; its role is that of today's groups.

use std::net::IpAddr;

use axum::extract::{ConnectInfo, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{AppendHeaders, Html, IntoResponse, Response};
use gatepost_store::{
    AccountError, Author, Door, FailedTry, NewUser, Role, User, UserChange, UserKind, Via, Wait,
};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::session;
use crate::api::Api;
use crate::api::caller;
use crate::headers::Transport;
use crate::peer::Peer;
use crate::problem::Problem;
use crate::sign_on::{Back, Identity, Refusal, RefusalKind};

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(start)).routes(routes!(callback))
}

/// What the provider sends back. Whatever else is in the address is none of ours.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Sent {
    /// What was sent to the provider.
    state: Option<String>,
    /// What the provider gives a token for.
    code: Option<String>,
    /// The issuer (RFC 9207).
    iss: Option<String>,
    /// Why there is no code.
    error: Option<String>,
}

/// Sends a browser to the provider.
#[utoipa::path(get, path = "/oidc/start", tag = "session", extensions(("x-capability" = json!("open"))),
    responses((status = 303, description = "To the provider."), (status = 404, body = Problem),
        (status = 403, description = "A page that says why not.", content_type = "text/html", body = String),
        (status = 503, description = "A page that says why not.", content_type = "text/html", body = String)))]
async fn start(
    State(api): State<Api>,
    ConnectInfo(peer): ConnectInfo<Peer>,
) -> Result<Response, Problem> {
    let provider = api.sign_on.as_ref().ok_or_else(nowhere)?;
    match provider.begin(api.clock.now()).await {
        Ok(begun) => {
            let cookie = keep(api.transport, &begun.kept);
            let headers = [(header::SET_COOKIE, cookie), (header::LOCATION, begun.address)];
            Ok((StatusCode::SEE_OTHER, AppendHeaders(headers)).into_response())
        }
        Err(refusal) => {
            tracing::warn!(client = %peer.ip(), why = refusal.detail, "single sign-on cannot begin");
            Ok(page(api.transport, refusal.kind))
        }
    }
}

/// Takes a browser back from the provider, and signs the person in.
#[utoipa::path(get, path = "/oidc/callback", tag = "session", extensions(("x-capability" = json!("open"))),
    params(Sent),
    responses((status = 303, description = "Signed in: to the console."), (status = 404, body = Problem),
        (status = 400, description = "A page that says why not.", content_type = "text/html", body = String),
        (status = 403, description = "A page that says why not.", content_type = "text/html", body = String),
        (status = 429, body = Problem),
        (status = 503, description = "A page that says why not.", content_type = "text/html", body = String)))]
async fn callback(
    State(api): State<Api>,
    ConnectInfo(peer): ConnectInfo<Peer>,
    Query(sent): Query<Sent>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let provider = api.sign_on.as_ref().ok_or_else(nowhere)?;
    let source = peer.ip();
    // A name that no account can have, one for each address: guesses from one do not lock others out.
    let counted = format!("\u{0}oidc {source}");
    if let Err(Wait { seconds }) = api.doorman.may(&counted, source, api.clock.now()) {
        return Err(Problem::locked_out(seconds));
    }
    let kept = kept(&headers, api.transport);
    let back = Back {
        kept: kept.as_deref(),
        state: sent.state.as_deref(),
        code: sent.code.as_deref(),
        issuer: sent.iss.as_deref(),
        error: sent.error.as_deref(),
    };
    let ended = match provider.finish(back, api.clock.now()).await {
        Ok(identity) => enter(&api, identity, source, &headers).await,
        Err(refusal) => Err(refusal),
    };
    match ended {
        Ok(cookie) => {
            api.doorman.succeeded(&counted, source);
            let gone = drop_kept(api.transport);
            let headers = [
                (header::SET_COOKIE, gone),
                (header::SET_COOKIE, cookie),
                (header::LOCATION, "/".to_owned()),
            ];
            Ok((StatusCode::SEE_OTHER, AppendHeaders(headers)).into_response())
        }
        Err(refusal) => {
            tracing::warn!(client = %source, why = refusal.detail, "single sign-on refused");
            let (by, why) = ("single sign-on", refusal.detail.as_str());
            let failed = FailedTry { door: Door::Console, account: &counted, by, source, why };
            session::refuse(&api, failed).await?;
            if let (RefusalKind::NoRole, Some(subject)) = (refusal.kind, &refusal.subject) {
                dismiss(&api, subject, &refusal.detail, source).await?;
            }
            Ok(page(api.transport, refusal.kind))
        }
    }
}

/// Ends what an account may do whose person the provider has in no group that counts any more: its sessions end, and its
/// role is the least, so that tokens that it made do no more than that.
async fn dismiss(api: &Api, subject: &str, why: &str, source: IpAddr) -> Result<(), Problem> {
    let accounts = &api.stores.accounts;
    let Some(user) = accounts.user_of_sso(subject).await? else {
        return Ok(());
    };
    let author = Author::new("single sign-on", Some(why));
    let author = author.through(Via::Console, Some(&source.to_string()));
    let ended = UserChange { end_sessions: true, ..UserChange::default() };
    let least = UserChange { role: Some(Role::Viewer), ..ended.clone() };
    let done = match accounts.change_user(user.id, least, &author).await {
        // Somebody has to be able to give others a role.
        Err(AccountError::LastOwner) => accounts.change_user(user.id, ended, &author).await,
        done => done,
    };
    done.map(|_| ()).map_err(super::refused)
}

/// Finds or makes the account, gives it today's role, and opens its session. Gives the session's cookie.
async fn enter(
    api: &Api,
    identity: Identity,
    source: IpAddr,
    headers: &HeaderMap,
) -> Result<String, Refusal> {
    let author = Author::new(&identity.name, Some("single sign-on"));
    let author = author.through(Via::Console, Some(&source.to_string()));
    let user = account(api, &identity, &author).await.map_err(|why| refused(&identity, &why))?;
    let opened = session::open_for(api, &user, source, headers).await;
    let opened = opened.map_err(|why| refused(&identity, &why))?;
    tracing::info!(client = %source, account = user.name, "signed in by single sign-on");
    Ok(caller::set_cookie(api.transport, &opened.token))
}

async fn account(api: &Api, identity: &Identity, author: &Author) -> Result<User, AccountError> {
    let accounts = &api.stores.accounts;
    let Some(user) = accounts.user_of_sso(&identity.subject).await? else {
        return make(api, identity, author).await;
    };
    if user.kind == UserKind::Person(identity.role) {
        return Ok(user);
    }
    let change = UserChange { role: Some(identity.role), ..UserChange::default() };
    accounts.change_user(user.id, change, author).await
}

/// Makes the account. Where its name is another's, it gets one that nobody else has: a name is no proof of who somebody is.
async fn make(api: &Api, identity: &Identity, author: &Author) -> Result<User, AccountError> {
    let new = |name: String| NewUser {
        name,
        kind: UserKind::Person(identity.role),
        password: None,
        sso: Some(identity.subject.clone()),
    };
    let accounts = &api.stores.accounts;
    match accounts.create_user(new(identity.name.clone()), author).await {
        Err(AccountError::NameTaken(_)) => {
            let digest = Sha256::digest(identity.subject.as_bytes());
            let mark = data_encoding::HEXLOWER.encode(&digest.as_slice()[..4]);
            let short: String = identity.name.chars().take(60).collect();
            accounts.create_user(new(format!("{} {mark}", short.trim_end())), author).await
        }
        made => made,
    }
}

fn refused(identity: &Identity, why: &AccountError) -> Refusal {
    let kind = match why {
        AccountError::Store(_) => RefusalKind::Unreachable,
        AccountError::Name(_)
        | AccountError::Password(_)
        | AccountError::NameTaken(_)
        | AccountError::IdentityTaken
        | AccountError::NoSuchUser
        | AccountError::NoWayIn
        | AccountError::LastOwner
        | AccountError::OnlySends
        | AccountError::NotCovered
        | AccountError::Expired
        | AccountError::TotpOn
        | AccountError::TotpNotBegun
        | AccountError::WrongCode
        | AccountError::SetupGone => RefusalKind::Account,
    };
    Refusal::new(kind, format!("{}: {why}", identity.name))
}

fn nowhere() -> Problem {
    Problem::not_found("provider to sign in with; [admin.oidc] of the configuration names one")
}

/// The page of a refusal; what the browser kept is of no more use.
fn page(transport: Transport, kind: RefusalKind) -> Response {
    let text = format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<title>Not signed in</title>\n\
         <h1>Not signed in</h1>\n<p>{}</p>\n<p><a href=\"/login\">Back to the sign-in</a></p>\n</html>\n",
        kind.text()
    );
    let gone = [(header::SET_COOKIE, drop_kept(transport))];
    (kind.status(), AppendHeaders(gone), Html(text)).into_response()
}

const fn name(transport: Transport) -> &'static str {
    match transport {
        Transport::Plain => "gatepost-oidc",
        Transport::Tls => "__Host-gatepost-oidc",
    }
}

/// `Set-Cookie` for the way. It comes back with a link from the provider's page, which `Strict` would not allow.
fn keep(transport: Transport, kept: &str) -> String {
    let secure = caller::secure(transport);
    format!("{}={kept}; Path=/; HttpOnly; SameSite=Lax; Max-Age=600{secure}", name(transport))
}

fn drop_kept(transport: Transport) -> String {
    let secure = caller::secure(transport);
    format!("{}=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0{secure}", name(transport))
}

fn kept(headers: &HeaderMap, transport: Transport) -> Option<String> {
    let wanted = name(transport);
    let lines = headers.get_all(header::COOKIE).iter().filter_map(|line| line.to_str().ok());
    let mut pairs =
        lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(found, _)| *found == wanted).map(|(_, value)| value.to_owned())
}
