//! Group K: delay, expiry, and a process that dies; N02; and what administrators are told at once.

use std::net::SocketAddr;
use std::time::Duration;

use gatepost_net::tls::{Connector, Roots};
use gatepost_policy::evidence::{Attempt, Ending, NoTls, Why};
use gatepost_policy::tls::Level;
use gatepost_testkit::{After220, Answer, FakeMx, Received, TestCa, invariants};
use gatepost_wire::timestamp::Timestamp;
use rustls::crypto::{CryptoProvider, GetRandomFailed, SecureRandom, aws_lc_rs};

use crate::client::Client;
use crate::process::{Gateway, wait_for};
use crate::verdict::Verdict;
use crate::world::{BOUND, POSTMASTER, SENDER, START, Setup, World, header_rule, message, require};

const HOUR: Duration = Duration::from_secs(3600);

/// A message as one line of text.
fn flat(received: &Received) -> String {
    let text = String::from_utf8_lossy(&received.message);
    text.split_ascii_whitespace().collect::<Vec<_>>().join(" ")
}

fn after_start(time: Duration) -> Timestamp {
    Timestamp::from_millis(START).plus(time)
}

#[tokio::test]
async fn k02_sender_is_told_of_the_delay_after_four_hours_once() {
    let (mut world, mx) =
        World::with_site(FakeMx::without_starttls(), Setup::with(require())).await;
    let mut client = world.client().await;
    client.expect(&format!("MAIL FROM:<{SENDER}> ENVID=K02"), "250").await;
    for recipient in [
        "RCPT TO:<b@d.test>",
        "RCPT TO:<f@d.test> NOTIFY=FAILURE",
        "RCPT TO:<n@d.test> NOTIFY=NEVER",
    ] {
        client.expect(recipient, "250").await;
    }
    client.expect("DATA", "354").await;
    client.write(message("delayed").as_bytes()).await;
    client.expect(".", "250").await;
    world.attempt("b@d.test", 1).await.is_deferred("4.7.4", Why::StartTlsNotOffered);
    world.later(4 * HOUR - Duration::from_secs(60));
    world.attempt("b@d.test", 2).await.is_deferred("4.7.4", Why::StartTlsNotOffered);
    let due = world.queue().await.into_iter().find(|entry| entry.recipient == "b@d.test");
    assert_eq!(due.unwrap().next_attempt, after_start(4 * HOUR), "it is to come on time");
    assert!(world.attempts(SENDER).await.is_empty(), "and not early");

    world.later(Duration::from_secs(60));
    world.attempt("b@d.test", 3).await.is_deferred("4.7.4", Why::StartTlsNotOffered);
    let report = world.report().await;
    assert_eq!(report.to, [SENDER]);
    let text = flat(&report);
    for wanted in [
        "Original-Envelope-Id: K02",
        "Final-Recipient: rfc822; b@d.test Action: delayed Status: 4.7.4 Remote-MTA: dns; mx.d.test",
        "Diagnostic-Code: x-local; starttls-not-offered clause=header:\"Enforced TLS\"",
        &format!("Will-Retry-Until: {}", after_start(24 * HOUR).rfc5322()),
        &format!("If it cannot be delivered by {}", after_start(24 * HOUR).rfc5322()),
        "It was not sent unencrypted.",
        "text/rfc822-headers",
    ] {
        assert!(text.contains(wanted), "{wanted} is missing in {text}");
    }
    assert_eq!(text.matches("Action: ").count(), 1, "only who wants to know is told: {text}");
    assert!(!text.contains("..and so on") && !text.to_ascii_lowercase().contains("x-tlslevel"));

    // Neither the next attempt nor a restart makes another.
    world.stop().await;
    world.start(Setup::with(require())).await;
    world.later(2 * HOUR);
    world.attempt("b@d.test", 4).await.is_deferred("4.7.4", Why::StartTlsNotOffered);
    let to_sender = world.queue().await.iter().filter(|entry| entry.recipient == SENDER).count();
    assert_eq!(world.attempts(SENDER).await.len() + to_sender, 1);
    assert!(mx.messages().is_empty());
    world.finish().await;
}

