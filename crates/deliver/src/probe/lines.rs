//! From what was seen to the report: the verdicts of a domain and the lines of its hosts.

use std::{collections::BTreeMap, net::SocketAddr};

use gatepost_policy::{
    evidence::{NoTls, Why},
    tls::{Broken, Level, NextHop, Requirement, SessionRecord, VerifiedBy},
};
use gatepost_wire::address::AddressDomain;

use super::{
    Shared,
    judge::{self, Place, Way},
    levels,
    look::{Met, Problem, Seen},
    report::{CertificateReport, HostReport, Report, Verdict, Via},
};
use crate::destination::Nowhere;

impl Shared {
    /// The report of a domain without a host.
    pub(super) fn nowhere(&self, domain: &AddressDomain, nowhere: &Nowhere) -> Report {
        let text = if nowhere.permanent {
            format!("would bounce: {}", nowhere.detail)
        } else {
            let why = nowhere.why.sentence();
            format!("would wait: {} {why} ({})", domain.key(), nowhere.detail)
        };
        let verdict = Verdict {
            passes: false,
            host: None,
            clear_because: None,
            why: Some(nowhere.why),
            text,
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

    /// The report of a domain whose hosts were looked at.
    pub(super) fn report(&self, domain: &AddressDomain, via: Via, places: &[Place]) -> Report {
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
