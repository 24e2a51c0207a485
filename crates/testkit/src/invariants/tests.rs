//! Each invariant can fail: a good world passes, and every breach of one is named by its number.

use gatepost_policy::evidence::{DecidedBy, Why};
use gatepost_policy::id::MessageId;
use gatepost_policy::tls::{Level, VerifiedBy};
use gatepost_wire::timestamp::Timestamp;
use ulid::Ulid;

use super::*;
use crate::mx::record::Line;

const ADDRESS: &str = "127.0.0.9:25";

fn lines(channel: Channel, all: &[&str]) -> Vec<Line> {
    all.iter().map(|text| Line { text: (*text).to_owned(), channel }).collect()
}

/// What a host sees of a message that went over TLS.
fn connection() -> Connection {
    let mut seen =
        Connection::new("mx.d.test", ADDRESS.parse().unwrap(), "127.0.0.1:4000".parse().unwrap());
    seen.lines = lines(Channel::Clear, &["EHLO me", "STARTTLS"]);
    let under_tls = ["EHLO me", "MAIL FROM:<a@x.test>", "RCPT TO:<b@d.test>", "DATA", "QUIT"];
    seen.lines.extend(lines(Channel::Tls, &under_tls));
    seen.clear_bytes = b"EHLO me\r\nSTARTTLS\r\n".to_vec();
    seen.hello = true;
    seen.closed = true;
    seen.tls = Some(TlsSeen {
        version: "TLSv1.3".to_owned(),
        cipher: "TLS13_AES_256_GCM_SHA384".to_owned(),
        certificate_sha256: "ab".to_owned(),
        ..TlsSeen::default()
    });
    seen.messages = vec![Received {
        from: "a@x.test".to_owned(),
        to: vec!["b@d.test".to_owned()],
        mail_params: String::new(),
        message: b"x-TLSLevel: Require\r\nSubject: x\r\n\r\nx-TLSLevel: in the body\r\n".to_vec(),
        wire: Vec::new(),
        channel: Channel::Tls,
        accepted: true,
    }];
    seen
}

/// What the store says about it.
fn attempt() -> Attempt {
    let tls = Some(TlsRecord {
        version: "TLSv1.3".to_owned(),
        cipher: "TLS13_AES_256_GCM_SHA384".to_owned(),
        certificate_sha256: Some("ab".to_owned()),
        verified_by: VerifiedBy::None,
    });
    let decided_by = DecidedBy {
        header: Some("x-TLSLevel: Require".to_owned()),
        rule: Some("Enforced TLS".to_owned()),
        ..DecidedBy::default()
    };
    let (host, address) = ("mx.d.test".to_owned(), ADDRESS.to_owned());
    Attempt {
        message: MessageId::from_ulid(Ulid::from_parts(1, 2)),
        recipient: "b@d.test".to_owned(),
        at: Timestamp::from_millis(0),
        outcome: Ending::Delivered,
        level: Level::Require,
        decided_by,
        host: Some(host.clone()),
        address: Some(address.clone()),
        tls: tls.clone(),
        clear_because: None,
        why: None,
        reply: None,
        status: "2.0.0".to_owned(),
        tries: vec![Try {
            host,
            address: Some(address),
            tls,
            clear_because: None,
            stage: Stage::Data,
            why: None,
            reply: None,
            detail: None,
        }],
        learned_from: None,
    }
}

#[track_caller]
fn breaks(invariant: &str, change: impl FnOnce(&mut Vec<Connection>, &mut Vec<Attempt>)) {
    let (mut connections, mut attempts) = (vec![connection()], vec![attempt()]);
    change(&mut connections, &mut attempts);
    let breaches =
        check(&connections, &attempts, &Expectations::default()).expect_err("it is a breach");
    assert!(breaches.lines().any(|line| line.starts_with(invariant)), "{invariant} in {breaches}");
}

#[test]
fn a_good_world_passes() {
    check(&[connection()], &[attempt()], &Expectations::default()).unwrap();
}