#[tokio::test]
async fn c16_delay_is_reported_at_four_hours_and_failure_at_a_day() {
    let (world, mx) = World::with_site(FakeMx::without_starttls(), Setup::with(require())).await;
    world.send_one("b@d.test").await.is_deferred("4.7.4", Why::StartTlsNotOffered);
    let mut number = 1;
    let last = loop {
        world.later(HOUR);
        let waits = world.queue().await.into_iter().find(|entry| entry.recipient == "b@d.test");
        if waits.is_some_and(|entry| entry.next_attempt > world.now()) {
            continue;
        }
        number += 1;
        let attempt = world.attempt("b@d.test", number).await;
        if attempt.outcome != Ending::Deferred {
            break attempt;
        }
        assert!(number < 60, "it never gives up");
    };
    assert_eq!((last.outcome, last.status.as_str()), (Ending::Bounced, "4.7.4"));
    assert_eq!(last.at, after_start(24 * HOUR));
    world.attempt(SENDER, 2).await;
    let reports = world.reports();
    assert!(flat(&reports[0]).contains("Action: delayed Status: 4.7.4"), "{}", flat(&reports[0]));
    assert!(flat(&reports[1]).contains("Action: failed Status: 4.7.4"), "{}", flat(&reports[1]));
    assert!(flat(&reports[1]).contains("This is final"));
    assert!(mx.connections().iter().all(|seen| seen.clear_verbs() == ["EHLO", "QUIT"]));
    world.drained().await;
    world.finish().await;
}

#[tokio::test]
async fn k14_attempt_in_data_ends_as_it_ends_though_the_time_is_over_meanwhile() {
    let slow = Answer::Slow(Duration::from_secs(1), "250 2.0.0 taken".to_owned());
    let script = FakeMx { body: slow, ..FakeMx::default() };
    let (world, mx) = World::with_site(script, Setup::with(require())).await;
    world.send(&["b@d.test"]).await;
    assert!(mx.until(BOUND, |all| all.iter().any(|seen| !seen.messages.is_empty())).await);
    world.later(6 * 24 * HOUR);
    let attempt = world.attempt("b@d.test", 1).await;
    attempt.is_sent_tls();
    assert_eq!(attempt.at, after_start(6 * 24 * HOUR), "the time was over before the reply came");
    world.drained().await;
    assert!(world.attempts(SENDER).await.is_empty(), "and nothing is reported");
    world.finish().await;
}

/// The process dies between the final dot and the reply to it: nobody knows whether the host took the message.
#[test]
fn k15_message_whose_reply_was_not_seen_is_sent_once_more_at_the_same_level() {
    let policy = format!("[[outbound_source]]\nnetwork = \"127.0.0.0/8\"\n\n{}", require());
    let mut gateway = Gateway::prepare(&policy, &[("d.test", 10)]);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let ca = TestCa::new();
    let address = SocketAddr::new(gateway.net.ip(10), gateway.net.port());
    let script =
        FakeMx { body: Answer::Silence, later: vec![(2, FakeMx::default())], ..FakeMx::default() };
    let mx = runtime.block_on(script.start("mx.d.test", address, &ca)).unwrap();
    gateway.start();
    runtime.block_on(async {
        let mut client = Client::greeted(gateway.smtp).await;
        let reply = client.send(SENDER, &["b@d.test"], message("crash").as_bytes()).await;
        assert!(reply.starts_with("250"), "{reply}");
    });
    let arrived = || mx.connections().iter().map(|seen| seen.messages.len()).sum::<usize>();
    wait_for("the final dot", BOUND, || arrived() == 1);
    gateway.kill();
    assert!(gateway.list(&["messages", "search"]).is_empty(), "no outcome is known");
    gateway.start();
    wait_for("an empty queue", BOUND, || gateway.list(&["queue", "list"]).is_empty());
    gateway.kill();
    assert_eq!(arrived(), 2, "once more, and not again");
    let attempts: Vec<Attempt> =
        serde_json::from_value(gateway.list(&["messages", "search"]).into()).unwrap();
    assert_eq!(attempts.len(), 1);
    attempts[0].is_sent_tls();
    assert_eq!(attempts[0].level, Level::Require);
    let seen = mx.connections();
    let first = seen[0].messages[0].message.clone();
    assert_eq!(seen[1].messages[0].message, first, "the same bytes, its trace included");
    wait_for("the end of all connections", BOUND, || {
        mx.connections().iter().all(|seen| seen.closed)
    });
    invariants::check(&mx.connections(), &attempts, &invariants::Expectations::default()).unwrap();
}

