//! Mail: what waits, what became of what was taken, and what is kept back.

mod attempts;
mod effective;
mod history;
mod overview;
mod probe;
mod quarantine;
mod queue;
mod shapes;
#[cfg(test)]
mod tests;
mod tls;

use gatepost_policy::tls::Level;
use gatepost_store::{InvalidMark, Listed, Wanted};
use gatepost_wire::address::DomainName;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;

pub(crate) use self::probe::Turns;
use super::Api;
use super::page::{Page, PageQuery, cursor};
use crate::problem::Problem;

/// Their routes.
pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .merge(queue::routes())
        .merge(attempts::routes())
        .merge(history::routes())
        .merge(quarantine::routes())
        .merge(probe::routes())
        .merge(tls::routes())
        .merge(overview::routes())
}

/// Why something is done.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct Because {
    /// Why; kept in the history and the audit log.
    reason: Option<String>,
}

/// The page that is wanted of a list of the store.
fn wanted<M>(page: &PageQuery) -> Result<Wanted<M>, Problem>
where
    M: std::str::FromStr,
{
    let after: Option<String> = page.from()?;
    let after = after.map(|text| text.parse()).transpose();
    let after = after.map_err(|_| Problem::bad_request(format!("cursor: {InvalidMark}.")))?;
    Ok(Wanted { after, most: page.limit()? })
}

/// A page of the store, in the shapes that the document describes.
fn page<T, M, S>(
    listed: Listed<T, M>,
    shape: impl FnMut(T) -> Result<S, Problem>,
) -> Result<Page<S>, Problem>
where
    M: std::fmt::Display,
{
    let Listed { items, next, total } = listed;
    let items = items.into_iter().map(shape).collect::<Result<_, _>>()?;
    let next = next.and_then(|mark| cursor(&mark.to_string()));
    Ok(Page { items, next, total })
}

/// What the store shows, in the shape that the document describes: one that does not fit is a fault of ours.
fn shaped<S: DeserializeOwned>(from: &impl Serialize) -> Result<S, Problem> {
    serde_json::to_value(from).and_then(serde_json::from_value).map_err(|why| {
        tracing::error!(cause = %why, "what the store shows has another shape than the API's document");
        Problem::unavailable("What is stored cannot be shown; the log says why.")
    })
}

/// A domain of the query as it is compared: an A-label, or an address in brackets.
fn domain(given: Option<&str>) -> Result<Option<String>, Problem> {
    let Some(text) = given.map(str::trim).filter(|text| !text.is_empty()) else { return Ok(None) };
    if text.starts_with('[') {
        return Ok(Some(text.to_owned()));
    }
    let name = DomainName::parse(text);
    name.map(|name| Some(name.as_str().to_owned()))
        .map_err(|why| Problem::bad_request(format!("domain is no domain: {why}.")))
}

/// A key of the query; one that is empty is not there, as forms send it.
fn said(given: Option<String>) -> Option<String> {
    given.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
}

/// A word of a closed list.
fn word<T>(
    key: &str,
    given: Option<String>,
    parse: impl Fn(&str) -> Option<T>,
) -> Result<Option<T>, Problem> {
    let Some(text) = said(given) else { return Ok(None) };
    parse(&text).map(Some).ok_or_else(|| {
        Problem::bad_request(format!("{key} is {text:?}, which is none of its words."))
    })
}

/// The level of mail about which nothing is demanded.
fn default_level(api: &Api) -> Level {
    api.snapshot.load().tls.default_level
}

/// An id of a path.
fn id(given: &str, what: &str) -> Result<ulid::Ulid, Problem> {
    given.parse().map_err(|_| Problem::not_found(&format!("{what} with this id")))
}
