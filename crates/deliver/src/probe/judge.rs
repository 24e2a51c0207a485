//! From what was seen to what would become of mail: the order of hosts, the two
//! passes and the settings of an attempt, without a message.
//!
//! It follows `attempt` step by step and decides nothing that `policy` decides: what a
//! session must be comes from [`plan`](gatepost_policy::tls::plan), and whether it is
//! that from the requirement itself.

use std::{net::SocketAddr, sync::Arc};

use gatepost_net::failure::Failure;
use gatepost_policy::{
    evidence::{NoTls, Stage, Why},
    tls::{NextHop, Preference, Requirement, SessionRecord},
};

use super::{
    look::{Handshakes, Met, Problem, Seen},
    report::Verdict,
};
use crate::{
    destination::Worst,
    settings::{DeliverySettings, EnforcedFailure, PreferTls, TryFallback, TryOn454},
};

/// A host of the destination with what was seen at each of its addresses.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub(super) hop: NextHop,
    /// The addresses, or why there is none to connect to.
    pub(super) found: Result<Vec<(SocketAddr, Arc<Seen>)>, Problem>,
}

/// How mail would go at one address.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Way {
    /// Over TLS.
    Tls,
    /// In clear text, at once.
    Clear(NoTls),
    /// In clear text, once every host was tried with TLS.
    LaterClear(NoTls, Problem),
    /// Not at all.
    No(Problem),
}

/// How mail with this requirement would go at an address.
pub(super) fn way(
    seen: &Seen,
    hop: &NextHop,
    requirement: &Requirement,
    settings: &DeliverySettings,
) -> Way {
    let opportunistic = match requirement {
        Requirement::Opportunistic(opportunistic) => Some(opportunistic.preference()),
        Requirement::Enforced(_) => None,
    };
    match &seen.met {
        Met::Nobody(problem) => Way::No(problem.clone()),
        Met::NoTls { .. } | Met::Tls(_)
            if opportunistic == Some(Preference::Plain) && !hop.implicit_tls =>
        {
            Way::Clear(NoTls::LevelPlain)
        }
        Met::NoTls { why, problem, for_now } => {
            let put_off = *for_now && settings.opportunistic.on_454 == TryOn454::Defer;
            if opportunistic.is_none() || put_off {
                return Way::No(problem.clone());
            }
            match settings.opportunistic.prefer_tls {
                PreferTls::SamePreference => Way::Clear(*why),
                PreferTls::AnyMx => Way::LaterClear(*why, problem.clone()),
            }
        }
        Met::Tls(handshakes) => match requirement {
            Requirement::Opportunistic(_) => match &handshakes.observed {
                Ok(_) => logged_in(seen, hop),
                Err(problem) if is_failed_handshake(problem) && !hop.implicit_tls => {
                    Way::LaterClear(NoTls::HandshakeFailed, problem.clone())
                }
                Err(problem) => Way::No(problem.clone()),
            },
            Requirement::Enforced(enforced) => {
                let Handshakes { observed, proven } = handshakes.as_ref();
                match if enforced.needs_proof() { proven } else { observed } {
                    Ok(record) if enforced.unmet(record).is_empty() => logged_in(seen, hop),
                    Ok(_) => Way::No(Problem::new(Stage::Plan, Why::GuardTripped, "")),
                    Err(problem) => Way::No(problem.clone()),
                }
            }
        },
    }
}

/// The way over a session that is good enough, where a login does not stand in it.
fn logged_in(seen: &Seen, hop: &NextHop) -> Way {
    if hop.login.is_none() || seen.takes_login {
        return Way::Tls;
    }
    let detail = "the host offers neither AUTH PLAIN nor AUTH LOGIN under TLS";
    Way::No(Problem::new(Stage::Auth, Why::AuthUnavailable, detail))
}

fn is_failed_handshake(problem: &Problem) -> bool {
    matches!(problem.stage, Stage::Tls | Stage::Verify)
}

/// Whether clear text is allowed after every host was tried with TLS.
pub(super) fn may_go_clear(why: NoTls, settings: &DeliverySettings) -> bool {
    match why {
        NoTls::LevelPlain | NoTls::NotOffered | NoTls::Refused => true,
        NoTls::HandshakeFailed => match settings.opportunistic.fallback {
            TryFallback::Immediate | TryFallback::AfterBackoff => true,
            TryFallback::Never => false,
        },
    }
}

