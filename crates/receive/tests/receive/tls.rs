//! Our side of TLS.

use gatepost_receive::Anomaly;
use gatepost_store::Inspect as _;

use crate::world::{Client, Setup, Tls, World, id};

const BODY: &str = "Subject: x\r\n\r\nx";

#[tokio::test]
async fn l02_starttls_makes_a_new_session_that_is_recorded_as_such() {
    let world =
        World::new(Setup { tls: Tls::Upgrade, require_tls: true, ..Setup::default() }).await;
    let mut clear = world.client().await;
    clear.expect("MAIL FROM:<a@client.example>", "530 5.7.0").await;
    let mut client = clear.starttls(&world.tls()).await;
    client.expect("MAIL FROM:<a@client.example>", "503 5.5.1").await;
    let ehlo = client.expect("EHLO secure.example", "250").await;
    assert!(!ehlo.contains("STARTTLS"));
    client.expect("STARTTLS", "503 5.5.1").await;
    let reply = client.deliver("", &["anna@acme.example"], BODY).await;
    let story = world.store.message_show(id(&reply)).await.unwrap().unwrap();
    assert_eq!(story.client.tls.as_deref(), Some("TLSv1.3"));
    assert_eq!(story.client.helo, "secure.example");
    let claims = world.claims().await;
    let top = String::from_utf8_lossy(&claims[0].copy().edits.top).into_owned();
    assert!(top.contains("with ESMTPS (TLSv1.3 "), "{top}");
}

#[tokio::test]
async fn tls_from_the_first_byte() {
    let world =
        World::new(Setup { tls: Tls::Implicit, require_tls: true, ..Setup::default() }).await;
    let mut client = Client::handshake(Box::new(world.tcp().await), &world.tls()).await;
    assert!(client.reply().await.starts_with("220 gw.example"));
    client.expect("EHLO client.example", "250").await;
    id(&client.deliver("", &["anna@acme.example"], BODY).await);
    client.expect("QUIT", "221").await;
    assert!(client.is_closed().await);
}

#[tokio::test]
async fn l01_bytes_behind_starttls_get_no_220_and_end_the_session() {
    let world = World::new(Setup { tls: Tls::Upgrade, ..Setup::default() }).await;
    let mut client = world.client().await;
    client.send("STARTTLS\r\nEHLO injected.example\r\nMAIL FROM:<a@b.example>\r\n").await;
    assert!(client.reply().await.starts_with("503 5.5.1"));
    assert!(client.is_closed().await);
}

#[tokio::test]
async fn a_handshake_that_fails_ends_the_connection() {
    let world = World::new(Setup { tls: Tls::Upgrade, ..Setup::default() }).await;
    let mut client = world.client().await;
    client.expect("STARTTLS", "220").await;
    client.send("EHLO injected.example\r\n").await;
    world.anomaly(Anomaly::Handshake).await;
}

#[tokio::test]
async fn starttls_is_not_there_where_it_is_off() {
    let world = World::new(Setup::default()).await;
    let mut client = world.greeted().await;
    let ehlo = client.expect("EHLO client.example", "250").await;
    assert!(!ehlo.contains("STARTTLS"), "{ehlo}");
    client.expect("STARTTLS", "502 5.5.1").await;
}
