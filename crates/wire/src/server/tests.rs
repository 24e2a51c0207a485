use proptest::prelude::*;

use super::*;
use crate::reply::EnhancedCode;

mod login;
mod model;

const EHLO: &[u8] = b"EHLO client.example\r\n";
const MAIL: &[u8] = b"MAIL FROM:<a@client.example>\r\n";
const RCPT: &[u8] = b"RCPT TO:<b@acme.example>\r\n";

fn config() -> ServerConfig {
    ServerConfig {
        hostname: "gw.example".into(),
        starttls: true,
        require_tls: false,
        auth: false,
        limits: Limits::default(),
    }
}

fn session(config: ServerConfig) -> Session {
    Session::new(Arc::new(config), false)
}

/// What a client sees, and the messages that came out.
#[derive(Debug, Default, Eq, PartialEq)]
struct Seen {
    said: Vec<String>,
    messages: Vec<(Vec<String>, Vec<u8>)>,
    closed: bool,
}

/// A driver that takes everything except the recipient `refused@…`.
fn drive(session: &mut Session, input: &[u8], cuts: &[usize]) -> Seen {
    let (mut seen, mut buffer, mut body, mut from) =
        (Seen::default(), Buffer::new(), Vec::new(), 0);
    for cut in cuts.iter().copied().chain([input.len()]) {
        let cut = cut.clamp(from, input.len());
        buffer.extend(&input[from..cut]);
        from = cut;
        loop {
            let step = session.take(&mut buffer);
            let Some(step) = step else { break };
            assert!(!seen.closed, "a step behind the end: {step:?}");
            match step {
                Step::Say(reply) => seen.said.push(reply.to_string()),
                Step::Reset(reply) => {
                    body.clear();
                    seen.said.push(reply.to_string());
                }
                Step::Close(reply) => {
                    seen.said.push(reply.to_string());
                    seen.closed = true;
                }
                Step::Upgrade(reply) => {
                    seen.said.push(reply.to_string());
                    return seen;
                }
                Step::AskAuth(credentials) => {
                    let answer = login::judge(&credentials);
                    seen.said.extend(session.answer(answer).map(|reply| reply.to_string()));
                }
                Step::AskMail { .. } => {
                    seen.said.extend(session.answer(Ok(())).map(|reply| reply.to_string()));
                }
                Step::AskRcpt { to, .. } => {
                    let refused = format!("{to:?}").contains("refused");
                    let no = Reply::new(550, Some(EnhancedCode::new(5, 7, 1)), "no");
                    let answer = if refused { Err(no) } else { Ok(()) };
                    seen.said.extend(session.answer(answer).map(|reply| reply.to_string()));
                }
                Step::AskBody { .. } => {
                    body.clear();
                    seen.said.extend(session.answer(Ok(())).map(|reply| reply.to_string()));
                }
                Step::Body(bytes) => body.extend_from_slice(bytes),
                Step::BodyBroken(_) => body.clear(),
                Step::BodyEnd(envelope) => {
                    let to =
                        envelope.recipients.iter().map(|one| format!("{:?}", one.to)).collect();
                    seen.messages.push((to, std::mem::take(&mut body)));
                    seen.said.push("250 stored".into());
                }
            }
        }
    }
    seen
}

fn talk(input: &[&[u8]]) -> Seen {
    drive(&mut session(config()), &input.concat(), &[])
}

/// The first words of everything said.
fn codes(seen: &Seen) -> Vec<&str> {
    seen.said
        .iter()
        .map(|line| {
            line.get(..9)
                .filter(|head| head.as_bytes()[5] == b'.')
                .or_else(|| line.get(..3))
                .unwrap_or(line)
        })
        .collect()
}

#[test]
fn a_message_comes_through_with_its_envelope() {
    let seen =
        talk(&[EHLO, MAIL, RCPT, b"DATA\r\n", b"Subject: x\r\n\r\n..\r\n.\r\n", b"QUIT\r\n"]);
    assert_eq!(codes(&seen), ["250", "250 2.1.0", "250 2.1.5", "354", "250", "221 2.0.0"]);
    assert_eq!(seen.messages.len(), 1);
    assert_eq!(seen.messages[0].1, b"Subject: x\r\n\r\n.\r\n");
    assert!(seen.closed);
}

