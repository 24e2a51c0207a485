use gatepost_policy::{
    evidence::{DecidedBy, Ending, Stage, Try, Why},
    tls::{Level, Source},
};
use ulid::Ulid;

use super::{machine::typed_address, *};

fn attempt(level: Level, why: Why, status: &str, reply: Option<&str>) -> Attempt {
    let rule = Source::Rule {
        rule: "Enforce TLS to partners".into(),
        field: "x-TLSLevel: Require".into(),
    };
    Attempt {
        message: MessageId::from_ulid(Ulid::from_parts(1, 1)),
        recipient: "bo@partner.test".into(),
        at: Timestamp::from_millis(1_000),
        outcome: Ending::Bounced,
        level,
        decided_by: if level.is_enforced() {
            DecidedBy::of(&rule, 3)
        } else {
            DecidedBy::of(&Source::Default, 3)
        },
        host: Some("mx1.partner.test".into()),
        address: Some("127.0.0.9:25".into()),
        tls: None,
        clear_because: None,
        why: Some(why),
        reply: reply.map(str::to_owned),
        status: status.into(),
        tries: vec![Try {
            host: "mx1.partner.test".into(),
            address: Some("127.0.0.9:25".into()),
            tls: None,
            clear_because: None,
            stage: Stage::Ehlo,
            why: Some(why),
            reply: reply.map(str::to_owned),
            detail: None,
        }],
        learned_from: None,
    }
}

fn reported<'a>(mailbox: &'a Mailbox, attempt: &'a Attempt) -> Reported<'a> {
    let for_tls = attempt.level.is_enforced() && attempt.why.is_some_and(Why::is_tls);
    Reported { mailbox, original: None, attempt, detail: None, for_tls, waits: None }
}

fn report(attempt: &Attempt, original: Original<'_>) -> String {
    let recipient = Mailbox::parse("bo@partner.test").unwrap();
    report_of(Kind::Failed, &[reported(&recipient, attempt)], original)
}

