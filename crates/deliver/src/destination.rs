//! Where a lane's mail goes: the hosts of a destination, in the order in which
//! they are tried. A look-up that failed is not one that found nothing, and this
//! gateway itself is never among the hosts.

use std::net::{IpAddr, SocketAddr};

use gatepost_net::{
    dns::{LookupError, MxAnswer, MxHost, Resolver},
    failure::Failure,
};
use gatepost_policy::{
    direction::Direction,
    evidence::{Stage, Why},
    snapshot::Snapshot,
    tls::NextHop,
};
use gatepost_store::Lane;
use gatepost_wire::address::{AddressDomain, DomainName};

use crate::settings::{DeliverySettings, PrivateAddresses};

/// The most hosts that one attempt goes to.
const MOST_HOSTS: usize = 20;
/// The most addresses of one host that one attempt goes to, so that a host with
/// many never hides the next one (row I07).
const MOST_ADDRESSES: usize = 4;

/// How to find a lane's hosts, or why there are none.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Destination {
    /// At least one host.
    Hosts(Vec<NextHop>),
    /// Nowhere to go.
    Nowhere(Nowhere),
}

/// Why there is no host to try.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Nowhere {
    pub why: Why,
    pub status: &'static str,
    pub permanent: bool,
    pub detail: String,
}

impl Nowhere {
    fn gone(why: Why, status: &'static str, detail: impl Into<String>) -> Destination {
        Destination::Nowhere(Self { why, status, permanent: true, detail: detail.into() })
    }
}

/// Finds the hosts of a lane. `luck` orders hosts of equal preference and routes
/// by weight; equal luck gives equal order.
pub(crate) async fn find(
    lane: &Lane,
    snapshot: &Snapshot,
    settings: &DeliverySettings,
    resolver: &dyn Resolver,
    luck: u64,
) -> Destination {
    let smart_host = match lane.direction {
        Direction::Inbound => None,
        // A literal too: where everything goes to a smart host, nothing else may be reached.
        Direction::Outbound => snapshot.smart_host(&lane.domain),
    };
    if let Some(smart_host) = smart_host {
        return Destination::Hosts(vec![smart_host.next_hop()]);
    }
    let name = match &lane.domain {
        AddressDomain::Literal(address) => {
            return Destination::Hosts(vec![hop(address.to_string(), settings.port, 0)]);
        }
        AddressDomain::Name { name, .. } => name,
    };
    match lane.direction {
        Direction::Inbound => {
            let routes = routes(snapshot, name, luck);
            if !routes.is_empty() {
                return Destination::Hosts(routes);
            }
        }
        Direction::Outbound => {}
    }
    by_mx(name, settings, resolver, luck).await
}

fn hop(host: String, port: u16, preference: u16) -> NextHop {
    NextHop::mx(host, port, preference)
}

/// The routes of a domain of ours: one is drawn by weight, all others follow.
fn routes(snapshot: &Snapshot, domain: &DomainName, luck: u64) -> Vec<NextHop> {
    let mut left: Vec<_> = snapshot.routes(domain).iter().collect();
    let mut ordered = Vec::with_capacity(left.len());
    let mut luck = luck;
    while !left.is_empty() {
        let total: u64 = left.iter().map(|route| u64::from(route.weight)).sum();
        let mut point = if total == 0 { 0 } else { luck % total };
        let mut drawn = 0;
        for (index, route) in left.iter().enumerate() {
            drawn = index;
            let weight = u64::from(route.weight);
            if point < weight {
                break;
            }
            point -= weight;
        }
        let route = left.swap_remove(drawn);
        ordered.push(NextHop {
            route_level: Some(route.tls),
            ..NextHop::mx(route.host.clone(), route.port, 0)
        });
        luck = luck.rotate_right(13).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    }
    ordered
}

