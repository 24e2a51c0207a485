//! How the gateway does: can it take mail, what waits, what left encrypted, and what somebody should look at.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use gatepost_store::HourSums;
use gatepost_wire::timestamp::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::api::Api;
use crate::api::policy::held::held;
use crate::problem::Problem;

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(show))
}

/// An hour in milliseconds.
const HOUR: i64 = 3_600_000;

/// The state of the gateway.
#[derive(Debug, Serialize, ToSchema)]
struct OverviewShape {
    /// Whether it takes mail.
    accepting: bool,
    /// Why not.
    obstacles: Vec<String>,
    queue: Waits,
    /// Recipients in quarantine.
    quarantined: usize,
    last_24h: LastDay,
    /// The last 24 hours, oldest first.
    hours: Vec<HourShape>,
    /// What waits because TLS could not be had, most first.
    refusals: Vec<RefusalShape>,
    /// The revision of the policy that holds.
    last_change: Option<LastChange>,
    /// Lint findings of the policy.
    findings: usize,
}

/// Copies in the queue.
#[derive(Debug, Serialize, ToSchema)]
struct Waits {
    waiting: usize,
    sending: usize,
    held: usize,
    /// For how many seconds the oldest has waited.
    oldest_age: Option<u64>,
}

/// The last 24 hours, by recipients but for what was received.
#[derive(Debug, Serialize, ToSchema)]
struct LastDay {
    /// Messages.
    received: u64,
    delivered: u64,
    bounced: u64,
    /// Of those delivered, over TLS.
    encrypted: u64,
    /// Of those, where the certificate was good.
    verified: u64,
    /// Of those delivered, in clear text.
    clear: u64,
    /// Of those, where TLS was demanded: always 0, or something is broken.
    clear_under_enforced: u64,
}

/// An hour.
#[derive(Debug, Serialize, ToSchema)]
struct HourShape {
    /// Its beginning.
    at: String,
    received: u64,
    delivered: u64,
    deferred: u64,
    bounced: u64,
}

/// Mail for a domain that waits because of TLS.
#[derive(Debug, Serialize, ToSchema)]
struct RefusalShape {
    domain: String,
    /// The word for the cause.
    why: &'static str,
    /// How many recipients.
    count: u64,
    /// When the first of them was accepted.
    oldest: String,
}

/// A revision of the policy.
#[derive(Debug, Serialize, ToSchema)]
struct LastChange {
    revision: u64,
    at: String,
    by: String,
    reason: Option<String>,
}

/// How the gateway does.
#[utoipa::path(get, path = "/overview", tag = "system", extensions(("x-capability" = json!("signed-in"))),
    responses((status = 200, body = OverviewShape), (status = 401, body = Problem), (status = 503, body = Problem)))]
async fn show(State(api): State<Api>) -> Result<Json<OverviewShape>, Problem> {
    let now = api.clock.now();
    let since = now.minus(Duration::from_secs(86_400));
    let obstacles = api.condition.obstacles();
    let counts = api.stores.inspect.counts().await?;
    let oldest = api.stores.browse.oldest_waiting().await?;
    let received: BTreeMap<i64, u64> = {
        let hours = api.stores.browse.received(since).await?;
        hours.into_iter().map(|(at, count)| (at.millis(), count)).collect()
    };
    let hours = api.stores.ledger.hour_sums(since).await?;
    let mut day = HourSums::default();
    hours.values().for_each(|hour| day.merge(hour));
    let refusals = api.stores.browse.refusals().await?;
    let last_change = api.stores.settings.load(api.stores.settings.head()).await?;
    // Lint of a long policy takes time, and what it found is kept; a policy that is no longer understood has none.
    let findings = held(&api).await.map_or(0, |held| held.findings.len());
    Ok(Json(OverviewShape {
        accepting: obstacles.is_empty(),
        obstacles,
        queue: Waits {
            waiting: counts.waiting,
            sending: counts.sending,
            held: counts.held,
            oldest_age: oldest.map(|at| now.since(at).as_secs()),
        },
        quarantined: counts.quarantined,
        last_24h: LastDay {
            received: received.values().sum(),
            delivered: day.delivered,
            bounced: day.bounced,
            encrypted: day.encrypted,
            verified: day.verified,
            clear: day.clear,
            clear_under_enforced: day.clear_under_enforced,
        },
        hours: shapes(since, now, &received, &hours),
        refusals: refusals
            .into_iter()
            .map(|one| RefusalShape {
                domain: one.domain,
                why: one.why.word(),
                count: one.count,
                oldest: one.oldest.rfc3339(),
            })
            .collect(),
        last_change: last_change.map(|held| LastChange {
            revision: held.revision.revision,
            at: held.revision.at.rfc3339(),
            by: held.revision.by,
            reason: held.revision.reason,
        }),
        findings,
    }))
}

/// Every hour, also those in which nothing happened.
fn shapes(
    since: Timestamp,
    now: Timestamp,
    received: &BTreeMap<i64, u64>,
    hours: &BTreeMap<Timestamp, HourSums>,
) -> Vec<HourShape> {
    let (first, last) = (since.millis().div_euclid(HOUR), now.millis().div_euclid(HOUR));
    (first..=last)
        .map(|number| {
            let at = number.saturating_mul(HOUR);
            let begins = Timestamp::from_millis(at);
            let hour = hours.get(&begins).copied().unwrap_or_default();
            HourShape {
                at: begins.rfc3339(),
                received: received.get(&at).copied().unwrap_or(0),
                delivered: hour.delivered,
                deferred: hour.deferred,
                bounced: hour.bounced,
            }
        })
        .collect()
}
