//! Group B: Try. TLS when it can be had, clear text when it cannot, and never a message stuck because of TLS.

use std::time::Duration;

use gatepost_policy::evidence::{Ending, NoTls, Stage, Why};
use gatepost_policy::tls::VerifiedBy;
use gatepost_testkit::{After220, Answer, Banner, Cert, Channel, Ehlo, FakeMx, HangUp, Weakness};

use crate::verdict::Verdict;
use crate::world::{Setup, World, header_rule};

/// What every row about a broken handshake expects: clear text on a new connection within the same attempt, and on the
/// first one nothing but the attempt at TLS.
async fn goes_clear_on_a_new_connection(script: FakeMx, setup: Setup<'_>) -> Vec<Why> {
    let (world, mx) = World::with_site(script, setup).await;
    let attempt = world.send_one("b@d.test").await;
    attempt.is_sent_clear(NoTls::HandshakeFailed);
    let seen = mx.connections();
    assert_eq!(seen.len(), 2, "{seen:#?}");
    assert!(
        matches!(seen[0].clear_verbs().join(" ").as_str(), "EHLO STARTTLS" | "EHLO STARTTLS QUIT"),
        "{seen:#?}"
    );
    assert!(
        seen[0].messages.is_empty() && !seen[1].clear_verbs().contains(&"STARTTLS".to_owned()),
        "{seen:#?}"
    );
    assert_eq!(mx.messages().len(), 1);
    assert_eq!(attempt.tries.len(), 2, "{attempt:#?}");
    assert_eq!((attempt.tries[0].stage, attempt.tries[1].why), (Stage::Tls, None), "{attempt:#?}");
    world.finish().await;
    attempt.tries.iter().filter_map(|tried| tried.why).collect()
}

/// What a refusal of STARTTLS expects: clear text on the same connection.
async fn goes_clear_on_the_same_connection(reply: &str) {
    let (world, mx) = World::with_site(FakeMx::answering_starttls(reply), Setup::default()).await;
    world.send_one("b@d.test").await.is_sent_clear(NoTls::Refused);
    let seen = mx.connections();
    assert_eq!(seen.len(), 1, "{reply}");
    assert_eq!(seen[0].clear_verbs()[..4], ["EHLO", "STARTTLS", "MAIL", "RCPT"], "{reply}");
    world.finish().await;
}

#[tokio::test]
async fn b01_temporary_refusal_of_starttls_goes_clear_on_the_same_connection() {
    goes_clear_on_the_same_connection("454 4.7.0 TLS not available").await;
}

#[tokio::test]
async fn b02_permanent_refusal_of_starttls_goes_clear_on_the_same_connection() {
    for reply in ["554 5.7.3 no", "502 5.5.1 unknown", "501 5.5.4 no parameters"] {
        goes_clear_on_the_same_connection(reply).await;
    }
}

#[tokio::test]
async fn b04_close_after_220_goes_clear_on_a_new_connection() {
    let whys =
        goes_clear_on_a_new_connection(FakeMx::breaking(After220::Close), Setup::default()).await;
    assert_eq!(whys, [Why::TlsClosed]);
    goes_clear_on_a_new_connection(FakeMx::breaking(After220::Reset), Setup::default()).await;
}

#[tokio::test]
async fn b04_loss_at_the_ehlo_under_tls_counts_as_a_failed_handshake() {
    let script = FakeMx {
        hang_up: HangUp::AtTlsEhlo,
        later: vec![(2, FakeMx::default())],
        ..FakeMx::default()
    };
    let (world, mx) = World::with_site(script, Setup::default()).await;
    world.send_one("b@d.test").await.is_sent_clear(NoTls::HandshakeFailed);
    assert_eq!(mx.connections().len(), 2);
    assert_eq!(mx.connections()[0].verbs(Channel::Tls), ["EHLO"]);
    world.finish().await;
}

#[tokio::test]
async fn b04_positive_reply_that_is_not_220_counts_as_a_failed_handshake() {
    for reply in ["250 2.0.0 fine", "421 4.3.2 going down"] {
        let whys =
            goes_clear_on_a_new_connection(FakeMx::answering_starttls(reply), Setup::default())
                .await;
        assert_eq!(whys, [Why::StartTlsBadReply], "{reply}");
    }
}

#[tokio::test]
async fn b04_bytes_behind_the_220_count_as_a_failed_handshake() {
    let script = FakeMx { behind_starttls: b"250 injected\r\n".to_vec(), ..FakeMx::default() };
    let whys = goes_clear_on_a_new_connection(script, Setup::default()).await;
    assert_eq!(whys, [Why::ResponseInjection]);
}

