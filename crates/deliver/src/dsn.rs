//! Delivery status notifications (RFC 3461, RFC 3464): what a sender is told.
//!
//! A report is `multipart/report`: a text for people, a machine-readable part, and
//! the original's header section. For mail that demanded TLS it says who demanded
//! it, what each host did, and that nothing went out in clear text; it never holds
//! the body then (RFC 8689 section 5 has the idea), and never an `x-TLSLevel`.

use std::fmt::Write as _;

use gatepost_policy::{
    evidence::{Attempt, Try},
    id::MessageId,
    tls::level::FIELD,
};
use gatepost_wire::{address::Mailbox, message::HeaderSection, timestamp::Timestamp};

/// The most bytes of the original's header section that are returned.
const MOST_HEADER: usize = 64 * 1024;

/// What is reported.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Kind {
    /// Delivery failed for good.
    Failed,
    /// It was handed to a host that will not report success itself (RFC 3461 section 5.2.2).
    Relayed,
}

impl Kind {
    const fn action(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::Relayed => "relayed",
        }
    }

    const fn subject(self) -> &'static str {
        match self {
            Self::Failed => "Undelivered mail returned to its sender",
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
    pub id: MessageId,
    pub now: Timestamp,
    pub arrived: Timestamp,
    pub sender: &'a Mailbox,
    pub envid: Option<&'a str>,
    pub recipients: &'a [Reported<'a>],
    pub original: Original<'a>,
}

/// Writes a report as a message with CRLF line ends.
pub(crate) fn write(report: &Report<'_>) -> Vec<u8> {
    let boundary = format!("report-{}", report.id);
    let mut text = head(report, &boundary);
    part(&mut text, &boundary, "text/plain; charset=utf-8", Some("8bit"));
    for reported in report.recipients {
        for_people(&mut text, report, reported);
    }
    part(&mut text, &boundary, "message/delivery-status", None);
    for_machines(&mut text, report);
    let mut bytes = text.replace('\n', "\r\n").into_bytes();
    returned(&mut bytes, &boundary, report.original);
    bytes.extend_from_slice(format!("\r\n--{boundary}--\r\n").as_bytes());
    bytes
}

fn head(report: &Report<'_>, boundary: &str) -> String {
    let Report { kind, hostname, id, now, sender, .. } = report;
    format!(
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
    )
}

fn part(text: &mut String, boundary: &str, kind: &str, encoding: Option<&str>) {
    add(text, format_args!("\n--{boundary}\nContent-Type: {kind}\n"));
    if let Some(encoding) = encoding {
        add(text, format_args!("Content-Transfer-Encoding: {encoding}\n"));
    }
    text.push('\n');
}

fn add(text: &mut String, what: std::fmt::Arguments<'_>) {
    // Writing to a String cannot fail.
    if text.write_fmt(what).is_err() {
        text.push_str("(unprintable)");
    }
}

fn for_people(text: &mut String, report: &Report<'_>, reported: &Reported<'_>) {
    let Reported { mailbox, attempt, .. } = reported;
    match report.kind {
        Kind::Relayed => {
            let host = attempt.host.as_deref().unwrap_or("the next host");
            add(text, format_args!("Your message to <{mailbox}> was handed to {host}, "));
            text.push_str("which does not report\nwhether it arrives.\n\n");
            return;
        }
        Kind::Failed => {}
    }
    let for_tls = attempt.level.is_enforced() && attempt.why.is_some_and(|why| why.is_tls());
    if for_tls {
        add(
            text,
            format_args!(
                "Your message to <{mailbox}> was not delivered because secure\n\
                 transport is required and could not be set up. It was not sent unencrypted.\n\n"
            ),
        );
        add(text, format_args!("Why it is required: {}.\n\n", who_asked(attempt)));
    } else {
        add(text, format_args!("Your message to <{mailbox}> was not delivered.\n\n"));
    }
    text.push_str("What was seen:\n");
    for seen in &attempt.tries {
        add(text, format_args!("  {}\n", what_was_seen(seen)));
    }
    if attempt.tries.is_empty() {
        let why = attempt.sentence().unwrap_or_else(|| "no host could be tried".to_owned());
        add(text, format_args!("  {why}\n"));
    }
    text.push_str("\nThis is final: no further attempt will be made.\n\n");
    text.push_str(what_to_do(for_tls));
    text.push('\n');
}

