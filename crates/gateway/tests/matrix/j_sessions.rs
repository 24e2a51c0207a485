//! Groups I and J: which host, and which session. A session carries mail of one destination with one set of demands.

use std::time::Duration;

use gatepost_policy::evidence::{NoTls, Why};
use gatepost_testkit::{After220, Cert, Connection, FakeMx};

use crate::verdict::Verdict;
use crate::world::{Setup, World, header_rule, require};

fn for_one(recipient: &str, level: &str) -> Setup<'static> {
    Setup::with(header_rule("For one address", Some(recipient), &format!("x-TLSLevel:{level}")))
}

#[tokio::test]
async fn i04_address_literal_is_judged_by_its_level() {
    let mut world = World::new().await;
    let (_, require_at) = world.literal(FakeMx::with_cert(Cert::SelfSigned)).await;
    let (_, verify_at) = world.literal(FakeMx::with_cert(Cert::SelfSigned)).await;
    let rules =
        header_rule("Verified", Some(&format!("v@{verify_at}")), "x-TLSLevel:Verify") + &require();
    world.start(Setup::with(rules)).await;
    let (required, verified) = (format!("r@{require_at}"), format!("v@{verify_at}"));
    world.expected.fields.insert(verified.clone(), Vec::new());
    world.send_one(&required).await.is_sent_tls();
    world.send_one(&verified).await.is_deferred("4.7.5", Why::CertUntrusted);
    assert!(world.connections().iter().all(|seen| seen.sni.is_none()), "an address has no SNI");
    world.finish().await;
}

#[tokio::test]
async fn i07_many_addresses_of_one_host_never_hide_another_host() {
    let mut world = World::new().await;
    let mut addresses = Vec::new();
    for _ in 0..12 {
        addresses.push(world.mx("mx1.d.test", FakeMx::without_starttls()).await.address().ip());
    }
    world.dns.set_addresses("mx1.d.test", &addresses);
    let good = world.mx("mx2.d.test", FakeMx::default()).await;
    world.dns.set_mx("d.test", &[(10, "mx1.d.test"), (20, "mx2.d.test")]);
    world.start(Setup::with(require())).await;
    world.send_one("b@d.test").await.is_sent_tls();
    assert_eq!(good.messages().len(), 1);
    world.finish().await;
}

#[tokio::test]
async fn i11_host_with_an_impossible_name_is_passed_over() {
    let mut world = World::new().await;
    let long = format!("{}.d.test", "a.".repeat(140));
    world.mx("mx_2.d.test", FakeMx::default()).await;
    world.dns.set_mx(
        "d.test",
        &[(5, "a b.d.test"), (6, &long), (7, "nul\0.d.test"), (20, "mx_2.d.test")],
    );
    world.start(Setup::default()).await;
    let attempt = world.send_one("b@d.test").await;
    attempt.is_sent_tls();
    assert_eq!(attempt.host.as_deref(), Some("mx_2.d.test"));
    world.finish().await;
}

#[tokio::test]
async fn j01_clear_session_is_never_used_for_mail_that_needs_tls() {
    let script = FakeMx { later: vec![(2, FakeMx::default())], ..FakeMx::without_starttls() };
    let (world, mx) = World::with_site(script, for_one("a@d.test", "Require")).await;
    world.send_one("b@d.test").await.is_sent_clear(NoTls::NotOffered);
    world.send_one("a@d.test").await.is_sent_tls();
    assert_eq!(mx.connections().len(), 2);
    world.finish().await;
}

#[tokio::test]
async fn j02_session_without_proof_is_never_used_for_mail_that_needs_proof() {
    let (world, mx) =
        World::with_site(FakeMx::with_cert(Cert::SelfSigned), for_one("a@d.test", "Verify")).await;
    world.send_one("b@d.test").await.is_sent_tls();
    world.send_one("a@d.test").await.is_deferred("4.7.5", Why::CertUntrusted);
    assert_eq!(mx.connections().len(), 2);
    world.finish().await;
}