#[tokio::test]
async fn n02_clear_delivery_under_try_says_why_and_is_counted() {
    let mut world = World::new().await;
    world.site("plain.test", FakeMx::without_starttls()).await;
    world.site("refusing.test", FakeMx::answering_starttls("454 4.7.0 not now")).await;
    world.site("broken.test", FakeMx::breaking(After220::Alert(40))).await;
    world.site("off.test", FakeMx::default()).await;
    let off = header_rule("No TLS there", Some("off.test"), "x-TLSLevel:Plain");
    world.start(Setup::with(off)).await;
    world.send_one("b@plain.test").await.is_sent_clear(NoTls::NotOffered);
    world.send_one("b@refusing.test").await.is_sent_clear(NoTls::Refused);
    world.send_one("b@broken.test").await.is_sent_clear(NoTls::HandshakeFailed);
    // The failure is remembered, and the record says so all the same.
    world.send_one("c@broken.test").await.is_sent_clear(NoTls::HandshakeFailed);
    world.send_one("b@off.test").await.is_sent_clear(NoTls::LevelPlain);
    let metrics = world.metrics().await;
    for (reason, count) in [("not_offered", 1), ("refused", 1), ("handshake_failed", 2)] {
        let line = format!("gatepost_clear_fallback_total{{reason=\"{reason}\"}} {count}\n");
        assert!(metrics.contains(&line), "{line} is missing in {metrics}");
    }
    assert!(!metrics.contains("clear_fallback_total{reason=\"level_plain\""), "nothing fell back");
    world.finish().await;
}

#[tokio::test]
async fn c01_first_enforced_failure_of_a_domain_is_told_and_then_one_in_six_hours() {
    let mut world = World::new().await;
    world.site("d.test", FakeMx::without_starttls()).await;
    world.site("e.test", FakeMx::breaking(After220::Alert(40))).await;
    world.start(Setup::with(require())).await;
    let attempt = world.send_one("b@d.test").await;
    let alert = world.alert().await;
    assert_eq!(alert.to, [POSTMASTER]);
    let text = flat(&alert);
    for wanted in [
        "Subject: Gatepost: no TLS for mail to d.test",
        "X-Gatepost-Alert: enforced-failure",
        "mx.d.test",
        "does not offer STARTTLS",
        "by the rule \"Enforced TLS\"",
        "It was not sent unencrypted.",
        "gatepost queue list --filter 'domain=d.test'",
        "gatepost tls probe d.test",
        &format!("gatepost messages show {}", attempt.message),
    ] {
        assert!(text.contains(wanted), "{wanted} is missing in {text}");
    }
    let event = world.event("alert").await;
    assert_eq!(event.detail["kind"], "enforced-failure");
    assert_eq!(event.detail["domain"], "d.test");
    assert_eq!(event.message, Some(attempt.message));

    // Another message for the domain, another attempt, and a restart: nobody is told again. Another domain is told of.
    world.send_one("c@d.test").await;
    world.stop().await;
    world.start(Setup::with(require())).await;
    world.next_attempt("b@d.test", 2).await.is_deferred("4.7.4", Why::StartTlsNotOffered);
    world.send_one("b@e.test").await.is_deferred("4.7.5", Why::TlsAlert);
    let told = |events: Vec<gatepost_store::Event>| {
        events.into_iter().filter(|event| event.what == "alert").count()
    };
    world.attempt(POSTMASTER, 2).await;
    let metric = "gatepost_alerts_total{kind=\"enforced-failure\"} 1\n";
    assert!(world.metrics().await.contains(metric), "one since the restart");
    assert_eq!(told(world.events().await), 2);

    world.later(6 * HOUR);
    world.attempt("b@d.test", 3).await.is_deferred("4.7.4", Why::StartTlsNotOffered);
    world.attempt("b@e.test", 2).await;
    world.attempt(POSTMASTER, 4).await;
    let alerts = world.alerts();
    assert_eq!(alerts.len(), 4);
    let since = format!("Since: {}", after_start(Duration::ZERO).rfc5322());
    assert_eq!(alerts.iter().filter(|alert| flat(alert).contains(&since)).count(), 2);
    world.finish().await;
}

