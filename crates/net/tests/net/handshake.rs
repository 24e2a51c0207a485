//! From the greeting to the EHLO under TLS.

use std::time::Duration;

use gatepost_net::{
    conn::{Conn, Job, Secured, StartTls},
    dial::dial,
    failure::Failure,
    listen::{Listener, ServerTls},
};
use gatepost_policy::{
    evidence::{NoTls, Stage, Why},
    tls::{Level, Proof, SessionRecord, VerifiedBy},
};
use gatepost_testkit::{
    After220, Cert, Channel, Connection, Ehlo, FakeMx, HangUp, StartTls as Answer, TestCa,
    Versions, WeakPeer, Weakness,
};

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::support::{
    HOST, PATIENT, Scripted, Step, World, enforced, requirement, target, trusting,
};

async fn only(world: &World) -> Connection {
    let closed = |all: &[Connection]| all.iter().all(|connection| connection.closed);
    assert!(world.mx.until(Duration::from_secs(20), closed).await, "a connection is still open");
    let all = world.mx.connections();
    assert_eq!(all.len(), 1);
    all.into_iter().next().unwrap()
}

fn record(conn: &Conn<Secured>) -> SessionRecord {
    conn.tls().unwrap().clone()
}

#[tokio::test]
async fn d01_a_good_handshake_is_recorded_as_the_host_saw_it() {
    for (versions, version) in [(Versions::Only12, "TLSv1.2"), (Versions::Only13, "TLSv1.3")] {
        let world = World::new(FakeMx { versions, ..FakeMx::default() }).await;
        let conn = world.secure(Level::Verify).await.unwrap();
        let record = record(&conn);
        assert!(conn.clear_because().is_none());
        conn.quit().await;
        let seen = only(&world).await;
        let tls = seen.tls.unwrap();
        assert_eq!(
            (record.version.as_str(), record.version.as_str()),
            (version, tls.version.as_str())
        );
        assert_eq!(record.cipher, tls.cipher);
        assert_eq!(record.certificate_sha256, Some(tls.certificate_sha256));
        assert_eq!(record.verified_by, VerifiedBy::WebPki);
        assert!(record.proofs.contains(&Proof::PkixMx));
        assert_eq!(seen.sni.as_deref(), Some(HOST));
        assert!(seen.alpn.is_empty() && !tls.resumed && !tls.client_certificate);
        assert_eq!(seen.clear_bytes, b"EHLO client.test\r\nSTARTTLS\r\n");
    }
}

#[tokio::test]
async fn c06_a_certificate_that_does_not_verify_is_recorded_and_accepted() {
    let kinds = [
        Cert::SelfSigned,
        Cert::Expired,
        Cert::Future,
        Cert::WrongName,
        Cert::OtherCa,
        Cert::NoChain,
        Cert::CnOnly,
        Cert::ClientOnly,
        Cert::Stolen,
    ];
    for kind in kinds {
        for level in [Level::Require, Level::Try] {
            let world = World::new(FakeMx::with_cert(kind.clone())).await;
            let conn = world.secure(level).await.unwrap();
            let record = record(&conn);
            assert_eq!(record.verified_by, VerifiedBy::None, "{kind:?}");
            assert!(record.proofs.is_empty(), "{kind:?}");
            conn.quit().await;
            let tls = only(&world).await.tls.unwrap();
            assert_eq!(record.certificate_sha256, Some(tls.certificate_sha256));
        }
    }
}

#[tokio::test]
async fn below_verify_a_good_certificate_is_an_observation_and_no_proof() {
    let world = World::new(FakeMx::default()).await;
    let mut conn = world.secure(Level::Require).await.unwrap();
    let record = record(&conn);
    assert_eq!(record.verified_by, VerifiedBy::WebPki);
    assert!(record.proofs.is_empty());
    assert!(conn.admit_enforced(&Job::new(enforced(Level::Require), ())).is_ok());
    let shortfall = conn.admit_enforced(&Job::new(enforced(Level::Verify), ())).unwrap_err();
    assert_eq!(shortfall.unmet.len(), 1);
}

