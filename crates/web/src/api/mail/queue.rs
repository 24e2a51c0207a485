//! What waits: listed, counted, by age, and acted on.
//!
//! An act on many says how many it is about; where that is wrong nothing is done (decision 39). What decides for
//! others has to say it.

use std::collections::HashMap;

use axum::Json;
use axum::extract::{Path, State};
use gatepost_store::{Acted, By, Order, OrderError, QueueEntry, Selection, ShapeRow, filter};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::shapes::QueueShape;
use super::{Because, default_level, domain, id, page, said, shaped, wanted};
use crate::api::Api;
use crate::api::body::Sent;
use crate::api::caller::Caller;
use crate::api::page::{Asked, Page, PageQuery};
use crate::problem::{Fault, Problem};

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(count))
        .routes(routes!(shape))
        .routes(routes!(act_on_many))
        .routes(routes!(show, delete))
        .routes(routes!(retry))
        .routes(routes!(hold))
        .routes(routes!(release))
        .routes(routes!(bounce))
}

/// Which waiting recipients are wanted.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct Listing {
    /// In the language of the command line: `domain=partner.example and level>=require and age>2h`.
    filter: Option<String>,
    /// Only those at this domain.
    domain: Option<String>,
    /// How many at most, 1 to 1000; 100 where nothing is said. A page may have fewer, and the list ends where `next` is null.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
    /// `next` of the page before.
    cursor: Option<String>,
}

/// Which waiting recipients are counted.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct Picked {
    /// In the language of the command line.
    filter: Option<String>,
    /// Only those at this domain.
    domain: Option<String>,
}

/// How many there are.
#[derive(Debug, Serialize, ToSchema)]
struct QueueCount {
    count: usize,
}

/// How much waits, for how long, and where.
#[derive(Debug, Serialize, ToSchema)]
struct AgesShape {
    /// The ends of the ages in seconds; the last has none.
    ages: Vec<Option<u64>>,
    /// A line for each domain, most first.
    rows: Vec<AgesRow>,
}

/// One domain.
#[derive(Debug, Serialize, ToSchema)]
struct AgesRow {
    domain: String,
    /// All of them.
    total: usize,
    /// By age.
    counts: Vec<usize>,
}

/// Why something is done.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Reason {
    /// Why; kept in the history, and told to the sender of mail that is bounced.
    reason: Option<String>,
    /// When what is held lets go by itself. Not in this version.
    until: Option<String>,
}

/// What is done to all that a filter picks.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, ToSchema)]
#[serde(rename_all = "snake_case")]
enum QueueVerb {
    Retry,
    Hold,
    Release,
    Bounce,
    Delete,
    Reevaluate,
}

/// An act on all that a filter picks.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct QueueAct {
    /// What is picked; empty for all.
    filter: String,
    /// What is done.
    action: QueueVerb,
    /// How many there are; where it is wrong, nothing is done.
    count: usize,
    /// Why.
    reason: Option<String>,
}

/// What an act did.
#[derive(Debug, Serialize, ToSchema)]
struct ActedShape {
    /// How many were picked.
    picked: usize,
    /// Entries that it took effect on.
    done: Vec<String>,
    /// Entries that are being sent: it takes effect when that attempt ends.
    sending: Vec<String>,
    /// Entries that it could not be done to, and why.
    refused: Vec<RefusedShape>,
}

/// An entry that it could not be done to.
#[derive(Debug, Serialize, ToSchema)]
struct RefusedShape {
    id: String,
    why: String,
}

/// What a filter or a domain picks.
fn selection(api: &Api, filter: Option<String>, at: Option<&str>) -> Result<Selection, Problem> {
    match (said(filter), domain(at)?) {
        (Some(_), Some(_)) => Err(Problem::bad_request("Send filter or domain, not both.")),
        (Some(text), None) => {
            let filter = filter::parse(&text).map_err(|wrong| {
                let detail =
                    format!("filter, column {}: {} {}", wrong.column, wrong.problem, wrong.remedy);
                Problem::bad_request(detail)
            })?;
            Ok(Selection::Filter { filter: Box::new(filter), default: default_level(api) })
        }
        (None, Some(domain)) => Ok(Selection::Domain(domain)),
        (None, None) => Ok(Selection::All),
    }
}

/// Fills in what only the configuration knows.
pub(super) fn complete(api: &Api, entries: &mut [QueueEntry]) {
    let (lifetime, default) = (api.outside.lifetime(), default_level(api));
    entries.iter_mut().for_each(|entry| entry.complete(lifetime, default));
}

