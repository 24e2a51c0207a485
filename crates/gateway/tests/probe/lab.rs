//! Sites with fake mail exchangers and DNS around the real binary, with short time limits.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use gatepost_testkit::{Connection, DnsServer, FakeDns, FakeMx, Net, RunningMx, TestCa};
use serde_json::Value;
use tempfile::TempDir;

/// What a verb did.
#[derive(Debug)]
pub(crate) struct Run {
    status: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Run {
    /// The verb ended with this status.
    #[track_caller]
    pub(crate) fn ended(self, status: i32) -> Self {
        assert_eq!(self.status, status, "stdout:\n{}\nstderr:\n{}", self.out, self.err);
        self
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|why| panic!("{why}: {}", self.out))
    }

    pub(crate) fn list(&self) -> Vec<Value> {
        serde_json::from_str(&self.out).unwrap_or_else(|why| panic!("{why}: {}", self.out))
    }
}

/// The sites, and a folder that verbs run in.
pub(crate) struct Lab {
    pub(crate) dns: FakeDns,
    ca: TestCa,
    net: Net,
    folder: TempDir,
    smtp: SocketAddr,
    hosts: Vec<Arc<RunningMx>>,
    addresses: Vec<(String, Vec<IpAddr>)>,
    child: Option<Child>,
    _server: DnsServer,
}

impl Lab {
    pub(crate) async fn new() -> Self {
        Self::with("").await
    }

    /// With more lines of `[delivery]`.
    pub(crate) async fn with(delivery: &str) -> Self {
        let (dns, ca, net) = (FakeDns::new(), TestCa::new(), Net::new());
        let folder = tempfile::tempdir().expect("a temporary folder");
        let server =
            DnsServer::start(dns.clone(), (net.ip(200), 0).into()).await.expect("a DNS server");
        let smtp = SocketAddr::new(net.ip(251), net.port());
        let config = format!(
            "hostname = \"gateway.acme.test\"\ndata_dir = \"data\"\n\
             [[listener]]\naddress = \"{smtp}\"\n[admin]\naddress = \"{}\"\n[dns]\nservers = [\"{}\"]\n\
             [delivery]\nport = {}\nprivate_addresses = \"allow\"\nca_bundle = \"roots.pem\"\nretry = [\"1h\"]\n\
             connect_timeout = \"2s\"\ntls_timeout = \"2s\"\ncommand_timeout = \"2s\"\n{delivery}",
            SocketAddr::new(net.ip(252), net.port()),
            server.address(),
            net.port(),
        );
        let lab = Self {
            dns,
            ca,
            net,
            folder,
            smtp,
            hosts: Vec::new(),
            addresses: Vec::new(),
            child: None,
            _server: server,
        };
        lab.write("gatepost.toml", &config);
        lab.write("roots.pem", &lab.ca.roots_pem());
        lab
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        fs::write(self.folder.path().join(name), text).expect("the file is written");
    }

    /// The port of every mail exchanger.
    pub(crate) fn port(&self) -> u16 {
        self.net.port()
    }

    /// An address at which nobody listens.
    pub(crate) fn free_address(&self) -> IpAddr {
        self.net.next().ip()
    }

    /// Puts up a mail exchanger and its address.
    pub(crate) async fn host(&mut self, name: &str, script: FakeMx) -> Arc<RunningMx> {
        let address = self.net.next();
        let mx =
            Arc::new(script.start(name, address, &self.ca).await.expect("the address is free"));
        self.hosts.push(Arc::clone(&mx));
        self.add_address(name, address.ip());
        mx
    }

    /// Gives a host one more address.
    pub(crate) fn add_address(&mut self, name: &str, address: IpAddr) {
        let at = self.addresses.iter().position(|(known, _)| known == name).unwrap_or_else(|| {
            self.addresses.push((name.to_owned(), Vec::new()));
            self.addresses.len() - 1
        });
        let (_, all) = &mut self.addresses[at];
        all.push(address);
        self.dns.set_addresses(name, all);
    }

    /// Puts up a domain with one mail exchanger, `mx.` and its name.
    pub(crate) async fn site(&mut self, domain: &str, script: FakeMx) -> Arc<RunningMx> {
        let host = format!("mx.{domain}");
        self.dns.set_mx(domain, &[(10, &host)]);
        self.host(&host, script).await
    }

    /// Puts up a domain with several mail exchangers, the preferred ones first.
    pub(crate) async fn hosts(&mut self, domain: &str, hosts: &[(&str, FakeMx)]) {
        let list: Vec<(u16, &str)> =
            (10..).step_by(10).zip(hosts.iter().map(|(name, _)| *name)).collect();
        self.dns.set_mx(domain, &list);
        for (name, script) in hosts {
            self.host(name, script.clone()).await;
        }
    }

