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
    let mut stream = connect(mx).await;
    ask(&mut stream, "").await;
    assert!(ask(&mut stream, "EHLO tester").await.contains("STARTTLS"));
    assert!(ask(&mut stream, "STARTTLS").await.starts_with("220"));
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(ca.roots_pem().as_bytes()).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from(name.to_owned()).unwrap();
    TlsConnector::from(Arc::new(config)).connect(name, stream).await
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
