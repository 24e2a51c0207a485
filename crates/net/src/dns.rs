//! Where a domain takes its mail, asked of DNS.
//!
//! Absence is an answer, and a look-up that failed is not absence: "no such domain",
//! "no MX record", "takes no mail" (RFC 7505) and "could not be asked" are four
//! different things here, since taking the last for one of the others would lose or
//! misroute mail. Every name is absolute, so no search list is ever appended.

mod hickory;

use std::net::IpAddr;

use async_trait::async_trait;
use gatepost_wire::address::DomainName;

pub use self::hickory::{Hickory, ResolverError};

/// Asks DNS.
#[async_trait]
pub trait Resolver: Send + Sync {
    /// The mail hosts of a domain, by preference, most preferred first.
    ///
    /// # Errors
    /// Only where there was no answer: absence is in [`MxAnswer`].
    async fn mx(&self, domain: &DomainName) -> Result<MxAnswer, LookupError>;

    /// The addresses of a host, IPv4 and IPv6; none is an answer. An address as text
    /// is its own address.
    ///
    /// # Errors
    /// There was no answer, and so no address, for at least one of the two families.
    async fn addresses(&self, host: &str) -> Result<Vec<IpAddr>, LookupError>;
}

/// What DNS says about a domain's mail hosts.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum MxAnswer {
    /// These hosts, most preferred first.
    Hosts(Vec<MxHost>),
    /// The domain takes no mail (RFC 7505).
    NullMx,
    /// There is no MX record: the domain itself is the host (RFC 5321 section 5.1).
    NoMx,
    /// There is no such domain.
    NoDomain,
}

/// One mail host.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd)]
pub struct MxHost {
    /// Lower is tried first.
    pub preference: u16,
    /// The name as it came, in lower case, without the final dot. It may be no valid
    /// host name: whoever connects looks at it first.
    pub name: String,
}

/// There was no answer.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum LookupError {
    /// No server answered, or the one that did could not say.
    #[error("{0}")]
    Temporary(String),
    /// The answer fails DNSSEC validation.
    #[error("{0}")]
    Bogus(String),
}