#[tokio::test]
async fn b05_handshake_failure_alert_goes_clear_on_a_new_connection() {
    let whys =
        goes_clear_on_a_new_connection(FakeMx::breaking(After220::Alert(40)), Setup::default())
            .await;
    assert_eq!(whys, [Why::TlsAlert]);
    let whys =
        goes_clear_on_a_new_connection(FakeMx::breaking(After220::Alert(70)), Setup::default())
            .await;
    assert_eq!(whys, [Why::TlsVersion]);
}

#[tokio::test]
async fn b06_old_tls_only_goes_clear_on_a_new_connection() {
    let mut world = World::new().await;
    let old = world.weak_site("d.test", Weakness::Tls10).await;
    world.start(Setup::default()).await;
    if let Some(old) = old {
        world.send_one("b@d.test").await.is_sent_clear(NoTls::HandshakeFailed);
        let seen = old.connections();
        assert_eq!(seen.len(), 2, "{seen:#?}");
        assert_eq!(seen[0].clear_verbs(), ["EHLO", "STARTTLS"]);
    }
    world.finish().await;
}

#[tokio::test]
async fn b08_garbage_after_220_goes_clear_on_a_new_connection() {
    let garbage = After220::Garbage(b"220 this is not TLS\r\n".to_vec());
    goes_clear_on_a_new_connection(FakeMx::breaking(garbage), Setup::default()).await;
}

#[tokio::test]
async fn b08_silence_after_220_goes_clear_on_a_new_connection() {
    let setup = Setup { delivery: "tls_timeout = \"500ms\"", ..Setup::default() };
    let whys = goes_clear_on_a_new_connection(FakeMx::breaking(After220::Stall), setup).await;
    assert_eq!(whys, [Why::TlsTimeout]);
}

#[tokio::test]
async fn b09_bad_certificate_is_observed_and_not_acted_on() {
    let mut world = World::new().await;
    let kinds = [
        ("good", Cert::Good),
        ("self", Cert::SelfSigned),
        ("expired", Cert::Expired),
        ("wrongname", Cert::WrongName),
        ("otherca", Cert::OtherCa),
    ];
    for (name, cert) in &kinds {
        world.site(&format!("{name}.test"), FakeMx::with_cert(cert.clone())).await;
    }
    world.start(Setup::default()).await;
    for (name, cert) in kinds {
        let attempt = world.send_one(&format!("b@{name}.test")).await;
        attempt.is_sent_tls();
        let observed = attempt.tls.map(|tls| tls.verified_by);
        let wanted = if cert == Cert::Good { VerifiedBy::WebPki } else { VerifiedBy::None };
        assert_eq!(observed, Some(wanted), "{name}");
    }
    world.finish().await;
}

#[tokio::test]
async fn b10_weak_certificate_never_keeps_mail_in_the_queue() {
    let mut world = World::new().await;
    let mut recipients = Vec::new();
    for (domain, weakness) in [
        ("rsa.test", Weakness::Rsa1024),
        ("vone.test", Weakness::Version1),
        ("sha.test", Weakness::Sha1),
    ] {
        if world.weak_site(domain, weakness).await.is_some() {
            recipients.push(format!("b@{domain}"));
        }
    }
    world.start(Setup::default()).await;
    for recipient in recipients {
        let attempt = world.send_one(&recipient).await;
        assert_eq!(attempt.outcome, Ending::Delivered, "{attempt:#?}");
        assert!(
            attempt.tls.is_some() || attempt.clear_because == Some(NoTls::HandshakeFailed),
            "{attempt:#?}"
        );
    }
    world.finish().await;
}

#[tokio::test]
async fn b11_request_for_a_client_certificate_is_answered_without_one() {
    let script = FakeMx { asks_client_certificate: true, ..FakeMx::default() };
    let (world, mx) = World::with_site(script, Setup::default()).await;
    world.send_one("b@d.test").await.is_sent_tls();
    assert!(!mx.connections()[0].tls.as_ref().unwrap().client_certificate);
    world.finish().await;
}

#[tokio::test]
async fn b13_refusal_of_the_message_under_tls_is_final_and_never_tried_in_clear() {
    let script = FakeMx { mail: Answer::from("550 5.7.1 not from you"), ..FakeMx::default() };
    let (world, mx) = World::with_site(script, Setup::default()).await;
    let attempt = world.send_one("b@d.test").await;
    attempt.is_failed("5.7.1", Why::RemoteReply);
    assert!(attempt.reply.as_deref().unwrap_or_default().contains("not from you"));
    assert_eq!(mx.connections().len(), 1);
    let report = String::from_utf8(world.report().await.message).unwrap();
    assert!(report.contains("Action: failed") && report.contains("5.7.1"), "{report}");
    world.finish().await;
}

