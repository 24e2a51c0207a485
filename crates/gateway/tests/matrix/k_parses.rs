//! Reports as others read them: those of a running gateway, parsed by Python's `email`.
//!
//! The parser is strict: any defect of any part or field is an error. What it must find is said here, for each
//! report, in the words of the issue: who required TLS, what each host did, that nothing went in clear, what to do.

use std::process::Command;
use std::time::Duration;

use gatepost_policy::evidence::Ending;
use gatepost_store::{Author, Inspect, Order, Selection};
use gatepost_testkit::{After220, Answer, Cert, Ehlo, FakeMx, Received};
use serde_json::{Value, json};

use crate::world::{SENDER, Setup, World};

const HOUR: Duration = Duration::from_secs(3600);

/// Reads reports and the expectations about them, and ends with an error at the first that is not met.
const READER: &str = r#"
import email, email.policy, email.utils, json, sys

def flat(text):
    return " ".join(text.split())

def defects(part):
    found = list(part.defects)
    for name, value in part.items():
        found += [(name, d) for d in getattr(value, "defects", ())]
    return found

cases = json.load(open(sys.argv[1]))
for case in cases:
    raw = open(case["file"], "rb").read()
    where = case["file"] + "\n" + raw.decode("utf-8", "replace")
    assert all(len(line) <= 998 for line in raw.split(b"\r\n")), where
    assert b"\n" not in raw.replace(b"\r\n", b""), where
    message = email.message_from_bytes(raw, policy=email.policy.default.clone(raise_on_defect=True))
    for part in message.walk():
        assert defects(part) == [], (defects(part), where)
    assert message.get_content_type() == "multipart/report", where
    assert message["Content-Type"].params["report-type"] == "delivery-status", where
    assert message["Auto-Submitted"] == "auto-replied", where
    assert message["To"].addresses[0].addr_spec == case["to"], where
    assert email.utils.parsedate_to_datetime(message["Date"]), where
    people, status, original = list(message.iter_parts())
    assert people.get_content_type() == "text/plain", where
    assert status.get_content_type() == "message/delivery-status", where
    assert original.get_content_type() == case["original"], where
    text = flat(people.get_content())
    for wanted in case["text"]:
        assert wanted in text, (wanted, text)
    for unwanted in case["not"]:
        assert unwanted not in text, (unwanted, text)
    whole = original.as_string()
    assert "x-tlslevel" not in whole.lower(), where
    assert ("the body" in whole) == case["body"], where
    if original.get_content_type() == "text/rfc822-headers":
        returned = email.message_from_string(original.get_content(), policy=email.policy.default)
        assert returned["Subject"] == case["subject"], (returned["Subject"], where)
    blocks = status.get_payload()
    assert blocks[0]["Reporting-MTA"] == "dns; gateway.acme.test", where
    assert email.utils.parsedate_to_datetime(blocks[0]["Arrival-Date"]), where
    assert len(blocks) - 1 == len(case["recipients"]), where
    found = {block["Final-Recipient"]: block for block in blocks[1:]}
    for name, fields in case["recipients"].items():
        block = found[name]
        assert email.utils.parsedate_to_datetime(block["Last-Attempt-Date"]), where
        assert (block["Will-Retry-Until"] is not None) == (fields["Action"] == "delayed"), where
        for key, value in fields.items():
            if key == "Diagnostic-Code":
                assert flat(block[key]).startswith(value), (block[key], value)
            else:
                assert block[key] == value, (key, block[key], value)
print(len(cases), "reports parsed")
"#;

/// Where a report must be found and what it must say.
struct Wanted {
    /// The subject of the message that it is about.
    subject: &'static str,
    action: &'static str,
    original: &'static str,
    body: bool,
    text: Vec<&'static str>,
    not: Vec<&'static str>,
    recipients: Value,
}

fn field(name: &str, recipients: &str, level: &str) -> String {
    format!(
        "[[rule]]\nname = {name:?}\nconditions = [{{ condition = \"recipient\", match = \"matches\", value = [{recipients}] }}]\n\
         actions = [{{ action = \"add_message_header\", value = \"x-TLSLevel:{level}\" }}]\n\n"
    )
}

