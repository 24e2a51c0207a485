//! Why a recipient waits, for the people of this gateway: the cause, what they can do, and
//! where the remote site is at fault a letter to its administrator.
//!
//! The letter is plain text in English. It names the domain, the host, what was seen and
//! what to change, and nothing of the message: no address, no subject.

use gatepost_wire::timestamp::Timestamp;
use serde::Serialize;

use super::{About, Why};
use crate::tls::Level;

/// Why a recipient waits, and what helps.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Because {
    /// The word for the cause; `None` where no attempt has failed.
    pub why: Option<Why>,
    /// The cause, as sentences.
    pub cause: String,
    /// What the people of this gateway can do, as sentences.
    pub remedy: String,
    /// A text to send to the remote administrator; `None` where the remote site is not at fault.
    pub letter: Option<String>,
}

/// What a recipient waits for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Standing<'a> {
    /// Somebody keeps it from being tried.
    Held {
        /// Who.
        by: &'a str,
        /// Why.
        reason: Option<&'a str>,
        /// Whether what is stored of it is damaged, and nobody did it.
        damaged: bool,
    },
    /// An attempt is going on.
    Sending,
    /// No attempt was made yet.
    Untried,
    /// The last attempt failed.
    Failed(Failure<'a>),
}

/// How the last attempt failed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Failure<'a> {
    /// The word for the cause, where there is one.
    pub why: Option<Why>,
    /// The host that decided.
    pub host: Option<&'a str>,
    /// The sentence of the attempt, with the peer's reply, on one line.
    pub said: Option<&'a str>,
    /// Attempts so far.
    pub attempts: u32,
    /// When it is tried again.
    pub next: Timestamp,
}

/// What is true of the recipient and of this gateway.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Circumstances<'a> {
    /// The recipient's domain.
    pub domain: &'a str,
    /// The level that is demanded.
    pub level: Level,
    /// When it is given up.
    pub expires: Option<Timestamp>,
    /// The name of this gateway.
    pub gateway: &'a str,
}

impl Because {
    /// Why a recipient waits.
    pub fn of(standing: Standing<'_>, around: Circumstances<'_>) -> Self {
        let plain = |cause: String, remedy: &str| Self {
            why: None,
            cause,
            remedy: remedy.to_owned(),
            letter: None,
        };
        match standing {
            Standing::Held { damaged: true, .. } => plain(
                "What is stored of it is damaged, so it cannot be sent.".to_owned(),
                "Ask the sender to send the message again, then delete this one.",
            ),
            Standing::Held { by, reason, damaged: false } => {
                let why = reason.map_or_else(String::new, |reason| format!(": {reason}"));
                plain(format!("{by} holds it{why}."), "Release it when it may be tried again.")
            }
            Standing::Sending => {
                plain("An attempt is going on.".to_owned(), "Nothing needs to be done.")
            }
            Standing::Untried => plain(
                "It was not tried yet.".to_owned(),
                "Nothing needs to be done: it is tried when it is due.",
            ),
            Standing::Failed(failure) => failed(&failure, around),
        }
    }
}

fn failed(failure: &Failure<'_>, around: Circumstances<'_>) -> Because {
    let Failure { why, host: _, said, attempts: _, next } = failure;
    let mut cause = match (said, why) {
        (Some(said), _) => format!("{said}."),
        (None, Some(why)) => format!("{} {}.", around.domain, why.sentence()),
        (None, None) => "The last attempt failed.".to_owned(),
    };
    if why.is_some_and(Why::is_tls) {
        let level = around.level;
        cause.push_str(&format!(
            " The level {level} demands more, so nothing was sent in clear and it waits."
        ));
    }
    let again = format!("It is tried again {}.", next.rfc3339());
    let remedy = match why.map(Why::about) {
        Some(About::Tls) => format!(
            "Send the text for the remote administrator. If this mail may go with less, change the \
             rule or the TLS policy that demands it and judge it anew. {again}"
        ),
        Some(About::Ours) => format!(
            "The fault is on this side: read the log of the gateway, and run `gatepost check`. {again}"
        ),
        Some(About::Hopeless) => {
            "Trying again cannot help: it is given up and its sender is told.".to_owned()
        }
        Some(About::Passing) | None => {
            format!("Most often this passes by itself. {again} If it goes on, ask the other side.")
        }
    };
    let letter = why.and_then(|why| letter(why, failure, around));
    Because { why: *why, cause, remedy, letter }
}

