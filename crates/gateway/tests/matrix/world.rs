//! The rig: a gateway in this process, fake DNS and mail exchangers around it, and a clock that stands still.
//!
//! A test makes a [`World`], puts sites into it, starts the gateway with a [`Setup`], sends mail, waits for attempt
//! records, moves the clock where time must pass, and calls [`World::finish`], which stops the gateway and checks the
//! invariants. A world that is dropped unfinished fails its test. Our own domain is `acme.test`; its mail server takes
//! everything, reports to senders included, and is part of what the invariants look at.

use std::cell::Cell;
use std::net::SocketAddr;
use std::sync::{Arc, Once};
use std::time::Duration;

use gatepost_net::tls::Connector;
use gatepost_policy::evidence::Attempt;
use gatepost_store::embedded::Embedded;
use gatepost_store::{Clock, Event, Inspect, Journal, ManualClock, QueueEntry, Search};
use gatepost_testkit::invariants::{self, Expectations};
use gatepost_testkit::{
    Connection, FakeDns, FakeMx, Net, Received, RunningMx, TestCa, WeakPeer, Weakness,
};
use gatepost_wire::timestamp::Timestamp;
use tempfile::TempDir;

use crate::client::Client;
use crate::gateway::{self, Running};

/// Who sends, where a row does not say: one of ours.
pub(crate) const SENDER: &str = "anna@acme.test";
/// Who gets alerts.
pub(crate) const POSTMASTER: &str = "postmaster@acme.test";
/// A generous bound for a state that must come.
pub(crate) const BOUND: Duration = Duration::from_secs(30);
/// The clock's start, 2026-11-24.
pub(crate) const START: i64 = 1_795_478_400_000;

thread_local! {
    /// Panics on this thread, on which all tasks of a test's gateway run. A task's panic ends nothing but the task,
    /// so nobody would notice.
    static PANICS: Cell<usize> = const { Cell::new(0) };
}

fn count_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let told = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            PANICS.set(PANICS.get() + 1);
            told(panic);
        }));
    });
    PANICS.set(0);
}

/// How the gateway is set up; the default is what is shipped.
#[derive(Clone, Debug, Default)]
pub(crate) struct Setup<'a> {
    /// `profile` of the configuration; empty: `standard`.
    pub(crate) profile: &'a str,
    /// More lines of `[delivery]`.
    pub(crate) delivery: &'a str,
    /// Rules and sets of the policy, as TOML, above the System Rules that are not named in them.
    pub(crate) rules: String,
    /// Who does handshakes with other hosts, where it is not the usual one.
    pub(crate) connector: Option<Connector>,
}

impl Setup<'_> {
    /// The shipped set-up with these rules.
    pub(crate) fn with(rules: impl Into<String>) -> Self {
        Self { rules: rules.into(), ..Self::default() }
    }
}

/// A rule for outbound mail, to recipients that match where some are given, that adds one header.
pub(crate) fn header_rule(name: &str, recipients: Option<&str>, header: &str) -> String {
    let only = recipients
        .map(|set| {
            format!("  {{ condition = \"recipient\", match = \"matches\", value = {set:?} }},\n")
        })
        .unwrap_or_default();
    format!(
        "[[rule]]\nname = {name:?}\nconditions = [\n  {{ condition = \"direction\", match = \"matches\", value = \"outbound\" }},\n{only}]\n\
         actions = [{{ action = \"add_message_header\", value = {header:?} }}]\n\n"
    )
}

/// The guide's rule: Enforced TLS to everybody outside.
pub(crate) fn require() -> String {
    header_rule("Enforced TLS", None, "x-TLSLevel:Require")
}

/// A message with this subject and a short body.
pub(crate) fn message(subject: &str) -> String {
    format!(
        "From: Anna <{SENDER}>\r\nTo: somebody\r\nSubject: {subject}\r\n\r\nHello,\r\n.\r\n..and so on\r\n"
    )
}

fn is_alert(message: &Received) -> bool {
    !message.fields("X-Gatepost-Alert").is_empty()
}

/// One gateway and the world around it.
pub(crate) struct World {
    /// Certificates.
    pub(crate) ca: TestCa,
    /// DNS.
    pub(crate) dns: FakeDns,
    /// What the invariants cannot know.
    pub(crate) expected: Expectations,
    net: Net,
    clock: Arc<ManualClock>,
    directory: TempDir,
    hosts: Vec<Arc<RunningMx>>,
    weak: Vec<Arc<WeakPeer>>,
    running: Option<Running>,
    finished: bool,
}