fn rules() -> String {
    field(
        "Pr\u{fc}fung der Partner",
        "\"plain.test\", \"refused.test\", \"alert.test\", \"two.test\"",
        "Require",
    ) + &field("Verified", "\"expired.test\", \"wrong.test\", \"other.test\"", "Verify")
        + "[[rule]]\nname = \"Not to them\"\nconditions = [{ condition = \"recipient\", match = \"matches\", value = \"no@try.test\" }]\n\
           final_action = \"reject\"\nreply = \"550 5.7.2 not to them\"\n\n"
}

/// What is said about mail that waits or was given up for want of TLS.
fn enforced(
    subject: &'static str,
    action: &'static str,
    text: &[&'static str],
    recipients: &Value,
) -> Wanted {
    let mut all = vec![
        "because secure transport is required and could not be set up. It was not sent unencrypted.",
        "Why secure transport is required: the Message Rule",
        "What to do: ",
        "The postmaster of your organisation is <postmaster@acme.test>.",
        "For the administrator of mx",
    ];
    all.push(if action == "delayed" { "tried again, next at" } else { "This is final" });
    all.extend_from_slice(text);
    let mut recipients = recipients.clone();
    for fields in recipients.as_object_mut().expect("an object").values_mut() {
        fields["Action"] = action.into();
    }
    let original = "text/rfc822-headers";
    Wanted { subject, action, original, body: false, text: all, not: vec![], recipients }
}

fn host(status: &str, host: &str, code: &str) -> Value {
    json!({ "Status": status, "Remote-MTA": format!("dns; {host}"), "Diagnostic-Code": code })
}

/// The reports on what was not delivered for want of TLS, of delay as of failure.
fn for_want_of_tls(action: &'static str) -> Vec<Wanted> {
    const PLAIN: &str = "x-local; starttls-not-offered clause=header:\"Pr\\x{FC}fung der Partner\" level=require host=mx.plain.test";
    vec![
        enforced(
            "not offered",
            action,
            &[
                "Your message to <a@plain.test>",
                "Your message to <b@plain.test>",
                "the Message Rule \"Pr\u{fc}fung der Partner\" of your organisation.",
                "mx.plain.test [127.",
                "]: does not offer STARTTLS",
            ],
            &json!({
                "rfc822; a@plain.test": host("4.7.4", "mx.plain.test", PLAIN),
                "rfc822; b@plain.test": host("4.7.4", "mx.plain.test", PLAIN),
            }),
        ),
        enforced(
            "Gr\u{fc}\u{df}e, international",
            action,
            &["Your message to <j\u{f6}rg@plain.test>", "does not offer STARTTLS"],
            &json!({ "utf-8; j\\x{F6}rg@plain.test": host("4.7.4", "mx.plain.test", PLAIN) }),
        ),
        enforced(
            "refused",
            action,
            &["offers STARTTLS and refused it: \"454 4.7.0 not now\""],
            &json!({ "rfc822; b@refused.test": host("4.7.4", "mx.refused.test", "x-local; starttls-refused clause=header:") }),
        ),
        enforced(
            "handshake",
            action,
            &["failed the TLS handshake"],
            &json!({ "rfc822; b@alert.test": host("4.7.5", "mx.alert.test", "x-local; tls.alert clause=header:") }),
        ),
        enforced(
            "two hosts",
            action,
            &[
                "mx1.two.test [127.",
                "does not offer STARTTLS",
                "mx2.two.test [127.",
                "failed the TLS handshake",
            ],
            &json!({ "rfc822; b@two.test": host("4.7.5", "mx2.two.test", "x-local; tls.alert clause=header:") }),
        ),
        enforced(
            "expired",
            action,
            &[
                "has a certificate that has expired (it ended on 20",
                "has to prove who it is",
                "Renew the certificate",
            ],
            &json!({ "rfc822; b@expired.test": host("4.7.5", "mx.expired.test", "x-local; cert.expired clause=header:\"Verified\" level=verify") }),
        ),
        enforced(
            "wrong name",
            action,
            &["has a certificate for another name (the certificate is for "],
            &json!({ "rfc822; b@wrong.test": host("4.7.5", "mx.wrong.test", "x-local; cert.name clause=header:\"Verified\"") }),
        ),
        enforced(
            "untrusted",
            action,
            &["has a certificate from nobody who is trusted here"],
            &json!({ "rfc822; b@other.test": host("4.7.5", "mx.other.test", "x-local; cert.untrusted clause=header:\"Verified\"") }),
        ),
    ]
}

/// The reports on everything else.
fn others() -> Vec<Wanted> {
    let not = vec!["unencrypted", "secure transport"];
    let headers = "text/rfc822-headers";
    let global = "message/global";
    let plain = |subject, action, text, recipients| Wanted {
        subject,
        action,
        original: headers,
        body: false,
        text,
        not: not.clone(),
        recipients,
    };
    let no_user = json!({ "rfc822; b@nouser.test": {
        "Action": "failed", "Status": "5.1.1", "Remote-MTA": "dns; mx.nouser.test",
        "Diagnostic-Code": "smtp; 550 5.1.1 nobody here" } });
    vec![
        Wanted {
            original: global,
            body: true,
            ..plain(
                "Gr\u{fc}\u{df}e, nobody",
                "failed",
                vec!["answered: \"550 5.1.1 nobody here\"", "Check the address"],
                no_user,
            )
        },
        plain(
            "handed on",
            "relayed",
            vec!["<b@relayed.test> was handed to mx.relayed.test"],
            json!({ "rfc822; b@relayed.test": {
                "Action": "relayed", "Status": "2.0.0", "Remote-MTA": "dns; mx.relayed.test",
                "Original-Recipient": "rfc822;someone+x@old.test",
                "Diagnostic-Code": "smtp; 250 2.0.0 taken" } }),
        ),
        plain(
            "rejected",
            "failed",
            vec!["the message was rejected by a Message Rule: \"550 5.7.2 not to them\""],
            json!({ "rfc822; no@try.test": {
                "Action": "failed", "Status": "5.7.2",
                "Diagnostic-Code": "x-local; rejected-by-rule reply=" } }),
        ),
        plain(
            "returned",
            "failed",
            vec!["the message was returned by an administrator: \"wrong partner\""],
            json!({ "rfc822; b@closed.test": {
                "Action": "failed", "Status": "5.7.1",
                "Diagnostic-Code": "x-local; returned-by-admin reply=\"wrong partner\"" } }),
        ),
    ]
}

/// Sends a message whose header is long, and 8-bit where its subject is.
async fn send(world: &World, subject: &str, params: &str, recipients: &[(&str, &str)]) {
    let mut client = world.client().await;
    let text = format!(
        "From: Anna <{SENDER}>\r\nX-Long: {}\r\nSubject: {subject}\r\n\r\nthe body\r\n",
        "x".repeat(900)
    );
    let eight_bit = if text.is_ascii() { "" } else { " BODY=8BITMIME" };
    client.expect(&format!("MAIL FROM:<{SENDER}>{eight_bit}{params}"), "250").await;
    for (recipient, params) in recipients {
        client.expect(&format!("RCPT TO:<{recipient}>{params}"), "250").await;
    }
    client.expect("DATA", "354").await;
    client.write(text.as_bytes()).await;
    client.expect(".", "250").await;
}

async fn sites(world: &mut World) {
    for (domain, script) in [
        ("plain.test", FakeMx::without_starttls()),
        ("refused.test", FakeMx::answering_starttls("454 4.7.0 not now")),
        ("alert.test", FakeMx::breaking(After220::Alert(40))),
        ("expired.test", FakeMx::with_cert(Cert::Expired)),
        ("wrong.test", FakeMx::with_cert(Cert::WrongName)),
        ("other.test", FakeMx::with_cert(Cert::OtherCa)),
        (
            "nouser.test",
            FakeMx { rcpt: Answer::from("550 5.1.1 nobody here"), ..FakeMx::default() },
        ),
        (
            "relayed.test",
            FakeMx { ehlo_tls: Ehlo::List(vec!["8BITMIME".to_owned()]), ..FakeMx::default() },
        ),
        ("try.test", FakeMx::default()),
        ("closed.test", FakeMx { rcpt: Answer::from("450 4.2.0 later"), ..FakeMx::default() }),
    ] {
        world.site(domain, script).await;
    }
    let broken = FakeMx::breaking(After220::Alert(40));
    world.two_hosts("two.test", FakeMx::without_starttls(), broken).await;
}

/// Writes the reports beside the expectations about them and has them read.
fn read_by_python(wanted: &[Wanted], reports: &[Received]) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut cases = Vec::new();
    for (number, wanted) in wanted.iter().enumerate() {
        let names: Vec<&String> =
            wanted.recipients.as_object().expect("an object").keys().collect();
        let fits = |report: &&Received| {
            let text = String::from_utf8_lossy(&report.message).into_owned();
            text.contains(&format!("\r\nAction: {}\r\n", wanted.action))
                && names.iter().all(|name| text.contains(&format!("Final-Recipient: {name}\r\n")))
        };
        let found: Vec<&Received> = reports.iter().filter(fits).collect();
        assert_eq!(found.len(), 1, "one report on {:?} {}", wanted.subject, wanted.action);
        let file = folder.path().join(format!("{number}.eml"));
        std::fs::write(&file, &found[0].message).expect("the report is written");
        cases.push(json!({
            "file": file, "to": SENDER, "subject": wanted.subject, "original": wanted.original,
            "body": wanted.body, "text": wanted.text, "not": wanted.not,
            "recipients": wanted.recipients,
        }));
    }
    let list = folder.path().join("cases.json");
    std::fs::write(&list, Value::Array(cases).to_string()).expect("the list is written");
    let reader = folder.path().join("reader.py");
    std::fs::write(&reader, READER).expect("the reader is written");
    let output = Command::new("python3").arg(&reader).arg(&list).output();
    let output = output.expect("python3 is needed for this test");
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    assert!(output.status.success(), "{said}");
    assert_eq!(said.trim(), format!("{} reports parsed", wanted.len()));
}

