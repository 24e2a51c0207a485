//! Answers that are no success, as RFC 9457 has them.
//!
//! A problem says where, what, and what to do. One about a document names every fault at once, each with a JSON
//! pointer (RFC 6901) to its place.

use std::time::Duration;

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use gatepost_store::StoreError;
use serde::Serialize;
use utoipa::ToSchema;

/// The media type of a problem document (RFC 9457 section 3).
pub(crate) const MEDIA_TYPE: &str = "application/problem+json";

/// A problem, as an answer.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Problem(Box<ProblemDocument>);

/// One problem document.
#[derive(Clone, Debug, Serialize, ToSchema)]
struct ProblemDocument {
    /// What kind of problem: a path that does not change.
    #[serde(rename = "type")]
    #[schema(example = "/problems/forbidden")]
    kind: &'static str,
    /// The kind, for people.
    title: &'static str,
    /// The HTTP status.
    status: u16,
    /// What happened here, and what to do.
    detail: String,
    /// Every fault of the document that was sent.
    errors: Vec<Fault>,
    /// The revision of the policy that holds, where the problem is a conflict about it.
    revision: Option<u64>,
    /// How many entries there are, where the problem is a wrong `count`.
    count: Option<u64>,
    /// For how many seconds to wait, where waiting helps.
    retry_after: Option<u64>,
}

/// One fault of a document.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Fault {
    /// Where, as a JSON pointer into what was sent; empty for all of it.
    #[schema(example = "/rule/0/conditions/1/value")]
    pub(crate) pointer: String,
    /// What is wrong.
    pub(crate) detail: String,
    /// What to do; empty where the fault says it.
    pub(crate) remedy: String,
}

impl Fault {
    /// A fault at a place.
    pub(crate) fn new(
        pointer: impl Into<String>,
        detail: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self { pointer: pointer.into(), detail: detail.into(), remedy: remedy.into() }
    }
}

impl Problem {
    fn new(
        status: StatusCode,
        kind: &'static str,
        title: &'static str,
        detail: impl Into<String>,
    ) -> Self {
        Self(Box::new(ProblemDocument {
            kind,
            title,
            status: status.as_u16(),
            detail: detail.into(),
            errors: Vec::new(),
            revision: None,
            count: None,
            retry_after: None,
        }))
    }

