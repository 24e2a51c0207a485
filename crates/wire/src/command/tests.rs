use proptest::prelude::*;

use super::*;

fn refused(line: &[u8]) -> String {
    let reply = parse(line).unwrap_err().reply();
    format!("{} {}", reply.code(), reply.enhanced().unwrap())
}

fn mail(line: &str) -> (ReversePath, MailParams) {
    match parse(line.as_bytes()) {
        Ok(Command::Mail { from, params }) => (from, params),
        other => panic!("{line}: {other:?}"),
    }
}

fn rcpt(line: &str) -> (Recipient, RcptParams) {
    match parse(line.as_bytes()) {
        Ok(Command::Rcpt { to, params }) => (to, params),
        other => panic!("{line}: {other:?}"),
    }
}

#[test]
fn verbs_count_in_any_case_and_blanks_at_the_end_do_not() {
    let cases: [(&[u8], Command); 18] = [
        (b"EHLO client.example", Command::Ehlo("client.example".into())),
        (b"helo [IPv6:::1]", Command::Helo("[IPv6:::1]".into())),
        (b"data", Command::Data),
        (b"DaTa  \t ", Command::Data),
        (b"BDAT 86 LAST", Command::Bdat { size: 86, last: true }),
        (b"bdat 0 last", Command::Bdat { size: 0, last: true }),
        (b"BDAT 100000", Command::Bdat { size: 100_000, last: false }),
        (b"STARTTLS", Command::StartTls),
        (b"RSET", Command::Rset),
        (b"NOOP", Command::Noop),
        (b"NOOP what ever", Command::Noop),
        (b"QUIT", Command::Quit),
        (b"VRFY anna", Command::Vrfy),
        (b"EXPN list", Command::Expn),
        (b"HELP", Command::Help),
        (
            b"auth plain AGEAYg==",
            Command::Auth {
                mechanism: Some(Mechanism::Plain),
                initial: Some(InitialResponse::new(b"AGEAYg==")),
            },
        ),
        (b"AUTH LOGIN ", Command::Auth { mechanism: Some(Mechanism::Login), initial: None }),
        (b"AUTH CRAM-MD5", Command::Auth { mechanism: None, initial: None }),
    ];
    for (line, command) in cases {
        assert_eq!(parse(line), Ok(command), "{:?}", String::from_utf8_lossy(line));
    }
}

#[test]
fn unknown_verbs_are_500() {
    for line in [
        &b""[..],
        b" ",
        b"XCLIENT ADDR=1.2.3.4",
        b"MAILFROM:<a@b>",
        b"EHLOX a",
        b" NOOP",
        b"\xff\xfe",
        b"GET / HTTP/1.1",
        b"DATA\t.",
    ] {
        assert_eq!(refused(line), "500 5.5.1", "{line:?}");
    }
}

#[test]
fn null_carriage_return_and_line_feed_in_a_command_are_500_5_5_2() {
    for line in [
        &b"NOOP\0"[..],
        b"MAIL FROM:<a@b.example>\rRCPT TO:<c@d.example>",
        b"NOOP a\nDATA",
        b"\0",
        b"MAIL FROM:<\"a\nb\"@c.example>",
    ] {
        assert_eq!(refused(line), "500 5.5.2", "{line:?}");
    }
}

#[test]
fn arguments_where_none_belong_and_missing_ones_are_501() {
    let lines = [
        "DATA now",
        "RSET x",
        "QUIT x",
        "STARTTLS x",
        "EHLO",
        "HELO",
        "EHLO a b",
        "EHLO a(b)",
        "EHLO \"a\"",
        "EHLO <a>",
        "EHLO für",
        "EHLO a\tb",
        "VRFY",
        "EXPN",
        "AUTH",
        "AUTH PLAIN  AGEAYg==",
        "AUTH PLAIN AGEA Yg==",
        "MAIL",
        "MAIL TO:<a@b>",
        "MAIL FROM <a@b>",
        "RCPT",
        "RCPT FROM:<a@b>",
        "BDAT",
        "BDAT x",
        "BDAT -1",
        "BDAT 1 LAST x",
        "BDAT 1 FIRST",
        "BDAT  1",
        "BDAT 123456789012345678901",
    ];
    for line in lines {
        assert_eq!(refused(line.as_bytes()), "501 5.5.4", "{line}");
    }
    assert_eq!(refused(format!("EHLO {}", "x".repeat(256)).as_bytes()), "501 5.5.4");
    assert_eq!(parse(b"BDAT 1 FIRST"), Err(CommandError::Chunk));
}