impl World {
    /// A world with our own domain in it and no gateway yet.
    pub(crate) async fn new() -> Self {
        count_panics();
        let mut world = Self {
            ca: TestCa::new(),
            dns: FakeDns::new(),
            expected: Expectations::default(),
            net: Net::new(),
            clock: Arc::new(ManualClock::new(Timestamp::from_millis(START))),
            directory: TempDir::new().expect("a temporary directory"),
            hosts: Vec::new(),
            weak: Vec::new(),
            running: None,
            finished: false,
        };
        world.mx("mail.acme.test", FakeMx::default()).await;
        world
    }

    /// A world with one site, `d.test`, whose one mail exchanger follows `script`, and a started gateway.
    pub(crate) async fn with_site(script: FakeMx, setup: Setup<'_>) -> (Self, Arc<RunningMx>) {
        let mut world = Self::new().await;
        let mx = world.site("d.test", script).await;
        world.start(setup).await;
        (world, mx)
    }

    /// Puts up a mail exchanger and its address.
    pub(crate) async fn mx(&mut self, host: &str, script: FakeMx) -> Arc<RunningMx> {
        let address = self.net.next();
        let mx =
            Arc::new(script.start(host, address, &self.ca).await.expect("the address is free"));
        self.dns.set_addresses(host, &[address.ip()]);
        self.hosts.push(Arc::clone(&mx));
        mx
    }

    /// Puts up a mail exchanger on the IPv6 loopback address, and tells DNS nothing of it.
    pub(crate) async fn mx_on_ipv6(
        &mut self,
        host: &str,
        script: FakeMx,
    ) -> std::io::Result<Arc<RunningMx>> {
        let address = SocketAddr::from((std::net::Ipv6Addr::LOCALHOST, self.net.port()));
        let mx = Arc::new(script.start(host, address, &self.ca).await?);
        self.hosts.push(Arc::clone(&mx));
        Ok(mx)
    }

    /// Puts up a domain with one mail exchanger, `mx.` and its name.
    pub(crate) async fn site(&mut self, domain: &str, script: FakeMx) -> Arc<RunningMx> {
        let host = format!("mx.{domain}");
        self.dns.set_mx(domain, &[(10, &host)]);
        self.mx(&host, script).await
    }

    /// Puts up a domain with two mail exchangers, `mx1.` preferred to `mx2.`.
    pub(crate) async fn two_hosts(
        &mut self,
        domain: &str,
        first: FakeMx,
        second: FakeMx,
    ) -> (Arc<RunningMx>, Arc<RunningMx>) {
        let (one, two) = (format!("mx1.{domain}"), format!("mx2.{domain}"));
        self.dns.set_mx(domain, &[(10, &one), (20, &two)]);
        (self.mx(&one, first).await, self.mx(&two, second).await)
    }

    /// Puts up a host that is written as an address, and gives the domain part that means it.
    pub(crate) async fn literal(&mut self, script: FakeMx) -> (Arc<RunningMx>, String) {
        let address = self.net.next();
        let mx = script.start(&address.ip().to_string(), address, &self.ca).await;
        let mx = Arc::new(mx.expect("the address is free"));
        self.hosts.push(Arc::clone(&mx));
        (mx, format!("[{}]", address.ip()))
    }

    /// Puts up a domain whose mail exchanger rustls cannot imitate. None, and a loud line, where the machine lacks the
    /// programs for it.
    pub(crate) async fn weak_site(
        &mut self,
        domain: &str,
        weakness: Weakness,
    ) -> Option<Arc<WeakPeer>> {
        let (host, address) = (format!("mx.{domain}"), self.net.next());
        let started = WeakPeer::start(weakness, &host, address).await;
        self.weak(domain, weakness, started)
    }

    /// As [`Self::weak_site`], with a certificate that our CA has signed.
    pub(crate) async fn trusted_weak_site(
        &mut self,
        domain: &str,
        weakness: Weakness,
    ) -> Option<Arc<WeakPeer>> {
        let (host, address) = (format!("mx.{domain}"), self.net.next());
        let started = WeakPeer::trusted(&self.ca, weakness, &host, address).await;
        self.weak(domain, weakness, started)
    }

    fn weak(
        &mut self,
        domain: &str,
        weakness: Weakness,
        started: std::io::Result<WeakPeer>,
    ) -> Option<Arc<WeakPeer>> {
        match started {
            Ok(peer) => {
                let (peer, host) = (Arc::new(peer), format!("mx.{domain}"));
                let address = peer.address().ip();
                self.dns.set_mx(domain, &[(10, &host)]).set_addresses(&host, &[address]);
                self.weak.push(Arc::clone(&peer));
                Some(peer)
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                eprintln!("SKIPPED: no {weakness:?} peer on this machine: {error}");
                None
            }
            Err(error) => panic!("{weakness:?}: {error}"),
        }
    }