    /// Puts up a domain at whose mail exchanger nobody listens.
    pub(crate) fn dead(&mut self, domain: &str) {
        let (host, address) = (format!("mx.{domain}"), self.free_address());
        self.dns.set_mx(domain, &[(10, &host)]);
        self.add_address(&host, address);
    }

    /// Makes a mail exchanger behave so from now on.
    pub(crate) fn change(&self, mx: &RunningMx, script: FakeMx) {
        mx.set(script, &self.ca);
    }

    /// What every mail exchanger saw so far.
    pub(crate) fn connections(&self) -> Vec<Connection> {
        self.hosts.iter().flat_map(|host| host.connections()).collect()
    }

    /// Runs a verb.
    pub(crate) fn run(&self, words: &[&str]) -> Run {
        let output = Command::new(env!("CARGO_BIN_EXE_gatepost"))
            .args(words)
            .current_dir(self.folder.path())
            .stdin(Stdio::null())
            .output()
            .expect("the binary runs");
        Run {
            status: output.status.code().unwrap_or(-1),
            out: String::from_utf8(output.stdout).expect("text on stdout"),
            err: String::from_utf8(output.stderr).expect("text on stderr"),
        }
    }

    /// Makes this the policy, beside loopback as a source.
    pub(crate) fn apply(&self, policy: &str) {
        self.write(
            "policy.toml",
            &format!("[[outbound_source]]\nnetwork = \"127.0.0.0/8\"\n{policy}"),
        );
        let run = self.run(&["policy", "apply", "policy.toml"]);
        // 1 is "applied, with findings".
        assert!(run.status == 0 || run.status == 1, "{run:?}");
    }

    /// Starts the gateway.
    pub(crate) fn serve(&mut self) {
        let log = fs::File::create(self.folder.path().join("log")).expect("the log");
        let child = Command::new(env!("CARGO_BIN_EXE_gatepost"))
            .arg("serve")
            .current_dir(self.folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("the binary runs");
        self.child = Some(child);
        let smtp = self.smtp;
        wait_for("the gateway", || TcpStream::connect(smtp).is_ok());
    }

    /// Hands a message to the gateway.
    pub(crate) fn submit(&self, from: &str, to: &str) {
        let stream = TcpStream::connect(self.smtp).expect("the gateway listens");
        stream.set_read_timeout(Some(Duration::from_secs(30))).expect("a time limit");
        let mut replies = BufReader::new(&stream);
        let mut expect = |code: &str| loop {
            let mut line = String::new();
            replies.read_line(&mut line).expect("a reply");
            assert!(line.starts_with(code), "{line}");
            if line.as_bytes().get(3) != Some(&b'-') {
                return;
            }
        };
        expect("220");
        for (line, code) in [
            ("EHLO client.acme.test\r\n".to_owned(), "250"),
            (format!("MAIL FROM:<{from}>\r\n"), "250"),
            (format!("RCPT TO:<{to}>\r\n"), "250"),
            ("DATA\r\n".to_owned(), "354"),
            (format!("From: {from}\r\nSubject: x\r\n\r\nhello\r\n.\r\n"), "250"),
        ] {
            (&stream).write_all(line.as_bytes()).expect("the gateway reads");
            expect(code);
        }
    }

    /// The first attempt for each of these recipients, once all are there. What else is sent, reports and alerts,
    /// does not count.
    pub(crate) fn attempts(&self, recipients: &[String]) -> Vec<Value> {
        let mut first = Vec::new();
        wait_for("every attempt", || {
            let all = self.run(&["messages", "search", "--json"]).ended(0).list();
            first = recipients
                .iter()
                .filter_map(|wanted| {
                    all.iter().find(|a| a["recipient"] == wanted.as_str()).cloned()
                })
                .collect();
            first.len() == recipients.len()
        });
        first
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            // One that has ended by itself cannot be killed.
            child.kill().ok();
            child.wait().ok();
        }
        if std::thread::panicking()
            && let Ok(log) = fs::read_to_string(self.folder.path().join("log"))
        {
            eprintln!("the gateway's log:\n{log}");
        }
    }
}

/// Waits for a state of other processes.
#[expect(clippy::disallowed_methods, reason = "other processes do the work, by the real clock")]
fn wait_for(what: &str, mut reached: impl FnMut() -> bool) {
    let began = std::time::Instant::now();
    while !reached() {
        assert!(began.elapsed() < Duration::from_secs(60), "waited for {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}
