//! Who calls: a person with a session, or a program with a token.

use std::net::IpAddr;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use gatepost_store::{ApiToken, Author, Capability, Role, Secret, Session, UserKind, Via};
use gatepost_wire::timestamp::Timestamp;
use subtle::ConstantTimeEq as _;

use super::Api;
use crate::headers::Transport;
use crate::peer::Peer;
use crate::problem::Problem;

/// The session's cookie on plain HTTP.
pub(crate) const COOKIE: &str = "gatepost";

/// The same under TLS: a browser takes it only with `Secure`, for this host and the whole site.
const COOKIE_TLS: &str = "__Host-gatepost";

/// The header that a session's writes carry.
const CSRF: &str = "x-csrf-token";

/// Who calls.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    who: Who,
    from: IpAddr,
}

#[derive(Clone, Debug)]
enum Who {
    Person(Box<Session>),
    Program(Box<ApiToken>),
}

impl Caller {
    /// Finds out by the token or the cookie of a request.
    pub(super) async fn of(api: &Api, peer: Peer, headers: &HeaderMap) -> Result<Self, Problem> {
        let accounts = &api.stores.accounts;
        let from = peer.ip();
        if let Some(given) = headers.get(header::AUTHORIZATION) {
            let secret = bearer(given.to_str().unwrap_or_default());
            let secret = secret.ok_or_else(Problem::unauthorized)?;
            let token = accounts.token(&secret).await?.ok_or_else(Problem::unauthorized)?;
            return Ok(Self { who: Who::Program(Box::new(token)), from });
        }
        let cookie = cookie(headers, api.transport).ok_or_else(Problem::unauthorized)?;
        let session = accounts.session(&cookie).await?.ok_or_else(Problem::unauthorized)?;
        Ok(Self { who: Who::Person(Box::new(session)), from })
    }

    /// What the caller's role is; an account without one reaches nothing.
    pub(crate) fn role(&self) -> Option<Role> {
        match &self.who {
            Who::Program(token) => Some(token.role),
            Who::Person(session) => match session.user.kind {
                UserKind::Person(role) => Some(role),
                UserKind::Smtp => None,
            },
        }
    }

    /// Whether the caller's role has it.
    pub(crate) fn has(&self, capability: Capability) -> bool {
        self.role().is_some_and(|role| role.may(capability))
    }

    /// Nothing, if the caller's role has it.
    ///
    /// # Errors
    /// 403, with the words for people.
    pub(crate) fn may(&self, capability: Capability) -> Result<(), Problem> {
        if self.has(capability) {
            return Ok(());
        }
        let role = self.role().map_or("none", Role::word);
        Err(Problem::forbidden(format!(
            "The role {role} does not have the capability {}.",
            capability.word()
        )))
    }

    /// Who that is, for the audit log.
    pub(crate) fn author(&self, reason: Option<&str>) -> Author {
        let (name, via) = match &self.who {
            Who::Person(session) => (session.user.name.as_str(), Via::Console),
            Who::Program(token) => (token.name.as_str(), Via::Api),
        };
        let reason = reason.map(str::trim).filter(|reason| !reason.is_empty());
        Author::new(name, reason).through(via, Some(&self.from.to_string()))
    }

    /// The account that answers for what the caller makes: a person's own, of a program the one that made its token.
    pub(crate) fn owner(&self) -> Option<ulid::Ulid> {
        match &self.who {
            Who::Person(session) => Some(session.user.id),
            Who::Program(token) => token.owner,
        }
    }

    /// When the program's token ends; a person's account does not.
    pub(crate) fn end(&self) -> Option<Timestamp> {
        match &self.who {
            Who::Person(_) => None,
            Who::Program(token) => token.expires_at,
        }
    }

    /// The address it calls from.
    pub(crate) const fn source(&self) -> IpAddr {
        self.from
    }

    /// The person's session; a program has none.
    pub(crate) fn session(&self) -> Option<&Session> {
        match &self.who {
            Who::Person(session) => Some(session),
            Who::Program(_) => None,
        }
    }

    /// The person's session.
    ///
    /// # Errors
    /// 403 for a program: what needs this is about a person's own account.
    pub(crate) fn person(&self) -> Result<&Session, Problem> {
        self.session().ok_or_else(|| {
            Problem::forbidden("This is about the account of a person; a token has none.")
        })
    }

    /// The secret that writes of this caller carry; a program's carry none.
    pub(super) fn csrf(&self) -> Option<&str> {
        self.session().map(|session| session.csrf.as_str())
    }
}

impl FromRequestParts<Api> for Caller {
    type Rejection = Problem;

    /// The gate has put it there.
    async fn from_request_parts(parts: &mut Parts, _: &Api) -> Result<Self, Problem> {
        parts.extensions.get::<Self>().cloned().ok_or_else(Problem::unauthorized)
    }
}

/// Nothing, if the header of a write carries the session's secret.
pub(super) fn same_secret(headers: &HeaderMap, csrf: &str) -> Result<(), Problem> {
    let given = headers.get(CSRF).map(axum::http::HeaderValue::as_bytes).unwrap_or_default();
    if bool::from(given.ct_eq(csrf.as_bytes())) {
        return Ok(());
    }
    Err(Problem::forbidden(
        "A write by a session carries its X-CSRF-Token, as GET /api/v1/session gives it.",
    ))
}

fn bearer(header: &str) -> Option<Secret> {
    let (scheme, token) = header.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| Secret::new(token.trim().to_owned()))
}

const fn cookie_name(transport: Transport) -> &'static str {
    match transport {
        Transport::Plain => COOKIE,
        Transport::Tls => COOKIE_TLS,
    }
}

/// The session's token, of the request's cookies.
fn cookie(headers: &HeaderMap, transport: Transport) -> Option<Secret> {
    let name = cookie_name(transport);
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(found, _)| *found == name)
        .map(|(_, value)| Secret::new(value.to_owned()))
}

/// `Set-Cookie` for a session that begins; it ends with the browser, or sooner.
pub(crate) fn set_cookie(transport: Transport, token: &Secret) -> String {
    let name = cookie_name(transport);
    let secure = secure(transport);
    format!("{name}={}; Path=/; HttpOnly; SameSite=Strict{secure}", token.expose())
}

/// `Set-Cookie` for a session that ends.
pub(crate) fn drop_cookie(transport: Transport) -> String {
    let name = cookie_name(transport);
    let secure = secure(transport);
    format!("{name}=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0{secure}")
}

pub(crate) const fn secure(transport: Transport) -> &'static str {
    match transport {
        Transport::Plain => "",
        Transport::Tls => "; Secure",
    }
}
