//! Sets of domains: exact names, names that stand for their subdomains, whole addresses.
//!
//! A look-up takes one probe for the address, one for the domain and one for each
//! name above it, however long the list is.

use std::{
    collections::HashMap,
    fmt,
    hash::{BuildHasherDefault, Hasher},
};

use gatepost_wire::address::{AddressDomain, DomainName, Mailbox};

use super::{BadLine, Probe, suffix_hash};
use crate::diagnostic::quote;

/// One value of a set, in the form in which it is compared; displayed, it reads back.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Domain {
    /// The null sender.
    Null,
    /// Exactly this domain or address literal.
    Exact(String),
    /// The subdomains of this domain, not itself.
    Below(String),
    /// This address.
    Address(String),
}

impl Domain {
    /// Reads a value without blanks around it. The error is the remedy.
    pub(crate) fn parse(value: &str) -> Result<Self, &'static str> {
        if value == "<>" {
            return Ok(Self::Null);
        }
        if let Some(name) = value.strip_prefix("*.").or_else(|| value.strip_prefix('.')) {
            let name = DomainName::parse(name)
                .map_err(|_| "Write the subdomains of a domain as \".partner.example\".")?;
            return Ok(Self::Below(name.as_str().to_owned()));
        }
        if value.contains('@') {
            return Self::address(value);
        }
        if value == "*" {
            return Err("Leave the Condition out: without it, every address matches.");
        }
        let domain = AddressDomain::parse(value.strip_suffix('.').unwrap_or(value)).map_err(|_| {
            "Write \"partner.example\", \".partner.example\" for its subdomains, or an address."
        })?;
        Ok(Self::Exact(domain.key()))
    }

    fn address(value: &str) -> Result<Self, &'static str> {
        let mailbox = Mailbox::parse(value.strip_suffix('.').unwrap_or(value)).map_err(|_| {
            if value.starts_with('@') || value.starts_with("*@") {
                "Write the domain alone, \"partner.example\": it matches every address there."
            } else {
                "Write an address as \"anna@partner.example\"."
            }
        })?;
        let probe = Probe::of_mailbox(&mailbox);
        Ok(probe.address().map_or(Self::Null, |(_, address)| Self::Address(address.to_owned())))
    }
}

impl fmt::Display for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("<>"),
            Self::Below(name) => write!(f, ".{name}"),
            Self::Exact(text) | Self::Address(text) => f.write_str(text),
        }
    }
}

/// What is wrong with a value that is none.
pub(super) fn problem(value: &str) -> String {
    format!("{} is no domain and no address.", quote(value))
}

/// A set of kind `domains`.
#[derive(Debug, Default)]
pub(crate) struct Domains {
    exact: Table,
    /// Names whose subdomains match.
    below: Table,
    addresses: Table,
    /// `<>` stands in the list.
    null: bool,
}

