//! Groups K and N, and what the decisions of the interface say about replies that are none.

use gatepost_policy::evidence::{Ending, NoTls, Why};
use gatepost_store::{Author, Inspect, Selection};
use gatepost_testkit::{Answer, Banner, Ehlo, FakeMx};

use crate::verdict::Verdict;
use crate::world::{SENDER, Setup, World, header_rule, message, require};

fn refusing() -> FakeMx {
    FakeMx { rcpt: Answer::from("550 5.1.1 nobody here"), ..FakeMx::default() }
}

#[tokio::test]
async fn k07_report_to_an_enforced_domain_obeys_the_rules_too() {
    let mut world = World::new().await;
    world.site("d.test", refusing()).await;
    let senders = world.site("req.test", FakeMx::without_starttls()).await;
    world
        .start(Setup::with(header_rule("Enforced TLS", Some("req.test"), "x-TLSLevel:Require")))
        .await;
    let reply =
        world.client().await.send("a@req.test", &["b@d.test"], message("x").as_bytes()).await;
    assert!(reply.starts_with("250"), "{reply}");
    world.attempt("b@d.test", 1).await.is_failed("5.1.1", Why::RemoteReply);
    world.attempt("a@req.test", 1).await.is_deferred("4.7.4", Why::StartTlsNotOffered);
    assert!(senders.messages().is_empty());
    world.finish().await;
}

#[tokio::test]
async fn k08_nobody_is_told_who_did_not_want_to_be() {
    let (world, _) = World::with_site(refusing(), Setup::default()).await;
    let mut client = world.client().await;
    client.expect(&format!("MAIL FROM:<{SENDER}>"), "250").await;
    client.expect("RCPT TO:<b@d.test> NOTIFY=NEVER", "250").await;
    client.expect("DATA", "354").await;
    client.expect("Subject: x\r\n\r\ntext\r\n.", "250").await;
    world.attempt("b@d.test", 1).await.is_failed("5.1.1", Why::RemoteReply);
    world.drained().await;
    assert!(world.attempts(SENDER).await.is_empty() && world.reports().is_empty());
    world.finish().await;
}

#[tokio::test]
async fn k10_failure_of_mail_from_the_null_sender_is_reported_to_nobody() {
    let (world, _) = World::with_site(refusing(), Setup::default()).await;
    let reply = world.client().await.send("", &["b@d.test"], message("x").as_bytes()).await;
    assert!(reply.starts_with("250"), "{reply}");
    world.attempt("b@d.test", 1).await.is_failed("5.1.1", Why::RemoteReply);
    world.drained().await;
    assert!(world.reports().is_empty());
    world.finish().await;
}

#[tokio::test]
async fn k11_retry_sends_what_waits_for_a_domain_as_soon_as_its_tls_works() {
    let (world, mx) = World::with_site(FakeMx::without_starttls(), Setup::with(require())).await;
    for recipient in ["b@d.test", "c@d.test"] {
        world.send_one(recipient).await.is_deferred("4.7.4", Why::StartTlsNotOffered);
    }
    mx.set(FakeMx::default(), &world.ca);
    let selection = Selection::Domain("d.test".to_owned());
    let count = world.store().retry(&selection, &Author::new("the matrix", None)).await.unwrap();
    assert_eq!(count, 2);
    for recipient in ["b@d.test", "c@d.test"] {
        world.attempt(recipient, 2).await.is_sent_tls();
    }
    world.finish().await;
}

#[tokio::test]
async fn k12_mail_that_waits_for_tls_holds_up_no_other_mail() {
    let rules = header_rule("Enforce one address", Some("a@d.test"), "x-TLSLevel:Require");
    let (world, _) = World::with_site(FakeMx::without_starttls(), Setup::with(rules)).await;
    world.send_one("a@d.test").await.is_deferred("4.7.4", Why::StartTlsNotOffered);
    world.send_one("b@d.test").await.is_sent_clear(NoTls::NotOffered);
    assert_eq!(world.attempts("a@d.test").await.len(), 1, "its own schedule goes on");
    world.finish().await;
}

#[tokio::test]
async fn l18_greeting_that_is_no_smtp_waits() {
    for (banner, status, why) in [
        ("HTTP/1.1 400 Bad Request", "4.5.0", Why::ReplyMalformed),
        // Data that nobody asked for at any other place than behind STARTTLS waits, under Try too.
        ("220 mx.d.test\r\n250 unasked", "4.7.0", Why::ResponseInjection),
    ] {
        let script = FakeMx { banner: Banner::Say(banner.to_owned()), ..FakeMx::default() };
        let (world, mx) = World::with_site(script, Setup::default()).await;
        world.send_one("b@d.test").await.is_deferred(status, why);
        assert!(mx.messages().is_empty(), "{banner}");
        world.finish().await;
    }
}

#[tokio::test]
async fn l19_content_of_eight_bits_waits_for_no_host_that_cannot_take_it() {
    let mut world = World::new().await;
    let narrow = FakeMx {
        ehlo: Ehlo::without("8BITMIME"),
        ehlo_tls: Ehlo::List(vec!["PIPELINING".to_owned()]),
        ..FakeMx::default()
    };
    world.site("narrow.test", narrow.clone()).await;
    let (_, wide) = world.two_hosts("d.test", narrow, FakeMx::default()).await;
    world.start(Setup::default()).await;
    let text = message("eight bits") + "Gr\u{fc}\u{df}e\r\n";
    world.send_text(&["b@narrow.test"], &text).await;
    let attempt = world.attempt("b@narrow.test", 1).await;
    attempt.is_failed("5.6.3", Why::NeedsEightBit);
    world.send_text(&["b@d.test"], &text).await;
    let attempt = world.attempt("b@d.test", 1).await;
    attempt.is_sent_tls();
    assert!(
        wide.messages()[0].mail_params.contains("BODY=8BITMIME"),
        "{:?}",
        wide.messages()[0].mail_params
    );
    world.attempt(SENDER, 1).await;
    world.finish().await;
}

#[tokio::test]
async fn n01_record_names_what_was_wanted_by_whom_and_what_was_had() {
    let (world, mx) = World::with_site(FakeMx::default(), Setup::with(require())).await;
    let attempt = world.send_one("b@d.test").await;
    assert_eq!(attempt.outcome, Ending::Delivered);
    let json = serde_json::to_value(&attempt).unwrap();
    let seen = &mx.connections()[0];
    let tls = seen.tls.as_ref().unwrap();
    assert_eq!(json["recipient"], "b@d.test");
    assert_eq!(json["level"], "require");
    assert_eq!(json["decided_by"]["header"], "x-TLSLevel: Require");
    assert_eq!(json["decided_by"]["rule"], "Enforced TLS");
    assert_eq!(json["decided_by"]["default"], false);
    assert!(json["decided_by"]["revision"].as_u64().unwrap() > 1);
    assert_eq!(json["host"], "mx.d.test");
    assert_eq!(json["address"], mx.address().to_string());
    assert_eq!(json["tls"]["version"], tls.version);
    assert_eq!(json["tls"]["cipher"], tls.cipher);
    assert_eq!(json["tls"]["certificate_sha256"], tls.certificate_sha256);
    assert_eq!(json["status"], "2.0.0");
    assert_eq!(json["reply"], "250 2.0.0 taken");
    assert_eq!(json["tries"][0]["stage"], "data");
    assert!(json["clear_because"].is_null() && json["why"].is_null());
    world.finish().await;
}
