//! Mail that a rule kept back: listed, looked at as text alone, released, deleted.

use axum::Json;
use axum::extract::{Path, State};
use gatepost_policy::id::{EntryId, MessageId};
use gatepost_store::{QuarantineEntry, Selection};
use gatepost_wire::preview::{self, Preview};
use serde::{Deserialize, Serialize};
use ulid::Ulid;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::shapes::QuarantineShape;
use super::{Because, id, page, said, shaped, wanted};
use crate::api::Api;
use crate::api::body::Sent;
use crate::api::caller::Caller;
use crate::api::page::{Asked, Page, PageQuery};
use crate::problem::{Fault, Problem};

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(act_on_many))
        .routes(routes!(show, delete))
        .routes(routes!(look))
        .routes(routes!(release))
}

/// Which entries are wanted.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct Search {
    /// A text in the sender, the recipient, the subject or the rule, or an id.
    q: Option<String>,
    /// How many at most, 1 to 1000; 100 where nothing is said. A page may have fewer, and the list ends where `next` is null.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
    /// `next` of the page before.
    cursor: Option<String>,
}

/// A message as text alone.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct PreviewShape {
    /// The header fields from the top, decoded: name and value.
    headers: Vec<[String; 2]>,
    /// The text: no markup, no control character but line break and tab.
    text: String,
    /// Whether the text was taken out of HTML.
    from_html: bool,
    /// What is attached.
    attachments: Vec<AttachmentShape>,
    /// Whether something was left out because of a limit.
    truncated: bool,
}

/// Something attached to a message.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct AttachmentShape {
    /// Its name, if it says one.
    name: Option<String>,
    /// Its type as it says.
    #[serde(rename = "type")]
    kind: String,
    /// Bytes once decoded.
    size: u64,
}

/// How an entry is released.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Release {
    /// Why.
    reason: Option<String>,
    /// Walk the rules again. Not in this version.
    with_rules: Option<bool>,
}

/// What is done to many.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, ToSchema)]
#[serde(rename_all = "snake_case")]
enum QuarantineVerb {
    Release,
    Delete,
}

/// An act on many.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct QuarantineAct {
    /// Entries, or messages for all their recipients.
    ids: Option<Vec<String>>,
    /// Everything in quarantine.
    all: Option<bool>,
    /// What is done.
    action: QuarantineVerb,
    /// How many there are; where it is wrong, nothing is done.
    count: usize,
    /// Why.
    reason: Option<String>,
}

/// How many it was done to.
#[derive(Debug, Serialize, ToSchema)]
struct DoneShape {
    done: usize,
}

/// Quarantined recipients, newest first.
#[utoipa::path(get, path = "/quarantine", tag = "quarantine", extensions(("x-capability" = json!("read"))), params(Search),
    responses((status = 200, body = Page<QuarantineShape>), (status = 400, body = Problem),
        (status = 401, body = Problem), (status = 403, body = Problem), (status = 503, body = Problem)))]
async fn list(
    State(api): State<Api>,
    Asked(search): Asked<Search>,
) -> Result<Json<Page<QuarantineShape>>, Problem> {
    let wanted = wanted::<EntryId>(&PageQuery::new(search.limit, search.cursor))?;
    let listed = api.stores.browse.browse_quarantine(said(search.q).as_deref(), wanted).await?;
    Ok(Json(page(listed, |one| shaped(&one))?))
}

async fn find(api: &Api, wanted: Ulid) -> Result<Vec<QuarantineEntry>, Problem> {
    let found = api.stores.inspect.quarantine_find(wanted).await?;
    if found.is_empty() {
        Err(Problem::not_found("quarantined mail with this id"))
    } else {
        Ok(found)
    }
}

async fn first(api: &Api, wanted: &str) -> Result<QuarantineEntry, Problem> {
    let found = find(api, id(wanted, "quarantined mail")?).await?;
    found.into_iter().next().ok_or_else(|| Problem::not_found("quarantined mail with this id"))
}

/// A quarantined recipient; of a message's id, its first.
#[utoipa::path(get, path = "/quarantine/{id}", tag = "quarantine", extensions(("x-capability" = json!("read"))),
    params(("id" = String, Path, description = "An entry or a message")),
    responses((status = 200, body = QuarantineShape), (status = 401, body = Problem), (status = 403, body = Problem),
        (status = 404, body = Problem), (status = 503, body = Problem)))]
async fn show(
    State(api): State<Api>,
    Path(wanted): Path<String>,
) -> Result<Json<QuarantineShape>, Problem> {
    Ok(Json(shaped(&first(&api, &wanted).await?)?))
}

/// A quarantined message as text alone: nothing of it is opened, run or fetched.
#[utoipa::path(get, path = "/quarantine/{id}/preview", tag = "quarantine",
    extensions(("x-capability" = json!("read_content"))),
    params(("id" = String, Path, description = "An entry or a message")),
    responses((status = 200, body = PreviewShape), (status = 401, body = Problem), (status = 403, body = Problem),
        (status = 404, body = Problem), (status = 503, body = Problem)))]
async fn look(
    State(api): State<Api>,
    Path(wanted): Path<String>,
) -> Result<Json<PreviewShape>, Problem> {
    let entry = first(&api, &wanted).await?;
    let preview = previewed(&api, entry.message).await?;
    Ok(Json(shaped(&preview)?))
}

