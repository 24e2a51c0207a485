//! Every metric of the interface, and who adds to it.
//!
//! The parts of the gateway know traits; this file is the only one that knows the names. Observing only counts: it
//! never blocks and never fails.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use gatepost_policy as policy;
use gatepost_policy::accept::Warning;
use gatepost_policy::direction::Matched;
use gatepost_policy::evidence::{Attempt, Ending, NoTls};
use gatepost_policy::tls::VerifiedBy;
use gatepost_receive::{Anomaly, Login};
use gatepost_store::{Counts, Verdict, embedded};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

#[derive(Clone, Debug, Eq, PartialEq, Hash, EncodeLabelSet)]
struct Direction {
    direction: &'static str,
}

#[derive(Clone, Debug, Eq, PartialEq, Hash, EncodeLabelSet)]
struct FinalAction {
    final_action: &'static str,
}

#[derive(Clone, Debug, Eq, PartialEq, Hash, EncodeLabelSet)]
struct Rule {
    rule: String,
}

#[derive(Clone, Debug, Eq, PartialEq, Hash, EncodeLabelSet)]
struct Delivery {
    outcome: &'static str,
    level: &'static str,
    tls: &'static str,
}

#[derive(Clone, Debug, Eq, PartialEq, Hash, EncodeLabelSet)]
struct Reason {
    reason: &'static str,
}

#[derive(Clone, Debug, Eq, PartialEq, Hash, EncodeLabelSet)]
struct State {
    state: &'static str,
}

#[derive(Clone, Debug, Eq, PartialEq, Hash, EncodeLabelSet)]
struct Side {
    side: &'static str,
}

#[derive(Clone, Debug, Eq, PartialEq, Hash, EncodeLabelSet)]
struct PoolReject {
    why: &'static str,
}

#[derive(Clone, Debug, Eq, PartialEq, Hash, EncodeLabelSet)]
struct Kind {
    kind: &'static str,
}

#[derive(Clone, Debug, Eq, PartialEq, Hash, EncodeLabelSet)]
struct Outcome {
    result: &'static str,
}

/// The metrics of one gateway.
#[derive(Clone, Debug)]
pub(crate) struct Metrics {
    received: Family<Direction, Counter>,
    verdicts: Family<FinalAction, Counter>,
    rule_hits: Family<Rule, Counter>,
    deliveries: Family<Delivery, Counter>,
    tls_failures: Family<Reason, Counter>,
    clear_fallbacks: Family<Reason, Counter>,
    given_up_sessions: Family<PoolReject, Counter>,
    anomalies: Family<Kind, Counter>,
    client_faults: Family<Kind, Counter>,
    logins: Family<Outcome, Counter>,
    queue: Family<State, Gauge>,
    delivery_seconds: Histogram,
    sessions: Family<Side, Gauge>,
    commit_seconds: Histogram,
    commit_messages: Histogram,
    reloads: Family<Outcome, Counter>,
    alerts: Family<Kind, Counter>,
}

impl Metrics {
    /// The metrics, and the registry that shows them.
    pub(crate) fn new() -> (Arc<Self>, Registry) {
        let metrics = Self {
            received: Family::default(),
            verdicts: Family::default(),
            rule_hits: Family::default(),
            deliveries: Family::default(),
            tls_failures: Family::default(),
            clear_fallbacks: Family::default(),
            given_up_sessions: Family::default(),
            anomalies: Family::default(),
            client_faults: Family::default(),
            logins: Family::default(),
            queue: Family::default(),
            // from a twentieth of a second to some nine hours
            delivery_seconds: Histogram::new(exponential_buckets(0.05, 3.0, 13)),
            sessions: Family::default(),
            // from a tenth of a millisecond to some three seconds
            commit_seconds: Histogram::new(exponential_buckets(0.0001, 2.0, 16)),
            commit_messages: Histogram::new(exponential_buckets(1.0, 2.0, 10)),
            reloads: Family::default(),
            alerts: Family::default(),
        };
        let registry = metrics.register();
        (Arc::new(metrics), registry)
    }

    fn register(&self) -> Registry {
        let mut registry = Registry::default();
        let Self {
            received,
            verdicts,
            rule_hits,
            deliveries,
            tls_failures,
            clear_fallbacks,
            given_up_sessions,
            anomalies,
            client_faults,
            logins,
            queue,
            delivery_seconds,
            sessions,
            commit_seconds,
            commit_messages,
            reloads,
            alerts,
        } = self.clone();
        // counters get `_total` from the format
        registry.register(
            "gatepost_messages_received",
            "Messages taken, by direction of their recipients",
            received,
        );
        registry.register("gatepost_verdicts", "Verdicts of the rules, one a recipient", verdicts);
        registry.register("gatepost_rule_hits", "Recipients that a rule matched", rule_hits);
        registry.register("gatepost_deliveries", "Delivery attempts, one a recipient", deliveries);
        registry.register(
            "gatepost_tls_failures",
            "Attempts that failed for a TLS cause",
            tls_failures,
        );
        registry.register(
            "gatepost_clear_fallback",
            "Deliveries in clear text where TLS was tried, by the reason",
            clear_fallbacks,
        );
        registry.register(
            "gatepost_pool_reject",
            "Kept sessions that were not used any more, by the reason",
            given_up_sessions,
        );
        registry.register(
            "gatepost_header_anomaly",
            "Odd x-TLSLevel fields and other signs of tampering",
            anomalies,
        );
        registry.register(
            "gatepost_client_faults",
            "What clients did that no good one does, and faults",
            client_faults,
        );
        registry.register("gatepost_smtp_logins", "AUTH of clients, by what came of it", logins);
        registry.register("gatepost_queue_messages", "Copies in the queue", queue);
        registry.register(
            "gatepost_delivery_seconds",
            "From receipt to delivery",
            delivery_seconds,
        );
        registry.register("gatepost_smtp_sessions", "SMTP sessions at this moment", sessions);
        registry.register(
            "gatepost_store_commit_seconds",
            "How long a commit takes",
            commit_seconds,
        );
        registry.register(
            "gatepost_store_commit_messages",
            "Operations in one commit",
            commit_messages,
        );
        registry.register(
            "gatepost_reloads",
            "Reloads of the configuration and the policy",
            reloads,
        );
        registry.register("gatepost_alerts", "What administrators were told of", alerts);
        registry
    }

