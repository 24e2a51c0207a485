//! What probes showed of other sites' TLS, and what ours was.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use gatepost_store::DaySums;
use gatepost_store::report::{self, Report};
use gatepost_wire::timestamp::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{domain, said};
use crate::api::Api;
use crate::api::access::time;
use crate::api::page::{Asked, Page, PageQuery, cursor};
use crate::problem::Problem;

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(kept))
        .routes(routes!(told))
        .routes(routes!(super::effective::list))
}

/// Which records are wanted.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct KeptQuery {
    /// Every record that is kept of this domain, instead of the newest of each.
    domain: Option<String>,
    /// How many at most, 1 to 1000; 100 where nothing is said.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
    /// `next` of the page before.
    cursor: Option<String>,
}

/// The newest probe of every domain, newest first.
#[utoipa::path(get, path = "/tls/probes", tag = "tls", extensions(("x-capability" = json!("read"))), params(KeptQuery),
    responses((status = 200, body = Page<Object>), (status = 400, body = Problem), (status = 401, body = Problem),
        (status = 403, body = Problem), (status = 503, body = Problem)))]
async fn kept(
    State(api): State<Api>,
    Asked(query): Asked<KeptQuery>,
) -> Result<Json<Page<Value>>, Problem> {
    let page = PageQuery::new(query.limit, query.cursor);
    let (most, after): (usize, Option<(i64, String)>) = (page.limit()?, page.from()?);
    let domain = domain(query.domain.as_deref())?;
    let all = api.stores.probes.probes(domain.as_deref()).await?;
    let total = u64::try_from(all.len()).ok();
    let behind = |at: Timestamp, domain: &str| {
        after.as_ref().is_none_or(|(last, name)| {
            at.millis() < *last || (at.millis() == *last && domain > name.as_str())
        })
    };
    let mut rest = all.into_iter().filter(|one| behind(one.at, &one.domain));
    let shown: Vec<_> = rest.by_ref().take(most).collect();
    let last = shown.last().map(|one| (one.at.millis(), one.domain.clone()));
    let next = last.filter(|_| rest.next().is_some()).and_then(|mark| cursor(&mark));
    Ok(Json(Page { items: shown.into_iter().map(|one| one.record).collect(), next, total }))
}

/// What a report is about.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct ReportQuery {
    /// Since the beginning of this day in UTC, RFC 3339; thirty days ago where nothing is said.
    since: Option<String>,
    /// Until the end of this day in UTC, RFC 3339.
    until: Option<String>,
    /// Only this domain of recipients.
    domain: Option<String>,
    /// `json` or `csv`.
    format: Option<String>,
}

/// Shares of TLS and of clear text, by domain and by day.
#[derive(Debug, Serialize, ToSchema)]
struct ReportShape {
    since: String,
    until: String,
    /// As `tls report --json` has its rows.
    #[schema(value_type = Vec<Object>)]
    domains: Vec<report::Row>,
    /// All domains together.
    #[schema(value_type = Object)]
    totals: report::Sums,
    /// Every day, oldest first.
    days: Vec<DayShape>,
}

/// A day in UTC, by recipients.
#[derive(Debug, Default, Serialize, ToSchema)]
struct DayShape {
    day: String,
    /// Delivered in clear text.
    none: u64,
    /// Delivered over TLS 1.2.
    tls12: u64,
    /// Delivered over TLS 1.3.
    tls13: u64,
    /// Of those over TLS, where the certificate was good.
    verified: u64,
    /// Attempts that ended in waiting because TLS could not be had.
    waiting: u64,
    /// Given up because TLS could not be had.
    bounced: u64,
}

/// The TLS report.
#[utoipa::path(get, path = "/tls/report", tag = "tls", extensions(("x-capability" = json!("read"))), params(ReportQuery),
    responses((status = 200, description = "JSON, or CSV where format is csv", content(
            (ReportShape = "application/json"), (String = "text/csv"))),
        (status = 400, body = Problem), (status = 401, body = Problem), (status = 403, body = Problem),
        (status = 503, body = Problem)))]
async fn told(
    State(api): State<Api>,
    Asked(query): Asked<ReportQuery>,
) -> Result<Response, Problem> {
    let csv = match said(query.format).as_deref() {
        None | Some("json") => false,
        Some("csv") => true,
        Some(other) => {
            return Err(Problem::bad_request(format!("format is {other:?}: write json or csv.")));
        }
    };
    let now = api.clock.now();
    let until = time("until", said(query.until).as_deref())?.unwrap_or(now);
    let usual = until.minus(Duration::from_secs(30 * 86_400));
    let since = time("since", said(query.since).as_deref())?.unwrap_or(usual);
    if since > until {
        return Err(Problem::bad_request("since is later than until."));
    }
    let domain = domain(query.domain.as_deref())?;
    let sums = api.stores.ledger.day_sums(since, until, domain.as_deref()).await?;
    let (mut report, days) = (Report::new(since, until, None), days(&sums));
    sums.iter().for_each(|one| report.add_sums(&one.domain, one.day, &one.sums));
    for refusal in api.stores.browse.refusals().await? {
        if domain.as_ref().is_none_or(|wanted| *wanted == refusal.domain) {
            (0..refusal.count).for_each(|_| report.waits(&refusal.domain));
        }
    }
    report.close();
    if csv {
        let kind = [
            (header::CONTENT_TYPE, "text/csv; charset=utf-8"),
            (header::CONTENT_DISPOSITION, "attachment; filename=\"tls-report.csv\""),
        ];
        return Ok((kind, report::csv(&report)).into_response());
    }
    let Report { since, until, rows, totals, .. } = report;
    let shape =
        ReportShape { since: since.rfc3339(), until: until.rfc3339(), domains: rows, totals, days };
    Ok(Json(shape).into_response())
}

/// Every day on which there was an attempt.
fn days(sums: &[DaySums]) -> Vec<DayShape> {
    let mut days: BTreeMap<Timestamp, DayShape> = BTreeMap::new();
    for DaySums { day, sums, .. } in sums {
        let name = || day.rfc3339().chars().take(10).collect();
        let shape =
            days.entry(*day).or_insert_with(|| DayShape { day: name(), ..DayShape::default() });
        let version = |word: &str| sums.versions.get(word).copied().unwrap_or(0);
        shape.none += sums.in_clear.total();
        shape.tls12 += version("TLSv1.2");
        shape.tls13 += version("TLSv1.3");
        shape.verified += sums.verified;
        shape.waiting += sums.deferred_for_tls;
        shape.bounced += sums.bounced_for_tls;
    }
    days.into_values().collect()
}
