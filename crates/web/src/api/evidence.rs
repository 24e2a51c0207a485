//! Evidence: what a period comes to, the roots of its days, and the file that an auditor takes away.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use futures_util::stream::{self, StreamExt as _};
use gatepost_policy::document::DataKind;
use gatepost_store::NewAudit;
use gatepost_store::evidence::{
    Addresses, Export, ExportError, Gap, Mismatch, Root, Scope, Survey, UtcDay, Wanted as Period,
    survey,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Api;
use super::caller::Caller;
use super::page::{Asked, Page, PageQuery, cursor};
use crate::problem::Problem;

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(show)).routes(routes!(roots)).routes(routes!(export))
}

/// Which days and which domains. What is left out does not limit.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct Wanted {
    /// The first day, UTC; thirty days ago where nothing is said.
    #[param(format = Date)]
    from: Option<String>,
    /// The last day, UTC; today where nothing is said.
    #[param(format = Date)]
    to: Option<String>,
    /// Only this domain of recipients, `.partner.example` for its subdomains.
    domain: Option<String>,
    /// Only the domains of this set of kind `domains`.
    rule_data: Option<String>,
    /// In an export: `hidden`, where nothing is said, or `clear`.
    addresses: Option<String>,
}

/// The same days, a page of roots at a time.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct WantedRoots {
    /// The first day, UTC; thirty days ago where nothing is said.
    #[param(format = Date)]
    from: Option<String>,
    /// The last day, UTC; today where nothing is said.
    #[param(format = Date)]
    to: Option<String>,
    /// How many, 1 to 1000; 100 where nothing is said.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
    /// `next` of the page before.
    cursor: Option<String>,
}

/// Days, both included.
#[derive(Debug, Serialize, ToSchema)]
struct Days {
    /// The first one.
    from: String,
    /// The last one.
    to: String,
}

/// How many days have a root.
#[derive(Debug, Serialize, ToSchema)]
struct RootCounts {
    /// Days of the chain in the period.
    days: u64,
    /// Of those, days that are over and signed for good.
    signed: u64,
}

/// Records that should be there and are not.
#[derive(Debug, Serialize, ToSchema)]
struct GapShape {
    /// The first number that is missing.
    first: u64,
    /// The last one in a row.
    last: u64,
}

/// A day whose records and whose journal differ.
#[derive(Debug, Serialize, ToSchema)]
struct MismatchShape {
    /// The day.
    day: String,
    /// Recipients that left the queue as delivered.
    journal: u64,
    /// Recipients of whom a record says so.
    records: u64,
}

/// What the evidence of a period comes to.
#[derive(Debug, Serialize, ToSchema)]
struct EvidenceShape {
    /// The days that were asked for.
    period: Days,
    /// The days that there is evidence of; `null` where there is none.
    covered: Option<Days>,
    /// The first day of the chain.
    chain_since: Option<String>,
    /// Attempts of the period from before the chain, of all domains.
    before_chain: u64,
    /// Attempts of the period, of all domains, that the chain has in a day far from it, since a clock was wrong.
    elsewhere: u64,
    /// Records of the scope.
    records: u64,
    /// Recipients delivered to.
    delivered: u64,
    /// Of those, under TLS.
    encrypted: u64,
    /// Of those, with a certificate that was good.
    verified: u64,
    /// Recipients delivered to in clear text.
    clear: u64,
    /// Of those, at an enforced level.
    clear_under_enforced: u64,
    /// Attempts that ended in waiting.
    deferred: u64,
    /// Recipients that were given up.
    bounced: u64,
    /// Attempts at an enforced level that sent nothing because TLS could not be had.
    refused: u64,
    /// Recipients of all domains that left the queue as delivered, counted apart from the records.
    journal: u64,
    /// Records that are missing, the first thousand stretches.
    gaps: Vec<GapShape>,
    /// Records that are missing, all of them.
    missing: u64,
    /// Days and records that are not as they were written.
    damaged: u64,
    /// Days whose records and whose journal differ.
    mismatches: Vec<MismatchShape>,
    /// Whether there is evidence of the period, and nothing is missing.
    complete: bool,
    /// The roots of the period.
    roots: RootCounts,
    /// Days whose records are no longer kept.
    removed_days: u64,
    /// SHA-256 over the public key of this instance.
    key_fingerprint: String,
}

