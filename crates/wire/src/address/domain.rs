//! What may stand behind the `@`: domain names and address literals.

use std::borrow::Borrow;
use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use super::AddressError;
use crate::text::text_serde;

/// Longest domain in octets as it was written (RFC 5321 §4.5.3.1.2).
const DOMAIN_MAX: usize = 255;
/// Longest name in A-labels that DNS can ask for (RFC 1035 §3.1: 255 octets with the length bytes and the root).
const NAME_MAX: usize = 253;
/// Longest label (RFC 1035 §2.3.4).
const LABEL_MAX: usize = 63;

/// The name of a domain in lower-case A-labels, without a dot at the end. Cloning is cheap.
#[derive(Clone, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct DomainName(Arc<str>);

impl DomainName {
    /// Reads a name in either form, with or without a dot at its end.
    ///
    /// Underscores are taken, for they occur in names of real hosts. Names whose last label is a number are not: they would be
    /// IP addresses without brackets.
    ///
    /// ```
    /// # use gatepost_wire::address::DomainName;
    /// assert_eq!(DomainName::parse("MÜNCHEN.example.").unwrap().as_str(), "xn--mnchen-3ya.example");
    /// ```
    ///
    /// # Errors
    /// [`AddressError::Empty`], [`AddressError::Domain`] or [`AddressError::DomainTooLong`].
    pub fn parse(text: &str) -> Result<Self, AddressError> {
        let text = text.strip_suffix('.').unwrap_or(text);
        if text.len() > DOMAIN_MAX {
            return Err(AddressError::DomainTooLong);
        }
        if text.is_ascii() {
            return Self::from_ascii(text);
        }
        let labels = idna::domain_to_ascii_cow(text.as_bytes(), idna::AsciiDenyList::URL);
        Self::from_ascii(&labels.map_err(|_| AddressError::Domain)?)
    }

    /// Gives the name in A-labels.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Gives the name without its first label; `None` for a name of one label.
    #[must_use]
    pub fn parent(&self) -> Option<&str> {
        self.0.split_once('.').map(|(_, parent)| parent)
    }

    /// Gives all names that this one is a subdomain of, the longest first, itself not among them.
    pub fn parents(&self) -> impl Iterator<Item = &str> {
        std::iter::successors(self.parent(), |name| name.split_once('.').map(|(_, parent)| parent))
    }

    fn from_ascii(text: &str) -> Result<Self, AddressError> {
        if text.is_empty() {
            return Err(AddressError::Empty);
        }
        if text.len() > NAME_MAX {
            return Err(AddressError::DomainTooLong);
        }
        let mut numeric = false;
        for label in text.as_bytes().split(|byte| *byte == b'.') {
            let edges = label.first() != Some(&b'-') && label.last() != Some(&b'-');
            let inside = label
                .iter()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
            if label.is_empty() || label.len() > LABEL_MAX || !edges || !inside {
                return Err(AddressError::Domain);
            }
            numeric = label.iter().all(u8::is_ascii_digit);
        }
        if numeric {
            return Err(AddressError::Domain);
        }
        if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
            return Ok(Self(Arc::from(text.to_ascii_lowercase())));
        }
        Ok(Self(Arc::from(text)))
    }
}

impl fmt::Display for DomainName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for DomainName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl AsRef<str> for DomainName {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

/// Sets of names can be asked with text that is in A-labels already.
impl Borrow<str> for DomainName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl std::str::FromStr for DomainName {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        Self::parse(text)
    }
}

/// What stands behind the `@`. Compares by name or by address; how it was written does not count.
#[derive(Clone, Debug)]
pub enum AddressDomain {
    /// A domain name.
    Name {
        /// What it is compared and looked up by.
        name: DomainName,
        /// How the client wrote it, which is how it goes on.
        written: String,
    },
    /// An address literal, `[192.0.2.1]` or `[IPv6:2001:db8::1]` (RFC 5321 §4.1.3).
    Literal(IpAddr),
}

impl AddressDomain {
    /// Reads a domain or an address literal.
    ///
    /// A dot at the end is refused here: it is no part of a domain in a mail command (RFC 5321 §2.3.5).
    ///
    /// # Errors
    /// [`AddressError`], about the domain.
    pub fn parse(text: &str) -> Result<Self, AddressError> {
        if text.len() > DOMAIN_MAX {
            return Err(AddressError::DomainTooLong);
        }
        if let Some(inside) = text.strip_prefix('[') {
            let inside = inside.strip_suffix(']').ok_or(AddressError::Literal)?;
            return literal(inside).map(Self::Literal).ok_or(AddressError::Literal);
        }
        if text.is_empty() {
            return Err(AddressError::NoDomain);
        }
        if text.ends_with('.') {
            return Err(AddressError::Domain);
        }
        Ok(Self::Name { name: DomainName::parse(text)?, written: text.to_owned() })
    }

    /// Gives what the domain compares by: the A-labels, or the literal in its brackets.
    #[must_use]
    pub fn key(&self) -> String {
        match self {
            Self::Name { name, .. } => name.as_str().to_owned(),
            Self::Literal(_) => self.to_string(),
        }
    }

    /// Gives the name; `None` for an address literal.
    #[must_use]
    pub fn name(&self) -> Option<&DomainName> {
        match self {
            Self::Name { name, .. } => Some(name),
            Self::Literal(_) => None,
        }
    }
}

fn literal(inside: &str) -> Option<IpAddr> {
    if let Some((tag, address)) = inside.split_at_checked(5)
        && tag.eq_ignore_ascii_case("IPv6:")
    {
        return address.parse::<Ipv6Addr>().ok().map(IpAddr::V6);
    }
    inside.parse::<Ipv4Addr>().ok().map(IpAddr::V4)
}

impl fmt::Display for AddressDomain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name { written, .. } => f.write_str(written),
            Self::Literal(IpAddr::V4(address)) => write!(f, "[{address}]"),
            Self::Literal(IpAddr::V6(address)) => write!(f, "[IPv6:{address}]"),
        }
    }
}

impl From<DomainName> for AddressDomain {
    fn from(name: DomainName) -> Self {
        Self::Name { written: name.as_str().to_owned(), name }
    }
}

impl PartialEq for AddressDomain {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for AddressDomain {}

impl PartialOrd for AddressDomain {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for AddressDomain {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Name { name: this, .. }, Self::Name { name: that, .. }) => this.cmp(that),
            (Self::Literal(this), Self::Literal(that)) => this.cmp(that),
            (Self::Name { .. }, Self::Literal(_)) => Ordering::Less,
            (Self::Literal(_), Self::Name { .. }) => Ordering::Greater,
        }
    }
}

impl Hash for AddressDomain {
    fn hash<H: Hasher>(&self, state: &mut H) {
        match self {
            Self::Name { name, .. } => name.hash(state),
            Self::Literal(address) => address.hash(state),
        }
    }
}

text_serde!(DomainName);
text_serde!(AddressDomain);
