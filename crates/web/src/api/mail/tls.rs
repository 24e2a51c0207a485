//! What other sites' TLS is good for, and what ours was.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use gatepost_policy::diagnostic::suggest;
use gatepost_policy::document::DataKind;
use gatepost_policy::tls::Level;
use gatepost_store::DaySums;
use gatepost_store::report::{self, Report};
use gatepost_wire::address::AddressDomain;
use gatepost_wire::timestamp::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{domain, said};
use crate::api::Api;
use crate::api::access::time;
use crate::api::body::Sent;
use crate::api::page::{Asked, Page, PageQuery, cursor};
use crate::problem::{Fault, Problem};

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(probe))
        .routes(routes!(kept))
        .routes(routes!(told))
        .routes(routes!(super::effective::list))
}

/// Domains that one request probes.
const MOST: usize = 1000;

/// What is probed.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Wish {
    /// Domains, or addresses in brackets.
    domains: Option<Vec<String>>,
    /// The single domains of a set of kind `domains`.
    rule_data: Option<String>,
    /// The level that domains have to be ready for; `require` where nothing is said.
    level: Option<String>,
}

/// Looks what delivery would do at each level, sending nothing, and keeps what was seen.
#[utoipa::path(post, path = "/tls/probe", tag = "tls", extensions(("x-capability" = json!("probe"))), request_body = Wish,
    responses((status = 200, body = Vec<Object>, description = "One record a domain, as `tls probe --json`"),
        (status = 400, body = Problem), (status = 401, body = Problem), (status = 403, body = Problem),
        (status = 413, body = Problem), (status = 415, body = Problem), (status = 422, body = Problem),
        (status = 503, body = Problem)))]
async fn probe(
    State(api): State<Api>,
    Sent(wish): Sent<Wish>,
) -> Result<Json<Vec<Value>>, Problem> {
    let mut faults = Vec::new();
    let level = level(wish.level.as_deref(), &mut faults);
    let mut domains = Vec::new();
    for (at, text) in wish.domains.iter().flatten().enumerate() {
        match AddressDomain::parse(text.trim()) {
            Ok(domain) => domains.push(domain),
            Err(why) => faults.push(Fault::new(
                format!("/domains/{at}"),
                format!("{text:?} is no domain: {why}."),
                "Write partner.example, or an address in brackets.",
            )),
        }
    }
    if let Some(name) = &wish.rule_data {
        domains.extend(of_rule_data(&api, name, &mut faults));
    }
    if faults.is_empty() && domains.is_empty() {
        faults.push(Fault::new("", "There is no domain to probe.", "Send domains or rule_data."));
    }
    if domains.len() > MOST {
        faults.push(Fault::new(
            "/domains",
            format!("These are {} domains; one request probes {MOST} at most.", domains.len()),
            "Send them in parts.",
        ));
    }
    if !faults.is_empty() {
        return Err(Problem::invalid(faults));
    }
    domains.sort_by_key(AddressDomain::key);
    domains.dedup_by_key(|domain| domain.key());
    let probed = api.outside.probe(domains, level).await;
    let probed =
        probed.map_err(|why| Problem::unavailable(format!("Nothing was probed: {why}.")))?;
    let mut records = Vec::with_capacity(probed.len());
    for one in probed {
        api.stores.probes.keep_probe(&one.domain, one.at, &one.record).await?;
        records.push(one.record);
    }
    Ok(Json(records))
}

fn level(word: Option<&str>, faults: &mut Vec<Fault>) -> Level {
    let word = word.unwrap_or("require");
    let found = Level::parse(word).filter(|level| level.is_built());
    found.unwrap_or_else(|| {
        let built = Level::ALL.iter().filter(|level| level.is_built()).map(|level| level.word());
        let built: Vec<&str> = built.collect();
        let detail = match Level::parse(word) {
            Some(_) => format!("The level {word:?} is not in this version."),
            None => format!("{word:?} is no level."),
        };
        faults.push(Fault::new("/level", detail, format!("Write one of {}.", built.join(", "))));
        Level::Require
    })
}

/// The single domains of a set.
fn of_rule_data(api: &Api, name: &str, faults: &mut Vec<Fault>) -> Vec<AddressDomain> {
    let snapshot = api.snapshot.load();
    let sets = || snapshot.document.rule_data.iter().filter(|set| set.kind == DataKind::Domains);
    let same = |a: &str, b: &str| a.trim().to_lowercase() == b.trim().to_lowercase();
    let Some(set) = sets().find(|set| same(&set.name, name)) else {
        let names: Vec<&str> = sets().map(|set| set.name.as_str()).collect();
        let remedy = suggest(name, &names).map_or_else(
            || format!("Sets of kind domains are: {}.", names.join(", ")),
            |meant| format!("Did you mean {meant:?}?"),
        );
        let detail = format!("There is no set {name:?} of kind domains.");
        faults.push(Fault::new("/rule_data", detail, remedy));
        return Vec::new();
    };
    let lines = set.values.lines().map(|line| line.split('#').next().unwrap_or_default().trim());
    lines.filter_map(|line| AddressDomain::parse(line.trim_end_matches('.')).ok()).collect()
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