#[test]
fn the_extensions_are_listed_and_starttls_only_in_the_clear() {
    let seen = talk(&[EHLO]);
    for keyword in [
        "PIPELINING",
        "SIZE 52428800",
        "8BITMIME",
        "SMTPUTF8",
        "CHUNKING",
        "DSN",
        "ENHANCEDSTATUSCODES",
        "STARTTLS",
    ] {
        assert!(seen.said[0].contains(keyword), "{keyword}: {}", seen.said[0]);
    }
    let mut secured = session(config()).secured();
    assert!(!drive(&mut secured, EHLO, &[]).said[0].contains("STARTTLS"));
}

#[test]
fn commands_out_of_order_are_503() {
    for (input, last) in [
        (&[MAIL][..], "503 5.5.1"),
        (&[EHLO, RCPT], "503 5.5.1"),
        (&[EHLO, b"DATA\r\n"], "503 5.5.1"),
        (&[EHLO, MAIL, b"DATA\r\n"], "503 5.5.1"),
        (&[EHLO, MAIL, MAIL], "503 5.5.1"),
        (&[b"STARTTLS\r\n"], "503 5.5.1"),
        (&[EHLO, MAIL, b"STARTTLS\r\n"], "503 5.5.1"),
        (&[EHLO, b"BDAT 4 LAST\r\nQUIT"], "503 5.5.1"),
        (&[EHLO, MAIL, b"BDAT 4 LAST\r\nQUIT"], "503 5.5.1"),
        (&[EHLO, b"EXPN x\r\n"], "502 5.5.1"),
        (&[EHLO, b"AUTH PLAIN\r\n"], "503 5.5.1"),
        (&[EHLO, b"VRFY x\r\n"], "252 2.0.0"),
        (&[EHLO, b"HELP\r\n"], "214 2.0.0"),
    ] {
        let seen = talk(input);
        assert_eq!(codes(&seen).last(), Some(&last), "{seen:?}");
        assert!(!seen.closed);
    }
}

#[test]
fn l01_bytes_behind_starttls_end_the_session_without_a_220() {
    let seen = talk(&[EHLO, b"STARTTLS\r\nEHLO injected.example\r\n"]);
    assert_eq!(codes(&seen), ["250", "503 5.5.1"]);
    assert!(seen.closed);
}

#[test]
fn l02_starttls_forgets_what_was_said_in_the_clear() {
    let mut clear = session(config());
    assert_eq!(
        codes(&drive(&mut clear, &[EHLO, b"STARTTLS\r\n"].concat(), &[])),
        ["250", "220 2.0.0"]
    );
    let mut secured = clear.secured();
    let seen =
        drive(&mut secured, &[MAIL, EHLO, MAIL, RCPT, b"RSET\r\n", b"STARTTLS\r\n"].concat(), &[]);
    assert_eq!(
        codes(&seen),
        ["503 5.5.1", "250", "250 2.1.0", "250 2.1.5", "250 2.0.0", "503 5.5.1"]
    );
}

#[test]
fn mail_waits_for_tls_where_that_is_required() {
    let mut strict = session(ServerConfig { require_tls: true, ..config() });
    let seen = drive(
        &mut strict,
        &[EHLO, MAIL, RCPT, b"DATA\r\n", b"BDAT 4 LAST\r\nQUIT", b"NOOP\r\n"].concat(),
        &[],
    );
    assert_eq!(
        codes(&seen),
        ["250", "530 5.7.0", "530 5.7.0", "530 5.7.0", "530 5.7.0", "250 2.0.0"]
    );
    let mut secured = session(ServerConfig { require_tls: true, ..config() }).secured();
    assert_eq!(codes(&drive(&mut secured, &[EHLO, MAIL].concat(), &[])), ["250", "250 2.1.0"]);
}

#[test]
fn a_broken_line_is_one_500_and_hides_nothing() {
    for bad in
        [&b"NOOP\nRSET\r\n"[..], b"NOOP\rRSET\r\n", b"NO\0OP\r\n", b"\n\n\nNOOP\r\n", b"NOOP\r\r\n"]
    {
        let seen = talk(&[EHLO, bad, b"NOOP\r\n"]);
        assert_eq!(codes(&seen), ["250", "500 5.5.2", "250 2.0.0"], "{bad:?}");
    }
}

