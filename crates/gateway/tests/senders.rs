//! Mail from programs that are not ours: swaks and Postfix's smtp-source hand mail to a running gateway, and what a
//! remote site gets is compared with what they sent.

use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use gatepost_policy::document::Profile;
use gatepost_store::embedded::{self, Mode, Options};
use gatepost_store::{Accounts as _, Author, NewUser, Secret, SystemClock, UserKind};
use outside::gateway::{Gateway, wait_for};
use outside::{peers, programs, sink};

mod outside {
    pub(crate) mod gateway;
    pub(crate) mod peers;
    pub(crate) mod programs;
    pub(crate) mod sink;
}

const POLICY: &str =
    "[[domain]]\nname = \"acme.test\"\n[[outbound_source]]\nnetwork = \"127.0.0.0/8\"\n";

/// A running gateway in front of one remote site, and what that site got.
struct Path {
    gateway: Gateway,
    arrived: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl Path {
    fn open() -> Self {
        let mut gateway = Gateway::prepare(POLICY, &[("partner.test", 10)]);
        let arrived: Arc<Mutex<Vec<Vec<u8>>>> = Arc::default();
        let take = Arc::clone(&arrived);
        sink::listen(SocketAddr::new(gateway.net.ip(10), gateway.net.port()), move |message| {
            take.lock().unwrap_or_else(PoisonError::into_inner).push(message);
        });
        gateway.start();
        Self { gateway, arrived }
    }

    /// Waits until the remote site has `count` messages and gives them.
    fn messages(&self, count: usize) -> Vec<Vec<u8>> {
        let look = || self.arrived.lock().unwrap_or_else(PoisonError::into_inner).clone();
        wait_for("the remote site to have every message", Duration::from_secs(120), || {
            look().len() >= count
        });
        let messages = look();
        assert_eq!(messages.len(), count);
        messages
    }

    /// Runs a sender to its end: its exit status and all it printed.
    fn run(command: &mut Command) -> (bool, String) {
        let output = command.stdin(Stdio::null()).output().expect("the sender runs");
        let text = [output.stdout, output.stderr]
            .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
            .concat();
        (output.status.success(), text)
    }

    fn swaks(&self, test: &str) -> Option<Command> {
        let mut command = programs::command(test, "swaks", &["/usr/bin/swaks", "usr/bin/swaks"])?;
        command.env("PERL5LIB", perl_modules());
        command.args([
            "--server",
            &self.gateway.smtp.ip().to_string(),
            "--port",
            &self.gateway.smtp.port().to_string(),
        ]);
        command.args(["--ehlo", "client.acme.test", "--from", "you@acme.test"]);
        Some(command)
    }
}

/// Where perl's modules of unpacked packages are: one folder for each version of perl they are for.
fn perl_modules() -> String {
    let machine =
        programs::root().join(format!("usr/lib/{}-linux-gnu/perl5", std::env::consts::ARCH));
    let versions = std::fs::read_dir(machine)
        .map(|entries| entries.flatten().map(|entry| entry.path()).collect::<Vec<_>>());
    let folders: Vec<String> =
        versions.unwrap_or_default().iter().map(|path| path.display().to_string()).collect();
    folders.join(":")
}

#[test]
fn swaks_hands_over_a_message_and_it_arrives_as_it_was_sent() {
    let path = Path::open();
    let Some(mut swaks) = path.swaks("a message by swaks") else { return };
    swaks.args([
        "--to",
        "anna@partner.test,bob@partner.test",
        "--header",
        "X-Run-Id: swaks",
        "--body",
    ]);
    swaks.arg("first line\n.dotted line\n\nlast line with \u{fc}ml\u{e4}ut");
    let (sent, text) = Path::run(&mut swaks);
    assert!(sent, "{text}");
    assert!(text.contains("250 2.0.0 queued as 01"), "{text}");
    assert!(text.contains("250-PIPELINING") || text.contains("250 PIPELINING"), "{text}");
    // One copy for both, since they share the site and the level.
    let messages = path.messages(1);
    assert_eq!(sink::field(&messages[0], "X-Run-Id"), "swaks");
    let message = String::from_utf8_lossy(&messages[0]).into_owned();
    assert!(
        message.contains(
            "\r\n\r\nfirst line\r\n.dotted line\r\n\r\nlast line with \u{fc}ml\u{e4}ut\r\n"
        ),
        "{message}"
    );
    assert!(message.starts_with("Received: "), "{message}");
    assert_eq!(sink::field(&messages[0], "x-TLSLevel"), "Try", "the System Rule of a new store");
}

#[test]
fn swaks_hands_over_a_message_under_starttls() {
    let path = Path::open();
    let Some(mut swaks) = path.swaks("a message by swaks under STARTTLS") else { return };
    if !Path::run(swaks.arg("--support")).1.contains("=== TLS supported") {
        peers::skip("a message by swaks under STARTTLS", "perl's Net::SSLeay is not there");
        return;
    }
    let Some(mut swaks) = path.swaks("a message by swaks under STARTTLS") else { return };
    swaks.args(["--tls", "--to", "anna@partner.test", "--header", "X-Run-Id: tls"]);
    let (sent, text) = Path::run(&mut swaks);
    assert!(sent, "{text}");
    assert!(text.contains("TLS started with cipher"), "{text}");
    let message = path.messages(1).remove(0);
    assert_eq!(sink::field(&message, "X-Run-Id"), "tls");
    assert!(
        sink::field(&message, "Received").contains("ESMTPS"),
        "{}",
        sink::field(&message, "Received")
    );
}

#[test]
fn swaks_is_refused_where_it_may_not_relay() {
    let mut gateway =
        Gateway::prepare("[[domain]]\nname = \"acme.test\"\n", &[("partner.test", 10)]);
    gateway.start();
    let path = Path { gateway, arrived: Arc::default() };
    let Some(mut swaks) = path.swaks("a stranger with swaks") else { return };
    let (sent, text) = Path::run(swaks.args(["--to", "anna@partner.test"]));
    assert!(!sent, "{text}");
    assert!(text.contains("550 5.7.1"), "{text}");
    path.messages(0);
}

/// The password of anna's account.
const PASSWORD: &str = "correct horse battery";

/// Makes an account as `gatepost admin create-smtp-user` does.
fn create_smtp_user(gateway: &Gateway, name: &str, password: &str) {
    let make = async {
        let options = Options::new(Profile::Standard, Arc::new(SystemClock::new()));
        let folder = gateway.folder.path().join("data");
        let store = Box::pin(embedded::open(&folder, options, Mode::Tool)).await.expect("a store");
        let password = Some(Secret::new(password));
        let new = NewUser { name: name.to_owned(), kind: UserKind::Smtp, password, sso: None };
        store.create_user(new, &Author::new("test", None)).await.expect("an account");
        store.close().await;
    };
    tokio::runtime::Runtime::new().expect("a runtime").block_on(make);
}

/// A gateway that lets nobody send out but whoever authenticates; its account is named anna.
fn with_accounts() -> Path {
    let mut gateway =
        Gateway::prepare("[[domain]]\nname = \"acme.test\"\n", &[("partner.test", 10)]);
    let file = gateway.folder.path().join("gatepost.toml");
    let config = std::fs::read_to_string(&file).expect("the configuration is read");
    let config = config.replace("tls = \"starttls\"\n", "tls = \"starttls\"\nauth = true\n");
    std::fs::write(&file, config).expect("the configuration is written");
    for verb in ["check", "serve"] {
        let (status, text) = gateway.verb(&[verb]);
        assert_eq!(status, 2, "{verb} without an SMTP user: {text}");
        assert!(text.contains("gatepost admin create-smtp-user NAME"), "{verb}: {text}");
    }
    create_smtp_user(&gateway, "anna", PASSWORD);
    let arrived: Arc<Mutex<Vec<Vec<u8>>>> = Arc::default();
    let take = Arc::clone(&arrived);
    sink::listen(SocketAddr::new(gateway.net.ip(10), gateway.net.port()), move |message| {
        take.lock().unwrap_or_else(PoisonError::into_inner).push(message);
    });
    gateway.start();
    Path { gateway, arrived }
}

#[test]
fn swaks_authenticates_and_may_then_send_to_anybody() {
    let test = "AUTH by swaks";
    let path = with_accounts();
    let Some(mut swaks) = path.swaks(test) else { return };
    if !Path::run(swaks.arg("--support")).1.contains("=== TLS supported") {
        peers::skip(test, "perl's Net::SSLeay is not there");
        return;
    }
    let run = |arguments: &[&str], password: &str| {
        let mut swaks = path.swaks(test).expect("it was there before");
        swaks.args([
            "--to",
            "bob@partner.test",
            "--auth-user",
            "anna",
            "--auth-password",
            password,
        ]);
        Path::run(swaks.args(arguments))
    };
    for (number, mechanism) in ["PLAIN", "LOGIN"].into_iter().enumerate() {
        let (sent, text) = run(&["--tls", "--auth", mechanism], PASSWORD);
        assert!(sent, "{text}");
        assert!(text.contains("AUTH PLAIN LOGIN") && text.contains("235 2.7.0"), "{text}");
        assert!(text.contains("250 2.0.0 queued as 01"), "{text}");
        let message = path.messages(number + 1).pop().expect("it has arrived");
        let received = sink::field(&message, "Received");
        assert!(received.contains("with ESMTPSA (TLSv1.3 "), "{mechanism}: {received}");
    }
    let (sent, text) = run(&["--tls", "--auth", "PLAIN"], "wrong horse battery");
    assert!(!sent && text.contains("535 5.7.8"), "{text}");
    let (sent, text) = run(&["--auth", "PLAIN"], PASSWORD);
    assert!(!sent && text.contains("did not advertise authentication"), "{text}");
    let mut stranger = path.swaks(test).expect("it was there before");
    let (sent, text) = Path::run(stranger.args(["--tls", "--to", "bob@partner.test"]));
    assert!(!sent && text.contains("550 5.7.1"), "{text}");

    let delivered = path.gateway.list(&["messages", "search", "--outcome", "delivered"]);
    let id = delivered[0]["message"].as_str().expect("an id");
    let (_, story) = path.gateway.verb(&["messages", "show", id, "--json"]);
    let story: serde_json::Value = serde_json::from_str(&story).expect("a story");
    assert_eq!(story["client"]["account"], "anna", "{story}");
    let log = path.gateway.log();
    assert!(log.contains("client authenticated") && log.contains("authentication failed"));
    assert!(!log.contains("horse"), "a password is in the log");
    let (_, audit) = path.gateway.verb(&["audit", "list", "--what", "smtp", "--json"]);
    assert!(!audit.contains("horse"), "a password is in the audit log");
    let audit: serde_json::Value = serde_json::from_str(&audit).expect("the audit log");
    let entries = audit.as_array().expect("entries");
    assert_eq!(entries.len(), 1, "successes have none: {audit}");
    assert_eq!((&entries[0]["what"], &entries[0]["by"]), (&"smtp.refused".into(), &"anna".into()));
    assert_eq!(
        (&entries[0]["via"], &entries[0]["reason"]),
        (&"smtp".into(), &"wrong password".into())
    );
}

#[test]
fn smtp_source_hands_over_many_messages_in_parallel_sessions() {
    let test = "many messages by smtp-source";
    let path = Path::open();
    let Some(mut source) =
        programs::command(test, "smtp-source", &["usr/sbin/smtp-source", "/usr/sbin/smtp-source"])
    else {
        return;
    };
    let to = format!("{}:{}", path.gateway.smtp.ip(), path.gateway.smtp.port());
    source.args([
        "-s",
        "10",
        "-m",
        "300",
        "-l",
        "8192",
        "-N",
        "-f",
        "you@acme.test",
        "-t",
        "anna@partner.test",
        &to,
    ]);
    let (sent, text) = Path::run(&mut source);
    assert!(sent, "{text}");
    let messages = path.messages(300);
    assert!(messages.iter().all(|message| message.len() > 8192), "shorter than what was sent");
    wait_for("an empty queue", Duration::from_secs(60), || {
        path.gateway.list(&["queue", "list"]).is_empty()
    });
    // -N puts a number before the address, so that each recipient is another one.
    let delivered = path.gateway.list(&["messages", "search", "--outcome", "delivered"]);
    let recipients: std::collections::HashSet<_> =
        delivered.iter().map(|record| record["recipient"].to_string()).collect();
    assert_eq!(recipients.len(), 300);
}

#[test]
fn smtp_source_hands_over_a_large_message() {
    let test = "a large message by smtp-source";
    let path = Path::open();
    let Some(mut source) =
        programs::command(test, "smtp-source", &["usr/sbin/smtp-source", "/usr/sbin/smtp-source"])
    else {
        return;
    };
    let to = format!("{}:{}", path.gateway.smtp.ip(), path.gateway.smtp.port());
    source.args([
        "-m",
        "2",
        "-s",
        "2",
        "-l",
        "8000000",
        "-f",
        "you@acme.test",
        "-t",
        "anna@partner.test",
        &to,
    ]);
    let (sent, text) = Path::run(&mut source);
    assert!(sent, "{text}");
    assert!(path.messages(2).iter().all(|message| message.len() > 8_000_000));
}
