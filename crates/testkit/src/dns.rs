//! Fake DNS: a zone in memory with a status for each name and type, and a log of what was asked.
//!
//! [`FakeDns`] is the zone. Below the [`Resolver`] trait it answers at once; [`DnsServer`] serves the same data over UDP
//! and TCP for a gateway in a process of its own. A name that nobody wrote into the zone does not exist (NXDOMAIN).

mod server;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use gatepost_net::dns::{LookupError, MxAnswer, MxHost, Resolver};
use gatepost_wire::address::DomainName;

pub use self::server::DnsServer;

/// The types of records that are asked for.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Ord, PartialOrd)]
pub enum Kind {
    /// Mail exchangers.
    Mx,
    /// Addresses, IPv4 and IPv6.
    Address,
}

/// What goes wrong with a lookup.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Status {
    /// A proper answer.
    Answer,
    /// The name does not exist.
    NoDomain,
    /// The name exists and has no such records.
    NoData,
    /// The resolver cannot say.
    ServFail,
    /// No answer comes.
    Timeout,
    /// DNSSEC validation failed.
    Bogus,
}

/// A zone in memory. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct FakeDns {
    inner: Arc<Mutex<Inner>>,
}

#[derive(Debug, Default)]
struct Inner {
    mx: BTreeMap<String, Vec<(u16, String)>>,
    addresses: BTreeMap<String, Vec<IpAddr>>,
    aliases: BTreeMap<String, String>,
    statuses: BTreeMap<(String, Kind), Status>,
    queries: Vec<Query>,
}

/// One question that was asked.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Query {
    /// The name in lower case, without a final dot.
    pub name: String,
    /// The type.
    pub kind: Kind,
}

/// What the zone says about a name and a type.
#[derive(Clone, Debug, Default)]
pub(crate) struct Found {
    /// The names passed through, the last one holds the records.
    pub(crate) aliases: Vec<(String, String)>,
    pub(crate) mx: Vec<(u16, String)>,
    pub(crate) addresses: Vec<IpAddr>,
}

impl FakeDns {
    /// An empty zone.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the mail exchangers of a domain, (preference, host) each. `(0, ".")` is the null MX of RFC 7505.
    pub fn set_mx(&self, domain: &str, hosts: &[(u16, &str)]) -> &Self {
        let mut hosts: Vec<_> =
            hosts.iter().map(|(preference, host)| (*preference, plain(host))).collect();
        hosts.sort();
        self.change(|inner| inner.mx.insert(plain(domain), hosts));
        self
    }

    /// Sets the addresses of a host.
    pub fn set_addresses(&self, host: &str, addresses: &[IpAddr]) -> &Self {
        self.change(|inner| inner.addresses.insert(plain(host), addresses.to_vec()));
        self
    }

    /// Makes a name an alias (CNAME) of another.
    pub fn set_alias(&self, name: &str, target: &str) -> &Self {
        self.change(|inner| inner.aliases.insert(plain(name), plain(target)));
        self
    }

    /// Sets what lookups of a name and type end in; [`Status::Answer`] takes it back.
    pub fn set_status(&self, name: &str, kind: Kind, status: Status) -> &Self {
        self.change(|inner| inner.statuses.insert((plain(name), kind), status));
        self
    }

    /// Every question so far, in order.
    #[must_use]
    pub fn queries(&self) -> Vec<Query> {
        self.lock().queries.clone()
    }

    /// Looks up and logs. A failure is the status, never `Answer`.
    pub(crate) fn find(&self, name: &str, kind: Kind) -> Result<Found, Status> {
        let mut inner = self.lock();
        let mut name = plain(name);
        inner.queries.push(Query { name: name.clone(), kind });
        let mut found = Found::default();
        // Eight links are more than any resolver follows that a mail server should trust.
        for _ in 0..8 {
            match inner.statuses.get(&(name.clone(), kind)) {
                None | Some(Status::Answer) => {}
                Some(wrong) => return Err(*wrong),
            }
            let Some(target) = inner.aliases.get(&name).cloned() else { break };
            found.aliases.push((name, target.clone()));
            name = target;
        }
        match kind {
            Kind::Mx => found.mx = inner.mx.get(&name).cloned().unwrap_or_default(),
            Kind::Address => {
                found.addresses = inner.addresses.get(&name).cloned().unwrap_or_default();
            }
        }
        if found.mx.is_empty() && found.addresses.is_empty() {
            let exists = inner.mx.contains_key(&name) || inner.addresses.contains_key(&name);
            return Err(if exists { Status::NoData } else { Status::NoDomain });
        }
        Ok(found)
    }

    fn change<T>(&self, change: impl FnOnce(&mut Inner) -> T) {
        change(&mut self.lock());
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Resolver for FakeDns {
    async fn mx(&self, domain: &DomainName) -> Result<MxAnswer, LookupError> {
        match self.find(domain.as_str(), Kind::Mx) {
            Ok(found) if found.mx.iter().any(|(_, host)| host.is_empty()) => Ok(MxAnswer::NullMx),
            Ok(found) => Ok(MxAnswer::Hosts(
                found
                    .mx
                    .into_iter()
                    .map(|(preference, name)| MxHost { preference, name })
                    .collect(),
            )),
            Err(Status::NoDomain) => Ok(MxAnswer::NoDomain),
            Err(Status::NoData) => Ok(MxAnswer::NoMx),
            Err(wrong) => Err(failed(domain.as_str(), wrong).await),
        }
    }

    async fn addresses(&self, host: &str) -> Result<Vec<IpAddr>, LookupError> {
        if let Ok(address) = host.parse() {
            return Ok(vec![address]);
        }
        match self.find(host, Kind::Address) {
            Ok(found) => Ok(found.addresses),
            Err(Status::NoDomain | Status::NoData) => Ok(Vec::new()),
            Err(wrong) => Err(failed(host, wrong).await),
        }
    }
}

/// A resolver reports a timeout as a temporary failure, once its own patience is over.
async fn failed(name: &str, status: Status) -> LookupError {
    if status == Status::Bogus {
        return LookupError::Bogus(format!("{name}: validation failed"));
    }
    // A resolver's answer is never there before the task is polled twice; let others run.
    tokio::task::yield_now().await;
    LookupError::Temporary(format!("{name}: {status:?}"))
}

/// Lower case, no final dot; the root is the empty string.
fn plain(name: &str) -> String {
    name.trim_end_matches('.').to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_zone_answers_follows_aliases_and_fails_as_told() {
        let dns = FakeDns::new();
        let address: IpAddr = "127.0.0.9".parse().unwrap();
        dns.set_mx("D.test", &[(10, "mx1.d.test.")])
            .set_addresses("mx1.d.test", &[address])
            .set_alias("mx2.d.test", "mx1.d.test");
        let domain = DomainName::parse("d.test").unwrap();
        let MxAnswer::Hosts(hosts) = dns.mx(&domain).await.unwrap() else {
            panic!("hosts expected")
        };
        assert_eq!((hosts[0].preference, hosts[0].name.as_str()), (10, "mx1.d.test"));
        assert_eq!(Resolver::addresses(&dns, "mx2.d.test").await.unwrap(), vec![address]);
        assert!(Resolver::addresses(&dns, "nowhere.test").await.unwrap().is_empty());
        dns.set_status("d.test", Kind::Mx, Status::Bogus);
        assert!(matches!(Resolver::mx(&dns, &domain).await, Err(LookupError::Bogus(_))));
        assert_eq!(dns.queries().len(), 4);
    }
}