#[test]
fn a_line_as_long_as_allowed_is_read_and_one_longer_is_not() {
    let mut fits = b"NOOP ".to_vec();
    fits.resize(2048, b'x');
    let mut over = fits.clone();
    over.push(b'x');
    assert_eq!(codes(&talk(&[&fits, b"\r\n", b"NOOP\r\n"])), ["250 2.0.0", "250 2.0.0"]);
    assert_eq!(codes(&talk(&[&over, b"\r\n", b"NOOP\r\n"])), ["500 5.5.2", "250 2.0.0"]);
    assert_eq!(
        codes(&talk(&[&vec![b'x'; 100_000], b"\r\n", b"NOOP\r\n"])),
        ["500 5.5.2", "250 2.0.0"]
    );
}

#[test]
fn twenty_errors_end_the_session() {
    let seen = talk(&[&b"BOGUS\r\n".repeat(25)]);
    assert_eq!(seen.said.len(), 21);
    assert_eq!(codes(&seen)[20], "421 4.7.0");
    assert!(seen.closed);
    let refused = talk(&[EHLO, MAIL, &b"RCPT TO:<refused@acme.example>\r\n".repeat(25)]);
    assert_eq!(codes(&refused).last(), Some(&"421 4.7.0"));
    assert_eq!(refused.said.len(), 23);
}

#[test]
fn errors_before_tls_still_count_under_it() {
    let mut clear = session(config());
    drive(&mut clear, &b"BOGUS\r\n".repeat(19), &[]);
    let mut secured = clear.secured();
    assert_eq!(codes(&drive(&mut secured, b"BOGUS\r\n", &[])).last(), Some(&"421 4.7.0"));
}

#[test]
fn commands_that_move_no_mail_are_limited() {
    let seen = talk(&[EHLO, &b"NOOP\r\nRSET\r\nVRFY x\r\n".repeat(100)]);
    assert!(seen.closed);
    assert_eq!(codes(&seen).last(), Some(&"421 4.7.0"));
    assert!(seen.said.len() <= 102);
    let mut busy = EHLO.to_vec();
    for _ in 0..300 {
        busy.extend_from_slice(&[MAIL, RCPT, b"DATA\r\n.\r\nRSET\r\n"].concat());
    }
    assert_eq!(talk(&[&busy]).messages.len(), 300);
}

#[test]
fn one_recipient_too_many_is_452_and_the_others_get_their_mail() {
    let limits = Limits { recipients: 3, ..Limits::default() };
    let mut small = session(ServerConfig { limits, ..config() });
    let seen =
        drive(&mut small, &[EHLO, MAIL, &RCPT.repeat(50), b"DATA\r\nx\r\n.\r\n"].concat(), &[]);
    assert_eq!(codes(&seen).iter().filter(|code| **code == "452 4.5.3").count(), 47);
    assert_eq!(seen.messages[0].0.len(), 3);
    assert!(!seen.closed);
}

#[test]
fn a_size_over_the_limit_is_refused_at_mail_and_at_the_end() {
    let limits = Limits { message_size: 100, ..Limits::default() };
    let small = || session(ServerConfig { limits, ..config() });
    let seen =
        drive(&mut small(), &[EHLO, b"MAIL FROM:<a@b.example> SIZE=101\r\n", MAIL].concat(), &[]);
    assert_eq!(codes(&seen), ["250", "552 5.3.4", "250 2.1.0"]);
    let lie = [
        EHLO,
        b"MAIL FROM:<a@b.example> SIZE=10\r\n",
        RCPT,
        b"DATA\r\n",
        &[b'x'; 1000],
        b"\r\n.\r\nNOOP\r\n",
    ]
    .concat();
    let seen = drive(&mut small(), &lie, &[]);
    assert_eq!(codes(&seen), ["250", "250 2.1.0", "250 2.1.5", "354", "552 5.3.4", "250 2.0.0"]);
    assert!(seen.messages.is_empty());
    let chunk = [EHLO, MAIL, RCPT, b"BDAT 1000 LAST\r\n", &[b'x'; 1000], b"NOOP\r\n"].concat();
    assert_eq!(codes(&drive(&mut small(), &chunk, &[]))[3..], ["552 5.3.4", "250 2.0.0"]);
}

