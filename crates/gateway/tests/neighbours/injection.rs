//! Smuggling and injection, judged by what the neighbour behind the gateway accepted: exactly one message or none,
//! never two, and nobody gets mail whom no envelope names.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use crate::outside::gateway::{Gateway, pause, wait_for};
use crate::outside::neighbour::{ALL, DOMAIN, Envelope, Kind, Neighbour, Setup, Tls};
use crate::outside::talk::Talk;
use crate::world::{RECIPIENT, SENDER, drained, hand_over, in_front_of, level, policy};

/// Ends of data that are none (RFC 5321 section 4.1.1.4).
const LENIENT_ENDS: [&[u8]; 12] = [
    b"\n.\n",
    b"\n.\r\n",
    b"\r\n.\n",
    b"\r.\r",
    b"\r.\r\n",
    b"\r\n.\r",
    b"\r\r\n.\r\r\n",
    b"\n\n.\n\n",
    b"\r\n\0.\r\n",
    b"\r\n.\0\r\n",
    b"\0\r\n.\0\n",
    b"\r\n\r.\r\n",
];

/// What a smuggler wants the next server to read behind the end of a message.
const SMUGGLED: &[u8] = b"MAIL FROM:<evil@acme.test>\r\nRCPT TO:<victim@remote.test>\r\nDATA\r\n\
    From: <evil@acme.test>\r\nSubject: smuggled\r\n\r\nevil";

fn each(row: &str, tls: Tls, policy: &str, test: impl Fn(Kind, &Gateway, &Neighbour)) {
    for kind in ALL {
        let name = format!("{row} with {kind:?} behind the gateway");
        if let Some((gateway, neighbour)) = in_front_of(&name, kind, tls, policy) {
            test(kind, &gateway, &neighbour);
        }
    }
}

fn hostile(end: &[u8]) -> Vec<u8> {
    [b"Subject: outer\r\n\r\ntext".as_slice(), end, SMUGGLED].concat()
}

/// After all attempts one honest message is sent: when it is there, all before it would be as well. What the
/// neighbour took then is `wanted` messages and the honest one, all from the honest sender to the honest recipient.
fn only(gateway: &Gateway, neighbour: &Neighbour, wanted: usize) -> Vec<String> {
    hand_over(gateway, "the honest one");
    drained(gateway);
    let messages = neighbour.messages(wanted + 1);
    let honest = Envelope { from: SENDER.to_owned(), to: RECIPIENT.to_owned() };
    wait_for("the log of the neighbour", Duration::from_secs(20), || {
        neighbour.envelopes().len() > wanted
    });
    assert_eq!(neighbour.envelopes(), vec![honest; wanted + 1], "{}", neighbour.log());
    messages
}

fn sender() -> String {
    format!("<{SENDER}>")
}

fn recipient() -> String {
    format!("<{RECIPIENT}>")
}

#[test]
fn l01_bytes_behind_starttls_bring_nothing_to_postfix_exim_opensmtpd() {
    each("L01", Tls::Offered, &policy(""), |_, gateway, neighbour| {
        let mut talk = Talk::open(gateway.smtp);
        talk.write(&[b"STARTTLS\r\n".as_slice(), SMUGGLED, b"\r\n.\r\nQUIT\r\n"].concat());
        let reply = talk.reply();
        assert!(reply.starts_with("503 5.5.1"), "{reply}");
        assert!(talk.is_hung_up());
        only(gateway, neighbour, 0);
    });
}

#[test]
fn l05_bytes_before_the_server_hello_keep_mail_from_postfix_exim_opensmtpd() {
    for kind in ALL {
        let test = format!("L05 with {kind:?} behind the gateway");
        let mut gateway = Gateway::prepare(&level("Require"), &[(DOMAIN, 10)]);
        let port = gateway.net.port();
        let setup = Setup {
            address: (gateway.net.ip(11), port).into(),
            tls: Tls::Offered,
            next_hop: (gateway.net.ip(250), port).into(),
            next_hop_tls: Tls::None,
        };
        let Some(neighbour) = Neighbour::start(&test, kind, &setup) else { continue };
        meddle((gateway.net.ip(10), port).into(), setup.address, Meddling::Inject);
        gateway.start();
        hand_over(&gateway, "behind injected bytes");
        wait_for("an attempt that waits", Duration::from_secs(60), || {
            gateway.list(&["queue", "list"]).iter().any(|entry| !entry["last"].is_null())
        });
        let queue = gateway.list(&["queue", "list"]);
        assert_eq!(queue[0]["last"]["status"], "4.7.5", "{queue:?}");
        assert_eq!(neighbour.envelopes(), [], "{}", neighbour.log());
        assert!(neighbour.mailbox().is_empty());
    }
}

