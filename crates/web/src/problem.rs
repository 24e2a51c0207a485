//! Answers that are no success, as RFC 9457 has them.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

/// One problem document.
#[derive(Debug, Serialize)]
pub(crate) struct Problem {
    #[serde(rename = "type")]
    kind: &'static str,
    title: &'static str,
    status: u16,
    detail: String,
}

impl Problem {
    /// Nobody has shown who they are.
    pub(crate) fn unauthorized() -> Self {
        Self {
            kind: "/problems/unauthorized",
            title: "Unauthorized",
            status: StatusCode::UNAUTHORIZED.as_u16(),
            detail: "This needs a token, and accounts are not in this version.".to_owned(),
        }
    }

    /// There is nothing at this path.
    pub(crate) fn not_found(path: &str) -> Self {
        Self {
            kind: "/problems/not-found",
            title: "Not Found",
            status: StatusCode::NOT_FOUND.as_u16(),
            detail: format!("There is nothing at {path}. Open are /healthz, /readyz and /metrics."),
        }
    }

    /// The path is there and takes another method.
    pub(crate) fn method() -> Self {
        Self {
            kind: "/problems/method-not-allowed",
            title: "Method Not Allowed",
            status: StatusCode::METHOD_NOT_ALLOWED.as_u16(),
            detail: "This path takes GET.".to_owned(),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, Json(self)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if status == StatusCode::METHOD_NOT_ALLOWED {
            headers.insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
        }
        response
    }
}
