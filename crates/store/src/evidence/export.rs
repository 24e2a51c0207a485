//! The evidence of a period as one file that proves itself, written a piece at a time.
//!
//! A file is lines of canonical JSON: a header; each day's root, followed by its records
//! in the order of the chain; probes; the policy; sums; and a seal, which signs all of
//! it. Only sums are held in memory. A record outside of the scope is only a hash, and
//! an address only a commitment, unless addresses are asked for.

use std::{collections::BTreeSet, sync::Arc};

use gatepost_wire::timestamp::Timestamp;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::{
    Chained, Evidence, Outside, Tally,
    canonical::canonical,
    day::UtcDay,
    form::{form, hex, leaf, opening},
    key::PublicKey,
    scope::Scope,
    statement::Root,
    survey::{Gap, Mismatch, Sum, days_of},
};
use crate::{error::StoreError, traits::Settings};

/// The name of the format, in the header of each file.
pub(crate) const FORMAT: &str = "gatepost-evidence";

/// The version of the format.
pub(crate) const VERSION: u64 = 1;

/// Records, hashes or probes that are read at once.
const PAGE: usize = 500;

/// What an evidence file does not say; it stands in each of them.
const LIMITS: [&str; 6] = [
    "It covers the hop from this gateway to the next server, and nothing behind that server.",
    "It is the gateway's own record: it proves that nothing was changed, added or removed after a day was signed, not that the gateway told the truth.",
    "A record says what TLS a session had and how the certificate was verified; it holds no copy of the certificate or of the message.",
    "Domains without enforced TLS are listed with what went in clear text.",
    "Records outside of the scope are shown as hashes: that none of them belongs to the scope is seen in a file without a scope alone.",
    "Probes and policy revisions are covered by the seal of this file, not by the roots of the days. Addresses that stand in Message Rules or Rule Data are shown.",
];

/// How addresses are shown.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Addresses {
    /// As commitments.
    #[default]
    Hidden,
    /// With what opens the commitments: addresses and the texts of other servers.
    Clear,
}

impl Addresses {
    /// The word of the command line and of the header.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Hidden => "hidden",
            Self::Clear => "clear",
        }
    }

    /// What a word means.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Hidden, Self::Clear].into_iter().find(|one| one.word() == word)
    }
}

/// What is to be exported.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// The first day.
    pub from: UtcDay,
    /// The last day.
    pub to: UtcDay,
    /// Which domains.
    pub scope: Scope,
    /// The set of Rule Data that the scope was taken from.
    pub rule_data: Option<String>,
    /// How addresses are shown.
    pub addresses: Addresses,
    /// The name of this gateway.
    pub instance: String,
    /// Now.
    pub made: Timestamp,
}

/// Why a file was not finished. What was written of it is of no use.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ExportError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Retention removed records that were about to be written.
    #[error("records were removed meanwhile because they have been kept long enough; export again")]
    Overtaken,
}

/// What a finished file says, for whoever asked for it.
#[derive(Clone, Debug)]
pub struct Exported {
    /// The days that it covers; `None` where there is no evidence of the period.
    pub days: Option<(UtcDay, UtcDay)>,
    /// The first day of the chain.
    pub chain_since: Option<UtcDay>,
    /// The key that it is sealed with.
    pub key: PublicKey,
    /// Records of its scope.
    pub records: u64,
    /// Their sums.
    pub totals: Tally,
    /// Recipients of all domains that left the queue as delivered.
    pub journal: u64,
    /// Stretches of records that are missing, the first thousand.
    pub gaps: Vec<Gap>,
    /// How many records are missing.
    pub missing: u64,
    /// Records that cannot be read, or are there twice.
    pub damaged: u64,
    /// Days whose records and whose journal differ.
    pub mismatches: Vec<Mismatch>,
    /// Days whose records are no longer kept.
    pub removed_days: u64,
    /// Attempts of the period that these days do not have.
    pub outside: Outside,
    /// Whether there is evidence of the period, and nothing is missing.
    pub complete: bool,
}

