//! The policy as it is in force: compiled rules, our domains with their routes, sources, TLS settings.
//!
//! One `Arc<Snapshot>` is held from MAIL to the end of data, so that a reload
//! cannot change a verdict halfway. It is built as a whole or not at all.

mod smart_host;
mod tls_policy;

use std::{collections::HashMap, net::IpAddr};

use gatepost_wire::{
    address::{AddressDomain, DomainName, Mailbox},
    timestamp::Timestamp,
};
use serde::{Deserialize, Serialize};

pub use self::smart_host::SmartHost;
use self::smart_host::SmartHosts;
use crate::{
    diagnostic::{Diagnostic, quote},
    direction::Direction,
    document::{DomainEntry, PolicyDocument, Profile, RouteEntry, SourceEntry, Spans},
    rules::{
        Network, Networks, RuleSet,
        lint::{Finding, expired},
    },
    tls::{Level, TlsPolicies, UnknownLevel},
};

/// What the policy says at one revision.
#[derive(Debug)]
pub struct Snapshot {
    /// The revision of the store that it was made from.
    pub revision: u64,
    /// The store's profile.
    pub profile: Profile,
    /// The document, with the System Rules that it had left out.
    pub document: PolicyDocument,
    /// The compiled rules.
    pub rules: RuleSet,
    /// The settings that decide about levels.
    pub tls: TlsSettings,
    /// What no header can weaken.
    pub tls_policies: TlsPolicies,
    smart_hosts: SmartHosts,
    domains: HashMap<DomainName, Vec<Route>>,
    sources: Networks,
}

/// A place that inbound mail is handed to.
#[derive(Clone, Debug, Eq, PartialEq, Hash)]
pub struct Route {
    /// A host's name in A-labels, or an address without brackets.
    pub host: String,
    /// The TCP port.
    pub port: u16,
    /// The share of the load, at least 1.
    pub weight: u16,
    /// The level on the way there.
    pub tls: Level,
}

/// The settings of `[delivery]` that decide about levels when mail is accepted.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct TlsSettings {
    /// The level of mail that no rule gave one.
    pub default_level: Level,
    /// What an `x-TLSLevel` on arriving mail means.
    pub submitted: SubmittedLevel,
    /// What an `x-TLSLevel` that nobody knows means.
    pub unknown: UnknownLevel,
    /// Whether the rules' `x-TLSLevel` fields are taken off before sending.
    pub strip: bool,
}

impl TlsSettings {
    /// The defaults of a profile (decision 28).
    pub const fn of(profile: Profile) -> Self {
        let default_level = match profile {
            Profile::Standard => Level::Try,
            Profile::Classic => Level::Plain,
        };
        Self {
            default_level,
            submitted: SubmittedLevel::Ignore,
            unknown: UnknownLevel::Require,
            strip: false,
        }
    }
}

/// What an `x-TLSLevel` on arriving mail means (`submitted_tls_level`). It never stays in the message.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SubmittedLevel {
    /// Nothing.
    #[default]
    Ignore,
    /// One more demand, where it is stricter than what the rules gave.
    Raise,
}

impl Snapshot {
    /// Builds a snapshot of a document.
    ///
    /// # Errors
    /// Every problem of the document.
    pub fn build(
        revision: u64,
        profile: Profile,
        document: PolicyDocument,
        spans: &Spans,
        tls: TlsSettings,
    ) -> Result<Self, Vec<Diagnostic>> {
        let mut problems = vec![];
        let domains = domains(&document, spans, &mut problems);
        let sources = sources(&document, spans, &mut problems);
        let smart_hosts = smart_host::compile(&document, spans, &mut problems);
        let tls_policies = tls_policy::compile(&document, spans, &mut problems);
        match RuleSet::compile(&document, spans, profile) {
            Ok(rules) if problems.is_empty() => Ok(Self {
                revision,
                profile,
                document: document.completed(profile),
                rules,
                tls,
                tls_policies,
                smart_hosts,
                domains,
                sources: Networks::of(sources),
            }),
            outcome => {
                problems.extend(outcome.err().into_iter().flatten());
                problems.sort_by_key(|problem| (problem.line, problem.column));
                Err(problems)
            }
        }
    }

    /// The direction of a recipient (decision 1).
    pub fn direction(&self, recipient: &Mailbox) -> Direction {
        if self.is_own(recipient.domain()) { Direction::Inbound } else { Direction::Outbound }
    }

    /// Whether a client may send to anybody: it is in an `[[outbound_source]]`.
    pub fn may_relay(&self, client: IpAddr) -> bool {
        self.sources.contains(client)
    }

    /// The routes of a domain of ours. None where it has none, or is not ours: then mail goes by MX.
    pub fn routes(&self, domain: &DomainName) -> &[Route] {
        self.domains.get(domain).map_or(&[], Vec::as_slice)
    }

    /// What is allowed and unwise at a time: findings about rules in their order, then
    /// about sets, the whole, and policies that have ended.
    pub fn lint(&self, now: Timestamp) -> Vec<Finding> {
        let mut findings = self.rules.lint();
        findings.extend(expired(&self.document.tls_policies, now));
        findings
    }

