//! Lists of domains that stand for something of their own: a smart host, a `[[tls_policy]]`.
//!
//! They match as sets of kind `domains` do ("How a `domains` set matches an address"),
//! except that they are about domains alone: an address is refused, and `*` is every
//! domain. A look-up takes one probe for the name and one for each name above it,
//! however many there are.

use std::{collections::HashMap, net::IpAddr};

use gatepost_wire::address::{AddressDomain, DomainName};

/// What one element of a list matches.
#[derive(Clone, Debug, Eq, PartialEq, Hash)]
pub(crate) enum Pattern {
    /// Exactly this domain or address literal, by its key.
    Exact(String),
    /// The subdomains of this domain, not itself.
    Below(String),
    /// Every domain.
    All,
}

impl Pattern {
    /// Reads an element as it is written in a file. The error is the remedy.
    pub(crate) fn parse(text: &str) -> Result<Self, &'static str> {
        let text = text.trim();
        if text == "*" {
            return Ok(Self::All);
        }
        if let Some(name) = text.strip_prefix("*.").or_else(|| text.strip_prefix('.')) {
            return DomainName::parse(name)
                .map(|name| Self::Below(name.as_str().to_owned()))
                .map_err(|_| "Write the subdomains of a domain as \".partner.example\".");
        }
        if text.contains('@') {
            return Err("Write the domain alone, \"partner.example\": this list is about domains.");
        }
        if let Ok(address) = text.parse::<IpAddr>() {
            return Ok(Self::Exact(AddressDomain::Literal(address).key()));
        }
        AddressDomain::parse(text.strip_suffix('.').unwrap_or(text))
            .map(|domain| Self::Exact(domain.key()))
            .map_err(
                |_| "Write \"partner.example\", \".partner.example\" for its subdomains, or \"*\".",
            )
    }
}

/// The elements of all lists of a kind, each with the number of its list.
#[derive(Clone, Debug, Default)]
pub(crate) struct Patterns {
    exact: HashMap<String, Vec<Element>>,
    below: HashMap<String, Vec<Element>>,
    all: Vec<Element>,
}

/// One element of a list.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Element {
    /// The number of its list.
    pub(crate) list: usize,
    /// As it was written.
    pub(crate) written: String,
}

impl Patterns {
    /// Adds an element. Gives the one that matches the same already, where there is one.
    pub(crate) fn insert(&mut self, pattern: Pattern, element: Element) -> Option<&Element> {
        let same = match pattern {
            Pattern::Exact(name) => self.exact.entry(name).or_default(),
            Pattern::Below(name) => self.below.entry(name).or_default(),
            Pattern::All => &mut self.all,
        };
        same.push(element);
        same.split_last().and_then(|(_, before)| before.first())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.exact.is_empty() && self.below.is_empty() && self.all.is_empty()
    }

    /// The elements that match a domain, by its key: the exact ones first, then those of
    /// the longest name above it, `*` last.
    pub(crate) fn matching<'a>(&'a self, key: &'a str) -> impl Iterator<Item = &'a Element> {
        let above = if key.starts_with('[') || self.below.is_empty() { None } else { parent(key) };
        let exact = self.exact.get(key).into_iter().flatten();
        let below = std::iter::successors(above, |name| parent(name))
            .flat_map(|name| self.below.get(name).into_iter().flatten());
        exact.chain(below).chain(&self.all)
    }
}

fn parent(name: &str) -> Option<&str> {
    name.split_once('.').map(|(_, parent)| parent)
}

/// The key of a host's name or address, as [`Patterns::matching`] wants it.
pub(crate) fn host_key(host: &str) -> String {
    match host.trim_matches(['[', ']']).parse::<IpAddr>() {
        Ok(address) => AddressDomain::Literal(address).key(),
        Err(_) => DomainName::parse(host)
            .map_or_else(|_| host.to_ascii_lowercase(), |name| name.as_str().to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lists(lists: &[&[&str]]) -> Patterns {
        let mut patterns = Patterns::default();
        for (list, elements) in lists.iter().enumerate() {
            for element in *elements {
                let written = (*element).to_owned();
                patterns.insert(Pattern::parse(element).unwrap(), Element { list, written });
            }
        }
        patterns
    }

    fn found(patterns: &Patterns, key: &str) -> Vec<usize> {
        patterns.matching(key).map(|element| element.list).collect()
    }

    #[test]
    fn the_more_specific_element_comes_first() {
        let patterns = lists(&[&["*"], &[".example"], &["*.b.example"], &["a.b.example"]]);
        assert_eq!(found(&patterns, "a.b.example"), [3, 2, 1, 0]);
        assert_eq!(found(&patterns, "b.example"), [1, 0]);
        assert_eq!(found(&patterns, "example"), [0]);
    }

    #[test]
    fn a_name_with_a_dot_in_front_matches_its_subdomains_and_not_itself() {
        let patterns = lists(&[&[".partner.example"]]);
        assert_eq!(found(&patterns, "partner.example"), [0; 0]);
        assert_eq!(found(&patterns, "deep.mx.partner.example"), [0]);
        assert_eq!(found(&patterns, "notpartner.example"), [0; 0]);
    }

    #[test]
    fn an_address_literal_matches_only_itself_and_the_star() {
        let patterns = lists(&[&["[192.0.2.1]"], &["192.0.2.2"], &["*"]]);
        assert_eq!(found(&patterns, "[192.0.2.1]"), [0, 2]);
        assert_eq!(found(&patterns, &host_key("192.0.2.2")), [1, 2]);
        assert_eq!(found(&patterns, &host_key("[2001:db8::1]")), [2]);
    }

    #[test]
    fn case_and_form_of_a_name_do_not_matter() {
        let patterns = lists(&[&["MÜNCHEN.example."]]);
        assert_eq!(found(&patterns, "xn--mnchen-3ya.example"), [0]);
        assert_eq!(found(&patterns, &host_key("München.EXAMPLE")), [0]);
    }

    #[test]
    fn an_element_that_is_there_already_is_named() {
        let mut patterns = lists(&[&["*.a.example"]]);
        let again = Element { list: 1, written: ".A.example".into() };
        let before = patterns.insert(Pattern::parse(".A.example").unwrap(), again).cloned();
        assert_eq!(before, Some(Element { list: 0, written: "*.a.example".into() }));
    }

    #[test]
    fn what_is_no_domain_is_refused_with_what_to_write() {
        for text in ["", "a@b.example", "a..b", "*.", ".", "*a.example", "300.1.1.1", "<>"] {
            assert!(Pattern::parse(text).is_err(), "{text:?}");
        }
    }
}
