use std::time::Duration;

use gatepost_net::failure::Failure;
use gatepost_policy::tls::{Level, PlanInput, TlsPolicies, UnknownLevel, plan};
use gatepost_wire::{
    command::Notify,
    reply::{Response, read_response},
};

use super::*;
use crate::samples::{ACCEPTED, claimed, claimed_from, memory, settings};

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
) -> Judged {
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
    ended.judge(0, claim.copy().recipients.first().unwrap())
}

fn no_starttls() -> Failure {
    Failure::new(Stage::Ehlo, Why::StartTlsNotOffered, "")
}

fn status(judged: &Judged) -> (Ending, &str) {
    let attempt = judged.outcome.attempt();
    (attempt.outcome, attempt.status.as_str())
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
    let Outcome::Deferred { next, .. } = outcome.outcome else { panic!("{outcome:?}") };
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
    assert_eq!(outcome.outcome.attempt().reply.as_deref(), Some("554 5.3.2 not now"));
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
    let outcome = ended.judge(0, claim.copy().recipients.first().unwrap());
    assert_eq!(status(&outcome), (Ending::Bounced, "5.7.2"));
    assert_eq!(outcome.outcome.attempt().why, Some(Why::RejectedByRule));
}

/// Judges an attempt that found no STARTTLS at a message of `anna@acme.test`, this
/// long after acceptance, with `NOTIFY` and `warned` as given.
async fn delayed(
    notify: Option<Notify>,
    warned: bool,
    settings: &DeliverySettings,
    after: Duration,
) -> (bool, Timestamp, bool) {
    let store = memory();
    let sender = ReversePath::parse("anna@acme.test").unwrap();
    let claim = claimed_from(&store, sender, Level::Require).await;
    let detail =
        Nowhere { why: Why::DnsFail, status: "4.4.3", permanent: false, detail: String::new() };
    let now = claim.copy().accepted_at.plus(after);
    let ended = Ended { claim: &claim, settings, seen: &Seen::Nowhere(&detail), now };
    let mut recipient = claim.copy().recipients.first().unwrap().clone();
    recipient.params.notify = notify;
    recipient.warned = warned;
    let judged = ended.judge(0, &recipient);
    let Outcome::Deferred { next, warned, .. } = judged.outcome else { panic!("{judged:?}") };
    (judged.warns, next, warned)
}

const HOUR: Duration = Duration::from_secs(3600);

fn warning_after(delay: Duration) -> DeliverySettings {
    DeliverySettings { delay_warning: delay, ..settings() }
}

#[tokio::test]
async fn k02_a_sender_is_told_of_the_delay_once_and_on_time() {
    let settings = warning_after(4 * HOUR);
    let (warns, next, warned) =
        delayed(None, false, &settings, 4 * HOUR - Duration::from_secs(60)).await;
    assert!(!warns && !warned);
    assert_eq!(next, ACCEPTED.plus(4 * HOUR), "an attempt falls on the time of the warning");
    let (warns, next, warned) = delayed(None, false, &settings, 4 * HOUR).await;
    assert!(warns && warned);
    assert!(next > ACCEPTED.plus(4 * HOUR + Duration::from_secs(200)), "the schedule goes on");
    let (warns, _, warned) = delayed(None, true, &settings, 5 * HOUR).await;
    assert!(!warns && warned, "and not again");
}

#[tokio::test]
async fn k08_a_delay_is_reported_where_it_is_asked_for_or_nothing_is_said() {
    let settings = warning_after(4 * HOUR);
    let none = Notify { never: false, success: false, failure: false, delay: false };
    for (notify, wanted) in [
        (None, true),
        (Some(Notify { delay: true, ..none }), true),
        (Some(Notify { failure: true, success: true, ..none }), false),
        (Some(Notify { never: true, ..none }), false),
    ] {
        assert_eq!(delayed(notify, false, &settings, 5 * HOUR).await.0, wanted, "{notify:?}");
    }
}

#[tokio::test]
async fn a_warning_that_would_come_with_the_failure_or_later_does_not_come() {
    for delay in [5 * DAY, 9 * DAY] {
        let settings = warning_after(delay);
        let just_before = 5 * DAY - Duration::from_secs(60);
        assert!(!delayed(None, false, &settings, just_before).await.0);
    }
}

#[tokio::test]
async fn a_returned_message_says_why_and_not_who() {
    let store = memory();
    let claim = claimed(&store, Level::Try).await;
    let seen = Seen::Returned { reason: Some("wrong\npartner") };
    let ended = Ended { claim: &claim, settings: &settings(), seen: &seen, now: ACCEPTED };
    let judged = ended.judge(0, claim.copy().recipients.first().unwrap());
    assert_eq!(status(&judged), (Ending::Bounced, "5.7.1"));
    assert_eq!(judged.outcome.attempt().why, Some(Why::ReturnedByAdmin));
    assert_eq!(judged.outcome.attempt().reply.as_deref(), Some("wrong\\npartner"));
}
