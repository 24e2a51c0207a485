//! A demand: a level, and who asked for it. A message is stored with its
//! demands, and no change of rules loosens them afterwards.

use serde::{Deserialize, Serialize};

use super::Level;

/// What was asked for.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Asked {
    /// A level by its name.
    Level(Level),
    /// A value that is no level, as it was written. Never weaker than `Require`.
    Unknown(String),
}

impl Asked {
    /// The level that holds: an unknown value acts as `Require`.
    pub const fn level(&self) -> Level {
        match self {
            Self::Level(level) => *level,
            Self::Unknown(_) => Level::Require,
        }
    }
}

/// Who asked.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// The first `x-TLSLevel` that the rules wrote.
    Rule {
        /// The rule's name.
        rule: String,
        /// The field as it goes out: `x-TLSLevel: Require`.
        field: String,
    },
    /// An `x-TLSLevel` that came with the message, under `submitted_tls_level = "raise"`.
    Submitted {
        /// The field, as `Name: value` on one line.
        field: String,
    },
    /// `default_tls_level`: no rule wrote a level.
    Default,
    /// The `tls` of the route that inbound mail takes, or of the smart host for outbound mail.
    Route {
        /// The route's host.
        host: String,
    },
    /// A `[[tls_policy]]`.
    TlsPolicy {
        /// The domain in its list that matched, as it was written.
        domain: String,
    },
    /// A smart host that wants a login: credentials travel under TLS alone (RFC 4954 section 4).
    Login {
        /// The smart host.
        host: String,
    },
}

/// A level and its source.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash, Serialize, Deserialize)]
pub struct Demand {
    /// What was asked for.
    pub asked: Asked,
    /// Who asked.
    pub source: Source,
}

impl Demand {
    /// A demand for a known level.
    pub const fn new(level: Level, source: Source) -> Self {
        Self { asked: Asked::Level(level), source }
    }

    /// The level that holds.
    pub const fn level(&self) -> Level {
        self.asked.level()
    }
}

/// The demand that decides: the strictest, and of equals the first. Where nothing
/// stricter than `Try` is demanded, a plain `[[tls_policy]]` decides. `None` only for an
/// empty list.
pub fn strictest(demands: &[Demand]) -> Option<&Demand> {
    let best = strictest_of(demands.iter())?;
    if best.level() == Level::Try { plain_policy(demands).or(Some(best)) } else { Some(best) }
}

/// The `[[tls_policy]]` that switches the attempt at TLS off: all policies together
/// ask for `plain` (decision 30). It loses to whatever demands TLS.
pub(super) fn plain_policy(demands: &[Demand]) -> Option<&Demand> {
    let policies =
        demands.iter().filter(|demand| matches!(demand.source, Source::TlsPolicy { .. }));
    strictest_of(policies).filter(|demand| demand.level() == Level::Plain)
}

fn strictest_of<'a>(demands: impl Iterator<Item = &'a Demand>) -> Option<&'a Demand> {
    demands.fold(None, |best: Option<&Demand>, demand| {
        if best.is_none_or(|best| demand.level() > best.level()) { Some(demand) } else { best }
    })
}

/// One word for a set of demands, equal exactly when the sets ask for the same:
/// it keys lanes and sessions. Who asked is not in it, since that changes no session.
pub fn fingerprint(demands: &[Demand]) -> String {
    let mut words: Vec<&str> = demands
        .iter()
        .map(|demand| match &demand.asked {
            Asked::Level(level) => level.word(),
            Asked::Unknown(_) => "unknown",
        })
        .collect();
    words.sort_unstable();
    words.dedup();
    words.join("+")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn by_default(level: Level) -> Demand {
        Demand::new(level, Source::Default)
    }

    #[test]
    fn of_equally_strict_demands_the_first_decides() {
        let rule = Source::Rule { rule: "r".into(), field: "x-TLSLevel: Require".into() };
        let demands = [
            by_default(Level::Try),
            Demand::new(Level::Require, rule.clone()),
            by_default(Level::Require),
        ];
        assert_eq!(strictest(&demands).map(|d| &d.source), Some(&rule));
    }

    #[test]
    fn a_fingerprint_forgets_order_and_repetition() {
        let a = [by_default(Level::Verify), by_default(Level::Require), by_default(Level::Verify)];
        let b = [by_default(Level::Require), by_default(Level::Verify)];
        assert_eq!(fingerprint(&a), fingerprint(&b));
        assert_ne!(fingerprint(&a), fingerprint(&b[..1]));
    }
}