async fn by_mx(
    domain: &DomainName,
    settings: &DeliverySettings,
    resolver: &dyn Resolver,
    luck: u64,
) -> Destination {
    match resolver.mx(domain).await {
        Ok(MxAnswer::Hosts(hosts)) => ordered(hosts, domain, settings, luck),
        // RFC 5321 section 5.1: without MX the domain itself is the host.
        Ok(MxAnswer::NoMx) => {
            if domain.as_str().eq_ignore_ascii_case(&settings.hostname) {
                return Nowhere::gone(Why::Loop, "5.4.6", "the domain has no MX and is this host");
            }
            Destination::Hosts(vec![hop(domain.as_str().to_owned(), settings.port, 0)])
        }
        Ok(MxAnswer::NullMx) => {
            Nowhere::gone(Why::NoMx, "5.1.10", "the domain says that it takes no mail (RFC 7505)")
        }
        Ok(MxAnswer::NoDomain) => Nowhere::gone(Why::NoMx, "5.1.2", "the domain does not exist"),
        Err(error) => Destination::Nowhere(lookup_failed(error)),
    }
}

/// A failed look-up as the reason to wait.
pub(crate) fn lookup_failed(error: LookupError) -> Nowhere {
    let (why, detail) = match error {
        LookupError::Temporary(detail) => (Why::DnsFail, detail),
        LookupError::Bogus(detail) => (Why::DnsBogus, detail),
    };
    Nowhere { why, status: "4.4.3", permanent: false, detail }
}

fn ordered(
    mut hosts: Vec<MxHost>,
    domain: &DomainName,
    settings: &DeliverySettings,
    luck: u64,
) -> Destination {
    // RFC 5321 section 5.1: where we are one of them, only better ones count.
    let ours = hosts
        .iter()
        .filter(|host| same_name(&host.name, &settings.hostname))
        .map(|host| host.preference)
        .min();
    if let Some(ours) = ours {
        hosts.retain(|host| host.preference < ours);
        if hosts.is_empty() {
            let detail = format!("the best MX of {domain} is this gateway");
            return Nowhere::gone(Why::Loop, "5.4.6", detail);
        }
    }
    hosts.retain(|host| DomainName::parse(&host.name).is_ok());
    if hosts.is_empty() {
        return Nowhere::gone(Why::NoMx, "5.4.4", "no MX of the domain has a valid host name");
    }
    let shuffle = |name: &str| crate::luck::mix(luck, name.as_bytes());
    hosts.sort_by_cached_key(|host| (host.preference, shuffle(&host.name)));
    hosts.truncate(MOST_HOSTS);
    let hops = hosts
        .into_iter()
        .map(|host| hop(trimmed(&host.name).to_ascii_lowercase(), settings.port, host.preference));
    Destination::Hosts(hops.collect())
}

fn trimmed(name: &str) -> &str {
    name.strip_suffix('.').unwrap_or(name)
}

fn same_name(a: &str, b: &str) -> bool {
    trimmed(a).eq_ignore_ascii_case(trimmed(b))
}

/// The addresses of a host that may be connected to, in the order in which they are tried.
///
/// # Errors
/// Why there is none: the look-up failed, there is no address, or none that mail is sent to.
pub(crate) async fn addresses(
    hop: &NextHop,
    resolver: &dyn Resolver,
    settings: &DeliverySettings,
) -> Result<Vec<SocketAddr>, Failure> {
    let found = match hop.host.parse::<IpAddr>() {
        Ok(ip) => vec![ip],
        Err(_) => resolver.addresses(&hop.host).await.map_err(|error| {
            let failed = lookup_failed(error);
            Failure::new(LOOKUP, failed.why, failed.detail)
        })?,
    };
    if found.is_empty() {
        // Of a host that the policy names this is our own fault, which can be put right: no
        // mail bounces for it.
        let why = if hop.route_level.is_some() { Why::DnsFail } else { Why::NoMx };
        return Err(Failure::new(LOOKUP, why, format!("{} has no address", hop.host)));
    }
    let mut barred = None;
    let mut reachable = Vec::new();
    for ip in found {
        let address = SocketAddr::new(ip, hop.port);
        match may_reach(address, hop, settings) {
            Ok(()) => reachable.push(address),
            // One address of ours makes the host ourselves, whatever others it has.
            Err(Barred::Ourselves) => return Err(is_ourselves(address)),
            Err(Barred::Private) => barred = Some(address),
        }
    }
    match barred {
        Some(address) if reachable.is_empty() => {
            let detail = format!("{address} is a private address");
            Err(Failure::new(LOOKUP, Why::AddressRefused, detail))
        }
        Some(_) | None => {
            reachable.truncate(MOST_ADDRESSES);
            Ok(reachable)
        }
    }
}