enum Stage {
    Header,
    /// The root of the day with this place is next.
    Root(usize),
    /// The record with this number, of the day with this place.
    Records(usize, u64),
    Probes(Option<(String, Timestamp)>),
    Policies(Option<Vec<u64>>),
    Sums,
    Seal,
    Done,
}

/// A file on its way out.
pub struct Export {
    evidence: Arc<dyn Evidence>,
    settings: Arc<dyn Settings>,
    wanted: Wanted,
    key: PublicKey,
    chain_since: Option<UtcDay>,
    days: Option<(UtcDay, UtcDay)>,
    outside: Outside,
    roots: Vec<Root>,
    sum: Sum,
    /// Revisions that records name.
    revisions: BTreeSet<u64>,
    stage: Stage,
    lines: u64,
    hash: Sha256,
}

impl Export {
    /// Begins a file.
    ///
    /// # Errors
    /// When the store cannot be read, or its key not be used.
    pub async fn begin(
        evidence: Arc<dyn Evidence>,
        settings: Arc<dyn Settings>,
        wanted: Wanted,
    ) -> Result<Self, ExportError> {
        let key = evidence.evidence_key().await?;
        let (chain_since, days) = days_of(evidence.as_ref(), wanted.from, wanted.to).await?;
        let roots = match days {
            Some((from, to)) => evidence.roots(from, to).await?,
            None => Vec::new(),
        };
        let outside = evidence.outside(wanted.from, wanted.to).await?;
        Ok(Self {
            evidence,
            settings,
            wanted,
            key,
            chain_since,
            days,
            outside,
            roots,
            sum: Sum::default(),
            revisions: BTreeSet::new(),
            stage: Stage::Header,
            lines: 0,
            hash: Sha256::new(),
        })
    }

    /// The next piece of the file: some whole lines. `None` behind the last one.
    ///
    /// # Errors
    /// Why it cannot be finished.
    pub async fn next_piece(&mut self) -> Result<Option<Vec<u8>>, ExportError> {
        let mut piece = Vec::new();
        while piece.is_empty() {
            let stage = std::mem::replace(&mut self.stage, Stage::Done);
            self.stage = match stage {
                Stage::Header => {
                    self.header(&mut piece);
                    Stage::Root(0)
                }
                Stage::Root(place) => self.root(place, &mut piece),
                Stage::Records(place, next) => self.records(place, next, &mut piece).await?,
                Stage::Probes(after) => self.probes(after, &mut piece).await?,
                Stage::Policies(left) => self.policies(left, &mut piece).await?,
                Stage::Sums => {
                    self.check_overtaken().await?;
                    self.sums(&mut piece);
                    Stage::Seal
                }
                Stage::Seal => {
                    self.seal(&mut piece).await?;
                    Stage::Done
                }
                Stage::Done => return Ok(None),
            };
        }
        Ok(Some(piece))
    }

    /// What the file says so far; all of it once it is finished.
    pub fn exported(&self) -> Exported {
        Exported {
            days: self.days,
            chain_since: self.chain_since,
            key: self.key,
            records: self.sum.records,
            totals: self.sum.totals,
            journal: self.sum.journal,
            gaps: self.sum.gaps.clone(),
            missing: self.sum.missing,
            damaged: self.sum.damaged,
            mismatches: self.sum.mismatches.clone(),
            removed_days: self.sum.removed_days,
            outside: self.outside,
            complete: self.days.is_some() && self.outside.is_empty() && self.sum.is_complete(),
        }
    }

    fn line(&mut self, line: &str, piece: &mut Vec<u8>) {
        let begun = piece.len();
        piece.extend_from_slice(line.as_bytes());
        piece.push(b'\n');
        self.hash.update(piece.get(begun..).unwrap_or_default());
        self.lines = self.lines.saturating_add(1);
    }

    fn value(&mut self, line: &Value, piece: &mut Vec<u8>) {
        self.line(&canonical(line), piece);
    }

