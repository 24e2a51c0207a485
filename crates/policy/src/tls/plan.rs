//! From demands to a requirement for each host: the one place where that is decided.
//!
//! The input is destructured, so a new source of policy cannot be left out by
//! accident; a demand that cannot be judged makes no plan at all.

use std::collections::BTreeSet;

use gatepost_wire::{address::AddressDomain, timestamp::Timestamp};

use super::{
    Asked, Clause, Demand, Level, Preference, Proof, ProofNeeded, Requirement, Source, TlsPolicies,
    UnknownLevel, strictest,
};

/// A host that mail can be handed to.
#[derive(Clone, Debug, Eq, PartialEq, Hash)]
pub struct NextHop {
    /// The MX host's name, or the host of a route or smart host: a name or an address.
    pub host: String,
    /// The TCP port.
    pub port: u16,
    /// The MX preference, lower first; routes share one.
    pub preference: u16,
    /// The level that the policy names for the way there: of a route or a smart host.
    pub route_level: Option<Level>,
    /// TLS from the first byte (RFC 8314 section 3): there is no clear text to fall back to.
    pub implicit_tls: bool,
    /// Who we are to the host, where it wants a login.
    pub login: Option<Login>,
}

impl NextHop {
    /// A host that MX or an address names: it has no level and wants no login.
    pub const fn mx(host: String, port: u16, preference: u16) -> Self {
        Self { host, port, preference, route_level: None, implicit_tls: false, login: None }
    }
}

/// A login at a smart host, as the policy names it. The file is read at each login.
#[derive(Clone, Debug, Eq, PartialEq, Hash)]
pub struct Login {
    /// The user's name.
    pub username: String,
    /// The file that holds the password, relative to the configuration's folder.
    pub password_file: String,
}

/// All that decides about TLS for one message group.
#[derive(Clone, Copy, Debug)]
pub struct PlanInput<'a> {
    /// What the message was accepted with.
    pub demands: &'a [Demand],
    /// What an unknown level means.
    pub unknown: UnknownLevel,
    /// The hosts, in the order in which they are tried.
    pub hosts: &'a [NextHop],
    /// The domain of the recipients.
    pub domain: &'a AddressDomain,
    /// The `[[tls_policy]]` in force.
    pub policies: &'a TlsPolicies,
    /// The time of the attempt: a policy may have an end.
    pub now: Timestamp,
}

impl PlanInput<'_> {
    /// The demands that hold on the way to a host: those of the message, and whatever
    /// the policy of today says about the domain and about the host. Nothing that is
    /// added loosens; a route's own level stands in for a default that demands nothing.
    fn demands_at(&self, host: &NextHop, of_domain: &[Demand]) -> Vec<Demand> {
        let stands_in = |demand: &Demand| {
            host.route_level.is_some()
                && demand.source == Source::Default
                && !demand.level().is_enforced()
        };
        let mut united: Vec<Demand> =
            self.demands.iter().filter(|demand| !stands_in(demand)).cloned().collect();
        let of_host = self.policies.for_host(&host.host, self.now);
        for demand in of_domain.iter().cloned().chain(of_host).chain(of_hop(host)) {
            if !united.contains(&demand) {
                united.push(demand);
            }
        }
        united
    }
}

/// What the entry of the policy that names a host asks for on the way there.
fn of_hop(host: &NextHop) -> impl Iterator<Item = Demand> {
    let source = || Source::Route { host: host.host.clone() };
    // Without STARTTLS there is no clear text, whatever level is written.
    let least = host.implicit_tls.then_some(Level::Require);
    let route = host.route_level.max(least).map(|level| Demand::new(level, source()));
    let login = host
        .login
        .as_ref()
        .map(|_| Demand::new(Level::Require, Source::Login { host: host.host.clone() }));
    route.into_iter().chain(login)
}

/// The hosts with what each must show.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Plan {
    /// In the order of the input.
    pub attempts: Vec<(NextHop, Requirement)>,
}

/// A demand that this gateway cannot judge: the message waits with 4.3.5.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Broken {
    /// The level is not in this version (decision 29).
    #[error("the level {level} is not in this version")]
    NotBuilt {
        /// The level.
        level: Level,
    },
    /// The value is unknown and `unknown_tls_level` is `"defer"`.
    #[error("x-TLSLevel has the unknown value {value:?}")]
    Unknown {
        /// The value as it was written.
        value: String,
    },
}

/// Turns demands into one requirement a host.
///
/// # Errors
/// [`Broken`] where a demand cannot be judged; nothing may be sent then.
pub fn plan(input: PlanInput<'_>) -> Result<Plan, Broken> {
    let PlanInput { demands, unknown, hosts, domain, policies, now } = input;
    for demand in demands {
        if let (Asked::Unknown(value), UnknownLevel::Defer) = (&demand.asked, unknown) {
            return Err(Broken::Unknown { value: value.clone() });
        }
    }
    let of_domain = policies.for_domain(domain, now);
    let attempts = hosts
        .iter()
        .map(|host| Ok((host.clone(), requirement(input.demands_at(host, &of_domain))?)))
        .collect::<Result<_, Broken>>()?;
    Ok(Plan { attempts })
}

fn requirement(demands: Vec<Demand>) -> Result<Requirement, Broken> {
    let mut clauses = Vec::new();
    for demand in &demands {
        clauses.extend(clause(demand)?);
    }
    let level = strictest(&demands).map_or(Level::Try, Demand::level);
    let preference = if level == Level::Plain { Preference::Plain } else { Preference::Try };
    Ok(Requirement::resolve(clauses, preference, demands))
}

fn clause(demand: &Demand) -> Result<Option<Clause>, Broken> {
    let proof = match demand.level() {
        Level::Plain | Level::Try => return Ok(None),
        Level::Require => ProofNeeded::Encryption,
        Level::Verify => ProofNeeded::AnyOf(BTreeSet::from([Proof::PkixMx])),
        level @ (Level::Secure | Level::Dane) => return Err(Broken::NotBuilt { level }),
    };
    Ok(Some(Clause { source: demand.source.clone(), proof }))
}

#[cfg(test)]
mod tests;
