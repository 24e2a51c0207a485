//! The resolver of the hickory library, with its cache, behind our trait.
//!
//! It asks a list of servers, or those of `/etc/resolv.conf`. Of that file only the
//! servers and their time limits count: search list and `ndots` would turn a name
//! from a stranger's mail into another one. The hosts file is not read.

use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use async_trait::async_trait;
use gatepost_wire::address::DomainName;
use hickory_resolver::{
    TokioResolver,
    config::{NameServerConfig, ResolveHosts, ResolverConfig, ResolverOpts},
    net::{DnsError, NetError, runtime::TokioRuntimeProvider},
    proto::{
        op::ResponseCode,
        rr::{Name, RData, RecordType},
    },
    system_conf::read_system_conf,
};

use super::{LookupError, MxAnswer, MxHost, Resolver};

/// Answers that are kept, each until its own time is over.
const CACHED: u64 = 50_000;
/// The longest that an answer is kept, whatever its record says.
const KEPT_AT_MOST: Duration = Duration::from_secs(24 * 3600);
/// The longest that "there is none" is kept: a domain that mends its zone should not
/// wait for its mail.
const ABSENCE_KEPT_AT_MOST: Duration = Duration::from_secs(300);

/// A caching resolver. Cheap to clone; clones share the cache.
#[derive(Clone, Debug)]
pub struct Hickory {
    resolver: TokioResolver,
}

/// The resolver cannot be made.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("DNS cannot be asked: {0}")]
pub struct ResolverError(String);

/// What a look-up of one type found.
enum Found {
    Records(Vec<RData>),
    NoData,
    NoName,
}

impl Hickory {
    /// A resolver that asks these servers; without any, those of `/etc/resolv.conf`.
    ///
    /// # Errors
    /// `/etc/resolv.conf` was asked for and cannot be read, or names no server.
    pub fn new(servers: &[SocketAddr]) -> Result<Self, ResolverError> {
        let (config, opts) = if servers.is_empty() {
            let (config, opts) = read_system_conf()
                .map_err(|error| ResolverError(format!("/etc/resolv.conf: {error}")))?;
            let servers = config.name_servers().to_vec();
            (ResolverConfig::from_parts(None, Vec::new(), servers), opts)
        } else {
            let servers = servers.iter().map(|address| server(*address)).collect();
            (ResolverConfig::from_parts(None, Vec::new(), servers), ResolverOpts::default())
        };
        let resolver = TokioResolver::builder_with_config(config, TokioRuntimeProvider::default())
            .with_options(options(opts))
            .build()
            .map_err(|error| ResolverError(error.to_string()))?;
        Ok(Self { resolver })
    }

    async fn lookup(&self, name: &str, record: RecordType) -> Result<Found, LookupError> {
        let mut name = Name::from_ascii(name).map_err(|error| {
            LookupError::Temporary(format!("{name:?} cannot be asked for: {error}"))
        })?;
        name.set_fqdn(true);
        match self.resolver.lookup(name, record).await {
            Ok(answer) => {
                let records: Vec<RData> = answer
                    .answers()
                    .iter()
                    .filter(|found| found.record_type() == record)
                    .map(|found| found.data.clone())
                    .collect();
                Ok(if records.is_empty() { Found::NoData } else { Found::Records(records) })
            }
            Err(NetError::Dns(DnsError::NoRecordsFound(none))) => {
                if none.response_code == ResponseCode::NXDomain {
                    Ok(Found::NoName)
                } else if none.response_code == ResponseCode::NoError {
                    Ok(Found::NoData)
                } else {
                    let code = none.response_code;
                    Err(LookupError::Temporary(format!("the DNS server answered {code}")))
                }
            }
            Err(error) => Err(LookupError::Temporary(error.to_string())),
        }
    }

    async fn family(&self, host: &str, record: RecordType) -> Result<Vec<IpAddr>, LookupError> {
        let Found::Records(records) = self.lookup(host, record).await? else {
            return Ok(Vec::new());
        };
        Ok(records.iter().filter_map(RData::ip_addr).collect())
    }
}

