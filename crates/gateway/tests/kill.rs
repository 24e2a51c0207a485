//! `kill -9` at random moments under load: what was answered 250 is delivered, whatever the moment was.
//!
//! A message may arrive twice in two windows and in no other: the sender saw no reply to its final dot and sent it
//! again; or the remote site had said 250 and the gateway died before it was written down. The two are told apart by
//! the `Received` field, which the gateway makes once for each message it takes: a copy with the same one was sent
//! twice by the gateway, a copy with another was taken twice.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use outside::client::{Client, Sent};
use outside::gateway::{Gateway, now, pause, say, wait_for};
use outside::sink;

mod outside {
    pub(crate) mod client;
    pub(crate) mod gateway;
    pub(crate) mod sink;
}

const KILLS: usize = 30;
const SENDERS: usize = 6;
const DOMAINS: [(&str, u8); 5] =
    [("d0.test", 10), ("d1.test", 11), ("d2.test", 12), ("d3.test", 13), ("d4.test", 14)];
const POLICY: &str = "[[outbound_source]]\nnetwork = \"127.0.0.0/8\"\n";
/// How long before a kill a delivery may have ended without being written down: a flush of a busy disk.
const UNRECORDED: Duration = Duration::from_secs(1);

/// What senders and remote sites know together.
#[derive(Default)]
struct Ledger {
    /// Message id to whether it was answered 250, and how often its sender could not know.
    sent: Mutex<HashMap<String, Attempted>>,
    /// Message id to its deliveries: the `Received` field and when.
    arrived: Mutex<HashMap<String, Vec<(String, Instant)>>>,
    refused: AtomicUsize,
}

#[derive(Clone, Copy, Default)]
struct Attempted {
    taken: bool,
    unknown: usize,
}

#[test]
fn every_message_answered_250_is_delivered_after_thirty_kills_under_load() {
    let ledger = Arc::new(Ledger::default());
    let mut gateway = Gateway::prepare(POLICY, &DOMAINS);
    for (_, last) in DOMAINS {
        let ledger = Arc::clone(&ledger);
        sink::listen(SocketAddr::new(gateway.net.ip(last), gateway.net.port()), move |message| {
            let arrival = (sink::field(&message, "Received"), now());
            let mut arrived = ledger.arrived.lock().unwrap_or_else(PoisonError::into_inner);
            arrived.entry(sink::field(&message, "X-Run-Id")).or_default().push(arrival);
        });
    }
    let stop = Arc::new(AtomicBool::new(false));
    let senders: Vec<_> = (0..SENDERS)
        .map(|sender| {
            let (ledger, stop, smtp) = (Arc::clone(&ledger), Arc::clone(&stop), gateway.smtp);
            thread::spawn(move || send_until_stopped(sender, smtp, &ledger, &stop))
        })
        .collect();

    let mut restarts = Vec::new();
    let mut kills = Vec::new();
    for _ in 0..KILLS {
        restarts.push(gateway.start());
        pause(Duration::from_millis(20 + random() % 500));
        kills.push(now());
        gateway.kill();
    }
    restarts.push(gateway.start());
    pause(Duration::from_millis(300));
    stop.store(true, Ordering::Relaxed);
    for sender in senders {
        sender.join().unwrap();
    }

    let sent = ledger.sent.lock().unwrap().clone();
    wait_for(
        "every message that was answered 250 to be delivered",
        Duration::from_secs(180),
        || {
            let arrived = ledger.arrived.lock().unwrap();
            sent.iter().all(|(id, attempted)| !attempted.taken || arrived.contains_key(id))
        },
    );
    wait_for("an empty queue", Duration::from_secs(60), || {
        gateway.list(&["queue", "list"]).is_empty()
    });
    the_evidence_is_whole(&gateway);
    let arrived = ledger.arrived.lock().unwrap();
    let twice = duplicates(&sent, &arrived, &kills);
    restarts.sort_unstable();
    say(&format!(
        "kill -9: {KILLS} kills, {} messages answered 250, {} of unknown outcome, {} refused, lost 0, \
         taken twice {} (sender saw no reply), sent twice {} (killed at most {} ms after the remote's 250, before it was \
         written down), \
         start to greeting p50 {} ms, p95 {} ms",
        sent.values().filter(|attempted| attempted.taken).count(),
        sent.values().map(|attempted| attempted.unknown).sum::<usize>(),
        ledger.refused.load(Ordering::Relaxed),
        twice.taken_twice,
        twice.sent_twice,
        twice.widest.as_millis(),
        restarts[restarts.len() / 2].as_millis(),
        restarts[restarts.len() * 95 / 100].as_millis(),
    ));
    assert!(sent.len() > KILLS, "the load was no load: {} messages", sent.len());
}

