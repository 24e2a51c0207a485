//! The effective table of TLS: for each domain that a set, a TLS policy, a probe or mail names, the level that mail to
//! it gets today, who decides it, and what it had.
//!
//! The level is that of a walk of the rules over a message from one of our domains, as the simulator has it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use gatepost_policy::document::{DataKind, PolicyDocument, RuleEntry};
use gatepost_policy::rules::explain::{TlsTrace, levels};
use gatepost_policy::rules::simulation::Simulation;
use gatepost_policy::snapshot::Snapshot;
use gatepost_store::{By, DaySums, Selection};
use gatepost_wire::address::AddressDomain;
use gatepost_wire::timestamp::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::{IntoParams, ToSchema};

use crate::api::Api;
use crate::api::page::{Asked, Page, PageQuery, cursor};
use crate::problem::Problem;

/// What the last columns look back over.
const SPAN: Duration = Duration::from_secs(30 * 86_400);

/// Which domains are wanted.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct DomainsQuery {
    /// Somewhere in the domain.
    q: Option<String>,
    /// How many at most, 1 to 1000; 100 where nothing is said.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
    /// `next` of the page before.
    cursor: Option<String>,
}

/// A domain and its level.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct EffectiveShape {
    /// The domain; `.partner.example` for its subdomains.
    domain: String,
    /// The level.
    level: String,
    /// Who decides: `rule`, `rule_data`, `tls_policy`, `exception`, `published`, `default`.
    #[schema(value_type = Object)]
    decided_by: Value,
    /// The newest probe that is kept, as `tls probe --json` has it.
    #[schema(value_type = Option<Object>)]
    last_probe: Option<Value>,
    /// Recipients of the last 30 days.
    deliveries: DeliveriesShape,
    /// Recipients that wait now.
    waiting: u64,
}

/// Recipients of the last 30 days, by how it ended.
#[derive(Clone, Copy, Debug, Default, Serialize, ToSchema)]
struct DeliveriesShape {
    /// Delivered.
    delivered: u64,
    /// Of these, under TLS.
    encrypted: u64,
    /// Of those, with a certificate that was good.
    verified: u64,
    /// Delivered in clear text.
    clear: u64,
    /// Given up.
    bounced: u64,
}

/// Every domain that the policy, a probe or mail names, with the level that mail to it gets.
#[utoipa::path(get, path = "/tls/domains", tag = "tls", extensions(("x-capability" = json!("read"))), params(DomainsQuery),
    responses((status = 200, body = Page<EffectiveShape>), (status = 400, body = Problem), (status = 401, body = Problem),
        (status = 403, body = Problem), (status = 503, body = Problem)))]
pub(super) async fn list(
    State(api): State<Api>,
    Asked(query): Asked<DomainsQuery>,
) -> Result<Json<Page<EffectiveShape>>, Problem> {
    let page = PageQuery::new(query.limit, query.cursor);
    let (most, after): (usize, Option<String>) = (page.limit()?, page.from()?);
    let now = api.clock.now();
    let snapshot = api.snapshot.load_full();
    let since = now.minus(SPAN);
    let had = had(&api.stores.ledger.day_sums(since, now, None).await?);
    let probes: BTreeMap<String, Value> = api
        .stores
        .probes
        .probes(None)
        .await?
        .into_iter()
        .map(|probe| (probe.domain, probe.record))
        .collect();
    let shape = api.stores.browse.queue_shape(&Selection::All, By::Domain).await?;
    let waiting: BTreeMap<String, u64> = shape
        .rows
        .into_iter()
        .map(|row| (row.key, u64::try_from(row.line.total).unwrap_or(u64::MAX)))
        .collect();
    let mut names = named(&snapshot.document);
    for name in had.keys().chain(probes.keys()).chain(waiting.keys()) {
        names.insert(name.clone());
    }
    let wanted = query.q.unwrap_or_default().trim().to_lowercase();
    names.retain(|name| name.contains(&wanted) && !is_own(&snapshot, name));
    let total = u64::try_from(names.len()).ok();
    let mut rest = names.into_iter().filter(|name| after.as_ref().is_none_or(|last| name > last));
    let shown: Vec<String> = rest.by_ref().take(most).collect();
    let next = shown.last().filter(|_| rest.next().is_some()).and_then(cursor);
    let items = shown.into_iter().map(|domain| {
        let tls = level(&snapshot, &domain, now);
        EffectiveShape {
            level: tls.as_ref().map_or("plain", |tls| tls.level.word()).to_owned(),
            decided_by: tls.map_or(Value::Null, |tls| decided(&snapshot.document, &tls)),
            last_probe: probes.get(&domain).cloned(),
            deliveries: had.get(&domain).copied().unwrap_or_default(),
            waiting: waiting.get(&domain).copied().unwrap_or(0),
            domain,
        }
    });
    Ok(Json(Page { items: items.collect(), next, total }))
}