/// Where the remote administrator can mend it: a text for them.
fn letter(why: Why, failure: &Failure<'_>, around: Circumstances<'_>) -> Option<String> {
    // A relay that lets nobody log in is a matter between its operator and this gateway.
    if why.hint().is_empty() || why == Why::AuthUnavailable {
        return None;
    }
    let Circumstances { domain, level, expires, gateway } = around;
    let host = failure.host.unwrap_or(domain);
    let mut text = format!(
        "Subject: Mail for {domain} cannot be delivered: {host} {}\n\n\
         To the administrator of the mail server {host} for {domain}\n\n\
         Our mail gateway {gateway} has mail for {domain} and cannot deliver it.\n\n\
         What we saw\n  {}.\n",
        why.sentence(),
        failure.said.map_or_else(|| format!("{host}: {}", why.sentence()), ToOwned::to_owned),
    );
    if failure.attempts > 1 {
        text.push_str(&format!("  This was so in the last of {} attempts.\n", failure.attempts));
    }
    text.push_str(&format!("\nWhat to change\n  {}\n", why.hint()));
    if why.is_tls() {
        text.push_str(&format!(
            "\nWhy this matters\n  Mail for this domain leaves us over TLS only (level {level}). It waits, and is not sent in clear.\n"
        ));
        if level.is_enforced() {
            text.push_str(&format!(
                "\nHow to see it\n  openssl s_client -starttls smtp -connect {host}:25 -servername {host}\n"
            ));
        }
    }
    if let Some(expires) = expires {
        text.push_str(&format!(
            "\nIf nothing changes, the mail goes back to its sender {}.\n",
            expires.rfc3339()
        ));
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn around() -> Circumstances<'static> {
        Circumstances {
            domain: "partner.example",
            level: Level::Require,
            expires: Timestamp::parse_rfc3339("2026-11-25T03:00:00Z"),
            gateway: "gateway.acme.example",
        }
    }

    fn failure(why: Option<Why>) -> Failure<'static> {
        Failure {
            why,
            host: Some("mx1.partner.example"),
            said: Some("mx1.partner.example [192.0.2.10:25]: does not offer STARTTLS"),
            attempts: 3,
            next: Timestamp::from_millis(0),
        }
    }

    #[test]
    fn a_letter_says_who_what_and_what_to_change() {
        let because =
            Because::of(Standing::Failed(failure(Some(Why::StartTlsNotOffered))), around());
        let letter = because.letter.unwrap();
        for wanted in [
            "mx1.partner.example [192.0.2.10:25]: does not offer STARTTLS.",
            "for partner.example",
            "gateway.acme.example",
            "Let the server offer STARTTLS",
            "2026-11-25T03:00:00Z",
            "-connect mx1.partner.example:25",
            "last of 3 attempts",
        ] {
            assert!(letter.contains(wanted), "{wanted}: {letter}");
        }
        assert!(because.cause.contains("nothing was sent in clear"), "{}", because.cause);
    }

    #[test]
    fn there_is_a_letter_exactly_where_the_remote_site_can_mend_it() {
        for why in Why::ALL {
            let because = Because::of(Standing::Failed(failure(Some(*why))), around());
            let theirs = !why.hint().is_empty() && *why != Why::AuthUnavailable;
            assert_eq!(because.letter.is_some(), theirs, "{}", why.word());
            assert!(!why.is_tls() || theirs, "{}", why.word());
            assert!(!why.is_ours() || because.remedy.contains("this side"), "{}", why.word());
            assert!(because.cause.ends_with('.') && because.remedy.ends_with('.'));
            assert_eq!(because.why, Some(*why));
        }
    }

    #[test]
    fn what_was_not_tried_or_is_held_says_so_without_a_letter() {
        let held = |damaged| Standing::Held { by: "ops", reason: Some("ticket 4711"), damaged };
        for (standing, said) in [
            (Standing::Untried, "not tried yet"),
            (Standing::Sending, "An attempt is going on"),
            (held(false), "ops holds it: ticket 4711."),
            (held(true), "damaged"),
            (Standing::Failed(Failure { said: None, ..failure(None) }), "The last attempt failed."),
        ] {
            let because = Because::of(standing, around());
            assert!(because.cause.contains(said), "{}", because.cause);
            assert_eq!(because.letter, None);
        }
    }
}
