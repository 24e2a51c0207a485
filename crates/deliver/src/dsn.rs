//! Delivery status notifications (RFC 3461, RFC 3464): what a sender is told.
//!
//! A report is `multipart/report`: a text for people, a machine-readable part, and
//! the original's header section. For mail that demanded TLS it says who demanded
//! it, what each host did, and that nothing went out in clear text; it never holds
//! the body then (RFC 8689 section 5 has the idea), and never an `x-TLSLevel`.
//! But for an original that is returned whole, and the name of an international
//! sender, a report is 7-bit, so that no host on its way can refuse it for that.

mod machine;
mod mime;
mod people;

pub(crate) use self::{
    mime::{field, part, shown, wrapped},
    people::what_was_seen,
};
use gatepost_policy::{direction::Direction, evidence::Attempt, id::MessageId, tls::level::FIELD};
use gatepost_wire::{address::Mailbox, message::HeaderSection, timestamp::Timestamp};

/// The most bytes of the original's header section that are returned.
const MOST_HEADER: usize = 64 * 1024;

/// What is reported.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Kind {
    /// Delivery failed for good.
    Failed,
    /// It takes long, and is still tried.
    Delayed,
    /// It was handed to a host that will not report success itself (RFC 3461 section 5.2.2).
    Relayed,
}

impl Kind {
    /// Every kind.
    pub(crate) const ALL: [Self; 3] = [Self::Failed, Self::Delayed, Self::Relayed];

    const fn action(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::Delayed => "delayed",
            Self::Relayed => "relayed",
        }
    }

    const fn subject(self) -> &'static str {
        match self {
            Self::Failed => "Undelivered mail returned to its sender",
            Self::Delayed => "Your mail is delayed and still waits",
            Self::Relayed => "Your mail was handed on",
        }
    }
}

/// One recipient in a report.
#[derive(Clone, Debug)]
pub(crate) struct Reported<'a> {
    pub mailbox: &'a Mailbox,
    /// ORCPT, decoded.
    pub original: Option<String>,
    pub attempt: &'a Attempt,
    /// What was found where no host was tried.
    pub detail: Option<&'a str>,
    /// The TLS that was demanded could not be had.
    pub for_tls: bool,
    /// The next attempt and the end of the attempts, where it still waits.
    pub waits: Option<(Timestamp, Timestamp)>,
}

impl Reported<'_> {
    /// Whether clear text was out of the question.
    const fn is_enforced(&self) -> bool {
        self.for_tls || self.attempt.level.is_enforced()
    }
}

/// The original, as far as it is returned.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Original<'a> {
    /// Its header section alone.
    Header(&'a [u8]),
    /// All of it (RET=FULL).
    Full(&'a [u8]),
}

/// Everything a report is made of.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Report<'a> {
    pub kind: Kind,
    pub hostname: &'a str,
    /// Whom a sender can ask.
    pub postmaster: Option<&'a Mailbox>,
    pub id: MessageId,
    pub now: Timestamp,
    pub arrived: Timestamp,
    /// Whether the mail was for recipients of ours: then the sender is somebody else's.
    pub direction: Direction,
    pub sender: &'a Mailbox,
    pub envid: Option<&'a str>,
    pub recipients: &'a [Reported<'a>],
    pub original: Original<'a>,
}

/// Writes a report as a message with CRLF line ends.
pub(crate) fn write(report: &Report<'_>) -> Vec<u8> {
    let boundary = format!("report-{}", report.id);
    let mut bytes = head(report, &boundary).into_bytes();
    let text = mime::crlf(&people::text(report)).into_bytes();
    part(&mut bytes, &boundary, "text/plain; charset=utf-8", &text);
    let status = mime::crlf(&machine::text(report)).into_bytes();
    part(&mut bytes, &boundary, "message/delivery-status", &status);
    returned(&mut bytes, &boundary, report.original);
    bytes.extend_from_slice(format!("\r\n--{boundary}--\r\n").as_bytes());
    bytes
}

fn head(report: &Report<'_>, boundary: &str) -> String {
    let Report { kind, hostname, id, now, sender, .. } = report;
    let sender = sender.ascii().unwrap_or_else(|| sender.to_string());
    mime::crlf(&format!(
        "From: Mail Delivery System <MAILER-DAEMON@{hostname}>\n\
         To: <{sender}>\n\
         Subject: {}\n\
         Date: {}\n\
         Message-ID: <{id}@{hostname}>\n\
         Auto-Submitted: auto-replied\n\
         MIME-Version: 1.0\n\
         Content-Type: multipart/report; report-type=delivery-status;\n \
         boundary=\"{boundary}\"\n\n\
         This is a report in the format of RFC 3464.\n",
        kind.subject(),
        now.rfc5322(),
    ))
}

/// The third part. An original that is returned whole goes as it is; its header
/// section alone is put into 7 bits (RFC 6522 section 4).
fn returned(bytes: &mut Vec<u8>, boundary: &str, original: Original<'_>) {
    match original {
        Original::Header(header) => {
            let header = without_level(header);
            let charset = if header.is_ascii() { "" } else { "; charset=utf-8" };
            let kind = format!("text/rfc822-headers{charset}");
            part(bytes, boundary, &kind, &header);
        }
        Original::Full(message) => {
            let head = HeaderSection::scan(message).body_offset();
            // A header section beyond ASCII is no message/rfc822 (RFC 6532 section 3.7).
            let international = !message.get(..head).is_some_and(<[u8]>::is_ascii);
            let kind = if international { "message/global" } else { "message/rfc822" };
            mime::part_as_is(bytes, boundary, kind, &without_level(message));
        }
    }
}

/// The bytes without any `x-TLSLevel` field; of a header section alone, no more
/// whole fields than [`MOST_HEADER`] holds.
fn without_level(message: &[u8]) -> Vec<u8> {
    let section = HeaderSection::scan(message);
    let mut kept = Vec::with_capacity(message.len().min(MOST_HEADER));
    for field in section.fields() {
        let whole = message.get(field.whole.clone()).unwrap_or_default();
        if !field.name_is(message, FIELD) && kept.len() + whole.len() <= MOST_HEADER {
            kept.extend_from_slice(whole);
        }
    }
    let body_at = section.body_offset();
    if let Some(body) = message.get(body_at..).filter(|body| !body.is_empty()) {
        kept.extend_from_slice(b"\r\n");
        kept.extend_from_slice(body);
    }
    kept
}

#[cfg(test)]
mod tests;
