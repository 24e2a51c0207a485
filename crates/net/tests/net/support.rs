//! What the tests share: requirements by level, short time limits, and a peer that
//! says exactly what it is told.

use std::{net::SocketAddr, time::Duration};

use gatepost_net::{
    conn::{Conn, Greeted, Job, Secured, StartTls},
    dial::{Target, Timeouts, dial},
    failure::Failure,
    tls::{Connector, Roots},
};
use gatepost_policy::tls::{
    Demand, Enforced, Level, NextHop, Opportunistic, PlanInput, Requirement, Source, TlsPolicies,
    UnknownLevel, plan,
};
use gatepost_testkit::{FakeMx, Net, RunningMx, TestCa};
use gatepost_wire::{address::AddressDomain, timestamp::Timestamp};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    task::JoinSet,
};

pub(crate) const HOST: &str = "mx.d.test";

/// Long enough for a busy machine, for everything that is meant to go well.
pub(crate) const PATIENT: Timeouts = Timeouts {
    connect: Duration::from_secs(20),
    tls: Duration::from_secs(20),
    command: Duration::from_secs(20),
};

pub(crate) fn requirement(level: Level) -> Requirement {
    requirement_of(&[level])
}

/// What all these levels together make.
pub(crate) fn requirement_of(levels: &[Level]) -> Requirement {
    let host = NextHop::mx(HOST.into(), 25, 10);
    let demands: Vec<Demand> =
        levels.iter().map(|level| Demand::new(*level, Source::Default)).collect();
    let input = PlanInput {
        demands: &demands,
        unknown: UnknownLevel::Require,
        hosts: &[host],
        domain: &AddressDomain::parse("d.test").unwrap(),
        policies: &TlsPolicies::default(),
        now: Timestamp::from_millis(0),
    };
    plan(input).unwrap().attempts.remove(0).1
}

pub(crate) fn enforced(level: Level) -> Enforced {
    match requirement(level) {
        Requirement::Enforced(enforced) => enforced,
        Requirement::Opportunistic(_) => panic!("{level:?} enforces nothing"),
    }
}

pub(crate) fn opportunistic() -> Opportunistic {
    match requirement(Level::Try) {
        Requirement::Opportunistic(opportunistic) => opportunistic,
        Requirement::Enforced(_) => panic!("try enforces nothing"),
    }
}

/// A job for which clear text is fine; it lives as long as the test.
pub(crate) fn job() -> &'static Job<Opportunistic, ()> {
    Box::leak(Box::new(Job::new(opportunistic(), ())))
}

pub(crate) fn target(address: SocketAddr) -> Target {
    Target { host: HOST.into(), address, source: None }
}

/// A world of one mail exchanger and a connector that trusts its CA.
pub(crate) struct World {
    pub(crate) mx: RunningMx,
    pub(crate) connector: Connector,
    pub(crate) timeouts: Timeouts,
    pub(crate) host: String,
    _roots: TempDir,
}

impl World {
    pub(crate) async fn new(script: FakeMx) -> Self {
        Self::named(script, HOST).await
    }

    pub(crate) async fn named(script: FakeMx, host: &str) -> Self {
        let ca = TestCa::new();
        let mx = script.start(host, Net::new().next(), &ca).await.unwrap();
        let (connector, roots) = trusting(&ca.roots_pem());
        Self { mx, connector, timeouts: PATIENT, host: host.into(), _roots: roots }
    }

    pub(crate) fn target(&self) -> Target {
        Target { host: self.host.clone(), address: self.mx.address(), source: None }
    }

    pub(crate) async fn greet(&self) -> Result<Greeted, Failure> {
        dial(self.target(), &self.timeouts).await?.greet("client.test").await
    }

    pub(crate) async fn starttls(&self) -> Result<StartTls, Failure> {
        self.greet().await?.starttls().await
    }

    pub(crate) async fn secure(&self, level: Level) -> Result<Conn<Secured>, Failure> {
        match self.starttls().await? {
            StartTls::Ready(ready) => ready.handshake(&self.connector, &requirement(level)).await,
            StartTls::Refused(_, response) => panic!("refused: {response}"),
        }
    }
}

pub(crate) fn trusting(pem: &str) -> (Connector, TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("roots.pem");
    std::fs::write(&path, pem).unwrap();
    (Connector::new(&Roots::Pem(path)), dir)
}

/// A step of a scripted peer.
pub(crate) enum Step {
    /// Writes these bytes.
    Say(&'static str),
    /// Reads until what came ends with these bytes.
    Until(&'static str),
    /// Waits.
    Wait(Duration),
}

/// A peer in clear text that follows a script once, then closes. It ends with what
/// it read.
pub(crate) struct Scripted {
    pub(crate) address: SocketAddr,
    tasks: JoinSet<String>,
}

impl Scripted {
    pub(crate) async fn new(steps: Vec<Step>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut read = String::new();
            for step in steps {
                match step {
                    // A client that has gone is what some tests are about.
                    Step::Say(bytes) => drop(stream.write_all(bytes.as_bytes()).await),
                    Step::Wait(time) => tokio::time::sleep(time).await,
                    Step::Until(end) => {
                        let mut seen = String::new();
                        while !seen.ends_with(end) {
                            let mut bytes = [0; 4096];
                            let Ok(count @ 1..) = stream.read(&mut bytes).await else {
                                return read;
                            };
                            seen.push_str(&String::from_utf8_lossy(&bytes[..count]));
                            read.push_str(&String::from_utf8_lossy(&bytes[..count]));
                        }
                    }
                }
            }
            stream.shutdown().await.ok();
            let mut rest = Vec::new();
            stream.read_to_end(&mut rest).await.ok();
            read.push_str(&String::from_utf8_lossy(&rest));
            read
        });
        Self { address, tasks }
    }

    pub(crate) async fn greet(&self) -> Result<Greeted, Failure> {
        self.greet_within(PATIENT).await
    }

    pub(crate) async fn greet_within(&self, timeouts: Timeouts) -> Result<Greeted, Failure> {
        dial(target(self.address), &timeouts).await?.greet("client.test").await
    }

    /// Everything that the peer read, once the client has gone.
    pub(crate) async fn read(mut self) -> String {
        tokio::time::timeout(Duration::from_secs(20), self.tasks.join_next())
            .await
            .unwrap()
            .unwrap()
            .unwrap()
    }
}
