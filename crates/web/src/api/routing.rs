//! Our domains with their routes, who may send out, smart hosts and TLS policies.
//!
//! Domains go by their names and sources by their networks; smart hosts and TLS policies have no names and are
//! replaced as whole lists.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use gatepost_policy::document::{
    At, DomainEntry, Edited, PolicyDocument, SmartHostEntry, SourceEntry, TlsPolicyEntry,
};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Api;
use super::body::Sent;
use super::caller::Caller;
use super::page::{Asked, Page, PageQuery, cursor};
use super::policy::held::{Change, commit, held};
use super::policy::shapes::{Because, Domain, OutboundSource, SmartHost, TlsPolicy, Written};
use super::policy::{self, created, unknown, written};
use super::precondition::{IfMatch, etag};
use crate::problem::{Fault, Problem};

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(domains, create_domain))
        .routes(routes!(domain, replace_domain, remove_domain))
        .routes(routes!(sources, create_source))
        .routes(routes!(remove_source))
        .routes(routes!(smart_hosts, replace_smart_hosts))
        .routes(routes!(tls_policies, replace_tls_policies))
}

/// A page of entries that are written as the policy has them.
fn page<T: Serialize + Clone>(
    entries: &[T],
    wanted: &PageQuery,
    revision: u64,
) -> Result<Response, Problem> {
    let (limit, from) = (wanted.limit()?, wanted.from::<usize>()?.unwrap_or(0));
    let end = from.saturating_add(limit).min(entries.len());
    let items = entries.get(from..end).unwrap_or_default();
    let next = (end < entries.len()).then(|| cursor(&end)).flatten();
    let total = u64::try_from(entries.len()).ok();
    let body = serde_json::json!({ "items": items, "next": next, "total": total });
    Ok((etag(revision), Json(body)).into_response())
}

fn same(a: &str, b: &str) -> bool {
    let key = |text: &str| text.trim().trim_end_matches('.').to_lowercase();
    key(a) == key(b)
}

fn find_domain(document: &PolicyDocument, name: &str) -> Result<usize, Problem> {
    let at = document.domains.iter().position(|entry| same(&entry.name, name));
    at.ok_or_else(|| Problem::not_found("domain of ours with this name"))
}

/// Our domains.
#[utoipa::path(get, path = "/domains", tag = "routing", extensions(("x-capability" = json!("signed-in"))),
    params(PageQuery),
    responses((status = 200, body = Page<Domain>), (status = 400, body = Problem), (status = 401, body = Problem),
        (status = 503, body = Problem)))]
async fn domains(
    State(api): State<Api>,
    Asked(wanted): Asked<PageQuery>,
) -> Result<Response, Problem> {
    let held = held(&api).await?;
    page::<DomainEntry>(&held.document().domains, &wanted, held.revision())
}

/// A domain of ours.
#[utoipa::path(get, path = "/domains/{name}", tag = "routing", extensions(("x-capability" = json!("signed-in"))),
    params(("name" = String, Path, description = "The domain")),
    responses((status = 200, body = Domain), (status = 401, body = Problem), (status = 404, body = Problem),
        (status = 503, body = Problem)))]
async fn domain(State(api): State<Api>, Path(name): Path<String>) -> Result<Response, Problem> {
    let held = held(&api).await?;
    let at = find_domain(held.document(), &name)?;
    Ok((etag(held.revision()), Json(held.document().domains.get(at))).into_response())
}

/// Makes a domain ours.
#[utoipa::path(post, path = "/domains", tag = "routing", extensions(("x-capability" = json!("edit_policy"))),
    params(Because, ("If-Match" = String, Header, description = "The revision that the change was made to, in quotes")),
    request_body = Domain,
    responses((status = 201, body = Domain), (status = 400, body = Problem), (status = 401, body = Problem),
        (status = 403, body = Problem), (status = 412, body = Problem), (status = 413, body = Problem),
        (status = 415, body = Problem), (status = 422, body = Problem), (status = 428, body = Problem),
        (status = 503, body = Problem)))]
async fn create_domain(
    State(api): State<Api>,
    caller: Caller,
    base: IfMatch,
    Asked(because): Asked<Because>,
    Sent(json): Sent<Value>,
) -> Result<Response, Problem> {
    let held = held(&api).await?;
    let at = held.document().domains.len();
    let edited = held.document().clone().put_domain(At::Insert(at), json);
    let change = Change::new(edited, format!("/domain/{at}"));
    let done = commit(&api, &caller, base, because.reason.as_deref(), change).await?;
    let domain = done.held.document().domains.get(at);
    let name = domain.map_or("", |entry| entry.name.as_str());
    let name = utf8_percent_encode(name, NON_ALPHANUMERIC);
    Ok(created(&done, format!("/api/v1/domains/{name}"), &domain))
}

