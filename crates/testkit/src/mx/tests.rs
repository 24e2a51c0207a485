//! The fake mail exchanger does what its script says; checked with clients that know nothing about Gatepost.

use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::{CertificateDer, ServerName, pem::PemObject};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::*;
use crate::loopback::Net;
use crate::mx::record::Channel;

const BOUND: Duration = Duration::from_secs(10);

/// Sends a line and reads until the end of a reply.
async fn ask<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut S, line: &str) -> String {
    if !line.is_empty() {
        stream.write_all(format!("{line}\r\n").as_bytes()).await.unwrap();
        stream.flush().await.unwrap();
    }
    let mut reply = String::new();
    let mut chunk = [0; 1024];
    loop {
        let read = stream.read(&mut chunk).await.unwrap();
        reply.push_str(&String::from_utf8_lossy(&chunk[..read]));
        let last = reply.lines().last().unwrap_or_default();
        if read == 0 || (reply.ends_with("\r\n") && last.as_bytes().get(3) == Some(&b' ')) {
            return reply;
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "this client stands outside Gatepost")]
async fn connect(mx: &RunningMx) -> TcpStream {
    TcpStream::connect(mx.address()).await.unwrap()
}

async fn secured(
    mx: &RunningMx,
    ca: &TestCa,
    name: &str,
) -> io::Result<tokio_rustls::client::TlsStream<TcpStream>> {
    secured_with(mx, Arc::new(trusting(ca)), name).await
}

fn trusting(ca: &TestCa) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(ca.roots_pem().as_bytes()).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth()
}

async fn secured_with(
    mx: &RunningMx,
    config: Arc<ClientConfig>,
    name: &str,
) -> io::Result<tokio_rustls::client::TlsStream<TcpStream>> {
    let mut stream = connect(mx).await;
    ask(&mut stream, "").await;
    assert!(ask(&mut stream, "EHLO tester").await.contains("STARTTLS"));
    assert!(ask(&mut stream, "STARTTLS").await.starts_with("220"));
    let name = ServerName::try_from(name.to_owned()).unwrap();
    TlsConnector::from(config).connect(name, stream).await
}

#[tokio::test]
async fn a_good_one_takes_a_message_under_tls_and_records_it() {
    let (net, ca) = (Net::new(), TestCa::new());
    let mx = FakeMx::default().start("mx.d.test", net.next(), &ca).await.unwrap();
    let mut stream = secured(&mx, &ca, "mx.d.test").await.unwrap();
    for (line, code) in [
        ("EHLO tester", "250"),
        ("MAIL FROM:<a@x.test>", "250"),
        ("RCPT TO:<b@d.test>", "250"),
        ("DATA", "354"),
        ("X-A: 1\r\n\r\n..dot\r\n.", "250"),
        ("QUIT", "221"),
    ] {
        let reply = ask(&mut stream, line).await;
        assert!(reply.starts_with(code), "{line}: {reply}");
    }
    assert!(mx.until(BOUND, |all| all.iter().all(|c| c.closed)).await);
    let seen = &mx.connections()[0];
    assert_eq!(seen.clear_verbs(), ["EHLO", "STARTTLS"]);
    assert_eq!(seen.sni.as_deref(), Some("mx.d.test"));
    assert_eq!(seen.tls.as_ref().unwrap().version, "TLSv1.3");
    let message = &mx.messages()[0];
    assert_eq!((message.from.as_str(), message.channel), ("a@x.test", Channel::Tls));
    assert_eq!(message.to, ["b@d.test"]);
    assert_eq!(message.message, b"X-A: 1\r\n\r\n.dot\r\n");
    assert_eq!(message.fields("x-a"), ["X-A: 1"]);
}

#[tokio::test]
async fn only_good_certificates_pass_a_verifying_client() {
    let (net, ca) = (Net::new(), TestCa::new());
    for (cert, passes) in [
        (Cert::Good, true),
        (Cert::Chain, true),
        (Cert::Names(vec!["*.d.test".to_owned()]), true),
        (Cert::SelfSigned, false),
        (Cert::Expired, false),
        (Cert::Future, false),
        (Cert::WrongName, false),
        (Cert::OtherCa, false),
        (Cert::NoChain, false),
        (Cert::CnOnly, false),
        (Cert::ClientOnly, false),
        (Cert::Stolen, false),
    ] {
        let mx = FakeMx::with_cert(cert.clone()).start("mx.d.test", net.next(), &ca).await.unwrap();
        assert_eq!(secured(&mx, &ca, "mx.d.test").await.is_ok(), passes, "{cert:?}");
    }
}

#[tokio::test]
async fn what_breaks_after_220_fails_the_handshake() {
    let (net, ca) = (Net::new(), TestCa::new());
    for after in [
        After220::Close,
        After220::Reset,
        After220::Alert(40),
        After220::Garbage(b"250 no TLS here\r\n".to_vec()),
        After220::Inject(b"250 x\r\n".to_vec()),
    ] {
        let mx = FakeMx::breaking(after.clone()).start("mx.d.test", net.next(), &ca).await.unwrap();
        assert!(secured(&mx, &ca, "mx.d.test").await.is_err(), "{after:?}");
    }
}

