//! The history: a message a line, with what became of each recipient.

use axum::Json;
use axum::extract::State;
use gatepost_store::{HistorySearch, RecipientState};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::shapes::HistoryShape;
use super::{domain, page, said, shaped, wanted, word};
use crate::api::Api;
use crate::api::access::time;
use crate::api::page::{Asked, Page, PageQuery};
use crate::problem::Problem;

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(list))
}

/// Which messages are wanted. What is left out does not limit.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct Search {
    /// An id of a message or an entry, or a text in the sender, a recipient or the subject.
    q: Option<String>,
    /// The envelope sender; `<>` for the null sender.
    sender: Option<String>,
    /// A recipient: the whole address.
    recipient: Option<String>,
    /// A recipient's domain.
    domain: Option<String>,
    /// What became of a recipient: `waiting`, `sending`, `held`, `delivered`, `bounced`, `quarantined`, `rejected`, `deleted`.
    state: Option<String>,
    /// A rule that matched.
    rule: Option<String>,
    /// Received then or later, RFC 3339.
    since: Option<String>,
    /// Received then or earlier, RFC 3339.
    until: Option<String>,
    /// How many at most, 1 to 1000; 100 where nothing is said. A page may have fewer, and the list ends where `next` is null.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
    /// `next` of the page before.
    cursor: Option<String>,
}

/// Messages, newest first, with what became of each recipient.
#[utoipa::path(get, path = "/history", tag = "messages", extensions(("x-capability" = json!("read"))), params(Search),
    responses((status = 200, body = Page<HistoryShape>), (status = 400, body = Problem), (status = 401, body = Problem),
        (status = 403, body = Problem), (status = 503, body = Problem)))]
async fn list(
    State(api): State<Api>,
    Asked(search): Asked<Search>,
) -> Result<Json<Page<HistoryShape>>, Problem> {
    let Search { q, sender, recipient, domain: at, state, rule, since, until, limit, cursor } =
        search;
    let wanted = wanted(&PageQuery::new(limit, cursor))?;
    let search = HistorySearch {
        text: said(q),
        sender: said(sender),
        recipient: said(recipient),
        domain: domain(at.as_deref())?,
        state: word("state", state, RecipientState::parse)?,
        rule: said(rule),
        since: time("since", said(since).as_deref())?,
        until: time("until", said(until).as_deref())?,
    };
    let listed = api.stores.browse.browse_history(&search, wanted).await?;
    Ok(Json(page(listed, |line| shaped(&line))?))
}