#[tokio::test]
async fn a17_unknown_value_that_makes_mail_wait_is_told() {
    let setup = Setup {
        delivery: "unknown_tls_level = \"defer\"",
        rules: header_rule("Mistyped", None, "x-TLSLevel: Requre"),
        ..Setup::default()
    };
    let (world, mx) = World::with_site(FakeMx::without_starttls(), setup).await;
    world.send_one("b@d.test").await.is_deferred("4.3.5", Why::PolicyBroken);
    let text = flat(&world.alert().await);
    for wanted in ["X-Gatepost-Alert: unknown-level", "Requre", "gatepost policy lint"] {
        assert!(text.contains(wanted), "{wanted} is missing in {text}");
    }
    assert_eq!(world.event("alert").await.detail["kind"], "unknown-level");
    assert!(world.metrics().await.contains("gatepost_alerts_total{kind=\"unknown-level\"} 1\n"));
    assert!(mx.connections().is_empty());
    world.finish().await;
}

#[tokio::test]
async fn d17_unusable_roots_are_told() {
    let setup = Setup {
        delivery: "ca_bundle = \"nowhere.pem\"",
        ..Setup::with(header_rule("Verified", None, "x-TLSLevel:Verify"))
    };
    let (world, mx) = World::with_site(FakeMx::default(), setup).await;
    world.send_one("b@d.test").await.is_deferred("4.3.5", Why::PolicyBroken);
    let text = flat(&world.alert().await);
    for wanted in ["X-Gatepost-Alert: policy.broken", "nowhere.pem", "gatepost check"] {
        assert!(text.contains(wanted), "{wanted} is missing in {text}");
    }
    assert!(mx.messages().is_empty());
    world.finish().await;
}

/// A source of random bytes that has none.
#[derive(Debug)]
struct Exhausted;

impl SecureRandom for Exhausted {
    fn fill(&self, _: &mut [u8]) -> Result<(), GetRandomFailed> {
        Err(GetRandomFailed)
    }
}

#[tokio::test]
async fn c22_fault_of_the_tls_library_is_told_once() {
    let primitives = CryptoProvider { secure_random: &Exhausted, ..aws_lc_rs::default_provider() };
    let connector = Connector::with_provider(std::sync::Arc::new(primitives), &Roots::System);
    let setup = Setup { connector: Some(connector), ..Setup::with(require()) };
    let (world, mx) = World::with_site(FakeMx::default(), setup).await;
    world.send_one("b@d.test").await.is_deferred("4.3.5", Why::PolicyBroken);
    let event = world.event("alert").await;
    assert_eq!(event.detail["kind"], "policy.broken");
    assert!(world.metrics().await.contains("gatepost_alerts_total{kind=\"policy.broken\"} 1\n"));
    // Nothing is demanded on the way to our own postmaster, so the mail about it gets there.
    assert!(flat(&world.alert().await).contains("failed to get random bytes"));
    world.attempt(POSTMASTER, 1).await.is_sent_clear(NoTls::HandshakeFailed);
    world.later(3 * HOUR);
    world.attempt("b@d.test", 2).await.is_deferred("4.3.5", Why::PolicyBroken);
    let told = world.events().await.into_iter().filter(|event| event.what == "alert").count();
    assert_eq!(told, 1, "one in six hours");
    assert!(mx.messages().is_empty());
    world.finish().await;
}