    /// 400: the request cannot be read.
    pub(crate) fn bad_request(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "/problems/bad-request", "Bad Request", detail)
    }

    /// 401: nobody has shown who they are, or what they showed is over.
    pub(crate) fn unauthorized() -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            "/problems/unauthorized",
            "Unauthorized",
            "This needs a session or a token. Sign in, or send `Authorization: Bearer TOKEN`; \
             `gatepost admin create-token` makes one.",
        )
    }

    /// 401: name and password do not belong together.
    pub(crate) fn wrong_credentials() -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            "/problems/wrong-credentials",
            "Wrong name or password",
            "No account has this name and this password.",
        )
    }

    /// 401: the password is right, and the second factor is missing or wrong.
    pub(crate) fn second_factor(detail: &str) -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            "/problems/second-factor",
            "Second factor needed",
            detail,
        )
    }

    /// 403: who asks may not do this.
    pub(crate) fn forbidden(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "/problems/forbidden", "Forbidden", detail)
    }

    /// 404: there is nothing at this path.
    pub(crate) fn not_found(what: &str) -> Self {
        let detail = format!("There is no {what}.");
        Self::new(StatusCode::NOT_FOUND, "/problems/not-found", "Not Found", detail)
    }

    /// 405: the path is there and takes another method. The router adds `Allow`.
    pub(crate) fn method() -> Self {
        Self::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "/problems/method-not-allowed",
            "Method Not Allowed",
            "This path does not take this method; the Allow header says which it takes.",
        )
    }

    /// 409: it cannot be done as things are.
    pub(crate) fn conflict(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, "/problems/conflict", "Conflict", detail)
    }

    /// 409: the `count` of an act on many is not how many there are.
    pub(crate) fn wrong_count(count: u64) -> Self {
        let detail = format!("There are {count}; nothing was done. Send this count to go on.");
        let mut problem =
            Self::new(StatusCode::CONFLICT, "/problems/count", "Another count", detail);
        problem.0.count = Some(count);
        problem
    }

    /// 412: somebody else has changed the policy.
    pub(crate) fn changed(revision: u64) -> Self {
        let detail = format!(
            "The policy has changed: revision {revision} holds. Read it, apply your change to it, \
             and send it again with If-Match: \"{revision}\"."
        );
        let mut problem = Self::new(
            StatusCode::PRECONDITION_FAILED,
            "/problems/policy-changed",
            "The policy has changed",
            detail,
        );
        problem.0.revision = Some(revision);
        problem
    }

    /// 413: more than is taken.
    pub(crate) fn too_large(limit: usize) -> Self {
        let detail = format!("This takes {limit} bytes at most.");
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "/problems/too-large", "Too large", detail)
    }

    /// 413: more objects, or more values, than are read.
    pub(crate) fn too_much(objects: usize, values: usize) -> Self {
        let detail = format!(
            "A document has {objects} objects or tables at most, and {values} values. Write a long list of values as \
             one string, a line each."
        );
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "/problems/too-large", "Too large", detail)
    }

    /// 408: it does not come to its end.
    pub(crate) fn too_slow() -> Self {
        Self::new(
            StatusCode::REQUEST_TIMEOUT,
            "/problems/too-slow",
            "Request Timeout",
            "The request has not come to its end in good time.",
        )
    }

    /// 415: not JSON.
    pub(crate) fn media_type() -> Self {
        Self::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "/problems/media-type",
            "Unsupported Media Type",
            "This takes JSON: send Content-Type: application/json.",
        )
    }

    /// 422: the document can be read and cannot be used.
    pub(crate) fn invalid(errors: Vec<Fault>) -> Self {
        let detail = match errors.as_slice() {
            [one] => one.detail.clone(),
            many => format!("{} problems; nothing was changed.", many.len()),
        };
        let mut problem =
            Self::new(StatusCode::UNPROCESSABLE_ENTITY, "/problems/invalid", "Invalid", detail);
        problem.0.errors = errors;
        problem
    }

    /// The faults of a document that cannot be used (422).
    ///
    /// # Errors
    /// Any other problem, as it is.
    pub(crate) fn into_faults(self) -> Result<Vec<Fault>, Self> {
        if self.0.status == StatusCode::UNPROCESSABLE_ENTITY.as_u16() {
            Ok(self.0.errors)
        } else {
            Err(self)
        }
    }

    /// 422 about one member.
    pub(crate) fn invalid_at(pointer: &str, detail: impl Into<String>) -> Self {
        Self::invalid(vec![Fault::new(pointer, detail, "")])
    }

    /// 428: a write that does not say which revision it was made to.
    pub(crate) fn precondition(revision: u64) -> Self {
        let detail = format!(
            "A change of the policy says which revision it was made to: send If-Match with the \
             ETag that the policy was read with. Revision {revision} holds."
        );
        let mut problem = Self::new(
            StatusCode::PRECONDITION_REQUIRED,
            "/problems/precondition-required",
            "If-Match is missing",
            detail,
        );
        problem.0.revision = Some(revision);
        problem
    }

    /// 429: too many failures.
    pub(crate) fn locked_out(seconds: u64) -> Self {
        let detail = format!("Too many failures. Wait {seconds} seconds and try again.");
        let mut problem = Self::new(
            StatusCode::TOO_MANY_REQUESTS,
            "/problems/locked-out",
            "Too many failures",
            detail,
        );
        problem.0.retry_after = Some(seconds);
        problem
    }

    /// 503: as much of this as can be done at once is being done.
    pub(crate) fn busy(detail: &str, come_again: Duration) -> Self {
        let seconds = come_again.as_secs().max(1);
        let mut problem = Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "/problems/busy",
            "Busy",
            format!("{detail} Try again in {seconds} seconds."),
        );
        problem.0.retry_after = Some(seconds);
        problem
    }

    /// 503: the store, or something else that this needs, does not answer.
    pub(crate) fn unavailable(detail: impl Into<String>) -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "/problems/unavailable",
            "Service Unavailable",
            detail,
        )
    }
}

impl From<StoreError> for Problem {
    /// The cause is logged and not shown: it names files of this machine.
    fn from(error: StoreError) -> Self {
        tracing::error!(cause = %error, "the store failed under a request");
        Self::unavailable("The store cannot be read or written now; the log says why.")
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status =
            StatusCode::from_u16(self.0.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let wait = self.0.retry_after;
        let bearer = self.0.kind == "/problems/unauthorized";
        let mut response = (status, Json(self)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
        if bearer {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(seconds) = wait {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}
