//! Limits, faults and stopping.

use std::{sync::Arc, time::Duration};

use gatepost_receive::{Anomaly, ServerSettings, Timeouts};

use crate::world::{Fault, Setup, World, id, until};

const BODY: &str = "Subject: x\r\n\r\nx";

fn quick(command: u64, window: u64, rate: u32) -> Setup {
    let timeouts = Timeouts {
        command: Duration::from_millis(command),
        body_window: Duration::from_millis(window),
        body_rate: rate,
        ..Timeouts::default()
    };
    let settings = ServerSettings { timeouts, ..ServerSettings::new("gw.example") };
    Setup { settings, ..Setup::default() }
}

#[tokio::test]
async fn a_client_may_have_so_many_connections_and_gets_its_places_back() {
    let mut setup = Setup::default();
    setup.settings.connections_per_client = 2;
    let world = World::new(setup).await;
    let mut first = world.greeted().await;
    let _second = world.greeted().await;
    let mut third = world.connect().await;
    assert!(third.reply().await.starts_with("421 4.7.0"));
    assert!(third.is_closed().await);
    first.expect("QUIT", "221").await;
    until(|| world.receiver.connections().total() == 1).await;
    world.greeted().await;
}

#[tokio::test]
async fn all_clients_together_may_have_so_many_connections() {
    let mut setup = Setup::default();
    setup.settings.connections = 1;
    let world = World::new(setup).await;
    let _first = world.greeted().await;
    assert!(world.connect().await.reply().await.starts_with("421 4.7.0"));
    assert_eq!(*world.seen.anomalies.lock().unwrap(), [Anomaly::TooManyConnections]);
}

#[tokio::test]
async fn a_command_that_trickles_in_is_cut_off_at_its_deadline() {
    let world = World::new(quick(400, 10_000, 1)).await;
    let mut client = world.greeted().await;
    let trickle = async {
        loop {
            client.send("E").await;
            tokio::time::sleep(Duration::from_millis(50)).await;
            if !world.seen.anomalies.lock().unwrap().is_empty() {
                return;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(10), trickle).await.unwrap();
    assert!(client.reply().await.starts_with("421 4.4.2"));
    assert_eq!(*world.seen.anomalies.lock().unwrap(), [Anomaly::Timeout]);
}

#[tokio::test]
async fn a_body_that_trickles_in_is_cut_off() {
    let world = World::new(quick(10_000, 1_000, 1000)).await;
    let mut client = world.client().await;
    client.start("", &["anna@acme.example"]).await;
    let trickle = async {
        while world.seen.anomalies.lock().unwrap().is_empty() {
            client.send("x").await;
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), trickle).await.unwrap();
    assert!(client.reply().await.starts_with("421 4.4.2"));
    assert!(world.queued().await.is_empty());
}

#[tokio::test]
async fn an_idle_session_is_told_that_we_stop_and_a_message_on_its_way_gets_its_reply() {
    let world = World::new(Setup::default()).await;
    let mut idle = world.client().await;
    let mut busy = world.client().await;
    busy.start("", &["anna@acme.example"]).await;
    busy.send("Subject: x\r\n\r\n").await;
    world.life.sessions.cancel();
    assert!(idle.reply().await.starts_with("421 4.3.2"));
    assert!(idle.is_closed().await);
    busy.send("x\r\n.\r\n").await;
    id(&busy.reply().await);
    assert!(busy.reply().await.starts_with("421 4.3.2"));
    world.life.tracker.close();
    tokio::time::timeout(Duration::from_secs(10), world.life.tracker.wait()).await.unwrap();
    assert_eq!(world.queued().await, ["anna@acme.example"]);
}

#[tokio::test]
async fn a_listener_that_stops_accepting_leaves_its_sessions_alone() {
    let world = World::new(Setup::default()).await;
    let mut client = world.client().await;
    world.life.accepting.cancel();
    id(&client.deliver("", &["anna@acme.example"], BODY).await);
    client.expect("QUIT", "221").await;
    world.life.tracker.close();
    tokio::time::timeout(Duration::from_secs(10), world.life.tracker.wait()).await.unwrap();
}

#[tokio::test]
async fn new_settings_are_for_new_sessions() {
    let world = World::new(Setup::default()).await;
    let mut old = world.greeted().await;
    world.settings.store(Arc::new(ServerSettings::new("new.example")));
    assert!(world.connect().await.reply().await.starts_with("220 new.example"));
    assert!(old.expect("EHLO x", "250").await.starts_with("250-gw.example"));
}

#[tokio::test]
async fn a_disk_below_its_reserve_is_452_at_mail() {
    let world = World::new(Setup { disk_reserve: Some(u64::MAX / 2), ..Setup::default() }).await;
    world.client().await.expect("MAIL FROM:<a@client.example>", "452 4.3.1").await;
}

#[tokio::test]
async fn a_message_whose_announced_size_has_no_room_is_452_at_mail() {
    let mut setup = Setup::default();
    setup.settings.limits.message_size = u64::MAX;
    let world = World::new(setup).await;
    let mut client = world.client().await;
    client.expect("MAIL FROM:<a@client.example> SIZE=1000000000000000", "452 4.3.1").await;
    client.expect("MAIL FROM:<a@client.example> SIZE=1000", "250").await;
}

#[tokio::test]
async fn a_message_that_is_not_stored_is_451_and_the_session_goes_on() {
    let world = World::new(Setup { fault: Fault::CommitFails, ..Setup::default() }).await;
    let mut client = world.client().await;
    let reply = client.deliver("", &["anna@acme.example"], BODY).await;
    assert!(reply.starts_with("451 4.3.0"), "{reply}");
    assert_eq!(*world.seen.anomalies.lock().unwrap(), [Anomaly::NotStored]);
    assert!(world.seen.received.lock().unwrap().is_empty());
    client.expect("NOOP", "250").await;
}

#[tokio::test]
async fn a_store_that_hangs_is_451_before_the_client_gives_up() {
    let mut setup = Setup { fault: Fault::CommitHangs, ..Setup::default() };
    setup.settings.timeouts.end_of_data = Duration::from_millis(200);
    let world = World::new(setup).await;
    let reply = world.client().await.deliver("", &["anna@acme.example"], BODY).await;
    assert!(reply.starts_with("451 4.3.0"), "{reply}");
}

#[tokio::test]
async fn a_session_that_panics_ends_alone() {
    let world = World::new(Setup { fault: Fault::CommitPanics, ..Setup::default() }).await;
    let mut other = world.client().await;
    let mut client = world.client().await;
    client.start("", &["anna@acme.example"]).await;
    client.send(format!("{BODY}\r\n.\r\n")).await;
    assert!(client.is_closed().await);
    world.anomaly(Anomaly::Panic).await;
    other.expect("NOOP", "250").await;
    until(|| world.receiver.connections().total() == 1).await;
}

#[tokio::test]
async fn twenty_errors_end_a_session() {
    let world = World::new(Setup::default()).await;
    let mut client = world.client().await;
    for _ in 0..20 {
        client.expect("NONSENSE", "500").await;
    }
    assert!(client.reply().await.starts_with("421 4.7.0"));
    assert!(client.is_closed().await);
}

#[tokio::test]
async fn p17_a_browser_is_sent_away() {
    let world = World::new(Setup::default()).await;
    let mut client = world.greeted().await;
    client
        .send("POST / HTTP/1.1\r\nHost: gw.example\r\n\r\nMAIL FROM:<a@b.example>\r\n".repeat(50))
        .await;
    assert!(client.reply().await.starts_with("500 5.5.2"));
    assert!(client.is_closed().await);
}