fn server(address: SocketAddr) -> NameServerConfig {
    let mut server = NameServerConfig::udp_and_tcp(address.ip());
    for connection in &mut server.connections {
        connection.port = address.port();
    }
    server
}

fn options(mut opts: ResolverOpts) -> ResolverOpts {
    opts.ndots = 0;
    opts.use_hosts_file = ResolveHosts::Never;
    opts.cache_size = CACHED;
    opts.positive_max_ttl = Some(KEPT_AT_MOST);
    opts.negative_max_ttl = Some(ABSENCE_KEPT_AT_MOST);
    opts.edns0 = true;
    opts
}

#[async_trait]
impl Resolver for Hickory {
    async fn mx(&self, domain: &DomainName) -> Result<MxAnswer, LookupError> {
        let records = match self.lookup(domain.as_str(), RecordType::MX).await? {
            Found::Records(records) => records,
            Found::NoData => return Ok(MxAnswer::NoMx),
            Found::NoName => return Ok(MxAnswer::NoDomain),
        };
        let hosts = records.iter().filter_map(|record| {
            if let RData::MX(mx) = record {
                Some((mx.preference, mx.exchange.to_ascii()))
            } else {
                None
            }
        });
        Ok(answer(hosts))
    }

    async fn addresses(&self, host: &str) -> Result<Vec<IpAddr>, LookupError> {
        let literal = host.trim_start_matches('[').trim_end_matches(']');
        if let Ok(address) = literal.parse() {
            return Ok(vec![address]);
        }
        let (v6, v4) =
            tokio::join!(self.family(host, RecordType::AAAA), self.family(host, RecordType::A));
        match (v4, v6) {
            (Ok(v4), Ok(v6)) => Ok(v4.into_iter().chain(v6).collect()),
            // One family that cannot be asked hides nothing while the other has addresses;
            // where it has none, the host may still exist.
            (Ok(found), Err(error)) | (Err(error), Ok(found)) => {
                if found.is_empty() {
                    Err(error)
                } else {
                    Ok(found)
                }
            }
            (Err(error), Err(_)) => Err(error),
        }
    }
}

/// Hosts out of MX records. One record alone that names the root says that the domain
/// takes no mail (RFC 7505 section 3); among others it means nothing and is left out.
fn answer(records: impl Iterator<Item = (u16, String)>) -> MxAnswer {
    let mut hosts: Vec<MxHost> = records
        .map(|(preference, name)| {
            let name = name.strip_suffix('.').unwrap_or(&name).to_ascii_lowercase();
            MxHost { preference, name }
        })
        .collect();
    hosts.retain(|host| !host.name.is_empty());
    if hosts.is_empty() {
        return MxAnswer::NullMx;
    }
    hosts.sort();
    hosts.dedup_by(|later, earlier| later.name == earlier.name);
    MxAnswer::Hosts(hosts)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(records: &[(u16, &str)]) -> MxAnswer {
        answer(records.iter().map(|(preference, name)| (*preference, (*name).to_owned())))
    }

    #[test]
    fn hosts_come_by_preference_without_the_final_dot() {
        let MxAnswer::Hosts(hosts) = of(&[(20, "B.test."), (10, "a.test.")]) else { panic!() };
        assert_eq!(
            hosts,
            [
                MxHost { preference: 10, name: "a.test".into() },
                MxHost { preference: 20, name: "b.test".into() }
            ]
        );
    }

    #[test]
    fn i02_the_root_alone_is_a_null_mx() {
        assert_eq!(of(&[(0, ".")]), MxAnswer::NullMx);
        let MxAnswer::Hosts(hosts) = of(&[(0, "."), (10, "a.test.")]) else { panic!() };
        assert_eq!(hosts.len(), 1);
    }

    #[test]
    fn a_list_of_servers_takes_ports() {
        let server = server("127.0.0.1:5353".parse().unwrap());
        assert!(server.connections.iter().all(|connection| connection.port == 5353));
    }
}
