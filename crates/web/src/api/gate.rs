//! The one place where it is decided whether a request reaches its handler.
//!
//! The table of who may what is read from the OpenAPI document. What is not in the table is refused, and so is a write
//! by a session that does not carry its CSRF token, or that comes from a page of another origin.

use std::collections::HashMap;

use axum::body::HttpBody as _;
use axum::extract::{ConnectInfo, MatchedPath, Request, State};
use axum::http::{HeaderMap, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use gatepost_store::Capability;
use utoipa::openapi::OpenApi;
use utoipa::openapi::path::Operation;

use super::Api;
use super::caller::{self, Caller};
use crate::peer::Peer;
use crate::problem::Problem;

/// The extension of an operation that says who may call it.
const WORD: &str = "x-capability";

/// Who may call an operation.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Access {
    /// Everybody.
    Open,
    /// Everybody who has shown who they are.
    SignedIn,
    /// Those whose role has this.
    Needs(Capability),
}

impl Access {
    fn parse(word: &str) -> Option<Self> {
        match word {
            "open" => Some(Self::Open),
            "signed-in" => Some(Self::SignedIn),
            other => {
                let mut all = Capability::ALL.iter().copied();
                all.find(|capability| capability.word() == other).map(Self::Needs)
            }
        }
    }
}

/// Who may call what, by path and method.
#[derive(Debug)]
pub(super) struct Table(HashMap<(String, Method), Option<Access>>);

impl Table {
    /// Reads the table from the document. An operation whose word is missing or unknown is nobody's.
    pub(super) fn of(document: &OpenApi) -> Self {
        let mut table = HashMap::new();
        for (path, item) in &document.paths.paths {
            let operations = [
                (Method::GET, &item.get),
                (Method::PUT, &item.put),
                (Method::POST, &item.post),
                (Method::DELETE, &item.delete),
            ];
            for (method, operation) in operations {
                if let Some(operation) = operation {
                    table.insert((path.clone(), method), access(operation));
                }
            }
        }
        Self(table)
    }

    /// Every operation with who may call it.
    #[cfg(test)]
    pub(super) fn rows(&self) -> impl Iterator<Item = (&str, &Method, Option<Access>)> {
        self.0.iter().map(|((path, method), access)| (path.as_str(), method, *access))
    }

    /// `None`: no such operation. `Some(None)`: nobody may.
    fn find(&self, path: Option<&str>, method: &Method) -> Option<Option<Access>> {
        let method = if *method == Method::HEAD { Method::GET } else { method.clone() };
        self.0.get(&(path?.to_owned(), method)).copied()
    }
}

fn access(operation: &Operation) -> Option<Access> {
    Access::parse(operation.extensions.as_ref()?.get(WORD)?.as_str()?)
}

/// Lets a request through to its handler, or answers it.
pub(super) async fn pass(
    State(api): State<Api>,
    ConnectInfo(peer): ConnectInfo<Peer>,
    matched: Option<MatchedPath>,
    mut request: Request,
    next: Next,
) -> Response {
    let path = matched.as_ref().map(MatchedPath::as_str);
    if path.is_none() && !is_api(request.uri().path()) {
        return next.run(request).await;
    }
    let response = decide(&api, peer, path, &mut request).await;
    let response = match response {
        Ok(()) => match api.room.take(request.body().size_hint().upper()) {
            // What is taken is given back when the request is answered.
            Ok(_room) => next.run(request).await,
            Err(problem) => problem.into_response(),
        },
        Err(problem) => problem.into_response(),
    };
    api.meters.request(path, response.status().as_u16());
    response
}

/// Whether a request may go on.
async fn decide(
    api: &Api,
    peer: Peer,
    path: Option<&str>,
    request: &mut Request,
) -> Result<(), Problem> {
    let access = api.table.find(path, request.method());
    match access {
        Some(Some(Access::Open)) => same_origin(request.headers(), request.method()),
        // an unknown path or method is told only to those who may know
        None | Some(None | Some(Access::SignedIn | Access::Needs(_))) => {
            admit(api, peer, access.flatten(), request).await
        }
    }?;
    if access == Some(None) {
        return Err(Problem::forbidden("Nobody may call this: it does not say who may."));
    }
    Ok(())
}

/// Whether a path is the API's.
pub(super) fn is_api(path: &str) -> bool {
    path == "/api" || path.starts_with("/api/")
}

/// Finds out who calls, and whether they may.
async fn admit(
    api: &Api,
    peer: Peer,
    access: Option<Access>,
    request: &mut Request,
) -> Result<(), Problem> {
    let caller = Caller::of(api, peer, request.headers()).await?;
    if !request.method().is_safe()
        && let Some(csrf) = caller.csrf()
    {
        same_origin(request.headers(), request.method())?;
        caller::same_secret(request.headers(), csrf)?;
    }
    if let Some(Access::Needs(capability)) = access {
        caller.may(capability)?;
    }
    request.extensions_mut().insert(caller);
    Ok(())
}

/// A write that a browser sends for a page of another origin is refused. What is no browser sends no Origin.
fn same_origin(headers: &HeaderMap, method: &Method) -> Result<(), Problem> {
    if method.is_safe() {
        return Ok(());
    }
    let Some(origin) = headers.get(header::ORIGIN) else { return Ok(()) };
    let origin = origin.to_str().unwrap_or_default();
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let of_origin = origin.split_once("://").map(|(_, rest)| rest);
    if of_origin.is_some_and(|named| !host.is_empty() && named.eq_ignore_ascii_case(host)) {
        return Ok(());
    }
    Err(Problem::forbidden("This request comes from a page of another origin."))
}