    fn header(&mut self, piece: &mut Vec<u8>) {
        let domains = (!self.wanted.scope.is_all()).then(|| self.wanted.scope.entries());
        let header = json!({
            "kind": "header",
            "format": FORMAT,
            "version": VERSION,
            "instance": self.wanted.instance,
            "software": concat!("gatepost ", env!("CARGO_PKG_VERSION")),
            "key": self.key.to_hex(),
            "made": self.wanted.made,
            "asked_from": self.wanted.from,
            "asked_to": self.wanted.to,
            "from": self.days.map(|(from, _)| from),
            "to": self.days.map(|(_, to)| to),
            "chain_since": self.chain_since,
            "before_chain": self.outside.before_chain,
            "elsewhere": self.outside.elsewhere,
            "addresses": self.wanted.addresses.word(),
            "scope": { "domains": domains, "rule_data": self.wanted.rule_data },
            "limits": LIMITS,
        });
        self.value(&header, piece);
    }

    fn root(&mut self, place: usize, piece: &mut Vec<u8>) -> Stage {
        let Some(root) = self.roots.get(place) else { return Stage::Probes(None) };
        let Root { statement, text, key, signature, kept } = root;
        let line = format!(
            "{{\"kept\":{kept},\"key\":\"{}\",\"kind\":\"root\",\"signature\":\"{signature}\",\"statement\":{text}}}",
            key.to_hex(),
        );
        let next = if *kept && statement.records > 0 {
            Stage::Records(place, statement.first)
        } else {
            Stage::Root(place.saturating_add(1))
        };
        self.sum.root(root);
        self.line(&line, piece);
        next
    }

    async fn records(
        &mut self,
        place: usize,
        mut next: u64,
        piece: &mut Vec<u8>,
    ) -> Result<Stage, ExportError> {
        let following = Stage::Root(place.saturating_add(1));
        let Some(root) = self.roots.get(place) else { return Ok(following) };
        let end = root.statement.first.saturating_add(root.statement.records);
        let page = self.evidence.chained(next, end.saturating_sub(1), PAGE).await?;
        let is_last = page.len() < PAGE;
        let mut hidden = Hidden::default();
        for record in page {
            if record.seq < next {
                self.sum.damaged = self.sum.damaged.saturating_add(1);
                continue;
            }
            if record.seq > next {
                self.hidden(&mut hidden, piece);
                self.gap(next, record.seq.saturating_sub(1), piece);
            }
            next = record.seq.saturating_add(1);
            if self.wanted.scope.takes(&record.domain) {
                self.shown(&record, &mut hidden, piece)?;
            } else {
                hidden.push(record.seq, &record.leaf);
            }
        }
        self.hidden(&mut hidden, piece);
        if is_last && next < end {
            self.gap(next, end.saturating_sub(1), piece);
            next = end;
        }
        Ok(if next < end { Stage::Records(place, next) } else { following })
    }

    /// Writes a record of the scope; one that cannot be read, or was changed, is only a hash.
    fn shown(
        &mut self,
        record: &Chained,
        hidden: &mut Hidden,
        piece: &mut Vec<u8>,
    ) -> Result<(), ExportError> {
        let form = match &record.attempt {
            Some(attempt) => Some((attempt, form(attempt, &record.domain, &record.salt)?)),
            None => None,
        };
        let as_written = form.filter(|(_, form)| leaf(form.as_bytes()) == record.leaf);
        let Some((attempt, form)) = as_written else {
            self.sum.damaged = self.sum.damaged.saturating_add(1);
            hidden.push(record.seq, &record.leaf);
            return Ok(());
        };
        self.hidden(hidden, piece);
        self.sum.record(&record.domain, record.class);
        self.revisions.insert(attempt.decided_by.revision);
        let opening = match self.wanted.addresses {
            Addresses::Hidden => String::new(),
            Addresses::Clear => {
                format!("\"opening\":{},", canonical(&opening(attempt, &record.salt)?))
            }
        };
        let (stated, seq) = (hex(&record.leaf), record.seq);
        let line = format!(
            "{{\"kind\":\"record\",\"leaf\":\"{stated}\",{opening}\"record\":{form},\"seq\":{seq}}}"
        );
        self.line(&line, piece);
        Ok(())
    }