/// The chain of evidence verifies, and each recipient that left the queue has its record.
fn the_evidence_is_whole(gateway: &Gateway) {
    let file = tempfile::NamedTempFile::new().expect("a temporary file");
    let path = file.path().to_str().expect("a path in UTF-8");
    let (status, text) = gateway.verb(&["tls", "evidence", "export", "--output", path]);
    assert_eq!(status, 0, "{text}");
    let (status, text) = gateway.verb(&["tls", "evidence", "verify", path, "--json"]);
    assert_eq!(status, 0, "{text}");
    let verdict: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(verdict["problems"], serde_json::json!([]));
    assert_eq!(verdict["totals"]["delivered"], verdict["journal"]);
    assert!(verdict["journal"].as_u64() > Some(0), "{text}");
}

/// Messages that arrived more than once.
#[derive(Default)]
struct Duplicates {
    taken_twice: usize,
    sent_twice: usize,
    /// The longest time between a delivery that was not written down and the kill.
    widest: Duration,
}

/// Checks that each duplicate fell into one of the two windows and counts them.
fn duplicates(
    sent: &HashMap<String, Attempted>,
    arrived: &HashMap<String, Vec<(String, Instant)>>,
    kills: &[Instant],
) -> Duplicates {
    let mut found = Duplicates::default();
    for (id, arrivals) in arrived {
        let mut copies: HashMap<&str, Vec<Instant>> = HashMap::new();
        for (received, at) in arrivals {
            copies.entry(received).or_default().push(*at);
        }
        let unknown = sent.get(id).map_or(0, |attempted| attempted.unknown);
        assert!(
            copies.len() <= 1 + unknown,
            "{id} was taken {} times, its sender sent again {unknown} times",
            copies.len()
        );
        found.taken_twice += copies.len() - 1;
        for (received, times) in copies {
            for pair in times.windows(2) {
                // What a dead process had written may still be read for a moment, so the window lies on both sides.
                let window = kills
                    .iter()
                    .filter(|kill| **kill < pair[1])
                    .map(|kill| {
                        kill.saturating_duration_since(pair[0])
                            .max(pair[0].saturating_duration_since(*kill))
                    })
                    .min();
                let window = window.filter(|window| *window < UNRECORDED);
                assert!(
                    window.is_some(),
                    "{id} was sent twice and no kill lies beside the first time: {received}"
                );
                found.sent_twice += 1;
                found.widest = found.widest.max(window.unwrap_or_default());
            }
        }
    }
    found
}

/// Hands over one message after the other, each until it is answered 250, as a sending server does.
fn send_until_stopped(sender: usize, smtp: SocketAddr, ledger: &Ledger, stop: &AtomicBool) {
    let mut client: Option<Client> = None;
    for number in 0.. {
        let id = format!("{sender}-{number}");
        let domain = DOMAINS[number % DOMAINS.len()].0;
        loop {
            let Some(open) = client.take().or_else(|| Client::connect(smtp).ok()) else {
                pause(Duration::from_millis(5));
                continue;
            };
            let (outcome, kept) = open.send(&id, &format!("r{number}@{domain}"), 2048);
            client = kept;
            let mut sent = ledger.sent.lock().unwrap_or_else(PoisonError::into_inner);
            let attempted = sent.entry(id.clone()).or_default();
            match outcome {
                Sent::Taken => {
                    attempted.taken = true;
                    break;
                }
                Sent::Unknown => attempted.unknown += 1,
                Sent::Refused(reply) => {
                    assert!(reply.starts_with('4'), "{id}: {reply}");
                    ledger.refused.fetch_add(1, Ordering::Relaxed);
                }
                Sent::Cut => {}
            }
        }
        if stop.load(Ordering::Relaxed) {
            return;
        }
    }
}

fn random() -> u64 {
    // Each state is keyed anew by the system.
    RandomState::new().hash_one(0_u8)
}