/// The failure of a host that turned out to be this gateway.
pub(crate) fn is_ourselves(address: SocketAddr) -> Failure {
    Failure::new(LOOKUP, Why::Loop, format!("{address} is a listener of this gateway"))
}

/// The preference from which on hosts are left out because one of them is this
/// gateway: only better ones count (RFC 5321 section 5.1).
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Worst(Option<u16>);

impl Worst {
    /// A host turned out to be this gateway. Routes and smart hosts have no preference
    /// among each other.
    pub(crate) fn learn(&mut self, hop: &NextHop, failure: &Failure) {
        if failure.why == Why::Loop && hop.route_level.is_none() {
            self.0 = Some(self.0.map_or(hop.preference, |known| known.min(hop.preference)));
        }
    }

    /// Whether a host is not tried.
    pub(crate) fn leaves_out(self, hop: &NextHop) -> bool {
        hop.route_level.is_none() && self.0.is_some_and(|ours| hop.preference >= ours)
    }
}

/// Whether a listener of ours is on this port of every address of this machine.
pub(crate) fn listens_everywhere(port: u16, settings: &DeliverySettings) -> bool {
    settings.own_listeners.iter().any(|own| own.port() == port && own.ip().is_unspecified())
}

/// Why an address is not connected to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Barred {
    /// It is private and this is no route.
    Private,
    /// We listen there.
    Ourselves,
}

/// Whether an address of a host may be connected to.
fn may_reach(
    address: SocketAddr,
    hop: &NextHop,
    settings: &DeliverySettings,
) -> Result<(), Barred> {
    if settings.own_listeners.iter().any(|listener| is_listener(*listener, address)) {
        return Err(Barred::Ourselves);
    }
    match settings.private_addresses {
        PrivateAddresses::Allow => Ok(()),
        // Routes are what the administrator wrote, and are exempt.
        PrivateAddresses::Refuse if hop.route_level.is_some() => Ok(()),
        PrivateAddresses::Refuse if is_private(address.ip()) => Err(Barred::Private),
        PrivateAddresses::Refuse => Ok(()),
    }
}

fn is_listener(listener: SocketAddr, target: SocketAddr) -> bool {
    if listener.port() != target.port() {
        return false;
    }
    let ip = target.ip().to_canonical();
    listener.ip().to_canonical() == ip
        || (listener.ip().is_unspecified() && (ip.is_loopback() || ip.is_unspecified()))
}

/// Loopback, link-local, private, shared, documentation-free of judgement: what no
/// public MX is at (RFC 6890).
pub(crate) fn is_private(ip: IpAddr) -> bool {
    match ip.to_canonical() {
        IpAddr::V4(v4) => {
            let [a, b, ..] = v4.octets();
            v4.is_loopback()
                || v4.is_private()
                || v4.is_link_local()
                || v4.is_unspecified()
                || v4.is_broadcast()
                || v4.is_multicast()
                || a == 0
                || (a == 100 && (64..128).contains(&b))
        }
        IpAddr::V6(v6) => {
            v6.is_loopback()
                || v6.is_unspecified()
                || v6.is_multicast()
                || v6.is_unique_local()
                || v6.is_unicast_link_local()
        }
    }
}

/// The stage at which a host fails for want of an address.
const LOOKUP: Stage = Stage::Dns;

#[cfg(test)]
mod tests;