#[test]
fn a_header_section_over_a_mebibyte_is_refused() {
    let header = b"X-Long: 0123456789012345678901234567890123456789\r\n".repeat(22_000);
    let seen = talk(&[EHLO, MAIL, RCPT, b"DATA\r\n", &header, b"\r\nbody\r\n.\r\nNOOP\r\n"]);
    assert_eq!(codes(&seen)[4..], ["552 5.3.4", "250 2.0.0"]);
}

#[test]
fn chunks_make_one_message() {
    let seen = talk(&[
        EHLO,
        MAIL,
        RCPT,
        b"BDAT 6\r\nA: 1\r\n",
        b"BDAT 0\r\n",
        b"BDAT 7 LAST\r\n\r\n.\r\nx\r",
    ]);
    // The last chunk ends in a bare CR.
    assert_eq!(
        codes(&seen),
        ["250", "250 2.1.0", "250 2.1.5", "250 2.0.0", "250 2.0.0", "550 5.6.0"]
    );
    let seen = talk(&[
        EHLO,
        MAIL,
        RCPT,
        b"BDAT 6\r\nA: 1\r\n",
        b"BDAT 7\r\n\r\n.\r\nx\r",
        b"BDAT 1\r\n\n",
        b"BDAT 0 LAST\r\n",
    ]);
    assert_eq!(seen.messages[0].1, b"A: 1\r\n\r\n.\r\nx\r\n");
    let empty = talk(&[EHLO, MAIL, RCPT, b"BDAT 0 LAST\r\n", MAIL]);
    assert_eq!(empty.messages[0].1, b"");
    assert_eq!(codes(&empty).last(), Some(&"250 2.1.0"));
}

#[test]
fn data_and_bdat_do_not_mix() {
    let seen =
        talk(&[EHLO, MAIL, RCPT, b"BDAT 1\r\nx", b"DATA\r\n", MAIL, RCPT, b"RSET\r\n", MAIL]);
    assert_eq!(
        codes(&seen)[3..],
        ["250 2.0.0", "503 5.5.1", "503 5.5.1", "503 5.5.1", "250 2.0.0", "250 2.1.0"]
    );
}

#[test]
fn behind_a_refused_chunk_everything_is_refused_until_the_last_or_rset() {
    let seen = talk(&[
        EHLO,
        MAIL,
        RCPT,
        b"BDAT 2\r\n\n\n",
        b"DATA\r\n",
        b"BDAT 4\r\nQUIT",
        b"BDAT 4 LAST\r\nQUIT",
        MAIL,
    ]);
    assert_eq!(
        codes(&seen)[3..],
        ["550 5.6.0", "503 5.5.1", "503 5.5.1", "503 5.5.1", "250 2.1.0"]
    );
    let seen = talk(&[EHLO, MAIL, RCPT, b"BDAT 2\r\n\n\n", b"RSET\r\n", MAIL]);
    assert_eq!(codes(&seen)[3..], ["550 5.6.0", "250 2.0.0", "250 2.1.0"]);
}

#[test]
fn a_bdat_that_cannot_be_counted_ends_the_session() {
    let seen = talk(&[EHLO, MAIL, RCPT, b"BDAT 99999999999999999999999999 LAST\r\nQUIT\r\n"]);
    assert!(seen.closed);
    assert!(seen.said.last().unwrap().starts_with("501"), "{seen:?}");
}

#[test]
fn another_protocol_is_sent_away_on_its_first_line() {
    for start in [
        &b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"[..],
        b"POST / HTTP/1.1\r\n",
        b"\x16\x03\x01\x02\x00\x01",
        b"SSH-2.0-x\r\n",
    ] {
        let seen = talk(&[start]);
        assert!(seen.closed, "{start:?}");
        assert_eq!(seen.said.len(), 1);
    }
    assert!(!talk(&[b"\xff\xfe\x00\x01garbage\r\n", b"NOOP\r\n"]).closed);
}

#[test]
fn an_international_address_needs_smtputf8() {
    let seen = talk(&[
        EHLO,
        "MAIL FROM:<jürgen@acme.example>\r\n".as_bytes(),
        "MAIL FROM:<jürgen@acme.example> SMTPUTF8\r\n".as_bytes(),
        b"RSET\r\n",
        MAIL,
        "RCPT TO:<jürgen@acme.example>\r\n".as_bytes(),
    ]);
    assert_eq!(
        codes(&seen),
        ["250", "553 5.6.7", "250 2.1.0", "250 2.0.0", "250 2.1.0", "553 5.6.7"]
    );
}