/// The root of a day.
#[derive(Debug, Serialize, ToSchema)]
struct RootShape {
    /// The day.
    day: String,
    /// The chain after its last record.
    root: String,
    /// How many records it has.
    records: u64,
    /// When it was closed; `null` while it goes on.
    closed: Option<String>,
    /// Whether its records are still kept.
    kept: bool,
    /// What was signed.
    statement: Value,
    /// The signature (Ed25519, RFC 8032), in hex.
    signature: String,
    /// The fingerprint of the key that signed it.
    key_fingerprint: String,
}

const THIRTY_DAYS: std::time::Duration = std::time::Duration::from_secs(30 * 86_400);

/// The days of a query.
fn days(api: &Api, from: Option<&str>, to: Option<&str>) -> Result<(UtcDay, UtcDay), Problem> {
    let now = api.clock.now();
    let read = |key: &str, text: Option<&str>, usual| match text {
        None => Ok(usual),
        Some(text) => UtcDay::parse(text)
            .ok_or_else(|| Problem::bad_request(format!("{key} is no day: write 2026-11-24."))),
    };
    let from = read("from", from, UtcDay::of(now.minus(THIRTY_DAYS)))?;
    let to = read("to", to, UtcDay::of(now))?;
    if to < from {
        return Err(Problem::bad_request("to is before from."));
    }
    Ok((from, to))
}

/// The domains of a query, and the set that they were taken from.
async fn scope(api: &Api, wanted: &Wanted) -> Result<(Scope, Option<String>), Problem> {
    let mut entries: Vec<String> = wanted.domain.iter().cloned().collect();
    let mut named = None;
    if let Some(name) = &wanted.rule_data {
        let settings = &api.stores.settings;
        let stored = settings.load(settings.head()).await?;
        let sets = stored.map(|stored| stored.document.rule_data).unwrap_or_default();
        let set = sets
            .into_iter()
            .find(|set| {
                set.kind == DataKind::Domains && set.name.to_lowercase() == name.to_lowercase()
            })
            .ok_or_else(|| Problem::not_found("Rule Data of kind domains with that name"))?;
        let values = Scope::entries_of(set.values.lines());
        if values.is_empty() {
            return Err(Problem::bad_request("rule_data names a set without domains."));
        }
        entries.extend(values.into_iter().map(str::to_owned));
        named = Some(set.name);
    }
    let scope = Scope::of(entries.iter().map(String::as_str));
    Ok((scope.map_err(|why| Problem::bad_request(format!("{why}.")))?, named))
}

/// What the evidence of a period comes to.
#[utoipa::path(get, path = "/tls/evidence", tag = "evidence", extensions(("x-capability" = json!("read"))),
    params(Wanted),
    responses((status = 200, body = EvidenceShape), (status = 400, body = Problem), (status = 401, body = Problem),
        (status = 403, body = Problem), (status = 404, body = Problem), (status = 503, body = Problem)))]
async fn show(
    State(api): State<Api>,
    Asked(wanted): Asked<Wanted>,
) -> Result<Json<EvidenceShape>, Problem> {
    let (from, to) = days(&api, wanted.from.as_deref(), wanted.to.as_deref())?;
    let (scope, _) = scope(&api, &wanted).await?;
    let evidence = api.stores.evidence.as_ref();
    let key = evidence.evidence_key().await?;
    let Survey {
        from: first,
        to: last,
        chain_since,
        records,
        totals,
        domains: _,
        journal,
        gaps,
        missing,
        damaged,
        mismatches,
        signed_days,
        open_days,
        removed_days,
        outside,
        complete,
    } = survey(evidence, &scope, from, to).await?;
    let day = |day: UtcDay| day.to_string();
    Ok(Json(EvidenceShape {
        period: Days { from: day(from), to: day(to) },
        covered: first.zip(last).map(|(from, to)| Days { from: day(from), to: day(to) }),
        chain_since: chain_since.map(day),
        before_chain: outside.before_chain,
        elsewhere: outside.elsewhere,
        records,
        delivered: totals.delivered,
        encrypted: totals.encrypted,
        verified: totals.verified,
        clear: totals.clear,
        clear_under_enforced: totals.clear_under_enforced,
        deferred: totals.deferred,
        bounced: totals.bounced,
        refused: totals.refused,
        journal,
        gaps: gaps.into_iter().map(|Gap { first, last }| GapShape { first, last }).collect(),
        missing,
        damaged,
        mismatches: mismatches
            .into_iter()
            .map(|Mismatch { day, journal, records }| MismatchShape {
                day: day.to_string(),
                journal,
                records,
            })
            .collect(),
        complete,
        roots: RootCounts { days: signed_days.saturating_add(open_days), signed: signed_days },
        removed_days,
        key_fingerprint: key.fingerprint(),
    }))
}

