//! What somebody wants to try on the rules, as they wrote it, made into facts.
//!
//! The command line and the API ask the same way; each words its own errors around these.

use std::net::{IpAddr, Ipv4Addr};

use gatepost_wire::{
    address::{Mailbox, ReversePath},
    timestamp::Timestamp,
};

use crate::{
    diagnostic::quote,
    direction::Direction,
    facts::{Facts, Headers},
    snapshot::Snapshot,
};

/// A message that did not come, and how it would have come.
#[derive(Clone, Copy, Debug)]
pub struct Simulation<'a> {
    /// The envelope sender; `<>` and nothing are the null sender.
    pub from: &'a str,
    /// The recipients.
    pub to: &'a [String],
    /// The message; its lines may end in LF alone. `None`: one without fields and without content.
    pub message: Option<&'a [u8]>,
    /// The client's address; `None` is 127.0.0.1.
    pub source_ip: Option<&'a str>,
    /// `inbound` or `outbound` for all recipients, whatever their domains.
    pub direction: Option<&'a str>,
}

/// Something in it that cannot be used.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Unusable {
    /// Where: `from`, `to`, `source_ip` or `direction`.
    pub key: &'static str,
    /// Which of the recipients.
    pub index: Option<usize>,
    /// What is wrong, as a full sentence.
    pub problem: String,
}

impl Simulation<'_> {
    /// The facts that the rules look at.
    ///
    /// # Errors
    /// Everything that cannot be used, in the order of the keys.
    pub fn facts(&self, snapshot: &Snapshot, now: Timestamp) -> Result<Facts, Vec<Unusable>> {
        let mut unusable = vec![];
        let mut note = |key, index, problem| unusable.push(Unusable { key, index, problem });
        let sender = sender(self.from)
            .map_err(|problem| note("from", None, problem))
            .unwrap_or(ReversePath::Null);
        if self.to.is_empty() {
            note("to", None, "There is no recipient.".to_owned());
        }
        let mut recipients = Vec::with_capacity(self.to.len());
        for (at, text) in self.to.iter().enumerate() {
            match mailbox(text) {
                Ok(mailbox) => recipients.push(mailbox),
                Err(problem) => note("to", Some(at), problem),
            }
        }
        let client = self.source_ip.map_or(Ok(IpAddr::V4(Ipv4Addr::LOCALHOST)), |text| {
            text.trim().parse().map_err(|_| format!("{} is no IP address.", quote(text)))
        });
        let client = client
            .map_err(|problem| note("source_ip", None, problem))
            .unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST));
        let direction_override = self.direction.map(direction).transpose();
        let direction_override = direction_override
            .map_err(|problem| note("direction", None, problem))
            .unwrap_or_default();
        if !unusable.is_empty() {
            return Err(unusable);
        }
        let message = with_crlf(self.message.unwrap_or(b"\n"));
        Ok(Facts {
            sender,
            recipients,
            client,
            from_source: snapshot.may_relay(client),
            size: u64::try_from(message.len()).unwrap_or(u64::MAX),
            headers: Headers::scan(&message),
            now,
            direction_override,
        })
    }
}

fn sender(text: &str) -> Result<ReversePath, String> {
    match text.trim() {
        "" | "<>" => Ok(ReversePath::Null),
        text => mailbox(text).map(ReversePath::Mailbox),
    }
}

fn mailbox(text: &str) -> Result<Mailbox, String> {
    let text = text.trim();
    let bare = text.strip_prefix('<').and_then(|rest| rest.strip_suffix('>')).unwrap_or(text);
    Mailbox::parse(bare).map_err(|why| format!("{} is no address: {why}.", quote(text)))
}

fn direction(word: &str) -> Result<Direction, String> {
    let known = [Direction::Inbound, Direction::Outbound]
        .into_iter()
        .find(|direction| direction.word() == word);
    known.ok_or_else(|| format!("{} is no direction; write inbound or outbound.", quote(word)))
}

/// A message as it would come over SMTP: every line ends in CR LF.
fn with_crlf(bytes: &[u8]) -> Vec<u8> {
    let mut message = Vec::with_capacity(bytes.len());
    for byte in bytes {
        if *byte == b'\n' && message.last() != Some(&b'\r') {
            message.push(b'\r');
        }
        message.push(*byte);
    }
    message
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::{BASE, NOW, standard};

    fn simulation<'a>(from: &'a str, to: &'a [String]) -> Simulation<'a> {
        Simulation { from, to, message: None, source_ip: None, direction: None }
    }

    #[test]
    fn a_message_gets_the_line_ends_of_smtp_once() {
        assert_eq!(with_crlf(b"A: b\nC: d\r\n\nx"), b"A: b\r\nC: d\r\n\r\nx");
    }

    #[test]
    fn addresses_are_taken_with_and_without_brackets() {
        let snapshot = standard(BASE);
        let to = ["<a@b.example>".to_owned()];
        for from in ["", "<>", " <> "] {
            let facts = simulation(from, &to).facts(&snapshot, NOW).unwrap();
            assert_eq!(facts.sender, ReversePath::Null);
            assert_eq!(facts.recipients[0].to_string(), "a@b.example");
            assert!(!facts.from_source);
        }
        let source_ip = Some("10.1.2.3");
        let facts = Simulation { source_ip, ..simulation("x@y.example", &to) };
        assert!(facts.facts(&snapshot, NOW).unwrap().from_source);
    }

    #[test]
    fn everything_that_cannot_be_used_is_told_at_once() {
        let to = ["a@b.example".to_owned(), "a b".to_owned()];
        let wrong = Simulation {
            source_ip: Some("1.2.3"),
            direction: Some("sideways"),
            ..simulation("nobody", &to)
        };
        let unusable = wrong.facts(&standard(BASE), NOW).unwrap_err();
        let places: Vec<_> = unusable.iter().map(|one| (one.key, one.index)).collect();
        assert_eq!(
            places,
            [("from", None), ("to", Some(1)), ("source_ip", None), ("direction", None)]
        );
        let nobody = simulation("<>", &[]).facts(&standard(BASE), NOW).unwrap_err();
        assert_eq!(nobody[0].key, "to");
    }
}
