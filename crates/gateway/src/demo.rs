//! The guide's story, for real: a gateway, five remote sites, a message to each, and what became of them.
//!
//! Everything is on loopback and in a temporary folder: real listeners, real handshakes, real bytes, the gateway's
//! own store and resolver. The peers (`peer`) and the DNS server (`dns`) are small and honest, and they say what
//! they saw, so the table (`report`) is held against both sides.

mod dns;
mod peer;
mod report;
mod submit;

use std::collections::HashSet;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use gatepost_net::listen::{Listener, ServerTls};
use gatepost_policy::document::PolicyDocument;
use gatepost_policy::evidence::Attempt;
use gatepost_store::{Author, Inspect, Search, Settings, SystemClock};
use gatepost_wire::address::Mailbox;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::config;
use crate::serve::{Gateway, Parts};
use peer::{Offer, Peer};
pub use report::{Report, Row};

/// The policy of the guide: its enforced set-up, beside the System Rule *Opportunistic TLS*.
const POLICY: &str = include_str!("demo/policy.toml");

/// How long every message may take to have been tried.
const PATIENCE: Duration = Duration::from_secs(60);

/// What a remote site of the story is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Role {
    PartnerWithTls,
    PartnerWithout,
    OrdinaryWithTls,
    OrdinaryWithout,
    OrdinaryBroken,
}

impl Role {
    const ALL: [Self; 5] = [
        Self::PartnerWithTls,
        Self::PartnerWithout,
        Self::OrdinaryWithTls,
        Self::OrdinaryWithout,
        Self::OrdinaryBroken,
    ];

    /// What the site is, in the words of the table.
    const fn title(self) -> &'static str {
        match self {
            Self::PartnerWithTls => "partner with TLS",
            Self::PartnerWithout => "partner without TLS",
            Self::OrdinaryWithTls => "ordinary site with TLS",
            Self::OrdinaryWithout => "ordinary site without TLS",
            Self::OrdinaryBroken => "ordinary site, broken handshake",
        }
    }

    const fn domain(self) -> &'static str {
        match self {
            Self::PartnerWithTls => "clinic.example",
            Self::PartnerWithout => "lawyer.example",
            Self::OrdinaryWithTls => "shop.example",
            Self::OrdinaryWithout => "club.example",
            Self::OrdinaryBroken => "museum.example",
        }
    }
}

/// Why the story could not be told.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Broken(String);

impl Broken {
    fn at(what: &str, why: &dyn std::fmt::Display) -> Self {
        Self(format!("{what}: {why}"))
    }
}

/// A site of the running story.
struct Site {
    role: Role,
    peer: Peer,
}

/// The running story.
pub struct Demo {
    gateway: Gateway,
    sites: Vec<Site>,
    folder: Folder,
    tracker: TaskTracker,
    end: CancellationToken,
}

impl Demo {
    /// Starts the sites, the DNS server and the gateway, and applies the policy.
    ///
    /// # Errors
    /// What cannot be had on this machine, such as a folder or a port.
    pub async fn start() -> Result<Self, Broken> {
        let folder = Folder::new()?;
        let (tracker, end) = (TaskTracker::new(), CancellationToken::new());
        let listeners = Loopback::find()?;
        let port = listeners.port;
        let mut zone = dns::Zone::default();
        let mut sites = Vec::new();
        for (role, listener) in Role::ALL.into_iter().zip(listeners.all) {
            let host = dns::mail_host(role.domain());
            if let SocketAddr::V4(address) = listener.address() {
                zone.add(role.domain(), *address.ip());
            }
            let peer = Peer::new(host.clone(), offer(role, &host, &folder.path)?);
            let (serving, sessions, end) = (peer.clone(), tracker.clone(), end.clone());
            tracker.spawn(
                async move { end.run_until_cancelled(serving.run(listener, sessions)).await },
            );
            sites.push(Site { role, peer });
        }
        let dns = dns::Server::bind(zone)
            .await
            .map_err(|why| Broken::at("no DNS server can be started", &why))?;
        let resolver =
            dns.address().map_err(|why| Broken::at("no DNS server can be started", &why))?;
        let stop_dns = end.clone();
        tracker.spawn(async move { stop_dns.run_until_cancelled(dns.run()).await });
        let gateway = start_gateway(&folder.path, resolver, port).await?;
        Ok(Self { gateway, sites, folder, tracker, end })
    }

    /// Sends a message to each site and waits until each was tried.
    ///
    /// # Errors
    /// A message that was not taken, or not tried in time.
    pub async fn tell(&self) -> Result<Report, Broken> {
        let Some(smtp) = self.gateway.listeners().first().copied() else {
            return Err(Broken("the gateway has no listener".to_owned()));
        };
        let from = address("anna@acme.example")?;
        let mut sent = Vec::new();
        for site in &self.sites {
            let to = address(&format!("bo@{}", site.role.domain()))?;
            let id = submit::submit(smtp, &from, &to).await.map_err(Broken)?;
            sent.push((site, id));
        }
        let ids: Vec<&str> = sent.iter().map(|(_, id)| id.as_str()).collect();
        let attempts = self.wait_for(&ids).await?;
        let rows = sent
            .into_iter()
            .map(|(site, id)| {
                let attempt = attempts.iter().find(|attempt| attempt.message.to_string() == id);
                report::row(site.role, attempt, &site.peer.seen())
            })
            .collect();
        Ok(Report { rows })
    }

    /// Where health and metrics are.
    pub fn admin(&self) -> SocketAddr {
        self.gateway.admin()
    }