fn report_of(kind: Kind, recipients: &[Reported<'_>], original: Original<'_>) -> String {
    let sender = Mailbox::parse("anna@acme.test").unwrap();
    let postmaster = Mailbox::parse("postmaster@acme.test").unwrap();
    let bytes = write(&Report {
        kind,
        hostname: "gateway.acme.test",
        postmaster: Some(&postmaster),
        id: MessageId::from_ulid(Ulid::from_parts(2, 2)),
        now: Timestamp::from_millis(2_000),
        arrived: Timestamp::from_millis(0),
        direction: Direction::Outbound,
        sender: &sender,
        envid: Some("E1"),
        recipients,
        original,
    });
    String::from_utf8(bytes).unwrap()
}

/// The text with its lines joined again.
fn flat(text: &str) -> String {
    text.split_ascii_whitespace().collect::<Vec<_>>().join(" ")
}

const HEADER: &[u8] =
    b"Subject: s\r\nX-TlsLevel : Require\r\n  folded\r\nTo: <bo@partner.test>\r\n";

#[test]
fn k05_a_report_on_enforced_mail_has_the_header_alone_and_no_level_in_it() {
    let attempt = attempt(Level::Require, Why::StartTlsNotOffered, "4.7.4", None);
    let text = report(&attempt, Original::Header(HEADER));
    assert!(text.contains("Content-Type: text/rfc822-headers\r\n"));
    assert!(text.contains("Subject: s\r\nTo: <bo@partner.test>\r\n"));
    assert!(!text.to_ascii_lowercase().contains("x-tlslevel"), "{text}");
}

#[test]
fn k06_a_report_says_who_required_tls_what_was_seen_and_that_nothing_went_in_clear() {
    let attempt = attempt(Level::Require, Why::StartTlsNotOffered, "4.7.4", None);
    let text = report(&attempt, Original::Header(HEADER));
    let flat = flat(&text);
    for part in [
        "because secure transport is required and could not be set up. It was not sent unencrypted.",
        "required: the Message Rule \"Enforce TLS to partners\" of your organisation.",
        "seen: mx1.partner.test [127.0.0.9:25]: does not offer STARTTLS",
        "now: This is final",
        "What to do: Tell the recipient",
        "The postmaster of your organisation is <postmaster@acme.test>.",
        "For the administrator of mx1.partner.test: Let the server offer STARTTLS",
        "Action: failed Status: 4.7.4 Remote-MTA: dns; mx1.partner.test",
        "Diagnostic-Code: x-local; starttls-not-offered \
         clause=header:\"Enforce TLS to partners\" level=require host=mx1.partner.test",
        "Original-Envelope-Id: E1 Reporting-MTA: dns; gateway.acme.test",
    ] {
        assert!(flat.contains(part), "{part} is missing in\n{text}");
    }
}

#[test]
fn a_report_on_ordinary_mail_quotes_the_remote_reply_and_speaks_of_no_tls() {
    let attempt = attempt(Level::Try, Why::RemoteReply, "5.1.1", Some("550 5.1.1 no such user"));
    let text = report(&attempt, Original::Header(HEADER));
    assert!(text.contains("Diagnostic-Code: smtp; 550 5.1.1 no such user\r\n"));
    assert!(!text.contains("unencrypted"));
}

#[test]
fn a_whole_message_is_returned_with_its_body() {
    let attempt = attempt(Level::Try, Why::RemoteReply, "5.1.1", Some("550 no"));
    let whole = [HEADER, b"\r\nthe body\r\n"].concat();
    let text = report(&attempt, Original::Full(&whole));
    assert!(text.contains("Content-Type: message/rfc822\r\n"));
    assert!(text.contains("To: <bo@partner.test>\r\n\r\nthe body\r\n"));
}

#[test]
fn every_line_of_a_report_ends_in_crlf_and_is_shorter_than_998() {
    let attempt = attempt(Level::Require, Why::TlsAlert, "4.7.5", Some(&"r".repeat(500)));
    let text = report(&attempt, Original::Header(HEADER));
    assert_eq!(text.matches('\n').count(), text.matches("\r\n").count());
    assert!(text.split("\r\n").all(|line| line.len() < 998));
}

#[test]
fn an_international_address_is_written_in_seven_bits() {
    let mailbox = Mailbox::parse("jörg@partner.test").unwrap();
    assert_eq!(typed_address(&mailbox), "utf-8; j\\x{F6}rg@partner.test");
}

#[test]
fn every_word_of_the_vocabulary_makes_a_whole_report() {
    for why in Why::ALL {
        let attempt = attempt(Level::Require, *why, why.status(), None);
        let flat = flat(&report(&attempt, Original::Header(HEADER)));
        assert!(flat.contains(&format!("[127.0.0.9:25]: {} What", why.sentence())), "{flat}");
        assert!(flat.contains(why.remedy()), "{flat}");
        assert!(flat.contains(why.hint()), "{flat}");
        assert!(flat.contains(&format!("Diagnostic-Code: x-local; {} clause=", why.word())));
        assert!(flat.contains("not sent unencrypted"), "{flat}");
        assert_eq!(flat.contains("could not be set up"), why.is_tls(), "{flat}");
    }
}

#[test]
fn k02_a_report_of_delay_says_when_it_is_tried_and_when_it_is_given_up() {
    let recipient = Mailbox::parse("bo@partner.test").unwrap();
    let attempt = attempt(Level::Require, Why::StartTlsNotOffered, "4.7.4", None);
    let (next, until) = (Timestamp::from_millis(60_000), Timestamp::from_millis(86_400_000));
    let waiting = Reported { waits: Some((next, until)), ..reported(&recipient, &attempt) };
    let text = report_of(Kind::Delayed, &[waiting], Original::Header(HEADER));
    let flat = flat(&text);
    for part in [
        "has not been delivered yet because secure transport is required",
        "tried again, next at Thu, 1 Jan 1970 00:01:00 +0000. If it cannot be delivered by Fri, 2 Jan 1970",
        "Action: delayed Status: 4.7.4",
        "Will-Retry-Until: Fri, 2 Jan 1970 00:00:00 +0000",
    ] {
        assert!(flat.contains(part), "{part} is missing in\n{text}");
    }
    assert!(!flat.contains("This is final"));
}

#[test]
fn a_report_stays_in_seven_bits_whatever_the_names() {
    let mut attempt = attempt(Level::Require, Why::StartTlsRefused, "4.7.4", Some("454 n\u{e3}o"));
    attempt.decided_by.rule = Some("Pr\u{fc}fung\r\nAction: delivered".into());
    let recipient = Mailbox::parse("j\u{f6}rg@partner.test").unwrap();
    let header = format!("Subject: Gr\u{fc}\u{df}e {}\r\n", "x".repeat(1_200));
    let text = report_of(
        Kind::Failed,
        &[reported(&recipient, &attempt)],
        Original::Header(header.as_bytes()),
    );
    assert!(text.is_ascii(), "{text}");
    assert!(text.split("\r\n").all(|line| line.len() <= 76), "{text}");
    let flat = flat(&text);
    assert!(
        flat.contains("clause=header:\"Pr\\x{FC}fung\\x{D}\\x{A}Action: delivered\""),
        "{flat}"
    );
    assert!(flat.contains("reply=\"454 n\\x{E3}o\""), "{flat}");
    assert!(flat.contains("Subject: Gr=C3=BC=C3=9Fe"), "{flat}");
    assert_eq!(text.matches("\r\nAction: ").count(), 1);
}

#[test]
fn what_a_rule_or_an_administrator_decided_is_nobodys_reply() {
    for (why, says) in [
        (Why::RejectedByRule, "the message was rejected by a Message Rule: \"not this one\""),
        (Why::ReturnedByAdmin, "the message was returned by an administrator: \"not this one\""),
    ] {
        let mut attempt = attempt(Level::Try, why, "5.7.1", Some("not this one"));
        (attempt.host, attempt.address, attempt.tries) = (None, None, Vec::new());
        let flat = flat(&report(&attempt, Original::Header(HEADER)));
        assert!(flat.contains(says), "{flat}");
        let code = format!("Diagnostic-Code: x-local; {} reply=\"not this one\"", why.word());
        assert!(flat.contains(&code), "{flat}");
        assert!(!flat.contains("Remote-MTA"), "{flat}");
    }
}

#[test]
fn an_international_header_makes_a_whole_original_a_global_message() {
    let attempt = attempt(Level::Try, Why::RemoteReply, "5.1.1", Some("550 no"));
    let original = "Subject: Gr\u{fc}\u{df}e\r\n\r\nbody\r\n";
    let text = report(&attempt, Original::Full(original.as_bytes()));
    assert!(text.contains("Content-Type: message/global\r\nContent-Transfer-Encoding: 8bit\r\n"));
}
