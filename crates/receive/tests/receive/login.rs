//! AUTH over real TLS: what a client may do that has proven which account it is, and what becomes of one that guesses.

use gatepost_receive::Login;
use gatepost_store::Inspect as _;

use crate::world::{Client, Setup, Tls, World, id};

const BODY: &str = "Subject: hello\r\n\r\nbody";
const RIGHT: &str = "AUTH PLAIN AGFubmEAcmlnaHQ=";
const WRONG: &str = "AUTH PLAIN AGFubmEAd3Jvbmc=";

async fn world() -> World {
    World::new(Setup { tls: Tls::Upgrade, auth: true, ..Setup::default() }).await
}

/// A client under TLS that has said EHLO.
async fn secured(world: &World) -> Client {
    let mut client = world.client().await.starttls(&world.tls()).await;
    let ehlo = client.expect("EHLO client.example", "250").await;
    assert!(ehlo.contains("AUTH PLAIN LOGIN"), "{ehlo}");
    client
}

#[tokio::test]
async fn a_client_that_has_authenticated_may_send_to_anybody() {
    let world = world().await;
    let mut client = secured(&world).await;
    client.expect("MAIL FROM:<a@acme.example>", "250").await;
    client.expect("RCPT TO:<b@elsewhere.example>", "550 5.7.1").await;
    client.expect(RIGHT, "503 5.5.1").await;
    client.expect("RSET", "250").await;
    client.expect(RIGHT, "235 2.7.0").await;
    let reply = client.deliver("a@acme.example", &["b@elsewhere.example"], BODY).await;
    let story = world.store.message_show(id(&reply)).await.unwrap().unwrap();
    assert_eq!(story.client.account.as_deref(), Some("anna"));
    assert!(story.client.from_source);
    let claims = world.claims().await;
    let top = String::from_utf8_lossy(&claims[0].copy().edits.top).into_owned();
    assert!(top.contains("with ESMTPSA (TLSv1.3 "), "{top}");
    assert_eq!(*world.seen.logins.lock().unwrap(), [Login::Granted { account: "anna".into() }]);
}

#[tokio::test]
async fn login_is_as_good_as_plain() {
    let world = World::new(Setup { tls: Tls::Implicit, auth: true, ..Setup::default() }).await;
    let mut client = Client::handshake(Box::new(world.tcp().await), &world.tls()).await;
    client.reply().await;
    client.expect("EHLO client.example", "250").await;
    client.expect("AUTH LOGIN", "334 VXNlcm5hbWU6").await;
    client.expect("QW5uYQ==", "334 UGFzc3dvcmQ6").await;
    client.expect("cmlnaHQ=", "235 2.7.0").await;
    id(&client.deliver("a@acme.example", &["b@elsewhere.example"], BODY).await);
}

#[tokio::test]
async fn without_tls_no_password_is_taken() {
    let world = world().await;
    let mut client = world.greeted().await;
    let ehlo = client.expect("EHLO client.example", "250").await;
    assert!(!ehlo.contains("AUTH"), "{ehlo}");
    client.expect(RIGHT, "538 5.7.11").await;
    client.expect("AUTH LOGIN", "538 5.7.11").await;
    client.expect("MAIL FROM:<a@acme.example>", "250").await;
    client.expect("RCPT TO:<b@elsewhere.example>", "550 5.7.1").await;
    assert!(world.seen.logins.lock().unwrap().is_empty(), "nobody was asked");
}

#[tokio::test]
async fn a_wrong_password_is_535_and_five_of_them_end_the_session() {
    let world = world().await;
    let mut client = secured(&world).await;
    client.expect("AUTH PLAIN AGxhdGVyAHg=", "454 4.7.0").await;
    for _ in 0..4 {
        client.expect(WRONG, "535 5.7.8").await;
    }
    assert!(client.reply().await.starts_with("421 4.7.0"));
    assert!(client.is_closed().await);
    assert_eq!(world.seen.logins.lock().unwrap().len(), 5);
    assert_eq!(world.seen.logins.lock().unwrap()[1], Login::Refused);
}

#[tokio::test]
async fn an_account_holds_for_its_session_alone() {
    let world = world().await;
    let mut client = secured(&world).await;
    client.expect(RIGHT, "235 2.7.0").await;
    let mut other = secured(&world).await;
    other.expect("MAIL FROM:<a@acme.example>", "250").await;
    other.expect("RCPT TO:<b@elsewhere.example>", "550 5.7.1").await;
    client.expect("EHLO again.example", "250").await;
    client.expect("MAIL FROM:<a@acme.example> AUTH=<>", "250").await;
    client.expect("RCPT TO:<b@elsewhere.example>", "250").await;
}
