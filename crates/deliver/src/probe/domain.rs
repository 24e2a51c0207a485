//! One domain: its hosts, a look at each of their addresses, and the verdicts.

use std::{
    net::SocketAddr,
    sync::{Arc, PoisonError},
};

use gatepost_policy::{
    direction::Direction,
    tls::{Broken, Level, NextHop, PlanInput, Requirement, plan},
};
use gatepost_store::Lane;
use gatepost_wire::address::AddressDomain;
use tokio::task::JoinSet;

use super::{
    Parts, Shared, asked,
    judge::Place,
    look::{Eyes, Seen},
    report::{Report, Via},
};
use crate::destination::{self, Destination};

impl Shared {
    /// Probes a domain.
    pub(super) async fn probe(self: &Arc<Self>, domain: &AddressDomain) -> Report {
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
        let Parts { resolver, settings, .. } = &self.parts;
        let found = destination::addresses(&hop, resolver.as_ref(), settings).await;
        let addresses = match found {
            Ok(addresses) => addresses,
            Err(failure) => return Place { hop, found: Err(failure.into()) },
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
                secrets: self.parts.secrets.as_ref(),
                any: &self.any,
                proof: &self.proof,
            };
            Arc::new(eyes.look(&hop, address).await)
        });
        Arc::clone(seen.await)
    }

    /// What a session to each host must be, for mail at this level: the same plan as an
    /// attempt makes.
    pub(super) fn requirements(
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