#[test]
fn l09_l10_a_lenient_end_of_data_smuggles_nothing_to_postfix_exim_opensmtpd() {
    each("L09", Tls::Offered, &policy(""), |kind, gateway, neighbour| {
        for end in LENIENT_ENDS {
            let mut talk = Talk::open(gateway.smtp);
            let reply = talk.data(&sender(), &[&recipient()], &hostile(end));
            assert!(reply.starts_with("550 5.6.0"), "{kind:?} {end:?}: {reply}");
            // One message, one reply: the session is where it was.
            talk.expect("NOOP", "250");
            // The same without waiting for any reply.
            let envelope = format!("MAIL FROM:<{SENDER}>\r\nRCPT TO:<{RECIPIENT}>\r\nDATA\r\n");
            talk.write(&[envelope.as_bytes(), &hostile(end), b"\r\n.\r\nQUIT\r\n"].concat());
            for code in ["250", "250", "354", "550 5.6.0", "221"] {
                let reply = talk.reply();
                assert!(reply.starts_with(code), "{kind:?} {end:?}: {reply}");
            }
            assert!(talk.is_hung_up());
        }
        // All at once, not waiting for a reply, behind a first message that is in order.
        let mut talk = Talk::open(gateway.smtp);
        talk.envelope(&sender(), &[&recipient()]);
        talk.expect("DATA", "354");
        talk.write(b"Subject: stuffed\r\n\r\n..\r\n...\r\n..MAIL FROM:<evil@acme.test>\r\n.\r\nNOOP\r\nQUIT\r\n");
        let replies = [talk.reply(), talk.reply(), talk.reply()];
        assert!(
            replies.iter().zip(["250", "250", "221"]).all(|(reply, code)| reply.starts_with(code))
        );
        let messages = only(gateway, neighbour, 1);
        let stuffed =
            messages.iter().filter(|message| message.contains("Subject: stuffed")).count();
        assert_eq!(stuffed, 1, "{messages:?}");
        assert!(
            messages
                .iter()
                .any(|message| message.contains("\n\n.\n..\n.MAIL FROM:<evil@acme.test>\n"))
        );
    });
}

#[test]
fn l11_what_comes_in_chunks_is_one_message_at_postfix_exim_opensmtpd() {
    each("L11", Tls::Offered, &policy(""), |kind, gateway, neighbour| {
        for end in LENIENT_ENDS {
            let mut talk = Talk::open(gateway.smtp);
            let mut message = hostile(end);
            message.extend_from_slice(b"\r\n");
            let reply = talk.chunk(&sender(), &[&recipient()], &message);
            assert!(reply.starts_with("550 5.6.0"), "{kind:?} {end:?}: {reply}");
            talk.expect("NOOP", "250");
        }
        // Where the length says where a message ends, a true end of data within it is text.
        let mut message = hostile(b"\r\n.\r\n");
        message.extend_from_slice(b"\r\n.\r\nQUIT\r\n");
        let reply = Talk::open(gateway.smtp).chunk(&sender(), &[&recipient()], &message);
        assert!(reply.starts_with("250"), "{reply}");
        let messages = only(gateway, neighbour, 1);
        let text = "text\n.\nMAIL FROM:<evil@acme.test>\nRCPT TO:<victim@remote.test>\nDATA\n";
        assert!(messages.iter().any(|message| message.contains(text)), "{messages:?}");
    });
}