    /// Where outbound mail for a domain goes instead of to MX: the entry whose list fits
    /// the domain best, exactly before by the longest name above it before `*`.
    pub fn smart_host(&self, domain: &AddressDomain) -> Option<&SmartHost> {
        self.smart_hosts.of(domain)
    }

    /// All smart hosts, in the order of the document.
    pub fn smart_hosts(&self) -> &[SmartHost] {
        self.smart_hosts.all()
    }

    /// The postmaster: the one that is configured, else postmaster at our first domain.
    pub fn postmaster(&self, configured: Option<&Mailbox>) -> Option<Mailbox> {
        configured.cloned().or_else(|| {
            let domain = AddressDomain::parse(self.first_domain()?.as_str()).ok()?;
            Some(Mailbox::postmaster(domain))
        })
    }

    /// Whether a domain is one of ours, exactly (decision 24).
    pub fn is_own(&self, domain: &AddressDomain) -> bool {
        domain.name().is_some_and(|name| self.domains.contains_key(name))
    }

    /// Our first domain, in the order of the document: the default postmaster's.
    pub fn first_domain(&self) -> Option<DomainName> {
        let first = self.document.domains.first()?;
        DomainName::parse(first.name.trim()).ok()
    }

    /// Whether we have any domain.
    pub fn has_domains(&self) -> bool {
        !self.domains.is_empty()
    }

    /// Whether anybody may send out through us.
    pub fn has_sources(&self) -> bool {
        !self.sources.is_empty()
    }
}

fn domains(
    document: &PolicyDocument,
    spans: &Spans,
    problems: &mut Vec<Diagnostic>,
) -> HashMap<DomainName, Vec<Route>> {
    let mut domains = HashMap::new();
    for (at, entry) in document.domains.iter().enumerate() {
        let DomainEntry { name, routes } = entry;
        let path = spans.item("domain", at);
        let routes_path = format!("{path}.routes");
        let compiled: Vec<Route> = routes
            .iter()
            .enumerate()
            .filter_map(|(at, entry)| route(entry, &spans.item(&routes_path, at), spans, problems))
            .collect();
        let path = format!("{path}.name");
        let Ok(domain) = DomainName::parse(name.trim()) else {
            problems.push(spans.problem(
                &path,
                format!("{} is no domain.", quote(name)),
                "Write the domain alone: \"acme.example\".".to_owned(),
            ));
            continue;
        };
        if domains.contains_key(&domain) {
            problems.push(spans.problem(
                &path,
                format!("The domain {} is there already.", quote(name)),
                "Put all its routes into one [[domain]].".to_owned(),
            ));
            continue;
        }
        domains.insert(domain, compiled);
    }
    domains
}

fn route(
    entry: &RouteEntry,
    path: &str,
    spans: &Spans,
    problems: &mut Vec<Diagnostic>,
) -> Option<Route> {
    let RouteEntry { host, port, weight, tls } = entry;
    let before = problems.len();
    let mut refuse = |key: &str, problem: String, remedy: &str| {
        problems.push(spans.problem(&format!("{path}.{key}"), problem, remedy.to_owned()));
    };
    let found = host_of(host);
    if found.is_none() {
        refuse("host", format!("{} is no host.", quote(host)), NO_HOST);
    }
    if *port == 0 || *weight == 0 {
        let key = if *port == 0 { "port" } else { "weight" };
        refuse(key, format!("A {key} of 0 is out of bounds."), "Write 1 to 65535.");
    }
    if !tls.is_built() {
        let problem = format!("The level \"{tls}\" is not in this version.");
        refuse("tls", problem, STRICTEST);
    }
    let host = found.filter(|_| problems.len() == before)?;
    Some(Route { host, port: *port, weight: *weight, tls: *tls })
}

/// What to do about a host that is none.
const NO_HOST: &str = "Write a host's name or an address; the port has its own key.";

/// What to do about a level that is not built.
const STRICTEST: &str = "Use \"verify\", the strictest of this version.";

/// A host as it was written: its name in A-labels, or its address without brackets.
fn host_of(written: &str) -> Option<String> {
    let bare = written.trim().trim_start_matches('[').trim_end_matches(']');
    let address = bare.parse::<IpAddr>().ok().map(|address| address.to_string());
    let name = || DomainName::parse(written.trim()).ok().map(|name| name.as_str().to_owned());
    address.or_else(name)
}

fn sources(
    document: &PolicyDocument,
    spans: &Spans,
    problems: &mut Vec<Diagnostic>,
) -> Vec<Network> {
    let mut networks = vec![];
    for (at, SourceEntry { network }) in document.outbound_sources.iter().enumerate() {
        match network.trim().parse::<Network>() {
            Ok(network) => networks.push(network),
            Err(why) => problems.push(spans.problem(
                &format!("{}.network", spans.item("outbound_source", at)),
                format!("{} is no address and no network.", quote(network)),
                why.to_string(),
            )),
        }
    }
    networks
}

#[cfg(test)]
mod tests;
