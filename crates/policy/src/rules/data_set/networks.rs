//! Sets of addresses and networks, kept as sorted ranges that do not overlap.
//!
//! An IPv6 address that carries an IPv4 one (`::ffff:192.0.2.1`) is that IPv4 address.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    str::FromStr,
};

use super::BadLine;
use crate::diagnostic::quote;

/// One network, or one address.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Hash)]
pub(crate) struct Network {
    base: IpAddr,
    prefix: u8,
}

/// What is wrong with a text that is no network; displayed, it is the remedy.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum NotNetwork {
    /// No address, or a prefix that does not fit.
    Malformed,
    /// The address has bits behind the prefix; the network it is in.
    HostBits(Network),
}

impl fmt::Display for NotNetwork {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed => f.write_str(
                "Write an address, \"192.0.2.1\", or a network, \"192.0.2.0/24\" or \
                 \"2001:db8::/32\".",
            ),
            Self::HostBits(network) => {
                write!(f, "Write \"{network}\", or the address without a prefix length.")
            }
        }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.base, self.prefix)
    }
}

impl FromStr for Network {
    type Err = NotNetwork;

    fn from_str(text: &str) -> Result<Self, NotNetwork> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let written: IpAddr = address.trim().parse().map_err(|_| NotNetwork::Malformed)?;
        let width = if written.is_ipv4() { 32 } else { 128 };
        let prefix = match prefix.map(str::trim) {
            None => width,
            Some(digits) if !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()) => {
                digits.parse::<u8>().ok().filter(|n| *n <= width).ok_or(NotNetwork::Malformed)?
            }
            Some(_) => return Err(NotNetwork::Malformed),
        };
        let base = masked(written, prefix);
        if base != written {
            return Err(NotNetwork::HostBits(Self { base, prefix }));
        }
        let mapped = match base {
            IpAddr::V6(address) if prefix >= 96 => address.to_ipv4_mapped(),
            IpAddr::V6(_) | IpAddr::V4(_) => None,
        };
        Ok(mapped
            .map_or(Self { base, prefix }, |v4| Self { base: IpAddr::V4(v4), prefix: prefix - 96 }))
    }
}

fn masked(address: IpAddr, prefix: u8) -> IpAddr {
    match address {
        IpAddr::V4(v4) => {
            let mask = u32::MAX.checked_shl(32 - u32::from(prefix)).unwrap_or(0);
            IpAddr::V4(Ipv4Addr::from_bits(v4.to_bits() & mask))
        }
        IpAddr::V6(v6) => {
            let mask = u128::MAX.checked_shl(128 - u32::from(prefix)).unwrap_or(0);
            IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & mask))
        }
    }
}

/// What is wrong with a value that is none.
pub(super) fn problem(value: &str) -> String {
    format!("{} is no address and no network.", quote(value))
}

impl Network {
    /// As people write it: a single address without its length.
    pub(crate) fn shortest(self) -> String {
        let width = if self.base.is_ipv4() { 32 } else { 128 };
        if self.prefix == width { self.base.to_string() } else { self.to_string() }
    }
}

/// A set of kind `networks`.
#[derive(Debug, Default)]
pub(crate) struct Networks {
    /// First and last address of each range, ascending; IPv4 and IPv6 apart.
    v4: Vec<Range>,
    v6: Vec<Range>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, Ord, PartialOrd)]
struct Range {
    first: u128,
    last: u128,
}

impl Networks {
    pub(crate) fn build<'a>(lines: impl Iterator<Item = (usize, &'a str)>) -> (Self, Vec<BadLine>) {
        let mut networks = Vec::new();
        let mut bad = Vec::new();
        for (at, line) in lines {
            let value = line.trim();
            if value.is_empty() {
                continue;
            }
            match value.parse::<Network>() {
                Ok(network) => networks.push(network),
                Err(why) => bad.push(BadLine::new(at, problem(value), why.to_string())),
            }
        }
        (Self::of(networks), bad)
    }

    /// The set of these networks.
    pub(crate) fn of(networks: impl IntoIterator<Item = Network>) -> Self {
        let (mut v4, mut v6) = (Vec::new(), Vec::new());
        for Network { base, prefix } in networks {
            match base {
                IpAddr::V4(address) => {
                    let first = u128::from(address.to_bits());
                    let rest = u128::from(u32::MAX.checked_shr(u32::from(prefix)).unwrap_or(0));
                    v4.push(Range { first, last: first | rest });
                }
                IpAddr::V6(address) => {
                    let first = address.to_bits();
                    let rest = u128::MAX.checked_shr(u32::from(prefix)).unwrap_or(0);
                    v6.push(Range { first, last: first | rest });
                }
            }
        }
        Self { v4: merged(v4), v6: merged(v6) }
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.v4.is_empty() && self.v6.is_empty()
    }

    /// Whether an address is in the set.
    pub(crate) fn contains(&self, address: IpAddr) -> bool {
        match address.to_canonical() {
            IpAddr::V4(v4) => within(&self.v4, u128::from(v4.to_bits())),
            IpAddr::V6(v6) => within(&self.v6, v6.to_bits()),
        }
    }

    /// Whether every address of this set is in the other.
    pub(crate) fn is_within(&self, other: &Self) -> bool {
        covered(&self.v4, &other.v4) && covered(&self.v6, &other.v6)
    }

    /// Whether no address is in both sets.
    pub(crate) fn is_disjoint(&self, other: &Self) -> bool {
        !meet(&self.v4, &other.v4) && !meet(&self.v6, &other.v6)
    }
}

fn merged(mut ranges: Vec<Range>) -> Vec<Range> {
    ranges.sort_unstable();
    let mut merged: Vec<Range> = Vec::with_capacity(ranges.len());
    for range in ranges {
        match merged.last_mut() {
            Some(before) if range.first <= before.last.saturating_add(1) => {
                before.last = before.last.max(range.last);
            }
            Some(_) | None => merged.push(range),
        }
    }
    merged
}

fn before(ranges: &[Range], address: u128) -> Option<&Range> {
    let behind = ranges.partition_point(|range| range.first <= address);
    behind.checked_sub(1).and_then(|at| ranges.get(at))
}

fn within(ranges: &[Range], address: u128) -> bool {
    before(ranges, address).is_some_and(|range| address <= range.last)
}

/// Ranges that touch are merged, so each must lie in a single one.
fn covered(inner: &[Range], outer: &[Range]) -> bool {
    inner.iter().all(|range| before(outer, range.first).is_some_and(|o| range.last <= o.last))
}

fn meet(a: &[Range], b: &[Range]) -> bool {
    a.iter().any(|range| before(b, range.last).is_some_and(|other| other.last >= range.first))
}
