//! `gatepost serve` from outside: signals, exit statuses, reloads, and a policy that another process applies.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// How long something may take that takes a moment.
const PATIENCE: Duration = Duration::from_secs(30);

/// A folder with a configuration, and perhaps a process that serves from it.
struct World {
    folder: TempDir,
    smtp: SocketAddr,
    admin: SocketAddr,
    child: Option<Child>,
}

impl World {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let world = Self { folder, smtp: free_address(), admin: free_address(), child: None };
        world.configure(&[world.smtp], "");
        world
    }

    /// Writes the configuration: listeners at these addresses, and some more text.
    fn configure(&self, listeners: &[SocketAddr], more: &str) {
        let mut text = String::from("hostname = \"gateway.acme.example\"\n");
        for address in listeners {
            text.push_str(&format!("[[listener]]\naddress = \"{address}\"\n"));
        }
        text.push_str(&format!(
            "[admin]\naddress = \"{}\"\n[dns]\nservers = [\"127.0.0.1:9\"]\n{more}\n",
            self.admin
        ));
        self.write("gatepost.toml", &text);
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.folder.path().join(name), text).expect("the file is written");
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_gatepost"));
        command
            .args(words)
            .current_dir(self.folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        command
    }

    /// Runs a verb to its end: its exit status and what it said on stderr.
    fn verb(&self, words: &[&str]) -> (i32, String) {
        let output = self.command(words).stderr(Stdio::piped()).output().expect("the binary runs");
        (output.status.code().unwrap_or(-1), String::from_utf8_lossy(&output.stderr).into_owned())
    }

    fn log_file(&self) -> PathBuf {
        self.folder.path().join("log")
    }

    fn log(&self) -> String {
        fs::read_to_string(self.log_file()).unwrap_or_default()
    }

    fn start(&mut self) -> u32 {
        let log =
            fs::File::options().create(true).append(true).open(self.log_file()).expect("the log");
        let child = self.command(&["serve"]).stderr(log).spawn().expect("the binary runs");
        let process = child.id();
        self.child = Some(child);
        wait_for("the gateway to be up", || self.log().contains("gatepost is up"));
        process
    }

    fn signal(&self, name: &str) {
        let process = self.child.as_ref().expect("a running gateway").id().to_string();
        let sent =
            Command::new("kill").args([&format!("-{name}"), &process]).status().expect("kill runs");
        assert!(sent.success());
    }

    /// Sends SIGTERM and gives the exit status.
    fn stop(&mut self) -> i32 {
        self.signal("TERM");
        let mut child = self.child.take().expect("a running gateway");
        let mut status = None;
        wait_for("the gateway to end", || {
            status = child.try_wait().expect("the process can be asked");
            status.is_some()
        });
        status.and_then(|status| status.code()).unwrap_or(-1)
    }

    /// The number of log lines that say this.
    fn said(&self, event: &str) -> usize {
        self.log().lines().filter(|line| line.contains(event)).count()
    }

    /// Sends SIGHUP and waits until the log says once more what became of it.
    fn reload(&self, said: &str) {
        let before = self.said(said);
        self.signal("HUP");
        wait_for(said, || self.said(said) > before);
    }

    /// What the admin address answers to GET.
    fn get(&self, path: &str) -> String {
        let mut stream = TcpStream::connect(self.admin).expect("the admin address answers");
        stream
            .write_all(format!("GET {path} HTTP/1.0\r\n\r\n").as_bytes())
            .expect("the request is sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        answer
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().expect("the process can be killed");
            child.wait().expect("the process can be waited for");
        }
        if std::thread::panicking() {
            eprintln!("the log:\n{}", self.log());
        }
    }
}

/// An address of loopback that nobody uses: on a network of its own, since on 127.0.0.1 any
/// connection of another test may take the port before the gateway does.
fn free_address() -> SocketAddr {
    gatepost_testkit::Net::new().next()
}

#[expect(clippy::disallowed_methods, reason = "real processes are waited for by the real clock")]
fn now() -> Instant {
    Instant::now()
}