#[tokio::test]
async fn k06_every_report_parses_strictly_and_says_all_that_people_need() {
    let mut world = World::new().await;
    sites(&mut world).await;
    world.start(Setup::with(rules())).await;
    // An international address is not in the evidence of hosts that never heard of it.
    send(&world, "not offered", "", &[("a@plain.test", ""), ("b@plain.test", "")]).await;
    let international = "j\u{f6}rg@plain.test";
    send(&world, "Gr\u{fc}\u{df}e, international", " SMTPUTF8", &[(international, "")]).await;
    let waiting = [
        ("refused", "b@refused.test"),
        ("handshake", "b@alert.test"),
        ("two hosts", "b@two.test"),
        ("expired", "b@expired.test"),
        ("wrong name", "b@wrong.test"),
        ("untrusted", "b@other.test"),
        ("returned", "b@closed.test"),
    ];
    for (subject, recipient) in waiting {
        send(&world, subject, "", &[(recipient, "")]).await;
        assert_eq!(world.attempt(recipient, 1).await.outcome, Ending::Deferred, "{recipient}");
    }
    send(&world, "Gr\u{fc}\u{df}e, nobody", " RET=FULL", &[("b@nouser.test", "")]).await;
    let asked = " NOTIFY=SUCCESS ORCPT=rfc822;someone+2Bx@old.test";
    send(&world, "handed on", "", &[("b@relayed.test", asked)]).await;
    send(&world, "rejected", "", &[("no@try.test", ""), ("yes@try.test", "")]).await;
    let author = Author::new("root", Some("wrong partner"));
    let closed = Selection::Domain("closed.test".to_owned());
    let acted = world.store().queue_order(&closed, Order::Bounce, &author, Some(1)).await.unwrap();
    assert_eq!(acted.picked, 1);
    world.attempt("no@try.test", 1).await;
    world.attempt("b@closed.test", 2).await;
    for recipient in ["b@nouser.test", "b@relayed.test"] {
        world.attempt(recipient, 1).await;
    }
    for recipient in ["a@plain.test", "b@plain.test", international] {
        world.attempt(recipient, 1).await;
    }
    // Four reports so far, and then one of delay and one of failure for each message that needs TLS.
    world.attempt(SENDER, 4).await;
    world.later(4 * HOUR);
    world.attempt(SENDER, 4 + 8).await;
    world.later(20 * HOUR);
    world.attempt(SENDER, 4 + 8 + 8).await;
    world.drained().await;
    let wanted: Vec<Wanted> = for_want_of_tls("delayed")
        .into_iter()
        .chain(for_want_of_tls("failed"))
        .chain(others())
        .collect();
    let reports = world.reports();
    assert_eq!(reports.len(), wanted.len());
    read_by_python(&wanted, &reports);
    world.finish().await;
}
