//! One gateway and one neighbour behind it.

use std::time::Duration;

use crate::outside::gateway::{Gateway, wait_for};
use crate::outside::neighbour::{DOMAIN, Kind, Neighbour, Setup, Tls};
use crate::outside::talk::Talk;

/// Whom mail is for that is meant to arrive.
pub(crate) const RECIPIENT: &str = "anna@remote.test";
pub(crate) const SENDER: &str = "you@acme.test";

/// A policy that lets loopback send anywhere, with further rules.
pub(crate) fn policy(rules: &str) -> String {
    format!("[[outbound_source]]\nnetwork = \"127.0.0.0/8\"\n{rules}")
}

/// A rule that sets a TLS level.
pub(crate) fn level(level: &str) -> String {
    policy(&format!(
        "[[rule]]\nname = \"Level of this test\"\nactions = [{{ action = \"add_message_header\", value = \"x-TLSLevel: {level}\" }}]\n"
    ))
}

/// Starts a gateway with that policy and a neighbour behind it that takes mail for [`DOMAIN`]. None: the neighbour
/// cannot run here, which has been said.
pub(crate) fn in_front_of(
    test: &str,
    kind: Kind,
    tls: Tls,
    policy: &str,
) -> Option<(Gateway, Neighbour)> {
    let mut gateway = Gateway::prepare(policy, &[(DOMAIN, 10)]);
    let setup = Setup {
        address: (gateway.net.ip(10), gateway.net.port()).into(),
        tls,
        // Nobody is there: mail that a neighbour takes for strangers stays with it, and can be seen.
        next_hop: (gateway.net.ip(250), gateway.net.port()).into(),
        next_hop_tls: Tls::None,
    };
    let neighbour = Neighbour::start(test, kind, &setup)?;
    gateway.start();
    Some((gateway, neighbour))
}

/// Hands over a message that has dots at the beginning of lines.
pub(crate) fn hand_over(gateway: &Gateway, subject: &str) {
    let message = format!("From: <{SENDER}>\r\nSubject: {subject}\r\n\r\n..dots and text\r\n...");
    let mut talk = Talk::open(gateway.smtp);
    let reply = talk.data(&format!("<{SENDER}>"), &[&format!("<{RECIPIENT}>")], message.as_bytes());
    assert!(reply.starts_with("250"), "{reply}");
    talk.expect("QUIT", "221");
}

/// The record of the delivery, once it is there.
pub(crate) fn delivered(gateway: &Gateway) -> serde_json::Value {
    let mut found = None;
    wait_for("the record of a delivery", Duration::from_secs(60), || {
        found = gateway.list(&["messages", "search", "--outcome", "delivered"]).into_iter().next();
        found.is_some()
    });
    found.unwrap_or_default()
}

/// Waits until nothing is in the gateway's queue any more.
pub(crate) fn drained(gateway: &Gateway) {
    wait_for("the queue of the gateway to be empty", Duration::from_secs(60), || {
        gateway.list(&["queue", "list"]).is_empty()
    });
}