    /// Starts the gateway.
    pub(crate) async fn start(&mut self, setup: Setup<'_>) {
        assert!(self.running.is_none(), "one gateway at a time");
        let roots = self.directory.path().join("roots.pem");
        std::fs::write(&roots, self.ca.roots_pem()).expect("the roots are written");
        let profile = if setup.profile.is_empty() { "standard" } else { setup.profile };
        let config = format!(
            "hostname = \"gateway.acme.test\"\ndata_dir = {data:?}\nprofile = {profile:?}\n\n\
             [[listener]]\naddress = \"127.0.0.1:0\"\n\n[admin]\naddress = \"127.0.0.1:0\"\n\n\
             [delivery]\nport = {port}\nprivate_addresses = \"allow\"\n{roots}{delivery}\n",
            data = self.directory.path().join("data"),
            port = self.net.port(),
            roots = if setup.delivery.contains("ca_bundle") {
                String::new()
            } else {
                format!("ca_bundle = {roots:?}\n")
            },
            delivery = setup.delivery,
        );
        let policy = self.policy(&setup.rules);
        let running = gateway::start(gateway::Wanted {
            config,
            policy,
            directory: self.directory.path().to_owned(),
            dns: self.dns.clone(),
            clock: Arc::clone(&self.clock),
            connector: setup.connector,
        });
        self.running = Some(running.await);
    }

    /// The folder that everything of this world is in.
    pub(crate) fn path(&self) -> &std::path::Path {
        self.directory.path()
    }

    /// Writes a file beside the configuration.
    pub(crate) fn file(&self, name: &str, text: &str) {
        std::fs::write(self.directory.path().join(name), text).expect("the file is written");
    }

    /// The policy with these rules: our domain, its route, and loopback as a source.
    pub(crate) fn policy(&self, rules: &str) -> String {
        format!(
            "[[domain]]\nname = \"acme.test\"\nroutes = [{{ host = \"mail.acme.test\", port = {} }}]\n\n\
             [[outbound_source]]\nnetwork = \"127.0.0.0/8\"\n\n{rules}",
            self.net.port()
        )
    }

    /// Puts these rules in place of the ones that hold.
    pub(crate) async fn apply(&self, rules: &str) {
        self.gateway().apply(&self.policy(rules)).await;
    }

    /// Gives the gateway another name, as a reload does.
    pub(crate) async fn rename(&self, hostname: &str) {
        self.gateway().rename(hostname).await;
    }

    /// The store of the running gateway.
    pub(crate) fn store(&self) -> &Embedded {
        self.gateway().store()
    }

    /// Stops the gateway. The next one starts on its store.
    pub(crate) async fn stop(&mut self) {
        if let Some(running) = self.running.take() {
            running.stop().await;
        }
    }

    /// Where the gateway listens.
    pub(crate) fn smtp(&self) -> SocketAddr {
        self.gateway().smtp()
    }

    /// A client that has said EHLO.
    pub(crate) async fn client(&self) -> Client {
        Client::greeted(self.smtp()).await
    }

    /// Sends a message with this text, which must be taken.
    pub(crate) async fn send_text(&self, to: &[&str], text: &str) {
        let reply = self.client().await.send(SENDER, to, text.as_bytes()).await;
        assert!(reply.starts_with("250 2.0.0 queued as "), "{reply}");
    }

    /// Sends an ordinary message.
    pub(crate) async fn send(&self, to: &[&str]) {
        self.send_text(to, &message("a row of the matrix")).await;
    }

    /// Every attempt for a recipient so far, oldest first.
    pub(crate) async fn attempts(&self, recipient: &str) -> Vec<Attempt> {
        let search = Search { recipient: Some(recipient.to_owned()), ..Search::default() };
        self.gateway().store().messages_search(&search).await.expect("the store can be read")
    }

