//! Groups I, J and L, the rows about what a TLS peer may do to us: offer too much, say too much, be somebody else.

use gatepost_policy::evidence::{Attempt, Ending, Stage, Why};
use gatepost_policy::tls::VerifiedBy;
use gatepost_testkit::{Cert, FakeMx, Versions};

use crate::verdict::Verdict;
use crate::world::{Setup, World, header_rule, require};

fn verify() -> Setup<'static> {
    Setup::with(header_rule("Verified TLS", None, "x-TLSLevel:Verify"))
}

#[tokio::test]
async fn i08_unreachable_ipv6_gives_way_to_ipv4_under_the_same_demand() {
    let mut world = World::new().await;
    let good = world.site("d.test", FakeMx::default()).await;
    let bad = world.site("bad.test", FakeMx::with_cert(Cert::WrongName)).await;
    // An address of the loopback network on which nobody listens.
    let nobody = "::1".parse().expect("an address");
    for mx in [&good, &bad] {
        world.dns.set_addresses(mx.name(), &[nobody, mx.address().ip()]);
    }
    world.start(verify()).await;
    let attempt = world.send_one("b@d.test").await;
    attempt.is_sent_tls();
    assert_eq!(attempt.tls.as_ref().unwrap().verified_by, VerifiedBy::WebPki);
    assert_eq!(attempt.address, Some(good.address().to_string()));
    ipv6_came_first(&attempt);
    // The address that is reached does not loosen what the host must show.
    let attempt = world.send_one("b@bad.test").await;
    attempt.is_deferred("4.7.5", Why::CertName);
    ipv6_came_first(&attempt);
    assert!(bad.messages().is_empty());
    world.finish().await;
}

fn ipv6_came_first(attempt: &Attempt) {
    let [first, second] = &attempt.tries[..] else { panic!("{attempt:#?}") };
    assert!(first.address.as_deref().is_some_and(|at| at.starts_with("[::1]:")), "{first:?}");
    assert_eq!((first.stage, first.why), (Stage::Connect, Some(Why::ConnectRefused)), "{first:?}");
    assert_eq!(first.host, second.host);
}

#[tokio::test]
async fn i08_both_addresses_of_a_host_must_show_the_same() {
    let mut world = World::new().await;
    let good = world.site("d.test", FakeMx::default()).await;
    let Ok(other) = world.mx_on_ipv6("mx.d.test", FakeMx::with_cert(Cert::SelfSigned)).await else {
        eprintln!("SKIPPED: no IPv6 on the loopback network of this machine");
        world.start(verify()).await;
        return world.finish().await;
    };
    world.dns.set_addresses("mx.d.test", &[other.address().ip(), good.address().ip()]);
    world.start(verify()).await;
    // A host that was reached has been asked: by IPv6 it must show what it would have to show by IPv4.
    let attempt = world.send_one("b@d.test").await;
    attempt.is_deferred("4.7.5", Why::CertUntrusted);
    assert_eq!(attempt.address, Some(other.address().to_string()));
    assert!(other.messages().is_empty());
    other.set(FakeMx::default(), &world.ca);
    let attempt = world.next_attempt("b@d.test", 2).await;
    attempt.is_sent_tls();
    assert_eq!(attempt.address, Some(other.address().to_string()));
    world.finish().await;
}

#[tokio::test]
async fn j17_early_data_is_never_used_and_no_ticket_is_offered_back() {
    let levels = ["Try", "Require", "Verify"];
    let rules: String = levels
        .iter()
        .map(|level| {
            let recipient = format!("{}@d.test", level.to_lowercase());
            header_rule(level, Some(&recipient), &format!("x-TLSLevel:{level}"))
        })
        .collect();
    for versions in [Versions::Only13, Versions::Only12] {
        let script = FakeMx { early_data: 16 * 1024, versions, ..FakeMx::default() };
        let (world, mx) = World::with_site(script, Setup::with(rules.clone())).await;
        for round in 1..=2 {
            for level in levels {
                let recipient = format!("{}@d.test", level.to_lowercase());
                world.send(&[&recipient]).await;
                world.attempt(&recipient, round).await.is_sent_tls();
            }
            // No session from before a change of the policy is used after it: each makes another handshake.
            let more = header_rule("Another", Some("elsewhere.test"), "x-TLSLevel:Verify");
            world.apply(&format!("{more}{rules}")).await;
        }
        let seen = mx.connections();
        assert_eq!(seen.len(), 6);
        for connection in seen {
            assert!(connection.hello);
            assert!(!connection.offered.early_data && !connection.offered.ticket);
            assert!(!connection.tls.unwrap().resumed);
        }
        world.finish().await;
    }
}

/// Whoever answers must be done with it long before a time limit: no attempt here waits for one.
#[tokio::test]
async fn l15_certificate_chain_of_a_megabyte_is_not_taken() {
    for (versions, setup) in [
        (Versions::Only13, Setup::with(require())),
        (Versions::Only12, Setup::with(require())),
        (Versions::Both, verify()),
    ] {
        let script = FakeMx { versions, ..FakeMx::with_cert(Cert::LongChain) };
        let (world, mx) = World::with_site(script, setup).await;
        world.send_one("b@d.test").await.is_deferred("4.7.5", Why::TlsAlert);
        assert_eq!(mx.connections().len(), 1);
        assert!(mx.connections()[0].tls.is_none());
        world.finish().await;
    }
}

#[tokio::test]
async fn l15_ten_thousand_key_updates_end_the_session() {
    for setup in [Setup::with(require()), verify()] {
        let script = FakeMx { key_updates: 10_000, ..FakeMx::default() };
        let (world, mx) = World::with_site(script, setup).await;
        world.send_one("b@d.test").await.is_deferred("4.7.5", Why::TlsAlert);
        assert_eq!(mx.connections().len(), 1);
        assert!(mx.connections()[0].lines.iter().all(|line| line.verb() != "MAIL"));
        world.finish().await;
    }
}

/// The documented limit of Verify (RFC 7672 section 1.3): it proves that the host is who MX says, not that MX is true.
#[tokio::test]
async fn l17_forged_mx_is_good_for_verify_where_its_certificate_is_good() {
    let mut world = World::new().await;
    let honest = world.site("d.test", FakeMx::default()).await;
    let attacker = world.mx("mx.attacker.test", FakeMx::default()).await;
    let stranger = world.mx("mx.stranger.test", FakeMx::with_cert(Cert::WrongName)).await;
    world.dns.set_mx("d.test", &[(10, "mx.attacker.test")]);
    world.dns.set_mx("e.test", &[(10, "mx.stranger.test")]);
    world.start(verify()).await;
    let attempt = world.send_one("b@d.test").await;
    attempt.is_sent_tls();
    // The evidence says where it went.
    assert_eq!(attempt.host.as_deref(), Some("mx.attacker.test"));
    assert_eq!(attempt.tls.unwrap().verified_by, VerifiedBy::WebPki);
    assert_eq!((attacker.messages().len(), honest.messages().len()), (1, 0));
    // A forger without a certificate for the name that it forged gets nothing.
    let attempt = world.send_one("b@e.test").await;
    assert_eq!(attempt.outcome, Ending::Deferred);
    attempt.is_deferred("4.7.5", Why::CertName);
    assert!(stranger.messages().is_empty());
    world.finish().await;
}