fn entry(api: &Api, mut entry: QueueEntry) -> Result<QueueShape, Problem> {
    complete(api, std::slice::from_mut(&mut entry));
    let mut shape: QueueShape = shaped(&entry)?;
    shape.waiting_because = Some(shaped(&entry.because(&api.outside.hostname()))?);
    Ok(shape)
}

/// Waiting recipients, oldest message first.
#[utoipa::path(get, path = "/queue", tag = "queue", extensions(("x-capability" = json!("read"))), params(Listing),
    responses((status = 200, body = Page<QueueShape>), (status = 400, body = Problem), (status = 401, body = Problem),
        (status = 403, body = Problem), (status = 503, body = Problem)))]
async fn list(
    State(api): State<Api>,
    Asked(asked): Asked<Listing>,
) -> Result<Json<Page<QueueShape>>, Problem> {
    let selection = selection(&api, asked.filter, asked.domain.as_deref())?;
    let wanted = wanted(&PageQuery::new(asked.limit, asked.cursor))?;
    let listed = api.stores.browse.browse_queue(&selection, wanted).await?;
    Ok(Json(page(listed, |one| entry(&api, one))?))
}

/// How many waiting recipients a filter picks.
#[utoipa::path(get, path = "/queue/count", tag = "queue", extensions(("x-capability" = json!("read"))), params(Picked),
    responses((status = 200, body = QueueCount), (status = 400, body = Problem), (status = 401, body = Problem),
        (status = 403, body = Problem), (status = 503, body = Problem)))]
async fn count(
    State(api): State<Api>,
    Asked(asked): Asked<Picked>,
) -> Result<Json<QueueCount>, Problem> {
    let selection = selection(&api, asked.filter, asked.domain.as_deref())?;
    Ok(Json(QueueCount { count: api.stores.inspect.queue_count(&selection).await? }))
}

/// How much waits, by domain and age.
#[utoipa::path(get, path = "/queue/shape", tag = "queue", extensions(("x-capability" = json!("read"))), params(Picked),
    responses((status = 200, body = AgesShape), (status = 400, body = Problem), (status = 401, body = Problem),
        (status = 403, body = Problem), (status = 503, body = Problem)))]
async fn shape(
    State(api): State<Api>,
    Asked(asked): Asked<Picked>,
) -> Result<Json<AgesShape>, Problem> {
    let selection = selection(&api, asked.filter, asked.domain.as_deref())?;
    let shape = api.stores.browse.queue_shape(&selection, By::Domain).await?;
    let row = |ShapeRow { key, line }| AgesRow {
        domain: key,
        total: line.total,
        counts: line.ages.to_vec(),
    };
    Ok(Json(AgesShape { ages: shape.ages, rows: shape.rows.into_iter().map(row).collect() }))
}

/// A waiting recipient, or all of a message.
#[utoipa::path(get, path = "/queue/{id}", tag = "queue", extensions(("x-capability" = json!("read"))),
    params(("id" = String, Path, description = "An entry, or a message for all its recipients")),
    responses((status = 200, body = Page<QueueShape>), (status = 401, body = Problem), (status = 403, body = Problem),
        (status = 404, body = Problem), (status = 503, body = Problem)))]
async fn show(
    State(api): State<Api>,
    Path(wanted): Path<String>,
) -> Result<Json<Page<QueueShape>>, Problem> {
    let found = api.stores.inspect.queue_find(id(&wanted, "waiting mail")?).await?;
    if found.is_empty() {
        return Err(Problem::not_found("waiting mail with this id"));
    }
    let shapes = found.into_iter().map(|one| entry(&api, one)).collect::<Result<_, _>>()?;
    Ok(Json(Page::whole(shapes)))
}

/// Gives an order about one entry, or all of a message.
async fn act_on_one(
    api: &Api,
    caller: &Caller,
    wanted: &str,
    (order, reason): (Order, Option<&str>),
) -> Result<Json<ActedShape>, Problem> {
    let selection = Selection::Ids(vec![id(wanted, "waiting mail")?]);
    give(api, caller, &selection, (order, None, reason)).await
}

async fn give(
    api: &Api,
    caller: &Caller,
    selection: &Selection,
    (order, count, reason): (Order, Option<usize>, Option<&str>),
) -> Result<Json<ActedShape>, Problem> {
    let author = caller.author(reason);
    let acted = api.stores.inspect.queue_order(selection, order, &author, count).await;
    let acted = acted.map_err(|error| match error {
        OrderError::Count { there, said: _ } => {
            Problem::wrong_count(u64::try_from(there).unwrap_or(u64::MAX))
        }
        OrderError::Store(error) => error.into(),
    })?;
    if acted.picked == 0 && matches!(selection, Selection::Ids(_)) {
        return Err(Problem::not_found("waiting mail with this id"));
    }
    Ok(Json(acted.into()))
}

