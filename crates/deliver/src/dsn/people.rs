//! The part for people: what happened, who required TLS, what each host did, what
//! happens now, and what to do, in this order (`tls-delivery.md` 5.6).

use gatepost_policy::{
    direction::Direction,
    evidence::{Attempt, Try, Why},
    tls::Level,
};

use super::{
    Kind, Report, Reported,
    mime::{add, shown, wrapped},
};

pub(super) fn text(report: &Report<'_>) -> String {
    let mut text = format!("This is the mail system at {}.\n", report.hostname);
    for reported in report.recipients {
        text.push('\n');
        match report.kind {
            Kind::Relayed => relayed(&mut text, reported),
            Kind::Failed | Kind::Delayed => troubled(&mut text, report, reported),
        }
    }
    text
}

fn relayed(text: &mut String, reported: &Reported<'_>) {
    let host = reported.attempt.host.as_deref().unwrap_or("the next host");
    let sentence = format!(
        "Your message to <{}> was handed to {host}, which does not report whether it arrives.",
        reported.mailbox
    );
    wrapped(text, &sentence, "", "");
}

fn troubled(text: &mut String, report: &Report<'_>, reported: &Reported<'_>) {
    wrapped(text, &what_happened(report, reported), "", "");
    if reported.is_enforced() {
        text.push_str("\nWhy secure transport is required:\n");
        item(text, &who_asked(report, reported.attempt));
    }
    text.push_str("\nWhat was seen:\n");
    for seen in &reported.attempt.tries {
        item(text, &what_was_seen(seen));
    }
    if reported.attempt.tries.is_empty() {
        item(text, &without_a_host(reported));
    }
    text.push_str("\nWhat happens now:\n");
    item(text, &what_now(report, reported));
    text.push_str("\nWhat to do:\n");
    what_to_do(text, report, reported);
}

fn item(text: &mut String, what: &str) {
    wrapped(text, what, "  ", "    ");
}

fn what_happened(report: &Report<'_>, reported: &Reported<'_>) -> String {
    let mut text = format!("Your message to <{}> ", reported.mailbox);
    text.push_str(match report.kind {
        Kind::Failed | Kind::Relayed => "was not delivered",
        Kind::Delayed => "has not been delivered yet",
    });
    if reported.for_tls {
        text.push_str(
            " because secure transport is required and could not be set up. It was not sent \
             unencrypted.",
        );
    } else if reported.is_enforced() {
        text.push_str(". It may only be sent over secure transport, and was not sent unencrypted.");
    } else {
        text.push('.');
    }
    text
}

/// The organisation that this gateway belongs to, as the sender sees it.
const fn whose(report: &Report<'_>) -> &'static str {
    match report.direction {
        Direction::Outbound => "your organisation",
        Direction::Inbound => "the recipient's organisation",
    }
}

fn who_asked(report: &Report<'_>, attempt: &Attempt) -> String {
    let (by, whose) = (&attempt.decided_by, whose(report));
    let mut text = if let Some(rule) = &by.rule {
        format!("the Message Rule \"{}\" of {whose}", shown(rule))
    } else if let Some(domain) = &by.tls_policy {
        format!("the security policy for {} that {whose} has set", shown(domain))
    } else if let Some(header) = &by.header {
        format!("the message was submitted with \"{}\"", shown(header))
    } else if let Some(host) = &by.login {
        format!("{whose} logs in to the relay {}, which is done over TLS only", shown(host))
    } else if let Some(host) = &by.route {
        format!("{whose} requires it on the way to {}", shown(host))
    } else {
        format!("it is the default of {whose}")
    };
    text.push_str(match attempt.level {
        Level::Plain | Level::Try | Level::Require => "",
        Level::Verify | Level::Secure | Level::Dane => {
            "; the mail server also has to prove who it is"
        }
    });
    text.push('.');
    text
}

/// A line on one host: its address, and what it did.
pub(crate) fn what_was_seen(seen: &Try) -> String {
    let mut line = shown(&seen.host);
    if let Some(address) = &seen.address {
        add(&mut line, format_args!(" [{address}]"));
    }
    line.push_str(": ");
    line.push_str(seen.why.map_or("took it", Why::sentence));
    // A detail that only repeats the reply is left out.
    let said = seen.reply.as_deref().unwrap_or_default();
    if let Some(detail) = &seen.detail
        && (said.is_empty() || !detail.contains(said))
    {
        add(&mut line, format_args!(" ({})", shown(detail)));
    }
    if let Some(reply) = &seen.reply {
        add(&mut line, format_args!(": \"{}\"", shown(reply)));
    }
    line
}

fn without_a_host(reported: &Reported<'_>) -> String {
    let attempt = reported.attempt;
    let mut line = attempt.sentence().unwrap_or_else(|| "no host could be tried".to_owned());
    if let Some(detail) = reported.detail {
        add(&mut line, format_args!(" ({})", shown(detail)));
    }
    match attempt.why {
        Some(Why::RejectedByRule | Why::ReturnedByAdmin) => format!("the message {line}"),
        _ => line,
    }
}

fn what_now(report: &Report<'_>, reported: &Reported<'_>) -> String {
    match (report.kind, reported.waits) {
        (Kind::Delayed, Some((next, until))) => format!(
            "It waits and is tried again, next at {}. If it cannot be delivered by {}, it is \
             given up, and you are told. You need not send it again.",
            next.rfc5322(),
            until.rfc5322()
        ),
        (Kind::Delayed, None) => {
            "It waits and is tried again. You need not send it again.".to_owned()
        }
        (Kind::Failed | Kind::Relayed, _) => {
            "This is final: no further attempt will be made.".to_owned()
        }
    }
}

fn what_to_do(text: &mut String, report: &Report<'_>, reported: &Reported<'_>) {
    let attempt = reported.attempt;
    if let Some(why) = attempt.why {
        item(text, why.remedy());
    }
    if let Some(postmaster) = report.postmaster {
        item(text, &format!("The postmaster of {} is <{postmaster}>.", whose(report)));
    }
    let mut told: Vec<Why> = Vec::new();
    for seen in &attempt.tries {
        let Some(why) = seen.why.filter(|why| !why.hint().is_empty() && !told.contains(why)) else {
            continue;
        };
        told.push(why);
        let hosts = attempt.tries.iter().filter(|other| other.why == Some(why));
        let mut names: Vec<&str> = hosts.map(|other| other.host.as_str()).collect();
        names.dedup();
        item(
            text,
            &format!("For the administrator of {}: {}", shown(&names.join(", ")), why.hint()),
        );
    }
}
