use std::{net::IpAddr, sync::Arc};

use arc_swap::ArcSwap;
use gatepost_net::{
    dns::Resolver,
    failure::Failure,
    tls::{Connector, Roots},
};
use gatepost_policy::{
    document::{PolicyDocument, Profile},
    evidence::Stage,
    snapshot::{Snapshot, TlsSettings},
    tls::Level,
};
use gatepost_store::{ManualClock, memory::Memory};

use super::*;
use crate::{
    Observe, Parts, Secrets,
    judge::{Ended, Seen},
    samples::{ACCEPTED, claimed, settings},
    settings::DeliverySettings,
    trial::Trial,
};

const HOUR: Duration = Duration::from_secs(3600);

fn at(hours: u32) -> Timestamp {
    Timestamp::from_millis(1_000_000).plus(HOUR * hours)
}

#[test]
fn the_first_failure_of_a_domain_is_told_and_then_one_in_six_hours() {
    let alerts = Alerts::default();
    let kind = AlertKind::EnforcedFailure;
    let told: Vec<u32> =
        (0..14).filter(|hour| alerts.failed(kind, "d.test", at(*hour)).is_some()).collect();
    assert_eq!(told, [0, 6, 12]);
    assert_eq!(alerts.failed(kind, "e.test", at(13)), Some(at(13)), "another domain");
    assert_eq!(alerts.failed(kind, "d.test", at(18)), Some(at(0)), "it goes on since then");
}

#[test]
fn what_was_mended_begins_anew_and_is_told_no_sooner() {
    let alerts = Alerts::default();
    let kind = AlertKind::EnforcedFailure;
    assert!(alerts.failed(kind, "d.test", at(0)).is_some());
    alerts.delivered("d.test");
    assert_eq!(alerts.failed(kind, "d.test", at(2)), None);
    assert_eq!(alerts.failed(kind, "d.test", at(7)), Some(at(2)));
}

#[test]
fn faults_of_this_gateway_share_one_alert_and_a_restart_forgets_nothing() {
    let alerts = Alerts::default();
    alerts.remember(AlertKind::PolicyBroken, "d.test", at(0), at(1));
    assert_eq!(alerts.failed(AlertKind::PolicyBroken, "e.test", at(6)), None);
    assert_eq!(alerts.failed(AlertKind::PolicyBroken, "e.test", at(7)), Some(at(0)));
}

#[test]
fn no_more_is_remembered_than_fits() {
    let alerts = Alerts::default();
    for number in 0..u32::try_from(MOST).unwrap() + 5 {
        alerts.failed(AlertKind::EnforcedFailure, &format!("d{number}"), at(number % 7));
    }
    assert_eq!(alerts.lock().len(), MOST);
}

#[test]
fn words_read_back() {
    for kind in AlertKind::ALL {
        assert_eq!(AlertKind::parse(kind.word()), Some(kind));
    }
}

/// Notes alerts and nothing else.
#[derive(Debug, Default)]
struct Noting(Mutex<Vec<Alert>>);

