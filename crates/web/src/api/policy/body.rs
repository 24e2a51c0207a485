//! Policies that are sent to us: as JSON or as the policy file, up to 32 MiB.

use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, FromRequest, Request};
use axum::http::header;
use gatepost_policy::document::{Parsed, PolicyDocument};

use super::super::{Api, body};
use super::held::fault;
use crate::problem::{Fault, Problem};

/// The largest policy, and the largest set of Rule Data, that is taken.
pub(in crate::api) const LARGEST: usize = 32 * 1024 * 1024;

/// Lets a route take that much.
pub(in crate::api) fn limit() -> DefaultBodyLimit {
    DefaultBodyLimit::max(LARGEST)
}

/// What a body says it is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Form {
    Json,
    Toml,
}

/// A body that is not read yet: reading a long one takes time, and is left to [`super::held::heavy`].
#[derive(Clone, Debug)]
pub(in crate::api) struct Long {
    bytes: Bytes,
    form: Form,
}

impl FromRequest<Api> for Long {
    type Rejection = Problem;

    async fn from_request(request: Request, api: &Api) -> Result<Self, Problem> {
        let kind = request.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
        let kind = kind.unwrap_or_default().split(';').next().unwrap_or_default().trim();
        let form = match kind.to_ascii_lowercase().as_str() {
            "application/json" => Some(Form::Json),
            "application/toml" => Some(Form::Toml),
            _ => None,
        };
        let bytes = body::whole(request, api, LARGEST).await?;
        Ok(Self { bytes, form: form.ok_or_else(Problem::media_type)? })
    }
}

impl Long {
    /// The JSON document.
    ///
    /// # Errors
    /// 400 for what is no JSON, 415 for what says that it is none.
    pub(in crate::api) fn json(&self) -> Result<serde_json::Value, Problem> {
        match self.form {
            Form::Json => body::read(&self.bytes),
            Form::Toml => Err(Problem::media_type()),
        }
    }

    /// The policy, in either form.
    ///
    /// # Errors
    /// 400 for what cannot be read at all, 422 with every fault of its shape.
    pub(in crate::api) fn policy(&self) -> Result<Parsed, Problem> {
        match self.form {
            Form::Json => PolicyDocument::parse_json(body::read(&self.bytes)?),
            Form::Toml => {
                body::bounded(&self.bytes)?;
                let text = std::str::from_utf8(&self.bytes)
                    .map_err(|_| Problem::bad_request("This is no text: it is not UTF-8."))?;
                PolicyDocument::parse_toml(text, "policy")
            }
        }
        .map_err(|problems| Problem::invalid(faults(&problems, "")))
    }
}

/// Problems of a whole policy that stood at a place of what was sent.
pub(in crate::api) fn faults(
    problems: &[gatepost_policy::diagnostic::Diagnostic],
    sent_at: &str,
) -> Vec<Fault> {
    problems.iter().map(|problem| fault(problem, "", sent_at)).collect()
}