fn who_asked(attempt: &Attempt) -> String {
    let by = &attempt.decided_by;
    match (&by.rule, &by.header, &by.route) {
        (Some(rule), _, _) => format!("the Message Rule \"{rule}\" of your organisation"),
        (None, Some(header), _) => format!("the message asked for it with \"{header}\""),
        (None, None, Some(route)) => format!("your organisation requires it on the way to {route}"),
        (None, None, None) => "it is the default of your organisation".to_owned(),
    }
}

fn what_was_seen(seen: &Try) -> String {
    let mut line = seen.host.clone();
    if let Some(address) = &seen.address {
        add(&mut line, format_args!(" [{address}]"));
    }
    line.push_str(": ");
    line.push_str(seen.why.map_or("took it", |why| why.sentence()));
    if let Some(detail) = &seen.detail {
        add(&mut line, format_args!(" ({detail})"));
    }
    if let Some(reply) = &seen.reply {
        add(&mut line, format_args!(": \"{reply}\""));
    }
    line
}

const fn what_to_do(for_tls: bool) -> &'static str {
    if for_tls {
        "What to do: tell your own postmaster, or send the message another way. The\n\
         administrator of the recipient's mail server can help by offering STARTTLS\n\
         with TLS 1.2 or newer.\n"
    } else {
        "What to do: check the address, or ask the recipient another way. Your own\n\
         postmaster can say more.\n"
    }
}

fn for_machines(text: &mut String, report: &Report<'_>) {
    if let Some(envid) = report.envid {
        add(text, format_args!("Original-Envelope-Id: {envid}\n"));
    }
    add(text, format_args!("Reporting-MTA: dns; {}\n", report.hostname));
    add(text, format_args!("Arrival-Date: {}\n", report.arrived.rfc5322()));
    for Reported { mailbox, original, attempt } in report.recipients {
        text.push('\n');
        if let Some(original) = original {
            add(text, format_args!("Original-Recipient: {original}\n"));
        }
        add(text, format_args!("Final-Recipient: {}\n", typed_address(mailbox)));
        add(text, format_args!("Action: {}\n", report.kind.action()));
        add(text, format_args!("Status: {}\n", attempt.status));
        if let Some(host) = &attempt.host {
            add(text, format_args!("Remote-MTA: dns; {host}\n"));
        }
        diagnostic(text, attempt);
        add(text, format_args!("Last-Attempt-Date: {}\n", attempt.at.rfc5322()));
    }
}

/// `smtp` only for what a remote really said (RFC 3464 section 2.3.6).
fn diagnostic(text: &mut String, attempt: &Attempt) {
    match (&attempt.reply, attempt.why) {
        (Some(reply), _) => add(text, format_args!("Diagnostic-Code: smtp; {reply}\n")),
        (None, Some(why)) => {
            add(text, format_args!("Diagnostic-Code: x-local; {}", why.word()));
            if let Some(rule) = &attempt.decided_by.rule {
                add(text, format_args!(" rule=\"{rule}\""));
            }
            if let Some(host) = &attempt.host {
                add(text, format_args!(" host={host}"));
            }
            text.push('\n');
        }
        (None, None) => {}
    }
}

/// An address for `Final-Recipient`: `rfc822`, or `utf-8` in the 7-bit form of
/// RFC 6533 section 3.
fn typed_address(mailbox: &Mailbox) -> String {
    let address = mailbox.to_string();
    if address.is_ascii() {
        return format!("rfc822; {address}");
    }
    let mut encoded = String::from("utf-8; ");
    for c in address.chars() {
        if c.is_ascii_graphic() && !matches!(c, '\\' | '+' | '=') {
            encoded.push(c);
        } else {
            add(&mut encoded, format_args!("\\x{{{:X}}}", u32::from(c)));
        }
    }
    encoded
}

fn returned(bytes: &mut Vec<u8>, boundary: &str, original: Original<'_>) {
    let (kind, content) = match original {
        Original::Header(header) => ("text/rfc822-headers", without_level(header)),
        Original::Full(message) => ("message/rfc822", without_level(message)),
    };
    let encoding = if content.is_ascii() { "7bit" } else { "8bit" };
    bytes.extend_from_slice(
        format!(
            "\r\n--{boundary}\r\nContent-Type: {kind}\r\n\
             Content-Transfer-Encoding: {encoding}\r\n\r\n"
        )
        .as_bytes(),
    );
    bytes.extend_from_slice(&content);
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
