//! TLS readiness of a domain: what delivery would do at each level, without a message.
//!
//! The hosts come from where an attempt gets them, what a session must be from the
//! same plan, and whether it is that from the same verifiers and clauses. Every address
//! of every host is looked at, in parallel, over a bounded number of connections; a host
//! that many domains share is looked at once. Nothing that is seen here changes what
//! delivery does: no memory is written, no mail is touched.

mod judge;
mod look;
mod report;

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    net::{IpAddr, SocketAddr},
    sync::{Arc, Mutex, PoisonError},
};

use gatepost_net::{dns::Resolver, tls::Connector};
use gatepost_policy::{
    direction::Direction,
    evidence::{NoTls, Why},
    snapshot::Snapshot,
    tls::{
        Broken, Demand, Level, NextHop, PlanInput, Requirement, SessionRecord, Source, TlsPolicies,
        UnknownLevel, VerifiedBy, level::FIELD, plan,
    },
};
use gatepost_store::{Clock, Lane};
use gatepost_wire::{address::AddressDomain, timestamp::Timestamp};
use tokio::{
    sync::{OnceCell, Semaphore},
    task::JoinSet,
};

pub use self::report::{CertificateReport, HostReport, Report, Verdict, Via};
use self::{
    judge::{Place, Way},
    look::{Eyes, Met, Problem, Seen},
};
use crate::{
    destination::{self, Barred, Destination, LOOKUP, MOST_ADDRESSES},
    settings::DeliverySettings,
};

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

impl Shared {
    async fn probe(self: &Arc<Self>, domain: &AddressDomain) -> Report {
        let Parts { resolver, snapshot, settings, .. } = &self.parts;
        let direction =
            if snapshot.is_own(domain) { Direction::Inbound } else { Direction::Outbound };
        let lane = Lane { direction, domain: domain.clone(), fingerprint: String::new() };
        let found = destination::find(&lane, snapshot, settings, resolver.as_ref(), 0).await;
        let hops = match found {
            Destination::Hosts(hops) => hops,
            Destination::Nowhere(nowhere) => return self.nowhere(domain, &nowhere),
        };
        let via = via(domain, direction, &hops);
        let mut looking = JoinSet::new();
        for (number, hop) in hops.into_iter().enumerate() {
            let shared = Arc::clone(self);
            looking.spawn(async move { (number, shared.place(hop).await) });
        }
        let mut places: Vec<(usize, Place)> = looking.join_all().await;
        places.sort_by_key(|(number, _)| *number);
        let places: Vec<Place> = places.into_iter().map(|(_, place)| place).collect();
        self.report(domain, via, &places)
    }

    /// A host with what is seen at each of its addresses, all at once.
    async fn place(self: Arc<Self>, hop: NextHop) -> Place {
        let addresses = match self.addresses(&hop).await {
            Ok(addresses) => addresses,
            Err(problem) => return Place { hop, found: Err(problem) },
        };
        let mut looking = JoinSet::new();
        for (number, address) in addresses.into_iter().enumerate() {
            let (shared, hop) = (Arc::clone(&self), hop.clone());
            looking.spawn(async move { (number, address, shared.seen(hop, address).await) });
        }
        let mut seen: Vec<(usize, SocketAddr, Arc<Seen>)> = looking.join_all().await;
        seen.sort_by_key(|(number, ..)| *number);
        Place {
            hop,
            found: Ok(seen.into_iter().map(|(_, address, seen)| (address, seen)).collect()),
        }
    }

    /// What is seen at an address of a host; looked at once, however many domains share it.
    async fn seen(&self, hop: NextHop, address: SocketAddr) -> Arc<Seen> {
        // What a domain says about a host changes nothing of what the host shows.
        let key = NextHop { preference: 0, route_level: None, ..hop.clone() };
        let look = {
            let mut looks = self.looks.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(looks.entry((key, address)).or_default())
        };
        let seen = look.get_or_init(|| async {
            // Nobody closes the semaphore; without a permit the look is only less polite.
            let _permit = self.connections.acquire().await;
            let eyes = Eyes {
                connector: &self.parts.connector,
                settings: &self.parts.settings,
                any: &self.any,
                proof: &self.proof,
            };
            Arc::new(eyes.look(&hop, address).await)
        });
        Arc::clone(seen.await)
    }

