//! Group D, the rows of the level Verify: the certificate counts, and what is wrong with it is the reason.

use gatepost_policy::evidence::Why;
use gatepost_policy::tls::VerifiedBy;
use gatepost_testkit::{Cert, FakeMx, Weakness};

use crate::verdict::Verdict;
use crate::world::{Setup, World, header_rule};

fn verify() -> Setup<'static> {
    Setup::with(header_rule("Verified TLS", None, "x-TLSLevel:Verify"))
}

/// One site for each certificate; what the attempt to it must end in, `None` being SENT tls.
async fn judges(cases: Vec<(&str, Cert, Option<Why>)>) {
    let mut world = World::new().await;
    for (name, cert, _) in &cases {
        world.site(&format!("{name}.test"), FakeMx::with_cert(cert.clone())).await;
    }
    world.start(verify()).await;
    for (name, _, why) in cases {
        let attempt = world.send_one(&format!("b@{name}.test")).await;
        match why {
            None => {
                attempt.is_sent_tls();
                let observed = attempt.tls.map(|tls| tls.verified_by);
                assert_eq!(observed, Some(VerifiedBy::WebPki), "{name}");
            }
            Some(why) => attempt.is_deferred("4.7.5", why),
        }
    }
    world.finish().await;
}

#[tokio::test]
async fn d01_good_certificate_is_proven() {
    judges(vec![("good", Cert::Good, None), ("chain", Cert::Chain, None)]).await;
}

#[tokio::test]
async fn d02_certificate_outside_its_time_waits() {
    judges(vec![
        ("expired", Cert::Expired, Some(Why::CertExpired)),
        ("future", Cert::Future, Some(Why::CertNotYetValid)),
    ])
    .await;
}

#[tokio::test]
async fn d03_certificate_for_another_name_waits() {
    judges(vec![
        ("wrongname", Cert::WrongName, Some(Why::CertName)),
        ("cnonly", Cert::CnOnly, Some(Why::CertName)),
    ])
    .await;
}

#[tokio::test]
async fn d04_certificate_from_nobody_known_waits() {
    judges(vec![
        ("self", Cert::SelfSigned, Some(Why::CertUntrusted)),
        ("otherca", Cert::OtherCa, Some(Why::CertUntrusted)),
        ("nochain", Cert::NoChain, Some(Why::CertIncompleteChain)),
    ])
    .await;
}

#[tokio::test]
async fn d06_wildcard_stands_for_exactly_one_label() {
    let mut world = World::new().await;
    let wild = || FakeMx::with_cert(Cert::Names(vec!["*.mx.test".to_owned()]));
    for (domain, host) in
        [("one.test", "a.mx.test"), ("two.test", "a.b.mx.test"), ("none.test", "mx.test")]
    {
        world.mx(host, wild()).await;
        world.dns.set_mx(domain, &[(10, host)]);
    }
    world.start(verify()).await;
    world.send_one("b@one.test").await.is_sent_tls();
    world.send_one("b@two.test").await.is_deferred("4.7.5", Why::CertName);
    world.send_one("b@none.test").await.is_deferred("4.7.5", Why::CertName);
    world.finish().await;
}

/// The public-suffix rule is off: a certificate of a private CA may be for a whole top-level domain.
#[tokio::test]
async fn d07_wildcard_is_a_whole_label_above_a_domain() {
    let mut world = World::new().await;
    let cases = [("part.test", "m*.test"), ("bare.test", "*"), ("whole.test", "*.test")];
    for (domain, _) in cases {
        world.dns.set_mx(domain, &[(10, "mx.test")]);
    }
    let mx = world.mx("mx.test", FakeMx::default()).await;
    world.start(verify()).await;
    for (domain, name) in cases {
        mx.set(FakeMx::with_cert(Cert::Names(vec![name.to_owned()])), &world.ca);
        let attempt = world.send_one(&format!("b@{domain}")).await;
        if name == "*.test" {
            attempt.is_sent_tls();
            assert_eq!(attempt.tls.unwrap().verified_by, VerifiedBy::WebPki);
        } else {
            attempt.is_deferred("4.7.5", Why::CertName);
        }
    }
    assert_eq!(mx.messages().len(), 1);
    world.finish().await;
}

