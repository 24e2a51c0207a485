//! Group C: Require. TLS or the message waits; nothing of it is ever sent in clear.

use std::sync::Arc;
use std::time::Duration;

use gatepost_net::tls::{Connector, Roots};
use gatepost_policy::evidence::{Ending, NoTls, Stage, Why};
use gatepost_policy::tls::VerifiedBy;
use gatepost_testkit::{After220, Answer, Cert, Ehlo, FakeMx, Weakness};
use rustls::crypto::{CryptoProvider, GetRandomFailed, SecureRandom, aws_lc_rs};
use tokio::task::JoinSet;

use crate::client::Client;
use crate::verdict::Verdict;
use crate::world::{BOUND, SENDER, Setup, World, header_rule, message, require};

fn enforced(delivery: &str) -> Setup<'_> {
    Setup { delivery, rules: require(), ..Setup::default() }
}

#[tokio::test]
async fn c01_require_and_no_starttls_waits_with_ehlo_and_quit_only() {
    let (world, mx) = World::with_site(FakeMx::without_starttls(), enforced("")).await;
    let attempt = world.send_one("b@d.test").await;
    attempt.is_deferred("4.7.4", Why::StartTlsNotOffered);
    assert_eq!(attempt.tries[0].stage, Stage::Ehlo);
    let seen = mx.connections();
    assert_eq!(seen.len(), 1);
    assert_eq!(seen[0].clear_bytes, b"EHLO gateway.acme.test\r\nQUIT\r\n");
    let waiting = world.queue().await;
    assert_eq!(waiting.len(), 1);
    assert_eq!(waiting[0].last.as_ref().unwrap().status, "4.7.4");
    world.finish().await;
}

#[tokio::test]
async fn c03_refusal_of_starttls_waits_and_does_not_bounce() {
    for reply in ["554 5.7.3 no", "454 4.7.0 not now", "502 5.5.1 unknown"] {
        let (world, mx) = World::with_site(FakeMx::answering_starttls(reply), enforced("")).await;
        world.send_one("b@d.test").await.is_deferred("4.7.4", Why::StartTlsRefused);
        assert_eq!(mx.connections()[0].clear_verbs(), ["EHLO", "STARTTLS", "QUIT"], "{reply}");
        assert!(world.attempts(SENDER).await.is_empty(), "nothing is reported");
        world.finish().await;
    }
}

#[tokio::test]
async fn c04_broken_handshake_waits_with_one_connection_an_attempt() {
    let garbage = After220::Garbage(b"220 this is not TLS\r\n".to_vec());
    for (after, why) in [
        (After220::Close, Why::TlsClosed),
        (After220::Reset, Why::TlsClosed),
        (After220::Alert(40), Why::TlsAlert),
        (garbage, Why::TlsAlert),
        (After220::Stall, Why::TlsTimeout),
    ] {
        let (world, mx) =
            World::with_site(FakeMx::breaking(after.clone()), enforced("tls_timeout = \"500ms\""))
                .await;
        let attempt = world.send_one("b@d.test").await;
        attempt.is_deferred("4.7.5", why);
        assert_eq!(mx.connections().len(), 1, "{after:?}");
        world.next_attempt("b@d.test", 2).await.is_deferred("4.7.5", why);
        assert_eq!(mx.connections().len(), 2, "{after:?}");
        world.finish().await;
    }
}

#[tokio::test]
async fn c04_odd_reply_to_starttls_or_bytes_behind_it_wait_too() {
    let injecting = FakeMx { behind_starttls: b"250 injected\r\n".to_vec(), ..FakeMx::default() };
    for (script, why) in [
        (FakeMx::answering_starttls("250 2.0.0 fine"), Why::StartTlsBadReply),
        (FakeMx::answering_starttls("421 4.3.2 going down"), Why::StartTlsBadReply),
        (injecting, Why::ResponseInjection),
    ] {
        let (world, mx) = World::with_site(script, enforced("")).await;
        world.send_one("b@d.test").await.is_deferred("4.7.5", why);
        assert_eq!(mx.connections().len(), 1);
        world.finish().await;
    }
}