    fn hidden(&mut self, hidden: &mut Hidden, piece: &mut Vec<u8>) {
        let Hidden { first, leaves } = std::mem::take(hidden);
        if !leaves.is_empty() {
            let line = json!({ "kind": "links", "first": first, "leaves": leaves });
            self.value(&line, piece);
        }
    }

    fn gap(&mut self, first: u64, last: u64, piece: &mut Vec<u8>) {
        self.sum.gap(first, last);
        self.value(&json!({ "kind": "gap", "first": first, "last": last }), piece);
    }

    async fn probes(
        &mut self,
        after: Option<(String, Timestamp)>,
        piece: &mut Vec<u8>,
    ) -> Result<Stage, ExportError> {
        let days = (self.wanted.from, self.wanted.to);
        let page = self.evidence.probed(days, after, PAGE).await?;
        let last = page.last().map(|probe| (probe.domain.clone(), probe.at));
        let is_last = page.len() < PAGE;
        for probe in page {
            if self.wanted.scope.takes(&probe.domain) {
                let line = json!({
                    "kind": "probe", "at": probe.at, "domain": probe.domain, "record": probe.record,
                });
                self.value(&line, piece);
            }
        }
        Ok(if is_last { Stage::Policies(None) } else { Stage::Probes(last) })
    }

    /// The revisions of the policy: the one that held at the beginning, those of the
    /// period, and those that a record names.
    async fn policies(
        &mut self,
        left: Option<Vec<u64>>,
        piece: &mut Vec<u8>,
    ) -> Result<Stage, ExportError> {
        // The last one is next.
        let mut left = match left {
            Some(left) => left,
            None => {
                let (from, to) = (self.wanted.from.start(), self.wanted.to.next().start());
                let history = self.settings.history().await?;
                let before = history.iter().find(|line| line.at < from);
                let within = history.iter().filter(|line| from <= line.at && line.at < to);
                let named = within.chain(before).map(|line| line.revision);
                self.revisions.extend(named);
                self.revisions.iter().rev().copied().collect()
            }
        };
        let Some(revision) = left.pop() else { return Ok(Stage::Sums) };
        if let Some(stored) = self.settings.load(revision).await? {
            let line = stored.revision;
            let line = json!({
                "kind": "policy",
                "revision": line.revision,
                "at": line.at,
                "by": line.by,
                "reason": line.reason,
                "document": stored.document.to_toml(),
            });
            self.value(&line, piece);
        }
        Ok(Stage::Policies(Some(left)))
    }

    /// Records that retention removed meanwhile are no gap.
    async fn check_overtaken(&self) -> Result<(), ExportError> {
        let Some((from, to)) = self.days.filter(|_| self.sum.missing > 0) else { return Ok(()) };
        let now = self.evidence.roots(from, to).await?;
        let overtaken = self.roots.iter().zip(&now).any(|(then, now)| then.kept && !now.kept);
        if overtaken { Err(ExportError::Overtaken) } else { Ok(()) }
    }

    fn sums(&mut self, piece: &mut Vec<u8>) {
        let domains = std::mem::take(&mut self.sum.domains);
        for (domain, totals) in &domains {
            let line = json!({ "kind": "domain", "domain": domain, "totals": totals });
            self.value(&line, piece);
        }
        self.sum.domains = domains;
        self.value(&self.sum.summary(), piece);
    }

    async fn seal(&mut self, piece: &mut Vec<u8>) -> Result<(), ExportError> {
        let sha256: [u8; 32] = self.hash.clone().finalize().into();
        let signature = self.evidence.sign_file(sha256).await?;
        let line = json!({
            "kind": "seal", "lines": self.lines, "sha256": hex(&sha256), "signature": signature,
        });
        self.value(&line, piece);
        Ok(())
    }
}

/// Hashes of records in a row that are not shown.
#[derive(Default)]
struct Hidden {
    first: u64,
    leaves: Vec<String>,
}

impl Hidden {
    fn push(&mut self, seq: u64, leaf: &[u8]) {
        if self.leaves.is_empty() {
            self.first = seq;
        }
        self.leaves.push(hex(leaf));
    }
}