#[tokio::test]
async fn d02_d03_d04_verify_refuses_with_the_right_word() {
    let kinds = [
        (Cert::Expired, Why::CertExpired),
        (Cert::Future, Why::CertNotYetValid),
        (Cert::WrongName, Why::CertName),
        (Cert::CnOnly, Why::CertName),
        (Cert::SelfSigned, Why::CertUntrusted),
        (Cert::OtherCa, Why::CertUntrusted),
        (Cert::ClientOnly, Why::CertUnsupported),
    ];
    for (kind, why) in kinds {
        let world = World::new(FakeMx::with_cert(kind.clone())).await;
        let failure = world.secure(Level::Verify).await.unwrap_err();
        assert_eq!((failure.stage, failure.why), (Stage::Verify, why), "{kind:?}: {failure}");
        assert!(failure.is_failed_handshake());
        let seen = only(&world).await;
        assert_eq!(seen.clear_bytes, b"EHLO client.test\r\nSTARTTLS\r\n");
        assert!(seen.lines.iter().all(|line| line.channel == Channel::Clear));
    }
}

#[tokio::test]
async fn d04_an_issuer_that_was_not_sent_is_told_from_one_that_is_not_trusted() {
    // Certificates of public authorities say where their issuer's is found (RFC 5280
    // section 4.2.2.1); this one does, and its issuer is neither sent nor a root.
    let key = rcgen::KeyPair::generate().unwrap();
    let mut authority = rcgen::CertificateParams::default();
    authority.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    authority.distinguished_name.push(rcgen::DnType::CommonName, "Some intermediate");
    let issuer = rcgen::Issuer::new(authority, key);
    let mut leaf = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    let url = b"http://ca.test/ca.der";
    let mut access = vec![0x30, 35, 0x30, 33, 6, 8, 0x2b, 6, 1, 5, 5, 7, 0x30, 2, 0x86, 21];
    access.extend_from_slice(url);
    leaf.custom_extensions =
        vec![rcgen::CustomExtension::from_oid_content(&[1, 3, 6, 1, 5, 5, 7, 1, 1], access)];
    let leaf_key = rcgen::KeyPair::generate().unwrap();
    let certificate = leaf.signed_by(&leaf_key, &issuer).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let (chain, key) = (dir.path().join("chain.pem"), dir.path().join("key.pem"));
    std::fs::write(&chain, certificate.pem()).unwrap();
    std::fs::write(&key, leaf_key.serialize_pem()).unwrap();

    let tls = ServerTls::from_pem(&chain, &key).unwrap();
    let listener = Listener::bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = listener.address();
    let server = async {
        let mut inbound = listener.accept().await.unwrap();
        for reply in ["220 mx\r\n", "250-mx\r\n250 STARTTLS\r\n", "220 go\r\n"] {
            inbound.io.write_all(reply.as_bytes()).await.unwrap();
            if reply != "220 go\r\n" {
                let mut command = [0; 100];
                assert!(inbound.io.read(&mut command).await.unwrap() > 0);
            }
        }
        drop(inbound.secure(&tls).await);
    };
    let client = async {
        let greeted = dial(target(address), &PATIENT).await?.greet("client.test").await?;
        let StartTls::Ready(ready) = greeted.starttls().await? else { panic!("refused") };
        let (connector, _dir) = trusting(&TestCa::new().roots_pem());
        ready.handshake(&connector, &requirement(Level::Verify)).await
    };
    let ((), secured) = tokio::join!(server, client);
    let failure = secured.unwrap_err();
    assert_eq!((failure.stage, failure.why), (Stage::Verify, Why::CertIncompleteChain));
}

#[tokio::test]
async fn d01_a_chain_with_its_intermediate_verifies() {
    let world = World::new(FakeMx::with_cert(Cert::Chain)).await;
    assert!(record(&world.secure(Level::Verify).await.unwrap()).proofs.contains(&Proof::PkixMx));
}

#[tokio::test]
async fn d15_a_certificate_without_its_key_fails_under_verify() {
    for versions in [Versions::Only12, Versions::Only13] {
        let script = FakeMx { versions, ..FakeMx::with_cert(Cert::Stolen) };
        let world = World::new(script).await;
        let failure = world.secure(Level::Verify).await.unwrap_err();
        assert_eq!((failure.stage, failure.why), (Stage::Verify, Why::CertUntrusted), "{failure}");
        assert!(failure.detail.contains("key"), "{failure}");
    }
}

