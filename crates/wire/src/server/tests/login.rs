//! AUTH, from the keyword in the answer to EHLO to the end of a session that guesses.

use super::*;

/// anna with the password `right`; for `later` nobody can tell.
pub(super) fn judge(credentials: &Credentials) -> Result<(), Reply> {
    match (credentials.name.as_str(), credentials.password.expose()) {
        ("anna", "right") => Ok(()),
        ("later", _) => Err(Reply::new(454, Some(EnhancedCode::new(4, 7, 0)), "later")),
        _ => Err(Reply::new(535, Some(EnhancedCode::new(5, 7, 8)), "no")),
    }
}

/// A session under TLS where AUTH is offered.
pub(super) fn secured() -> Session {
    Session::new(Arc::new(ServerConfig { auth: true, ..config() }), true)
}

const RIGHT: &[u8] = b"AUTH PLAIN AGFubmEAcmlnaHQ=\r\n";
const WRONG: &[u8] = b"AUTH PLAIN AGFubmEAd3Jvbmc=\r\n";
const LATER: &[u8] = b"AUTH PLAIN AGxhdGVyAHg=\r\n";

fn under_tls(input: &[&[u8]]) -> Seen {
    drive(&mut secured(), &input.concat(), &[])
}

#[test]
fn it_is_offered_under_tls_alone_and_only_where_it_is_on() {
    assert!(under_tls(&[EHLO]).said[0].contains(" AUTH PLAIN LOGIN"));
    let mut clear = session(ServerConfig { auth: true, ..config() });
    let seen = drive(&mut clear, &[EHLO, RIGHT, b"AUTH LOGIN\r\nNOOP\r\n"].concat(), &[]);
    assert!(!seen.said[0].contains("AUTH") && seen.said[1].starts_with("538 5.7.11 "));
    assert_eq!(codes(&seen)[1..], ["538 5.7.1", "538 5.7.1", "250 2.0.0"]);

    let mut strict = session(ServerConfig { auth: true, require_tls: true, ..config() });
    let seen = drive(&mut strict, &[EHLO, RIGHT].concat(), &[]);
    assert_eq!(codes(&seen)[1..], ["530 5.7.0"]);

    let mut off = session(config()).secured();
    let seen = drive(&mut off, &[EHLO, RIGHT].concat(), &[]);
    assert!(!seen.said[0].contains("AUTH"));
    assert_eq!(codes(&seen)[1..], ["503 5.5.1"]);
}

#[test]
fn a_client_that_has_proven_itself_goes_on_and_need_not_again() {
    let seen = under_tls(&[EHLO, RIGHT, RIGHT, MAIL, RCPT, b"DATA\r\nx: y\r\n.\r\n", RIGHT]);
    assert_eq!(
        codes(&seen)[1..],
        ["235 2.7.0", "503 5.5.1", "250 2.1.0", "250 2.1.5", "354", "250", "503 5.5.1"]
    );
    assert_eq!(seen.messages.len(), 1);
}

#[test]
fn the_exchanges_are_those_of_the_mechanisms() {
    for (lines, wanted) in [
        (&b"AUTH PLAIN\r\nAGFubmEAcmlnaHQ=\r\n"[..], &["334", "235 2.7.0"][..]),
        (b"AUTH PLAIN\r\n*\r\n", &["334", "501 5.7.0"]),
        (b"AUTH PLAIN\r\n=\r\n", &["334", "501 5.5.2"]),
        (b"AUTH PLAIN =\r\n", &["501 5.5.2"]),
        (b"AUTH PLAIN AGFubmEA$\r\n", &["501 5.5.2"]),
        (b"auth login\r\nYW5uYQ==\r\ncmlnaHQ=\r\n", &["334", "334", "235 2.7.0"]),
        (b"AUTH LOGIN YW5uYQ==\r\ncmlnaHQ= \t\r\n", &["334", "235 2.7.0"]),
        (b"AUTH LOGIN =\r\ncmlnaHQ=\r\n", &["334", "535 5.7.8"]),
        (b"AUTH LOGIN\r\n\r\n\r\n", &["334", "334", "535 5.7.8"]),
        (b"AUTH LOGIN\r\nYW5uYQ==\r\n*\r\n", &["334", "334", "501 5.7.0"]),
        (b"AUTH LOGIN\r\nx\r\n", &["334", "501 5.5.2"]),
        (b"AUTH LOGIN\r\nRSET\r\nQUIT\r\n", &["334", "334", "535 5.7.8"]),
        (b"AUTH LOGIN\r\nYW5\0Q==\r\n", &["334", "500 5.5.2"]),
        (b"AUTH CRAM-MD5\r\n", &["504 5.5.4"]),
        (b"AUTH PLAIN a b\r\n", &["501 5.5.4"]),
    ] {
        let seen = under_tls(&[EHLO, lines]);
        assert_eq!(codes(&seen)[1..], *wanted, "{:?}", String::from_utf8_lossy(lines));
    }
    let seen = under_tls(&[EHLO, b"AUTH PLAIN\r\n", b"*\r\n", RIGHT]);
    assert_eq!(codes(&seen)[3..], ["235 2.7.0"]);
    assert_eq!(under_tls(&[EHLO, b"AUTH LOGIN\r\n"]).said[1], "334 VXNlcm5hbWU6");
    let mut empty = Vec::new();
    replies::challenge("").write_to(&mut empty);
    assert_eq!(empty, b"334 \r\n");
}

