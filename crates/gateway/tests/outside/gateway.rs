//! A gateway in a process of its own, as an operator runs it: the real binary, a configuration file, a policy file,
//! verbs. It listens on a loopback network that no other test has, asks a DNS server of the test, and keeps
//! everything in a temporary folder. A process that the test forgot dies with this value; where the test fails, its
//! log is printed.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use gatepost_testkit::{DnsServer, FakeDns, Net};
use tempfile::TempDir;
use tokio::runtime::Runtime;

/// The gateway and what surrounds it.
pub(crate) struct Gateway {
    pub(crate) folder: TempDir,
    /// The loopback network of this test; `net.port()` is the port of every remote site.
    pub(crate) net: Net,
    pub(crate) smtp: SocketAddr,
    pub(crate) admin: SocketAddr,
    pub(crate) child: Option<Child>,
    _dns: DnsServer,
    _runtime: Runtime,
}

impl Gateway {
    /// Writes the configuration and applies `policy`. Each of `sites` is a domain and the last number of the address
    /// of its mail exchanger on the test's network. Nothing is started yet.
    pub(crate) fn prepare(policy: &str, sites: &[(&str, u8)]) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let net = Net::new();
        let zone = FakeDns::new();
        for (domain, last) in sites {
            let host = format!("mx.{domain}");
            zone.set_mx(domain, &[(10, &host)]).set_addresses(&host, &[net.ip(*last)]);
        }
        let runtime = Runtime::new().expect("a runtime");
        let dns = runtime
            .block_on(DnsServer::start(zone, (net.ip(200), 0).into()))
            .expect("a DNS server");
        let smtp = SocketAddr::new(net.ip(1), free_port(&net));
        let admin = SocketAddr::new(net.ip(2), free_port(&net));
        let config = format!(
            "hostname = \"gateway.acme.test\"\ndata_dir = \"data\"\n\
             [[listener]]\naddress = \"{smtp}\"\ntls = \"starttls\"\n\
             [admin]\naddress = \"{admin}\"\n\
             [limits]\nconnections_per_client = 500\n\
             [dns]\nservers = [\"{}\"]\n\
             [delivery]\nport = {}\nprivate_addresses = \"allow\"\nretry = [\"1s\", \"2s\"]\n",
            dns.address(),
            net.port(),
        );
        fs::write(folder.path().join("gatepost.toml"), config)
            .expect("the configuration is written");
        fs::write(folder.path().join("policy.toml"), policy).expect("the policy is written");
        let gateway = Self { folder, net, smtp, admin, child: None, _dns: dns, _runtime: runtime };
        let (status, text) = gateway.verb(&["policy", "apply", "policy.toml", "--reason", "test"]);
        // 1 is "applied, with findings": some of these policies have no domain of their own.
        assert!(status == 0 || status == 1, "policy apply: {status}\n{text}");
        gateway
    }

    /// Starts the process and waits for its greeting. Returns how long that took.
    pub(crate) fn start(&mut self) -> Duration {
        let log = File::options().create(true).append(true).open(self.log_file()).expect("the log");
        let began = now();
        let child = Command::new(env!("CARGO_BIN_EXE_gatepost"))
            .arg("serve")
            .current_dir(self.folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("the binary runs");
        self.child = Some(child);
        wait_for("the greeting of the gateway", Duration::from_secs(60), || {
            if let Some(child) = &mut self.child
                && let Some(status) = child.try_wait().expect("the process can be asked")
            {
                panic!("serve ended with {status}");
            }
            greets(self.smtp)
        });
        began.elapsed()
    }

    /// `kill -9`, and waits until the process is gone.
    pub(crate) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().expect("the process can be killed");
            child.wait().expect("the process can be waited for");
        }
    }

    /// Runs a verb beside the gateway: its exit status and what it printed, stdout first.
    pub(crate) fn verb(&self, arguments: &[&str]) -> (i32, String) {
        let output = Command::new(env!("CARGO_BIN_EXE_gatepost"))
            .args(arguments)
            .current_dir(self.folder.path())
            .stdin(Stdio::null())
            .output()
            .expect("the binary runs");
        let text = [output.stdout, output.stderr]
            .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
            .concat();
        (output.status.code().unwrap_or(-1), text)
    }

    /// What a listing verb prints with `--json`.
    pub(crate) fn list(&self, arguments: &[&str]) -> Vec<serde_json::Value> {
        let (status, text) = self.verb(&[arguments, &["--json"]].concat());
        assert!(status == 0 || status == 1, "{arguments:?}: {status}\n{text}");
        serde_json::from_str(&text)
            .unwrap_or_else(|why| panic!("{arguments:?} printed no JSON array: {why}\n{text}"))
    }

    /// Everything the process has logged, over all its lives.
    pub(crate) fn log(&self) -> String {
        fs::read(self.log_file())
            .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
            .unwrap_or_default()
    }

    fn log_file(&self) -> PathBuf {
        self.folder.path().join("log")
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            let log = self.log();
            let lines: Vec<&str> = log.lines().collect();
            say(&format!(
                "last lines of the gateway's log:\n{}",
                lines[lines.len().saturating_sub(60)..].join("\n")
            ));
            let waiting = self.verb(&["queue", "list"]).1;
            say(&format!(
                "its queue:\n{}",
                waiting.lines().take(30).collect::<Vec<_>>().join("\n")
            ));
            for entry in self.list(&["messages", "search"]).iter().rev().take(5) {
                say(&format!("an attempt at {}: {entry}", self.admin));
            }
        }
    }
}

/// Says a line that is seen even where a passing test's output is kept back.
pub(crate) fn say(line: &str) {
    writeln!(std::io::stderr(), "{line}").expect("stderr can be written");
}

/// The time, for measuring how long real processes take.
#[expect(clippy::disallowed_methods, reason = "real processes are timed by the real clock")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// Lets real processes go on for a while.
#[expect(clippy::disallowed_methods, reason = "no runtime here; other processes do the work")]
pub(crate) fn pause(time: Duration) {
    std::thread::sleep(time);
}

/// Waits for a state, looking every few milliseconds.
///
/// # Panics
/// When it is not reached within `limit`.
pub(crate) fn wait_for(what: &str, limit: Duration, mut reached: impl FnMut() -> bool) {
    let began = now();
    while !reached() {
        assert!(began.elapsed() < limit, "waited {limit:?} for {what}");
        pause(Duration::from_millis(10));
    }
}

/// Whether a mail server at that address greets, and says goodbye.
pub(crate) fn greets(address: SocketAddr) -> bool {
    let Ok(stream) = TcpStream::connect_timeout(&address, Duration::from_secs(1)) else {
        return false;
    };
    if stream.set_read_timeout(Some(Duration::from_secs(5))).is_err() {
        return false;
    }
    let mut line = String::new();
    let mut replies = BufReader::new(&stream);
    let greeted = replies.read_line(&mut line).is_ok() && line.starts_with("220");
    let left = (&stream).write_all(b"QUIT\r\n").is_ok() && replies.read_line(&mut line).is_ok();
    greeted && left
}

fn free_port(net: &Net) -> u16 {
    let probe = std::net::TcpListener::bind((net.ip(1), 0)).expect("loopback can be bound");
    probe.local_addr().expect("a bound socket has an address").port()
}