    /// The addresses of a host that may be connected to.
    async fn addresses(&self, hop: &NextHop) -> Result<Vec<SocketAddr>, Problem> {
        let Parts { resolver, settings, .. } = &self.parts;
        let found = match hop.host.parse::<IpAddr>() {
            Ok(ip) => vec![ip],
            Err(_) => resolver.addresses(&hop.host).await.map_err(|error| {
                let failed = destination::lookup_failed(error);
                Problem::new(LOOKUP, failed.why, failed.detail)
            })?,
        };
        if found.is_empty() {
            let detail = format!("{} has no address", hop.host);
            return Err(Problem::new(LOOKUP, Why::NoMx, detail));
        }
        let mut barred = None;
        let mut reachable = Vec::new();
        for ip in found {
            let address = SocketAddr::new(ip, hop.port);
            match destination::may_reach(address, hop, settings) {
                Ok(()) => reachable.push(address),
                Err(why) => barred = Some((why, address)),
            }
        }
        match barred {
            Some((Barred::Ourselves, address)) if reachable.is_empty() => {
                let detail = format!("{address} is a listener of this gateway");
                Err(Problem::new(LOOKUP, Why::Loop, detail))
            }
            Some((Barred::Private, address)) if reachable.is_empty() => {
                let detail = format!("{address} is a private address");
                Err(Problem::new(LOOKUP, Why::AddressRefused, detail))
            }
            Some(_) | None => {
                reachable.truncate(MOST_ADDRESSES);
                Ok(reachable)
            }
        }
    }

    fn nowhere(&self, domain: &AddressDomain, nowhere: &destination::Nowhere) -> Report {
        let fate = if nowhere.permanent { "bounce" } else { "wait" };
        let verdict = Verdict {
            passes: false,
            host: None,
            clear_because: None,
            why: Some(nowhere.why),
            text: format!("would {fate}: {}", nowhere.detail),
        };
        Report {
            domain: domain.key(),
            ready: false,
            level: self.level,
            levels: levels().map(|level| (level, false)).collect(),
            verdicts: levels().map(|level| (level, verdict.clone())).collect(),
            via: Via::Mx,
            hosts: Vec::new(),
            why: Some(nowhere.why),
            detail: Some(nowhere.detail.clone()),
            at: self.parts.clock.now(),
        }
    }

    fn report(&self, domain: &AddressDomain, via: Via, places: &[Place]) -> Report {
        let hops: Vec<NextHop> = places.iter().map(|place| place.hop.clone()).collect();
        let plans: BTreeMap<Level, Result<Vec<Requirement>, Broken>> =
            levels().map(|level| (level, self.requirements(domain, &hops, level))).collect();
        let verdicts: BTreeMap<Level, Verdict> = plans
            .iter()
            .map(|(level, planned)| {
                let verdict = match planned {
                    Ok(wanted) => judge::verdict(places, wanted, &self.parts.settings),
                    Err(broken) => broken_policy(broken),
                };
                (*level, verdict)
            })
            .collect();
        let levels: BTreeMap<Level, bool> =
            verdicts.iter().map(|(level, verdict)| (*level, verdict.passes)).collect();
        Report {
            domain: domain.key(),
            ready: levels.get(&self.level).copied().unwrap_or(false),
            level: self.level,
            levels,
            verdicts,
            via,
            hosts: self.hosts(places, &plans),
            why: None,
            detail: None,
            at: self.parts.clock.now(),
        }
    }

    /// What a session to each host must be, for mail at this level: the same plan as an
    /// attempt makes.
    fn requirements(
        &self,
        domain: &AddressDomain,
        hops: &[NextHop],
        level: Level,
    ) -> Result<Vec<Requirement>, Broken> {
        let Parts { snapshot, clock, .. } = &self.parts;
        let planned = plan(PlanInput {
            demands: &[asked(level)],
            unknown: snapshot.tls.unknown,
            hosts: hops,
            domain,
            policies: &snapshot.tls_policies,
            now: clock.now(),
        })?;
        Ok(planned.attempts.into_iter().map(|(_, requirement)| requirement).collect())
    }