impl Observe for Noting {
    fn attempted(&self, _: &Attempt, _: Duration) {}
    fn sessions(&self, _: i64) {}
    fn session_given_up(&self, _: &'static str) {}
    fn starttls_stripped(&self, _: MessageId, _: &str, _: std::net::SocketAddr) {}
    fn alert(&self, alert: &Alert) {
        self.0.lock().unwrap().push(alert.clone());
    }
}

struct NoSecrets;

impl Secrets for NoSecrets {
    fn password(&self, file: &str) -> Result<gatepost_net::auth::Password, String> {
        Err(format!("there is no {file}"))
    }
}

/// The policy of a new store.
fn snapshot() -> Snapshot {
    let (profile, parsed) = (Profile::Standard, PolicyDocument::parse_toml("", "p").unwrap());
    Snapshot::build(1, profile, parsed.document, &parsed.spans, TlsSettings::of(profile)).unwrap()
}

/// Judges an attempt at `bo@d.test` that ended so, twice, and gives the alerts that were
/// noted and the mails to `postmaster`.
async fn raised(why: Why, postmaster: &str) -> (Vec<Alert>, Vec<String>) {
    let store: Arc<Memory> = Arc::new(crate::samples::memory());
    let claim = claimed(&store, Level::Require).await;
    let settings =
        DeliverySettings { postmaster: Some(Mailbox::parse(postmaster).unwrap()), ..settings() };
    let noting = Arc::new(Noting::default());
    let resolver: Arc<dyn Resolver> = Arc::new(gatepost_testkit::FakeDns::new());
    let parts = Parts {
        dispatch: Arc::clone(&store) as _,
        enqueue: store,
        resolver,
        connector: Arc::new(ArcSwap::from_pointee(Connector::new(&Roots::System))),
        snapshot: Arc::new(ArcSwap::from_pointee(snapshot())),
        settings: Arc::new(ArcSwap::from_pointee(settings.clone())),
        clock: Arc::new(ManualClock::new(ACCEPTED)),
        observe: Arc::clone(&noting) as _,
        secrets: Arc::new(NoSecrets),
        alerts: Arc::default(),
    };
    let mut trial = Trial::new(1);
    let address: IpAddr = "192.0.2.9".parse().unwrap();
    let failure = Failure::new(Stage::Plan, why, "what was found");
    trial.failed("mx1.d.test", Some(format!("{address}:25")), failure);
    let seen = Seen::Hosts { trial: &trial, plan: &[], began: ACCEPTED };
    let ended = Ended { claim: &claim, settings: &settings, seen: &seen, now: ACCEPTED };
    let judged = [ended.judge(0, claim.copy().recipients.first().unwrap())];
    let case = Case {
        parts: &parts,
        snapshot: &snapshot(),
        settings: &settings,
        claim: &claim,
        judged: &judged,
        relayed: &[],
        now: ACCEPTED,
    };
    let mut mails = raise(&case);
    mails.extend(raise(&case));
    let mails = mails.into_iter().map(|(bytes, new)| {
        assert_eq!(new.sender, gatepost_wire::address::ReversePath::Null);
        assert_eq!(new.copies[0].recipients[0].mailbox.to_string(), postmaster);
        String::from_utf8(bytes).unwrap()
    });
    let mails = mails.collect();
    let alerts = noting.0.lock().unwrap().clone();
    (alerts, mails)
}

#[tokio::test]
async fn j15_a_tripped_guard_is_told_at_once_and_once() {
    let (alerts, mails) = raised(Why::GuardTripped, "postmaster@acme.test").await;
    assert_eq!(alerts.len(), 1);
    assert_eq!(alerts[0].kind, AlertKind::GuardTripped);
    assert_eq!(mails.len(), 1);
    let mail = mails[0].split_ascii_whitespace().collect::<Vec<_>>().join(" ");
    for wanted in [
        "To: <postmaster@acme.test>",
        "X-Gatepost-Alert: guard-tripped",
        "Auto-Submitted: auto-generated",
        "mx1.d.test [192.0.2.9:25]: was about to be used over a session that is not good enough \
         (what was found)",
        "It was not sent unencrypted.",
        "gatepost messages show ",
    ] {
        assert!(mail.contains(wanted), "{wanted} is missing in {mail}");
    }
}

#[tokio::test]
async fn nobody_gets_mail_about_mail_to_them() {
    let (alerts, mails) = raised(Why::GuardTripped, "bo@d.test").await;
    assert_eq!(alerts.len(), 1, "metrics, log and journal have it");
    assert_eq!(mails, [""; 0]);
}

#[tokio::test]
async fn a_cause_that_may_pass_is_no_alert() {
    let (alerts, mails) = raised(Why::ConnectRefused, "postmaster@acme.test").await;
    assert!(alerts.is_empty() && mails.is_empty());
}
