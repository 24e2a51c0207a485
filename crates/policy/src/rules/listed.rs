//! An entry of a list of domains, as one asks about TLS at domains.
//!
//! A list is written as a set of kind `domains`. Not every entry there is a domain that has mail hosts: a pattern means
//! subdomains, which DNS does not list, an address means its domain, and the null sender none. Who probes a list says
//! what became of each; nothing is passed over in silence.

use gatepost_wire::address::{AddressDomain, DomainName, Mailbox};

use super::data_set;

/// One entry, understood.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Listed {
    /// A domain, or an address literal.
    Domain(AddressDomain),
    /// The subdomains of a domain.
    Below(DomainName),
    /// One address.
    Address(Mailbox),
    /// The null sender.
    Nobody,
}

impl Listed {
    /// Reads one entry without blanks around it.
    ///
    /// # Errors
    /// What to write instead.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        if text == "<>" {
            return Ok(Self::Nobody);
        }
        if let Some(parent) = text.strip_prefix("*.").or_else(|| text.strip_prefix('.')) {
            return DomainName::parse(parent)
                .map(Self::Below)
                .map_err(|_| "Write the subdomains of a domain as \".partner.example\".");
        }
        let bare = text.strip_suffix('.').unwrap_or(text);
        if text.contains('@') {
            return Mailbox::parse(bare)
                .map(Self::Address)
                .map_err(|_| "Write an address as \"anna@partner.example\".");
        }
        AddressDomain::parse(bare).map(Self::Domain).map_err(|_| {
            "Write \"partner.example\", \".partner.example\" for its subdomains, or an address in brackets."
        })
    }
}

/// What stands in a line of a list: without its comment and the blanks around it. A `#` within the local part of an
/// address begins no comment.
pub fn in_line(line: &str) -> &str {
    data_set::without_comment(line).trim()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_sort_of_entry_is_told_apart() {
        let domain = |text: &str| AddressDomain::parse(text).unwrap();
        let read = |text: &str| Listed::parse(in_line(text));
        assert_eq!(
            read(" Partner.example. # since May"),
            Ok(Listed::Domain(domain("partner.example")))
        );
        assert_eq!(read("[192.0.2.7]"), Ok(Listed::Domain(domain("[192.0.2.7]"))));
        let below = Listed::Below(DomainName::parse("hospital.example").unwrap());
        assert_eq!(
            (read(".hospital.example"), read("*.hospital.example")),
            (Ok(below.clone()), Ok(below))
        );
        let address = Listed::Address(Mailbox::parse("an#na@c.example").unwrap());
        assert_eq!(read("an#na@c.example"), Ok(address));
        assert_eq!(read("<>"), Ok(Listed::Nobody));
        for bad in ["*", "a b.example", "@x.example", "bad..example", "."] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