#[test]
fn l13_no_address_parameter_or_rule_injects_a_command_at_postfix_exim_opensmtpd() {
    let rules = "[[rule]]\nname = \"A value with commands in it\"\nactions = [\
        { action = \"add_message_header\", value = \"X-Note: end . MAIL FROM:<evil@acme.test>\" }]\n";
    each("L13", Tls::Offered, &policy(rules), |kind, gateway, neighbour| {
        refused(kind, gateway);
        // What is encoded stays encoded.
        let mut talk = Talk::open(gateway.smtp);
        talk.expect(&format!("MAIL FROM:<{SENDER}> ENVID=x+3E+3Cvictim@remote.test"), "250");
        talk.expect(
            &format!("RCPT TO:<{RECIPIENT}> ORCPT=rfc822;anna+3E+3Cvictim@remote.test"),
            "250",
        );
        talk.expect("DATA", "354");
        talk.write(b"Subject: encoded\r\nX-Evil: a\r\n .\r\n\tMAIL FROM:<evil@acme.test>\r\n\r\nbody\r\n.\r\n");
        let reply = talk.reply();
        assert!(reply.starts_with("250"), "{reply}");
        let messages = only(gateway, neighbour, 1);
        for message in messages {
            let note = "\nX-Note: end . MAIL FROM:<evil@acme.test>\n";
            assert_eq!(message.matches(note).count(), 1, "{message}");
        }
        // A rule whose value would be two lines is no rule.
        let value = r#"value = "X-Note: a\r\nX-Evil: b""#;
        let rule = format!(
            "[[rule]]\nname = \"Two lines\"\nactions = [{{ action = \"add_message_header\", {value} }}]\n"
        );
        std::fs::write(gateway.folder.path().join("evil.toml"), policy(&rule)).expect("a file");
        let (status, text) = gateway.verb(&["policy", "apply", "evil.toml", "--reason", "test"]);
        assert!(status > 1, "{status}: {text}");
    });
}

fn refused(kind: Kind, gateway: &Gateway) {
    let mut talk = Talk::open(gateway.smtp);
    for line in [
        "MAIL FROM:<a b@acme.test>",
        "MAIL FROM:<a@acme.test\rRCPT TO:<victim@remote.test>>",
        "MAIL FROM:<\"a\rRSET\"@acme.test>",
        "MAIL FROM:<a@acme.test> ENVID=a b",
        "MAIL FROM:<a@acme.test> ENVID=a+0d",
        "MAIL FROM:<a@acme.test> ENVID=x+0D+0ARCPT+20TO:+3Cvictim@remote.test+3E",
    ] {
        let reply = talk.say(line);
        assert!(reply.starts_with('5'), "{kind:?} {line:?}: {reply}");
    }
    talk.expect(&format!("MAIL FROM:<{SENDER}>"), "250");
    for line in [
        "RCPT TO:<anna@remote.test\rDATA>",
        "RCPT TO:<anna@remote.test>>",
        "RCPT TO:<\"anna\r\"@remote.test>",
        "RCPT TO:<anna@remote.test> ORCPT=rfc822;a\rb",
        "RCPT TO:<anna@remote.test> ORCPT=rfc822;a+ZZ",
        "RCPT TO:<anna@remote.test> ORCPT=rfc822;a+0D+0ARCPT+20TO:+3Cvictim@remote.test+3E",
        "RCPT TO:<anna@remote.test\0>",
    ] {
        let reply = talk.say(line);
        assert!(reply.starts_with('5'), "{kind:?} {line:?}: {reply}");
    }
    talk.expect("QUIT", "221");
}

