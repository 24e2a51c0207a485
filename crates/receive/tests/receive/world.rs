//! A receiver on loopback with a store of its own, and a client that speaks line by line.

use std::{
    net::{IpAddr, SocketAddr},
    sync::{Arc, Mutex},
    time::Duration,
};

use arc_swap::ArcSwap;
use async_trait::async_trait;
use gatepost_net::listen::{Listener, ServerTls};
use gatepost_policy::{
    direction::{Direction, Matched},
    document::{PolicyDocument, Profile},
    id::MessageId,
    snapshot::{Snapshot, TlsSettings},
};
use gatepost_receive::{
    Anomaly, Authenticate, Lifetime, ListenerSettings, ListenerTls, Login, Observe, Receiver,
    ServerSettings,
};
use gatepost_store::{
    Cause, Certainty, Claim, Clock, Dispatch as _, Enqueue, Inspect as _, NewMessage, Receipt,
    Staged, Staging, StoreError, SystemClock, Unhealthy,
    embedded::{self, Embedded, Mode, Options},
};
use gatepost_testkit::{Cert, TestCa};
use gatepost_wire::secret::Secret;
use tempfile::TempDir;
use tokio::{
    io::{
        AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _,
        BufStream,
    },
    net::TcpStream,
    time::timeout,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// Longer than anything takes that works.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// Loopback may send anywhere.
pub(crate) const SOURCE: &str = "[[outbound_source]]\nnetwork = \"127.0.0.0/8\"\n";
/// A domain of ours.
pub(crate) const OURS: &str = "[[domain]]\nname = \"acme.example\"\n";

#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) enum Tls {
    #[default]
    Off,
    Upgrade,
    Implicit,
}

/// What is wrong with the store.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) enum Fault {
    #[default]
    None,
    CommitFails,
    CommitHangs,
    CommitPanics,
}

/// A world whose default is a gateway that takes mail for acme.example from everybody.
pub(crate) struct Setup {
    pub(crate) policy: String,
    pub(crate) tls: Tls,
    pub(crate) require_tls: bool,
    pub(crate) auth: bool,
    pub(crate) settings: ServerSettings,
    pub(crate) disk_reserve: Option<u64>,
    pub(crate) fault: Fault,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            policy: OURS.to_owned(),
            tls: Tls::Off,
            require_tls: false,
            auth: false,
            settings: ServerSettings::new("gw.example"),
            disk_reserve: Some(0),
            fault: Fault::None,
        }
    }
}

#[derive(Default)]
pub(crate) struct Seen {
    pub(crate) anomalies: Mutex<Vec<Anomaly>>,
    pub(crate) verdicts: Mutex<Vec<(gatepost_store::Verdict, usize)>>,
    pub(crate) hits: Mutex<Vec<String>>,
    pub(crate) received: Mutex<Vec<Direction>>,
    pub(crate) logins: Mutex<Vec<Login>>,
}

impl Observe for Seen {
    fn login(&self, login: &Login) {
        self.logins.lock().unwrap().push(login.clone());
    }

    fn message_received(&self, direction: Direction) {
        self.received.lock().unwrap().push(direction);
    }

    fn verdict(&self, verdict: gatepost_store::Verdict, recipients: usize) {
        self.verdicts.lock().unwrap().push((verdict, recipients));
    }

    fn rule_hit(&self, matched: &Matched, _recipients: usize) {
        self.hits.lock().unwrap().push(matched.rule.clone());
    }

    fn anomaly(&self, _client: IpAddr, what: Anomaly) {
        self.anomalies.lock().unwrap().push(what);
    }
}

/// Accounts in which there is anna alone, with the password `right`; nothing is known of `later`.
struct Anna;

#[async_trait]
impl Authenticate for Anna {
    async fn check(&self, name: &str, password: &Secret, client: IpAddr) -> Login {
        assert!(client.is_loopback());
        match (name.to_ascii_lowercase().as_str(), password.expose()) {
            ("anna", "right") => Login::Granted { account: "anna".into() },
            ("later", _) => Login::Undecided { why: "the store is closed".into() },
            _ => Login::Refused,
        }
    }
}

/// A store that fails on purpose.
struct Faulty(Embedded, Fault);

#[async_trait]
impl Enqueue for Faulty {
    fn mint(&self) -> MessageId {
        self.0.mint()
    }

    fn stage(&self, size_hint: Option<u64>) -> Result<Staging, StoreError> {
        self.0.stage(size_hint)
    }