#[expect(clippy::disallowed_methods, reason = "a process can only be asked again and again")]
fn wait_for(what: &str, mut holds: impl FnMut() -> bool) {
    let began = now();
    while !holds() {
        assert!(began.elapsed() < PATIENCE, "waited in vain for: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// A session of a client.
struct Session(BufReader<TcpStream>);

impl Session {
    fn open(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).expect("the gateway accepts");
        stream.set_read_timeout(Some(PATIENCE)).expect("a time limit");
        let mut session = Self(BufReader::new(stream));
        assert!(session.reply().starts_with("220 "));
        assert!(session.say("EHLO client.example").starts_with("250"));
        session
    }

    fn say(&mut self, line: &str) -> String {
        self.0.get_mut().write_all(format!("{line}\r\n").as_bytes()).expect("the line is sent");
        self.reply()
    }

    /// The last line of the next reply; empty at the end of the connection.
    fn reply(&mut self) -> String {
        loop {
            let mut line = String::new();
            self.0.read_line(&mut line).expect("a reply");
            if line.as_bytes().get(3) != Some(&b'-') {
                return line;
            }
        }
    }

    /// Whether mail from an outsider to this address is taken.
    fn takes(&mut self, recipient: &str) -> bool {
        assert!(self.say("RSET").starts_with("250"));
        assert!(self.say("MAIL FROM:<someone@elsewhere.example>").starts_with("250"));
        self.say(&format!("RCPT TO:<{recipient}>")).starts_with("250")
    }
}

/// A policy with one domain.
fn policy(domain: &str) -> String {
    format!("[[domain]]\nname = \"{domain}\"\n")
}

#[test]
fn sigterm_ends_with_0_and_a_second_gateway_ends_with_2_and_names_the_first() {
    let mut world = World::new();
    let process = world.start();
    assert!(world.get("/healthz").starts_with("HTTP/1.0 200"));
    assert!(world.get("/readyz").starts_with("HTTP/1.0 200"));
    assert!(world.get("/metrics").contains("gatepost_store_commit_seconds"));
    assert!(world.get("/api/v1/queue").starts_with("HTTP/1.0 401"));
    let (status, text) = world.verb(&["serve"]);
    assert_eq!(status, 2, "{text}");
    assert!(text.contains(&format!("process {process}")), "{text}");
    let mut session = Session::open(world.smtp);
    assert_eq!(world.stop(), 0);
    assert!(session.say("NOOP").starts_with("421") || session.reply().is_empty());
    for line in world.log().lines() {
        let event: serde_json::Value =
            serde_json::from_str(line).unwrap_or_else(|why| panic!("{why}: {line}"));
        assert!(event["event"].is_string() && event["level"].is_string(), "{line}");
    }
}

#[test]
fn an_address_in_use_and_a_disk_that_cannot_be_written_end_with_1() {
    let world = World::new();
    let taken = TcpListener::bind(world.smtp).unwrap();
    let (status, text) = world.verb(&["serve"]);
    assert_eq!(status, 1, "{text}");
    assert!(text.contains(&world.smtp.to_string()), "{text}");
    drop(taken);
    world.write("file", "");
    world.write("gatepost.toml", "data_dir = \"file/store\"\n");
    let (status, text) = world.verb(&["serve"]);
    assert_eq!(status, 1, "{text}");
}

#[test]
fn a_certificate_that_is_none_ends_with_2() {
    let world = World::new();
    world.write("a.pem", "no certificate");
    world.write("b.pem", "no key");
    world.configure(&[world.smtp], "[tls]\ncertificate = \"a.pem\"\nprivate_key = \"b.pem\"");
    for verb in ["serve", "check"] {
        let (status, text) = world.verb(&[verb]);
        assert_eq!(status, 2, "{verb}: {text}");
        assert!(text.contains("a.pem"), "{verb}: {text}");
    }
}

#[test]
fn sighup_opens_and_closes_listeners_and_drops_no_session() {
    let mut world = World::new();
    world.start();
    let mut session = Session::open(world.smtp);
    let other = free_address();
    world.configure(&[other], "");
    world.reload("the new configuration is in effect");
    assert!(
        session.say("NOOP").starts_with("250"),
        "a session of the listener that is gone goes on"
    );
    assert!(TcpStream::connect(world.smtp).is_err(), "the listener that is gone accepts nothing");
    assert!(Session::open(other).say("NOOP").starts_with("250"));
    // a limit counts for sessions that begin from now on
    world.configure(&[other], "[limits]\nmessage_size = \"1KiB\"");
    world.reload("the new configuration is in effect");
    let too_big = Session::open(other).say("MAIL FROM:<a@b.example> SIZE=2000");
    assert!(too_big.starts_with("552"), "{too_big}");
    assert_eq!(world.stop(), 0);
}

#[test]
fn a_broken_configuration_is_refused_and_the_old_one_serves_on() {
    let mut world = World::new();
    world.start();
    let mut session = Session::open(world.smtp);
    world.configure(&[world.smtp], "[limits]\nrecipients = \"many\"\n[delivery]\nport = 0");
    world.reload("is refused; the old one serves on");
    let log = world.log();
    assert!(log.contains("gatepost.toml:9:14") && log.contains("gatepost.toml:11:8"), "{log}");
    assert!(session.say("NOOP").starts_with("250"));
    assert!(Session::open(world.smtp).say("NOOP").starts_with("250"));
    // one that can be read and not be had: all of it is refused
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    world.configure(&[taken.local_addr().unwrap()], "");
    world.reload("is refused; the old one serves on");
    assert!(Session::open(world.smtp).say("NOOP").starts_with("250"));
    assert!(world.get("/metrics").contains("gatepost_reloads_total{result=\"error\"} 2"));
    // and what takes a restart is said
    let moved = free_address();
    let text = fs::read_to_string(world.folder.path().join("gatepost.toml")).unwrap();
    let text = text.replace(&taken.local_addr().unwrap().to_string(), &world.smtp.to_string());
    world.write("gatepost.toml", &text.replace(&world.admin.to_string(), &moved.to_string()));
    world.reload("this change takes a restart");
    assert!(world.get("/healthz").starts_with("HTTP/1.0 200"));
    assert_eq!(world.stop(), 0);
}

#[test]
fn a_policy_of_another_process_is_in_effect_within_a_second_and_drops_no_session() {
    let mut world = World::new();
    world.write("acme.toml", &policy("acme.example"));
    world.write("other.toml", &policy("other.example"));
    world.write("broken.toml", "[[domain]]\nnmae = \"third.example\"\n");
    world.verb(&["policy", "apply", "acme.toml"]);
    world.start();
    let mut session = Session::open(world.smtp);
    assert!(session.takes("anna@acme.example") && !session.takes("anna@other.example"));
    let (status, text) = world.verb(&["policy", "apply", "other.toml"]);
    assert_eq!(status, 1, "{text}");
    let applied = now();
    wait_for("the new policy", || session.takes("anna@other.example"));
    assert!(applied.elapsed() < Duration::from_secs(1), "it took {:?}", applied.elapsed());
    assert!(!session.takes("anna@acme.example"));
    let (status, text) = world.verb(&["policy", "apply", "broken.toml"]);
    assert_eq!(status, 2, "{text}");
    assert!(text.contains("broken.toml:2:1"), "{text}");
    assert!(session.takes("anna@other.example"));
    assert_eq!(world.verb(&["policy", "rollback", "2"]).0, 0);
    wait_for("the old policy", || session.takes("anna@acme.example"));
    assert_eq!(world.stop(), 0);
}

#[test]
fn a_transaction_keeps_the_policy_that_it_began_with() {
    let mut world = World::new();
    world.write("acme.toml", &policy("acme.example"));
    world.write("other.toml", &policy("other.example"));
    world.verb(&["policy", "apply", "acme.toml"]);
    world.start();
    let mut session = Session::open(world.smtp);
    assert!(session.say("MAIL FROM:<someone@elsewhere.example>").starts_with("250"));
    world.verb(&["policy", "apply", "other.toml"]);
    let mut second = Session::open(world.smtp);
    wait_for("the new policy", || second.takes("anna@other.example"));
    assert!(session.say("RCPT TO:<anna@acme.example>").starts_with("250"));
    assert!(session.say("RCPT TO:<anna@other.example>").starts_with("550"));
    assert_eq!(world.stop(), 0);
}

#[test]
fn the_demo_ends_with_0_and_shows_the_partner_without_tls_waiting() {
    let world = World::new();
    let output = world.command(&["demo", "--once"]).stdout(Stdio::piped()).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(0), "{text}");
    for line in [
        "partner without TLS",
        "waiting, nothing sent",
        "delivered over TLS",
        "delivered in clear text",
    ] {
        assert!(text.contains(line), "{line} is not in:\n{text}");
    }
    assert!(text.contains("Everything went as the policy says."), "{text}");
}
