//! What a browser test stands on: sites, names, a gateway, and the program that clicks.

use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use gatepost_testkit::{
    After220, Cert, Channel, DnsServer, FakeDns, FakeMx, Net, RunningMx, TestCa,
};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::gateway::{greets, say};
use crate::{past, peers};

/// How long one file of `ui/e2e` may take.
const LIMIT: Duration = Duration::from_secs(420);

/// How often what the sites saw is written down anew.
const OFTEN: Duration = Duration::from_millis(50);

/// The sites, by domain, and what they are like.
fn sites() -> Vec<(&'static str, FakeMx)> {
    vec![
        ("partner.example", FakeMx::with_cert(Cert::SelfSigned)),
        ("clinic.example", FakeMx::default()),
        ("clear.example", FakeMx::without_starttls()),
        ("plain.example", FakeMx::without_starttls()),
        ("open.example", FakeMx::default()),
        ("broken.example", FakeMx::breaking(After220::Alert(40))),
    ]
}

/// All of it; it ends with this value.
pub(crate) struct Stage {
    folder: TempDir,
    smtp: SocketAddr,
    admin: SocketAddr,
    sites: Vec<(&'static str, Arc<RunningMx>)>,
    _gateway: Ended,
    _dns: DnsServer,
}

impl Stage {
    /// Runs one file of `ui/e2e` on a stage of its own.
    pub(crate) async fn run(file: &str) {
        let Some(chromium) = what_is_needed(file) else { return };
        let folder = tempfile::tempdir().expect("a temporary folder");
        Self::set(folder).await.play(file, &chromium, LIMIT).await;
    }

    /// The same on a gateway with a past, which takes longer: 100,000 messages and 1,000 rules.
    pub(crate) async fn measure(file: &str) {
        let Some(chromium) = what_is_needed(file) else { return };
        let folder = tempfile::tempdir().expect("a temporary folder");
        past::write(&folder.path().join("data")).await;
        fs::write(folder.path().join("policy.toml"), past::policy()).expect("the policy");
        let stage = Self::set(folder).await;
        stage.play(file, &chromium, LIMIT * 4).await;
    }

    async fn play(self, file: &str, chromium: &Path, limit: Duration) {
        let mut clicks = Ended(self.clicks(file, chromium));
        let ended = tokio::time::timeout(limit, self.watch(&mut clicks.0)).await;
        match ended {
            Ok(passed) => assert!(passed, "ui/e2e/{file}.e2e.ts failed; what it said is above"),
            Err(_) => panic!("ui/e2e/{file}.e2e.ts took longer than {limit:?}"),
        }
    }

    async fn set(folder: TempDir) -> Self {
        let (zone, ca, net) = (FakeDns::new(), TestCa::new(), Net::new());
        let dns =
            DnsServer::start(zone.clone(), (net.ip(200), 0).into()).await.expect("a DNS server");
        let mut running = Vec::new();
        for (domain, script) in sites() {
            let (host, address) = (format!("mx.{domain}"), net.next());
            zone.set_mx(domain, &[(10, &host)]).set_addresses(&host, &[address.ip()]);
            let mx = script.start(&host, address, &ca).await.expect("the address is free");
            running.push((domain, Arc::new(mx)));
        }
        let smtp = SocketAddr::new(net.ip(251), net.port());
        let admin = SocketAddr::new(net.ip(252), net.port());
        let config = format!(
            "hostname = \"gateway.acme.example\"\ndata_dir = \"data\"\n\
             [[listener]]\naddress = \"{smtp}\"\n[admin]\naddress = \"{admin}\"\n\
             [dns]\nservers = [\"{}\"]\n\
             [delivery]\nport = {}\nprivate_addresses = \"allow\"\nca_bundle = \"roots.pem\"\n\
             retry = [\"1h\"]\nconnect_timeout = \"2s\"\ntls_timeout = \"2s\"\ncommand_timeout = \"5s\"\n",
            dns.address(),
            net.port(),
        );
        let write = |name: &str, text: &str| {
            fs::write(folder.path().join(name), text).expect("the file is written");
        };
        write("gatepost.toml", &config);
        write("roots.pem", &ca.roots_pem());
        let log = File::create(folder.path().join("log")).expect("the log");
        let gateway = Command::new(env!("CARGO_BIN_EXE_gatepost"))
            .arg("serve")
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("the binary runs");
        let gateway = Ended(gateway);
        let stage = Self { folder, smtp, admin, sites: running, _gateway: gateway, _dns: dns };
        let up = tokio::time::timeout(Duration::from_secs(60), async {
            while stage.link().is_none() || !tokio::task::block_in_place(|| greets(smtp)) {
                tokio::time::sleep(OFTEN).await;
            }
        });
        assert!(up.await.is_ok(), "the gateway is up and gives its one-time link");
        stage
    }

