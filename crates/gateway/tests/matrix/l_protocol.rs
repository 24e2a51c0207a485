//! Group L: protocol security, the rows that the receiving side decides.

use gatepost_policy::evidence::Why;
use gatepost_testkit::{After220, FakeMx};

use crate::client::Client;
use crate::verdict::Verdict;
use crate::world::{SENDER, Setup, World, require};

/// Ends of data that are none, RFC 5321 section 4.1.1.4, each with an envelope behind it.
const LENIENT_ENDS: [&[u8]; 9] = [
    b"\n.\n",
    b"\n.\r\n",
    b"\r\n.\n",
    b"\r.\r",
    b"\r.\r\n",
    b"\r\r\n.\r\r\n",
    b"\r\n.\r",
    b"\r\n\0.\r\n",
    b"\r\n.\0\r\n",
];

#[tokio::test]
async fn l01_bytes_behind_starttls_are_never_processed_and_end_the_session() {
    let (world, _) = World::with_site(FakeMx::default(), Setup::default()).await;
    let mut client = world.client().await;
    client.write(b"STARTTLS\r\nMAIL FROM:<evil@acme.test>\r\n").await;
    let reply = client.reply().await;
    assert!(reply.starts_with("503 5.5.1"), "{reply}");
    assert!(client.is_hung_up().await);
    world.finish().await;
}

#[tokio::test]
async fn l05_bytes_before_the_server_hello_fail_the_handshake() {
    let script = FakeMx::breaking(After220::Inject(b"250 injected\r\n".to_vec()));
    let (world, mx) = World::with_site(script, Setup::with(require())).await;
    let attempt = world.send_one("b@d.test").await;
    assert_eq!(attempt.status, "4.7.5", "{attempt:#?}");
    assert!(matches!(attempt.why, Some(Why::TlsAlert | Why::ResponseInjection)), "{attempt:#?}");
    assert_eq!(mx.connections().len(), 1);
    world.finish().await;
}

#[tokio::test]
async fn l09_lenient_end_of_data_inside_a_body_is_refused_at_ingress() {
    let (world, mx) = World::with_site(FakeMx::default(), Setup::default()).await;
    for end in LENIENT_ENDS {
        let mut body = b"Subject: x\r\n\r\ntext".to_vec();
        body.extend_from_slice(end);
        body.extend_from_slice(b"MAIL FROM:<evil@acme.test>\r\nRCPT TO:<b@d.test>\r\nDATA\r\nSubject: smuggled\r\n\r\nevil");
        body.extend_from_slice(b"\r\n.\r\n");
        let mut client = world.client().await;
        client.open(SENDER, &["b@d.test"], "").await;
        client.write(&body).await;
        let reply = client.reply().await;
        assert!(reply.starts_with("550 5.6.0"), "{end:?}: {reply}");
        // The session is where it was: one reply for one message, and the next command is understood.
        client.expect("NOOP", "250").await;
        client.expect("QUIT", "221").await;
    }
    assert!(world.queue().await.is_empty() && mx.connections().is_empty());
    world.finish().await;
}

#[tokio::test]
async fn l10_data_does_not_end_at_a_lenient_end() {
    let (world, mx) = World::with_site(FakeMx::default(), Setup::default()).await;
    for end in LENIENT_ENDS {
        let mut client = world.client().await;
        client.open(SENDER, &["b@d.test"], "").await;
        let mut body = b"Subject: x\r\n\r\ntext".to_vec();
        body.extend_from_slice(end);
        client.write(&body).await;
        // Only the true end is answered, and the answer is a refusal.
        client.write(b"\r\n.\r\n").await;
        let reply = client.reply().await;
        assert!(reply.starts_with("550 5.6.0"), "{end:?}: {reply}");
        client.expect("NOOP", "250").await;
    }
    assert!(world.queue().await.is_empty() && mx.connections().is_empty());
    world.finish().await;
}

#[tokio::test]
async fn l11_chunks_are_held_to_the_same_rules() {
    let (world, mx) = World::with_site(FakeMx::default(), Setup::default()).await;
    for end in LENIENT_ENDS.iter().filter(|end| !end.is_empty()) {
        let mut body = b"Subject: x\r\n\r\ntext".to_vec();
        body.extend_from_slice(end);
        body.extend_from_slice(b"more\r\n");
        let mut client = world.client().await;
        client.expect(&format!("MAIL FROM:<{SENDER}>"), "250").await;
        client.expect("RCPT TO:<b@d.test>", "250").await;
        client.write(format!("BDAT {} LAST\r\n", body.len()).as_bytes()).await;
        client.write(&body).await;
        let reply = client.reply().await;
        assert!(reply.starts_with("550 5.6.0"), "{end:?}: {reply}");
        client.expect("NOOP", "250").await;
    }
    // A dot on its own line is text in a chunk, and is stuffed on the way out.
    let mut client = world.client().await;
    client.expect(&format!("MAIL FROM:<{SENDER}>"), "250").await;
    client.expect("RCPT TO:<b@d.test>", "250").await;
    let body = b"Subject: x\r\n\r\n.\r\n..\r\nend\r\n";
    client.write(format!("BDAT {} LAST\r\n", body.len()).as_bytes()).await;
    client.write(body).await;
    assert!(client.reply().await.starts_with("250"));
    world.attempt("b@d.test", 1).await.is_sent_tls();
    assert!(mx.messages()[0].message.ends_with(b"\r\n\r\n.\r\n..\r\nend\r\n"));
    assert!(mx.messages()[0].wire.ends_with(b"\r\n\r\n..\r\n...\r\nend\r\n.\r\n"));
    world.finish().await;
}

#[tokio::test]
async fn l13_addresses_cannot_carry_commands() {
    let (world, _) = World::with_site(FakeMx::default(), Setup::default()).await;
    let mut client = Client::greeted(world.smtp()).await;
    for line in [
        "MAIL FROM:<a b@acme.test>",
        "MAIL FROM:<a@acme.test> X>",
        "MAIL FROM:<a@acme.test",
        "MAIL FROM:a@acme.test>",
    ] {
        let reply = client.say(line).await;
        assert!(reply.starts_with('5'), "{line}: {reply}");
    }
    client.expect(&format!("MAIL FROM:<{SENDER}>"), "250").await;
    for line in [
        "RCPT TO:<b@d.test\rDATA>",
        "RCPT TO:<\"b\"x@d.test>",
        "RCPT TO:<b@d.test> ORCPT=rfc822;b+ZZ",
    ] {
        let reply = client.say(line).await;
        assert!(reply.starts_with('5'), "{line:?}: {reply}");
    }
    world.finish().await;
}