#[test]
fn a_sender_is_an_address_or_nobody() {
    assert_eq!(mail("MAIL FROM:<>").0, ReversePath::Null);
    assert_eq!(mail("mail from: <Anna@B.example>").0.to_string(), "Anna@B.example");
    assert_eq!(
        mail("MAIL FROM:<@relay.example,@x.example:a@b.example>").0.to_string(),
        "a@b.example"
    );
    assert_eq!(mail("MAIL FROM:<\"a b@c\"@b.example> SIZE=1").0.to_string(), "\"a b@c\"@b.example");
}

#[test]
fn l13_addresses_that_are_none_are_refused_before_they_can_be_sent_on() {
    let bad = [
        "a b@c.example",
        "a",
        "a@",
        "@b.example",
        "a@b..example",
        "\"a@b.example",
        "a@b@c.example",
        "a..b@c.example",
        "a@[1.2.3]",
        "a@b c",
        "a@-b.example",
        "a\u{7f}@b.example",
        "a@b\u{e4}\u{0}",
    ];
    for address in bad.iter().filter(|address| !address.contains('\0')) {
        assert_eq!(refused(format!("MAIL FROM:<{address}>").as_bytes()), "501 5.1.7", "{address}");
        assert_eq!(refused(format!("RCPT TO:<{address}>").as_bytes()), "501 5.1.3", "{address}");
    }
    for line in [
        "MAIL FROM:a@b.example",
        "MAIL FROM:<a@b.example",
        "MAIL FROM:  <a@b.example>",
        "MAIL FROM:",
        "MAIL FROM:<@r.example:>",
    ] {
        assert_eq!(refused(line.as_bytes()), "501 5.1.7", "{line}");
    }
    for line in [
        "RCPT TO:<>",
        "RCPT TO:a@b.example",
        "RCPT TO:<a>",
        "RCPT TO:<\"a\tb\"@c.example>",
        "RCPT TO:\u{a0}<a@b.example>",
    ] {
        assert_eq!(refused(line.as_bytes()), "501 5.1.3", "{line}");
    }
    assert_eq!(refused(b"RCPT TO:<caf\xe9@b.example>"), "501 5.1.3");
    for line in [
        "MAIL FROM:<a@b.example>SIZE=1",
        "MAIL FROM:<a@b.example>>",
        "RCPT TO:<a@b.example>,<c@d.example>",
        "RCPT TO:<a@b.example> (x)",
    ] {
        assert_eq!(refused(line.as_bytes()), "501 5.5.4", "{line}");
    }
}

#[test]
fn a_quoted_local_part_keeps_its_quotes_and_its_domain() {
    let (to, _) = rcpt("RCPT TO:<\"quoted@x\"@b.example>");
    let Recipient::Mailbox(mailbox) = to else { panic!("{to:?}") };
    assert_eq!(mailbox.local(), "\"quoted@x\"");
    assert_eq!(mailbox.domain().key(), "b.example");
    assert_eq!(mailbox.to_string(), "\"quoted@x\"@b.example");
}

#[test]
fn postmaster_needs_no_domain() {
    assert_eq!(rcpt("RCPT TO:<PostMaster>").0, Recipient::Postmaster);
    assert!(matches!(rcpt("RCPT TO:<postmaster@b.example>").0, Recipient::Mailbox(_)));
}

#[test]
fn an_international_sender_needs_smtputf8() {
    assert_eq!(mail("MAIL FROM:<jürgen@b.example> SMTPUTF8").0.to_string(), "jürgen@b.example");
    assert_eq!(refused("MAIL FROM:<jürgen@b.example>".as_bytes()), "553 5.6.7");
    assert_eq!(refused("MAIL FROM:<a@münchen.example> BODY=8BITMIME".as_bytes()), "553 5.6.7");
}

#[test]
fn the_parameters_of_mail_are_all_understood() {
    let (_, params) = mail(
        "MAIL FROM:<a@b.example> size=1000  Body=8bitmime SMTPUTF8 RET=hdrs ENVID=QQ+2B314159",
    );
    let wanted = MailParams {
        size: Some(1000),
        body: BodyKind::EightBit,
        smtputf8: true,
        ret: Some(Ret::Hdrs),
        envid: Some("QQ+2B314159".into()),
        auth: false,
    };
    assert_eq!(params, wanted);
    assert_eq!(mail("MAIL FROM:<a@b.example>").1, MailParams::default());
    assert_eq!(
        mail("MAIL FROM:<> RET=FULL BODY=7BIT").1,
        MailParams { ret: Some(Ret::Full), ..MailParams::default() }
    );
    assert_eq!(mail("MAIL FROM:<> SIZE=99999999999999999999").1.size, Some(u64::MAX));
}

