//! The words of an alert: one sentence for the log, and the mail to the postmaster.

use gatepost_policy::{
    evidence::{Ending, Why},
    id::MessageId,
};
use gatepost_wire::address::Mailbox;

use super::{Alert, AlertKind};
use crate::{
    dsn::{field, part, shown, what_was_seen, wrapped},
    judge::Judged,
    notice::Case,
};

/// What it is about, on one line.
pub(super) fn sentence(kind: AlertKind, domain: &str, judged: &Judged) -> String {
    let attempt = judged.outcome.attempt();
    let mut cause = attempt.sentence().unwrap_or_default();
    if let Some(detail) = &judged.detail {
        cause = format!("{cause} ({})", shown(detail));
    }
    match kind {
        AlertKind::EnforcedFailure => {
            format!("mail to {domain} needs TLS, which could not be had: {cause}")
        }
        AlertKind::UnknownLevel => {
            format!("mail to {domain} waits, because it asks for a TLS level nobody knows: {cause}")
        }
        AlertKind::PolicyBroken => {
            format!("this gateway cannot do what is demanded of TLS, and mail waits: {cause}")
        }
        AlertKind::GuardTripped => {
            format!("the last check before sending stopped a message, which waits: {cause}")
        }
        AlertKind::MessageUnreadable => format!("a stored message cannot be sent: {cause}"),
        AlertKind::InternalFault => {
            format!("a message is set aside, because attempts at it fail here: {cause}")
        }
    }
}

fn subject(alert: &Alert) -> String {
    let domain = &alert.domain;
    match alert.kind {
        AlertKind::EnforcedFailure => format!("Gatepost: no TLS for mail to {domain}"),
        AlertKind::UnknownLevel => format!("Gatepost: unknown TLS level for mail to {domain}"),
        AlertKind::PolicyBroken => "Gatepost: TLS cannot be judged here, mail waits".to_owned(),
        AlertKind::GuardTripped => "Gatepost: a message was stopped before sending".to_owned(),
        AlertKind::MessageUnreadable => "Gatepost: a stored message cannot be read".to_owned(),
        AlertKind::InternalFault => "Gatepost: attempts at a message fail here".to_owned(),
    }
}

/// The mail to the postmaster, with CRLF line ends.
pub(super) fn mail(
    case: &Case<'_>,
    alert: &Alert,
    judged: &Judged,
    postmaster: &Mailbox,
    id: MessageId,
) -> Vec<u8> {
    let boundary = format!("alert-{id}");
    let hostname = &case.settings.hostname;
    let to = postmaster.ascii().unwrap_or_else(|| postmaster.to_string());
    let mut head = format!("From: Gatepost <MAILER-DAEMON@{hostname}>\nTo: <{to}>\n");
    field(&mut head, "Subject", &subject(alert));
    field(&mut head, "Date", &alert.at.rfc5322());
    field(&mut head, "Message-ID", &format!("<{id}@{hostname}>"));
    field(&mut head, "Auto-Submitted", "auto-generated");
    field(&mut head, "X-Gatepost-Alert", alert.kind.word());
    field(&mut head, "MIME-Version", "1.0");
    head.push_str(&format!("Content-Type: multipart/mixed; boundary=\"{boundary}\"\n"));
    let mut bytes = head.replace('\n', "\r\n").into_bytes();
    let text = body(alert, judged).replace('\n', "\r\n");
    part(&mut bytes, &boundary, "text/plain; charset=utf-8", text.as_bytes());
    bytes.extend_from_slice(format!("\r\n--{boundary}--\r\n").as_bytes());
    bytes
}

