use gatepost_policy::{
    evidence::{DecidedBy, Ending, Stage, Why},
    tls::{Level, Source},
};
use ulid::Ulid;

use super::*;

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

fn report(attempt: &Attempt, original: Original<'_>) -> String {
    let sender = Mailbox::parse("anna@acme.test").unwrap();
    let recipient = Mailbox::parse("bo@partner.test").unwrap();
    let reported = [Reported { mailbox: &recipient, original: None, attempt }];
    let bytes = write(&Report {
        kind: Kind::Failed,
        hostname: "gateway.acme.test",
        id: attempt.message,
        now: Timestamp::from_millis(2_000),
        arrived: Timestamp::from_millis(0),
        sender: &sender,
        envid: Some("E1"),
        recipients: &reported,
        original,
    });
    String::from_utf8(bytes).unwrap()
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
    for part in [
        "It was not sent unencrypted.",
        "the Message Rule \"Enforce TLS to partners\"",
        "mx1.partner.test [127.0.0.9:25]: does not offer STARTTLS",
        "What to do:",
        "Action: failed\r\nStatus: 4.7.4\r\n",
        "Diagnostic-Code: x-local; starttls-not-offered",
        "Original-Envelope-Id: E1\r\nReporting-MTA: dns; gateway.acme.test\r\n",
    ] {
        assert!(text.contains(part), "{part} is missing in\n{text}");
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