#[test]
fn the_parameters_of_rcpt_are_all_understood() {
    let (_, params) =
        rcpt("RCPT TO:<a@b.example> NOTIFY=success,Delay ORCPT=rfc822;Anna+2Bx@B.example");
    assert_eq!(params.notify, Some(Notify { success: true, delay: true, ..Notify::default() }));
    assert_eq!(params.notify.unwrap().to_string(), "SUCCESS,DELAY");
    assert_eq!(params.orcpt.as_deref(), Some("rfc822;Anna+2Bx@B.example"));
    let never = rcpt("RCPT TO:<a@b.example> NOTIFY=NEVER").1.notify.unwrap();
    assert!(never.never);
    assert_eq!(never.to_string(), "NEVER");
    for orcpt in ["utf-8;jürgen@b.example", "utf-8;j\\x{FC}rgen@b.example"] {
        assert_eq!(
            rcpt(&format!("RCPT TO:<a@b.example> ORCPT={orcpt}")).1.orcpt.as_deref(),
            Some(orcpt)
        );
    }
}

#[test]
fn unknown_parameters_are_555() {
    for line in [
        "MAIL FROM:<> X=1",
        "MAIL FROM:<> NOTIFY=NEVER",
        "MAIL FROM:<> REQUIRETLS",
        "RCPT TO:<a@b.example> SIZE=1",
        "RCPT TO:<a@b.example> XRCPTFORWARD",
    ] {
        assert_eq!(refused(line.as_bytes()), "555 5.5.4", "{line}");
    }
    assert_eq!(refused(b"MAIL FROM:<> BODY=BINARYMIME"), "504 5.5.4");
}

#[test]
fn the_parameter_auth_is_read_and_not_kept() {
    for (line, given) in [
        ("MAIL FROM:<a@b.example> AUTH=<>", true),
        ("MAIL FROM:<a@b.example> auth=anna+2Bx@b.example SIZE=1", true),
        ("MAIL FROM:<a@b.example>", false),
    ] {
        assert_eq!(mail(line).1.auth, given, "{line}");
    }
    let long = format!("MAIL FROM:<a@b.example> AUTH={}", "x".repeat(501));
    assert_eq!(refused(long.as_bytes()), "501 5.5.4");
    let stored = serde_json::to_string(&mail("MAIL FROM:<a@b.example> AUTH=<>").1).unwrap();
    assert!(!stored.contains("auth"), "{stored}");
}

#[test]
fn malformed_and_repeated_parameters_are_501() {
    let params = [
        "SIZE",
        "SIZE=",
        "SIZE=x",
        "SIZE=-1",
        "SIZE=1 SIZE=1",
        "SIZE=123456789012345678901",
        "BODY=9BIT",
        "BODY",
        "BODY=7BIT BODY=7BIT",
        "SMTPUTF8=1",
        "SMTPUTF8 SMTPUTF8",
        "RET=SOME",
        "RET=FULL RET=FULL",
        "ENVID=",
        "ENVID=a+",
        "ENVID=a+2",
        "ENVID=a+zz",
        "ENVID=a=b",
        "ENVID=a+0D+0Ab",
        "ENVID=a+00",
        "ENVID=a+E4",
        "ENVID=ä",
        "=1",
        "-X=1",
        "X_Y=1",
        "SIZE=1\u{7f}",
        "ENVID=a ENVID=b",
        "AUTH",
        "AUTH=",
        "AUTH=a+2",
        "AUTH=<> AUTH=<>",
    ];
    for param in params {
        assert_eq!(refused(format!("MAIL FROM:<> {param}").as_bytes()), "501 5.5.4", "{param}");
    }
    assert_eq!(refused(format!("MAIL FROM:<> ENVID={}", "x".repeat(101)).as_bytes()), "501 5.5.4");
    let params = [
        "NOTIFY",
        "NOTIFY=",
        "NOTIFY=NEVER,DELAY",
        "NOTIFY=,",
        "NOTIFY=SOON",
        "NOTIFY=DELAY NOTIFY=DELAY",
        "ORCPT=a@b",
        "ORCPT=;a",
        "ORCPT=rfc822;",
        "ORCPT=rfc 822;a",
        "ORCPT=rfc822;a+0A",
        "ORCPT=rfc822;ü",
        "ORCPT=utf-8;\\x{A}",
        "ORCPT=utf-8;\\x{",
        "ORCPT=utf-8;\u{85}",
        "ORCPT=rfc822;a ORCPT=rfc822;a",
    ];
    for param in params {
        assert_eq!(
            refused(format!("RCPT TO:<a@b.example> {param}").as_bytes()),
            "501 5.5.4",
            "{param}"
        );
    }
    assert_eq!(
        refused(format!("RCPT TO:<a@b.example> ORCPT=rfc822;{}", "x".repeat(500)).as_bytes()),
        "501 5.5.4"
    );
}

