//! The revisions of the policy, and the way back to one.

use axum::Json;
use axum::extract::{Path, State};
use axum::response::Response;
use gatepost_policy::document::PolicyDocument;
use gatepost_store::{Revision, StoredRevision};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::super::Api;
use super::super::body::Sent;
use super::super::caller::Caller;
use super::super::page::{Asked, Page, PageQuery, cursor};
use super::super::precondition::IfMatch;
use super::held::{Change, commit, heavy, held};
use super::shapes::Policy;
use super::{Difference, difference, renamed, written};
use crate::problem::Problem;

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(show))
        .routes(routes!(compare))
        .routes(routes!(rollback))
}

/// A line of the history.
#[derive(Debug, Serialize, ToSchema)]
struct RevisionShape {
    /// Its number.
    revision: u64,
    /// When it was made.
    at: String,
    /// Who made it.
    by: String,
    /// Why.
    reason: Option<String>,
}

impl From<Revision> for RevisionShape {
    fn from(line: Revision) -> Self {
        let Revision { revision, at, by, reason } = line;
        Self { revision, at: at.rfc3339(), by, reason }
    }
}

/// A revision with what it said.
#[derive(Debug, Serialize, ToSchema)]
struct WholeRevision {
    /// Its line.
    #[serde(flatten)]
    line: RevisionShape,
    /// The policy.
    #[schema(value_type = Policy)]
    document: PolicyDocument,
    /// The same as a policy file.
    toml: String,
}

/// Every revision, newest first.
#[utoipa::path(get, path = "/policy/revisions", tag = "policy", extensions(("x-capability" = json!("signed-in"))),
    params(PageQuery),
    responses((status = 200, body = Page<RevisionShape>), (status = 400, body = Problem),
        (status = 401, body = Problem), (status = 503, body = Problem)))]
async fn list(
    State(api): State<Api>,
    Asked(page): Asked<PageQuery>,
) -> Result<Json<Page<RevisionShape>>, Problem> {
    let (limit, below) = (page.limit()?, page.from::<u64>()?);
    let history = api.stores.settings.history().await?;
    let total = u64::try_from(history.len()).ok();
    let mut rest: Vec<Revision> = history
        .into_iter()
        .filter(|line| below.is_none_or(|below| line.revision < below))
        .take(limit.saturating_add(1))
        .collect();
    let more = rest.len() > limit;
    rest.truncate(limit);
    let next = rest.last().filter(|_| more).and_then(|last| cursor(&last.revision));
    Ok(Json(Page { items: rest.into_iter().map(RevisionShape::from).collect(), next, total }))
}

/// A revision with what it said.
#[utoipa::path(get, path = "/policy/revisions/{n}", tag = "policy", extensions(("x-capability" = json!("signed-in"))),
    params(("n" = u64, Path, description = "The revision")),
    responses((status = 200, body = WholeRevision), (status = 401, body = Problem), (status = 404, body = Problem),
        (status = 503, body = Problem)))]
async fn show(
    State(api): State<Api>,
    Path(number): Path<String>,
) -> Result<Json<WholeRevision>, Problem> {
    let StoredRevision { revision, document } = stored(&api, parse(&number)?).await?;
    let work = move || {
        let toml = document.to_toml();
        WholeRevision { line: revision.into(), document, toml }
    };
    Ok(Json(heavy(&api, work).await?))
}

/// The other side of a comparison.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct To {
    /// The other revision; without it, the one that holds.
    to: Option<u64>,
}

/// What is different between two revisions.
#[utoipa::path(get, path = "/policy/revisions/{n}/diff", tag = "policy",
    extensions(("x-capability" = json!("signed-in"))),
    params(("n" = u64, Path, description = "The revision that is compared"), To),
    responses((status = 200, body = Difference), (status = 400, body = Problem), (status = 401, body = Problem),
        (status = 404, body = Problem), (status = 503, body = Problem)))]
async fn compare(
    State(api): State<Api>,
    Path(number): Path<String>,
    Asked(To { to }): Asked<To>,
) -> Result<Json<Difference>, Problem> {
    let from = parse(&number)?;
    let to = to.unwrap_or_else(|| api.stores.settings.head());
    let (old, new) = (document(&api, from).await?, document(&api, to).await?);
    let profile = api.stores.settings.profile();
    let work = move || {
        let names = (format!("revision {from}"), format!("revision {to}"));
        difference(old, new, profile, (&names.0, &names.1))
    };
    Ok(Json(heavy(&api, work).await?))
}

/// Where to go back to.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Back {
    /// The revision that shall hold again.
    revision: u64,
    /// Kept with the revision that this makes.
    reason: Option<String>,
}

/// Makes an old revision the policy again, as a new revision.
#[utoipa::path(post, path = "/policy/rollback", tag = "policy", extensions(("x-capability" = json!("edit_policy"))),
    params(("If-Match" = String, Header, description = "The revision that holds, in quotes")),
    request_body = Back,
    responses((status = 200, body = super::Written), (status = 400, body = Problem), (status = 401, body = Problem),
        (status = 403, body = Problem), (status = 404, body = Problem), (status = 412, body = Problem),
        (status = 413, body = Problem), (status = 415, body = Problem), (status = 422, body = Problem),
        (status = 428, body = Problem), (status = 503, body = Problem)))]
async fn rollback(
    State(api): State<Api>,
    caller: Caller,
    base: IfMatch,
    Sent(back): Sent<Back>,
) -> Result<Response, Problem> {
    let Back { revision, reason } = back;
    let old = document(&api, revision).await?;
    let before = held(&api).await?;
    let renamed = renamed(before.document(), &old);
    let reason = reason.unwrap_or_else(|| format!("back to revision {revision}"));
    let change = Change { renamed, back_to: Some(revision), ..Change::of(old) };
    Ok(written(&commit(&api, &caller, base, Some(&reason), change).await?))
}

fn parse(number: &str) -> Result<u64, Problem> {
    number.parse().map_err(|_| Problem::not_found(&format!("revision {number} of the policy")))
}

async fn stored(api: &Api, number: u64) -> Result<StoredRevision, Problem> {
    let found = api.stores.settings.load(number).await?;
    found.ok_or_else(|| Problem::not_found(&format!("revision {number} of the policy")))
}

/// What a revision said.
pub(super) async fn document(api: &Api, number: u64) -> Result<PolicyDocument, Problem> {
    Ok(stored(api, number).await?.document)
}
