//! TLS readiness of a domain: what delivery would do at each level, without a message.
//!
//! The hosts come from where an attempt gets them, what a session must be from the
//! same plan, and whether it is that from the same verifiers and clauses. Every address
//! of every host is looked at, in parallel, over a bounded number of connections; a host
//! that many domains share is looked at once. Nothing that is seen here changes what
//! delivery does: no memory is written, no mail is touched.

mod domain;
mod judge;
mod lines;
mod look;
mod report;

use std::{
    collections::{HashMap, VecDeque},
    net::{IpAddr, SocketAddr},
    sync::{Arc, Mutex},
};

use gatepost_net::{dns::Resolver, tls::Connector};
use gatepost_policy::{
    snapshot::Snapshot,
    tls::{
        Broken, Demand, Level, NextHop, PlanInput, Requirement, Source, TlsPolicies, UnknownLevel,
        level::FIELD, plan,
    },
};
use gatepost_store::Clock;
use gatepost_wire::{address::AddressDomain, timestamp::Timestamp};
use tokio::{
    sync::{OnceCell, Semaphore},
    task::JoinSet,
};

use self::look::Seen;
pub use self::report::{CertificateReport, HostReport, Report, Verdict, Via};
use crate::{parts::Secrets, settings::DeliverySettings};

/// The levels that a report is about, weakest first.
fn levels() -> impl Iterator<Item = Level> {
    Level::ALL.into_iter().filter(|level| level.is_built())
}

/// What a prober works with.
pub struct Parts {
    /// Looks hosts up.
    pub resolver: Arc<dyn Resolver>,
    /// Does handshakes.
    pub connector: Connector,
    /// The policy: our domains and their routes, smart hosts, `[[tls_policy]]`.
    pub snapshot: Arc<Snapshot>,
    /// The settings of delivery, its time limits among them.
    pub settings: DeliverySettings,
    /// Passwords for logins at smart hosts: looked for, and never used here.
    pub secrets: Arc<dyn Secrets>,
    /// The time.
    pub clock: Arc<dyn Clock>,
}

/// Looks at domains, several at once.
pub struct Prober {
    shared: Arc<Shared>,
    parallel: usize,
}

/// A look that may be going on, by whom it is at.
type Looks = HashMap<(NextHop, SocketAddr), Arc<OnceCell<Arc<Seen>>>>;

struct Shared {
    parts: Parts,
    level: Level,
    connections: Arc<Semaphore>,
    /// A requirement that any certificate meets.
    any: Requirement,
    /// One that needs proof.
    proof: Requirement,
    looks: Mutex<Looks>,
}

impl Prober {
    /// A prober that has at most `parallel` connections open (and never more than
    /// delivery may have), and judges readiness at `level`.
    ///
    /// # Errors
    /// Where this version cannot judge `level`.
    pub fn new(parts: Parts, level: Level, parallel: usize) -> Result<Self, Broken> {
        if !level.is_built() {
            return Err(Broken::NotBuilt { level });
        }
        let any = bare(&[])?;
        let proof = bare(&[asked(Level::Verify)])?;
        let parallel = parallel.min(parts.settings.limits.connections).max(1);
        let connections = Arc::new(Semaphore::new(parallel));
        let looks = Mutex::default();
        let shared = Arc::new(Shared { parts, level, connections, any, proof, looks });
        Ok(Self { shared, parallel })
    }

    /// Begins to probe. Dropping what this returns ends it.
    pub fn probe(&self, domains: Vec<AddressDomain>) -> Probing {
        let waiting = domains.into_iter().enumerate().collect();
        Probing {
            shared: Arc::clone(&self.shared),
            parallel: self.parallel,
            waiting,
            running: JoinSet::new(),
        }
    }
}

/// Domains that are being probed.
pub struct Probing {
    shared: Arc<Shared>,
    parallel: usize,
    waiting: VecDeque<(usize, AddressDomain)>,
    running: JoinSet<(usize, Report)>,
}

impl Probing {
    /// The next domain that is done, with its place in the list; `None` after the last.
    pub async fn next(&mut self) -> Option<(usize, Report)> {
        loop {
            while self.running.len() < self.parallel
                && let Some((place, domain)) = self.waiting.pop_front()
            {
                let shared = Arc::clone(&self.shared);
                self.running.spawn(async move { (place, shared.probe(&domain).await) });
            }
            match self.running.join_next().await? {
                Ok(done) => return Some(done),
                Err(error) => tracing::error!(%error, "a probe ended without a result"),
            }
        }
    }
}

/// A demand as a rule would make it.
fn asked(level: Level) -> Demand {
    let field = format!("{FIELD}: {}", level.title());
    Demand::new(level, Source::Rule { rule: "tls probe".to_owned(), field })
}

/// What demands alone ask of a host about which the policy says nothing.
fn bare(demands: &[Demand]) -> Result<Requirement, Broken> {
    let hosts = [NextHop::mx(String::new(), 0, 0)];
    let planned = plan(PlanInput {
        demands,
        unknown: UnknownLevel::Require,
        hosts: &hosts,
        domain: &AddressDomain::Literal(IpAddr::from([0, 0, 0, 0])),
        policies: &TlsPolicies::default(),
        now: Timestamp::from_millis(0),
    })?;
    let first = planned.attempts.into_iter().next();
    Ok(first.map(|(_, requirement)| requirement).expect("one host is planned as one"))
}