    async fn commit(&self, staged: Staged, message: NewMessage) -> Result<Receipt, StoreError> {
        match self.1 {
            Fault::None => self.0.commit(staged, message).await,
            Fault::CommitFails => {
                Err(StoreError { certainty: Certainty::Unknown, cause: Cause::Closed })
            }
            Fault::CommitHangs => std::future::pending().await,
            Fault::CommitPanics => panic!("on purpose"),
        }
    }

    fn accepts(&self, size: u64) -> Result<(), Unhealthy> {
        self.0.accepts(size)
    }
}

pub(crate) struct World {
    pub(crate) address: SocketAddr,
    pub(crate) store: Embedded,
    pub(crate) policy: Arc<ArcSwap<Snapshot>>,
    pub(crate) settings: Arc<ArcSwap<ServerSettings>>,
    pub(crate) seen: Arc<Seen>,
    pub(crate) life: Lifetime,
    pub(crate) receiver: Receiver,
    ca: TestCa,
    _dir: TempDir,
}

pub(crate) fn snapshot(revision: u64, policy: &str) -> Snapshot {
    let parsed = PolicyDocument::parse_toml(policy, "policy.toml").unwrap();
    let tls = TlsSettings::of(Profile::Standard);
    Snapshot::build(revision, Profile::Standard, parsed.document, &parsed.spans, tls).unwrap()
}

impl World {
    pub(crate) async fn new(setup: Setup) -> Self {
        let dir = TempDir::new().unwrap();
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        let options = Options {
            disk_reserve: setup.disk_reserve,
            ..Options::new(Profile::Standard, Arc::clone(&clock))
        };
        let store = embedded::open(&dir.path().join("data"), options, Mode::Serve).await.unwrap();
        let (ca, certificate, key) =
            (TestCa::new(), dir.path().join("cert.pem"), dir.path().join("key.pem"));
        let issued = ca.issue(&Cert::Good, "gw.example");
        std::fs::write(&certificate, &issued.chain_pem).unwrap();
        std::fs::write(&key, &issued.key_pem).unwrap();
        let tls = || ServerTls::from_pem(&certificate, &key).unwrap();
        let listener_settings = ListenerSettings {
            tls: match setup.tls {
                Tls::Off => ListenerTls::Off,
                Tls::Upgrade => ListenerTls::StartTls(tls()),
                Tls::Implicit => ListenerTls::Implicit(tls()),
            },
            require_tls: setup.require_tls,
            auth: setup.auth,
        };
        let policy = Arc::new(ArcSwap::from_pointee(snapshot(1, &setup.policy)));
        let settings = Arc::new(ArcSwap::from_pointee(setup.settings));
        let seen = Arc::new(Seen::default());
        let receiver = Receiver::new(
            Arc::new(Faulty(store.clone(), setup.fault)),
            Arc::clone(&policy),
            Arc::clone(&settings),
            clock,
            Arc::clone(&seen) as Arc<dyn Observe>,
            Arc::new(Anna),
        );
        let sessions = CancellationToken::new();
        let life =
            Lifetime { tracker: TaskTracker::new(), accepting: sessions.child_token(), sessions };
        let listener = Listener::bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = listener.address();
        let how = Arc::new(ArcSwap::from_pointee(listener_settings));
        let (server, serving) = (receiver.clone(), life.clone());
        life.tracker.spawn(async move { server.serve(listener, how, serving).await });
        Self { address, store, policy, settings, seen, life, receiver, ca, _dir: dir }
    }

