//! What is to be probed: arguments, the lines of a file, a set of Rule Data.
//!
//! An entry is read as a set of kind `domains` reads it. What is no single domain is not passed over in silence: an
//! address means its domain, a pattern means the subdomains that mail was sent to, and a note says so. Every entry
//! that is none of these is a problem with its place.

use std::collections::BTreeSet;
use std::path::Path;

use gatepost_policy::diagnostic::{Diagnostic, Position, quote};
use gatepost_policy::document::{DataKind, PolicyDocument};
use gatepost_policy::rules::listed::{Listed, in_line};
use gatepost_wire::address::{AddressDomain, DomainName};

/// What was asked for, gathered from every place.
#[derive(Debug, Default)]
pub(super) struct Wanted {
    domains: Vec<AddressDomain>,
    known: BTreeSet<String>,
    /// Names whose subdomains are meant.
    pub(super) below: Vec<DomainName>,
    /// What to tell the person who asked.
    pub(super) notes: Vec<String>,
    /// Every entry that cannot be used.
    pub(super) problems: Vec<Diagnostic>,
}

impl Wanted {
    /// The domains in the order in which they were named, each once.
    pub(super) fn into_domains(self) -> Vec<AddressDomain> {
        self.domains
    }

    /// Adds a domain, unless it is there.
    pub(super) fn add(&mut self, domain: AddressDomain) {
        if self.known.insert(domain.key()) {
            self.domains.push(domain);
        }
    }

    fn take(&mut self, entry: Listed) {
        match entry {
            Listed::Domain(domain) => self.add(domain),
            Listed::Below(parent) => {
                if !self.below.contains(&parent) {
                    self.below.push(parent);
                }
            }
            Listed::Address(mailbox) => {
                let domain = mailbox.domain().clone();
                self.notes.push(format!(
                    "{mailbox} is one address: its domain {} is probed",
                    domain.key()
                ));
                self.add(domain);
            }
            Listed::Nobody => {
                self.notes.push("<> is the null sender and no domain: nothing to probe".to_owned());
            }
        }
    }

    /// Adds the arguments of the command line.
    pub(super) fn arguments(&mut self, arguments: &[String]) {
        for text in arguments {
            match Listed::parse(text.trim()) {
                Ok(entry) => self.take(entry),
                Err(remedy) => self.problems.push(Diagnostic {
                    file: "command line".to_owned(),
                    line: 0,
                    column: 0,
                    path: "DOMAIN".to_owned(),
                    problem: format!("{} is no domain and no address.", quote(text)),
                    remedy: remedy.to_owned(),
                }),
            }
        }
    }

    /// Adds the lines of a file.
    pub(super) fn file(&mut self, file: &Path, bytes: &[u8]) {
        let name = file.display().to_string();
        let text = match std::str::from_utf8(bytes) {
            Ok(text) => text.strip_prefix('\u{feff}').unwrap_or(text),
            Err(error) => {
                let before = bytes.get(..error.valid_up_to()).unwrap_or_default();
                let before = String::from_utf8_lossy(before);
                let Position { line, column } = Position::of(&before, before.len());
                self.problems.push(Diagnostic {
                    file: name,
                    line,
                    column,
                    path: String::new(),
                    problem: "The file is no text in UTF-8.".to_owned(),
                    remedy: "Save it as UTF-8, one domain a line.".to_owned(),
                });
                return;
            }
        };
        for (at, line) in text.lines().enumerate() {
            let value = in_line(line);
            if value.is_empty() {
                continue;
            }
            match Listed::parse(value) {
                Ok(entry) => self.take(entry),
                Err(remedy) => {
                    let blanks = line.chars().take_while(|c| c.is_whitespace()).count();
                    self.problems.push(Diagnostic {
                        file: name.clone(),
                        line: at + 1,
                        column: blanks + 1,
                        path: String::new(),
                        problem: format!("{} is no domain and no address.", quote(value)),
                        remedy: remedy.to_owned(),
                    });
                }
            }
        }
    }

    /// Adds the entries of a set of the policy.
    pub(super) fn rule_data(&mut self, policy: &PolicyDocument, name: &str) {
        let mut refuse = |problem: String, remedy: String| {
            self.problems.push(Diagnostic {
                file: "command line".to_owned(),
                line: 0,
                column: 0,
                path: "--rule-data".to_owned(),
                problem,
                remedy,
            });
        };
        let found = policy.rule_data.iter().find(|set| same(&set.name, name));
        let Some(set) = found else {
            let names: Vec<String> = policy
                .rule_data
                .iter()
                .filter(|set| set.kind == DataKind::Domains)
                .map(|set| quote(&set.name))
                .collect();
            let remedy = if names.is_empty() {
                "The policy has no set of kind \"domains\".".to_owned()
            } else {
                format!("Sets of kind \"domains\" are: {}.", names.join(", "))
            };
            refuse(format!("There is no set {} in the policy.", quote(name)), remedy);
            return;
        };
        if set.kind != DataKind::Domains {
            let problem = format!("The set {} is not of kind \"domains\".", quote(&set.name));
            refuse(problem, "Only domains have mail hosts to probe.".to_owned());
            return;
        }
        for line in set.values.lines() {
            let value = in_line(line);
            // An entry that cannot be read was refused when the policy was applied.
            if let Ok(entry) = Listed::parse(value)
                && !value.is_empty()
            {
                self.take(entry);
            }
        }
    }
}

/// Names of sets are unique without regard to case.
fn same(a: &str, b: &str) -> bool {
    a.trim().to_lowercase() == b.trim().to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_may_have_comments_blank_lines_other_line_ends_and_duplicates() {
        let mut wanted = Wanted::default();
        let text = "\u{feff}# our partners\r\nPartner.example.\r\n\r\n  b.example # since May\r\npartner.example\r\n\
                    MÜNCHEN.example\n[192.0.2.7]\nan#na@c.example\n.hospital.example\n*.hospital.example\n";
        wanted.file(Path::new("list.txt"), text.as_bytes());
        assert!(wanted.problems.is_empty(), "{:?}", wanted.problems);
        assert_eq!(
            wanted.below.iter().map(DomainName::as_str).collect::<Vec<_>>(),
            ["hospital.example"]
        );
        assert_eq!(
            wanted.notes,
            ["an#na@c.example is one address: its domain c.example is probed"]
        );
        let keys: Vec<String> = wanted.into_domains().iter().map(AddressDomain::key).collect();
        assert_eq!(
            keys,
            ["partner.example", "b.example", "xn--mnchen-3ya.example", "[192.0.2.7]", "c.example"]
        );
    }

    #[test]
    fn every_bad_line_is_named_with_its_place() {
        let mut wanted = Wanted::default();
        wanted.file(
            Path::new("list.txt"),
            b"good.example\n  bad..example\n*\na b.example\n@x.example\n",
        );
        let places: Vec<(usize, usize)> =
            wanted.problems.iter().map(|problem| (problem.line, problem.column)).collect();
        assert_eq!(places, [(2, 3), (3, 1), (4, 1), (5, 1)]);
        wanted.arguments(&["-x".to_owned()]);
        wanted.file(Path::new("bytes"), b"good.example\n\xff\xfe");
        assert_eq!(wanted.problems.last().map(|problem| problem.line), Some(2));
        assert_eq!(wanted.problems.len(), 6);
    }
}
