//! An address made ready to be looked up in many sets: every hash is computed once.

use std::cell::OnceCell;

use gatepost_wire::address::{AddressDomain, Mailbox, ReversePath};

/// An address, or the null sender, as rules compare it.
#[derive(Debug)]
pub(crate) struct Probe {
    text: String,
    /// The text with the domain in A-labels, where that differs from how it was written.
    other: Option<String>,
    lowered: OnceCell<String>,
    /// `None` for the null sender.
    parts: Option<Parts>,
}

#[derive(Debug)]
struct Parts {
    /// The local part in lower case without needless quotes, `@`, the domain's key.
    address: String,
    address_hash: u64,
    /// Where the domain begins in `address`.
    domain_at: usize,
    domain_hash: u64,
    /// The names above the domain, the nearest first: hash, and where it begins.
    parents: Vec<Hashed>,
}

#[derive(Debug)]
struct Hashed {
    hash: u64,
    at: usize,
}

impl Probe {
    /// The probe of an address.
    pub(crate) fn of_mailbox(mailbox: &Mailbox) -> Self {
        let text = mailbox.to_string();
        let key = match mailbox.domain() {
            AddressDomain::Name { name, .. } => name.as_str().to_owned(),
            literal @ AddressDomain::Literal(_) => literal.key(),
        };
        let mut address = plain_local(mailbox.local()).to_lowercase();
        address.push('@');
        let domain_at = address.len();
        address.push_str(&key);
        let other = if text.get(text.len().saturating_sub(key.len())..) == Some(key.as_str()) {
            None
        } else {
            Some(format!("{}@{key}", mailbox.local()))
        };
        let is_name = mailbox.domain().name().is_some();
        let (domain_hash, parents) = hashes(&key, domain_at, is_name);
        let address_hash = suffix_hash(&address);
        let parts = Parts { address, address_hash, domain_at, domain_hash, parents };
        Self { text, other, lowered: OnceCell::new(), parts: Some(parts) }
    }

    /// The probe of a sender.
    pub(crate) fn of_sender(sender: &ReversePath) -> Self {
        match sender {
            ReversePath::Mailbox(mailbox) => Self::of_mailbox(mailbox),
            ReversePath::Null => {
                Self { text: "<>".to_owned(), other: None, lowered: OnceCell::new(), parts: None }
            }
        }
    }

    /// The address as it was written; `<>` for the null sender.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// The address with its domain in A-labels, where it was written otherwise.
    pub(crate) fn other_form(&self) -> Option<&str> {
        self.other.as_deref()
    }

    /// The text in lower case.
    pub(crate) fn lowered(&self) -> &str {
        self.lowered.get_or_init(|| self.text.to_lowercase())
    }

    /// Whether this is the null sender.
    pub(crate) const fn is_null(&self) -> bool {
        self.parts.is_none()
    }

    /// The whole address as sets hold it, and its hash.
    pub(crate) fn address(&self) -> Option<(u64, &str)> {
        self.parts.as_ref().map(|parts| (parts.address_hash, parts.address.as_str()))
    }

    /// The domain as sets hold it, and its hash.
    pub(crate) fn domain(&self) -> Option<(u64, &str)> {
        let parts = self.parts.as_ref()?;
        Some((parts.domain_hash, parts.address.get(parts.domain_at..)?))
    }

    /// The names above the domain, the nearest first, with their hashes.
    pub(crate) fn parents(&self) -> impl Iterator<Item = (u64, &str)> {
        self.parts.iter().flat_map(|parts| {
            parts
                .parents
                .iter()
                .filter_map(|parent| Some((parent.hash, parts.address.get(parent.at..)?)))
        })
    }
}

/// FNV-1a over the bytes from the last to the first, so that one pass over a name
/// gives the hashes of all names above it. Who runs the gateway writes the sets;
/// an attacker can choose what is looked up, never what is stored.
pub(crate) fn suffix_hash(text: &str) -> u64 {
    text.bytes().rev().fold(OFFSET, step)
}

const OFFSET: u64 = 0xCBF2_9CE4_8422_2325;

fn step(hash: u64, byte: u8) -> u64 {
    (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3)
}

fn hashes(name: &str, base: usize, has_parents: bool) -> (u64, Vec<Hashed>) {
    let mut hash = OFFSET;
    let mut parents = Vec::new();
    for (at, byte) in name.bytes().enumerate().rev() {
        if byte == b'.' && has_parents {
            parents.push(Hashed { hash, at: base + at + 1 });
        }
        hash = step(hash, byte);
    }
    parents.reverse();
    (hash, parents)
}

/// A local part without quotes that it does not need: `"anna"` is `anna` (RFC 5321 section 4.1.2).
fn plain_local(local: &str) -> String {
    let Some(inner) = local.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) else {
        return local.to_owned();
    };
    let mut plain = String::with_capacity(inner.len());
    let mut escaped = false;
    for c in inner.chars() {
        if c == '\\' && !escaped {
            escaped = true;
        } else {
            plain.push(c);
            escaped = false;
        }
    }
    let atoms = plain.split('.').all(|atom| {
        !atom.is_empty()
            && atom.chars().all(|c| {
                !c.is_ascii() || c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(c)
            })
    });
    if atoms { plain } else { local.to_owned() }
}
