//! The queue as administrators know it: the real binary, beside a running gateway and without one.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use outside::client::{Client, Sent};
use outside::gateway::{Gateway, wait_for};
use outside::sink;
use serde_json::Value;

mod outside {
    pub(crate) mod client;
    pub(crate) mod gateway;
    pub(crate) mod sink;
}

const POLICY: &str = "[[outbound_source]]\nnetwork = \"127.0.0.0/8\"\n";
const BOUND: Duration = Duration::from_secs(60);
/// Nobody listens at the first two; the senders' own site does.
const SITES: [(&str, u8); 3] = [("a.test", 10), ("b.test", 11), ("acme.test", 12)];

/// What the senders' site received: the field Content-Type, and the whole.
type Mailbox = Arc<Mutex<Vec<(String, String)>>>;

/// A running gateway with mail that waits: two messages for a.test and one for b.test.
fn waiting() -> (Gateway, Mailbox) {
    let mut gateway = Gateway::prepare(POLICY, &SITES);
    let mailbox = Mailbox::default();
    let reports = Arc::clone(&mailbox);
    let address = SocketAddr::new(gateway.net.ip(12), gateway.net.port());
    sink::listen(address, move |message| {
        let text = String::from_utf8_lossy(&message).into_owned();
        let report = (sink::field(&message, "Content-Type"), text);
        reports.lock().unwrap_or_else(PoisonError::into_inner).push(report);
    });
    gateway.start();
    let mut client = Some(Client::connect(gateway.smtp).expect("the gateway greets"));
    for (id, to) in [("1", "anna@a.test"), ("2", "ben@a.test"), ("3", "cy@b.test")] {
        let (sent, kept) = client.take().expect("a connection").send(id, to, 100);
        if let Sent::Refused(reply) = &sent {
            panic!("{reply}");
        }
        assert!(matches!(sent, Sent::Taken), "{sent:?}");
        client = kept;
    }
    wait_for("three attempts that failed", BOUND, || {
        let queue = gateway.list(&["queue", "list"]);
        queue.len() == 3 && queue.iter().all(|entry| !entry["last"].is_null())
    });
    (gateway, mailbox)
}

fn recipients(entries: &[Value]) -> Vec<&str> {
    let mut all: Vec<&str> =
        entries.iter().map(|entry| entry["recipient"].as_str().expect("a recipient")).collect();
    all.sort_unstable();
    all
}

