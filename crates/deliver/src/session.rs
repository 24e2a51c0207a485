//! An open session to a host, with what it may be used for and how old it is.
//!
//! A session is opened for one requirement, and nothing about it changes
//! afterwards: clear text is never made into TLS, and what a handshake proved is
//! what that handshake proved. Its [`Place`] says which mail it may be offered to;
//! the gate of `net` is asked again for every message all the same.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use gatepost_net::conn::{Clear, Conn, Secured};
use gatepost_policy::{
    evidence::NoTls,
    tls::{NextHop, Requirement},
};
use gatepost_wire::{address::AddressDomain, ehlo::Extensions, timestamp::Timestamp};

use crate::observe::Observe;

/// A session, by what it is.
#[derive(Debug)]
pub(crate) enum Session {
    Clear(Conn<Clear>),
    Secured(Conn<Secured>),
}

/// What two messages must have in common to use one session, one after the other
/// (`tls-delivery.md` 5.9, rule 1). Sessions are shared on equal places only: a
/// stronger one never serves a weaker demand.
#[derive(Clone, Debug, Eq, PartialEq, Hash)]
pub(crate) struct Place {
    /// The MX name, or the route's or smart host's. Its address was looked up when
    /// the session was opened.
    host: String,
    port: u16,
    /// The policy names the host: such a host may be at an address that no MX may be at.
    by_policy: bool,
    implicit_tls: bool,
    /// The user name of a login.
    login: Option<String>,
    /// What we called ourselves.
    helo: String,
    /// [`Requirement::fingerprint`].
    requirement: String,
    /// The recipients' domain, where the session is good for that one alone: in clear
    /// text, and where the host's identity was proven for it.
    domain: Option<AddressDomain>,
}

impl Place {
    /// Where mail to `domain` finds a session to `hop`: under TLS without proof any
    /// domain's will do, otherwise only its own.
    pub(crate) fn candidates(
        hop: &NextHop,
        requirement: &Requirement,
        domain: &AddressDomain,
        helo: &str,
    ) -> [Self; 2] {
        let own = Self::new(hop, requirement, Some(domain.clone()), helo);
        [own.clone(), Self { domain: None, ..own }]
    }

    fn new(
        hop: &NextHop,
        requirement: &Requirement,
        domain: Option<AddressDomain>,
        helo: &str,
    ) -> Self {
        Self {
            host: hop.host.clone(),
            port: hop.port,
            by_policy: hop.route_level.is_some(),
            implicit_tls: hop.implicit_tls,
            login: hop.login.as_ref().map(|login| login.username.clone()),
            helo: helo.to_owned(),
            requirement: requirement.fingerprint(),
            domain,
        }
    }
}

/// For whom a session is opened.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Purpose<'a> {
    pub hop: &'a NextHop,
    pub requirement: &'a Requirement,
    pub domain: &'a AddressDomain,
    pub helo: &'a str,
    /// The epoch of policy and settings that it is opened under.
    pub epoch: u64,
    /// The monotonic time.
    pub now: Duration,
}

/// Since when and until when a session is good, for as many messages as it may carry.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Validity {
    /// The epoch of policy and settings that it was opened under.
    pub epoch: u64,
    /// The monotonic time at which it was opened.
    pub born: Duration,
    /// The end of the certificate that was proven; `None` where nothing was.
    pub proven_until: Option<Timestamp>,
}

/// An open session to a host, and how often it was used.
#[derive(Debug)]
pub(crate) struct Live {
    pub session: Session,
    pub address: SocketAddr,
    pub carried: u32,
    pub validity: Validity,
    pub place: Place,
    pub host: String,
    _counted: Counted,
}

/// A session that is counted as long as it lives.
#[derive(Debug)]
struct Counted(Arc<dyn Observe>);

impl Counted {
    fn new(observe: &Arc<dyn Observe>) -> Self {
        observe.sessions(1);
        Self(Arc::clone(observe))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.sessions(-1);
    }
}

