//! A destination that accepts connections and says nothing, with 20,000 messages waiting for it: mail to other
//! destinations is not slower.
//!
//! Two gateways run side by side, one with that backlog and one without, and messages to destinations that answer go
//! through the one and the other in turn. So what else the machine does falls on both alike, and their medians, which
//! are printed, can be compared. The bound that is asserted is a generous one.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use outside::client::{Client, Sent};
use outside::gateway::{Gateway, now, say, wait_for};
use outside::sink;

mod outside {
    pub(crate) mod client;
    pub(crate) mod gateway;
    pub(crate) mod sink;
}

const WAITING: usize = 20_000;
/// Sessions that bring the backlog in.
const SESSIONS: usize = 40;
const SILENT: (&str, u8) = ("silent.test", 100);
const OTHERS: [(&str, u8); 4] =
    [("d0.test", 10), ("d1.test", 11), ("d2.test", 12), ("d3.test", 13)];
/// Messages that are timed at each gateway.
const TIMED: usize = 120;
const POLICY: &str = "[[outbound_source]]\nnetwork = \"127.0.0.0/8\"\n";

/// A gateway, its remote sites, and when each message arrived at one of them.
struct Path {
    gateway: Gateway,
    arrived: Arc<Mutex<HashMap<String, Instant>>>,
    /// Connections that the silent destination has accepted.
    silent: Arc<AtomicUsize>,
}

impl Path {
    fn open() -> Self {
        let sites: Vec<_> = OTHERS.into_iter().chain([SILENT]).collect();
        let mut gateway = Gateway::prepare(POLICY, &sites);
        let arrived: Arc<Mutex<HashMap<String, Instant>>> = Arc::default();
        for (_, last) in OTHERS {
            let arrived = Arc::clone(&arrived);
            sink::listen(
                SocketAddr::new(gateway.net.ip(last), gateway.net.port()),
                move |message| {
                    let mut arrived = arrived.lock().unwrap_or_else(PoisonError::into_inner);
                    arrived.insert(sink::field(&message, "X-Run-Id"), now());
                },
            );
        }
        let silent = silence(SocketAddr::new(gateway.net.ip(SILENT.1), gateway.net.port()));
        gateway.start();
        Self { gateway, arrived, silent }
    }

    /// How long the `nth` message took from the client's first command to the remote site.
    fn time(&self, nth: usize) -> Duration {
        let (domain, _) = OTHERS[nth % OTHERS.len()];
        let id = format!("run-{nth}");
        let client = Client::connect(self.gateway.smtp).expect("the gateway listens");
        let began = now();
        let (sent, _) = client.send(&id, &format!("anna@{domain}"), 2000);
        if let Sent::Refused(reply) = &sent {
            panic!("refused: {reply}");
        }
        assert!(matches!(sent, Sent::Taken), "{sent:?}");
        let mut took = Duration::ZERO;
        wait_for("a message to a site that answers", Duration::from_secs(120), || {
            let arrived = self.arrived.lock().unwrap_or_else(PoisonError::into_inner);
            arrived.get(&id).inspect(|at| took = **at - began).is_some()
        });
        took
    }
}

/// Accepts connections at `address` and keeps them, for the rest of the test's process.
fn silence(address: SocketAddr) -> Arc<AtomicUsize> {
    let listener = TcpListener::bind(address).expect("the address of the silent site is free");
    let count = Arc::new(AtomicUsize::new(0));
    let accepted = Arc::clone(&count);
    thread::spawn(move || {
        let mut kept = Vec::new();
        for stream in listener.incoming().flatten() {
            kept.push(stream);
            accepted.store(kept.len(), Ordering::Relaxed);
        }
    });
    count
}

/// Hands over `count` small messages in one session without waiting for replies, and counts those that were taken.
fn pour_in(smtp: SocketAddr, session: usize, count: usize) -> usize {
    let stream = TcpStream::connect(smtp).expect("the gateway listens");
    let mut writer = stream.try_clone().expect("a second handle");
    let written = thread::spawn(move || {
        let mut text = "EHLO client.acme.test\r\n".to_owned();
        for nth in 0..count {
            let message = format!("Subject: {session}-{nth}\r\n\r\nwaits\r\n");
            text.push_str(&format!(
                "MAIL FROM:<you@acme.test>\r\nRCPT TO:<u{session}-{nth}@{}>\r\nBDAT {} LAST\r\n{message}",
                SILENT.0,
                message.len(),
            ));
        }
        text.push_str("QUIT\r\n");
        writer.write_all(text.as_bytes()).expect("the gateway reads");
    });
    let replies = BufReader::new(&stream).lines().map_while(Result::ok);
    let taken = replies.filter(|line| line.starts_with("250 2.0.0 queued as ")).count();
    written.join().expect("everything was written");
    taken
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

#[test]
fn a_silent_destination_with_twenty_thousand_messages_makes_no_other_mail_slower() {
    let (with, without) = (Path::open(), Path::open());
    let began = now();
    let smtp = with.gateway.smtp;
    let pouring: Vec<_> = (0..SESSIONS)
        .map(|session| thread::spawn(move || pour_in(smtp, session, WAITING / SESSIONS)))
        .collect();
    let taken: usize = pouring.into_iter().map(|one| one.join().expect("a session ends")).sum();
    assert_eq!(taken, WAITING, "every message of the backlog was taken");
    let poured = began.elapsed();
    wait_for("the gateway to try the silent destination", Duration::from_secs(60), || {
        with.silent.load(Ordering::Relaxed) > 0
    });
    let (mut slow, mut plain) = (Vec::new(), Vec::new());
    for nth in 0..TIMED {
        // Each goes first every other time.
        if nth % 2 == 0 {
            slow.push(with.time(nth));
            plain.push(without.time(nth));
        } else {
            plain.push(without.time(nth));
            slow.push(with.time(nth));
        }
    }
    let (with_median, without_median) = (median(slow), median(plain));
    say(&format!(
        "\nmail to other destinations, median of {TIMED} messages from MAIL to the remote site:\n  \
         with {WAITING} messages for a silent destination  {:.1} ms\n  without  {:.1} ms\n\
         (the backlog came in within {:.1} s; the silent destination holds {} connections)\n",
        with_median.as_secs_f64() * 1e3,
        without_median.as_secs_f64() * 1e3,
        poured.as_secs_f64(),
        with.silent.load(Ordering::Relaxed),
    ));
    let waiting = with.gateway.list(&["queue", "list"]);
    assert_eq!(waiting.len(), WAITING, "the whole backlog still waits");
    let bound = without_median * 2 + Duration::from_millis(50);
    assert!(with_median <= bound, "{with_median:?} is more than {bound:?}");
}
