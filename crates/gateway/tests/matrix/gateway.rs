//! A gateway in this process: real sockets, a store in a folder of its own, and our clock and DNS.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use gatepost::config;
use gatepost::serve::{Gateway, Parts};
use gatepost_net::tls::Connector;
use gatepost_policy::document::PolicyDocument;
use gatepost_policy::evidence::Attempt;
use gatepost_store::embedded::{self, Embedded, Mode};
use gatepost_store::{Author, Inspect, ManualClock, Search, Settings};
use gatepost_testkit::FakeDns;
use gatepost_wire::address::DomainName;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// What a gateway is started with.
pub(crate) struct Wanted {
    /// `gatepost.toml`.
    pub(crate) config: String,
    /// The policy file, applied before this returns.
    pub(crate) policy: String,
    /// Where the configuration stands and the store is made.
    pub(crate) directory: PathBuf,
    /// Its resolver.
    pub(crate) dns: FakeDns,
    /// Its clock.
    pub(crate) clock: Arc<ManualClock>,
    /// Who does handshakes, where it is not the usual one.
    pub(crate) connector: Option<Connector>,
}

/// A running gateway.
pub(crate) struct Running {
    gateway: Gateway,
    config: config::Config,
    clock: Arc<ManualClock>,
}

/// Starts one; the policy is in effect when this returns.
pub(crate) async fn start(wanted: Wanted) -> Running {
    let file = wanted.directory.join("gatepost.toml");
    let config =
        config::parse(&wanted.config, &file).unwrap_or_else(|problems| panic!("{problems:#?}"));
    let mut parts = Parts::new(config.clone(), wanted.clock.clone());
    parts.resolver = Some(Arc::new(wanted.dns));
    parts.connector = wanted.connector;
    let gateway = Box::pin(Gateway::start(parts)).await.expect("the gateway starts");
    let running = Running { gateway, config, clock: wanted.clock };
    running.apply(&wanted.policy).await;
    running
}

impl Running {
    /// Makes a policy file the policy; it is in effect when this returns.
    pub(crate) async fn apply(&self, policy: &str) {
        let parsed = PolicyDocument::parse_toml(policy, "policy.toml");
        let parsed = parsed.unwrap_or_else(|problems| panic!("{problems:#?}"));
        let store = self.gateway.store();
        let document = parsed.document.completed(store.profile());
        let committed = store.commit(None, &document, &Author::new("the matrix", None)).await;
        let committed = committed.expect("the policy is stored");
        self.gateway.wait_for_revision(committed.revision).await;
    }

    /// Gives it another name, as a reload does.
    pub(crate) async fn rename(&self, hostname: &str) {
        let hostname = DomainName::parse(hostname).expect("a host name");
        let config = config::Config { hostname, ..self.config.clone() };
        self.gateway.reload(config).await.expect("the configuration is taken");
    }

    /// What it says at `/metrics`.
    #[expect(clippy::disallowed_methods, reason = "this client stands outside Gatepost")]
    pub(crate) async fn metrics(&self) -> String {
        let mut stream = TcpStream::connect(self.gateway.admin()).await.expect("it listens");
        let request = "GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
        stream.write_all(request.as_bytes()).await.expect("it reads");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.expect("it answers in text");
        answer
    }

    /// Where it takes mail.
    pub(crate) fn smtp(&self) -> SocketAddr {
        self.gateway.listeners()[0]
    }

    /// Its store.
    pub(crate) fn store(&self) -> &Embedded {
        self.gateway.store()
    }

    /// Stops it.
    pub(crate) async fn stop(self) {
        self.gateway.stop().await;
    }

    /// Stops it and reads every attempt from what it left on disk.
    pub(crate) async fn stop_and_read(self) -> Vec<Attempt> {
        let Self { gateway, config, clock } = self;
        gateway.stop().await;
        let options = embedded::Options::new(config.profile, clock);
        let left = Box::pin(embedded::open(&config.data_dir, options, Mode::Tool))
            .await
            .expect("the store opens");
        let attempts =
            left.messages_search(&Search::default()).await.expect("the store can be read");
        left.close().await;
        attempts
    }
}