#[tokio::test]
async fn c04_reply_to_starttls_of_many_lines_is_read_whole_before_the_handshake() {
    let script = FakeMx::answering_starttls("220-go\n220-ahead\n220 now");
    let (world, mx) = World::with_site(script, enforced("")).await;
    world.send_one("b@d.test").await.is_sent_tls();
    assert!(mx.connections()[0].early.is_empty());
    world.finish().await;
}

#[tokio::test]
async fn c05_old_tls_only_waits_for_its_version() {
    let mut world = World::new().await;
    let mut sites = Vec::new();
    for (domain, weakness) in [
        ("ten.test", Weakness::Tls10),
        ("eleven.test", Weakness::Tls11),
        ("both.test", Weakness::Tls10And11),
    ] {
        if let Some(peer) = world.weak_site(domain, weakness).await {
            sites.push((domain, peer));
        }
    }
    world.start(enforced("")).await;
    for (domain, peer) in sites {
        world.send_one(&format!("b@{domain}")).await.is_deferred("4.7.5", Why::TlsVersion);
        assert_eq!(peer.connections().len(), 1, "{domain}");
    }
    world.finish().await;
}

#[tokio::test]
async fn c06_require_does_not_judge_the_certificate() {
    let mut world = World::new().await;
    let kinds = [
        ("self", Cert::SelfSigned),
        ("expired", Cert::Expired),
        ("wrongname", Cert::WrongName),
        ("otherca", Cert::OtherCa),
    ];
    for (name, cert) in &kinds {
        world.site(&format!("{name}.test"), FakeMx::with_cert(cert.clone())).await;
    }
    world.start(enforced("")).await;
    for (name, _) in kinds {
        let attempt = world.send_one(&format!("b@{name}.test")).await;
        attempt.is_sent_tls();
        assert_eq!(attempt.tls.map(|tls| tls.verified_by), Some(VerifiedBy::None), "{name}");
    }
    world.finish().await;
}

#[tokio::test]
async fn c07_host_without_tls_is_passed_over_for_one_with_it() {
    let mut world = World::new().await;
    let (without, good) =
        world.two_hosts("d.test", FakeMx::without_starttls(), FakeMx::default()).await;
    world.start(enforced("")).await;
    let attempt = world.send_one("b@d.test").await;
    attempt.is_sent_tls();
    assert_eq!(attempt.host.as_deref(), Some("mx2.d.test"));
    assert_eq!(attempt.tries[0].why, Some(Why::StartTlsNotOffered));
    assert_eq!(without.connections()[0].clear_verbs(), ["EHLO", "QUIT"]);
    assert_eq!(good.messages().len(), 1);
    world.finish().await;
}

#[tokio::test]
async fn c09_when_no_host_has_tls_both_are_named() {
    let mut world = World::new().await;
    world.two_hosts("d.test", FakeMx::without_starttls(), FakeMx::without_starttls()).await;
    world.start(enforced("")).await;
    let attempt = world.send_one("b@d.test").await;
    attempt.is_deferred("4.7.4", Why::StartTlsNotOffered);
    let tried: Vec<_> =
        attempt.tries.iter().map(|tried| (tried.host.as_str(), tried.why)).collect();
    let why = Some(Why::StartTlsNotOffered);
    assert_eq!(tried, [("mx1.d.test", why), ("mx2.d.test", why)]);
    world.finish().await;
}

#[tokio::test]
async fn c11_reply_of_the_host_that_got_furthest_is_the_reason() {
    let mut world = World::new().await;
    let greylisting =
        FakeMx { rcpt: Answer::from("450 4.7.1 come back later"), ..FakeMx::default() };
    let (first, second) = world.two_hosts("d.test", greylisting, FakeMx::without_starttls()).await;
    world.start(enforced("")).await;
    let attempt = world.send_one("b@d.test").await;
    attempt.is_deferred("4.7.1", Why::RemoteReply);
    assert_eq!(attempt.host.as_deref(), Some("mx1.d.test"));
    assert!(attempt.reply.as_deref().unwrap_or_default().starts_with("450"), "{attempt:#?}");
    assert!(first.connections()[0].tls.is_some() && second.messages().is_empty());
    world.finish().await;
}

