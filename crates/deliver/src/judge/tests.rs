use std::time::Duration;

use gatepost_net::failure::Failure;
use gatepost_policy::tls::{Level, PlanInput, TlsPolicies, UnknownLevel, plan};
use gatepost_wire::reply::{Response, read_response};

use super::*;
use crate::samples::{ACCEPTED, claimed, memory, settings};

fn reply(text: &str) -> Response {
    read_response(format!("{text}\r\n").as_bytes()).unwrap().unwrap().0
}

fn hop(host: &str) -> NextHop {
    NextHop::mx(host.into(), 25, 0)
}

/// Judges an attempt at a message of this level, which failed at these hosts.
async fn judged(
    level: Level,
    failures: Vec<Failure>,
    settings: &DeliverySettings,
    after: Duration,
) -> Outcome {
    let store = memory();
    let claim = claimed(&store, level).await;
    let hosts: Vec<NextHop> = (0..failures.len()).map(|n| hop(&format!("mx{n}"))).collect();
    let demands = claim.copy().demands.clone();
    let input = PlanInput {
        demands: &demands,
        unknown: UnknownLevel::Require,
        hosts: &hosts,
        domain: &claim.copy().lane.domain,
        policies: &TlsPolicies::default(),
        now: ACCEPTED,
    };
    let plan = plan(input).unwrap().attempts;
    let mut trial = Trial::new(1);
    for (hop, failure) in hosts.iter().zip(failures) {
        trial.failed(&hop.host, None, failure);
    }
    let seen = Seen::Hosts { trial: &trial, plan: &plan, began: ACCEPTED };
    let now = claim.copy().accepted_at.plus(after);
    let ended = Ended { claim: &claim, settings, seen: &seen, now };
    ended.outcome(0, claim.copy().recipients.first().unwrap())
}

fn no_starttls() -> Failure {
    Failure::new(Stage::Ehlo, Why::StartTlsNotOffered, "")
}

fn status(outcome: &Outcome) -> (Ending, &str) {
    (outcome.attempt().outcome, outcome.attempt().status.as_str())
}

const DAY: Duration = Duration::from_secs(86_400);

#[tokio::test]
async fn c17_enforced_mail_bounces_at_once_with_class_five_where_that_is_wanted() {
    let bounce = DeliverySettings { enforced_failure: EnforcedFailure::Bounce, ..settings() };
    let outcome = judged(Level::Require, vec![no_starttls()], &bounce, Duration::ZERO).await;
    assert_eq!(status(&outcome), (Ending::Bounced, "5.7.4"));
    let alert = Failure::new(Stage::Tls, Why::TlsAlert, "");
    let outcome = judged(Level::Require, vec![alert], &bounce, Duration::ZERO).await;
    assert_eq!(status(&outcome), (Ending::Bounced, "5.7.5"));
    let unreachable = Failure::new(Stage::Connect, Why::ConnectRefused, "");
    let outcome = judged(Level::Require, vec![unreachable], &bounce, Duration::ZERO).await;
    assert_eq!(status(&outcome), (Ending::Deferred, "4.4.1"), "no TLS cause: it waits");
}

#[tokio::test]
async fn k03_a_tls_cause_ends_enforced_mail_after_a_day_and_keeps_its_class() {
    let outcome = judged(Level::Require, vec![no_starttls()], &settings(), DAY).await;
    assert_eq!(status(&outcome), (Ending::Bounced, "4.7.4"));
    let shortly_before = DAY - Duration::from_secs(1);
    let outcome = judged(Level::Require, vec![no_starttls()], &settings(), shortly_before).await;
    let Outcome::Deferred { next, .. } = outcome else { panic!("{outcome:?}") };
    assert_eq!(next, ACCEPTED.plus(DAY), "the last attempt falls on the end");
}

#[tokio::test]
async fn k04_any_other_cause_has_the_ordinary_lifetime() {
    let refused = || vec![Failure::new(Stage::Connect, Why::ConnectRefused, "")];
    let outcome = judged(Level::Require, refused(), &settings(), 2 * DAY).await;
    assert_eq!(status(&outcome), (Ending::Deferred, "4.4.1"));
    let outcome = judged(Level::Require, refused(), &settings(), 5 * DAY).await;
    assert_eq!(status(&outcome), (Ending::Bounced, "4.4.1"));
}

#[tokio::test]
async fn a_refused_greeting_is_about_the_host_and_waits_with_class_four() {
    let greeting = Failure::replied(Stage::Banner, Why::RemoteReply, reply("554 5.3.2 not now"));
    let outcome = judged(Level::Try, vec![greeting], &settings(), Duration::ZERO).await;
    assert_eq!(status(&outcome), (Ending::Deferred, "4.3.2"));
    assert_eq!(outcome.attempt().reply.as_deref(), Some("554 5.3.2 not now"));
}

#[tokio::test]
async fn mail_that_no_host_can_take_bounces_unless_one_could_not_be_asked() {
    let barred = || Failure::new(Stage::Dns, Why::AddressRefused, "");
    let outcome = judged(Level::Try, vec![barred(), barred()], &settings(), Duration::ZERO).await;
    assert_eq!(status(&outcome), (Ending::Bounced, "5.4.4"));
    let silent = Failure::new(Stage::Connect, Why::ConnectTimeout, "");
    let outcome = judged(Level::Try, vec![barred(), silent], &settings(), Duration::ZERO).await;
    assert_eq!(status(&outcome), (Ending::Deferred, "4.4.1"));
}

#[tokio::test]
async fn a_recipient_that_a_rule_refused_is_reported_with_the_codes_of_its_reply() {
    let store = memory();
    let claim = claimed(&store, Level::Try).await;
    let seen = Seen::Report { reply: "550 5.7.2 not to them" };
    let ended = Ended { claim: &claim, settings: &settings(), seen: &seen, now: ACCEPTED };
    let outcome = ended.outcome(0, claim.copy().recipients.first().unwrap());
    assert_eq!(status(&outcome), (Ending::Bounced, "5.7.2"));
    assert_eq!(outcome.attempt().why, Some(Why::RejectedByRule));
}