impl From<Acted> for ActedShape {
    fn from(acted: Acted) -> Self {
        let Acted { picked, done, sending, refused } = acted;
        Self {
            picked,
            done: done.iter().map(ToString::to_string).collect(),
            sending: sending.iter().map(|one| one.entry.to_string()).collect(),
            refused: refused
                .iter()
                .map(|(id, why)| RefusedShape {
                    id: id.to_string(),
                    why: format!("It {}.", why.sentence()),
                })
                .collect(),
        }
    }
}

/// A hold that ends by itself is refused, and never taken and then forgotten.
fn no_end(reason: &Reason) -> Result<(), Problem> {
    if reason.until.is_none() {
        return Ok(());
    }
    Err(Problem::invalid(vec![Fault::new(
        "/until",
        "A hold that ends by itself is not in this version.",
        "Leave it out, and release the mail when it may go.",
    )]))
}

macro_rules! acts {
    ($($(#[$doc:meta])* $name:ident, $path:literal, $order:ident;)*) => { $(
        $(#[$doc])*
        #[utoipa::path(post, path = $path, tag = "queue", extensions(("x-capability" = json!("operate_queue"))),
            params(("id" = String, Path, description = "An entry, or a message for all its recipients")),
            request_body = Reason,
            responses((status = 200, body = ActedShape), (status = 400, body = Problem), (status = 401, body = Problem),
                (status = 403, body = Problem), (status = 404, body = Problem), (status = 413, body = Problem),
                (status = 415, body = Problem), (status = 422, body = Problem), (status = 503, body = Problem)))]
        async fn $name(
            State(api): State<Api>,
            caller: Caller,
            Path(wanted): Path<String>,
            Sent(reason): Sent<Reason>,
        ) -> Result<Json<ActedShape>, Problem> {
            no_end(&reason)?;
            act_on_one(&api, &caller, &wanted, (Order::$order, reason.reason.as_deref())).await
        }
    )* };
}

acts! {
    /// Makes waiting mail due now.
    retry, "/queue/{id}/retry", Retry;
    /// Keeps waiting mail from being tried, until it is released.
    hold, "/queue/{id}/hold", Hold;
    /// Lets mail go that is held; it is due at once.
    release, "/queue/{id}/release", Release;
    /// Gives waiting mail up, and tells its senders why.
    bounce, "/queue/{id}/bounce", Bounce;
}

/// Gives waiting mail up, and tells nobody.
#[utoipa::path(delete, path = "/queue/{id}", tag = "queue", extensions(("x-capability" = json!("operate_queue"))),
    params(("id" = String, Path, description = "An entry, or a message for all its recipients"), Because),
    responses((status = 200, body = ActedShape), (status = 400, body = Problem), (status = 401, body = Problem),
        (status = 403, body = Problem), (status = 404, body = Problem), (status = 503, body = Problem)))]
async fn delete(
    State(api): State<Api>,
    caller: Caller,
    Path(wanted): Path<String>,
    Asked(because): Asked<Because>,
) -> Result<Json<ActedShape>, Problem> {
    act_on_one(&api, &caller, &wanted, (Order::Delete, because.reason.as_deref())).await
}

/// Acts on all that a filter picks, if they are as many as is said.
#[utoipa::path(post, path = "/queue/actions", tag = "queue", extensions(("x-capability" = json!("operate_queue"))),
    request_body = QueueAct,
    responses((status = 200, body = ActedShape), (status = 400, body = Problem), (status = 401, body = Problem),
        (status = 403, body = Problem), (status = 409, body = Problem), (status = 413, body = Problem),
        (status = 415, body = Problem), (status = 422, body = Problem), (status = 503, body = Problem)))]
async fn act_on_many(
    State(api): State<Api>,
    caller: Caller,
    Sent(act): Sent<QueueAct>,
) -> Result<Json<ActedShape>, Problem> {
    let selection = selection(&api, Some(act.filter), None)?;
    let order = match act.action {
        QueueVerb::Retry => Order::Retry,
        QueueVerb::Hold => Order::Hold,
        QueueVerb::Release => Order::Release,
        QueueVerb::Bounce => Order::Bounce,
        QueueVerb::Delete => Order::Delete,
        QueueVerb::Reevaluate => {
            let waiting = api.stores.inspect.queue_pick(&selection).await?;
            if waiting.len() == act.count {
                api.outside.judge(&waiting).await?
            } else {
                // The count is wrong, and the store says so.
                Order::Reevaluate(HashMap::new())
            }
        }
    };
    give(&api, &caller, &selection, (order, Some(act.count), act.reason.as_deref())).await
}