#[tokio::test]
async fn b14_loss_inside_data_under_tls_waits_and_begins_with_tls_again() {
    let script = FakeMx {
        hang_up: HangUp::InData(20),
        later: vec![(2, FakeMx::default())],
        ..FakeMx::default()
    };
    let (world, mx) = World::with_site(script, Setup::default()).await;
    world.send_one("b@d.test").await.is_deferred("4.4.2", Why::ConnectionLost);
    assert_eq!(mx.connections().len(), 1);
    world.next_attempt("b@d.test", 2).await.is_sent_tls();
    assert_eq!(mx.connections().len(), 2);
    world.finish().await;
}

#[tokio::test]
async fn b15_tls_at_another_host_comes_before_clear_text() {
    let mut world = World::new().await;
    let (broken, good) =
        world.two_hosts("d.test", FakeMx::breaking(After220::Alert(40)), FakeMx::default()).await;
    world.start(Setup::default()).await;
    let attempt = world.send_one("b@d.test").await;
    attempt.is_sent_tls();
    assert_eq!(attempt.host.as_deref(), Some("mx2.d.test"));
    assert_eq!(broken.connections().len(), 1);
    assert!(broken.messages().is_empty());
    assert_eq!(good.messages().len(), 1);
    world.finish().await;
}

#[tokio::test]
async fn b16_when_every_handshake_fails_the_best_host_gets_it_in_clear_in_the_same_attempt() {
    let mut world = World::new().await;
    let alert = || FakeMx::breaking(After220::Alert(40));
    let (first, second) = world.two_hosts("d.test", alert(), alert()).await;
    world.start(Setup::default()).await;
    let attempt = world.send_one("b@d.test").await;
    attempt.is_sent_clear(NoTls::HandshakeFailed);
    assert_eq!(attempt.host.as_deref(), Some("mx1.d.test"));
    assert_eq!(attempt.tries.len(), 3, "{attempt:#?}");
    assert_eq!((first.connections().len(), second.connections().len()), (2, 1));
    world.finish().await;
}

#[tokio::test]
async fn b18_preference_comes_before_tls_unless_it_is_set_otherwise() {
    for (delivery, host) in [("", "mx1.d.test"), ("try_prefer_tls = \"any_mx\"", "mx2.d.test")] {
        let mut world = World::new().await;
        world.two_hosts("d.test", FakeMx::without_starttls(), FakeMx::default()).await;
        world.start(Setup { delivery, ..Setup::default() }).await;
        let attempt = world.send_one("b@d.test").await;
        assert_eq!(attempt.host.as_deref(), Some(host));
        if host == "mx1.d.test" {
            attempt.is_sent_clear(NoTls::NotOffered);
        } else {
            attempt.is_sent_tls();
        }
        world.finish().await;
    }
}

#[tokio::test]
async fn b18_any_mx_goes_clear_when_no_host_has_tls() {
    let mut world = World::new().await;
    world
        .two_hosts("d.test", FakeMx::without_starttls(), FakeMx::answering_starttls("454 4.7.0 no"))
        .await;
    world.start(Setup { delivery: "try_prefer_tls = \"any_mx\"", ..Setup::default() }).await;
    let attempt = world.send_one("b@d.test").await;
    attempt.is_sent_clear(NoTls::NotOffered);
    assert_eq!(attempt.host.as_deref(), Some("mx1.d.test"));
    world.finish().await;
}

#[tokio::test]
async fn b23_fallback_never_waits_instead_of_going_clear() {
    let setup = Setup { delivery: "try_fallback = \"never\"", ..Setup::default() };
    let (world, mx) = World::with_site(FakeMx::breaking(After220::Alert(40)), setup).await;
    world.send_one("b@d.test").await.is_deferred("4.7.5", Why::TlsAlert);
    world.next_attempt("b@d.test", 2).await.is_deferred("4.7.5", Why::TlsAlert);
    assert!(mx.messages().is_empty());
    world.finish().await;
}

#[tokio::test]
async fn b23_fallback_after_backoff_waits_once() {
    let setup = Setup { delivery: "try_fallback = \"after_backoff\"", ..Setup::default() };
    let (world, mx) = World::with_site(FakeMx::breaking(After220::Alert(40)), setup).await;
    world.send_one("b@d.test").await.is_deferred("4.7.5", Why::TlsAlert);
    assert_eq!(mx.connections().len(), 1);
    world.next_attempt("b@d.test", 2).await.is_sent_clear(NoTls::HandshakeFailed);
    world.finish().await;
}

#[tokio::test]
async fn b01_refusal_waits_where_that_is_set_and_only_a_temporary_one() {
    let setup = Setup { delivery: "try_on_454 = \"defer\"", ..Setup::default() };
    let mut world = World::new().await;
    world.site("d.test", FakeMx::answering_starttls("454 4.7.0 not now")).await;
    world.site("e.test", FakeMx::answering_starttls("502 5.5.1 unknown")).await;
    world.start(setup).await;
    world.send_one("b@d.test").await.is_deferred("4.7.4", Why::StartTlsRefused);
    world.send_one("b@e.test").await.is_sent_clear(NoTls::Refused);
    world.finish().await;
}

