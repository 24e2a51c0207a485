//! Checks an evidence file, with nothing but the file.
//!
//! Everything is computed again: each record's hash, the chain, each day's root and its
//! signature, every sum, the seal. A line that is wrong stops nothing: all that is wrong
//! is told, each with its line. Only sums are held in memory.

mod days;

use std::{
    collections::BTreeSet,
    io::{self, BufRead, Read as _},
};

use serde::Serialize;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use self::days::Days;
use super::{
    canonical::canonical,
    day::UtcDay,
    export::{Addresses, FORMAT, VERSION},
    form::{hex, unhex},
    key::{PublicKey, Purpose},
    scope::Scope,
    survey::Sum,
    tally::Tally,
};

/// Bytes of a line, at most: a policy with a million domains has a third of it.
const LONGEST: u64 = 128 * 1024 * 1024;

/// Problems that are told, at most; all are counted.
const TOLD: usize = 1_000;

/// Something that is wrong with an evidence file.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Problem {
    /// The line, from 1.
    pub line: u64,
    /// What is wrong.
    pub text: String,
}

/// A file that is no evidence, so that nothing can be said about it.
#[derive(Debug, thiserror::Error)]
pub enum NoEvidence {
    /// It cannot be read.
    #[error("it cannot be read: {0}")]
    Unreadable(#[from] io::Error),
    /// Its first line is not the header of an evidence file.
    #[error("it is no evidence file: its first line is not the header of one")]
    NoHeader,
    /// It is of a newer version.
    #[error("it has version {0} of the format, and this program knows version {VERSION}")]
    TooNew(u64),
}

/// What a file says, and what is wrong with it.
#[derive(Clone, Debug)]
pub struct Checked {
    /// The name of the gateway, as the file says it.
    pub instance: String,
    /// The key of the seal.
    pub key: PublicKey,
    /// The first day that it covers.
    pub from: Option<UtcDay>,
    /// The last day.
    pub to: Option<UtcDay>,
    /// Its domains; without any, all.
    pub scope: Vec<String>,
    /// How addresses are shown.
    pub addresses: Addresses,
    /// Days that it has a root of.
    pub days: u64,
    /// Of those, days that were not over when it was made.
    pub open_days: u64,
    /// Of those, days whose records were no longer kept.
    pub removed_days: u64,
    /// Attempts of the period that are in no chain, as the file says it.
    pub before_chain: u64,
    /// Attempts of the period that the chain has in a day far from it, since a clock was wrong.
    pub elsewhere: u64,
    /// Records that it shows.
    pub records: u64,
    /// Their sums, counted again.
    pub totals: Tally,
    /// Recipients of all domains that left the queue as delivered, as signed.
    pub journal: u64,
    /// Lines of the file.
    pub lines: u64,
    /// What is wrong, the first thousand.
    pub problems: Vec<Problem>,
    /// Problems that are not among them.
    pub more: u64,
}

impl Checked {
    /// Whether it is evidence of some day, and nothing is wrong.
    pub const fn is_good(&self) -> bool {
        self.problems.is_empty() && self.days > 0
    }
}

/// Checks a file. `keys` are fingerprints of keys that are trusted; without any, the one
/// that the file itself names is taken, and whoever reads the outcome compares it.
///
/// # Errors
/// Where it is no evidence file at all.
pub fn verify(mut file: impl BufRead, keys: &[String]) -> Result<Checked, NoEvidence> {
    let mut line = Vec::new();
    if !read_line(&mut file, &mut line)? {
        return Err(NoEvidence::NoHeader);
    }
    let mut verifier = Verifier::begin(&line, keys)?;
    while read_line(&mut file, &mut line)? {
        verifier.line(&line);
    }
    Ok(verifier.finish())
}

/// Reads a line with its end; `false` at the end of the file.
fn read_line(file: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<bool> {
    line.clear();
    file.by_ref().take(LONGEST).read_until(b'\n', line)?;
    Ok(!line.is_empty())
}

/// Everything that is found wrong.
#[derive(Default)]
struct Findings {
    line: u64,
    told: Vec<Problem>,
    more: u64,
}

impl Findings {
    fn add(&mut self, text: impl Into<String>) {
        self.add_at(self.line, text);
    }

    fn add_at(&mut self, line: u64, text: impl Into<String>) {
        if self.told.len() < TOLD {
            self.told.push(Problem { line, text: text.into() });
        } else {
            self.more = self.more.saturating_add(1);
        }
    }

    fn unless(&mut self, holds: bool, text: impl FnOnce() -> String) {
        if !holds {
            self.add(text());
        }
    }
}

/// The parts of a file, in their order.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Ord, PartialOrd)]
enum Part {
    Header,
    Days,
    Probes,
    Policies,
    Domains,
    Summary,
    Seal,
}

impl Part {
    fn of(kind: &str) -> Option<Self> {
        Some(match kind {
            "header" => Self::Header,
            "root" | "record" | "links" | "gap" => Self::Days,
            "probe" => Self::Probes,
            "policy" => Self::Policies,
            "domain" => Self::Domains,
            "summary" => Self::Summary,
            "seal" => Self::Seal,
            _ => return None,
        })
    }
}

/// What the header says.
struct Header {
    instance: String,
    key: PublicKey,
    from: Option<UtcDay>,
    to: Option<UtcDay>,
    chain_since: Option<UtcDay>,
    before_chain: u64,
    elsewhere: u64,
    addresses: Addresses,
    scope: Scope,
    /// Fingerprints that are trusted.
    trusted: BTreeSet<String>,
}

impl Header {
    fn read(value: &Value, keys: &[String]) -> Result<Self, NoEvidence> {
        let no = || NoEvidence::NoHeader;
        if text(value, "kind") != Some("header") || text(value, "format") != Some(FORMAT) {
            return Err(no());
        }
        match value.get("version").and_then(Value::as_u64) {
            Some(VERSION) => {}
            Some(newer) => return Err(NoEvidence::TooNew(newer)),
            None => return Err(no()),
        }
        let day = |key| text(value, key).and_then(UtcDay::parse);
        let domains = value.get("scope").ok_or_else(no)?.get("domains").ok_or_else(no)?;
        let scope = match domains {
            Value::Null => Scope::default(),
            Value::Array(entries) if !entries.is_empty() => {
                let entries = entries.iter().map(|entry| entry.as_str().unwrap_or_default());
                Scope::of(entries).map_err(|_| no())?
            }
            Value::Bool(_)
            | Value::Number(_)
            | Value::String(_)
            | Value::Array(_)
            | Value::Object(_) => return Err(no()),
        };
        let key = text(value, "key").and_then(PublicKey::parse).ok_or_else(no)?;
        let trusted = if keys.is_empty() {
            BTreeSet::from([key.fingerprint()])
        } else {
            keys.iter().cloned().collect()
        };
        Ok(Self {
            instance: text(value, "instance").ok_or_else(no)?.to_owned(),
            key,
            from: day("from"),
            to: day("to"),
            chain_since: day("chain_since"),
            before_chain: value.get("before_chain").and_then(Value::as_u64).ok_or_else(no)?,
            // Files of before do not have it.
            elsewhere: value.get("elsewhere").and_then(Value::as_u64).unwrap_or(0),
            addresses: text(value, "addresses").and_then(Addresses::parse).ok_or_else(no)?,
            scope,
            trusted,
        })
    }
}

struct Verifier {
    header: Header,
    findings: Findings,
    part: Part,
    days: Days,
    /// What the lines give, to be held against what the summary says.
    sum: Sum,
    /// Revisions that have a line.
    policies: BTreeSet<u64>,
    domains: u64,
    last_domain: Option<String>,
    summaries: u64,
    hash: Sha256,
}

impl Verifier {
    fn begin(line: &[u8], keys: &[String]) -> Result<Self, NoEvidence> {
        let value: Value = serde_json::from_slice(line).map_err(|_| NoEvidence::NoHeader)?;
        let header = Header::read(&value, keys)?;
        let mut findings = Findings { line: 1, ..Findings::default() };
        findings.unless(is_canonical(&value, line), || NOT_CANONICAL.to_owned());
        findings.unless(header.trusted.contains(&header.key.fingerprint()), || {
            format!(
                "the file is sealed with the key {}, which is not trusted",
                header.key.fingerprint()
            )
        });
        Ok(Self {
            header,
            findings,
            part: Part::Header,
            days: Days::default(),
            sum: Sum::default(),
            policies: BTreeSet::new(),
            domains: 0,
            last_domain: None,
            summaries: 0,
            hash: Sha256::new().chain_update(line),
        })
    }

    fn line(&mut self, line: &[u8]) {
        self.findings.line = self.findings.line.saturating_add(1);
        if self.part == Part::Seal {
            self.findings.add("there is something behind the seal");
            return;
        }
        match serde_json::from_slice::<Value>(line) {
            Ok(value) => {
                self.findings.unless(is_canonical(&value, line), || NOT_CANONICAL.to_owned());
                self.value(&value);
            }
            Err(_) => self.findings.add("this is no JSON: the line is damaged or cut off"),
        }
        self.hash.update(line);
    }

    fn value(&mut self, value: &Value) {
        let kind = text(value, "kind").unwrap_or_default();
        let Some(part) = Part::of(kind) else {
            self.findings.add("nobody knows what kind of line this is");
            return;
        };
        if part < self.part || part == Part::Header {
            self.findings.add(format!("a line of kind {kind} does not belong here"));
            return;
        }
        if part > Part::Days && self.part <= Part::Days {
            self.days.end(&self.header, &mut self.findings);
        }
        self.part = part;
        let Self { header, findings, days, sum, .. } = self;
        match kind {
            "root" => days.root(value, header, sum, findings),
            "record" => days.record(value, header, sum, findings),
            "links" => days.links(value, findings),
            "gap" => days.gap(value, sum, findings),
            "probe" => self.probe(value),
            "policy" => self.policy(value),
            "domain" => self.domain(value),
            "summary" => self.summary(value),
            _ => self.seal(value),
        }
    }

    fn probe(&mut self, value: &Value) {
        let domain = text(value, "domain").unwrap_or_default();
        self.findings.unless(self.header.scope.takes(domain), || {
            format!("a probe of {domain:?} is outside of the scope")
        });
    }

    fn policy(&mut self, value: &Value) {
        match (number(value, "revision"), text(value, "document")) {
            (Some(revision), Some(_)) => {
                let is_next = self.policies.last().is_none_or(|last| *last < revision);
                self.findings.unless(is_next, || {
                    format!("revision {revision} of the policy is out of order")
                });
                self.policies.insert(revision);
            }
            (_, _) => self.findings.add("this is no revision of the policy"),
        }
    }

    fn domain(&mut self, value: &Value) {
        self.domains = self.domains.saturating_add(1);
        let domain = text(value, "domain").unwrap_or_default();
        let is_next = self.last_domain.as_deref().is_none_or(|last| last < domain);
        self.findings.unless(is_next, || format!("the sums of {domain:?} are out of order"));
        self.last_domain = Some(domain.to_owned());
        let said = value.get("totals").cloned().unwrap_or_default();
        let totals = serde_json::from_value::<Tally>(said).ok();
        self.findings
            .unless(totals.is_some() && totals.as_ref() == self.sum.domains.get(domain), || {
                format!("the sums of {domain:?} are not those of its records")
            });
    }

    fn summary(&mut self, value: &Value) {
        self.summaries = self.summaries.saturating_add(1);
        let said = number(value, "damaged").unwrap_or_default();
        self.sum.damaged = said;
        self.findings.unless(said == 0, || {
            format!("{said} records could not be read, were not as they were written, or were there twice, when the file was made")
        });
        let unshown = self.days.unshown;
        if self.header.scope.is_all() && unshown > said {
            self.findings
                .add(format!("{unshown} records are not shown, though the file has no scope"));
        }
        let counted = self.sum.summary();
        let (said, counted) = (fields(value), fields(&counted));
        for (key, given) in &counted {
            match said.iter().find(|(other, _)| other == key) {
                Some((_, value)) if value == given => {}
                Some((_, value)) => self.findings.add(format!(
                    "the summary says that {key} is {value}, and the lines above give {given}"
                )),
                None => self.findings.add(format!("the summary does not say {key}")),
            }
        }
        self.findings.unless(said.len() == counted.len(), || {
            "the summary says what it should not".to_owned()
        });
        self.findings.unless(self.domains == len(self.sum.domains.len()), || {
            "not every domain has its line of sums".to_owned()
        });
        for revision in self.days.revisions.difference(&self.policies) {
            let text =
                format!("records name revision {revision} of the policy, which is not in the file");
            self.findings.add(text);
        }
    }

    fn seal(&mut self, value: &Value) {
        self.findings.unless(self.summaries == 1, || "the file has not one summary".to_owned());
        let sha256: [u8; 32] = self.hash.clone().finalize().into();
        let before = self.findings.line.saturating_sub(1);
        self.findings.unless(number(value, "lines") == Some(before), || {
            format!("the seal is over another number of lines than {before}")
        });
        let said = text(value, "sha256").and_then(unhex::<32>);
        self.findings.unless(said == Some(sha256), || {
            format!("the seal is over another file: the lines above hash to {}", hex(&sha256))
        });
        let signature = text(value, "signature").unwrap_or_default();
        let good = said.is_some_and(|said| self.header.key.verify(Purpose::File, &said, signature));
        self.findings
            .unless(good, || "the signature of the seal is not that of its key".to_owned());
    }

    fn finish(mut self) -> Checked {
        if self.part <= Part::Days {
            self.days.end(&self.header, &mut self.findings);
        }
        self.findings.unless(self.part == Part::Seal, || {
            "the file ends without a seal: it is cut off".to_owned()
        });
        let Self { header, findings, sum, .. } = self;
        Checked {
            instance: header.instance,
            key: header.key,
            from: header.from,
            to: header.to,
            scope: header.scope.entries(),
            addresses: header.addresses,
            days: sum.days,
            open_days: sum.open_days,
            removed_days: sum.removed_days,
            before_chain: header.before_chain,
            elsewhere: header.elsewhere,
            records: sum.records,
            totals: sum.totals,
            journal: sum.journal,
            lines: findings.line,
            problems: findings.told,
            more: findings.more,
        }
    }
}

const NOT_CANONICAL: &str = "the line is not in the form that a hash can stand over";

/// Whether a line is a value in its one spelling, with one line feed behind it.
fn is_canonical(value: &Value, line: &[u8]) -> bool {
    line.strip_suffix(b"\n").is_some_and(|line| line == canonical(value).as_bytes())
}

fn text<'a>(value: &'a Value, key: &str) -> Option<&'a str> {
    value.get(key).and_then(Value::as_str)
}

fn number(value: &Value, key: &str) -> Option<u64> {
    value.get(key).and_then(Value::as_u64)
}

fn fields(value: &Value) -> Vec<(&String, &Value)> {
    value.as_object().into_iter().flatten().collect()
}

fn len(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}
