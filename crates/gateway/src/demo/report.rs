//! What became of the demo's messages, and whether it is what the policy says.
//!
//! A row is right only if both sides agree: the gateway's own evidence, and what the remote site saw on the wire.

use gatepost_policy::evidence::{Attempt, Ending, NoTls};
use gatepost_policy::tls::Level;

use super::Role;
use super::peer::Seen;

/// The end of the story.
#[derive(Debug)]
pub struct Report {
    /// One row a site.
    pub rows: Vec<Row>,
}

/// One site and its message.
#[derive(Debug)]
pub struct Row {
    /// What the site is.
    pub site: &'static str,
    /// Its domain.
    pub domain: &'static str,
    /// The level, and who asked for it.
    pub asked: String,
    /// What happened, in a few words.
    pub happened: String,
    /// The evidence for it.
    pub evidence: Vec<String>,
    /// What is otherwise than the policy says; empty where nothing is.
    pub wrong: Vec<String>,
}

impl Report {
    /// Whether everything went as the policy says.
    pub fn is_right(&self) -> bool {
        self.rows.iter().all(|row| row.wrong.is_empty())
    }
}

pub(super) fn row(role: Role, attempt: Option<&Attempt>, seen: &[Seen]) -> Row {
    let Some(attempt) = attempt else {
        let wrong = vec!["there is no record of an attempt".to_owned()];
        let (asked, happened) = (String::new(), "not tried".to_owned());
        return Row {
            site: role.title(),
            domain: role.domain(),
            asked,
            happened,
            evidence: Vec::new(),
            wrong,
        };
    };
    let by = attempt.decided_by.rule.as_deref().unwrap_or("the default");
    Row {
        site: role.title(),
        domain: role.domain(),
        asked: format!("{} ({by})", attempt.level.title()),
        happened: happened(attempt),
        evidence: evidence(attempt, seen),
        wrong: wrong(role, attempt, seen),
    }
}

fn happened(attempt: &Attempt) -> String {
    match (attempt.outcome, attempt.clear_because) {
        (Ending::Delivered, None) => "delivered over TLS".to_owned(),
        (Ending::Delivered, Some(_)) => "delivered in clear text".to_owned(),
        (Ending::Deferred, _) if attempt.level.is_enforced() => "waiting, nothing sent".to_owned(),
        (Ending::Deferred, _) => "waiting".to_owned(),
        (Ending::Bounced, _) => "bounced".to_owned(),
    }
}

fn evidence(attempt: &Attempt, seen: &[Seen]) -> Vec<String> {
    let mut lines = Vec::new();
    let place = match (&attempt.host, &attempt.address) {
        (Some(host), Some(address)) => format!("{host} at {address}"),
        (Some(host), None) => host.clone(),
        (None, _) => "no host".to_owned(),
    };
    match (&attempt.tls, attempt.clear_because) {
        (Some(tls), _) => {
            let short: String =
                tls.certificate_sha256.iter().flat_map(|hash| hash.chars().take(16)).collect();
            lines.push(format!("{place}: {} {}, certificate {short}…", tls.version, tls.cipher));
        }
        (None, Some(why)) => {
            lines.push(format!("{place}: clear text, because TLS was {}", because(why)));
        }
        (None, None) => lines.push(place),
    }
    if let Some(sentence) = attempt.sentence() {
        lines.push(format!("{} {sentence}", attempt.status));
    } else if let Some(reply) = &attempt.reply {
        lines.push(format!("the site said: {reply}"));
    }
    for (number, connection) in seen.iter().enumerate() {
        lines.push(format!(
            "the site saw, connection {}: {}",
            number + 1,
            conversation(connection)
        ));
    }
    lines
}

const fn because(why: NoTls) -> &'static str {
    match why {
        NoTls::LevelPlain => "not asked for",
        NoTls::NotOffered => "not offered",
        NoTls::Refused => "refused",
        NoTls::HandshakeFailed => "offered, and the handshake failed",
    }
}

fn conversation(seen: &Seen) -> String {
    let verbs = |lines: &[String]| -> String {
        let verbs: Vec<&str> =
            lines.iter().map(|line| line.split([' ', ':']).next().unwrap_or_default()).collect();
        verbs.join(" ")
    };
    let mut text = format!("clear [{}]", verbs(&seen.clear));
    if seen.clear_bytes > 0 {
        text.push_str(&format!(" and {} bytes of mail in clear text", seen.clear_bytes));
    }
    if !seen.secured.is_empty() {
        text.push_str(&format!(
            ", TLS [{}] and {} bytes of mail under TLS",
            verbs(&seen.secured),
            seen.secured_bytes
        ));
    }
    text
}

/// Everything that is not as the policy says.
fn wrong(role: Role, attempt: &Attempt, seen: &[Seen]) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut must = |holds: bool, what: &str| {
        if !holds {
            wrong.push(what.to_owned());
        }
    };
    let clear_bytes: usize = seen.iter().map(|seen| seen.clear_bytes).sum();
    let secured_bytes: usize = seen.iter().map(|seen| seen.secured_bytes).sum();
    let delivered = attempt.outcome == Ending::Delivered;
    match role {
        Role::PartnerWithTls | Role::OrdinaryWithTls => {
            must(delivered, "it was not delivered");
            must(attempt.tls.is_some(), "the record shows no TLS");
            must(
                secured_bytes > 0 && clear_bytes == 0,
                "the site did not get the message under TLS alone",
            );
        }
        Role::PartnerWithout => {
            must(attempt.outcome == Ending::Deferred, "it does not wait");
            must(attempt.status == "4.7.4", "its status is not 4.7.4");
            must(clear_bytes == 0 && secured_bytes == 0, "the site got bytes of the message");
            must(!seen.is_empty(), "the site was not asked");
        }
        Role::OrdinaryWithout => {
            must(delivered, "it was not delivered");
            must(
                attempt.clear_because == Some(NoTls::NotOffered),
                "the record does not say that TLS was not offered",
            );
            must(
                clear_bytes > 0 && seen.len() == 1,
                "the site did not get it in clear text on one connection",
            );
        }
        Role::OrdinaryBroken => {
            must(delivered, "it was not delivered");
            must(
                attempt.clear_because == Some(NoTls::HandshakeFailed),
                "the record does not say that the handshake failed",
            );
            must(
                seen.len() == 2 && clear_bytes > 0,
                "the site did not get it in clear text on a second connection",
            );
            must(
                seen.first().is_some_and(only_greeting),
                "the broken connection carried more than EHLO and STARTTLS",
            );
        }
    }
    let enforced = matches!(role, Role::PartnerWithTls | Role::PartnerWithout);
    let level = if enforced { Level::Require } else { Level::Try };
    must(attempt.level == level, "the level is not the one that the policy gives");
    if enforced {
        must(seen.iter().all(only_greeting), "more than a greeting went in clear text");
    }
    wrong
}

/// Nothing of the message and nothing about it went in clear text.
fn only_greeting(seen: &Seen) -> bool {
    let allowed = ["EHLO", "HELO", "STARTTLS", "QUIT"];
    seen.clear_bytes == 0
        && seen
            .clear
            .iter()
            .all(|line| allowed.contains(&line.split(' ').next().unwrap_or_default()))
}