#[tokio::test]
async fn d06_a_wildcard_covers_one_label() {
    let wild = || FakeMx::with_cert(Cert::Names(vec!["*.mx.test".into()]));
    let world = World::named(wild(), "a.mx.test").await;
    world.secure(Level::Verify).await.unwrap();
    for host in ["a.b.mx.test", "mx.test"] {
        let world = World::named(wild(), host).await;
        assert_eq!(world.secure(Level::Verify).await.unwrap_err().why, Why::CertName, "{host}");
    }
}

#[tokio::test]
async fn d09_an_address_is_verified_as_one_and_sends_no_sni() {
    let script = FakeMx::with_cert(Cert::Address("127.0.0.1".parse().unwrap()));
    for host in ["127.0.0.1", "[127.0.0.1]"] {
        let mut world = World::new(script.clone()).await;
        world.host = host.into();
        world.secure(Level::Verify).await.unwrap();
        assert_eq!(only(&world).await.sni, None);
    }
    let mut world = World::new(FakeMx::default()).await;
    world.host = "[127.0.0.1]".into();
    assert_eq!(world.secure(Level::Verify).await.unwrap_err().why, Why::CertName);
}

#[tokio::test]
async fn d17_without_roots_verify_fails_here_and_require_goes_on() {
    for pem in [
        "",
        "no certificate at all",
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    ] {
        let mut world = World::new(FakeMx::default()).await;
        let (connector, _dir) = trusting(pem);
        assert!(connector.roots_ok().unwrap_err().to_string().contains("roots.pem"));
        world.connector = connector;
        let failure = world.secure(Level::Verify).await.unwrap_err();
        assert_eq!((failure.why, failure.status()), (Why::PolicyBroken, "4.3.5"), "{failure}");
        assert!(!failure.is_failed_handshake());
        let record = record(&world.secure(Level::Require).await.unwrap());
        assert_eq!(record.verified_by, VerifiedBy::None);
    }
}

async fn breaking(script: FakeMx) -> Failure {
    let mut world = World::new(script).await;
    world.timeouts.tls = Duration::from_millis(1500);
    let failure = world.secure(Level::Require).await.unwrap_err();
    assert!(failure.is_failed_handshake(), "{failure}");
    let seen = only(&world).await;
    assert_eq!(seen.clear_bytes, b"EHLO client.test\r\nSTARTTLS\r\n");
    assert!(seen.early.is_empty());
    failure
}

#[tokio::test]
async fn c04_what_breaks_behind_the_220_has_its_word() {
    let plain = b"250 2.0.0 let us just go on in clear text\r\n".to_vec();
    let cases = [
        (After220::Close, Why::TlsClosed),
        (After220::Reset, Why::TlsClosed),
        (After220::Alert(40), Why::TlsAlert),
        (After220::Garbage(plain.clone()), Why::TlsAlert),
        (After220::Inject(plain), Why::TlsAlert),
        (After220::Stall, Why::TlsTimeout),
    ];
    for (after_220, why) in cases {
        let failure = breaking(FakeMx::breaking(after_220.clone())).await;
        assert_eq!((failure.stage, failure.why), (Stage::Tls, why), "{after_220:?}: {failure}");
    }
}

#[tokio::test]
async fn c05_an_alert_about_the_version_has_its_word() {
    assert_eq!(breaking(FakeMx::breaking(After220::Alert(70))).await.why, Why::TlsVersion);
}

#[tokio::test]
async fn a_host_that_closes_at_the_ehlo_under_tls_has_failed_the_handshake() {
    let script = FakeMx { hang_up: HangUp::AtTlsEhlo, ..FakeMx::default() };
    let failure = breaking(script).await;
    assert_eq!((failure.stage, failure.why), (Stage::Tls, Why::TlsClosed), "{failure}");
}

#[tokio::test]
async fn b08_bytes_behind_the_220_are_an_injection() {
    let script = FakeMx { behind_starttls: b"250 injected\r\n".to_vec(), ..FakeMx::default() };
    let failure = breaking(script).await;
    assert_eq!((failure.stage, failure.why), (Stage::Tls, Why::ResponseInjection));
    assert_eq!(failure.status(), "4.7.5");
}