    fn log(&self) -> String {
        let bytes = fs::read(self.folder.path().join("log")).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// The one-time link, once it is in the log.
    fn link(&self) -> Option<String> {
        let log = self.log();
        let (before, after) = log.split_once("/setup#")?;
        let from = before.rfind("http")?;
        let token: String =
            after.chars().take_while(|c| c.is_ascii_alphanumeric() || "-_".contains(*c)).collect();
        Some(format!("{}/setup#{token}", before.get(from..)?))
    }

    /// Starts the program that clicks.
    fn clicks(&self, file: &str, chromium: &Path) -> Child {
        let mut command = Command::new("node");
        command
            .arg("node_modules/vitest/vitest.mjs")
            .args(["run", "--config", "e2e/vitest.config.ts", &format!("e2e/{file}.e2e.ts")])
            .current_dir(ui())
            .env("GATEPOST_URL", format!("http://{}", self.admin))
            .env("GATEPOST_SETUP", self.link().expect("the one-time link"))
            .env("GATEPOST_SMTP", self.smtp.to_string())
            .env("GATEPOST_BIN", env!("CARGO_BIN_EXE_gatepost"))
            .env("GATEPOST_FOLDER", self.folder.path())
            .env("GATEPOST_SEEN", self.folder.path().join("seen.json"))
            .env("GATEPOST_SHOTS", ui().join("../target/screens"))
            .env("GATEPOST_CHROMIUM", chromium)
            .stdin(Stdio::null());
        command.spawn().expect("node runs")
    }

    /// Writes down what the sites have seen until the clicks have ended; whether they passed.
    async fn watch(&self, clicks: &mut Child) -> bool {
        let mut written = Value::Null;
        loop {
            if let Some(status) = clicks.try_wait().expect("the program can be asked") {
                return status.success();
            }
            let seen = self.seen();
            if seen != written {
                let to = self.folder.path().join("seen.json");
                let beside = self.folder.path().join("seen.json.new");
                fs::write(&beside, seen.to_string()).expect("what was seen is written");
                fs::rename(&beside, &to).expect("and put in its place");
                written = seen;
            }
            tokio::time::sleep(OFTEN).await;
        }
    }

    /// Every message that a site took, and every line that reached it.
    fn seen(&self) -> Value {
        let mut messages = Vec::new();
        let mut connections = Vec::new();
        for (domain, mx) in &self.sites {
            for message in mx.messages() {
                messages.push(json!({
                    "domain": domain,
                    "from": message.from,
                    "to": message.to,
                    "tls": message.channel == Channel::Tls,
                    "accepted": message.accepted,
                    "text": String::from_utf8_lossy(&message.message),
                }));
            }
            for connection in mx.connections() {
                connections.push(json!({
                    "domain": domain,
                    "clear": connection.verbs(Channel::Clear),
                    "tls": connection.verbs(Channel::Tls),
                }));
            }
        }
        json!({ "messages": messages, "connections": connections })
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let log = self.log();
            let lines: Vec<&str> = log.lines().collect();
            let last = lines.get(lines.len().saturating_sub(40)..).unwrap_or_default();
            say(&format!("last lines of the gateway's log:\n{}", last.join("\n")));
        }
    }
}

/// A process that ends with this value.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        // one that has ended already is no fault
        if self.0.kill().is_ok() && self.0.wait().is_err() {
            say("a process of the test cannot be waited for");
        }
    }
}

/// The folder of the console.
fn ui() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../ui")
}

/// Chromium; `None` where something is not here, which has been said.
fn what_is_needed(file: &str) -> Option<PathBuf> {
    let test = format!("the browser test {file}");
    let is_there = |path: PathBuf| path.exists().then_some(path);
    let node = Command::new("node").arg("--version").output();
    if !node.is_ok_and(|output| output.status.success())
        || is_there(ui().join("node_modules/vitest/vitest.mjs")).is_none()
        || is_there(ui().join("dist/index.html")).is_none()
    {
        peers::skip(
            &test,
            "Node.js or the built console is not here; `make test` builds it where it can",
        );
        return None;
    }
    let found = ["/usr/bin/chromium", "/usr/bin/chromium-browser"]
        .into_iter()
        .find_map(|path| is_there(PathBuf::from(path)));
    if found.is_none() {
        peers::skip(&test, "Chromium is not here; `make test` brings it in where it can");
    }
    found
}