#[test]
fn l19_eight_bit_text_nul_and_long_lines_smuggle_nothing_to_postfix_exim_opensmtpd() {
    for kind in ALL {
        let test = format!("L19 with {kind:?} behind the gateway");
        let mut gateway = Gateway::prepare(&policy(""), &[(DOMAIN, 10)]);
        let port = gateway.net.port();
        let setup = Setup {
            address: (gateway.net.ip(11), port).into(),
            tls: Tls::None,
            next_hop: (gateway.net.ip(250), port).into(),
            next_hop_tls: Tls::None,
        };
        let Some(neighbour) = Neighbour::start(&test, kind, &setup) else { continue };
        meddle((gateway.net.ip(10), port).into(), setup.address, Meddling::HideEightBit);
        gateway.start();
        // NUL never comes in.
        let mut talk = Talk::open(gateway.smtp);
        let reply = talk.data(&sender(), &[&recipient()], b"Subject: nul\r\n\r\na\0b");
        assert!(reply.starts_with("550 5.6.0"), "{kind:?}: {reply}");
        // Declared 8-bit text has no way to a site that takes none: it fails, and nobody's text is folded.
        talk.expect("MAIL FROM:<> BODY=8BITMIME", "250");
        talk.expect(&format!("RCPT TO:<{RECIPIENT}>"), "250");
        talk.expect("DATA", "354");
        talk.write("Subject: eight\r\n\r\nGr\u{fc}\u{df}e\r\n.\r\n".as_bytes());
        let reply = talk.reply();
        assert!(reply.starts_with("250"), "{reply}");
        wait_for("the failure", Duration::from_secs(60), || {
            !gateway.list(&["messages", "search", "--outcome", "bounced"]).is_empty()
        });
        let records = gateway.list(&["messages", "search", "--outcome", "bounced"]);
        let status = records[0]["status"].as_str().unwrap_or_default();
        assert!(status.starts_with("5.6."), "{records:?}");
        // A line far beyond 998 bytes, with a dot wherever a server might break it.
        let long = format!("Subject: long\r\n\r\n{}\r\nend", "x.\u{a0}".repeat(3000));
        let reply = talk.data(&sender(), &[&recipient()], long.as_bytes());
        let wanted = usize::from(reply.starts_with("250"));
        assert!(wanted == 1 || reply.starts_with('5'), "{reply}");
        let sent = outcome(&gateway, wanted);
        only(&gateway, &neighbour, sent);
    }
}

/// How many messages of the honest sender the neighbour has taken, once the queue is empty.
fn outcome(gateway: &Gateway, at_most: usize) -> usize {
    drained(gateway);
    let records = gateway.list(&["messages", "search", "--outcome", "delivered"]);
    let sent = records.iter().filter(|record| record["recipient"] == RECIPIENT).count();
    assert!(sent <= at_most, "{records:?}");
    sent
}

/// What somebody between the gateway and the neighbour does.
#[derive(Clone, Copy)]
enum Meddling {
    /// Puts a reply of its own between the 220 of STARTTLS and the handshake.
    Inject,
    /// Writes 8BITMIME over.
    HideEightBit,
}

/// Listens at `address` and passes everything on to and from `behind`, but for the meddling.
fn meddle(address: SocketAddr, behind: SocketAddr, how: Meddling) {
    let listener = TcpListener::bind(address).expect("the address is free");
    thread::spawn(move || {
        for client in listener.incoming().flatten() {
            // A connection that breaks on one side is dropped on both.
            thread::spawn(move || pass(&client, behind, how).is_ok());
        }
    });
}

fn pass(client: &TcpStream, behind: SocketAddr, how: Meddling) -> std::io::Result<()> {
    let server = TcpStream::connect(behind)?;
    let (from, to) = (client.try_clone()?, server.try_clone()?);
    thread::spawn(move || {
        // The end of one direction is no end of the other.
        let copied = std::io::copy(&mut &from, &mut &to);
        to.shutdown(std::net::Shutdown::Write).is_ok() && copied.is_ok()
    });
    let mut reader = BufReader::new(&server);
    let (mut out, mut line, mut greeted) = (client, Vec::new(), false);
    while reader.read_until(b'\n', &mut line)? > 0 {
        let text = String::from_utf8_lossy(&line).into_owned();
        match how {
            Meddling::HideEightBit => {
                out.write_all(text.replace("8BITMIME", "XBITMIME").as_bytes())?;
            }
            Meddling::Inject => {
                out.write_all(&line)?;
                if greeted && text.starts_with("220") {
                    pause(Duration::from_millis(50));
                    out.write_all(b"250 injected\r\n")?;
                    // What follows is TLS.
                    let mut rest = [0; 4096];
                    loop {
                        let count = reader.read(&mut rest)?;
                        if count == 0 {
                            return client.shutdown(std::net::Shutdown::Both);
                        }
                        out.write_all(rest.get(..count).unwrap_or_default())?;
                    }
                }
                greeted = true;
            }
        }
        line.clear();
    }
    client.shutdown(std::net::Shutdown::Both)
}
