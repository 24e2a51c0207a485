//! `[[smart_host]]`: where outbound mail for some domains goes instead of to MX.

use gatepost_wire::address::AddressDomain;

use super::{NO_HOST, STRICTEST, host_of};
use crate::{
    diagnostic::{Diagnostic, quote},
    document::{PolicyDocument, SmartHostEntry, Spans},
    domain_patterns::{Element, Pattern, Patterns},
    tls::{Level, Login, NextHop},
};

/// A place that outbound mail for some domains goes to.
#[derive(Clone, Debug, Eq, PartialEq, Hash)]
pub struct SmartHost {
    /// The domains as they are written.
    pub domains: Vec<String>,
    /// The host's name in A-labels, or its address without brackets.
    pub host: String,
    /// The TCP port.
    pub port: u16,
    /// The level on the way there.
    pub tls: Level,
    /// TLS from the first byte.
    pub implicit_tls: bool,
    /// Who we are to the host, where it wants a login.
    pub username: Option<String>,
    /// The file that holds the password, relative to the configuration's folder; there
    /// exactly where a username is.
    pub password_file: Option<String>,
}

impl SmartHost {
    /// The host as the one that mail is handed to.
    pub fn next_hop(&self) -> NextHop {
        let login = self.username.clone().zip(self.password_file.clone());
        NextHop {
            host: self.host.clone(),
            port: self.port,
            preference: 0,
            route_level: Some(self.tls),
            implicit_tls: self.implicit_tls,
            login: login.map(|(username, password_file)| Login { username, password_file }),
        }
    }
}

/// All smart hosts of a policy.
#[derive(Debug, Default)]
pub(super) struct SmartHosts {
    hosts: Vec<SmartHost>,
    patterns: Patterns,
}

impl SmartHosts {
    pub(super) fn of(&self, domain: &AddressDomain) -> Option<&SmartHost> {
        if self.patterns.is_empty() {
            return None;
        }
        let key = domain.key();
        let best = self.patterns.matching(&key).next()?;
        self.hosts.get(best.list)
    }

    pub(super) fn all(&self) -> &[SmartHost] {
        &self.hosts
    }
}

/// Compiles the entries, and notes all that is wrong with them.
pub(super) fn compile(
    document: &PolicyDocument,
    spans: &Spans,
    problems: &mut Vec<Diagnostic>,
) -> SmartHosts {
    let mut compiled = SmartHosts::default();
    for (list, entry) in document.smart_hosts.iter().enumerate() {
        let path = spans.item("smart_host", list);
        let mut judge = Judge { path: &path, spans, problems };
        judge.domains(entry, list, &mut compiled.patterns, document);
        let host = judge.host(entry);
        judge.login(entry);
        let SmartHostEntry { domains, port, tls, implicit_tls, username, password_file, .. } =
            entry;
        compiled.hosts.push(SmartHost {
            domains: domains.clone(),
            host,
            port: *port,
            tls: *tls,
            implicit_tls: *implicit_tls,
            username: username.clone(),
            password_file: password_file.clone(),
        });
    }
    compiled
}

/// Judges one entry.
struct Judge<'a> {
    path: &'a str,
    spans: &'a Spans,
    problems: &'a mut Vec<Diagnostic>,
}

impl Judge<'_> {
    fn refuse(&mut self, key: &str, problem: String, remedy: &str) {
        let path = format!("{}.{key}", self.path);
        self.problems.push(self.spans.problem(&path, problem, remedy.to_owned()));
    }

    fn domains(
        &mut self,
        entry: &SmartHostEntry,
        list: usize,
        patterns: &mut Patterns,
        document: &PolicyDocument,
    ) {
        if entry.domains.is_empty() {
            let remedy = "Name the domains, [\"*\"] for all, or take the entry out.";
            self.refuse("domains", "No domain goes to this smart host.".to_owned(), remedy);
        }
        for (at, written) in entry.domains.iter().enumerate() {
            let key = format!("domains[{at}]");
            let pattern = match Pattern::parse(written) {
                Ok(pattern) => pattern,
                Err(remedy) => {
                    self.refuse(&key, format!("{} is no domain.", quote(written)), remedy);
                    continue;
                }
            };
            let element = Element { list, written: written.clone() };
            if let Some(before) = patterns.insert(pattern, element) {
                let host = document.smart_hosts.get(before.list).map(|entry| entry.host.as_str());
                let problem = format!(
                    "Mail for {} goes to the smart host {} already.",
                    quote(written),
                    quote(host.unwrap_or_default())
                );
                self.refuse(&key, problem, "Name each domain once: mail has one way out.");
            }
        }
    }

    fn host(&mut self, entry: &SmartHostEntry) -> String {
        let SmartHostEntry { host, port, tls, implicit_tls, .. } = entry;
        let found = host_of(host);
        if found.is_none() {
            self.refuse("host", format!("{} is no host.", quote(host)), NO_HOST);
        }
        if *port == 0 {
            self.refuse("port", "A port of 0 is out of bounds.".to_owned(), "Write 1 to 65535.");
        }
        if !tls.is_built() {
            let problem = format!("The level \"{tls}\" is not in this version.");
            self.refuse("tls", problem, STRICTEST);
        }
        if *implicit_tls && *tls == Level::Plain {
            let problem = "With TLS from the first byte there is nothing in clear text.".to_owned();
            let remedy = "Write tls = \"require\" or \"verify\", or implicit_tls = false.";
            self.refuse("tls", problem, remedy);
        }
        found.unwrap_or_default()
    }

    fn login(&mut self, entry: &SmartHostEntry) {
        let SmartHostEntry { username, password_file, .. } = entry;
        for (key, text) in [("username", username), ("password_file", password_file)] {
            let Some(text) = text else { continue };
            if text.trim().is_empty() {
                let remedy = "Write it, or take both username and password_file out.";
                self.refuse(key, format!("`{key}` is empty."), remedy);
            } else if text.chars().any(char::is_control) {
                let problem = format!("`{key}` has a control character.");
                self.refuse(key, problem, "Take it out.");
            }
        }
        match (username, password_file) {
            (Some(_), None) => {
                let problem = "There is a username and no password.".to_owned();
                let remedy =
                    "Add password_file = \"relay.password\", a file beside the configuration.";
                self.refuse("username", problem, remedy);
            }
            (None, Some(_)) => {
                let problem = "There is a password and no username.".to_owned();
                self.refuse("password_file", problem, "Add username = \"…\".");
            }
            (Some(_), Some(_)) | (None, None) => {}
        }
    }
}
