//! JSON that is sent to us.
//!
//! What cannot be read is a problem with a pointer to the place; nothing about it reaches a handler.

use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, header};
use serde::de::DeserializeOwned;
use serde_path_to_error::Segment;

use super::weight::Weight;
use crate::problem::{Fault, Problem};

/// A document, read.
#[derive(Clone, Debug)]
pub(crate) struct Sent<T>(pub(crate) T);

/// The largest body where a route says nothing else. Axum's limit is the same.
pub(crate) const LIMIT: usize = 2 * 1024 * 1024;

/// How long a body may take to come: it holds room that others want.
const PATIENCE: Duration = Duration::from_secs(120);

impl<T, S> FromRequest<S> for Sent<T>
where
    T: DeserializeOwned,
    S: Send + Sync,
{
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let json = is_json(request.headers());
        let bytes = whole(request, state, LIMIT).await?;
        if !json {
            return Err(Problem::media_type());
        }
        read(&bytes).map(Self)
    }
}

/// All of a body, which comes in good time.
pub(super) async fn whole<S: Send + Sync>(
    request: Request,
    state: &S,
    limit: usize,
) -> Result<Bytes, Problem> {
    let coming = Bytes::from_request(request, state);
    let come = tokio::time::timeout(PATIENCE, coming).await.map_err(|_| Problem::too_slow())?;
    come.map_err(|_| Problem::too_large(limit))
}

/// Nothing, where a document has no more in it than is read.
pub(super) fn bounded(bytes: &[u8]) -> Result<(), Problem> {
    if Weight::of(bytes).is_too_much() {
        return Err(Problem::too_much(Weight::OBJECTS, Weight::VALUES));
    }
    Ok(())
}

fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    let kind = kind.unwrap_or_default().split(';').next().unwrap_or_default().trim();
    kind.eq_ignore_ascii_case("application/json")
}

/// Reads a document.
///
/// # Errors
/// 400 for what is no JSON, 422 for JSON of another shape.
pub(crate) fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    bounded(bytes)?;
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let pointer = pointer(error.path());
        let inner = error.into_inner();
        match inner.classify() {
            serde_json::error::Category::Data => {
                Problem::invalid(vec![Fault::new(pointer, inner.to_string(), "")])
            }
            serde_json::error::Category::Io
            | serde_json::error::Category::Syntax
            | serde_json::error::Category::Eof => {
                Problem::bad_request(format!("This is no JSON document: {inner}."))
            }
        }
    })?;
    reader
        .end()
        .map_err(|error| Problem::bad_request(format!("This is no JSON document: {error}.")))?;
    Ok(value)
}

/// A path as a JSON pointer (RFC 6901).
pub(super) fn pointer(path: &serde_path_to_error::Path) -> String {
    let mut text = String::new();
    for segment in path {
        match segment {
            Segment::Seq { index } => text.push_str(&format!("/{index}")),
            Segment::Map { key } => {
                text.push('/');
                text.push_str(&key.replace('~', "~0").replace('/', "~1"));
            }
            Segment::Enum { .. } | Segment::Unknown => {}
        }
    }
    text
}