#[tokio::test]
async fn c12_host_that_knows_helo_only_has_no_starttls() {
    let script = FakeMx { ehlo: Ehlo::Refused("502 5.5.1 EHLO?".to_owned()), ..FakeMx::default() };
    let (world, mx) = World::with_site(script, enforced("")).await;
    world.send_one("b@d.test").await.is_deferred("4.7.4", Why::StartTlsNotOffered);
    let verbs = mx.connections()[0].clear_verbs();
    assert!(
        verbs.iter().all(|verb| matches!(verb.as_str(), "EHLO" | "HELO" | "QUIT")),
        "{verbs:?}"
    );
    world.finish().await;
}

#[tokio::test]
async fn c13_anonymous_ciphers_only_wait() {
    let mut world = World::new().await;
    let imitation = world.site("d.test", FakeMx::breaking(After220::Alert(40))).await;
    let real = world.weak_site("e.test", Weakness::Anonymous).await;
    world.start(enforced("")).await;
    let attempt = world.send_one("b@d.test").await;
    assert_eq!(
        (attempt.outcome, attempt.status.as_str()),
        (Ending::Deferred, "4.7.5"),
        "{attempt:#?}"
    );
    assert_eq!(imitation.connections().len(), 1);
    if let Some(real) = real {
        let attempt = world.send_one("b@e.test").await;
        assert_eq!(
            (attempt.outcome, attempt.status.as_str()),
            (Ending::Deferred, "4.7.5"),
            "{attempt:#?}"
        );
        assert_eq!(real.connections().len(), 1);
        assert!(real.connections()[0].tls.is_none());
    }
    world.finish().await;
}

#[tokio::test]
async fn c15_waits_and_then_goes_once_the_host_has_tls() {
    let script = FakeMx { later: vec![(2, FakeMx::default())], ..FakeMx::without_starttls() };
    let (world, mx) = World::with_site(script, enforced("")).await;
    world.send_one("b@d.test").await.is_deferred("4.7.4", Why::StartTlsNotOffered);
    world.next_attempt("b@d.test", 2).await.is_sent_tls();
    assert_eq!(mx.messages().len(), 1);
    world.drained().await;
    assert!(world.attempts(SENDER).await.is_empty(), "nothing is reported");
    world.finish().await;
}

#[tokio::test]
async fn c16_gives_up_after_a_day_and_reports_it() {
    let (world, mx) = World::with_site(FakeMx::without_starttls(), enforced("")).await;
    world.send_one("b@d.test").await.is_deferred("4.7.4", Why::StartTlsNotOffered);
    let mut hours = 0;
    let last = loop {
        world.later(Duration::from_secs(3600 + 400));
        hours += 1;
        let attempt = world.attempt("b@d.test", hours + 1).await;
        if attempt.outcome != Ending::Deferred {
            break attempt;
        }
        attempt.is_deferred("4.7.4", Why::StartTlsNotOffered);
        assert!(hours < 30, "it never gives up");
    };
    assert!(hours >= 21, "gave up after {hours} hours");
    assert_eq!((last.outcome, last.status.as_str()), (Ending::Bounced, "4.7.4"));
    world.attempt(SENDER, 2).await;
    let report = world.reports().pop().expect("the last of them tells of the failure");
    assert_eq!(report.to, [SENDER]);
    let text = String::from_utf8(report.message).unwrap();
    for wanted in [
        "multipart/report",
        "Action: failed",
        "Status: 4.7.4",
        "Final-Recipient: rfc822;",
        "b@d.test",
        "mx.d.test",
    ] {
        assert!(text.contains(wanted), "{wanted} in {text}");
    }
    assert!(!text.contains("..and so on"), "the body of enforced mail is not sent back: {text}");
    assert!(mx.connections().iter().all(|seen| seen.clear_verbs() == ["EHLO", "QUIT"]));
    world.drained().await;
    world.finish().await;
}