impl Domains {
    pub(crate) fn build<'a>(lines: impl Iterator<Item = (usize, &'a str)>) -> (Self, Vec<BadLine>) {
        let mut set = Self::default();
        let mut bad = Vec::new();
        for (at, line) in lines {
            let value = line.trim();
            if value.is_empty() {
                continue;
            }
            match Domain::parse(value) {
                Ok(domain) => set.insert(domain),
                Err(remedy) => bad.push(BadLine::new(at, problem(value), remedy)),
            }
        }
        (set, bad)
    }

    /// A set of exactly these names.
    pub(crate) fn of_names<'a>(names: impl Iterator<Item = &'a DomainName>) -> Self {
        let mut set = Self::default();
        for name in names {
            set.exact.insert(name.as_str());
        }
        set
    }

    fn insert(&mut self, domain: Domain) {
        match domain {
            Domain::Null => self.null = true,
            Domain::Below(name) => self.below.insert(&name),
            Domain::Address(address) => self.addresses.insert(&address),
            Domain::Exact(key) => self.exact.insert(&key),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        !self.null && self.exact.is_empty() && self.below.is_empty() && self.addresses.is_empty()
    }

    /// Whether an address is in the set.
    pub(crate) fn matches(&self, address: &Probe) -> bool {
        if address.is_null() {
            return self.null;
        }
        let there = |probe: Option<(u64, &str)>, table: &Table| {
            probe.is_some_and(|(hash, text)| table.has(hash, text))
        };
        there(address.domain(), &self.exact)
            || (!self.below.is_empty()
                && address.parents().any(|(hash, text)| self.below.has(hash, text)))
            || (!self.addresses.is_empty() && there(address.address(), &self.addresses))
    }

    /// Whether every address of this set is in the other.
    pub(crate) fn is_within(&self, other: &Self) -> bool {
        (!self.null || other.null)
            && self.exact.iter().all(|name| other.has_domain(name))
            && self.below.iter().all(|name| other.has_all_below(name))
            && self.addresses.iter().all(|address| other.has_address(address))
    }

    /// Whether no address is in both sets.
    pub(crate) fn is_disjoint(&self, other: &Self) -> bool {
        let meet =
            (self.null && other.null) || self.reaches_into(other) || other.reaches_into(self);
        !meet
    }

    /// Whether something named here is in the other set.
    fn reaches_into(&self, other: &Self) -> bool {
        self.exact.iter().any(|name| other.has_domain(name))
            || self.below.iter().any(|name| other.has_all_below(name))
            || self.addresses.iter().any(|address| other.has_address(address))
    }

    fn has_domain(&self, name: &str) -> bool {
        self.exact.has_text(name) || parents(name).any(|parent| self.below.has_text(parent))
    }

    fn has_all_below(&self, name: &str) -> bool {
        self.below.has_text(name) || parents(name).any(|parent| self.below.has_text(parent))
    }

    fn has_address(&self, address: &str) -> bool {
        self.addresses.has_text(address)
            || address.rsplit_once('@').is_some_and(|(_, domain)| self.has_domain(domain))
    }
}

/// The names above a name; an address literal has none.
fn parents(name: &str) -> impl Iterator<Item = &str> {
    let first = if name.starts_with('[') { None } else { Some(name) };
    std::iter::successors(first, |name| name.split_once('.').map(|(_, parent)| parent)).skip(1)
}

/// Strings by hashes that are computed outside. Few of them are compared one by
/// one, which is faster than any table.
#[derive(Debug, Default)]
struct Table {
    few: Vec<Keyed>,
    many: HashMap<u64, Box<str>, BuildHasherDefault<Identity>>,
    /// Different strings of one hash: practically never any.
    collided: Vec<Box<str>>,
}

#[derive(Debug)]
struct Keyed {
    hash: u64,
    text: Box<str>,
}

const FEW: usize = 8;

impl Table {
    fn insert(&mut self, text: &str) {
        let hash = suffix_hash(text);
        if self.has(hash, text) {
            return;
        }
        if self.many.is_empty() && self.few.len() < FEW {
            self.few.push(Keyed { hash, text: text.into() });
            return;
        }
        for Keyed { hash, text } in std::mem::take(&mut self.few) {
            self.place(hash, text);
        }
        self.place(hash, text.into());
    }

    fn place(&mut self, hash: u64, text: Box<str>) {
        if let Some(earlier) = self.many.insert(hash, text) {
            self.collided.push(earlier);
        }
    }

    fn has(&self, hash: u64, text: &str) -> bool {
        if self.many.is_empty() {
            return self.few.iter().any(|keyed| keyed.hash == hash && &*keyed.text == text);
        }
        self.many.get(&hash).is_some_and(|found| &**found == text)
            || self.collided.iter().any(|found| &**found == text)
    }

    fn has_text(&self, text: &str) -> bool {
        !self.is_empty() && self.has(suffix_hash(text), text)
    }

    fn is_empty(&self) -> bool {
        self.few.is_empty() && self.many.is_empty()
    }

    fn iter(&self) -> impl Iterator<Item = &str> {
        self.few
            .iter()
            .map(|keyed| &*keyed.text)
            .chain(self.many.values().map(|text| &**text))
            .chain(self.collided.iter().map(|text| &**text))
    }
}

/// Takes a hash that is one already. FNV's low bits are as good as its high ones
/// only after mixing, so the halves are folded.
#[derive(Debug, Default)]
struct Identity(u64);

impl Hasher for Identity {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0 = bytes.iter().fold(self.0, |hash, byte| hash.rotate_left(8) ^ u64::from(*byte));
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = (hash ^ (hash >> 32)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    }
}
