//! Each of them as the remote site: TLS none, offered and enforced, each under Try and Require.
//!
//! What went over the wire is what the neighbour says: its log names every message and session, and the field that it
//! puts on a message says whether it came under TLS.

use std::time::Duration;

use crate::outside::gateway::{Gateway, say, wait_for};
use crate::outside::neighbour::{Kind, Neighbour, Tls};
use crate::world::{delivered, hand_over, in_front_of, level};

macro_rules! remote_site {
    ($($name:ident: $kind:expr;)*) => {
        $(mod $name {
            use super::*;

            #[test]
            fn without_tls_gets_mail_in_clear_under_try() {
                clear($kind);
            }

            #[test]
            fn without_tls_gets_nothing_under_require() {
                nothing($kind);
            }

            #[test]
            fn with_tls_gets_mail_under_tls_by_try() {
                secured($kind, Tls::Offered, "Try");
            }

            #[test]
            fn with_tls_gets_mail_under_tls_by_require() {
                secured($kind, Tls::Offered, "Require");
            }

            #[test]
            fn that_insists_on_tls_gets_mail_by_try() {
                secured($kind, Tls::Enforced, "Try");
            }

            #[test]
            fn that_insists_on_tls_gets_mail_by_require() {
                secured($kind, Tls::Enforced, "Require");
            }
        })*
    };
}

remote_site! {
    postfix: Kind::Postfix;
    exim: Kind::Exim;
    opensmtpd: Kind::OpenSmtpd;
}

fn start(kind: Kind, tls: Tls, wanted: &str) -> Option<(Gateway, Neighbour)> {
    let test = format!("{kind:?} behind the gateway, its TLS {tls:?}, {wanted}");
    let (gateway, neighbour) = in_front_of(&test, kind, tls, &level(wanted))?;
    hand_over(&gateway, "to a real server");
    Some((gateway, neighbour))
}

fn clear(kind: Kind) {
    let Some((gateway, neighbour)) = start(kind, Tls::None, "Try") else { return };
    let record = delivered(&gateway);
    assert!(record["tls"].is_null(), "{record}");
    assert_eq!(record["clear_because"], "not_offered");
    let message = neighbour.messages(1).remove(0);
    assert!(!neighbour.came_under_tls(&message), "{message}");
    assert!(message.contains("\n.dots and text\n..\n"), "{message}");
}

fn nothing(kind: Kind) {
    let Some((gateway, neighbour)) = start(kind, Tls::None, "Require") else { return };
    waits(&gateway, &neighbour, "4.7.4", "starttls-not-offered");
    let log = neighbour.log();
    if kind == Kind::Postfix {
        // Not one command of a transaction: Postfix counts those of each session.
        assert!(log.contains("ehlo=1 quit=1 commands=2"), "{log}");
        assert!(!log.contains("mail=") && !log.contains("client="), "{log}");
    }
}

/// The message waits for that reason, and the neighbour has seen nothing of it.
fn waits(gateway: &Gateway, neighbour: &Neighbour, status: &str, why: &str) {
    wait_for("an attempt that waits", Duration::from_secs(60), || {
        gateway.list(&["queue", "list"]).iter().any(|entry| !entry["last"].is_null())
    });
    let queue = gateway.list(&["queue", "list"]);
    assert_eq!(queue.len(), 1, "{queue:?}");
    assert_eq!(queue[0]["last"]["status"], status, "{queue:?}");
    assert_eq!(queue[0]["last"]["why"], why, "{queue:?}");
    wait_for("the neighbour to log the end of the session", Duration::from_secs(20), || {
        neighbour.sessions() > 0
    });
    assert_eq!(neighbour.envelopes(), [], "{}", neighbour.log());
    assert!(neighbour.mailbox().is_empty());
}

fn secured(kind: Kind, tls: Tls, wanted: &str) {
    let Some((gateway, neighbour)) = start(kind, tls, wanted) else { return };
    if neighbour.offers_broken_tls() {
        say(&format!("this {kind:?} breaks off every handshake, so that is what is tested"));
        return broken(&gateway, &neighbour, tls, wanted);
    }
    let record = delivered(&gateway);
    let version = record["tls"]["version"].as_str().unwrap_or_default();
    assert!(version.starts_with("TLSv1.3"), "{record}");
    assert!(record["clear_because"].is_null(), "{record}");
    let message = neighbour.messages(1).remove(0);
    assert!(neighbour.came_under_tls(&message), "{message}");
    assert!(message.contains("\n.dots and text\n..\n"), "{message}");
    assert_eq!(neighbour.envelopes().len(), 1, "{}", neighbour.log());
}

/// The neighbour offers TLS and fails the handshake: nothing under Require; in clear under Try, if it takes that.
fn broken(gateway: &Gateway, neighbour: &Neighbour, tls: Tls, wanted: &str) {
    if wanted == "Require" {
        return waits(gateway, neighbour, "4.7.5", "tls.alert");
    }
    if tls == Tls::Enforced {
        wait_for("an attempt", Duration::from_secs(60), || {
            !gateway.list(&["messages", "search"]).is_empty()
        });
        assert_eq!(neighbour.envelopes(), [], "{}", neighbour.log());
        assert!(gateway.list(&["messages", "search", "--outcome", "delivered"]).is_empty());
        return;
    }
    let record = delivered(gateway);
    assert_eq!(record["clear_because"], "handshake_failed", "{record}");
    let message = neighbour.messages(1).remove(0);
    assert!(!neighbour.came_under_tls(&message), "{message}");
}
