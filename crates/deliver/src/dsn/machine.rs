//! The machine-readable part, `message/delivery-status` (RFC 3464 section 2).

use gatepost_policy::evidence::{Attempt, Why};
use gatepost_wire::address::Mailbox;

use super::{Kind, Report, Reported, mime::clean, mime::field};

pub(super) fn text(report: &Report<'_>) -> String {
    let mut text = String::new();
    if let Some(envid) = report.envid {
        field(&mut text, "Original-Envelope-Id", &clean(envid));
    }
    field(&mut text, "Reporting-MTA", &format!("dns; {}", report.hostname));
    field(&mut text, "Arrival-Date", &report.arrived.rfc5322());
    for reported in report.recipients {
        text.push('\n');
        recipient(&mut text, report.kind, reported);
    }
    text
}

fn recipient(text: &mut String, kind: Kind, reported: &Reported<'_>) {
    let Reported { mailbox, original, attempt, waits, .. } = reported;
    if let Some(original) = original {
        field(text, "Original-Recipient", &clean(original));
    }
    field(text, "Final-Recipient", &typed_address(mailbox));
    field(text, "Action", kind.action());
    field(text, "Status", &attempt.status);
    if let Some(host) = &attempt.host {
        field(text, "Remote-MTA", &format!("dns; {}", as_domain(host)));
    }
    if let Some(diagnostic) = diagnostic(reported) {
        field(text, "Diagnostic-Code", &diagnostic);
    }
    field(text, "Last-Attempt-Date", &attempt.at.rfc5322());
    if let (Kind::Delayed, Some((_, until))) = (kind, waits) {
        field(text, "Will-Retry-Until", &until.rfc5322());
    }
}

/// `smtp` only for what a remote really said about the message (RFC 3464 section
/// 2.3.6); anything else is the word of the vocabulary, with who demanded TLS.
fn diagnostic(reported: &Reported<'_>) -> Option<String> {
    let Reported { attempt, .. } = reported;
    let by_remote = attempt.host.is_some() && attempt.why.is_none_or(|why| why == Why::RemoteReply);
    if let (Some(reply), true) = (&attempt.reply, by_remote) {
        return Some(format!("smtp; {}", clean(reply)));
    }
    let mut words = vec![format!("x-local; {}", attempt.why?.word())];
    if reported.is_enforced() {
        words.push(format!("clause={}", clause(attempt)));
        words.push(format!("level={}", attempt.level.word()));
    }
    if let Some(host) = &attempt.host {
        words.push(format!("host={}", clean(host)));
    }
    if let Some(reply) = &attempt.reply {
        words.push(format!("reply={}", quoted(reply)));
    }
    Some(words.join(" "))
}

/// Who demanded TLS, in one word.
fn clause(attempt: &Attempt) -> String {
    let by = &attempt.decided_by;
    if let Some(rule) = &by.rule {
        return format!("header:{}", quoted(rule));
    }
    if let Some(domain) = &by.tls_policy {
        return format!("tls_policy:{}", clean(domain));
    }
    if let Some(header) = &by.header {
        return format!("submitted:{}", quoted(header));
    }
    if let Some(host) = &by.login {
        return format!("login:{}", clean(host));
    }
    by.route.as_ref().map_or_else(|| "default".to_owned(), |host| format!("route:{}", clean(host)))
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", clean(text).replace('"', "'"))
}

/// A host as a domain: an address is written as a literal (RFC 5321 section 4.1.3).
fn as_domain(host: &str) -> String {
    match host.parse::<std::net::IpAddr>() {
        Ok(std::net::IpAddr::V4(address)) => format!("[{address}]"),
        Ok(std::net::IpAddr::V6(address)) => format!("[IPv6:{address}]"),
        Err(_) => clean(host),
    }
}

/// An address for `Final-Recipient`: `rfc822`, or `utf-8` in the 7-bit form of
/// RFC 6533 section 3.
pub(super) fn typed_address(mailbox: &Mailbox) -> String {
    if let Some(address) = mailbox.ascii() {
        return format!("rfc822; {address}");
    }
    let mut encoded = String::from("utf-8; ");
    for c in mailbox.to_string().chars() {
        if c.is_ascii_graphic() && !matches!(c, '\\' | '+' | '=') {
            encoded.push(c);
        } else {
            super::mime::add(&mut encoded, format_args!("\\x{{{:X}}}", u32::from(c)));
        }
    }
    encoded
}
