//! What sessions notice: counted at once, and written into the journal soon after.
//!
//! A session never waits for the journal. What it noticed goes through a bounded queue to one task that writes many
//! events at a time; when the queue is full, which takes a flood of odd mail, the event is counted and not written.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use gatepost_deliver::{Alert, AlertKind, Alerts, QUIET};
use gatepost_policy::accept::Warning;
use gatepost_policy::direction::{Direction, Matched};
use gatepost_policy::evidence::Attempt;
use gatepost_policy::id::MessageId;
use gatepost_receive::{Anomaly, Login, Observe};
use gatepost_store::embedded::Embedded;
use gatepost_store::{Clock, Event, EventKind, Journal, Verdict};
use gatepost_wire::timestamp::Timestamp;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::hits::HitCounter;
use crate::metrics::Metrics;
use crate::supervise::Group;

/// Events that may wait to be written.
const WAITING: usize = 1024;
/// Events that are written together.
const TOGETHER: usize = 256;

/// Hears what sessions and attempts notice.
pub(super) struct Chronicle {
    metrics: Arc<Metrics>,
    clock: Arc<dyn Clock>,
    journal: mpsc::Sender<Event>,
    hits: HitCounter,
}

impl Chronicle {
    /// A chronicle whose writing task runs in `group`, and writes what it has when that stops.
    pub(super) fn start(
        store: Embedded,
        clock: Arc<dyn Clock>,
        metrics: Arc<Metrics>,
        group: &Group,
    ) -> Self {
        let (journal, events) = mpsc::channel(WAITING);
        group.tracker.spawn(write(store.clone(), events, group.stop.clone()));
        let hits = HitCounter::start(Arc::new(store), Arc::clone(&clock), group);
        Self { metrics, clock, journal, hits }
    }

    fn write(&self, message: MessageId, what: &'static str, detail: serde_json::Value) {
        self.note(EventKind::Anomaly, message, what, detail);
    }

    fn note(
        &self,
        kind: EventKind,
        message: MessageId,
        what: &'static str,
        detail: serde_json::Value,
    ) {
        let event = Event {
            at: self.clock.now(),
            kind,
            message: Some(message),
            author: None,
            what: what.to_owned(),
            detail,
        };
        if self.journal.try_send(event).is_err() {
            tracing::warn!(%message, what, "not written into the journal: too much waits to be written");
        }
    }
}

/// A keyword of EHLO that looks like STARTTLS written over on the way.
const STRIPPED: &str = "starttls-stripped-suspect";

async fn write(store: Embedded, mut events: mpsc::Receiver<Event>, stop: CancellationToken) {
    let mut batch = Vec::new();
    loop {
        tokio::select! {
            count = events.recv_many(&mut batch, TOGETHER) => if count == 0 { return },
            () = stop.cancelled() => {
                while let Ok(event) = events.try_recv() {
                    batch.push(event);
                }
                events.close();
            }
        }
        let count = batch.len();
        if count == 0 {
            return;
        }
        if let Err(why) = store.append(std::mem::take(&mut batch)).await {
            tracing::error!(events = count, cause = %crate::cli::chain(&why), "the journal cannot be written");
        }
    }
}

impl Observe for Chronicle {
    fn session_opened(&self) {
        self.metrics.session_opened();
    }

    fn session_closed(&self) {
        self.metrics.session_closed();
    }

    fn login(&self, login: &Login) {
        self.metrics.login(login);
    }

    fn message_received(&self, direction: Direction) {
        self.metrics.message_received(direction);
    }

    fn verdict(&self, verdict: Verdict, recipients: usize) {
        self.metrics.verdict(verdict, recipients);
    }

    fn rule_hit(&self, matched: &Matched, recipients: usize) {
        self.metrics.rule_hit(matched, recipients);
        self.hits.count(matched, recipients);
    }

    fn warning(&self, message: MessageId, warning: &Warning) {
        self.metrics.warning(warning);
        self.write(message, warning.word(), serde_json::to_value(warning).unwrap_or_default());
    }

    fn anomaly(&self, client: IpAddr, what: Anomaly) {
        self.metrics.anomaly(client, what);
    }
}

impl gatepost_deliver::Observe for Chronicle {
    fn attempted(&self, attempt: &Attempt, since_received: Duration) {
        self.metrics.attempted(attempt, since_received);
    }

    fn sessions(&self, change: i64) {
        self.metrics.sessions_out(change);
    }

    fn session_given_up(&self, why: &'static str) {
        self.metrics.session_given_up(why);
    }

    fn starttls_stripped(&self, message: MessageId, host: &str, address: SocketAddr) {
        self.metrics.stripped(STRIPPED);
        self.write(message, STRIPPED, serde_json::json!({ "host": host, "address": address }));
    }

    fn alert(&self, alert: &Alert) {
        let Alert { kind, domain, at: _, since, message, recipient, why, host, text } = alert;
        self.metrics.alert(kind.word());
        if kind.is_ours() {
            tracing::error!(alert = kind.word(), domain, %message, to = recipient, why = why.word(), host, "{text}");
        } else {
            tracing::warn!(alert = kind.word(), domain, %message, to = recipient, why = why.word(), host, "{text}");
        }
        let detail = serde_json::json!({
            "kind": kind.word(), "domain": domain, "since": since, "recipient": recipient,
            "why": why.word(), "host": host, "text": text,
        });
        self.note(EventKind::Note, *message, ALERT, detail);
    }
}

/// What the journal calls an alert.
const ALERT: &str = "alert";

/// What earlier processes told administrators not long ago, so that it is not told again.
pub(super) async fn alerts(store: &Embedded, now: Timestamp) -> Alerts {
    let alerts = Alerts::default();
    match store.events(Some(now.minus(QUIET))).await {
        Ok(events) => {
            for event in events.iter().filter(|event| event.what == ALERT) {
                let text = |key: &str| event.detail.get(key).and_then(serde_json::Value::as_str);
                let kind = text("kind").and_then(AlertKind::parse);
                let since = text("since").and_then(Timestamp::parse_rfc3339);
                if let (Some(kind), Some(domain)) = (kind, text("domain")) {
                    alerts.remember(kind, domain, since.unwrap_or(event.at), event.at);
                }
            }
        }
        Err(why) => {
            tracing::warn!(cause = %crate::cli::chain(&why), "which alerts were raised cannot be read; some may come again");
        }
    }
    alerts
}

impl std::fmt::Debug for Chronicle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Chronicle").finish_non_exhaustive()
    }
}