fn body(alert: &Alert, judged: &Judged) -> String {
    let attempt = judged.outcome.attempt();
    let mut text = String::new();
    let mut opening = alert.text.clone();
    if let Some(first) = opening.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    wrapped(&mut text, &format!("{opening}."), "", "");
    text.push('\n');
    wrapped(&mut text, what_becomes_of_it(alert.kind, attempt.outcome), "", "");
    text.push('\n');
    for (name, value) in [
        ("Since:    ", alert.since.rfc5322()),
        ("Domain:   ", alert.domain.clone()),
        ("Recipient:", shown(&alert.recipient)),
        ("Message:  ", alert.message.to_string()),
        ("Cause:    ", format!("{}, {}", alert.why.word(), attempt.status)),
        ("Level:    ", format!("{}, {}", attempt.level.word(), asked_by(judged))),
    ] {
        wrapped(&mut text, &format!("{name} {value}"), "", "           ");
    }
    if !attempt.tries.is_empty() {
        text.push_str("\nWhat was seen:\n");
        for seen in &attempt.tries {
            wrapped(&mut text, &what_was_seen(seen), "  ", "    ");
        }
    }
    text.push_str("\nWhat to do:\n");
    for line in remedies(alert) {
        wrapped(&mut text, line, "  ", "    ");
    }
    text.push_str("\nCommands:\n");
    for line in commands(alert) {
        text.push_str("  ");
        text.push_str(&line);
        text.push('\n');
    }
    text.push('\n');
    wrapped(
        &mut text,
        "As long as this goes on, you are told again every six hours at most.",
        "",
        "",
    );
    text
}

fn asked_by(judged: &Judged) -> String {
    let by = &judged.outcome.attempt().decided_by;
    if let Some(rule) = &by.rule {
        return format!("by the rule \"{}\"", shown(rule));
    }
    if let Some(domain) = &by.tls_policy {
        return format!("by the TLS policy for {}", shown(domain));
    }
    if let Some(header) = &by.header {
        return format!("by the submitted field \"{}\"", shown(header));
    }
    if let Some(host) = by.login.as_ref().or(by.route.as_ref()) {
        return format!("on the way to {}", shown(host));
    }
    "by default".to_owned()
}

const fn what_becomes_of_it(kind: AlertKind, ending: Ending) -> &'static str {
    match (kind, ending) {
        (AlertKind::MessageUnreadable | AlertKind::InternalFault, _) => {
            "It is kept, and tried again."
        }
        (_, Ending::Bounced) => "It was not sent unencrypted. Its sender has been told.",
        (_, Ending::Deferred | Ending::Delivered) => {
            "It was not sent unencrypted. It waits and is tried again; its sender is told if it \
             takes long."
        }
    }
}

fn remedies(alert: &Alert) -> Vec<&'static str> {
    match alert.kind {
        AlertKind::EnforcedFailure => vec![
            "Tell the administrator of the recipient's mail server. To them:",
            alert.why.hint(),
            "If the mail may go without TLS, change the rule or the policy that requires it, and \
             re-evaluate what waits.",
        ],
        AlertKind::UnknownLevel => vec![
            "Correct the value of x-TLSLevel in the rule that writes it (`gatepost policy lint` \
             finds it), and re-evaluate what waits.",
        ],
        AlertKind::PolicyBroken => vec![
            "Look at `ca_bundle` in the configuration and at the log of this gateway. `gatepost \
             check` says what it finds.",
        ],
        AlertKind::GuardTripped => vec![
            "Nothing was sent. This is a fault in Gatepost: please report it with the log around \
             this time.",
        ],
        AlertKind::InternalFault => {
            vec!["This is a fault in Gatepost: please report it with the log around this time."]
        }
        AlertKind::MessageUnreadable => vec!["Look at the disk of this gateway, and at its log."],
    }
}

fn commands(alert: &Alert) -> Vec<String> {
    let Alert { domain, message, .. } = alert;
    let list = format!("gatepost queue list --filter 'domain={domain}'");
    let probe = format!("gatepost tls probe {domain}");
    let retry = format!("gatepost queue retry --domain {domain}");
    let story = format!("gatepost messages show {message}");
    match alert.kind {
        AlertKind::EnforcedFailure => vec![list, probe, story, retry],
        AlertKind::UnknownLevel => vec!["gatepost policy lint".to_owned(), list, story],
        AlertKind::PolicyBroken => {
            let word = Why::PolicyBroken.word();
            vec!["gatepost check".to_owned(), format!("gatepost queue list --filter 'why={word}'")]
        }
        AlertKind::GuardTripped | AlertKind::MessageUnreadable | AlertKind::InternalFault => {
            vec![story, list]
        }
    }
}