#[test]
fn it_comes_after_ehlo_and_outside_of_a_transaction() {
    assert_eq!(codes(&under_tls(&[RIGHT])), ["503 5.5.1"]);
    assert_eq!(codes(&under_tls(&[b"HELO x\r\n", RIGHT]))[1..], ["503 5.5.1"]);
    let seen = under_tls(&[EHLO, MAIL, RIGHT, RCPT, RIGHT, b"RSET\r\n", RIGHT]);
    assert_eq!(
        codes(&seen)[1..],
        ["250 2.1.0", "503 5.5.1", "250 2.1.5", "503 5.5.1", "250 2.0.0", "235 2.7.0"]
    );
}

#[test]
fn a_line_may_have_12288_octets_and_no_more() {
    for (start, asked) in [("AUTH PLAIN ", 0), ("AUTH PLAIN\r\n", 1)] {
        let behind = if asked == 0 { start.len() } else { 0 };
        for (length, wanted) in
            [(crate::auth::LINE, "501 5.5.2"), (crate::auth::LINE + 1, "500 5.5.6")]
        {
            let response = "A".repeat(length - behind);
            let input = format!("{start}{response}\r\nNOOP\r\n");
            let seen = under_tls(&[EHLO, input.as_bytes()]);
            assert_eq!(codes(&seen)[1 + asked..], [wanted, "250 2.0.0"], "{start} {length}");
        }
    }
    // Nothing else gets longer by it.
    let long = format!("NOOP {}\r\n", "x".repeat(3000));
    assert_eq!(codes(&under_tls(&[EHLO, long.as_bytes()]))[1..], ["500 5.5.2"]);
}

#[test]
fn a_session_that_guesses_is_ended() {
    for wrong in [WRONG, LATER, b"AUTH LOGIN =\r\n\r\n", b"AUTH PLAIN AABh\r\n"] {
        let mut session = secured();
        drive(&mut session, EHLO, &[]);
        let mut tries = 0;
        loop {
            let seen = drive(&mut session, wrong, &[]);
            tries += 1;
            if seen.closed {
                assert_eq!(codes(&seen).last(), Some(&"421 4.7.0"));
                break;
            }
            assert!(tries < 20);
        }
        assert!(tries <= 10, "{tries}");
    }
    let seen = under_tls(&[EHLO, &WRONG.repeat(9)]);
    assert_eq!(codes(&seen)[1..], [["535 5.7.8"; 5].as_slice(), &["421 4.7.0"]].concat());
}

#[test]
fn the_parameter_auth_is_taken_where_auth_is_offered() {
    let mail = b"MAIL FROM:<a@client.example> AUTH=<>\r\n";
    assert_eq!(codes(&under_tls(&[EHLO, mail]))[1..], ["250 2.1.0"]);
    assert_eq!(codes(&talk(&[EHLO, mail]))[1..], ["555 5.5.4"]);
}

#[test]
fn a_password_stays_in_no_buffer() {
    let (mut session, mut buffer) = (secured(), Buffer::new());
    buffer.extend(&[EHLO, RIGHT, b"NOOP\r\n"].concat());
    while let Some(step) = session.take(&mut buffer) {
        if let Step::AskAuth(credentials) = step {
            assert_eq!(credentials.password.expose(), "right");
            assert!(session.answer(Ok(())).is_some());
        }
    }
    let whole = buffer.space(0).to_vec();
    assert!(buffer.is_empty() && !whole.windows(6).any(|part| part == b"cmlnaH"), "{whole:?}");
}