/// Replaces a domain with its routes.
#[utoipa::path(put, path = "/domains/{name}", tag = "routing", extensions(("x-capability" = json!("edit_policy"))),
    params(("name" = String, Path, description = "The domain"), Because,
        ("If-Match" = String, Header, description = "The revision that the change was made to, in quotes")),
    request_body = Domain,
    responses((status = 200, body = Domain), (status = 400, body = Problem), (status = 401, body = Problem),
        (status = 403, body = Problem), (status = 404, body = Problem), (status = 412, body = Problem),
        (status = 413, body = Problem), (status = 415, body = Problem), (status = 422, body = Problem),
        (status = 428, body = Problem), (status = 503, body = Problem)))]
async fn replace_domain(
    State(api): State<Api>,
    caller: Caller,
    base: IfMatch,
    Path(name): Path<String>,
    Asked(because): Asked<Because>,
    Sent(json): Sent<Value>,
) -> Result<Response, Problem> {
    let held = held(&api).await?;
    let at = find_domain(held.document(), &name)?;
    let edited = held.document().clone().put_domain(At::Replace(at), json);
    let change = Change::new(edited, format!("/domain/{at}"));
    let done = commit(&api, &caller, base, because.reason.as_deref(), change).await?;
    Ok((etag(done.revision), Json(done.held.document().domains.get(at))).into_response())
}

/// Makes a domain nobody's: mail for it is outbound from then on.
#[utoipa::path(delete, path = "/domains/{name}", tag = "routing", extensions(("x-capability" = json!("edit_policy"))),
    params(("name" = String, Path, description = "The domain"), Because,
        ("If-Match" = String, Header, description = "The revision that the change was made to, in quotes")),
    responses((status = 204), (status = 400, body = Problem), (status = 401, body = Problem),
        (status = 403, body = Problem), (status = 404, body = Problem), (status = 412, body = Problem),
        (status = 422, body = Problem), (status = 428, body = Problem), (status = 503, body = Problem)))]
async fn remove_domain(
    State(api): State<Api>,
    caller: Caller,
    base: IfMatch,
    Path(name): Path<String>,
    Asked(because): Asked<Because>,
) -> Result<Response, Problem> {
    let held = held(&api).await?;
    let mut document = held.document().clone();
    document.domains.remove(find_domain(held.document(), &name)?);
    policy::remove(&api, &caller, base, &because, document).await
}

/// Who may send to anybody through us.
#[utoipa::path(get, path = "/outbound-sources", tag = "routing", extensions(("x-capability" = json!("signed-in"))),
    params(PageQuery),
    responses((status = 200, body = Page<OutboundSource>), (status = 400, body = Problem),
        (status = 401, body = Problem), (status = 503, body = Problem)))]
async fn sources(
    State(api): State<Api>,
    Asked(wanted): Asked<PageQuery>,
) -> Result<Response, Problem> {
    let held = held(&api).await?;
    page::<SourceEntry>(&held.document().outbound_sources, &wanted, held.revision())
}

/// Lets a network send to anybody through us.
#[utoipa::path(post, path = "/outbound-sources", tag = "routing", extensions(("x-capability" = json!("edit_policy"))),
    params(Because, ("If-Match" = String, Header, description = "The revision that the change was made to, in quotes")),
    request_body = OutboundSource,
    responses((status = 201, body = OutboundSource), (status = 400, body = Problem), (status = 401, body = Problem),
        (status = 403, body = Problem), (status = 409, body = Problem), (status = 412, body = Problem),
        (status = 413, body = Problem), (status = 415, body = Problem), (status = 422, body = Problem),
        (status = 428, body = Problem), (status = 503, body = Problem)))]
async fn create_source(
    State(api): State<Api>,
    caller: Caller,
    base: IfMatch,
    Asked(because): Asked<Because>,
    Sent(json): Sent<Value>,
) -> Result<Response, Problem> {
    let held = held(&api).await?;
    let sources = &held.document().outbound_sources;
    if let Some(network) = json.get("network").and_then(Value::as_str)
        && sources.iter().any(|entry| same(&entry.network, network))
    {
        return Err(Problem::conflict(format!("{network:?} may send out already.")));
    }
    let at = sources.len();
    let edited = held.document().clone().put_source(At::Insert(at), json);
    let change = Change::new(edited, format!("/outbound_source/{at}"));
    let done = commit(&api, &caller, base, because.reason.as_deref(), change).await?;
    let source = done.held.document().outbound_sources.get(at);
    Ok((StatusCode::CREATED, etag(done.revision), Json(source)).into_response())
}

/// Takes that away from a network.
#[utoipa::path(delete, path = "/outbound-sources/{network}", tag = "routing",
    extensions(("x-capability" = json!("edit_policy"))),
    params(("network" = String, Path, description = "The network as the policy has it, `/` as `%2F`"), Because,
        ("If-Match" = String, Header, description = "The revision that the change was made to, in quotes")),
    responses((status = 204), (status = 400, body = Problem), (status = 401, body = Problem),
        (status = 403, body = Problem), (status = 404, body = Problem), (status = 412, body = Problem),
        (status = 422, body = Problem), (status = 428, body = Problem), (status = 503, body = Problem)))]