fn received(mailbox: &Mailbox) -> Vec<(String, String)> {
    mailbox.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

/// Runs a verb that must end so, and gives what it printed.
#[track_caller]
fn ended(gateway: &Gateway, status: i32, words: &[&str]) -> String {
    let (found, text) = gateway.verb(words);
    assert_eq!(found, status, "{words:?}: {text}");
    text
}

#[test]
fn a_domain_is_held_looked_at_and_bounced_with_a_reason_that_its_senders_are_told() {
    let (gateway, mailbox) = waiting();
    let a = "domain=a.test and why=connect.*";
    assert_eq!(gateway.list(&["queue", "list", "--filter", a]).len(), 2);
    let text = ended(&gateway, 2, &["queue", "list", "--filter", "domian=a.test"]);
    assert!(text.contains("column 1") && text.contains("Did you mean \"domain\"?"), "{text}");

    ended(&gateway, 0, &["queue", "hold", "--filter", a, "--reason", "ticket 4711"]);
    let held = gateway.list(&["queue", "list", "--filter", "state=held"]);
    assert_eq!(recipients(&held), ["anna@a.test", "ben@a.test"]);
    assert_eq!(held[0]["held"]["reason"], "ticket 4711");
    assert!(held[0]["held"]["by"].as_str().is_some_and(|by| !by.is_empty()), "{}", held[0]);
    let text = ended(&gateway, 0, &["queue", "list"]);
    assert!(text.contains("held by") && text.contains("ticket 4711"), "{text}");
    let text = ended(&gateway, 1, &["queue", "retry", "--domain", "a.test"]);
    assert!(text.contains("release it"), "{text}");

    let bounce = ["queue", "bounce", "--filter", "state=held", "--reason", "the site is gone"];
    let text = ended(&gateway, 2, &bounce);
    assert!(text.contains("--count 2"), "{text}");
    let text = ended(&gateway, 1, &[&bounce[..], &["--count", "3"]].concat());
    assert!(text.contains("nothing was done"), "{text}");
    assert_eq!(gateway.list(&["queue", "list", "--filter", "state=held"]).len(), 2);
    ended(&gateway, 0, &[&bounce[..], &["--count", "2"]].concat());
    wait_for("both reports", BOUND, || received(&mailbox).len() == 2);
    for (kind, report) in received(&mailbox) {
        assert!(kind.contains("multipart/report"), "{kind}");
        assert!(report.contains("the site is gone"), "{report}");
    }
    assert_eq!(recipients(&gateway.list(&["queue", "list"])), ["cy@b.test"]);

    let message = held[0]["message"].as_str().expect("an id");
    let story = ended(&gateway, 0, &["messages", "show", message]);
    let mut rest = story.as_str();
    for part in [
        "received from sender@acme.test",
        "held, by ",
        "ticket 4711",
        "given up by an administrator",
        "the site is gone",
        "a report was made to sender@acme.test",
        "it was delivered",
    ] {
        let found = rest.split_once(part);
        rest = found.unwrap_or_else(|| panic!("{part:?} is not in, or not in order:\n{story}")).1;
    }
    let attempts = gateway.list(&["messages", "search", "--message", message]);
    assert!(attempts.iter().any(|attempt| attempt["outcome"] == "bounced"), "{attempts:?}");
    for (option, value, many) in [
        ("--sender", "SENDER@acme.test", true),
        ("--sender", "<>", true),
        ("--why", "connect.refused", true),
        ("--why", "no-mx", false),
        ("--level", "try", true),
        ("--level", "verify", false),
    ] {
        let found = gateway.list(&["messages", "search", option, value]);
        assert_eq!(!found.is_empty(), many, "{option} {value}: {found:?}");
    }
}

#[test]
fn deleted_mail_is_gone_and_nobody_is_told_and_what_is_released_is_tried() {
    let (gateway, mailbox) = waiting();
    ended(&gateway, 0, &["queue", "hold", "--all"]);
    let shape: Value = {
        let text = ended(&gateway, 0, &["queue", "shape", "--json"]);
        serde_json::from_str(&text).expect("one JSON document")
    };
    assert_eq!((&shape["total"]["total"], &shape["rows"][0]["key"]), (&3.into(), &"a.test".into()));
    assert_eq!(shape["rows"][0]["ages"][0], 2);
    let table = ended(&gateway, 0, &["queue", "shape", "--by", "why", "--domain", "a.test"]);
    assert!(table.contains("TOTAL  2  2") && table.contains("connect.refused"), "{table}");

    let entry = gateway.list(&["queue", "list", "--domain", "a.test"])[0].clone();
    let id = entry["id"].as_str().expect("an id");
    ended(&gateway, 0, &["queue", "delete", id, "--reason", "spam"]);
    assert_eq!(gateway.list(&["queue", "list"]).len(), 2);
    ended(&gateway, 1, &["queue", "delete", id]);
    let text = ended(&gateway, 2, &["queue", "delete", "--domain", "b.test"]);
    assert!(text.contains("--count 1"), "{text}");
    ended(&gateway, 0, &["queue", "delete", "--domain", "b.test", "--count", "1"]);
    let left = gateway.list(&["queue", "list"]);
    assert_eq!(left.len(), 1);
    let attempts = left[0]["attempts"].as_u64().expect("a number");
    ended(&gateway, 0, &["queue", "release", "--all"]);
    wait_for("an attempt at what was released", BOUND, || {
        let queue = gateway.list(&["queue", "list"]);
        queue.iter().any(|entry| entry["attempts"].as_u64().is_some_and(|now| now > attempts))
    });
    assert!(received(&mailbox).is_empty(), "nobody is told");
    let story =
        ended(&gateway, 0, &["messages", "show", entry["message"].as_str().expect("an id")]);
    assert!(story.contains("deleted from the queue") && story.contains("spam"), "{story}");
}

#[test]
fn without_a_gateway_orders_are_carried_out_and_reports_leave_at_the_next_start() {
    let (mut gateway, mailbox) = waiting();
    gateway.kill();
    ended(&gateway, 0, &["queue", "delete", "--domain", "b.test", "--count", "1"]);
    assert_eq!(gateway.list(&["queue", "list"]).len(), 2);
    ended(&gateway, 0, &["queue", "hold", "--filter", "recipient=ben@*"]);
    let bounce = ["queue", "bounce", "--filter", "recipient=anna@*", "--count", "1"];
    ended(&gateway, 0, &[&bounce[..], &["--reason", "as you asked"]].concat());
    assert!(received(&mailbox).is_empty());
    gateway.start();
    wait_for("the report", BOUND, || received(&mailbox).len() == 1);
    assert!(received(&mailbox)[0].1.contains("as you asked"));
    wait_for("an end of what was bounced", BOUND, || gateway.list(&["queue", "list"]).len() == 1);
    assert_eq!(gateway.list(&["queue", "list"])[0]["state"], "held");
}