    /// The configuration of the demo's gateway, for other verbs.
    pub fn config(&self) -> PathBuf {
        self.folder.path.join("gatepost.toml")
    }

    /// Stops everything and removes the folder.
    pub async fn stop(self) {
        let Self { gateway, sites: _, folder, tracker, end } = self;
        gateway.stop().await;
        end.cancel();
        tracker.close();
        if tokio::time::timeout(Duration::from_secs(5), tracker.wait()).await.is_err() {
            // a session that does not end is closed with the process
        }
        drop(folder);
    }

    /// Waits until each of these messages has an attempt. What the gateway makes of them, an alert, does not count.
    async fn wait_for(&self, messages: &[&str]) -> Result<Vec<Attempt>, Broken> {
        let poll = async {
            loop {
                let attempts = self.gateway.store().messages_search(&Search::default()).await;
                let attempts =
                    attempts.map_err(|why| Broken::at("the history cannot be read", &why))?;
                let tried: HashSet<String> =
                    attempts.iter().map(|attempt| attempt.message.to_string()).collect();
                if messages.iter().all(|message| tried.contains(*message)) {
                    return Ok(attempts);
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        let waited = tokio::time::timeout(PATIENCE, poll).await;
        waited.unwrap_or_else(|_| {
            Err(Broken(format!("not every message was tried within {} s", PATIENCE.as_secs())))
        })
    }
}

fn address(text: &str) -> Result<Mailbox, Broken> {
    Mailbox::parse(text).map_err(|why| Broken::at(text, &why))
}

fn offer(role: Role, host: &str, folder: &Path) -> Result<Offer, Broken> {
    match role {
        Role::PartnerWithTls | Role::OrdinaryWithTls => {
            let made = ServerTls::self_signed(host, &folder.join(host));
            made.map(Offer::Tls).map_err(|why| Broken::at("no certificate can be made", &why))
        }
        Role::PartnerWithout | Role::OrdinaryWithout => Ok(Offer::Nothing),
        Role::OrdinaryBroken => Ok(Offer::Broken),
    }
}

async fn start_gateway(folder: &Path, resolver: SocketAddr, port: u16) -> Result<Gateway, Broken> {
    let file = folder.join("gatepost.toml");
    let text = format!(
        "hostname = \"gateway.acme.example\"\ndata_dir = \"data\"\n\n[[listener]]\naddress = \"127.0.0.1:0\"\n\n\
         [admin]\naddress = \"127.0.0.1:0\"\n\n[dns]\nservers = [\"{resolver}\"]\n\n\
         [delivery]\nport = {port}\nprivate_addresses = \"allow\"\n"
    );
    std::fs::write(&file, &text)
        .map_err(|why| Broken::at("the configuration cannot be written", &why))?;
    std::fs::write(folder.join("policy.toml"), POLICY)
        .map_err(|why| Broken::at("the policy cannot be written", &why))?;
    let config = config::parse(&text, &file).map_err(|found| problems(&found))?;
    let parts = Parts::new(config, Arc::new(SystemClock::new()));
    let gateway = Box::pin(Gateway::start(parts)).await.map_err(|why| Broken(why.to_string()))?;
    let policy =
        PolicyDocument::parse_toml(POLICY, "policy.toml").map_err(|found| problems(&found))?;
    let document = policy.document.completed(gateway.store().profile());
    let committed = gateway
        .store()
        .commit(None, &document, &Author::new("gatepost demo", Some("the policy of the guide")))
        .await;
    let committed = committed.map_err(|why| Broken::at("the policy cannot be applied", &why))?;
    gateway.wait_for_revision(committed.revision).await;
    Ok(gateway)
}

fn problems(found: &[gatepost_policy::diagnostic::Diagnostic]) -> Broken {
    Broken(found.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
}

/// One port on five loopback addresses: MX hosts share a port, and differ by address.
struct Loopback {
    port: u16,
    all: Vec<Listener>,
}

impl Loopback {
    fn find() -> Result<Self, Broken> {
        let mut last = None;
        for _ in 0..20 {
            match Self::bind() {
                Ok(found) => return Ok(found),
                Err(why) => last = Some(why),
            }
        }
        let why = last.map_or_else(String::new, |why| why.to_string());
        Err(Broken::at("no port is free on five loopback addresses", &why))
    }

    fn bind() -> std::io::Result<Self> {
        let mut all = Vec::new();
        let mut port = 0;
        for last in 11..=15 {
            let listener =
                Listener::bind(SocketAddr::from((Ipv4Addr::new(127, 41, 25, last), port)))?;
            port = listener.address().port();
            all.push(listener);
        }
        Ok(Self { port, all })
    }
}

/// The temporary folder; it goes with this value.
struct Folder {
    path: PathBuf,
}

impl Folder {
    fn new() -> Result<Self, Broken> {
        let base = std::env::temp_dir();
        for number in 0..1000_u32 {
            let path = base.join(format!("gatepost-demo-{}-{number}", std::process::id()));
            match std::fs::create_dir(&path) {
                Ok(()) => return Ok(Self { path }),
                Err(why) if why.kind() == std::io::ErrorKind::AlreadyExists => {}
                Err(why) => return Err(Broken::at("no temporary folder can be made", &why)),
            }
        }
        Err(Broken(format!("no temporary folder can be made in {}", base.display())))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if std::fs::remove_dir_all(&self.path).is_err() {
            // what is left lies in the system's temporary folder
        }
    }
}