async fn remove_source(
    State(api): State<Api>,
    caller: Caller,
    base: IfMatch,
    Path(network): Path<String>,
    Asked(because): Asked<Because>,
) -> Result<Response, Problem> {
    let held = held(&api).await?;
    let mut document = held.document().clone();
    let at = document.outbound_sources.iter().position(|entry| same(&entry.network, &network));
    document
        .outbound_sources
        .remove(at.ok_or_else(|| Problem::not_found("outbound source with this network"))?);
    policy::remove(&api, &caller, base, &because, document).await
}

/// All smart hosts.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes JSON that another crate reads")]
struct SmartHosts {
    /// They take the place of all that were there.
    items: Vec<SmartHost>,
}

/// All TLS policies.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes JSON that another crate reads")]
struct TlsPolicies {
    /// They take the place of all that were there.
    items: Vec<TlsPolicy>,
}

/// The list of a body `{"items": […]}`; what a page of such a list has beside it is left aside.
fn items(json: Value) -> Result<Value, Problem> {
    let Value::Object(mut keys) = json else {
        return Err(Problem::invalid_at("", "This is an object with the key \"items\"."));
    };
    let items = keys.remove("items");
    let mut found: Vec<Fault> =
        unknown(keys.keys().filter(|key| !["next", "total"].contains(&key.as_str())));
    match items {
        Some(items) if found.is_empty() => Ok(items),
        Some(_) => Err(Problem::invalid(found)),
        None => {
            found.push(Fault::new("/items", "`items` is missing.", "Send all entries."));
            Err(Problem::invalid(found))
        }
    }
}

/// Makes a document the policy in which all items of one list are new.
async fn replace_list(
    api: &Api,
    caller: &Caller,
    base: IfMatch,
    because: &Because,
    (edited, part): (Edited, &str),
) -> Result<Response, Problem> {
    let change = Change { sent_at: "/items", ..Change::new(edited, part) };
    Ok(written(&commit(api, caller, base, because.reason.as_deref(), change).await?))
}

/// Where outbound mail goes instead of to MX.
#[utoipa::path(get, path = "/smart-hosts", tag = "routing", extensions(("x-capability" = json!("signed-in"))),
    params(PageQuery),
    responses((status = 200, body = Page<SmartHost>), (status = 400, body = Problem), (status = 401, body = Problem),
        (status = 503, body = Problem)))]
async fn smart_hosts(
    State(api): State<Api>,
    Asked(wanted): Asked<PageQuery>,
) -> Result<Response, Problem> {
    let held = held(&api).await?;
    page::<SmartHostEntry>(&held.document().smart_hosts, &wanted, held.revision())
}

/// Replaces all smart hosts.
#[utoipa::path(put, path = "/smart-hosts", tag = "routing", extensions(("x-capability" = json!("edit_policy"))),
    params(Because, ("If-Match" = String, Header, description = "The revision that the change was made to, in quotes")),
    request_body = SmartHosts,
    responses((status = 200, body = Written), (status = 400, body = Problem), (status = 401, body = Problem),
        (status = 403, body = Problem), (status = 412, body = Problem), (status = 413, body = Problem),
        (status = 415, body = Problem), (status = 422, body = Problem), (status = 428, body = Problem),
        (status = 503, body = Problem)))]
async fn replace_smart_hosts(
    State(api): State<Api>,
    caller: Caller,
    base: IfMatch,
    Asked(because): Asked<Because>,
    Sent(json): Sent<Value>,
) -> Result<Response, Problem> {
    let edited = held(&api).await?.document().clone().put_smart_hosts(items(json)?);
    replace_list(&api, &caller, base, &because, (edited, "/smart_host")).await
}

/// What no header can weaken.
#[utoipa::path(get, path = "/tls-policies", tag = "routing", extensions(("x-capability" = json!("signed-in"))),
    params(PageQuery),
    responses((status = 200, body = Page<TlsPolicy>), (status = 400, body = Problem), (status = 401, body = Problem),
        (status = 503, body = Problem)))]
async fn tls_policies(
    State(api): State<Api>,
    Asked(wanted): Asked<PageQuery>,
) -> Result<Response, Problem> {
    let held = held(&api).await?;
    page::<TlsPolicyEntry>(&held.document().tls_policies, &wanted, held.revision())
}

/// Replaces all TLS policies.
#[utoipa::path(put, path = "/tls-policies", tag = "routing", extensions(("x-capability" = json!("edit_policy"))),
    params(Because, ("If-Match" = String, Header, description = "The revision that the change was made to, in quotes")),
    request_body = TlsPolicies,
    responses((status = 200, body = Written), (status = 400, body = Problem), (status = 401, body = Problem),
        (status = 403, body = Problem), (status = 412, body = Problem), (status = 413, body = Problem),
        (status = 415, body = Problem), (status = 422, body = Problem), (status = 428, body = Problem),
        (status = 503, body = Problem)))]
async fn replace_tls_policies(
    State(api): State<Api>,
    caller: Caller,
    base: IfMatch,
    Asked(because): Asked<Because>,
    Sent(json): Sent<Value>,
) -> Result<Response, Problem> {
    let edited = held(&api).await?.document().clone().put_tls_policies(items(json)?);
    replace_list(&api, &caller, base, &because, (edited, "/tls_policy")).await
}
