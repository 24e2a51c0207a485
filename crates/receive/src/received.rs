//! The `Received` field that we put on top, and what the ones below it tell (RFC 5321 section 4.4).
//!
//! What holds: nothing of the client's goes into the field that could end it or start another. The name it gave itself was
//! held to printable characters when the command was read; an address was held to the grammar.

use std::net::IpAddr;

use gatepost_net::listen::TlsFacts;
use gatepost_policy::id::MessageId;
use gatepost_wire::{address::Mailbox, message::HeaderSection, server::Helo, timestamp::Timestamp};

/// `Received` fields that a message may have.
const MOST: usize = 100;
/// Of these, fields that we have put there ourselves.
const MOST_OURS: usize = 10;

/// What the field says.
#[derive(Clone, Debug)]
pub(crate) struct Hop<'a> {
    pub(crate) helo: &'a Helo,
    pub(crate) client: IpAddr,
    pub(crate) hostname: &'a str,
    pub(crate) tls: Option<&'a TlsFacts>,
    pub(crate) authenticated: bool,
    pub(crate) smtputf8: bool,
    pub(crate) id: MessageId,
    /// The recipient, if it is the only one: the others would learn of each other.
    pub(crate) recipient: Option<&'a Mailbox>,
    pub(crate) at: Timestamp,
}

impl Hop<'_> {
    /// The whole field, folded, with its last CR LF.
    pub(crate) fn field(&self) -> String {
        let client = match self.client.to_canonical() {
            IpAddr::V4(address) => address.to_string(),
            IpAddr::V6(address) => format!("IPv6:{address}"),
        };
        let tls =
            self.tls.map(|tls| format!(" ({} {})", tls.version, tls.cipher)).unwrap_or_default();
        let recipient =
            self.recipient.map(|mailbox| format!(" for <{mailbox}>")).unwrap_or_default();
        format!(
            "Received: from {} ([{client}])\r\n\tby {} (Gatepost) with {}{tls}\r\n\tid {}{recipient};\r\n\t{}\r\n",
            self.helo.name,
            self.hostname,
            self.protocol(),
            self.id,
            self.at.rfc5322(),
        )
    }

    /// The keyword of RFC 3848 and RFC 6531. There is no authentication without TLS, and none without EHLO.
    const fn protocol(&self) -> &'static str {
        match (self.helo.extended, self.smtputf8, self.tls.is_some(), self.authenticated) {
            (_, true, true, true) => "UTF8SMTPSA",
            (_, true, true, false) => "UTF8SMTPS",
            (_, true, false, _) => "UTF8SMTP",
            (true, false, true, true) => "ESMTPSA",
            (true, false, true, false) => "ESMTPS",
            (true, false, false, _) => "ESMTP",
            (false, false, _, _) => "SMTP",
        }
    }
}

/// Whether a message goes round: it has too many `Received` fields, or too many that name us as the receiver.
pub(crate) fn goes_round(head: &[u8], section: &HeaderSection, hostname: &str) -> bool {
    let mut ours = 0;
    for (index, field) in section.named(head, "Received").enumerate() {
        if index + 1 >= MOST {
            return true;
        }
        ours += usize::from(is_by(field.raw_value(head), hostname));
    }
    ours >= MOST_OURS
}

/// Whether the clause `by` of a field names `hostname`.
fn is_by(value: &[u8], hostname: &str) -> bool {
    let mut words = value.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
    while let Some(word) = words.next() {
        if word.eq_ignore_ascii_case(b"by") {
            return words.next().is_some_and(|name| name.eq_ignore_ascii_case(hostname.as_bytes()));
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hop<'a>(
        helo: &'a Helo,
        tls: Option<&'a TlsFacts>,
        recipient: Option<&'a Mailbox>,
    ) -> Hop<'a> {
        Hop {
            helo,
            client: IpAddr::from([192, 0, 2, 1]),
            hostname: "gw.example",
            tls,
            authenticated: false,
            smtputf8: false,
            id: "01JDG7V2N8Z1Q4M5T6W7X8Y9ZA".parse().unwrap(),
            recipient,
            at: Timestamp::from_millis(1_795_489_200_000),
        }
    }

    #[test]
    fn the_field_says_from_by_with_id_for_and_when() {
        let helo = Helo { name: "client.example".into(), extended: true };
        let tls = TlsFacts { version: "TLSv1.3".into(), cipher: "TLS13_AES_256_GCM_SHA384".into() };
        let mailbox = Mailbox::parse("anna@acme.example").unwrap();
        assert_eq!(
            hop(&helo, Some(&tls), Some(&mailbox)).field(),
            "Received: from client.example ([192.0.2.1])\r\n\tby gw.example (Gatepost) with ESMTPS (TLSv1.3 TLS13_AES_256_GCM_SHA384)\r\n\t\
             id 01JDG7V2N8Z1Q4M5T6W7X8Y9ZA for <anna@acme.example>;\r\n\tTue, 24 Nov 2026 03:00:00 +0000\r\n"
        );
        assert!(!hop(&helo, None, None).field().contains(" for "));
        assert!(hop(&helo, None, None).field().contains("with ESMTP\r\n"));
        let known = Hop { authenticated: true, ..hop(&helo, Some(&tls), None) };
        assert!(known.field().contains("with ESMTPSA (TLSv1.3 "));
        let known = Hop { smtputf8: true, ..known };
        assert!(known.field().contains("with UTF8SMTPSA (TLSv1.3 "));
        let old = Helo { name: "client.example".into(), extended: false };
        assert!(hop(&old, None, None).field().contains("with SMTP\r\n"));
    }

    fn round(head: &str) -> bool {
        let section = HeaderSection::scan(head.as_bytes());
        goes_round(head.as_bytes(), &section, "gw.example")
    }

    #[test]
    fn a_hundred_hops_or_ten_of_ours_are_a_loop() {
        let theirs = "Received: from a ([1.2.3.4])\r\n\tby other.example with ESMTP; x\r\n";
        let ours = "received : from a ([1.2.3.4])\r\n\tby GW.example (Gatepost) with ESMTP; x\r\n";
        let end = "Subject: x\r\n\r\nbody\r\n";
        assert!(!round(&(theirs.repeat(99) + end)));
        assert!(round(&(theirs.repeat(100) + end)));
        assert!(!round(&(ours.repeat(9) + end)));
        assert!(round(&(ours.repeat(10) + end)));
        assert!(!round(&format!("{end}{}", ours.repeat(20))));
    }
}