#[tokio::test]
async fn behaviour_changes_on_the_connection_it_is_said_for() {
    let (net, ca) = (Net::new(), TestCa::new());
    let script = FakeMx { later: vec![(2, FakeMx::without_starttls())], ..FakeMx::default() };
    let mx = script.start("mx.d.test", net.next(), &ca).await.unwrap();
    for offered in [true, false] {
        let mut stream = connect(&mx).await;
        ask(&mut stream, "").await;
        assert_eq!(ask(&mut stream, "EHLO tester").await.contains("STARTTLS"), offered);
    }
}

#[tokio::test]
async fn bytes_sent_before_the_reply_to_starttls_are_recorded_as_early() {
    let (net, ca) = (Net::new(), TestCa::new());
    let mx = FakeMx::default().start("mx.d.test", net.next(), &ca).await.unwrap();
    let mut stream = connect(&mx).await;
    ask(&mut stream, "").await;
    ask(&mut stream, "EHLO tester").await;
    ask(&mut stream, "STARTTLS\r\nMAIL FROM:<evil@x.test>").await;
    assert!(mx.connections()[0].early.starts_with(b"MAIL"));
}

#[tokio::test]
async fn a_login_is_recorded_with_the_channel_it_came_by() {
    let (net, ca) = (Net::new(), TestCa::new());
    let script =
        FakeMx { auth: Answer::from("535 5.7.8 no"), ..FakeMx::with_auth("LOGIN", "PLAIN") };
    let mx = script.start("mx.d.test", net.next(), &ca).await.unwrap();
    let mut clear = connect(&mx).await;
    ask(&mut clear, "").await;
    assert!(ask(&mut clear, "EHLO tester").await.contains("AUTH LOGIN\r\n"));
    assert_eq!(ask(&mut clear, "AUTH LOGIN").await, "334 VXNlcm5hbWU6\r\n");
    assert_eq!(ask(&mut clear, "bWU=").await, "334 UGFzc3dvcmQ6\r\n");
    assert!(ask(&mut clear, "c2VjcmV0").await.starts_with("535"));
    let mut tls = secured(&mx, &ca, "mx.d.test").await.unwrap();
    assert!(ask(&mut tls, "EHLO tester").await.contains("AUTH PLAIN\r\n"));
    assert!(ask(&mut tls, "AUTH PLAIN AG1lAHNlY3JldA==").await.starts_with("535"));
    for (connection, mechanism, channel) in
        [(0, "LOGIN", Channel::Clear), (1, "PLAIN", Channel::Tls)]
    {
        let login = &mx.connections()[connection].logins[0];
        assert_eq!((login.mechanism.as_str(), login.channel), (mechanism, channel));
        assert_eq!((login.username.as_str(), login.password.as_str()), ("me", "secret"));
        assert!(!login.accepted);
    }
}

#[tokio::test]
async fn a_client_that_resumes_and_sends_early_data_is_seen() {
    let (net, ca) = (Net::new(), TestCa::new());
    let script = FakeMx { early_data: 4096, versions: Versions::Only13, ..FakeMx::default() };
    let mx = script.start("mx.d.test", net.next(), &ca).await.unwrap();
    let mut config = trusting(&ca);
    config.enable_early_data = true;
    let config = Arc::new(config);
    for _ in 0..2 {
        let mut stream = secured_with(&mx, Arc::clone(&config), "mx.d.test").await.unwrap();
        ask(&mut stream, "EHLO tester").await;
    }
    let seen: Vec<_> =
        mx.connections().iter().map(|c| (c.offered.ticket, c.offered.early_data)).collect();
    assert_eq!(seen, [(false, false), (true, true)]);
    assert!(mx.connections()[1].tls.as_ref().unwrap().resumed);
}

#[tokio::test]
async fn a_ticket_of_tls_1_2_is_seen() {
    let (net, ca) = (Net::new(), TestCa::new());
    let script = FakeMx { versions: Versions::Only12, ..FakeMx::default() };
    let mx = script.start("mx.d.test", net.next(), &ca).await.unwrap();
    let config = Arc::new(trusting(&ca));
    for _ in 0..2 {
        let mut stream = secured_with(&mx, Arc::clone(&config), "mx.d.test").await.unwrap();
        ask(&mut stream, "EHLO tester").await;
    }
    let seen: Vec<_> = mx.connections().iter().map(|c| c.offered.ticket).collect();
    assert_eq!(seen, [false, true]);
}

#[tokio::test]
async fn key_updates_come_in_a_row() {
    let (net, ca) = (Net::new(), TestCa::new());
    for (key_updates, bearable) in [(20, true), (10_000, false)] {
        let script = FakeMx { key_updates, ..FakeMx::default() };
        let mx = script.start("mx.d.test", net.next(), &ca).await.unwrap();
        let mut stream = secured(&mx, &ca, "mx.d.test").await.unwrap();
        let written = stream.write_all(b"NOOP\r\n").await;
        let read = stream.read(&mut [0; 1024]).await;
        assert_eq!(written.is_ok() && read.is_ok(), bearable, "{key_updates}: {read:?}");
    }
}