#[test]
fn parameters_are_stored_and_read_back() {
    let (_, params) = mail("MAIL FROM:<> SIZE=1000 BODY=8BITMIME RET=HDRS ENVID=a");
    let stored = serde_json::to_string(&params).unwrap();
    assert_eq!(serde_json::from_str::<MailParams>(&stored).unwrap(), params);
    let (_, params) = rcpt("RCPT TO:<a@b.example> NOTIFY=NEVER ORCPT=rfc822;a");
    let stored = serde_json::to_string(&params).unwrap();
    assert_eq!(serde_json::from_str::<RcptParams>(&stored).unwrap(), params);
}

#[test]
fn addresses_are_stored_as_they_were_written() {
    let (from, _) = mail("MAIL FROM:<\"a b\"@MÜNCHEN.example> SMTPUTF8");
    let stored = serde_json::to_string(&from).unwrap();
    assert_eq!(stored, "\"\\\"a b\\\"@MÜNCHEN.example\"");
    assert_eq!(serde_json::from_str::<ReversePath>(&stored).unwrap(), from);
    assert_eq!(serde_json::to_string(&ReversePath::Null).unwrap(), "\"\"");
    assert_eq!(serde_json::from_str::<ReversePath>("\"\"").unwrap(), ReversePath::Null);
    assert!(serde_json::from_str::<Mailbox>("\"a\\r\\nb@c.example\"").is_err());
}

proptest! {
    #[test]
    fn any_bytes_give_a_command_or_a_reply(line in proptest::collection::vec(any::<u8>(), 0..200)) {
        if let Err(error) = parse(&line) {
            prop_assert!((500..=555).contains(&error.reply().code()));
        }
    }

    #[test]
    fn what_is_taken_can_be_written_into_a_command_again(
        path in "<[ -~\\t\\x0b\\x7fäß\u{85}\u{2028}]{0,12}@?[a-zä.\\[\\]]{0,9}>",
        param in "( (ENVID|ORCPT|SIZE)=[!-~ä\u{85}\\t]{0,12})?",
    ) {
        if let Ok(Command::Mail { from, params }) = parse(format!("MAIL FROM:{path}{param} SMTPUTF8").as_bytes()) {
            let written = [from.to_string(), params.envid.clone().unwrap_or_default()];
            prop_assert!(!written.iter().any(|text| text.chars().any(char::is_control)));
            let again = format!("MAIL FROM:<{from}> SMTPUTF8{}", params.envid.as_ref().map(|id| format!(" ENVID={id}")).unwrap_or_default());
            prop_assert_eq!(parse(again.as_bytes()), Ok(Command::Mail { from, params: MailParams { size: None, ..params } }));
        }
        if let Ok(Command::Rcpt { to: Recipient::Mailbox(to), params }) = parse(format!("RCPT TO:{path}{param}").as_bytes()) {
            let written = [to.to_string(), params.orcpt.clone().unwrap_or_default()];
            prop_assert!(!written.iter().any(|text| text.chars().any(char::is_control)));
            let again = format!("RCPT TO:<{to}>{}", params.orcpt.as_ref().map(|to| format!(" ORCPT={to}")).unwrap_or_default());
            prop_assert_eq!(parse(again.as_bytes()), Ok(Command::Rcpt { to: Recipient::Mailbox(to), params }));
        }
    }

    #[test]
    fn xtext_is_its_own_inverse(text in "[ -~]{0,60}") {
        let encoded = encode_xtext(&text);
        prop_assert!(encoded.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'='));
        prop_assert_eq!(decode_xtext(&encoded), Some(text));
    }
}
