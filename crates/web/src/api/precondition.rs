//! `If-Match` and `ETag`: a change of the policy says which revision it was made to (RFC 9110, 8.8.3 and 13.1.1).

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderValue, header};

use super::Api;
use crate::problem::Problem;

/// The revision that a write was made to. `*` is whatever holds.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct IfMatch(pub(crate) Option<u64>);

impl FromRequestParts<Api> for IfMatch {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        let head = api.stores.settings.head();
        let given =
            parts.headers.get(header::IF_MATCH).ok_or_else(|| Problem::precondition(head))?;
        let given = given.to_str().unwrap_or_default().trim();
        if given == "*" {
            return Ok(Self(None));
        }
        let number = given.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
        match number.and_then(|number| number.parse().ok()) {
            Some(revision) if revision == head => Ok(Self(Some(revision))),
            // anything else is no revision that holds
            Some(_) | None => Err(Problem::changed(head)),
        }
    }
}

/// The `ETag` of a revision.
pub(crate) fn etag(revision: u64) -> [(axum::http::HeaderName, HeaderValue); 1] {
    let value = HeaderValue::from_str(&format!("\"{revision}\""));
    [(header::ETAG, value.unwrap_or(HeaderValue::from_static("\"0\"")))]
}