    /// Sets the gauges of the queue.
    pub(crate) fn queue(&self, counts: &Counts) {
        let Counts { waiting, sending, held, quarantined } = *counts;
        for (state, count) in [
            ("waiting", waiting),
            ("sending", sending),
            ("held", held),
            ("quarantined", quarantined),
        ] {
            self.queue
                .get_or_create(&State { state })
                .set(i64::try_from(count).unwrap_or(i64::MAX));
        }
    }

    /// Counts a reload.
    pub(crate) fn reloaded(&self, done: bool) {
        self.reloads.get_or_create(&Outcome { result: if done { "ok" } else { "error" } }).inc();
    }

    fn side(&self, side: &'static str, change: i64) {
        self.sessions.get_or_create(&Side { side }).inc_by(change);
    }
}

/// What sessions notice; `serve::chronicle` passes it on.
impl Metrics {
    pub(crate) fn session_opened(&self) {
        self.side("in", 1);
    }

    pub(crate) fn session_closed(&self) {
        self.side("in", -1);
    }

    pub(crate) fn login(&self, login: &Login) {
        self.logins.get_or_create(&Outcome { result: login.word() }).inc();
    }

    pub(crate) fn message_received(&self, direction: policy::direction::Direction) {
        self.received.get_or_create(&Direction { direction: direction.word() }).inc();
    }

    pub(crate) fn verdict(&self, verdict: Verdict, recipients: usize) {
        let final_action = verdict.word();
        self.verdicts.get_or_create(&FinalAction { final_action }).inc_by(many(recipients));
    }

    pub(crate) fn rule_hit(&self, matched: &Matched, recipients: usize) {
        self.rule_hits.get_or_create(&Rule { rule: matched.rule.clone() }).inc_by(many(recipients));
    }

    pub(crate) fn warning(&self, warning: &Warning) {
        self.anomalies.get_or_create(&Kind { kind: warning.word() }).inc();
    }

    pub(crate) fn anomaly(&self, _client: IpAddr, what: Anomaly) {
        self.client_faults.get_or_create(&Kind { kind: what.word() }).inc();
    }
}

fn many(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

/// What attempts notice; `serve::chronicle` passes it on.
impl Metrics {
    pub(crate) fn attempted(&self, attempt: &Attempt, since_received: Duration) {
        let tls = match &attempt.tls {
            None => "none",
            Some(tls) => match tls.verified_by {
                VerifiedBy::None => "encrypted",
                VerifiedBy::WebPki => "verified",
                VerifiedBy::Dane => "dane",
                VerifiedBy::MtaSts => "mta_sts",
            },
        };
        let labels = Delivery { outcome: attempt.outcome.word(), level: attempt.level.word(), tls };
        self.deliveries.get_or_create(&labels).inc();
        if let Some(why) = attempt.why.filter(|why| why.is_tls()) {
            self.tls_failures.get_or_create(&Reason { reason: why.word() }).inc();
        }
        if attempt.outcome == Ending::Delivered {
            self.delivery_seconds.observe(since_received.as_secs_f64());
            // Where TLS was not even tried, nothing fell back.
            let fell_back = attempt.clear_because.filter(|why| *why != NoTls::LevelPlain);
            if let Some(why) = fell_back {
                self.clear_fallbacks.get_or_create(&Reason { reason: why.word() }).inc();
            }
        }
    }

    pub(crate) fn sessions_out(&self, change: i64) {
        self.side("out", change);
    }

    pub(crate) fn session_given_up(&self, why: &'static str) {
        self.given_up_sessions.get_or_create(&PoolReject { why }).inc();
    }

    pub(crate) fn alert(&self, kind: &'static str) {
        self.alerts.get_or_create(&Kind { kind }).inc();
    }

    pub(crate) fn stripped(&self, kind: &'static str) {
        self.anomalies.get_or_create(&Kind { kind }).inc();
    }
}

impl embedded::Observer for Metrics {
    fn committed(&self, operations: usize, took: Duration) {
        self.commit_seconds.observe(took.as_secs_f64());
        self.commit_messages.observe(u32::try_from(operations).map_or(f64::MAX, f64::from));
    }
}
