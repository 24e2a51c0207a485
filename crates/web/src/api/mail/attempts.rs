//! Attempts with their evidence, and the story of one message.

use axum::Json;
use axum::extract::{Path, State};
use gatepost_policy::evidence::{Ending, Why};
use gatepost_policy::id::MessageId;
use gatepost_policy::tls::Level;
use gatepost_store::story::{lines, report_of};
use gatepost_store::{MessageStory, Search};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::queue::complete;
use super::shapes::{AttemptShape, StoryShape};
use super::{domain, id, page, said, shaped, wanted, word};
use crate::api::Api;
use crate::api::access::time;
use crate::api::page::{Asked, Page, PageQuery};
use crate::problem::Problem;

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(show))
}

/// Which attempts are wanted. What is left out does not limit.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct Wish {
    /// The recipient: the whole address.
    recipient: Option<String>,
    /// The recipient's domain.
    domain: Option<String>,
    /// `delivered`, `deferred` or `bounced`.
    outcome: Option<String>,
    /// Ended then or later, RFC 3339.
    since: Option<String>,
    /// Ended then or earlier, RFC 3339.
    until: Option<String>,
    /// The envelope sender; `<>` for the null sender.
    sender: Option<String>,
    /// The message.
    message: Option<String>,
    /// The word for the cause, such as `starttls-not-offered`.
    why: Option<String>,
    /// The level that was wanted.
    level: Option<String>,
    /// A text in the recipient, the sender or the subject, or the message's id.
    q: Option<String>,
    /// How many at most, 1 to 1000; 100 where nothing is said. A page may have fewer, and the list ends where `next` is null.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
    /// `next` of the page before.
    cursor: Option<String>,
}

/// Attempt records, newest first.
#[utoipa::path(get, path = "/messages", tag = "messages", extensions(("x-capability" = json!("read"))), params(Wish),
    responses((status = 200, body = Page<AttemptShape>), (status = 400, body = Problem), (status = 401, body = Problem),
        (status = 403, body = Problem), (status = 503, body = Problem)))]
async fn list(
    State(api): State<Api>,
    Asked(wish): Asked<Wish>,
) -> Result<Json<Page<AttemptShape>>, Problem> {
    let wanted = wanted(&PageQuery::new(wish.limit, wish.cursor))?;
    let search = Search {
        recipient: said(wish.recipient),
        domain: domain(wish.domain.as_deref())?,
        outcome: word("outcome", wish.outcome, Ending::parse)?,
        since: time("since", said(wish.since).as_deref())?,
        until: time("until", said(wish.until).as_deref())?,
        sender: said(wish.sender),
        message: word("message", wish.message, |text| text.parse().ok())?,
        why: word("why", wish.why, Why::parse)?,
        level: word("level", wish.level, Level::parse)?,
        text: said(wish.q),
    };
    let listed = api.stores.browse.browse_attempts(&search, wanted).await?;
    Ok(Json(page(listed, |line| shaped(&line))?))
}

/// All that is known about a message.
#[utoipa::path(get, path = "/messages/{id}", tag = "messages", extensions(("x-capability" = json!("read"))),
    params(("id" = String, Path, description = "The message")),
    responses((status = 200, body = StoryShape), (status = 401, body = Problem), (status = 403, body = Problem),
        (status = 404, body = Problem), (status = 503, body = Problem)))]
async fn show(
    State(api): State<Api>,
    Path(wanted): Path<String>,
) -> Result<Json<StoryShape>, Problem> {
    let wanted = MessageId::from_ulid(id(&wanted, "message")?);
    let inspect = &api.stores.inspect;
    let missing = || Problem::not_found("message with this id");
    let mut story: MessageStory = inspect.message_show(wanted).await?.ok_or_else(missing)?;
    complete(&api, &mut story.queue);
    let mut reports = Vec::new();
    for id in story.events.iter().filter_map(report_of) {
        reports.extend(inspect.message_show(id).await?);
    }
    let told = lines(&story, &reports);
    let mut shown = serde_json::to_value(&story).unwrap_or_default();
    if let Some(shown) = shown.as_object_mut() {
        shown.insert("story".to_owned(), serde_json::to_value(&told).unwrap_or_default());
    }
    let mut shown: StoryShape = shaped(&shown)?;
    for (entry, shape) in story.queue.iter().zip(&mut shown.queue) {
        shape.waiting_because = Some(shaped(&entry.because(&api.outside.hostname()))?);
    }
    Ok(Json(shown))
}