#[tokio::test]
async fn a_reply_to_starttls_that_means_nothing_is_a_failed_handshake() {
    for reply in ["250 ok", "334 go on", "421 4.3.2 not now", "hello"] {
        let failure = breaking(FakeMx::answering_starttls(reply)).await;
        assert_eq!((failure.stage, failure.why), (Stage::Tls, Why::StartTlsBadReply), "{reply}");
    }
    let failure = breaking(FakeMx { starttls: Answer::Drop, ..FakeMx::default() }).await;
    assert_eq!((failure.stage, failure.why), (Stage::Tls, Why::TlsClosed));
    let failure = breaking(FakeMx { starttls: Answer::Silence, ..FakeMx::default() }).await;
    assert_eq!((failure.stage, failure.why), (Stage::Tls, Why::TlsTimeout));
}

#[tokio::test]
async fn b01_b02_a_refused_starttls_leaves_the_session_as_it_was() {
    for reply in ["454 4.7.0 not now", "554 5.5.1 no", "502 5.5.1 what", "501 5.5.4 what"] {
        let world = World::new(FakeMx::answering_starttls(reply)).await;
        let StartTls::Refused(greeted, response) = world.starttls().await.unwrap() else {
            panic!("{reply} was taken for a 220");
        };
        assert!(reply.starts_with(&response.code.to_string()));
        let mut conn = greeted.stay_clear(NoTls::Refused);
        assert_eq!(conn.clear_because(), Some(NoTls::Refused));
        assert!(conn.tls().is_none());
        conn.ready_for_next().await.unwrap();
        conn.quit().await;
        assert_eq!(only(&world).await.clear_bytes, b"EHLO client.test\r\nSTARTTLS\r\nQUIT\r\n");
    }
}

#[tokio::test]
async fn a_220_of_several_lines_is_read_to_its_end() {
    let world = World::new(FakeMx::answering_starttls("220-one\n220-two\n220 three")).await;
    world.secure(Level::Verify).await.unwrap();
    assert!(only(&world).await.early.is_empty());
}

#[tokio::test]
async fn c12_helo_follows_a_refused_ehlo_and_offers_nothing() {
    let script = FakeMx { ehlo: Ehlo::Refused("502 5.5.1 what".into()), ..FakeMx::default() };
    let world = World::new(script).await;
    let greeted = world.greet().await.unwrap();
    assert!(!greeted.extensions().starttls && !greeted.extensions().pipelining);
    greeted.quit().await;
    let seen = only(&world).await;
    assert_eq!(seen.clear_bytes, b"EHLO client.test\r\nHELO client.test\r\nQUIT\r\n");
}

#[tokio::test]
async fn l07_what_was_offered_in_clear_text_is_forgotten_under_tls() {
    let script = FakeMx {
        ehlo: Ehlo::good(),
        ehlo_tls: Ehlo::List(vec!["STARTTLS".into()]),
        ..FakeMx::default()
    };
    let world = World::new(script).await;
    let conn = world.secure(Level::Require).await.unwrap();
    assert!(!conn.extensions().pipelining && conn.extensions().size.is_none());
    conn.quit().await;
    let seen = only(&world).await;
    assert_eq!(seen.verbs(Channel::Tls), ["EHLO", "QUIT"]);
}

#[tokio::test]
async fn b11_a_host_that_asks_for_a_client_certificate_gets_none() {
    let script = FakeMx { asks_client_certificate: true, ..FakeMx::default() };
    let world = World::new(script).await;
    world.secure(Level::Try).await.unwrap();
    assert!(!only(&world).await.tls.unwrap().client_certificate);
}

#[tokio::test]
async fn j07_j08_no_session_is_resumed() {
    let world = World::new(FakeMx::default()).await;
    for level in [Level::Try, Level::Try, Level::Verify, Level::Verify] {
        world.secure(level).await.unwrap().quit().await;
    }
    let seen = world.mx.connections();
    assert_eq!(seen.len(), 4);
    assert!(seen.iter().all(|connection| !connection.tls.as_ref().unwrap().resumed));
    world.mx.set(FakeMx::with_cert(Cert::SelfSigned), &TestCa::new());
    assert_eq!(world.secure(Level::Verify).await.unwrap_err().why, Why::CertUntrusted);
}

