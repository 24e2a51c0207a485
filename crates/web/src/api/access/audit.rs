//! The audit log: who wrote what, from where, and why.

use axum::Json;
use axum::extract::State;
use gatepost_store::{AuditEntry, AuditSearch};
use gatepost_wire::timestamp::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::api::Api;
use crate::api::page::{Asked, Page, PageQuery, cursor};
use crate::problem::Problem;

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(verify))
}

/// Which entries are wanted. What is left out does not limit.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct Wanted {
    /// By whom.
    by: Option<String>,
    /// What: `policy.commit`, or all that begins so: `policy`.
    what: Option<String>,
    /// Then or later, RFC 3339.
    #[param(format = DateTime)]
    since: Option<String>,
    /// Before then, RFC 3339.
    #[param(format = DateTime)]
    until: Option<String>,
    /// Words that are anywhere in the entry.
    q: Option<String>,
    /// How many, 1 to 1000; 100 where nothing is said.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
    /// `next` of the page before.
    cursor: Option<String>,
}

/// An entry of the audit log.
#[derive(Debug, Serialize, ToSchema)]
struct EntryShape {
    /// Its number; they have no gaps.
    seq: u64,
    /// When.
    at: String,
    /// Who.
    by: String,
    /// By which way: `console`, `api`, `cli`, `setup`, `smtp`, `system`.
    via: &'static str,
    /// From which address, where that is known.
    from: Option<String>,
    /// What was done.
    what: String,
    /// To what.
    target: Option<String>,
    /// What was different before, by name; `null` where there was nothing.
    before: serde_json::Value,
    /// What is different after, by name; `null` where there is nothing.
    after: serde_json::Value,
    /// Why.
    reason: Option<String>,
    /// The revision of the policy that it made.
    revision: Option<u64>,
    /// The SHA-256 over the hash of the entry before and this entry, in hex.
    hash: String,
}

impl From<AuditEntry> for EntryShape {
    fn from(entry: AuditEntry) -> Self {
        Self {
            seq: entry.seq,
            at: entry.at.rfc3339(),
            by: entry.by,
            via: entry.via.word(),
            from: entry.from,
            what: entry.what,
            target: entry.target,
            before: entry.before,
            after: entry.after,
            reason: entry.reason,
            revision: entry.revision,
            hash: entry.hash,
        }
    }
}

/// Whether the log is whole.
#[derive(Debug, Serialize, ToSchema)]
struct Verified {
    /// Whether every entry is as it was written.
    ok: bool,
    /// How many were checked.
    checked: u64,
    /// The first entry that is not, or that is missing.
    broken_at: Option<u64>,
    /// The hash of the last entry. Kept elsewhere, it shows later that none was cut off.
    head: String,
}

/// The entries, newest first.
#[utoipa::path(get, path = "/audit", tag = "audit", extensions(("x-capability" = json!("read_audit"))),
    params(Wanted),
    responses((status = 200, body = Page<EntryShape>), (status = 400, body = Problem), (status = 401, body = Problem),
        (status = 403, body = Problem), (status = 503, body = Problem)))]
async fn list(
    State(api): State<Api>,
    Asked(wanted): Asked<Wanted>,
) -> Result<Json<Page<EntryShape>>, Problem> {
    let page = PageQuery::new(wanted.limit, wanted.cursor);
    let limit = page.limit()?;
    let search = AuditSearch {
        by: wanted.by,
        what: wanted.what,
        since: time("since", wanted.since.as_deref())?,
        until: time("until", wanted.until.as_deref())?,
        text: wanted.q,
    };
    let before: Option<u64> = page.from()?;
    let found = api.stores.audit.entries(&search, before, limit).await?;
    let items = found.entries.into_iter().map(EntryShape::from).collect();
    let next = found.next.and_then(|next| cursor(&next));
    Ok(Json(Page { items, next, total: Some(found.total) }))
}

/// Whether the log is whole: every hash is computed again.
#[utoipa::path(get, path = "/audit/verify", tag = "audit", extensions(("x-capability" = json!("read_audit"))),
    responses((status = 200, body = Verified), (status = 401, body = Problem), (status = 403, body = Problem),
        (status = 503, body = Problem)))]
async fn verify(State(api): State<Api>) -> Result<Json<Verified>, Problem> {
    let check = api.stores.audit.verify().await?;
    Ok(Json(Verified {
        ok: check.broken_at.is_none(),
        checked: check.checked,
        broken_at: check.broken_at,
        head: check.head,
    }))
}

/// A time of the query.
pub(crate) fn time(name: &str, given: Option<&str>) -> Result<Option<Timestamp>, Problem> {
    let Some(given) = given else { return Ok(None) };
    Timestamp::parse_rfc3339(given).map(Some).ok_or_else(|| {
        Problem::bad_request(format!(
            "{name} is no time: write it as RFC 3339 has it, such as 2026-11-24T03:00:00Z."
        ))
    })
}