#[tokio::test]
async fn d09_address_is_proven_by_an_address_alone_and_sent_as_no_name() {
    let mut world = World::new().await;
    let (by_name, named_at) = world.literal(FakeMx::default()).await;
    let (by_address, addressed_at) = world.literal(FakeMx::default()).await;
    by_name.set(FakeMx::with_cert(Cert::Names(vec!["mx.d.test".to_owned()])), &world.ca);
    by_address.set(FakeMx::with_cert(Cert::Address(by_address.address().ip())), &world.ca);
    world.start(verify()).await;
    world.send_one(&format!("b@{named_at}")).await.is_deferred("4.7.5", Why::CertName);
    world.send_one(&format!("b@{addressed_at}")).await.is_sent_tls();
    for mx in [by_name, by_address] {
        assert_eq!(mx.connections()[0].sni, None, "RFC 6066 section 3");
        assert!(mx.connections()[0].hello);
    }
    world.finish().await;
}

#[tokio::test]
async fn d10_certificate_of_a_client_or_beyond_its_issuers_names_waits() {
    judges(vec![
        ("client", Cert::ClientOnly, Some(Why::CertUnsupported)),
        ("beyond", Cert::Constrained, Some(Why::CertUnsupported)),
        // The same issuer, within its names.
        ("allowed", Cert::Constrained, None),
    ])
    .await;
}

/// The CA is trusted and the name is right, so that nothing but the weakness can be the reason.
#[tokio::test]
async fn d10_certificate_with_a_weak_key_or_signature_waits() {
    for weakness in [Weakness::Sha1, Weakness::Rsa1024] {
        let mut world = World::new().await;
        let peer = world.trusted_weak_site("d.test", weakness).await;
        world.start(verify()).await;
        if let Some(peer) = peer {
            world.send_one("b@d.test").await.is_deferred("4.7.5", Why::CertUnsupported);
            let seen = peer.connections();
            assert!(seen.iter().all(|c| c.messages.is_empty()), "{weakness:?}: {seen:#?}");
        }
        world.finish().await;
    }
}

#[tokio::test]
async fn d15_certificate_without_its_key_is_no_proof() {
    let (world, mx) = World::with_site(FakeMx::with_cert(Cert::Stolen), verify()).await;
    let attempt = world.send_one("b@d.test").await;
    assert_eq!(attempt.status, "4.7.5", "{attempt:#?}");
    assert!(mx.messages().is_empty());
    world.finish().await;
}

#[tokio::test]
async fn d16_host_that_fails_is_passed_over_for_one_that_is_proven() {
    let mut world = World::new().await;
    let (expired, good) =
        world.two_hosts("d.test", FakeMx::with_cert(Cert::Expired), FakeMx::default()).await;
    world.start(verify()).await;
    let attempt = world.send_one("b@d.test").await;
    attempt.is_sent_tls();
    assert_eq!(attempt.tries[0].why, Some(Why::CertExpired));
    assert!(expired.messages().is_empty() && good.messages().len() == 1);
    world.finish().await;
}

#[tokio::test]
async fn d17_unusable_roots_wait_and_are_never_taken_for_no_verification() {
    let delivery = "ca_bundle = \"nowhere.pem\"";
    let (world, mx) = World::with_site(FakeMx::default(), Setup { delivery, ..verify() }).await;
    world.send_one("b@d.test").await.is_deferred("4.3.5", Why::PolicyBroken);
    assert!(mx.messages().is_empty());
    world.finish().await;
}

#[tokio::test]
async fn d18_verify_needs_tls_first() {
    let (world, mx) = World::with_site(FakeMx::without_starttls(), verify()).await;
    world.send_one("b@d.test").await.is_deferred("4.7.4", Why::StartTlsNotOffered);
    assert_eq!(mx.connections()[0].clear_verbs(), ["EHLO", "QUIT"]);
    world.finish().await;
}

#[tokio::test]
async fn d19_reason_is_that_of_the_host_that_got_furthest() {
    let mut world = World::new().await;
    world.two_hosts("d.test", FakeMx::with_cert(Cert::WrongName), FakeMx::without_starttls()).await;
    world.start(verify()).await;
    let attempt = world.send_one("b@d.test").await;
    attempt.is_deferred("4.7.5", Why::CertName);
    assert_eq!(attempt.host.as_deref(), Some("mx1.d.test"));
    world.finish().await;
}

#[tokio::test]
async fn d20_name_of_the_host_is_sent_in_the_handshake() {
    let (world, mx) = World::with_site(FakeMx::default(), verify()).await;
    world.send_one("b@d.test").await.is_sent_tls();
    assert_eq!(mx.connections()[0].sni.as_deref(), Some("mx.d.test"));
    assert!(mx.connections()[0].alpn.is_empty());
    world.finish().await;
}