#[test]
fn i1_enforced_mail_in_clear_is_a_breach() {
    breaks("I1", |connections, _| {
        connections[0]
            .lines
            .push(Line { text: "MAIL FROM:<a@x.test>".to_owned(), channel: Channel::Clear });
    });
    breaks("I1", |connections, attempts| {
        // Other mail may go in clear, and this recipient's name may not.
        attempts.push(Attempt { recipient: "c@e.test".to_owned(), level: Level::Try, ..attempt() });
        connections[0].clear_bytes.extend_from_slice(b"RCPT TO:<b@d.test>\r\n");
    });
}

#[test]
fn i1_mail_judged_anew_is_in_clear_no_more_often_than_it_may_be() {
    let loosened = [attempt().recipient].into();
    let expected = Expectations { loosened, ..Expectations::default() };
    let mut clear = connection();
    clear.clear_bytes.extend_from_slice(b"RCPT TO:<b@d.test>\r\n");
    let breaches = |attempts: &[Attempt]| {
        let found = check(&[clear.clone()], attempts, &expected).err().unwrap_or_default();
        found.contains("I1: <b@d.test>")
    };
    assert!(breaches(&[attempt()]), "every attempt at it needed TLS");
    assert!(!breaches(&[attempt(), Attempt { level: Level::Try, ..attempt() }]));
}

#[test]
fn i2_bytes_before_the_reply_to_starttls_are_a_breach() {
    breaks("I2", |connections, _| connections[0].early = b"EHLO me\r\n".to_vec());
}

#[test]
fn i3_another_command_than_ehlo_first_under_tls_is_a_breach() {
    breaks("I3", |connections, _| {
        connections[0].lines.remove(2);
    });
}

#[test]
fn i4_a_field_that_no_rule_added_is_a_breach() {
    breaks("I4", |connections, _| {
        connections[0].messages[0].message.splice(0..0, *b"X-TLSLevel : Try\r\n").for_each(drop);
    });
    breaks("I4", |_, attempts| attempts[0].decided_by.rule = None);
    let strip = Expectations { strip: true, ..Expectations::default() };
    assert!(check(&[connection()], &[attempt()], &strip).unwrap_err().contains("I4"));
}

#[test]
fn i5_a_recipient_that_is_accepted_twice_or_lost_is_a_breach() {
    breaks("I5", |connections, _| connections.push(connection()));
    breaks("I5", |connections, _| connections[0].messages.clear());
    breaks("I5", |_, attempts| attempts.push(attempt()));
}

#[test]
fn i6_evidence_that_the_wire_does_not_bear_out_is_a_breach() {
    breaks("I6", |connections, _| {
        connections[0].tls.as_mut().unwrap().certificate_sha256 = "cd".to_owned();
    });
    breaks("I6", |connections, _| {
        connections[0].tls.as_mut().unwrap().version = "TLSv1.2".to_owned();
    });
    breaks("I6", |_, attempts| attempts[0].host = Some("mx2.d.test".to_owned()));
    breaks("I6", |_, attempts| attempts[0].tries.clear());
    breaks("I6", |connections, _| {
        connections.push(Connection { host: "mx2.d.test".to_owned(), ..connection() });
    });
    breaks("I6", |_, attempts| {
        let clear = Some(NoTls::NotOffered);
        attempts[0].tls = None;
        attempts[0].clear_because = clear;
    });
    breaks("I6", |connections, attempts| {
        connections[0] = Connection {
            hello: false,
            lines: lines(Channel::Clear, &["EHLO me", "QUIT"]),
            ..connection()
        };
        connections[0].messages.clear();
        attempts[0].outcome = Ending::Deferred;
        attempts[0].tries[0] = Try {
            stage: Stage::Tls,
            tls: None,
            why: Some(Why::TlsAlert),
            ..attempts[0].tries[0].clone()
        };
    });
}

#[test]
fn i7_mail_to_the_null_address_is_a_breach() {
    breaks("I7", |_, attempts| attempts[0].recipient = String::new());
}

#[test]
fn i9_an_open_connection_is_a_breach() {
    breaks("I9", |connections, _| connections[0].closed = false);
}