/// The roots of the days of a period, oldest first.
#[utoipa::path(get, path = "/tls/evidence/roots", tag = "evidence", extensions(("x-capability" = json!("read"))),
    params(WantedRoots),
    responses((status = 200, body = Page<RootShape>), (status = 400, body = Problem), (status = 401, body = Problem),
        (status = 403, body = Problem), (status = 503, body = Problem)))]
async fn roots(
    State(api): State<Api>,
    Asked(wanted): Asked<WantedRoots>,
) -> Result<Json<Page<RootShape>>, Problem> {
    let (from, to) = days(&api, wanted.from.as_deref(), wanted.to.as_deref())?;
    let page = PageQuery::new(wanted.limit, wanted.cursor);
    let (most, after) = (page.limit()?, page.from::<UtcDay>()?);
    let all = api.stores.evidence.roots(from, to).await?;
    let total = u64::try_from(all.len()).ok();
    let left = all.iter().filter(|root| after.is_none_or(|after| root.statement.day > after));
    let items: Vec<&Root> = left.clone().take(most).collect();
    let next = if left.count() > items.len() {
        items.last().and_then(|root| cursor(&root.statement.day))
    } else {
        None
    };
    Ok(Json(Page { items: items.into_iter().map(shown).collect(), next, total }))
}

fn shown(root: &Root) -> RootShape {
    let statement = &root.statement;
    RootShape {
        day: statement.day.to_string(),
        root: statement.after.clone(),
        records: statement.records,
        closed: statement.closed.map(|at| at.rfc3339()),
        kept: root.kept,
        statement: json!(statement),
        signature: root.signature.clone(),
        key_fingerprint: root.key.fingerprint(),
    }
}

/// The evidence of a period as one file that proves itself. Taking it is in the audit log.
#[utoipa::path(get, path = "/tls/evidence/export", tag = "evidence",
    extensions(("x-capability" = json!("export_evidence"))), params(Wanted),
    responses((status = 200, body = String, content_type = "application/x-ndjson"), (status = 400, body = Problem),
        (status = 401, body = Problem), (status = 403, body = Problem), (status = 404, body = Problem),
        (status = 503, body = Problem)))]
async fn export(
    State(api): State<Api>,
    caller: Caller,
    Asked(wanted): Asked<Wanted>,
) -> Result<Response, Problem> {
    let (from, to) = days(&api, wanted.from.as_deref(), wanted.to.as_deref())?;
    let addresses = match wanted.addresses.as_deref() {
        None => Addresses::Hidden,
        Some(word) => Addresses::parse(word)
            .ok_or_else(|| Problem::bad_request("addresses is hidden or clear."))?,
    };
    let (scope, rule_data) = scope(&api, &wanted).await?;
    let domains = (!scope.is_all()).then(|| scope.entries());
    let entry = NewAudit::new("evidence.export", &caller.author(None)).change(
        Value::Null,
        json!({
            "from": from, "to": to, "domains": domains, "rule_data": rule_data,
            "addresses": addresses.word(),
        }),
    );
    let period = Period {
        from,
        to,
        scope,
        rule_data,
        addresses,
        instance: api.outside.hostname(),
        made: api.clock.now(),
    };
    let (evidence, settings) = (Arc::clone(&api.stores.evidence), Arc::clone(&api.stores.settings));
    let begun = Export::begin(evidence, settings, period).await.map_err(cannot)?;
    // Before the first byte is out.
    api.stores.audit.note(entry).await?;
    // After an error the file ends without a seal, and is seen to be cut off.
    let pieces = stream::unfold(Some(begun), |export| async {
        let mut export = export?;
        match export.next_piece().await {
            Ok(piece) => piece.map(|piece| (Ok(piece), Some(export))),
            Err(why) => {
                tracing::error!(cause = %why, "an export of evidence was not finished");
                Some((Err(why), None))
            }
        }
    })
    // Compression asks once more behind the end, which `unfold` must not be.
    .fuse();
    let name = format!("attachment; filename=\"evidence-{from}-{to}.jsonl\"");
    let kind = "application/x-ndjson".to_owned();
    let head = [(header::CONTENT_TYPE, kind), (header::CONTENT_DISPOSITION, name)];
    Ok((head, Body::from_stream(pieces)).into_response())
}

fn cannot(why: ExportError) -> Problem {
    match why {
        ExportError::Store(why) => why.into(),
        ExportError::Overtaken => Problem::unavailable(why.to_string()),
    }
}
