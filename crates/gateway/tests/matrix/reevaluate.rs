//! Rows about a policy that changes while mail waits: it changes nothing by itself, and what it changes when somebody
//! asks is written down. The verb is the real binary, beside the gateway.

use std::process::{Command, Stdio};

use gatepost_policy::evidence::{Ending, NoTls, Why};
use gatepost_policy::tls::Level;
use gatepost_testkit::{Banner, FakeMx};

use crate::verdict::Verdict;
use crate::world::{Setup, World, header_rule, require};

/// Runs a verb on the world's store: its exit status and what it printed.
async fn verb(world: &World, words: &[&str]) -> (i32, String) {
    let data = world.path().join("data");
    let config = world.path().join("verbs.toml");
    world.file("verbs.toml", &format!("hostname = \"gateway.acme.test\"\ndata_dir = {data:?}\n"));
    let mut command = Command::new(env!("CARGO_BIN_EXE_gatepost"));
    command.arg("--config").arg(config).args(words).stdin(Stdio::null());
    let output = tokio::task::spawn_blocking(move || command.output());
    let output = output.await.expect("the task ends").expect("the binary runs");
    let text = [output.stdout, output.stderr].concat();
    (output.status.code().unwrap_or(-1), String::from_utf8_lossy(&text).into_owned())
}

#[tokio::test]
async fn c18_rule_changed_to_try_while_queued_changes_nothing_until_somebody_asks() {
    let (mut world, mx) =
        World::with_site(FakeMx::without_starttls(), Setup::with(require())).await;
    world.expected.loosened.insert("b@d.test".to_owned());
    world.send_one("b@d.test").await.is_deferred("4.7.4", Why::StartTlsNotOffered);
    world.apply(&header_rule("Try instead", None, "x-TLSLevel:Try")).await;
    world.next_attempt("b@d.test", 2).await.is_deferred("4.7.4", Why::StartTlsNotOffered);
    assert!(mx.messages().is_empty());

    let (status, text) =
        verb(&world, &["queue", "reevaluate", "--domain", "d.test", "--dry-run"]).await;
    assert!(status == 0 && text.contains("b@d.test"), "{status}: {text}");
    let by_domain = ["queue", "reevaluate", "--domain", "d.test"];
    let (status, text) = verb(&world, &by_domain).await;
    assert!(status == 2 && text.contains("--count 1"), "{status}: {text}");
    let (status, text) = verb(&world, &[&by_domain[..], &["--count", "2"]].concat()).await;
    assert!(status == 1 && text.contains("nothing was done"), "{status}: {text}");
    assert!(world.events().await.iter().all(|event| event.what != "queue.reevaluate"));
    assert_eq!(world.queue().await[0].level, Some(Level::Require));

    let told = ["--count", "1", "--reason", "they have no TLS"];
    let (status, text) = verb(&world, &[&by_domain[..], &told[..]].concat()).await;
    assert_eq!(status, 0, "{text}");
    let sent = world.next_attempt("b@d.test", 3).await;
    sent.is_sent_clear(NoTls::NotOffered);
    assert_eq!((sent.level, sent.decided_by.revision), (Level::Try, 3));
    assert_eq!(sent.decided_by.rule.as_deref(), Some("Try instead"));
    let event = world.event("queue.reevaluate").await;
    assert_eq!(event.author.unwrap().reason.as_deref(), Some("they have no TLS"));
    let change = &event.detail["changed"][0];
    assert_eq!(change["recipient"], "b@d.test");
    assert_eq!(
        (&change["before"]["level"], &change["after"]["level"]),
        (&"require".into(), &"try".into())
    );
    let received = &mx.messages()[0];
    let fields = String::from_utf8_lossy(&received.message);
    assert!(fields.contains("x-TLSLevel: Try\r\n") && !fields.contains("Require"), "{fields}");
    world.finish().await;
}

#[tokio::test]
async fn t13_rule_changed_to_require_while_queued_holds_when_somebody_asks() {
    // Nothing about the recipient is ever said in clear text, so that I1 holds for it in the end.
    let banner = Banner::Say("421 4.3.2 later".to_owned());
    let busy = FakeMx { banner, ..FakeMx::without_starttls() };
    let (world, mx) = World::with_site(busy, Setup::default()).await;
    let first = world.send_one("b@d.test").await;
    world.apply(&require()).await;
    let second = world.next_attempt("b@d.test", 2).await;
    for attempt in [first, second] {
        assert_eq!((attempt.outcome, attempt.level), (Ending::Deferred, Level::Try), "{attempt:?}");
    }
    mx.set(FakeMx::without_starttls(), &world.ca);
    let words = ["queue", "reevaluate", "--filter", "level=try and domain=d.test", "--count", "1"];
    let (status, text) = verb(&world, &words).await;
    assert_eq!(status, 0, "{text}");
    let attempt = world.next_attempt("b@d.test", 3).await;
    attempt.is_deferred("4.7.4", Why::StartTlsNotOffered);
    assert_eq!((attempt.level, attempt.decided_by.revision), (Level::Require, 3));
    assert!(mx.messages().is_empty());
    world.finish().await;
}

#[tokio::test]
async fn a_new_verdict_other_than_deliver_is_carried_out() {
    let (world, mx) = World::with_site(FakeMx::without_starttls(), Setup::with(require())).await;
    world.send_one("b@d.test").await.is_deferred("4.7.4", Why::StartTlsNotOffered);
    world.apply("[[rule]]\nname = \"Keep\"\nfinal_action = \"quarantine\"\n").await;
    let all = ["queue", "reevaluate", "--domain", "d.test", "--count", "1"];
    let (status, text) = verb(&world, &all).await;
    assert_eq!(status, 0, "{text}");
    assert!(world.queue().await.iter().all(|entry| entry.domain != "d.test"));
    let (_, kept) = verb(&world, &["quarantine", "list"]).await;
    assert!(kept.contains("b@d.test") && kept.contains("Keep"), "{kept}");
    world.send_text(&["c@d.test"], "Subject: x\r\n\r\nx\r\n").await;
    assert!(mx.messages().is_empty());
    world.finish().await;
}
