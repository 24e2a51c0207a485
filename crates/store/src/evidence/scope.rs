//! Which domains a report is about.

use std::collections::BTreeSet;

use gatepost_wire::address::{AddressDomain, DomainName, Mailbox};

/// A text that names no domain; displayed, it is the remedy.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error(
    "{0:?} is no domain; write \"partner.example\", or \".partner.example\" for its subdomains"
)]
pub struct ScopeError(pub String);

/// The domains of a report; without any, it is about all of them.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Scope {
    /// As A-labels or address literals.
    exact: BTreeSet<String>,
    /// Names whose subdomains are meant.
    below: BTreeSet<String>,
}

impl Scope {
    /// The domains that entries name, as an element of a set of kind `domains` does: an
    /// address stands for its domain.
    ///
    /// # Errors
    /// The first entry that names none.
    pub fn of<'a>(entries: impl IntoIterator<Item = &'a str>) -> Result<Self, ScopeError> {
        let mut scope = Self::default();
        for entry in entries {
            scope.add(entry).ok_or_else(|| ScopeError(entry.to_owned()))?;
        }
        Ok(scope)
    }

    /// The entries of a set of Rule Data of kind `domains`, without comments.
    pub fn entries_of<'a>(lines: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
        let entries = lines.into_iter().map(|line| without_comment(line).trim());
        entries.filter(|entry| !entry.is_empty() && *entry != "<>").collect()
    }

    fn add(&mut self, entry: &str) -> Option<()> {
        let entry = entry.trim();
        if let Some(parent) = entry.strip_prefix("*.").or_else(|| entry.strip_prefix('.')) {
            self.below.insert(DomainName::parse(parent).ok()?.as_str().to_owned());
            return Some(());
        }
        let bare = entry.strip_suffix('.').unwrap_or(entry);
        let domain = if bare.contains('@') {
            Mailbox::parse(bare).ok()?.domain().key()
        } else {
            AddressDomain::parse(bare).ok()?.key()
        };
        self.exact.insert(domain);
        Some(())
    }

    /// Whether it is about every domain.
    pub fn is_all(&self) -> bool {
        self.exact.is_empty() && self.below.is_empty()
    }

    /// Whether it is about a domain, by its key.
    pub fn takes(&self, domain: &str) -> bool {
        if self.is_all() || self.exact.contains(domain) {
            return true;
        }
        if domain.starts_with('[') {
            return false;
        }
        let parent = |name: &'_ str| name.split_once('.').map(|(_, parent)| parent.to_owned());
        std::iter::successors(parent(domain), |name| parent(name))
            .any(|name| self.below.contains(&name))
    }

    /// Its entries in order: names, and names with a dot before them for their subdomains.
    pub fn entries(&self) -> Vec<String> {
        let below = self.below.iter().map(|name| format!(".{name}"));
        self.exact.iter().cloned().chain(below).collect()
    }
}

/// A line without its comment. A `#` within the local part of an address is none.
fn without_comment(line: &str) -> &str {
    for (at, _) in line.match_indices('#') {
        let (before, rest) = line.split_at(at);
        let word = rest.split([' ', '\t']).next().unwrap_or_default();
        let glued = !before.is_empty() && !before.ends_with([' ', '\t']);
        if !(glued && word.contains('@') && !before.contains('@')) {
            return before;
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_takes_what_its_entries_name() {
        let scope =
            Scope::of(["Partner.example", "*.münchen.example", "a@b.example", "[192.0.2.1]"])
                .unwrap();
        for domain in ["partner.example", "a.xn--mnchen-3ya.example", "b.example", "[192.0.2.1]"] {
            assert!(scope.takes(domain), "{domain}");
        }
        for domain in ["x.partner.example", "xn--mnchen-3ya.example", "example", "[192.0.2.2]"] {
            assert!(!scope.takes(domain), "{domain}");
        }
        assert_eq!(Scope::of(scope.entries().iter().map(String::as_str)).unwrap(), scope);
        assert!(Scope::default().takes("any.example"));
        let set = "partner.example # ours\n\n# none\n .b.example\na#1@c.example\n<>\n";
        assert_eq!(
            Scope::entries_of(set.lines()),
            ["partner.example", ".b.example", "a#1@c.example"]
        );
        assert_eq!(Scope::of(["no domain"]), Err(ScopeError("no domain".into())));
    }
}
