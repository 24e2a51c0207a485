//! `[[tls_policy]]`: the rows of group G that need neither DANE nor MTA-STS, and what each level and an end mean on the
//! wire.

use std::time::Duration;

use gatepost_policy::evidence::{Ending, NoTls, Why};
use gatepost_policy::tls::Level;
use gatepost_testkit::{Banner, Cert, FakeMx};

use crate::verdict::Verdict;
use crate::world::{Setup, World, header_rule, require};

fn policy(domains: &str, level: &str, until: Option<&str>) -> String {
    let until = until.map(|day| format!("until = \"{day}\"\n")).unwrap_or_default();
    format!("[[tls_policy]]\ndomains = {domains}\nlevel = \"{level}\"\n{until}\n")
}

fn for_site(level: &str) -> String {
    policy("[\"d.test\"]", level, None)
}

/// The System Rule writes this for `b@d.test`, whatever decides in the end.
fn header_is_try(world: &mut World) {
    world.expected.fields.insert("b@d.test".to_owned(), vec!["x-TLSLevel: Try".to_owned()]);
}

#[tokio::test]
async fn a_policy_of_plain_does_not_even_try_under_try() {
    let (mut world, mx) = World::with_site(FakeMx::default(), Setup::with(for_site("plain"))).await;
    header_is_try(&mut world);
    let attempt = world.send_one("b@d.test").await;
    attempt.is_sent_clear(NoTls::LevelPlain);
    assert_eq!(attempt.level, Level::Plain);
    assert_eq!(attempt.decided_by.tls_policy.as_deref(), Some("d.test"));
    assert!(!mx.connections()[0].clear_verbs().contains(&"STARTTLS".to_owned()));
    world.finish().await;
}

#[tokio::test]
async fn a_policy_of_plain_loses_to_any_demand() {
    let rules = format!("{}{}", for_site("plain"), require());
    let (world, mx) = World::with_site(FakeMx::without_starttls(), Setup::with(rules)).await;
    world.send_one("b@d.test").await.is_deferred("4.7.4", Why::StartTlsNotOffered);
    assert!(mx.messages().is_empty());
    world.finish().await;
}

#[tokio::test]
async fn a_header_of_plain_never_wins_over_a_policy() {
    let plain = header_rule("No TLS", None, "x-TLSLevel:Plain");
    let rules = format!("{}{plain}", for_site("try"));
    let (mut world, _mx) = World::with_site(FakeMx::default(), Setup::with(rules)).await;
    let field = vec!["x-TLSLevel: Plain".to_owned()];
    world.expected.fields.insert("b@d.test".to_owned(), field);
    let attempt = world.send_one("b@d.test").await;
    attempt.is_sent_tls();
    assert_eq!(attempt.level, Level::Try);
    assert_eq!(attempt.decided_by.tls_policy.as_deref(), Some("d.test"));
    world.finish().await;
}

#[tokio::test]
async fn a_policy_of_require_enforces_what_the_header_only_tries() {
    let setup = || Setup::with(for_site("require"));
    let (world, mx) = World::with_site(FakeMx::without_starttls(), setup()).await;
    let attempt = world.send_one("b@d.test").await;
    attempt.is_deferred("4.7.4", Why::StartTlsNotOffered);
    assert_eq!((attempt.level, attempt.decided_by.header), (Level::Require, None));
    assert_eq!(attempt.decided_by.tls_policy.as_deref(), Some("d.test"));
    assert_eq!(mx.connections()[0].clear_verbs(), ["EHLO", "QUIT"]);
    world.finish().await;

    let (mut world, _mx) = World::with_site(FakeMx::with_cert(Cert::SelfSigned), setup()).await;
    header_is_try(&mut world);
    world.send_one("b@d.test").await.is_sent_tls();
    world.finish().await;
}

#[tokio::test]
async fn a_policy_of_verify_wants_a_good_certificate() {
    let mut world = World::new().await;
    world.site("d.test", FakeMx::with_cert(Cert::Expired)).await;
    world.site("sub.d.test", FakeMx::default()).await;
    world.expected.fields.insert("b@sub.d.test".to_owned(), vec!["x-TLSLevel: Try".to_owned()]);
    let rules = policy("[\"d.test\", \".d.test\"]", "verify", None);
    world.start(Setup::with(rules)).await;
    world.send_one("b@d.test").await.is_deferred("4.7.5", Why::CertExpired);
    let attempt = world.send_one("b@sub.d.test").await;
    attempt.is_sent_tls();
    assert_eq!(attempt.decided_by.tls_policy.as_deref(), Some(".d.test"));
    world.finish().await;
}

#[tokio::test]
async fn g02_header_require_holds_beside_a_policy_of_try() {
    let rules = format!("{}{}", for_site("try"), require());
    let (world, mx) = World::with_site(FakeMx::without_starttls(), Setup::with(rules)).await;
    let attempt = world.send_one("b@d.test").await;
    attempt.is_deferred("4.7.4", Why::StartTlsNotOffered);
    assert_eq!(attempt.decided_by.header.as_deref(), Some("x-TLSLevel: Require"));
    assert_eq!(attempt.decided_by.tls_policy, None);
    assert!(mx.messages().is_empty());
    world.finish().await;
}