    /// The `number`-th attempt (the first is 1) for a recipient, once it is there.
    pub(crate) async fn attempt(&self, recipient: &str, number: usize) -> Attempt {
        let mut all = Vec::new();
        let come = async {
            loop {
                all = self.attempts(recipient).await;
                if all.len() >= number {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let in_time = tokio::time::timeout(BOUND, come).await.is_ok();
        assert!(
            in_time,
            "attempt {number} for {recipient} did not come; hosts saw {:#?}",
            self.connections()
        );
        all.swap_remove(number - 1)
    }

    /// Sends an ordinary message to one recipient and gives its first attempt.
    pub(crate) async fn send_one(&self, recipient: &str) -> Attempt {
        self.send(&[recipient]).await;
        self.attempt(recipient, 1).await
    }

    /// The time by that clock.
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Moves the clock.
    pub(crate) fn later(&self, by: Duration) {
        self.clock.advance(by);
    }

    /// Moves the clock past any first retry and gives the attempt with this number.
    pub(crate) async fn next_attempt(&self, recipient: &str, number: usize) -> Attempt {
        self.later(Duration::from_secs(3600 + 600));
        self.attempt(recipient, number).await
    }

    /// The journal.
    pub(crate) async fn events(&self) -> Vec<Event> {
        self.gateway().store().events(None).await.expect("the store can be read")
    }

    /// The first event of this kind, once it is written.
    pub(crate) async fn event(&self, what: &str) -> Event {
        let come = async {
            loop {
                if let Some(found) =
                    self.events().await.into_iter().find(|event| event.what == what)
                {
                    return found;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        match tokio::time::timeout(BOUND, come).await {
            Ok(event) => event,
            Err(_) => panic!("no event {what:?} in {:#?}", self.events().await),
        }
    }

    /// What waits, but for alerts to the postmaster.
    pub(crate) async fn queue(&self) -> Vec<QueueEntry> {
        let mut all = self.all_that_waits().await;
        all.retain(|entry| entry.recipient != POSTMASTER);
        all
    }

    async fn all_that_waits(&self) -> Vec<QueueEntry> {
        self.gateway().store().queue_list().await.expect("the store can be read")
    }

    /// What the gateway says at `/metrics`.
    pub(crate) async fn metrics(&self) -> String {
        self.gateway().metrics().await
    }

    /// Returns once nothing waits any more.
    pub(crate) async fn drained(&self) {
        let empty = async {
            while !self.all_that_waits().await.is_empty() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        assert!(
            tokio::time::timeout(BOUND, empty).await.is_ok(),
            "{:#?}",
            self.all_that_waits().await
        );
    }

    /// The reports that our mail server received so far: messages from the null sender that are no alerts.
    pub(crate) fn reports(&self) -> Vec<Received> {
        let mut all = self.without_sender();
        all.retain(|message| !is_alert(message));
        all
    }

    /// The alerts that our mail server received so far.
    pub(crate) fn alerts(&self) -> Vec<Received> {
        let mut all = self.without_sender();
        all.retain(is_alert);
        all
    }

    fn without_sender(&self) -> Vec<Received> {
        self.hosts[0].messages().into_iter().filter(|message| message.from.is_empty()).collect()
    }

    /// The first report to our mail server, once it is there.
    pub(crate) async fn report(&self) -> Received {
        self.first(|message| !is_alert(message)).await
    }

    /// The first alert to our postmaster, once it is there.
    pub(crate) async fn alert(&self) -> Received {
        self.first(is_alert).await
    }

    async fn first(&self, wanted: fn(&Received) -> bool) -> Received {
        let fits = |message: &&Received| message.from.is_empty() && wanted(message);
        self.hosts[0].until(BOUND, |all| all.iter().any(|c| c.accepted().any(|m| fits(&m)))).await;
        let found = self.without_sender().into_iter().find(wanted);
        found.expect("it came in time")
    }

    /// What every host saw so far.
    pub(crate) fn connections(&self) -> Vec<Connection> {
        let fakes = self.hosts.iter().flat_map(|host| host.connections());
        fakes.chain(self.weak.iter().flat_map(|peer| peer.connections())).collect()
    }

    /// Stops the gateway and checks the invariants.
    pub(crate) async fn finish(mut self) {
        self.finished = true;
        let running = self.running.take().expect("a gateway was started");
        let attempts = running.stop_and_read().await;
        for host in &self.hosts {
            // The last FIN may still be on its way to the fake.
            host.until(Duration::from_secs(5), |all| {
                all.iter().all(|connection| connection.closed)
            })
            .await;
        }
        for peer in &self.weak {
            let bound = tokio::time::timeout(Duration::from_secs(5), async {
                while peer.connections().iter().any(|connection| !connection.closed) {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
            });
            assert!(bound.await.is_ok(), "a connection to a weak peer is still open");
        }
        assert_eq!(PANICS.get(), 0, "I9: a task panicked; what it said is above");
        let connections = self.connections();
        if let Err(breaches) = invariants::check(&connections, &attempts, &self.expected) {
            panic!("{breaches}\nattempts: {attempts:#?}\nconnections: {connections:#?}");
        }
    }
}

impl World {
    fn gateway(&self) -> &Running {
        self.running.as_ref().expect("the gateway was started")
    }
}

impl Drop for World {
    fn drop(&mut self) {
        assert!(
            self.finished || std::thread::panicking(),
            "call finish, which checks the invariants"
        );
    }
}