    fn hosts(
        &self,
        places: &[Place],
        plans: &BTreeMap<Level, Result<Vec<Requirement>, Broken>>,
    ) -> Vec<HostReport> {
        let mut lines = Vec::new();
        for (number, place) in places.iter().enumerate() {
            let wanted = plans
                .iter()
                .filter_map(|(level, planned)| Some((*level, planned.as_ref().ok()?.get(number)?)));
            let wanted: Vec<(Level, &Requirement)> = wanted.collect();
            match &place.found {
                Ok(addresses) => lines.extend(addresses.iter().map(|(address, seen)| {
                    let ways = wanted.iter().map(|(level, requirement)| {
                        (*level, judge::way(seen, &place.hop, requirement, &self.parts.settings))
                    });
                    self.line(&place.hop, *address, seen, ways.collect())
                })),
                Err(problem) => {
                    let levels = wanted.iter().map(|(level, _)| (*level, false)).collect();
                    lines.push(HostReport { levels, ..blank(&place.hop) }.with(problem));
                }
            }
        }
        lines
    }

    fn line(
        &self,
        hop: &NextHop,
        address: SocketAddr,
        seen: &Seen,
        ways: Vec<(Level, Way)>,
    ) -> HostReport {
        let mut problem = None;
        let mut levels = BTreeMap::new();
        // Weakest level first: what is wrong at several has one cause.
        for (level, way) in ways {
            let passes = match &way {
                Way::Tls | Way::Clear(_) => true,
                Way::LaterClear(why, _) => judge::may_go_clear(*why, &self.parts.settings),
                Way::No(_) => false,
            };
            levels.insert(level, passes);
            if let Way::No(found) | Way::LaterClear(_, found) = way {
                problem.get_or_insert(found);
            }
        }
        let starttls = match (&seen.met, hop.implicit_tls) {
            (Met::Nobody(_), _) | (_, true) => None,
            (Met::NoTls { why, .. }, false) => Some(*why != NoTls::NotOffered),
            (Met::Tls(_), false) => Some(true),
        };
        let session = judge::best_session(seen);
        let line = HostReport {
            address: Some(address.to_string()),
            starttls,
            version: session.map(|record| record.version.clone()),
            cipher: session.map(|record| record.cipher.clone()),
            certificate: session.and_then(CertificateReport::of),
            verified_by: session.map(|record| record.verified_by).unwrap_or_default(),
            extensions: seen.extensions.clone(),
            levels,
            ..blank(hop)
        };
        match problem {
            Some(problem) => line.with(&problem),
            None => line,
        }
    }
}

fn via(domain: &AddressDomain, direction: Direction, hops: &[NextHop]) -> Via {
    let named = hops.iter().any(|hop| hop.route_level.is_some());
    match (domain, direction) {
        (_, Direction::Inbound) if named => Via::Route,
        (_, Direction::Outbound) if named => Via::SmartHost,
        (AddressDomain::Literal(_), _) => Via::Address,
        (AddressDomain::Name { .. }, _) => Via::Mx,
    }
}

fn broken_policy(broken: &Broken) -> Verdict {
    Verdict {
        passes: false,
        host: None,
        clear_because: None,
        why: Some(Why::PolicyBroken),
        text: format!("would wait: {broken}"),
    }
}

/// The line of a host about which nothing is known yet.
fn blank(hop: &NextHop) -> HostReport {
    HostReport {
        host: hop.host.clone(),
        address: None,
        preference: hop.preference,
        implicit_tls: hop.implicit_tls,
        login: hop.login.is_some(),
        starttls: None,
        version: None,
        cipher: None,
        certificate: None,
        verified_by: VerifiedBy::None,
        extensions: Vec::new(),
        levels: BTreeMap::new(),
        stage: None,
        why: None,
        detail: None,
        reply: None,
        status: None,
    }
}

impl HostReport {
    fn with(self, problem: &Problem) -> Self {
        let Problem { stage, why, status, detail, reply } = problem;
        Self {
            stage: Some(*stage),
            why: Some(*why),
            status: Some(status.clone()),
            detail: (!detail.is_empty()).then(|| detail.clone()),
            reply: reply.clone(),
            ..self
        }
    }
}

impl CertificateReport {
    fn of(record: &SessionRecord) -> Option<Self> {
        let facts = record.certificate.as_ref();
        Some(Self {
            sha256: record.certificate_sha256.clone()?,
            names: facts.map(|facts| facts.names.clone()).unwrap_or_default(),
            issuer: facts.map(|facts| facts.issuer.clone()),
            not_before: facts.map(|facts| facts.not_before),
            not_after: facts.map(|facts| facts.not_after).or(record.not_after),
        })
    }
}
