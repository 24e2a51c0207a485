//! From demands to a requirement for each host: the one place where that is decided.
//!
//! The input is destructured, so a new source of policy cannot be left out by
//! accident; a demand that cannot be judged makes no plan at all.

use std::collections::BTreeSet;

use super::{
    Asked, Clause, Demand, Level, Preference, Proof, ProofNeeded, Requirement, Source, UnknownLevel,
};

/// A host that mail can be handed to.
#[derive(Clone, Debug, Eq, PartialEq, Hash)]
pub struct NextHop {
    /// The MX host's name, or a route's host: a name or an address.
    pub host: String,
    /// The TCP port.
    pub port: u16,
    /// The MX preference, lower first; routes share one.
    pub preference: u16,
    /// The level that the route to this host has, where it is a route.
    pub route_level: Option<Level>,
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
    let PlanInput { demands, unknown, hosts } = input;
    for demand in demands {
        if let (Asked::Unknown(value), UnknownLevel::Defer) = (&demand.asked, unknown) {
            return Err(Broken::Unknown { value: value.clone() });
        }
    }
    let attempts = hosts
        .iter()
        .map(|host| Ok((host.clone(), requirement(&with_route(demands, host))?)))
        .collect::<Result<_, Broken>>()?;
    Ok(Plan { attempts })
}

/// The demands that hold on the way to a host. A route's own level stands in for a
/// default that demands nothing; whatever demands TLS holds beside it, since nothing
/// that is added may loosen.
pub fn with_route(demands: &[Demand], host: &NextHop) -> Vec<Demand> {
    let Some(level) = host.route_level else { return demands.to_vec() };
    let route = Demand::new(level, Source::Route { host: host.host.clone() });
    let stands_in =
        |demand: &Demand| demand.source == Source::Default && !demand.level().is_enforced();
    let said = demands.iter().filter(|demand| !stands_in(demand)).cloned();
    said.chain([route]).collect()
}

fn requirement(demands: &[Demand]) -> Result<Requirement, Broken> {
    let mut clauses = Vec::new();
    for demand in demands {
        clauses.extend(clause(demand)?);
    }
    let strictest = demands.iter().map(Demand::level).max().unwrap_or(Level::Try);
    let preference = if strictest == Level::Plain { Preference::Plain } else { Preference::Try };
    Ok(Requirement::resolve(clauses, preference))
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
mod tests {
    use super::*;

    fn hop(route_level: Option<Level>) -> NextHop {
        NextHop { host: "mx.d.test".into(), port: 25, preference: 10, route_level }
    }

    fn by_rule(asked: Asked) -> Demand {
        Demand { asked, source: Source::Rule { rule: "r".into(), field: "x-TLSLevel: v".into() } }
    }

    fn planned(
        demands: &[Demand],
        unknown: UnknownLevel,
        hop: NextHop,
    ) -> Result<Requirement, Broken> {
        let hosts = [hop];
        let plan = plan(PlanInput { demands, unknown, hosts: &hosts })?;
        Ok(plan.attempts.into_iter().next().unwrap().1)
    }

    #[test]
    fn a12_an_unknown_value_is_enforced() {
        let demands = [by_rule(Asked::Unknown("Requre".into()))];
        let requirement = planned(&demands, UnknownLevel::Require, hop(None)).unwrap();
        let Requirement::Enforced(enforced) = requirement else { panic!("opportunistic") };
        assert!(!enforced.needs_proof());
    }

    #[test]
    fn a17_an_unknown_value_can_be_made_to_wait() {
        let demands = [by_rule(Asked::Unknown("Requre".into()))];
        let broken = planned(&demands, UnknownLevel::Defer, hop(None)).unwrap_err();
        assert_eq!(broken, Broken::Unknown { value: "Requre".into() });
    }

    #[test]
    fn a_level_that_is_not_built_makes_no_plan() {
        let demands = [by_rule(Asked::Level(Level::Dane))];
        let broken = planned(&demands, UnknownLevel::Require, hop(None)).unwrap_err();
        assert_eq!(broken, Broken::NotBuilt { level: Level::Dane });
    }

    #[test]
    fn plain_switches_the_attempt_off_only_where_nothing_is_demanded() {
        let plain = by_rule(Asked::Level(Level::Plain));
        let require = by_rule(Asked::Level(Level::Require));
        let alone =
            planned(std::slice::from_ref(&plain), UnknownLevel::Require, hop(None)).unwrap();
        let Requirement::Opportunistic(alone) = alone else { panic!("enforced") };
        assert_eq!(alone.preference(), Preference::Plain);
        assert!(
            planned(&[plain, require], UnknownLevel::Require, hop(None)).unwrap().is_enforced()
        );
    }

    #[test]
    fn a_routes_level_stands_in_for_the_default_and_never_for_a_rule() {
        let default = Demand::new(Level::Plain, Source::Default);
        let on_route = planned(&[default], UnknownLevel::Require, hop(Some(Level::Try))).unwrap();
        let Requirement::Opportunistic(on_route) = on_route else { panic!("enforced") };
        assert_eq!(on_route.preference(), Preference::Try);

        let default = Demand::new(Level::Require, Source::Default);
        let on_route = planned(&[default], UnknownLevel::Require, hop(Some(Level::Try))).unwrap();
        assert!(on_route.is_enforced(), "a route loosens no default that demands TLS");

        let rule = by_rule(Asked::Level(Level::Require));
        let on_route = planned(&[rule], UnknownLevel::Require, hop(Some(Level::Plain))).unwrap();
        assert!(on_route.is_enforced());
    }
}