#[tokio::test]
async fn c17_bounces_at_once_where_that_is_set_after_every_host_was_tried() {
    let bounce = "enforced_failure = \"bounce\"";
    let mut world = World::new().await;
    let (first, second) =
        world.two_hosts("d.test", FakeMx::without_starttls(), FakeMx::without_starttls()).await;
    world.site("e.test", FakeMx::breaking(After220::Alert(40))).await;
    world.start(enforced(bounce)).await;
    world.send_one("b@d.test").await.is_failed("5.7.4", Why::StartTlsNotOffered);
    assert_eq!((first.connections().len(), second.connections().len()), (1, 1));
    world.send_one("b@e.test").await.is_failed("5.7.5", Why::TlsAlert);
    let report = String::from_utf8(world.report().await.message).unwrap();
    assert!(report.contains("Status: 5.7.4") || report.contains("Status: 5.7.5"), "{report}");
    // Both reports are ours to see before the world ends.
    world.attempt(SENDER, 2).await;
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
async fn c22_fault_of_the_tls_library_here_waits_and_never_goes_clear() {
    let primitives = CryptoProvider { secure_random: &Exhausted, ..aws_lc_rs::default_provider() };
    let connector = Connector::with_provider(Arc::new(primitives), &Roots::System);
    let setup = Setup { connector: Some(connector), ..enforced("") };
    let (world, mx) = World::with_site(FakeMx::default(), setup).await;
    let attempt = world.send_one("b@d.test").await;
    attempt.is_deferred("4.3.5", Why::PolicyBroken);
    assert!(attempt.tls.is_none() && mx.messages().is_empty());
    world.finish().await;
}

/// Messages that wait for one domain in row C23.
const BACKLOG: usize = 1_000;

/// Returns once every message of the backlog has been through this many attempts.
async fn all_tried(world: &World, times: u32) {
    let tried = async {
        loop {
            let waiting = world.queue().await;
            if waiting.len() >= BACKLOG && waiting.iter().all(|entry| entry.attempts >= times) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    assert!(tokio::time::timeout(BOUND, tried).await.is_ok(), "{:#?}", world.queue().await.first());
}

#[tokio::test]
async fn c23_backlog_costs_a_few_probes_an_interval_and_slows_no_other_mail() {
    let rules = header_rule("Enforced", Some("a@d.test"), "x-TLSLevel:Require");
    let (world, mx) = World::with_site(FakeMx::without_starttls(), Setup::with(rules)).await;
    let mut senders = JoinSet::new();
    for _ in 0..20 {
        let gateway = world.smtp();
        senders.spawn(async move {
            let mut client = Client::greeted(gateway).await;
            for _ in 0..BACKLOG / 20 {
                let text = message("waits for TLS");
                let reply = client.send(SENDER, &["a@d.test"], text.as_bytes()).await;
                assert!(reply.starts_with("250 "), "{reply}");
            }
        });
    }
    senders.join_all().await;
    all_tried(&world, 1).await;
    let probes = mx.connections().len();
    assert!((1..=3).contains(&probes), "{probes} probes for the first interval");

    world.send_one("b@d.test").await.is_sent_clear(NoTls::NotOffered);
    let other = mx.connections().len() - probes;
    assert_eq!(other, 1);

    world.later(Duration::from_secs(330));
    all_tried(&world, 2).await;
    let more = mx.connections().len() - probes - other;
    assert!((1..=3).contains(&more), "{more} probes for the second interval");
    let learned = world.attempts("a@d.test").await;
    let own = learned.iter().filter(|attempt| attempt.learned_from.is_none()).count();
    assert_eq!(own, probes + more, "every other attempt says where it has its knowledge from");
    assert!(learned.iter().all(|attempt| attempt.why == Some(Why::StartTlsNotOffered)));

    mx.set(FakeMx::default(), &world.ca);
    world.later(Duration::from_secs(700));
    world.drained().await;
    world.finish().await;
}