#[test]
fn a_refused_body_is_read_to_its_end() {
    for body in [&b"DATA\r\nx\r\n.\r\n"[..], b"BDAT 3 LAST\r\nx\r\n"] {
        let mut machine = session(config());
        let mut buffer = Buffer::new();
        buffer.extend(&[EHLO, MAIL, RCPT, body, b"NOOP\r\n"].concat());
        let mut said = Vec::new();
        while let Some(step) = machine.take(&mut buffer) {
            match step {
                Step::Say(reply)
                | Step::Reset(reply)
                | Step::Close(reply)
                | Step::Upgrade(reply) => said.push(reply.code()),
                Step::AskBody { .. } => {
                    machine.answer(Ok(()));
                    machine.refuse_body(Reply::new(452, None, "full"));
                }
                Step::AskAuth(_) | Step::AskMail { .. } | Step::AskRcpt { .. } => {
                    drop(machine.answer(Ok(())));
                }
                Step::Body(_) | Step::BodyBroken(_) | Step::BodyEnd(_) => panic!("{step:?}"),
            }
        }
        assert_eq!(said, [250, 452, 250]);
    }
}

#[test]
fn a_body_that_may_not_start_leaves_the_session_in_step() {
    for (body, codes) in
        [(&b"DATA\r\n"[..], [250, 451, 250]), (b"BDAT 6 LAST\r\nQUIT\r\n", [250, 451, 250])]
    {
        let mut machine = session(config());
        let mut buffer = Buffer::new();
        buffer.extend(&[EHLO, MAIL, RCPT, body, b"NOOP\r\n"].concat());
        let mut said = Vec::new();
        while let Some(step) = machine.take(&mut buffer) {
            match step {
                Step::Say(reply)
                | Step::Reset(reply)
                | Step::Close(reply)
                | Step::Upgrade(reply) => said.push(reply.code()),
                Step::AskBody { .. } => {
                    said.extend(
                        machine
                            .answer(Err(Reply::new(451, None, "later")))
                            .map(|reply| reply.code()),
                    );
                }
                Step::AskAuth(_) | Step::AskMail { .. } | Step::AskRcpt { .. } => {
                    drop(machine.answer(Ok(())));
                }
                Step::Body(_) | Step::BodyBroken(_) | Step::BodyEnd(_) => panic!("{step:?}"),
            }
        }
        assert_eq!(said, codes);
    }
}

/// Every way to end a message but the right one, each followed by a second envelope and message.
const VARIANTS: [&[u8]; 20] = [
    b"\n.\n",
    b"\n.\r\n",
    b"\r\n.\n",
    b"\r.\r",
    b"\r.\r\n",
    b"\r\n.\r",
    b"\n.\r",
    b"\r.\n",
    b"\r\n\0.\r\n",
    b"\r\n.\0\r\n",
    b"\r\0\n.\r\n",
    b"\r\n.\r\0\n",
    b"\r\r\n.\r\r\n",
    b"\n\n.\r\n",
    b"\r\n\n.\r\n",
    b"\0\r\n.\r\n\0",
    b"\r\n.\r\r\n",
    b"\n\r\n.\r\n\n",
    b"\r\r\n.\r\n",
    b"\r\n.\n\r\n",
];

#[test]
fn l10_p01_smuggling_variants_give_no_second_message() {
    for variant in VARIANTS {
        let input = [
            EHLO, MAIL, RCPT, b"DATA\r\n", b"Subject: one\r\n\r\nfirst", variant,
            b"MAIL FROM:<evil@bank.example>\r\nRCPT TO:<b@acme.example>\r\nDATA\r\nSubject: two\r\n\r\nx\r\n.\r\nQUIT\r\n",
        ]
        .concat();
        let every: Vec<usize> = (0..input.len()).collect();
        for cuts in [&[][..], &every] {
            let seen = drive(&mut session(config()), &input, cuts);
            let first = b"Subject: one\r\n\r\nfirst";
            assert!(
                !seen.messages.iter().any(|(_, body)| body.starts_with(first)),
                "{variant:?}: {seen:?}"
            );
            assert_eq!(
                seen.said.iter().filter(|line| line.starts_with("550 5.6.0")).count(),
                1,
                "{variant:?}: {seen:?}"
            );
            // A variant that holds the true end is followed by what the client itself sends as commands.
            let holds_the_end = variant.windows(5).any(|part| part == b"\r\n.\r\n");
            assert!(holds_the_end || seen.messages.is_empty(), "{variant:?}: {seen:?}");
        }
    }
}