#[tokio::test]
async fn j03_levels_do_not_share_sessions() {
    let (world, mx) = World::with_site(FakeMx::default(), for_one("a@d.test", "Verify")).await;
    world.send_one("a@d.test").await.is_sent_tls();
    world.send_one("b@d.test").await.is_sent_tls();
    assert_eq!(mx.connections().len(), 2);
    assert!(mx.connections().iter().all(|seen| !seen.tls.as_ref().unwrap().resumed));
    world.finish().await;
}

#[tokio::test]
async fn j04_domains_on_one_host_do_not_share_sessions() {
    let mut world = World::new().await;
    let script = FakeMx {
        after_220: After220::Alert(40),
        later: vec![(2, FakeMx::default())],
        ..FakeMx::default()
    };
    let mx = world.mx("mx.shared.test", script).await;
    world
        .dns
        .set_mx("one.test", &[(10, "mx.shared.test")])
        .set_mx("two.test", &[(10, "mx.shared.test")]);
    world.start(Setup::with(header_rule("Verified", Some("one.test"), "x-TLSLevel:Verify"))).await;
    world.send_one("b@two.test").await.is_sent_clear(NoTls::HandshakeFailed);
    world.send_one("b@one.test").await.is_sent_tls();
    assert_eq!(mx.connections().len(), 3);
    assert!(mx.connections()[2].tls.is_some());
    world.finish().await;
}

#[tokio::test]
async fn j06_session_from_before_a_change_of_the_policy_is_not_used_after_it() {
    let (world, mx) = World::with_site(FakeMx::default(), Setup::default()).await;
    world.send_one("b@d.test").await.is_sent_tls();
    world.apply(&header_rule("Another", Some("elsewhere.test"), "x-TLSLevel:Verify")).await;
    world.send(&["b@d.test"]).await;
    world.attempt("b@d.test", 2).await.is_sent_tls();
    assert_eq!(mx.connections().len(), 2);
    world.finish().await;
}

#[tokio::test]
async fn a_session_carries_mail_of_other_domains_that_ask_for_the_same() {
    let mut world = World::new().await;
    let mx = world.mx("mx.shared.test", FakeMx::default()).await;
    world
        .dns
        .set_mx("one.test", &[(10, "mx.shared.test")])
        .set_mx("two.test", &[(10, "mx.shared.test")]);
    world.start(Setup::with(require())).await;
    world.send_one("b@one.test").await.is_sent_tls();
    world.send_one("b@two.test").await.is_sent_tls();
    assert_eq!(mx.connections().len(), 1);
    assert_eq!(mx.messages().len(), 2);
    world.finish().await;
}

#[tokio::test]
async fn j13_session_ends_with_its_age_its_messages_and_its_idleness() {
    let setup = Setup { delivery: "messages_per_connection = 20", ..Setup::with(require()) };
    let (world, mx) = World::with_site(FakeMx::default(), setup).await;
    let mut sent = 0;
    let mut send = async |apart: u64| {
        world.later(Duration::from_secs(apart));
        world.send(&["b@d.test"]).await;
        sent += 1;
        world.attempt("b@d.test", sent).await.is_sent_tls();
        mx.connections().len()
    };
    // Its age: thirteen messages, twenty-five seconds apart.
    for _ in 0..12 {
        assert_eq!(send(25).await, 1);
    }
    assert_eq!(send(25).await, 2, "five minutes are over");
    // Its idleness.
    assert_eq!(send(31).await, 3);
    // Its messages.
    for _ in 1..20 {
        assert_eq!(send(1).await, 3);
    }
    assert_eq!(send(1).await, 4, "it carried twenty");
    world.finish().await;
}

#[tokio::test]
async fn j16_session_under_another_name_of_ours_is_not_used() {
    let (world, mx) = World::with_site(FakeMx::default(), Setup::with(require())).await;
    world.send_one("b@d.test").await.is_sent_tls();
    world.rename("other.acme.test").await;
    world.send(&["b@d.test"]).await;
    world.attempt("b@d.test", 2).await.is_sent_tls();
    let seen = mx.connections();
    assert_eq!(seen.len(), 2);
    let hello = |connection: &Connection| connection.lines[0].text.clone();
    assert_eq!(hello(&seen[0]), "EHLO gateway.acme.test");
    assert_eq!(hello(&seen[1]), "EHLO other.acme.test");
    world.finish().await;
}
