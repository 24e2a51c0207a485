//! Each of them as the sender: it hands mail for a remote site to the gateway, in clear, under TLS where it is
//! offered, and only under TLS; for several recipients; and a large message.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::outside::gateway::{Gateway, wait_for};
use crate::outside::neighbour::{Kind, Neighbour, Setup, Tls};
use crate::outside::sink;
use crate::outside::talk::Talk;
use crate::world::{SENDER, drained, policy};

macro_rules! sender {
    ($($name:ident: $kind:expr;)*) => {
        $(mod $name {
            use super::*;

            #[test]
            fn hands_mail_over_in_clear() {
                hand_over($kind, Tls::None);
            }

            #[test]
            fn hands_mail_over_under_tls_where_it_is_offered() {
                hand_over($kind, Tls::Offered);
            }

            #[test]
            fn hands_mail_over_where_it_wants_tls() {
                hand_over($kind, Tls::Enforced);
            }

            #[test]
            fn hands_over_one_message_for_several_recipients() {
                several($kind);
            }

            #[test]
            fn hands_over_a_large_message() {
                large($kind);
            }
        })*
    };
}

sender! {
    postfix: Kind::Postfix;
    exim: Kind::Exim;
    opensmtpd: Kind::OpenSmtpd;
}

/// A neighbour that sends by a gateway, and what the remote site behind that got.
struct Path {
    gateway: Gateway,
    neighbour: Neighbour,
    /// Where the neighbour takes mail.
    address: SocketAddr,
    arrived: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl Path {
    fn open(kind: Kind, tls: Tls) -> Option<Self> {
        let mut gateway = Gateway::prepare(&policy(""), &[("partner.test", 20)]);
        let address = SocketAddr::new(gateway.net.ip(30), gateway.net.port());
        let setup = Setup { address, tls: Tls::None, next_hop: gateway.smtp, next_hop_tls: tls };
        let test = format!("{kind:?} in front of the gateway, {tls:?}");
        let neighbour = Neighbour::start(&test, kind, &setup)?;
        let arrived: Arc<Mutex<Vec<Vec<u8>>>> = Arc::default();
        let take = Arc::clone(&arrived);
        sink::listen(SocketAddr::new(gateway.net.ip(20), gateway.net.port()), move |message| {
            take.lock().unwrap_or_else(PoisonError::into_inner).push(message);
        });
        gateway.start();
        Some(Self { gateway, neighbour, address, arrived })
    }

    /// Gives the neighbour a message to send on.
    fn give(&self, to: &[&str], message: &[u8]) {
        let mut talk = Talk::open(self.address);
        let reply = talk.data(&format!("<{SENDER}>"), to, message);
        assert!(reply.starts_with("250"), "{reply}");
        talk.expect("QUIT", "221");
    }

    /// The one message at the remote site.
    fn message(&self) -> Vec<u8> {
        let look = || self.arrived.lock().unwrap_or_else(PoisonError::into_inner).clone();
        wait_for("the message at the remote site", Duration::from_secs(90), || !look().is_empty());
        drained(&self.gateway);
        let messages = look();
        assert_eq!(messages.len(), 1, "{}", self.neighbour.log());
        messages.into_iter().next().unwrap_or_default()
    }
}

fn hand_over(kind: Kind, tls: Tls) {
    let Some(path) = Path::open(kind, tls) else { return };
    let text =
        "From: <you@acme.test>\r\nSubject: from a real server\r\n\r\n..dots and text\r\n...\r\nend";
    path.give(&["<bob@partner.test>"], text.as_bytes());
    let message = path.message();
    let received = sink::field(&message, "Received");
    assert_eq!(received.contains("with ESMTPS"), tls != Tls::None, "{received}");
    assert!(received.contains("for <bob@partner.test>"), "{received}");
    assert!(message.ends_with(b"\r\n\r\n.dots and text\r\n..\r\nend\r\n"));
    assert_eq!(sink::field(&message, "Subject"), "from a real server");
}

fn several(kind: Kind) {
    let Some(path) = Path::open(kind, Tls::Offered) else { return };
    let recipients = ["<a@partner.test>", "<b@partner.test>", "<c@partner.test>"];
    path.give(&recipients, b"Subject: for three\r\n\r\nhello");
    let message = path.message();
    // Recipients of one message do not learn of each other.
    assert!(!sink::field(&message, "Received").contains(" for <"));
    let records = path.gateway.list(&["messages", "search", "--outcome", "delivered"]);
    let mut delivered: Vec<_> =
        records.iter().map(|record| record["recipient"].as_str().unwrap_or_default()).collect();
    delivered.sort_unstable();
    assert_eq!(delivered, ["a@partner.test", "b@partner.test", "c@partner.test"]);
}

fn large(kind: Kind) {
    let Some(path) = Path::open(kind, Tls::Offered) else { return };
    let line = "0123456789abcdefghijklmnopqrstuvwxyz0123456789abcdefghijklmnopqrstuvwxyz\r\n";
    let body = line.repeat(8_000_000 / line.len()) + "end";
    path.give(&["<bob@partner.test>"], format!("Subject: large\r\n\r\n{body}").as_bytes());
    let message = path.message();
    assert!(message.ends_with(format!("\r\n\r\n{body}\r\n").as_bytes()));
}