#[tokio::test]
async fn what_came_before_starttls_is_no_failed_handshake() {
    let peer = Scripted::new(vec![
        Step::Say("220 mx\r\n"),
        Step::Until("\r\n"),
        Step::Say("250-mx\r\n250 STARTTLS\r\n250 and more\r\n"),
    ])
    .await;
    let failure = peer.greet().await.unwrap().starttls().await.unwrap_err();
    assert_eq!((failure.why, failure.status()), (Why::ResponseInjection, "4.7.0"));
    assert!(!failure.is_failed_handshake());
    assert_eq!(peer.read().await, "EHLO client.test\r\n");
}

#[tokio::test]
async fn a_greeting_that_refuses_is_the_hosts_reply() {
    for (greeting, code) in [("421 later\r\n", 421), ("450 later\r\n", 450), ("554 no\r\n", 554)] {
        let peer = Scripted::new(vec![Step::Say(greeting)]).await;
        let failure = peer.greet().await.unwrap_err();
        assert_eq!((failure.stage, failure.why), (Stage::Banner, Why::RemoteReply));
        assert_eq!(failure.response.unwrap().code, code);
    }
}

#[tokio::test]
async fn a_greeting_that_is_no_smtp_or_has_no_end_is_malformed() {
    let endless: &'static str = Box::leak("220-and on\r\n".repeat(200).into_boxed_str());
    let long: &'static str = Box::leak(format!("220 {}", "x".repeat(5000)).into_boxed_str());
    for greeting in ["SSH-2.0-OpenSSH_9.2\r\n", "\0\u{1}\u{2}\r\n", endless, long] {
        let peer = Scripted::new(vec![Step::Say(greeting)]).await;
        let failure = peer.greet().await.unwrap_err();
        assert_eq!((failure.stage, failure.why), (Stage::Banner, Why::ReplyMalformed));
    }
}

#[tokio::test]
async fn silence_ends_with_the_time_limit() {
    let mut timeouts = PATIENT;
    timeouts.command = Duration::from_millis(200);
    let peer = Scripted::new(vec![Step::Until("never")]).await;
    let failure = peer.greet_within(timeouts).await.unwrap_err();
    assert_eq!((failure.stage, failure.why), (Stage::Banner, Why::ConnectionLost));
    // A peer that sends a little now and then gains no time.
    let drip = |_| [Step::Say("220-x\r\n"), Step::Wait(Duration::from_millis(60))];
    let peer = Scripted::new((0..50).flat_map(drip).collect()).await;
    let failure = peer.greet_within(timeouts).await.unwrap_err();
    assert_eq!((failure.stage, failure.why), (Stage::Banner, Why::ConnectionLost));
}

#[tokio::test]
async fn a_port_where_nobody_listens_is_refused() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let target = target(listener.local_addr().unwrap());
    drop(listener);
    let failure = dial(target, &PATIENT).await.unwrap_err();
    assert_eq!((failure.stage, failure.why), (Stage::Connect, Why::ConnectRefused));
}

async fn weak(weakness: Weakness, level: Level) -> Result<SessionRecord, Failure> {
    let world = World::new(FakeMx::default()).await;
    let address = gatepost_testkit::Net::new().next();
    let _peer = WeakPeer::start(weakness, HOST, address).await.unwrap();
    let greeted = dial(target(address), &PATIENT).await?.greet("client.test").await?;
    let StartTls::Ready(ready) = greeted.starttls().await? else { panic!("refused") };
    let conn = ready.handshake(&world.connector, &requirement(level)).await?;
    Ok(record(&conn))
}

#[tokio::test]
async fn c05_c13_a_host_with_nothing_that_is_accepted_fails() {
    for weakness in [Weakness::Tls10, Weakness::Tls11] {
        let failure = weak(weakness, Level::Require).await.unwrap_err();
        assert_eq!((failure.stage, failure.why), (Stage::Tls, Why::TlsVersion), "{failure}");
    }
    let failure = weak(Weakness::Anonymous, Level::Require).await.unwrap_err();
    assert_eq!((failure.stage, failure.why), (Stage::Tls, Why::TlsAlert), "{failure}");
}

#[tokio::test]
async fn b10_a_weak_certificate_encrypts_and_proves_nothing() {
    for weakness in [Weakness::Rsa1024, Weakness::Version1, Weakness::Sha1] {
        let record = weak(weakness, Level::Require).await.unwrap();
        assert_eq!(record.verified_by, VerifiedBy::None);
        let failure = weak(weakness, Level::Verify).await.unwrap_err();
        assert_eq!(failure.stage, Stage::Verify, "{failure}");
    }
}
