//! Envelope addresses (RFC 5321 §4.1.2, RFC 6531 §3.3), as they were written and as they compare.
//!
//! A local part stays exactly as it was written, quotes included, because only its own host may interpret it. Domains compare by
//! their lower-case A-labels, so `münchen.example` is `xn--mnchen-3ya.example`. No value of these types holds a control character,
//! a line break or an unquoted blank or `>`, so each may be written into a command between angle brackets. Printing a value and
//! reading it back gives the same value.

use std::borrow::Borrow;
use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use crate::text::text_serde;

pub(crate) mod path;

/// Longest local part in octets, quotes included (RFC 5321 §4.5.3.1.1).
const LOCAL_MAX: usize = 64;
/// Longest domain in octets as it was written (RFC 5321 §4.5.3.1.2).
const DOMAIN_MAX: usize = 255;
/// Longest name in A-labels that DNS can ask for (RFC 1035 §3.1: 255 octets with the length bytes and the root).
const NAME_MAX: usize = 253;
/// Longest label (RFC 1035 §2.3.4).
const LABEL_MAX: usize = 63;
/// Longest address in octets: a path of 256 without its brackets (RFC 5321 §4.5.3.1.3).
const ADDRESS_MAX: usize = 254;

/// Why a text is no address. Each completes the sentence "The address …".
#[derive(Copy, Clone, Eq, PartialEq, Hash, Debug, thiserror::Error)]
pub enum AddressError {
    /// Nothing stands there.
    #[error("is empty")]
    Empty,
    /// A path does not stand in `<` and `>`.
    #[error("does not stand between < and >")]
    Brackets,
    /// Bytes that are no UTF-8.
    #[error("is not UTF-8")]
    Encoding,
    /// No `@` with something behind it.
    #[error("has no domain")]
    NoDomain,
    /// A source route that is not `@one.example,@two.example:`.
    #[error("has a malformed source route")]
    Route,
    /// A local part that is neither atoms with dots between them nor a quoted string.
    #[error("has a malformed local part")]
    Local,
    /// A local part of more than 64 octets.
    #[error("has a local part of more than 64 octets")]
    LocalTooLong,
    /// A domain that is no domain name.
    #[error("has a malformed domain")]
    Domain,
    /// A domain of more than 255 octets, or of more than DNS can ask for.
    #[error("has a domain that is too long")]
    DomainTooLong,
    /// An address literal that is neither `[192.0.2.1]` nor `[IPv6:2001:db8::1]`.
    #[error("has a malformed address literal")]
    Literal,
    /// More than 254 octets in all.
    #[error("has more than 254 octets")]
    TooLong,
}

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

/// One address: a local part as it was written, and a domain.
///
/// Two are equal if their local parts are the same octets and their domains the same name.
#[derive(Clone, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct Mailbox {
    local: Box<str>,
    domain: AddressDomain,
}

impl Mailbox {
    /// Reads `local@domain`, without angle brackets.
    ///
    /// ```
    /// # use gatepost_wire::address::Mailbox;
    /// let mailbox = Mailbox::parse("\"a @ b\"@Partner.example").unwrap();
    /// assert_eq!(mailbox.local(), "\"a @ b\"");
    /// assert_eq!(mailbox.domain().key(), "partner.example");
    /// ```
    ///
    /// # Errors
    /// [`AddressError`] says what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, AddressError> {
        if text.is_empty() {
            return Err(AddressError::Empty);
        }
        let (local, domain) = path::split_mailbox(text)?;
        if local.len() > LOCAL_MAX {
            return Err(AddressError::LocalTooLong);
        }
        let domain = AddressDomain::parse(domain)?;
        if text.len() > ADDRESS_MAX {
            return Err(AddressError::TooLong);
        }
        Ok(Self { local: local.into(), domain })
    }

    /// Gives the mailbox `postmaster` at a domain (RFC 5321 §4.5.1).
    #[must_use]
    pub fn postmaster(domain: AddressDomain) -> Self {
        Self { local: "postmaster".into(), domain }
    }

    /// Gives the local part as it was written, with its quotes if it has any.
    #[must_use]
    pub fn local(&self) -> &str {
        &self.local
    }

    /// Gives the domain.
    #[must_use]
    pub fn domain(&self) -> &AddressDomain {
        &self.domain
    }

    /// Says whether the address as it was written is ASCII. One that is not needs `SMTPUTF8` at `MAIL` (RFC 6531 §3.4).
    #[must_use]
    pub fn is_ascii(&self) -> bool {
        let domain = match &self.domain {
            AddressDomain::Name { written, .. } => written.is_ascii(),
            AddressDomain::Literal(_) => true,
        };
        domain && self.local.is_ascii()
    }

    /// Says whether only SMTPUTF8 can carry this address: its local part is beyond ASCII, and no A-label helps.
    #[must_use]
    pub fn needs_smtputf8(&self) -> bool {
        !self.local.is_ascii()
    }

    /// Gives the address in ASCII, its domain in A-labels where it was international; `None` if the local part is not ASCII.
    #[must_use]
    pub fn ascii(&self) -> Option<String> {
        if !self.local.is_ascii() {
            return None;
        }
        if self.is_ascii() {
            return Some(self.to_string());
        }
        Some(format!("{}@{}", self.local, self.domain.key()))
    }
}

impl fmt::Display for Mailbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.local, self.domain)
    }
}

impl fmt::Debug for Mailbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<{self}>")
    }
}

impl std::str::FromStr for Mailbox {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        Self::parse(text)
    }
}

/// Who gets word if something goes wrong: an address, or nobody (RFC 5321 §4.5.5). The null sender prints as nothing.
#[derive(Clone, Eq, PartialEq, Ord, PartialOrd, Hash, Debug)]
pub enum ReversePath {
    /// `<>`: notices must not be answered with notices.
    Null,
    /// An ordinary sender.
    Mailbox(Mailbox),
}

impl ReversePath {
    /// Reads an address without brackets; empty text and `<>` are the null sender.
    ///
    /// # Errors
    /// [`AddressError`] says what is wrong with the address.
    pub fn parse(text: &str) -> Result<Self, AddressError> {
        if text.is_empty() || text == "<>" {
            Ok(Self::Null)
        } else {
            Mailbox::parse(text).map(Self::Mailbox)
        }
    }

    /// Gives the address; `None` for the null sender.
    #[must_use]
    pub fn mailbox(&self) -> Option<&Mailbox> {
        match self {
            Self::Null => None,
            Self::Mailbox(mailbox) => Some(mailbox),
        }
    }
}

impl fmt::Display for ReversePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => Ok(()),
            Self::Mailbox(mailbox) => mailbox.fmt(f),
        }
    }
}

text_serde!(DomainName);
text_serde!(AddressDomain);
text_serde!(Mailbox);
text_serde!(ReversePath);

#[cfg(test)]
mod tests;