async fn previewed(api: &Api, message: MessageId) -> Result<Preview, Problem> {
    let gone = || Problem::not_found("content of this message any more");
    let mut body = api.stores.inspect.message_bytes(message).await?.ok_or_else(gone)?;
    let (mut bytes, mut whole) = (Vec::new(), true);
    while let Some(chunk) = body.next().await? {
        let room = preview::LOOKED_AT.saturating_sub(bytes.len());
        if chunk.len() > room {
            bytes.extend_from_slice(chunk.get(..room).unwrap_or_default());
            whole = false;
            break;
        }
        bytes.extend_from_slice(&chunk);
    }
    let made = tokio::task::spawn_blocking(move || preview::preview(&bytes, whole)).await;
    made.map_err(|_| Problem::unavailable("The message cannot be shown."))
}

/// Delivers it, with the level that the rules gave it.
#[utoipa::path(post, path = "/quarantine/{id}/release", tag = "quarantine",
    extensions(("x-capability" = json!("operate_queue"))),
    params(("id" = String, Path, description = "An entry, or a message for all its recipients")),
    request_body = Release,
    responses((status = 200, body = DoneShape), (status = 400, body = Problem), (status = 401, body = Problem),
        (status = 403, body = Problem), (status = 404, body = Problem), (status = 413, body = Problem),
        (status = 415, body = Problem), (status = 422, body = Problem), (status = 503, body = Problem)))]
async fn release(
    State(api): State<Api>,
    caller: Caller,
    Path(wanted): Path<String>,
    Sent(how): Sent<Release>,
) -> Result<Json<DoneShape>, Problem> {
    if how.with_rules == Some(true) {
        return Err(Problem::invalid(vec![Fault::new(
            "/with_rules",
            "To walk the rules again at a release is not in this version.",
            "Leave it out: the mail goes out with the level that the rules gave it.",
        )]));
    }
    let wanted = id(&wanted, "quarantined mail")?;
    find(&api, wanted).await?;
    end(
        &api,
        &caller,
        (QuarantineVerb::Release, Selection::Ids(vec![wanted])),
        how.reason.as_deref(),
    )
    .await
}

/// Deletes it.
#[utoipa::path(delete, path = "/quarantine/{id}", tag = "quarantine",
    extensions(("x-capability" = json!("operate_queue"))),
    params(("id" = String, Path, description = "An entry, or a message for all its recipients"), Because),
    responses((status = 200, body = DoneShape), (status = 400, body = Problem), (status = 401, body = Problem),
        (status = 403, body = Problem), (status = 404, body = Problem), (status = 503, body = Problem)))]
async fn delete(
    State(api): State<Api>,
    caller: Caller,
    Path(wanted): Path<String>,
    Asked(because): Asked<Because>,
) -> Result<Json<DoneShape>, Problem> {
    let wanted = id(&wanted, "quarantined mail")?;
    find(&api, wanted).await?;
    end(
        &api,
        &caller,
        (QuarantineVerb::Delete, Selection::Ids(vec![wanted])),
        because.reason.as_deref(),
    )
    .await
}

/// Releases or deletes many, if they are as many as is said.
#[utoipa::path(post, path = "/quarantine/actions", tag = "quarantine",
    extensions(("x-capability" = json!("operate_queue"))), request_body = QuarantineAct,
    responses((status = 200, body = DoneShape), (status = 400, body = Problem), (status = 401, body = Problem),
        (status = 403, body = Problem), (status = 409, body = Problem), (status = 413, body = Problem),
        (status = 415, body = Problem), (status = 422, body = Problem), (status = 503, body = Problem)))]
async fn act_on_many(
    State(api): State<Api>,
    caller: Caller,
    Sent(act): Sent<QuarantineAct>,
) -> Result<Json<DoneShape>, Problem> {
    let QuarantineAct { ids, all, action, count, reason } = act;
    let counted: Vec<Ulid> = match (ids, all) {
        (Some(ids), None | Some(false)) => {
            let wanted = ids.iter().map(|text| text.parse::<Ulid>());
            let wanted = wanted.collect::<Result<Vec<_>, _>>();
            let wanted =
                wanted.map_err(|_| Problem::invalid_at("/ids", "One of these is no id."))?;
            let mut found = Vec::new();
            for id in wanted {
                let entries = api.stores.inspect.quarantine_find(id).await?;
                found.extend(entries.iter().map(|entry| entry.id.ulid()));
            }
            found.sort_unstable();
            found.dedup();
            found
        }
        (None, Some(true)) => {
            let all = api.stores.inspect.quarantine_list().await?;
            all.iter().map(|entry| entry.id.ulid()).collect()
        }
        _ => return Err(Problem::invalid_at("/ids", "Send ids, or all: true.")),
    };
    if counted.len() != count {
        return Err(Problem::wrong_count(u64::try_from(counted.len()).unwrap_or(u64::MAX)));
    }
    // Exactly what was counted.
    end(&api, &caller, (action, Selection::Ids(counted)), reason.as_deref()).await
}

async fn end(
    api: &Api,
    caller: &Caller,
    (verb, selection): (QuarantineVerb, Selection),
    reason: Option<&str>,
) -> Result<Json<DoneShape>, Problem> {
    let (author, inspect) = (caller.author(reason), &api.stores.inspect);
    let done = match verb {
        QuarantineVerb::Release => inspect.quarantine_release(&selection, &author).await?,
        QuarantineVerb::Delete => inspect.quarantine_delete(&selection, &author).await?,
    };
    Ok(Json(DoneShape { done }))
}