impl Live {
    pub(crate) fn new(
        session: Session,
        purpose: Purpose<'_>,
        address: SocketAddr,
        observe: &Arc<dyn Observe>,
    ) -> Self {
        let Purpose { hop, requirement, domain, helo, epoch, now } = purpose;
        let proof = match requirement {
            Requirement::Opportunistic(_) => false,
            Requirement::Enforced(enforced) => enforced.needs_proof(),
        };
        let (own_only, proven_until) = match &session {
            Session::Clear(_) => (true, None),
            Session::Secured(conn) if proof => (true, conn.tls().and_then(|tls| tls.not_after)),
            Session::Secured(_) => (false, None),
        };
        let domain = own_only.then(|| domain.clone());
        Self {
            session,
            address,
            carried: 0,
            validity: Validity { epoch, born: now, proven_until },
            place: Place::new(hop, requirement, domain, helo),
            host: hop.host.clone(),
            _counted: Counted::new(observe),
        }
    }

    /// Says goodbye.
    pub(crate) async fn quit(self) {
        match self.session {
            Session::Clear(conn) => conn.quit().await,
            Session::Secured(conn) => conn.quit().await,
        }
    }

    /// Whether the session can still carry a message: nothing came in since the last
    /// one, not even its end.
    pub(crate) async fn is_ready(&mut self) -> bool {
        match &mut self.session {
            Session::Clear(conn) => conn.ready_for_next().await.is_ok(),
            Session::Secured(conn) => conn.ready_for_next().await.is_ok(),
        }
    }

    pub(crate) const fn extensions(&self) -> &Extensions {
        match &self.session {
            Session::Clear(conn) => conn.extensions(),
            Session::Secured(conn) => conn.extensions(),
        }
    }

    /// Why it is in clear text; `None` under TLS.
    pub(crate) fn clear_because(&self) -> Option<NoTls> {
        match &self.session {
            Session::Clear(conn) => conn.clear_because(),
            Session::Secured(_) => None,
        }
    }

    pub(crate) const fn is_secured(&self) -> bool {
        match self.session {
            Session::Clear(_) => false,
            Session::Secured(_) => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use gatepost_policy::tls::{
        Demand, Level, Login, PlanInput, Source, TlsPolicies, UnknownLevel,
    };

    use super::*;

    fn required(level: Level) -> Requirement {
        let demands = [Demand::new(level, Source::Default)];
        let input = PlanInput {
            demands: &demands,
            unknown: UnknownLevel::Require,
            hosts: &[NextHop::mx("mx.d.test".into(), 25, 10)],
            domain: &domain("d.test"),
            policies: &TlsPolicies::default(),
            now: Timestamp::from_millis(0),
        };
        gatepost_policy::tls::plan(input).unwrap().attempts.remove(0).1
    }

    fn domain(name: &str) -> AddressDomain {
        AddressDomain::parse(name).unwrap()
    }

    fn places(hop: &NextHop, level: Level, name: &str, helo: &str) -> [Place; 2] {
        Place::candidates(hop, &required(level), &domain(name), helo)
    }

    #[test]
    fn j16_what_we_say_we_are_is_part_of_a_session() {
        let hop = NextHop::mx("mx.d.test".into(), 25, 10);
        let one = places(&hop, Level::Try, "d.test", "a.test");
        assert_ne!(one, places(&hop, Level::Try, "d.test", "b.test"));
        let login = Login { username: "u".into(), password_file: "p".into() };
        let logged_in = NextHop { login: Some(login), ..hop.clone() };
        assert_ne!(one, places(&logged_in, Level::Try, "d.test", "a.test"));
        assert_eq!(one, places(&hop, Level::Try, "d.test", "a.test"));
    }

    #[test]
    fn j03_levels_have_places_of_their_own() {
        let hop = NextHop::mx("mx.d.test".into(), 25, 10);
        let levels = [Level::Plain, Level::Try, Level::Require, Level::Verify];
        for (index, level) in levels.into_iter().enumerate() {
            for other in &levels[index + 1..] {
                let one = places(&hop, level, "d.test", "a.test");
                let two = places(&hop, *other, "d.test", "a.test");
                assert!(one.iter().all(|place| !two.contains(place)), "{level:?} {other:?}");
            }
        }
    }

    #[test]
    fn j04_another_domain_finds_only_what_is_good_for_any() {
        let hop = NextHop::mx("mx.shared.test".into(), 25, 10);
        let [own, any] = places(&hop, Level::Try, "one.test", "a.test");
        let [other, same_any] = places(&hop, Level::Try, "two.test", "a.test");
        assert_ne!(own, other);
        assert_eq!(any, same_any);
    }
}