#[tokio::test]
async fn b26_overwritten_keyword_goes_clear_and_is_written_down() {
    let script =
        FakeMx { ehlo: Ehlo::replacing("STARTTLS", "XXXXXXXA"), ..FakeMx::without_starttls() };
    let (world, _) = World::with_site(script, Setup::default()).await;
    world.send_one("b@d.test").await.is_sent_clear(NoTls::NotOffered);
    let event = world.event("starttls-stripped-suspect").await;
    assert!(event.detail.to_string().contains("mx.d.test"), "{event:?}");
    world.finish().await;
}

#[tokio::test]
async fn b27_busy_banner_waits_and_is_no_reason_against_tls() {
    let script = FakeMx {
        banner: Banner::Say("421 4.3.2 too busy".to_owned()),
        later: vec![(2, FakeMx::default())],
        ..FakeMx::default()
    };
    let (world, mx) = World::with_site(script, Setup::default()).await;
    let attempt = world.send_one("b@d.test").await;
    attempt.is_deferred("4.3.2", Why::RemoteReply);
    world.later(Duration::from_secs(3600));
    world.attempt("b@d.test", 2).await.is_sent_tls();
    assert_eq!(mx.connections().len(), 2);
    world.finish().await;
}

#[tokio::test]
async fn b19_failed_handshake_is_remembered_and_tls_is_tried_again_later() {
    let (world, mx) =
        World::with_site(FakeMx::breaking(After220::Alert(40)), Setup::default()).await;
    world.send_one("b@d.test").await.is_sent_clear(NoTls::HandshakeFailed);
    assert_eq!(mx.connections().len(), 2);
    // No session waits any more, and the handshake is still remembered.
    world.later(Duration::from_secs(60));
    world.send(&["b@d.test"]).await;
    world.attempt("b@d.test", 2).await.is_sent_clear(NoTls::HandshakeFailed);
    let seen = mx.connections();
    assert_eq!(seen.len(), 3);
    assert!(seen[2].lines.iter().all(|line| line.verb() != "STARTTLS"), "{:?}", seen[2].lines);
    // A quarter of an hour after it, TLS works.
    mx.set(FakeMx::default(), &world.ca);
    world.later(Duration::from_secs(15 * 60));
    world.send(&["b@d.test"]).await;
    world.attempt("b@d.test", 3).await.is_sent_tls();
    world.finish().await;
}

#[tokio::test]
async fn b19_remembered_host_is_no_reason_to_pass_a_host_with_tls_over() {
    let mut world = World::new().await;
    let (first, second) = world
        .two_hosts("d.test", FakeMx::breaking(After220::Alert(40)), FakeMx::without_starttls())
        .await;
    world.start(Setup { delivery: "try_prefer_tls = \"any_mx\"", ..Setup::default() }).await;
    world.send_one("b@d.test").await.is_sent_clear(NoTls::HandshakeFailed);
    assert_eq!((first.connections().len(), second.connections().len()), (2, 1));
    second.set(FakeMx::default(), &world.ca);
    world.later(Duration::from_secs(60));
    world.send(&["b@d.test"]).await;
    let attempt = world.attempt("b@d.test", 2).await;
    attempt.is_sent_tls();
    assert_eq!(attempt.host.as_deref(), Some("mx2.d.test"));
    assert_eq!(first.connections().len(), 2, "what is known to fail was not tried before it");
    world.finish().await;
}

#[tokio::test]
async fn b21_certificate_that_is_not_good_enough_is_no_broken_tls() {
    let rules = header_rule("Verified", Some("a@d.test"), "x-TLSLevel:Verify");
    let (world, mx) =
        World::with_site(FakeMx::with_cert(Cert::WrongName), Setup::with(rules)).await;
    world.send_one("a@d.test").await.is_deferred("4.7.5", Why::CertName);
    world.send_one("b@d.test").await.is_sent_tls();
    assert_eq!(mx.connections().len(), 2);
    world.finish().await;
}

#[tokio::test]
async fn site_that_takes_mail_under_tls_alone_and_breaks_its_handshake_makes_mail_wait() {
    let script = FakeMx {
        mail: Answer::from("530 5.7.0 Must issue a STARTTLS command first"),
        ..FakeMx::breaking(After220::Alert(40))
    };
    let (world, mx) = World::with_site(script, Setup::default()).await;
    world.send_one("b@d.test").await.is_deferred("4.7.0", Why::RemoteReply);
    assert_eq!(mx.connections().len(), 2);
    world.finish().await;
}