/// The session that a host's line in the report shows: the proven one where there is one.
pub(super) fn best_session(seen: &Seen) -> Option<&SessionRecord> {
    match &seen.met {
        Met::Tls(handshakes) => handshakes.proven.as_ref().or(handshakes.observed.as_ref()).ok(),
        Met::Nobody(_) | Met::NoTls { .. } => None,
    }
}

/// What would become of a message whose hosts must be as `requirements` say, one for
/// each place.
pub(super) fn verdict(
    places: &[Place],
    requirements: &[Requirement],
    settings: &DeliverySettings,
) -> Verdict {
    let mut furthest: Option<(&str, Problem)> = None;
    let mut later: Vec<(&str, NoTls, Problem)> = Vec::new();
    let mut note = |host, problem: &Problem| {
        if furthest.as_ref().is_none_or(|(_, known)| problem.stage > known.stage) {
            furthest = Some((host, problem.clone()));
        }
    };
    let mut worst = Worst::default();
    for (place, requirement) in places.iter().zip(requirements) {
        let host = place.hop.host.as_str();
        if worst.leaves_out(&place.hop) {
            continue;
        }
        let addresses = match &place.found {
            Ok(addresses) => addresses,
            Err(problem) => {
                worst.learn(&place.hop, &Failure::new(problem.stage, problem.why, ""));
                note(host, problem);
                continue;
            }
        };
        for (_, seen) in addresses {
            let problem = match way(seen, &place.hop, requirement, settings) {
                Way::Tls => return over_tls(host),
                Way::Clear(why) => return in_clear(host, why, None),
                Way::LaterClear(why, problem) => {
                    later.push((host, why, problem.clone()));
                    problem
                }
                Way::No(problem) => problem,
            };
            worst.learn(&place.hop, &Failure::new(problem.stage, problem.why, ""));
            note(host, &problem);
            // Another address of a host that answered would say the same.
            if problem.stage > Stage::Banner || problem.why == Why::Loop {
                break;
            }
        }
    }
    if let Some((host, why, _)) = later.into_iter().find(|(_, why, _)| may_go_clear(*why, settings))
    {
        let waits = why == NoTls::HandshakeFailed
            && settings.opportunistic.fallback == TryFallback::AfterBackoff;
        return in_clear(host, why, waits.then_some(", after a first attempt that waits"));
    }
    match furthest {
        Some((host, problem)) => not_at_all(host, &problem, requirements, settings),
        None => Verdict {
            passes: false,
            host: None,
            clear_because: None,
            why: None,
            text: "would wait: there is no host".to_owned(),
        },
    }
}

fn over_tls(host: &str) -> Verdict {
    Verdict {
        passes: true,
        host: Some(host.to_owned()),
        clear_because: None,
        why: None,
        text: "would be delivered over TLS".to_owned(),
    }
}

fn in_clear(host: &str, because: NoTls, when: Option<&str>) -> Verdict {
    let why = match because {
        NoTls::LevelPlain => "the level asks for no TLS".to_owned(),
        NoTls::NotOffered => format!("{host} does not offer STARTTLS"),
        NoTls::Refused => format!("{host} offers STARTTLS and refused it"),
        NoTls::HandshakeFailed => format!("the TLS handshake with {host} failed"),
    };
    Verdict {
        passes: true,
        host: Some(host.to_owned()),
        clear_because: Some(because),
        why: None,
        text: format!("would be delivered in clear text{}: {why}", when.unwrap_or_default()),
    }
}

fn not_at_all(
    host: &str,
    problem: &Problem,
    requirements: &[Requirement],
    settings: &DeliverySettings,
) -> Verdict {
    let enforced = requirements.iter().any(Requirement::is_enforced);
    let at_once =
        enforced && problem.why.is_tls() && settings.enforced_failure == EnforcedFailure::Bounce;
    // It got no further than this with any host, so no host has an address to connect to.
    let for_good = problem.stage == Stage::Dns
        && matches!(problem.why, Why::AddressRefused | Why::Loop | Why::NoMx);
    let fate = if at_once || for_good { "bounce" } else { "wait" };
    Verdict {
        passes: false,
        host: Some(host.to_owned()),
        clear_because: None,
        why: Some(problem.why),
        text: format!("would {fate}: {host} {}", problem.why.sentence()),
    }
}

#[cfg(test)]
mod tests;