/// The domains that sets and TLS policies name.
fn named(document: &PolicyDocument) -> BTreeSet<String> {
    let sets = document.rule_data.iter().filter(|set| set.kind == DataKind::Domains);
    let policies = document.tls_policies.iter().flat_map(|policy| &policy.domains);
    sets.flat_map(|set| set.values.lines())
        .chain(policies.map(String::as_str))
        .filter_map(|entry| key(entry.split('#').next().unwrap_or_default().trim()))
        .collect()
}

/// A domain as the table has it: subdomains with a dot in front, of an address its domain.
fn key(entry: &str) -> Option<String> {
    let (dot, name) = match entry.strip_prefix("*.").or_else(|| entry.strip_prefix('.')) {
        Some(name) => (".", name),
        None => ("", entry.rsplit_once('@').map_or(entry, |(_, domain)| domain)),
    };
    let name = AddressDomain::parse(name.trim_end_matches('.')).ok()?;
    Some(format!("{dot}{}", name.key()))
}

fn is_own(snapshot: &Snapshot, name: &str) -> bool {
    AddressDomain::parse(name.trim_start_matches('.')).is_ok_and(|name| snapshot.is_own(&name))
}

/// What a walk of the rules says about mail from one of ours.
fn level(snapshot: &Snapshot, domain: &str, now: Timestamp) -> Option<TlsTrace> {
    let from = snapshot.first_domain().map_or_else(String::new, |own| format!("postmaster@{own}"));
    let host =
        domain.strip_prefix('.').map_or_else(|| domain.to_owned(), |rest| format!("any.{rest}"));
    let to = [format!("postmaster@{host}")];
    let simulation = Simulation {
        from: &from,
        to: &to,
        message: None,
        source_ip: None,
        direction: Some("outbound"),
    };
    let facts = simulation.facts(snapshot, now).ok()?;
    levels(snapshot, &facts).into_iter().next()
}

/// Who decided, with the set by which the rule knew the domain.
fn decided(document: &PolicyDocument, tls: &TlsTrace) -> Value {
    let by = &tls.decided_by;
    let set = by.rule.as_deref().and_then(|rule| {
        document.rules.iter().find_map(|entry| match entry {
            RuleEntry::Custom(custom) if custom.name == rule => {
                custom.conditions.iter().find_map(|condition| condition.rule_data.clone())
            }
            RuleEntry::Custom(_) | RuleEntry::System(_) => None,
        })
    });
    json!({
        "rule": by.rule,
        "rule_data": set,
        "tls_policy": by.tls_policy,
        "exception": by.exception,
        "published": by.published,
        "default": by.default,
    })
}

fn had(days: &[DaySums]) -> BTreeMap<String, DeliveriesShape> {
    let mut had: BTreeMap<String, DeliveriesShape> = BTreeMap::new();
    for day in days {
        let shape = had.entry(day.domain.clone()).or_default();
        shape.delivered += day.sums.delivered;
        shape.encrypted += day.sums.over_tls;
        shape.verified += day.sums.verified;
        shape.clear += day.sums.in_clear.total();
        shape.bounced += day.bounced;
    }
    had
}