fn piece() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        4 => Just(EHLO.to_vec()),
        4 => Just(MAIL.to_vec()),
        4 => Just(RCPT.to_vec()),
        1 => Just(b"RCPT TO:<refused@acme.example>\r\n".to_vec()),
        3 => Just(b"DATA\r\n".to_vec()),
        2 => Just(b"x: y\r\n\r\n..z\r\n".to_vec()),
        3 => Just(b".\r\n".to_vec()),
        1 => Just(b"\n.\r\n".to_vec()),
        2 => (0usize..9, any::<bool>()).prop_map(|(size, last)| {
            let mut chunk = format!("BDAT {size}{}\r\n", if last { " LAST" } else { "" }).into_bytes();
            chunk.extend_from_slice(&b"ab\r\nc\r\n.\r"[..size]);
            chunk
        }),
        1 => Just(b"BDAT x\r\n".to_vec()),
        2 => Just(b"RSET\r\n".to_vec()),
        1 => Just(b"NOOP\r\n".to_vec()),
        1 => Just(b"QUIT\r\n".to_vec()),
        1 => Just(b"AUTH PLAIN AGEAYg==\r\n".to_vec()),
        1 => Just(b"AUTH LOGIN\r\n".to_vec()),
        1 => Just(b"YW5uYQ==\r\n".to_vec()),
        1 => Just(b"*\r\n".to_vec()),
        1 => Just(b"HELO x\r\n".to_vec()),
        1 => prop::collection::vec(any::<u8>(), 0..12),
        1 => Just(vec![b'y'; 2050]),
    ]
}

proptest! {
    #[test]
    fn how_the_input_is_split_makes_no_difference(parts in prop::collection::vec(piece(), 0..25), mut cuts in prop::collection::vec(0usize..600, 0..30)) {
        let input = parts.concat();
        cuts.sort_unstable();
        let every: Vec<usize> = (0..input.len()).collect();
        for make in [|| session(config()), login::secured] {
            let whole = drive(&mut make(), &input, &[]);
            prop_assert_eq!(&drive(&mut make(), &input, &cuts), &whole);
            prop_assert_eq!(&drive(&mut make(), &input, &every), &whole);
        }
    }

    #[test]
    fn every_command_line_is_answered_once(lines in prop::collection::vec("(EHLO x|MAIL FROM:<a@b\\.c>|RCPT TO:<a@b\\.c>|RSET|NOOP|VRFY|HELP|EXPN|AUTH|AUTH PLAIN|AUTH LOGIN YQ==|[ -~]{0,20})", 1..15)) {
        let mut machine = login::secured();
        for line in lines {
            let seen = drive(&mut machine, format!("{line}\r\n").as_bytes(), &[]);
            prop_assert_eq!(seen.said.len(), 1, "{} {:?}", line, seen);
            if seen.closed || seen.said[0].starts_with("354") {
                break;
            }
        }
    }

    #[test]
    fn no_input_makes_it_panic_and_a_closed_session_is_silent(input in prop::collection::vec(any::<u8>(), 0..3000)) {
        let mut machine = login::secured();
        drive(&mut machine, &input, &[]);
        let after = drive(&mut machine, b"\r\n.\r\nQUIT\r\n", &[]);
        prop_assert!(after.closed || after.said.is_empty());
    }

    #[test]
    fn what_is_taken_holds_no_bare_line_end(parts in prop::collection::vec(piece(), 0..25)) {
        for (_, body) in drive(&mut session(config()), &parts.concat(), &[]).messages {
            let text = body.iter().map(|byte| char::from(*byte)).collect::<String>().replace("\r\n", "");
            prop_assert!(!text.contains(['\r', '\n', '\0']));
        }
    }
}
