//! Envelope addresses (RFC 5321 §4.1.2, RFC 6531 §3.3), as they were written and as they compare.
//!
//! A local part stays exactly as it was written, quotes included, because only its own host may interpret it. Domains compare by
//! their lower-case A-labels, so `münchen.example` is `xn--mnchen-3ya.example`. No value of these types holds a control character,
//! a line break or an unquoted blank or `>`, so each may be written into a command between angle brackets. Printing a value and
//! reading it back gives the same value.

use std::fmt;

use crate::text::text_serde;

mod domain;
pub(crate) mod path;

pub use domain::{AddressDomain, DomainName};

/// Longest local part in octets, quotes included (RFC 5321 §4.5.3.1.1).
const LOCAL_MAX: usize = 64;
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

text_serde!(Mailbox);
text_serde!(ReversePath);

#[cfg(test)]
mod tests;