    pub(crate) async fn connect(&self) -> Client {
        Client::new(Box::new(self.tcp().await))
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "the client of a test, which `net` does not serve"
    )]
    pub(crate) async fn tcp(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// A client that has read the greeting.
    pub(crate) async fn greeted(&self) -> Client {
        let mut client = self.connect().await;
        assert!(client.reply().await.starts_with("220 gw.example ESMTP"));
        client
    }

    /// A client that has said EHLO.
    pub(crate) async fn client(&self) -> Client {
        let mut client = self.greeted().await;
        client.expect("EHLO client.example", "250").await;
        client
    }

    pub(crate) fn tls(&self) -> tokio_rustls::TlsConnector {
        use rustls::pki_types::pem::PemObject as _;
        let mut roots = rustls::RootCertStore::empty();
        let root =
            rustls::pki_types::CertificateDer::from_pem_slice(self.ca.roots_pem().as_bytes())
                .unwrap();
        roots.add(root).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        Arc::new(config).into()
    }

    /// Every waiting recipient's address.
    pub(crate) async fn queued(&self) -> Vec<String> {
        let mut all: Vec<String> = self
            .store
            .queue_list()
            .await
            .unwrap()
            .into_iter()
            .map(|entry| entry.recipient)
            .collect();
        all.sort();
        all
    }

    /// All that is due, as the delivery engine gets it.
    pub(crate) async fn claims(&self) -> Vec<Claim> {
        let now = SystemClock::new().now().plus(Duration::from_secs(60));
        let mut all = Vec::new();
        for ready in self.store.ready(now) {
            all.extend(self.store.claim(&ready.lane, 100, now).await.unwrap());
        }
        all
    }

    /// Waits until as many of `what` were seen.
    pub(crate) async fn anomaly(&self, what: Anomaly) {
        until(|| self.seen.anomalies.lock().unwrap().contains(&what)).await;
    }
}

/// Waits for a state.
pub(crate) async fn until(holds: impl Fn() -> bool) {
    let wait = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(PATIENCE, wait).await.expect("the state did not come");
}

pub(crate) trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

pub(crate) struct Client {
    io: BufStream<Box<dyn Stream>>,
}

impl Client {
    pub(crate) fn new(io: Box<dyn Stream>) -> Self {
        Self { io: BufStream::new(io) }
    }

    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        let write = async {
            self.io.write_all(bytes.as_ref()).await?;
            self.io.flush().await
        };
        timeout(PATIENCE, write).await.expect("the gateway does not read").unwrap();
    }

    /// The next reply, all its lines; empty at the end of the connection.
    pub(crate) async fn reply(&mut self) -> String {
        let mut reply = String::new();
        loop {
            let from = reply.len();
            let read = timeout(PATIENCE, self.io.read_line(&mut reply))
                .await
                .expect("the gateway does not answer");
            if !matches!(read, Ok(count) if count > 0)
                || reply.as_bytes().get(from + 3) != Some(&b'-')
            {
                return reply.trim_end().to_owned();
            }
        }
    }

    pub(crate) async fn say(&mut self, line: &str) -> String {
        self.send(format!("{line}\r\n")).await;
        self.reply().await
    }

    pub(crate) async fn expect(&mut self, line: &str, start: &str) -> String {
        let reply = self.say(line).await;
        assert!(reply.starts_with(start), "{line}: {reply:?} instead of {start}");
        reply
    }

    /// MAIL, RCPT and DATA, up to the 354.
    pub(crate) async fn start(&mut self, from: &str, to: &[&str]) {
        self.expect(&format!("MAIL FROM:<{from}>"), "250 2.1.0").await;
        for one in to {
            self.expect(&format!("RCPT TO:<{one}>"), "250 2.1.5").await;
        }
        self.expect("DATA", "354").await;
    }

    /// A whole message; gives the reply at its end.
    pub(crate) async fn deliver(&mut self, from: &str, to: &[&str], message: &str) -> String {
        self.start(from, to).await;
        self.send(format!("{message}\r\n.\r\n")).await;
        self.reply().await
    }

    /// Whether the gateway closes without a further word.
    pub(crate) async fn is_closed(&mut self) -> bool {
        let mut byte = [0];
        matches!(
            timeout(PATIENCE, self.io.read(&mut byte)).await.expect("still open"),
            Ok(0) | Err(_)
        )
    }

    pub(crate) async fn starttls(mut self, connector: &tokio_rustls::TlsConnector) -> Self {
        self.expect("STARTTLS", "220 2.0.0").await;
        Self::handshake(self.io.into_inner(), connector).await
    }

    pub(crate) async fn handshake(
        io: Box<dyn Stream>,
        connector: &tokio_rustls::TlsConnector,
    ) -> Self {
        let name = "gw.example".try_into().unwrap();
        let tls =
            timeout(PATIENCE, connector.connect(name, io)).await.expect("no handshake").unwrap();
        Self::new(Box::new(tls))
    }
}

/// The id in `250 2.0.0 queued as …`.
pub(crate) fn id(reply: &str) -> MessageId {
    reply
        .strip_prefix("250 2.0.0 queued as ")
        .unwrap_or_else(|| panic!("{reply:?}"))
        .parse()
        .unwrap()
}