#[tokio::test]
async fn g03_first_header_decides_among_headers_and_the_policy_beside_them() {
    let rules = format!(
        "{}{}{}",
        for_site("verify"),
        header_rule("First", None, "x-TLSLevel:Try"),
        header_rule("Second", None, "x-TLSLevel:Require")
    );
    let (world, _mx) =
        World::with_site(FakeMx::with_cert(Cert::SelfSigned), Setup::with(rules)).await;
    let attempt = world.send_one("b@d.test").await;
    attempt.is_deferred("4.7.5", Why::CertUntrusted);
    assert_eq!(attempt.decided_by.tls_policy.as_deref(), Some("d.test"));
    world.finish().await;
}

#[tokio::test]
async fn g12_policies_of_a_domain_and_of_the_one_above_hold_both() {
    let rules = format!("{}{}", policy("[\".test\"]", "require", None), for_site("verify"));
    let (world, _mx) =
        World::with_site(FakeMx::with_cert(Cert::SelfSigned), Setup::with(rules)).await;
    world.send_one("b@d.test").await.is_deferred("4.7.5", Why::CertUntrusted);
    world.finish().await;
}

#[tokio::test]
async fn g13_policy_of_the_recipients_domain_holds_at_a_smart_host_too() {
    let mut world = World::new().await;
    let relay = world.mx("relay.test", FakeMx::with_cert(Cert::SelfSigned)).await;
    let rules = format!(
        "[[smart_host]]\ndomains = [\"*\"]\nhost = \"relay.test\"\nport = {}\ntls = \"require\"\n\n{}",
        relay.address().port(),
        for_site("verify")
    );
    world.start(Setup::with(rules)).await;
    let attempt = world.send_one("b@d.test").await;
    attempt.is_deferred("4.7.5", Why::CertUntrusted);
    assert!(relay.messages().is_empty());
    world.finish().await;
}

#[tokio::test]
async fn a_policy_on_the_name_of_the_next_hop_holds_at_that_host_alone() {
    let mut world = World::new().await;
    let (first, second) =
        world.two_hosts("d.test", FakeMx::without_starttls(), FakeMx::without_starttls()).await;
    world.start(Setup::with(policy("[\"mx1.d.test\"]", "require", None))).await;
    let attempt = world.send_one("b@d.test").await;
    attempt.is_sent_clear(NoTls::NotOffered);
    assert_eq!(attempt.host.as_deref(), Some("mx2.d.test"));
    assert!(first.messages().is_empty() && second.messages().len() == 1);
    assert_eq!(first.connections()[0].clear_verbs(), ["EHLO", "QUIT"]);

    world.apply(&policy("[\"*.d.test\"]", "require", None)).await;
    let attempt = world.send_one("c@d.test").await;
    attempt.is_deferred("4.7.4", Why::StartTlsNotOffered);
    assert_eq!(attempt.decided_by.tls_policy.as_deref(), Some("*.d.test"));
    assert_eq!(second.messages().len(), 1);
    world.finish().await;
}

/// The clock starts on 2026-11-24.
#[tokio::test]
async fn a_policy_holds_on_its_last_day_and_for_what_was_taken_on_it() {
    let rules = policy("[\"d.test\"]", "require", Some("2026-11-24"));
    let (world, mx) = World::with_site(FakeMx::without_starttls(), Setup::with(rules)).await;
    world.send_one("b@d.test").await.is_deferred("4.7.4", Why::StartTlsNotOffered);

    world.later(Duration::from_secs(24 * 3600));
    let attempt = world.send_one("c@d.test").await;
    attempt.is_sent_clear(NoTls::NotOffered);
    assert_eq!(attempt.decided_by.tls_policy, None);
    // What was taken on the last day ends without TLS as it began.
    let last = world.attempt("b@d.test", 2).await;
    last.is_failed("4.7.4", Why::StartTlsNotOffered);
    assert_eq!(last.decided_by.tls_policy.as_deref(), Some("d.test"));
    assert!(mx.messages().iter().all(|message| message.to == ["c@d.test"]));
    world.report().await;
    world.drained().await;
    world.finish().await;
}

#[tokio::test]
async fn a_policy_that_is_new_holds_for_waiting_mail() {
    let busy = Banner::Say("421 4.3.2 later".to_owned());
    let script = FakeMx { banner: busy, ..FakeMx::without_starttls() };
    let (world, mx) = World::with_site(script, Setup::default()).await;
    let attempt = world.send_one("b@d.test").await;
    assert_eq!((attempt.outcome, attempt.level), (Ending::Deferred, Level::Try));
    world.apply(&for_site("require")).await;
    mx.set(FakeMx::without_starttls(), &world.ca);
    let attempt = world.next_attempt("b@d.test", 2).await;
    attempt.is_deferred("4.7.4", Why::StartTlsNotOffered);
    assert_eq!(attempt.decided_by.tls_policy.as_deref(), Some("d.test"));
    world.finish().await;
}

#[tokio::test]
async fn a_policy_that_is_gone_holds_for_what_was_taken_under_it() {
    let setup = Setup::with(for_site("require"));
    let (world, mx) = World::with_site(FakeMx::without_starttls(), setup).await;
    world.send_one("b@d.test").await.is_deferred("4.7.4", Why::StartTlsNotOffered);
    world.apply("").await;
    let attempt = world.next_attempt("b@d.test", 2).await;
    attempt.is_deferred("4.7.4", Why::StartTlsNotOffered);
    assert_eq!(attempt.decided_by.tls_policy.as_deref(), Some("d.test"));
    assert!(mx.messages().is_empty());
    world.finish().await;
}
